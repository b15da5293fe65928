"""What in a file points to its objects: HDF5's references, found in one walk over the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import attrs
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5i, h5o, h5r, h5s, h5t

from ....errors import HdfchkError, ReferencedError
from ....keys import Path, to_text
from ..data.limits import Guard
from ..h5 import links
from ..h5.attributes import attribute_names
from ..h5.errors import RAISED, unless_damaged
from ..h5.ids import AttrID, DatasetID, FileID, GroupID, ObjectID, Reference, TypeID
from ..h5.object_info import info_of
from ..h5.references import has_references, references_in
from ..h5.scales import address_bytes
from ..h5.values import memory_type

__all__ = ["Holder", "Knowledge", "References"]

SEARCHED_UP_TO = 2**27
"""Files up to this size, in bytes, are searched for reference datatypes, which is a hundred
times as fast as opening every object."""
BLOCK_BYTES = 2**22
ADDRESS_BYTES = (2, 4, 8, 16, 32)
"""The possible sizes of an address in a file; a region reference has four more bytes."""
MOST_OBJECTS = 2**20
MOST_BYTES = 2**26
"""The maximum numbers of objects that are opened, and of bytes of references that are read."""
_PLAIN = frozenset({h5t.INTEGER, h5t.FLOAT, h5t.STRING, h5t.BITFIELD, h5t.OPAQUE, h5t.ENUM})


@attrs.frozen
class Holder:
    """A dataset or attribute that contains references.

    Args:
        address: the address of the object.
        path: one of its paths in the file.
        attribute: the name of the attribute; None for the elements of a dataset.
    """

    address: int
    path: bytes
    attribute: bytes | None

    def __str__(self) -> str:
        """Return the name of the holder for messages."""
        name = repr(to_text(self.path.strip(b"/")) or "/")
        if self.attribute is None:
            return name
        return f"the attribute {to_text(self.attribute)!r} of {name}"


@attrs.define
class Knowledge:
    """What is known of a file without a search.

    Args:
        no_references: it contains no references.
        no_names: moreover, no object has more than one hard link; never True without
            `no_references`.
    """

    no_references: bool = False
    no_names: bool = False


class References:
    """What points to what in one open file; found when it is first needed.

    Edits by hdfchk create no references, except in attributes that stay with a key whose value is
    replaced. So the results can only contain too much, and the file is walked again before
    a step is rejected.

    Args:
        known: what is known without a search.

    Attributes:
        known: what is known of the file.
        holders: the holders that point to an object, by its address.
        names: the paths of an object with several hard links, by its address.
        held: the addresses of all objects that contain references.
        unreadable: the holders whose references cannot be read: these may point to anything.
        walks: the number of walks.
        free: keys whose objects are known not to be pinned, although other objects may be.
        overwrites: the number of arrays that were overwritten without a search.
        is_stale: the addresses of holders are about to change.
    """

    def __init__(self, known: Knowledge | None = None) -> None:
        self.known: Knowledge = known or Knowledge()
        self.holders: dict[int, list[Holder]] = {}
        self.names: dict[int, list[bytes]] = {}
        self.held: set[int] = set()
        self.unreadable: list[Holder] = []
        self.free: set[Path] = set()
        self._growing: set[Path] = set()
        """The paths of arrays that can take rows without being replaced."""
        self.walks: int = 0
        self.overwrites = 0
        self.is_stale: bool = False
        self._is_walked = False

    @property
    def has_any(self) -> bool:
        """Whether there are references, according to the last search."""
        return bool(self.holders or self.unreadable)

    def forget(self) -> None:
        """Forget everything, as other programs may have changed the file."""
        self.known = Knowledge()
        self.forget_walk()

    def forget_walk(self) -> None:
        """Forget the results of the walk, as addresses of objects have changed."""
        self._is_walked = self.is_stale = False
        self.free.clear()
        self._growing.clear()
        self.holders.clear()
        self.names.clear()
        self.held.clear()
        self.unreadable.clear()

    def note_free(self, paths: Iterable[Path]) -> None:
        """Record keys whose objects are not pinned."""
        if not self.known.no_names:
            self.free.update(paths)

    def note_growing(self, path: Path, did: DatasetID) -> None:
        """Record an array that has taken rows, if it can always be extended in place."""
        if self.known.no_names or did.get_create_plist().get_layout() != h5d.CHUNKED:
            return
        if did.get_space().get_simple_extent_dims(True)[0] == h5s.UNLIMITED:
            self._growing.add(path)

    def takes_rows(self, path: Path) -> bool:
        """Return whether the array at `path` can take rows and remain the same object."""
        return self.known.no_names or path in self._growing or path in self.free

    def look(self, root: ObjectID, guard: Guard) -> None:
        """Find what points to what, unless it is known.

        Args:
            root: any object of the file.
            guard: the limits for reading the file.

        Raises:
            ReferencedError: the file is too large for a search.
        """
        if not (self.known.no_references or self._is_walked):
            if _holds_no_references(h5i.get_file_id(root)):
                self.known = Knowledge(no_references=True)
            else:
                self.walk(root, guard)

    def walk(self, root: ObjectID, guard: Guard) -> None:
        """Walk over all objects of a file.

        Args:
            root: any object of the file.
            guard: the limits for reading the file.

        Raises:
            ReferencedError: there are too many objects, or too many bytes of references.
        """
        self.forget_walk()
        self.walks += 1
        _Walk(self, root, guard).run()
        self._is_walked = True
        if not self.has_any:
            self.known = Knowledge(no_references=True, no_names=not self.names)


def _holds_no_references(fid: FileID) -> bool:
    """Return whether a small file contains no byte sequence of a reference datatype.

    In each version of the format such a datatype begins with a byte whose lower half is 7 and whose
    upper half is the version. The next byte is the kind of reference, followed by two zero bytes
    and the size as uint32.
    """
    size = fid.get_filesize()
    if size > SEARCHED_UP_TO:
        return False
    h5f.flush(fid)
    try:
        image = np.frombuffer(fid.get_file_image(), np.uint8)
    except RAISED:  # for example, a file in several parts
        return False
    return not any(
        _has_reference_type(image[start : start + BLOCK_BYTES + 7])
        for start in range(0, len(image), BLOCK_BYTES)
    )


def _has_reference_type(data: np.ndarray[Any, Any]) -> bool:
    if len(data) < 8:
        return False
    places = np.flatnonzero((data[:-7] & 0x8F) == 7)
    for ahead in (2, 3, 5, 6, 7):
        places = places[data[places + ahead] == 0]
    kinds, sizes = data[places + 1], data[places + 4]
    is_new = np.isin(kinds & 0x0F, (2, 3, 4)) & (sizes > 0)  # since HDF5 1.12
    is_old = np.isin(sizes - 4 * kinds, ADDRESS_BYTES) & (kinds < 2)
    return bool(np.any((is_new | is_old) & (data[places] > 0x0F)))


class _Walk:
    """One walk over all objects of a file."""

    def __init__(self, found: References, root: ObjectID, guard: Guard) -> None:
        self._found = found
        self._guard = guard
        self._root = h5g.open(h5i.get_file_id(root), b"/")
        self._seen: set[int] = set()
        self._bytes = 0
        self._width = min(8, address_bytes(root))

    def run(self) -> None:
        self._visit(self._root, b"")
        todo = [b""]
        while todo:
            path = todo.pop()
            group = h5g.open(self._root, path) if path else self._root
            for name, oid in self._children(group):
                inner = path + b"/" + name
                if self._visit(oid, inner) and type(oid) is h5g.GroupID:
                    todo.append(inner)

    def _children(self, group: GroupID) -> Iterator[tuple[bytes, ObjectID]]:
        """Yield name and object of each hard link; references in damaged ones are unreadable."""
        found = unless_damaged(lambda: list(links.hard_entries(group)))
        for name, _, _ in found or ():
            oid = unless_damaged(partial(h5o.open, group, name))
            if oid is not None:
                yield name, oid

    def _visit(self, oid: ObjectID, path: bytes) -> bool:
        """Visit one object; return whether this is the first visit."""
        info = unless_damaged(lambda: info_of(oid))
        if info is None:
            return False
        if info.rc > 1 and not isinstance(oid, h5t.TypeID):
            self._found.names.setdefault(info.addr, []).append(path)
        if info.addr in self._seen:
            return False
        self._seen.add(info.addr)
        if len(self._seen) > MOST_OBJECTS:
            raise _too_large(f"more than {MOST_OBJECTS} objects")
        if type(oid) is h5d.DatasetID:
            self._collect(oid, Holder(info.addr, path, None))
        if h5a.get_num_attrs(oid):
            self._collect_attributes(oid, info.addr, path)
        return True

    def _collect_attributes(self, oid: ObjectID, address: int, path: bytes) -> None:
        for name in unless_damaged(lambda: attribute_names(oid)) or ():
            aid = unless_damaged(partial(h5a.open, oid, name))
            if aid is not None:
                self._collect(aid, Holder(address, path, name))

    def _collect(self, oid: AttrID | DatasetID, holder: Holder) -> None:
        """Collect the references in a dataset or attribute."""
        tid = oid.get_type()
        if tid.get_class() in _PLAIN or not has_references(tid):
            return
        if oid.get_space().get_simple_extent_type() == h5s.NULL:
            return
        count = int(np.prod(oid.shape, dtype=np.int64))
        self._bytes += count * tid.get_size()
        if self._bytes > MOST_BYTES:
            raise _too_large(f"more than {MOST_BYTES} bytes of references")
        also = (TypeError, HdfchkError)
        addresses = unless_damaged(lambda: self._addresses(oid, tid, count), also)
        if addresses is None:
            self._found.unreadable.append(holder)
            return
        self._found.held.add(holder.address)
        for address in addresses:
            self._found.holders.setdefault(address, []).append(holder)

    def _addresses(self, oid: AttrID | DatasetID, tid: TypeID, count: int) -> set[int]:
        if not count:
            return set()
        places = _address_offsets(tid)
        if places is not None:  # the raw bytes are the addresses
            size = tid.get_size()
            raw = np.zeros(oid.shape, f"V{size}")
            self._read(oid, raw, tid)
            table = np.frombuffer(raw.tobytes(), np.uint8).reshape(count, size)
            columns = [table[:, at : at + self._width] for at in places]
            return {number for column in columns for number in _numbers(column)}
        data = np.zeros(oid.shape, oid.dtype)
        self._read(oid, data, None)
        return {address for item in references_in(data) if (address := self._target_address(item))}

    def _read(
        self, oid: AttrID | DatasetID, data: np.ndarray[Any, Any], tid: TypeID | None
    ) -> None:
        if type(oid) is not h5d.DatasetID:
            oid.read(data, memory_type(oid.dtype) if tid is None else tid)
            return
        self._guard.begin()
        self._guard.inside(oid)
        self._guard.claims(oid)
        if tid is None:
            self._guard.variable(oid, data)
            return
        with self._guard.decoding(oid):
            oid.read(h5s.ALL, h5s.ALL, data, tid)

    def _target_address(self, reference: Reference) -> int:
        found = unless_damaged(lambda: info_of(h5r.dereference(reference, self._root)))
        return 0 if found is None else int(found.addr)  # it points to nothing


def _numbers(column: np.ndarray[Any, Any]) -> list[int]:
    wide = np.zeros((len(column), 8), np.uint8)
    wide[:, : column.shape[1]] = column
    found: list[int] = np.unique(np.ascontiguousarray(wide).view("<u8")).tolist()
    return [number for number in found if number]


def _address_offsets(tid: TypeID) -> list[int] | None:
    """Return the offsets of addresses in an element; None if its bytes do not contain them."""
    kind = tid.get_class()
    if kind == h5t.REFERENCE:
        return [0] if tid.equal(h5t.STD_REF_OBJ) else None
    if kind == h5t.COMPOUND:
        found: list[int] = []
        for index in range(tid.get_nmembers()):
            inner = _address_offsets(tid.get_member_type(index))
            if inner is None:
                return None
            found += [tid.get_member_offset(index) + at for at in inner]
        return found
    if kind == h5t.ARRAY:
        inner, base = _address_offsets(tid.get_super()), tid.get_super().get_size()
        if inner is None:
            return None
        return [base * index + at for index in range(tid.get_size() // base) for at in inner]
    if kind == h5t.VLEN or (kind == h5t.STRING and tid.is_variable_str()):
        return None
    return []


def _too_large(what: str) -> ReferencedError:
    return ReferencedError(
        f"cannot determine whether something in the file points to it: there are {what}",
        hint="put(key, value, replace=True) replaces it nevertheless; what points to it is then "
        "broken",
    )
