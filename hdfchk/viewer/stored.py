"""The contents of a store as entities of the page, which read what they show."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping
from itertools import islice
from typing import Any

import attrs
import numpy as np

from ..attributes import Attributes
from ..description import Description
from ..display.texts import cut
from ..errors import (
    CheckpointerKeyError,
    HdfchkError,
    NotAGroupError,
    UnsafeFileError,
    UnsupportedStoredError,
)
from ..group import Group
from .entities import CONTENTS, TEXT, AnyArray, Dataset, Entity, Folder, in_memory
from .folders import child_name, plot_of, showing
from .plain import UNITS, plain, plain_dtype, text_of
from .thinning import BINS, MOST_POINTS, extremes, steps_of
from .values import MOST_ROWS, entity_of, rows_of

__all__ = ["MOST_BYTES", "MOST_CHILDREN", "Points", "Stored"]

MOST_CHILDREN = 1000
"""The maximum number of keys listed of a group; one more entry stands for the others."""
MOST_BYTES = 256 * 2**20
"""The maximum number of bytes read for one request."""
MOST_ATTRIBUTES = 200
"""The maximum number of attributes shown of a key."""
MOST_VALUE_BYTES = 16 * 2**20
"""The maximum size of a value, other than an array, that is shown."""


Points = tuple[AnyArray, AnyArray]
"""The indices and values of a curve."""


class Stored:
    """The entities of one store, which must be open while they are used.

    Args:
        store: the store, or a group in it.
        thinned: a cache of thinned curves, by key, for the present state of the file.
    """

    def __init__(self, store: Group, thinned: MutableMapping[str, Points] | None = None) -> None:
        self._store = store
        self._thinned: MutableMapping[str, Points] = {} if thinned is None else thinned

    def find(self, path: str) -> Entity:
        """Return the entity at a path of the page.

        Args:
            path: the path as H5Web writes it: ``"/a/b"``; ``"/"`` is the store.

        Raises:
            CheckpointerKeyError: there is no such key.
        """
        entity: Entity = self._folder(self._store, "")
        for name in path.strip("/").split("/") if path.strip("/") else ():
            if not isinstance(entity, Folder):
                raise CheckpointerKeyError("there is nothing below a value", key=path)
            entity = entity.child(name)
        return entity

    # -- groups ----------------------------------------------------------------------------------

    def _folder(self, group: Group, above: str, type_name: str | None = None) -> Folder:
        def children() -> Mapping[str, Entity]:
            entries = self._entries(group)
            found = {entry.key: self._listed(group, above, entry.key, entry) for entry in entries}
            rest = len(group) - len(found)
            if rest > 0:
                found[f"… {rest:,} more keys"] = in_memory(
                    np.array(f"the first {len(found):,} keys are listed; use chk[key]", object)
                )
            return found

        def child(name: str) -> Entity:
            try:
                found = group.describe(name, depth=0, values=True)[0]
            except HdfchkError:  # a link that is not followed is listed as such
                listed = [entry for entry in self._entries(group) if entry.key == name]
                if not listed:
                    raise
                found = listed[0]
            return self._listed(group, above, name, found)

        attributes = _attributes(group.attrs)
        if type_name is not None:
            attributes["type"] = type_name
        return showing(children, child, attributes, lambda: self._contents(group))

    def _missing(self, name: str) -> Entity:
        raise CheckpointerKeyError("no such key", key=name)

    def _entries(self, group: Group) -> list[Description]:
        found = group.describe(depth=1, limit=MOST_CHILDREN, values=True)
        if len(found) == 1 and not found[0].key and found[0].kind != "group":
            # The parts of a record are not keys, but can be read one by one.
            names = islice(group, MOST_CHILDREN)
            return [group.describe(name, depth=0, values=True)[0] for name in names]
        return found

    def _contents(self, group: Group) -> Dataset:
        """Return the table that a group shows: a row for each key."""
        rows = [[entry.key, _glance(entry), entry.type] for entry in self._entries(group)]
        table = np.empty((len(rows), 3), object)
        for number, row in enumerate(rows):
            table[number] = row
        return in_memory(table, fields=("key", "value", "type"))

    def _listed(self, group: Group, above: str, name: str, entry: Description) -> Entity:
        """Return a child of a group; at most a small value has been read."""
        if entry.problem is not None:
            return in_memory(np.array(f"cannot be read: {entry.problem}", object))
        if entry.kind == "group":
            return self._folder(group.group(name), f"{above}{name}/")
        try:
            if entry.kind == "array":
                return self._array(group, above, name, entry)
            return self._value(group, above, name, entry)
        except HdfchkError as error:
            return in_memory(np.array(f"cannot be read: {error}", object))

    # -- values ----------------------------------------------------------------------------------

    def _value(self, group: Group, above: str, name: str, entry: Description) -> Entity:
        note: dict[str, Any] = {}
        if not entry.has_value or type(entry.value) not in _PLAIN:
            note["type"] = entry.type
        if entry.attributes:
            note |= _attributes(group.attrs_of(name))
        if entry.has_value:
            return entity_of(entry.value, note)
        if entry.type.startswith("DataFrame"):
            return self._frame(group, name, note)
        if not entry.type.startswith(_WHOLE):
            try:
                return self._folder(group.group(name), f"{above}{name}/", entry.type)
            except NotAGroupError:
                pass

        def read() -> Entity:
            _check_size(_bytes_of(group, name, entry), MOST_VALUE_BYTES, name)
            return entity_of(group[name], note)

        shape, dtype = _known_form(entry)
        if shape is None:
            return _lazily(read, note, has_children=entry.type.startswith(_WITH_CHILDREN))

        def elements(index: tuple[Any, ...]) -> AnyArray:
            return np.asarray(_array_of(read(), shape, dtype)[index], dtype)

        return Dataset(shape, dtype, elements, note)

    def _frame(self, group: Group, name: str, note: dict[str, Any]) -> Entity:
        """Return a DataFrame, of which only the rows that are shown are read."""
        table = group.table(name)

        def named() -> dict[str, Any]:
            return {child_name(column): column for column in table.columns[:MOST_CHILDREN]}

        def column(shown: str) -> Dataset:
            own = named().get(shown, shown)
            rows = min(len(table), MOST_POINTS)

            def read(index: tuple[Any, ...]) -> AnyArray:
                (wanted,) = index
                if isinstance(wanted, slice):
                    return plain(table.read(columns=[own], rows=wanted)[own])
                found = plain(table.read(columns=[own], rows=slice(wanted, wanted + 1))[own])
                return found.reshape(())

            return Dataset((rows,), read((slice(0, 1),)).dtype, read)

        def contents() -> Dataset:
            own = named()

            def rows(wanted: slice) -> list[Any]:
                found = table.read(columns=list(own.values()), rows=wanted)
                return [found[column] for column in own.values()]

            return rows_of(list(own), len(table), rows)

        def children() -> Mapping[str, Entity]:
            return {shown: column(shown) for shown in named()}

        return showing(children, column, note, contents)

    # -- arrays ----------------------------------------------------------------------------------

    def _array(self, group: Group, above: str, name: str, entry: Description) -> Entity:
        array: Any
        try:
            array = group.array(name)
        except UnsupportedStoredError:
            array = _Whole(group, name, entry)
        attributes: dict[str, Any] = {"type": entry.type} if entry.type != "ndarray" else {}
        if entry.attributes:
            attributes |= _attributes(group.attrs_of(name))
        shape, dtype = entry.shape, entry.dtype
        if shape is None or dtype is None or entry.type.startswith("torch."):
            shape, dtype = array.shape, array.dtype
        if getattr(dtype, "kind", "") == "m":
            attributes["units"] = UNITS.get(np.datetime_data(dtype)[0], "")
        if getattr(dtype, "names", None) and len(shape) == 1:
            return _records(array, shape, dtype, attributes)
        shown = plain_dtype(dtype)
        if "masked" in entry.type.lower() and shown.kind in "iub":  # gaps are NaN
            shown = np.dtype("f8")
        source = _Source(above + name, array, shape, _itemsize(dtype), shown, attributes)
        if len(shape) == 1 and shape[0] > MOST_POINTS:
            if shown.kind in "iufb":
                return self._curve(source)
            attributes["shown"] = f"the first {MOST_POINTS:,} of {shape[0]:,} elements"
            return Dataset((MOST_POINTS,), shown, source.read, attributes)
        if len(shape) >= 2 and any(step > 1 for step in steps_of(shape)):
            return _coarse(source)
        chunks = entry.chunks if entry.chunks and len(entry.chunks) == len(shape) else None
        return Dataset(shape, shown, source.read, attributes, chunks=chunks)

    def _curve(self, source: _Source) -> Folder:
        """Return a long curve as the minima and maxima of its parts, over their indices."""
        length = source.shape[0]

        def points() -> Points:
            if source.key not in self._thinned:
                most = max(1, MOST_BYTES // 8 // max(1, source.itemsize))
                found = extremes(length, lambda a, b: source.read((slice(a, b),)), most)
                self._thinned[source.key] = found
            return self._thinned[source.key]

        note = f"{length:,} points: the least and the largest of each of {BINS:,} parts"

        def children() -> Mapping[str, Entity]:
            places, values = points()
            return {
                "values": in_memory(values, source.attributes),
                "row": in_memory(places),
                "title": in_memory(np.array(note, object)),
            }

        return plot_of(children, "values", ["row"], {**source.attributes, "shown": note})


@attrs.frozen(eq=False)
class _Source:
    """An array of a store, of which only parts are read.

    Args:
        key: its key.
        array: a handle on it.
        shape: the lengths of its axes.
        itemsize: bytes of one element.
        dtype: that of the elements that are shown.
        attributes: its attributes.
    """

    key: str
    array: Any
    shape: tuple[int, ...]
    itemsize: int
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]

    def read(self, index: tuple[Any, ...]) -> AnyArray:
        """Return elements, of at most `MOST_BYTES`."""
        lengths = [
            len(range(*part.indices(length))) if isinstance(part, slice) else None
            for part, length in zip(index, self.shape, strict=True)
        ]
        kept = tuple(length for length in lengths if length is not None)
        _check_size(math.prod(kept) * self.itemsize, MOST_BYTES, self.key)
        return plain(self.array[index]).astype(self.dtype, copy=False).reshape(kept)


class _Whole:
    """An array that can only be read as a whole, for example one of objects."""

    def __init__(self, group: Group, name: str, entry: Description) -> None:
        self._group = group
        self._name = name
        self._entry = entry

    def _read(self) -> Any:
        most = _bytes_of(self._group, self._name, self._entry)
        _check_size(most, MOST_VALUE_BYTES, self._name)
        return self._group[self._name]

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        """Return the elements at an index."""
        value = self._read()
        return value.tocsr()[index] if hasattr(value, "tocsr") else np.asarray(value)[index]

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return np.shape(self._read())

    @property
    def dtype(self) -> Any:
        """The dtype of the elements."""
        return self._read().dtype


def _records(array: Any, shape: tuple[int, ...], dtype: Any, attributes: dict[str, Any]) -> Dataset:
    """Return an array of records as a table."""
    names = list(dtype.names)

    def rows(wanted: slice) -> list[AnyArray]:
        found = array[wanted]
        return [_column(found[name]) for name in names]

    table = rows_of(names, shape[0], rows)
    return Dataset(table.shape, TEXT, table.read, {**attributes, **table.attributes}, tuple(names))


def _column(values: AnyArray) -> AnyArray:
    """Return a field as one text per row, if its items are arrays."""
    if values.ndim == 1:
        return values
    found = np.empty(len(values), object)
    found[:] = [text_of(row) for row in values]
    return found


def _lazily(
    read: Callable[[], Entity], attributes: Mapping[str, Any], *, has_children: bool
) -> Folder:
    """Return a folder for the entity that `read` returns; it is called when the folder is selected.

    The page requests the children of each listed folder: they are read if there are any.
    """

    def children() -> Mapping[str, Entity]:
        found = read() if has_children else None
        return found.children() if isinstance(found, Folder) else {}

    def child(name: str) -> Entity:
        found = read()
        if name == CONTENTS:
            if isinstance(found, Folder) and found.attributes.get("default") == name:
                return found.child(name)
            return found
        if isinstance(found, Folder):
            return found.child(name)
        raise CheckpointerKeyError("there is nothing below a value", key=name)

    return Folder(children, child, {**attributes, "default": CONTENTS})


def _attributes(stored: Attributes) -> dict[str, Any]:
    """Return the attributes of a key by name; a text with the error for unreadable ones."""
    found: dict[str, Any] = {}
    for name in islice(stored, MOST_ATTRIBUTES):
        try:
            found[name] = stored[name]
        except HdfchkError as error:
            found[name] = f"cannot be read: {error}"
    return found


def _itemsize(dtype: Any) -> int:
    return int(getattr(dtype, "itemsize", 8))


def _check_size(nbytes: int | None, most: int, key: str) -> None:
    if nbytes is not None and nbytes > most:
        raise UnsafeFileError(
            f"{nbytes:,} bytes are more than the viewer reads at once, {most:,}",
            key=key,
            hint="read parts of it in Python: chk.array(key)[...]",
        )


def _glance(entry: Description) -> str:
    """Return a small value, or the shape or length of another."""
    if entry.problem is not None:
        return entry.problem
    if entry.has_value:
        found = text_of(entry.value)
        return found if len(found) <= 100 else f"{found[:100]} …"
    if entry.kind == "array" and entry.shape is not None:  # a length alone would look like a value
        dtype = f"{cut(str(entry.dtype), 40)} " if entry.dtype is not None else ""
        return f"{dtype}{entry.shape}"
    if entry.shape is not None:
        return " × ".join(f"{length:,}" for length in entry.shape)
    if entry.length is None:
        return ""
    noun = "key" if entry.kind == "group" else "item"
    return f"{entry.length:,} {noun}{'' if entry.length == 1 else 's'}"


def _coarse(source: _Source) -> Folder:
    """Return each n-th row and column of a large image, or of a stack, over their numbers."""
    shape = source.shape
    steps = steps_of(shape)
    small = tuple(-(-length // step) for length, step in zip(shape, steps, strict=True))

    def read(index: tuple[Any, ...]) -> AnyArray:
        wide = tuple(
            slice(part.start * step, part.stop * step, part.step * step)
            if isinstance(part, slice)
            else part * step
            for part, step in zip(index, steps, strict=True)
        )
        return source.read(wide)

    rows, columns = shape[-2:]
    note = f"{small[-2]:,} × {small[-1]:,} of {rows:,} × {columns:,} elements, evenly spaced"
    children: dict[str, Entity] = {
        "values": Dataset(small, source.dtype, read, source.attributes),
        "row": in_memory(np.arange(0, rows, steps[-2])),
        "column": in_memory(np.arange(0, columns, steps[-1])),
        "title": in_memory(np.array(note, object)),
    }
    axes = ["."] * (len(shape) - 2) + ["row", "column"]
    return plot_of(lambda: children, "values", axes, {**source.attributes, "shown": note})


_WITH_CHILDREN = ("Series", "Index", "DataArray", "Dataset", "Variable", "polars.", "pyarrow.")
_WHOLE = (
    "list", "tuple", "set", "frozenset", "deque", "dict", "Counter", "OrderedDict", "defaultdict",
    "range", *_WITH_CHILDREN,
)  # fmt: skip
"""Prefixes of types of values that are shown as a whole; the parts of others are listed."""

_ITEMS = {"int": "i8", "float": "f8", "bool": "?", "complex": "c16"}
_PLAIN = (bool, int, float, complex, str)
"""Types that are not named, because the form shows them."""


def _known_form(entry: Description) -> tuple[tuple[int, ...] | None, np.dtype[Any]]:
    """Return the shape of a value that has not been read, if known, and its dtype."""
    kind, _, item = entry.type.partition(" of ")
    if entry.length is None or kind not in {"list", "tuple", "deque", "set", "frozenset"}:
        return None, TEXT
    if item in _ITEMS:
        return (entry.length,), np.dtype(_ITEMS[item])
    return ((min(entry.length, MOST_ROWS),), TEXT) if item == "str" else (None, TEXT)


def _array_of(found: Entity, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
    """Return the elements of a value, in the form that was announced."""
    if isinstance(found, Folder) or found.fields or len(found.shape) != 1:
        raise UnsupportedStoredError("the value does not have the form in its description")
    data = found.read((slice(None),))
    return data.astype(dtype, copy=False)[: shape[0]]


def _bytes_of(group: Group, name: str, entry: Description) -> int | None:
    """Return the size of a value in memory, or the total of its parts, as far as known."""
    if entry.nbytes is not None or entry.stored is not None:
        return max(entry.nbytes or 0, entry.stored or 0)
    try:
        parts = group.group(name).describe(limit=MOST_ROWS)
    except NotAGroupError:
        return None
    return sum(max(part.nbytes or 0, part.stored or 0) for part in parts)
