"""Codecs of PyTorch tensors, shapes, dtypes and devices: what a state dict consists of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import UnknownTypeError
from ..tree import Leaf, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder
from .optional import need

__all__ = ["CODECS"]

_BITS = {
    "bfloat16": "int16",
    "float8_e4m3fn": "uint8",
    "float8_e4m3fnuz": "uint8",
    "float8_e5m2": "uint8",
    "float8_e5m2fnuz": "uint8",
    "float8_e8m0fnu": "uint8",
}
"""Types without a NumPy equivalent, and the integer types that store their bits."""


def _torch() -> Any:
    return need("torch", "a tensor", "its elements (of bfloat16 and float8, the bits) by h5py")


def _encode(value: Any, encoder: Encoder) -> Node:
    torch = _torch()
    name = str(value.dtype).removeprefix("torch.")
    encoder.refuse_attributes(value)
    if value.is_nested:
        encoder.refuse(value, "that is nested", "store list(value.unbind())")
    if value.layout is not torch.strided:
        encoder.refuse(
            value,
            f"that is sparse ({value.layout})",
            "store value.to_dense(), or its indices, values and shape in a dict",
        )
    if value.is_quantized:
        encoder.refuse(
            value,
            "that is quantized",
            "store value.int_repr() and its scale and zero point (or those of each channel) in a "
            "dict, or value.dequantize()",
        )
    if value.device.type == "meta":
        encoder.refuse(value, "without data (on the device meta)", "store its shape and dtype")
    if value.device.type != "cpu":
        encoder.refuse(value, f"on the device {value.device}", "call .cpu() first")
    if value._backward_hooks:  # noqa: SLF001  there is no public name
        encoder.refuse(value, "with hooks", "call .detach() first")
    if value.grad_fn is not None or value.grad is not None or value.is_conj() or value.is_neg():
        encoder.refuse(value, "with a gradient or a lazy view", "call .detach().clone() first")
    params: dict[str, Any] = {"dtype": name, "class": type(value).__name__}
    if value.requires_grad:
        params["requires_grad"] = True
    try:
        return Leaf(to_array(value), Mark("torch.Tensor", 1, params))
    except (TypeError, RuntimeError):
        encoder.refuse(value, f"of {value.dtype}", "convert it to a type that NumPy supports")


def to_array(value: Any, params: Mapping[str, Any] | None = None) -> np.ndarray[Any, Any]:
    """Return the elements of a tensor, as a view if it is contiguous.

    Args:
        value: a tensor; or, with `params`, anything that torch converts to one.
        params: the parameters of the mark of the stored tensor to which these elements belong.
    """
    torch = _torch()
    if params is not None:
        value = torch.as_tensor(value).to(dtype_of(params))
    plain = value.detach().contiguous()
    bits = _BITS.get(str(value.dtype).removeprefix("torch."))
    if bits is not None:
        plain = plain.view(getattr(torch, bits))
    array: np.ndarray[Any, Any] = plain.numpy()
    return array


def dtype_of(params: Mapping[str, Any]) -> Any:
    """Return the torch dtype of a stored tensor."""
    return _dtype_named(params["dtype"])


def _dtype_named(name: Any) -> Any:
    """Return the dtype of a name. A file cannot name anything else in torch, or cause imports.

    Raises:
        UnknownTypeError: torch has no dtype of this name.
    """
    torch = _torch()
    found = vars(torch).get(name)  # attributes that are modules are imported on access
    if not isinstance(found, torch.dtype):
        raise UnknownTypeError(
            f"torch {torch.__version__} has no dtype {name!r}",
            hint="update torch, or read the elements by h5py",
        )
    return found


def from_array(data: np.ndarray[Any, Any], params: Mapping[str, Any]) -> Any:
    """Return stored elements as a tensor that shares their memory."""
    torch, name, dtype = _torch(), params["dtype"], dtype_of(params)
    data = np.asarray(data)
    if not data.flags.writeable:
        data = data.copy()  # torch has no read-only tensors
    value = torch.from_numpy(data)
    if name in _BITS:
        return value.to(getattr(torch, _BITS[name])).view(dtype)
    return value if value.dtype is dtype else value.to(dtype)


def _decode(node: Leaf, _: Decoder) -> Any:
    params = params_of(node)
    value = from_array(np.asarray(node.data), params)
    requires_grad = bool(params.get("requires_grad"))
    if params["class"] == "Parameter":
        return _torch().nn.Parameter(value, requires_grad=requires_grad)
    return value.requires_grad_(requires_grad)


def _encode_name(value: Any, _: Encoder) -> Node:
    kind = type(value).__name__
    return Leaf(str(value).removeprefix("torch."), Mark("torch.name", 1, {"class": kind}))


def _decode_name(node: Leaf, _: Decoder) -> Any:
    name = str(node.data)
    return _torch().device(name) if params_of(node)["class"] == "device" else _dtype_named(name)


CODECS = (
    Codec("torch.Tensor", ("torch.Tensor", "torch.Parameter"), _encode, _decode),
    Codec(
        "torch.Size",
        ("torch.Size",),
        lambda value, encoder: encoder.sequence(value, list(value), Mark("torch.Size")),
        lambda node, decoder: _torch().Size(decoder.items(node)),
    ),
    Codec("torch.name", ("torch.dtype", "torch.device"), _encode_name, _decode_name),
)
