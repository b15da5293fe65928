"""`Table`: a handle on stored columns of equal length, which reads only what is requested."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..backends.base import Session
from ..errors import CheckpointerKeyError, HdfchkError, InvalidOptionError, UnsupportedStoredError
from ..keys import Path, join
from ..lengths import count_of
from ..location import Location, Placed
from ..runtime.interrupts import BLOCK_BYTES
from . import libraries
from .columns import in_order
from .forms import TableForm
from .frame_table_form import FrameTableForm
from .frames import append_frame, is_frame
from .group_form import GroupForm
from .hdfstore_form import HdfStoreForm
from .record_form import RecordForm

__all__ = ["Table", "table_at"]

Where = Callable[[dict[Any, Any]], Any]
MOST_SHOWN = 100
"""The maximum number of columns shown."""
_ADVICE = "[2:4] reads rows, ['name'] a column, read(columns=…, rows=…, where=…) a part"


class _Block(dict[Any, Any]):
    """The columns of a block of rows; each is read when it is first used."""

    def __init__(self, names: list[Any], read: Callable[[list[Any]], dict[Any, Any]]) -> None:
        super().__init__()
        self._names = names
        self._read = read

    def __missing__(self, name: Any) -> Any:
        """Read a column."""
        self.update(self._read([name]))
        return self[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is such a column."""
        return name in self._names

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the names of all columns, read or not."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self._names)

    def get(self, name: Any, default: Any = None) -> Any:
        """Return a column, or `default` if there is none."""
        return self[name] if name in self._names else default

    keys = Mapping.keys  # type: ignore[assignment]
    values = Mapping.values  # type: ignore[assignment]
    items = Mapping.items  # type: ignore[assignment]


