"""Attributes of HDF5 objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5, h5a, h5p, h5s

from ....errors import HdfchkError
from ....keys import to_text
from ....tree import Leaf
from .links import key_of
from .types import PYTHON_STRINGS, has_variable, numpy_dtype
from .values import memory_type, plain_array, prepare, to_scalar

__all__ = [
    "attribute_names",
    "copy_attributes",
    "delete_attribute",
    "read_attribute",
    "write_attribute",
]


def read_attribute(oid: Any, name: bytes) -> Leaf:
    """One attribute of an object."""
    aid = h5a.open(oid, name)
    space = aid.get_space()
    kind = space.get_simple_extent_type()
    if kind == h5s.NULL:
        return Leaf(None)
    tid = aid.get_type()
    try:
        dtype = numpy_dtype(tid)
    except HdfchkError as error:
        error.problem = f"attribute {to_text(name)!r}: {error.problem}"
        error.key = key_of(oid)
        raise
    data = np.empty(space.shape, dtype)
    if data.size:
        aid.read(data, memory_type(dtype))
    as_scalar = kind == h5s.SCALAR and data.ndim == 0
    return Leaf(to_scalar(data, tid) if as_scalar else plain_array(data))


def write_attribute(oid: Any, name: bytes, leaf: Leaf) -> None:
    """Set an attribute, whatever it was before."""
    tid, space, array = prepare(leaf.data)
    delete_attribute(oid, name)
    aid = h5a.create(oid, name, tid, space)
    if array is not None and array.size:
        memory = PYTHON_STRINGS if array.dtype.kind == "O" else tid
        aid.write(np.ascontiguousarray(array).reshape(array.shape), memory)


def delete_attribute(oid: Any, name: bytes) -> None:
    """Delete an attribute if it is there."""
    if h5a.exists(oid, name):
        h5a.delete(oid, name)


def attribute_names(oid: Any) -> list[bytes]:
    """The names of all attributes of an object, in the order of their creation if it is kept."""
    names: list[bytes] = []
    if h5a.get_num_attrs(oid):
        kept = oid.get_create_plist().get_attr_creation_order() & h5p.CRT_ORDER_TRACKED
        order = h5.INDEX_CRT_ORDER if kept else h5.INDEX_NAME
        h5a.iterate(oid, names.append, index_type=order)
    return names


def copy_attributes(source: Any, target: Any, but: tuple[bytes, ...]) -> None:
    """Copy all attributes but those named from one object to another, as they are."""
    if h5a.get_num_attrs(source) == 0:
        return
    for name in attribute_names(source):
        if name in but:
            continue
        old = h5a.open(source, name)
        tid, space = old.get_type(), old.get_space()
        new = h5a.create(target, name, tid, space)
        if space.get_simple_extent_type() == h5s.NULL:
            continue
        if has_variable(tid):
            data = np.empty(old.shape, old.dtype)
            old.read(data)
            new.write(data)
        else:  # whatever NumPy makes of the type, the bytes are what they are
            data = np.empty(space.shape, f"V{tid.get_size()}")
            old.read(data, tid)
            new.write(data, tid)
