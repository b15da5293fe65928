"""Entries of a listing, with h5py's low-level API: each object is opened once, no array is read.

The cost per object matters here: most of it is HDF5's, to open the object.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5s, h5t

from ....codecs.type_names import (
    MOST_TEXT,
    Outline,
    Told,
    nbytes_of,
    told_of_group,
    told_of_leaf,
)
from ....errors import HdfchkError
from ....keys import MAX_PATH, Path, to_bytes, to_text
from ....tree import Leaf, Mark, is_none_number
from ...base import Select
from ...entries import MAX_VISITS, SMALL_VALUE, Entry, problem_of
from ..data.limits import Guard
from ..h5 import links
from ..h5.errors import RAISED, unreadable
from ..h5.forms import axes_of
from ..h5.ids import DatasetID, GroupID, ObjectID, PropDCID, TypeID
from ..h5.links import HARD
from ..h5.marks import is_dict, read_mark
from ..h5.object_info import EXTERNAL_FILES, FILTERED, info_of
from ..h5.types import BOOL, COMPLEX, FLOAT, INT, numpy_dtype, plain_dtype, string_type, unmarked
from .reader import Reader

__all__ = ["Lister"]

_PREFIX = b"hdfchk"
_LAYOUTS = {
    h5d.COMPACT: "compact",
    h5d.CONTIGUOUS: "contiguous",
    h5d.CHUNKED: "chunked",
    h5d.VIRTUAL: "virtual",
}
_MOST_PARTS = 1000
"""The sizes of a value that consists of more objects are not added up."""
_INT64, _FLOAT64 = np.dtype(np.int64), np.dtype(np.float64)

_Link = tuple[bytes, int, int]


@attrs.define(eq=False, repr=False)
class _Level:
    """A dict that is being listed.

    Args:
        gid: its group.
        key: its key, with a slash at the end; empty for the dict at which the listing began.
        path: its path.
        place: its address.
        links: the links that are still to be listed.
    """

    gid: GroupID
    key: str
    path: Path
    place: int
    links: Iterator[_Link]


class Lister:
    """Lists what is stored in one open file.

    Args:
        reader: reads small values.
        guard: the limits for reading the file.
        select: which keys are listed; None for all.
        values: include small values.
    """

    def __init__(
        self, reader: Reader, guard: Guard, select: Select | None, *, values: bool
    ) -> None:
        self._reader = reader
        self._guard = guard
        self._select = select
        self._values = values
        self._number = np.empty((), np.float64)
        self._visits: dict[int, int] = {}
        self._found: list[Entry] = []

    def run(self, oid: ObjectID, path: Path, depth: int | None, limit: int | None) -> list[Entry]:
        """List an object, or, if it is a dict, what is below it.

        Args:
            oid: the object.
            path: its path.
            depth: the number of levels below it; None for all, 0 for itself.
            limit: the maximum number of entries.
        """
        depth = MAX_PATH if depth is None else depth
        entry = self._object(oid, "", path)
        if type(oid) is not h5g.GroupID or entry.kind != "group" or depth <= 0:
            return [entry]
        todo = [self._level(oid, "", path, h5o.get_info(oid).addr)]
        while todo:
            level = todo[-1]
            link = next(level.links, None)
            if link is None:
                todo.pop()
            elif limit is not None and len(self._found) >= limit:
                break
            else:
                below = self._entry(level, link, len(todo) < depth, todo)
                if below is not None:
                    todo.append(below)
        return self._found

    # -- links -----------------------------------------------------------------------------------

    def _level(self, gid: GroupID, key: str, path: Path, place: int) -> _Level:
        listed = links.entries(gid, marked=h5a.get_num_attrs(gid) > 0, dangling=True, damaged=True)
        if self._select is not None:
            listed = [entry for entry in listed if self._shows(gid, entry, path)]
        return _Level(gid, key, path, place, iter(listed))

    def _shows(self, gid: GroupID, link: _Link, path: Path) -> bool:
        """Whether the filters accept the target of a link, or may accept keys below it."""
        select, inner = self._select, (*path, to_text(link[0]))
        if select is None or select(inner, False):
            return True
        if link[1] != HARD or not select(inner, True):
            return False
        try:
            oid = h5o.open(gid, link[0])
            return type(oid) is h5g.GroupID and is_dict(oid, read_mark(oid))
        except (*RAISED, HdfchkError):
            return False

    def _entry(self, level: _Level, link: _Link, enters: bool, todo: list[_Level]) -> _Level | None:
        """Add the entry of a link; return the level below it, if there is one to be listed."""
        raw, kind, address = link
        name = to_text(raw)
        key = level.key + name
        path = (*level.path, name)
        if b"/" in raw or not raw:
            problem = "the name of the link is invalid; hdfchk.salvage() copies what is intact"
            self._found.append(Entry(key, "value", "unknown", problem=problem))
            return None
        try:
            if kind != HARD:
                self._found.append(self._of_link(level.gid, raw, kind, key))
                return None
            oid = h5o.open(level.gid, raw)
            entry = self._object(oid, key, path)
            self._found.append(entry)
            if type(oid) is not h5g.GroupID or entry.kind != "group" or not enters:
                return None
            entry.problem = self._problem_of_visit(address, todo)
            if entry.problem is not None:
                return None
            return self._level(oid, key + "/", path, address)
        except (*RAISED, HdfchkError) as error:
            problem = _problem(error)
            if self._found and self._found[-1].key == key:
                self._found[-1].problem = problem
            else:
                self._found.append(Entry(key, "value", "unknown", problem=problem))
            return None

    def _problem_of_visit(self, place: int, todo: list[_Level]) -> str | None:
        if any(level.place == place for level in todo):
            return "a group that contains itself, by a link; it is not listed again"
        visits = self._visits[place] = self._visits.get(place, 0) + 1
        if visits > MAX_VISITS:
            return f"one group is reached by more than {MAX_VISITS} paths; it is not listed again"
        if len(todo) >= MAX_PATH:
            return f"groups nested more than {MAX_PATH} levels deep, which are not listed"
        return None

    def _of_link(self, gid: GroupID, raw: bytes, kind: int, key: str) -> Entry:
        """Return the entry of a link that is not followed."""
        if kind == h5l.TYPE_SOFT:
            target = to_text(gid.links.get_val(raw))
            is_there = links.resolve(gid, (to_text(raw),)) is not None
            problem = None if is_there else "the link leads to nothing"
            return Entry(key, "value", f"link to {target!r}", problem=problem)
        if kind == h5l.TYPE_EXTERNAL:
            file, inner = (to_text(part) for part in gid.links.get_val(raw))
            problem = "a link to another file, which is not followed"
            return Entry(key, "value", f"link to {inner!r} in {file!r}", problem=problem)
        problem = "a user-defined link, whose target only the program that created it knows"
        return Entry(key, "value", "link", problem=problem)

    # -- objects ---------------------------------------------------------------------------------

    def _object(self, oid: ObjectID, key: str, path: Path) -> Entry:
        if type(oid) is h5d.DatasetID:
            return self._dataset(oid, key)
        count = h5a.get_num_attrs(oid)
        mark = read_mark(oid) if count else None
        attributes = self._attributes(oid, count, mark)
        if type(oid) is not h5g.GroupID:  # a named type
            return Entry(key, "value", "dtype", attributes=attributes)
        if is_dict(oid, mark):
            length = self._length(oid, path)
            return Entry(key, "group", "dict", length, attributes=attributes)
        names = [to_text(name) for name, _, _ in links.hard_entries(oid)]
        told = told_of_group(
            mark, names, functools.partial(_part, oid), functools.partial(_text_of, oid, b"items")
        )
        stored, nbytes = _sizes(oid)
        return Entry(
            key, told.kind, told.type, told.length, told.shape, told.dtype, nbytes, stored,
            attributes=attributes,
        )  # fmt: skip

    def _length(self, gid: GroupID, path: Path) -> int:
        """Return the number of keys of a dict that the filters accept."""
        total = gid.get_num_objs()
        if self._select is None and links.is_large(gid, total):
            return total - links.hidden_links(gid)
        listed = links.entries(gid, damaged=True)
        if self._select is None:
            return len(listed)
        return sum(self._shows(gid, entry, path) for entry in listed)

    @staticmethod
    def _attributes(oid: ObjectID, count: int, mark: Mark | None) -> int:
        """Return the number of attributes that are not hdfchk's."""
        if count == 0 or (count == 1 and mark is not None):
            return 0
        names: list[bytes] = []
        h5a.iterate(oid, names.append)
        return sum(not name.startswith(_PREFIX) for name in names)

    def _dataset(self, did: DatasetID, key: str) -> Entry:
        shape = did.shape
        info = info_of(did, len(shape or ()))
        count, present = info.num_attrs, info.hdr.mesg.present
        mark = read_mark(did) if count else None
        attributes = self._attributes(did, count, mark) if count else 0
        tid = did.get_type()
        stored = did.get_storage_size()
        told = problem = None
        dtype: np.dtype[Any] | None
        if mark is None and shape == ():
            dtype, told, leaf = self._number_of(did, tid, present)
        else:
            dtype, leaf = plain_dtype(tid), None
        inner: tuple[int, ...] = ()
        if dtype is None:
            try:
                dtype, inner = axes_of(numpy_dtype(tid))
                dtype = unmarked(dtype)
            except HdfchkError as error:
                problem = problem_of(error)
        outline = Outline(mark, None if shape is None else (*shape, *inner), dtype)
        if told is None:
            if dtype is None and shape is not None:
                told = Told("value", _unsupported(tid), None, shape)
            else:
                told = told_of_leaf(outline, functools.partial(_text, did, tid))
        layout, chunks, compression = self._layout(did, shape, present, inner)
        if problem is None and layout in {"external", "virtual"}:
            problem = self._problem_of_place(did, present)
        nbytes = nbytes_of(told, outline)
        if self._values and leaf is None and problem is None and told.kind == "value":
            leaf = self._leaf(did, nbytes)
        return Entry(
            key, told.kind, told.type, told.length, told.shape, told.dtype, nbytes, stored,
            layout, chunks, compression, attributes, leaf, problem,
        )  # fmt: skip

    def _number_of(
        self, did: DatasetID, tid: TypeID, present: int
    ) -> tuple[np.dtype[Any] | None, Told | None, Leaf | None]:
        """Describe an unmarked scalar, if it is read as a Python scalar.

        A float is read here, since None is stored as one.
        """
        if tid.equal(FLOAT):
            if present & EXTERNAL_FILES:
                return _FLOAT64, Told("value", "float"), None
            self._number[()] = 0
            did.read(h5s.ALL, h5s.ALL, self._number, FLOAT)
            value: float | None = self._number.item()
            if value != value and is_none_number(value):  # type: ignore[arg-type]  # noqa: PLR0124
                value = None
            told = Told("value", "None" if value is None else "float")
            return _FLOAT64, told, Leaf(value) if self._values else None
        if tid.equal(INT):
            return _INT64, Told("value", "int"), None
        if tid.equal(BOOL):
            return BOOL.dtype, Told("value", "bool"), None
        if tid.equal(COMPLEX):
            return COMPLEX.dtype, Told("value", "complex"), None
        if tid.get_class() == h5t.STRING:
            return numpy_dtype(tid), Told("value", "str"), None
        return None, None, None

    @staticmethod
    def _layout(
        did: DatasetID, shape: tuple[int, ...] | None, present: int, inner: tuple[int, ...]
    ) -> tuple[str | None, tuple[int, ...] | None, str | None]:
        """Return layout, chunk shape and compression."""
        if present & EXTERNAL_FILES:
            return "external", None, None
        if not present & FILTERED and did.get_offset() is not None:
            return "contiguous", None, None
        if shape == ():  # a scalar has no chunks
            return "compact" if did.get_storage_size() else "contiguous", None, None
        plist: PropDCID = did.get_create_plist()
        layout = plist.get_layout()
        chunks = (*plist.get_chunk(), *inner) if layout == h5d.CHUNKED else None
        compression = None
        if present & FILTERED:
            from ..data.filters import compression_of

            compression = compression_of(plist)
        return _LAYOUTS.get(layout), chunks, compression

    def _problem_of_place(self, did: DatasetID, present: int) -> str | None:
        try:
            self._guard.inside(did, present)
        except HdfchkError as error:
            return problem_of(error)
        return None

    def _leaf(self, did: DatasetID, nbytes: int | None) -> Leaf | None:
        if nbytes is not None and nbytes > SMALL_VALUE:
            return None
        leaf = self._reader.dataset(did)
        is_long = isinstance(leaf.data, str) and len(leaf.data) > SMALL_VALUE
        return None if is_long else leaf


