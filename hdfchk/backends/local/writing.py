"""From trees to HDF5 objects, on h5py's low-level API.

New objects are complete before a link leads to them, and what they replace is let go last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5s, h5t

from ...codecs.packing import mark_to_text
from ...keys import to_bytes
from ...tree import Branch, Leaf, Mark
from . import sums
from .chunks import chunk_shape
from .reading import MARK, read_mark
from .types import (
    BOOL,
    BYTE,
    COMPACT_BYTES,
    COMPLEX,
    FLOAT,
    GROUP_CREATION,
    INT,
    NULL,
    NULL_TYPE,
    PYTHON_STRINGS,
    SCALAR,
    checked_creation,
    compact_creation,
    dataset_creation,
    dataspace,
    string_type,
    type_for,
)

__all__ = [
    "Writer",
    "copy_attributes",
    "delete_attribute",
    "relink",
    "write_attribute",
    "write_elements",
    "write_mark",
]

BLOCK_BYTES = 16 * 2**20
"""Arrays that are not contiguous are copied and written in blocks of about this size."""
ROOM_FROM = 2**16
"""For arrays of this many bytes room for metadata is kept before them."""
ROOM_BYTES = 4096


class Writer:
    """Makes objects in one open file.

    Args:
        fid: the file, or a group of it.
        checksum: arrays get checksums.
    """

    def __init__(self, fid: Any, *, checksum: bool = False) -> None:
        self._fid = fid
        self._checksum = checksum
        self._float = np.empty((), np.float64)
        self._int = np.empty((), np.int64)
        self._has_room = False

    @contextmanager
    def room(self) -> Iterator[None]:
        """A block that writes a large array, before which some space is kept for metadata.

        HDF5 takes the space of small objects from what is free. Had it to put them behind the
        array, they would stay there, and when the array is replaced its space could not be
        given back, nor grow: the file would come to hold it many times.
        """
        if self._has_room:
            yield
            return
        self._has_room = True
        keeper = h5d.create(self._fid, None, *_KEEPER)  # it has no name: it goes with its id
        try:
            yield
        finally:
            del keeper
            self._has_room = False

    def create(self, parent: Any, name: bytes | None, node: Leaf | Branch) -> Any:
        """Make the objects of `node` under `name` in `parent`, or without a link (None)."""
        if isinstance(node, Leaf):
            oid = self._dataset(parent, name, node)
            if node.mark is not None:
                write_mark(oid, node.mark)
            return oid
        gid = h5g.create(parent, name, gcpl=GROUP_CREATION)
        if node.mark is not None:
            write_mark(gid, node.mark)
        for child_name, child in node.children.items():
            self.create(gid, to_bytes(child_name), child)  # type: ignore[arg-type]
        return gid

    def _dataset(self, parent: Any, name: bytes | None, leaf: Leaf) -> Any:
        data = leaf.data
        kind = type(data)
        if kind is float:
            did = h5d.create(parent, name, FLOAT, SCALAR, dataset_creation(8))
            self._float[()] = data
            did.write(h5s.ALL, h5s.ALL, self._float, FLOAT)
            return did
        if kind is int:
            did = h5d.create(parent, name, INT, SCALAR, dataset_creation(8))
            self._int[()] = data  # type: ignore[assignment]
            did.write(h5s.ALL, h5s.ALL, self._int, INT)
            return did
        tid, space, array = _prepare(data)
        variable = array is not None and array.dtype.kind == "O"
        plist = dataset_creation(0 if array is None else array.nbytes, variable=variable)
        if self._checksum and array is not None and (variable or array.nbytes > COMPACT_BYTES):
            if array.ndim and not variable:
                plist = checked_creation(chunk_shape(array.shape, array.itemsize))
            else:
                did = h5d.create(parent, name, tid, space, plist)
                if array.size:
                    write_elements(did, array, tid)
                sums.write(did, data)
                return did
        if array is not None and array.nbytes >= ROOM_FROM:
            with self.room():
                did = h5d.create(parent, name, tid, space, plist)
                write_elements(did, array, tid)
            return did
        did = h5d.create(parent, name, tid, space, plist)
        if array is not None and array.size:
            write_elements(did, array, tid)
        return did

    def overwrite(self, did: Any, leaf: Leaf) -> bool:
        """Write `leaf` into a dataset of the same type, shape and mark; False if it differs."""
        tid, space, array = _prepare(leaf.data)
        mark = read_mark(did)
        if mark != leaf.mark or array is None:
            return False
        old = did.get_space()
        kind = old.get_simple_extent_type()
        if kind != space.get_simple_extent_type() or not did.get_type().equal(tid):
            return False
        if kind == h5s.SIMPLE and old.shape != space.shape:
            return False
        if array.size:
            write_elements(did, array, tid)
        if sums.has(did):
            sums.write(did, leaf.data)
        return True


_KEEPER = (BYTE, dataspace((ROOM_BYTES,)), compact_creation())


def _prepare(data: Any) -> tuple[Any, Any, Any]:
    """The HDF5 type, the dataspace and the array (None for a null space) of a leaf's data."""
    if data is None:
        return NULL_TYPE, NULL, None
    if isinstance(data, np.ndarray):
        return type_for(data.dtype), dataspace(data.shape), data
    if isinstance(data, str):
        raw = data.encode()
        width = max(len(raw), 1)
        return string_type(width), SCALAR, np.array(raw, f"S{width}")
    tid = {bool: BOOL, int: INT, float: FLOAT, complex: COMPLEX}[type(data)]
    return tid, SCALAR, np.array(data, _BUFFERS[type(data)])


