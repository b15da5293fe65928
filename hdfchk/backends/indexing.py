"""NumPy's indices: which elements of an array one names, in boxes that a storage can read or write.

A storage has boxes alone: a range of each axis. So an index is taken apart. What it names along the
axes that it picks from by integers, lists and masks is sorted, each place once, and gathered into
boxes; and NumPy's rules say where in the result it all goes.
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
"""To read so many bytes that nobody wants takes no longer than another call."""
WASTE_FACTOR = 4
BOX_BYTES = 2**24
"""A box that holds what is not wanted, or is a part of what is, has no more bytes."""
_PLAIN = frozenset({int, type(Ellipsis), np.int64})
_NOTHING = np.zeros((), "V0")

Array = np.ndarray[Any, Any]
Box = tuple[slice, ...]


def is_plain(index: Any) -> bool:
    """Whether an index is made of integers, slices with positive steps and an ellipsis alone."""
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
    """A box, and which of its elements are wanted.

    Args:
        box: a range of each axis.
        start: the number of the first place, of those in order, that is in it.
        stop: the number behind the last one.
    """

    box: Box
    start: int
    stop: int


@attrs.define(eq=False)
class Picked:
    """What an index names.

    Args:
        shape: of what it gives.
        slices: by axis: what of it is wanted, for those that are sliced; steps are positive.
        axes: those from which places are picked.
        coords: for each of these, where the places are; each place once, in order.
        inverse: which place is where in the result; None if they are there in their order.
        first: a position in the result for each place; None as above.
        broadcast: the shape in which the places come in the result.
        dims: the lengths of the other axes of the result.
        backwards: those of these that go backwards.
        at: where among them the axes of the places come.
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
        """How many places there are, each counted once."""
        return len(self.coords[0]) if self.coords else 1

    @property
    def lengths(self) -> tuple[int, ...]:
        """How much is wanted of each sliced axis."""
        return tuple(len(range(of.start, of.stop, of.step)) for of in self.slices.values())

    # -- boxes -------------------------------------------------------------------------------------

    def boxes(
        self, itemsize: int, *, exact: bool = False, chunks: tuple[int, ...] | None = None
    ) -> Iterator[Pick]:
        """Boxes in which all places are.

        Args:
            itemsize: bytes of an element.
            exact: nothing else is in them; else a box may hold a few times as much.
            chunks: the shape of chunks that must be unpacked: none is touched in vain.
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
        """Whether there is a place in each chunk of the box around some places."""
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
        """A box with nothing in it."""
        return tuple(slice(0, 0, 1) for _ in range(len(self.slices) + len(self.axes)))

    def of_box(self, pick: Pick, found: Array) -> Array:
        """The places of a box, one after the other, of all that is in it."""
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
        """Places, one after the other, as the elements of a box that holds nothing else."""
        spans = [pick.box[axis].stop - pick.box[axis].start for axis in self.axes]
        return np.moveaxis(
            rows.reshape((*spans, *rows.shape[1:])), range(len(self.axes)), self.axes
        )

    # -- results -----------------------------------------------------------------------------------

    def arranged(self, rows: Array) -> Array:
        """What the index gives, of all its places, one after the other."""
        if self.inverse is not None:
            rows = rows[self.inverse]
        found = rows.reshape((*self.broadcast, *self.dims))
        lead = len(self.broadcast)
        if self.backwards:
            found = np.flip(found, tuple(lead + dim for dim in self.backwards))
        found = np.moveaxis(found, range(lead), range(self.at, self.at + lead))
        return found if found.ndim == 0 else np.ascontiguousarray(found)

    def taken(self, values: Array, pick: Pick) -> Array:
        """The values for the places of a box, of those in the shape of what the index gives."""
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
        """Refuse to write values of a shape where the index names an element more than once.

        What is the same for all places may be written: it does not matter which comes last.

        Raises:
            UnsupportedTypeError: there is a value for each of them.
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
    """Take an index apart.

    Args:
        index: what NumPy takes: integers, slices, an ellipsis, new axes, lists and masks.
        shape: of the array.

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
    """The parts of an index, as they come."""

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
        """What is picked after this does not lie beside what was picked before."""
        self._is_cut = self._at is not None

    def new_axis(self) -> None:
        """An axis of one element."""
        self.is_apart_from_here()
        self._dims.append(1)

    def slice(self, part: slice) -> None:
        """A sliced axis."""
        self.is_apart_from_here()
        run = range(*part.indices(self._shape[self._axis]))
        if run.step < 0:
            self._backwards.append(len(self._dims))
            run = run[::-1]
        self._dims.append(len(run))
        self._slices[self._axis] = slice(run.start, max(run.start, run.stop), run.step)
        self._axis += 1

    def pick(self, part: Any) -> None:
        """An integer, a list, or a mask of one or more axes."""
        if self._has_lists:
            self._is_apart = self._is_apart or self._is_cut
            self._at = len(self._dims) if self._at is None else self._at
        is_mask = isinstance(part, np.ndarray) and part.dtype.kind == "b"
        for places in part.nonzero() if is_mask else (np.asarray(part),):
            length = self._shape[self._axis]
            self._picks[self._axis] = np.where(places < 0, places + length, places)
            self._axis += 1

    def finish(self, result: tuple[int, ...]) -> Picked:
        """What the index names."""
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
    """A part of an index, as an integer, slice, ellipsis, new axis or array."""
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
