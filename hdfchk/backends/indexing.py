"""NumPy's indices: the elements that one selects, as boxes that a storage can read or write.

A storage supports only boxes: a range of each axis. So an index is split. The places that it
selects along axes indexed by integers, lists and masks are sorted, made unique, and grouped into
boxes; their positions in the result follow NumPy's rules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from operator import index as as_index
from typing import Any

import attrs
import numpy as np

from ..errors import UnsupportedTypeError

__all__ = ["Box", "Pick", "Picked", "is_plain", "picked"]

WASTE_BYTES = 2**16
"""Reading this many unselected bytes takes no longer than another call."""
WASTE_FACTOR = 4
BOX_BYTES = 2**24
"""The maximum size of a box in bytes, unless it contains a single place."""
_PLAIN = frozenset({int, type(Ellipsis), np.int64})
_NOTHING = np.zeros((), "V0")

Array = np.ndarray[Any, Any]
Box = tuple[slice, ...]


def is_plain(index: Any) -> bool:
    """Whether an index consists only of integers, slices with positive steps, and ellipses."""
    parts = index if type(index) is tuple else (index,)
    for part in parts:
        if type(part) is slice:
            step = part.step
            if step is not None and (type(step) is not int or step <= 0):
                return False
        elif type(part) not in _PLAIN:
            return False
    return True


@attrs.frozen
class Pick:
    """A box, and the places in it.

    Args:
        box: a range of each axis.
        start: the number of the first place in it, in sorted order.
        stop: the number after the last one.
    """

    box: Box
    start: int
    stop: int


@attrs.define(eq=False)
class Picked:
    """The elements that an index selects.

    A place is a point in the axes that are indexed by integers, lists and masks.

    Args:
        shape: the shape of the result.
        slices: for each sliced axis, its slice, with a positive step.
        axes: the other axes of the array, those of the places.
        coords: for each of `axes`, the coordinates of the places: sorted, each place once.
        inverse: the number of the place at each position of the result; None if in sorted order.
        first: a position in the result for each place; None as above.
        broadcast: the shape of the places in the result.
        dims: the lengths of the other axes of the result.
        backwards: those of `dims` that are reversed.
        at: the position among `dims` at which the axes of `broadcast` are inserted.
    """

    shape: tuple[int, ...]
    slices: dict[int, slice]
    axes: tuple[int, ...]
    coords: list[Array]
    inverse: Array | None
    first: Array | None
    broadcast: tuple[int, ...]
    dims: tuple[int, ...]
    backwards: tuple[int, ...]
    at: int

    @property
    def count(self) -> int:
        """The number of different places."""
        return len(self.coords[0]) if self.coords else 1

    @property
    def lengths(self) -> tuple[int, ...]:
        """The number of selected indices of each sliced axis."""
        return tuple(len(range(of.start, of.stop, of.step)) for of in self.slices.values())

    # -- boxes -------------------------------------------------------------------------------------

    def boxes(
        self, itemsize: int, *, exact: bool = False, chunks: tuple[int, ...] | None = None
    ) -> Iterator[Pick]:
        """Yield boxes that together contain all places.

        Args:
            itemsize: the size of an element in bytes.
            exact: they contain no other places; otherwise a box may contain a few times as many.
            chunks: the shape of chunks that must be decoded: no box adds an unnecessary chunk.
        """
        unit = max(1, itemsize * math.prod(self.lengths))
        todo = [(0, self.count)] if self.count else []
        while todo:
            start, stop = todo.pop()
            ends = [(int(c[start:stop].min()), int(c[start:stop].max())) for c in self.coords]
            held = math.prod(last - first + 1 for first, last in ends)
            wanted = stop - start
            if wanted == 1 or (
                self._is_good(held, wanted, unit, exact=exact)
                and (chunks is None or self._touches_all(chunks, start, stop))
            ):
                yield Pick(self._box(ends), start, stop)
                continue
            level = next(n for n, (first, last) in enumerate(ends) if first < last)
            first, last = ends[level]
            middle = first + (last - first + 1) // 2
            cut = start + int(np.searchsorted(self.coords[level][start:stop], middle))
            todo += [(cut, stop), (start, cut)]

    @staticmethod
    def _is_good(held: int, wanted: int, unit: int, *, exact: bool) -> bool:
        if held * unit > BOX_BYTES:
            return False
        if exact:
            return held == wanted
        return held * unit <= WASTE_BYTES or held <= WASTE_FACTOR * wanted

    def _touches_all(self, chunks: tuple[int, ...], start: int, stop: int) -> bool:
        """Whether each chunk of the box around some places contains one of them."""
        held, numbers = 1, np.zeros(stop - start, np.int64)
        for axis, coords in zip(self.axes, self.coords, strict=True):
            number = coords[start:stop] // chunks[axis]
            first, last = int(number.min()), int(number.max())
            held *= last - first + 1
            numbers = numbers * (last - first + 1) + number - first
        return held == 1 or (held <= stop - start and len(np.unique(numbers)) == held)

    def _box(self, ends: list[tuple[int, int]]) -> Box:
        box = dict(self.slices)
        for axis, (first, last) in zip(self.axes, ends, strict=True):
            box[axis] = slice(first, last + 1, 1)
        return tuple(box[axis] for axis in sorted(box))

    @property
    def nothing(self) -> Box:
        """An empty box."""
        return tuple(slice(0, 0, 1) for _ in range(len(self.slices) + len(self.axes)))

    def of_box(self, pick: Pick, found: Array) -> Array:
        """Return the elements at the places of a box, one row per place, from all its elements."""
        rows = np.moveaxis(np.asarray(found), self.axes, range(len(self.axes)))
        if not self.axes:
            return rows[np.newaxis]
        starts = [pick.box[axis].start for axis in self.axes]
        return np.asarray(
            rows[
                tuple(
                    coords[pick.start : pick.stop] - start
                    for coords, start in zip(self.coords, starts, strict=True)
                )
            ]
        )

    def to_box(self, pick: Pick, rows: Array) -> Array:
        """Return rows, one per place, in the shape of a box that contains no other places."""
        spans = [pick.box[axis].stop - pick.box[axis].start for axis in self.axes]
        return np.moveaxis(
            rows.reshape((*spans, *rows.shape[1:])), range(len(self.axes)), self.axes
        )

    # -- results -----------------------------------------------------------------------------------

    def arranged(self, rows: Array) -> Array:
        """Return the result of the index, from rows, one per place in sorted order."""
        if self.inverse is not None:
            rows = rows[self.inverse]
        found = rows.reshape((*self.broadcast, *self.dims))
        lead = len(self.broadcast)
        if self.backwards:
            found = np.flip(found, tuple(lead + dim for dim in self.backwards))
        found = np.moveaxis(found, range(lead), range(self.at, self.at + lead))
        return found if found.ndim == 0 else np.ascontiguousarray(found)

    def taken(self, values: Array, pick: Pick) -> Array:
        """Return the rows for the places of a box, from values in the shape of the result."""
        lead = len(self.broadcast)
        values = np.moveaxis(values, range(self.at, self.at + lead), range(lead))
        if self.backwards:
            values = np.flip(values, tuple(lead + dim for dim in self.backwards))
        order = np.arange(pick.start, pick.stop)
        if self.first is not None:
            order = self.first[order]
        rows = values[np.unravel_index(order, self.broadcast)] if lead else values[np.newaxis]
        return np.asarray(rows).reshape((len(order), *self.lengths))

    def require_single(self, shape: tuple[int, ...], key: str) -> None:
        """Reject values of a shape if the index selects an element more than once.

        A value that is broadcast to all places is permitted: the order of writing does not matter.

        Raises:
            UnsupportedTypeError: there are several values for one element.
        """
        total = math.prod(self.broadcast)
        if self.count == total or 0 in shape:
            return
        after = len(self.dims) - self.at
        end = len(shape) - after
        if all(length == 1 for length in shape[max(0, end - len(self.broadcast)) : max(0, end)]):
            return
        raise UnsupportedTypeError(
            f"the index selects some of its {total} elements more than once, with different values",
            key=key,
            hint="select each element once, or write the same value to all",
        )


def picked(index: Any, shape: tuple[int, ...]) -> Picked:
    """Return the elements that an index selects.

    Args:
        index: an index as in NumPy: integers, slices, an ellipsis, new axes, lists and masks.
        shape: the shape of the array.

    Raises:
        IndexError: it does not fit the shape; NumPy says why.
    """
    parts = [_part(part) for part in (index if isinstance(index, tuple) else (index,))]
    result = np.broadcast_to(_NOTHING, shape)[tuple(parts)].shape
    made = _Made(shape, has_lists=any(isinstance(part, np.ndarray) for part in parts))
    taken = sum(_axes_of(part) for part in parts)
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    for part in parts:
        if part is Ellipsis:
            made.is_apart_from_here()
            for _ in range(len(shape) - taken):
                made.slice(slice(None))
        elif part is None:
            made.new_axis()
        elif isinstance(part, slice):
            made.slice(part)
        else:
            made.pick(part)
    return made.finish(result)


class _Made:
    """Collects the parts of an index, in order."""

    def __init__(self, shape: tuple[int, ...], *, has_lists: bool) -> None:
        self._shape = shape
        self._has_lists = has_lists
        self._axis = 0
        self._slices: dict[int, slice] = {}
        self._picks: dict[int, Array] = {}
        self._dims: list[int] = []
        self._backwards: list[int] = []
        self._at: int | None = None
        self._is_cut = self._is_apart = False

    def is_apart_from_here(self) -> None:
        """Record a gap: axes of places after it are not adjacent to those before."""
        self._is_cut = self._at is not None

    def new_axis(self) -> None:
        """Add a new axis of length 1."""
        self.is_apart_from_here()
        self._dims.append(1)

    def slice(self, part: slice) -> None:
        """Add a sliced axis."""
        self.is_apart_from_here()
        run = range(*part.indices(self._shape[self._axis]))
        if run.step < 0:
            self._backwards.append(len(self._dims))
            run = run[::-1]
        self._dims.append(len(run))
        self._slices[self._axis] = slice(run.start, max(run.start, run.stop), run.step)
        self._axis += 1

    def pick(self, part: Any) -> None:
        """Add an integer, a list, or a mask of one or more axes."""
        if self._has_lists:
            self._is_apart = self._is_apart or self._is_cut
            self._at = len(self._dims) if self._at is None else self._at
        is_mask = isinstance(part, np.ndarray) and part.dtype.kind == "b"
        for places in part.nonzero() if is_mask else (np.asarray(part),):
            length = self._shape[self._axis]
            self._picks[self._axis] = np.where(places < 0, places + length, places)
            self._axis += 1

    def finish(self, result: tuple[int, ...]) -> Picked:
        """Return the elements that the index selects."""
        together = np.broadcast_arrays(*self._picks.values()) if self._picks else []
        inverse = first = None
        coords = [np.ravel(places).astype(np.int64) for places in together]
        if coords:
            lengths = [self._shape[axis] for axis in self._picks]
            flat = coords[0]
            for places, length in zip(coords[1:], lengths[1:], strict=True):
                flat = flat * length + places
            if flat.size and not bool(np.all(flat[1:] > flat[:-1])):
                _, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
                coords = [places[first] for places in coords]
        return Picked(
            shape=result,
            slices=self._slices,
            axes=tuple(self._picks),
            coords=coords,
            inverse=inverse,
            first=first,
            broadcast=together[0].shape if together else (),
            dims=tuple(self._dims),
            backwards=tuple(self._backwards),
            at=0 if self._is_apart else self._at or 0,
        )


def _part(part: Any) -> Any:
    """Convert a part of an index to an integer, slice, ellipsis, new axis or array."""
    if part is None or part is Ellipsis or isinstance(part, slice):
        return part
    if not isinstance(part, (bool, np.bool, np.ndarray)):
        try:
            return as_index(part)
        except TypeError:
            pass
    array = np.asarray(part)
    if not array.ndim and array.dtype.kind in "iu":
        return int(array)
    if not array.ndim:
        raise IndexError(
            f"an index is made of integers, slices, '...', None, lists and masks, not of {part!r}"
        )
    return array if array.size or isinstance(part, np.ndarray) else array.astype(np.intp)


def _axes_of(part: Any) -> int:
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype.kind == "b" else 1
