"""Detection of changes to a file that another process writes."""

from __future__ import annotations

import os

__all__ = ["Stamp", "stamp_of"]

Stamp = tuple[tuple[int, int, int] | None, ...]


def stamp_of(file: str) -> Stamp:
    """Return what changes with each commit: size and time of the file and of its journal.

    On network file systems, it may lag behind by the time for which attributes are cached.
    """
    return tuple(map(_stat, (file, f"{file}-journal")))


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
