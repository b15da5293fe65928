"""Chunks read and written without HDF5's filters: encoded and decoded here, in threads.

HDF5 holds a global lock even while it encodes and decodes. Here, only complete encoded chunks pass
through it (direct chunk reads and writes); the filters run outside of it, on all cores.
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
"""Threads are used for at least this many bytes, in at least two chunks."""

Offsets = tuple[int, ...]


def _grid(chunk: Offsets, shape: Offsets, first: int, end: int) -> Iterator[Offsets]:
    """Yield the offsets of all chunks with rows from `first` up to `end`, in order."""
    rows = range(first // chunk[0] * chunk[0], end, chunk[0])
    rest = [range(0, length, step) for length, step in zip(shape[1:], chunk[1:], strict=True)]
    return itertools.product(rows, *rest)


def _run_all(
    work: Callable[..., T], jobs: Iterator[tuple[Any, ...]], *, threads: bool
) -> Iterator[T]:
    """Yield the results of `work` for all jobs, in order; only a few jobs run at a time."""
    with ExitStack() as stack:
        pool = None
        if threads and THREADS > 1:
            pool = stack.enter_context(ThreadPoolExecutor(THREADS, "hdfchk-chunks"))
        waiting: deque[Future[T]] = deque()
        for job in jobs:
            if pool is not None:
                try:
                    waiting.append(pool.submit(work, *job))
                except RuntimeError:  # no thread can be started: use this one
                    pool = None
            if pool is None:
                while waiting:
                    yield waiting.popleft().result()
                yield work(*job)
            elif len(waiting) > 2 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _use_threads(nbytes: int, chunk: Offsets, itemsize: int) -> bool:
    return nbytes >= THREADS_FROM and nbytes >= 2 * itemsize * int(np.prod(chunk))


def write_rows(
    did: DatasetID,
    rows: np.ndarray[Any, Any],
    start: int,
    pipeline: Pipeline,
    meter: Meter | None = None,
) -> None:
    """Write rows that begin at a chunk boundary, and end at one or at the end of the dataset.

    Args:
        did: the dataset, which must already have these rows.
        rows: rows of the dataset's own dtype; they need not be contiguous.
        start: the index of the first row.
        pipeline: the filters of the dataset.
        meter: counts the bytes that are encoded.
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
        if block.shape != pipeline.chunk:  # at an edge: the rest has the fill value, for later rows
            whole = np.full(pipeline.chunk, fill, rows.dtype)
            whole[tuple(slice(length) for length in block.shape)] = block
            block = whole
        return offsets, pack(block, pipeline)

    chunk_bytes = rows.itemsize * int(np.prod(pipeline.chunk))
    jobs = ((offsets,) for offsets in _grid(pipeline.chunk, shape, start, shape[0]))
    threads = _use_threads(rows.nbytes, pipeline.chunk, rows.itemsize)
    left, fill = rows.nbytes, fill_of(did, rows.dtype)
    for offsets, data in _run_all(packed, jobs, threads=threads):
        did.write_direct_chunk(offsets, data)
        run_pending()  # a signal waits for at most one chunk
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
    """Read rows of a dataset, if its filters are implemented here.

    Args:
        did: the dataset.
        out: the array to fill; contiguous.
        start: the index of the first row.
        shape: the shape of the dataset.
        meter: counts the bytes of the file that are read.

    Returns:
        Whether it was done; if not, HDF5 must read the rows, or report the error.
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
    """Read rows of chunks that have not been checked yet, which checks them.

    Otherwise they would be decoded twice: once for the check, and once by HDF5.

    Args:
        did: the dataset.
        out: the array to fill; contiguous, and about the size of a chunk at most.
        start: the index of the first row.
        box: the selection.
        seen: the checked chunks; those that are read here are added.

    Returns:
        Whether it was done; if not, the guard must check the chunks, and HDF5 must read the rows.
    """
    plist = did.get_create_plist()
    places = places_of(plist.get_chunk(), [box])
    if may_be_misplaced(did):
        return False
    # HDF5 may have cached the decoded chunks that were checked before, unless decoded here.
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
    stored = _stored_offsets(did)
    chunk_bytes = out.itemsize * int(np.prod(pipeline.chunk))

    def unpacks(mask: int, data: bytes, target: np.ndarray[Any, Any]) -> bool:
        if unpack(mask, data, target, pipeline):
            return True
        if mask not in {0, pipeline.deflate_bit} or leaves_edges(did):
            return False
        # HDF5 must not try: it would inflate the chunk to its end, however long that is.
        raise CorruptFileError(
            f"the data cannot be read (a chunk does not decode to {target.size} bytes, or its"
            " checksum differs)",
            key=key_of(did),
            hint="restore it from a copy; verify() lists the intact keys",
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
            if stored is None or offsets in stored:
                mask, data = did.read_direct_chunk(offsets)
                if meter is not None:
                    meter.add(len(data))
                yield offsets, mask, data
                continue
            if fill is None:
                fill = fill_of(did, out.dtype)
            _target(out, offsets, pipeline.chunk, start)[0][...] = fill

    return all(
        _run_all(unpacked, jobs(), threads=_use_threads(out.nbytes, pipeline.chunk, out.itemsize))
    )


def fill_of(did: DatasetID, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return the value of elements that were never written, as a 0-d array."""
    fill, plist = np.zeros((), dtype), did.get_create_plist()
    is_filled = plist.get_fill_time() != h5d.FILL_TIME_NEVER
    if is_filled and plist.fill_value_defined() != h5d.FILL_VALUE_UNDEFINED:
        plist.get_fill_value(fill)
    return fill


def _stored_offsets(did: DatasetID) -> set[Offsets] | None:
    """Return the offsets of all stored chunks; None if all chunks are stored."""
    shape, plist = did.shape, did.get_create_plist()
    chunk = plist.get_chunk()
    total = int(np.prod([-(-length // step) for length, step in zip(shape, chunk, strict=True)]))
    if did.get_num_chunks() >= total:
        return None
    return {offsets for offsets, _ in chunks_of(did, plist)}


def _target(
    out: np.ndarray[Any, Any], offsets: Offsets, chunk: Offsets, start: int
) -> tuple[np.ndarray[Any, Any], tuple[slice, ...], bool]:
    """Return the part of `out` that a chunk fills, its place in the chunk, and if it is all."""
    base = (start, *[0] * (out.ndim - 1))
    where, inside = [], []
    for offset, length, origin, size in zip(offsets, chunk, base, out.shape, strict=True):
        first = max(offset, origin)
        last = min(offset + length, origin + size)
        where.append(slice(first - origin, last - origin))
        inside.append(slice(first - offset, last - offset))
    block = out[tuple(where)]
    return block, tuple(inside), block.shape == chunk
