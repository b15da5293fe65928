"""Tables that are dicts of arrays of equal length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from ..arrays.rows import rows_of
from ..arrays.widening import float_rows, floats_of, wider_strings
from ..backends.base import Draft, Put, Session
from ..codecs.elements import Elements, elements_of, has_elements
from ..errors import InvalidOptionError, UnsupportedStoredError, UnsupportedTypeError
from ..keys import Path, join
from ..location import Location
from ..views import access

__all__ = ["GroupForm"]

Rows = np.ndarray[Any, Any]


@attrs.frozen(eq=False)
class _Columns:
    """The properties of the columns of a dict to which rows are appended.

    Args:
        elements: of each column, how values are stored.
        shapes: the shape of a row of each.
    """

    elements: dict[str, Elements]
    shapes: dict[str, tuple[int, ...]]


class GroupForm:
    """A dict whose values are arrays of equal length; each is a column.

    Args:
        location: the location of the dict.
    """

    index: tuple[Any, ...] = ()

    def __init__(self, location: Location) -> None:
        self._location = location
        self._path = location.path

    def columns(self, session: Session) -> list[Any]:
        """Return the keys of the dict."""
        return list(access.visible_names(session, self._location.filters, self._path))

    def _known(self, session: Session) -> _Columns:
        elements, shapes = {}, {}
        for name in self.columns(session):
            path = (*self._path, name)
            stat = session.stat(path)
            is_array = stat is not None and not stat.is_group and has_elements(stat.mark)
            info = session.array_info(path) if is_array else None
            if info is None or not info.shape:
                raise self._refused(f"{name!r} is not an array with rows")
            elements[name] = elements_of(info.mark, info.dtype, info.form)
            if elements[name].has_extra_axis:
                raise self._refused(f"{name!r} is stored as code points")
            shapes[name] = info.shape
        lengths = {name: shape[0] for name, shape in shapes.items()}
        if len(set(lengths.values())) > 1:
            raise self._refused(f"the arrays have different lengths: {lengths}")
        return _Columns(elements, shapes)

    def _refused(self, problem: str) -> UnsupportedStoredError:
        return UnsupportedStoredError(
            problem,
            file=self._location.file,
            key=join(self._path),
            hint="a table is a dict of arrays of equal length",
        )

    def length(self, session: Session) -> int:
        """Return the length of all arrays.

        Raises:
            UnsupportedStoredError: a value is not an array, or their lengths differ.
        """
        shapes = self._known(session).shapes
        return next(iter(shapes.values()))[0] if shapes else 0

    def row_bytes(self, session: Session) -> int:
        """Return the number of bytes of a row of all columns."""
        known = self._known(session)
        return sum(
            known.elements[name].stored.itemsize * int(np.prod(shape[1:]))
            for name, shape in known.shapes.items()
        )

    def read(self, session: Session, names: list[Any], rows: Any) -> dict[Any, Any]:
        """Some rows of some columns."""
        found = {}
        for name in names:
            data, mark = session.read_slice((*self._path, name), rows)
            found[name] = elements_of(mark, data.dtype).decode(data)
        return found

    def append(self, data: Mapping[Any, Any], *, widens: bool = False) -> None:
        """Append rows to all arrays.

        Args:
            data: the values of each column; all of the same length.
            widens: where floats are appended to integers, all of them become floats.
        """
        handle = self._location.handle
        with handle.turn():
            known = handle.table_form(self._path)
            if not isinstance(known, _Columns):
                with handle.writing_alone():
                    self._append_first(data, widens=widens)
                return
            self._extend(known, data, widens=widens)

    def _append_first(self, data: Mapping[Any, Any], *, widens: bool) -> None:
        """Append rows to arrays whose properties are not known yet."""
        handle = self._location.handle
        with handle.reading() as session:
            if len(self.columns(session)) != len(session.names(self._path)):
                raise access.refused(self._path, "the key filter hides a column of this table")
            known = self._known(session)
        self._extend(known, data, widens=widens)

    def _extend(self, known: _Columns, data: Mapping[Any, Any], *, widens: bool) -> None:
        rows, wide = self._encoded(known, data, widens=widens)
        if wide:
            self._append_wider(rows, wide)
        elif any(map(len, rows.values())):
            self._location.handle.extend(self._path, rows, known)

    def _encoded(
        self, known: _Columns, data: Mapping[Any, Any], *, widens: bool
    ) -> tuple[dict[Path, Rows], dict[Path, _Wider]]:
        """Return the rows in their stored form, and those that do not fit their columns."""
        if data.keys() != known.elements.keys():
            raise self._other_columns(known, data)
        rows: dict[Path, Rows] = {}
        wide: dict[Path, _Wider] = {}
        for name, elements in known.elements.items():
            path, value = (*self._path, name), data[name]
            if type(value) is float and elements.stored == np.float64 and elements.takes_any:
                rows[path] = np.array((value,))  # what most logs have
                if len(known.shapes[name]) == 1:
                    continue
            shape = (0, *known.shapes[name][1:])
            with self._location.at(path).naming():
                try:
                    rows[path] = rows_of(elements.encode(value), shape, path)
                except UnsupportedTypeError:
                    found = _wider(elements, value, widens=widens)
                    if found is None:
                        raise
                    wide[path] = attrs.evolve(found, rows=rows_of(found.rows, shape, path))
        lengths = {path[-1]: len(block) for path, block in rows.items()}
        lengths |= {path[-1]: len(found.rows) for path, found in wide.items()}
        if len(set(lengths.values())) > 1:
            raise InvalidOptionError(
                f"the columns of the rows have different lengths: {lengths}",
                file=self._location.file,
                key=join(self._path),
                hint="give the same number of values for each column",
            )
        return rows, wide

    def _other_columns(self, known: _Columns, data: Mapping[Any, Any]) -> InvalidOptionError:
        missing = [name for name in known.elements if name not in data]
        more = [name for name in data if name not in known.elements]
        parts = [f"missing: {missing[:20]}"] * bool(missing) + [f"new: {more[:20]}"] * bool(more)
        return InvalidOptionError(
            f"the rows have other columns than what is stored ({'; '.join(parts)})",
            file=self._location.file,
            key=join(self._path),
            hint=f"give all of {list(known.elements)[:20]}, and no others",
        )

    def _append_wider(self, rows: dict[Path, Rows], wide: dict[Path, _Wider]) -> None:
        """Append rows, and rewrite some columns for them, as one commit."""
        location, handle = self._location, self._location.handle
        with handle.writing_alone(), handle.writing() as session:
            puts = []
            for path, found in wide.items():
                with location.at(path).naming():
                    puts.append(Put(path, found.column(session, path)))
            handle.touch(wide)
            session.extend(rows, puts)


@attrs.frozen(eq=False)
class _Wider:
    """Rows that do not fit a column.

    Args:
        rows: strings that are longer, or floats that go behind integers, in their stored form.
        elements: how a column stores such strings; None for floats.
    """

    rows: Rows
    elements: Elements | None

    def column(self, session: Session, path: Path) -> Draft:
        """Return the rewritten column: its rows, and these."""
        info = session.array_info(path)
        if self.elements is None:
            return floats_of(session, path, info, self.rows)
        return wider_strings(session, path, info, self.elements, self.rows)


def _wider(elements: Elements, value: Any, *, widens: bool) -> _Wider | None:
    """Return rows for which a column can be widened; otherwise None."""
    wide = elements.widened(value)
    if wide is not None and wide != elements:
        return _Wider(wide.encode(value), wide)
    if not widens or not elements.is_plain or elements.params:
        return None
    floats = float_rows(elements.stored, value)
    return None if floats is None else _Wider(floats, None)
