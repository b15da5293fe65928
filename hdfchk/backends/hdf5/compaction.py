"""Writing a file anew, without the space that it does not use."""

from __future__ import annotations

import os
from typing import Any

import h5py
from h5py import h5a, h5d, h5f, h5g, h5l, h5o, h5p, h5t

from ...errors import NestingError, UnsupportedStoredError
from ...keys import to_text
from ...runtime.posix import write_all
from ..meter import Progress
from .h5 import links
from .h5.attributes import copy_attributes
from .h5.key_order import ORDER
from .h5.types import file_access, file_creation
from .nodes.reader import MAX_LEVELS
from .wal.fit import STAMP
from .wal.log import scan
from .wal.new_file import NewFile
from .wal.replay import lock_to_write, recover

__all__ = ["compact_file"]

USERBLOCK_BYTES = 2**20


def compact_file(
    path: str, timeout: float, progress: Progress | None = None, *, durable: bool = True
) -> int:
    """Write a file anew beside its place, and put it there when it is whole.

    Args:
        path: the file.
        timeout: seconds to wait for a writer, or for readers of commits that are still in the
            journal.
        progress: is told how many of the file's objects are copied.
        durable: bring the new file to the disk before it takes the old one's place.

    Returns:
        How many bytes that gave back to the file system.

    Raises:
        UnsupportedStoredError: the file holds HDF5 references, which would lead nowhere.
    """
    path = os.path.realpath(path)
    before = os.stat(path).st_size
    lock, found = lock_to_write(path, timeout)
    new: NewFile | None = None
    try:
        recover(lock, found, durable=durable)
        new = NewFile(lock, durable=durable)
        access = file_access(shared=True)
        source = h5py.File(h5f.open(os.fsencode(path), h5f.ACC_RDONLY, access))
        try:
            _write(source.id, new.beside, progress)
        finally:
            source.close()  # and all that is open of it
        new.appear()
        new.make_durable()
    finally:
        if new is not None:
            new.close()
        lock.release(remove=not scan(lock.log.fd).has_commits)
    return before - os.stat(path).st_size


def _write(source: Any, beside: str, progress: Progress | None) -> None:
    plist = file_creation()
    userblock = source.get_create_plist().get_userblock()
    plist.set_userblock(userblock)
    target = h5f.create(os.fsencode(beside), h5f.ACC_TRUNC, plist, file_access())
    try:
        _Copy(source, target, progress).run()
    finally:
        target.close()
    if userblock:
        with open(source.name, "rb") as old, open(beside, "r+b") as new:
            for start in range(0, userblock, USERBLOCK_BYTES):
                piece = old.read(min(USERBLOCK_BYTES, userblock - start))
                write_all(new.fileno(), piece, start)


class _Copy:
    """The copy of all objects of one file to another, links as they are."""

    def __init__(self, source: Any, target: Any, progress: Progress | None) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._done: dict[int, Any] = {}
        """The address of a group or of an object with several links -> its copy."""
        self._count = 0
        self._total = 0

    def _count_all(self) -> None:
        """Count what is to be copied. HDF5's own visit would go as deep as the file says."""
        seen: set[int] = set()
        todo: list[tuple[Any, int]] = [(h5g.open(self._source, b"/"), 0)]
        while todo:
            oid, depth = todo.pop()
            address = h5o.get_info(oid).addr
            if address in seen or depth > MAX_LEVELS:
                continue
            seen.add(address)
            if type(oid) is h5g.GroupID:
                hard = [name for name, kind, _ in links.entries(oid) if kind == links.HARD]
                todo += [(h5o.open(oid, name), depth + 1) for name in hard]
        self._total = len(seen)

    def run(self) -> None:
        if self._progress is not None:
            self._count_all()
        root, copy = h5g.open(self._source, b"/"), h5g.open(self._target, b"/")
        self._done[h5o.get_info(root).addr] = copy
        todo = [(root, copy, 0)]
        while todo:
            old, new, depth = todo.pop()
            if depth > MAX_LEVELS:
                raise NestingError(
                    f"groups nested more than {MAX_LEVELS} levels deep",
                    key=f"{links.key_of(old)[:40]}…",
                    hint="the file is left as it is",
                )
            todo += [(a, b, depth + 1) for a, b in self._group(old, new)]

    def _group(self, old: Any, new: Any) -> list[tuple[Any, Any]]:
        """Copy what a group holds; the groups in it, and their copies, to go on with."""
        _check_attributes(old)
        copy_attributes(old, new, (ORDER, STAMP))
        self._step()
        inner: list[tuple[Any, Any]] = []
        for name, kind, _ in links.entries(old, dangling=True):
            if kind == links.HARD:
                inner += self._object(old, name, new)
            elif kind == h5l.TYPE_SOFT:
                new.links.create_soft(name, old.links.get_val(name))
            elif kind == h5l.TYPE_EXTERNAL:
                new.links.create_external(name, *old.links.get_val(name))
            else:
                raise _refusal(old, f"a user-defined link, {to_text(name)!r}")
        return inner

    def _object(self, old: Any, name: bytes, new: Any) -> list[tuple[Any, Any]]:
        oid = h5o.open(old, name)
        info = h5o.get_info(oid)
        known = self._done.get(info.addr)
        if known is not None:
            h5o.link(known, new, name)
            return []
        if type(oid) is h5g.GroupID:
            copy = h5g.create(new, name, gcpl=_creation_of(oid))
            self._done[info.addr] = copy
            return [(oid, copy)]
        _check_attributes(oid)
        if type(oid) is h5d.DatasetID and oid.get_type().detect_class(h5t.REFERENCE):
            raise _refusal(oid, "HDF5 references")
        h5o.copy(old, name, new, name)
        if info.rc > 1:
            self._done[info.addr] = h5o.open(new, name)
        self._step()
        return []

    def _step(self) -> None:
        self._count += 1
        if self._progress is not None:
            self._progress(self._count, max(self._count, self._total))


def _creation_of(group: Any) -> Any:
    """The creation properties of a group.

    Those that HDF5 gives say where the links of a large group are, too: another group that is made
    with them would look for its own there.
    """
    found, plist = group.get_create_plist(), h5p.create(h5p.GROUP_CREATE)
    plist.set_link_creation_order(found.get_link_creation_order())
    plist.set_attr_creation_order(found.get_attr_creation_order())
    plist.set_attr_phase_change(*found.get_attr_phase_change())
    return plist


def _check_attributes(oid: Any) -> None:
    names: list[bytes] = []
    if h5a.get_num_attrs(oid):
        h5a.iterate(oid, names.append)
    for name in names:
        if h5a.open(oid, name).get_type().detect_class(h5t.REFERENCE):
            raise _refusal(oid, f"HDF5 references, in the attribute {to_text(name)!r}")


def _refusal(oid: Any, what: str) -> UnsupportedStoredError:
    return UnsupportedStoredError(
        f"it has {what}, which would lead nowhere in a copy",
        key=links.key_of(oid),
        hint="the file is left as it is; h5repack may do it",
    )
