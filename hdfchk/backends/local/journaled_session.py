"""Sessions on files that have a journal: of the one writer, and of readers beside it."""

from __future__ import annotations

import os
from typing import Any

import h5py
from h5py import h5f, h5fd

from ..options import Options
from ..undisturbed import undisturbed
from .mapping import Mapper
from .session import LocalSession
from .snapshot import FileInUse
from .types import file_access, file_creation
from .writer import NewFile, WriterFile, WriterLock

__all__ = ["JournaledSession", "ReaderSession"]


_NATIVE = file_access()
METADATA_CACHE = 2**18
"""HDF5 goes through its whole cache of metadata at each commit: a large one costs more than it
saves, as the system keeps the file in memory, too."""


def _open(file: Any, flags: int) -> Any:
    """HDF5 on a file object."""
    plist = file_access(metadata_cache=METADATA_CACHE)
    plist.set_fileobj_driver(h5fd.fileobj_driver, file)
    with undisturbed():
        return h5py.File(h5f.open(repr(file).encode("ascii", "replace"), flags, plist))


class JournaledSession(LocalSession):
    """A session for writing a file by its path.

    A new file is written by HDF5's own driver beside its place, where nobody can miss it, until
    its first commit. From then on, and where the file is there, all goes through the journal.

    Args:
        path: the path.
        options: how it is written and read.
        create: begin a new file in place of what is there.
        durable: bring commits to the disk.
        sync_interval: seconds that commits may wait for that.
        lock_timeout: seconds to wait for another writer.
    """

    def __init__(
        self,
        path: str,
        *,
        options: Options,
        create: bool,
        durable: bool,
        sync_interval: float,
        lock_timeout: float,
    ) -> None:
        path = os.path.realpath(path)
        self._durable = durable
        self._sync_interval = sync_interval
        self._new: NewFile | None = None
        self._file: WriterFile | None = None
        if not create:  # a file that can not be written gets no journal
            os.close(os.open(path, os.O_RDWR))
        self._lock = WriterLock(path, lock_timeout)
        try:
            stream = self._begin() if create else self._go_on()
            super().__init__(
                stream, address=path, writable=True, owned=True, options=options, calls_back=True
            )
        except BaseException:
            self._release()
            raise

    def _begin(self) -> Any:
        self._new = self._new or NewFile(self._lock, durable=self._durable)
        name = os.fsencode(self._new.beside)
        return h5py.File(h5f.create(name, h5f.ACC_TRUNC, file_creation(), file_access()))

    def _go_on(self) -> Any:
        self._file = self._file or WriterFile(
            self._lock, durable=self._durable, sync_interval=self._sync_interval
        )
        return _open(self._file, h5f.ACC_RDWR)

    def commit(self) -> None:
        """Make what was written since the last commit one commit: a kill leaves it there."""
        if self._new is not None:
            self._stream.close()
            self._new.appear()
            self._new = None
            self._use(self._go_on())
        elif self._file is not None:
            self._stream.flush()
            self._file.commit()

    def rollback(self) -> None:
        """Give up what was written since the last commit; open objects are closed."""
        if self._new is not None:
            self._stream.close()
            self._use(self._begin())
            return
        if self._file is not None:
            self._discard(self._file)
            self._file.rollback()
        self._use(self._go_on())

    def flush(self) -> None:
        """Bring all commits to the disk, and into the file unless somebody reads it."""
        if self._file is not None:
            self._file.sync()
            self._file.apply()

    def _mapper(self, *, wait: bool = False) -> Mapper | None:
        """Maps what lies in the file, and not in the journal any more."""
        if self._file is None:
            return None
        self._stream.flush()
        if wait and not self._file.is_applied:
            self.flush()
        return self._file.mapper(self._address)

    def _discard(self, file: WriterFile) -> None:
        """Close HDF5 on the file; what it writes on the way goes nowhere."""
        file.discarding = True
        try:
            self._stream.close()
        finally:
            file.discarding = False

    def close(self) -> None:
        """Bring all commits into the file, and close; what was not committed is given up."""
        try:
            if self._stream:
                # Closing writes the table of free space: it is a commit of its own.
                self._stream.close()
                if self._file is not None:
                    self._file.commit()
        finally:
            self._release()

    def _release(self) -> None:
        if self._new is not None:
            self._new.close()
        elif self._file is not None:
            self._file.close()
        else:
            self._lock.release()

    def abandon(self) -> None:
        """Leave the file to the parent process."""
        super().abandon()
        if self._file is not None:
            self._file.abandon()
        else:
            self._lock.abandon()


class ReaderSession(LocalSession):
    """A session that reads the last commit of a file, whoever writes it meanwhile.

    Args:
        path: the path.
        options: how it is read.
        lock_timeout: seconds to wait for a process that writes the file itself.
    """

    def __init__(self, path: str, *, options: Options, lock_timeout: float) -> None:
        self._held = FileInUse(path, lock_timeout)
        try:
            if self._held.snapshot is not None:
                stream = _open(self._held.snapshot, h5f.ACC_RDONLY)
            else:
                stream = h5py.File(h5f.open(os.fsencode(path), h5f.ACC_RDONLY, _NATIVE))
            super().__init__(
                stream,
                address=path,
                writable=False,
                owned=True,
                options=options,
                calls_back=self._held.snapshot is not None,
            )
        except BaseException:
            self._held.close()
            raise

    def _mapper(self, *, wait: bool = False) -> Mapper | None:
        """Maps what lies in the file, and not in the journal any more."""
        if self._held.snapshot is None:
            return super()._mapper()
        return self._held.snapshot.mapper(self._address)

    def close(self) -> None:
        """Close HDF5 and the files."""
        try:
            super().close()
        finally:
            self._held.close()

    def abandon(self) -> None:
        """Leave the file to the parent process."""
        super().abandon()
        self._held.abandon()
