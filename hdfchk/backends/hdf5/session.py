"""An open HDF5 file, or a group of one, as a backend's session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g

from ...errors import (
    ClosedError,
    NestingError,
    NotAGroupError,
    ReadOnlyError,
    UnsafeFileError,
    UnsupportedStoredError,
)
from ...keys import Path, join, missing, to_bytes, to_text
from ...tree import Branch, Leaf, Mark
from ..base import ArrayForm, ArrayInfo, Change, Put, Seen, Select, Session, Stat, Stored
from ..entries import Entry
from ..layout import Layout
from ..settings import DEFAULTS, Options
from .data.headroom import require_headroom
from .data.limits import Guard
from .h5 import links
from .h5.attributes import is_own, read_attribute, write_attributes
from .h5.errors import RAISED, telling, telling_writes, unreadable
from .h5.ids import DatasetID, GroupID, ObjectID
from .h5.marks import is_dict, read_mark
from .h5.object_info import place_of
from .nodes.reader import DirectIO, Reader
from .open_files import OpenFile
from .wal.fit import STAMP

if TYPE_CHECKING:
    from ..meter import Meter
    from .data import resize as growth
    from .h5.hidden import Hidden
    from .nodes.copying import Copied, Origin

__all__ = ["Hdf5Session"]


class Hdf5Session:
    """The operations of one store on an open HDF5 file or group.

    Args:
        file: the open file. Several sessions, of stores with different options, may share it.
        options: how the file is written and read.
        owned: close the file with the session.
    """

    def __init__(self, file: OpenFile, options: Options = DEFAULTS, *, owned: bool = True) -> None:
        self.file = file
        self._options = options
        self._owned = owned
        self._address = file.address
        self._last: tuple[Path | None, ObjectID | None] = (None, None)
        try:
            self._use()
        except BaseException:
            if owned:
                file.close()
            raise

    @property
    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return self.file.writable

    @property
    def _rolls_back(self) -> bool:
        """Whether the caller rolls back after an error, so no step needs to be undone."""
        return self.file.transactions is not None

    def _use(self) -> None:
        stream = self._stream = self.file.h5
        self._generation = self.file.generation
        self._last = (None, None)
        try:
            self._root = stream.id
            if self.writable and isinstance(stream, h5py.File):
                self._root = h5g.open(stream.id, b".")
        except RAISED as error:
            raise unreadable("the root group", error, None) from error
        self._guard = Guard(stream, self._options)
        cache = self.file.metadata_cache
        self._reader = Reader(self._root, self._guard, cache)
        if self.writable:
            from .nodes.writer import Writer

            hidden = self.file.hidden_in(self._root)
            past = self.file.write_past
            self._writer = Writer(self._root, self._options, past, hidden, cache, self._guard)

    def refresh(self) -> None:
        """Use the current HDF5 objects if HDF5 was reopened, perhaps by another session."""
        if self._generation != self.file.generation:
            self._use()

    def drop_objects(self) -> None:
        """Drop all HDF5 objects, after the file was closed."""
        self._last = (None, None)
        self._stream = None
        for name in ("_root", "_guard", "_reader", "_writer"):
            self.__dict__.pop(name, None)

    def _descriptor_to_read(self) -> int:
        # Not while HDF5 may have unwritten data, nor if the data may be in another file.
        return -1 if self.writable or self._guard.trusts else self.file.direct_fd

    @telling
    def stat(self, path: Path) -> Stat | None:
        """Return the kind of node at `path`, or None."""
        try:
            oid = self._open(path)
        except NestingError:
            return None
        except (UnsafeFileError, UnsupportedStoredError):
            # A link to another file exists; only reading it is rejected.
            there = links.is_there(self._root, path)
            return Stat(is_dict=False, is_group=False, mark=None) if there else None
        if oid is None:
            return None
        mark = read_mark(oid)
        group = type(oid) is h5g.GroupID
        return Stat(is_dict=group and is_dict(oid, mark), is_group=group, mark=mark)

    @telling
    def names(self, path: Path) -> list[str]:
        """Return the names of a group's children, in insertion order."""
        gid = self._group(path)
        self.file.metadata_cache.hold(gid.get_num_objs())
        return [to_text(name) for name, _, _ in links.entries(gid)]

    @telling
    def length(self, path: Path) -> int:
        """Return the number of keys of a group."""
        gid = self._group(path)
        total: int = gid.get_num_objs()
        if not links.is_large(gid, total):
            return len(links.entries(gid))
        return total - links.hidden_links(gid)

    def count(self, path: Path) -> int:
        """Return the number of keys and dangling links of a group; 0 if there is no group."""
        gid = self._open(path)
        if type(gid) is not h5g.GroupID:
            return 0
        return int(gid.get_num_objs()) - links.hidden_links(gid)

    def has(self, path: Path, name: str) -> bool:
        """Whether a group has a child, even if it is a dangling link."""
        return links.is_there(self._root, (*path, name))

    @telling
    def last_name(self, path: Path) -> str | None:
        """Return the name of the child of a group that was added last; None if it is empty."""
        gid = self._group(path)
        name = links.last(gid)
        return None if name is None else to_text(name)

    @telling
    def read(
        self,
        path: Path,
        select: Select | None = None,
        *,
        mapped: bool = False,
        meter: Meter | None = None,
    ) -> Leaf | Branch:
        """Return the whole tree at `path`, except children that `select` rejects."""
        require_headroom()
        oid = self._need(path)
        if meter is not None:
            meter.total = self._size(path, oid, select)
        with self._direct_io(mapped, meter):
            if type(oid) is h5d.DatasetID:
                return self._reader.dataset(oid)
            return self._reader.group(oid, read_mark(oid), path, select)

    @telling
    def read_value(self, path: Path, *, mapped: bool = False) -> Leaf | Branch | None:
        """Return the same as `read`, but None for a dict."""
        oid = self._need(path)
        with self._direct_io(mapped):
            if type(oid) is h5d.DatasetID:
                return self._reader.dataset(oid)
            mark = read_mark(oid)
            if is_dict(oid, mark):
                return None
            return self._reader.group(oid, mark, path, None)

    def _direct_io(self, mapped: bool, meter: Meter | None = None) -> DirectIO:
        """Return a context in which contiguous datasets are read directly, bypassing HDF5.

        Args:
            mapped: map them instead of reading them.
            meter: receives the number of bytes read.
        """
        mapper = self.file.mapper(self._root) if mapped else None
        return DirectIO(self._reader, self._descriptor_to_read(), mapper, meter)

    def _size(self, path: Path, oid: ObjectID, select: Select | None) -> int:
        """Return the approximate number of bytes of the file to be read; 0 if unknown."""
        size: int = 0
        if type(oid) is h5d.DatasetID:
            size = oid.get_storage_size()
        elif not path and select is None and isinstance(self._stream, h5py.File):
            size = self._stream.id.get_filesize()
        return size

    @telling
    def at(self, path: Path) -> Hdf5Session:
        """Return a read-only session whose root is the dict at `path`."""
        below = OpenFile(h5py.Group(self._need(path)), address=self._address, writable=False)
        return Hdf5Session(below, self._options, owned=False)

    @telling
    def entries(
        self,
        path: Path,
        *,
        depth: int | None = None,
        limit: int | None = None,
        select: Select | None = None,
        values: bool = False,
    ) -> list[Entry]:
        """List what is stored at and below a path, in one traversal that reads no array."""
        from .nodes.entries import Lister

        lister = Lister(self._reader, self._guard, select, values=values)
        return lister.run(self._need(path), path, depth, limit)

    @telling
    def identity(self, path: Path) -> tuple[int, int]:
        """Return the number of the file, as HDF5 counts them, and the address of the object."""
        return place_of(self._need(path))

    @telling
    def verify(self, path: Path, *, has_value: bool = True) -> None:
        """Verify hdfchk's checksum of a dataset, or read its bytes if it could not be read."""
        from .h5 import checksums as sums

        oid = self._need(path)
        if type(oid) is not h5d.DatasetID:
            return
        if has_value:
            sums.verify(oid, lambda: self._reader.dataset(oid))
        else:
            self._reader.look_at_bytes(oid)

    def layout(self, path: Path) -> Layout:
        """Return the layout that the store's options give to an array."""
        return self._options.layout(path)

    def draft(self, form: ArrayForm, layout: Layout, *, whole: bool = False) -> growth.LocalDraft:
        """Create a draft of an array."""
        from .data import resize as growth

        self._check_writable()
        if self.file.leave_memory():
            self.refresh()
        return growth.LocalDraft.of(self._writer.hidden, form, layout, self._guard, whole=whole)

    def origin(self, path: Path) -> Origin:
        """Return the object at a path, to be copied."""
        from .nodes.copying import Origin

        return Origin(self._need(path), self._root, path, self._guard, frozenset({STAMP}))

    def outer_link(self, path: Path, onto: Hidden) -> Copied | None:
        """Copy an external link as a link; None if it is followed, or not an external link."""
        from .nodes.copying import copy_link

        return None if self._options.trusts else copy_link(self._root, path, onto)

    @telling
    def copy_of(self, path: Path, source: Session, seen: Seen | None) -> Copied | Branch:
        """Create a copy of the object at a path of another session, or of this one."""
        from .nodes.copying import copy_object

        self._check_writable()
        if not isinstance(source, Hdf5Session):  # the file does not exist
            if path:
                raise missing(path)
            return Branch({})
        if self.file.leave_memory():
            self.refresh()
        source.refresh()
        hidden = self._writer.hidden
        link = source.outer_link(path, hidden) if path else None
        made = link or copy_object(source.origin(path), hidden, self._writer.pause, seen)
        if made.adds_names:
            self.file.references.forget()
        return made

    def apply(
        self,
        changes: Sequence[Change],
        layout: Layout | None = None,
        meter: Meter | None = None,
        *,
        replace: bool = False,
        parts: bool = False,
    ) -> None:
        """Apply all changes as one commit."""
        from ..changeset import plan
        from .nodes.damage import NotRemovedError

        self._check_writable()
        if self.file.leave_memory(changes):
            self.refresh()
        steps = plan(changes, self.stat, self._address, parts=parts)
        self.file.begin_changes(
            None
            if parts
            else {
                change.path[:depth]
                for change in changes
                if isinstance(change, Put)
                for depth in range(1, len(change.path))
            }
        )
        self._writer.layout, self._writer.meter = layout, meter
        try:
            self._commit(steps, replace=replace)
        except NotRemovedError as error:
            # HDF5 may have freed a part of the object. Repeat all steps, and keep damaged objects.
            if not self.file.begin_anew():
                raise error.for_callers(self._root, steps) from error
            self.refresh()
            self._writer.layout, self._writer.meter = layout, meter
            try:
                is_mended = self._commit(steps, replace=replace, keeps_damaged=True)
            except NotRemovedError:
                is_mended = False
            if not is_mended:  # no object shows the damage: the caller decides whether to retry
                raise error.for_callers(self._root, steps) from error
        finally:
            self._writer.layout = self._writer.meter = None

    def _commit(
        self, steps: dict[Path, Stored | None], *, replace: bool, keeps_damaged: bool = False
    ) -> bool:
        from .nodes.apply import Commit

        commit = Commit(
            self._root,
            self._writer,
            rolls_back=self._rolls_back,
            references=self.file.references,
            replace=replace,
            put_stand_in=self.file.put_stand_in if self._rolls_back else None,
            keeps_damaged=keeps_damaged,
        )
        commit.run(steps)
        self.file.references.note_free(commit.free)
        return commit.has_kept

    @telling
    def attribute_names(self, path: Path) -> list[str]:
        """Return the names of all attributes except hdfchk's own marks."""
        found: list[bytes] = []
        oid = self._need(path)
        if h5a.get_num_attrs(oid):
            h5a.iterate(oid, found.append)
        return [to_text(name) for name in found if not is_own(name)]

    @telling
    def read_attribute(self, path: Path, name: str) -> Leaf | None:
        """Return one attribute, or None."""
        oid, raw = self._need(path), to_bytes(name)
        return read_attribute(oid, raw) if h5a.exists(oid, raw) else None

    def write_attributes(self, path: Path, values: Mapping[str, Leaf | None]) -> None:
        """Set attributes, or delete them (None), as one commit."""
        self._check_writable()
        raw = {to_bytes(name): leaf for name, leaf in values.items()}
        oid = self._need(path)
        with telling_writes("its attributes", join(path) or "/"):
            write_attributes(oid, raw)

    @telling
    def array_info(self, path: Path) -> ArrayInfo:
        """Return the properties of the array at `path`."""
        from .data import selection as slices

        return slices.info(self._dataset(path))

    def read_slice(self, path: Path, index: Any) -> tuple[np.ndarray[Any, Any], Mark | None]:
        """Return the elements at `index`, and the array's mark."""
        from .data import selection as slices

        did = self._dataset(path)
        return slices.read(did, index, self._guard, self._descriptor_to_read()), read_mark(did)

    def write_slice(self, path: Path, index: Any, data: np.ndarray[Any, Any]) -> None:
        """Write `data` at `index`."""
        from .data import selection as slices
        from .h5 import checksums as sums
        from .h5.texts import in_type_of

        self._check_writable()
        did = self._dataset(path)
        data = in_type_of(did, data)
        before = None if self._rolls_back else slices.kept(did, index, self._guard)
        with telling_writes("a part of it", join(path)), sums.forgotten(did):
            try:
                slices.write(did, index, data, self._guard)
            except BaseException:
                if before is not None:
                    slices.write(did, index, before, self._guard)
                raise

    def append(self, path: Path, rows: np.ndarray[Any, Any]) -> None:
        """Append rows."""
        from .h5.texts import in_type_of
        from .wal.replay import append_rows

        self._check_writable()
        self._guard.inside(self._dataset(path))
        with telling_writes("rows of it", join(path)):
            append_rows(
                self._root,
                path,
                in_type_of(self._dataset(path), rows),
                self._writer,
                rolls_back=self._rolls_back,
                references=self.file.references,
            )
        if self.file.log is not None:
            self.file.references.note_growing(path, self._dataset(path))

    def extend(
        self, rows: Mapping[Path, np.ndarray[Any, Any]], changes: Sequence[Change] = ()
    ) -> None:
        """Append rows to several arrays, then apply changes, as one commit."""
        from .h5 import checksums as sums

        lengths: dict[Path, int] = {}
        try:
            for path, block in rows.items():
                length = self._dataset(path).shape[:1]
                self.append(path, block)
                lengths[path] = length[0]
            if changes:
                self.apply(changes, parts=True)
        except BaseException:
            if not self._rolls_back:
                for path, length in lengths.items():
                    did = self._dataset(path)
                    with sums.forgotten(did):
                        did.set_extent((length, *did.shape[1:]))
            raise

    def append_wider(self, path: Path, rows: np.ndarray[Any, Any], mark: Mark | None) -> None:
        """Append strings of a larger width; the array is rewritten with that width."""
        from .data import resize as growth
        from .h5.texts import in_type_of
        from .nodes.apply import Commit

        self._check_writable()
        did = self._dataset(path)
        with telling_writes("rows of it", join(path)):
            draft = growth.wider_copy(
                self._writer.hidden, did, self._guard, rows.dtype.itemsize, mark
            )
            growth.append(draft.did, in_type_of(draft.did, rows), self._guard)
            commit = Commit(
                self._root,
                self._writer,
                rolls_back=self._rolls_back,
                references=self.file.references,
            )
            commit.run({path: draft})

    @telling
    def map(self, path: Path) -> np.ndarray[Any, Any]:
        """Return a read-only memory map of the stored elements."""
        from .data.memory_map import require_view

        did = self._dataset(path)
        self._guard.inside(did)
        mapper = self.file.mapper(self._root)
        problem = "it is in no file that is there under its name" if mapper is None else None
        return require_view(mapper, did, problem)

    def stream(self) -> Any:
        """Return the `h5py.File` or `h5py.Group`."""
        return self.file.lend()

    def close(self) -> None:
        """Close the file if the session owns it."""
        self._last = (None, None)
        if self._owned:
            self.file.close()

    def _open(self, path: Path) -> ObjectID | None:
        if not self._stream:
            raise ClosedError(
                "the file was closed by its owner", file=self._address, hint="open it again"
            )
        if self.writable or self._guard.trusts:
            return self._find(path)
        # The object opened last is often read next, and nothing changes while it is read. An object
        # opened with trust may be in another file, and must not be returned without trust.
        if path != self._last[0]:
            self._last = None, None  # drop it before another one is opened
            self._last = path, self._find(path)
        return self._last[1]

    def _find(self, path: Path) -> ObjectID | None:
        if not path:
            return h5g.open(self._root, b".") if type(self._root) is h5f.FileID else self._root
        name = links.locate(self._root, path, trust=self._guard.trusts)
        return None if name is None else links.open_object(self._root, name, path)

    def _need(self, path: Path) -> ObjectID:
        oid = self._open(path)
        if oid is None:
            raise missing(path)
        return oid

    def _group(self, path: Path) -> GroupID:
        gid = self._need(path)
        if type(gid) is not h5g.GroupID:
            raise NotAGroupError("it holds a value, not a dict", key=join(path))
        return gid

    @telling
    def _dataset(self, path: Path) -> DatasetID:
        did = self._need(path)
        if type(did) is not h5d.DatasetID:
            raise UnsupportedStoredError("the key holds a group, not an array", key=join(path))
        return did

    def _check_writable(self) -> None:
        require_headroom()
        if not self.writable:
            raise ReadOnlyError(
                "it is open for reading only", file=self._address, hint="open it with mode='a'"
            )
