"""File descriptors with one owner."""

from __future__ import annotations

import os

__all__ = ["Descriptor"]


class _Number:
    """The number of a file descriptor, or -1. This class has no finalizer."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd: int = fd

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self.fd >= 0

    def close(self) -> None:
        """Close it. Closing twice is allowed."""
        fd, self.fd = self.fd, -1
        # A finalizer that has nothing to do would still run, and with it, perhaps, a signal
        # handler, whose exception Python would ignore there.
        self.__class__ = _Number
        if fd >= 0:
            os.close(fd)


class Descriptor(_Number):
    """A file descriptor; -1 after closing, so that a reused number is never used by mistake.

    Args:
        fd: the number.
    """

    __slots__ = ()

    def __del__(self) -> None:
        """Close it if this was forgotten: its locks would block others."""
        self.close()
