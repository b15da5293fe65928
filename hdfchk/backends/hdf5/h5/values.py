"""Conversion of data read by h5py to those of a leaf; the HDF5 type and dataspace of a leaf."""

from __future__ import annotations

import functools
from typing import Any

import h5py
import numpy as np
from h5py import h5f, h5p, h5r, h5s, h5t

from ....tree import ARRAYS, NONE_BITS, Mark, is_none_number
from .ids import AttrID, DatasetID, SpaceID, TypeID
from .types import (
    BOOL,
    COMPLEX,
    FLOAT,
    INT,
    SCALAR,
    dataspace,
    has_variable,
    string_type,
    type_for,
    unmarked,
)

__all__ = [
    "NONE",
    "decoded",
    "in_own_order",
    "memory_type",
    "number_or_none",
    "plain_array",
    "prepare",
    "raw_buffer",
    "raw_data",
    "raw_type",
    "same_items",
    "to_scalar",
    "write_raw",
]

NONE = np.array(NONE_BITS, np.uint64).view(np.float64)
"""The bits that represent None in a file."""
_OF_NUMBERS = frozenset({"float", "numpy", "torch.Tensor"}) | ARRAYS
_BUFFERS: dict[type, Any] = {
    bool: np.bool,
    int: np.int64,
    float: np.float64,
    complex: np.complex128,
}


def plain_array(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return `data` as users see it: strings decoded, no h5py metadata in the dtype."""
    dtype = data.dtype
    if dtype.kind == "O" and h5py.check_string_dtype(dtype) is not None:
        items = data.ravel().tolist()
        plain = np.empty(len(items), object)
        try:
            plain[:] = [item.decode() for item in items]
        except (AttributeError, UnicodeDecodeError):  # some are not bytes, or not text
            plain[:] = list(map(decoded, items))
        return plain.reshape(data.shape)
    if dtype.names is not None:
        _decode_fields(data, dtype.names)
        return data
    if dtype.kind == "O":
        return in_own_order(data).view(object)
    return data if dtype.metadata is None else data.view(unmarked(dtype))


def _decode_fields(data: np.ndarray[Any, Any], names: tuple[str, ...]) -> None:
    """Decode the variable-length fields of a structured array, at any depth, in place."""
    for name in names:
        field = data[name]  # a view, including the axes of an array type
        if field.dtype.names is not None:
            _decode_fields(field, field.dtype.names)
        elif field.dtype.kind == "O":
            field[...] = plain_array(field)


def in_own_order(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return variable-length arrays with the byte order that they have in the file.

    h5py (3.16 and before) returns their bytes unconverted, with a native dtype.
    """
    if data.dtype.names is not None:
        for name in data.dtype.names:
            in_own_order(data[name])
        return data
    base = h5py.check_vlen_dtype(data.dtype)
    if isinstance(base, np.dtype) and not base.isnative and _is_order_lost():
        for index in np.ndindex(data.shape):
            item = data[index]
            if isinstance(item, np.ndarray):
                data[index] = item.view(base)
    return data


@functools.cache
def _is_order_lost() -> bool:
    """Return whether this h5py returns non-native variable-length arrays with a native dtype."""
    plist = h5p.create(h5p.FILE_ACCESS)
    plist.set_fapl_core(2**12, False)
    one = np.empty((), object)
    one[()] = np.array([1], ">i2" if np.little_endian else "<i2")
    with h5py.File(h5f.create(b"hdfchk-order", fapl=plist)) as file:
        file.attrs.create("x", one, dtype=h5py.vlen_dtype(one[()].dtype))
        return bool(file.attrs["x"][0] != 1)


def number_or_none(value: float, mark: Mark | None) -> float | None:
    """Return the value of a 0-d float64: a number, or None.

    Args:
        value: the number.
        mark: the mark of the object. With the mark of a number it is a number, whatever its bits.
    """
    if not is_none_number(value) or (mark is not None and mark.name in _OF_NUMBERS):
        return value
    return None


def decoded(item: Any) -> Any:
    """Return a variable-length string as read by h5py, decoded if it is UTF-8."""
    if not isinstance(item, bytes):
        return "" if item is None or item == 0 else item
    try:
        return item.decode()
    except UnicodeDecodeError:
        return item  # from another program, and not text: return the bytes


def to_scalar(data: np.ndarray[Any, Any], tid: TypeID) -> Any:
    """Return a 0-d array as the Python scalar that trees use for it, or unchanged."""
    dtype = data.dtype
    if dtype.kind == "S" or (dtype.kind == "O" and h5py.check_string_dtype(dtype) is not None):
        item: Any = data[()]
        return decoded(bytes(item) if type(item) is np.bytes_ else item)
    if tid.equal(INT) or tid.equal(FLOAT) or tid.equal(BOOL) or tid.equal(COMPLEX):
        return data.item()
    return plain_array(data)


def memory_type(dtype: np.dtype[Any]) -> TypeID | None:
    """Return the memory type for reading, if it differs from that of the array that is read into.

    The axes of an array type are axes of the NumPy array.
    """
    return None if dtype.subdtype is None else h5t.py_create(dtype)


def prepare(data: Any) -> tuple[TypeID, SpaceID, np.ndarray[Any, Any]]:
    """Return the HDF5 type, the dataspace and the array of a leaf's data."""
    if data is None:
        return FLOAT, SCALAR, NONE
    if isinstance(data, np.ndarray):
        return type_for(data.dtype), dataspace(data.shape), data
    if isinstance(data, str):
        raw = data.encode()
        width = max(len(raw), 1)
        return string_type(width), SCALAR, np.array(raw, f"S{width}")
    tid = {bool: BOOL, int: INT, float: FLOAT, complex: COMPLEX}[type(data)]
    return tid, SCALAR, np.array(data, _BUFFERS[type(data)])


def raw_type(tid: TypeID) -> TypeID | None:
    """Return the memory type for copying data without conversion; None for that of h5py."""
    return None if has_variable(tid) else tid  # the bytes are copied, whatever NumPy makes of them


def raw_buffer(oid: AttrID | DatasetID, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return an array to read a dataset or attribute into, for copying without conversion."""
    tid = oid.get_type()
    return np.zeros(shape, oid.dtype if raw_type(tid) is None else f"V{tid.get_size()}")


def raw_data(did: DatasetID) -> np.ndarray[Any, Any]:
    """Return all data of a dataset without conversion."""
    data = raw_buffer(did, did.shape)
    if data.size:
        did.read(h5s.ALL, h5s.ALL, data, raw_type(did.get_type()))
    return in_own_order(data)


def same_items(first: Any, second: Any) -> bool:
    """Return whether two arrays as read by h5py, or two of their elements, are equal bit by bit.

    HDF5 references are considered equal: h5py cannot compare them.
    """
    if not (isinstance(first, np.ndarray) and isinstance(second, np.ndarray)):
        is_reference = isinstance(first, h5r.Reference)
        return type(first) is type(second) and (is_reference or bool(first == second))
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if first.dtype.names is not None and first.dtype.hasobject:
        return all(same_items(first[name], second[name]) for name in first.dtype.names)
    if first.dtype.kind != "O":
        return first.tobytes() == second.tobytes()
    return all(map(same_items, first.ravel().tolist(), second.ravel().tolist()))


def write_raw(did: DatasetID, data: np.ndarray[Any, Any]) -> None:
    """Write all data of a dataset, as returned by `raw_data`."""
    if data.size:
        did.write(h5s.ALL, h5s.ALL, data, raw_type(did.get_type()))
