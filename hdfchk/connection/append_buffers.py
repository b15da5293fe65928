"""Arrays to which rows are appended again and again, and rows that wait to be appended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from ..backends.base import Session
from ..codecs.elements import Elements
from ..keys import Path

__all__ = ["WAITING_BYTES", "AppendBuffers", "RowBuffer"]

WAITING_BYTES = 2**20
"""So many bytes of rows may wait for one array."""


@attrs.define(eq=False)
class RowBuffer:
    """What is known of an array that takes rows, and the rows that wait for it.

    Args:
        path: where the array is.
        elements: how they become what is stored.
        row: the shape of a row.

    Attributes:
        nbytes: how many bytes wait.
    """

    path: Path
    elements: Elements
    row: tuple[int, ...]
    nbytes: int = attrs.field(init=False, default=0)
    _blocks: list[np.ndarray[Any, Any]] = attrs.field(init=False, factory=list)
    _plain: bool = attrs.field(init=False, default=False)
    _scalar: type | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Tell which values are taken without a look."""
        self._plain = self.elements.takes_any
        if self._plain and self.row == () and self.elements.stored == np.float64:
            self._scalar = float

    @property
    def is_full(self) -> bool:
        """Whether no more rows shall wait."""
        return self.nbytes > WAITING_BYTES

    def stored(self, value: Any) -> np.ndarray[Any, Any] | None:
        """One row in its stored form, if it is of the very kind that is stored; else None."""
        kind = type(value)
        if kind is self._scalar:
            return np.array((value,), np.float64)
        if (
            kind is np.ndarray
            and self._plain
            and value.dtype == self.elements.stored
            and value.shape == self.row
        ):
            row: np.ndarray[Any, Any] = value[np.newaxis]
            return row
        return None

    def add(self, rows: np.ndarray[Any, Any]) -> None:
        """Let rows in their stored form wait; they are copied, as the caller may use them again."""
        self._blocks.append(np.array(rows))
        self.nbytes += rows.nbytes

    def write(self, session: Session) -> None:
        """Append what waits; it waits still, until `clear`."""
        if self._blocks:
            rows = self._blocks[0]
            if len(self._blocks) > 1:  # NumPy would change the order of bytes to its own
                rows = np.concatenate(self._blocks, dtype=rows.dtype)
            self._blocks = [rows]
            session.append(self.path, rows)

    def clear(self) -> None:
        """What waited was committed, or is given up."""
        self._blocks.clear()
        self.nbytes = 0


class AppendBuffers:
    """All arrays of one file to which rows are appended, while it is open."""

    def __init__(self) -> None:
        self._known: dict[Path, RowBuffer] = {}
        self._waiting: dict[Path, RowBuffer] = {}
        """Those of them that have rows which are not committed: of storage without a log."""

    def __bool__(self) -> bool:
        """Whether any rows wait."""
        return bool(self._waiting)

    def get(self, path: Path) -> RowBuffer | None:
        """What is known of the array at a path."""
        return self._known.get(path)

    def keep(self, buffer: RowBuffer) -> None:
        """Know an array, until something else is done to it."""
        self._known[buffer.path] = buffer

    def wait(self, buffer: RowBuffer, rows: np.ndarray[Any, Any]) -> None:
        """Let rows wait."""
        buffer.add(rows)
        self._waiting[buffer.path] = buffer

    def invalidate(self, path: Path) -> None:
        """Something else stands at a path now."""
        if self._known:
            for known in [p for p in self._known if p[: len(path)] == path]:
                del self._known[known]

    def forget(self) -> None:
        """The storage is closed, or was changed: nothing is known of its arrays."""
        self._known.clear()

    def write(self, session: Session, commit: Callable[[], None]) -> None:
        """Append all rows that wait, array by array: after an error the others wait still.

        Args:
            session: appends them.
            commit: called after each array, whose rows wait no more then.
        """
        for path, buffer in list(self._waiting.items()):
            try:
                buffer.write(session)
                commit()
                buffer.clear()
                del self._waiting[path]
            except (OSError, MemoryError):  # for want of room: they wait for it
                raise
            except Exception:  # these cannot be written, now or ever; the others still can
                self._waiting.pop(path).clear()
                self._known.pop(path, None)
                raise

    def clear(self) -> None:
        """What waited was committed, or is given up."""
        for buffer in self._waiting.values():
            buffer.clear()
        self._waiting.clear()
