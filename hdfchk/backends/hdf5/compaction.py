"""Writing a file anew, without the space that it does not use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import h5py
from h5py import h5a, h5d, h5f, h5g, h5l, h5o, h5p, h5t

from ...errors import CorruptFileError, NestingError, UnsupportedStoredError
from ...keys import MAX_PATH, to_text
from ...runtime.interrupts import defer_interrupts
from ...runtime.posix import wait_lock_shared, write_all
from ..meter import Progress
from ..settings import DEFAULTS, Options
from .comparison import compare_files
from .data.limits import Guard
from .h5 import links
from .h5.attributes import attribute_names, copy_attributes
from .h5.file_object import create_on
from .h5.key_order import is_order
from .h5.types import file_access, file_creation, has_variable, numpy_dtype
from .wal.fit import STAMP
from .wal.new_file import NewFile, ScratchFile
from .wal.replay import lock_to_write, recover

__all__ = ["compact_file"]

USERBLOCK_BYTES = 2**20
MAX_LEVELS = MAX_PATH
"""How deeply groups may nest: as deeply as a path can lead."""


def compact_file(
    path: str,
    timeout: float,
    progress: Progress | None = None,
    *,
    durable: bool = True,
    options: Options = DEFAULTS,
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

    Returns:
        How many bytes that gave back to the file system.

    Raises:
        UnsupportedStoredError: the file holds HDF5 references, which would lead nowhere.
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
            _write(source.id, new, guard, progress)
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


def _write(source: Any, new: NewFile, guard: Guard, progress: Progress | None) -> None:
    plist, old = file_creation(), source.get_create_plist()
    userblock = old.get_userblock()
    plist.set_userblock(userblock)
    plist.set_sizes(*old.get_sizes())  # HDF5 cannot copy objects between files of other sizes
    _keep_attribute_form(old, plist)
    scratch = ScratchFile(new.file)
    with defer_interrupts():
        target = create_on(scratch, plist)
        try:
            _Copy(source, target.id, guard, progress).run()
        finally:
            target.close()
        error = scratch.take_error()
    if error is not None:
        raise error
    if userblock:
        with open(source.name, "rb") as whole:
            for start in range(0, userblock, USERBLOCK_BYTES):
                piece = whole.read(min(USERBLOCK_BYTES, userblock - start))
                write_all(new.file.fd, piece, start)


_Step = tuple[Any, Any, Iterator[links.Entry]]
"""A group, its copy, and the links of it that are still to be copied."""


class _Copy:
    """The copy of all objects of one file to another, links as they are."""

    def __init__(self, source: Any, target: Any, guard: Guard, progress: Progress | None) -> None:
        self._source = source
        self._target = target
        self._guard = guard
        self._progress = progress
        self._known: set[int] = set()
        """The addresses of the groups that were copied."""
        self._shared: dict[int, Any] = {}
        """The address of an object with several links -> its copy."""
        self._count = 0
        self._total = 0

    def _count_all(self) -> None:
        """Count what is to be copied. HDF5's own visit would go as deep as the file says."""
        seen = {h5o.get_info(h5g.open(self._source, b"/")).addr}
        todo: list[Any] = [(h5g.open(self._source, b"/"), _hard(h5g.open(self._source, b"/")))]
        while todo:
            group, names = todo[-1]
            found = next(names, None)
            if found is None or len(todo) > MAX_LEVELS + 1:
                todo.pop()
            elif found[2] not in seen:
                seen.add(found[2])
                oid = h5o.open(group, found[0])
                if type(oid) is h5g.GroupID:
                    todo.append((oid, _hard(oid)))
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

    def _begin(self, old: Any, new: Any, info: Any) -> _Step:
        """Copy the attributes of a group, and get its links."""
        _check_attributes(old)
        copy_attributes(old, new, lambda name: name == STAMP or is_order(name))
        self._known.add(info.addr)
        self._step()
        return old, new, iter(links.entries(old, dangling=True))

    def _link(self, old: Any, name: bytes, kind: int, new: Any) -> _Step | None:
        """Copy a link and, unless it is a group, what it leads to; a group is to be gone into."""
        if kind == links.HARD:
            return self._object(old, name, new)
        if kind == h5l.TYPE_SOFT:
            new.links.create_soft(name, old.links.get_val(name))
        elif kind == h5l.TYPE_EXTERNAL:
            new.links.create_external(name, *old.links.get_val(name))
        else:
            raise _refusal(old, f"a user-defined link, {to_text(name)!r}")
        return None

    def _object(self, old: Any, name: bytes, new: Any) -> _Step | None:
        oid = h5o.open(old, name)
        info = h5o.get_info(oid)
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
            copy = h5g.create(new, name, gcpl=_group_plist(oid))
            if info.rc > 1:
                self._shared[info.addr] = copy
            return self._begin(oid, copy, info)
        self._check(oid)
        h5o.copy(old, name, new, name)
        if info.rc > 1:
            self._shared[info.addr] = h5o.open(new, name)
        self._step()
        return None

    def _check(self, oid: Any) -> None:
        """Refuse what cannot be copied, or would take far more than the file has of it."""
        _check_attributes(oid)
        if type(oid) is not h5d.DatasetID:
            return
        tid = oid.get_type()
        if tid.detect_class(h5t.REFERENCE):
            raise _refusal(oid, "HDF5 references")
        self._guard.begin()
        self._guard.claims(oid)
        if oid.shape is not None and has_variable(tid):
            for _ in self._guard.blocks(oid, numpy_dtype(tid)):
                pass  # it is refused where the items come to more than the file can hold

    def _step(self) -> None:
        self._count += 1
        if self._progress is not None:
            self._progress(self._count, max(self._count, self._total))


def _hard(gid: Any) -> Iterator[links.Entry]:
    """The hard links of a group."""
    return (entry for entry in links.entries(gid, dangling=True) if entry[1] == links.HARD)


def _group_plist(gid: Any) -> Any:
    """The creation properties for the copy of a group.

    Not the group's own: these have the places of its links in its file, and HDF5 would look for
    those of the copy there.
    """
    old, plist = gid.get_create_plist(), h5p.create(h5p.GROUP_CREATE)
    plist.set_link_creation_order(old.get_link_creation_order())
    plist.set_obj_track_times(old.get_obj_track_times())
    _keep_attribute_form(old, plist)
    return plist


def _keep_attribute_form(old: Any, plist: Any) -> None:
    """Let attributes lie as before: in the object header up to some number, in order if it was."""
    plist.set_attr_creation_order(old.get_attr_creation_order())
    plist.set_attr_phase_change(*old.get_attr_phase_change())


def _check_attributes(oid: Any) -> None:
    for name in attribute_names(oid):
        if h5a.open(oid, name).get_type().detect_class(h5t.REFERENCE):
            raise _refusal(oid, f"HDF5 references, in the attribute {to_text(name)!r}")


def _refusal(oid: Any, what: str) -> UnsupportedStoredError:
    return UnsupportedStoredError(
        f"it has {what}, which would lead nowhere in a copy",
        key=links.key_of(oid),
        hint="the file is left as it is; h5repack may do it",
    )
