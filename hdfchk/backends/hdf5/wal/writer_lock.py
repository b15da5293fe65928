"""The right to write a file: one writer at a time, whatever names the file has.

Two locks make it. The log, which is made if it is not there, is locked as a whole (``flock``): that
is the lock of a name, and all there is while no file has it; older versions know it, too. And the
file itself is locked, by its inode, on a range of bytes that no file reaches: two names of one file
are then one. Readers, of any HDF5 library, hold another lock on the file (``flock``, shared); a
checkpoint is made only while nobody does.

Those who wait form a queue, on further bytes of the same range.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import time

from ....errors import LockedError
from ....runtime.descriptors import Descriptor
from ....runtime.interrupts import check_pending, defer_interrupts
from ....runtime.posix import (
    copy_owner_and_mode,
    file_key,
    is_at,
    open_regular,
    try_lock_exclusive,
    try_lock_range,
    unlock_range,
)
from .log import Log, log_of, note_of, owner_of, require_ours, scan

__all__ = ["WriterLock", "is_being_written", "require_absent"]

_LOCK_AT = 2**62
_PLACES = 64
"""So many may stand in the queue; others wait for its end."""
_FIRST_WAIT, _LONGEST_WAIT = 0.0005, 0.01


def is_being_written(descriptor: int) -> bool:
    """Whether somebody has the right to write an open file."""
    return not try_lock_range(descriptor, _LOCK_AT, 1, probe=True)


def require_absent(path: str) -> None:
    """Refuse to make a file that is there, whoever holds it; an empty one is as good as none.

    Raises:
        FileExistsError: it is there.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if os.stat(path).st_size > 0:
            raise FileExistsError(errno.EEXIST, "mode='x', and the file exists", path)


