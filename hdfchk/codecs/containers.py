"""Codecs of list, tuple, set, frozenset, deque, and of packed sequences.

Items of a single basic type are stored as one ordinary dataset; nested lists of equal lengths as a
multidimensional one. All other sequences are packed (`hdfchk.codecs.packing`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tree import Leaf, Mark, Node, Sequence, params_of, utf8_dtype
from . import numpy_scalars
from .codec import Codec, Decoder, Encoder, no_value
from .packing import unfold
from .ragged import encode_ragged
from .scalars import is_plain_text

__all__ = ["CODECS"]

_DTYPES: dict[type, Any] = {int: np.int64, float: np.float64, bool: np.bool, complex: np.complex128}
_UNORDERED = frozenset({"set", "frozenset"})
"""Their items are stored in one order, whatever the order in which Python has them in memory."""
_MAX_NDIM = 8
_MAX_PADDING = 4
"""Fixed-width strings may take at most this many times the bytes of their text."""


def _uniform(items: list[Any]) -> tuple[np.ndarray[Any, Any], str] | None:
    """Return one array of all items and the name of their type, if they share a suitable one."""
    kinds = set(map(type, items))
    if len(kinds) != 1:
        return None
    kind = kinds.pop()
    if kind in _DTYPES:
        try:
            return np.array(items, _DTYPES[kind]), kind.__name__
        except OverflowError:  # an int that does not fit int64
            return None
    if kind is str and all(map(is_plain_text, items)):
        return _strings(items), "str"
    if kind in numpy_scalars.PLAIN_TYPES:
        return np.array(items, kind), "numpy"
    return None


def _strings(items: list[str]) -> np.ndarray[Any, Any]:
    """Return fixed-width strings, or variable-length ones if one long string would enlarge all."""
    raw = [item.encode() for item in items]
    width = max(1, *map(len, raw))
    if width * len(raw) <= _MAX_PADDING * (sum(map(len, raw)) + len(raw)):
        return np.array(raw, utf8_dtype(width))
    objects = np.empty(len(items), object)
    objects[:] = items
    return objects


def _flatten(items: list[Any]) -> tuple[list[Any], tuple[int, ...]] | None:
    """Return the items of nested lists of equal lengths, and their shape; None if ragged."""
    shape = [len(items)]
    while items and len(shape) <= _MAX_NDIM and all(type(item) is list for item in items):
        width = len(items[0])
        if width == 0 or any(len(item) != width for item in items):
            return None
        shape.append(width)
        items = [part for item in items for part in item]
    return (items, tuple(shape)) if items else None


def _encode(name: str, params: dict[str, Any], value: Any, encoder: Encoder) -> Node:
    items = list(value)
    in_order = name not in _UNORDERED
    if not encoder.in_sequence:
        flat = _flatten(items) if name == "list" else (items, (len(items),))
        uniform = _uniform(flat[0]) if flat else None
        if flat and uniform is not None:
            array, item = uniform
            mark = Mark(name, 1, {"item": item} | params)
            return Leaf(array.reshape(flat[1]) if in_order else _sorted(array), mark)
        if (ragged := encode_ragged(name, items, encoder)) is not None:
            return ragged
    return encoder.sequence(value, items, Mark(name, 1, params), in_order=in_order)


def _sorted(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the items of a set in the order of their values; NaNs by their bits."""
    if array.dtype.kind != "O":
        array = array[np.argsort(array.view(f"V{array.dtype.itemsize}"))]
    return array[np.argsort(array, kind="stable")]


def _items(node: Leaf | Sequence, decoder: Decoder) -> list[Any]:
    if isinstance(node, Sequence):
        return decoder.items(node)
    array = np.asarray(node.data)
    numpy_items = params_of(node).get("item") == "numpy"
    if array.dtype.kind == "S":
        return _decoded(array.tolist())
    items: list[Any] = list(array) if numpy_items and array.ndim == 1 else array.tolist()
    if numpy_items and array.ndim > 1:
        return [_items(Leaf(row, node.mark), decoder) for row in array]
    return items


def _decoded(items: list[Any]) -> list[Any]:
    return [item.decode() if isinstance(item, bytes) else _decoded(item) for item in items]


def _simple(cls: Callable[[list[Any]], Any], name: str) -> Codec:
    return Codec(
        name,
        (cls,),  # type: ignore[arg-type]
        lambda value, encoder: _encode(name, {}, value, encoder),
        lambda node, decoder: cls(_items(node, decoder)),
    )


def _encode_deque(value: deque[Any], encoder: Encoder) -> Node:
    params = {} if value.maxlen is None else {"maxlen": value.maxlen}
    return _encode("deque", params, value, encoder)


def _decode_deque(node: Leaf | Sequence, decoder: Decoder) -> deque[Any]:
    maxlen = params_of(node).get("maxlen")
    return deque(_items(node, decoder), maxlen)


CODECS = (
    _simple(list, "list"),
    _simple(tuple, "tuple"),
    _simple(set, "set"),
    _simple(frozenset, "frozenset"),
    Codec("deque", (deque,), _encode_deque, _decode_deque),
    # The result of packing, which is not a Python type of its own.
    Codec("packed", (), no_value, lambda node, decoder: decoder.decode(unfold(node))),
)
