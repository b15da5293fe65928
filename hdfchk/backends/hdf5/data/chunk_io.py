"""Chunks written and read past HDF5's filters: they are packed and unpacked here, in threads.

HDF5 does one thing at a time, and packs and unpacks meanwhile. Here only whole packed chunks go
through it (direct chunk reads and writes); the work is done beside it, on all cores.
"""

from __future__ import annotations

import itertools
import math
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, TypeVar

import numpy as np
from h5py import h5d

from ....errors import CorruptFileError
from ....runtime.interrupts import run_pending
from ...meter import Meter
from ..h5.ids import DatasetID
from ..h5.links import key_of
from ..h5.types import type_for
from .chunk_index import Box, chunks_of, may_be_misplaced
from .deflate import Pipeline, inflate, pack, rows_of_chunk, unpack
from .edges import leaves_edges
from .filters import own_pipeline
from .streams import SeenChunks, places_of

__all__ = ["read_first", "read_packed", "write_rows"]

T = TypeVar("T")
THREADS = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
THREADS_FROM = 2**19
"""So many bytes in at least two chunks are worth a second thread."""

Offsets = tuple[int, ...]


def _grid(chunk: Offsets, shape: Offsets, first: int, end: int) -> Iterator[Offsets]:
    """The offsets of all chunks that hold rows from `first` up to `end`, in their order."""
    rows = range(first // chunk[0] * chunk[0], end, chunk[0])
    rest = [range(0, length, step) for length, step in zip(shape[1:], chunk[1:], strict=True)]
    return itertools.product(rows, *rest)


def _all(work: Callable[..., T], jobs: Iterator[tuple[Any, ...]], *, threads: bool) -> Iterator[T]:
    """The results of `work` for all jobs, in their order; a few are under way at a time."""
    with ExitStack() as stack:
        pool = None
        if threads and THREADS > 1:
            pool = stack.enter_context(ThreadPoolExecutor(THREADS, "hdfchk-chunks"))
        waiting: deque[Future[T]] = deque()
        for job in jobs:
            if pool is not None:
                try:
                    waiting.append(pool.submit(work, *job))
                except RuntimeError:  # no thread can be started: then there is this one
                    pool = None
            if pool is None:
                while waiting:
                    yield waiting.popleft().result()
                yield work(*job)
            elif len(waiting) > 2 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _many(nbytes: int, chunk: Offsets, itemsize: int) -> bool:
    return nbytes >= THREADS_FROM and nbytes >= 2 * itemsize * int(np.prod(chunk))


def write_rows(
    did: DatasetID,
    rows: np.ndarray[Any, Any],
    start: int,
    pipeline: Pipeline,
    meter: Meter | None = None,
) -> None:
    """Write rows that begin at a chunk's edge, and end at one or at the end of the dataset.

    Args:
        did: the dataset, which reaches as far.
        rows: of the dataset's own dtype; not all need lie in one piece.
        start: the first of them.
        pipeline: the dataset's.
        meter: is told how many bytes are packed.
    """
    shape = (start + rows.shape[0], *rows.shape[1:])

    def packed(offsets: Offsets) -> tuple[Offsets, bytes]:
        where = [
            slice(offset - base, offset - base + length)
            for offset, length, base in zip(
                offsets, pipeline.chunk, (start, *[0] * (rows.ndim - 1)), strict=True
            )
        ]
        block = rows[tuple(where)]
        if block.shape != pipeline.chunk:  # at an edge: the rest is what rows to come hold at first
            whole = np.full(pipeline.chunk, fill, rows.dtype)
            whole[tuple(slice(length) for length in block.shape)] = block
            block = whole
        return offsets, pack(block, pipeline)

    chunk_bytes = rows.itemsize * int(np.prod(pipeline.chunk))
    jobs = ((offsets,) for offsets in _grid(pipeline.chunk, shape, start, shape[0]))
    threads = _many(rows.nbytes, pipeline.chunk, rows.itemsize)
    left, fill = rows.nbytes, fill_of(did, rows.dtype)
    for offsets, data in _all(packed, jobs, threads=threads):
        did.write_direct_chunk(offsets, data)
        run_pending()  # a signal waits for one chunk at most
        if meter is not None:
            meter.add(min(left, chunk_bytes))
            left -= min(left, chunk_bytes)


def read_packed(
    did: DatasetID,
    out: np.ndarray[Any, Any],
    start: int,
    shape: tuple[int, ...],
    meter: Meter | None = None,
) -> bool:
    """Read rows of a dataset whose filters are ours.

    Args:
        did: the dataset.
        out: where they go: contiguous.
        start: the first of them.
        shape: of the dataset.
        meter: is told how many bytes of the file are read.

    Returns:
        Whether it could be done; if not, HDF5 has to read them, or to say what is wrong.
    """
    if not out.ndim or not out.size or out.dtype.hasobject:
        return False
    tid = did.get_type()
    pipeline = own_pipeline(did.get_create_plist(), tid.get_size())
    if pipeline is None or not type_for(out.dtype).equal(tid):
        return False
    return _read_rows(did, out, start, shape, pipeline, meter)


def read_first(
    did: DatasetID, out: np.ndarray[Any, Any], start: int, box: Box, seen: SeenChunks
) -> bool:
    """Read rows some of whose chunks nobody has looked at yet, and look at these so.

    HDF5 would unpack them once more, as what it makes of them must be looked at before.

    Args:
        did: the dataset.
        out: where they go: contiguous, and smaller than a chunk or so.
        start: the first of them.
        box: where they lie.
        seen: what was looked at; the chunks that are read here enter it.

    Returns:
        Whether it was done; if not, HDF5 has to read them, and the guard to look at them before.
    """
    plist = did.get_create_plist()
    places = places_of(plist.get_chunk(), [box])
    if may_be_misplaced(did):
        return False
    # Of what was looked at HDF5 may have what it has unpacked, unless it was unpacked here.
    if places is None or (seen.offsets.issuperset(places) and not seen.has(places)):
        return False
    tid = did.get_type()
    size = tid.get_size()
    pipeline = own_pipeline(plist, size)
    if pipeline is None or not type_for(out.dtype).equal(tid):
        return False
    for offsets in places:
        target, inside, _ = _target(out, offsets, pipeline.chunk, start)
        raw = seen.last(offsets)
        if raw is None and did.get_chunk_info_by_coord(offsets).size:
            mask, data = did.read_direct_chunk(offsets)
            raw = inflate(mask, data, size * math.prod(pipeline.chunk), pipeline)
            if raw is None:
                return False
            seen.keep(offsets, raw)
        if raw is None:
            target[...] = fill_of(did, out.dtype)
        else:
            rows = rows_of_chunk(raw, pipeline, out.dtype, inside[0])
            target[...] = rows[(slice(None), *inside[1:])]
        seen.offsets.add(offsets)
    return True


def _read_rows(
    did: DatasetID,
    out: np.ndarray[Any, Any],
    start: int,
    shape: tuple[int, ...],
    pipeline: Pipeline,
    meter: Meter | None,
) -> bool:
    end = start + out.shape[0]
    grid = list(_grid(pipeline.chunk, shape, start, end))
    there = _present(did)
    chunk_bytes = out.itemsize * int(np.prod(pipeline.chunk))

    def unpacks(mask: int, data: bytes, target: np.ndarray[Any, Any]) -> bool:
        if unpack(mask, data, target, pipeline):
            return True
        if mask not in {0, pipeline.deflate_bit} or leaves_edges(did):
            return False
        # Not for HDF5 to try: it would unpack the chunk to its end, however far that is.
        raise CorruptFileError(
            f"the data cannot be read (a chunk does not unpack to {target.size} bytes, or its"
            " checksum differs)",
            key=key_of(did),
            hint="restore it from a copy; verify() says which keys are whole",
        )

    def unpacked(offsets: Offsets, mask: int, data: bytes) -> bool:
        block, inside, whole = _target(out, offsets, pipeline.chunk, start)
        if whole and block.flags.c_contiguous:
            return unpacks(mask, data, block.reshape(-1).view(np.uint8))
        chunk = np.empty(chunk_bytes, np.uint8)
        if not unpacks(mask, data, chunk):
            return False
        block[...] = chunk.view(out.dtype).reshape(pipeline.chunk)[inside]
        return True

    def jobs() -> Iterator[tuple[Offsets, int, bytes]]:
        fill = None
        for offsets in grid:
            if there is None or offsets in there:
                mask, data = did.read_direct_chunk(offsets)
                if meter is not None:
                    meter.add(len(data))
                yield offsets, mask, data
                continue
            if fill is None:
                fill = fill_of(did, out.dtype)
            _target(out, offsets, pipeline.chunk, start)[0][...] = fill

    return all(_all(unpacked, jobs(), threads=_many(out.nbytes, pipeline.chunk, out.itemsize)))


def fill_of(did: DatasetID, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """What elements of a dataset hold that nobody has written, as a 0-d array."""
    fill, plist = np.zeros((), dtype), did.get_create_plist()
    is_filled = plist.get_fill_time() != h5d.FILL_TIME_NEVER
    if is_filled and plist.fill_value_defined() != h5d.FILL_VALUE_UNDEFINED:
        plist.get_fill_value(fill)
    return fill


def _present(did: DatasetID) -> set[Offsets] | None:
    """The offsets of the chunks that are there; None if that is all of them."""
    shape, plist = did.shape, did.get_create_plist()
    chunk = plist.get_chunk()
    total = int(np.prod([-(-length // step) for length, step in zip(shape, chunk, strict=True)]))
    if did.get_num_chunks() >= total:
        return None
    return {offsets for offsets, _ in chunks_of(did, plist)}


def _target(
    out: np.ndarray[Any, Any], offsets: Offsets, chunk: Offsets, start: int
) -> tuple[np.ndarray[Any, Any], tuple[slice, ...], bool]:
    """The part of `out` that a chunk fills, which part of the chunk that is, and whether all."""
    base = (start, *[0] * (out.ndim - 1))
    where, inside = [], []
    for offset, length, origin, size in zip(offsets, chunk, base, out.shape, strict=True):
        first = max(offset, origin)
        last = min(offset + length, origin + size)
        where.append(slice(first - origin, last - origin))
        inside.append(slice(first - offset, last - offset))
    block = out[tuple(where)]
    return block, tuple(inside), block.shape == chunk
