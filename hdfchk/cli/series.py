"""Curves and pictures from stored arrays, reduced to what a plot can show."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from .exits import USAGE, Failure

if TYPE_CHECKING:
    from hdfchk import Description

__all__ = ["Curve", "Picture", "is_plottable", "numbers", "thinned", "to_plot"]

_MOST_POINTS = 4000
_MOST_CURVES = 8
_MOST_PIXELS = 1000


class Curve(NamedTuple):
    """A curve.

    Args:
        name: the key of the curve.
        x: the positions, of shape ``(n,)``.
        y: the values, of shape ``(n,)``, float64.
    """

    name: str
    x: Any
    y: Any


class Picture(NamedTuple):
    """A two-dimensional array.

    Args:
        name: the key of the array.
        values: the values, of shape ``(rows, columns)``, float64.
    """

    name: str
    values: Any


def is_plottable(entry: Description) -> bool:
    """Whether a key has numbers in one or two dimensions."""
    if entry.kind == "array":
        return (
            entry.dtype is not None
            and entry.dtype.kind in "biufc"
            and bool(entry.shape)
            and len(entry.shape or ()) <= 2
            and 0 not in (entry.shape or ())
        )
    return entry.type in {"list of float", "list of int", "tuple of float", "tuple of int"}


def to_plot(store: Any, key: str) -> list[Curve | Picture]:
    """Return the parts to plot for a key: a curve for each column, or a picture.

    Raises:
        Failure: the key has no numbers in one or two dimensions.
    """
    entry = store.describe(key, depth=0)[0]
    if entry.kind == "group":
        found = [
            part
            for below in store.describe(key, depth=1)
            if is_plottable(below) and (below.shape is None or len(below.shape) == 1)
            for part in to_plot(store, below.key)
        ]
        if found:
            return found[:_MOST_CURVES]
    if entry.type.startswith("DataFrame"):
        return _columns(store.load(key), key)
    if not is_plottable(entry):
        raise Failure(
            f"nothing to plot: it is a {entry.type}, not numbers along one or two axes "
            f"(key {key!r} in {store.checkpoint_file})",
            USAGE,
        )
    if entry.kind != "array":
        return [_curve(key, *thinned_values(store.load(key)))]
    if len(entry.shape) == 1:
        return [_curve(key, *thinned(store.array(key), entry.shape[0]))]
    return _of_matrix(store.array(key), entry)


def _curve(name: str, x: Any, y: Any) -> Curve:
    return Curve(name, x, y)


def _columns(frame: Any, key: str) -> list[Curve | Picture]:
    numbers = frame.select_dtypes(["number", "bool"])
    return [
        _curve(f"{key}/{name}", *thinned_values(column.to_numpy(dtype=float)))
        for name, column in islice(numbers.items(), _MOST_CURVES)
    ]


def _of_matrix(array: Any, entry: Description) -> list[Curve | Picture]:
    rows, columns = entry.shape  # type: ignore[misc]
    if columns <= _MOST_CURVES and rows > columns:
        return [
            _curve(f"{entry.key}[:, {number}]", *thinned(array, rows, number))
            for number in range(columns)
        ]
    step = max(1, rows // _MOST_PIXELS), max(1, columns // _MOST_PIXELS)
    return [Picture(entry.key, numbers(array[:: step[0], :: step[1]]))]


def numbers(values: Any) -> Any:
    """Return values as float64; for complex numbers, their absolute values."""
    import numpy as np

    if np.ma.isMaskedArray(values):
        values = np.ma.filled(values.astype(float), np.nan)
    values = np.asarray(values)
    return np.abs(values).astype(float) if values.dtype.kind == "c" else values.astype(float)


def thinned_values(values: Any) -> tuple[Any, Any]:
    """Return positions and values of a curve in memory, like `thinned`."""
    values = numbers(values)
    return thinned(values, len(values))


def thinned(array: Any, length: int, column: int | None = None) -> tuple[Any, Any]:
    """Return positions and values of a curve; if it is long, the extremes of each bin, in order.

    Args:
        array: the array, which is read part by part.
        length: the length of the array.
        column: the column of a two-dimensional array.

    Returns:
        Positions and values, both of shape ``(n,)``, with `n` at most a few thousand.
    """
    import numpy as np

    if length <= _MOST_POINTS:
        return np.arange(length), numbers(_part(array, 0, length, column))
    width = -(-length // (_MOST_POINTS // 2))
    step = max(1, (1 << 20) // width) * width
    positions, values = [], []
    for start in range(0, length, step):
        part = numbers(_part(array, start, min(start + step, length), column))
        padded = np.full(-(-len(part) // width) * width, np.nan)
        padded[: len(part)] = part
        bins = padded.reshape(-1, width)
        empty = np.isnan(bins)
        low = np.where(empty, np.inf, bins).argmin(axis=1)
        high = np.where(empty, -np.inf, bins).argmax(axis=1)
        order = np.sort(np.stack([low, high], axis=1), axis=1)
        index = order + np.arange(len(bins))[:, None] * width
        positions.append((index + start).ravel())
        values.append(padded[index].ravel())
    return np.concatenate(positions), np.concatenate(values)


def _part(array: Any, start: int, stop: int, column: int | None) -> Any:
    return array[start:stop] if column is None else array[start:stop, column]
