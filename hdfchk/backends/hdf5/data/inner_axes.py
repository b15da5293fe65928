"""Indices of arrays some of whose axes belong to an HDF5 array type.

HDF5 selects only along the axes of a dataset. So an index is split into the selection that HDF5
reads, and an index of the result, by NumPy's rules.
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
    """An index split in two.

    Args:
        stored: for HDF5: a slice for each axis of the dataset, or for at most one a list of rows.
        picked: for NumPy: an index of what HDF5 returns for `stored`.
        is_box: `picked` selects everything, in order.
        shape: the shape of the result.
    """

    stored: tuple[Any, ...]
    picked: tuple[Any, ...]
    is_box: bool
    shape: tuple[int, ...]


def parted(index: Any, shape: tuple[int, ...], axes: int) -> Parts:
    """Split an index.

    Args:
        index: integers, slices, an ellipsis, lists and masks.
        shape: the shape of the array, including its inner axes.
        axes: the number of axes of the dataset, which come first.

    Raises:
        IndexError: the index does not fit the shape.
        TypeError: the index has new axes.
    """
    stored: list[Any] = []
    picked: list[Any] = []
    is_box, has_list = True, False
    for number, part in enumerate(_part_of_each_axis(index, shape)):
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
            rows, places = np.unique(_non_negative(part, length), return_inverse=True)
            whole = not rows.size or int(rows[-1]) - int(rows[0]) + 1 == rows.size
            if whole or has_list:  # h5py accepts one list
                first = int(rows[0]) if rows.size else 0
                stored.append(slice(first, int(rows[-1]) + 1 if rows.size else 0))
                picked.append(_non_negative(part, length) - first)
            else:
                has_list = True
                stored.append(rows.tolist())
                picked.append(places.reshape(part.shape))
        else:
            at = int(_non_negative(np.asarray(as_index(part)), length))
            stored.append(slice(at, at + 1))
            picked.append(0)
    read = [
        len(range(shape[n])[of] if isinstance(of, slice) else of) for n, of in enumerate(stored)
    ]
    found = np.broadcast_to(np.zeros((), np.bool), (*read, *shape[axes:]))
    return Parts(tuple(stored), tuple(picked), is_box, found[tuple(picked)].shape)


def _part_of_each_axis(index: Any, shape: tuple[int, ...]) -> Iterator[Any]:
    """Yield the part of an index for each axis; for a mask, the indices of its true elements."""
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


def _non_negative(rows: np.ndarray[Any, Any], length: int) -> np.ndarray[Any, Any]:
    """Return non-negative indices in an axis."""
    if rows.dtype.kind not in "iu":
        raise IndexError(f"an index must consist of integers, not of {rows.dtype}")
    if rows.size and not (-length <= int(rows.min()) and int(rows.max()) < length):
        raise IndexError(f"index out of bounds for an axis of length {length}")
    return np.where(rows < 0, rows + length, rows)


def _slice(run: range) -> slice:
    return slice(run.start, max(run.start, run.stop), run.step)


def _is_all(part: Any, length: int) -> bool:
    return isinstance(part, slice) and range(*part.indices(length)) == range(length)
