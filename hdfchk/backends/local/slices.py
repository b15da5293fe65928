"""Parts of datasets: slices read and written, and growing."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5z
from h5py._hl.selections import select

from ...errors import HdfchkError
from ..base import ArrayInfo
from .chunks import chunk_shape
from .damage import RAISED, unreadable
from .guard import CHECK_FROM, Guard
from .links import key_of
from .reading import plain_array, read_mark
from .types import numpy_dtype
from .writing import copy_attributes

__all__ = ["growable_copy", "info", "read", "resize", "write"]

COPY_BYTES = 16 * 2**20
_FILTERS = {h5z.FILTER_DEFLATE: "gzip", h5z.FILTER_LZF: "lzf", h5z.FILTER_SZIP: "szip"}
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
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, (list, np.ndarray)) for part in parts):
        # h5py does not broadcast to lists and masks of rows.
        shape = np.broadcast_to(np.zeros((), np.bool), did.shape)[index].shape
        data = np.broadcast_to(data, shape)
    h5py.Dataset(did)[index] = data


def resize(did: Any, rows: int) -> bool:
    """Set the length of the first axis; False if the dataset can not grow so."""
    space = did.get_space()
    limit = space.get_simple_extent_dims(True)[0]
    if did.get_create_plist().get_layout() != h5d.CHUNKED:
        return False
    if limit != h5s.UNLIMITED and rows > limit:
        return False
    did.set_extent((rows, *space.shape[1:]))
    return True


def growable_copy(root: Any, did: Any) -> Any:
    """A copy of a dataset, without a link, whose first axis has no limit."""
    space, tid = did.get_space(), did.get_type()
    shape = space.shape
    row = max(1, int(np.prod(shape[1:])) * tid.get_size())
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_obj_track_times(False)
    plist.set_chunk(chunk_shape((2**62, *shape[1:]), tid.get_size()))
    old = did.get_create_plist()
    if old.get_layout() == h5d.CHUNKED and any(
        old.get_filter(index)[0] == h5z.FILTER_FLETCHER32 for index in range(old.get_nfilters())
    ):
        plist.set_fletcher32()
    limits = (h5s.UNLIMITED, *shape[1:])
    new = h5d.create(root, None, tid, h5s.create_simple(shape, limits), plist)
    source, target = h5py.Dataset(did), h5py.Dataset(new)
    step = max(1, COPY_BYTES // row)
    for start in range(0, shape[0], step):
        target[start : start + step] = source[start : start + step]
    copy_attributes(did, new, ())
    return new
