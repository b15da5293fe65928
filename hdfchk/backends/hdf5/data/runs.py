"""Runs of consecutive rows of a dataset, read and written with little overhead of h5py."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from h5py import h5s, h5t

from ..h5.forms import memory_of
from ..h5.ids import DatasetID, PropDCID
from ..h5.object_info import FILTERED, info_of
from ..h5.types import numpy_dtype, plain_dtype, type_for
from .blocks import write_blocks
from .chunk_index import Box
from .chunk_io import read_first, read_packed, write_rows
from .direct_io import read_piece
from .filters import own_pipeline
from .limits import CHECK_FROM, Guard

__all__ = ["read_run", "row_run", "run_boxes", "write_run"]

_INTEGERS = frozenset({int, np.int64, np.intp, np.int32})
PACKED_FROM = 2**19
"""Fewer bytes are left to HDF5, which caches the last decoded chunks; except for a chunk that was
not checked yet, which would be decoded twice."""


def row_run(index: Any, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Return start and stop if an index selects consecutive whole rows, otherwise None."""
    if not shape:
        return None
    if index is Ellipsis or (isinstance(index, tuple) and not index):
        return 0, shape[0]
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) > len(shape) or not all(isinstance(part, slice) for part in parts):
        return None
    ranges = [part.indices(length) for part, length in zip(parts, shape, strict=False)]
    if any(span != (0, length, 1) for span, length in zip(ranges[1:], shape[1:], strict=False)):
        return None
    start, stop, step = ranges[0]
    return (start, stop) if step == 1 and stop >= start else None


def _row(index: Any, shape: tuple[int, ...]) -> int | None:
    """Return the non-negative index of the one whole row that `index` selects, or None."""
    first, *rest = index if isinstance(index, tuple) and index else (index,)
    if not shape or type(first) not in _INTEGERS or len(rest) >= len(shape):
        return None
    row = int(first)
    row += shape[0] if row < 0 else 0
    whole = zip(rest, shape[1:], strict=False)
    if not 0 <= row < shape[0] or not all(_is_whole(part, length) for part, length in whole):
        return None
    return row


def _is_whole(part: Any, length: int) -> bool:
    return isinstance(part, slice) and part.indices(length) == (0, length, 1)


def run_boxes(did: DatasetID, start: int, stop: int) -> list[Box]:
    """Return the selection of consecutive rows, as boxes.

    Args:
        did: the dataset.
        start: the first row.
        stop: the row after the last.
    """
    below = tuple(length - 1 for length in did.shape[1:])
    return [((start, *[0] * len(below)), (stop - 1, *below))]


def read_run(
    did: DatasetID, index: Any, guard: Guard, descriptor: int
) -> np.ndarray[Any, Any] | None:
    """Return the rows, or the row, at an index, of HDF5's own dtype; None for another selection.

    Args:
        did: the dataset.
        index: the index.
        guard: the limits for reading the file.
        descriptor: the file's descriptor, if HDF5 may be bypassed; otherwise -1.

    Raises:
        UnsafeFileError: the data are in another file, or need far more memory than the file has.
    """
    shape = did.shape
    run, row = row_run(index, shape), None
    if run is None:
        row = _row(index, shape)
        if row is None:
            return None
        run = row, row + 1
    found = _rows(did, shape, run, guard, descriptor)
    return found if row is None or found is None else found.reshape(shape[1:])


def _rows(
    did: DatasetID, shape: tuple[int, ...], run: tuple[int, int], guard: Guard, descriptor: int
) -> np.ndarray[Any, Any] | None:
    """Return the rows of a run; None if the elements are not of fixed size."""
    tid = did.get_type()
    plain = plain_dtype(tid)
    dtype = plain or numpy_dtype(tid)
    if dtype.kind == "O" or dtype.subdtype is not None or dtype.hasobject:
        return None
    rows = (run[1] - run[0], *shape[1:])
    nbytes = math.prod(rows) * dtype.itemsize
    if plain is not None and descriptor >= 0 and 0 < nbytes <= CHECK_FROM and did.get_offset():
        out = np.empty(rows, dtype)
        width = nbytes // len(out)
        if read_piece(descriptor, did, out, start=run[0] * width, whole=shape[0] * width):
            return out
    present = info_of(did).hdr.mesg.present
    guard.inside(did, present)
    filtered = bool(present & FILTERED)
    last = (run[1] - 1, *(length - 1 for length in shape[1:]))
    box = ((run[0], *[0] * len(shape[1:])), last)
    if nbytes > CHECK_FROM or filtered:  # a filtered chunk may be larger than the selection
        guard.size(did, nbytes, box)
    out = np.zeros(rows, dtype)  # HDF5 does not fill what was never written
    if not out.size or (filtered and _decode(did, out, run[0], box, guard)):
        return out
    space = did.get_space()
    space.select_hyperslab((run[0],) + (0,) * (len(rows) - 1), rows)
    with guard.decoding(did, [box]) if filtered else nullcontext():
        did.read(h5s.create_simple(rows), space, out, tid if plain else None)
    return out


def _decode(did: DatasetID, out: np.ndarray[Any, Any], start: int, box: Box, guard: Guard) -> bool:
    """Decode the chunks of some rows without HDF5, if that is possible and not slower."""
    if out.nbytes >= PACKED_FROM:
        return read_packed(did, out, start, did.shape)
    return read_first(did, out, start, box, guard.seen_chunks(did))


def write_run(did: DatasetID, rows: np.ndarray[Any, Any], start: int, guard: Guard) -> None:
    """Write consecutive rows; whole chunks are encoded in threads, if their filters allow it.

    Args:
        did: the dataset, which must already have these rows.
        rows: the rows, of its stored dtype, or of one that HDF5 converts; with the axes of an
            array type.
        start: the index of the first row.
        guard: the limits for reading the file.

    Raises:
        UnsafeFileError, CorruptFileError: a chunk that contains some of them is damaged.
    """
    if not rows.size:
        return
    tid, plist, end = did.get_type(), did.get_create_plist(), start + len(rows)
    memory = memory_of(did, rows)
    has_axes = tid.get_class() == h5t.ARRAY
    pipeline = None if has_axes else own_pipeline(plist, tid.get_size())
    if pipeline is None or not (type_for(rows.dtype) if memory is None else memory).equal(tid):
        with _decoding(did, plist, guard, start, end):
            write_blocks(did, rows, start, memory)
        return
    step = pipeline.chunk[0]
    first = min(end, -(-start // step) * step)  # the first chunk boundary
    last = end if end == did.shape[0] else max(first, end // step * step)
    with _decoding(did, plist, guard, start, first):
        write_blocks(did, rows[: first - start], start, tid)
    if last > first and guard.leaves_edges(did):
        with _decoding(did, plist, guard, first, last):
            write_blocks(did, rows[first - start : last - start], first, tid)
    elif last > first:
        write_rows(did, rows[first - start : last - start], first, pipeline)
    with _decoding(did, plist, guard, last, end):
        write_blocks(did, rows[last - start :], last, tid)


def _decoding(
    did: DatasetID, plist: PropDCID, guard: Guard, start: int, stop: int
) -> AbstractContextManager[None]:
    """Return a context for writing rows with HDF5, which may have to decode their chunks."""
    if start == stop or not plist.get_nfilters():
        return nullcontext()
    return guard.unpacking(did, run_boxes(did, start, stop))
