"""Writing into datasets of types that hdfchk does not create, if the value is read back unchanged.

Such a type may represent the same values as NumPy's: numbers in the other byte order, bit fields,
strings with other padding in compounds, array types, variable-length sequences.
"""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5t

from ....codecs import dtypes
from ....codecs.arrays import object_array
from ....codecs.packing import KEY, PACKED, unfold
from ....errors import HdfchkError
from ....tree import Branch, Leaf, Sequence
from ..h5.errors import RAISED
from ..h5.forms import axes_of
from ..h5.ids import DatasetID, ObjectID, TypeID
from ..h5.marks import read_mark
from ..h5.types import BOOL, COMPLEX, FLOAT, INT, has_variable, numpy_dtype, unmarked
from ..h5.values import prepare

__all__ = ["alike", "whole_leaf"]

_LIKE_PYTHON = (INT, FLOAT, COMPLEX, BOOL)
"""The types whose scalars are read as Python's; those of other types are read as NumPy's."""


def alike(did: DatasetID, stored: TypeID, leaf: Leaf) -> tuple[Any, TypeID] | None:
    """Return the elements of a leaf in the type of a dataset that differs from the leaf's.

    Args:
        did: the dataset.
        stored: its type.
        leaf: the value to write.

    Returns:
        An array and its memory type; None if the value would be read back differently.
    """
    if leaf.data is None or did.shape is None or read_mark(did) is not None:
        return None
    if isinstance(leaf.data, np.ndarray):
        if leaf.mark is not None:
            return None
    elif did.shape or not _is_number(leaf, stored):
        return None
    try:
        dtype = numpy_dtype(stored)
    except HdfchkError:
        return None  # NumPy has no equivalent
    array = leaf.data if isinstance(leaf.data, np.ndarray) else prepare(leaf.data)[2]
    if stored.get_class() == h5t.VLEN:
        return _lists(did, stored, dtype, array)
    base, axes = axes_of(dtype)
    if array.shape != (*did.shape, *axes):
        return None
    if has_variable(stored):
        return _rows(did, stored, dtype, array)
    if not did.shape and array.dtype == base.newbyteorder("="):
        array = array.astype(base)  # scalars have the native byte order
    if array.dtype != unmarked(base):
        return None
    raw = _converted(stored, dtype, np.ascontiguousarray(array))
    return None if raw is None else (raw.reshape(did.shape), stored)


def _is_number(leaf: Leaf, stored: TypeID) -> bool:
    """Return whether the leaf is a NumPy scalar that needs no mark in a dataset of this type."""
    mark = leaf.mark
    if mark is None or mark.name != "numpy" or any(stored.equal(tid) for tid in _LIKE_PYTHON):
        return False
    if type(leaf.data) not in {bool, int, float, complex} or KEY in mark.params:
        return False
    return bool(mark.params["dtype"] == dtypes.describe(np.asarray(leaf.data).dtype))


def _converted(stored: TypeID, dtype: np.dtype[Any], array: Any) -> Any:
    """Return elements in the stored type as bytes; None if they would not be read back exactly."""
    size, inner = stored.get_size(), stored
    while inner.get_class() == h5t.ARRAY:
        inner = inner.get_super()
    base = axes_of(dtype)[0]
    # The dtype of a bit field has the same bits in the same order.
    if inner.get_class() == h5t.BITFIELD or inner.equal(h5t.py_create(base)):
        return np.frombuffer(array.tobytes(), f"V{size}")
    memory, given = h5t.py_create(dtype), array.tobytes()
    raw = _converted_exactly(stored, memory, array)
    if raw is not None:
        return np.frombuffer(raw, f"V{size}")
    # HDF5 does not convert strings without space for a NUL exactly; the given bytes may be exact.
    if size == dtype.itemsize and _is_read_back(stored, memory, given, array):
        return np.frombuffer(given, f"V{size}")
    return None


