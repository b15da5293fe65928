"""Exit codes, and errors as single lines."""

from __future__ import annotations

import errno
import os
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
    "advise",
    "close_quietly",
    "failure_of",
    "for_a_shell",
    "message_of",
]

_HINTS = {
    "see keys()": "see: hdfchk ls",
    "pass create=True to make a group": "see: hdfchk ls",
    "or raise lock_timeout": "or try again later; commands that write have --wait",
    "; or, if you trust this one, pass trust=True": "",
    "read it with trust=True or inside hdfchk.trusting()": "read it in Python, with trust=True",
    ", or use mode='r'": "",
    "recover(discard=True)": "hdfchk recover --discard",
    "recover(into=COPY)": "hdfchk recover --into COPY",
    "call recover()": "run hdfchk recover",
    "recover()": "hdfchk recover",
    "verify()": "hdfchk verify",
}
"""Advice for Python, and what replaces it in a shell."""

NO, USAGE, UNREADABLE, LOCKED, INTERRUPTED, CLOSED_PIPE = 1, 2, 3, 4, 130, 141


class Failure(click.ClickException):
    """An error that ends a command, shown as one line on standard error.

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
    """Return the line and the exit code for an error; None if it is a bug of the program."""
    import hdfchk

    if isinstance(error, hdfchk.LockedError):
        return Failure(_told(error), LOCKED)
    if isinstance(error, hdfchk.HdfchkError):
        return Failure(_told(error), _code(error))
    if isinstance(error, FileExistsError):
        return Failure(f"{_system(error)}; use --force to replace it", NO)
    if isinstance(error, OSError):
        return Failure(_system(error), UNREADABLE)
    if isinstance(error, MemoryError):
        return Failure("there is not enough memory; read a part of it, with -s", UNREADABLE)
    return None


def message_of(error: BaseException) -> str:
    """Return the message of an error for people, for programs that go on after it."""
    failure = error if isinstance(error, Failure) else failure_of(error)
    return str(error) if failure is None else failure.message


def _told(error: Any) -> str:
    """Return the message of an hdfchk error, with advice for a shell."""
    advise(error)
    return str(error)


def advise(error: Any) -> None:
    """Replace the advice in an hdfchk error, which is for Python, by advice for a shell."""
    if error.hint is not None:
        error.hint = for_a_shell(error.hint)


def for_a_shell(text: str) -> str:
    """Return a text with advice for Python replaced by advice for a shell.

    Example:
        >>> for_a_shell("wait for it, or raise lock_timeout")
        'wait for it, or try again later; commands that write have --wait'
    """
    for python, shell in _HINTS.items():
        text = text.replace(python, shell)
    return text


def _code(error: Exception) -> int:
    """Return the exit code for an hdfchk error."""
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
    """Return the message of the system with the name of the file."""
    text = error.strerror or str(error)
    if error.errno == errno.ENOENT:
        text = "no such file or folder"
        folder = os.path.dirname(str(error.filename or ""))
        if folder and not os.path.exists(folder):
            return f"no such folder: {folder}, for {error.filename}; make it first"
    if error.errno == errno.EACCES and "permissions" not in text:
        return f"{text}: {error.filename}; check its permissions, and those of its folder"
    return f"{text}: {error.filename}" if error.filename else text


def close_quietly() -> None:
    """Redirect standard output, whose reader is gone, so that the exit prints no error."""
    with suppress(OSError, ValueError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)
