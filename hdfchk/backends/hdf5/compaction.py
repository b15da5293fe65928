"""Writing a file anew, without the space that it does not use."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5l, h5o, h5p, h5t, h5z

from ...errors import CorruptFileError, HdfchkError, NestingError, UnsupportedStoredError
from ...keys import MAX_PATH, to_text
from ...runtime.interrupts import defer_interrupts
from ...runtime.posix import wait_lock_shared, write_all
from ..meter import Progress
from ..settings import DEFAULTS, Options
from .comparison import compare_files
from .data.anew import copy_parts, is_copied_by_hdf5, make_anew, stored_parts
from .data.limits import Guard
from .h5 import links
from .h5.attributes import attribute_names, copy_attribute
from .h5.errors import RAISED, unreadable
from .h5.file_object import create_on
from .h5.ids import (
    DatasetID,
    FileID,
    GroupID,
    ObjectID,
    ObjInfo,
    PropCopyID,
    PropDCID,
    PropFCID,
    TypeID,
)
from .h5.key_order import is_order
from .h5.object_info import EXTERNAL_FILES, info_of
from .h5.portable_types import portable_type
from .h5.references import check_references, has_references, references_in
from .h5.types import (
    file_access,
    file_creation,
    group_copy_creation,
    has_variable,
    keep_attribute_form,
    numpy_dtype,
    unshared,
)
from .h5.values import same_items
from .repointing import Repointing
from .wal.fit import STAMP
from .wal.new_file import NewFile, ScratchFile
from .wal.replay import lock_to_write, recover

__all__ = ["compact_file"]

USERBLOCK_BYTES = 2**20
ADDRESS_BYTES = 8
"""HDF5 (2.0 and before) writes the last references of a dataset not at all where the addresses in a
file have another size."""
HEAP_BYTES = 2
MAX_LEVELS = MAX_PATH
"""How deeply groups may nest: as deeply as a path can lead."""


def compact_file(
    path: str,
    timeout: float,
    progress: Progress | None = None,
    *,
    durable: bool = True,
    options: Options = DEFAULTS,
    portable: bool = False,
) -> int:
    """Write a file anew beside its place, and put it there when it is whole.

    The new file is read again, and compared with the old one, before it takes its place.

    Args:
        path: the file.
        timeout: seconds to wait for a writer, or for readers of commits that are still in the
            journal.
        progress: is told how many of the file's objects are copied.
        durable: bring the new file to the disk before it takes the old one's place.
        options: what the file cannot make its reader do.
        portable: write what HDF5 1.8 reads.

    Returns:
        How many bytes that gave back to the file system.

    Raises:
        UnsupportedStoredError: some of it cannot be carried over: HDF5 references that lead to what
            has no path, say; or HDF5 1.8 has nothing like it.
        CorruptFileError: the copy differs from what it was made of, or that cannot be read; the
            old file stays.
    """
    path = os.path.realpath(path)
    before = os.stat(path).st_size
    lock, found = lock_to_write(path, timeout)
    new: NewFile | None = None
    try:
        recover(lock, found, durable=durable)
        if lock.file is not None:  # not while another program writes it
            wait_lock_shared(lock.file.fd, path, timeout)
        new = NewFile(lock, durable=durable)
        access = file_access(shared=True)
        source = h5py.File(h5f.open(os.fsencode(path), h5f.ACC_RDONLY, access))
        try:
            guard = Guard(source, options)
            _write(source.id, new, guard, progress, portable=portable)
            compare_files(source, new.beside, guard)
        finally:
            source.close()  # and all that is open of it
        new.appear()
        new.make_durable()
    finally:
        if new is not None:
            new.close()
        lock.leave()
    return before - os.stat(path).st_size


def _write(
    source: FileID, new: NewFile, guard: Guard, progress: Progress | None, *, portable: bool
) -> None:
    plist = _file_plist(source, portable=portable)
    scratch = ScratchFile(new.file)
    with defer_interrupts():
        # What is copied may be as new as it likes, unless HDF5 1.8 is to read it.
        newest = h5f.LIBVER_V18 if portable else h5f.LIBVER_LATEST
        # HDF5's newer groups have heaps that are of no use where lengths have so few bytes.
        oldest = h5f.LIBVER_V18 if plist.get_sizes()[1] > HEAP_BYTES else h5f.LIBVER_EARLIEST
        target = create_on(scratch, plist, (oldest, newest))
        try:
            _Copy(source, target.id, guard, progress, portable=portable).run()
        finally:
            target.close()
        error = scratch.take_error()
    if error is not None:
        raise error
    userblock = plist.get_userblock()
    if userblock:
        with open(source.name, "rb") as whole:
            for start in range(0, userblock, USERBLOCK_BYTES):
                piece = whole.read(min(USERBLOCK_BYTES, userblock - start))
                write_all(new.file.fd, piece, start)


def _file_plist(source: FileID, *, portable: bool) -> PropFCID:
    """The creation properties for the copy of a file.

    One without a table of its free space gets none: it may be meant for HDF5 1.8.
    """
    old, root = source.get_create_plist(), h5g.open(source, b"/").get_create_plist()
    _, has_table, _ = old.get_file_space_strategy()
    plist = file_creation(keeps_free_space=has_table and not portable)
    plist.set_userblock(old.get_userblock())
    plist.set_sizes(*old.get_sizes())  # HDF5 cannot copy objects between files of other sizes
    plist.set_obj_track_times(root.get_obj_track_times())
    plist.set_link_creation_order(root.get_link_creation_order())
    keep_attribute_form(root, plist)
    return plist


_Step = tuple[GroupID, GroupID, Iterator[links.Entry]]
"""A group, its copy, and the links of it that are still to be copied."""


class _Copy:
    """The copy of all objects of one file to another, links as they are."""

    def __init__(
        self,
        source: FileID,
        target: FileID,
        guard: Guard,
        progress: Progress | None,
        *,
        portable: bool,
    ) -> None:
        self._source = source
        self._target = target
        self._guard = guard
        self._progress = progress
        self._portable = portable
        self._references = Repointing(source, target, guard)
        self._writes_references = source.get_create_plist().get_sizes()[0] == ADDRESS_BYTES
        self._known: set[int] = set()
        """The addresses of the groups that were copied."""
        self._shared: dict[int, ObjectID] = {}
        """The address of an object with several links, or of a named type -> its copy."""
        self._waiting: GroupID | None = None
        """A group of the copies of named types to whose keys it has not come yet."""
        self._count = 0
        self._total = 0

    def _count_all(self) -> None:
        """Count what is to be copied. HDF5's own visit would go as deep as the file says."""
        root = h5g.open(self._source, b"/")
        seen = {h5o.get_info(root).addr}
        todo = [(root, links.hard_entries(root))]
        while todo:
            group, names = todo[-1]
            found = next(names, None)
            if found is None or len(todo) > MAX_LEVELS + 1:
                todo.pop()
            elif found[2] not in seen:
                seen.add(found[2])
                oid = h5o.open(group, found[0])
                if type(oid) is h5g.GroupID:
                    todo.append((oid, links.hard_entries(oid)))
        self._total = len(seen)

    def run(self) -> None:
        if self._progress is not None:
            self._count_all()
        root, copy = h5g.open(self._source, b"/"), h5g.open(self._target, b"/")
        # Only the groups above the one that is being copied are open: a file may have very many.
        todo = [self._begin(root, copy, h5o.get_info(root))]
        self._shared[h5o.get_info(root).addr] = copy
        while todo:
            old, new, rest = todo[-1]
            inner = None
            for name, kind, _ in rest:
                inner = self._link(old, name, kind, new)
                if inner is not None:
                    break
            if inner is None:
                todo.pop()
                continue
            todo.append(inner)
            if len(todo) > MAX_LEVELS + 1:
                raise NestingError(
                    f"groups nested more than {MAX_LEVELS} levels deep",
                    key=f"{links.key_of(old)[:40]}…",
                    hint="the file is left as it is",
                )
        if self._waiting is not None:
            self._waiting = None
            self._target.unlink(_WAITING)
        self._references.run()

    def _begin(self, old: GroupID, new: GroupID, info: ObjInfo) -> _Step:
        """Copy the attributes of a group, and get its links."""
        self._attributes(old, new, but=lambda name: name == STAMP or is_order(name))
        self._known.add(info.addr)
        self._step()
        return old, new, iter(links.entries(old, dangling=True))

    def _link(self, old: GroupID, name: bytes, kind: int, new: GroupID) -> _Step | None:
        """Copy a link and, unless it is a group, what it leads to; a group is to be gone into."""
        if kind == links.HARD:
            try:
                return self._object(old, name, new)
            except HdfchkError:
                raise
            except RAISED as error:
                key = f"{links.key_of(old)}/{to_text(name)}".lstrip("/")
                raise unreadable("it", error, key) from error
        if kind == h5l.TYPE_SOFT:
            new.links.create_soft(name, old.links.get_val(name))
        elif kind == h5l.TYPE_EXTERNAL:
            new.links.create_external(name, *old.links.get_val(name))
        else:
            raise _refusal(old, f"a user-defined link, {to_text(name)!r}")
        return None

    def _object(self, old: GroupID, name: bytes, new: GroupID) -> _Step | None:
        oid = h5o.open(old, name)
        info = info_of(oid)
        known = self._shared.get(info.addr)
        if known is not None:
            h5o.link(known, new, name)
            return None
        if type(oid) is h5g.GroupID:
            if info.addr in self._known:
                raise CorruptFileError(
                    "a group with one link, as it says, has more",
                    key=links.key_of(oid),
                    hint="the file is left as it is; h5repack may do it",
                )
            copy = h5g.create(new, name, gcpl=group_copy_creation(oid))
            if info.rc > 1:
                self._shared[info.addr] = copy
            return self._begin(oid, copy, info)
        if type(oid) is h5d.DatasetID:
            self._dataset(oid, info, new, name)
            if info.rc > 1:
                self._shared[info.addr] = h5o.open(new, name)
        else:
            self._named_type(oid, new, name)
        self._step()
        return None

    def _dataset(self, oid: DatasetID, info: ObjInfo, new: GroupID, name: bytes) -> None:
        """Copy a dataset that is no one else's."""
        tid = oid.get_type()
        refers, is_named = has_references(tid), tid.committed()
        if refers:
            self._check_references(oid, info)
        self._check(oid)
        if refers or is_named or not is_copied_by_hdf5(oid, tid, info):
            made = self._copy_of_type(tid) if is_named else None
            if made is not None and not refers and not _has_filters(oid):
                self._copy(oid, new, name, made)
                return
            copy = make_anew(oid, new, name, made, portable=self._portable)
            if refers:
                self._references.note(links.path_of(oid))
            elif not oid.get_create_plist().get_external_count():
                copy_parts(oid, copy, self._guard)
                _require_same_items(oid, copy)
            self._attributes(oid, copy)
            return
        self._copy(oid, new, name)

    def _copy(self, oid: DatasetID, new: GroupID, name: bytes, made: TypeID | None = None) -> None:
        """Have HDF5 copy a dataset.

        Args:
            oid: the dataset.
            new: the group for its copy.
            name: the name there.
            made: the copy of its type, if that has a name.
        """
        is_bare = self._has_own_attributes(oid)
        flags = (h5o.COPY_WITHOUT_ATTR_FLAG if is_bare else 0) | (_MERGE if made else 0)
        try:
            h5o.copy(oid, b".", new, name, copypl=_copying(flags))
        except RAISED:
            if not self._portable:
                raise
            copy = make_anew(oid, new, name, made, portable=True)
            copy_parts(oid, copy, self._guard)
            self._attributes(oid, copy)
            return
        if made is None and not is_bare:
            return
        copy = h5d.open(new, name)
        if made is not None and h5o.get_info(copy.get_type()).addr != h5o.get_info(made).addr:
            raise _refusal(oid, "a named type, and a filter that this HDF5 has not")
        if is_bare:
            self._attributes(oid, copy)

    def _has_own_attributes(self, oid: ObjectID) -> bool:
        """Whether an object has attributes that HDF5 does not copy as they are."""
        types = (h5a.open(oid, key).get_type() for key in attribute_names(oid))
        return any(has_references(tid) or tid.committed() for tid in types)

    def _named_type(self, tid: TypeID, new: GroupID, name: bytes) -> TypeID:
        """Copy a named type: what was made with it gets the copy."""
        try:
            h5o.copy(tid, b".", new, name, copypl=_copying(h5o.COPY_WITHOUT_ATTR_FLAG))
            copy = h5t.open(new, name)
        except RAISED:
            if not self._portable:
                raise
            copy = self._type(tid.copy(), tid)  # HDF5 1.8 has nothing like it in its form
            copy.commit(new, name)
        self._shared[h5o.get_info(tid).addr] = copy
        self._attributes(tid, copy)
        return copy

    def _copy_of_type(self, tid: TypeID) -> TypeID:
        """The copy of a named type, which waits for its key if that comes later."""
        known = self._shared.get(h5o.get_info(tid).addr)
        if isinstance(known, TypeID):
            return known
        if self._waiting is None:
            self._waiting = h5g.create(self._target, _WAITING)
        return self._named_type(tid, self._waiting, b"%d" % self._waiting.get_num_objs())

    def _type(self, tid: TypeID, oid: ObjectID, where: str = "") -> TypeID:
        """The type to be given to the copy of something."""
        if tid.committed():
            return self._copy_of_type(tid)
        if not self._portable:
            return unshared(tid)
        try:
            return portable_type(tid)
        except UnsupportedStoredError as error:
            raise _refusal(oid, f"{where}{error.problem}") from error

    def _attributes(
        self, old: ObjectID, new: ObjectID, but: Callable[[bytes], bool] = lambda name: False
    ) -> None:
        """Copy the attributes of an object. Those with references get their values in the end."""
        for name in attribute_names(old):
            if but(name):
                continue
            aid, where = h5a.open(old, name), f"in the attribute {to_text(name)!r}: "
            tid = self._type(aid.get_type(), old, where)
            if has_references(tid):
                self._may_have_references(old, aid.get_type(), where)
                h5a.create(new, name, tid, unshared(aid.get_space()))
                self._references.note(links.path_of(old))
                continue
            try:
                copy_attribute(old, new, name, tid)
            except HdfchkError as error:
                error.key = links.key_of(old)
                raise

    def _check(self, oid: DatasetID) -> None:
        """Refuse what would take far more than the file has of it."""
        tid = oid.get_type()
        self._guard.begin()
        self._guard.claims(oid)
        if oid.shape is not None and has_variable(tid):
            dtype = tid.dtype if has_references(tid) else numpy_dtype(tid)
            for _ in self._guard.blocks(oid, dtype):
                pass  # it is refused where the items come to more than the file can hold

    def _check_references(self, oid: DatasetID, info: ObjInfo) -> None:
        """Refuse a dataset of references that cannot be carried over."""
        self._may_have_references(oid, oid.get_type())
        if info.hdr.mesg.present & EXTERNAL_FILES:
            raise _refusal(oid, "HDF5 references that lie in another file")
        plist = oid.get_create_plist()
        if plist.fill_value_defined() == h5d.FILL_VALUE_USER_DEFINED and _is_filled(plist, oid):
            raise _refusal(oid, "a fill value with HDF5 references")

    def _may_have_references(self, oid: ObjectID, tid: TypeID, where: str = "") -> None:
        """Refuse a type with references that cannot be read, or written."""
        try:
            check_references(tid)
        except UnsupportedStoredError as error:
            raise _refusal(oid, f"{where}{error.problem}") from error
        if not self._writes_references:
            raise _refusal(oid, f"{where}HDF5 references, of other sizes than HDF5 writes whole")

    def _step(self) -> None:
        self._count += 1
        if self._progress is not None:
            self._progress(self._count, max(self._count, self._total))


