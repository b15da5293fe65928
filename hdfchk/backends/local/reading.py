"""From HDF5 objects to trees, on h5py's low-level API.

Per-object cost is what this module is about: a scalar without a mark is read in five calls.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5s, h5t

from ...codecs.packing import mark_from_text
from ...errors import (
    CorruptFileError,
    HdfchkError,
    NestingError,
    UnsafeFileError,
    UnsupportedStoredError,
)
from ...keys import Path, to_bytes, to_text
from ...tree import MAX_DEPTH, RESERVED_CHILDREN, Branch, Leaf, Mark
from ..base import Select
from . import links
from .types import BOOL, COMPLEX, FLOAT, INT, numpy_dtype, plain_dtype

__all__ = ["MARK", "Reader", "is_dict", "plain_array", "read_attribute", "read_mark"]

MARK = b"hdfchk"
_RESERVED = tuple(to_bytes(name) for name in sorted(RESERVED_CHILDREN))


def read_mark(oid: Any) -> Mark | None:
    """The mark of an object, or None."""
    if h5a.get_num_attrs(oid) == 0 or not h5a.exists(oid, MARK):
        return None
    text = read_attribute(oid, MARK).data
    if not isinstance(text, str):
        raise CorruptFileError("a mark that is no string", hint="restore it from a copy")
    return mark_from_text(text)


def read_attribute(oid: Any, name: bytes) -> Leaf:
    """One attribute of an object."""
    aid = h5a.open(oid, name)
    space = aid.get_space()
    kind = space.get_simple_extent_type()
    if kind == h5s.NULL:
        return Leaf(None)
    tid = aid.get_type()
    dtype = numpy_dtype(tid)
    data = np.empty(space.shape, dtype)
    if data.size:
        aid.read(data)
    return Leaf(_to_scalar(data, tid) if kind == h5s.SCALAR else plain_array(data))


def is_dict(gid: Any, mark: Mark | None) -> bool:
    """Whether a group stands for a dict, and not for a value of ours or of the older tool."""
    if mark is not None:
        return mark.name == "dict"
    return not any(gid.links.exists(name) for name in _RESERVED)


def plain_array(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """`data` as it is seen by others: strings decoded, no h5py marks in the dtype."""
    dtype = data.dtype
    if dtype.kind == "O" and h5py.check_string_dtype(dtype) is not None:
        plain = np.empty(data.shape, object)
        flat, source = plain.reshape(-1), data.reshape(-1)
        for index, item in enumerate(source):
            flat[index] = _text(item)
        return plain
    if dtype.metadata is not None and dtype.names is None:
        return data.view(np.dtype(object) if dtype.kind == "O" else np.dtype(dtype.str))
    return data


def _text(item: Any) -> Any:
    if not isinstance(item, bytes):
        return "" if item is None or item == 0 else item
    try:
        return item.decode()
    except UnicodeDecodeError:
        return item  # not ours, and no text: the bytes are what there is


def _to_scalar(data: np.ndarray[Any, Any], tid: Any) -> Any:
    """A 0-d array as the Python scalar that a tree has for it, or as it is."""
    dtype = data.dtype
    if dtype.kind == "S" or (dtype.kind == "O" and h5py.check_string_dtype(dtype) is not None):
        item = data[()]
        return _text(bytes(item) if isinstance(item, np.bytes_) else item)
    if tid.equal(INT) or tid.equal(FLOAT) or tid.equal(BOOL) or tid.equal(COMPLEX):
        return data.item()
    return plain_array(data)


class Reader:
    """Reads objects of one open file.

    Args:
        root: the group that is the root of all paths.
    """

    def __init__(self, root: Any) -> None:
        self.root = root
        self._float = np.empty((), np.float64)
        self._int = np.empty((), np.int64)

    def dataset(self, did: Any) -> Leaf:
        """One dataset, whole."""
        mark = read_mark(did)
        tid = did.get_type()
        space = did.get_space()
        kind = space.get_simple_extent_type()
        if kind == h5s.SCALAR:
            return self._scalar(did, tid, mark)
        if kind == h5s.NULL:
            return Leaf(None, mark)
        dtype = plain_dtype(tid)
        if dtype is not None:  # the usual types: no look at what else the type may be
            data = np.empty(space.shape, dtype)
            if data.size:
                _read_into(did, data, tid)
            return Leaf(data, mark)
        data = np.empty(space.shape, numpy_dtype(tid))
        if data.size:
            _read_into(did, data)
        return Leaf(plain_array(data), mark)

    def _scalar(self, did: Any, tid: Any, mark: Mark | None) -> Leaf:
        if tid.equal(FLOAT):
            did.read(h5s.ALL, h5s.ALL, self._float, FLOAT)
            return Leaf(self._float.item(), mark)
        if tid.equal(INT):
            did.read(h5s.ALL, h5s.ALL, self._int, INT)
            return Leaf(self._int.item(), mark)
        if tid.get_class() == h5t.STRING and not tid.is_variable_str():
            raw = np.empty((), f"S{tid.get_size()}")
            did.read(h5s.ALL, h5s.ALL, raw, tid)
            if mark is not None and tid.get_cset() != h5t.CSET_UTF8:
                return Leaf(raw, mark)
            return Leaf(_text(raw.item()), mark)
        data = np.empty((), numpy_dtype(tid))
        _read_into(did, data)
        # Marked data of an array's dtype stay arrays: a variable string stays a string.
        return Leaf(_to_scalar(data, tid), mark)

    def group(
        self, gid: Any, mark: Mark | None, path: Path, select: Select | None, above: frozenset[Any]
    ) -> Branch:
        """One group with all below it that `select` wants."""
        address = h5o.get_info(gid).addr
        if address in above or len(path) > 2 * MAX_DEPTH:
            raise NestingError(
                "a group that holds itself, by a hard link" if address in above
                else f"groups nested more than {2 * MAX_DEPTH} levels deep",
                hint="read single keys below it",
            )
        children: dict[str, Any] = {}
        for raw, link in links.entries(gid):
            name = to_text(raw)
            inner = (*path, name)
            try:
                oid = h5o.open(gid, raw) if link == links.HARD else self._open_soft(inner)
                if select is None and type(oid) is h5d.DatasetID:
                    children[name] = self.dataset(oid)
                    continue
                child = self._child(oid, inner, select, above | {address})
            except HdfchkError as error:
                raise error.under(name) from error.__cause__
            if child is not None:
                children[name] = child
        return Branch(children, mark)

    def _child(
        self, oid: Any, path: Path, select: Select | None, above: frozenset[Any]
    ) -> Leaf | Branch | None:
        if type(oid) is h5d.DatasetID:
            return self.dataset(oid) if select is None or select(path, False) else None
        if type(oid) is not h5g.GroupID:
            return None  # a named datatype is no value
        mark = read_mark(oid)
        if select is not None:
            as_dict = is_dict(oid, mark)
            if not select(path, as_dict):
                return None
            select = select if as_dict else None  # a value is read whole
        return self.group(oid, mark, path, select, above)

    def _open_soft(self, path: Path) -> Any:
        """Open what a link that is not hard leads to; only what lies in this file."""
        found = links.resolve(self.root, path)
        if found is None:
            raise UnsafeFileError("a soft link that leads nowhere", hint="delete the link")
        return h5o.open(self.root, found)


def _read_into(did: Any, data: np.ndarray[Any, Any], tid: Any = None) -> None:
    try:
        did.read(h5s.ALL, h5s.ALL, data, tid)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, TypeError):
            raise UnsupportedStoredError(str(error), hint="read it with plain h5py") from error
        raise CorruptFileError(
            f"the data can not be read ({error})",
            hint="if a filter is missing, install its plug-in; else restore it from a copy",
        ) from error
