"""Arrays to which rows are appended repeatedly, and rows that wait to be appended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

if TYPE_CHECKING:
    from ..backends.base import ArraySession
    from ..codecs.elements import Elements
    from ..keys import Path

__all__ = ["WAITING_BYTES", "AppendBuffers", "RowBuffer"]

WAITING_BYTES = 2**20
"""The maximum number of bytes of rows that wait for one array."""


@attrs.define(eq=False, repr=False)
class RowBuffer:
    """The form of an array to which rows are appended, and the rows that wait for it.

    Args:
        path: the path of the array.
        elements: the conversion of elements to their stored form.
        row: the shape of a row.

    Attributes:
        nbytes: the number of waiting bytes.
    """

    path: Path
    elements: Elements
    row: tuple[int, ...]
    nbytes: int = attrs.field(init=False, default=0)
    _blocks: list[np.ndarray[Any, Any]] = attrs.field(init=False, factory=list)
    _plain: bool = attrs.field(init=False, default=False)
    _scalar: type | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Determine which values need no conversion."""
        self._plain = self.elements.takes_any
        if self._plain and self.row == () and self.elements.stored == np.float64:
            self._scalar = float

    @property
    def is_full(self) -> bool:
        """Whether the waiting rows should be written."""
        return self.nbytes > WAITING_BYTES

    def stored(self, value: Any) -> np.ndarray[Any, Any] | None:
        """Return one row in its stored form if it needs no conversion; otherwise None."""
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
        """Add rows in their stored form. They are copied, because the caller may reuse them."""
        self._blocks.append(np.array(rows))
        self.nbytes += rows.nbytes

    def write(self, session: ArraySession) -> None:
        """Append the waiting rows to the array; they remain in the buffer until `clear`."""
        if self._blocks:
            rows = self._blocks[0]
            if len(self._blocks) > 1:  # without dtype, NumPy would change the byte order
                rows = np.concatenate(self._blocks, dtype=rows.dtype)
            self._blocks = [rows]
            session.append(self.path, rows)

    def clear(self) -> None:
        """Remove the waiting rows, which were committed or are discarded."""
        self._blocks.clear()
        self.nbytes = 0


class AppendBuffers:
    """The row buffers of all arrays of one open file."""

    def __init__(self) -> None:
        self._known: dict[Path, RowBuffer] = {}
        self._tables: dict[Path, Any] = {}
        self._waiting: dict[Path, RowBuffer] = {}
        """The buffers with uncommitted rows, for storage without a log."""

    def __bool__(self) -> bool:
        """Whether any rows wait."""
        return bool(self._waiting)

    def get(self, path: Path) -> RowBuffer | None:
        """Return the buffer of the array at a path."""
        return self._known.get(path)

    def keep(self, buffer: RowBuffer) -> None:
        """Keep the buffer of an array, until the array is changed in another way."""
        self._known[buffer.path] = buffer

    def table(self, path: Path) -> Any:
        """Return what is known of the table at a path, to which rows were appended; or None."""
        return self._tables.get(path)

    def keep_table(self, path: Path, form: Any) -> None:
        """Keep what is known of a table, until its arrays are changed in another way."""
        self._tables[path] = form

    def drop_tables(self, path: Path) -> None:
        """Drop what is known of the tables that contain an array: it has grown separately."""
        for known in list(self._tables):  # a copy: a signal handler may change it
            if path[: len(known)] == known:
                self._tables.pop(known, None)

    def wait(self, buffer: RowBuffer, rows: np.ndarray[Any, Any]) -> None:
        """Add rows to a buffer, which is written later."""
        buffer.add(rows)
        self._waiting[buffer.path] = buffer

    def invalidate(self, path: Path) -> None:
        """Drop the buffers at and below a path, where the value has been replaced."""
        for buffers in (self._known, self._tables):
            for known in list(buffers):  # a copy: a signal handler may change it
                if known[: len(path)] == path:
                    buffers.pop(known, None)
        if self._tables:
            self.drop_tables(path)

    def forget(self) -> None:
        """Drop all buffers: the storage was closed or changed."""
        self._known.clear()
        self._tables.clear()

    def write(self, session: ArraySession, commit: Callable[[], None]) -> None:
        """Append all waiting rows, array by array; after an error the others still wait.

        Args:
            session: the session that appends them.
            commit: called after each array.
        """
        for path, buffer in list(self._waiting.items()):
            try:
                buffer.write(session)
                commit()
                buffer.clear()
                del self._waiting[path]
            except (OSError, MemoryError):  # out of space: the rows wait for it
                raise
            except Exception:  # these rows can never be written; the others can
                self._waiting.pop(path).clear()
                self._known.pop(path, None)
                raise

    def clear(self) -> None:
        """Remove all waiting rows, which were committed or are discarded."""
        for buffer in self._waiting.values():
            buffer.clear()
        self._waiting.clear()
