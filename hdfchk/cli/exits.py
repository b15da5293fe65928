"""Exit codes, and errors as one line."""

from __future__ import annotations

import errno
import sys
from contextlib import suppress
from typing import IO, Any

import click

from .escapes import escaped

__all__ = [
    "CLOSED_PIPE",
    "INTERRUPTED",
    "LOCKED",
    "NO",
    "UNREADABLE",
    "USAGE",
    "Failure",
    "close_quietly",
    "failure_of",
]

NO, USAGE, UNREADABLE, LOCKED, INTERRUPTED, CLOSED_PIPE = 1, 2, 3, 4, 130, 141


class Failure(click.ClickException):
    """The end of a command, as one line on standard error.

    Args:
        message: what is wrong, where, and what to do.
        code: the exit code.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """The exit code."""
        return self.code

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line."""
        click.echo(f"hdfchk: {escaped(self.message)}", file=file or sys.stderr)


def failure_of(error: BaseException) -> Failure | None:
    """The line and the exit code of an error; None if it is a mistake of the program."""
    import hdfchk

    if isinstance(error, hdfchk.LockedError):
        return Failure(str(error), LOCKED)
    if isinstance(error, hdfchk.CheckpointerKeyError) and error.hint == "see keys()":
        error.hint = "see: hdfchk tree FILE"  # as one asks in a shell
    if isinstance(error, hdfchk.HdfchkError):
        return Failure(str(error), _code(error))
    if isinstance(error, FileExistsError):
        return Failure(f"{_system(error)}; use --force to replace it", NO)
    if isinstance(error, OSError):
        return Failure(_system(error), UNREADABLE)
    if isinstance(error, MemoryError):
        return Failure("there is not enough memory; read a part of it, with -s", UNREADABLE)
    return None


def _code(error: Exception) -> int:
    """The exit code of an error of hdfchk."""
    import hdfchk

    if isinstance(error, (hdfchk.CheckpointerKeyError, hdfchk.ReferencedError, FileExistsError)):
        return NO
    usage = (
        hdfchk.InvalidKeyError,
        hdfchk.InvalidKeyTypeError,
        hdfchk.InvalidOptionError,
        hdfchk.UnsupportedTypeError,
        hdfchk.UnknownTargetError,
    )
    return USAGE if isinstance(error, usage) else UNREADABLE


def _system(error: OSError) -> str:
    """What the system says, with the name of the file."""
    text = error.strerror or str(error)
    if error.errno == errno.ENOENT:
        text = "no such file or folder"
    return f"{text}: {error.filename}" if error.filename else text


def close_quietly() -> None:
    """Close standard output, whose reader has gone, without a message at the end of the process."""
    import os

    with suppress(OSError, ValueError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)
