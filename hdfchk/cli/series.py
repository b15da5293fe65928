"""Curves and pictures from stored arrays, reduced to what a plot can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .exits import UNREADABLE, USAGE, Failure

if TYPE_CHECKING:
    from hdfchk import Description

__all__ = ["Curve", "Picture", "is_plottable", "numbers", "thinned", "to_plot"]

_MOST_POINTS = 4000
_MOST_CURVES = 8
_MOST_PIXELS = 1000
_BLOCK = 1 << 20
"""The number of values that are read at once."""


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


def to_plot(store: Any, key: str, *, over: str | None = None) -> list[Curve | Picture]:
    """Return the parts to plot for a key: a curve for each column, or a picture.

    Args:
        store: the store to read from.
        key: the key to plot.
        over: the key of the positions of the curves, of the same length; its first curve is taken.

    Raises:
        Failure: a key has no numbers in one or two dimensions, or the two do not fit.
    """
    parts = _parts(store, key)
    if over is None:
        return [part.curve() if isinstance(part, _Series) else part for part in parts]
    positions = _parts(store, over)[0]
    curves: list[Curve | Picture] = []
    for part in parts:
        if not isinstance(part, _Series) or not isinstance(positions, _Series):
            raise Failure(
                f"positions are for curves, of one axis (keys {over!r} and {key!r} in "
                f"{store.checkpoint_file})",
                USAGE,
            )
        if positions.length != part.length:
            raise Failure(
                f"{positions.name!r} and {part.name!r} differ in length: {positions.length:,} and "
                f"{part.length:,} (in {store.checkpoint_file}); -x needs one position for each "
                "value",
                USAGE,
            )
        places, values = thinned(part, part.length)
        curves.append(Curve(part.name, _at(positions, places), values))
    return curves


class _Series(NamedTuple):
    """Numbers along one axis, which are read part by part.

    Args:
        name: the key of the curve.
        values: what the numbers are read from: a stored array, or an array in memory.
        length: the number of the values.
        column: the column of a two-dimensional array.
        place: the key and the file, for errors.
    """

    name: str
    values: Any
    length: int
    column: int | None
    place: str

    def __getitem__(self, index: Any) -> Any:
        """Return a part as float64, of shape ``(n,)``."""
        whole = index if self.column is None else (index, self.column)
        found = numbers(self.values[whole]).reshape(-1)
        if len(found) != index.stop - index.start:
            raise Failure(f"it became shorter while it was read ({self.place})", UNREADABLE)
        return found

    def curve(self) -> Curve:
        """Return the curve over the number of each value."""
        return Curve(self.name, *thinned(self, self.length))


def _parts(store: Any, key: str) -> list[_Series | Picture]:
    entry = store.describe(key, depth=0)[0]
    place = f"key {key!r} in {store.checkpoint_file}"
    if entry.kind == "group":
        found = [
            part
            for below in store.describe(key, depth=1)
            if is_plottable(below) and (below.shape is None or len(below.shape) == 1)
            for part in _parts(store, below.key)
        ]
        if found:
            return found[:_MOST_CURVES]
    if entry.type.startswith("DataFrame"):
        return _columns(store.load(key), key, place)
    if not is_plottable(entry):
        raise Failure(
            f"nothing to plot: it is a {entry.type}, not numbers along one or two axes ({place})",
            USAGE,
        )
    if entry.kind != "array":
        return [_in_memory(key, store.load(key), place)]
    if len(entry.shape) == 1:
        return [_Series(key, store.array(key), entry.shape[0], None, place)]
    return _of_matrix(store.array(key), entry, place)


def _in_memory(name: str, values: Any, place: str) -> _Series:
    try:
        values = numbers(values)
    except OverflowError as error:
        raise Failure(
            f"nothing to plot: a number is too large for float64 ({place})", USAGE
        ) from error
    return _Series(name, values, len(values), None, place)


def _columns(frame: Any, key: str, place: str) -> list[_Series | Picture]:
    """Return the columns of numbers of a DataFrame, whose names may be the same."""
    frame = frame.select_dtypes(["number", "bool"])
    if 0 in frame.shape:
        what = "rows" if frame.shape[1] else "columns of numbers"
        raise Failure(f"nothing to plot: it is a DataFrame without {what} ({place})", USAGE)
    found: list[_Series | Picture] = []
    for number, name in enumerate(list(frame.columns)[:_MOST_CURVES]):
        column = frame.iloc[:, number]
        is_complex = getattr(column.dtype, "kind", "") == "c"
        values = column.to_numpy() if is_complex else column.to_numpy(dtype=float)
        found.append(_in_memory(f"{key}/{name}", values, place))
    return found


def _of_matrix(array: Any, entry: Description, place: str) -> list[_Series | Picture]:
    rows, columns = entry.shape  # type: ignore[misc]
    if columns <= _MOST_CURVES and rows > columns:
        return [
            _Series(f"{entry.key}[:, {number}]", array, rows, number, place)
            for number in range(columns)
        ]
    step = max(1, rows // _MOST_PIXELS), max(1, columns // _MOST_PIXELS)
    return [Picture(entry.key, numbers(array[:: step[0], :: step[1]]))]


def numbers(values: Any) -> Any:
    """Return values as float64; for complex numbers, their absolute values."""
    import numpy as np

    if np.ma.isMaskedArray(values):
        values = np.ma.filled(values.astype(np.result_type(values, float)), np.nan)
    if hasattr(values, "toarray"):  # a sparse one of SciPy
        values = values.toarray()
    values = np.asarray(values)
    with np.errstate(over="ignore"):  # a longdouble that float64 has no number for is infinite
        return np.abs(values).astype(float) if values.dtype.kind == "c" else values.astype(float)


def thinned(array: Any, length: int) -> tuple[Any, Any]:
    """Return positions and values of a curve; if it is long, the extremes of each bin, in order.

    Args:
        array: the values, float64, which are read part by part.
        length: the length of the array.

    Returns:
        Positions and values, both of shape ``(n,)``, with `n` at most a few thousand.
    """
    import numpy as np

    if length <= _MOST_POINTS:
        return np.arange(length), array[0:length]
    width = -(-length // (_MOST_POINTS // 2))
    step = max(1, _BLOCK // width) * width
    positions, values = [], []
    for start in range(0, length, step):
        part = array[start : min(start + step, length)]
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


def _at(series: _Series, places: Any) -> Any:
    """Return the values at places, which are in order, of shape ``(n,)``; read part by part."""
    import numpy as np

    found = np.empty(len(places))
    for start in range(0, series.length, _BLOCK):
        first, last = np.searchsorted(places, [start, start + _BLOCK])
        if first < last:
            part = series[start : min(start + _BLOCK, series.length)]
            found[first:last] = part[places[first:last] - start]
    return found
