"""Long curves with fewer points, and large images with fewer rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["BINS", "MOST_ELEMENTS", "MOST_POINTS", "extremes", "steps_of"]

MOST_POINTS = 100_000
"""The maximum number of points of a curve that is not thinned."""
BINS = 10_000
"""The number of bins of a thinned curve, which has the minimum and maximum of each."""
MOST_ELEMENTS = 4_000_000
"""Of larger images only each n-th row and column is shown."""

AnyArray = np.ndarray[Any, Any]


def extremes(
    length: int, read: Callable[[int, int], AnyArray], most_rows: int, bins: int = BINS
) -> tuple[AnyArray, AnyArray]:
    """Return the minimum and maximum of each bin of a curve, in the order of the curve.

    NaN is used only if a bin has no other value. The first and the last value are always included.

    Args:
        length: the number of values.
        read: ``read(start, stop)`` returns a part of them.
        most_rows: the maximum number of values read at once.
        bins: the maximum number of bins.

    Returns:
        The indices of the values, int64, ascending, and the values: 1-d, of the same length.

    Example:
        >>> import numpy as np
        >>> curve = np.array([0, 5, 1, 2, -7, 3])
        >>> places, values = extremes(6, lambda start, stop: curve[start:stop], 100, bins=2)
        >>> places.tolist(), values.tolist()
        ([0, 1, 4, 5], [0, 5, -7, 3])
    """
    size = -(-length // bins)
    places, values = [], []
    for start, block in _blocks(length, read, size, most_rows):
        found = np.unique(np.concatenate(_of_bins(block, size)))
        places.append(found + start)
        values.append(block[found])
    where = np.concatenate(places) if places else np.zeros(0, np.int64)
    what = np.concatenate(values) if values else read(0, 0)
    return _with_ends(where.astype(np.int64), what, length, read)


def _blocks(
    length: int, read: Callable[[int, int], AnyArray], size: int, most_rows: int
) -> Iterator[tuple[int, AnyArray]]:
    step = max(1, most_rows // size) * size
    for start in range(0, length, step):
        yield start, read(start, min(length, start + step))


def _of_bins(block: AnyArray, size: int) -> list[AnyArray]:
    """Return the indices of the minimum and maximum of each bin of a block."""
    whole = len(block) // size * size
    found = []
    rest = len(block) - whole
    for part, offset, width in ((block[:whole], 0, size), (block[whole:], whole, rest)):
        if not len(part):
            continue
        bins = part.reshape(-1, width)
        begins = offset + np.arange(len(bins)) * bins.shape[1]
        low, high = bins, bins
        if block.dtype.kind == "f":
            low = np.where(np.isnan(bins), np.inf, bins)
            high = np.where(np.isnan(bins), -np.inf, bins)
        found += [begins + low.argmin(axis=1), begins + high.argmax(axis=1)]
    return found


def _with_ends(
    places: AnyArray, values: AnyArray, length: int, read: Callable[[int, int], AnyArray]
) -> tuple[AnyArray, AnyArray]:
    if len(places) and places[0] != 0:
        places, values = np.append(0, places), np.append(read(0, 1), values)
    if len(places) and places[-1] != length - 1:
        places = np.append(places, length - 1)
        values = np.append(values, read(length - 1, length))
    return places, values


def steps_of(shape: tuple[int, ...], most: int = MOST_ELEMENTS) -> tuple[int, ...]:
    """Return the step along each axis for which the last two have at most so many elements.

    Example:
        >>> steps_of((7, 100, 100), most=1000)
        (1, 4, 3)
        >>> steps_of((7, 2, 10_000), most=1000)
        (1, 1, 20)
    """
    rows, columns = shape[-2:]
    row_step = column_step = 1
    while -(-rows // row_step) * -(-columns // column_step) > most:
        if rows // row_step >= columns // column_step:
            row_step += max(1, row_step // 8)
        else:
            column_step += max(1, column_step // 8)
    return (*[1] * (len(shape) - 2), row_step, column_step)
