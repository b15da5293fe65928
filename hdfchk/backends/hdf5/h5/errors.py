"""Conversion of errors of HDF5 and the system to errors with a hint of what to do.

A `CorruptFileError` means that bytes were read and are wrong. If the system cannot open or read a
file, nothing is known about its bytes: the error is the system's own, with its errno.
"""

from __future__ import annotations

import errno
import functools
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from ....errors import (
    CorruptFileError,
    HdfchkError,
    LockedError,
    ReadOnlyError,
    SystemRefusalError,
    UnsupportedStoredError,
)
from ....keys import Path, join

__all__ = [
    "NO_CLASS",
    "RAISED",
    "errno_of",
    "explain_open",
    "flagged",
    "is_of_hdf5",
    "telling",
    "telling_writes",
    "unless_damaged",
    "unreadable",
    "unwritable",
    "user_link",
]

P = ParamSpec("P")
R = TypeVar("R")

RAISED = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError)
"""The built-in exceptions that h5py raises for errors of HDF5."""


_NUMBER = r"errno = (\d+)"
_IN_USE = ("already open", "close degree")
_BUSY = frozenset({errno.EAGAIN, errno.EWOULDBLOCK})
_NOT_PERMITTED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
JOURNAL = "-journal"
_NO_CONVERSION = (
    "function for conversion path",
    "No NumPy equivalent",
    "not defined for data type class",
)
_DISK_WORDS = ("request failed", "driver", "flush", "write failed", "read failed", "space")
"""Words in HDF5's messages of failed reads and writes, which other code reports."""
NO_CLASS = "unable to find link class"
"""HDF5's message for a user-defined link of another program, which HDF5 cannot move or delete."""
_HINTS = {
    errno.EACCES: "check the permissions of the file, and of the folders above it",
    errno.EPERM: "check the permissions of the file, and of the folders above it",
    errno.EIO: "the disk, or the connection to it, has failed: see the system's log, and try again",
    errno.ELOOP: "its symbolic links form a cycle: see where they lead",
    errno.EMFILE: "this process has too many open files: close some, or raise `ulimit -n`",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.ENFILE: "the system has too many open files: close some",
    errno.ENOLCK: "the file system has no free locks, or does not support them: see its mount"
    " options; or set HDF5_USE_FILE_LOCKING=BEST_EFFORT, and use the file in one process at a time",
    errno.ENOMEM: "the system has too little free memory: free some, and try again",
    errno.ENOSPC: "the disk is full: free some space, and try again",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EROFS: "the file system is mounted read-only",
    getattr(errno, "EDQUOT", errno.ENOSPC): "your disk quota is used up: free some space",
    getattr(errno, "ESTALE", errno.EIO): "the file server no longer has this file: check there",
}


def errno_of(error: BaseException) -> int | None:
    """Return the errno of an error, which HDF5 includes in its message; None if there is none."""
    number = getattr(error, "errno", None)
    if not number:
        match = re.search(_NUMBER, str(error))
        number = int(match[1]) if match else None
    return number or None


def explain_open(
    error: Exception,
    path: str,
    *,
    writable: bool,
    what: str = "it cannot be opened as an HDF5 file",
    on_disk: bool = True,
) -> Exception:
    """Return the error to raise when HDF5, or the system, cannot open a file.

    Args:
        error: the original error.
        path: the path of the file, or the name of a file object.
        writable: the file was to be opened for writing.
        what: the problem, if the bytes of the file are wrong.
        on_disk: `path` is a path.
    """
    if isinstance(error, (HdfchkError, FileExistsError, RecursionError)) or "\0" in path:
        return error
    number = errno_of(error)
    if "h5clear" in str(error):
        return flagged(path)
    if number in _BUSY or any(message in str(error) for message in _IN_USE):
        # For example, HDF5 does not open for writing what the same process has open for reading.
        return LockedError(
            "the file is in use by another process, or open for reading in this one",
            file=path,
            hint="close it there (leave the with block), or raise lock_timeout",
        )
    if number is not None:
        return _system_error(number, path, writable=writable)
    if on_disk:
        try:
            seen = _file_problem(path)
        except OSError as refused:
            return _system_error(refused.errno or errno.EIO, path, writable=writable)
        if seen is not None:
            what = seen
    return CorruptFileError(
        f"{what} ({_message(error)})",
        file=path,
        hint="it may be another kind of file, or truncated: restore it from a copy",
    )


def flagged(path: str) -> CorruptFileError:
    """Return the error for a file that another program writes, or wrote when it was killed."""
    return CorruptFileError(
        "the program that wrote it has not closed it, or still writes it: a flag in it is set",
        file=path,
        hint=f"if no program is writing it, clear the flag: h5clear -s {path!r}",
    )


def _system_error(number: int, path: str, *, writable: bool) -> Exception:
    """Return the system's own error, with a hint."""
    folder, name = os.path.split(path)
    if number == errno.ENOENT:
        if any(part.startswith("~") for part in folder.split(os.sep)) and not os.path.isdir(folder):
            problem = "no such folder: '~' is not expanded here, use os.path.expanduser(path)"
            return FileNotFoundError(number, problem, path)
        if folder and not os.path.isdir(folder):
            problem = f"no such folder: create it first, with os.makedirs({folder!r})"
            return FileNotFoundError(number, problem, folder)
        return FileNotFoundError(number, "no such file", path)
    if number == errno.EISDIR or os.path.isdir(path):
        return IsADirectoryError(errno.EISDIR, "it is a folder: name a file in it", path)
    if number in _NOT_PERMITTED and writable:
        return ReadOnlyError(
            f"the file cannot be written ({os.strerror(number)})",
            file=path,
            hint="check its permissions and those of its folder, or use mode='r'",
        )
    message = os.strerror(number)
    if (
        number == errno.ENAMETOOLONG
        and writable
        and len(os.fsencode(name)) <= _max_name_bytes(folder)
    ):
        return OSError(
            number,
            f"{message} with {JOURNAL!r} appended, which is needed for writing. Use a shorter name,"
            " or journal=False",
            path,
        )
    hint = _HINTS.get(number)
    return OSError(number, f"{message}: {hint}" if hint else message, path)


