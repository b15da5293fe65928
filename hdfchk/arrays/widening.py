"""Arrays that are rewritten for rows that do not fit: longer strings, floats after integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from ..backends.base import ArrayForm, ArrayInfo, Draft, Session
from ..backends.layout import COMPRESSIONS, Compression, growing
from ..codecs.elements import Elements
from ..errors import UnsupportedTypeError
from ..keys import Path, join
from ..runtime.interrupts import BLOCK_BYTES
from ..tree import Mark

__all__ = ["float_rows", "floats_of", "wider_strings"]

_EXACT = 2**53
"""All integers up to this one are exact as float64."""


def float_rows(stored: np.dtype[Any], value: Any) -> np.ndarray[Any, Any] | None:
    """Return rows that are float64 while their array is int64; otherwise None.

    Args:
        stored: the dtype of the array: int64 is that of Python integers.
        value: the rows.

    Example:
        >>> float_rows(np.dtype("i8"), 0.5)
        array(0.5)
        >>> float_rows(np.dtype("i4"), 0.5) is None  # a dtype that somebody has chosen
        True
    """
    if stored != np.int64 or isinstance(value, np.ma.MaskedArray):
        return None
    if type(value) is not np.ndarray and not isinstance(value, (float, list, tuple)):
        return None
    try:
        rows = np.asarray(value)
    except ValueError:  # lists of different lengths
        return None
    return rows if rows.dtype == np.float64 else None


def floats_of(session: Session, path: Path, info: ArrayInfo, rows: np.ndarray[Any, Any]) -> Draft:
    """Create an array of floats from an array of integers and additional rows.

    Args:
        session: reads the array, and creates the new one.
        path: the path of the array.
        info: its properties.
        rows: the new rows, of shape ``(n, *row)``.

    Raises:
        UnsupportedTypeError: one of the integers is not exact as a float.
    """

    def check(block: np.ndarray[Any, Any]) -> None:
        if (block > _EXACT).any() or (block < -_EXACT).any():
            raise UnsupportedTypeError(
                "a float does not fit this array of int64, and not all of its integers are "
                "exact as floats",
                key=join(path),
                hint="store it anew: chk[key] = chk[key].astype(float)",
            )

    return _anew(session, path, info, info.mark, rows.astype(np.float64, copy=False), check)


def wider_strings(
    session: Session, path: Path, info: ArrayInfo, elements: Elements, rows: np.ndarray[Any, Any]
) -> Draft:
    """Create an array of longer strings from an array of strings and additional rows.

    Args:
        session: reads the array, and creates the new one.
        path: the path of the array.
        info: its properties.
        elements: how the new one stores strings.
        rows: the new rows in that form, of shape ``(n, *row)``.
    """
    mark = None if info.mark is None else attrs.evolve(info.mark, params=elements.params)
    return _anew(session, path, info, mark, rows)


def _anew(
    session: Session,
    path: Path,
    info: ArrayInfo,
    mark: Mark | None,
    rows: np.ndarray[Any, Any],
    check: Callable[[np.ndarray[Any, Any]], None] | None = None,
) -> Draft:
    """Create an array of another dtype from all rows, in parts; its compression is preserved."""
    row = info.shape[1:]
    layout = attrs.evolve(session.layout(path), maxshape=growing(row), chunks=info.chunks)
    if info.compression in COMPRESSIONS:
        given: Any = info.compression  # a name, as the check says
        compression = Compression.parse(given)
        layout = attrs.evolve(layout, compression=compression, asked=True)
    draft = session.draft(ArrayForm((0, *row), rows.dtype, mark), layout)
    step = max(1, BLOCK_BYTES // max(1, rows.dtype.itemsize * math.prod(row)))
    for start in range(0, info.shape[0], step):
        block, _ = session.read_slice(path, slice(start, min(start + step, info.shape[0])))
        if check is not None:
            check(block)
        draft.append(block.astype(rows.dtype))
    draft.append(rows)
    return draft
