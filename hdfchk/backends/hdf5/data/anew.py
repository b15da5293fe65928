"""Datasets that are recreated in another file, where HDF5's own copy is not suitable.

HDF5's copy does not convert references, which are addresses in the old file, and keeps a layout
that only newer versions of HDF5 can read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np
from h5py import h5d, h5s

from ....errors import UnsupportedStoredError
from ..h5.errors import RAISED
from ..h5.ids import DatasetID, GroupID, ObjInfo, PropDCID, SpaceID, TypeID
from ..h5.links import key_of
from ..h5.object_info import FILTERED, is_open_elsewhere
from ..h5.portable_types import portable_type
from ..h5.types import has_variable, unshared
from ..h5.values import in_own_order, memory_type, raw_type, same_items
from .blocks import blocks_of
from .chunk_index import chunks_of
from .filters import require_plugin
from .limits import Guard

__all__ = ["Part", "copy_parts", "is_copied_by_hdf5", "make_anew", "stored_parts"]

Change = Callable[[np.ndarray[Any, Any], TypeID], None]


def is_copied_by_hdf5(did: DatasetID, tid: TypeID, info: ObjInfo) -> bool:
    """Whether HDF5 (2.0 and before) copies a dataset completely, within its buffers.

    It may write beyond its buffers when it encodes chunks again. Of a variable-length fill value
    it copies only the location in the old file.
    """
    filtered = bool(info.hdr.mesg.present & FILTERED)
    if not has_variable(tid):
        return not (filtered and is_open_elsewhere(did))
    if filtered:
        return False
    return bool(did.get_create_plist().fill_value_defined() != h5d.FILL_VALUE_USER_DEFINED)


def make_anew(
    old: DatasetID, parent: GroupID, name: bytes, named: TypeID | None = None, *, portable: bool
) -> DatasetID:
    """Create a dataset like another: its type, shape and layout, but no data and attributes.

    Args:
        old: the other dataset.
        parent: the group for the new one.
        name: its name there.
        named: the named type in its file that it uses, if any.
        portable: HDF5 1.8 must be able to read it.

    Raises:
        UnsupportedStoredError: it cannot be created.
    """
    tid, plist = old.get_type(), old.get_create_plist()
    for index in range(plist.get_nfilters()):
        require_plugin(plist.get_filter(index)[0])
    try:
        if named is None:
            named = portable_type(tid) if portable else unshared(tid)
        if portable:
            _reset_version(plist)
        return h5d.create(parent, name, named, unshared(old.get_space()), plist)
    except UnsupportedStoredError as error:
        error.key, error.hint = key_of(old), "the file is unchanged"
        raise
    except RAISED as error:
        where = " for HDF5 1.8" if portable else ""
        raise _refusal(old, f"it cannot be recreated{where}", error) from error


def _refusal(old: DatasetID, what: str, error: Exception) -> UnsupportedStoredError:
    return UnsupportedStoredError(
        f"{what} ({error})",
        key=key_of(old),
        hint="the file is unchanged; h5repack may be able to do it",
    )


def _reset_version(plist: PropDCID) -> None:
    """Reset the version of the layout message, which the creation properties include."""
    layout = plist.get_layout()
    if layout == h5d.CHUNKED:
        plist.set_chunk(plist.get_chunk())
    else:
        plist.set_layout(layout)


@attrs.frozen
class Part:
    """A part of a dataset that the file stores.

    Args:
        start: the index of its first element.
        shape: its length in each axis.
    """

    start: tuple[int, ...]
    shape: tuple[int, ...]

    def read(self, did: DatasetID) -> np.ndarray[Any, Any]:
        """Return its elements: of fixed size as unconverted bytes, others as h5py reads them."""
        tid = did.get_type()
        if has_variable(tid):
            data = np.zeros(self.shape, did.dtype)
            memory = memory_type(did.dtype)
        else:
            data, memory = np.zeros(self.shape, f"V{tid.get_size()}"), raw_type(tid)
        did.read(*self._spaces(did), data, memory)
        return in_own_order(data)

    def write(self, did: DatasetID, data: np.ndarray[Any, Any]) -> None:
        """Write the result of `read`, from a dataset of the same type."""
        tid = did.get_type()
        memory = memory_type(did.dtype) if has_variable(tid) else raw_type(tid)
        did.write(*self._spaces(did), data, memory)

    def _spaces(self, did: DatasetID) -> tuple[SpaceID | int, SpaceID | int]:
        if not self.shape:
            return h5s.ALL, h5s.ALL
        space = did.get_space()
        space.select_hyperslab(self.start, self.shape)
        return h5s.create_simple(self.shape), space


def stored_parts(did: DatasetID) -> Iterator[Part]:
    """Yield the parts of a dataset that its file stores: chunks, or blocks."""
    plist = did.get_create_plist()
    layout, shape = plist.get_layout(), did.shape
    if shape is None or 0 in shape or layout == h5d.VIRTUAL:
        return
    if layout == h5d.CHUNKED:
        for start, _ in chunks_of(did, plist):
            yield _inside(did, plist.get_chunk(), start)
    elif layout == h5d.CONTIGUOUS and not did.get_storage_size():
        return
    elif not shape:
        yield Part((), ())
    else:
        for where in blocks_of(shape, did.get_type().get_size()):
            starts = tuple(part.start for part in where)
            yield Part(starts, tuple(part.stop - part.start for part in where))


def _inside(did: DatasetID, chunk: tuple[int, ...], start: tuple[int, ...]) -> Part:
    """Return the part of a chunk that is inside the dataset."""
    lengths = zip(start, chunk, did.shape, strict=True)
    return Part(start, tuple(min(length, end - at) for at, length, end in lengths))


def copy_parts(old: DatasetID, new: DatasetID, guard: Guard, change: Change | None = None) -> None:
    """Copy the data of one dataset to another.

    Args:
        old: the dataset to read.
        new: the dataset to write, created by `make_anew`.
        guard: the limits for reading the file of `old`.
        change: called with the elements of each part, and their type; it may change them.

    Raises:
        UnsupportedStoredError: the data cannot be read, or written, here.
        CorruptFileError, UnsafeFileError: the data cannot be read.
    """
    is_moved = change is None and not has_variable(old.get_type())
    with guard.unpacking(old):
        if is_moved and old.get_create_plist().get_layout() == h5d.CHUNKED:
            _copy_chunks(old, new)
            return
        for part in stored_parts(old):
            data = part.read(old)
            if change is not None:
                change(data, old.get_type())
            try:
                part.write(new, data)
            except RAISED as error:
                raise _refusal(old, "it cannot be rewritten", error) from error


def _copy_chunks(old: DatasetID, new: DatasetID) -> None:
    """Copy the chunks of a dataset in their compressed form."""
    plist = old.get_create_plist()
    chunk, filtered = plist.get_chunk(), bool(plist.get_nfilters())
    for start, _ in chunks_of(old, plist):
        mask, data = old.read_direct_chunk(start)
        new.write_direct_chunk(start, data, mask)
        part = _inside(old, chunk, start)
        # Since 1.10 a dataset may leave chunks that extend beyond its end unfiltered. Nothing that
        # h5py exposes records that.
        if filtered and math.prod(part.shape) < math.prod(chunk) and not _same(old, new, part):
            raise UnsupportedStoredError(
                "its partial edge chunks are not filtered, which HDF5 1.8 cannot read",
                key=key_of(old),
                hint="the file is unchanged",
            )


def _same(old: DatasetID, new: DatasetID, part: Part) -> bool:
    try:
        return same_items(part.read(old), part.read(new))
    except RAISED:
        return False
