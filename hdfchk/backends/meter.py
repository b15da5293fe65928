"""Overall progress of an operation on many arrays."""

from __future__ import annotations

from collections.abc import Callable

import attrs

__all__ = ["Meter", "Progress"]

Progress = Callable[[int, int], object]
"""``progress(done, total)``: called during a long operation."""


@attrs.define(repr=False)
class Meter:
    """Adds up the bytes of all arrays of one operation, and reports them.

    Args:
        tell: ``tell(done, total)``; it may raise an error to cancel the operation.
        total: the total number of bytes; 0 if unknown.
        done: the number of bytes done.
    """

    tell: Progress
    total: int = 0
    done: int = 0

    def add(self, nbytes: int) -> None:
        """Report more bytes as done."""
        if self.total and self.done >= self.total:
            return  # bytes that are stored once may be read several times
        self.done += nbytes
        self.tell(min(self.done, self.total) if self.total else self.done, self.total)

    def finish(self) -> None:
        """Report everything as done, including what was not counted: scalars, and HDF5 metadata."""
        if self.done < self.total:
            self.add(self.total - self.done)
