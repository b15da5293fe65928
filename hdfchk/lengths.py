"""Validation of lengths of axes and numbers of rows."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from .errors import InvalidKeyTypeError, InvalidOptionError

__all__ = ["MOST_AXES", "count_of", "lengths_of", "limits_of"]

MOST_AXES = 32
"""The maximum in HDF5."""
_MOST = 2**63 - 1


def count_of(given: Any, what: str) -> int:
    """Return a number of rows, or the length of an axis, as an int.

    Raises:
        InvalidKeyTypeError: it is not an integer (a `TypeError`).
        InvalidOptionError: it is negative, or greater than HDF5's maximum (a `ValueError`).
    """
    try:
        count = operator.index(given)
    except TypeError:
        raise InvalidKeyTypeError(f"{what} must be an integer, not {given!r}") from None
    if not 0 <= count <= _MOST:
        raise InvalidOptionError(f"{what} must be between 0 and 2**63 - 1, not {count}")
    return count


def lengths_of(given: Any, what: str) -> tuple[int, ...]:
    """Return the lengths of the axes of an array, given as an integer or several integers.

    Raises:
        InvalidKeyTypeError, InvalidOptionError: as for `count_of`, or there are too many axes.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        return (count_of(given, what),)
    lengths = tuple(count_of(length, what) for length in given)
    if len(lengths) > MOST_AXES:
        raise InvalidOptionError(f"{what}: HDF5 has at most {MOST_AXES} axes, not {len(lengths)}")
    return lengths


def limits_of(given: Any) -> tuple[int | None, ...]:
    """Return the maximum lengths of the axes; None for no limit."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        given = (given,)
    return tuple(None if limit is None else count_of(limit, "maxshape") for limit in given)
