"""HDF5 on file objects (the ``fileobj`` driver of h5py), and their common base class."""

from __future__ import annotations

import copy
import io
import os
from typing import Any

import h5py
from h5py import h5f, h5fd, h5i
from h5py._objects import phil

from ....runtime.interrupts import defer_interrupts
from .ids import FileID, PropFAID, PropFCID
from .timeless import blank
from .types import file_access, file_creation

__all__ = [
    "FileObject",
    "close_file",
    "create_in_memory",
    "create_on",
    "file_of",
    "open_on",
    "without_frames",
]

METADATA_CACHE = 2**18
"""The size in bytes. HDF5 iterates over its whole metadata cache at each commit of a log: a large
cache costs more than it saves, as the system caches the file, too."""

GROWS_BY = 2**18
"""The number of bytes by which a file in memory grows when it is full."""


class FileObject:
    """The common base class: a position and a length."""

    discarding = False
    """Whether writes from HDF5 are discarded: before a rollback, or because the file belongs to
    another process."""
    error: Exception | None = None
    """The first error of a callback, for the call that caused it."""
    _position: int
    _size: int

    def keep_error(self, error: Exception) -> None:
        """Keep the error of a callback, unless there is one."""
        if self.error is None:
            self.error = without_frames(error)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        if whence == os.SEEK_SET:
            self._position = offset
        else:
            self._position = offset + (self._size if whence == os.SEEK_END else self._position)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def write(self, data: Any) -> int:
        """Write at the position; not supported by a file object for reading."""
        raise io.UnsupportedOperation

    def truncate(self, size: int | None = None) -> int:
        """Set the length; not supported by a file object for reading."""
        raise io.UnsupportedOperation

    def flush(self) -> None:
        """Do nothing: there is no buffer."""


def without_frames(error: Exception) -> Exception:
    """Return a copy of an error, without its traceback.

    Frames refer to HDF5 objects, and these to the file object, unseen by the garbage collector: a
    file object that keeps an error with frames is never freed. HDF5 would close it after Python was
    finalized, and a signal would end the process.

    Args:
        error: an error that has been caught.
    """
    try:
        return copy.copy(error)
    except Exception:  # the class, from another library, cannot be copied
        error.__context__ = error.__cause__ = None
        return error.with_traceback(None)


def file_of(fid: FileID) -> h5py.File:
    """Return the `h5py.File` of an open file, faster than h5py's constructor.

    Args:
        fid: the identifier of the file.
    """
    file = h5py.File.__new__(h5py.File)
    h5py.HLObject.__init__(file, fid)
    return file


def close_file(file: h5py.File) -> None:
    """Close an `h5py.File`; do not search all identifiers if nothing else is open in it.

    h5py searches all identifiers of the process for those that HDF5 closes with the file. If the
    file's own identifier is the last one, there are none.

    Args:
        file: the file.
    """
    fid = file.id
    with phil:  # no other thread can open an object of the file meanwhile
        if fid.valid and h5i.get_ref(fid) == 1 and h5f.get_obj_count(fid, h5f.OBJ_ALL) == 1:
            fid._close()  # noqa: SLF001  its `close` searches all identifiers
            return
    file.close()


def open_on(file: FileObject, flags: int, *, has_own_cache: bool = False) -> h5py.File:
    """Return an `h5py.File` opened on a file object.

    Args:
        file: the file object, which stays open.
        flags: h5f.ACC_RDONLY or h5f.ACC_RDWR.
        has_own_cache: use HDF5's default size of the metadata cache.
    """
    plist = _access(file, None if has_own_cache else METADATA_CACHE)
    with defer_interrupts():
        return file_of(h5f.open(_name(file), flags, plist))


def create_on(
    file: FileObject, creation: PropFCID | None = None, versions: tuple[int, int] | None = None
) -> h5py.File:
    """Return an `h5py.File` created on a file object.

    Args:
        file: the file object, which stays open.
        creation: the creation properties, if not the default ones of hdfchk.
        versions: the lowest and highest version of HDF5's format, if not the default ones of
            hdfchk.
    """
    if creation is None and versions is None:
        with defer_interrupts():
            file.truncate(0)
            file.seek(0)
            file.write(blank())
        return open_on(file, h5f.ACC_RDWR)
    plist = _access(file)
    if versions is not None:
        plist.set_libver_bounds(*versions)
    with defer_interrupts():
        return file_of(h5f.create(_name(file), h5f.ACC_TRUNC, creation or file_creation(), plist))


def create_in_memory() -> h5py.File:
    """Return an `h5py.File` that exists only in memory."""
    plist = file_access(metadata_cache=METADATA_CACHE)
    plist.set_fapl_core(GROWS_BY, False)
    plist.set_meta_block_size(0)  # as on a file object; the rest of a block would be lost
    plist.set_file_image(blank())
    return file_of(h5f.open(b"in memory", h5f.ACC_RDWR, plist))


def _access(file: FileObject, metadata_cache: int | None = None) -> PropFAID:
    plist = file_access(metadata_cache=metadata_cache)
    plist.set_fileobj_driver(h5fd.fileobj_driver, file)
    return plist


def _name(file: FileObject) -> bytes:
    return repr(file).encode("ascii", "replace")
