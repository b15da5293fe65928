"""The lock to write a file: one writer at a time, by whatever name.

It consists of two locks. The log, which is created if necessary, is locked as a whole (``flock``):
this locks the name, also while there is no file, and older versions respect it. The file itself is
locked by its inode (a range lock on bytes beyond any file's end), so two hard links are one file.
Readers, with any HDF5 library, hold another lock on the file (``flock``, shared); a checkpoint
requires that there are none.

Waiting writers form a queue, on further bytes of the same range.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time

from ....errors import LockedError
from ....logger import INFO, note
from ....runtime.descriptors import Descriptor
from ....runtime.interrupts import check_pending, defer_interrupts
from ....runtime.posix import (
    create_beside,
    file_key,
    is_at,
    open_regular,
    try_lock_exclusive,
    try_lock_range,
    unlock_range,
)
from .log import Log, log_of, note_of, owner_of, require_ours, scan

__all__ = ["WriterLock", "is_being_written", "require_absent", "waiting_writers"]

_LOCK_OFFSET = 2**62
_QUEUE_SIZE = 64
"""The length of the queue; further writers wait for its end."""
_FIRST_WAIT, _LONGEST_WAIT = 0.0005, 0.01


def is_being_written(descriptor: int) -> bool:
    """Return whether a process has the lock to write an open file."""
    return not try_lock_range(descriptor, _LOCK_OFFSET, 1, probe=True)


def waiting_writers(descriptor: int) -> int:
    """Return the number of writers that wait in the queue of an open file."""
    first = _LOCK_OFFSET + 1
    if try_lock_range(descriptor, first, _QUEUE_SIZE, probe=True):
        return 0
    places = range(first, first + _QUEUE_SIZE)
    return sum(not try_lock_range(descriptor, place, 1, probe=True) for place in places)


def require_absent(path: str) -> None:
    """Raise an error if a file exists that is to be created; an empty file counts as absent.

    Raises:
        FileExistsError: it exists.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if os.stat(path).st_size > 0:
            raise FileExistsError(errno.EEXIST, "mode='x', and the file exists", path)


