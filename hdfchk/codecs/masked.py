"""Codec of NumPy masked arrays: data, mask, fill value and hard mask."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..tree import Branch, Leaf, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder

__all__ = ["CODECS"]


def _encode(value: Any, encoder: Encoder) -> Node:
    if value is np.ma.masked:
        return Leaf("masked", Mark("masked"))
    if value.baseclass is not np.ndarray:
        encoder.refuse(value, f"over a {value.baseclass.__name__}", "mask a plain array instead")
    encoder.refuse_attributes(value, _attributes())
    if value._optinfo:  # noqa: SLF001  what a masked array takes along from what it was made of
        encoder.refuse(value, "with extra information (_optinfo)", "store it beside the value")
    parts = {"data": value.data}
    if value.mask is not np.ma.nomask:
        parts["mask"] = np.ma.getmaskarray(value)
    # The public fill_value creates and sets a default: use the private one, which may be unset.
    fill = value._fill_value  # noqa: SLF001
    if fill is not None:
        parts["fill_value"] = np.asarray(fill)
    return encoder.branch(value, parts, Mark("masked", 1, {"hard": True} if value.hardmask else {}))


def _decode(node: Branch | Leaf, decoder: Decoder) -> Any:
    if isinstance(node, Leaf):
        return np.ma.masked
    parts = decoder.fields(node)
    hard = bool(params_of(node).get("hard"))
    value: Any = np.ma.MaskedArray(
        parts["data"], mask=parts.get("mask", np.ma.nomask), hard_mask=hard
    )
    if "fill_value" in parts:
        value._fill_value = parts["fill_value"]  # noqa: SLF001  as above
    return value


@functools.cache
def _attributes() -> frozenset[str]:
    """Return the names of those that each masked array has; `numpy.ma` is imported by then."""
    return frozenset(vars(np.ma.array(0)))


CODECS = (Codec("masked", ("numpy.MaskedArray", "numpy.MaskedConstant"), _encode, _decode),)
