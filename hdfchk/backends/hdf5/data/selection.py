"""Reading and writing of parts of datasets, by index; properties of datasets."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5s, h5t

from ....errors import HdfchkError, UnsupportedTypeError
from ....runtime.interrupts import BLOCK_BYTES, run_pending
from ...base import ArrayInfo
from ...indexing import Box, Picked, is_plain, picked
from ..h5.errors import RAISED, unless_damaged, unreadable
from ..h5.forms import axes_of, form_of_type, memory_of
from ..h5.ids import DatasetID, TypeID
from ..h5.links import key_of
from ..h5.marks import read_mark
from ..h5.object_info import FILTERED, info_of
from ..h5.types import numpy_dtype, unmarked
from ..h5.values import in_own_order, plain_array
from .blocks import blocks_of
from .filters import compression_of
from .inner_axes import Parts, parted
from .limits import CHECK_FROM, Guard
from .runs import read_run, row_run, write_run
from .streams import boxes_of

try:  # h5py's own, for exactly what h5py selects; it is private, and may be removed
    from h5py._hl.selections import select
except ImportError:
    from .own_selection import select

__all__ = ["info", "kept", "read", "write"]

KEEP_BYTES = 2**26
"""Overwritten elements of up to this size in bytes are kept in memory, to undo a failed write."""


def info(did: DatasetID) -> ArrayInfo:
    """Return the properties of a dataset."""
    space = did.get_space()
    plist = did.get_create_plist()
    chunked = plist.get_layout() == h5d.CHUNKED
    shape = tuple(space.shape or ())
    whole = space.get_simple_extent_type() == h5s.SIMPLE
    limits = space.get_simple_extent_dims(True) if whole else ()
    tid = did.get_type()
    try:
        dtype, inner = axes_of(numpy_dtype(tid))
        form = form_of_type(tid)
    except HdfchkError as error:
        error.key = key_of(did)
        raise
    return ArrayInfo(
        shape=(*shape, *inner),
        dtype=unmarked(dtype),
        mark=read_mark(did),
        maxshape=(*(None if limit == h5s.UNLIMITED else limit for limit in limits), *inner),
        chunks=(*plist.get_chunk(), *inner) if chunked else None,
        compression=compression_of(plist),
        form=form,
    )


def read(did: DatasetID, index: Any, guard: Guard, descriptor: int = -1) -> np.ndarray[Any, Any]:
    """Return the elements at `index`, as NumPy does.

    Args:
        did: the dataset.
        index: an index as in NumPy.
        guard: the limits for reading the file.
        descriptor: the file's descriptor, if HDF5 may be bypassed; otherwise -1.

    Raises:
        UnsafeFileError: they are in another file, or need far more memory than the file has data.
        CorruptFileError: they cannot be read.
    """
    guard.begin()
    try:
        if is_plain(index):
            rows = read_run(did, index, guard, descriptor)
            if rows is not None:
                return plain_array(rows)
            if did.get_type().get_class() != h5t.ARRAY:
                return plain_array(_selected(did, index, guard))
        return _picked(did, picked(index, _whole_shape(did)), guard, descriptor)
    except HdfchkError as error:
        error.key = error.key or key_of(did)
        raise
    except (*RAISED, IndexError) as error:
        if isinstance(error, (TypeError, ValueError, IndexError)):
            picked(index, _whole_shape(did))  # a mistake of the caller's: raises NumPy's error
        raise unreadable("the data", error, key_of(did)) from error


def _packed_chunks(did: DatasetID) -> tuple[int, ...] | None:
    """Return the chunk shape of a dataset, with the axes of its type; None without filters."""
    plist = did.get_create_plist()
    if plist.get_layout() != h5d.CHUNKED or not plist.get_nfilters():
        return None
    chunk: tuple[int, ...] = plist.get_chunk()
    return chunk + _whole_shape(did)[len(chunk) :]


def _whole_shape(did: DatasetID) -> tuple[int, ...]:
    """Return the shape of a dataset, with the axes of its type."""
    shape = did.shape or ()
    if did.get_type().get_class() != h5t.ARRAY:
        return shape
    return (*shape, *axes_of(did.dtype)[1])


def _picked(did: DatasetID, wanted: Picked, guard: Guard, descriptor: int) -> np.ndarray[Any, Any]:
    """Return the elements that an index selects, read box by box in the order of the file."""
    axes, itemsize = len(did.shape or ()), did.get_type().get_size()

    def read_box(box: Box) -> np.ndarray[Any, Any]:
        rows = read_run(did, box[:axes], guard, descriptor)
        found = _selected(did, box[:axes], guard) if rows is None else rows
        # With an ellipsis even a single element is an array.
        return np.asarray(plain_array(found)[((slice(None),) * axes + box[axes:]) + (Ellipsis,)])

    found: np.ndarray[Any, Any] | None = None
    for pick in wanted.boxes(itemsize, chunks=_packed_chunks(did)):
        rows = wanted.of_box(pick, read_box(pick.box))
        if len(rows) == wanted.count:
            return wanted.arranged(rows)
        if found is None:
            found = np.empty((wanted.count, *rows.shape[1:]), rows.dtype)
        found[pick.start : pick.stop] = rows
    if found is None:
        dtype = read_box(wanted.nothing).dtype
        found = np.empty((0, *wanted.lengths), dtype)
    return wanted.arranged(found)


def _parted(did: DatasetID, index: Any) -> Parts | None:
    """Split an index of a dataset whose type has axes; return None for other datasets."""
    if did.get_type().get_class() != h5t.ARRAY:
        return None
    shape = did.shape or ()
    return parted(index, (*shape, *axes_of(did.dtype)[1]), len(shape))


def _selected(did: DatasetID, index: Any, guard: Guard) -> np.ndarray[Any, Any]:
    dataset = h5py.Dataset(did)
    numpy_dtype(did.get_type())  # rejects types that are not values
    guard.inside(did)
    box, boxes = None, None
    if dataset.nbytes > CHECK_FROM or info_of(did).hdr.mesg.present & FILTERED:
        chosen = _selection(dataset, index)
        count = int(chosen.nselect)
        box = chosen.id.get_select_bounds() if count and dataset.shape else None
        boxes = boxes_of(chosen.id) if count else []
        guard.size(did, count * dataset.dtype.itemsize, box)
    with guard.decoding(did, boxes):
        return _read(dataset, index)


def _read(dataset: Any, index: Any) -> np.ndarray[Any, Any]:
    """Read with h5py; return an array of the dataset's dtype."""
    found = dataset[index]
    is_single = not isinstance(found, np.ndarray)
    if is_single or (dataset.dtype.kind == "O" and found.dtype.kind != "O"):
        # h5py returns a single item itself: a string without its padding zeros.
        item = np.empty((), dataset.dtype)
        item[()] = found
        return item
    return np.asarray(found)


