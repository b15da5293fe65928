"""File descriptors with one owner."""

from __future__ import annotations

import os

__all__ = ["Descriptor"]


class Descriptor:
    """A file descriptor; -1 after closing, so that a reused number is never used by mistake.

    Args:
        fd: the number.
    """

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self.fd >= 0

    def close(self) -> None:
        """Close it. Closing twice is allowed."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        """Close it if this was forgotten: its locks would block others."""
        self.close()
