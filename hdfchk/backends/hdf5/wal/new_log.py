"""A log that is created beside the one it replaces."""

from __future__ import annotations

import contextlib
import os

from ....logger import DEBUG, note
from ....runtime.descriptors import Descriptor
from ....runtime.posix import create_beside, try_lock_exclusive
from .log import log_of
from .writer_lock import WriterLock

__all__ = ["NewLog"]


class NewLog:
    """A log that is being created.

    Args:
        lock: the lock to write the file, which will hold the new log.
    """

    def __init__(self, lock: WriterLock) -> None:
        self._lock = lock
        self._name = ""
        self.is_in_place: bool = False
        """Whether it has replaced the old log."""

    def make(self) -> Descriptor:
        """Create and lock the new log; the old log records its name, in case of a kill."""
        self._name = self._lock.new_name()
        made = Descriptor(create_beside(self._name, self._lock.log.fd))
        try_lock_exclusive(made.fd)
        return made

    def put(self, made: Descriptor) -> None:
        """Replace the old log."""
        os.replace(self._name, log_of(self._lock.path))
        self._lock.log = made
        self.is_in_place = True
        note(
            DEBUG, "%s: its journal was compacted, as readers delay the checkpoint", self._lock.path
        )

    def close(self) -> None:
        """Remove the new log, unless it has replaced the old one."""
        if self._name and not self.is_in_place:
            with contextlib.suppress(OSError):  # the next writer removes it
                os.unlink(self._name)
