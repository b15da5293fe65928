"""What a table needs of the form in which it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..backends.base import Session

__all__ = ["TableForm"]


class TableForm(Protocol):
    """One form in which a table is stored.

    Attributes:
        index: the names of the columns that pandas takes for the index.
    """

    index: tuple[Any, ...]

    def columns(self, session: Session) -> list[Any]:
        """The names of the columns, in order."""

    def length(self, session: Session) -> int:
        """How many rows there are."""

    def row_bytes(self, session: Session) -> int:
        """About how many bytes a row has."""

    def read(self, session: Session, names: list[Any], rows: Any) -> dict[Any, Any]:
        """Some rows of some columns.

        Args:
            session: reads them.
            names: of the columns.
            rows: a slice, or an array of numbers of rows.
        """

    def append(self, data: Mapping[Any, Any]) -> None:
        """Append rows, as one commit.

        Args:
            data: the values of each column; all of the same length.
        """
