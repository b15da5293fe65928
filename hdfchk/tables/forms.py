"""The interface between a table and the form in which it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..backends.base import Session

__all__ = ["TableForm"]


class TableForm(Protocol):
    """One form in which a table is stored.

    Attributes:
        index: the names of the columns that form the index in pandas.
    """

    index: tuple[Any, ...]

    def columns(self, session: Session) -> list[Any]:
        """Return the names of the columns, in order."""

    def length(self, session: Session) -> int:
        """Return the number of rows."""

    def row_bytes(self, session: Session) -> int:
        """Return the approximate number of bytes of a row."""

    def read(self, session: Session, names: list[Any], rows: Any) -> dict[Any, Any]:
        """Return some rows of some columns.

        Args:
            session: reads them.
            names: the names of the columns.
            rows: a slice, or an array of numbers of rows.
        """

    def append(self, data: Mapping[Any, Any]) -> None:
        """Append rows, as one commit.

        Args:
            data: the values of each column, of equal lengths.
        """