def _sizes(gid: GroupID) -> tuple[int | None, int | None]:
    """Return the bytes of a value in the file and in memory; None if it has too many parts."""
    stored = nbytes = 0
    is_known = True
    for count, (_, oid) in enumerate(links.below(gid)):
        if count == _MOST_PARTS:
            return None, None
        if type(oid) is h5d.DatasetID:
            stored += oid.get_storage_size()
            tid = oid.get_type()
            is_known = is_known and not tid.detect_class(h5t.VLEN)
            nbytes += oid.get_space().get_simple_extent_npoints() * tid.get_size()
    return stored, nbytes if is_known else None


def _part(gid: GroupID, name: str) -> Outline | None:
    """Return the outline of a part of a value; ``"index/values"`` is a part of a part."""
    raw = to_bytes(name)
    for depth in range(1, raw.count(b"/") + 2):
        above = b"/".join(raw.split(b"/")[:depth])
        if not gid.links.exists(above) or gid.links.get_info(above).type != HARD:
            return None
    oid = h5o.open(gid, raw)
    if type(oid) is not h5d.DatasetID:
        return Outline(read_mark(oid), None, None)
    tid, shape = oid.get_type(), oid.shape
    dtype, inner = axes_of(numpy_dtype(tid))
    return Outline(read_mark(oid), None if shape is None else (*shape, *inner), unmarked(dtype))


