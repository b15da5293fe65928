"""Rewriting a file without its unused space."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5l, h5o, h5p, h5t, h5z

from ...errors import CorruptFileError, HdfchkError, NestingError, UnsupportedStoredError
from ...keys import MAX_PATH, to_text
from ...runtime.interrupts import run_pending
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
from .wal.replay import lock_to_write, recover, write_stamp

__all__ = ["compact_file"]

USERBLOCK_BYTES = 2**20
ADDRESS_BYTES = 8
"""The size of addresses in most files. With another size HDF5 (2.0 and earlier) does not write the
last references of a dataset."""
HEAP_BYTES = 2
MAX_LEVELS = MAX_PATH
"""The maximum depth of nested groups: that of a path."""


def compact_file(
    path: str,
    timeout: float,
    progress: Progress | None = None,
    *,
    durable: bool = True,
    options: Options = DEFAULTS,
    portable: bool = False,
) -> int:
    """Rewrite a file beside its place, and replace it when the new file is complete.

    The new file is read again, and compared with the old one, before it replaces it.

    Args:
        path: the file.
        timeout: seconds to wait for a writer, or for readers of commits that are still in the
            journal.
        progress: called with the number of copied objects, and the total.
        durable: sync the new file before it replaces the old one.
        options: the limits for reading the file.
        portable: HDF5 1.8 must be able to read the new file.

    Returns:
        The number of bytes by which the file has become smaller.

    Raises:
        UnsupportedStoredError: something cannot be copied: for example, an HDF5 reference to an
            object without a path; or HDF5 1.8 has no equivalent.
        CorruptFileError: the copy differs from the original, or the original cannot be read;
            the old file is kept.
    """
    path = os.path.realpath(path)
    before = os.stat(path).st_size
    lock, found = lock_to_write(path, timeout)
    new: NewFile | None = None
    try:
        recover(lock, found, durable=durable)
        if lock.file is not None:  # not while another program writes the file
            wait_lock_shared(lock.file.fd, path, timeout)
        new = NewFile(lock, durable=durable)
        access = file_access(shared=True)
        source = h5py.File(h5f.open(os.fsencode(path), h5f.ACC_RDONLY, access))
        try:
            guard = Guard(source, options)
            _write(source.id, new, guard, progress, portable=portable)
            compare_files(source, new.beside, guard)
        finally:
            source.close()  # and all open objects of it
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
    # Copied objects may use the newest format, unless HDF5 1.8 must read them.
    newest = h5f.LIBVER_V18 if portable else h5f.LIBVER_LATEST
    # HDF5's newer groups use heaps that do not work if lengths have so few bytes.
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
    """Return the creation properties for the copy of a file.

    If the file has no free-space table, neither has the copy: it may be intended for HDF5 1.8.
    """
    old, root = source.get_create_plist(), h5g.open(source, b"/").get_create_plist()
    _, has_table, _ = old.get_file_space_strategy()
    plist = file_creation(keeps_free_space=has_table and not portable)
    plist.set_userblock(old.get_userblock())
    plist.set_sizes(*old.get_sizes())  # HDF5 cannot copy objects if the sizes differ
    plist.set_obj_track_times(root.get_obj_track_times())
    plist.set_link_creation_order(root.get_link_creation_order())
    keep_attribute_form(root, plist)
    return plist


_Step = tuple[GroupID, GroupID, Iterator[links.Entry]]
"""A group, its copy, and the links that are not yet copied."""


class _Copy:
    """Copies all objects of one file to another; links are copied as links."""

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
        """The address of each object with several links, or named type -> its copy."""
        self._type_group: GroupID | None = None
        """A temporary group for copies of named types whose keys come later."""
        self._count = 0
        self._total = 0

    def _count_all(self) -> None:
        """Count the objects to copy. HDF5's own visit recurses as deeply as groups nest."""
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
        if h5a.exists(root, STAMP):
            write_stamp(self._target)  # a new stamp, as after each checkpoint
        # Only groups above the present one are open: a file may have very many groups.
        todo = [self._begin(root, copy, h5o.get_info(root))]
        self._shared[h5o.get_info(root).addr] = copy
        while todo:
            old, new, rest = todo[-1]
            inner = None
            for name, kind, _ in rest:
                run_pending()
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
                    hint="the file is unchanged",
                )
        if self._type_group is not None:
            self._type_group = None
            self._target.unlink(_TYPE_GROUP)
        self._references.run()

    def _begin(self, old: GroupID, new: GroupID, info: ObjInfo) -> _Step:
        """Copy the attributes of a group, and return its links."""
        self._attributes(old, new, but=lambda name: name == STAMP or is_order(name))
        self._known.add(info.addr)
        self._step()
        return old, new, iter(links.entries(old, dangling=True))

    def _link(self, old: GroupID, name: bytes, kind: int, new: GroupID) -> _Step | None:
        """Copy a link and its object; for a group return the step that copies its contents."""
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
                    "a group has more links than its link count says",
                    key=links.key_of(oid),
                    hint="the file is unchanged; h5repack may be able to do it",
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
        """Copy a dataset that has not been copied yet."""
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
        """Make HDF5 copy a dataset.

        Args:
            oid: the dataset.
            new: the group for the copy.
            name: its name there.
            made: the copy of its type, if that is a named type.
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
            raise _refusal(oid, "a named type, and a filter that this HDF5 does not have")
        if is_bare:
            self._attributes(oid, copy)

    def _has_own_attributes(self, oid: ObjectID) -> bool:
        """Return whether HDF5 cannot copy some attributes of an object correctly."""
        types = (h5a.open(oid, key).get_type() for key in attribute_names(oid))
        return any(has_references(tid) or tid.committed() for tid in types)

    def _named_type(self, tid: TypeID, new: GroupID, name: bytes) -> TypeID:
        """Copy a named type; objects that use it use the copy."""
        try:
            h5o.copy(tid, b".", new, name, copypl=_copying(h5o.COPY_WITHOUT_ATTR_FLAG))
            copy = h5t.open(new, name)
        except RAISED:
            if not self._portable:
                raise
            copy = self._type(tid.copy(), tid)  # the form of the original is too new for HDF5 1.8
            copy.commit(new, name)
        self._shared[h5o.get_info(tid).addr] = copy
        self._attributes(tid, copy)
        return copy

    def _copy_of_type(self, tid: TypeID) -> TypeID:
        """Return the copy of a named type; if its key comes later, it is in the temporary group."""
        known = self._shared.get(h5o.get_info(tid).addr)
        if isinstance(known, TypeID):
            return known
        if self._type_group is None:
            self._type_group = h5g.create(self._target, _TYPE_GROUP)
        return self._named_type(tid, self._type_group, b"%d" % self._type_group.get_num_objs())

    def _type(self, tid: TypeID, oid: ObjectID, where: str = "") -> TypeID:
        """Return the type of the copy of an object."""
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
        """Copy the attributes of an object. Those with references get their values at the end."""
        for name in attribute_names(old):
            if but(name):
                continue
            aid, where = h5a.open(old, name), f"in the attribute {to_text(name)!r}: "
            tid = self._type(aid.get_type(), old, where)
            if has_references(tid):
                self._check_reference_type(old, aid.get_type(), where)
                h5a.create(new, name, tid, unshared(aid.get_space()))
                self._references.note(links.path_of(old))
                continue
            try:
                copy_attribute(old, new, name, tid)
            except HdfchkError as error:
                error.key = links.key_of(old)
                raise

    def _check(self, oid: DatasetID) -> None:
        """Reject a dataset that needs far more memory than it takes in the file."""
        tid = oid.get_type()
        self._guard.begin()
        self._guard.claims(oid)
        if oid.shape is not None and has_variable(tid):
            dtype = tid.dtype if has_references(tid) else numpy_dtype(tid)
            for _ in self._guard.blocks(oid, dtype):
                pass  # raises an error if the elements are larger than the file can contain

    def _check_references(self, oid: DatasetID, info: ObjInfo) -> None:
        """Reject a dataset with references that cannot be copied."""
        self._check_reference_type(oid, oid.get_type())
        if info.hdr.mesg.present & EXTERNAL_FILES:
            raise _refusal(oid, "HDF5 references that are stored in another file")
        plist = oid.get_create_plist()
        if plist.fill_value_defined() == h5d.FILL_VALUE_USER_DEFINED and _has_set_references(
            plist, oid
        ):
            raise _refusal(oid, "a fill value with HDF5 references")

    def _check_reference_type(self, oid: ObjectID, tid: TypeID, where: str = "") -> None:
        """Reject a type with references that cannot be read or written."""
        try:
            check_references(tid)
        except UnsupportedStoredError as error:
            raise _refusal(oid, f"{where}{error.problem}") from error
        if not self._writes_references:
            raise _refusal(oid, f"{where}HDF5 references of a size that HDF5 cannot write")

    def _step(self) -> None:
        self._count += 1
        if self._progress is not None:
            self._progress(self._count, max(self._count, self._total))


_TYPE_GROUP = b"hdfchk:types"
_MERGE = 0x40
"""`H5O_COPY_MERGE_COMMITTED_DTYPE_FLAG`, which h5py does not define: HDF5 searches the whole copy
for an equal named type, each time, and finds none with variable-length elements."""


@functools.cache
def _copying(flags: int) -> PropCopyID:
    """Return the property list with which HDF5 copies an object."""
    plist = h5p.create(h5p.OBJECT_COPY)
    plist.set_copy_object(flags)
    return plist


def _has_filters(did: DatasetID) -> bool:
    """Return whether all filters of a dataset are available, so that HDF5 can create a copy."""
    plist = did.get_create_plist()
    return all(h5z.filter_avail(plist.get_filter(i)[0]) for i in range(plist.get_nfilters()))


def _require_same_items(old: DatasetID, new: DatasetID) -> None:
    """Reject a copy whose elements h5py has not written as it read them.

    This affects strings without space for a terminating NUL, beside variable-length ones.
    """
    if not has_variable(old.get_type()):
        return
    for part in stored_parts(old):
        if not same_items(part.read(old), part.read(new)):
            raise _refusal(old, "strings beside variable-length elements, which h5py truncates")


def _has_set_references(plist: PropDCID, did: DatasetID) -> bool:
    """Return whether a fill value has references that are not null."""
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
        hint="the file is unchanged; h5repack may be able to do it",
    )