def _selection(dataset: Any, index: Any) -> Any:
    """Return the elements that h5py selects with an index."""
    args = index if isinstance(index, tuple) else (index,)
    return select(dataset.shape, args, dataset)


def kept(did: DatasetID, index: Any, guard: Guard) -> np.ndarray[Any, Any] | None:
    """Return the elements at `index`, to restore them after an error; None if too many."""
    guard.inside(did)
    # The write rejects an invalid index, or a damaged chunk.
    return unless_damaged(lambda: _kept(did, index, guard), (IndexError,))


def _kept(did: DatasetID, index: Any, guard: Guard) -> np.ndarray[Any, Any] | None:
    wanted = picked(index, _whole_shape(did))
    if math.prod(wanted.shape) * did.dtype.base.itemsize > KEEP_BYTES:
        return None
    return in_own_order(_picked(did, wanted, guard, -1))


def write(did: DatasetID, index: Any, data: np.ndarray[Any, Any], guard: Guard) -> None:
    """Write `data` to the elements that NumPy would select with `index`.

    Raises:
        UnsafeFileError: they are in another file, or in chunks that would exhaust memory.
        CorruptFileError: the chunks that contain them cannot be read.
        UnsupportedTypeError: the shape of `data` does not fit, or an element would get several
            values.
    """
    guard.inside(did)
    wanted = None
    if not is_plain(index):
        wanted = picked(index, _whole_shape(did))
        wanted.require_single(data.shape, key_of(did))
    parts = _parted(did, index)
    if parts is not None:
        _write_parts(did, parts, data, guard)
        return
    run = row_run(index, did.shape)
    if run is not None and data.shape == (run[1] - run[0], *did.shape[1:]):
        write_run(did, data, run[0], guard)
        return
    if wanted is None or _is_whole_mask(index, did.shape):
        try:
            with _unpacking(did, index, guard):
                _write(did, index, data)
        except (TypeError, ValueError, IndexError):
            picked(index, did.shape or ())  # a mistake of the caller's: raises NumPy's error
            raise
        return
    data = _laid_out(did, data, wanted.shape)
    left = data.size
    for pick in wanted.boxes(did.get_type().get_size(), exact=True):
        rows = wanted.to_box(pick, wanted.taken(data, pick))
        with _unpacking(did, pick.box, guard):
            _write(did, pick.box, rows)
        left -= rows.size
        if left > 0:
            run_pending()


def _is_whole_mask(index: Any, shape: tuple[int, ...]) -> bool:
    """Whether an index is a mask of the whole array, which HDF5 can select directly."""
    return isinstance(index, np.ndarray) and index.dtype.kind == "b" and index.shape == shape


def _unpacking(did: DatasetID, index: Any, guard: Guard) -> AbstractContextManager[None]:
    """Return a context in which HDF5 may have to decode the chunks of some elements."""
    if not info_of(did).hdr.mesg.present & FILTERED or not did.shape:
        return nullcontext()
    try:
        boxes = boxes_of(_selection(h5py.Dataset(did), index).id)
    except RAISED:
        return nullcontext()  # a mistake of the caller's, which the write reports
    return nullcontext() if boxes is None else guard.unpacking(did, boxes)


