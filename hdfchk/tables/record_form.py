"""Tables that are structured arrays: compound datasets, also those of PyTables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays.array import Array
from ..arrays.forms import DenseForm
from ..backends.base import Session
from ..codecs.casting import set_fields
from ..errors import InvalidOptionError, UnsupportedStoredError
from ..keys import Path, join
from ..location import Location
from ..tree import Leaf

__all__ = ["RecordForm"]


class RecordForm:
    """A structured array; its fields are the columns.

    Args:
        location: of the array.
    """

    index: tuple[Any, ...] = ()

    def __init__(self, location: Location) -> None:
        self._location = location
        self._form = DenseForm(location)
        self._array = Array(location, self._form)

    def columns(self, session: Session) -> list[Any]:
        """Return the names of the fields."""
        return list(self._array.dtype.names or ())

    def length(self, session: Session) -> int:
        """Return the number of elements."""
        return len(self._array)

    def row_bytes(self, session: Session) -> int:
        """Return the number of bytes of an element."""
        return int(self._array.dtype.itemsize)

    def read(self, session: Session, names: list[Any], rows: Any) -> dict[Any, Any]:
        """Return some rows of some fields."""
        found = self._array[rows]
        return {name: np.ascontiguousarray(found[name]) for name in names}

    def append(self, data: Mapping[Any, Any]) -> None:
        """Append rows, and update the row count of PyTables."""
        array, path = self._array, self._location.path
        with self._location.handle.writing_alone():
            self._check_no_index(path)
            dtype = array.dtype
            if set(data) != set(dtype.names or ()):
                raise self._refused(f"the rows have the columns {list(data)}", dtype)
            lengths = {name: _length(values) for name, values in data.items()}
            if len(set(lengths.values())) > 1 or None in lengths.values():
                raise self._refused(f"the columns have different lengths: {lengths}", dtype)
            rows = np.zeros(next(iter(lengths.values())) or 0, dtype)
            with self._location.handle.reading() as session:
                elements = self._form.elements(session)
            with self._location.naming():
                for name, values in data.items():
                    set_fields(rows, [name], values, elements.form)
                encoded = elements.encode(rows)
            with self._location.handle.writing() as session:
                session.append(path, encoded)
                if session.read_attribute(path, "NROWS") is not None:
                    session.write_attributes(
                        path, {"NROWS": Leaf(session.array_info(path).shape[0])}
                    )

    def _refused(self, problem: str, dtype: np.dtype[Any]) -> InvalidOptionError:
        return InvalidOptionError(
            problem,
            file=self._location.file,
            key=join(self._location.path),
            hint=f"give as many values for each of {list(dtype.names or ())}",
        )

    def _check_no_index(self, path: Path) -> None:
        """Reject a table with an index of PyTables, which would not contain the new rows."""
        place = (*path[:-1], f"_i_{path[-1]}")
        with self._location.handle.reading() as session:
            has_index = session.stat(place) is not None
        if has_index:
            raise UnsupportedStoredError(
                "PyTables has an index of this table, which only PyTables can extend",
                file=self._location.file,
                key=join(path),
                hint="append with PyTables, or store the table without an index (index=False)",
            )


def _length(values: Any) -> int | None:
    """Return the number of values; None for a single one."""
    return None if isinstance(values, (str, bytes)) or not np.ndim(values) else len(values)
