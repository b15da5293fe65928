"""Frames for a call to work in: near the recursion limit, what cleans up would fail as well."""

from __future__ import annotations

import sys

__all__ = ["NEEDED", "require_frames", "require_frames_below"]

NEEDED = 100
"""Frames that a call may take, with the callbacks of its library and finalisers in the middle."""
_LEVELS = 16
"""In a tree they are looked for at each level of these: the others take a few of those left."""


def require_frames() -> None:
    """Make sure that the frames are left that a call takes.

    A callback of HDF5 that meets the recursion limit could not tell it what it asks for, and a
    block could not be left as it must be.

    Raises:
        RecursionError: too few are left.
    """
    try:
        sys._getframe(sys.getrecursionlimit() - NEEDED)  # noqa: SLF001  nothing else counts
    except ValueError:
        return
    raise RecursionError(f"fewer than {NEEDED} frames are left before the recursion limit")


def require_frames_below(path: tuple[str, ...]) -> None:
    """As `require_frames`, for the next levels of a tree that is walked by recursion.

    Args:
        path: where the walk is.

    Raises:
        RecursionError: too few are left.
    """
    if len(path) % _LEVELS == _LEVELS - 1:
        require_frames()