def _write(did: DatasetID, index: Any, data: np.ndarray[Any, Any]) -> None:
    parts = index if isinstance(index, tuple) else (index,)
    memory = memory_of(did, data)
    dataset = h5py.Dataset(did)
    if memory is None and any(isinstance(part, (list, np.ndarray)) for part in parts):
        # h5py does not broadcast to lists and masks of rows.
        shape = np.broadcast_to(np.zeros((), np.bool), did.shape)[index].shape
        data = np.broadcast_to(data, shape)
    box = _box(parts, did.shape)
    shape = () if box is None else tuple(map(len, box))
    left = math.prod(shape)
    is_large = left * data.itemsize > BLOCK_BYTES
    if box is None or not (is_large and _broadcasts(data.shape, shape)):
        _write_selected(dataset, index, data, memory)
        return
    data = np.broadcast_to(data, shape)
    for where in blocks_of(shape, data.itemsize):
        ranges = [of[part] for of, part in zip(box, where, strict=True)]
        block = tuple(slice(of.start, of.stop, of.step) for of in ranges)
        _write_selected(dataset, block, data[where], memory)
        left -= data[where].size
        if left:
            run_pending()


def _write_selected(
    dataset: Any,
    index: Any,
    data: np.ndarray[Any, Any],
    memory: TypeID | None,
    inner: tuple[int, ...] = (),
) -> None:
    """Write the elements that h5py selects with an index.

    Args:
        dataset: the dataset.
        index: the index.
        data: the data to write.
        memory: their HDF5 type; None for numbers, for which h5py has its own rules.
        inner: the axes of an array type.
    """
    if memory is None:
        try:
            dataset[index] = data
        except TypeError as error:
            chosen = _selection(dataset, index)  # an invalid index has its own error
            raise _misfit(dataset.id, data.shape, chosen.array_shape) from error
        return
    chosen = _selection(dataset, index)
    block = _laid_out(dataset.id, data, (*chosen.array_shape, *inner))
    if block.size:
        space = chosen.id if dataset.shape else h5s.ALL
        within = h5s.create_simple(chosen.mshape) if dataset.shape else h5s.ALL
        dataset.id.write(within, space, np.ascontiguousarray(block), memory)


def _laid_out(did: DatasetID, data: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Any:
    """Broadcast data to a shape; surplus leading axes of length 1 are dropped."""
    given = data.shape
    while data.ndim > len(shape) and data.shape[0] == 1:
        data = data[0] if data.ndim > 1 else data.reshape(())
    try:
        return np.broadcast_to(data, shape)
    except ValueError as error:
        raise _misfit(did, given, shape) from error


def _misfit(did: DatasetID, given: Any, shape: Any) -> UnsupportedTypeError:
    return UnsupportedTypeError(
        f"elements of shape {tuple(given)} do not fit the {tuple(shape)} that are selected",
        key=key_of(did),
        hint="give one element, or as many as are selected",
    )


def _write_parts(did: DatasetID, parts: Parts, data: np.ndarray[Any, Any], guard: Guard) -> None:
    """Write elements of a dataset with an array type, some of whose axes belong to the type."""
    dataset, memory, inner = h5py.Dataset(did), memory_of(did, data), axes_of(did.dtype)[1]
    if not parts.is_box:  # some of the elements that HDF5 writes must not change
        block = in_own_order(_selected(did, parts.stored, guard))
        block[(*parts.picked, Ellipsis)] = _laid_out(did, data, parts.shape)
        with _unpacking(did, parts.stored, guard):
            _write_selected(dataset, parts.stored, block, memory, inner)
        return
    ranges = [range(part.start, part.stop, part.step or 1) for part in parts.stored]
    axes = tuple(map(len, ranges))
    # Restore the axes of length 1 that integers have removed.
    laid = _laid_out(did, data, parts.shape)
    whole = laid[tuple(p if isinstance(p, slice) else np.newaxis for p in parts.picked)]
    left = whole.size
    with _unpacking(did, parts.stored, guard):
        if not ranges:
            _write_selected(dataset, (), whole, memory, inner)
        elif left:
            for part in blocks_of(axes, data.itemsize * math.prod(inner)):
                found = [of[which] for of, which in zip(ranges, part, strict=True)]
                where = tuple(slice(of.start, of.stop, of.step) for of in found)
                _write_selected(dataset, where, whole[part], memory, inner)
                left -= whole[part].size
                if left:
                    run_pending()


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of a shape with axes broadcasts to another shape, as in NumPy."""
    last = to[len(to) - len(shape) :]
    return 0 < len(shape) <= len(to) and all(map(lambda n, m: n in {1, m}, shape, last))


def _box(parts: tuple[Any, ...], shape: tuple[int, ...]) -> list[range] | None:
    """Return the range that an index of slices selects in each axis; None for another index."""
    if not shape or len(parts) > len(shape) or not all(isinstance(part, slice) for part in parts):
        return None
    whole = [slice(None)] * (len(shape) - len(parts))
    box = [range(*part.indices(size)) for part, size in zip([*parts, *whole], shape, strict=True)]
    return box if all(of.step > 0 for of in box) else None
