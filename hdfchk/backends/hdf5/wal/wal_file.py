"""The file object under HDF5: no byte that a commit needs goes before its successor is safe.

Writes below the end of the last commit, and small ones anywhere, are kept until the commit appends
them to the journal. Large ones beyond that end go straight into the file, once, and are on the disk
before the commit that needs them is written. Applying brings what is in the journal into the file,
after the journal itself is on the disk.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

from ....runtime.posix import lock_alone, lock_shared, reserve, sync, write_all
from ...meter import Progress
from .overlay import PAGE, SnapshotFile
from .wal_format import Journal, Snapshot, Write

__all__ = ["JournaledFile"]

DIRECT_BYTES = 2**16
"""Writes from this size up, beyond what is committed, go straight into the file."""
SPILL_BYTES = 2**24
"""So much may wait in memory; more goes to the journal before its commit."""
PIECE_BYTES = 2**22
"""Large writes go to the journal in records of this size."""
APPLY_BYTES = 2**24
"""A journal that is longer is applied."""
APPLY_WRITES = 2**13
"""A journal of more writes is applied: readers have to lay them all over the file."""


class JournaledFile(SnapshotFile):
    """A file that is written through a journal.

    Args:
        descriptor: the main file, open for reading and writing.
        journal: the journal, whose lock is held.
        durable: bring commits to the disk.
        sync_interval: seconds that commits may wait for that; 0 for none.
    """

    def __init__(
        self,
        descriptor: int,
        journal: Journal,
        *,
        durable: bool = True,
        sync_interval: float = 1.0,
    ) -> None:
        super().__init__(descriptor, journal, Snapshot((), None, 0, 0))
        self.durable = durable
        self.sync_interval = sync_interval
        self.discarding = False
        """Whether what HDF5 writes goes nowhere: a state is given up, or the file is another
        process's."""
        self._process = os.getpid()
        self._base = self._committed_size = self._size
        self._bulk = False
        self._record: list[Write] = []
        """What was written since the last commit or spill."""
        self._waiting = 0
        """How many bytes these are."""
        self._laid = 0
        """How many of these are in the pending pages."""
        self._late: dict[tuple[int, int], Any] = {}
        """What was committed, and is not in the pages yet, as nobody has asked for it: place and
        length -> bytes. The same place is written again and again."""
        self._spilled: set[int] = set()
        """The pages that the journal has of what is not committed yet."""
        self._reach = self._size
        """Where what is in memory, or in the journal, ends: perhaps behind the end of the file."""
        self._writes = 0
        self._synced = time.monotonic()

    def adopt(self, found: Snapshot) -> None:
        """Take over the commits of a writer that is gone."""
        self._journal.resume(found)
        self.puts = list(found.puts)
        for place, extent, source in found.writes:
            self._lay(self._pages, place, extent, source)
        if found.size is not None:
            self._size = self._committed_size = self._reach = found.size
            self._base = max(self._base, found.size)

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with what was written last."""
        self._settle()
        return super().readinto(buffer)

    def holds(self, start: int, end: int) -> bool:
        """Whether the file itself holds what it should, from one byte up to another."""
        self._settle()
        return super().holds(start, end)

    def _settle(self) -> None:
        """Lay all that was written over the file."""
        for (place, extent), data in self._late.items():
            self._lay(self._pages, place, extent, data)
        self._late.clear()
        if self._laid < len(self._record):
            for place, data in self._record[self._laid :]:
                self._lay(self._pending, place, len(data), data)
            self._laid = len(self._record)

    def write(self, data: Any) -> int:
        """Write at the position."""
        view = memoryview(data).cast("B")
        start, length = self._position, len(view)
        self._position = end = start + length
        if self.discarding:
            return length
        if length < DIRECT_BYTES:
            self._keep(start, view)
        else:
            self._write_large(start, view)
        self._size = max(self._size, end)
        self._reach = max(self._reach, end)
        return length

    def _write_large(self, start: int, view: memoryview) -> None:
        end = start + len(view)
        direct = -(-max(start, self._base) // PAGE) * PAGE
        direct_end = end // PAGE * PAGE
        if direct_end - direct < DIRECT_BYTES:
            self._spill_large(start, view)
            return
        if direct > start:
            self._write_large_part(start, view[: direct - start])
        if any(direct <= number * PAGE < direct_end for number in self._spilled):
            # The journal has older bytes of this place, and would bring them back.
            self._spill_large(direct, view[direct - start :])
            return
        write_all(self._descriptor, view[direct - start : direct_end - start], direct)
        self._bulk = True
        self._drop(direct // PAGE, direct_end // PAGE)
        if direct_end < end:
            self._keep(direct_end, view[direct_end - start :])

    def _write_large_part(self, start: int, view: memoryview) -> None:
        if len(view) < DIRECT_BYTES:
            self._keep(start, view)
        else:
            self._spill_large(start, view)

    def _drop(self, first: int, end: int) -> None:
        """Forget what waits for pages that a direct write has replaced."""
        self._settle()
        self._record = list(_outside(self._record, first * PAGE, end * PAGE))
        self._laid = len(self._record)
        if len(self._pending) < end - first:
            gone = [number for number in self._pending if first <= number < end]
        else:
            gone = [number for number in range(first, end) if number in self._pending]
        for number in gone:
            del self._pending[number]

    def _keep(self, start: int, view: memoryview) -> None:
        """Keep a write until the commit."""
        self._record.append((start, bytes(view)))
        self._waiting += len(view)
        if self._waiting > SPILL_BYTES:
            self._spill()

    def _spill(self) -> None:
        """Bring what waits to the journal before its commit, so that memory is bounded."""
        self._settle()
        items = [(n, bytes(p)) for n, p in self._pending.items() if isinstance(p, bytearray)]
        start = self._journal.append([(n * PAGE, data) for n, data in items], None)
        for index, (number, _) in enumerate(items):
            self._pending[number] = start + index * PAGE
            self._spilled.add(number)
        self._writes += len(items)
        self._record.clear()
        self._waiting = self._laid = 0

    def _spill_large(self, start: int, view: memoryview) -> None:
        """Bring a large write to the journal at once."""
        self._spill()
        for offset in range(0, len(view), PIECE_BYTES):
            piece = view[offset : offset + PIECE_BYTES]
            at = self._journal.append([(start + offset, piece)], None)
            self._lay(self._pending, start + offset, len(piece), at)
        self._spilled.update(range(start // PAGE, (start + len(view) - 1) // PAGE + 1))

    def truncate(self, size: int | None = None) -> int:
        """Set the length. Nothing that a commit needs is cut off before the journal is applied."""
        size = self._position if size is None else size
        if not self.discarding:
            self._size = size
            if os.fstat(self._descriptor).st_size > max(size, self._base):
                os.ftruncate(self._descriptor, max(size, self._base))
        return size

    def commit(self) -> None:
        """Make all that was written one commit: a kill from now on leaves it there.

        Raises:
            OSError: there is no room; the state is that of the last commit, after `rollback`.
        """
        if os.getpid() != self._process:
            return
        changed = self._size != self._committed_size
        if not (self._record or self._pending or self._bulk or changed or self._journal.puts):
            return
        if self._reach > self._size:
            self._cut()
        if self._bulk and self.durable:
            sync(self._descriptor)
        self._journal.append(self._record, self._size)
        self._writes += len(self._record)
        if self._pending:
            self._pages.update(self._pending)
            self._pending.clear()
        late = self._late
        for place, data in self._record[self._laid :]:
            key = (place, len(data))
            late.pop(key, None)  # it comes last now
            late[key] = data
        self._clear_record()
        self._committed_size = self._size
        self._base = max(self._base, self._size)
        self._see_to_sync()
        if self._journal.size > APPLY_BYTES or self._writes > APPLY_WRITES:
            self.apply()

    def _cut(self) -> None:
        """Forget what lies behind the end of the file: HDF5 has taken the space, and given it back.

        Had it stayed, it would be laid over what is written there later, straight into the file.
        """
        self._settle()
        self._record = list(_outside(self._record, self._size, self._reach))
        self._laid = len(self._record)
        for pages in (self._pages, self._pending):
            for number in [number for number in pages if number * PAGE >= self._size]:
                del pages[number]
        self._reach = self._size

    def put(self, payload: bytes) -> bool:
        """Commit a small assignment, which HDF5 is still to do; False if it can not be now.

        Raises:
            OSError: there is no room; nothing was done.
        """
        if not self._journal.is_whole or self._bulk or os.getpid() != self._process:
            return False
        self._journal.append_put(payload)
        self._see_to_sync()
        return True

    @property
    def waiting_puts(self) -> int:
        """How many small assignments stand in the journal alone."""
        return self._journal.puts

    def _see_to_sync(self) -> None:
        """Bring a commit to the disk now, or soon."""
        if self.durable:
            if time.monotonic() - self._synced >= self.sync_interval:
                self.sync()
            else:
                self._sync_later()

    def _clear_record(self) -> None:
        self._record.clear()
        self._spilled.clear()
        self._waiting = self._laid = 0
        self._bulk = False

    def sync(self) -> None:
        """Bring all commits to the disk."""
        if self.durable:
            self._sync_journal()
            self._synced = time.monotonic()

    def _sync_later(self) -> None:
        """Bring this commit to the disk when it has waited long enough."""

    def _sync_journal(self) -> None:
        self._journal.sync()

    def rollback(self) -> None:
        """Give up all that was written since the last commit."""
        self._pending.clear()
        self._clear_record()
        self._size = self._reach = self._committed_size
        self._journal.forget()
        if os.fstat(self._descriptor).st_size > self._base:
            os.ftruncate(self._descriptor, self._base)

    @property
    def is_applied(self) -> bool:
        """Whether the file is the last commit as it stands."""
        return not self._journal.has_commits

    def apply(self, *, last: bool = False, progress: Progress | None = None) -> bool:
        """Bring all commits into the file, and empty the journal.

        Args:
            last: the journal is about to be removed, and need not be emptied.
            progress: is told how many bytes are written.

        Returns:
            Whether it was done: not while somebody reads the file, while something is written that
            is not committed, nor while HDF5 has still to do small assignments.

        Raises:
            OSError: there is no room; all commits are still in the journal.
        """
        waits = self._record or self._pending or self._bulk or self._journal.puts
        if waits or not self._lock_alone():
            return False
        try:
            if self.durable:
                self._sync_journal()
            reserve(self._descriptor, self._committed_size)
            done = 0
            for start, data in self._runs():
                write_all(self._descriptor, data, start)
                done += len(data)
                if progress is not None:
                    progress(done, len(self._pages) * PAGE)
            os.ftruncate(self._descriptor, self._committed_size)
            if self.durable:
                sync(self._descriptor)
            if not last:
                self._journal.begin()
                # Or new records could lie, after a loss of power, behind old ones: these would
                # bring back a part of what is applied already.
                if self.durable:
                    self._journal.sync()
            self._pages.clear()
            self._writes = 0
            self._base = self._committed_size
            self._synced = time.monotonic()
        finally:
            lock_shared(self._descriptor)
        return True

    def _runs(self) -> Iterator[Write]:
        """Committed pages in the order of the file, neighbours together, a MiB at most."""
        self._settle()
        start, after = 0, -1
        parts: list[bytes | bytearray] = []
        for number in sorted(self._pages):
            if number * PAGE >= self._committed_size:
                continue
            if number != after or len(parts) >= 256:
                if parts:
                    yield start, b"".join(parts)
                start, parts = number * PAGE, []
            page = self._pages[number]
            parts.append(self._journal.read(page, PAGE) if isinstance(page, int) else page)
            after = number + 1
        if parts:
            yield start, b"".join(parts)

    def _lock_alone(self) -> bool:
        if lock_alone(self._descriptor):
            return True
        lock_shared(self._descriptor)  # a failed conversion may have lost the shared lock
        return False


def _outside(writes: Iterable[Write], start: int, end: int) -> Iterator[Write]:
    """The parts of writes that do not lie between two places."""
    for place, data in writes:
        after = place + len(data)
        if after <= start or place >= end:
            yield place, data
            continue
        if place < start:
            yield place, data[: start - place]
        if after > end:
            yield end, data[end - place :]
