"""Attributes of HDF5 objects."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from h5py import h5, h5a, h5p, h5s, h5t

from ....codecs.packing import mark_from_text
from ....errors import HdfchkError, UnsupportedStoredError, UnsupportedTypeError
from ....keys import to_text
from ....tree import Leaf, Mark, is_none_number
from .errors import RAISED, unreadable, unwritable
from .ids import AttrID, ObjectID, TypeID
from .links import key_of
from .types import PYTHON_STRINGS, numpy_dtype, unshared
from .values import (
    in_own_order,
    memory_type,
    number_or_none,
    plain_array,
    prepare,
    raw_buffer,
    raw_type,
    same_items,
    to_scalar,
)

__all__ = [
    "attribute_names",
    "copy_attribute",
    "copy_attributes",
    "delete_attribute",
    "has_references",
    "is_own",
    "raw_attribute",
    "read_attribute",
    "write_attribute",
    "write_attributes",
]

_OWN = b"hdfchk"
_OF_ATTRIBUTES = b"hdfchk:mark:"
_ASIDE = b"hdfchk:old:"
"""The prefix of the names of old attributes until the new ones are written."""
_TOO_LARGE = "object header message is too large"
"""HDF5's message for an attribute that is too large for the object header."""


def read_attribute(oid: ObjectID, name: bytes) -> Leaf:
    """Return the value of one attribute of an object."""
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
    data = np.zeros(space.shape, dtype)
    if data.size:
        try:
            aid.read(data, memory_type(dtype))
        except RAISED as error:
            raise unreadable(f"attribute {to_text(name)!r}", error, key_of(oid)) from error
    if kind != h5s.SCALAR or data.ndim:
        return Leaf(plain_array(data))
    value = to_scalar(data, tid)
    if type(value) is float and is_none_number(value):
        value = number_or_none(value, _mark_of(oid, name))
    return Leaf(value)


def _mark_of(oid: ObjectID, name: bytes) -> Mark | None:
    """Return the mark of a user's attribute."""
    beside = _OF_ATTRIBUTES + name
    text = read_attribute(oid, beside).data if h5a.exists(oid, beside) else None
    return mark_from_text(text) if isinstance(text, str) else None


def write_attribute(oid: ObjectID, name: bytes, leaf: Leaf) -> None:
    """Set an attribute; an existing one is replaced."""
    if h5a.get_num_attrs(oid):
        write_attributes(oid, {name: leaf})
    else:
        _create(oid, name, leaf)


def write_attributes(oid: ObjectID, values: Mapping[bytes, Leaf | None]) -> None:
    """Set attributes, or delete those whose value is None; after an error, all are unchanged.

    In `values`, attributes to delete come before those that replace them.
    """
    undo: list[Callable[[], None]] = []
    kept: list[bytes] = []
    try:
        for name, leaf in values.items():
            if h5a.exists(oid, name):
                if leaf is not None and _overwrite(oid, name, leaf, undo):
                    continue
                aside = _ASIDE + b"%d" % len(kept)
                delete_attribute(oid, aside)  # from a process that was killed
                h5a.rename(oid, name, aside)
                kept.append(aside)
                undo.append(functools.partial(_rename_back, oid, aside, name))
            if leaf is not None:
                undo.append(functools.partial(delete_attribute, oid, name))
                _create(oid, name, leaf)
        for aside in kept:
            h5a.delete(oid, aside)
    except BaseException:
        for step in reversed(undo):
            step()
        raise


def _create(oid: ObjectID, name: bytes, leaf: Leaf) -> None:
    tid, space, array = prepare(leaf.data)
    try:
        aid = h5a.create(oid, name, tid, space)
    except RAISED as error:
        if _TOO_LARGE not in str(error):
            raise
        size = space.get_simple_extent_npoints() * tid.get_size()
        raise UnsupportedStoredError(
            f"attribute {to_text(name)!r}: {size} bytes are too many for an object in HDF5's older"
            " format, in which an attribute must be smaller than 64 KiB",
            key=key_of(oid),
            hint="store it under a key of its own; a group can store it after compact()",
        ) from error
    _write(aid, tid, array)


def _write(aid: AttrID, tid: TypeID, array: np.ndarray[Any, Any]) -> None:
    if array.size:
        memory = PYTHON_STRINGS if array.dtype.kind == "O" else tid
        aid.write(np.ascontiguousarray(array).reshape(array.shape), memory)


