"""Values in memory as datasets and folders of the page."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from .entities import TEXT, AnyArray, Dataset, Entity, Folder, in_memory
from .folders import child_name, folder_of, plot_of
from .plain import plain, plain_dtype, text_of

__all__ = ["MOST_ROWS", "entity_of", "rows_of", "table_of"]

MOST_ROWS = 10_000
"""The maximum number of rows shown of tables and lists of text."""

_ROWS = (list, tuple, set, frozenset, deque)
_INT64 = range(-(2**63), 2**63)


def entity_of(value: Any, attributes: Mapping[str, Any] | None = None) -> Entity:
    """Return what the page shows for a value.

    Args:
        value: any value that hdfchk stores, except a live group.
        attributes: of the entity.

    Returns:
        A number or text for a scalar, an array for elements of one kind, one row of text for each
        item of another sequence, a table for a mapping, a folder for a table with columns or for an
        array with coordinates.
    """
    given = attributes or {}
    if isinstance(value, (bool, np.bool_)):
        return in_memory(np.asarray(bool(value)), given)
    if isinstance(value, int) and type(value) is int:
        return in_memory(np.asarray(value) if value in _INT64 else _text(text_of(value)), given)
    if isinstance(value, (float, complex)) or _has_numbers(value):
        return in_memory(plain(value), given)
    if isinstance(value, np.ndarray) or hasattr(value, "toarray"):
        return in_memory(plain(value), given)
    if isinstance(value, _ROWS):
        return in_memory(_items(value), given)
    if isinstance(value, Mapping):
        rows = [[text_of(key), text_of(item)] for key, item in _head(value.items())]
        return in_memory(_rows(rows, 2), given, ("key", "value"))
    if type(value).__module__.partition(".")[0] == "xarray" and hasattr(value, "dims"):
        return _of_xarray(value, given)
    columns = _columns_of(value)
    if columns is not None:
        return table_of(columns, given)
    return in_memory(_text(text_of(value)), given)


def _has_numbers(value: Any) -> bool:
    """Whether a value is a NumPy scalar, or an array of another library that NumPy can convert."""
    if isinstance(value, np.generic):
        return plain_dtype(value.dtype) != TEXT
    return type(value).__module__.partition(".")[0] in {"torch", "jax", "jaxlib", "unyt", "pint"}


def _text(text: str) -> AnyArray:
    return np.array(text, object)


def _head(items: Any) -> list[Any]:
    return list(islice(items, MOST_ROWS))


def _items(value: Any) -> AnyArray:
    """Return the items of a sequence: numbers if all are numbers, otherwise texts."""
    items = list(value)
    if items and all(type(item) in {int, float, bool, complex, list} for item in items):
        try:
            array = np.asarray(items)
        except (ValueError, OverflowError):  # ragged, or larger than 64 bits
            array = np.empty(0, object)
        if array.size and array.dtype.kind in "biufc":
            return array
    found = np.empty(min(len(items), MOST_ROWS), object)
    found[:] = [text_of(item) for item in items[:MOST_ROWS]]
    return found


def _rows(rows: list[list[str]], width: int) -> AnyArray:
    found = np.empty((len(rows), width), object)
    for number, row in enumerate(rows):
        found[number] = row
    return found


def _columns_of(value: Any) -> Mapping[str, Any] | None:
    """Return the columns of a table of another library, by name; None for other values."""
    library = type(value).__module__.partition(".")[0]
    if library == "pandas":
        return _of_pandas(value)
    if library == "polars" and hasattr(value, "to_dict"):
        return {name: column.to_numpy() for name, column in value.to_dict(as_series=True).items()}
    if library == "pyarrow" and hasattr(value, "column_names"):
        return {name: value.column(name).to_pylist() for name in value.column_names}
    if library == "astropy" and hasattr(value, "colnames"):
        return {name: np.asarray(value[name]) for name in value.colnames}
    return None


def _of_pandas(value: Any) -> Mapping[str, Any] | None:
    kind = type(value).__name__
    if kind == "DataFrame":
        named = {str(name): value.iloc[:, n] for n, name in enumerate(value.columns)}
    elif kind == "Series":
        named = {"values" if value.name is None else str(value.name): value}
    elif hasattr(value, "to_numpy"):
        return {"values": value}
    else:
        return None
    if type(value.index).__name__ != "RangeIndex":
        return {str(value.index.name or "index"): value.index, **named}
    return named


def _of_xarray(value: Any, attributes: Mapping[str, Any]) -> Folder:
    """Return an array with coordinates as a plot over them; a Dataset as a folder of these."""
    coordinates: dict[str, Entity] = {
        str(name): in_memory(plain(np.asarray(along)))
        for name, along in getattr(value, "coords", {}).items()
    }
    if hasattr(value, "data_vars"):
        arrays = {str(name): _of_xarray(array, {}) for name, array in value.data_vars.items()}
        return folder_of({**coordinates, **arrays}, attributes)
    array = in_memory(plain(np.asarray(value)))
    signal = "values" if getattr(value, "name", None) in {None, *coordinates} else str(value.name)
    children = {child_name(name): entity for name, entity in coordinates.items()}
    children[child_name(signal)] = array
    if array.dtype == TEXT or not array.shape:
        return folder_of(children, attributes)
    axes = [child_name(dim) if _is_axis(children, dim) else "." for dim in value.dims]
    return plot_of(lambda: children, child_name(signal), axes, attributes)


def _is_axis(children: Mapping[str, Entity], name: object) -> bool:
    along = children.get(child_name(name))
    return isinstance(along, Dataset) and along.dtype.kind in "iuf" and len(along.shape) == 1


def table_of(columns: Mapping[str, Any], attributes: Mapping[str, Any]) -> Entity:
    """Return a folder of columns, which shows them as one table if their lengths are equal."""
    children = {name: in_memory(plain(column)) for name, column in columns.items()}
    lengths = {column.shape for column in children.values()}
    if len(lengths) != 1 or len(lengths.copy().pop()) != 1:
        return folder_of(children, attributes)
    read: Callable[[slice], list[AnyArray]] = lambda rows: [  # noqa: E731
        column.read((rows,)) for column in children.values()
    ]
    return folder_of(children, attributes, table=rows_of(list(children), lengths.pop()[0], read))


def rows_of(names: list[str], length: int, read: Callable[[slice], list[Any]]) -> Dataset:
    """Return the table of columns, as text, up to `MOST_ROWS` rows.

    Args:
        names: of the columns.
        length: the number of rows.
        read: returns rows of all columns.
    """
    shown = min(length, MOST_ROWS)

    def rows(index: tuple[Any, ...]) -> AnyArray:
        wanted = index[0] if isinstance(index[0], slice) else slice(index[0], index[0] + 1)
        found = read(wanted)
        table = np.empty((len(found[0]) if found else 0, len(names)), object)
        for number, column in enumerate(found):
            table[:, number] = [text_of(item) for item in plain(column)]
        return table if isinstance(index[0], slice) else table[0]

    note = {} if shown == length else {"shown": f"the first {shown:,} of {length:,} rows"}
    return Dataset((shown,), TEXT, rows, note, tuple(names))
