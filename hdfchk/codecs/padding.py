"""The padding bytes of array items: between fields, and after long doubles.

NumPy leaves them uninitialized. They are stored as zeros: otherwise the same data would give a
different file each time, and a file would contain arbitrary memory of the process.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

__all__ = ["without_padding"]

Array = np.ndarray[Any, Any]
_LONG = frozenset({np.longdouble, np.clongdouble})
_X87_BYTES = 10
"""The bytes used by a long double of 80 bits, which occupies 12 or 16 bytes."""


def without_padding(value: Array) -> Array:
    r"""Return an array with zeros as padding bytes; the same array if it has no padding.

    Example:
        >>> item = np.dtype({"names": ["a"], "formats": ["u1"], "offsets": [1], "itemsize": 3})
        >>> without_padding(np.frombuffer(b"xyz", item)).tobytes()
        b'\x00y\x00'
    """
    used = _used(value.dtype)
    if used.all():
        return value
    clean = np.array(value, order="C")
    clean.reshape(-1).view(np.uint8).reshape(-1, value.dtype.itemsize)[:, ~used] = 0
    return clean


@functools.lru_cache(256)
def _used(dtype: np.dtype[Any]) -> np.ndarray[Any, np.dtype[np.bool]]:
    """Return, for each byte of an item, whether it is not padding."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.tile(_used(base), int(np.prod(shape)))
    if dtype.names is None:
        return _used_by_number(dtype)
    used = np.zeros(dtype.itemsize, np.bool)
    fields: Any = dtype.fields or {}
    for name in dtype.names:
        field, offset = fields[name][:2]
        used[offset : offset + field.itemsize] |= _used(field)
    return used


def _used_by_number(dtype: np.dtype[Any]) -> np.ndarray[Any, np.dtype[np.bool]]:
    used = np.ones(dtype.itemsize, np.bool)
    if dtype.type in _LONG and np.finfo(np.longdouble).nmant == 63:
        halves = used.reshape(2 if dtype.type is np.clongdouble else 1, -1)
        if dtype.isnative == np.little_endian:
            halves[:, _X87_BYTES:] = False
        else:
            halves[:, :-_X87_BYTES] = False
    return used