def _other_writer(path: str) -> str:
    """Describe who writes a file by another name: who has it and a journal open, if visible."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        there = os.stat(path)
        for process in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # it has ended, or belongs to another user
                folder = f"/proc/{process}/fd"
                names = [os.path.join(folder, number) for number in os.listdir(folder)]
                if any(os.path.samestat(os.stat(name), there) for name in names if _is_file(name)):
                    logs = (os.readlink(name).endswith(log_of("")) for name in names)
                    if int(process) != os.getpid() and any(logs):
                        found.add(int(process))
    who = ", ".join(f"process {process}" for process in sorted(found))
    return f"{who or 'a process'} by another name of the file"


def _is_file(name: str) -> bool:
    """Return whether an entry of ``/proc/PID/fd`` is a file with a name."""
    return os.readlink(name).startswith("/")


class _Queue:
    """A place in the queue for the lock of a file; only the first in the queue tries to lock it."""

    def __init__(self) -> None:
        self._file: Descriptor | None = None
        self._position = 0

    def is_my_turn(self, file: Descriptor) -> bool:
        """Return whether no other writer has waited longer."""
        if self._file is not None and file_key(self._file.fd) != file_key(file.fd):
            self.leave()  # another file has replaced the one of this queue
            self._file = None
        if self._file is None:
            if try_lock_range(file.fd, _LOCK_OFFSET + 1, _QUEUE_SIZE, probe=True):
                return True  # the queue is empty
            self._file, self._position = Descriptor(os.dup(file.fd)), _QUEUE_SIZE + 1
        while self._position > 1 and try_lock_range(
            self._file.fd, _LOCK_OFFSET + self._position - 1, 1
        ):
            if self._position <= _QUEUE_SIZE:
                unlock_range(self._file.fd, _LOCK_OFFSET + self._position, 1)
            self._position -= 1
        return self._position == 1

    def join(self, file: Descriptor) -> None:
        """Take the last place, and move up where others have left."""
        if self._file is None:
            self._file, self._position = Descriptor(os.dup(file.fd)), _QUEUE_SIZE + 1
        self.is_my_turn(file)

    def leave(self) -> None:
        if self._file is not None:
            self._file.close()


class WriterLock:
    """The lock to write a file. The lock of a dead process does not count.

    Args:
        path: the file: absolute, without symbolic links.
        timeout: seconds to wait for another writer.
        absent: the file is to be created: if another process creates it, stop waiting.

    Attributes:
        log: the log, locked.
        file: the file, open and locked; None if it does not exist.
        named: for a new file, a second descriptor, opened by its final name: the system reports
            the name by which a descriptor was opened, and the file was created under another.

    Raises:
        LockedError: another writer has held it longer than `timeout`.
        NotAFileError: the path of the file, or of its log, is something else.
        FileExistsError: `absent`, and the file exists.
    """

    def __init__(self, path: str, timeout: float, *, absent: bool = False) -> None:
        self.path = path
        self.timeout = timeout
        self.file: Descriptor | None = None
        self._leftover = ""
        self.named: Descriptor = Descriptor(-1)
        self._process = os.getpid()
        self._absent = absent
        self.log: Descriptor = self._take(log_of(path))
        try:
            self._remove_leftover()
            self._remove_first_names()
        except BaseException:
            self.release()
            raise

    # -- taking the lock -------------------------------------------------------------------------

    def _take(self, name: str) -> Descriptor:
        end = time.monotonic() + self.timeout
        queue, wait = _Queue(), _FIRST_WAIT
        who, has_waited = "another process", False
        # A handler that ran here and wrote the file would wait for this place in the queue.
        with defer_interrupts():
            try:
                while True:
                    if self._absent:
                        require_absent(self.path)
                    found, who = self._try(name, queue, who)
                    if found is not None:
                        return found
                    if time.monotonic() > end:
                        raise LockedError(
                            f"the file is being written by {who or _other_writer(self.path)}",
                            file=self.path,
                            hint="wait for it, or raise lock_timeout",
                        )
                    check_pending()
                    if not has_waited:
                        has_waited = True
                        writer = who or _other_writer(self.path)
                        note(INFO, "%s: waiting for %s, which is writing it", self.path, writer)
                    time.sleep(wait)
                    wait = min(2 * wait, _LONGEST_WAIT)
            finally:
                queue.leave()

    def _try(self, name: str, queue: _Queue, who: str) -> tuple[Descriptor | None, str]:
        """Take both locks, or neither."""
        file = self._open_file()
        log: Descriptor | None = None
        try:
            if file is not None and not queue.is_my_turn(file):
                return None, self._read_owner(name, who)
            log = self._open_log(name, file)
            if not try_lock_exclusive(log.fd):
                who = owner_of(log.fd)
            elif not is_at(log.fd, name):
                pass  # its owner has just removed it
            elif file is not None and not try_lock_range(file.fd, _LOCK_OFFSET, 1):
                who = ""
                self._drop_empty(log, name)
            elif file is None and os.path.lexists(self.path):
                self._drop_empty(log, name)  # another process created it meanwhile
            elif file is not None and not is_at(file.fd, self.path):
                self._drop_empty(log, name)  # another file has replaced it meanwhile
            else:
                require_ours(log.fd, name)
                self.file, file = file, None
                taken, log = log, None
                return taken, who
            if file is not None:
                queue.join(file)
            return None, who
        finally:
            if log is not None:
                log.close()
            if file is not None:
                file.close()

    def _open_file(self) -> Descriptor | None:
        try:
            return Descriptor(open_regular(self.path, os.O_RDWR))
        except FileNotFoundError:
            return None

    def _open_log(self, name: str, file: Descriptor | None) -> Descriptor:
        while True:  # another process may create or remove it meanwhile
            with contextlib.suppress(FileNotFoundError):
                return Descriptor(open_regular(name, os.O_RDWR))
            with contextlib.suppress(FileExistsError):
                # The log contains data of the file.
                return Descriptor(create_beside(name, None if file is None else file.fd))

    def _read_owner(self, name: str, who: str) -> str:
        with contextlib.suppress(OSError):
            log = Descriptor(open_regular(name, os.O_RDONLY))
            who = owner_of(log.fd)
            log.close()
        return who

    def _drop_empty(self, log: Descriptor, name: str) -> None:
        """Remove a log that was created only to be locked."""
        if os.fstat(log.fd).st_size == 0:
            with contextlib.suppress(OSError):
                os.unlink(name)

    # -- files beside the file -------------------------------------------------------------------

    def _remove_leftover(self) -> None:
        """Remove an incomplete file that a killed process was creating: the log has its name."""
        note = note_of(self.log.fd)
        if note:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.path}-new-{note}")

    def _remove_first_names(self) -> None:
        """Remove names under which the file was created, if that failed before."""
        import re

        if self.file is None or os.fstat(self.file.fd).st_nlink == 1:
            return
        folder, name = os.path.split(self.path)
        ours = re.compile(re.escape(name) + "-new-[0-9a-f]{16}")
        with contextlib.suppress(OSError):  # the next writer tries again
            for found in filter(ours.fullmatch, os.listdir(folder)):
                if is_at(self.file.fd, os.path.join(folder, found)):
                    os.unlink(os.path.join(folder, found))

    def remove_beside(self, name: str) -> None:
        """Remove a name beside the file; if that fails, try again when the lock is released.

        The log records the name only until it is begun.
        """
        self._leftover = ""
        try:
            os.unlink(name)
        except FileNotFoundError:
            pass
        except OSError:
            self._leftover = name

    def new_name(self) -> str:
        """Return an unused name beside the file, for one to be created; the log records it."""
        import secrets

        self._remove_leftover()  # otherwise its name would be lost
        note = secrets.token_hex(8)
        Log(self.log).claim(note)
        return f"{self.path}-new-{note}"

    def lock_new(self, descriptor: int) -> None:
        """Lock a file that is about to get the name, before other writers can."""
        try_lock_range(descriptor, _LOCK_OFFSET, 1)

    def name_new(self) -> None:
        """Open a new file by its final name; it still has the one under which it was created."""
        if hasattr(os, "O_PATH"):
            with contextlib.suppress(OSError):  # needed only if the file is moved
                self.named = Descriptor(os.open(self.path, os.O_PATH | os.O_NOFOLLOW))

    def place(self) -> str | None:
        """Return the present path of the file; None if it was deleted or the system cannot tell."""
        if self.file is None or os.fstat(self.file.fd).st_nlink == 0:
            return None
        for opened in (self.named, self.file):
            with contextlib.suppress(OSError):
                name = os.readlink(f"/proc/self/fd/{opened.fd}")
                if is_at(self.file.fd, name):
                    return name
        return None

    @property
    def is_awaited(self) -> bool:
        """Whether another writer waits for the lock, as far as the system tells."""
        if self.file is None or not self.file.is_open:
            return False
        return not try_lock_range(self.file.fd, _LOCK_OFFSET + 1, _QUEUE_SIZE, probe=True)

    def claim(self) -> None:
        """Record this process in the log as its owner."""
        Log(self.log).claim()

    # -- releasing the lock ----------------------------------------------------------------------

    def release(self, *, remove: bool = False) -> None:
        """Release the lock. Releasing twice is allowed.

        Args:
            remove: remove the log, which is not needed any more.

        Raises:
            OSError: the log could not be removed; the lock is released nevertheless.
        """
        log, file, self.file = self.log, self.file, None
        try:
            if self._leftover and log.is_open and os.getpid() == self._process:
                self.remove_beside(self._leftover)
                if remove and self._leftover and os.path.lexists(self._leftover):
                    # The log keeps the name, so the next writer removes both.
                    remove = False
                    Log(log).claim(self._leftover.rpartition("-new-")[2])
            name = log_of(self.path)
            if remove and log.is_open and os.getpid() == self._process and is_at(log.fd, name):
                self._remove_log(log, name)
        finally:
            log.close()
            self.named.close()
            if file is not None:
                file.close()

    def leave(self) -> None:
        """Release the lock, and remove a log that was read and has no commits.

        Raises:
            OSError: the log could not be removed; the lock is released nevertheless.
        """
        has_commits = True
        with contextlib.suppress(OSError):
            has_commits = not self.log.is_open or scan(self.log.fd).has_commits
        self.release(remove=not has_commits)

    def _remove_log(self, log: Descriptor, name: str) -> None:
        try:
            os.unlink(name)
        except OSError:  # no permission in this folder: the log is used again
            os.ftruncate(log.fd, 0)
