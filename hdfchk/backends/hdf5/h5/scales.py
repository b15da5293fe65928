"""Dimension scales: the two attributes by which arrays and the scales of their axes are connected.

An array has ``DIMENSION_LIST``: for each axis, references to its scales. A scale has
``REFERENCE_LIST``: a reference to each array to which it is attached, and the number of the axis.
Both are edited in place here, so that all other entries are unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from h5py import h5a, h5d, h5i, h5r, h5s, h5t

from .errors import RAISED
from .ids import AttrID, GroupID, ObjectID, Reference, TypeID
from .object_info import info_of

__all__ = [
    "DIMENSIONS",
    "USERS",
    "Saved",
    "address_bytes",
    "arrays_of",
    "detach",
    "dimensions",
    "move",
    "restore",
    "scales_of",
]

DIMENSIONS = b"DIMENSION_LIST"
USERS = b"REFERENCE_LIST"


class Saved(NamedTuple):
    """The former state of an attribute. It keeps no object open: a reference is an address."""

    place: Reference
    name: bytes
    tid: TypeID
    data: np.ndarray[Any, Any]


Note = Callable[[Saved], None] | None
"""Called with what `restore` needs before an attribute is changed; None to skip that."""


def address_bytes(oid: ObjectID) -> int:
    """Return how many bytes of a reference are the address; the others have no meaning."""
    return int(h5i.get_file_id(oid).get_create_plist().get_sizes()[0])


def scales_of(array: ObjectID) -> set[int]:
    """Return the addresses of the scales in the ``DIMENSION_LIST`` of an array."""
    return {info_of(scale).addr for scale in _scales(array)}


def arrays_of(scale: ObjectID) -> list[tuple[int, int]]:
    """Return the address and the axis of each array in the ``REFERENCE_LIST`` of a scale."""
    return [(info_of(array).addr, axis) for array, axis in _attached(scale)]


def move(old: ObjectID, new: ObjectID, note: Note) -> None:
    """Replace an array, or a scale, in the attributes of everything attached to it.

    Args:
        old: the object that is replaced; it must still have a link.
        new: the object that replaces it, and has a copy of its attributes.
        note: is called with each attribute before it is changed.
    """
    _edit(old, new, note)


def detach(oid: ObjectID, note: Note) -> None:
    """Detach everything from an array or a scale, which is about to be removed.

    Args:
        oid: the array or scale; its own attributes are deleted, too.
        note: is called with each attribute before it is changed.
    """
    _edit(oid, None, note)
    for name in (DIMENSIONS, USERS):
        if h5a.exists(oid, name):
            _save(oid, name, note)
            h5a.delete(oid, name)


def _edit(old: ObjectID, new: ObjectID | None, note: Note) -> None:
    address = info_of(old).addr
    for scale in _distinct(_scales(old)):
        _edit_users(scale, address, new, note)
    for array in _distinct(array for array, _ in _attached(old)):
        _edit_dimensions(array, address, new, note)


def _distinct(found: Iterator[ObjectID]) -> list[ObjectID]:
    return list({info_of(oid).addr: oid for oid in found}.values())


# -- the attribute of a scale ---------------------------------------------------------------------


def _attached(scale: ObjectID) -> list[tuple[ObjectID, int]]:
    opened = _open_users(scale)
    if opened is None:
        return []
    aid, _ = opened
    data = np.empty(aid.shape, aid.dtype)
    aid.read(data)
    to, axis = aid.dtype.names or ()
    found = [(_dereference(scale, row[to]), int(row[axis])) for row in data]
    return [(oid, number) for oid, number in found if oid is not None]


def _open_users(scale: ObjectID) -> tuple[AttrID, np.dtype[Any]] | None:
    """Return the attribute, and the dtype of its elements as bytes; None if it is not valid."""
    if type(scale) is not h5d.DatasetID or not h5a.exists(scale, USERS):
        return None
    aid = h5a.open(scale, USERS)
    tid = aid.get_type()
    if tid.get_class() != h5t.COMPOUND or tid.get_nmembers() != 2 or len(aid.shape or ()) != 1:
        return None
    to, axis = (tid.get_member_type(index) for index in range(2))
    width = address_bytes(scale)
    if not to.equal(h5t.STD_REF_OBJ) or axis.get_class() != h5t.INTEGER or width not in {2, 4, 8}:
        return None
    formats = [f"<u{width}", axis.dtype]
    offsets = [tid.get_member_offset(index) for index in range(2)]
    fields = {
        "names": ["to", "axis"],
        "formats": formats,
        "offsets": offsets,
        "itemsize": tid.get_size(),
    }
    return aid, np.dtype(fields)  # type: ignore[call-overload]


def _read_users(aid: AttrID, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    raw = np.zeros(aid.shape, f"V{dtype.itemsize}")
    aid.read(raw, aid.get_type())
    return raw.view(dtype)


def _edit_users(scale: ObjectID, address: int, new: ObjectID | None, note: Note) -> None:
    opened = _open_users(scale)
    if opened is None:
        return
    aid, dtype = opened
    rows = _read_users(aid, dtype)
    matches = rows["to"] == address
    if not matches.any():
        return
    _save(scale, USERS, note)
    if new is not None:
        rows["to"][matches] = info_of(new).addr
    else:
        rows = rows[~matches]
    _put(scale, USERS, aid.get_type().copy(), rows.view(f"V{dtype.itemsize}"))


# -- the attribute of an array --------------------------------------------------------------------


def _scales(array: ObjectID) -> Iterator[ObjectID]:
    """Yield the scales in the ``DIMENSION_LIST`` of an array that can be opened."""
    for references in dimensions(array):
        for reference in references:
            found = _dereference(array, reference)
            if found is not None:
                yield found


def dimensions(array: ObjectID) -> list[list[Reference]]:
    """Return the references to the scales of each axis of an array."""
    if type(array) is not h5d.DatasetID or not h5a.exists(array, DIMENSIONS):
        return []
    aid = h5a.open(array, DIMENSIONS)
    tid = aid.get_type()
    if tid.get_class() != h5t.VLEN or not tid.get_super().equal(h5t.STD_REF_OBJ) or not aid.shape:
        return []
    data = np.empty(aid.shape, aid.dtype)
    aid.read(data)
    return [[] if item is None else list(item) for item in data.reshape(-1)]


def _edit_dimensions(array: ObjectID, address: int, new: ObjectID | None, note: Note) -> None:
    axes, is_changed, has_others = dimensions(array), False, False
    replacement = None if new is None else h5r.create(new, b".", h5r.OBJECT)
    for references in axes:
        for index in reversed(range(len(references))):
            found = _dereference(array, references[index])
            if found is None or info_of(found).addr != address:
                has_others = True
                continue
            is_changed = True
            if replacement is not None:
                references[index] = replacement
            else:
                del references[index]
    if not is_changed:
        return
    _save(array, DIMENSIONS, note)
    if new is None and not has_others:
        h5a.delete(array, DIMENSIONS)  # as HDF5 does when it detaches the last scale
        return
    aid = h5a.open(array, DIMENSIONS)
    data = np.empty(aid.shape, aid.dtype)
    for axis, references in enumerate(axes):
        item = np.empty(len(references), object)
        item[:] = references
        data.reshape(-1)[axis] = item
    aid.write(data)


# -- both -----------------------------------------------------------------------------------------


def _dereference(oid: ObjectID, reference: Reference) -> ObjectID | None:
    """Return the object of a reference; None if it is gone."""
    if not reference:
        return None
    try:
        return h5r.dereference(reference, oid)
    except RAISED:
        return None


def _save(oid: ObjectID, name: bytes, note: Note) -> None:
    """Call `note` with what restores an attribute."""
    if note is None:
        return
    aid = h5a.open(oid, name)
    tid = aid.get_type()
    if tid.get_class() == h5t.VLEN:
        data, memory = np.empty(aid.shape, aid.dtype), None
    else:
        data, memory = np.zeros(aid.shape, f"V{tid.get_size()}"), tid
    aid.read(data, memory)
    note(Saved(h5r.create(oid, b".", h5r.OBJECT), name, tid.copy(), data))


def restore(root: GroupID, saved: Saved) -> None:
    """Restore an attribute.

    Args:
        root: any object of the file.
        saved: the argument of `note`.
    """
    _put(h5r.dereference(saved.place, root), saved.name, saved.tid, saved.data)


def _put(oid: ObjectID, name: bytes, tid: TypeID, data: np.ndarray[Any, Any]) -> None:
    """Set a 1-d attribute, from data as stored in the file or as read by h5py."""
    if h5a.exists(oid, name):
        aid = h5a.open(oid, name)
        if aid.shape == data.shape:
            aid.write(data, None if tid.get_class() == h5t.VLEN else tid)
            return
        h5a.delete(oid, name)
    if data.size:
        aid = h5a.create(oid, name, tid, h5s.create_simple(data.shape))
        aid.write(data, None if tid.get_class() == h5t.VLEN else tid)
