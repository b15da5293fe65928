"""What in a file points at its objects: HDF5's references, found by going through the file once."""

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
"""The bytes of shorter files are searched for types of references, which is a hundred times as fast
as to open every object."""
BLOCK_BYTES = 2**22
ADDRESS_BYTES = (2, 4, 8, 16, 32)
"""An address in a file has one of these lengths; a reference to a region has four bytes more."""
MOST_OBJECTS = 2**20
MOST_BYTES = 2**26
"""No more objects are opened, nor bytes of references read."""
_PLAIN = frozenset({h5t.INTEGER, h5t.FLOAT, h5t.STRING, h5t.BITFIELD, h5t.OPAQUE, h5t.ENUM})


@attrs.frozen
class Holder:
    """What holds references: a dataset, or an attribute of an object.

    Args:
        address: of the object.
        path: one of its paths in the file.
        attribute: the attribute's name; None for the data of a dataset.
    """

    address: int
    path: bytes
    attribute: bytes | None

    def __str__(self) -> str:
        """As messages name it."""
        name = repr(to_text(self.path.strip(b"/")) or "/")
        if self.attribute is None:
            return name
        return f"the attribute {to_text(self.attribute)!r} of {name}"


@attrs.define
class Knowledge:
    """What is known of a file without a look.

    Args:
        no_references: there are none in it.
        no_names: nor has an object more than one hard link; it is never told of one alone.
    """

    no_references: bool = False
    no_names: bool = False


class References:
    """What points at what in one open file. It is looked for when that is first needed.

    Edits of ours make no references, but for attributes that go with a key whose value is
    replaced: so what was found can only come to be more than there is, and is looked for again
    before anything is refused.

    Args:
        known: what is known without a look.

    Attributes:
        known: what is known of the file; another file's bytes may tell the same.
        holders: by the address of an object, what points at it.
        names: by the address of an object that has several hard links, their paths.
        held: the addresses of all objects that hold references.
        unreadable: what holds references that cannot be read: they may point at anything.
        walks: how often it was looked for.
        free: keys at whose objects nothing points, as far as that was asked, where something may.
        overwrites: how many arrays were written over without a look.
        is_stale: what holds references is about to be at another address.
    """

    def __init__(self, known: Knowledge | None = None) -> None:
        self.known = known or Knowledge()
        self.holders: dict[int, list[Holder]] = {}
        self.names: dict[int, list[bytes]] = {}
        self.held: set[int] = set()
        self.unreadable: list[Holder] = []
        self.free: set[Path] = set()
        self._growing: set[Path] = set()
        """Where arrays are that take rows without becoming other objects."""
        self.walks = 0
        self.overwrites = 0
        self.is_stale = False
        self._was_walked = False

    @property
    def has_any(self) -> bool:
        """Whether there are references, as far as was looked."""
        return bool(self.holders or self.unreadable)

    def forget(self) -> None:
        """Somebody else has had the file: nothing is known."""
        self.known = Knowledge()
        self.forget_walk()

    def forget_walk(self) -> None:
        """Objects are at other addresses now."""
        self._was_walked = self.is_stale = False
        self.free.clear()
        self._growing.clear()
        self.holders.clear()
        self.names.clear()
        self.held.clear()
        self.unreadable.clear()

    def note_free(self, paths: Iterable[Path]) -> None:
        """Take a note of keys at whose objects nothing points."""
        if not self.known.no_names:
            self.free.update(paths)

    def note_growing(self, path: Path, did: DatasetID) -> None:
        """Take a note of an array that has taken rows, if it can always do so where it is."""
        if self.known.no_names or did.get_create_plist().get_layout() != h5d.CHUNKED:
            return
        if did.get_space().get_simple_extent_dims(True)[0] == h5s.UNLIMITED:
            self._growing.add(path)

    def takes_rows(self, path: Path) -> bool:
        """Whether nothing is parted from the array at a path when it takes rows."""
        return self.known.no_names or path in self._growing or path in self.free

    def look(self, root: ObjectID, guard: Guard) -> None:
        """Find out, if it is not known, what points at what.

        Args:
            root: any object of the file.
            guard: what the file cannot make its reader do.

        Raises:
            ReferencedError: the file is too large for that.
        """
        if not (self.known.no_references or self._was_walked):
            if _holds_no_references(h5i.get_file_id(root)):
                self.known = Knowledge(no_references=True)
            else:
                self.walk(root, guard)

    def walk(self, root: ObjectID, guard: Guard) -> None:
        """Go through all objects of a file.

        Args:
            root: any object of the file.
            guard: what the file cannot make its reader do.

        Raises:
            ReferencedError: there are too many, or too many references.
        """
        self.forget_walk()
        self.walks += 1
        _Walk(self, root, guard).run()
        self._was_walked = True
        if not self.has_any:
            self.known = Knowledge(no_references=True, no_names=not self.names)


