"""Parts of datasets: slices read and written, and growing."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5s, h5z
from h5py._hl.selections import select

from ...errors import HdfchkError
from ..base import ArrayInfo
from .chunked import read_packed, write_rows
from .damage import RAISED, unreadable
from .guard import CHECK_FROM, Guard
from .links import key_of
from .pipeline import PLUGINS, has_filters, own_pipeline
from .reading import plain_array, read_mark
from .types import PYTHON_STRINGS, numpy_dtype, type_for

__all__ = ["info", "read", "write", "write_run"]

PACKED_FROM = 2**19
"""Fewer bytes are left to HDF5, which keeps the last chunks that it has unpacked."""

_FILTERS = {
    h5z.FILTER_DEFLATE: "gzip",
    h5z.FILTER_LZF: "lzf",
    h5z.FILTER_SZIP: "szip",
    **PLUGINS,
}
_SERVICE = {h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}


def info(did: Any) -> ArrayInfo:
    """The outside of a dataset."""
    space = did.get_space()
    plist = did.get_create_plist()
    chunked = plist.get_layout() == h5d.CHUNKED
    filters = [plist.get_filter(index) for index in range(plist.get_nfilters())]
    names = [
        _FILTERS.get(item[0], f"filter {item[0]}") for item in filters if item[0] not in _SERVICE
    ]
    shape = tuple(space.shape or ())
    whole = space.get_simple_extent_type() == h5s.SIMPLE
    limits = space.get_simple_extent_dims(True) if whole else ()
    try:
        dtype = numpy_dtype(did.get_type())
    except HdfchkError as error:
        error.key = key_of(did)
        raise
    return ArrayInfo(
        shape=shape,
        dtype=np.dtype(dtype.str) if dtype.metadata and dtype.names is None else dtype,
        mark=read_mark(did),
        maxshape=tuple(None if limit == h5s.UNLIMITED else limit for limit in limits),
        chunks=plist.get_chunk() if chunked else None,
        compression=names[0] if names else None,
        offset=did.get_offset() if plist.get_layout() == h5d.CONTIGUOUS else None,
    )


def read(did: Any, index: Any, guard: Guard) -> np.ndarray[Any, Any]:
    """The elements at `index`, as h5py selects them.

    Raises:
        UnsafeFileError: they lie in another file, or need far more memory than the file has data.
        CorruptFileError: they can not be read.
    """
    dataset = h5py.Dataset(did)
    try:
        guard.inside(did)
        guard.begin()
        if dataset.nbytes > CHECK_FROM:
            guard.size(did, _selected_items(dataset, index) * dataset.dtype.itemsize)
        rows = _packed_rows(did, index)
        if rows is not None:
            return rows
        with guard.decoding(did):
            found = dataset[index]
    except HdfchkError:
        raise
    except (*RAISED, IndexError) as error:
        if isinstance(error, (TypeError, ValueError, IndexError)) and not _fits(dataset, index):
            raise  # the caller's mistake
        raise unreadable("the data", error, key_of(did)) from error
    if dataset.dtype.kind == "O" and not isinstance(found, np.ndarray):
        item = np.empty((), dataset.dtype)  # h5py gives a single item as bytes
        item[()] = found
        found = item
    return plain_array(np.asarray(found))


def _packed_rows(did: Any, index: Any) -> np.ndarray[Any, Any] | None:
    """Rows of a dataset whose chunks we unpack ourselves, if the index selects such and many."""
    shape = did.shape
    run = row_run(index, shape)
    if run is None or not has_filters(did.get_create_plist()):
        return None
    dtype = numpy_dtype(did.get_type())
    out_shape = (run[1] - run[0], *shape[1:])
    if math.prod(out_shape) * dtype.itemsize < PACKED_FROM:
        return None
    out = np.empty(out_shape, dtype)
    return plain_array(out) if read_packed(did, out, run[0], shape) else None


def row_run(index: Any, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The first row, and the one behind the last, if an index selects neighbouring whole rows."""
    if not shape:
        return None
    if index is Ellipsis:
        return 0, shape[0]
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) > len(shape) or not all(isinstance(part, slice) for part in parts):
        return None
    ranges = [part.indices(length) for part, length in zip(parts, shape, strict=False)]
    if any(span != (0, length, 1) for span, length in zip(ranges[1:], shape[1:], strict=False)):
        return None
    start, stop, step = ranges[0]
    return (start, stop) if step == 1 and stop >= start else None


def write_run(did: Any, rows: np.ndarray[Any, Any], start: int) -> None:
    """Write neighbouring rows; whole chunks whose filters are ours are packed in threads.

    Args:
        did: the dataset, which reaches as far.
        rows: of its stored dtype, or of one that HDF5 converts.
        start: the first of them.
    """
    tid = did.get_type()
    if rows.dtype.kind == "O":
        _write_part(did, rows, start, PYTHON_STRINGS)
        return
    pipeline = own_pipeline(did.get_create_plist(), tid.get_size()) if rows.size else None
    if pipeline is None or not type_for(rows.dtype).equal(tid):
        _write_part(did, rows, start, None)
        return
    step, end = pipeline.chunk[0], start + len(rows)
    first = min(end, -(-start // step) * step)  # where a chunk begins
    last = end if end == did.shape[0] else max(first, end // step * step)
    _write_part(did, rows[: first - start], start, tid)
    if last > first:
        write_rows(did, rows[first - start : last - start], first, pipeline)
    _write_part(did, rows[last - start :], last, tid)


def _write_part(did: Any, rows: np.ndarray[Any, Any], start: int, tid: Any) -> None:
    if rows.size:
        space = did.get_space()
        space.select_hyperslab((start,) + (0,) * (rows.ndim - 1), rows.shape)
        did.write(h5s.create_simple(rows.shape), space, np.ascontiguousarray(rows), tid)


def _selected_items(dataset: Any, index: Any) -> int:
    """How many items h5py selects with an index."""
    args = index if isinstance(index, tuple) else (index,)
    return int(select(dataset.shape, args, dataset).nselect)


def _fits(dataset: Any, index: Any) -> bool:
    try:
        _selected_items(dataset, index)
    except RAISED:
        return False
    return True


def write(did: Any, index: Any, data: np.ndarray[Any, Any], guard: Guard) -> None:
    """Write `data` to the elements at `index`, as h5py selects them.

    Raises:
        UnsafeFileError: they lie in another file.
    """
    guard.inside(did)
    run = row_run(index, did.shape)
    if run is not None and data.shape == (run[1] - run[0], *did.shape[1:]):
        write_run(did, data, run[0])
        return
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, (list, np.ndarray)) for part in parts):
        # h5py does not broadcast to lists and masks of rows.
        shape = np.broadcast_to(np.zeros((), np.bool), did.shape)[index].shape
        data = np.broadcast_to(data, shape)
    h5py.Dataset(did)[index] = data
