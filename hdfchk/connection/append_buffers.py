"""Rows that wait to be appended to a stored array: a log is written block by block."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from ..backends.base import Session
from ..codecs.elements import Elements
from ..keys import Path

__all__ = ["WAITING_BYTES", "RowBuffer", "WaitingRows"]

WAITING_BYTES = 2**20
"""So many bytes of rows may wait for one array."""


@attrs.define(eq=False)
class RowBuffer:
    """The rows that wait for one array.

    Args:
        path: where the array is.
        elements: how they become what is stored.
        row: the shape of a row.
        changes: how many commits there had been when all this was true.

    Attributes:
        nbytes: how many bytes wait.
    """

    path: Path
    elements: Elements
    row: tuple[int, ...]
    changes: int
    nbytes: int = attrs.field(init=False, default=0)
    _blocks: list[np.ndarray[Any, Any]] = attrs.field(init=False, factory=list)
    _scalars: list[Any] = attrs.field(init=False, factory=list)
    _plain: bool = attrs.field(init=False, default=False)
    _scalar: type | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Tell which values are taken without a look."""
        self._plain = self.elements.is_plain and self.elements.stored.kind != "O"
        if self._plain and self.row == () and self.elements.stored == np.float64:
            self._scalar = float

    @property
    def is_full(self) -> bool:
        """Whether no more rows shall wait."""
        return self.nbytes > WAITING_BYTES

    def take(self, value: Any) -> bool:
        """Take one row if it is of the very kind that is stored; whether it was."""
        kind = type(value)
        if kind is self._scalar:
            self._scalars.append(value)
            self.nbytes += 8
            return True
        if kind is np.ndarray and self._plain and value.dtype == self.elements.stored:
            if value.shape != self.row:
                return False
            self.add(value[np.newaxis])
            return True
        return False

    def add(self, rows: np.ndarray[Any, Any]) -> None:
        """Take rows in their stored form; they are copied, as the caller may use them again."""
        self._settle()
        self._blocks.append(np.array(rows))
        self.nbytes += rows.nbytes

    def write(self, session: Session) -> None:
        """Append what waits; it waits still, until `clear`."""
        self._settle()
        if self._blocks:
            rows = self._blocks[0] if len(self._blocks) == 1 else np.concatenate(self._blocks)
            self._blocks = [rows]
            session.append(self.path, rows)

    def clear(self) -> None:
        """What waited was committed, or is given up."""
        self._blocks.clear()
        self._scalars.clear()
        self.nbytes = 0

    def _settle(self) -> None:
        if self._scalars:
            self._blocks.append(np.array(self._scalars, self.elements.stored))
            self._scalars.clear()


class WaitingRows:
    """All rows that wait in one store, array by array."""

    def __init__(self) -> None:
        self._logs: dict[Path, RowBuffer] = {}
        """The arrays to which rows were appended since the storage was opened."""
        self._waiting: dict[Path, RowBuffer] = {}
        """Those of them that have rows which are not committed."""
        self._untold: Exception | None = None

    def __bool__(self) -> bool:
        """Whether any rows wait, or an error to be told."""
        return bool(self._waiting) or self._untold is not None

    def keep_error(self, error: Exception) -> None:
        """Keep an error that nobody could be told; where rows still wait, they will meet it too."""
        if not isinstance(error, (OSError, MemoryError)):
            self._untold = error

    def log(self, path: Path, changes: int) -> RowBuffer | None:
        """What takes rows for the array at a path, if nothing was committed since it was made."""
        found = self._logs.get(path)
        return found if found is not None and found.changes == changes else None

    def keep(self, buffer: RowBuffer) -> None:
        """Let a buffer take the rows of its array."""
        self._logs[buffer.path] = buffer

    def wait(self, buffer: RowBuffer) -> None:
        """Say that rows wait in a buffer."""
        self._waiting[buffer.path] = buffer

    def passed_by(self, path: Path | None, before: int, changes: int) -> None:
        """One commit has changed no array but those at a path: what was known of others is true.

        Args:
            path: where it has put a value; None if it has only appended rows.
            before: how many commits there had been before it.
            changes: how many there are now.
        """
        for log in self._logs.values():
            if log.changes == before and (path is None or log.path[: len(path)] != path):
                log.changes = changes

    def write(self, session: Session) -> None:
        """Append all rows that wait; they wait still, until `clear`."""
        if self._untold is not None:
            error, self._untold = self._untold, None
            raise error
        for path, buffer in list(self._waiting.items()):
            try:
                buffer.write(session)
            except (OSError, MemoryError):  # for want of room: they wait for it
                raise
            except Exception:  # these can not be written, now or ever; the others still can
                del self._waiting[path]
                self._logs.pop(path, None)
                raise

    def clear(self) -> None:
        """What waited was committed, or is given up."""
        for buffer in self._waiting.values():
            buffer.clear()
        self._waiting.clear()

    def forget_logs(self) -> None:
        """The storage is closed: nothing is known of its arrays."""
        self._logs.clear()
