"""Memory maps: arrays as they are stored in the file, without reading them."""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from h5py import h5d, h5o

from ....errors import HdfchkError, LockedError, UnsupportedStoredError
from ....runtime.posix import open_file, try_lock_range
from ..h5.ids import DatasetID, PropDCID, RootID, TypeID
from ..h5.links import key_of
from ..h5.object_info import info_of
from ..h5.types import numpy_dtype, type_for, unmarked

__all__ = ["MAP_FROM", "Mapper", "is_mapped", "require_view"]

MAP_FROM = 2**16
"""When everything is requested, arrays of fewer bytes are read, not mapped."""


_MAPS_OFFSET = 2**61
"""A process that maps bytes of a file holds a shared lock on the bytes this far beyond them."""


def is_mapped(descriptor: int, start: int, length: int) -> bool:
    """Return whether any process, including this one, maps any of these bytes of an open file."""
    return not try_lock_range(descriptor, _MAPS_OFFSET + start, length, probe=True)


class Mapper:
    """Creates views of the arrays of one file; they share one map, which lives as long as they do.

    Args:
        path: the path of the file.
        descriptor: the open file.
        holds: ``holds(start, end)`` returns whether these bytes of the file itself are current:
            commits may still be in the journal.
        within: an object in the file; given if links may point out of it.
    """

    def __init__(
        self,
        path: str,
        descriptor: int,
        holds: Callable[[int, int], bool] = lambda start, end: True,
        within: RootID | None = None,
    ) -> None:
        self._path = path
        self._descriptor = descriptor
        self._holds = holds
        self._number = None if within is None else h5o.get_info(within).fileno
        self._map: mmap.mmap | None = None
        self._owner = -1

    def view(
        self, did: DatasetID, shape: tuple[int, ...], tid: TypeID
    ) -> np.ndarray[Any, Any] | None:
        """Return a read-only view of a large dataset, or None if it cannot be mapped."""
        if did.get_storage_size() < MAP_FROM:
            return None
        found = self.view_or_problem(did, shape, tid)
        return None if isinstance(found, str) else found

    def view_or_problem(
        self, did: DatasetID, shape: tuple[int, ...], tid: TypeID
    ) -> np.ndarray[Any, Any] | str:
        """Return a read-only view of a dataset, or why it cannot be mapped."""
        if self._number is not None and info_of(did).fileno != self._number:
            return "it is in another file, to which a link points"
        plist = did.get_create_plist()
        problem = _problem(plist, shape)
        if problem is not None:
            return problem
        try:
            dtype = numpy_dtype(tid)
            plain = unmarked(dtype)
            same = dtype.kind != "O" and dtype.subdtype is None and type_for(dtype).equal(tid)
        except HdfchkError as error:
            return error.problem
        if not same:
            return f"its elements ({dtype}) are not numbers or bytes of one width"
        start = did.get_offset()
        if start is None:
            return "nothing has been written to it yet"
        end = start + int(np.prod(shape)) * dtype.itemsize
        if os.fstat(self._descriptor).st_size < end or not self._holds(start, end):
            return "some of it is still in the journal"
        if self._map is None or len(self._map) < end:
            self._map = self._new_map()
        if self._map is None:
            return "another file has replaced its file"
        self._lock_range(start, end - start)
        return np.ndarray(shape, plain, self._map, start)

    def _lock_range(self, start: int, length: int) -> None:
        """Lock these bytes of the file against changes as long as the map lives.

        The lock belongs to the open file description, of which the map keeps a descriptor.
        """
        if not try_lock_range(self._owner, _MAPS_OFFSET + start, length, exclusive=False):
            raise LockedError(
                "the file is being changed", file=self._path, hint="try again, or index the array"
            )

    def _new_map(self) -> mmap.mmap | None:
        # Not with the present descriptor: the map duplicates it, and would keep HDF5's lock.
        descriptor = open_file(self._path, os.O_RDONLY)
        try:
            if not os.path.sameopenfile(descriptor, self._descriptor):
                return None
            made = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        except BaseException:
            os.close(descriptor)
            raise
        self._owner = descriptor
        # Views refer to the map, and not to this object: the descriptor is closed with the map.
        weakref.finalize(made, os.close, descriptor)
        return made


def _problem(plist: PropDCID, shape: tuple[int, ...]) -> str | None:
    layout = plist.get_layout()
    if layout == h5d.CHUNKED:
        if plist.get_nfilters():
            return "it is compressed, or has checksums, and is therefore chunked"
        return "it is resizable, or chunks were requested, and is therefore chunked"
    if layout == h5d.COMPACT:
        return "it is so small that it is compact: stored in its object header"
    if layout != h5d.CONTIGUOUS:
        return "it is a virtual dataset"
    if plist.get_external_count():
        return "its data are in another file"
    return None if 0 not in shape else "it has no elements"


def require_view(
    mapper: Mapper | None, did: DatasetID, problem: str | None
) -> np.ndarray[Any, Any]:
    """Return a read-only view of a dataset.

    Args:
        mapper: the mapper of the file; None if there is none.
        did: the dataset.
        problem: the reason why nothing in the file can be mapped, if any.

    Raises:
        UnsupportedStoredError: it cannot be mapped; the message says why, and what to do.
    """
    shape = did.get_space().shape
    if mapper is not None and shape is not None:
        found = mapper.view_or_problem(did, shape, did.get_type())
        if not isinstance(found, str):
            return found
        problem = found
    raise UnsupportedStoredError(
        f"the array cannot be mapped: {problem}",
        key=key_of(did),
        hint=_HINTS.get(str(problem), "index it, or read it by blocks()"),
    )


_HINTS = {
    "some of it is still in the journal": "call commit(), with no reader open; or index it",
    "it is compressed, or has checksums, and is therefore chunked": "index it, read it by blocks(),"
    " or write it again with put(key, array, compression=None, checksum=False)",
    "it is resizable, or chunks were requested, and is therefore chunked": "index it, read it by"
    " blocks(), or assign it again when it has its final length",
}
