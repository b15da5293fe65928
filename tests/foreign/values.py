"""Values that hdfchk reads beside those of h5py, bit for bit, with what their dtypes mean."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5o, h5t

from .describe import FAILS, has_dtype, has_reference

NO_VALUE = "no value"
"""h5py cannot read it, or what it reads is no value (a reference)."""


def canonical(value: Any) -> Any:
    """A value by its content: text, or shape, kind of elements and bytes."""
    if value is None or isinstance(value, h5py.Empty):
        return None
    if isinstance(value, (str, bytes)):
        return _text(value)
    if isinstance(value, np.dtype):
        return str(value)
    array = np.asarray(value)
    if array.dtype.names is not None:
        fields = {name: canonical(array[name]) for name in array.dtype.names}
        return ("fields", array.shape, fields)
    if array.dtype.kind in "OT":
        items = array.ravel().tolist()
        if not array.shape and isinstance(items[0], (str, bytes)):
            return _text(items[0])
        return ("items", array.shape, [canonical(item) for item in items])
    if array.dtype.kind == "S" and not array.shape:
        return _text(bytes(array[()]))
    if not array.shape:
        array = array.astype(array.dtype.newbyteorder("="))
    return ("array", array.shape, array.dtype.str, said(array.tobytes(), array.dtype))


def said(data: bytes, dtype: np.dtype[Any]) -> bytes:
    """The bytes of elements, without those that a long double has beyond its 10."""
    if dtype.type not in {np.longdouble, np.clongdouble} or np.finfo("g").nmant != 63:
        return data
    size = np.dtype("g").itemsize
    numbers = np.frombuffer(data, np.uint8).reshape(-1, size)
    return (numbers[:, :10] if dtype.isnative else numbers[:, size - 10 :]).tobytes()


def _text(value: Any) -> str:
    """Text as text, whether it comes as bytes or `str`; h5py has its own way with bad UTF-8."""
    raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return "text " + bytes(raw).decode("utf-8", "surrogateescape")


def by_h5py(oid: Any) -> Any:
    """The value of a dataset or named type as h5py reads it, in canonical form."""
    if not isinstance(oid, h5d.DatasetID):
        return str(oid.dtype) if has_dtype(oid) and not has_reference(oid) else NO_VALUE
    tid = oid.get_type()
    if oid.shape is None:
        return None
    if has_reference(tid):
        return NO_VALUE
    dataset = h5py.Dataset(oid)
    try:
        inner = h5py.check_vlen_dtype(dataset.dtype)
        found = dataset[()]
        if isinstance(inner, np.dtype) and not inner.isnative:
            found = _map(found, lambda item: item.view(inner))  # h5py takes the bytes for native
        return canonical(found)
    except FAILS:
        return NO_VALUE


def _map(value: Any, change: Any) -> Any:
    if value.dtype.kind != "O":  # a scalar
        return change(value)
    found = np.empty_like(value)
    found.ravel()[:] = [change(item) for item in value.ravel().tolist()] or None
    return found


def attribute_by_h5py(item: Any, name: str) -> Any:
    """The value of an attribute as h5py reads it, in canonical form."""
    try:
        aid = item.attrs.get_id(name)
        if has_reference(aid.get_type()):
            return NO_VALUE
        return canonical(item.attrs[name])
    except FAILS:
        return NO_VALUE


def differs(expected: Any, found: Any) -> str | None:
    """How two canonical values differ."""
    if expected == found:
        return None
    if isinstance(expected, tuple) and isinstance(found, tuple) and expected[0] == found[0]:
        for what, first, second in zip(("", "shape", "dtype"), expected, found, strict=False):
            if first != second and what:
                return f"{what} {first} is read as {second}"
    return f"{str(expected)[:80]} is read as {str(found)[:80]}"


def is_outside(did: Any) -> bool:
    """Whether the elements of a dataset are in other files, or other datasets."""
    plist = did.get_create_plist()
    return bool(plist.get_layout() == h5d.VIRTUAL or plist.get_external_count())


def is_time(tid: Any) -> bool:
    """Whether it is HDF5's own type of time, of which there are no values."""
    return bool(tid.get_class() == h5t.TIME)


def open_at(file: Any, path: str) -> Any:
    """Open an object by its path, level by level as hdfchk does."""
    return h5o.open(file.id, path.encode("utf-8", "surrogateescape"))
