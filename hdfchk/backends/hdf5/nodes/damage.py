"""Whether HDF5 can remove an object: it reads all that says where its parts are, to free them."""

from __future__ import annotations

from functools import partial
from typing import Any

from h5py import h5a, h5d, h5g, h5o

from ..h5 import links
from ..h5.attributes import attribute_names, copy_attributes, is_own, raw_attribute
from ..h5.errors import RAISED

__all__ = ["copy_readable_attributes", "is_damaged"]


def is_damaged(oid: Any) -> bool:
    """Whether an object, or one that goes with it, cannot be removed."""
    todo = [oid]
    seen: set[int] = set()
    while todo:
        here = todo.pop()
        try:
            for name in attribute_names(here):
                raw_attribute(h5a.open(here, name))
            if type(here) is h5d.DatasetID:
                here.get_storage_size()
            elif type(here) is h5g.GroupID:
                for name, kind, address in links.entries(here, dangling=True):
                    if kind == links.HARD and address not in seen:
                        seen.add(address)
                        todo.append(h5o.open(here, name))
        except RAISED:
            return True
    return False


def copy_readable_attributes(source: Any, target: Any) -> None:
    """Copy all attributes that can be read, but for the library's own."""
    try:
        names = attribute_names(source)
    except RAISED:
        return
    for name in names:
        try:
            raw_attribute(h5a.open(source, name))
        except RAISED:
            continue
        copy_attributes(source, target, partial(_is_another, name))


def _is_another(wanted: bytes, name: bytes) -> bool:
    return name != wanted or is_own(name)
