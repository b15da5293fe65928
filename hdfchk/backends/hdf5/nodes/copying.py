"""Copies of HDF5 objects in the same file or another one: no value is read, no chunk is decoded.

A copy is created in the hidden group, object by object, and moved to its key at the end. Hard links
among the copied objects become hard links among the copies. In the same file, references point to
the same objects as before. In another file, they point to the copies, and references to other
objects are rejected. Dimension scales that are copied with their arrays are attached to the copies.
Links to other files are copied as links.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
from h5py import h5a, h5d, h5ds, h5g, h5i, h5l, h5o, h5p, h5r

from ....errors import CheckpointerKeyError, NestingError, UnsupportedStoredError
from ....keys import MAX_PATH, Path, join, to_bytes, to_text
from ..data.anew import copy_parts, is_copied_by_hdf5, make_anew
from ..data.limits import Guard
from ..h5 import links, scales
from ..h5.attributes import attribute_names, copy_attribute
from ..h5.errors import RAISED, unreadable, user_link
from ..h5.hidden import Hidden
from ..h5.ids import DatasetID, GroupID, ObjectID, TypeID
from ..h5.key_order import is_order
from ..h5.marks import is_dict, read_mark
from ..h5.object_info import info_of, place_of
from ..h5.references import ReferenceSwap, check_references, has_references
from ..h5.types import group_copy_creation, unshared
from .rewriting import Rewriter

__all__ = ["Copied", "Origin", "copy_link", "copy_object"]

Seen = Callable[[Path, bool, bool], bool]
"""``seen(path, is_dict, is_part)``: whether to copy the object at a path below the copied one.

The object may be a part of a value that is not a dict; then it is copied, or an error is raised."""
_BARE = h5p.create(h5p.OBJECT_COPY)
_BARE.set_copy_object(h5o.COPY_WITHOUT_ATTR_FLAG)


@attrs.frozen(eq=False)
class Origin:
    """The object to copy.

    Args:
        oid: the object.
        root: the group that is the root of all paths in its file.
        path: its path.
        guard: the limits for reading its file.
        left: the names of attributes that are not copied.
    """

    oid: ObjectID
    root: GroupID
    path: Path
    guard: Guard
    left: frozenset[bytes]


class Copied:
    """A copy that is not yet under its key.

    Args:
        hidden: the hidden group that contains it.

    Attributes:
        adds_names: it contains references, or objects with several names.
        outside: the links to other files in it: their paths, and the names of the files.
    """

    def __init__(self, hidden: Hidden) -> None:
        self._hidden: Hidden | None = hidden
        self.parent: GroupID
        self.name: bytes
        self.parent, self.name = hidden.begin_draft()
        self.adds_names = False
        self.outside: list[tuple[Path, str]] = []

    def add_outside(self, parent: GroupID, name: bytes, to: tuple[bytes, bytes], at: Path) -> None:
        """Create a link to another file, which is not followed."""
        parent.links.create_external(name, *to)
        self.outside.append((at, to_text(to[0])))

    def place(self, parent: GroupID, name: bytes) -> ObjectID:
        """Move the copy to its key, and return it; for a link to another file, return `parent`."""
        assert self._hidden is not None  # noqa: S101  it is placed once
        self._hidden.place_draft(self.name, parent, name)
        self._hidden = None
        if self.outside and not self.outside[0][0]:  # the copy is a link to another file
            return parent
        return h5o.open(parent, name)

    def __del__(self) -> None:
        """Discard a copy that was not placed; the session's next commit, or its end, removes it."""
        hidden = getattr(self, "_hidden", None)
        if hidden is not None and hasattr(self, "name"):
            hidden.drop_draft(self.name)


def copy_object(
    origin: Origin, hidden: Hidden, pause: Callable[[], None], seen: Seen | None
) -> Copied:
    """Copy an object, and everything below it.

    Args:
        origin: the object.
        hidden: the hidden group of the file of the copy.
        pause: a function that is called before each object is copied.
        seen: which objects below it are copied; None for all.

    Raises:
        UnsupportedStoredError: a part of it cannot be copied; the error names the part.
    """
    made = Copied(hidden)
    _Copy(origin, made, pause, seen).run()
    return made


def copy_link(root: GroupID, path: Path, hidden: Hidden) -> Copied | None:
    """Copy a link to another file as a link; return None if there is no such link at the path."""
    above = links.locate(root, path[:-1]) if len(path) > 1 else b"."
    name = None if above is None else above + b"/" + to_bytes(path[-1])
    if name is None or not root.links.exists(name):
        return None
    if root.links.get_info(name).type != h5l.TYPE_EXTERNAL:
        return None
    made = Copied(hidden)
    made.add_outside(made.parent, made.name, root.links.get_val(name), ())
    return made


_Step = tuple[GroupID, GroupID, Iterator[links.Entry], Path, bool]
"""A group, its copy, its links that are still to be copied, its path below the copied object, and
whether it is a value that is not a dict, or a part of one."""


