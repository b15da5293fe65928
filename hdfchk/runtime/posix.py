"""System calls for the log: complete reads and writes at an offset, sync, allocation, locks, names.

If a system lacks a call, the next best is used; ``docs/durability.md`` lists what is weaker there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import sys
import time
import warnings
from collections.abc import Iterable
from typing import Any

from ..errors import LockedError, NoLocksWarning, NotAFileError
from ..logger import INFO, note
from .interrupts import BLOCK_BYTES, check_pending, run_pending

if sys.platform != "win32":
    import fcntl
else:
    fcntl = None  # Windows has no suitable range locks

__all__ = [
    "RETRY_SECONDS",
    "close_on_exec",
    "copy_owner_and_mode",
    "create_beside",
    "file_key",
    "is_at",
    "open_anew",
    "open_file",
    "open_regular",
    "read_all",
    "read_each",
    "read_into",
    "redirect_to_scratch",
    "reserve",
    "sync",
    "sync_folder",
    "try_lock_exclusive",
    "try_lock_range",
    "try_lock_shared",
    "unlock_range",
    "wait_lock_shared",
    "write_all",
]

RETRY_SECONDS = 0.02
_NO_LOCKS = frozenset(
    {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, 524}
)
"""524 is ENOTSUPP, an internal error number that some Linux file systems return."""
_NO_FOLDER_SYNC = frozenset(
    {errno.EINVAL, errno.EACCES, errno.EPERM, errno.EBADF, errno.EISDIR, errno.EROFS}
) | {errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}


def open_file(path: str, flags: int, mode: int = 0o666) -> int:
    """Open a file; a new one gets the permissions left by the umask."""
    return os.open(path, flags | getattr(os, "O_BINARY", 0), mode)


def open_regular(path: str, flags: int, mode: int = 0o666) -> int:
    """Open a regular file, without following a symbolic link.

    Raises:
        NotAFileError: it is a device, a pipe, a socket, or a symbolic link.
        IsADirectoryError: it is a folder.
    """
    quiet = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)  # opening a pipe would wait
    try:
        descriptor = open_file(path, flags | quiet, mode)
    except OSError as error:
        kinds = {errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EMLINK}
        if error.errno in kinds and not _is_loop(path):
            raise _not_regular(path) from error
        raise
    try:
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(kind):
            raise _not_regular(path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_loop(path: str) -> bool:
    """Whether symbolic links form a loop."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _not_regular(path: str) -> NotAFileError:
    return NotAFileError(
        "it is not a regular file (a device, pipe, socket or symbolic link)",
        file=path,
        hint="pass the path of a regular file, or of a file that does not exist",
    )


def write_all(descriptor: int, data: Any, offset: int, *, pausing: bool = False) -> None:
    """Write all of `data`, repeating partial writes.

    Args:
        descriptor: the file.
        data: the bytes.
        offset: the offset in the file.
        pausing: signal handlers may run between two blocks, and raise exceptions.
    """
    view = memoryview(data).cast("B")
    most = BLOCK_BYTES if pausing else sys.maxsize
    while view:
        part = view[:most]
        if hasattr(os, "pwrite"):
            done = os.pwrite(descriptor, part, offset)
        else:
            os.lseek(descriptor, offset, os.SEEK_SET)
            done = os.write(descriptor, part)
        view, offset = view[done:], offset + done
        if pausing and view:
            run_pending()


def read_into(descriptor: int, view: memoryview, offset: int) -> int:
    """Fill `view` up to the end of the file; return the number of bytes read."""
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
    """Read `length` bytes, or up to the end of the file."""
    data = bytearray(length)
    return bytes(memoryview(data)[: read_into(descriptor, memoryview(data), offset)])


def read_each(descriptor: int, length: int, offsets: Iterable[int]) -> list[bytes]:
    """Read `length` bytes, or up to the end of the file, at each offset.

    Adjacent ranges are read together.
    """
    found: list[bytes] = []
    todo, start = list(offsets), 0
    while start < len(todo):
        stop = start + 1
        while stop < len(todo) and todo[stop] == todo[stop - 1] + length:
            stop += 1
        data = read_all(descriptor, length * (stop - start), todo[start])
        found += [data[at * length : (at + 1) * length] for at in range(stop - start)]
        start = stop
    return found


