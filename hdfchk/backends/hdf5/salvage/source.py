"""Opening a damaged file as its readers see it; of one that is cut short, what there is."""

from __future__ import annotations

import os
import re
import warnings
from typing import Any

from h5py import h5f

from ....errors import CorruptFileError, JournalMismatchWarning
from ....runtime.descriptors import Descriptor
from ....runtime.posix import open_regular, read_all, read_into, wait_lock_shared
from ..h5.errors import RAISED, explain_open
from ..h5.file_object import FileObject, open_on
from ..open_files import SnapshotFile

__all__ = ["DamagedFile"]

_CUT = re.compile(r"truncated file: eof = (\d+), sblock->base_addr = (\d+), stored_eof = (\d+)")


class CutFile(FileObject):
    """A file that lacks its end, under HDF5: what is not there cannot be read.

    Args:
        file: the open file.
        size: how long it should be.
    """

    def __init__(self, file: Descriptor, size: int) -> None:
        self._file = file
        self._size = size
        self._position = 0

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer.

        Raises:
            OSError: the file has not so many bytes.
        """
        view = memoryview(buffer).cast("B")
        if read_into(self._file.fd, view, self._position) < len(view):
            raise OSError("the file is cut short before these bytes")
        self._position += len(view)
        return len(view)


class DamagedFile:
    """A damaged file, open for reading, and locked against checkpoints.

    Args:
        path: the path: absolute, without symbolic links.
        lock_timeout: seconds to wait for a process that writes the file itself.

    Attributes:
        h5: the open `h5py.File`.
        journal: what is to be said of the journal beside it; empty if there is none.
        missing: how many bytes it lacks at its end.

    Raises:
        CorruptFileError: HDF5 cannot open it at all; the hint says what can be done.
    """

    def __init__(self, path: str, lock_timeout: float) -> None:
        self.journal = ""
        self.missing = 0
        self._held: SnapshotFile | None = None
        self._cut: Descriptor | None = None
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                self._held = SnapshotFile(path, lock_timeout=lock_timeout)
                self.h5 = self._held.h5
                if self._held.state is not None and self._held.state[1]:
                    self.journal = "the commits in the journal beside it are in the copy, too"
            except RAISED as error:
                cut = _CUT.search(str(error))
                if cut is None:
                    raise _explained(error, path) from error
                self._open_cut(path, lock_timeout, *map(int, cut.groups()))
        for warning in told:
            if issubclass(warning.category, JournalMismatchWarning):
                self.journal = f"the journal beside it was left out: {warning.message}"

    def read(self, address: int, length: int) -> bytes:
        """Bytes of the file, from an address of HDF5's; those that are not there are zeros."""
        start = address + int(self.h5.userblock_size)
        if self._held is not None:
            return self._held.read_bytes(start, length)
        assert self._cut is not None  # noqa: S101  it is one of both
        return read_all(self._cut.fd, length, start).ljust(length, b"\0")

    def _open_cut(self, path: str, timeout: float, size: int, base: int, end: int) -> None:
        file = self._cut = Descriptor(open_regular(path, os.O_RDONLY))
        wait_lock_shared(file.fd, path, timeout)
        self.missing = base + end - size
        try:
            self.h5 = open_on(CutFile(file, base + end), h5f.ACC_RDONLY)
        except RAISED as error:
            raise _explained(error, path) from error


def _explained(error: Exception, path: str) -> Exception:
    found = explain_open(error, path, writable=False)
    if isinstance(found, CorruptFileError) and "h5clear" not in (found.hint or ""):
        found.hint = (
            "nothing can be copied out of it, as its superblock, or its root group, is damaged, "
            "or it is not an HDF5 file: restore it from a copy"
        )
    return found
