"""The columns of a stored DataFrame: each is read without the others, and by rows if possible."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.base import Session
from ..codecs.elements import has_elements
from ..codecs.frames import closed, is_open_range, series
from ..errors import CheckpointerKeyError, CorruptFileError, UnsupportedStoredError
from ..keys import Path, join
from ..location import Location
from ..tree import Branch, Leaf, Node
from .trees import params_at

__all__ = ["FrameColumns", "column", "in_order"]

ALL = slice(None)
_ROWS = {
    "numpy": ("values",),
    "datetime": ("utc",),
    "timedelta": ("values",),
    "period": ("ordinals",),
    "interval": ("left", "right"),
    "categorical": ("codes",),
    "masked": ("data", "missing"),
    "texts": ("texts", "missing"),
    "string": ("items",),
}
"""The children of a `pandas.array` that are rows, by its kind; others are read as a whole."""


class FrameColumns:
    """The columns of the DataFrame at a location.

    Args:
        location: of the frame.
        session: reads it.

    Raises:
        UnsupportedStoredError: it is not a DataFrame.

    Attributes:
        names: the names of the columns, a pandas Index.
    """

    def __init__(self, location: Location, session: Session) -> None:
        self._location = location
        self._session = session
        self._path = location.path
        stat = session.stat(self._path)
        if stat is None or stat.mark is None or stat.mark.name != "pandas.DataFrame":
            raise UnsupportedStoredError(
                "the value is not a DataFrame", key=join(self._path), hint="read it by chk[key]"
            )
        self.names: Any = self._part("columns")
        self._blocks: dict[int, tuple[str, int]] = {}
        """For each column number, the block that contains it, and its index there."""
        for number in range(stat.mark.params.get("blocks", 0)):
            places = self._part(f"block{number}", "places")
            self._blocks |= {int(n): (f"block{number}", at) for at, n in enumerate(places)}

    def _part(self, *names: str) -> Any:
        path = (*self._path, *names)
        return self._location.decode(self._session.read(path), path)

    def values(self, number: int, rows: Any = ALL) -> Any:
        """Return the NumPy or pandas array of a column.

        Args:
            number: of the column.
            rows: a slice, or numbers of rows.
        """
        if number in self._blocks:
            name, at = self._blocks[number]
            path = (*self._path, name)
            index = (rows, at) if params_at(self._session, path).get("by_rows") else (at, rows)
            node: Any = Leaf(*self._session.read_slice((*path, "values"), index))
            return self._location.decode(node, path)
        path = (*self._path, f"column{number}")
        node = self._session.read(path) if _is_all(rows) else _cut(self._session, path, rows)
        if node is None:
            return self.values(number)[rows]
        return self._location.decode(node, path)

    def numbers_of(self, names: list[Any] | None) -> list[int]:
        """Return the numbers of the named columns; of all, including equal names, for None."""
        if names is None:
            return list(range(len(self.names)))
        return [self.number_of(name) for name in names]

    def length(self) -> int:
        """Return the number of rows, from metadata alone if possible."""
        session, path = self._session, self._path
        params = params_at(session, (*path, "index"))
        if "range" in params and not is_open_range(params):
            return len(range(*params["range"]))
        if self._blocks:
            block = (*path, "block0")
            axis = 0 if params_at(session, block).get("by_rows") else 1
            return session.array_info((*block, "values")).shape[axis]
        name = "column0" if is_open_range(params) else "index"
        found = _rows_at(session, (*path, name))
        return len(self._part(name)) if found is None else found

    def index(self, rows: Any = ALL) -> Any:
        """Return the index of some rows."""
        path = (*self._path, "index")
        node: Any = None
        if not _is_all(rows):
            node = _cut(self._session, path, rows)
        if node is not None:
            return self._location.decode(node, path)
        node = self._session.read(path)
        if isinstance(node, Branch) and is_open_range(params_at(self._session, path)):
            node = closed(node, self.length())
        return self._location.decode(node, path)[rows]

    def number_of(self, name: Any) -> int:
        """Return the number of the column with a name; of several, the first.

        Raises:
            CheckpointerKeyError: there is none.
        """
        names, key = self.names, join(self._path)
        try:
            place = names.get_loc(name)
        except KeyError as error:
            raise CheckpointerKeyError(
                f"there is no column {name!r}", key=key, hint=f"it has {list(names)[:20]}"
            ) from error
        if names.nlevels > 1 and (not isinstance(name, tuple) or len(name) < names.nlevels):
            raise CheckpointerKeyError(
                f"{name!r} is a part of the name of a column",
                key=key,
                hint=f"give all {names.nlevels} levels, as {names[0]!r}",
            )
        return place if isinstance(place, int) else _first(place)


def column(location: Location, path: Path, name: Any) -> Any:
    """Return the column `name` of the DataFrame at `path` as a Series.

    Raises:
        CheckpointerKeyError: there is none.
        UnsupportedStoredError: the value is not a DataFrame.
    """
    with location.handle.reading() as session:
        if session.stat(path) is None:
            raise location.missing(session, path)
        columns = FrameColumns(location.at(path), session)
        number = columns.number_of(name)
        values, index = columns.values(number), columns.index()
    if len(values) != len(index):
        raise CorruptFileError(
            f"the column {name!r} has {len(values)} rows, and the index {len(index)}",
            file=location.file,
            key=join(path),
            hint="read the parts by chk.group(key)",
        )
    return series(values, index, columns.names[number])


def in_order(rows: Any) -> tuple[Any, Any]:
    """Return rows in ascending order, each once, and the indices of the requested ones among them.

    Args:
        rows: a slice, or an array of numbers of rows.
    """
    if isinstance(rows, slice) or not len(rows) or bool((np.diff(rows) > 0).all()):
        return rows, ALL
    ordered, places = np.unique(rows, return_inverse=True)
    return ordered, places


def _is_all(rows: Any) -> bool:
    return isinstance(rows, slice) and rows == ALL


def _first(place: Any) -> int:
    """Return the first of several columns of one name: pandas returns a slice, or a mask."""
    if isinstance(place, slice):
        return int(place.start)
    return int(place.argmax())


def _is_array(session: Session, path: Path) -> bool:
    """Whether a dataset has an element for each item of its value."""
    stat = session.stat(path)
    if stat is None or stat.is_group or not has_elements(stat.mark):
        return False
    return not (stat.mark is not None and "shape" in stat.mark.params)


def _rows_at(session: Session, path: Path) -> int | None:
    """Return the number of rows of a column, or an index; None if only its value determines it."""
    stat = session.stat(path)
    if stat is not None and stat.is_group:
        name, params = ("", {}) if stat.mark is None else (stat.mark.name, stat.mark.params)
        if name == "pandas.Index":
            return _rows_at(session, (*path, "codes0" if "levels" in params else "values"))
        # Other parts have other lengths: a sparse array stores some of its values.
        rows = _ROWS.get(params.get("kind", ""), ()) if name == "pandas.array" else ()
        return _rows_at(session, (*path, rows[0])) if rows else None
    shape = session.array_info(path).shape if _is_array(session, path) else ()
    return shape[0] if len(shape) == 1 else None


def _cut(session: Session, path: Path, rows: Any) -> Node | None:
    """Return the tree of some rows of a column; None if they cannot be read separately."""
    stat = session.stat(path)
    if stat is None or not stat.is_group:
        if not _is_array(session, path):
            return None
        data, mark = session.read_slice(path, rows)
        return Leaf(data, mark)
    name = "" if stat.mark is None else stat.mark.name
    kind = "" if stat.mark is None else stat.mark.params.get("kind", "")
    wanted = {"pandas.Index": ("values",), "pandas.array": _ROWS.get(kind, ())}.get(name, ())
    children: dict[str, Node] = {}
    for child in session.names(path):
        below = (*path, child)
        node = _cut(session, below, rows) if child in wanted else session.read(below)
        if node is None:
            return None
        children[child] = node
    if not wanted or not set(wanted) & set(children):
        return None
    if name == "pandas.Index" and stat.mark is not None and stat.mark.params:
        return None  # a frequency applies to all rows
    return Branch(children, stat.mark)
