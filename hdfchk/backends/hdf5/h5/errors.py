"""What HDF5 and the system raise when a file is opened or read, as errors that say what to do.

A `CorruptFileError` is for bytes that were read and are wrong. Where the system would not open or
read a file, nothing is known of its bytes: the error is the system's own, with its number.
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
"""The built-in errors as which h5py passes on those of HDF5."""


_NUMBER = re.compile(r"errno = (\d+)")
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
_OF_THE_DISK = ("request failed", "driver", "flush", "write failed", "read failed", "space")
"""What HDF5 says where reading or writing has failed: that is for others to tell."""
NO_CLASS = "unable to find link class"
"""What HDF5 says of a link of another program's own kind: it neither moves nor deletes it."""
_HINTS = {
    errno.EACCES: "check the permissions of the file, and of the folders above it",
    errno.EPERM: "check the permissions of the file, and of the folders above it",
    errno.EIO: "the disk, or the way to it, has failed: see the system's log, and try again",
    errno.ELOOP: "its symbolic links lead in a circle: see where they lead",
    errno.EMFILE: "this process has too many files open: close some, or raise `ulimit -n`",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.ENFILE: "the system has too many files open: close some",
    errno.ENOLCK: "the file system has no locks left, or keeps none: see its mount options; or set"
    " HDF5_USE_FILE_LOCKING=BEST_EFFORT, and let one process at a time use the file",
    errno.ENOMEM: "the system has no memory left for it: free some, and try again",
    errno.ENOSPC: "there is no room left: free some, and try again",
    errno.ENOTDIR: "a part of its path is a file, and no folder",
    errno.EROFS: "the file system is mounted for reading only",
    getattr(errno, "EDQUOT", errno.ENOSPC): "there is no room left for you: free some",
    getattr(errno, "ESTALE", errno.EIO): "the file server has not this file any more: look there",
}


def errno_of(error: BaseException) -> int | None:
    """The system's number of what went wrong, if the system was asked; HDF5 has it in its text."""
    number = getattr(error, "errno", None)
    if not number:
        said = _NUMBER.search(str(error))
        number = int(said[1]) if said else None
    return number or None


def explain_open(
    error: Exception,
    path: str,
    *,
    writable: bool,
    what: str = "it cannot be opened as an HDF5 file",
    on_disk: bool = True,
) -> Exception:
    """The error to raise for one of HDF5's, or of the system's, when a file is opened.

    Args:
        error: what was raised.
        path: the file.
        writable: it was opened for writing.
        what: what cannot be done, where its bytes are to blame.
        on_disk: `path` is a path, and not the name of an object.
    """
    if isinstance(error, (HdfchkError, FileExistsError, RecursionError)) or "\0" in path:
        return error
    number = errno_of(error)
    if "h5clear" in str(error):
        return CorruptFileError(
            "whoever wrote it has not closed it, or still writes it: a flag in the file says so",
            file=path,
            hint=f"if nobody writes it, take the flag away: h5clear -s {path!r}",
        )
    if number in _BUSY or any(said in str(error) for said in _IN_USE):
        # In one process HDF5 does not open for writing what is open for reading, say.
        return LockedError(
            "the file is in use by another process, or open for reading in this one",
            file=path,
            hint="close it there (leave the with block), or raise lock_timeout",
        )
    if number is not None:
        return _refused(number, path, writable=writable)
    if on_disk:
        try:
            seen = _look(path)
        except OSError as refused:
            return _refused(refused.errno or errno.EIO, path, writable=writable)
        if seen is not None:
            what = seen
    return CorruptFileError(
        f"{what} ({_said(error)})",
        file=path,
        hint="it may be another kind of file, or cut short: restore it from a copy",
    )


def _refused(number: int, path: str, *, writable: bool) -> Exception:
    """The system's own error, with a word on what to do."""
    folder, name = os.path.split(path)
    if number == errno.ENOENT:
        if folder and not os.path.isdir(folder):
            problem = f"no such folder: make it first, by os.makedirs({folder!r})"
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
    said = os.strerror(number)
    if number == errno.ENAMETOOLONG and writable and len(os.fsencode(name)) <= _longest(folder):
        return OSError(
            number,
            f"{said}: with {JOURNAL!r} behind it, which writing needs. Use a shorter name, or"
            " journal=False",
            path,
        )
    hint = _HINTS.get(number)
    return OSError(number, f"{said}: {hint}" if hint else said, path)


