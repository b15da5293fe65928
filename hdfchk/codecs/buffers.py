"""Codecs of `array.array` and `memoryview`: a dataset of their items."""

from __future__ import annotations

import array
from typing import Any

import numpy as np

from ..errors import CorruptFileError
from ..tree import Leaf, Mark, Node, params_of
from .codec import Codec, Decoder, Encoder

__all__ = ["CODECS"]

_CODES = "bBhHiIlLqQfd"


def _dtype_of(code: str) -> np.dtype[Any]:
    """Return the dtype of the items of a type code; that of characters is of code points.

    Raises:
        ValueError: there is no such type code.
    """
    if code == "w":
        return np.dtype("u4")
    if code == "u":  # which Python 3.13 marks as deprecated: not even its size may be asked for
        import ctypes

        return np.dtype(f"u{ctypes.sizeof(ctypes.c_wchar)}")
    if len(code) != 1 or code not in _CODES:
        raise ValueError(f"{code!r} is not a type code of arrays")
    return np.dtype(code)


def _encode_array(value: array.array[Any], _: Encoder) -> Node:
    items = np.frombuffer(value.tobytes(), _dtype_of(value.typecode))
    return Leaf(items, Mark("array.array", 1, {"typecode": value.typecode}))


def _decode_array(node: Leaf, _: Decoder) -> array.array[Any]:
    code = params_of(node)["typecode"]
    dtype, items = _dtype_of(code), np.asarray(node.data)
    fits = items.astype(dtype)  # C's long has another size on other systems
    is_same = items.dtype.kind == dtype.kind and np.array_equal(
        fits, items, equal_nan=dtype.kind == "f"
    )
    if items.ndim != 1 or not is_same:
        raise CorruptFileError(f"items that are no array of {code!r}", hint="read it as an array")
    value: array.array[Any] = array.array(code)
    value.frombytes(fits.tobytes())
    return value


_FORMATS = {*_CODES, "?"}


def _encode_view(value: memoryview, encoder: Encoder) -> Node:
    try:
        shape: tuple[int, ...] = value.shape or ()
    except ValueError:  # it is released
        encoder.refuse(value, "is released", "store bytes(view) before it is released")
    has_items = 0 not in shape or (shape == (0,) and value.format != "c")
    if not (value.c_contiguous and value.format in {*_FORMATS, "c"} and has_items):
        encoder.refuse(
            value,
            f"of format {value.format!r} and shape {shape} cannot be created again",
            "store numpy.asarray(view), or view.tobytes()",
        )
    params: dict[str, Any] = {"format": value.format}
    if value.readonly:
        params["readonly"] = True
    dtype = np.dtype("u1" if value.format == "c" else value.format)
    items = np.frombuffer(value.tobytes(), dtype).reshape(shape)
    return Leaf(items, Mark("memoryview", 1, params))


def _decode_view(node: Leaf, _: Decoder) -> memoryview:
    params, items = params_of(node), np.asarray(node.data)
    form = params["format"]
    if form not in {*_FORMATS, "c"}:
        raise ValueError(f"{form!r} is not a format of views")
    items = items.astype("u1" if form == "c" else form, casting="equiv")
    raw = items.tobytes() if params.get("readonly") else bytearray(items.tobytes())
    if items.shape == (0,):
        return memoryview(raw).cast(form)
    return memoryview(raw).cast("B").cast(form, list(items.shape))


CODECS = (
    Codec("array.array", (array.array,), _encode_array, _decode_array),
    Codec("memoryview", (memoryview,), _encode_view, _decode_view),
)
