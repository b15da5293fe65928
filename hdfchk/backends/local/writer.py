"""Opening a file to write it through its journal, and its committed state to read it.

The lock of the one writer is `flock` on the journal. Readers, of any HDF5 library, hold a shared
`flock` on the file itself; the journal is applied only while nobody does.
"""

from __future__ import annotations

import fcntl
import os
import time

from ...errors import LockedError
from .journal import Journal, Snapshot, holder, scan
from .journaled_file import JournaledFile, SnapshotFile

__all__ = ["WriterFile", "journal_of", "open_snapshot"]

RETRY_SECONDS = 0.02


def journal_of(path: str) -> str:
    """The name of a file's journal."""
    return f"{path}-journal"


def sync_folder(path: str) -> None:
    """Bring the names in the folder of `path` to the disk."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock_journal(path: str, timeout: float) -> int:
    """Open and lock the journal of a file; a lock left by a dead process is none."""
    name = journal_of(path)
    end = time.monotonic() + timeout
    while True:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, name):
                return descriptor
            os.close(descriptor)  # its owner has just removed it: make another
        except BlockingIOError as error:
            who = holder(descriptor)
            os.close(descriptor)
            if time.monotonic() > end:
                raise LockedError(
                    f"the file is being written by {who}",
                    file=path,
                    hint="wait for it, or raise lock_timeout",
                ) from error
            time.sleep(RETRY_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise


def _is_at(descriptor: int, name: str) -> bool:
    try:
        there = os.stat(name)
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)


class WriterFile(JournaledFile):
    """A file by its path, open for writing.

    Args:
        path: the path.
        create: begin a new file. It appears, whole, with its first commit; an old one stays until
            then.
        durable: bring commits to the disk.
        sync_interval: seconds that commits may wait for that.
        lock_timeout: seconds to wait for another writer.
    """

    def __init__(
        self,
        path: str,
        *,
        create: bool,
        durable: bool = True,
        sync_interval: float = 1.0,
        lock_timeout: float = 10.0,
    ) -> None:
        self.path = os.path.realpath(path)
        self._beside: str | None = f"{self.path}-new" if create else None
        flags = os.O_RDWR | (os.O_CREAT | os.O_TRUNC if create else 0)
        if not create:  # a file that can not be written gets no journal
            os.close(os.open(self.path, os.O_RDWR))
        lock = _lock_journal(self.path, lock_timeout)
        self._lock_descriptor: int | None = lock
        self._journal_is_named = False
        descriptor = -1
        try:
            descriptor = os.open(self._beside or self.path, flags, 0o666)
            _lock_shared(descriptor, self.path, lock_timeout)
            journal = Journal(lock)
            if not create:
                recover(descriptor, lock, durable=durable)
            journal.begin()
            super().__init__(descriptor, journal, durable=durable, sync_interval=sync_interval)
        except BaseException:
            if descriptor >= 0:
                os.close(descriptor)
            self._unlock()
            raise

    def _sync_journal(self) -> None:
        super()._sync_journal()
        if not self._journal_is_named:  # a file that is not in its folder is on no disk
            sync_folder(self.path)
            self._journal_is_named = True

    def commit(self) -> None:
        """As for any journaled file; a new one appears with its first commit."""
        super().commit()
        if self._beside is not None and os.getpid() == self._process:
            self.apply()
            os.replace(self._beside, self.path)
            self._beside = None
            if self.durable:
                sync_folder(self.path)

    def close(self) -> None:
        """Apply all commits, remove the journal, and close. Closing twice is allowed."""
        if self._lock_descriptor is None:
            return
        try:
            if os.getpid() == self._process:
                self.rollback()
                if self._beside is not None:
                    os.unlink(self._beside)
                    os.unlink(journal_of(self.path))
                elif not self._pages or self.apply(last=True):
                    os.unlink(journal_of(self.path))
                    if self.durable:  # or an old journal could come back under a newer file
                        sync_folder(self.path)
        finally:
            os.close(self._descriptor)
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def _unlock(self) -> None:
        if self._lock_descriptor is not None:
            if scan(self._lock_descriptor).size is None:
                os.unlink(journal_of(self.path))
            os.close(self._lock_descriptor)
            self._lock_descriptor = None


def recover(descriptor: int, journal: int, *, durable: bool) -> bool:
    """Bring what a journal holds into its file; being killed here, it is done again."""
    found = scan(journal)
    if found.size is None:
        return False
    file = JournaledFile(descriptor, Journal(journal), durable=durable)
    file.adopt(found)
    if not file.apply():
        raise LockedError(
            "commits of a writer that was killed wait for readers of the file to end",
            hint="close the readers",
        )
    return True


class SnapshotReader(SnapshotFile):
    """A snapshot that owns its descriptors."""

    def __init__(self, descriptor: int, journal: int, found: Snapshot) -> None:
        self._owned: tuple[int, ...] = (descriptor, journal)
        super().__init__(descriptor, Journal(journal), found)

    def close(self) -> None:
        """Close both files."""
        for descriptor in self._owned:
            os.close(descriptor)
        self._owned = ()


def open_snapshot(path: str, timeout: float) -> SnapshotReader | None:
    """The last committed state of a file, if it is not the file alone.

    The shared lock on the file, which the snapshot holds until it is closed, keeps the journal from
    being applied: what it says of the file stays true.
    """
    if not os.path.exists(journal_of(path)):
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _lock_shared(descriptor, path, timeout)
        journal = os.open(journal_of(path), os.O_RDONLY)
    except FileNotFoundError:  # its writer has just removed it: the file stands alone
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    found = scan(journal)
    if found.size is None:
        os.close(descriptor)
        os.close(journal)
        return None
    return SnapshotReader(descriptor, journal, found)


def _lock_shared(descriptor: int, path: str, timeout: float) -> None:
    """Hold the file as its readers do: no journal is applied meanwhile."""
    end = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise LockedError(
                    "the file is in use by another process",
                    file=path,
                    hint="close it there, or raise lock_timeout",
                ) from error
            time.sleep(RETRY_SECONDS)


def recover_file(path: str, timeout: float) -> None:
    """Bring a journal that a killed writer has left into its file, if there is one."""
    if not os.path.exists(journal_of(path)):
        return
    if os.path.exists(path):
        WriterFile(path, create=False, lock_timeout=timeout).close()
    else:  # of a file that never appeared, or was removed: it must not be taken for the next one's
        lock = _lock_journal(path, timeout)
        os.unlink(journal_of(path))
        os.close(lock)
