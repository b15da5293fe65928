"""What the journal asks of the system: whole reads and writes at a place, syncs, room, locks.

Systems that lack a call get the next best one; ``docs/durability.md`` says what is weaker there.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from typing import Any

from ..errors import LockedError

__all__ = [
    "copy_owner_and_mode",
    "is_at",
    "let_go",
    "lock_alone",
    "lock_shared",
    "open_file",
    "read_all",
    "read_into",
    "reserve",
    "sync",
    "sync_folder",
    "wait_shared",
    "write_all",
]

RETRY_SECONDS = 0.02
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})


def open_file(path: str, flags: int) -> int:
    """Open a file; a new one with the rights that the user's mask leaves."""
    return os.open(path, flags | getattr(os, "O_BINARY", 0), 0o666)


def write_all(descriptor: int, data: Any, offset: int) -> None:
    """Write all of `data`; the system may take less than it is given."""
    view = memoryview(data).cast("B")
    while view:
        if hasattr(os, "pwrite"):
            done = os.pwrite(descriptor, view, offset)
        else:
            os.lseek(descriptor, offset, os.SEEK_SET)
            done = os.write(descriptor, view)
        view, offset = view[done:], offset + done


def read_into(descriptor: int, view: memoryview, offset: int) -> int:
    """Fill `view` as far as the file reaches; how many bytes that is."""
    done = 0
    while done < len(view):
        if hasattr(os, "preadv"):
            count = os.preadv(descriptor, [view[done:]], offset + done)
        else:
            os.lseek(descriptor, offset + done, os.SEEK_SET)
            part = os.read(descriptor, len(view) - done)
            count = len(part)
            view[done : done + count] = part
        if not count:
            break
        done += count
    return done


def read_all(descriptor: int, length: int, offset: int) -> bytes:
    """Read `length` bytes, or what there is."""
    data = bytearray(length)
    return bytes(memoryview(data)[: read_into(descriptor, memoryview(data), offset)])


def let_go(descriptor: int) -> None:
    """Put an open file that is nowhere in place of one; what still uses it does no harm then."""
    try:
        sink = tempfile.TemporaryFile()  # noqa: SIM115  it has to be closed below in any case
    except OSError:  # there is no place for one
        sink = open(os.devnull, "r+b")  # noqa: SIM115
    with sink:
        os.dup2(sink.fileno(), descriptor)


def sync(descriptor: int) -> None:
    """Bring the bytes of a file, and its length, to the disk."""
    if sys.platform == "darwin":  # there, a sync alone may leave them in the drive's memory
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def sync_folder(path: str) -> None:
    """Bring the names in the folder of `path` to the disk."""
    if os.name == "nt":
        return  # a folder can not be opened there
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reserve(descriptor: int, size: int) -> None:
    """Make a file `size` bytes long, so that writing there finds room.

    Raises:
        OSError: there is no room.
    """
    start = os.fstat(descriptor).st_size
    if size <= start:
        return
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, start, size - start)
            return
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}:
                raise
    for offset in range(start, size, 2**20):
        write_all(descriptor, bytes(min(2**20, size - offset)), offset)


def copy_owner_and_mode(source: str | int, target: int) -> None:
    """Give an open file the owner, group, mode and extended attributes of another.

    What lies beside a file, or takes its place, is for the same people as the file itself. What
    the system does not permit, or has not, is left as it is: who is no administrator cannot give a
    file away, but often can let a group have it.

    Args:
        source: the path of the other file, or its descriptor.
        target: the file, open.
    """
    there, here = os.stat(source), os.fstat(target)
    if hasattr(os, "fchown") and (there.st_uid, there.st_gid) != (here.st_uid, here.st_gid):
        try:
            os.fchown(target, there.st_uid, there.st_gid)
        except OSError:
            with suppress(OSError):
                os.fchown(target, -1, there.st_gid)
    mode = stat.S_IMODE(there.st_mode)
    if hasattr(os, "fchmod"):  # after the owner: a change of that takes some bits away
        now = os.fstat(target)
        if now.st_gid != there.st_gid:  # what the group could do is not for another group
            mode &= ~0o2070
        if now.st_uid != there.st_uid:
            mode &= ~0o4000
        with suppress(OSError):
            os.fchmod(target, mode)
    if hasattr(os, "listxattr"):
        _copy_extended(source, target)


def _copy_extended(source: str | int, target: int) -> None:
    try:
        names = os.listxattr(source)
    except OSError:
        return  # a file system that has none
    for name in names:
        with suppress(OSError):  # some are the system's own to set
            os.setxattr(target, name, os.getxattr(source, name))


def is_at(descriptor: int, path: str) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)


def lock_shared(descriptor: int) -> bool:
    """Lock a file with others, at once or not at all."""
    return _lock(descriptor, alone=False)


def lock_alone(descriptor: int) -> bool:
    """Lock a file alone, at once or not at all; a shared lock of one's own is turned into it."""
    return _lock(descriptor, alone=True)


def wait_shared(descriptor: int, path: str, timeout: float) -> None:
    """Lock a file with others, as its readers do: no journal is applied meanwhile.

    Raises:
        LockedError: another process writes it, for longer than `timeout` seconds.
    """
    end = time.monotonic() + timeout
    while not lock_shared(descriptor):
        if time.monotonic() > end:
            raise LockedError(
                "the file is in use by another process",
                file=path,
                hint="close it there, or raise lock_timeout",
            )
        time.sleep(RETRY_SECONDS)


def _lock(descriptor: int, *, alone: bool) -> bool:
    if os.name == "nt":
        return _lock_windows(descriptor) if alone else True
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        warnings.warn(
            f"the file system keeps no locks ({error.strerror}): see to it yourself that one "
            "process at a time writes a file, and none reads it meanwhile",
            RuntimeWarning,
            stacklevel=2,
        )
    return True


def _lock_windows(descriptor: int) -> bool:
    import msvcrt

    try:
        os.lseek(descriptor, 2**62, os.SEEK_SET)  # far from all bytes: there locks keep readers out
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True
