"""Tables that are stored DataFrames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..backends.base import Session
from ..codecs.frames import framed, series
from ..codecs.optional import need
from ..errors import InvalidOptionError
from ..keys import join
from ..location import Location
from .columns import FrameColumns, in_order
from .frames import append_frame

__all__ = ["FrameTableForm"]


class FrameTableForm:
    """A DataFrame: its columns are NumPy or pandas arrays, as in the frame.

    Args:
        location: the location of the frame.
    """

    index: tuple[Any, ...] = ()

    def __init__(self, location: Location) -> None:
        self._location = location

    def columns(self, session: Session) -> list[Any]:
        """Return the names of the columns."""
        return list(FrameColumns(self._location, session).names)

    def length(self, session: Session) -> int:
        """Return the number of rows."""
        return FrameColumns(self._location, session).length()

    def row_bytes(self, session: Session) -> int:
        """Return about eight bytes per column."""
        return 8 * len(self.columns(session))

    def read(self, session: Session, names: list[Any], rows: Any) -> dict[Any, Any]:
        """Some rows of some columns."""
        columns = FrameColumns(self._location, session)
        return {name: columns.values(columns.number_of(name), rows) for name in names}

    def frame(self, session: Session, columns: list[Any] | None, rows: Any) -> Any:
        """Some rows of some columns as a DataFrame, with its index and the names of its columns.

        Args:
            session: reads them.
            columns: the names of the columns; None for all, also for several of one name.
            rows: a slice, or numbers of rows, in any order.
        """
        stored = FrameColumns(self._location, session)
        numbers, (ordered, places) = stored.numbers_of(columns), in_order(rows)
        index = stored.index(ordered)[places]
        data = {
            n: series(stored.values(number, ordered)[places], index, None)
            for n, number in enumerate(numbers)
        }
        made = framed(data, index)
        made.columns = stored.names if columns is None else stored.names.take(numbers)
        return made

    def append(self, data: Mapping[Any, Any]) -> None:
        """Append rows with a default index, converted to the dtypes of the columns."""
        pd, location = need("pandas", "a DataFrame"), self._location
        with location.handle.reading() as session:
            columns = FrameColumns(location, session)
            dtypes = {n: columns.values(i, slice(0, 0)).dtype for i, n in enumerate(columns.names)}
        if set(data) != set(dtypes):
            raise InvalidOptionError(
                f"the rows have the columns {list(data)}, not {list(dtypes)}",
                file=location.file,
                key=join(location.path),
                hint="give all columns",
            )
        try:
            made = pd.DataFrame(dict(data))
        except ValueError as error:  # their lengths differ, or they have none
            raise InvalidOptionError(
                f"the columns of the rows do not fit each other ({error})",
                file=location.file,
                key=join(location.path),
                hint="give the same number of values for each column, in lists or arrays",
            ) from error
        for name, dtype in dtypes.items():
            if made[name].dtype != dtype and made[name].dtype.kind == "i" and dtype.kind in "if":
                made[name] = made[name].astype(dtype)  # numbers of a list
        append_frame(location, made)
