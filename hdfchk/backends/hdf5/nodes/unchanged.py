"""Whether an assigned value equals the stored one: then nothing is replaced."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5d, h5t

from ....codecs.packing import PACKED
from ....codecs.registry import default_registry
from ....errors import HdfchkError
from ....keys import Path
from ....tree import Branch, Leaf
from ..h5 import links
from ..h5.errors import unless_damaged
from ..h5.ids import DatasetID, GroupID, ObjectID
from ..h5.marks import read_mark
from ..h5.types import has_variable
from ..h5.values import same_items
from .reader import Reader
from .writer import Writer

__all__ = ["is_unchanged", "leads_to_value"]


def is_unchanged(root: GroupID, writer: Writer, oid: ObjectID, node: Any) -> bool:
    """Return whether a foreign object is read as the value that is to replace it.

    This is needed only for objects into which no value is written: named datatypes, and datasets
    with variable-length elements other than strings, or with strings that are not all text.

    Args:
        root: the group that is the root of all paths.
        writer: provides the limits for reading the file.
        oid: the object.
        node: the value.
    """
    try:
        found: Any
        if isinstance(oid, h5t.TypeID):
            found = Reader(root, writer.guard, writer.cache).group(oid, None, (), None)
        elif type(oid) is h5d.DatasetID and _is_variable(oid, node) and read_mark(oid) is None:
            found = unless_damaged(lambda: Reader(root, writer.guard, writer.cache).dataset(oid))
        else:
            return False
        return found is not None and _reads_as(found, node)
    except (HdfchkError, KeyError):  # it cannot be read, or not be converted: a different value
        return False


def leads_to_value(root: GroupID, writer: Writer, path: Path, node: Any) -> bool:
    """Return whether the target of a link is read as the value that is to replace the link.

    Args:
        root: the group that is the root of all paths.
        writer: provides the limits for reading the file.
        path: the path of the link, which is a soft or external one.
        node: the value.
    """
    try:
        name = links.locate(root, path)
        oid = None if name is None else links.open_object(root, name, path)
        reader = Reader(root, writer.guard, writer.cache)
        if oid is None:
            return False
        found: Leaf | Branch | None = unless_damaged(
            lambda: (
                reader.dataset(oid)
                if type(oid) is h5d.DatasetID
                else reader.group(oid, read_mark(oid), path, None)
            )
        )
        return found is not None and (_same(found, node) or _reads_as(found, node))
    except (HdfchkError, KeyError):  # outside the file, or unreadable: a different value
        return False


def _reads_as(found: Any, node: Any) -> bool:
    return _same(default_registry.encode(default_registry.decode(found)), node)


def _is_variable(did: DatasetID, node: Any) -> bool:
    tid = did.get_type()
    kind = tid.get_class()
    if kind == h5t.STRING:  # some elements are bytes that are not text
        is_packed = isinstance(node, (Leaf, Branch)) and node.mark == PACKED
        return is_packed and bool(tid.is_variable_str())
    return kind in {h5t.VLEN, h5t.COMPOUND, h5t.ARRAY} and has_variable(tid)


def _same(first: Any, second: Any) -> bool:
    if type(first) is not type(second) or first.mark != second.mark:
        return False
    if isinstance(first, Branch):
        if list(first.children) != list(second.children):
            return False
        return all(_same(child, second.children[name]) for name, child in first.children.items())
    if not isinstance(first, Leaf) or type(first.data) is not type(second.data):
        return False
    if isinstance(first.data, np.ndarray):
        return same_items(first.data, second.data)
    return first.data == second.data or (first.data != first.data and second.data != second.data)