def _max_name_bytes(folder: str) -> int:
    """Return the maximum length in bytes of a name in a folder."""
    try:
        return os.pathconf(folder or ".", "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        return 255


def _file_problem(path: str) -> str | None:
    """Return why HDF5 cannot open a file, if its size or signature shows that.

    Raises:
        OSError: the system cannot read it, or it is not a regular file.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", path)
    if not stat.S_ISREG(status.st_mode):  # reading a pipe could block forever
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    with open(path, "rb") as file:
        start = 0
        while start + len(_SIGNATURE) <= status.st_size:
            file.seek(start)
            if file.read(len(_SIGNATURE)) == _SIGNATURE:
                return None
            start = max(512, 2 * start)
    if status.st_size < len(_SIGNATURE):
        return f"it is not an HDF5 file: it has only {status.st_size} bytes"
    return "it is not an HDF5 file: it has no HDF5 signature"


def _message(error: Exception) -> str:
    return str(error.args[0]) if error.args and len(error.args) == 1 else str(error)


def unreadable(what: str, error: Exception, key: str | None) -> HdfchkError:
    """Return the error for an object that HDF5, or the system, cannot read."""
    number = errno_of(error)
    if number is not None:
        hint = _HINTS.get(number, "the file itself may be intact: try again")
        refusal = SystemRefusalError(
            f"{what} cannot be read ({os.strerror(number)})", key=key, hint=hint
        )
        refusal.errno = number
        return refusal
    message = _message(error) or type(error).__name__
    if any(words in message for words in _NO_CONVERSION):
        return UnsupportedStoredError(
            f"{what} cannot be read: h5py has no conversion for such a type ({message})",
            key=key,
            hint="read it with another tool, for example h5dump",
        )
    return CorruptFileError(
        f"{what} cannot be read ({message})",
        key=key,
        hint="restore it from a copy; verify() lists the intact keys",
    )


def unwritable(what: str, error: BaseException, key: str | None) -> HdfchkError | None:
    """Return the error for an object that HDF5 cannot write.

    Args:
        what: the object, in messages.
        error: the original error.
        key: its key.

    Returns:
        The error; None if `error` should be raised itself: it is hdfchk's, the system's, or comes
        from a function of the caller, not from HDF5.
    """
    if isinstance(error, HdfchkError) or not isinstance(error, RAISED):
        return None
    if errno_of(error) is not None or not is_of_hdf5(error):
        return None
    message = _message(error) or type(error).__name__
    if NO_CLASS in message:
        return user_link(key)
    if any(words in message for words in _NO_CONVERSION):
        return UnsupportedStoredError(
            f"{what} cannot be written: h5py has no conversion for such a type ({message})",
            key=key,
            hint="assign a whole value to the key, which is then stored with a type of its own; or"
            " write it with another tool",
        )
    if any(words in message.lower() for words in _DISK_WORDS):
        return None
    return UnsupportedStoredError(
        f"{what} cannot be written: HDF5 rejects it ({message})",
        key=key,
        hint="the file is unchanged; if verify() finds no damage, h5repack may create a copy that"
        " can be written",
    )


def user_link(key: str | None) -> UnsupportedStoredError:
    """Return the error for a user-defined link of another program that would have to be removed."""
    return UnsupportedStoredError(
        "there is a user-defined link, which HDF5 cannot move or delete",
        key=key,
        hint="use another key; the program that created the link can delete it",
    )


def is_of_hdf5(error: BaseException) -> bool:
    """Return whether an error comes from HDF5, not from a Python function or from an index."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    source = "" if trace is None else trace.tb_frame.f_code.co_filename
    return source.endswith((".pyx", ".pxi")) and "_selector" not in source


@contextmanager
def telling_writes(what: str, key: str) -> Iterator[None]:
    """Context of a write, which converts errors of HDF5 and adds the key to errors.

    Args:
        what: the object that is written, in messages.
        key: its key.
    """
    try:
        yield
    except RAISED as error:
        converted = unwritable(what, error, key)
        if converted is not None:
            raise converted from error
        if isinstance(error, HdfchkError):
            error.key = error.key or key
        raise


def telling(
    read: Callable[Concatenate[Any, Path, P], R],
) -> Callable[Concatenate[Any, Path, P], R]:
    """Decorate a method of a session that reads, so that errors of HDF5 are converted."""

    @functools.wraps(read)
    def converted(session: Any, path: Path, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return read(session, path, *args, **kwargs)
        except (HdfchkError, RecursionError):
            raise
        except RAISED as error:
            raise unreadable("it", error, join(path) or "/") from error

    return converted


def unless_damaged(read: Callable[[], R], also: tuple[type[Exception], ...] = ()) -> R | None:
    """Return the result of `read`, or None if the data are damaged.

    Args:
        read: the function; it is called again after an error, since only an error that persists
            counts as damage.
        also: errors that mean damage, besides those of HDF5.
    """
    caught: tuple[type[Exception], ...] = (*RAISED, *also)
    try:
        return read()
    except caught as error:
        if errno_of(error):
            raise
        try:
            read()  # otherwise something else was wrong
        except caught:
            return None
        raise
