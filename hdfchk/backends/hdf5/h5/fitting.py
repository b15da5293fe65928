"""How a value goes into a dataset whose HDF5 type NumPy has no name for, and comes back as it is.

Reading makes an array of a dtype out of such a type (`numpy_dtype`). Here is the way back: a memory
type with the very layout of that dtype, from which HDF5 converts without loss, or which is the
dataset's own, so that the bytes go in as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5t

from ....errors import UnsupportedStoredError
from ....tree import Leaf
from .types import BOOL, COMPLEX, FLOAT, INT, numpy_dtype, plain_dtype, unmarked

__all__ = ["fit_bytes"]

_AS_IT_IS = frozenset({h5t.BITFIELD, h5t.OPAQUE, h5t.ENUM})
"""HDF5 converts these from no type of numbers."""


def fit_bytes(did: Any, leaf: Leaf) -> tuple[np.ndarray[Any, Any], Any] | None:
    """The bytes of a value as a dataset without a mark takes them, and their memory type.

    Args:
        did: the dataset.
        leaf: the value.

    Returns:
        An array of the dataset's shape, whose items are the bytes of its elements, and the type;
        None if the dataset cannot take the value as it is.
    """
    shape, data = did.shape, leaf.data
    if shape is None:
        is_none = data is None and leaf.mark is None
        return (np.empty(0, np.uint8), did.get_type()) if is_none else None
    if isinstance(data, np.ndarray):
        if data.shape[: len(shape)] != shape:
            return None
    elif shape or leaf.mark is None:
        return None
    stored = did.get_type()
    if plain_dtype(stored) is not None:  # nothing about it is odd
        return None
    memory = _memory_type(stored)
    if memory is None or memory.get_size() != stored.get_size():
        return None
    try:
        dtype = numpy_dtype(stored)
    except UnsupportedStoredError:
        return None
    base, axes = dtype.subdtype or (dtype, ())
    array = _array_of(leaf, stored, unmarked(base), is_scalar=not (shape or axes))
    if array is None or array.shape != (*shape, *axes):
        return None
    raw = np.frombuffer(array.tobytes(), f"V{stored.get_size()}").reshape(shape)
    if not stored.equal(memory) and not _comes_back(raw, memory, stored, base):
        return None
    return raw, memory


def _array_of(
    leaf: Leaf, stored: Any, dtype: np.dtype[Any], *, is_scalar: bool
) -> np.ndarray[Any, Any] | None:
    """The array of a value, if it is what reading the stored type gives."""
    data, mark = leaf.data, leaf.mark
    if not is_scalar:
        is_same = isinstance(data, np.ndarray) and mark is None and data.dtype == dtype
        return data if is_same else None  # type: ignore[return-value]
    # A scalar has no order of bytes; those that Python has, too, carry a mark, or read as these.
    native = dtype.newbyteorder("=")
    if any(stored.equal(tid) for tid in (INT, FLOAT, BOOL, COMPLEX)):
        return None
    if mark is None:
        is_same = isinstance(data, np.ndarray) and data.dtype.newbyteorder("=") == native
    else:
        is_same = mark.name == "numpy" and mark.params == {"dtype": native.str}
    if not is_same or isinstance(data, str):
        return None
    return np.array(data, native).astype(dtype)


def _memory_type(tid: Any) -> Any:
    """The type in memory of the dtype by which a type is read; None if there is no such."""
    kind = tid.get_class()
    if kind in _AS_IT_IS:
        return tid
    if kind in {h5t.INTEGER, h5t.FLOAT}:
        return h5t.py_create(tid.dtype)
    if kind == h5t.STRING and not tid.is_variable_str():
        memory = tid.copy()
        memory.set_strpad(h5t.STR_NULLPAD)
        return memory
    if kind == h5t.ARRAY:
        base = _memory_type(tid.get_super())
        return None if base is None else h5t.array_create(base, tid.get_array_dims())
    if kind == h5t.COMPOUND:
        memory = h5t.create(h5t.COMPOUND, tid.get_size())
        for index in range(tid.get_nmembers()):
            inner = tid.get_member_type(index)
            member = _memory_type(inner)
            if member is None or member.get_size() != inner.get_size():
                return None
            memory.insert(tid.get_member_name(index), tid.get_member_offset(index), member)
        return memory
    return None


def _comes_back(raw: np.ndarray[Any, Any], memory: Any, stored: Any, dtype: np.dtype[Any]) -> bool:
    """Whether HDF5 makes the same items again of what it makes of them for the file."""
    there = raw.reshape(-1).copy()
    try:
        h5t.convert(memory, stored, there.size, there, np.zeros_like(there))
        h5t.convert(stored, memory, there.size, there, np.zeros_like(there))
    except (TypeError, OSError, RuntimeError):  # HDF5 has no way from one to the other
        return False
    return _same(raw.reshape(-1).view(dtype), there.view(dtype))


def _same(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> bool:
    """Whether two arrays are equal, bit by bit, but for what is between the fields."""
    if first.dtype.names is not None:
        return all(_same(first[name], second[name]) for name in first.dtype.names)
    return first.tobytes() == second.tobytes()
