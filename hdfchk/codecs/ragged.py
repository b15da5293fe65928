"""The codec of lists and tuples of many small arrays, which may have different lengths.

One HDF5 object for each would take far more time and space than its elements. All elements are
stored as one array, and the ends of the arrays of the list as another.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import CorruptFileError
from ..tree import Branch, Mark, params_of
from .codec import Codec, Decoder, Encoder, no_value

__all__ = ["CODECS", "encode_ragged"]

Array = np.ndarray[Any, Any]
FEWEST = 8
"""Shorter lists are stored as separate arrays, each under a number."""
MEAN_BYTES = 2**14
"""So are larger arrays, to avoid a copy in memory."""
_KINDS = "biufcmM"
_CLASSES: dict[str, type[Any]] = {"list": list, "tuple": tuple}


def encode_ragged(name: str, items: list[Any], encoder: Encoder) -> Branch | None:
    """Return the tree of a sequence, or None if it must be stored in another form.

    Args:
        name: ``list`` or ``tuple``.
        items: its items.
        encoder: encodes the array of all elements.
    """
    if name not in _CLASSES or len(items) < FEWEST or set(map(type, items)) != {np.ndarray}:
        return None
    first = items[0]
    dtype, ndim = first.dtype, first.ndim
    if dtype.kind not in _KINDS or not ndim:
        return None
    if any(item.ndim != ndim or item.dtype != dtype for item in items):
        return None
    if len({item.dtype.char for item in items}) > 1:  # C types of one size are equal
        return None
    if sum(item.nbytes for item in items) > MEAN_BYTES * len(items):
        return None
    params = {"class": name}
    if ndim > 1:
        in_order = {_order(item) for item in items} - {""}
        if len(in_order) > 1:
            return None
        if in_order == {"F"}:
            params["order"] = "F"
    return Branch(_parts(items, encoder), Mark("ragged", 1, params))


def _order(item: Array) -> str:
    """Return the memory order in which an array must be read back; empty if it is in both."""
    flags = item.flags
    if flags.f_contiguous:
        return "" if flags.c_contiguous else "F"
    return "C"


def _parts(items: list[Array], encoder: Encoder) -> dict[str, Any]:
    dtype, rows = items[0].dtype, len({item.shape[1:] for item in items}) == 1
    if rows:
        counts = [len(item) for item in items]
        values = np.concatenate(items, dtype=dtype)  # which would be of native byte order else
    else:
        counts = [item.size for item in items]
        values = np.concatenate([item.reshape(-1) for item in items], dtype=dtype)
    offsets = np.zeros(len(items) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    parts = {"values": values, "offsets": offsets}
    if not rows:
        parts["shapes"] = np.array([item.shape for item in items], np.int64)
    return {part: encoder.encode(array) for part, array in parts.items()}


def _decode(node: Branch, decoder: Decoder) -> Any:
    params = params_of(node)
    parts = {name: decoder.decode(part) for name, part in node.children.items()}
    values: Any = parts.get("values")
    offsets: Any = parts.get("offsets")
    shapes: Any = parts.get("shapes")
    _check(values, offsets, shapes)
    ends = offsets.tolist()
    items = [values[start:end].copy() for start, end in pairwise(ends)]
    if shapes is not None:
        items = [item.reshape(shape) for item, shape in zip(items, shapes.tolist(), strict=True)]
    if params.get("order") == "F":
        items = [np.asfortranarray(item) for item in items]
    return _CLASSES[params["class"]](items)


def _check(values: Any, offsets: Any, shapes: Any) -> None:
    """Reject offsets and shapes that do not match the values.

    Raises:
        CorruptFileError: they do not match.
    """
    if type(values) is not np.ndarray or not values.ndim or values.dtype.kind not in _KINDS:
        raise _damaged("the values are not an array of numbers")
    if type(offsets) is not np.ndarray or offsets.dtype != np.int64 or offsets.ndim != 1:
        raise _damaged("the offsets are not integers")
    if not offsets.size or offsets[0] != 0 or offsets[-1] != len(values):
        raise _damaged("the offsets do not cover the values")
    if (offsets[1:] < offsets[:-1]).any():
        raise _damaged("the offsets decrease")
    if shapes is None:
        return
    if type(shapes) is not np.ndarray or shapes.dtype != np.int64 or shapes.ndim != 2:
        raise _damaged("the shapes are not integers")
    if values.ndim != 1 or len(shapes) != len(offsets) - 1 or not 1 < shapes.shape[1] <= _MAX_NDIM:
        raise _damaged("the shapes do not match the arrays")
    if (shapes < 0).any():
        raise _damaged("a shape is negative")


_MAX_NDIM = 64


def _damaged(problem: str) -> CorruptFileError:
    return CorruptFileError(
        f"a list of arrays: {problem}", hint="read the parts with chk.group(key)"
    )


CODECS = (Codec("ragged", (), no_value, _decode),)
"""The stored form of some lists and tuples, which has no Python type."""
