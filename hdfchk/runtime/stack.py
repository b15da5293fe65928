"""Checks for free stack frames: near the recursion limit, cleanup code would fail too."""

from __future__ import annotations

import sys

__all__ = ["NEEDED", "require_frames", "require_frames_below"]

NEEDED = 100
"""Frames that a call may need, including callbacks of the library and finalizers."""
_LEVELS = 16
"""In a tree, the check runs once every so many levels."""


def require_frames() -> None:
    """Ensure that enough frames are left for a call.

    At the recursion limit, an HDF5 callback could not return its result, and contexts could not
    be exited properly.

    Raises:
        RecursionError: too few are left.
    """
    try:
        sys._getframe(sys.getrecursionlimit() - NEEDED)  # noqa: SLF001  nothing else counts
    except ValueError:
        return
    raise RecursionError(f"fewer than {NEEDED} frames are left before the recursion limit")


def require_frames_below(path: tuple[str, ...]) -> None:
    """As `require_frames`, for the next levels of a tree traversed by recursion.

    Args:
        path: the current path.

    Raises:
        RecursionError: too few are left.
    """
    if len(path) % _LEVELS == _LEVELS - 1:
        require_frames()