def _by_another_name(path: str) -> str:
    """Who writes a file by another name, as far as the system tells: it has a journal open, too."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        there = os.stat(path)
        for process in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                folder = f"/proc/{process}/fd"
                names = [os.path.join(folder, number) for number in os.listdir(folder)]
                if any(os.path.samestat(os.stat(name), there) for name in names if _is_file(name)):
                    logs = (os.readlink(name).endswith(log_of("")) for name in names)
                    if int(process) != os.getpid() and any(logs):
                        found.add(int(process))
    who = ", ".join(f"process {process}" for process in sorted(found))
    return f"{who or 'a process'} that has it open by another name"


def _is_file(name: str) -> bool:
    """Whether a descriptor of a process is one of a file that has a name."""
    return os.readlink(name).startswith("/")


class _Queue:
    """A place in the queue of those who wait for a file; the first one alone asks for its lock."""

    def __init__(self) -> None:
        self._file: Descriptor | None = None
        self._place = 0

    def is_my_turn(self, file: Descriptor) -> bool:
        """Whether nobody waits for longer."""
        if self._file is not None and file_key(self._file.fd) != file_key(file.fd):
            self.leave()  # another file has taken the place of the one whose queue that was
            self._file = None
        if self._file is None:
            if try_lock_range(file.fd, _LOCK_AT + 1, _PLACES, probe=True):
                return True  # nobody waits
            self._file, self._place = Descriptor(os.dup(file.fd)), _PLACES + 1
        while self._place > 1 and try_lock_range(self._file.fd, _LOCK_AT + self._place - 1, 1):
            if self._place <= _PLACES:
                unlock_range(self._file.fd, _LOCK_AT + self._place, 1)
            self._place -= 1
        return self._place == 1

    def join(self, file: Descriptor) -> None:
        """Take the last place, and go on as far as others have left."""
        if self._file is None:
            self._file, self._place = Descriptor(os.dup(file.fd)), _PLACES + 1
        self.is_my_turn(file)

    def leave(self) -> None:
        if self._file is not None:
            self._file.close()


class WriterLock:
    """The right to write a file. A lock left by a dead process is none.

    Args:
        path: the file: absolute, without symbolic links.
        timeout: seconds to wait for another writer.
        absent: the file is to be made by this one: once another one has made it nothing is waited
            for.

    Attributes:
        log: the log, locked.
        file: the file, open and locked; None if there is none.
        named: a new file once more, by its own name: the system follows the name by which a file
            was opened, and it was made by another one.

    Raises:
        LockedError: there is another one, for longer.
        NotAFileError: what has this name, or that of the log, is something else.
        FileExistsError: the file is there, and should not.
    """

    def __init__(self, path: str, timeout: float, *, absent: bool = False) -> None:
        self.path = path
        self.timeout = timeout
        self.file: Descriptor | None = None
        self._left = ""
        self.named = Descriptor(-1)
        self._process = os.getpid()
        self._absent = absent
        self.log = self._take(log_of(path))
        try:
            self._remove_leftover()
            self._remove_first_names()
        except BaseException:
            self.release()
            raise

    # -- taking it -------------------------------------------------------------------------------

    def _take(self, name: str) -> Descriptor:
        end = time.monotonic() + self.timeout
        queue, wait = _Queue(), _FIRST_WAIT
        who = "another process"
        # A handler that ran here, and wrote the file, would wait for its own place in the queue.
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
                            f"the file is being written by {who or _by_another_name(self.path)}",
                            file=self.path,
                            hint="wait for it, or raise lock_timeout",
                        )
                    check_pending()
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
                return None, self._ask(name, who)
            log = self._open_log(name, file)
            if not try_lock_exclusive(log.fd):
                who = owner_of(log.fd)
            elif not is_at(log.fd, name):
                pass  # its owner has just removed it
            elif file is not None and not try_lock_range(file.fd, _LOCK_AT, 1):
                who = ""
                self._drop_empty(log, name)
            elif file is None and os.path.lexists(self.path):
                self._drop_empty(log, name)  # it came meanwhile
            elif file is not None and not is_at(file.fd, self.path):
                self._drop_empty(log, name)  # another file has taken its place meanwhile
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
        while True:  # another one may make it, or remove it, in between
            with contextlib.suppress(FileNotFoundError):
                return Descriptor(open_regular(name, os.O_RDWR))
            with contextlib.suppress(FileExistsError):
                made = Descriptor(open_regular(name, os.O_RDWR | os.O_CREAT | os.O_EXCL))
                break
        if file is not None:  # what is in it is in the file, and no more for others to read
            copy_owner_and_mode(file.fd, made.fd)
        return made

    def _ask(self, name: str, who: str) -> str:
        with contextlib.suppress(OSError):
            log = Descriptor(open_regular(name, os.O_RDONLY))
            who = owner_of(log.fd)
            log.close()
        return who

    def _drop_empty(self, log: Descriptor, name: str) -> None:
        """Remove a log that was made only to be locked."""
        if os.fstat(log.fd).st_size == 0:
            with contextlib.suppress(OSError):
                os.unlink(name)

    # -- what is beside the file -----------------------------------------------------------------

    def _remove_leftover(self) -> None:
        """Remove the half of a file that a killed process was making: the log has its name."""
        note = note_of(self.log.fd)
        if note:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.path}-new-{note}")

    def _remove_first_names(self) -> None:
        """Remove names by which the file was made, and which could not be removed then."""
        if self.file is None or os.fstat(self.file.fd).st_nlink == 1:
            return
        folder, name = os.path.split(self.path)
        ours = re.compile(re.escape(name) + "-new-[0-9a-f]{16}")
        with contextlib.suppress(OSError):  # the next one tries again
            for found in filter(ours.fullmatch, os.listdir(folder)):
                if is_at(self.file.fd, os.path.join(folder, found)):
                    os.unlink(os.path.join(folder, found))

    def remove_beside(self, name: str) -> None:
        """Remove a name beside the file, or, after an error, when the lock is released.

        The log names it only until it is begun.
        """
        self._left = ""
        try:
            os.unlink(name)
        except FileNotFoundError:
            pass
        except OSError:
            self._left = name

    def new_name(self) -> str:
        """A name beside the file, for one that is being made: nobody else has it."""
        self._remove_leftover()  # or its name would be lost
        note = secrets.token_hex(8)
        Log(self.log).claim(note)
        return f"{self.path}-new-{note}"

    def lock_new(self, descriptor: int) -> None:
        """Lock a file that is about to get the name, so that nobody comes first."""
        try_lock_range(descriptor, _LOCK_AT, 1)

    def name_new(self) -> None:
        """A new file has got its name, beside the one by which it was made."""
        if hasattr(os, "O_PATH"):
            with contextlib.suppress(OSError):  # it is needed only if the file is moved
                self.named = Descriptor(os.open(self.path, os.O_PATH | os.O_NOFOLLOW))

    def place(self) -> str | None:
        """Where the file is now, if it has a name still, and as far as the system tells."""
        if self.file is None or os.fstat(self.file.fd).st_nlink == 0:
            return None
        for opened in (self.named, self.file):
            with contextlib.suppress(OSError):
                name = os.readlink(f"/proc/self/fd/{opened.fd}")
                if is_at(self.file.fd, name):
                    return name
        return None

    def claim(self) -> None:
        """Say in the log who holds it."""
        Log(self.log).claim()

    # -- giving it up ----------------------------------------------------------------------------

    def release(self, *, remove: bool = False) -> None:
        """Let others write. Releasing twice is allowed.

        Args:
            remove: remove the log: nothing of it is needed any more.

        Raises:
            OSError: it could not be removed; the lock is given up all the same.
        """
        log, file, self.file = self.log, self.file, None
        try:
            if self._left and log.is_open and os.getpid() == self._process:
                self.remove_beside(self._left)
                if remove and self._left and os.path.lexists(self._left):
                    # The log names it, for the next one to remove both.
                    remove = False
                    Log(log).claim(self._left.rpartition("-new-")[2])
            name = log_of(self.path)
            if remove and log.is_open and os.getpid() == self._process and is_at(log.fd, name):
                self._remove_log(log, name)
        finally:
            log.close()
            self.named.close()
            if file is not None:
                file.close()

    def leave(self) -> None:
        """Release it; a log without commits is removed, and one that cannot be read is not.

        Raises:
            OSError: it could not be removed; the lock is given up all the same.
        """
        has_commits = True
        with contextlib.suppress(OSError):
            has_commits = not self.log.is_open or scan(self.log.fd).has_commits
        self.release(remove=not has_commits)

    def _remove_log(self, log: Descriptor, name: str) -> None:
        try:
            os.unlink(name)
        except OSError:  # in a folder where it is not ours to remove: it is used again
            os.ftruncate(log.fd, 0)