def _holds_no_references(fid: FileID) -> bool:
    """Whether the bytes of a file have no HDF5 type of references anywhere, if they are not many.

    In each version of the format such a type begins with a byte whose lower half is 7 and whose
    upper half is the version. A byte for the kind follows, two of zero, and the size in four.
    """
    size = fid.get_filesize()
    if size > SEARCHED_UP_TO:
        return False
    h5f.flush(fid)
    try:
        image = np.frombuffer(fid.get_file_image(), np.uint8)
    except RAISED:  # a file in several parts, say
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
    is_new = np.isin(kinds & 0x0F, (2, 3, 4)) & (sizes > 0)  # of HDF5 1.12
    is_old = np.isin(sizes - 4 * kinds, ADDRESS_BYTES) & (kinds < 2)
    return bool(np.any((is_new | is_old) & (data[places] > 0x0F)))


class _Walk:
    """One look at all objects of a file."""

    def __init__(self, found: References, root: ObjectID, guard: Guard) -> None:
        self._found = found
        self._guard = guard
        self._root = h5g.open(h5i.get_file_id(root), b"/")
        self._seen: set[int] = set()
        self._bytes = 0
        self._width = min(8, address_bytes(root))

    def run(self) -> None:
        self._look_at(self._root, b"")
        todo = [b""]
        while todo:
            path = todo.pop()
            group = h5g.open(self._root, path) if path else self._root
            for name, oid in self._children(group):
                inner = path + b"/" + name
                if self._look_at(oid, inner) and type(oid) is h5g.GroupID:
                    todo.append(inner)

    def _children(self, group: GroupID) -> Iterator[tuple[bytes, ObjectID]]:
        """Names of hard links, and their objects: nobody gets at references in damaged ones."""
        found = unless_damaged(lambda: list(links.hard_entries(group)))
        for name, _, _ in found or ():
            oid = unless_damaged(partial(h5o.open, group, name))
            if oid is not None:
                yield name, oid

    def _look_at(self, oid: ObjectID, path: bytes) -> bool:
        """Look at one object; whether that is the first time."""
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
            self._take(oid, Holder(info.addr, path, None))
        if h5a.get_num_attrs(oid):
            self._take_attributes(oid, info.addr, path)
        return True

    def _take_attributes(self, oid: ObjectID, address: int, path: bytes) -> None:
        for name in unless_damaged(lambda: attribute_names(oid)) or ():
            aid = unless_damaged(partial(h5a.open, oid, name))
            if aid is not None:
                self._take(aid, Holder(address, path, name))

    def _take(self, oid: AttrID | DatasetID, holder: Holder) -> None:
        """Take the references in a dataset or attribute."""
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
        places = _places(tid)
        if places is not None:  # the bytes are the addresses
            size = tid.get_size()
            raw = np.zeros(oid.shape, f"V{size}")
            self._read(oid, raw, tid)
            table = np.frombuffer(raw.tobytes(), np.uint8).reshape(count, size)
            columns = [table[:, at : at + self._width] for at in places]
            return {number for column in columns for number in _numbers(column)}
        data = np.zeros(oid.shape, oid.dtype)
        self._read(oid, data, None)
        return {address for item in references_in(data) if (address := self._led_to(item))}

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

    def _led_to(self, reference: Reference) -> int:
        found = unless_damaged(lambda: info_of(h5r.dereference(reference, self._root)))
        return 0 if found is None else int(found.addr)  # it leads to nothing


def _numbers(column: np.ndarray[Any, Any]) -> list[int]:
    wide = np.zeros((len(column), 8), np.uint8)
    wide[:, : column.shape[1]] = column
    found: list[int] = np.unique(np.ascontiguousarray(wide).view("<u8")).tolist()
    return [number for number in found if number]


def _places(tid: TypeID) -> list[int] | None:
    """Where in an item's bytes addresses of objects are; None where these do not tell."""
    kind = tid.get_class()
    if kind == h5t.REFERENCE:
        return [0] if tid.equal(h5t.STD_REF_OBJ) else None
    if kind == h5t.COMPOUND:
        found: list[int] = []
        for index in range(tid.get_nmembers()):
            inner = _places(tid.get_member_type(index))
            if inner is None:
                return None
            found += [tid.get_member_offset(index) + at for at in inner]
        return found
    if kind == h5t.ARRAY:
        inner, base = _places(tid.get_super()), tid.get_super().get_size()
        if inner is None:
            return None
        return [base * index + at for index in range(tid.get_size() // base) for at in inner]
    if kind == h5t.VLEN or (kind == h5t.STRING and tid.is_variable_str()):
        return None
    return []


def _too_large(what: str) -> ReferencedError:
    return ReferencedError(
        f"it cannot be told whether something in the file points at it: there are {what}",
        hint="put(key, value, replace=True) replaces it all the same; what points at it then leads "
        "to nothing",
    )
