"""The file object under HDF5: no byte that a commit needs goes before its successor is safe.

Writes below the end of the last commit, and small ones anywhere, are kept as pages until the commit
appends them to the journal. Large ones beyond that end go straight into the file, once, and are on
the disk before the commit that needs them is written. Applying brings the journal's pages into the
file, after the journal itself is on the disk.
"""

from __future__ import annotations

import os
import time
from typing import Any

from .disk import lock_alone, lock_shared, read_all, reserve, sync, write_all
from .journal import PAGE, Journal, Snapshot
from .snapshot import SnapshotFile

__all__ = ["JournaledFile"]

DIRECT_BYTES = 2**16
"""Writes from this size up, beyond what is committed, go straight into the file."""
SPILL_BYTES = 2**24
"""So much may wait in memory; more goes to the journal before its commit."""
APPLY_BYTES = 2**24
"""A journal that is longer is applied."""


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
        super().__init__(descriptor, journal, Snapshot({}, None, 0, 0))
        self.durable = durable
        self.sync_interval = sync_interval
        self.discarding = False
        self._process = os.getpid()
        self._base = self._committed_size = self._size
        self._bulk = False
        self._waiting = 0
        self._synced = time.monotonic()

    def adopt(self, found: Snapshot) -> None:
        """Take over the commits of a writer that is gone."""
        self._journal.resume(found)
        self._pages = dict(found.pages)
        if found.size is not None:
            self._size = self._committed_size = found.size
            self._base = max(self._base, found.size)

    def write(self, data: Any) -> int:
        """Write at the position."""
        view = memoryview(data).cast("B")
        start, length = self._position, len(view)
        self._position += length
        if self.discarding or os.getpid() != self._process:
            return length  # a state that is given up, or a child's copy of its parent's file
        end = start + length
        direct = -(-max(start, self._base) // PAGE) * PAGE
        direct_end = end // PAGE * PAGE
        if direct_end - direct >= DIRECT_BYTES:
            write_all(self._descriptor, view[direct - start : direct_end - start], direct)
            self._bulk = True
            self._drop(direct // PAGE, direct_end // PAGE)
            self._keep(view[: direct - start], start)
            self._keep(view[direct_end - start :], direct_end)
        else:
            self._keep(view, start)
        self._size = max(self._size, end)
        return length

    def _drop(self, first: int, end: int) -> None:
        """Forget pending pages that a direct write has replaced."""
        if len(self._pending) < end - first:
            gone = [number for number in self._pending if first <= number < end]
        else:
            gone = [number for number in range(first, end) if number in self._pending]
        for number in gone:
            del self._pending[number]

    def _keep(self, view: memoryview, start: int) -> None:
        """Keep bytes as pages until the commit."""
        offset, length = 0, len(view)
        while offset < length:
            number, inside = divmod(start + offset, PAGE)
            count = min(PAGE - inside, length - offset)
            if count == PAGE:
                self._pending[number] = bytearray(view[offset : offset + PAGE])
                self._waiting += PAGE
            else:
                page = self._page(number)
                page[inside : inside + count] = view[offset : offset + count]
            offset += count
        if self._waiting > SPILL_BYTES:
            self._spill()

    def _page(self, number: int) -> bytearray:
        """A pending page, to be changed."""
        found = self._pending.get(number)
        if isinstance(found, bytearray):
            return found
        data = self._overlaid(number)
        if data is None:
            data = read_all(self._descriptor, PAGE, number * PAGE)
        page = bytearray(PAGE)
        page[: len(data)] = data
        self._pending[number] = page
        self._waiting += PAGE
        return page

    def _in_memory(self) -> list[tuple[int, bytes]]:
        items = self._pending.items()
        return [(number, bytes(page)) for number, page in items if isinstance(page, bytearray)]

    def _spill(self) -> None:
        """Bring pending pages to the journal before their commit, so that memory is bounded."""
        self._pending.update(self._journal.append(self._in_memory(), None))
        self._waiting = 0

    def truncate(self, size: int | None = None) -> int:
        """Set the length. Nothing that a commit needs is cut off before the journal is applied."""
        size = self._position if size is None else size
        if not self.discarding and os.getpid() == self._process:
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
        if not (self._pending or self._bulk or changed):
            return
        if self._bulk and self.durable:
            sync(self._descriptor)
        places = self._journal.append(self._in_memory(), self._size)
        self._pages.update({n: p for n, p in self._pending.items() if isinstance(p, int)})
        self._pages.update(places)
        self._pending.clear()
        self._waiting, self._bulk = 0, False
        self._committed_size = self._size
        self._base = max(self._base, self._size)
        if self.durable and time.monotonic() - self._synced >= self.sync_interval:
            self.sync()
        if self._journal.size > APPLY_BYTES:
            self.apply()

    def sync(self) -> None:
        """Bring all commits to the disk."""
        if self.durable:
            self._sync_journal()
            self._synced = time.monotonic()

    def _sync_journal(self) -> None:
        self._journal.sync()

    def rollback(self) -> None:
        """Give up all that was written since the last commit."""
        self._pending.clear()
        self._waiting, self._bulk = 0, False
        self._size = self._committed_size
        self._journal.forget()
        if os.fstat(self._descriptor).st_size > self._base:
            os.ftruncate(self._descriptor, self._base)

    def apply(self, *, last: bool = False) -> bool:
        """Bring all commits into the file, and empty the journal.

        Args:
            last: the journal is about to be removed, and need not be emptied.

        Returns:
            Whether it was done: not while somebody reads the file. It can be done again.

        Raises:
            OSError: there is no room; all commits are still in the journal.
        """
        if not self._lock_alone():
            return False
        try:
            if self.durable:
                self._sync_journal()
            reserve(self._descriptor, self._committed_size)
            for start, data in self._runs():
                write_all(self._descriptor, data, start)
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
            self._base = self._committed_size
            self._synced = time.monotonic()
        finally:
            lock_shared(self._descriptor)
        return True

    def _runs(self) -> Any:
        """Committed pages in the order of the file, neighbours together, a MiB at most."""
        start, after = 0, -1
        parts: list[bytes] = []
        for number in sorted(self._pages):
            if number * PAGE >= self._committed_size:
                continue
            if number != after or len(parts) >= 256:
                if parts:
                    yield start, b"".join(parts)
                start, parts = number * PAGE, []
            parts.append(self._journal.read(self._pages[number]))
            after = number + 1
        if parts:
            yield start, b"".join(parts)

    def _lock_alone(self) -> bool:
        if lock_alone(self._descriptor):
            return True
        lock_shared(self._descriptor)  # a failed conversion may have lost the shared lock
        return False