def redirect_to_scratch(descriptor: int) -> None:
    """Point a descriptor at an anonymous file, so that late writes to it are harmless."""
    sink = _scratch()
    try:
        os.dup2(sink, descriptor, inheritable=False)
    finally:
        os.close(sink)


def _scratch() -> int:
    """Open an anonymous file."""
    with contextlib.suppress(AttributeError, OSError):  # not Linux, or no memory
        return os.memfd_create("hdfchk")
    import tempfile  # large, and not to be imported in a child of `fork`

    try:
        with tempfile.TemporaryFile() as sink:
            return os.dup(sink.fileno())
    except OSError:  # no usable folder for temporary files
        return os.open(os.devnull, os.O_RDWR)


def open_anew(descriptor: int) -> None:
    """Reopen a descriptor for reading, so that it shares no locks with other descriptors."""
    with contextlib.suppress(OSError):  # on systems without /proc
        fresh = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
        try:
            os.dup2(fresh, descriptor, inheritable=False)
        finally:
            os.close(fresh)


def close_on_exec(descriptor: int) -> None:
    """Keep a descriptor opened by a library from being inherited by programs started here."""
    with contextlib.suppress(OSError):
        os.set_inheritable(descriptor, False)


def sync(descriptor: int) -> None:
    """Sync the bytes of a file, and its length, to disk."""
    if sys.platform == "darwin":  # there, fsync alone may leave them in the drive's cache
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def sync_folder(path: str) -> None:
    """Sync the names in the folder of `path` to disk, if the file system supports it."""
    if os.name == "nt":
        return  # a folder cannot be opened there
    try:
        descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    except OSError as error:
        if error.errno in _NO_FOLDER_SYNC:  # a folder that may be entered but not listed
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def reserve(descriptor: int, runs: Iterable[tuple[int, int]]) -> None:
    """Allocate space for writes beyond the end of a file.

    Args:
        descriptor: the file.
        runs: the offset and length of each write. Gaps between them are not allocated.

    Raises:
        OSError: there is not enough space; the file has its old length.
    """
    end = os.fstat(descriptor).st_size
    try:
        for start, length in runs:
            if start + length > end:
                _reserve(descriptor, max(start, end), start + length)
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, end)
        raise


def _reserve(descriptor: int, start: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, start, size - start)
            return
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}:
                raise
    for offset in range(start, size, 2**20):
        write_all(descriptor, bytes(min(2**20, size - offset)), offset)


def file_key(descriptor: int) -> tuple[int, int]:
    """Return device and inode, which identify an open file."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def is_at(descriptor: int, path: str) -> bool:
    """Whether `path` still names an open file."""
    try:
        there = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return (there.st_dev, there.st_ino) == file_key(descriptor)


def create_beside(path: str, source: int | None) -> int:
    """Create a file that the same users can access as another; return its descriptor.

    It never has a wider mode: a user who opened it then could read it ever after.

    Args:
        path: the path of the new file.
        source: the descriptor of the other file; None if there is none.

    Raises:
        FileExistsError: it exists.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    if source is None:
        return open_regular(path, flags)
    there = os.fstat(source)
    mode = stat.S_IMODE(there.st_mode) & 0o666
    if not hasattr(os, "getegid") or there.st_gid != os.getegid():
        mode &= ~0o060
    made = open_regular(path, flags, mode)
    copy_owner_and_mode(source, made)
    return made


def copy_owner_and_mode(source: str | int, target: int) -> None:
    """Give an open file the owner, group, mode and extended attributes of another.

    A file beside another, or in its place, should be accessible to the same users. Whatever the
    system does not permit or support is left unchanged: an ordinary user cannot change the owner
    of a file, but often its group.

    Args:
        source: the path or descriptor of the other file.
        target: the descriptor of the file.
    """
    there, here = os.stat(source), os.fstat(target)
    if hasattr(os, "fchown") and (there.st_uid, there.st_gid) != (here.st_uid, here.st_gid):
        try:
            os.fchown(target, there.st_uid, there.st_gid)
        except OSError:
            with contextlib.suppress(OSError):
                os.fchown(target, -1, there.st_gid)
    mode = stat.S_IMODE(there.st_mode)
    if hasattr(os, "fchmod"):  # after the owner, because changing that clears some bits
        now = os.fstat(target)
        if now.st_gid != there.st_gid:  # another group must not get the permissions of the group
            mode &= ~0o2070
        if now.st_uid != there.st_uid:
            mode &= ~0o4000
        with contextlib.suppress(OSError):
            os.fchmod(target, mode)
    if hasattr(os, "listxattr"):
        _copy_extended(source, target)