class Table(Placed):
    """A handle on a stored table. It holds a location, and reads only what is requested.

    You get it from ``chk.table(key)``. A table is a DataFrame, a dict of arrays of equal length, a
    structured array, or a table of PyTables or of pandas' HDFStore. Rows are returned as a dict of
    arrays, by column.

    Guarantees:
        Each `append` is one commit, of all columns. A handle works inside and outside a ``with``
        block, and in threads. Not atomic: `blocks`, and `read` with ``where``, outside a ``with``
        block; another process may write between two blocks.

    Example:
        >>> import numpy as np
        >>> from hdfchk import HDF5Checkpointer
        >>> chk = HDF5Checkpointer(None)
        >>> chk["scan"] = {"x": np.arange(5), "y": np.arange(5) / 2}
        >>> scan = chk.table("scan")
        >>> scan.columns, len(scan), scan[1:3]["y"].tolist()
        (['x', 'y'], 5, [0.5, 1.0])
        >>> scan.append({"x": [5], "y": [2.5]})
        >>> scan.read(columns=["y"], where=lambda block: block["x"] > 3)["y"].tolist()
        [2.0, 2.5]
    """

    def __init__(self, location: Location, form: TableForm) -> None:
        self._location = location
        self._form = form

    def __repr__(self) -> str:
        """Return location, length and columns, or what is wrong."""
        from ..display.texts import keys_of, problem_of

        try:
            with self._location.glance():
                columns = self.columns
                told = f"{len(self)} rows of {keys_of(len(columns), columns, 'column')}"
        except Exception as error:  # a debugger also shows locked, damaged and removed files
            told = problem_of(error)
        return f"<Table {join(self._location.path)!r} in {self._location.file}: {told}>"

    def _repr_html_(self) -> str:
        """Return the number of rows, the columns, and how to read rows. None is read."""
        from ..display import html
        from ..display.texts import count_of, near, problem_of

        place = f"{join(self._location.path)!r} in {near(self._location.file)}"
        try:
            with self._location.glance():
                columns, rows = self.columns, count_of(len(self), "row")
                told = self._told(columns[:MOST_SHOWN])
            notes = f"{rows}, {count_of(len(columns), 'column')}"
            more = len(columns) - len(told)
            rest = html.note(f"… {count_of(more, 'more column')}") if more else ""
            return html.box("Table", place, notes, html.properties(told), rest, html.note(_ADVICE))
        except Exception as error:
            return html.box("Table", place, "", html.problem(problem_of(error)))

    def _told(self, columns: list[Any]) -> list[tuple[str, str]]:
        """Return names and types of columns; no row is read."""
        from ..display.texts import cut

        try:
            found = self.read(columns=columns, rows=slice(0, 0))
        except HdfchkError:  # the library of a column is missing: reading it reports this
            return [(cut(str(name)), "") for name in columns]
        told = []
        for name, values in found.items():
            row = f" {values.shape[1:]}" if getattr(values, "ndim", 1) > 1 else ""
            told.append((cut(str(name)), cut(f"{getattr(values, 'dtype', '')}{row}")))
        return told

    @property
    def columns(self) -> list[Any]:
        """The names of the columns, in order."""
        with self._location.handle.reading() as session:
            return self._form.columns(session)

    def __len__(self) -> int:
        """Return the number of rows."""
        with self._location.handle.reading() as session:
            return self._form.length(session)

    # -- reading -------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        """Return rows as a dict of arrays, or whole columns.

        Args:
            index: a slice, a list or mask of rows; a number, for a dict of values; the name of a
                column, for its array; or a list of names, for a dict of arrays.

        Raises:
            CheckpointerKeyError: there is no such column (a `KeyError`).
            IndexError: there is no such row.
        """
        if isinstance(index, (int, np.integer)) and not isinstance(index, bool):
            length = len(self)
            number = index + length if index < 0 else index
            if not 0 <= number < length:
                raise IndexError(f"row {index} of a table of {length} rows")
            found = self.read(rows=slice(number, number + 1))
            return {name: values[0] for name, values in found.items()}
        if isinstance(index, (str, tuple)):
            return self.read(columns=[index])[index]
        if isinstance(index, list) and index and all(isinstance(name, str) for name in index):
            return self.read(columns=index)
        return self.read(rows=index)

    def read(
        self, columns: Any = None, rows: Any = None, where: Where | None = None
    ) -> dict[Any, Any]:
        """Read some rows of some columns.

        Args:
            columns: the names of the columns; None for all.
            rows: a slice, or a list or mask of rows; None for all.
            where: ``where(block)`` is called for each block of rows with a mapping of its columns,
                each of which is read when it is used, and returns a mask of the rows to select.
                Only one block and the selected rows are in memory.

        Returns:
            The array of each column.

        Raises:
            CheckpointerKeyError: there is no such column.
            InvalidOptionError: the result of `where` is not a mask (a `ValueError`).
        """
        with self._location.handle.held():
            if where is None:
                with self._location.handle.reading() as session:
                    names = self._names(session, columns)
                    return self._part(session, names, _rows(rows, self._form.length(session)))
            found = [part for part, _ in self._matching(columns, rows, where)]
            return _joined(found)

    def _matching(
        self, columns: Any, rows: Any, where: Where
    ) -> Iterator[tuple[dict[Any, Any], Any]]:
        """Iterate over the selected rows of each block, and their numbers; at least one block."""
        with self._location.handle.reading() as session:
            names = self._names(session, columns)
            known, length = self._form.columns(session), self._form.length(session)
            step = self._step(session)
        wanted = _rows(rows, length)
        numbers = np.arange(length)[wanted] if not isinstance(wanted, slice) else None
        spans = range(*wanted.indices(length)) if isinstance(wanted, slice) else None
        count = len(spans) if spans is not None else len(numbers)  # type: ignore[arg-type]
        for start in range(0, max(1, count), step):
            if spans is not None:
                part = spans[start : start + step]
                index: Any = slice(part.start, max(part.stop, 0), part.step)
                if part.step < 0:
                    index = np.array(part, np.intp)
                here = np.array(part, np.intp)
            else:
                here = index = numbers[start : start + step]  # type: ignore[index]

            def read(names: list[Any], index: Any = index) -> dict[Any, Any]:
                with self._location.handle.reading() as session:
                    return self._part(session, self._names(session, names), index)

            block = _Block(known, read)
            mask = self._mask(where(block), len(here))
            yield {name: block[name][mask] for name in names}, here[mask]

    def _part(self, session: Session, names: list[Any], rows: Any) -> dict[Any, Any]:
        ordered, places = in_order(rows)
        found = self._form.read(session, names, ordered)
        if ordered is rows:
            return found
        return {name: values[places] for name, values in found.items()}

    def _mask(self, mask: Any, length: int) -> Any:
        found = np.asarray(mask)
        if found.dtype != np.bool or found.shape != (length,):
            raise InvalidOptionError(
                f"where() has returned {found.dtype} of shape {found.shape}, not a mask of "
                f"{length} rows",
                file=self._location.file,
                key=join(self._location.path),
                hint="return a boolean for each row",
            )
        return found

    def blocks(self, rows: int | None = None, columns: Any = None) -> Iterator[dict[Any, Any]]:
        """Iterate over the table in blocks, so that it is never in memory as a whole.

        Args:
            rows: the number of rows of a block; None for about 16 MiB.
            columns: the names of the columns; None for all.

        Raises:
            InvalidOptionError: `rows` is less than 1 (a `ValueError`).
        """
        if rows is not None and count_of(rows, "rows") < 1:
            raise InvalidOptionError(f"a block must have at least one row, not {rows}")
        with self._location.handle.held():
            with self._location.handle.reading() as session:
                names, length = self._names(session, columns), self._form.length(session)
                step = rows or self._step(session)
            for start in range(0, length, step):
                with self._location.handle.reading() as session:
                    block = self._form.read(session, names, slice(start, min(length, start + step)))
                yield block

    def _step(self, session: Session) -> int:
        return max(1, BLOCK_BYTES // max(1, self._form.row_bytes(session)))

    def _names(self, session: Session, columns: Any) -> list[Any]:
        known = self._form.columns(session)
        if columns is None:
            return known
        wanted = _listed(columns)
        for name in wanted:
            if name not in known:
                raise CheckpointerKeyError(
                    f"there is no column {name!r}",
                    file=self._location.file,
                    key=join(self._location.path),
                    hint=f"it has {known[:20]}",
                )
        return wanted

    def _loaded(self) -> Any:
        if isinstance(self._form, GroupForm):
            return self.read()  # without hidden columns
        with self._location.handle.reading() as session:
            return self._location.decode(session.read(self._location.path), self._location.path)

    # -- writing -------------------------------------------------------------------------------

    def append(self, rows: Any) -> None:
        """Append rows to all columns; one commit.

        Args:
            rows: a dict of arrays, or lists, of equal length, or a pandas DataFrame.

        Raises:
            InvalidOptionError: the columns are different, or their lengths differ (a `ValueError`).
            UnsupportedTypeError: an element does not fit its column.
            UnsupportedStoredError: only another program can append to this table.
        """
        if is_frame(rows):
            if isinstance(self._form, FrameTableForm):
                append_frame(self._location, rows)
                return
            rows = {name: rows[name].to_numpy() for name in rows.columns}
        if not isinstance(rows, Mapping):
            raise InvalidOptionError(
                f"rows are a dict of arrays or a DataFrame, not {type(rows).__name__}",
                file=self._location.file,
                key=join(self._location.path),
            )
        self._form.append(rows)

    # -- other libraries -----------------------------------------------------------------------

    def to_pandas(self, columns: Any = None, rows: Any = None, where: Where | None = None) -> Any:
        """Return the result of `read` as a pandas DataFrame, with the index of a stored DataFrame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        form = self._form
        if isinstance(form, FrameTableForm):
            return self._frame(form, columns, rows, where)
        if columns is not None and form.index:
            columns = [*form.index, *_listed(columns)]
        return libraries.to_pandas(self.read(columns, rows, where), form.index)

    def _frame(self, form: FrameTableForm, columns: Any, rows: Any, where: Where | None) -> Any:
        with self._location.handle.held():
            if where is not None:
                rows = np.concatenate([found for _, found in self._matching([], rows, where)])
            with self._location.handle.reading() as session:
                names = None if columns is None else self._names(session, columns)
                return form.frame(session, names, _rows(rows, form.length(session)))

    def to_polars(self, columns: Any = None, rows: Any = None, where: Where | None = None) -> Any:
        """Return the result of `read` as a polars DataFrame.

        Raises:
            MissingExtraError: polars is not installed.
        """
        return libraries.to_polars(self.read(columns, rows, where))

    def to_arrow(self, columns: Any = None, rows: Any = None, where: Where | None = None) -> Any:
        """Return the result of `read` as a pyarrow Table.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        return libraries.to_arrow(self.read(columns, rows, where))


def _listed(columns: Any) -> list[Any]:
    """Return column names as a list; a single name, unless it is a tuple, becomes a list of one."""
    is_single = isinstance(columns, str) or not isinstance(columns, Iterable)
    return [columns] if is_single else list(columns)


def _rows(rows: Any, length: int) -> Any:
    """Return rows as a slice with start and stop, or as an array of their numbers."""
    if rows is None:
        return slice(0, length, 1)
    if isinstance(rows, slice):
        start, stop, step = rows.indices(length)
        if step < 0:
            return np.arange(start, stop, step)
        return slice(start, max(start, stop), step)
    found = np.asarray(rows)
    if found.dtype == np.bool:
        if found.shape != (length,):
            raise IndexError(f"a mask of shape {found.shape} for a table of {length} rows")
        return np.flatnonzero(found)
    found = found.astype(np.intp) if not found.size else found
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise TypeError(f"rows are a slice, a list of numbers or a mask, not {rows!r}")
    found = np.where(found < 0, found + length, found)
    if found.size and not (found.min() >= 0 and found.max() < length):
        raise IndexError(f"rows {rows!r} of a table of {length} rows")
    return found


def _joined(parts: list[dict[Any, Any]]) -> dict[Any, Any]:
    """Concatenate the columns of several blocks."""
    if len(parts) == 1:
        return parts[0]
    joined: dict[Any, Any] = {}
    for name, first in parts[0].items():
        pieces = [part[name] for part in parts]
        if isinstance(first, np.ndarray):
            joined[name] = np.concatenate(pieces, dtype=first.dtype)  # including its byte order
        else:
            joined[name] = libraries.concatenated(pieces)
    return joined


def table_at(location: Location, path: Path) -> Table:
    """Return a handle on the table at a path below a group.

    Raises:
        CheckpointerKeyError: nothing is stored there, or a filter refuses it.
        UnsupportedStoredError: what is stored there is not a table.
    """
    here = location.at(path)
    here.check_visible()
    with location.handle.reading() as session:
        stat = session.stat(path)
        if stat is None:
            raise location.missing(session, path)
        if stat.mark is not None and stat.mark.name == "pandas.DataFrame" and stat.is_group:
            here.check_whole()
            return Table(here, FrameTableForm(here))
        if stat.is_dict:
            is_store = session.read_attribute(path, "pandas_type") is not None
            if is_store and session.has(path, "table"):
                here.check_whole()
                return Table(here, HdfStoreForm(here))
            form = GroupForm(here)
            form.length(session)  # raises an error now if it is not a table
            return Table(here, form)
        info = None if stat.is_group else session.array_info(path)
        if info is None or info.dtype.names is None or len(info.shape) != 1:
            raise UnsupportedStoredError(
                "the value is not a table",
                file=location.file,
                key=join(path),
                hint="a table is a DataFrame, a dict of arrays, or a structured array",
            )
    here.check_whole()
    return Table(here, RecordForm(here))
