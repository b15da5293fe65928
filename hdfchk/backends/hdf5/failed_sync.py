"""Errors for commits that are decided, but could not be synced."""

from __future__ import annotations

import os
from typing import TypeVar

from ...errors import LateSyncError, NotDurableError

__all__ = ["late_sync", "not_durable"]

Failed = TypeVar("Failed", LateSyncError, NotDurableError)


def late_sync(error: OSError, file: str) -> LateSyncError:
    """Return the error for the next call, which does nothing itself."""
    return _of_a_sync(
        LateSyncError,
        error,
        file,
        "earlier assignments are committed, and a kill does not undo them, but they could not be "
        "synced to disk. This call has changed nothing",
        "call it again; the next sync writes the earlier assignments to disk",
    )


def not_durable(error: OSError, file: str) -> NotDurableError:
    """Return the error for the call that should have synced the commit."""
    return _of_a_sync(
        NotDurableError,
        error,
        file,
        "the assignment is committed, and a kill does not undo it, but it could not be synced "
        "to disk",
        "do not assign again; the next sync writes it to disk",
    )


def _of_a_sync(kind: type[Failed], error: OSError, file: str, problem: str, hint: str) -> Failed:
    cause = error.strerror or os.strerror(error.errno or 0)
    failed = kind(f"{problem} ({cause})", file=file, hint=hint)
    failed.errno = error.errno
    return failed
