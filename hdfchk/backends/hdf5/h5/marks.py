"""Marks: the attribute that records what HDF5 alone cannot express."""

from __future__ import annotations

from h5py import h5a, h5g

from ....codecs.packing import mark_from_text, mark_to_text
from ....errors import CorruptFileError
from ....keys import to_bytes
from ....tree import RESERVED_CHILDREN, Leaf, Mark
from .attributes import delete_attribute, read_attribute, write_attribute
from .ids import ObjectID
from .links import key_of

__all__ = ["MARK", "is_dict", "read_mark", "set_mark", "write_mark"]

MARK = b"hdfchk"
_BARE = b"_data"
_RESERVED = tuple(to_bytes(name) for name in RESERVED_CHILDREN if to_bytes(name) != _BARE)


def read_mark(oid: ObjectID) -> Mark | None:
    """Return the mark of an object, or None."""
    if h5a.get_num_attrs(oid) == 0 or not h5a.exists(oid, MARK):
        return None
    text = read_attribute(oid, MARK).data
    try:
        if not isinstance(text, str):
            raise CorruptFileError("the mark is not a string", hint="restore it from a copy")
        return mark_from_text(text)
    except CorruptFileError as error:
        error.key = key_of(oid)
        raise


def is_dict(gid: ObjectID, mark: Mark | None) -> bool:
    """Return whether a group represents a dict, not a value of hdfchk or of the older tool."""
    if mark is not None:
        return mark.name == "dict"
    if type(gid) is not h5g.GroupID or any(gid.links.exists(name) for name in _RESERVED):
        return False
    return not gid.links.exists(_BARE) or gid.get_num_objs() > 1


def write_mark(oid: ObjectID, mark: Mark) -> None:
    """Set the mark of an object."""
    write_attribute(oid, MARK, Leaf(mark_to_text(mark)))


def set_mark(oid: ObjectID, mark: Mark | None) -> None:
    """Set the mark of an object, or delete it if `mark` is None."""
    if mark is None:
        delete_attribute(oid, MARK)
    else:
        write_mark(oid, mark)
