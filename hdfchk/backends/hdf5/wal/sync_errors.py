"""What is told of commits that stand, and could not be brought to the disk."""

from __future__ import annotations

import os
from typing import TypeVar

from ....errors import LateSyncError, NotDurableError

__all__ = ["late", "not_durable"]

Failed = TypeVar("Failed", LateSyncError, NotDurableError)


def late(error: OSError, file: str) -> LateSyncError:
    """The error for a sync that fails after its commits have returned."""
    return _of_a_sync(
        LateSyncError,
        error,
        file,
        "what was assigned before is there, and a kill leaves it there, but it could not be "
        "brought to the disk. This call has done nothing",
        "do it again; the next sync brings what was assigned before to the disk",
    )


def not_durable(error: OSError, file: str) -> NotDurableError:
    """The error for a sync that fails with the call whose commit it is."""
    return _of_a_sync(
        NotDurableError,
        error,
        file,
        "what was assigned is there, and a kill leaves it there, but it could not be brought "
        "to the disk",
        "do not assign it again; the next sync brings it to the disk",
    )


def _of_a_sync(kind: type[Failed], error: OSError, file: str, problem: str, hint: str) -> Failed:
    cause = error.strerror or os.strerror(error.errno or 0)
    failed = kind(f"{problem} ({cause})", file=file, hint=hint)
    failed.errno = error.errno
    return failed
