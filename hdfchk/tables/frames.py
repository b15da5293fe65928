"""DataFrames that grow: rows are appended to all columns and the index at once."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from ..backends.base import Put, Session, Stored
from ..codecs.frame_blocks import by_rows
from ..codecs.frames import closed, is_open_range, open_range
from ..codecs.optional import need
from ..errors import (
    CorruptFileError,
    InvalidOptionError,
    UnsupportedStoredError,
    UnsupportedTypeError,
)
from ..keys import join
from ..location import Location
from ..tree import Branch, Leaf, Mark, Node
from .columns import FrameColumns
from .frame_form import FrameForm
from .text_columns import has_texts, with_texts
from .trees import DiffersError, Growth, RowPlaces, grow, growable, params_at

__all__ = ["append_frame", "is_frame"]


def is_frame(value: object) -> bool:
    """Whether a value is a pandas DataFrame; pandas is not imported for the check."""
    cls = type(value)
    return cls.__name__ == "DataFrame" and cls.__module__.partition(".")[0] == "pandas"


def append_frame(location: Location, frame: Any) -> None:
    """Append the rows of a DataFrame to the one at a location, or store it as a frame that grows.

    Raises:
        InvalidOptionError: its columns or its index differ (a `ValueError`).
        UnsupportedTypeError: the dtype of a column differs.
        UnsupportedStoredError: what is stored there is not a DataFrame.
    """
    location.check_whole()
    handle, path = location.handle, location.path
    with handle.turn():
        form = handle.table_form(path)
        rows = form.rows_of(location, frame) if isinstance(form, FrameForm) else None
        if rows is not None:
            handle.extend(path, rows, form)
            form.length += len(frame)
            return
        with handle.writing_alone():
            if not isinstance(location.encode(frame.iloc[:0], path), Branch):
                _append_object(location, frame)
            elif location.has(path):
                _Append(location, frame).commit()
            else:
                _begin(location, frame)


def _append_object(location: Location, frame: Any) -> None:
    """Append to a frame in a store that holds objects."""
    path = location.path
    with location.handle.writing() as session:
        if session.stat(path) is not None:
            stored = location.decode(session.read(path), path)
            if not is_frame(stored):
                raise _no_frame(location)
            frame = need("pandas", "a DataFrame").concat([stored, frame], ignore_index=True)
        location.handle.touch([path])
        session.apply([Put(path, Leaf(frame))])


def _trees(location: Location, frame: Any, texts: Container[str] = ()) -> tuple[Branch, Branch]:
    """The tree of a frame, and that of each of its rows twice; in all columns that can have rows.

    Args:
        location: of the stored frame.
        frame: the frame.
        texts: the names of the columns, in the tree, whose strings are stored with rows.
    """
    made: Any = [by_rows(location.encode(f, location.path)) for f in (frame, _twice(frame))]
    return with_texts(location, made[0], texts), with_texts(location, made[1], texts)


def _twice(frame: Any) -> Any:
    """A frame with each row twice. pandas takes no rows of arrays in another byte order."""
    rows = np.arange(len(frame)).repeat(2)
    foreign = [n for n, dtype in enumerate(frame.dtypes) if _is_foreign(dtype)]
    if not foreign:
        return frame.take(rows)
    numbered = frame.copy(deep=False)
    numbered.columns = range(frame.shape[1])
    made = numbered.drop(columns=foreign).take(rows)
    for number in foreign:
        made.insert(number, number, numbered[number].to_numpy()[rows])
    made.columns = frame.columns
    return made


def _is_foreign(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and not dtype.isnative


def _begin(location: Location, frame: Any) -> None:
    """Store a frame in a form that grows."""
    path, handle = location.path, location.handle
    node, twice = _trees(location, frame)
    index, rows = frame.index, RowPlaces.of(node, twice)
    with handle.writing() as session:
        if type(index).__name__ == "RangeIndex" and len(frame.columns):
            name = node.children["index"].children["name"]  # type: ignore[union-attr]
            node.children["index"] = open_range(index.start, index.step, name)
        handle.touch([path])
        session.apply([Put(path, growable(session, path, node, rows))])
    form = FrameForm.of(frame, node, rows)
    if form is not None:
        handle.keep_table(path, form)


def _no_frame(location: Location) -> UnsupportedStoredError:
    return UnsupportedStoredError(
        "what is stored there is not a DataFrame",
        file=location.file,
        key=join(location.path),
        hint="append a DataFrame to a DataFrame, or to a new key",
    )


class _Append:
    """Rows that are appended to a stored frame.

    Args:
        location: of the frame.
        frame: the new rows.
    """

    def __init__(self, location: Location, frame: Any) -> None:
        self.location = location
        self.frame = frame
        self.path = location.path
        self.session: Session
        self.there: FrameColumns
        self.columns: Any = None
        self.stored = 0
        self.growth = Growth()

    def commit(self) -> None:
        """Append them, as one commit."""
        location, handle = self.location, self.location.handle
        with handle.writing() as session:
            self.session = session
            stat = session.stat(self.path)
            if stat is None or stat.mark is None or stat.mark.name != "pandas.DataFrame":
                raise _no_frame(location)
            self.there = FrameColumns(location, session)
            self.columns, self.stored = self.there.names, self.there.length()
            self.frame = self._aligned()
            form = self._plan()
            changes = [Put(path, node) for path, node in self.growth.puts.items()]
            handle.touch(change.path for change in changes)
            session.extend(self.growth.rows, changes)
        if form is not None:
            form.length = self.stored + len(self.frame)
            handle.keep_table(self.path, form)

    def _read(self, name: str) -> Any:
        path = (*self.path, name)
        node = self.session.read(path)
        if name == "index" and isinstance(node, Branch):
            node = closed(node, self.stored)
        return self.location.decode(node, path)

    def _aligned(self) -> Any:
        """The new rows with the stored columns in their order."""
        frame, columns = self.frame, self.columns
        if frame.columns.equals(columns):
            return frame
        if (
            len(frame.columns) == len(columns)
            and frame.columns.is_unique
            and not len(columns.difference(frame.columns, sort=False))
        ):
            return frame[columns]
        missing = list(columns.difference(frame.columns, sort=False))[:10]
        more = list(frame.columns.difference(columns, sort=False))[:10]
        raise InvalidOptionError(
            f"the frame has other columns than the stored one (missing: {missing}; more: {more})",
            file=self.location.file,
            key=join(self.path),
            hint="give it the same columns",
        )

    def _plan(self) -> FrameForm | None:
        """Determine all steps; nothing is written before."""
        if not len(self.frame):
            return None
        self._widen_categories()
        self._index()
        frame = self.frame.copy(deep=False)  # by set_axis, pandas 2 would join its columns
        frame.index = _plain_range(len(frame))
        frame.attrs = {}
        node, twice = _trees(self.location, frame, self._columns_of_texts())
        rows = RowPlaces.of(node, twice)
        names = [name for name in node.children if name.startswith(("column", "block"))]
        for name in names:
            if name == "columns":
                continue
            try:
                self.growth.add(self._grown(name, node.children[name], rows.below(name)))
            except DiffersError:
                self._write_anew(name, node.children[name], rows.below(name))
        params = params_at(self.session, (*self.path, "index"))
        if self.growth.puts or not is_open_range(params):
            return None
        return FrameForm.of(self.frame, node, rows)

    def _columns_of_texts(self) -> set[str]:
        names = [f"column{number}" for number in range(len(self.columns))]
        stats = {name: self.session.stat((*self.path, name)) for name in names}
        return {name for name, stat in stats.items() if stat is not None and has_texts(stat.mark)}

    def _grown(self, name: str, node: Node, rows: RowPlaces) -> Growth:
        path = (*self.path, name)
        return grow(self.session, path, node, rows, self.stored, self.growth.puts)

    def _write_anew(self, name: str, node: Node, rows: RowPlaces) -> None:
        """A column, or a block of columns, whose stored form cannot grow: it is rewritten."""
        if isinstance(node, Branch) and name.startswith("block"):
            self._write_block(name, node, rows)
            return
        pd = need("pandas", "a DataFrame")
        number = int(name.removeprefix("column"))
        values, new = self.there.values(number), self.frame.iloc[:, number]
        old = pd.Series(values, dtype=values.dtype)
        self._check_column(number, old.dtype, len(old))
        joined = pd.concat([old, new.reset_index(drop=True)], ignore_index=True)
        self._put(name, "column0", pd.DataFrame({"": joined}))

    def _write_block(self, name: str, node: Branch, rows: RowPlaces) -> None:
        path = (*self.path, name)
        stored: Any = self.session.read(path) if self.session.stat(path) else Branch({})
        made, values = by_rows(stored), node.children["values"]
        old = made.children.get("values") if isinstance(made, Branch) else None
        places = [
            self.location.decode(tree.children["places"], path).tolist()
            for tree in (made, node)
            if isinstance(tree, Branch) and "places" in tree.children
        ]
        for number in sorted({number for numbers in places for number in numbers}):
            found = self.there.values(number, slice(0, 0))
            self._check_column(number, found.dtype, self.stored)
        if not (isinstance(old, Leaf) and isinstance(values, Leaf)) or old.mark != values.mark:
            raise self._differs("its columns are stored in another way")
        if places[0] != places[-1]:
            raise self._differs("its columns are in other blocks")
        blocks: list[Any] = [old.data, values.data]
        if len(blocks[0]) != self.stored:
            raise self._differs(f"its columns have {len(blocks[0])} rows, and others {self.stored}")
        whole = Leaf(np.concatenate(blocks), values.mark)
        parts: dict[str, Node] = {"places": node.children["places"], "values": whole}
        tree = Branch(parts, node.mark)
        self.growth.puts[path] = growable(self.session, path, tree, rows)

    def _check_column(self, number: int, dtype: Any, length: int) -> None:
        new = self.frame.iloc[:, number].dtype
        if dtype != new:
            raise UnsupportedTypeError(
                f"the column {self.columns[number]!r} has the dtype {new}, not {dtype}",
                file=self.location.file,
                key=join(self.path),
                hint="convert it by astype()",
            )
        if length != self.stored:
            raise self._differs(
                f"the column {self.columns[number]!r} has {length} rows, and another one "
                f"{self.stored}"
            )

    def _differs(self, problem: str) -> CorruptFileError:
        return CorruptFileError(
            problem,
            file=self.location.file,
            key=join(self.path),
            hint="read the columns by chk.group(key), and store the frame anew",
        )

    def _put(self, name: str, part: str, frame: Any) -> None:
        """Put a part of the tree of a frame at a name."""
        node, twice = _trees(self.location, frame)
        rows = RowPlaces.of(node, twice).below(part)
        path = (*self.path, name)
        self.growth.puts[path] = growable(self.session, path, node.children[part], rows)

    def _widen_categories(self) -> None:
        """Return both with the union of stored and new categories, the stored ones first."""
        for number in range(len(self.columns)):
            new = self.frame.iloc[:, number]
            path = (*self.path, f"column{number}")
            params = params_at(self.session, path)
            if params.get("kind") != "categorical" or type(new.dtype).__name__ != _CATEGORIES:
                continue
            place = (*path, "categories")
            old = self.location.decode(self.session.read(place), place)
            union, more = old, new.cat.categories.difference(old, sort=False)
            is_ordered = bool(params["ordered"])
            if bool(new.cat.ordered) != is_ordered or (
                is_ordered and not new.cat.categories.equals(old)
            ):
                raise self._other_categories(number, new)
            if len(more):
                if old.dtype != new.cat.categories.dtype and len(old):
                    raise self._other_categories(number, new)
                wanted = new.cat.categories
                union = old.append(wanted[~wanted.isin(old)])
                self._put_categories(number, union)
            if not union.equals(new.cat.categories):
                self.frame = self.frame.copy(deep=False)
                self.frame.isetitem(number, new.cat.set_categories(union))

    def _put_categories(self, number: int, union: Any) -> None:
        pd = need("pandas", "a DataFrame")
        empty = pd.DataFrame({"": pd.Categorical([], categories=union)})
        node: Any = self.location.encode(empty, self.path).children["column0"]
        path = (*self.path, f"column{number}", "categories")
        self.growth.puts[path] = node.children["categories"]

    def _other_categories(self, number: int, new: Any) -> UnsupportedTypeError:
        return UnsupportedTypeError(
            f"the column {self.columns[number]!r} has categories of another kind or order: "
            f"{list(new.cat.categories)[:10]}",
            file=self.location.file,
            key=join(self.path),
            hint="give it the categories of the stored column",
        )

    # -- the index -------------------------------------------------------------------------------

    def _index(self) -> None:
        """Determine how the index continues."""
        pd = need("pandas", "a DataFrame")
        params, new = params_at(self.session, (*self.path, "index")), self.frame.index
        if "range" in params and isinstance(new, pd.RangeIndex) and self._goes_on(params["range"]):
            return
        if isinstance(new, pd.RangeIndex):
            new = pd.Index(new.to_numpy(), name=new.name)
        has_freq = isinstance(new, (pd.DatetimeIndex, pd.TimedeltaIndex)) and new.freq is not None
        if has_freq and not any(name.startswith("freq") for name in params):
            new, has_freq = new.copy(), False
            new.freq = None
        node, twice = _trees(self.location, pd.DataFrame(index=new))
        rows = RowPlaces.of(node, twice).below("index")
        try:
            growth = self._grown("index", node.children["index"], rows)
            if not has_freq or self._joined(new).freq == new.freq:
                self.growth.add(growth)
                return
        except DiffersError:
            pass  # it is rewritten
        self._put("index", "index", pd.DataFrame(index=self._joined(new)))

    def _goes_on(self, stored: list[Any]) -> bool:
        """Whether a range continues the stored one: as a default index, or from its end."""
        start, stop, step = stored
        new = self.frame.index
        path = (*self.path, "index")
        if new.name != self._read("index").name:
            return False
        is_default = (start, step, new.start, new.step) == (0, 1, 0, 1)
        if not is_default and (new.start != start + step * self.stored or new.step != step):
            return False
        if stop is not None:
            name = self.session.read((*path, "name"))
            made: Stored = open_range(start, step, name)
            if not len(self.columns):
                end = start + step * (self.stored + len(new))
                params = {"range": [start, end, step]}
                made = Branch({"name": name}, Mark("pandas.Index", 1, params))
            self.growth.puts[path] = made
        return True

    def _joined(self, new: Any) -> Any:
        """The whole index with the new one behind it."""
        old = self._read("index")
        if list(old.names) != list(new.names):
            raise self._other_index(f"is named {list(new.names)}, not {list(old.names)}")
        if old.dtype != new.dtype and len(old):
            raise self._other_index(f"has the dtype {new.dtype}, not {old.dtype}")
        return old.append(new)

    def _other_index(self, problem: str) -> InvalidOptionError:
        return InvalidOptionError(
            f"the index of the frame {problem}",
            file=self.location.file,
            key=join(self.path),
            hint="give it an index as the stored one has",
        )


_CATEGORIES = "CategoricalDtype"


def _plain_range(length: int) -> Any:
    return need("pandas", "a DataFrame").RangeIndex(length)