def _longest(folder: str) -> int:
    """How many bytes a name in a folder can have."""
    try:
        return os.pathconf(folder or ".", "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        return 255


def _look(path: str) -> str | None:
    """What is wrong with a file that HDF5 cannot open, if it shows from outside.

    Raises:
        OSError: the system does not show it, or it is none that has bytes of its own.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", path)
    if not stat.S_ISREG(status.st_mode):  # reading a pipe could wait for ever
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    with open(path, "rb") as file:
        start = 0
        while start + len(_SIGNATURE) <= status.st_size:
            file.seek(start)
            if file.read(len(_SIGNATURE)) == _SIGNATURE:
                return None
            start = max(512, 2 * start)
    if status.st_size < len(_SIGNATURE):
        return f"it is not an HDF5 file: it has {status.st_size} bytes"
    return "it is not an HDF5 file: it has no signature of one"


def _said(error: Exception) -> str:
    return str(error.args[0]) if error.args and len(error.args) == 1 else str(error)


def unreadable(what: str, error: Exception, key: str | None) -> HdfchkError:
    """The error for something that HDF5 cannot read, or that the system does not let it read."""
    number = errno_of(error)
    if number is not None:
        hint = _HINTS.get(number, "the file itself may be whole: try again")
        refusal = SystemRefusalError(
            f"{what} cannot be read ({os.strerror(number)})", key=key, hint=hint
        )
        refusal.errno = number
        return refusal
    said = _said(error) or type(error).__name__
    if any(words in said for words in _NO_CONVERSION):
        return UnsupportedStoredError(
            f"{what} cannot be read: h5py has no conversion for such a type ({said})",
            key=key,
            hint="read it with another tool: h5dump, say",
        )
    return CorruptFileError(
        f"{what} cannot be read ({said})",
        key=key,
        hint="restore it from a copy; verify() says which keys are whole",
    )


def unwritable(what: str, error: BaseException, key: str | None) -> HdfchkError | None:
    """The error for something that HDF5 does not write.

    Args:
        what: it is.
        error: what was raised.
        key: where.

    Returns:
        The error; None where `error` says itself what it is: it is ours, the system's, or not one
        of HDF5's at all, but of a caller's function.
    """
    if isinstance(error, HdfchkError) or not isinstance(error, RAISED):
        return None
    if errno_of(error) is not None or not is_of_hdf5(error):
        return None
    said = _said(error) or type(error).__name__
    if NO_CLASS in said:
        return user_link(key)
    if any(words in said for words in _NO_CONVERSION):
        return UnsupportedStoredError(
            f"{what} cannot be written: h5py has no conversion for such a type ({said})",
            key=key,
            hint="assign a whole value to the key, which gets a type of its own; or write it with"
            " another tool",
        )
    if any(words in said.lower() for words in _OF_THE_DISK):
        return None
    return UnsupportedStoredError(
        f"{what} cannot be written: HDF5 refuses it ({said})",
        key=key,
        hint="the file is as it was; if verify() finds it whole, h5repack may make one of it that"
        " can be written",
    )


def user_link(key: str | None) -> UnsupportedStoredError:
    """The error for a link of another program's own kind that would have to go."""
    return UnsupportedStoredError(
        "a user-defined link is in the way, which HDF5 neither moves nor deletes",
        key=key,
        hint="use another key; the program that has made the link can delete it",
    )


def is_of_hdf5(error: BaseException) -> bool:
    """Whether an error comes from HDF5, and not from a function in Python, nor from an index."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    source = "" if trace is None else trace.tb_frame.f_code.co_filename
    return source.endswith((".pyx", ".pxi")) and "_selector" not in source


@contextmanager
def telling_writes(what: str, key: str) -> Iterator[None]:
    """A block that writes: what HDF5 refuses is told as what it is, and where.

    Args:
        what: is written.
        key: where.
    """
    try:
        yield
    except RAISED as error:
        told = unwritable(what, error, key)
        if told is not None:
            raise told from error
        if isinstance(error, HdfchkError):
            error.key = error.key or key
        raise


def telling(
    read: Callable[Concatenate[Any, Path, P], R],
) -> Callable[Concatenate[Any, Path, P], R]:
    """Make a session's method that reads tell what it could not, and at which path."""

    @functools.wraps(read)
    def told(session: Any, path: Path, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return read(session, path, *args, **kwargs)
        except (HdfchkError, RecursionError):
            raise
        except RAISED as error:
            raise unreadable("it", error, join(path) or "/") from error

    return told


def unless_damaged(read: Callable[[], R], also: tuple[type[Exception], ...] = ()) -> R | None:
    """What is read; None where that is damaged.

    Args:
        read: reads it. It is called again after an error: one that comes once is raised.
        also: errors that say so beside those of HDF5.
    """
    caught: tuple[type[Exception], ...] = (*RAISED, *also)
    try:
        return read()
    except caught as error:
        if errno_of(error):
            raise
        try:
            read()  # or it was something else than the file
        except caught:
            return None
        raise
