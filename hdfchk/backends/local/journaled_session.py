"""A session whose commits survive: HDF5 on a journaled file."""

from __future__ import annotations

from typing import Any

import h5py
from h5py import h5f, h5fd

from .session import LocalSession
from .types import file_access, file_creation
from .writer import SnapshotReader, WriterFile

__all__ = ["JournaledSession", "SnapshotSession"]


def _open(file: Any, flags: int | None) -> Any:
    """HDF5 on a file object; no flags create a new file."""
    plist = file_access()
    plist.set_fileobj_driver(h5fd.fileobj_driver, file)
    name = repr(file).encode("ascii", "replace")
    if flags is None:
        return h5py.File(h5f.create(name, h5f.ACC_TRUNC, file_creation(), plist))
    return h5py.File(h5f.open(name, flags, plist))


class JournaledSession(LocalSession):
    """A session for writing a file by its path.

    Args:
        file: the journaled file; the session closes it.
        create: begin a new HDF5 file.
    """

    def __init__(self, file: WriterFile, *, create: bool) -> None:
        self._file = file
        self._is_new = create
        try:
            stream = _open(file, None if create else h5f.ACC_RDWR)
        except BaseException:
            file.close()
            raise
        super().__init__(stream, address=file.path, writable=True, owned=True)

    def commit(self) -> None:
        """Make what was written since the last commit one commit: a kill leaves it there."""
        self._stream.flush()
        self._file.commit()
        self._is_new = False

    def rollback(self) -> None:
        """Give up what was written since the last commit; open objects are closed."""
        self._discard()
        self._file.rollback()
        self._use(_open(self._file, None if self._is_new else h5f.ACC_RDWR))

    def flush(self) -> None:
        """Bring all commits to the disk, and into the file unless somebody reads it."""
        self._file.sync()
        self._file.apply()

    def _discard(self) -> None:
        """Close HDF5 on the file; what it writes on the way goes nowhere."""
        self._file.discarding = True
        try:
            self._stream.close()
        finally:
            self._file.discarding = False

    def close(self) -> None:
        """Commit, bring all commits into the file, and close."""
        if not self._stream:
            self._file.close()
            return
        try:
            # Closing writes the table of free space: it is a commit of its own.
            self._stream.close()
            self._file.commit()
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Leave the file to the parent process; the file object knows it by its process."""
        self._owned = False
        super().abandon()


class SnapshotSession(LocalSession):
    """A session that reads the last commit of a file whose journal is not applied yet."""

    def __init__(self, file: SnapshotReader, path: str) -> None:
        self._file = file
        super().__init__(_open(file, h5f.ACC_RDONLY), address=path, writable=False, owned=True)

    def close(self) -> None:
        """Close HDF5 and the files."""
        super().close()
        self._file.close()
