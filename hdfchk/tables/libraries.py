"""Columns as tables of other libraries, each imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..codecs.optional import need

__all__ = ["concatenated", "to_arrow", "to_pandas", "to_polars"]


def to_pandas(data: Mapping[Any, Any], index: tuple[Any, ...] = ()) -> Any:
    """Return a pandas DataFrame.

    Args:
        data: the values of each column.
        index: the names of the columns that are its index.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    pd = need("pandas", "a DataFrame")
    columns = {name: _series(pd, values) for name, values in data.items()}
    kept = [name for name in index if name in columns]
    made = pd.DataFrame(columns)
    return made.set_index(kept).rename_axis([None] * len(kept)) if kept else made


def concatenated(pieces: list[Any]) -> Any:
    """Concatenate pandas arrays of one dtype."""
    pd = need("pandas", "a pandas array")
    return pd.concat([pd.Series(piece) for piece in pieces], ignore_index=True).array


def _series(pd: Any, values: Any) -> Any:
    if isinstance(values, np.ndarray) and values.ndim > 1:
        return pd.Series(list(values), dtype=object)
    if isinstance(values, np.ndarray) and values.dtype.kind == "T":
        values = values.astype(object)
    return pd.Series(values)


def to_polars(data: Mapping[Any, Any]) -> Any:
    """Return a polars DataFrame.

    Raises:
        MissingExtraError: polars is not installed.
    """
    pl = need("polars", "a polars DataFrame")
    return pl.DataFrame({str(name): _in_its_units(_plain(v)) for name, v in data.items()})


def _in_its_units(values: Any) -> Any:
    """Convert dates and durations to a unit that polars supports."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "mM":
        unit, _ = np.datetime_data(values.dtype)
        if unit not in {"ms", "us", "ns"} and (values.dtype.kind, unit) != ("M", "D"):
            return values.astype(f"{values.dtype.kind}8[ms]")
    return values


def to_arrow(data: Mapping[Any, Any]) -> Any:
    """Return a pyarrow Table.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pa = need("pyarrow", "an Arrow table")
    made = {}
    for name, values in data.items():
        column = _plain(values)
        if isinstance(column, np.ndarray) and column.ndim > 1:
            width = int(np.prod(column.shape[1:]))
            flat = pa.array(np.ascontiguousarray(column).reshape(-1))
            made[str(name)] = pa.FixedSizeListArray.from_arrays(flat, width)
        else:
            made[str(name)] = pa.array(column)
    return pa.table(made)


def _plain(values: Any) -> Any:
    """Convert values to a NumPy array or a list, which every library accepts."""
    if isinstance(values, np.ndarray):
        return values.astype(object).tolist() if values.dtype.kind in "OT" else values
    if getattr(values.dtype, "kind", "O") in "mM" and hasattr(values, "asi8"):
        unit = getattr(values, "unit", "ns")
        return np.asarray(values.asi8).view(f"{values.dtype.kind}8[{unit}]")
    missing = np.asarray(values.isna())
    objects = values.astype(object)
    return [None if gone else item for item, gone in zip(objects, missing, strict=True)]
