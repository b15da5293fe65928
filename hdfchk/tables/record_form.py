"""Tables that are structured arrays: compound datasets, also those of PyTables and pandas."""

from __future__ import annotations

import pickletools
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

__all__ = ["HdfStoreForm", "RecordForm"]


class RecordForm:
    """A structured array: its fields are the columns.

    Args:
        location: of the array.
    """

    index: tuple[Any, ...] = ()

    def __init__(self, location: Location) -> None:
        self._location = location
        self._form = DenseForm(location)
        self._array = Array(location, self._form)

    def columns(self, session: Session) -> list[Any]:
        """The names of the fields."""
        return list(self._array.dtype.names or ())

    def length(self, session: Session) -> int:
        """How many elements there are."""
        return len(self._array)

    def row_bytes(self, session: Session) -> int:
        """The bytes of an element."""
        return int(self._array.dtype.itemsize)

    def read(self, session: Session, names: list[Any], rows: Any) -> dict[Any, Any]:
        """Some rows of some fields."""
        found = self._array[rows]
        return {name: np.ascontiguousarray(found[name]) for name in names}

    def append(self, data: Mapping[Any, Any]) -> None:
        """Append rows, and note their number where PyTables does."""
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
        """Refuse a table of which PyTables has an index: that would not find the new rows."""
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


class HdfStoreForm:
    """A table of pandas' HDFStore (``format="table"``): a group with a structured array, `table`.

    Columns of one dtype share a field of it; their names are read from the attributes, and nothing
    is unpickled. It is extended by pandas alone.

    Args:
        location: of the group.
    """

    index: tuple[Any, ...] = ("index",)

    def __init__(self, location: Location) -> None:
        self._location = location.at((*location.path, "table"))
        self._array = Array(self._location, DenseForm(self._location))

    def _places(self, session: Session) -> dict[Any, tuple[str, int | None]]:
        """By the name of a column: its field, and its place there."""
        found: dict[Any, tuple[str, int | None]] = {}
        dtype = self._array.dtype
        for field in dtype.names or ():
            names = _names_in(self._text(session, f"{field}_kind"))
            shape = dtype[field].shape
            if not shape or names is None or len(names) != shape[0]:
                found[field] = field, None
                continue
            found |= {name: (field, number) for number, name in enumerate(names)}
        return found

    def _text(self, session: Session, name: str) -> str:
        leaf = session.read_attribute(self._location.path, name)
        data: Any = None if leaf is None else leaf.data
        if isinstance(data, np.ndarray) and not data.ndim:
            data = data.item()
        return data.decode("latin-1") if isinstance(data, bytes) else str(data or "")

    def columns(self, session: Session) -> list[Any]:
        """The names of the columns, the index first."""
        return list(self._places(session))

    def length(self, session: Session) -> int:
        """How many rows there are."""
        return len(self._array)

    def row_bytes(self, session: Session) -> int:
        """The bytes of a row."""
        return int(self._array.dtype.itemsize)

    def read(self, session: Session, names: list[Any], rows: Any) -> dict[Any, Any]:
        """Some rows of some columns."""
        places, found = self._places(session), self._array[rows]
        made = {}
        for name in names:
            field, number = places[name]
            values = found[field] if number is None else found[field][:, number]
            made[name] = self._converted(session, field, np.ascontiguousarray(values))
        return made

    def _converted(self, session: Session, field: str, values: Any) -> Any:
        """The values of a column as pandas had them: dates and texts."""
        kind = self._text(session, f"{field}_kind" if field == "index" else f"{field}_dtype")
        if kind.startswith(("datetime64", "timedelta64")) and values.dtype.kind == "i":
            return values.view(kind if "[" in kind else f"{kind}[ns]")
        if values.dtype.kind == "S":
            texts = np.strings.decode(values, "utf-8").astype(object)
            texts[texts == "nan"] = None
            return texts
        return values

    def append(self, data: Mapping[Any, Any]) -> None:
        """Refuse it."""
        raise UnsupportedStoredError(
            "a table of pandas' HDFStore is extended by pandas alone",
            file=self._location.file,
            key=join(self._location.path[:-1]),
            hint="use HDFStore.append, or copy it: chk.append(key, chk.table(other).to_pandas())",
        )


def _length(values: Any) -> int | None:
    """How many values there are; None for a single one."""
    return None if isinstance(values, (str, bytes)) or not np.ndim(values) else len(values)


_TEXTS = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE"}
_NUMBERS = {"INT", "LONG", "BININT", "BININT1", "BININT2"}
_HARMLESS = {
    *("MARK", "LIST", "EMPTY_LIST", "PUT", "BINPUT", "MEMOIZE", "APPEND", "APPENDS", "STOP"),
    *("PROTO", "FRAME"),
}


def _names_in(pickled: str) -> list[Any] | None:
    """The names in a pickled list of texts or numbers, which is not unpickled; None for all else.

    Example:
        >>> import pickle
        >>> _names_in(pickle.dumps(["a", 5], 0).decode()), _names_in(pickle.dumps(len, 0).decode())
        (['a', 5], None)
    """
    names: list[Any] = []
    try:
        for operation, value, _ in pickletools.genops(pickled.encode("latin-1")):
            if operation.name in _TEXTS | _NUMBERS:
                names.append(value)
            elif operation.name not in _HARMLESS:
                return None
    except ValueError:
        return None
    return names
