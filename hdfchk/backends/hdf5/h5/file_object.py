"""HDF5 on file objects of ours (the ``fileobj`` driver of h5py), and what these have in common."""

from __future__ import annotations

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

__all__ = ["FileObject", "close_file", "create_in_memory", "create_on", "file_of", "open_on"]

METADATA_CACHE = 2**18
"""HDF5 goes through its whole cache of metadata at each commit of a log: a large one costs more
than it saves, as the system keeps the file in memory, too."""

GROWS_BY = 2**18
"""So many bytes more a file in memory gets each time that it is full."""


class FileObject:
    """A position and a length."""

    discarding = False
    """Whether what HDF5 writes goes nowhere: a state is given up, or the file is another
    process's."""
    _position: int
    _size: int

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        if whence == os.SEEK_SET:
            self._position = offset
        else:
            self._position = offset + (self._size if whence == os.SEEK_END else self._position)
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def write(self, data: Any) -> int:
        """Write at the position; a file that is only read has no such call."""
        raise io.UnsupportedOperation

    def truncate(self, size: int | None = None) -> int:
        """Set the length, likewise."""
        raise io.UnsupportedOperation

    def flush(self) -> None:
        """Nothing waits."""


def file_of(fid: FileID) -> h5py.File:
    """The `h5py.File` of a file that is open, without the look for it that its own way takes.

    Args:
        fid: HDF5's identifier of the file.
    """
    file = h5py.File.__new__(h5py.File)
    h5py.HLObject.__init__(file, fid)
    return file


def close_file(file: h5py.File) -> None:
    """Close an `h5py.File`, without h5py's look at all identifiers where nothing else is open.

    h5py goes through all that the process has, for those that HDF5 closes with the file. Where the
    file's own identifier is the last one, there are none.

    Args:
        file: the file.
    """
    fid = file.id
    with phil:  # no other thread opens an object of it meanwhile
        if fid.valid and h5i.get_ref(fid) == 1 and h5f.get_obj_count(fid, h5f.OBJ_ALL) == 1:
            fid._close()  # noqa: SLF001  its `close` goes through them all
            return
    file.close()


def open_on(file: FileObject, flags: int, *, has_own_cache: bool = False) -> h5py.File:
    """The `h5py.File` that is on a file object.

    Args:
        file: the file object, which stays open.
        flags: for reading, or for writing.
        has_own_cache: HDF5 decides how much of its metadata it keeps.
    """
    plist = _access(file, None if has_own_cache else METADATA_CACHE)
    with defer_interrupts():
        return file_of(h5f.open(_name(file), flags, plist))


def create_on(
    file: FileObject, creation: PropFCID | None = None, versions: tuple[int, int] | None = None
) -> h5py.File:
    """The `h5py.File` that begins a file object anew.

    Args:
        file: the file object, which stays open.
        creation: the creation properties, if not those of all our files.
        versions: the oldest and the newest version of HDF5 whose forms may be in it, if not those
            of all our files.
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
    """The `h5py.File` of a file that HDF5 makes in memory, and writes nowhere."""
    plist = file_access(metadata_cache=METADATA_CACHE)
    plist.set_fapl_core(GROWS_BY, False)
    plist.set_meta_block_size(0)  # as on a file object; what is left of a block would be lost
    plist.set_file_image(blank())
    return file_of(h5f.open(b"in memory", h5f.ACC_RDWR, plist))


def _access(file: FileObject, metadata_cache: int | None = None) -> PropFAID:
    plist = file_access(metadata_cache=metadata_cache)
    plist.set_fileobj_driver(h5fd.fileobj_driver, file)
    return plist


def _name(file: FileObject) -> bytes:
    return repr(file).encode("ascii", "replace")
