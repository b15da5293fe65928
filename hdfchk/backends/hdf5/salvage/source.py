"""Opening a damaged file as readers see it; of a truncated file, the part that exists."""

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

_TRUNCATED = re.compile(
    r"truncated file: eof = (\d+), sblock->base_addr = (\d+), stored_eof = (\d+)"
)


class TruncatedFile(FileObject):
    """The file object under HDF5 for a truncated file: missing bytes cannot be read.

    Args:
        file: the open file.
        size: the length that it should have.
    """

    def __init__(self, file: Descriptor, size: int) -> None:
        self._file = file
        self._size = size
        self._position = 0

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer.

        Raises:
            OSError: the file is too short.
        """
        view = memoryview(buffer).cast("B")
        if read_into(self._file.fd, view, self._position) < len(view):
            raise OSError("the file is truncated before these bytes")
        self._position += len(view)
        return len(view)


class DamagedFile:
    """A damaged file, open for reading, and locked against checkpoints.

    Args:
        path: the path: absolute, without symbolic links.
        lock_timeout: seconds to wait for a process that writes the file itself.

    Attributes:
        h5: the open `h5py.File`.
        journal: a message about its journal; empty if there is none.
        missing: the number of bytes that are missing at its end.

    Raises:
        CorruptFileError: HDF5 cannot open it; the hint says what can be done.
    """

    def __init__(self, path: str, lock_timeout: float) -> None:
        self.journal: str = ""
        self.missing: int = 0
        self._snapshot: SnapshotFile | None = None
        self._truncated: Descriptor | None = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self._snapshot = SnapshotFile(path, lock_timeout=lock_timeout)
                self.h5: Any = self._snapshot.h5
                if self._snapshot.state is not None and self._snapshot.state[1]:
                    self.journal = "the copy includes the commits in its journal"
            except RAISED as error:
                match = _TRUNCATED.search(str(error))
                if match is None:
                    raise _explained(error, path) from error
                self._open_truncated(path, lock_timeout, *map(int, match.groups()))
        for warning in caught:
            if issubclass(warning.category, JournalMismatchWarning):
                self.journal = f"its journal was ignored: {warning.message}"

    def read(self, address: int, length: int) -> bytes:
        """Return bytes of the file, from an address of HDF5's; zeros beyond its end."""
        start = address + int(self.h5.userblock_size)
        if self._snapshot is not None:
            return self._snapshot.read_bytes(start, length)
        assert self._truncated is not None  # noqa: S101  one of them is open
        return read_all(self._truncated.fd, length, start).ljust(length, b"\0")

    def _open_truncated(self, path: str, timeout: float, size: int, base: int, end: int) -> None:
        file = self._truncated = Descriptor(open_regular(path, os.O_RDONLY))
        wait_lock_shared(file.fd, path, timeout)
        self.missing = base + end - size
        try:
            self.h5 = open_on(TruncatedFile(file, base + end), h5f.ACC_RDONLY)
        except RAISED as error:
            raise _explained(error, path) from error


def _explained(error: Exception, path: str) -> Exception:
    found = explain_open(error, path, writable=False)
    if isinstance(found, CorruptFileError) and "h5clear" not in (found.hint or ""):
        found.hint = (
            "nothing can be copied out of it, because its superblock or its root group is damaged, "
            "or it is not an HDF5 file: restore it from a copy"
        )
    return found
