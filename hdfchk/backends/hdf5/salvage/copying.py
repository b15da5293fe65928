"""Copying a damaged file group by group; HDF5 itself copies each intact object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import attrs
from h5py import h5a, h5d, h5g, h5l, h5o, h5p, h5t

from ....errors import (
    CorruptFileError,
    HdfchkError,
    NestingError,
    UnsafeFileError,
    UnsupportedStoredError,
)
from ....keys import MAX_PATH, Path, to_text
from ....tree import Mark
from ...findings import Box, Findings, Loss
from ..data.limits import Guard
from ..h5 import checksums, links
from ..h5.attributes import raw_attribute
from ..h5.ids import DatasetID, FileID, GroupID, ObjectID, PropGCID
from ..h5.key_order import is_order
from ..h5.marks import MARK, read_mark, write_mark
from ..h5.object_info import EXTERNAL_FILES
from ..h5.types import GROUP_CREATION, group_copy_creation, unshared
from ..h5.values import raw_type
from ..nodes.reader import Reader
from ..wal.fit import STAMP
from .arrays import Damage, StoredArray, copy_parts, look_at
from .listing import Entry, attributes_of, links_of
from .references import Addresses, References, name_of
from .steps import CAUGHT, Steps, explained

__all__ = ["Copy"]

MAX_LEVELS = MAX_PATH
"""More deeply nested groups cannot be named by a key, and are not copied."""
_BARE = h5p.create(h5p.OBJECT_COPY)
_BARE.set_copy_object(h5o.COPY_WITHOUT_ATTR_FLAG)


@attrs.define(eq=False)
class _Value:
    """A value that is stored as a group, which is intact only if everything in it is.

    Attributes:
        path: its path.
        copied: the paths of the intact objects in it.
    """

    path: Path
    copied: list[Path] = attrs.Factory(list)


@attrs.define(eq=False)
class _Level:
    """A group that is being copied.

    Attributes:
        old: the group.
        new: its copy.
        path: its path.
        rest: the links that are not yet copied.
        value: the value that it is, or belongs to.
        is_value: it is marked as a value.
        is_cut: a part of it is not in the copy.
    """

    old: GroupID
    new: GroupID
    path: Path
    rest: Iterator[Entry]
    value: _Value | None
    is_value: bool
    is_cut: bool = False


@attrs.define
class _Attributes:
    """The attributes of an object.

    Attributes:
        address: the address of the object.
        names: the names of the intact attributes, in order.
        lost: the names of the others.
        problem: the first error.
        unlisted: the number of attributes whose names are unknown.
        references: those of `names` that contain references.
        foreign: those of `names` that h5py cannot read, with the errors: only HDF5 can copy them,
            together with their object.
    """

    address: int
    names: list[bytes] = attrs.Factory(list)
    lost: list[bytes] = attrs.Factory(list)
    problem: HdfchkError | None = None
    unlisted: int = 0
    references: set[bytes] = attrs.Factory(set)
    foreign: dict[bytes, HdfchkError] = attrs.Factory(dict)

    def lose(self, name: bytes, problem: HdfchkError) -> None:
        """Record that an attribute cannot be copied."""
        self.lost.append(name)
        self.problem = self.problem or problem


class Copy:
    """Copies everything intact from one file to another.

    Args:
        source: the identifier of the file.
        target: the identifier of the copy.
        guard: the limits for reading the file.
        reader: the reader of the file.
        steps: the steps of this process.
        read: ``read(address, length)`` returns bytes of the file.
    """

    def __init__(
        self,
        source: FileID,
        target: FileID,
        guard: Guard,
        reader: Reader,
        steps: Steps,
        read: Callable[[int, int], bytes],
    ) -> None:
        self._source, self._target = source, target
        self._guard = guard
        self._reader = reader
        self._steps = steps
        self._read = read
        self.findings: Findings = Findings()
        self._places: dict[int, Path] = {}
        """The address of each object that was visited -> its path."""
        self._made: dict[int, Path] = {}
        """The address of each object that is in the copy -> its path there."""
        self.checksums: dict[Path, int | None] = {}
        """The objects in the copy, to be checked: path -> checksum of intact data, or None."""
        self._reference_places: list[tuple[Path, int, bytes | list[Box]]] = []
        """Where references are (in an attribute, or in parts of the data), and the address of the
        object that contains the originals."""
        self._virtual: list[tuple[Path, set[str]]] = []
        """Virtual datasets whose sources are in the file, and the names of these."""
        self._addresses = Addresses(source)
        self._level: _Level | None = None

    def run(self) -> Findings:
        """Copy everything.

        Raises:
            CorruptFileError: the root group cannot be read.
        """
        old, new = h5g.open(self._source, b"/"), h5g.open(self._target, b"/")
        address = _address_of(old)
        self._places[address] = self._made[address] = ()
        todo = [self._begin(old, new, (), None, address)]
        while todo:
            level = self._level = todo[-1]
            inner = None
            for link in level.rest:
                inner = self._link(level, *link)
                if inner is not None:
                    break
            if inner is not None:
                todo.append(inner)
            else:
                todo.pop()
                self._end(level, todo[-1] if todo else None)
        self._level = None
        self._convert_references()
        self._check_virtual()
        return self.findings

    # -- findings --------------------------------------------------------------------------------

    def _record_copied(self, path: Path) -> None:
        level = self._level
        value = None if level is None else level.value
        (self.findings.copied if value is None else value.copied).append(path)

    def _mark_incomplete(self) -> None:
        if self._level is not None:
            self._level.is_cut = True

    def _record_error(self, path: Path, error: BaseException, what: str = "it") -> None:
        found = explained(what, error)
        unsupported = isinstance(found, (UnsupportedStoredError, UnsafeFileError, NestingError))
        (self.findings.skipped if unsupported else self.findings.damaged)[path] = found
        self._mark_incomplete()

    def _record_loss(self, path: Path, loss: Loss) -> None:
        self.findings.lose(path, loss)
        self._mark_incomplete()

    # -- groups ----------------------------------------------------------------------------------

    def _begin(
        self, old: GroupID, new: GroupID, path: Path, value: _Value | None, address: int
    ) -> _Level:
        """Copy the attributes of a group, and list its links."""
        level = _Level(old, new, path, iter(()), value, is_value=False)
        before, self._level = self._level, level
        try:
            kept = self._attributes(old, path, address)
            self._copy_attributes(old, new, path, kept, but=_is_of_file)
            if MARK in kept.names:
                mark = read_mark(new)
                level.is_value = mark is not None and mark.name != "dict"
        except CAUGHT as error:
            self._record_loss(path, Loss(explained("its attributes", error)))
        if level.is_value and value is None:
            level.value = _Value(path)
        try:
            self._steps.begin("links", path)
            listed = links_of(old, address, self._read)
            level.rest = iter(listed.links)
            if listed.problem is not None:
                problem = explained("the list of its keys", listed.problem)
                self._record_loss(path, Loss(problem, unlisted=listed.unlisted))
                for name, cause in listed.lost:
                    self._record_error((*path, to_text(name)), cause)
        except CAUGHT as error:
            self._record_loss(path, Loss(explained("the list of its keys", error)))
        self._level = before
        return level

    def _end(self, level: _Level, above: _Level | None) -> None:
        """Finish a group that was copied. A value that is incomplete becomes a dict."""
        if level.is_cut and level.is_value:
            h5a.delete(level.new, MARK)
            write_mark(level.new, Mark("dict"))
            self.findings.lose(
                level.path,
                Loss(CorruptFileError("a part of this value is lost: the rest is a dict now")),
            )
        if above is not None and level.is_cut and above.value is not None:
            above.is_cut = True
        value = level.value
        if value is not None and (above is None or above.value is not value):
            self.findings.copied.extend(value.copied if level.is_cut else [value.path])

    def _link(self, level: _Level, name: bytes, kind: int, address: int) -> _Level | None:
        """Copy a link and its object; for a group return the level that copies its contents."""
        path = (*level.path, to_text(name))
        if kind == links.HARD:
            return self._object(level, name, path, address)
        try:
            if kind == h5l.TYPE_SOFT:
                level.new.links.create_soft(name, level.old.links.get_val(name))
            elif kind == h5l.TYPE_EXTERNAL:
                file, inner = level.old.links.get_val(name)
                level.new.links.create_external(name, file, inner)
                self.findings.unread[path] = UnsafeFileError(
                    f"a link to another file, {to_text(file)!r}, was copied as a link"
                )
            else:
                raise UnsupportedStoredError(
                    "a user-defined link", hint="only the program that created it can follow it"
                )
            self.findings.links += 1
        except CAUGHT as error:
            self._record_error(path, error, "the link")
        return None

    def _open(self, level: _Level, name: bytes, address: int) -> ObjectID:
        try:
            return h5o.open(level.old, name)
        except CAUGHT:  # the name may be in a damaged part of an index
            return self._addresses.open(address)

    def _object(self, level: _Level, name: bytes, path: Path, address: int) -> _Level | None:
        try:
            self._steps.begin("object", path)
            oid = self._open(level, name, address)
        except CAUGHT as error:
            self._record_error(path, error)
            return None
        if address in self._places:
            self._link_again(level, name, path, address)
            return None
        self._places[address] = path
        try:
            if type(oid) is h5g.GroupID:
                return self._group(level, oid, name, path, address)
            self._dataset(level, oid, name, path, address)
            self._made[address] = path
        except CAUGHT as error:
            self._record_error(path, error)
        return None

    def _link_again(self, level: _Level, name: bytes, path: Path, address: int) -> None:
        """Copy another link to an object, and record the findings about the object for it, too."""
        first, found = self._places[address], self.findings
        if address not in self._made:
            kinds = found.skipped if first in found.skipped else found.damaged
            error = kinds.get(first, CorruptFileError("it is not in the copy"))
            self._record_error(path, error)
            return
        try:
            h5o.link(h5o.open(self._target, name_of(self._made[address])), level.new, name)
        except CAUGHT as error:
            self._record_error(path, error)
            return
        if first in found.in_part:
            self._record_loss(path, found.in_part[first])
        elif first in found.unread:
            found.unread[path] = found.unread[first]
        elif type(h5o.open(level.new, name)) is not h5g.GroupID:
            self._record_copied(path)

    def _group(self, level: _Level, oid: GroupID, name: bytes, path: Path, address: int) -> _Level:
        if len(path) > MAX_LEVELS:
            raise NestingError(
                f"groups nested more than {MAX_LEVELS} levels deep are not copied",
                hint="copy them with h5copy, or with plain h5py",
            )
        new = h5g.create(level.new, name, gcpl=_group_plist(oid))
        self.findings.groups += 1
        self._made[address] = path
        return self._begin(oid, new, path, level.value, address)

    # -- attributes ------------------------------------------------------------------------------

    def _attributes(self, oid: ObjectID, path: Path, address: int) -> _Attributes:
        """Read all attributes of an object."""
        self._steps.begin("attributes", path)
        names, unlisted, error = attributes_of(oid)
        found = _Attributes(address, unlisted=unlisted)
        if error is not None:
            found.problem = explained("its attributes", error)
        for name in names:
            try:
                aid = h5a.open(oid, name)
                if aid.get_type().detect_class(h5t.REFERENCE):
                    found.references.add(name)
                raw_attribute(aid)
            except CAUGHT as error:
                problem = explained(f"the attribute {to_text(name)!r}", error)
                if isinstance(problem, UnsupportedStoredError) and name not in found.references:
                    found.foreign[name] = problem
                else:
                    found.lose(name, problem)
                    continue
            found.names.append(name)
        return found

    def _copy_attributes(
        self,
        old: ObjectID,
        new: ObjectID,
        path: Path,
        kept: _Attributes,
        but: Callable[[bytes], bool],
    ) -> None:
        """Copy the intact attributes; record which are lost."""
        for name in kept.names:
            if but(name):
                continue
            try:
                self._copy_attribute(old, new, path, name, kept)
            except CAUGHT as error:
                kept.lose(name, explained(f"the attribute {to_text(name)!r}", error))
        if kept.problem is not None:
            names = tuple(to_text(name) for name in kept.lost)
            self._record_loss(path, Loss(kept.problem, attributes=names, unlisted=kept.unlisted))

    def _copy_attribute(
        self, old: ObjectID, new: ObjectID, path: Path, name: bytes, kept: _Attributes
    ) -> None:
        if name in kept.foreign:
            raise kept.foreign[name]
        aid = h5a.open(old, name)
        tid = unshared(aid.get_type())
        made = h5a.create(new, name, tid, unshared(aid.get_space()))
        if name in kept.references:
            self._reference_places.append((path, kept.address, name))
            return
        data = raw_attribute(aid)
        if data is not None:
            made.write(data, raw_type(tid))

    # -- datasets --------------------------------------------------------------------------------

    def _dataset(self, level: _Level, oid: ObjectID, name: bytes, path: Path, address: int) -> None:
        """Copy an object that is not a group."""
        kept = self._attributes(oid, path, address)
        damage, unread = Damage(), None
        self._steps.begin("data", path)
        if type(oid) is h5d.DatasetID:
            try:
                damage = self._read_all(oid, path)
            except (UnsupportedStoredError, UnsafeFileError) as error:
                unread = error
                # References that HDF5 does not convert would point anywhere in the copy.
                if _is_copy_impossible(oid):
                    raise
            self._steps.count(oid.get_storage_size())
            # HDF5 (2.0) writes past its buffers when it copies filtered chunks with checksums of
            # an open dataset that was partly read.
            oid.close()
            oid = self._open(level, name, address)
        if damage.problem is not None and not damage.whole and damage.lost:
            raise damage.problem
        is_cut = damage.problem is not None
        if self._copy_data(level, oid, name, damage, kept):
            new = h5o.open(level.new, name)
            self._copy_attributes(
                oid, new, path, kept, but=lambda one: is_cut and one == checksums.SUM
            )
        else:
            self._reference_places.extend((path, address, one) for one in kept.references)
        if (
            type(oid) is h5d.DatasetID
            and oid.get_type().detect_class(h5t.REFERENCE)
            and oid.get_storage_size()
        ):
            self._reference_places.append((path, address, damage.whole))
        if is_cut:
            self._record_loss(path, _loss_of(damage))
        elif unread is not None:
            self.findings.unread[path] = unread
        elif kept.problem is None:
            self._record_copied(path)
        if unread is None:
            self.checksums[path] = None if is_cut else damage.checksum

    def _read_all(self, did: DatasetID, path: Path) -> Damage:
        """Read a whole dataset.

        Raises:
            UnsafeFileError: its data are in other files.
            UnsupportedStoredError: a filter or an equivalent NumPy type is missing.
            CorruptFileError: its checksum differs.
        """
        self._guard.begin()
        plist = did.get_create_plist()
        self._guard.inside(did, EXTERNAL_FILES if plist.get_external_count() else 0)
        if plist.get_layout() == h5d.VIRTUAL:
            count = plist.get_virtual_count()
            names = {plist.get_virtual_dsetname(index) for index in range(count)}
            self._virtual.append((path, names))
            return Damage()
        damage = look_at(did, self._guard, self._steps)
        if damage.problem is None:
            checksums.verify(did, lambda: self._reader.dataset(did))
        return damage

    def _copy_data(
        self, level: _Level, oid: ObjectID, name: bytes, damage: Damage, kept: _Attributes
    ) -> bool:
        """Copy an object; return whether its attributes have yet to be copied."""
        if damage.problem is None:
            try:
                self._copy_whole(oid, level.new, name, kept)
                return kept.problem is not None
            except HdfchkError:
                if not damage.whole:
                    raise  # otherwise, the intact parts can be copied
        self._copy_in_part(level, cast(DatasetID, oid), name, damage)
        return True

    @staticmethod
    def _copy_whole(oid: ObjectID, new: GroupID, name: bytes, kept: _Attributes) -> None:
        bare = None if kept.problem is None else _BARE
        try:
            h5o.copy(oid, b".", new, name, bare)
        except CAUGHT as error:
            if new.links.exists(name):
                new.unlink(name)
            raise explained("it", error) from error

    def _copy_in_part(self, level: _Level, oid: DatasetID, name: bytes, damage: Damage) -> None:
        plist = oid.get_create_plist()
        if plist.get_layout() == h5d.CONTIGUOUS and plist.fill_value_defined():
            plist.set_fill_time(h5d.FILL_TIME_ALLOC)  # or lost elements would be old data
        try:
            tid, space = unshared(oid.get_type()), unshared(oid.get_space())
            new = h5d.create(level.new, name, tid, space, plist)
            copy_parts(oid, new, damage, self._guard, self._steps)
        except CAUGHT as error:
            if level.new.links.exists(name):
                level.new.unlink(name)
            raise explained("it", error) from error

    # -- references and virtual datasets ---------------------------------------------------------

    def _convert_references(self) -> None:
        """Make all references in the copy point to objects in it."""
        references = References(self._source, self._target, self._made)
        for path, address, where in self._reference_places:
            self._steps.go_on()
            references.lost = 0
            new = h5o.open(self._target, name_of(path))
            try:
                old = self._addresses.open(address)
                if isinstance(where, bytes):
                    references.attribute(old, new, where)
                else:
                    array = StoredArray(cast(DatasetID, old), self._guard, self._steps)
                    for box in where:
                        data = references.converted(array.read(box))
                        cast(DatasetID, new).write(*array.spaces(box), data, array.memory)
            except CAUGHT as error:
                if not isinstance(where, bytes):
                    h5g.open(self._target, b"/").unlink(name_of(path))
                    self.checksums.pop(path, None)
                    self.findings.damaged[path] = explained("its references", error)
                self._retract(path, Loss(explained("its references", error), references=1))
                continue
            if references.lost:
                problem = CorruptFileError("the object of a reference is not in the copy")
                self._retract(path, Loss(problem, references=references.lost))

    def _check_virtual(self) -> None:
        """Check virtual datasets: they are intact if their sources are."""
        found = self.findings
        whole = set(found.copied)
        for path, names in self._virtual:
            sources = {tuple(filter(None, name.split("/"))) for name in names}
            if not sources <= whole:
                problem = CorruptFileError("a source of this virtual dataset is not intact")
                self._retract(path, Loss(problem))

    def _retract(self, path: Path, loss: Loss) -> None:
        """Record that an object, which was recorded as copied, is not intact."""
        self.findings.lose(path, loss)
        if path in self.findings.copied:
            self.findings.copied.remove(path)


def _is_copy_impossible(did: DatasetID) -> bool:
    """Return whether a dataset that could not be checked cannot be copied, either."""
    if did.get_create_plist().get_external_count():
        return True
    return bool(did.get_type().detect_class(h5t.REFERENCE))


def _loss_of(damage: Damage) -> Loss:
    assert damage.problem is not None  # noqa: S101  checked by the caller
    return Loss(damage.problem, damage.elements, damage.rows, damage.chunks, tuple(damage.lost))


def _address_of(gid: GroupID) -> int:
    try:
        return int(h5o.get_info(gid).addr)
    except CAUGHT:  # HDF5 also asks for the size of the list of links
        return -1


def _is_of_file(name: bytes) -> bool:
    """Return whether an attribute of a group describes the file: the copy gets its own."""
    return name == STAMP or is_order(name)


def _group_plist(gid: GroupID) -> PropGCID:
    try:
        return group_copy_creation(gid)
    except CAUGHT:
        return GROUP_CREATION