_WAITING = b"hdfchk:types"
_MERGE = 0x40
"""`H5O_COPY_MERGE_COMMITTED_DTYPE_FLAG`, for which h5py has no name: HDF5 looks through the whole
copy for a named type that is equal, each time, and finds none with items of variable length."""


@functools.cache
def _copying(flags: int) -> PropCopyID:
    """The properties by which HDF5 copies an object."""
    plist = h5p.create(h5p.OBJECT_COPY)
    plist.set_copy_object(flags)
    return plist


def _has_filters(did: DatasetID) -> bool:
    """Whether the filters of a dataset are there, without which none like it can be made."""
    plist = did.get_create_plist()
    return all(h5z.filter_avail(plist.get_filter(i)[0]) for i in range(plist.get_nfilters()))


def _require_same_items(old: DatasetID, new: DatasetID) -> None:
    """Refuse items that h5py has written otherwise than it has read them.

    Strings that end with a NUL, and have no room for it, beside ones of variable length.
    """
    if not has_variable(old.get_type()):
        return
    for part in stored_parts(old):
        if not same_items(part.read(old), part.read(new)):
            raise _refusal(old, "strings beside items of variable length that h5py cuts")


def _is_filled(plist: PropDCID, did: DatasetID) -> bool:
    """Whether a fill value has references that lead somewhere."""
    value = np.zeros(1, did.dtype)
    try:
        plist.get_fill_value(value)
    except RAISED:
        return True
    return any(map(bool, references_in(value)))


def _refusal(oid: ObjectID, what: str) -> UnsupportedStoredError:
    return UnsupportedStoredError(
        f"it cannot be copied: it has {what}",
        key=links.key_of(oid),
        hint="the file is left as it is; h5repack may do it",
    )
