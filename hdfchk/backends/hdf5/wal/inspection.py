"""Who has a file open, and what its log contains, determined without taking a lock."""

from __future__ import annotations

import contextlib
import os
import socket

from ....info import Process
from ....runtime.descriptors import Descriptor
from ....runtime.posix import open_regular, read_all
from ..h5.errors import flagged
from .fit import problem_of
from .log import Recovered, is_ours, log_of, owner_in, scan
from .writer_lock import is_being_written, waiting_writers

__all__ = ["LogState", "Users", "log_state", "require_unflagged", "superblock_of", "users_of"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEAD_BYTES = 12
"""The start of a superblock: the signature, its version, two sizes, and in version 3 the flags."""
_WRITERS = 0x01 | 0x04
"""The flags of a program that writes the file, and of one that does so for SWMR readers."""
_LOCKS = "/proc/locks"
_ATTEMPTS = 5


class LogState:
    """The state of the log of a file.

    Args:
        path: the path of the log.
        size: its length in bytes.
        commits: the commits in it that are not yet in the file.
        problem: why it does not match the file, if it does not.
    """

    def __init__(self, path: str, size: int, commits: int, problem: str | None) -> None:
        self.path = path
        self.size = size
        self.commits = commits
        self.problem = problem


def log_state(path: str) -> LogState | None:
    """Return the state of the log of a file; None if it has none.

    A writer may be active. During its checkpoint the log briefly seems not to match. Therefore a
    log that does not match is read again, until it has not changed, up to five times.

    Args:
        path: the path of the file: absolute, without symbolic links.
    """
    before: tuple[bytes, int, int | None] | None = None
    state: LogState | None = None
    for _ in range(_ATTEMPTS):
        try:
            log = Descriptor(open_regular(log_of(path), os.O_RDONLY))
        except OSError:
            return None
        try:
            if not is_ours(log.fd):
                return None
            found = scan(log.fd)
            size = os.fstat(log.fd).st_size
            problem = _problem(path, found)
        finally:
            log.close()
        commits = found.commits if found.has_commits else 0
        state = LogState(log_of(path), size, commits, problem)
        now = found.salt, found.end, found.cut_to
        if problem is None or now == before:
            return state
        before = now
    return state


def _problem(path: str, found: Recovered) -> str | None:
    if not found.has_commits:
        return None
    try:
        file = Descriptor(open_regular(path, os.O_RDONLY))
    except FileNotFoundError:
        return "the file does not exist"
    except OSError:
        return None
    try:
        return problem_of(file.fd, found, thorough=not is_being_written(file.fd))
    finally:
        file.close()


class Users:
    """Who has a file open.

    Args:
        is_written: a process has it open for writing.
        writer: that process, if known.
        readers: the IDs of the processes that read it; None if unknown.
        waiting: the number of waiting writers; None if unknown.
    """

    def __init__(
        self,
        is_written: bool,
        writer: Process | None,
        readers: tuple[int, ...] | None,
        waiting: int | None,
    ) -> None:
        self.is_written = is_written
        self.writer = writer
        self.readers = readers
        self.waiting = waiting


def users_of(path: str) -> Users:
    """Return who has a file open.

    Args:
        path: the path of the file: absolute, without symbolic links.
    """
    try:
        file = Descriptor(open_regular(path, os.O_RDONLY))
    except OSError:
        return Users(False, None, None, None)
    try:
        is_written = is_being_written(file.fd)
        writer = _writer(path) if is_written else None
        return Users(
            is_written, writer, _readers(file.fd, is_written, writer), waiting_writers(file.fd)
        )
    finally:
        file.close()


def _writer(path: str) -> Process | None:
    """Return the owner recorded in the log of a file."""
    owner = None
    with contextlib.suppress(OSError):
        log = Descriptor(open_regular(log_of(path), os.O_RDONLY))
        try:
            owner = owner_in(log.fd)
        finally:
            log.close()
    if owner is None:
        return None
    pid, host = owner
    is_here = host == socket.gethostname()
    return Process(pid, None if is_here else host, is_here and pid == os.getpid())


def _readers(descriptor: int, is_written: bool, writer: Process | None) -> tuple[int, ...] | None:
    """Return the IDs of the processes with a shared lock on a file, except its writer."""
    there = os.fstat(descriptor)
    device = f"{os.major(there.st_dev):02x}:{os.minor(there.st_dev):02x}:{there.st_ino}"
    found: set[int] = set()
    is_known = not is_written  # the system may number the device differently, or hide locks
    try:
        with open(_LOCKS, encoding="ascii") as table:
            for line in table:
                words = line.split()
                if "->" in words or len(words) < 6 or words[5] != device:
                    continue
                is_known = True
                if words[1] == "FLOCK":
                    found.add(int(words[4]))
    except (OSError, ValueError):
        return None
    if writer is not None and writer.host is None:
        found.discard(writer.pid)
    return tuple(sorted(pid for pid in found if pid > 0)) if is_known else None


def superblock_of(path: str) -> int | None:
    """Return the version of the superblock of an HDF5 file; None if it has none."""
    try:
        file = Descriptor(open_regular(path, os.O_RDONLY))
    except OSError:
        return None
    try:
        head = _superblock(file.fd)
        return head[8] if head else None
    finally:
        file.close()


def require_unflagged(descriptor: int, path: str) -> None:
    """Raise an error if another program writes an HDF5 file, or was killed while it did.

    HDF5 sets a flag in superblocks of version 3. It checks the flag only when it opens the file
    itself, and a SWMR writer, beside which no other program may write, holds no lock. A log with
    commits does not match a file in which the flag was set later.

    Raises:
        CorruptFileError: the flag is set.
    """
    head = _superblock(descriptor)
    if head[8:9] == b"\x03" and head[11] & _WRITERS:
        raise flagged(path)


def _superblock(descriptor: int) -> bytes:
    """Return the start of the superblock, which may follow a user block; empty if there is none."""
    size, start = os.fstat(descriptor).st_size, 0
    while start + _HEAD_BYTES <= size:
        head = read_all(descriptor, _HEAD_BYTES, start)
        if head[: len(_SIGNATURE)] == _SIGNATURE:
            return head
        start = max(512, 2 * start)
    return b""
