"""Selection of elements of a dataset by an index, as in h5py, with only h5py's public calls.

h5py does this in a private module, which is used if it exists (`selection.py`).
"""

from __future__ import annotations

import math
from operator import index as as_index
from typing import Any

import attrs
import numpy as np
from h5py import h5s

from ..h5.ids import SpaceID

__all__ = ["Selected", "select"]

Part = slice | list[int]


@attrs.frozen
class Selected:
    """Elements of a dataset.

    Args:
        id: HDF5's dataspace with the selection.
        mshape: the number of elements along each axis; for a mask of the whole array, in total.
        array_shape: the same without the axes that are indexed by integers.
    """

    id: SpaceID
    mshape: tuple[int, ...]
    array_shape: tuple[int, ...]

    @property
    def nselect(self) -> int:
        """The number of selected elements."""
        return math.prod(self.mshape)


def select(shape: tuple[int, ...], args: tuple[Any, ...], _: object = None) -> Selected:
    """Select elements.

    Args:
        shape: the shape of the dataset.
        args: integers, slices with positive steps, an ellipsis, and one list of rows or mask of an
            axis; or only a mask of the whole array.

    Raises:
        IndexError: an index is out of range, or there are too many.
        TypeError: a part has another type, a mask has another shape, or the rows of a list are not
            in increasing order.
        ValueError: a step is not positive, or there are several ellipses.
    """
    space = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
    if len(args) == 1 and _is_mask(args[0]) and args[0].shape == shape and shape:
        points = np.transpose(args[0].nonzero()).astype("u8")
        if len(points):
            space.select_elements(points)
        else:
            space.select_none()
        return Selected(space, (len(points),), (len(points),))
    given = _for_each_axis(args, len(shape))
    parts = [_part(part, length) for part, length in zip(given, shape, strict=True)]
    if sum(isinstance(part, list) for part in parts) > 1:
        raise TypeError("only one list or mask of rows is possible in an index")
    sizes = tuple(
        len(part) if isinstance(part, list) else len(range(part.start, part.stop, part.step))
        for part in parts
    )
    if shape:
        _mark(space, parts, sizes)
    kept = zip(sizes, given, strict=True)
    return Selected(space, sizes, tuple(size for size, part in kept if not _is_integer(part)))


def _is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype.kind == "b"


def _is_integer(part: Any) -> bool:
    return not isinstance(part, slice | list | tuple) and np.ndim(part) == 0


def _for_each_axis(args: tuple[Any, ...], axes: int) -> list[Any]:
    """Return the part of an index for each axis."""
    dots = [number for number, part in enumerate(args) if part is Ellipsis]
    if len(dots) > 1:
        raise ValueError("an index has one ellipsis")
    at = dots[0] if dots else len(args)
    before, after = list(args[:at]), list(args[at + 1 :])
    missing = axes - len(before) - len(after)
    if missing < 0:
        raise IndexError(f"{len(before) + len(after)} indices for {axes} axes")
    return [*before, *[slice(None)] * missing, *after]


def _part(part: Any, length: int) -> Part:
    """Return a part of an index as a slice with start, stop and step, or as increasing rows."""
    if isinstance(part, slice):
        start, stop, step = part.indices(length)
        if step <= 0:
            raise ValueError("the step of a slice must be positive")
        return slice(start, max(start, stop), step)
    if _is_integer(part):
        at = _row(as_index(part), length)
        return slice(at, at + 1, 1)
    rows = np.asarray(part)
    if rows.dtype.kind == "b":
        if rows.shape != (length,):
            raise TypeError(f"a mask of shape {rows.shape} for an axis of {length}")
        rows = rows.nonzero()[0]
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise TypeError("a list of rows has integers, or is a mask")
    found = [_row(int(row), length) for row in rows]
    if any(map(lambda one, next_: one >= next_, found, found[1:])):
        raise TypeError("the rows of a list must be in increasing order")
    return found


def _row(at: int, length: int) -> int:
    if not -length <= at < length:
        raise IndexError(f"index {at} is out of range for an axis of {length}")
    return at % length


def _mark(space: SpaceID, parts: list[Part], sizes: tuple[int, ...]) -> None:
    """Select the intersection of all parts in a dataspace."""
    space.select_none()
    if 0 in sizes:
        return
    axis = next((n for n, part in enumerate(parts) if isinstance(part, list)), None)
    where = [part if isinstance(part, slice) else slice(part[0], part[0] + 1, 1) for part in parts]
    start, step = [part.start for part in where], tuple(part.step for part in where)
    count = list(sizes)
    rows: Any = [start[0]]
    if axis is not None:
        rows, count[axis] = parts[axis], 1
    for row in rows:
        start[0 if axis is None else axis] = row
        space.select_hyperslab(tuple(start), tuple(count), step, op=h5s.SELECT_OR)
