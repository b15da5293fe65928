"""Rows that are appended to an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidOptionError
from ..keys import Path, join

__all__ = ["rows_of"]


def rows_of(
    stored: np.ndarray[Any, Any], shape: tuple[int, ...], path: Path
) -> np.ndarray[Any, Any]:
    """Return stored elements as rows of an array: one row, or a block of rows.

    Args:
        stored: of shape ``shape[1:]`` or ``(rows, *shape[1:])``.
        shape: the shape of the array.
        path: the path of the array, for messages.

    Raises:
        InvalidOptionError: the shape does not fit.
    """
    if shape and stored.shape == shape[1:]:
        return stored[np.newaxis]
    if not shape or stored.shape[1:] != shape[1:] or not stored.shape:
        raise InvalidOptionError(
            f"rows of shape {stored.shape[1:]} do not fit an array of shape {shape}",
            key=join(path),
            hint="append one row, or a block of rows",
        )
    return stored
