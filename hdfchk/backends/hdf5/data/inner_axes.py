"""Indices of arrays some of whose axes are those of their HDF5 array type.

HDF5 selects along the axes of a dataset alone. So an index is parted: what is read of the dataset,
and which of that is wanted, by NumPy's own rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import index as as_index
from typing import Any

import attrs
import numpy as np

__all__ = ["Parts", "parted"]


@attrs.frozen
class Parts:
    """An index in two parts.

    Args:
        stored: for HDF5: a slice for each axis of the dataset; a list of rows for one at most.
        picked: for NumPy, of what HDF5 gives for that.
        is_box: all that is read is wanted, in its order.
        shape: of what is wanted.
    """

    stored: tuple[Any, ...]
    picked: tuple[Any, ...]
    is_box: bool
    shape: tuple[int, ...]


def parted(index: Any, shape: tuple[int, ...], axes: int) -> Parts:
    """Part an index.

    Args:
        index: integers, slices, an ellipsis, lists and masks.
        shape: of the array, its inner axes with it.
        axes: how many of these are axes of the dataset; they come first.

    Raises:
        IndexError: it does not fit the shape.
        TypeError: it has new axes.
    """
    stored: list[Any] = []
    picked: list[Any] = []
    is_box, has_list = True, False
    for number, part in enumerate(_each(index, shape)):
        if number >= axes:
            picked.append(part)
            is_box = is_box and _is_all(part, shape[number])
            continue
        length = shape[number]
        if isinstance(part, slice):
            run = range(*part.indices(length))
            is_box = is_box and run.step > 0
            stored.append(_slice(run if run.step > 0 else run[::-1]))
            picked.append(slice(None, None, 1 if run.step > 0 else -1))
        elif isinstance(part, np.ndarray):
            is_box = False
            rows, places = np.unique(_within(part, length), return_inverse=True)
            whole = not rows.size or int(rows[-1]) - int(rows[0]) + 1 == rows.size
            if whole or has_list:  # h5py takes one list
                first = int(rows[0]) if rows.size else 0
                stored.append(slice(first, int(rows[-1]) + 1 if rows.size else 0))
                picked.append(_within(part, length) - first)
            else:
                has_list = True
                stored.append(rows.tolist())
                picked.append(places.reshape(part.shape))
        else:
            at = int(_within(np.asarray(as_index(part)), length))
            stored.append(slice(at, at + 1))
            picked.append(0)
    read = [
        len(range(shape[n])[of] if isinstance(of, slice) else of) for n, of in enumerate(stored)
    ]
    found = np.broadcast_to(np.zeros((), np.bool), (*read, *shape[axes:]))
    return Parts(tuple(stored), tuple(picked), is_box, found[tuple(picked)].shape)


def _each(index: Any, shape: tuple[int, ...]) -> Iterator[Any]:
    """A part of an index for each axis; masks as the places where they are true."""
    given = index if isinstance(index, tuple) else (index,)
    parts = [np.asarray(part) if isinstance(part, list) else part for part in given]
    if any(part is None for part in parts):
        raise TypeError("an index of a stored array has no new axes (None)")
    taken = sum(_axes_of(part) for part in parts)
    if taken > len(shape) or sum(part is Ellipsis for part in parts) > 1:
        raise IndexError(f"an index of {len(parts)} parts does not fit the shape {shape}")
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    axis = 0
    for part in parts:
        if part is Ellipsis:
            yield from [slice(None)] * (len(shape) - taken)
            axis += len(shape) - taken
            continue
        if isinstance(part, np.ndarray) and part.dtype.kind == "b":
            if part.shape != shape[axis : axis + part.ndim] or not part.ndim:
                raise IndexError(f"a mask of shape {part.shape} does not fit the shape {shape}")
            yield from part.nonzero()
        else:
            yield part if not isinstance(part, np.ndarray) or part.size else part.astype(np.intp)
        axis += _axes_of(part)


def _axes_of(part: Any) -> int:
    if part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype.kind == "b" else 1


def _within(rows: np.ndarray[Any, Any], length: int) -> np.ndarray[Any, Any]:
    """Places in an axis, counted from its beginning."""
    if rows.dtype.kind not in "iu":
        raise IndexError(f"an index is made of integers, not of {rows.dtype}")
    if rows.size and not (-length <= int(rows.min()) and int(rows.max()) < length):
        raise IndexError(f"there is no such place in an axis of {length}")
    return np.where(rows < 0, rows + length, rows)


def _slice(run: range) -> slice:
    return slice(run.start, max(run.start, run.stop), run.step)


def _is_all(part: Any, length: int) -> bool:
    return isinstance(part, slice) and range(*part.indices(length)) == range(length)
