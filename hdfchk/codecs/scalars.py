"""Codecs of Python scalars.

bool, int of 64 bits, float, complex, str and None need no mark.
"""

from __future__ import annotations

from types import EllipsisType, NotImplementedType
from typing import Any

import numpy as np

from ..errors import CorruptFileError
from ..tree import Leaf, Mark, Node, is_none_number
from .codec import Codec, Decoder, Encoder

__all__ = ["CODECS", "are_plain_texts", "is_plain_text"]

INT64 = range(-(2**63), 2**63)
UINT64 = range(2**64)
MAX_TEXT = 2**30
"""Longer strings are stored as bytes: the size of an HDF5 string type has 32 bits."""

_AT_ONCE = 2**14

INT = Mark("int")
STR = Mark("str")
BYTES = Mark("bytes")
BYTEARRAY = Mark("bytearray")
CONSTANT = Mark("constant")
FLOAT = Mark("float")


def is_plain_text(value: str) -> bool:
    """Whether HDF5 can store `value` as a string: UTF-8, without NUL, not too long."""
    if "\0" in value or len(value) > MAX_TEXT // 4:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def are_plain_texts(items: list[str]) -> bool:
    """Whether `is_plain_text` is true for all items of a list; much faster than separate calls."""
    for start in range(0, len(items), _AT_ONCE):
        part = items[start : start + _AT_ONCE]
        joined = "".join(part)
        if len(joined) > MAX_TEXT // 4:
            if not all(map(is_plain_text, part)):
                return False
        elif not is_plain_text(joined):
            return False
    return True


def _encode_bare(value: bool | complex | None, _: Encoder) -> Node:
    return Leaf(value)


def _encode_float(value: float, _: Encoder) -> Node:
    if value == value:  # None is stored as a NaN; this is not a NaN  # noqa: PLR0124
        return Leaf(value)
    return Leaf(value, FLOAT if is_none_number(value) else None)


def _encode_int(value: int, _: Encoder) -> Node:
    if value in INT64:
        return Leaf(value)
    if value in UINT64:
        return Leaf(np.array(value, np.uint64), INT, inline=True)
    # Hexadecimal: Python limits how many decimal digits it converts.
    return Leaf(hex(value), INT)


def _decode_int(node: Leaf, _: Decoder) -> int:
    data = node.data
    if isinstance(data, str):
        return int(data, 16)
    return int(data.item() if isinstance(data, np.ndarray) else data)  # type: ignore[arg-type]


def _encode_str(value: str, _: Encoder) -> Node:
    if is_plain_text(value):
        return Leaf(value)
    raw = value.encode("utf-8", "surrogatepass")
    return Leaf(np.frombuffer(raw, np.uint8), STR, inline=True)


def _decode_str(node: Leaf, decoder: Decoder) -> str:
    if isinstance(node.data, str):
        return node.data
    return _raw(node).decode("utf-8", "surrogatepass")


def _encode_bytes(value: bytes, _: Encoder) -> Node:
    return Leaf(np.frombuffer(value, np.uint8), BYTES, inline=True)


def _encode_bytearray(value: bytearray, _: Encoder) -> Node:
    return Leaf(np.frombuffer(bytes(value), np.uint8), BYTEARRAY, inline=True)


def _raw(node: Leaf) -> bytes:
    if not isinstance(node.data, np.ndarray) or node.data.dtype != np.uint8:
        raise CorruptFileError("bytes that are not an array of uint8", hint="restore a copy")
    return node.data.tobytes()


_CONSTANTS: dict[str, Any] = {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}


def _decode_bare(kind: Any) -> Any:
    return lambda node, _: kind(node.data)


CODECS = (
    Codec("None", (type(None),), _encode_bare, lambda node, _: None),
    Codec("bool", (bool,), _encode_bare, _decode_bare(bool)),
    Codec("int", (int,), _encode_int, _decode_int),
    Codec("float", (float,), _encode_float, _decode_bare(float)),
    Codec("complex", (complex,), _encode_bare, _decode_bare(complex)),
    Codec("str", (str,), _encode_str, _decode_str),
    Codec("bytes", (bytes,), _encode_bytes, lambda node, _: _raw(node)),
    Codec("bytearray", (bytearray,), _encode_bytearray, lambda node, _: bytearray(_raw(node))),
    Codec(
        "constant",
        (EllipsisType, NotImplementedType),
        lambda value, _: Leaf(repr(value), CONSTANT),
        lambda node, _: _CONSTANTS[node.data],
    ),
)