def _converted_exactly(stored: TypeID, memory: TypeID, array: Any) -> bytes | None:
    """Return elements as HDF5 converts them to the stored type, if they are read back exactly."""
    raw = _convert(memory, stored, array.tobytes(), array.nbytes // memory.get_size())
    return raw if raw is not None and _is_read_back(stored, memory, raw, array) else None


def _is_read_back(stored: TypeID, memory: TypeID, raw: bytes, array: Any) -> bool:
    """Return whether the bytes of a file are read as the elements of `array`."""
    found = _convert(stored, memory, raw, len(raw) // stored.get_size())
    return found is not None and _are_equal(array.ravel(), np.frombuffer(found, array.dtype))


def _convert(source: TypeID, target: TypeID, data: bytes, count: int) -> bytes | None:
    """Convert elements with HDF5; return None if it has no conversion."""
    sizes = source.get_size(), target.get_size()
    buffer = np.zeros(count * max(sizes), np.uint8)
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    try:
        h5t.convert(source, target, count, buffer, np.zeros_like(buffer))
    except RAISED:
        return None
    return buffer[: count * sizes[1]].tobytes()


def _are_equal(first: Any, second: Any) -> bool:
    """Return whether elements are equal bit by bit, ignoring padding between fields."""
    names = first.dtype.names
    if names is None:
        return bool(first.tobytes() == second.tobytes())
    return all(_are_equal(first[name], second[name]) for name in names)


def _lists(
    did: DatasetID, stored: TypeID, dtype: np.dtype[Any], array: Any
) -> tuple[Any, TypeID] | None:
    """Return arrays as variable-length elements."""
    inner = h5py.check_vlen_dtype(dtype)
    items = [array] if not did.shape and array.dtype.kind != "O" else array.ravel().tolist()
    if (did.shape and array.shape != did.shape) or len(items) != math.prod(did.shape):
        return None
    if not _are_lists(items, inner, stored.get_super()):
        return None
    plain = unmarked(inner)
    native = plain if plain.names else plain.newbyteorder("=")
    memory = h5py.vlen_dtype(native)
    made = np.empty(len(items), memory)
    made[:] = object_array([item.astype(native) for item in items], (len(items),))
    return made.reshape(did.shape), h5t.py_create(memory)


def _are_lists(items: list[Any], inner: Any, stored: TypeID) -> bool:
    """Return whether all items are 1-d arrays that HDF5 converts to `stored` exactly."""
    if not isinstance(inner, np.dtype) or inner.hasobject or inner.subdtype:
        return False
    plain = unmarked(inner)
    if any(type(item) is not np.ndarray or item.dtype != plain or item.ndim != 1 for item in items):
        return False
    memory = h5t.py_create(inner)
    return all(
        _converted_exactly(stored, memory, np.ascontiguousarray(item)) is not None for item in items
    )


def _rows(
    did: DatasetID, stored: TypeID, dtype: np.dtype[Any], array: Any
) -> tuple[Any, TypeID] | None:
    """Return rows with fields that are variable-length strings or sequences."""
    if dtype.names is None or array.shape != did.shape:
        return None
    if array.dtype != dtype or not _fits_field(stored, dtype, array):
        return None
    made = np.empty(array.shape, dtype)
    for name in dtype.names:
        made[name] = array[name]
    return made.reshape(did.shape), h5t.py_create(dtype)


def _fits_field(stored: TypeID, dtype: np.dtype[Any], column: Any) -> bool:
    """Return whether a column is read back unchanged from a field."""
    if dtype.names is not None and dtype.hasobject:
        return all(
            _fits_field(stored.get_member_type(number), dtype[name], column[name])
            for number, name in enumerate(dtype.names)
        )
    if dtype.subdtype is not None:
        return _fits_field(stored.get_super(), dtype.subdtype[0], column)
    if dtype.kind != "O":  # HDF5 converts it for h5py
        if dtype.hasobject or column.dtype != unmarked(dtype):
            return False
        found = _converted_exactly(stored, h5t.py_create(dtype), np.ascontiguousarray(column))
        return found is not None
    items = column.ravel().tolist()
    if h5py.check_string_dtype(dtype) is not None:
        return all(type(item) is str and "\0" not in item for item in items)
    inner = h5py.check_vlen_dtype(dtype)
    if not isinstance(inner, np.dtype) or not inner.isnative:
        return False
    return _are_lists(items, inner, stored.get_super())


def whole_leaf(did: ObjectID, node: object) -> Leaf | None:
    """Return an array of objects, which the codec splits into parts, as one leaf for `alike`.

    Args:
        did: the existing object under the key.
        node: the value to write.

    Returns:
        That leaf; otherwise `node` if it is a leaf, or None.
    """
    if isinstance(node, Leaf) and node.mark != PACKED:
        return node
    if type(did) is not h5d.DatasetID or not isinstance(node, (Leaf, Branch)):
        return node if isinstance(node, Leaf) else None
    stored = did.get_type()
    if (
        node.mark == PACKED
        and stored.get_class() in {h5t.VLEN, h5t.COMPOUND}
        and has_variable(stored)
    ):
        value = _value_of(unfold(node))
        if isinstance(value, np.ndarray):
            return Leaf(value)
    return node if isinstance(node, Leaf) else None


def _value_of(node: object) -> Any:
    """Return a plain array or string, or an array or row of these; None for anything else."""
    if isinstance(node, Leaf):
        return node.data if node.mark is None else None
    if not isinstance(node, Sequence) or node.mark.name not in {"ndarray", "numpy"}:
        return None
    params = node.mark.params
    items = [_value_of(item) for item in node.items]
    if any(item is None for item in items):
        return None
    is_row = node.mark.name == "numpy"
    if not is_row and (params.keys() != {"dtype", "shape"} or not params["shape"]):
        return None  # a 0-d array would be read back as its element
    shape = (1,) if is_row else tuple(params["shape"])
    if params["dtype"] == "|O":
        return object_array(items, shape)
    dtype = dtypes.rebuild(params["dtype"])
    if dtype.names is None:
        return None
    value = np.empty(shape, dtype)
    for name, column in zip(dtype.names, items, strict=True):
        value[name] = column
    return value.reshape(()) if is_row else value
