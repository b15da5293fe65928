"""Marks: the attribute that records what HDF5 alone cannot express."""

from __future__ import annotations

import attrs
from h5py import h5a, h5d, h5g

from ....codecs.packing import mark_from_text, mark_to_text
from ....errors import CorruptFileError
from ....keys import to_bytes
from ....tree import RESERVED_CHILDREN, UNITS, Leaf, Mark, units_of
from .attributes import delete_attribute, read_attribute, write_attribute
from .ids import ObjectID
from .links import key_of

__all__ = ["MARK", "is_dict", "is_of_mark", "read_mark", "set_mark", "write_mark"]

MARK = b"hdfchk"
_UNITS = to_bytes(UNITS)
_BARE = b"_data"
_RESERVED = tuple(to_bytes(name) for name in RESERVED_CHILDREN if to_bytes(name) != _BARE)


def read_mark(oid: ObjectID) -> Mark | None:
    """Return the mark of an object, or None; its units are those of the attribute ``units``."""
    if h5a.get_num_attrs(oid) == 0 or not h5a.exists(oid, MARK):
        return None
    text = read_attribute(oid, MARK).data
    try:
        if not isinstance(text, str):
            raise CorruptFileError("the mark is not a string", hint="restore it from a copy")
        mark = mark_from_text(text)
        return mark if units_of(mark) is None else _with_units(oid, mark)
    except CorruptFileError as error:
        error.key = key_of(oid)
        raise


def _with_units(oid: ObjectID, mark: Mark) -> Mark:
    """Return a mark with the units of the attribute, which another program may have set."""
    units = read_attribute(oid, _UNITS).data if h5a.exists(oid, _UNITS) else None
    if not isinstance(units, str) or units == units_of(mark):
        return mark
    return attrs.evolve(mark, params={**mark.params, UNITS: units})


def is_of_mark(old: ObjectID, new: ObjectID, name: bytes) -> bool:
    """Whether an attribute of a replaced object is not for `new`, because it belongs to a mark."""
    if name != _UNITS:
        return False
    if h5a.exists(new, name):
        return True
    return units_of(read_mark(old)) is not None and units_of(read_mark(new)) is None


def is_dict(gid: ObjectID, mark: Mark | None) -> bool:
    """Return whether a group represents a dict, not a value of hdfchk or of the older tool."""
    if mark is not None:
        return mark.name == "dict"
    if type(gid) is not h5g.GroupID or any(gid.links.exists(name) for name in _RESERVED):
        return False
    return not gid.links.exists(_BARE) or gid.get_num_objs() > 1


def write_mark(oid: ObjectID, mark: Mark) -> None:
    """Set the mark of an object, and the attribute ``units`` that belongs to it."""
    write_attribute(oid, MARK, Leaf(mark_to_text(mark)))
    units = units_of(mark)
    if units is not None and type(oid) is h5d.DatasetID:
        write_attribute(oid, _UNITS, Leaf(units))


def set_mark(oid: ObjectID, mark: Mark | None) -> None:
    """Set the mark of an object, or delete it if `mark` is None."""
    if units_of(mark) is None and units_of(read_mark(oid)) is not None:
        delete_attribute(oid, _UNITS)
    if mark is None:
        delete_attribute(oid, MARK)
    else:
        write_mark(oid, mark)
