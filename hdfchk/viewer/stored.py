"""What stands at a path of a store, as an entity of the page. Nothing is read before it is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from ..arrays.array import Array
from ..errors import CheckpointerKeyError, HdfchkError, UnsafeFileError, UnsupportedStoredError
from ..group import Group
from .entities import CONTENTS, TEXT, AnyArray, Dataset, Entity, Folder, in_memory
from .folders import child_name, plot_of, showing
from .listing import Entry, entries_of
from .plain import UNITS, plain, plain_dtype, text_of
from .thinning import MOST_POINTS, extremes, steps_of
from .values import MOST_ROWS, entity_of, rows_of

__all__ = ["MOST_BYTES", "MOST_CHILDREN", "Stored"]

MOST_CHILDREN = 1000
"""So many keys of a group are listed; the rest is one entry more."""
MOST_BYTES = 256 * 2**20
"""One request reads no more than this at once."""
MOST_VALUE_BYTES = 16 * 2**20
"""A value that is no array is shown up to this size."""


class Stored:
    """Entities of one store, which is open while they are used.

    Args:
        store: the store, or a group in it.
    """

    def __init__(self, store: Group) -> None:
        self._store = store

    def find(self, path: str) -> Entity:
        """Return what is at a path of the page.

        Args:
            path: as H5Web writes it: ``"/a/b"``; ``"/"`` is the store.

        Raises:
            CheckpointerKeyError: nothing is there.
        """
        entity: Entity = self._folder(self._store)
        for name in path.strip("/").split("/") if path.strip("/") else ():
            if not isinstance(entity, Folder):
                raise CheckpointerKeyError("there is nothing below a value", key=path)
            entity = entity.child(name)
        return entity

    # -- groups ----------------------------------------------------------------------------------

    def _folder(self, group: Group, type_name: str | None = None) -> Folder:
        def children() -> Mapping[str, Entity]:
            found = {entry.key: self._listed(group, entry) for entry in self._entries(group)}
            rest = len(group) - len(found)
            if rest > 0:
                found[f"… {rest:,} more keys"] = in_memory(
                    np.array(f"the first {len(found):,} keys are listed; use chk[key]", object)
                )
            return found

        def child(name: str) -> Entity:
            entries = entries_of(group, only=name)
            return self._listed(group, entries[0]) if entries else self._missing(name)

        attributes = _attributes(group)
        if type_name is not None:
            attributes["type"] = type_name
        return showing(children, child, attributes, lambda: self._contents(group))

    def _missing(self, name: str) -> Entity:
        raise CheckpointerKeyError("no such key", key=name)

    def _entries(self, group: Group) -> list[Entry]:
        return entries_of(group, limit=MOST_CHILDREN)

    def _contents(self, group: Group) -> Dataset:
        """What a group shows itself: a line for each key."""
        rows = [[entry.key, _glance(entry), entry.type] for entry in self._entries(group)]
        table = np.empty((len(rows), 3), object)
        for number, row in enumerate(rows):
            table[number] = row
        return in_memory(table, fields=("key", "value", "type"))

    def _listed(self, group: Group, entry: Entry) -> Entity:
        """A child of a group, of which no more than a small value has been read."""
        if entry.problem is not None:
            return in_memory(np.array(f"cannot be read: {entry.problem}", object))
        if entry.kind == "group":
            return self._folder(group.group(entry.key))
        try:
            if entry.kind == "array":
                return self._array(group, entry)
            return self._value(group, entry)
        except HdfchkError as error:
            return in_memory(np.array(f"cannot be read: {error}", object))

    # -- values ----------------------------------------------------------------------------------

    def _value(self, group: Group, entry: Entry) -> Entity:
        note = {"type": entry.type}
        if entry.has_value:
            return entity_of(entry.value, note)
        if entry.type.startswith("DataFrame"):
            return self._frame(group, entry)

        def read() -> Entity:
            _check_size(entry.nbytes, MOST_VALUE_BYTES, entry.key)
            return entity_of(group[entry.key], note)

        parts = _parts(group, entry)
        if parts is not None:
            return self._folder(parts, entry.type)
        return _lazily(read, note)

    def _frame(self, group: Group, entry: Entry) -> Entity:
        """A DataFrame, of which no more rows are read than are shown."""
        table = group.table(entry.key)
        names, length = table.columns, len(table)
        columns = {
            child_name(name): Dataset(
                (min(length, MOST_POINTS),),
                plain(table.read(columns=[name], rows=slice(0, 1))[name]).dtype,
                lambda index, name=name: plain(table.read(columns=[name], rows=index[0])[name]),  # type: ignore[misc]
            )
            for name in names[:MOST_CHILDREN]
        }

        def rows(wanted: slice) -> list[AnyArray]:
            found = table.read(columns=names[:MOST_CHILDREN], rows=wanted)
            return [np.asarray(found[name]) for name in names[:MOST_CHILDREN]]

        contents = rows_of(list(columns), length, rows)
        return showing(
            lambda: columns,
            lambda name: columns[name] if name in columns else self._missing(name),
            {"type": entry.type},
            lambda: contents,
        )

    # -- arrays ----------------------------------------------------------------------------------

    def _array(self, group: Group, entry: Entry) -> Entity:
        attributes = {"type": entry.type} if entry.type != "ndarray" else {}
        try:
            array = group.array(entry.key)
            shape, dtype = array.shape, array.dtype
        except UnsupportedStoredError:  # sparse, in a format without slices
            return _lazily(lambda: _whole(group, entry), attributes)
        attributes |= _attributes(array) if entry.attributes else {}
        kind = getattr(dtype, "kind", "")
        if kind == "m":
            attributes["units"] = UNITS.get(np.datetime_data(dtype)[0], "")
        if getattr(dtype, "names", None) and len(shape) == 1:
            return self._records(array, attributes)
        shown = _shown_dtype(array, dtype)
        if len(shape) == 1 and shape[0] > MOST_POINTS:
            if shown.kind in "iufb":
                return _thinned(array, shown, attributes)
            attributes["shown"] = f"the first {MOST_POINTS:,} of {shape[0]:,} elements"
            shape = (MOST_POINTS,)
        if len(shape) >= 2 and any(step > 1 for step in steps_of(shape)):
            return _coarse(array, shown, attributes)

        def read(index: tuple[Any, ...]) -> AnyArray:
            _check_size(_count(index, shape) * _itemsize(dtype), MOST_BYTES, entry.key)
            return plain(array[index]).astype(shown, copy=False)

        return Dataset(shape, shown, read, attributes, chunks=_chunks(array))

    def _records(self, array: Array, attributes: dict[str, Any]) -> Dataset:
        """An array of records, as a table."""
        names = list(array.dtype.names)

        def rows(wanted: slice) -> list[AnyArray]:
            found = array[wanted]
            return [_column(found[name]) for name in names]

        table = rows_of(names, len(array), rows)
        return Dataset(table.shape, TEXT, table.read, {**attributes, **table.attributes}, tuple(names))


def _column(values: AnyArray) -> AnyArray:
    """A field as one text a row, if it is an array itself."""
    if values.ndim == 1:
        return values
    found = np.empty(len(values), object)
    found[:] = [text_of(row) for row in values]
    return found


def _lazily(read: Callable[[], Entity], attributes: Mapping[str, Any]) -> Folder:
    """A folder without children, whose contents are read when it is selected."""

    def child(name: str) -> Entity:
        found = read()
        return found.child(name) if isinstance(found, Folder) else found

    return Folder(dict, child, {**attributes, "default": CONTENTS})


def _whole(group: Group, entry: Entry) -> Entity:
    _check_size(math.prod(entry.shape or ()) * 8, MOST_BYTES, entry.key)
    return entity_of(group[entry.key])


def _attributes(place: Group | Array) -> dict[str, Any]:
    return dict(islice(place.attrs.items(), 200))


def _chunks(array: Array) -> tuple[int, ...] | None:
    chunks = array.chunks
    return None if chunks is None or len(chunks) != array.ndim else tuple(chunks)


def _shown_dtype(array: Array, dtype: Any) -> np.dtype[Any]:
    """The dtype that is shown: with gaps, integers and booleans are floats."""
    shown = plain_dtype(dtype)
    if array._form.parts and array._form.is_dense and shown.kind in "iub":  # noqa: SLF001
        return np.dtype("f8")
    return shown


def _itemsize(dtype: Any) -> int:
    return int(getattr(dtype, "itemsize", 8))


def _count(index: tuple[Any, ...], shape: tuple[int, ...]) -> int:
    lengths = [
        len(range(*part.indices(length))) if isinstance(part, slice) else 1
        for part, length in zip(index, shape, strict=True)
    ]
    return math.prod(lengths)


def _check_size(nbytes: int | None, most: int, key: str) -> None:
    if nbytes is not None and nbytes > most:
        raise UnsafeFileError(
            f"{nbytes:,} bytes are more than the viewer reads at once, {most:,}",
            key=key,
            hint="read parts of it in Python: chk.array(key)[...]",
        )


def _glance(entry: Entry) -> str:
    """A small value, or the shape or length of another."""
    if entry.problem is not None:
        return entry.problem
    if entry.has_value:
        found = text_of(entry.value)
        return found if len(found) <= 100 else f"{found[:100]} …"
    if entry.shape is not None:
        return " × ".join(f"{length:,}" for length in entry.shape)
    if entry.length is None:
        return ""
    return f"{entry.length:,} {'keys' if entry.kind == 'group' else 'items'}"


def _parts(group: Group, entry: Entry) -> Group | None:
    """The group of the fields of a record, which is shown field by field; None for another value."""
    if not entry.is_record:
        return None
    return group.group(entry.key)


def _thinned(array: Array, shown: np.dtype[Any], attributes: dict[str, Any]) -> Folder:
    """A long curve, as the least and largest values of its parts, over their places."""
    length = len(array)
    cache: list[tuple[AnyArray, AnyArray]] = []

    def points() -> tuple[AnyArray, AnyArray]:
        if not cache:
            most = max(1, MOST_BYTES // 8 // max(1, _itemsize(array.dtype)))
            cache.append(extremes(length, lambda a, b: plain(array[a:b]).astype(shown), most))
        return cache[0]

    count = len(points()[0])
    note = f"{count:,} of {length:,} points: the least and the largest of each part"
    children: dict[str, Entity] = {
        "values": Dataset((count,), shown, lambda index: points()[1][index], attributes),
        "row": Dataset((count,), np.dtype("i8"), lambda index: points()[0][index]),
        "title": in_memory(np.array(note, object)),
    }
    return plot_of(children, "values", ["row"], {**attributes, "shown": note})


def _coarse(array: Array, shown: np.dtype[Any], attributes: dict[str, Any]) -> Folder:
    """A large image, or a stack of such: each n-th row and column, over their numbers."""
    shape = array.shape
    steps = steps_of(shape)
    small = tuple(-(-length // step) for length, step in zip(shape, steps, strict=True))

    def read(index: tuple[Any, ...]) -> AnyArray:
        _check_size(_count(index, small) * _itemsize(array.dtype), MOST_BYTES, "values")
        wide = tuple(
            slice(part.start * step, part.stop * step, part.step * step)
            if isinstance(part, slice)
            else part * step
            for part, step in zip(index, steps, strict=True)
        )
        return plain(array[wide]).astype(shown, copy=False)

    note = f"each {steps[-2]}th row and each {steps[-1]}th column of {shape[-2]:,} × {shape[-1]:,}"
    children: dict[str, Entity] = {
        "values": Dataset(small, shown, read, attributes),
        "row": in_memory(np.arange(0, shape[-2], steps[-2])),
        "column": in_memory(np.arange(0, shape[-1], steps[-1])),
        "title": in_memory(np.array(note, object)),
    }
    axes = ["."] * (len(shape) - 2) + ["row", "column"]
    return plot_of(children, "values", axes, {**attributes, "shown": note})
