"""Codecs of NumPy scalars.

Scalars whose type has no Python equivalent (int32, float16, …) need no mark: a scalar dataset of
such a type is a NumPy scalar. All others have one, which preserves their type.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tree import Leaf, Mark, Node, Sequence, params_of
from . import dtypes, ml_types
from .codec import Codec, Decoder, Encoder
from .padding import without_padding
from .scalars import is_plain_text

__all__ = ["CODECS", "PLAIN_TYPES"]

PLAIN_TYPES: frozenset[type] = frozenset(
    np.dtype(char).type
    for char in "?bBhHiIlLqQefdgFDG"
    if np.dtype(np.dtype(char).str).char == char
)
"""The numeric scalar types that the dtype of a dataset determines."""

_LIKE_PYTHON: dict[type, type] = {
    np.bool: bool,
    np.int64: int,
    np.float64: float,
    np.complex128: complex,
}
_NUMERIC = tuple(dict.fromkeys(np.dtype(char).type for char in "?bBhHiIlLqQefdgFDG"))


def _mark(spec: Any) -> Mark:
    return Mark("numpy", 1, {"dtype": spec})


def _encode_numeric(value: Any, _: Encoder) -> Node:
    cls = type(value)
    if cls in _LIKE_PYTHON:
        return Leaf(_LIKE_PYTHON[cls](value), _mark(dtypes.describe(value.dtype)))
    data = without_padding(np.asarray(value))
    if cls in PLAIN_TYPES:
        return Leaf(data, None, inline=True)
    mark = _mark(dtypes.describe(value.dtype))
    return Leaf(data.view(dtypes.storage(data.dtype)), mark, inline=True)


def _encode_time(value: Any, _: Encoder) -> Node:
    return Leaf(int(value.view(np.int64)), _mark(value.dtype.str))


def _encode_str(value: np.str_, _: Encoder) -> Node:
    text = "".join(value)  # str() drops trailing NULs
    if is_plain_text(text):
        return Leaf(text, _mark("U"))
    raw = text.encode("utf-8", "surrogatepass")
    return Leaf(np.frombuffer(raw, np.uint8), _mark("U"), inline=True)


def _encode_bytes(value: np.bytes_, _: Encoder) -> Node:
    return Leaf(np.frombuffer(bytes(value), np.uint8), _mark("S"), inline=True)


def _encode_void(value: np.void, encoder: Encoder) -> Node:
    dtype = value.dtype
    encoder.refuse_attributes(value)
    if dtype.hasobject:
        row = np.empty(1, dtype)
        row[0] = value
        columns = [np.ascontiguousarray(row[name]) for name in dtype.names or ()]
        return encoder.sequence(value, columns, _mark(dtypes.describe(dtype)))
    if dtype.itemsize == 0:
        return Leaf(None, _mark(dtypes.describe(dtype)))
    data = np.empty((), dtype)
    data[()] = value
    data = without_padding(data)
    if dtypes.is_native(dtype):
        return Leaf(data, None, inline=True)
    return Leaf(data.view(dtypes.storage(dtype)), _mark(dtypes.describe(dtype)), inline=True)


def _decode(node: Leaf | Sequence, decoder: Decoder) -> Any:
    spec = params_of(node)["dtype"]
    if isinstance(node, Sequence):
        row = np.empty(1, dtypes.rebuild(spec))
        for name, column in zip(row.dtype.names or (), decoder.items(node), strict=True):
            row[name] = column
        return row[0]
    data = node.data
    if spec == "U":
        text = data if isinstance(data, str) else _text(data)
        return np.str_(text)
    if spec == "S":
        return np.bytes_(np.asarray(data, np.uint8).tobytes())
    dtype = dtypes.rebuild(spec)
    if dtype.itemsize == 0:
        return np.zeros((), dtype)[()]
    stored = data if isinstance(data, np.ndarray) else np.array(data, dtypes.storage(dtype))
    return stored.view(dtype)[()] if stored.dtype != dtype else stored.view(dtype).reshape(())[()]


def _text(data: Any) -> str:
    return np.asarray(data, np.uint8).tobytes().decode("utf-8", "surrogatepass")


def _encode_any(value: Any, encoder: Encoder) -> Node:
    node: Node = _ENCODERS.get(type(value), _encode_numeric)(value, encoder)
    return node


_ENCODERS: dict[type, Any] = {
    np.datetime64: _encode_time,
    np.timedelta64: _encode_time,
    np.str_: _encode_str,
    np.bytes_: _encode_bytes,
    np.void: _encode_void,
    np.record: _encode_void,
}

_OF_ML_DTYPES = tuple(f"{ml_types.LIBRARY}.{name}" for name in ml_types.NAMES)

CODECS = (Codec("numpy", (*_NUMERIC, *_ENCODERS, *_OF_ML_DTYPES), _encode_any, _decode),)
