"""Sessions on files that have a journal: of the one writer, and of readers beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from h5py import h5f

from ...errors import HdfchkError
from ...keys import Path
from ...tree import Leaf
from ..base import Change, Put, Stored
from ..layout import Layout
from ..meter import Meter
from ..settings import Options
from .data.direct_io import descriptor_of
from .data.memory_map import Mapper
from .h5.types import file_access, file_creation
from .nodes.apply import Commit
from .session import LocalSession
from .wal.logical_records import pack_put
from .wal.overlay import FileInUse, SnapshotFile
from .wal.replay import bring_in, carry_out, open_on
from .wal.writer_file import NewFile, WriterFile, WriterLock

__all__ = ["JournaledSession", "ReaderSession"]


_NATIVE = file_access(shared=True)
MOST_PUTS = 256
"""So many small assignments may wait for HDF5: readers have to let it do them, too."""


class JournaledSession(LocalSession):
    """A session for writing a file by its path.

    A new file is written by HDF5's own driver beside its place, where nobody can miss it, until
    its first commit. From then on, and where the file is there, all goes through the journal.

    Args:
        path: the path.
        options: how it is written and read.
        create: begin a new file in place of what is there.
        durable: bring commits to the disk.
        sync_interval: seconds that commits may wait for that.
        lock_timeout: seconds to wait for another writer.
    """

    rolls_back = True

    def __init__(
        self,
        path: str,
        *,
        options: Options,
        create: bool,
        durable: bool,
        sync_interval: float,
        lock_timeout: float,
    ) -> None:
        path = os.path.realpath(path)
        self._durable = durable
        self._sync_interval = sync_interval
        self._new: NewFile | None = None
        self._file: WriterFile | None = None
        self._puts: dict[Path, Leaf] = {}
        """Small assignments that are committed, and that HDF5 has still to do."""
        self._done_puts: dict[Path, Leaf] = {}
        """Those that it has done, but not committed."""
        self._dicts: set[Path] = set()
        """Where dicts are, since nothing but small assignments was done."""
        self._plain: set[Path] = set()
        """Where small values are that were put there since."""
        self._lent = False
        if not create:  # a file that can not be written gets no journal
            os.close(os.open(path, os.O_RDWR))
        self._lock = WriterLock(path, lock_timeout)
        try:
            stream = self._begin() if create else self._go_on()
            super().__init__(
                stream, address=path, writable=True, owned=True, options=options, calls_back=True
            )
        except BaseException:
            self._release()
            raise

    def _begin(self) -> Any:
        if self._new is None:
            if os.path.exists(self._lock.path):
                bring_in(self._lock, durable=self._durable)
            self._new = NewFile(self._lock, durable=self._durable)
        name = os.fsencode(self._new.beside)
        return h5py.File(h5f.create(name, h5f.ACC_TRUNC, file_creation(), file_access()))

    def _go_on(self) -> Any:
        self._file = self._file or WriterFile(
            self._lock, durable=self._durable, sync_interval=self._sync_interval
        )
        if self._file.puts:  # of a writer that was killed
            carry_out(self._file)
            self._file.commit()
        return open_on(self._file, h5f.ACC_RDWR)

    def _descriptor(self) -> int:
        return -1 if self._new is None else descriptor_of(self._stream)

    # -- small assignments -----------------------------------------------------------------------

    def put(self, path: Path, leaf: Leaf) -> bool:
        """Commit a small assignment by writing it down; HDF5 does it later."""
        if self._file is None or self._lent or self._file.waiting_puts >= MOST_PUTS:
            return False
        if len(path) > 1 and path[:-1] not in self._dicts:
            return False
        payload = pack_put(path, leaf)
        if payload is None:
            return False
        if isinstance(leaf.data, np.ndarray):  # it is the caller's, who may change it
            leaf = Leaf(leaf.data.copy(), leaf.mark)
        # In this order: a Ctrl-C in between must not leave one that the journal alone knows of.
        before = self._puts.get(path)
        self._puts[path] = leaf
        done = False
        try:
            done = self._file.put(payload)
        except OSError:
            self._take_back(path, before)
            raise
        if not done:
            self._take_back(path, before)
        elif path not in self._plain:
            # It may have taken the place of a dict, to which links may lead by other paths.
            above = {path[:depth] for depth in range(1, len(path))}
            self._dicts &= above
            self._plain.add(path)
        return done

    def _take_back(self, path: Path, before: Leaf | None) -> None:
        if before is None:
            del self._puts[path]
        else:
            self._puts[path] = before

    def settle(self) -> None:
        """Let HDF5 do all small assignments that were committed."""
        while self._puts:
            path = next(iter(self._puts))
            step: dict[Path, Stored | None] = {path: self._puts[path]}
            try:
                Commit(self._root, self._writer, rolls_back=True).run(step)
            except HdfchkError:  # it can not be done, now or ever: it is told once
                self._puts.pop(path)
                raise
            self._done_puts[path] = self._puts.pop(path)

    def _undo_done(self) -> None:
        """What HDF5 had done without a commit is to be done again."""
        self._puts = {**self._done_puts, **self._puts}
        self._done_puts.clear()
        self._dicts.clear()
        self._plain.clear()

    def apply(
        self,
        changes: Sequence[Change],
        layout: Layout | None = None,
        meter: Meter | None = None,
    ) -> None:
        """Apply all changes as one commit."""
        self._dicts.clear()
        self._plain.clear()
        super().apply(changes, layout, meter)
        for change in changes:
            if isinstance(change, Put):
                self._dicts.update(change.path[:depth] for depth in range(1, len(change.path)))

    def stream(self) -> Any:
        """The `h5py.File`. What is done to it must be a part of the next commit."""
        self._lent = True
        return super().stream()

    # -- commits -------------------------------------------------------------------------------

    def commit(self) -> None:
        """Make what was written since the last commit one commit: a kill leaves it there."""
        if self._new is not None:
            self._stream.close()
            self._new.appear()
            self._new = None
            self._use(self._go_on())
        elif self._file is not None:
            self.settle()
            self._stream.flush()
            self._file.commit()
            self._done_puts.clear()

    def rollback(self) -> None:
        """Give up what was written since the last commit; open objects are closed."""
        if self._new is not None:
            self._stream.close()
            self._use(self._begin())
            return
        if self._file is not None:
            self._discard(self._file)
            self._file.rollback()
        self._undo_done()
        self._use(self._go_on())

    def flush(self) -> None:
        """Bring all commits to the disk, and into the file unless somebody reads it."""
        if self._file is not None and not self._file.is_applied:
            self._file.sync()
            self._file.apply()

    def _mapper(self) -> Mapper | None:
        """Maps what lies in the file, and not in the journal any more."""
        if self._file is None:
            return None
        self._stream.flush()
        return self._file.mapper(self._address)

    def _discard(self, file: WriterFile) -> None:
        """Close HDF5 on the file; what it writes on the way goes nowhere."""
        file.discarding = True
        try:
            self._stream.close()
        finally:
            file.discarding = False

    def close(self) -> None:
        """Bring all commits into the file, and close; what was not committed is given up."""
        try:
            if self._stream:
                self.settle()
                self._writer.hidden.clear()
                # Closing writes the table of free space: it is a commit of its own.
                self._stream.close()
                if self._file is not None:
                    self._file.commit()
        finally:
            self._release()

    def _release(self) -> None:
        if self._new is not None:
            self._new.close()
        elif self._file is not None:
            self._file.close()
        else:
            self._lock.release()

    def abandon(self) -> None:
        """Leave the file to the parent process."""
        if self._file is not None:
            self._file.abandon()
        else:
            self._lock.abandon()
        super().abandon()


class ReaderSession(LocalSession):
    """A session that reads the last commit of a file, whoever writes it meanwhile.

    Args:
        path: the path.
        options: how it is read.
        lock_timeout: seconds to wait for a process that writes the file itself.
    """

    def __init__(self, path: str, *, options: Options, lock_timeout: float) -> None:
        self._held = FileInUse(path, lock_timeout)
        self._last: tuple[Path | None, Any] = (None, None)
        try:
            if self._held.snapshot is not None:
                stream = _read_snapshot(self._held.snapshot)
            else:
                stream = h5py.File(h5f.open(os.fsencode(path), h5f.ACC_RDONLY, _NATIVE))
            super().__init__(
                stream,
                address=path,
                writable=False,
                owned=True,
                options=options,
                calls_back=self._held.snapshot is not None,
            )
        except BaseException:
            self._held.close()
            raise

    def _open(self, path: Path) -> Any:
        # What was looked at last is often read next, and nothing changes under a reader. But what
        # is opened with trust may be in another file, and is for those alone who have it.
        if path != self._last[0] or not self._stream or self._guard.trusts:
            self._last = None, None  # it is let go before another one is opened
            found = super()._open(path)
            if self._guard.trusts:
                return found
            self._last = path, found
        return self._last[1]

    def _descriptor(self) -> int:
        # Another handle of this process may write the file, where locks are off, and HDF5 keeps
        # bytes of it in memory then, for all of them.
        if self._held.snapshot is not None or self._stream.id.get_intent() != h5f.ACC_RDONLY:
            return -1
        return descriptor_of(self._stream)

    def _mapper(self) -> Mapper | None:
        """Maps what lies in the file, and not in the journal any more."""
        if self._held.snapshot is None:
            return super()._mapper()
        return self._held.snapshot.mapper(self._address)

    def close(self) -> None:
        """Close HDF5 and the files."""
        self._last = (None, None)
        try:
            super().close()
        finally:
            self._held.close()

    def abandon(self) -> None:
        """Leave the file to the parent process."""
        self._held.abandon()
        super().abandon()


def _read_snapshot(snapshot: SnapshotFile) -> Any:
    """HDF5 on a snapshot, in which it has done, in memory, what it had still to do."""
    carry_out(snapshot)
    return open_on(snapshot, h5f.ACC_RDONLY)
