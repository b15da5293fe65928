"""A descriptor of a file, which has one owner."""

from __future__ import annotations

import os

__all__ = ["Descriptor"]


class Descriptor:
    """An open file of the system; -1 once it is closed, so that nobody uses what took its number.

    Args:
        fd: its number.
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
        """A forgotten one holds nobody up."""
        self.close()