def _text_of(gid: GroupID, name: bytes) -> str | None:
    """Return the beginning of a part of a value that is a text; None for other parts."""
    if not gid.links.exists(name) or gid.links.get_info(name).type != HARD:
        return None
    oid = h5o.open(gid, name)
    return _text(oid, oid.get_type()) if type(oid) is h5d.DatasetID else None


def _text(did: DatasetID, tid: TypeID) -> str | None:
    """Return the beginning of a fixed-width string, the form of packed texts; None for others."""
    if tid.get_class() != h5t.STRING or tid.is_variable_str() or did.shape != ():
        return None
    if info_of(did, 0).hdr.mesg.present & EXTERNAL_FILES:
        return None
    width = min(tid.get_size(), MOST_TEXT)
    data = np.zeros((), f"S{width}")
    did.read(h5s.ALL, h5s.ALL, data, string_type(width))
    return data.item().decode("utf-8", "replace")  # type: ignore[no-any-return]


def _unsupported(tid: TypeID) -> str:
    """Return a name for an HDF5 type without an equivalent in NumPy."""
    kind = tid.get_class()
    names = {
        h5t.REFERENCE: "HDF5 reference",
        h5t.VLEN: "HDF5 variable-length array",
        h5t.BITFIELD: "HDF5 bit field",
        h5t.OPAQUE: "HDF5 opaque bytes",
        h5t.COMPOUND: "HDF5 compound",
        h5t.ARRAY: "HDF5 array",
        h5t.ENUM: "HDF5 enumeration",
        h5t.STRING: "HDF5 string",
    }
    return names.get(kind, "HDF5 type that NumPy does not have")


def _problem(error: Exception) -> str:
    if not isinstance(error, HdfchkError):
        error = unreadable("it", error, None)
    return problem_of(error)
