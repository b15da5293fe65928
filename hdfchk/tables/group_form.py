"""Tables that are dicts of arrays of equal length."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from ..arrays.rows import rows_of
from ..backends.base import ArrayForm, Draft, Put, Session
from ..backends.layout import COMPRESSIONS, Compression, growing
from ..codecs.elements import Elements, elements_of, has_elements
from ..errors import InvalidOptionError, UnsupportedStoredError, UnsupportedTypeError
from ..keys import Path, join
from ..location import Location
from ..runtime.interrupts import BLOCK_BYTES
from ..views import access

__all__ = ["GroupForm"]


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

    def append(self, data: Mapping[Any, Any]) -> None:
        """Append rows to all arrays."""
        location, handle = self._location, self._location.handle
        with handle.turn():
            known = handle.table_form(self._path)
            if not isinstance(known, _Columns):
                with handle.reading() as session:
                    known = self._known(session)
            if set(data) != set(known.elements):
                raise InvalidOptionError(
                    f"the rows have the columns {list(data)}, not {list(known.elements)}",
                    file=location.file,
                    key=join(self._path),
                    hint="give all columns",
                )
            rows, wide = {}, {}
            for name, elements in known.elements.items():
                path = (*self._path, name)
                with location.at(path).naming():
                    encoded, wider = _encoded(elements, data[name])
                    rows[path] = rows_of(encoded, (0, *known.shapes[name][1:]), path)
                if wider is not None:
                    wide[path] = wider
            lengths = {path[-1]: len(block) for path, block in rows.items()}
            if len(set(lengths.values())) > 1:
                raise InvalidOptionError(
                    f"the columns of the rows have different lengths: {lengths}",
                    file=location.file,
                    key=join(self._path),
                    hint="give the same number of values for each column",
                )
            if wide:
                self._extend_wider(rows, wide)
            elif any(lengths.values()):
                handle.extend(self._path, rows, known)

    def _extend_wider(self, rows: dict[Path, Any], wide: dict[Path, Elements]) -> None:
        """Append rows, some of them strings that are longer than their columns have room for."""
        handle = self._location.handle
        with handle.writing() as session:
            changes = [
                Put(path, _widened(session, path, elements, rows.pop(path)))
                for path, elements in wide.items()
            ]
            handle.touch(change.path for change in changes)
            session.extend(rows, changes)


def _encoded(elements: Elements, values: Any) -> tuple[Any, Elements | None]:
    """The stored form of values, and how a column stores them, where it must become wider."""
    try:
        return elements.encode(values), None
    except UnsupportedTypeError:
        wide = elements.widened(values)
        if wide is None or wide == elements:
            raise
        return wide.encode(values), wide


def _widened(session: Session, path: Path, elements: Elements, rows: Any) -> Draft:
    """A column of strings that has room for longer ones, with rows behind the stored ones."""
    info = session.array_info(path)
    mark = None if info.mark is None else attrs.evolve(info.mark, params=elements.params)
    layout = attrs.evolve(
        session.layout(path), maxshape=growing(info.shape[1:]), chunks=info.chunks
    )
    if info.compression in COMPRESSIONS:
        compression = Compression.parse(info.compression)
        layout = attrs.evolve(layout, compression=compression, asked=True)
    draft = session.draft(ArrayForm((0, *info.shape[1:]), rows.dtype, mark), layout)
    step = max(1, BLOCK_BYTES // max(1, rows.dtype.itemsize * math.prod(info.shape[1:])))
    for start in range(0, info.shape[0], step):
        block, _ = session.read_slice(path, slice(start, min(start + step, info.shape[0])))
        draft.append(block.astype(rows.dtype))
    draft.append(rows)
    return draft
