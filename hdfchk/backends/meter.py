"""How far work on many arrays has come, all together."""

from __future__ import annotations

from collections.abc import Callable

import attrs

__all__ = ["Meter", "Progress"]

Progress = Callable[[int, int], object]
"""``progress(done, total)``: called while long work goes on."""


@attrs.define
class Meter:
    """Adds up the bytes of all arrays of one piece of work, and tells somebody.

    Args:
        tell: ``tell(done, total)``, which may raise, to give the work up.
        total: bytes in all; 0 where nobody knows.
        done: bytes that are done.
    """

    tell: Progress
    total: int = 0
    done: int = 0

    def add(self, nbytes: int) -> None:
        """So many more are done."""
        if self.total and self.done >= self.total:
            return  # what lies there once may be had several times
        self.done += nbytes
        self.tell(min(self.done, self.total) if self.total else self.done, self.total)

    def finish(self) -> None:
        """All is done, also what has not been counted: scalars, and what HDF5 takes for itself."""
        if self.done < self.total:
            self.add(self.total - self.done)