def _copy_extended(source: str | int, target: int) -> None:
    try:
        names = os.listxattr(source)
    except OSError:
        return  # the file system does not support them
    for name in names:
        with contextlib.suppress(OSError):  # only the system can set some of them
            os.setxattr(target, name, os.getxattr(source, name))


# -- locks ---------------------------------------------------------------------------------------


def try_lock_shared(descriptor: int) -> bool:
    """Try to take a shared lock on a file, without waiting."""
    return _flock(descriptor, exclusive=False)


def try_lock_exclusive(descriptor: int) -> bool:
    """Try to take an exclusive lock on a file, without waiting; converts its own shared lock."""
    return _flock(descriptor, exclusive=True)


def wait_lock_shared(descriptor: int, path: str, timeout: float) -> None:
    """Take a shared lock on a file, as readers do; it prevents checkpoints.

    Raises:
        LockedError: another process holds an exclusive lock for longer than `timeout` seconds.
    """
    end = time.monotonic() + timeout
    has_waited = False
    while not try_lock_shared(descriptor):
        if time.monotonic() > end:
            raise LockedError(
                "the file is in use by another process, or open for writing in this one",
                file=path,
                hint="close it there, or raise lock_timeout",
            )
        check_pending()
        if not has_waited:
            has_waited = True
            note(INFO, "%s: waiting until it is not in use", path)
        time.sleep(RETRY_SECONDS)


def _flock(descriptor: int, *, exclusive: bool) -> bool:
    if os.name == "nt":
        return _lock_windows(descriptor) if exclusive else True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _warn_of_no_locks(error)
    return True


_WARNED: set[int] = set()


def _warn_of_no_locks(error: OSError) -> None:
    number = error.errno or 0
    if number in _WARNED:
        return
    _WARNED.add(number)
    warnings.warn(
        f"the file system does not support locks ({error.strerror}): make sure that only one "
        "process at a time writes a file, and none reads it meanwhile",
        NoLocksWarning,
        stacklevel=2,
    )


_RANGE = struct.Struct("@hhqqi4x")
"""``struct flock`` of 64-bit Linux."""
_KNOWS_RANGES = sys.platform.startswith("linux") and struct.calcsize("P") == 8
"""Whether the system has this structure. That of macOS, which has such locks too, differs."""


def try_lock_range(
    descriptor: int, start: int, length: int, *, exclusive: bool = True, probe: bool = False
) -> bool:
    """Try to lock a range of bytes of an inode, without waiting.

    The lock belongs to the open file description (``F_OFD_SETLK`` of Linux): it does not conflict
    with `flock`, which HDF5 uses, is not released when another descriptor of the file is closed,
    and ends with the last duplicate of this one. On systems without such locks, return True.

    Args:
        descriptor: the file; open for writing if the lock is exclusive.
        start: the first byte, possibly beyond the end of the file.
        length: the number of bytes.
        exclusive: take an exclusive instead of a shared lock.
        probe: only test whether the lock is available.

    Raises:
        OSError: the system call fails.
    """
    command = getattr(fcntl, "F_OFD_GETLK" if probe else "F_OFD_SETLK", None)
    if command is None or not _KNOWS_RANGES:
        return True
    kind = fcntl.F_WRLCK if exclusive else fcntl.F_RDLCK
    asked = _RANGE.pack(kind, os.SEEK_SET, start, length, 0)
    try:
        answer = fcntl.fcntl(descriptor, command, asked)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EAGAIN}:
            return False
        if error.errno not in _NO_LOCKS:
            raise
        _warn_of_no_locks(error)
        return True
    return not probe or _RANGE.unpack(answer)[0] == fcntl.F_UNLCK


def unlock_range(descriptor: int, start: int, length: int) -> None:
    """Release a lock taken by `try_lock_range`."""
    command = getattr(fcntl, "F_OFD_SETLK", None)
    if command is not None and _KNOWS_RANGES:
        with contextlib.suppress(OSError):
            fcntl.fcntl(
                descriptor,
                command,
                _RANGE.pack(fcntl.F_UNLCK, os.SEEK_SET, start, length, 0),
            )


def _lock_windows(descriptor: int) -> bool:
    import msvcrt

    try:
        os.lseek(descriptor, 2**62, os.SEEK_SET)  # beyond all data: these locks also block reads
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True
