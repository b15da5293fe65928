"""Arrays of whole numbers that get fractions: made anew as floats, if all of them fit exactly."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from ..backends.base import ArrayForm, ArrayInfo, Draft, Session
from ..backends.layout import growing
from ..errors import UnsupportedTypeError
from ..keys import Path, join
from ..runtime.interrupts import BLOCK_BYTES

__all__ = ["float_rows", "floats_of"]

_EXACT = 2**53
"""Up to this number all whole numbers are floats of 64 bits."""


def float_rows(stored: np.dtype[Any], value: Any) -> np.ndarray[Any, Any] | None:
    """Rows that are floats of 64 bits and whose array has integers of 64 bits; else None.

    Args:
        stored: the dtype of the array: int64, which Python's integers have.
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
    """An array of floats: those that an array of integers has, and more rows.

    Args:
        session: reads the array, and makes the new one.
        path: of the array.
        info: of the array.
        rows: the new rows, of shape ``(n, *row)``.

    Raises:
        UnsupportedTypeError: one of its numbers is not exactly a float.
    """
    layout = session.layout(path)
    layout = attrs.evolve(layout, maxshape=growing(info.shape[1:]), chunks=info.chunks)
    draft = session.draft(ArrayForm((0, *info.shape[1:]), np.dtype("f8"), info.mark), layout)
    step = max(1, BLOCK_BYTES // max(1, 8 * int(np.prod(info.shape[1:]))))
    for start in range(0, info.shape[0], step):
        block = session.read_slice(path, slice(start, start + step))[0]
        if (block > _EXACT).any() or (block < -_EXACT).any():
            raise UnsupportedTypeError(
                "a float does not fit this array of int64, and not all of its integers are "
                "exactly floats",
                key=join(path),
                hint="store it anew: chk[key] = chk[key].astype(float)",
            )
        draft.append(block.astype(np.float64))
    draft.append(rows)
    return draft