class _Copy:
    """The copying of one object, and everything below it."""

    def __init__(
        self, origin: Origin, made: Copied, pause: Callable[[], None], seen: Seen | None
    ) -> None:
        self._origin = origin
        self._made = made
        self._pause = pause
        self._seen = seen
        self._is_same_file = False
        self._has_same_sizes = False
        self._copies: dict[int, ObjectID] = {}
        """The copies of groups, scales and objects with several links, by original address."""
        self._scaled: list[tuple[ObjectID, DatasetID]] = []
        self._referring: list[tuple[DatasetID, DatasetID]] = []
        """Arrays of references, and their copies in another file, which are still empty."""
        self._attributes_to_point: list[tuple[ObjectID, ObjectID, bytes]] = []
        self._todo: list[_Step] = []

    def run(self) -> None:
        """Copy the object."""
        oid, parent = self._origin.oid, self._made.parent
        self._is_same_file = place_of(oid)[0] == place_of(parent)[0]
        sizes = [_sizes_of(of) for of in (oid, parent)]
        self._has_same_sizes = sizes[0] == sizes[1]
        self._object(oid, parent, self._made.name, (), is_part=False)
        while self._todo:
            old, new, rest, path, is_part = self._todo[-1]
            entry = next(rest, None)
            if entry is None:
                self._todo.pop()
                continue
            name, kind, _ = entry
            self._link(old, new, name, kind, (*path, to_text(name)), is_part)
        self._attach()
        self._point()

    def _link(
        self, old: GroupID, new: GroupID, name: bytes, kind: int, path: Path, is_part: bool
    ) -> None:
        """Copy a link; for a hard one, or a soft one that would lead elsewhere, copy the target."""
        whole = (*self._origin.path, *path)
        if kind == h5l.TYPE_HARD:
            self._object_if_seen(links.open_object(old, name, whole), new, name, path, is_part)
        elif kind == h5l.TYPE_SOFT and not self._leads_on(old.links.get_val(name)):
            found = links.locate(self._origin.root, whole)
            if found is None:
                return
            oid = links.open_object(self._origin.root, found, whole)
            if any(info_of(oid).addr == info_of(step[0]).addr for step in self._todo):
                raise _refusal("a soft link to a group that it is in", whole)
            self._object_if_seen(oid, new, name, path, is_part)
        elif kind in {h5l.TYPE_SOFT, h5l.TYPE_EXTERNAL}:
            if self._seen is not None and not self._seen(path, False, is_part):
                return
            value = old.links.get_val(name)
            if kind == h5l.TYPE_SOFT:
                new.links.create_soft(name, value)
            else:
                self._made.add_outside(new, name, value, path)
        else:
            raise user_link(join(whole))

    def _leads_on(self, value: bytes) -> bool:
        """Whether a soft link is copied as one: it then points to the same target or its copy.

        A relative path leads to something in the group, since HDF5 has no ``..``. An absolute path
        would lead to something else in another file, and either could bypass a filter.
        """
        return self._seen is None and (self._is_same_file or not value.startswith(b"/"))

    def _object_if_seen(
        self, oid: ObjectID, new: GroupID, name: bytes, path: Path, is_part: bool
    ) -> None:
        if self._seen is not None:
            is_inner_dict = type(oid) is h5g.GroupID and is_dict(oid, read_mark(oid))
            if not self._seen(path, is_inner_dict, is_part):
                return
        self._object(oid, new, name, path, is_part=is_part)

    def _object(
        self, oid: ObjectID, parent: GroupID, name: bytes, path: Path, *, is_part: bool
    ) -> None:
        self._pause()
        info, whole = info_of(oid), (*self._origin.path, *path)
        known = self._copies.get(info.addr)
        if known is not None:
            h5o.link(known, parent, name)
            self._made.adds_names = True
            return
        try:
            if type(oid) is h5g.GroupID:
                if len(whole) > MAX_PATH:
                    raise NestingError(
                        f"groups nested more than {MAX_PATH} levels deep", key=join(whole[:3])
                    )
                group = h5g.create(parent, name, gcpl=group_copy_creation(oid))
                is_value = is_part or not is_dict(oid, read_mark(oid))
                entries = iter(links.entries(oid, dangling=True))
                self._todo.append((oid, group, entries, path, is_value))
                copy: ObjectID = group
            elif type(oid) is h5d.DatasetID:
                copy = self._dataset(oid, parent, name, whole)
            else:
                h5o.copy(oid, b".", parent, name, copypl=_BARE)
                copy = h5o.open(parent, name)
            self._attributes(oid, copy, whole)
        except RAISED as error:
            if isinstance(error, (CheckpointerKeyError, UnsupportedStoredError, NestingError)):
                raise
            raise unreadable("it", error, join(whole)) from error
        is_scale = type(oid) is h5d.DatasetID and h5a.exists(oid, scales.USERS)
        if info.rc > 1 or is_scale or type(oid) is h5g.GroupID:
            self._copies[info.addr] = copy

    def _dataset(self, oid: DatasetID, parent: GroupID, name: bytes, path: Path) -> DatasetID:
        guard, tid, info = self._origin.guard, oid.get_type(), info_of(oid)
        guard.begin()
        guard.inside(oid)
        guard.claims(oid)
        refers = has_references(tid)
        self._made.adds_names = self._made.adds_names or refers
        is_virtual = oid.get_create_plist().get_layout() == h5d.VIRTUAL
        if is_virtual and not self._is_same_file:
            raise _refusal("elements that are those of other arrays (a virtual dataset)", path)
        by_hdf5 = self._has_same_sizes and is_copied_by_hdf5(oid, tid, info)
        if by_hdf5 and not refers and not tid.committed():
            h5o.copy(oid, b".", parent, name, copypl=_BARE)
            return h5d.open(parent, name)
        copy = make_anew(oid, parent, name, portable=False)
        if refers and not self._is_same_file:
            self._require_known(tid, path)
            self._referring.append((oid, copy))
        else:
            copy_parts(oid, copy, guard)
        return copy

    def _attributes(self, old: ObjectID, new: ObjectID, path: Path) -> None:
        for name in attribute_names(old):
            if name in self._origin.left or name == scales.USERS or is_order(name):
                continue
            if name == scales.DIMENSIONS and type(new) is h5d.DatasetID:
                self._scaled.append((old, new))
                continue
            tid = h5a.open(old, name).get_type()
            if has_references(tid):
                if not self._is_same_file:
                    self._require_known(tid, path)
                    self._attributes_to_point.append((old, new, name))
                self._made.adds_names = True
            copy_attribute(old, new, name, unshared(tid))

    def _require_known(self, tid: TypeID, path: Path) -> None:
        try:
            check_references(tid)
        except UnsupportedStoredError as error:
            raise _refusal(error.problem, path) from error

    def _point(self) -> None:
        """Make references in copies in another file point to the copies of their objects."""
        if not (self._referring or self._attributes_to_point):
            return
        origin, root = self._origin, h5o.open(self._made.parent, self._made.name)
        places = _places(origin.oid, root)
        with ReferenceSwap() as swap:
            rewriter = Rewriter(origin.oid, root, origin.guard, places, swap, self._uncopied)
            for array, copy in self._referring:
                rewriter.elements(array, copy)
            for old, new, name in self._attributes_to_point:
                rewriter.attribute(old, new, name)

    def _uncopied(self, oid: ObjectID) -> UnsupportedStoredError:
        # A filter may hide the object, and its key with it.
        place = f" ({links.key_of(oid)!r})" if self._seen is None else ""
        error = _refusal(f"an HDF5 reference to an object that is not copied with it{place}", ())
        error.hint = f"{error.hint}; or copy a group that has both"
        return error

    def _attach(self) -> None:
        """Attach the copies of arrays to the copies of their scales, or to the original scales."""
        for old, new in self._scaled:
            for axis, references in enumerate(scales.dimensions(old)):
                for reference in references:
                    scale = h5r.dereference(reference, old) if reference else None
                    if scale is None:
                        continue
                    copy = self._copies.get(info_of(scale).addr)
                    if copy is None and self._is_same_file:
                        copy = scale
                    if copy is not None:
                        h5ds.attach_scale(new, copy, axis)
                        self._made.adds_names = True


