"""Writing arrays block by block: a signal waits for at most one block."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from h5py import h5d, h5s

from ....runtime.interrupts import BLOCK_BYTES, run_pending
from ...meter import Meter
from ..h5.ids import DatasetID, TypeID

__all__ = ["blocks_of", "write_blocks"]


def blocks_of(
    shape: tuple[int, ...],
    itemsize: int,
    start: int = 0,
    chunk: tuple[int, ...] | None = None,
) -> Iterator[tuple[slice, ...]]:
    """Yield the blocks of an array, in the order of its elements.

    Args:
        shape: the shape of the array, with at least one axis.
        itemsize: the size of an element in bytes.
        start: the row of the dataset at which the first row of the array is written.
        chunk: the chunk shape of the dataset: blocks end at chunk boundaries if possible.

    Yields:
        A slice for each axis: the whole of the last axes, a range of one axis, and a single element
        of each axis before it.
    """
    axis, below = len(shape) - 1, itemsize
    while axis > 0 and below * shape[axis] <= BLOCK_BYTES:
        below *= shape[axis]
        axis -= 1
    step = max(1, BLOCK_BYTES // max(below, 1))
    rest = tuple(slice(0, length) for length in shape[axis + 1 :])
    before, edge = (0 if axis else start), (chunk[axis] if chunk else 1)
    for outer in np.ndindex(*shape[:axis]):
        single = tuple(slice(number, number + 1) for number in outer)
        first = 0
        while first < shape[axis]:
            last = min(first + step, shape[axis])
            if last < shape[axis]:
                at_edge = (before + last) // edge * edge - before
                last = at_edge if at_edge > first else last
            yield (*single, slice(first, last), *rest)
            first = last


def write_blocks(
    did: DatasetID,
    array: np.ndarray[Any, Any],
    start: int,
    tid: TypeID | None,
    meter: Meter | None = None,
) -> None:
    """Write consecutive rows of a dataset.

    Args:
        did: the dataset, which must already have these rows.
        array: the rows, with at least one axis; they need not be contiguous. Axes beyond those of
            the dataset are those of its array type.
        start: the index of the first row.
        tid: the memory type of the array; None for that of its dtype.
        meter: counts the bytes that are written.
    """
    space, left = did.get_space(), math.prod(array.shape)
    axes = len(space.shape)
    itemsize = array.itemsize * math.prod(array.shape[axes:])
    chunk = None
    if array.nbytes > BLOCK_BYTES:
        plist = did.get_create_plist()
        chunk = plist.get_chunk() if plist.get_layout() == h5d.CHUNKED else None
    for where in blocks_of(array.shape[:axes], itemsize, start, chunk) if left else ():
        block = np.ascontiguousarray(array[where])
        offsets = tuple(part.start for part in where)
        space.select_hyperslab((start + offsets[0], *offsets[1:]), block.shape[:axes])
        did.write(h5s.create_simple(block.shape[:axes]), space, block, tid)
        if meter is not None:
            meter.add(block.nbytes)
        left -= block.size
        if left:
            run_pending()
