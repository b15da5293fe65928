"""Lengths of axes as callers give them."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from .errors import InvalidKeyTypeError, InvalidOptionError

__all__ = ["MOST_AXES", "count_of", "lengths_of", "limits_of"]

MOST_AXES = 32
"""HDF5 has no more."""
_MOST = 2**63 - 1


def count_of(given: Any, what: str) -> int:
    """A number of rows, or the length of an axis.

    Raises:
        InvalidKeyTypeError: it is not an integer (a `TypeError`).
        InvalidOptionError: it is below 0, or more than any file can have (a `ValueError`).
    """
    try:
        count = operator.index(given)
    except TypeError:
        raise InvalidKeyTypeError(f"{what}: {given!r} is not an integer") from None
    if not 0 <= count <= _MOST:
        raise InvalidOptionError(f"{what}: there is no length of {count}")
    return count


def lengths_of(given: Any, what: str) -> tuple[int, ...]:
    """The lengths of the axes of an array: an integer, or some of them.

    Raises:
        InvalidKeyTypeError, InvalidOptionError: as for `count_of`; or there are too many.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        return (count_of(given, what),)
    lengths = tuple(count_of(length, what) for length in given)
    if len(lengths) > MOST_AXES:
        raise InvalidOptionError(f"{what}: HDF5 has no arrays of {len(lengths)} axes")
    return lengths


def limits_of(given: Any) -> tuple[int | None, ...]:
    """The lengths to which axes can grow; None for no limit."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        given = (given,)
    return tuple(None if limit is None else count_of(limit, "maxshape") for limit in given)
