"""Tables that are dicts of arrays of equal length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from ..arrays.rows import rows_of
from ..arrays.widening import float_rows, floats_of
from ..backends.base import Put, Session
from ..codecs.elements import Elements, elements_of, has_elements
from ..errors import InvalidOptionError, UnsupportedStoredError, UnsupportedTypeError
from ..keys import Path, join
from ..location import Location
from ..views import access

__all__ = ["GroupForm"]

Rows = np.ndarray[Any, Any]


@attrs.frozen(eq=False)
class _Columns:
    """What is known of the columns of a dict to which rows are appended.

    Args:
        elements: of each column, how values are stored.
        shapes: the shape of a row of each.
    """

    elements: dict[str, Elements]
    shapes: dict[str, tuple[int, ...]]


class GroupForm:
    """A dict whose values are arrays of equal length: each is a column.

    Args:
        location: of the dict.
    """

    index: tuple[Any, ...] = ()

    def __init__(self, location: Location) -> None:
        self._location = location
        self._path = location.path

    def columns(self, session: Session) -> list[Any]:
        """The keys of the dict."""
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
        """The length of all arrays.

        Raises:
            UnsupportedStoredError: there is something else than arrays, or of other lengths.
        """
        shapes = self._known(session).shapes
        return next(iter(shapes.values()))[0] if shapes else 0

    def row_bytes(self, session: Session) -> int:
        """The bytes of a row of all columns."""
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
            rows, floats = self._encoded(known, data, widens=widens)
            if floats:
                self._append_floats(rows, floats)
            elif any(map(len, rows.values())):
                handle.extend(self._path, rows, known)

    def _append_first(self, data: Mapping[Any, Any], *, widens: bool) -> None:
        """Append rows to arrays of which nothing is known yet."""
        handle = self._location.handle
        with handle.reading() as session:
            if len(self.columns(session)) != len(session.names(self._path)):
                raise access.refused(self._path, "the key filter hides a column of this table")
            known = self._known(session)
        rows, floats = self._encoded(known, data, widens=widens)
        if floats:
            self._append_floats(rows, floats)
        elif any(map(len, rows.values())):
            handle.extend(self._path, rows, known)

    def _encoded(
        self, known: _Columns, data: Mapping[Any, Any], *, widens: bool
    ) -> tuple[dict[Path, Rows], dict[Path, Rows]]:
        """The rows in their stored form; and those of floats that go behind integers."""
        if data.keys() != known.elements.keys():
            raise self._other_columns(known, data)
        rows, floats = {}, {}
        for name, elements in known.elements.items():
            path, value = (*self._path, name), data[name]
            if type(value) is float and elements.stored == np.float64 and elements.takes_any:
                rows[path] = np.array((value,))  # what most logs have
                if len(known.shapes[name]) == 1:
                    continue
            with self._location.at(path).naming():
                try:
                    encoded = elements.encode(value)
                    rows[path] = rows_of(encoded, (0, *known.shapes[name][1:]), path)
                except UnsupportedTypeError:
                    is_plain = widens and elements.is_plain and not elements.params
                    found = float_rows(elements.stored, value) if is_plain else None
                    if found is None:
                        raise
                    floats[path] = rows_of(found, (0, *known.shapes[name][1:]), path)
        lengths = {path[-1]: len(block) for path, block in (rows | floats).items()}
        if len(set(lengths.values())) > 1:
            raise InvalidOptionError(
                f"the columns of the rows have different lengths: {lengths}",
                file=self._location.file,
                key=join(self._path),
                hint="give the same number of values for each column",
            )
        return rows, floats

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

    def _append_floats(self, rows: dict[Path, Rows], floats: dict[Path, Rows]) -> None:
        """Append rows, some of which are floats and go behind integers, as one commit."""
        location, handle = self._location, self._location.handle
        with handle.writing_alone(), handle.writing() as session:
            puts = []
            for path, block in floats.items():
                with location.at(path).naming():
                    puts.append(
                        Put(path, floats_of(session, path, session.array_info(path), block))
                    )
            handle.touch(floats)
            session.extend(rows, puts)
