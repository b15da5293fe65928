"""Codec of PyTorch's tensors. Other libraries' tensors are refused: store ``numpy.asarray(t)``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import Leaf, Mark, Node
from .codec import Codec, Decoder, Encoder
from .optional import need

__all__ = ["CODECS"]

_BITS = {"bfloat16": "int16", "float8_e4m3fn": "uint8", "float8_e5m2": "uint8"}
"""Types that NumPy has not, and the integers as which their bits are stored."""


def _encode(value: Any, encoder: Encoder) -> Node:
    torch = need("torch", "a tensor")
    name = str(value.dtype).removeprefix("torch.")
    if value.layout is not torch.strided or value.is_quantized or vars(value):
        encoder.refuse(value, "that is sparse, quantized or has attributes", "store its parts")
    if value.device.type != "cpu":
        encoder.refuse(value, f"on the device {value.device}", "call .cpu() first")
    if value.grad_fn is not None or value.grad is not None or value.is_conj() or value.is_neg():
        encoder.refuse(value, "with a gradient or a lazy view", "call .detach().clone() first")
    params: dict[str, Any] = {"dtype": name, "class": type(value).__name__}
    if value.requires_grad:
        params["requires_grad"] = True
    plain = value.detach().contiguous()
    if name in _BITS:
        plain = plain.view(getattr(torch, _BITS[name]))
    try:
        array = plain.numpy()
    except (TypeError, RuntimeError):
        encoder.refuse(value, f"of {value.dtype}", "convert it to a type that NumPy has")
    return Leaf(array, Mark("torch.Tensor", 1, params))


def _decode(node: Leaf, _: Decoder) -> Any:
    torch = need("torch", "a tensor")
    params = node.mark.params if node.mark is not None else {}
    name = params["dtype"]
    dtype = getattr(torch, name)
    data = node.data if isinstance(node.data, np.ndarray) else np.asarray(node.data)
    value = torch.from_numpy(data) if data.ndim else torch.tensor(data[()], dtype=None)
    if name in _BITS:
        value = value.to(getattr(torch, _BITS[name])).view(dtype)
    elif value.dtype is not dtype:
        value = value.to(dtype)
    if params["class"] == "Parameter":
        return torch.nn.Parameter(value, requires_grad=bool(params.get("requires_grad")))
    return value.requires_grad_(bool(params.get("requires_grad")))


CODECS = (Codec("torch.Tensor", ("torch.Tensor", "torch.Parameter"), _encode, _decode),)
