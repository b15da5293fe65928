"""The time of the last change of a file, from the metadata of the file and its journal alone."""

from __future__ import annotations

import errno
import os
import time

import attrs

__all__ = ["FileState", "state_of"]


@attrs.frozen
class FileState:
    """The state of a file and its journal.

    Args:
        version: differs if either has changed. On NFS a change is visible when the cache of
            metadata expires.
        changed: the time of the last change, in seconds since the epoch.
        journal_bytes: the size of the journal; 0 if there is none.
    """

    version: str
    changed: float
    journal_bytes: int

    @property
    def changed_text(self) -> str:
        """Return the time of the last change in local time."""
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.changed))


def state_of(path: str) -> FileState:
    """Return the state of a file. It is not opened.

    Raises:
        FileNotFoundError: there is no such file; a journal alone is not sufficient.
    """
    found: list[os.stat_result | None] = []
    for name in (path, f"{path}-journal"):
        try:
            found.append(os.stat(name))
        except FileNotFoundError:
            found.append(None)
    file, journal = found
    if file is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    version = "-".join(
        "0" if stat is None else f"{stat.st_ino:x}.{stat.st_mtime_ns:x}.{stat.st_size:x}"
        for stat in found
    )
    changed = max(stat.st_mtime for stat in found if stat is not None)
    return FileState(version, changed, journal.st_size if journal is not None else 0)
