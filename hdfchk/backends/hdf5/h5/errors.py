"""What HDF5 raises over a damaged file, as an error that names the key."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from ....errors import CorruptFileError, HdfchkError
from ....keys import Path, join

__all__ = ["RAISED", "telling", "unreadable"]

P = ParamSpec("P")
R = TypeVar("R")

RAISED = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError)
"""The built-in errors as which h5py passes on those of HDF5."""


def unreadable(what: str, error: Exception, key: str | None) -> CorruptFileError:
    """The error for something that HDF5 can not read."""
    said = error.args[0] if error.args else type(error).__name__
    return CorruptFileError(
        f"{what} can not be read ({said})",
        key=key,
        hint="restore it from a copy; verify() says which keys are whole",
    )


def telling(
    read: Callable[Concatenate[Any, Path, P], R],
) -> Callable[Concatenate[Any, Path, P], R]:
    """Make a session's method that reads tell what it could not, and at which path."""

    @functools.wraps(read)
    def told(session: Any, path: Path, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return read(session, path, *args, **kwargs)
        except HdfchkError:
            raise
        except RAISED as error:
            raise unreadable("it", error, join(path) or "/") from error

    return told
