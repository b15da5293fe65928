"""Opening a file to write it through its journal, and making a new one.

The lock of the one writer is a lock on the journal. Readers, of any HDF5 library, hold a shared
lock on the file itself; the journal is applied only while nobody does.
"""

from __future__ import annotations

import os
import threading
import time

from ....errors import LockedError
from ....runtime.posix import (
    RETRY_SECONDS,
    copy_owner_and_mode,
    is_at,
    let_go,
    lock_alone,
    open_file,
    sync,
    sync_folder,
    wait_shared,
)
from ....runtime.scheduler import Alarm, weakly
from .wal_file import JournaledFile
from .wal_format import Journal, holder, journal_of, scan

__all__ = ["NewFile", "WriterFile", "WriterLock"]


class WriterLock:
    """The right to write a file: its journal, locked. A lock left by a dead process is none.

    Args:
        path: the file.
        timeout: seconds to wait for another writer.

    Raises:
        LockedError: there is one, for longer.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self.path = path
        self.timeout = timeout
        self.descriptor = self._take(journal_of(path))
        self._process = os.getpid()

    def _take(self, name: str) -> int:
        end = time.monotonic() + self.timeout
        while True:
            descriptor = open_file(name, os.O_RDWR | os.O_CREAT)
            try:
                if lock_alone(descriptor):
                    if is_at(descriptor, name):
                        return descriptor
                    os.close(descriptor)  # its owner has just removed it: make another
                    continue
                who = holder(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            if time.monotonic() > end:
                raise LockedError(
                    f"the file is being written by {who}",
                    file=self.path,
                    hint="wait for it, or raise lock_timeout",
                )
            time.sleep(RETRY_SECONDS)

    def release(self, *, remove: bool | None = None) -> None:
        """Let others write. Releasing twice is allowed.

        Args:
            remove: remove the journal: nothing of it is needed any more. By default, if it
                holds no commits.
        """
        if self.descriptor < 0:
            return
        if remove is None:
            remove = not scan(self.descriptor).has_commits
        if remove and os.getpid() == self._process:
            os.unlink(journal_of(self.path))
        os.close(self.descriptor)
        self.descriptor = -1

    def abandon(self) -> None:
        """Leave the lock to the parent process."""
        os.close(self.descriptor)
        self.descriptor = -1

    def __del__(self) -> None:
        """A forgotten writer holds nobody up; its commits stay in the journal."""
        if getattr(self, "descriptor", -1) >= 0:
            os.close(self.descriptor)


class NewFile:
    """A file that is made beside its place, and appears there, whole, when it is done.

    Args:
        lock: the right to write it. What its journal holds for a file that is there has been
            brought in: it is still that file's own.
        durable: bring it to the disk before it appears.

    Attributes:
        beside: where it is made.
    """

    def __init__(self, lock: WriterLock, *, durable: bool) -> None:
        self._lock = lock
        self._durable = durable
        self.beside = f"{lock.path}-new"
        if not os.path.exists(lock.path) and scan(lock.descriptor).has_commits:
            # Of a file that was removed: it must not be taken for the new one's.
            Journal(lock.descriptor).begin()
            sync(lock.descriptor)

    def appear(self) -> None:
        """Put the file in its place; what was there is gone then, and not before."""
        descriptor = open_file(self.beside, os.O_RDWR)
        try:
            if self._durable:
                sync(descriptor)
            if os.path.exists(self._lock.path):
                copy_owner_and_mode(self._lock.path, descriptor)
        finally:
            os.close(descriptor)
        os.replace(self.beside, self._lock.path)
        if self._durable:
            sync_folder(self._lock.path)

    def close(self) -> None:
        """Give it up, if it has not appeared, and let others write."""
        _remove(self.beside)
        self._lock.release(remove=True)


class WriterFile(JournaledFile):
    """A file that is there, open for writing.

    Args:
        lock: the right to write it; released by `close`.
        durable: bring commits to the disk.
        sync_interval: seconds that commits may wait for that.
    """

    def __init__(
        self, lock: WriterLock, *, durable: bool = True, sync_interval: float = 1.0
    ) -> None:
        self._lock = lock
        self._journal_is_named = False
        self._descriptor = -1
        self._syncing = threading.Lock()
        self._sync_error: OSError | None = None
        self._alarm = Alarm(weakly(self._sync_waiting))
        _remove(f"{lock.path}-new")  # half a file, of a process that was killed
        descriptor = open_file(lock.path, os.O_RDWR)
        try:
            wait_shared(descriptor, lock.path, lock.timeout)
            journal, found = Journal(lock.descriptor), scan(lock.descriptor)
            super().__init__(descriptor, journal, durable=durable, sync_interval=sync_interval)
            if found.has_commits:
                self.adopt(found)
                self.apply()  # if somebody reads the file, its commits stay in the journal
            else:
                journal.begin()
        except BaseException:
            self._descriptor = -1
            os.close(descriptor)
            raise

    @property
    def path(self) -> str:
        """The path."""
        return self._lock.path

    def commit(self) -> None:
        """Make all that was written one commit: a kill from now on leaves it there."""
        self._tell_sync_error()
        super().commit()

    def put(self, payload: bytes) -> bool:
        """Commit a small assignment, which HDF5 is still to do."""
        self._tell_sync_error()
        return super().put(payload)

    def _tell_sync_error(self) -> None:
        """Raise what the thread of the alarm had nobody to tell to: the system says it once."""
        if self._sync_error is not None:
            error, self._sync_error = self._sync_error, None
            raise error

    def _sync_later(self) -> None:
        if not self._alarm.is_set:
            self._alarm.set(max(0.0, self._synced + self.sync_interval - time.monotonic()))

    def _sync_waiting(self) -> bool:
        """Bring the journal to the disk, in the thread of the alarm; writes go on meanwhile."""
        with self._syncing:
            if self._descriptor >= 0 and os.getpid() == self._process:
                start = time.monotonic()
                try:
                    self._sync_journal()
                    self._synced = start
                except OSError as error:
                    self._sync_error = error
        return True

    def _sync_journal(self) -> None:
        self._tell_sync_error()
        super()._sync_journal()
        if not self._journal_is_named:  # a file that is not in its folder is on no disk
            sync_folder(self.path)
            self._journal_is_named = True

    def close(self) -> None:
        """Apply all commits, remove the journal, and close. Closing twice is allowed."""
        if self._descriptor < 0:
            return
        self._alarm.cancel()
        with self._syncing:
            self._end()

    def _end(self) -> None:
        done = False
        try:
            if os.getpid() == self._process:
                self.rollback()
                done = self.is_applied or self.apply(last=True)
        finally:
            os.close(self._descriptor)
            self._descriptor = -1
            self._lock.release(remove=done)
        if done and self.durable:  # or an old journal could come back under a newer file
            sync_folder(self.path)

    def __del__(self) -> None:
        """A forgotten writer holds nobody up; its commits stay in the journal."""
        if getattr(self, "_descriptor", -1) >= 0:
            os.close(self._descriptor)

    def abandon(self) -> None:
        """Leave the file to the parent process."""
        self.discarding = True
        self._syncing = threading.Lock()  # a thread that this process has not may have held it
        self._lock.abandon()
        let_go(self._descriptor)  # HDF5 may still try to use it


def _remove(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)
