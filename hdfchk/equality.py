"""Equality of values that may contain arrays: ``==`` as for dict, arrays compared by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["same"]


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal; arrays are equal if their shapes and all elements are.

    Example:
        >>> same({"x": np.zeros(2)}, {"x": np.zeros(2)}), same([np.ones(1)], [1.0])
        (True, False)
    """
    if left is right:
        return True  # as in list and dict: an object is equal to itself
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return len(left) == len(right) and all(
            key in right and same(item, right[key]) for key, item in left.items()
        )
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return _same_arrays(left, right)
    if type(left) is type(right) and isinstance(left, Sequence) and not _is_text(left):
        return len(left) == len(right) and all(map(same, left, right))
    try:
        return bool(left == right)
    except (ValueError, TypeError):  # for example, a DataFrame has no single truth value
        return hasattr(left, "equals") and bool(left.equals(right))


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, bytes, bytearray))


def _same_arrays(left: Any, right: Any) -> bool:
    if not (isinstance(left, np.ndarray) and isinstance(right, np.ndarray)):
        return False
    if left.shape != right.shape:
        return False
    if left.dtype.hasobject:
        return all(map(same, left.ravel().tolist(), right.ravel().tolist()))
    try:
        return bool(np.all(left == right))
    except (TypeError, ValueError):
        return False