_BUFFERS: dict[type, Any] = {
    bool: np.bool,
    int: np.int64,
    float: np.float64,
    complex: np.complex128,
}


def write_elements(did: Any, array: np.ndarray[Any, Any], tid: Any) -> None:
    """Write a whole array into a dataset; one that is not contiguous, block by block."""
    if array.dtype.kind == "O":
        tid = PYTHON_STRINGS
    if array.flags.c_contiguous:
        did.write(h5s.ALL, h5s.ALL, array, tid)
        return
    rows = max(1, BLOCK_BYTES * array.shape[0] // max(array.nbytes, 1))
    space = did.get_space()
    for start in range(0, array.shape[0], rows):
        block = np.ascontiguousarray(array[start : start + rows])
        space.select_hyperslab((start,) + (0,) * (array.ndim - 1), block.shape)
        did.write(h5s.create_simple(block.shape), space, block, tid)


def write_mark(oid: Any, mark: Mark) -> None:
    """Set the mark of an object that has none."""
    write_attribute(oid, MARK, Leaf(mark_to_text(mark)))


def write_attribute(oid: Any, name: bytes, leaf: Leaf) -> None:
    """Set an attribute, whatever it was before."""
    tid, space, array = _prepare(leaf.data)
    delete_attribute(oid, name)
    aid = h5a.create(oid, name, tid, space)
    if array is not None and array.size:
        memory = PYTHON_STRINGS if array.dtype.kind == "O" else tid
        aid.write(np.ascontiguousarray(array).reshape(array.shape), memory)


def delete_attribute(oid: Any, name: bytes) -> None:
    """Delete an attribute if it is there."""
    if h5a.exists(oid, name):
        h5a.delete(oid, name)


def copy_attributes(source: Any, target: Any, but: tuple[bytes, ...]) -> None:
    """Copy all attributes but those named from one object to another, as they are."""
    if h5a.get_num_attrs(source) == 0:
        return
    names: list[bytes] = []
    h5a.iterate(source, names.append)
    for name in names:
        if name in but:
            continue
        old = h5a.open(source, name)
        tid, space = old.get_type(), old.get_space()
        new = h5a.create(target, name, tid, space)
        if space.get_simple_extent_type() == h5s.NULL:
            continue
        if tid.detect_class(h5t.VLEN) or tid.detect_class(h5t.STRING):
            data = np.empty(old.shape, old.dtype)
            old.read(data)
            new.write(data)
        else:  # whatever NumPy makes of the type, the bytes are what they are
            data = np.empty(space.shape, f"V{tid.get_size()}")
            old.read(data, tid)
            new.write(data, tid)


def relink(parent: Any, name: bytes, oid: Any) -> None:
    """Let `name` lead to `oid` instead of what it led to."""
    parent.unlink(name)
    h5o.link(oid, parent, name)
