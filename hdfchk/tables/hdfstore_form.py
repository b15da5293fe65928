"""Tables of pandas' HDFStore."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays.array import Array
from ..arrays.forms import DenseForm
from ..backends.base import Session
from ..codecs.optional import need
from ..errors import UnsupportedStoredError
from ..keys import Path, join
from ..location import Location
from .pickled import is_name, plain_of

__all__ = ["HdfStoreForm"]


class HdfStoreForm:
    """A table of pandas' HDFStore (``format="table"``): a group with a structured array, `table`.

    Columns of one dtype share a field of it; their names, categories and time zones are read from
    attributes and from tables beside it, and nothing is unpickled. It is extended by pandas alone.

    Args:
        location: of the group.
    """

    index: tuple[Any, ...] = ("index",)

    def __init__(self, location: Location) -> None:
        self._group = location
        self._location = location.at((*location.path, "table"))
        self._array = Array(self._location, DenseForm(self._location))

    def _places(self, session: Session) -> dict[Any, tuple[str, int | None]]:
        """For each column name, in the order of the frame: its field, and its index there."""
        found: dict[Any, tuple[str, int | None]] = {}
        dtype = self._array.dtype
        for field in dtype.names or ():
            names = plain_of(self._text(session, f"{field}_kind"))
            shape = dtype[field].shape
            if not shape or len(_names_in(names)) != shape[0]:
                found[field] = field, None
                continue
            found |= {name: (field, number) for number, name in enumerate(names)}
        axes = plain_of(_text_of(session, self._group.path, "non_index_axes"))
        axis = axes[0] if isinstance(axes, list) and axes else ()
        order = _names_in(axis[-1]) if isinstance(axis, tuple) and axis else []
        ordered = dict.fromkeys([*self.index, *order, *found])
        return {name: found[name] for name in ordered if name in found}

    def _text(self, session: Session, name: str) -> str:
        return _text_of(session, self._location.path, name)

    def _told(self, session: Session, field: str, name: str) -> Any:
        """Return metadata of a field: its time zone, or whether its categories are ordered."""
        notes = plain_of(_text_of(session, self._group.path, "info"))
        told = notes.get(field) if isinstance(notes, dict) else None
        return told.get(name) if isinstance(told, dict) else None

    def columns(self, session: Session) -> list[Any]:
        """Return the names of the columns, the index first."""
        return list(self._places(session))

    def length(self, session: Session) -> int:
        """Return the number of rows."""
        return len(self._array)

    def row_bytes(self, session: Session) -> int:
        """Return the number of bytes of a row."""
        return int(self._array.dtype.itemsize)

    def read(self, session: Session, names: list[Any], rows: Any) -> dict[Any, Any]:
        """Return some rows of some columns."""
        places, found = self._places(session), self._array[rows]
        made = {}
        for name in names:
            field, number = places[name]
            values = found[field] if number is None else found[field][:, number]
            made[name] = self._converted(session, field, np.ascontiguousarray(values))
        return made

    def _converted(self, session: Session, field: str, values: Any) -> Any:
        """Return the values of a column as in pandas: dates, texts, booleans, categories."""
        kind = self._text(session, f"{field}_kind" if field == "index" else f"{field}_dtype")
        if self._text(session, f"{field}_meta") == "category":
            return self._categorical(session, field, values)
        if kind.startswith(("datetime64", "timedelta64")) and values.dtype.kind == "i":
            dates = values.view(kind if "[" in kind else f"{kind}[ns]")
            zone = self._told(session, field, "tz")
            return dates if zone is None else self._in_zone(field, dates, zone)
        if kind.startswith("bool") and values.dtype.itemsize == 1:
            return values.view(np.bool)
        if values.dtype.kind == "S":
            texts = np.strings.decode(values, "utf-8").astype(object)
            texts[texts == "nan"] = None
            return texts
        return values

    def _categorical(self, session: Session, field: str, codes: Any) -> Any:
        pd = need("pandas", "a column of categories")
        beside = self._group.at((*self._group.path, "meta", field, "meta"))
        categories: Any = []
        if session.stat((*beside.path, "table")) is not None:
            categories = HdfStoreForm(beside).read(session, ["values"], slice(None))["values"]
        ordered = self._told(session, field, "ordered") is True
        return pd.Categorical.from_codes(codes, pd.Index(categories), ordered=ordered)

    def _in_zone(self, field: str, dates: Any, zone: Any) -> Any:
        pd = need("pandas", "a column of dates in a time zone")
        try:
            if isinstance(zone, str):
                zoneinfo.ZoneInfo(zone)  # pandas would open any file that a text names
            elif not isinstance(zone, dt.timezone):
                raise TypeError("it is an instance of another class")
            return pd.DatetimeIndex(dates).tz_localize("UTC").tz_convert(zone).array
        except (LookupError, OSError, TypeError, ValueError) as error:
            raise UnsupportedStoredError(
                f"the time zone of the column {field!r} cannot be read ({error})",
                file=self._location.file,
                key=join(self._group.path),
                hint="read the table with pandas.read_hdf, or leave the column out",
            ) from error

    def append(self, data: Mapping[Any, Any]) -> None:
        """Raise an error: only pandas can append."""
        raise UnsupportedStoredError(
            "a table of pandas' HDFStore is extended by pandas alone",
            file=self._location.file,
            key=join(self._group.path),
            hint="use HDFStore.append, or copy it: chk.append(key, chk.table(other).to_pandas())",
        )


def _names_in(value: Any) -> list[Any]:
    """Return the names in a list of names; none for other values."""
    return value if isinstance(value, list) and all(map(is_name, value)) else []


def _text_of(session: Session, path: Path, name: str) -> str:
    """Return an attribute as text, with one character per byte."""
    leaf = session.read_attribute(path, name)
    data: Any = None if leaf is None else leaf.data
    if isinstance(data, np.ndarray) and not data.ndim:
        data = data.item()
    return data.decode("latin-1") if isinstance(data, bytes) else str(data or "")
