"""An open HDF5 file, or a group of one, as a backend's session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o

from ...errors import (
    CheckpointerKeyError,
    ClosedError,
    NestingError,
    NotAGroupError,
    ReadOnlyError,
    UnsafeFileError,
    UnsupportedStoredError,
)
from ...keys import Path, join, to_bytes, to_text
from ...runtime.posix import let_go
from ...tree import Branch, Leaf, Mark
from ..base import ArrayForm, ArrayInfo, Change, Select, Stat
from ..changeset import plan
from ..layout import Layout
from ..meter import Meter
from ..settings import DEFAULTS, Options
from .data import resize as growth
from .data import selection as slices
from .data.headroom import require_headroom
from .data.limits import Guard
from .data.memory_map import Mapper, require_view
from .h5 import checksums as sums
from .h5 import links
from .h5.attributes import is_own, read_attribute, write_attributes
from .h5.errors import RAISED, telling, unreadable
from .h5.marks import is_dict, read_mark
from .nodes.apply import Commit
from .nodes.reader import Reader
from .nodes.writer import Writer

__all__ = ["LocalSession"]

_ABANDONED: list[Any] = []
"""HDF5 objects of a parent process: dropping them would close, and so write to, its files."""


class LocalSession:
    """A session over one open HDF5 file or group.

    Args:
        stream: the open `h5py.File` or `h5py.Group`, whose root is the root of all paths.
        address: how messages call it.
        writable: it was opened for writing.
        owned: close it with the session.
        options: how it is written and read.
        calls_back: HDF5 works on a file object of Python's.
    """

    rolls_back = False
    """Whether `rollback` gives up what was written since the last commit, and is called after each
    error: what is written over in place need not be kept for an undo."""

    def __init__(
        self,
        stream: Any,
        *,
        address: str,
        writable: bool,
        owned: bool,
        options: Options = DEFAULTS,
        calls_back: bool = False,
    ) -> None:
        self._options = options
        self.calls_back = calls_back
        self.writable = writable
        self._owned = owned
        self._address = address
        self._use(stream)

    def _use(self, stream: Any) -> None:
        self._stream = stream
        try:
            self._root = h5g.open(stream.id, b".") if isinstance(stream, h5py.File) else stream.id
        except RAISED as error:
            if self._owned:
                stream.close()
            raise unreadable("the root group", error, None) from error
        self._guard = Guard(stream, self._options)
        self._reader = Reader(self._root, self._guard)
        if self.writable:
            self._writer = Writer(self._root, self._options, self._descriptor())
            self._writer.hidden.sweep()

    def _descriptor(self) -> int:
        """The descriptor of the file, if it may be read and written past HDF5; else -1."""
        return -1

    def _descriptor_to_read(self) -> int:
        # Not while HDF5 may have something left to write, or what is read may be in another file.
        return -1 if self.writable or self._guard.trusts else self._descriptor()

    def commit(self) -> None:
        """Make what was written since the last commit one commit: HDF5 alone has no such thing."""

    def rollback(self) -> None:
        """Give up what was written since the last commit: `apply` undoes what fails by itself."""

    @telling
    def stat(self, path: Path) -> Stat | None:
        """What stands at `path`, or None."""
        try:
            oid = self._open(path)
        except NestingError:
            return None
        except (UnsafeFileError, UnsupportedStoredError):
            # A link that leads out is there; reading it is what will be refused.
            there = links.is_there(self._root, path)
            return Stat(is_dict=False, is_group=False, mark=None) if there else None
        if oid is None:
            return None
        mark = read_mark(oid)
        group = type(oid) is h5g.GroupID
        return Stat(is_dict=group and is_dict(oid, mark), is_group=group, mark=mark)

    @telling
    def names(self, path: Path) -> list[str]:
        """The names of a group's children, in insertion order."""
        gid = self._need(path)
        if type(gid) is not h5g.GroupID:
            raise NotAGroupError("it holds a value, not a dict", key=join(path))
        return [to_text(name) for name, _, _ in links.entries(gid)]

    @telling
    def last_name(self, path: Path) -> str | None:
        """The name of a group's last child, or None."""
        gid = self._need(path)
        if type(gid) is not h5g.GroupID:
            raise NotAGroupError("it holds a value, not a dict", key=join(path))
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
        """The whole tree at `path`, but for children that `select` does not want."""
        require_headroom()
        oid = self._need(path)
        if meter is not None:
            meter.total = self._size(path, oid, select)
        with self._past_hdf5(mapped, meter):
            if type(oid) is h5d.DatasetID:
                return self._reader.dataset(oid)
            return self._reader.group(oid, read_mark(oid), path, select)

    @telling
    def read_value(self, path: Path, *, mapped: bool = False) -> Leaf | Branch | None:
        """As `read`, but None for a dict."""
        oid = self._need(path)
        with self._past_hdf5(mapped):
            if type(oid) is h5d.DatasetID:
                return self._reader.dataset(oid)
            mark = read_mark(oid)
            if is_dict(oid, mark):
                return None
            return self._reader.group(oid, mark, path, None)

    @contextmanager
    def _past_hdf5(self, mapped: bool, meter: Meter | None = None) -> Iterator[None]:
        """A block in which arrays are had without HDF5 where that can be done.

        Args:
            mapped: as maps.
            meter: is told how many bytes are read.
        """
        self._reader.meter = meter
        self._reader.mapper = self._mapper() if mapped else None
        self._reader.descriptor = self._descriptor_to_read()
        try:
            yield
        finally:
            self._reader.mapper = self._reader.meter = None
            self._reader.descriptor = -1

    def _size(self, path: Path, oid: Any, select: Select | None) -> int:
        """About how many bytes of the file are to be read; 0 where only reading would tell."""
        size: int = 0
        if type(oid) is h5d.DatasetID:
            size = oid.get_storage_size()
        elif not path and select is None and isinstance(self._stream, h5py.File):
            size = self._stream.id.get_filesize()
        return size

    def _mapper(self) -> Mapper | None:
        """Maps the file that is open; None for what is in no file of its own."""
        if not self._stream or self._stream.file.driver not in {"sec2", "windows"}:
            return None
        self.flush()
        file = self._stream.file
        return Mapper(file.filename, file.id.get_vfd_handle(), within=self._root)

    @telling
    def identity(self, path: Path) -> Any:
        """Where the object lies."""
        info = h5o.get_info(self._need(path))
        return (info.fileno, info.addr)

    @telling
    def verify(self, path: Path) -> None:
        """Look at the checksum of what HDF5 keeps none of."""
        oid = self._need(path)
        if type(oid) is h5d.DatasetID:
            sums.verify(oid, self._reader.dataset(oid))

    def put(self, path: Path, leaf: Leaf) -> bool:
        """There is no faster way."""
        return False

    def settle(self) -> None:
        """Nothing was left to be done."""

    def layout(self, path: Path) -> Layout:
        """How the store says that an array is to lie in the file."""
        return self._options.layout(path)

    def draft(self, form: ArrayForm, layout: Layout, *, whole: bool = False) -> growth.LocalDraft:
        """Begin to make an array."""
        self._check_writable()
        return growth.LocalDraft.of(self._writer.hidden, form, layout, self._guard, whole=whole)

    def apply(
        self,
        changes: Sequence[Change],
        layout: Layout | None = None,
        meter: Meter | None = None,
    ) -> None:
        """Apply all changes as one commit."""
        self._check_writable()
        steps = plan(changes, self.stat, self._address)
        self._writer.layout, self._writer.meter = layout, meter
        try:
            Commit(self._root, self._writer, rolls_back=self.rolls_back).run(steps)
        finally:
            self._writer.layout = self._writer.meter = None

    @telling
    def attribute_names(self, path: Path) -> list[str]:
        """The names of all attributes but the library's own marks."""
        found: list[bytes] = []
        oid = self._need(path)
        if h5a.get_num_attrs(oid):
            h5a.iterate(oid, found.append)
        return [to_text(name) for name in found if not is_own(name)]

    @telling
    def read_attribute(self, path: Path, name: str) -> Leaf | None:
        """One attribute, or None."""
        oid, raw = self._need(path), to_bytes(name)
        return read_attribute(oid, raw) if h5a.exists(oid, raw) else None

    def write_attribute(self, path: Path, name: str, leaf: Leaf | None) -> None:
        """Set one attribute, or delete it."""
        self.write_attributes(path, {name: leaf})

    def write_attributes(self, path: Path, values: Mapping[str, Leaf | None]) -> None:
        """Set attributes, or delete them (None), as one commit."""
        self._check_writable()
        raw = {to_bytes(name): leaf for name, leaf in values.items()}
        write_attributes(self._need(path), raw)

    @telling
    def array_info(self, path: Path) -> ArrayInfo:
        """The outside of the array at `path`."""
        return slices.info(self._dataset(path))

    def read_slice(self, path: Path, index: Any) -> tuple[np.ndarray[Any, Any], Mark | None]:
        """The elements at `index`, and the array's mark."""
        did = self._dataset(path)
        return slices.read(did, index, self._guard, self._descriptor_to_read()), read_mark(did)

    def write_slice(self, path: Path, index: Any, data: np.ndarray[Any, Any]) -> None:
        """Write `data` at `index`."""
        self._check_writable()
        did = self._dataset(path)
        before = None if self.rolls_back else slices.kept(did, index, self._guard)
        with sums.forgotten(did):
            try:
                slices.write(did, index, data, self._guard)
            except BaseException:
                if before is not None:
                    slices.write(did, index, before, self._guard)
                raise

    def append(self, path: Path, rows: np.ndarray[Any, Any]) -> None:
        """Append rows."""
        self._check_writable()
        did = self._dataset(path)
        self._guard.inside(did)
        with sums.forgotten(did):
            if growth.append(did, rows):
                return
        draft = growth.growable_copy(self._writer.hidden, did, self._guard)
        growth.append(draft.did, rows)
        Commit(self._root, self._writer, rolls_back=self.rolls_back).run({path: draft})

    @telling
    def map(self, path: Path) -> np.ndarray[Any, Any]:
        """A read-only view of the stored elements in the file."""
        did = self._dataset(path)
        self._guard.inside(did)
        mapper = self._mapper()
        problem = "it is in no file that is there under its name" if mapper is None else None
        return require_view(mapper, did, problem)

    def stream(self) -> Any:
        """The `h5py.File` or `h5py.Group`."""
        return self._stream

    def flush(self) -> None:
        """Hand everything to the operating system."""
        if self.writable and self._stream:
            self._stream.file.flush()

    def abandon(self) -> None:
        """Leave the file to the parent process: this process's writes go nowhere from now on."""
        _ABANDONED.append((self._stream, self._root, self.__dict__.copy()))
        if self.writable and self._owned:
            try:
                descriptor = self._stream.id.get_vfd_handle()
            except (NotImplementedError, RuntimeError):  # a file object of Python's, not HDF5's
                return
            let_go(descriptor)

    def close(self) -> None:
        """Flush and close what the session owns."""
        if self.writable and self._stream:
            self._writer.hidden.clear()
        if self._owned:
            if self._stream:
                self._stream.close()
        else:
            self.flush()

    def _open(self, path: Path) -> Any:
        if not self._stream:
            raise ClosedError(
                "the file was closed by its owner", file=self._address, hint="open it again"
            )
        if not path:
            return self._root
        name = links.locate(self._root, path, trust=self._guard.trusts)
        return None if name is None else links.open_object(self._root, name, path)

    def _need(self, path: Path) -> Any:
        oid = self._open(path)
        if oid is None:
            raise CheckpointerKeyError("no such key", key=join(path), hint="see keys()")
        return oid

    @telling
    def _dataset(self, path: Path) -> Any:
        did = self._need(path)
        if type(did) is not h5d.DatasetID:
            raise UnsupportedStoredError("it is a group, no array", key=join(path))
        return did

    def _check_writable(self) -> None:
        require_headroom()
        if not self.writable:
            raise ReadOnlyError(
                "it is open for reading only", file=self._address, hint="open it with mode='a'"
            )