def _places(old: ObjectID, new: ObjectID) -> dict[int, int]:
    """Return the addresses of the copies in another file, by the addresses of the originals."""
    places: dict[int, int] = {}
    todo: list[tuple[ObjectID, ObjectID]] = [(old, new)]
    aliases: list[tuple[ObjectID, ObjectID]] = []
    while todo:
        above, copied = todo.pop()
        if info_of(above).addr not in places:
            places[info_of(above).addr] = info_of(copied).addr
            if type(above) is type(copied) is h5g.GroupID:
                for name, _, _ in links.hard_entries(copied):
                    is_alias = above.links.get_info(name).type != h5l.TYPE_HARD
                    pair = h5o.open(above, name), h5o.open(copied, name)
                    (aliases if is_alias else todo).append(pair)
        if not todo:  # of several copies of an object, the one under its own name comes first
            todo, aliases = aliases, []
    return places


def _sizes_of(oid: ObjectID) -> tuple[int, int]:
    sizes: tuple[int, int] = h5i.get_file_id(oid).get_create_plist().get_sizes()
    return sizes


def _refusal(what: str, path: Path) -> UnsupportedStoredError:
    return UnsupportedStoredError(
        f"it cannot be copied: it has {what}",
        key=join(path),
        hint="nothing was written; copy the values: chk[key] = other.load(key)",
    )
