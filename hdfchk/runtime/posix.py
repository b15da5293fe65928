"""What the log asks of the system: whole reads and writes at a place, syncs, room, locks, names.

Systems that lack a call get the next best one; ``docs/durability.md`` says what is weaker there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from typing import Any

from ..errors import LockedError, NoLocksWarning, NotAFileError
from .interrupts import BLOCK_BYTES, check_pending, run_pending

if sys.platform != "win32":
    import fcntl
else:
    fcntl = None  # ranges cannot be locked there as it is needed

__all__ = [
    "RETRY_SECONDS",
    "close_on_exec",
    "copy_owner_and_mode",
    "file_key",
    "is_at",
    "open_anew",
    "open_file",
    "open_regular",
    "read_all",
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
"""524 is ENOTSUPP, which some file systems of Linux let out of the kernel."""
_NO_FOLDER_SYNC = frozenset(
    {errno.EINVAL, errno.EACCES, errno.EPERM, errno.EBADF, errno.EISDIR, errno.EROFS}
) | {errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}


def open_file(path: str, flags: int, mode: int = 0o666) -> int:
    """Open a file by its own name; a new one with the rights that the user's mask leaves."""
    return os.open(path, flags | getattr(os, "O_BINARY", 0), mode)


def open_regular(path: str, flags: int, mode: int = 0o666) -> int:
    """Open a regular file, and nothing else; a symbolic link is not followed.

    Raises:
        NotAFileError: it is a device, a pipe, a socket, or a symbolic link.
        IsADirectoryError: it is a folder.
    """
    quiet = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)  # a pipe would wait
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
    """Whether symbolic links lead round and round."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _not_regular(path: str) -> NotAFileError:
    return NotAFileError(
        "it is not a regular file (a device, pipe, socket or symbolic link)",
        file=path,
        hint="give the path of a file, or of none",
    )


def write_all(descriptor: int, data: Any, offset: int, *, pausing: bool = False) -> None:
    """Write all of `data`; the system may take less than it is given.

    Args:
        descriptor: of the file.
        data: the bytes.
        offset: where they go.
        pausing: handlers of signals may run between two blocks, and raise.
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


def redirect_to_scratch(descriptor: int) -> None:
    """Point a descriptor at a file without a name, so that late writes to it do no harm."""
    try:
        sink = tempfile.TemporaryFile()  # noqa: SIM115  it has to be closed below in any case
    except OSError:  # there is no place for one
        sink = open(os.devnull, "r+b")  # noqa: SIM115
    with sink:
        os.dup2(sink.fileno(), descriptor, inheritable=False)


def open_anew(descriptor: int) -> None:
    """Let a descriptor, open for reading, be one of its own: the locks stay with the other ones."""
    with contextlib.suppress(OSError):  # where the system has no names for open files
        fresh = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
        try:
            os.dup2(fresh, descriptor, inheritable=False)
        finally:
            os.close(fresh)


def close_on_exec(descriptor: int) -> None:
    """Keep a descriptor that a library has opened out of the programs that this process starts."""
    with contextlib.suppress(OSError):
        os.set_inheritable(descriptor, False)


def sync(descriptor: int) -> None:
    """Bring the bytes of a file, and its length, to the disk."""
    if sys.platform == "darwin":  # there, a sync alone may leave them in the drive's memory
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def sync_folder(path: str) -> None:
    """Bring the names in the folder of `path` to the disk, where the file system can do that."""
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
    """Take room for what is about to be written behind the end of a file.

    Args:
        descriptor: of the file.
        runs: where each write begins, and how many bytes it has. Between them nothing is taken.

    Raises:
        OSError: there is no room; the file has its old length.
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
    """What is the same for two open files if, and only if, they are one: device and inode."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def is_at(descriptor: int, path: str) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        there = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return (there.st_dev, there.st_ino) == file_key(descriptor)


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
            with contextlib.suppress(OSError):
                os.fchown(target, -1, there.st_gid)
    mode = stat.S_IMODE(there.st_mode)
    if hasattr(os, "fchmod"):  # after the owner: a change of that takes some bits away
        now = os.fstat(target)
        if now.st_gid != there.st_gid:  # what the group could do is not for another group
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
        return  # a file system that has none
    for name in names:
        with contextlib.suppress(OSError):  # some are the system's own to set
            os.setxattr(target, name, os.getxattr(source, name))


# -- locks ---------------------------------------------------------------------------------------


def try_lock_shared(descriptor: int) -> bool:
    """Lock a file with others, at once or not at all."""
    return _flock(descriptor, exclusive=False)


def try_lock_exclusive(descriptor: int) -> bool:
    """Lock a file alone, at once or not at all; a shared lock of one's own is turned into it."""
    return _flock(descriptor, exclusive=True)


def wait_lock_shared(descriptor: int, path: str, timeout: float) -> None:
    """Lock a file with others, as its readers do: no checkpoint is made meanwhile.

    Raises:
        LockedError: another process holds it alone, for longer than `timeout` seconds.
    """
    end = time.monotonic() + timeout
    while not try_lock_shared(descriptor):
        if time.monotonic() > end:
            raise LockedError(
                "the file is in use by another process, or open for writing in this one",
                file=path,
                hint="close it there, or raise lock_timeout",
            )
        check_pending()
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
        f"the file system keeps no locks ({error.strerror}): make sure yourself that one "
        "process at a time writes a file, and none reads it meanwhile",
        NoLocksWarning,
        stacklevel=2,
    )


_RANGE = struct.Struct("@hhqqi4x")
"""``struct flock`` of Linux on systems of 64 bits."""


def try_lock_range(
    descriptor: int, start: int, length: int, *, exclusive: bool = True, probe: bool = False
) -> bool:
    """Lock a range of bytes of an inode, at once or not at all.

    The lock belongs to the open file description (``F_OFD_SETLK`` of Linux): it does not disturb
    `flock`, as HDF5 uses it, it does not vanish when another descriptor of the file is closed, and
    it ends with the last copy of this one. Where there is no such thing, it is always had.

    Args:
        descriptor: of the file; open for writing if the lock is exclusive.
        start: the first byte; the file need not reach as far.
        length: how many bytes.
        exclusive: alone, and not with others.
        probe: only say whether it could be had.

    Raises:
        OSError: the system fails.
    """
    command = getattr(fcntl, "F_OFD_GETLK" if probe else "F_OFD_SETLK", None)
    if command is None or struct.calcsize("P") != 8:
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
    """Give up a lock of `try_lock_range`."""
    command = getattr(fcntl, "F_OFD_SETLK", None)
    if command is not None and struct.calcsize("P") == 8:
        with contextlib.suppress(OSError):
            fcntl.fcntl(
                descriptor,
                command,
                _RANGE.pack(fcntl.F_UNLCK, os.SEEK_SET, start, length, 0),
            )


def _lock_windows(descriptor: int) -> bool:
    import msvcrt

    try:
        os.lseek(descriptor, 2**62, os.SEEK_SET)  # far from all bytes: there locks keep readers out
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True