def _overwrite(oid: ObjectID, name: bytes, leaf: Leaf, undo: list[Callable[[], None]]) -> bool:
    """Write into the existing attribute; return False if its shape or type does not allow that."""
    from .texts import are_kept, are_same, stored_texts, type_to_write_texts

    tid, space, array = prepare(leaf.data)
    aid = h5a.open(oid, name)
    old, stored = aid.get_space(), aid.get_type()
    kind = old.get_simple_extent_type()
    if kind == h5s.NULL:
        return leaf.data is None
    if kind != space.get_simple_extent_type() or old.shape != space.shape:
        return False
    if not stored.equal(tid):
        texts = stored_texts(stored, leaf) if stored.get_class() == h5t.STRING else None
        if texts is None or texts.mark is not None:
            return False
        if are_same(read_attribute(oid, name).data, texts):
            return True
        if not are_kept(stored, texts):
            return False
        tid, array = type_to_write_texts(stored, texts), texts.array
    before = raw_attribute(aid)
    undo.append(lambda: _write_raw(h5a.open(oid, name), before))
    _write(aid, tid, array)
    return True


def _rename_back(oid: ObjectID, aside: bytes, name: bytes) -> None:
    if h5a.exists(oid, aside):
        h5a.rename(oid, aside, name)


def delete_attribute(oid: ObjectID, name: bytes) -> None:
    """Delete an attribute if it exists."""
    if h5a.exists(oid, name):
        h5a.delete(oid, name)


def attribute_names(oid: ObjectID) -> list[bytes]:
    """Return the names of all attributes of an object, in creation order if that is tracked."""
    names: list[bytes] = []
    if h5a.get_num_attrs(oid):
        kept = oid.get_create_plist().get_attr_creation_order() & h5p.CRT_ORDER_TRACKED
        order = h5.INDEX_CRT_ORDER if kept else h5.INDEX_NAME
        h5a.iterate(oid, names.append, index_type=order)
    return names


def has_references(oid: ObjectID) -> bool:
    """Return whether an object has attributes that contain HDF5 references."""
    return any(
        h5a.open(oid, name).get_type().detect_class(h5t.REFERENCE) for name in attribute_names(oid)
    )


def is_own(name: bytes) -> bool:
    """Return whether an attribute is hdfchk's, and describes the object that has it.

    The marks of user attributes do not count: they belong to those attributes.
    """
    return name.startswith(_OWN) and not name.startswith(_OF_ATTRIBUTES)


def copy_attributes(source: ObjectID, target: ObjectID, but: Callable[[bytes], bool]) -> None:
    """Copy all attributes for which `but` returns False from one object to another.

    Raises:
        UnsupportedTypeError: h5py cannot copy the type of an attribute exactly.
        UnsupportedStoredError: HDF5 cannot write an attribute.
    """
    if h5a.get_num_attrs(source) == 0:
        return
    for name in attribute_names(source):
        if not but(name):
            copy_attribute(source, target, name)


def copy_attribute(
    source: ObjectID, target: ObjectID, name: bytes, tid: TypeID | None = None
) -> None:
    """Copy one attribute; `tid` is the type of the copy, by default the same.

    Raises:
        UnsupportedTypeError: see `copy_attributes`.
    """
    old = h5a.open(source, name)
    tid = old.get_type() if tid is None else tid
    try:
        new, data = h5a.create(target, name, tid, unshared(old.get_space())), raw_attribute(old)
        _write_raw(new, data)
    except RAISED as error:
        converted = unwritable(f"a copy of its attribute {to_text(name)!r}", error, None)
        if converted is None:
            raise
        converted.hint = "write into the existing array, or delete the attribute first (attrs)"
        raise converted from error
    if data is not None and raw_type(tid) is None and not same_items(data, raw_attribute(new)):
        # Strings that have no space for a terminating NUL, beside variable-length ones.
        raise UnsupportedTypeError(
            f"the type of its attribute {to_text(name)!r} cannot be copied exactly",
            hint="write into the existing array, or delete the attribute with h5py",
        )


def raw_attribute(aid: AttrID) -> np.ndarray[Any, Any] | None:
    """Return the data of an attribute without conversion; None for a null dataspace."""
    if aid.get_space().get_simple_extent_type() == h5s.NULL:
        return None
    data = raw_buffer(aid, aid.shape)
    aid.read(data, raw_type(aid.get_type()))
    return in_own_order(data)


def _write_raw(aid: AttrID, data: np.ndarray[Any, Any] | None) -> None:
    if data is not None:
        aid.write(data, raw_type(aid.get_type()))
