"""Comparing a rewritten file with the original.

Both are traversed together, group by group. Data are compared as stored in the files, encoded, in
blocks; only variable-length elements have to be read by HDF5.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any, NoReturn

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5o, h5r, h5s

from ...errors import CorruptFileError, UnsupportedStoredError
from ...keys import to_text
from ...runtime.interrupts import run_pending
from ...runtime.posix import read_all
from .data.anew import Part, stored_parts
from .data.chunk_index import chunks_of
from .data.limits import Guard
from .h5 import links
from .h5.attributes import attribute_names, raw_attribute
from .h5.errors import RAISED
from .h5.ids import AttrID, DatasetID, FileID, GroupID, ObjectID, PropDCID, Reference, TypeID
from .h5.key_order import is_order
from .h5.object_info import info_of
from .h5.references import Addresses, ReferenceSwap, Region, has_references
from .h5.types import file_access, has_variable, numpy_dtype
from .h5.values import raw_data, same_items
from .wal.fit import STAMP

__all__ = ["compare_files"]

BLOCK_BYTES = 2**22


def compare_files(source: h5py.File, path: str, guard: Guard) -> None:
    """Check that a copy has the same contents as the original.

    Args:
        source: the open original file.
        path: the copy, which must not be open.
        guard: the limits for reading the original.

    Raises:
        CorruptFileError: the contents differ.
    """
    copy = h5py.File(h5f.open(os.fsencode(path), h5f.ACC_RDONLY, file_access()))
    try:
        _Comparison(source, copy, guard).run()
    finally:
        copy.close()


def _differ(oid: ObjectID, what: str) -> NoReturn:
    raise CorruptFileError(
        f"the compacted copy differs from the file in {what}",
        key=links.key_of(oid),
        hint="the file is unchanged; call verify(), and report a bug if it finds no damage",
    )


class _Comparison:
    def __init__(self, source: h5py.File, copy: h5py.File, guard: Guard) -> None:
        self._source = source
        self._copy = copy
        self._guard = guard
        self._copy_guard = Guard(copy, guard.options)
        self._pairs: dict[int, int] = {}
        """The address of each object -> the address of its copy."""
        self._copies: set[int] = set()
        self._types: dict[int, int] = {}
        """The address of each named type that an object uses -> the address of its copy."""
        self._with_references: list[bytes] = []
        """The paths of objects that contain references."""
        files = (source, copy)
        self._is_plain = not any(file.id.get_create_plist().get_userblock() for file in files)
        """Offsets are as HDF5 reports them; with a user block, that depends on its version."""

    def run(self) -> None:
        old, new = (h5g.open(file.id, b"/") for file in (self._source, self._copy))
        self._is_compared(old, new)
        todo = [(old, new, self._links(old, new))]
        while todo:
            old, new, names = todo[-1]
            inner = None
            for name in names:
                run_pending()
                inner = self._objects(h5o.open(old, name), h5o.open(new, name))
                if inner is not None:
                    break
            if inner is None:
                todo.pop()
            else:
                todo.append((*inner, self._links(*inner)))
        self._compare_types(h5g.open(self._source.id, b"/"))
        if self._with_references:
            with ReferenceSwap() as swap:
                files = self._source.id, self._copy.id
                _References(*files, self._pairs, swap).run(self._with_references)

    def _is_compared(self, old: ObjectID, new: ObjectID) -> bool:
        """Return whether two objects were compared before; each object must have its own copy."""
        place, other = info_of(old).addr, info_of(new).addr
        known = self._pairs.get(place)
        if known is None and other not in self._copies:
            self._pairs[place] = other
            self._copies.add(other)
            return False
        if known != other:
            _differ(old, "which links point to one object")
        return True

    def _note_type(self, oid: ObjectID, old: TypeID, new: TypeID) -> None:
        """Compare which named type an object uses, if any."""
        if old.committed() != new.committed():
            _differ(oid, "whether its type has a name")
        if old.committed():
            place, other = h5o.get_info(old).addr, h5o.get_info(new).addr
            if self._types.setdefault(place, other) != other:
                _differ(oid, "which named type it uses")

    def _compare_types(self, root: GroupID) -> None:
        """Compare the named types that objects use, after all objects were compared."""
        places = self._types.values()
        if len(set(places)) < len(places) or any(
            self._pairs.get(place, other) != other for place, other in self._types.items()
        ):
            _differ(root, "which named types its datasets and attributes use")

    def _links(self, old: GroupID, new: GroupID) -> Iterator[bytes]:
        """Compare the links of two groups; return the names of the hard links."""
        self._attributes(old, new)
        wanted = links.entries(old, dangling=True)
        found = links.entries(new, dangling=True)
        if [entry[:2] for entry in wanted] != [entry[:2] for entry in found]:
            _differ(old, "its keys, or their order")
        for name, kind, _ in wanted:
            if kind != links.HARD and old.links.get_val(name) != new.links.get_val(name):
                _differ(old, f"where the link {to_text(name)!r} points")
        return (name for name, kind, _ in wanted if kind == links.HARD)

    def _objects(self, old: ObjectID, new: ObjectID) -> tuple[GroupID, GroupID] | None:
        """Compare two objects; return both if they are groups, which must be traversed."""
        if type(old) is not type(new):
            _differ(old, "what kind of object it is")
        if self._is_compared(old, new):
            return None
        if type(old) is type(new) is h5g.GroupID:
            return old, new
        self._attributes(old, new)
        if type(old) is type(new) is h5d.DatasetID:
            _compare_forms(old, new)
            self._note_type(old, old.get_type(), new.get_type())
            if has_references(old.get_type()):
                self._note(old)
            elif old.shape is not None:
                self._data(old, new)
        elif isinstance(old, TypeID) and isinstance(new, TypeID) and not old.equal(new):
            _differ(old, "the named type")
        return None

    def _attributes(self, old: ObjectID, new: ObjectID) -> None:
        for first, second in _compare_attributes(old, new):
            self._note_type(old, first, second)
            if has_references(first):
                self._note(old)

    def _note(self, oid: ObjectID) -> None:
        """Record an object with references, which are compared at the end."""
        path = links.path_of(oid)
        if not self._with_references or self._with_references[-1] != path:
            self._with_references.append(path)

    def _data(self, old: DatasetID, new: DatasetID) -> None:
        if has_variable(old.get_type()):
            self._items(old, new)
            return
        layout = old.get_create_plist().get_layout()
        if layout == h5d.CHUNKED:
            self._chunks(old, new)
        elif layout == h5d.CONTIGUOUS:
            self._contiguous(old, new)
        elif layout == h5d.COMPACT and not same_items(raw_data(old), raw_data(new)):
            _differ(old, "its data")

    def _contiguous(self, old: DatasetID, new: DatasetID) -> None:
        first, second = old.get_offset(), new.get_offset()
        size = old.get_storage_size()
        if (first is None) != (second is None) or size != new.get_storage_size():
            _differ(old, "how much of it is stored")
        if first is not None and not old.get_create_plist().get_external_count():
            self._bytes(old, first, second, size)

    def _chunks(self, old: DatasetID, new: DatasetID) -> None:
        wanted, found = _chunk_places(old), _chunk_places(new)
        if wanted.keys() != found.keys():
            _differ(old, "which of its chunks are stored")
        for offset, (mask, size, first) in wanted.items():
            other_mask, other_size, second = found[offset]
            if (mask, size) != (other_mask, other_size):
                _differ(old, f"its chunk at {offset}")
            if self._is_plain:
                self._bytes(old, first, second, size)
            elif old.read_direct_chunk(offset) != new.read_direct_chunk(offset):
                _differ(old, "its data")

    def _bytes(self, oid: ObjectID, first: int, second: int, size: int) -> None:
        """Compare bytes of the two files."""
        source, copy = (file.id.get_vfd_handle() for file in (self._source, self._copy))
        for start in range(0, size, BLOCK_BYTES):
            length = min(BLOCK_BYTES, size - start)
            wanted = read_all(source, length, first + start)
            if len(wanted) != length or wanted != read_all(copy, length, second + start):
                _differ(oid, "its data")

    def _items(self, old: DatasetID, new: DatasetID) -> None:
        """Compare variable-length elements, block by block."""
        try:
            dtype, other = numpy_dtype(old.get_type()), numpy_dtype(new.get_type())
        except UnsupportedStoredError as error:
            error.key, error.hint = links.key_of(old), "the file is unchanged; use h5repack"
            raise
        pairs = zip(
            self._guard.blocks(old, dtype), self._copy_guard.blocks(new, other), strict=True
        )
        if not all(same_items(first, second) for first, second in pairs):
            _differ(old, "its data")


class _References:
    """Compares references by their objects, once the copies of all objects are known."""

    def __init__(
        self, source: FileID, copy: FileID, pairs: dict[int, int], swap: ReferenceSwap
    ) -> None:
        self._source = source
        self._copy = copy
        self._pairs = pairs
        self._swap = swap

    def run(self, paths: list[bytes]) -> None:
        """Compare the references of some objects.

        Raises:
            CorruptFileError: a reference points to another object.
        """
        for path in paths:
            self._compare(h5o.open(self._source, path), h5o.open(self._copy, path))

    def _compare(self, old: ObjectID, new: ObjectID) -> None:
        for name in attribute_names(old):
            first = h5a.open(old, name)
            tid = first.get_type()
            if has_references(tid):
                data = raw_attribute(first), raw_attribute(h5a.open(new, name))
                if data[0] is not None and not self._is_same(*data, tid):
                    _differ(old, f"its attribute {to_text(name)!r}")
        if type(old) is type(new) is h5d.DatasetID and has_references(old.get_type()):
            parts, found = (sorted(stored_parts(did), key=_start) for did in (old, new))
            if parts != found:
                _differ(old, "how much of it is stored")
            for part in parts:
                if not self._is_same(part.read(old), part.read(new), old.get_type()):
                    _differ(old, "its data")

    def _is_same(self, wanted: Any, found: Any, tid: TypeID) -> bool:
        first, second = self._extract(wanted, tid), self._extract(found, tid)
        if not same_items(wanted, found):  # the rest, without the references
            return False
        return self._same_objects(first[0], second[0]) and self._same_regions(first[1], second[1])

    def _extract(self, data: Any, tid: TypeID) -> tuple[Addresses, list[Region]]:
        objects: list[Addresses] = []
        regions: list[Region] = []

        def take_objects(addresses: Addresses) -> Addresses:
            objects.append(addresses.copy())
            return np.zeros_like(addresses)

        def take_regions(found: list[Region]) -> list[Region]:
            regions.extend(found)
            return [None] * len(found)

        self._swap.exchange(data, tid, take_objects, take_regions)
        return np.concatenate([*objects, np.zeros(0, "<u8")]), regions

    def _same_objects(self, wanted: Addresses, found: Addresses) -> bool:
        if len(wanted) != len(found):
            return False
        # Dereference them: HDF5 may interpret the same address differently.
        pairs = np.unique(np.stack([wanted, found]), axis=1)
        references = zip(*map(self._swap.references, pairs), strict=True)
        return all(itertools.starmap(self._points_to_copy, references))

    def _points_to_copy(self, first: Reference | None, second: Reference | None) -> bool:
        place = _target_address(first, self._source)
        return _target_address(second, self._copy) == (self._pairs.get(place) if place else 0)

    def _same_regions(self, wanted: list[Region], found: list[Region]) -> bool:
        if len(wanted) != len(found):
            return False
        for first, second in zip(wanted, found, strict=True):
            if not self._points_to_copy(first, second):
                return False
            if first and second:
                spaces = h5r.get_region(first, self._source), h5r.get_region(second, self._copy)
                if spaces[0].encode() != spaces[1].encode():
                    return False
        return True


def _start(part: Part) -> tuple[int, ...]:
    return part.start


def _target_address(reference: Reference | None, file: FileID) -> int:
    if not reference:
        return 0
    try:
        return int(info_of(h5r.dereference(reference, file)).addr)
    except RAISED:
        return 0


def _chunk_places(did: DatasetID) -> dict[tuple[int, ...], tuple[int, int, int | Any]]:
    return {
        offset: (info.filter_mask, info.size, info.byte_offset)
        for offset, info in chunks_of(did, did.get_create_plist())
    }


def _compare_attributes(old: ObjectID, new: ObjectID) -> Iterator[tuple[TypeID, TypeID]]:
    """Compare the attributes of two objects; yield their types, which are compared later."""
    # The copy has its keys in the right order, and needs no list of positions.
    names = [name for name in attribute_names(old) if name != STAMP and not is_order(name)]
    if names != [name for name in attribute_names(new) if name != STAMP]:
        _differ(old, "its attributes, or their order")
    for name in names:
        first, second = h5a.open(old, name), h5a.open(new, name)
        if not _same_attribute(first, second):
            _differ(old, f"its attribute {to_text(name)!r}")
        yield first.get_type(), second.get_type()


def _same_attribute(old: AttrID, new: AttrID) -> bool:
    """Return whether two attributes are equal, except for references, which are compared later."""
    tid, space = old.get_type(), old.get_space()
    kind = space.get_simple_extent_type()
    if not tid.equal(new.get_type()) or kind != new.get_space().get_simple_extent_type():
        return False
    if kind == h5s.NULL:
        return True
    if old.shape != new.shape:
        return False
    return has_references(tid) or same_items(raw_attribute(old), raw_attribute(new))


def _compare_forms(old: DatasetID, new: DatasetID) -> None:
    """Compare types, shapes and layouts of two datasets."""
    if not old.get_type().equal(new.get_type()):
        _differ(old, "its type")
    first, second = old.get_space(), new.get_space()
    kinds = [space.get_simple_extent_type() for space in (first, second)]
    if kinds[0] != kinds[1] or old.shape != new.shape:
        _differ(old, "its shape")
    if kinds[0] == h5s.SIMPLE and (
        first.get_simple_extent_dims(True) != second.get_simple_extent_dims(True)
    ):
        _differ(old, "its maximum shape")
    if _layout(old) != _layout(new):
        _differ(old, "how it is stored")
    values = [_fill_value(did) for did in (old, new)]
    if not same_items(*values):
        _differ(old, "its fill value")


def _fill_value(did: DatasetID) -> Any:
    """Return the fill value of a dataset; None if it is not set, or h5py cannot read it."""
    plist = did.get_create_plist()
    if plist.fill_value_defined() != h5d.FILL_VALUE_USER_DEFINED:
        return None
    try:
        value = np.zeros(1, numpy_dtype(did.get_type()))  # h5py reads strings only into 1-d arrays
        plist.get_fill_value(value)
    except (UnsupportedStoredError, *RAISED):
        return None
    return value


def _layout(did: DatasetID) -> tuple[Any, ...]:
    plist = did.get_create_plist()
    layout = plist.get_layout()
    return (
        layout,
        plist.get_chunk() if layout == h5d.CHUNKED else None,
        [plist.get_filter(i) for i in range(plist.get_nfilters())],
        [plist.get_external(i) for i in range(plist.get_external_count())],
        plist.fill_value_defined(),
        plist.get_fill_time(),
        _virtual(plist) if layout == h5d.VIRTUAL else None,
    )


def _virtual(plist: PropDCID) -> list[Any]:
    return [
        (
            plist.get_virtual_filename(i),
            plist.get_virtual_dsetname(i),
            plist.get_virtual_vspace(i).get_select_bounds(),
        )
        for i in range(plist.get_virtual_count())
    ]
