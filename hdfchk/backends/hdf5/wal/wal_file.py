"""The file object under HDF5 of the one writer: every change goes through the write-ahead log.

Writes below the end of the last commit, and small ones anywhere, are kept until the commit appends
them to the log. Large ones beyond that end go straight into the file, once, and are on the disk
before the commit that needs them is written. A checkpoint brings what is in the log into the file,
after the log itself is on the disk.

Three rules hold the layers together. A commit is decided when its record is in the log, and by
nothing else. What HDF5 calls never fails: bytes that cannot be written stay in memory, and the
error is kept for whoever called HDF5. A checkpoint is a step of its own, whose failure leaves the
log, and the commits in it, as they are.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ....errors import JournalMismatchError
from ....runtime.descriptors import Descriptor
from ....runtime.interrupts import run_pending
from ....runtime.posix import (
    is_at,
    read_all,
    reserve,
    sync,
    try_lock_exclusive,
    try_lock_shared,
    write_all,
)
from ...meter import Progress
from ..data.memory_map import is_mapped
from .fit import base_of, problem_of, samples, sums_at, sums_of, thinned
from .log import NO_BASE, PAGE, Log, Recovered, Sums, Write, scan
from .overlay import OverlayFile

__all__ = ["WalFile"]

DIRECT_BYTES = 2**16
"""Writes from this size up, beyond what is committed, go straight into the file."""
SPILL_BYTES = 2**24
"""So much may wait in memory; more goes to the log before its commit."""
PIECE_BYTES = 2**22
"""Large writes go to the log in records of this size."""
CHECKPOINT_BYTES = 2**24
"""A log that is longer is brought into the file."""
CHECKPOINT_WRITES = 2**13
"""A log of more writes is brought into the file: readers have to lay them all over it."""
MANY_PAGES = 1024
"""Of more pages that a commit changes, only some of those that are side by side are summed up."""
RUN_PAGES = 256
"""So many pages that are neighbours are written as one."""
LOGICAL_BYTES = 2**20
"""So many bytes of small assignments and rows may wait for HDF5: readers let it do them, too."""
TABLES_BYTES = 2**24
"""So many bytes may wait with rows of tables, which it appends many at a time."""


class WalFile(OverlayFile):
    """A file that is written through a log.

    Args:
        file: the main file, open for reading and writing.
        log: the log, whose lock is held.
        durable: bring commits to the disk.
        found: what the log holds of a writer that is gone; None to begin it anew.
    """

    def __init__(
        self, file: Descriptor, log: Log, *, durable: bool = True, found: Recovered | None = None
    ) -> None:
        super().__init__(file, log, Recovered())
        self.durable = durable
        self._process = os.getpid()
        self._base = self._committed_size = self._size
        """The end of the last state that something still needs; that of the last commit."""
        self._bulk: list[tuple[int, int]] = []
        """What was written straight into the file since the last commit: from where to where."""
        self._record: list[Write] = []
        """What was written since the last commit or spill."""
        self._waiting = 0
        """How many bytes these are."""
        self._laid = 0
        """How many of these are in the pending pages."""
        self._late: dict[tuple[int, int], Any] = {}
        """What was committed, and is not in the pages yet, as nobody has asked for it: place and
        length -> bytes. The same place is written again and again."""
        self._in_memory: set[int] = set()
        """The pending pages that may be in memory, and not in the log."""
        self._spilled: set[int] = set()
        """The pages that the log has of what is not committed yet."""
        self._spill_at = SPILL_BYTES
        self._reach = self._size
        """Where what is in memory, or in the log, ends: perhaps behind the end of the file."""
        self._writes = 0
        self._under: dict[int, Sums] = {}
        """What the file holds under pages that the log changes, as the log says."""
        self._begun_on = NO_BASE
        self._was_cut = found is not None and bool(found.checkpoints)
        """Whether a checkpoint has begun and did not come to its end."""
        self._start = self._size
        """How long the file was when the log was begun."""
        self._next_checkpoint = CHECKPOINT_BYTES
        self.is_stamped = False
        """Whether the commits in the log give the file a new stamp."""
        self.has_begun = False
        """Whether the log has its header: a file that is only made, and left, needs none."""
        if found is not None and found.has_commits:
            self._adopt(found)

    def _begin(self, *, durable: bool = False) -> None:
        """Empty the log."""
        # What is behind it belongs to a commit that is still to come.
        start = self._committed_size
        begun_on = base_of(self.file.fd, start)
        self.log.begin(begun_on, durable=durable)
        self._start, self._begun_on = start, begun_on
        self.has_begun = True
        self._was_cut = False
        self._under.clear()
        self._next_checkpoint = CHECKPOINT_BYTES
        self.is_stamped = False

    def _require_begun(self) -> None:
        if not self.has_begun:
            self._begin()

    def _adopt(self, found: Recovered) -> None:
        """Take over the commits of a writer that is gone."""
        self.log.resume(found)
        self.has_begun = True
        self.records = list(found.records)
        for place, extent, source in found.writes:
            self._lay(self._pages, place, extent, source)
        self._under = dict(found.under)
        self._begun_on = found.base or NO_BASE
        self._start = self._base if found.base is None else found.base.size
        self.is_stamped = found.size is not None and found.base is not None
        self._writes = len(found.writes)
        if found.size is not None:
            self._size = self._committed_size = self._reach = found.size
            self._base = max(self._base, found.size)

    # -- what HDF5 calls -------------------------------------------------------------------------

    def _read_into(self, view: memoryview) -> int:
        self._settle()
        return super()._read_into(view)

    def holds(self, start: int, end: int) -> bool:
        """Whether the file itself holds what it should, from one byte up to another."""
        self._settle()
        return super().holds(start, end)

    def _settle(self) -> None:
        """Lay all that was written over the file."""
        for (place, extent), data in self._late.items():
            self._lay(self._pages, place, extent, data)
        self._late.clear()
        while self._laid < len(self._record):
            place, data = self._record[self._laid]
            self._lay(self._pending, place, len(data), data)
            self._in_memory.update(range(place // PAGE, (place + len(data) - 1) // PAGE + 1))
            self._laid += 1

    def write(self, data: Any) -> int:
        """Write at the position. It never fails: see `take_error`."""
        view = memoryview(data).cast("B")
        start, length = self._position, len(view)
        self._position = end = start + length
        if self.discarding:
            # It goes with the rollback that follows; HDF5 may read it again before.
            if os.getpid() == self._process:
                self._record.append((start, bytes(view)))
            return length
        try:
            if length < DIRECT_BYTES:
                self._keep(start, view)
            else:
                self._write_large(start, view)
        except Exception as error:  # the bytes stay in memory, and the commit fails
            self.error = self.error or error
            # Without memory they are lost, with all that is not committed: it is given up.
            with contextlib.suppress(MemoryError):
                self._record.append((start, bytes(view)))
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
            # The log has older bytes of this place, and would bring them back.
            self._spill_large(direct, view[direct - start :])
            return
        write_all(self.file.fd, view[direct - start : direct_end - start], direct)
        self._bulk.append((direct, direct_end))
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
        if self._waiting > self._spill_at:
            try:
                self._spill()
            except OSError as error:  # it is in memory; the commit will fail
                self.error = self.error or error
                self._spill_at *= 2

    def _spill(self) -> None:
        """Bring what waits to the log before its commit, so that memory is bounded."""
        self._settle()
        here = ((n, self._pending.get(n)) for n in sorted(self._in_memory))
        items = [(n, bytes(page)) for n, page in here if isinstance(page, bytearray)]
        self._require_begun()
        start = self.log.append([(n * PAGE, data) for n, data in items], None)
        for index, (number, _) in enumerate(items):
            self._pending[number] = start + index * PAGE
            self._spilled.add(number)
        self._writes += len(items)
        self._record.clear()
        self._in_memory.clear()
        self._waiting = self._laid = 0
        self._spill_at = SPILL_BYTES

    def _spill_large(self, start: int, view: memoryview) -> None:
        """Bring a large write to the log at once."""
        self._spill()
        for offset in range(0, len(view), PIECE_BYTES):
            piece = view[offset : offset + PIECE_BYTES]
            at = self.log.append([(start + offset, piece)], None)
            self._lay(self._pending, start + offset, len(piece), at)
            first, last = (start + offset) // PAGE, (start + offset + len(piece) - 1) // PAGE
            self._in_memory.update((first, last))  # if the piece has but a part of them
            self._spilled.update(range(first, last + 1))

    def truncate(self, size: int | None = None) -> int:
        """Set the length. Nothing that a commit needs is cut off before the next checkpoint."""
        size = self._position if size is None else size
        if not self.discarding:
            self._size = size
            try:
                if os.fstat(self.file.fd).st_size > max(size, self._base):
                    os.ftruncate(self.file.fd, max(size, self._base))
            except OSError:
                pass  # what is behind the end is in the way of nobody; a checkpoint cuts it off
        return size

    # -- commits ---------------------------------------------------------------------------------

    @property
    def has_changes(self) -> bool:
        """Whether anything was written that is not committed."""
        changed = self._size != self._committed_size
        return bool(self._record or self._pending or self._bulk or changed)

    def commit(self) -> bool:
        """Make all that was written one commit: a kill from now on leaves it there.

        Returns:
            Whether there was anything.

        Raises:
            OSError: it could not be put into the log. The state is that of the last commit, after
                `rollback`.
        """
        if os.getpid() != self._process:
            return False
        error = self.take_error()
        if error is not None:
            raise error
        if not self.has_changes and not self.log.logical_bytes:
            return False
        if self._reach > self._size:
            self._trim_pending()
        if self._bulk and self.durable:
            sync(self.file.fd)
        under = self._sums_under()
        self._require_begun()
        self.log.append(self._record, self._size, under)
        # It is decided. From here on nothing may fail.
        self._writes += len(self._record)
        self._under.update(under)
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
        if self._reach > self._size:
            self._trim_committed()
        return True

    def _sums_under(self) -> list[tuple[int, Sums]]:
        """What the file holds under the pages that this commit is the first to change."""
        known, end = self._under, -(-self._start // PAGE)
        touched = {number for number in self._pending if number < end}
        for place, data in self._record:
            last = min((place + len(data) - 1) // PAGE, end - 1)
            touched.update(range(place // PAGE, last + 1))
        if len(touched) > MANY_PAGES:
            touched = set(thinned(sorted(touched)))
        bulk = {n for start, stop in self._bulk for n in samples(start, stop)}
        ends = {
            number: PAGE if number in bulk else self._start - number * PAGE
            for number in (touched | bulk) - known.keys()
        }
        return sums_at(self.file.fd, ends)

    def _trim_pending(self) -> None:
        """Forget what is behind the end of the file: HDF5 has taken the space, and given it back.

        Had it stayed, it would be laid over what is written there later, straight into the file.
        """
        self._settle()
        self._record = list(_outside(self._record, self._size, self._reach))
        self._laid = len(self._record)
        for number in [number for number in self._pending if number * PAGE >= self._size]:
            del self._pending[number]

    def _trim_committed(self) -> None:
        """As `_trim_pending`, for what was committed before: only when this commit is decided."""
        end = self._size
        for key in [key for key in self._late if key[0] + key[1] > end]:
            data = self._late.pop(key)
            if key[0] < end:
                self._late[key[0], end - key[0]] = data[: end - key[0]]
        for number in [number for number in self._pages if number * PAGE >= end]:
            del self._pages[number]
        self._reach = end

    def put(self, payload: bytes, *, rows: bool = False, most: int = LOGICAL_BYTES) -> bool:
        """Commit a small assignment, or rows, which HDF5 is still to do; False if it cannot be now.

        Args:
            payload: of the record.
            rows: it has rows.
            most: where more bytes wait for HDF5, it is to do them first.

        Raises:
            OSError: it is not in the log.
        """
        log = self.log
        if (
            not log.is_whole
            or self._bulk
            or log.logical_bytes > most
            or os.getpid() != self._process
        ):
            return False
        self._require_begun()
        log.append_logical(payload, rows=rows)
        return True

    def _clear_record(self) -> None:
        self._record.clear()
        self._in_memory.clear()
        self._spilled.clear()
        self._bulk.clear()
        self._waiting = self._laid = 0
        self._spill_at = SPILL_BYTES

    def rollback(self) -> None:
        """Give up all that was written since the last commit."""
        self.error = None
        self._pending.clear()
        self._clear_record()
        self._size = self._committed_size
        self._reach = max(self._reach, self._size)
        self.log.forget()
        try:
            if os.fstat(self.file.fd).st_size > self._base:
                os.ftruncate(self.file.fd, self._base)
        except OSError:
            pass  # nothing needs what is there

    # -- checkpoints -----------------------------------------------------------------------------

    @property
    def has_log(self) -> bool:
        """Whether the log has commits that the file itself has not."""
        return self.log.commits > 0

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the log has become long."""
        return self.log.size > self._next_checkpoint or (
            self._writes > CHECKPOINT_WRITES and self.log.size > self._next_checkpoint // 8
        )

    def checkpoint(self, *, last: bool = False, progress: Progress | None = None) -> bool:
        """Bring all commits into the file, and empty the log.

        Args:
            last: the log is about to be removed, and need not be emptied.
            progress: is told how many bytes are written.

        Returns:
            Whether it was done: not while somebody reads the file or maps what would change, while
            something is written that is not committed, nor while HDF5 has still to do small
            assignments.

        Raises:
            OSError: there is no room; all commits are still in the log.
        """
        self._next_checkpoint = max(self._next_checkpoint, self.log.size + CHECKPOINT_BYTES)
        if self._record or self._pending or self._bulk or self.log.logical_bytes:
            return False
        if not self._lock_alone():
            return False
        try:
            self._settle()
            if self._is_mapped():
                return False
            self._check_base()
            self.log.append_checkpoint(self._sums_after())
            if self.durable:
                self.log.sync()
            self._was_cut = True
            self._write_pages(progress)
            if not last:
                self._begin(durable=self.durable)
            else:
                self.log.commits = 0
            # With the log's new beginning: what is in memory may name places in the old one.
            self._pages.clear()
            self._writes = 0
            self._base = self._committed_size
            if self.durable and not self.log.is_synced:
                self.log.sync()
        finally:
            try_lock_shared(self.file.fd)
        return True

    def _check_base(self) -> None:
        """Make sure that the file is what the log was begun on.

        Raises:
            JournalMismatchError: another program has written it meanwhile.
        """
        if self._begun_on is NO_BASE or self._was_cut:
            return
        found = Recovered(size=self._committed_size, base=self._begun_on, under=self._under)
        problem = problem_of(self.file.fd, found)
        if problem is not None:
            raise JournalMismatchError(
                f"the commits stay in the journal, which does not fit the file any more: {problem}",
                hint="recover(discard=True) sets the journal aside and keeps the file as it is; "
                "recover(into=COPY) makes a copy of the file with the journal laid over it",
            )

    def _write_pages(self, progress: Progress | None) -> None:
        extents = list(self._extents())
        reserve(self.file.fd, [(first * PAGE, count * PAGE) for first, count in extents])
        done, looked = 0, 0
        for first, count in extents:
            start, data = first * PAGE, self._run(first, count)
            write_all(self.file.fd, data[: max(0, self._committed_size - start)], start)
            done += len(data)
            if progress is not None:
                progress(done, len(self._pages) * PAGE)
            if done - looked >= SPILL_BYTES:  # handlers cannot use the store in the middle of it
                run_pending()  # the log has it all, and what is being written
                looked = done
        os.ftruncate(self.file.fd, self._committed_size)
        if self.durable:
            sync(self.file.fd)

    def _is_mapped(self) -> bool:
        """Whether somebody maps bytes that a checkpoint would change or cut off."""
        if not is_mapped(self.file.fd, 0, 2**60):
            return False
        end = os.fstat(self.file.fd).st_size
        if end > self._committed_size and is_mapped(
            self.file.fd, self._committed_size, end - self._committed_size
        ):
            return True
        return any(
            is_mapped(self.file.fd, first * PAGE, count * PAGE)
            and self._changes_map(first * PAGE, self._run(first, count))
            for first, count in self._extents()
        )

    def _changes_map(self, start: int, data: bytes) -> bool:
        """Whether somebody maps bytes of the file that differ from these."""
        here = read_all(self.file.fd, len(data), start)
        new = np.frombuffer(data, np.uint8)[: len(here)]
        differs = np.flatnonzero(new != np.frombuffer(here, np.uint8))
        if not differs.size:
            return False
        first, last = int(differs[0]), int(differs[-1])
        return is_mapped(self.file.fd, start + first, last - first + 1)

    def _sums_after(self) -> list[tuple[int, Sums]]:
        """What a checkpoint writes over the pages of which the log says what was there."""
        return [
            (number, sums_of(self._overlaid(number) or b""))
            for number in sorted({0, *self._under})
            if number in self._pages
        ]

    def _extents(self) -> Iterator[tuple[int, int]]:
        """Committed pages that are neighbours, a MiB at most: the first one, and how many."""
        first = after = -1
        for number in sorted(self._pages):
            if number * PAGE >= self._committed_size:
                break
            if number != after or number - first >= RUN_PAGES:
                if after > first:
                    yield first, after - first
                first = number
            after = number + 1
        if after > first:
            yield first, after - first

    def _run(self, first: int, count: int) -> bytes:
        """The bytes of committed pages that are neighbours."""
        pages = [self._pages[number] for number in range(first, first + count)]
        read = self.log.read
        return b"".join([read(page, PAGE) if isinstance(page, int) else page for page in pages])

    def _lock_alone(self) -> bool:
        if try_lock_exclusive(self.file.fd):
            return True
        try_lock_shared(self.file.fd)  # a failed conversion may have lost the shared lock
        return False

    # -- the log beside readers that stay --------------------------------------------------------

    @property
    def wants_compaction(self) -> bool:
        """Whether most of a long log is older states of what is in it, too."""
        if self._record or self._pending or self._bulk or self.log.logical_bytes:
            return False
        live = (len(self._pages) + len(self._late)) * (PAGE + 16 + 40)
        return self.log.size > 2 * live + CHECKPOINT_BYTES // 8

    def is_held_up(self) -> bool:
        """Whether readers, or maps, keep a checkpoint away."""
        alone = self._lock_alone()
        if alone:
            try_lock_shared(self.file.fd)
        return not alone or is_mapped(self.file.fd, 0, 2**60)

    def compact_log(
        self, make: Callable[[], Descriptor], put: Callable[[Descriptor], None]
    ) -> None:
        """Write the log anew, with the last state of each page alone.

        Args:
            make: makes the file for it, locked.
            put: puts that in the place of the log.

        Raises:
            OSError: the log is as it was.
        """
        self._settle()
        new = Log(make())
        try:
            old = self.log
            found = scan(old.file.fd)
            new.begin(found.base or base_of(self.file.fd, self._start))
            under = [(page, sums) for page, sums in found.under.items()]
            after = [(page, sums) for page, many in found.checkpoints.items() for sums in many]
            if found.cut_to is not None:
                new.append([], found.cut_to)
                new.append_checkpoint(after)
            places: dict[int, int] = {}
            for first, count in self._extents():
                at = new.append([(first * PAGE, self._run(first, count))], None)
                places.update((first + n, at + n * PAGE) for n in range(count))
            new.append([], self._committed_size, under)
            if self.durable:
                new.sync()
            put(new.file)
        except BaseException:
            new.file.close()
            raise
        self.log = new
        new.commits = old.commits
        old.close()
        self._pages = {
            number: places.get(number, page) if isinstance(page, int) else page
            for number, page in self._pages.items()
        }
        self._writes = len(self._pages)
        self._next_checkpoint = max(CHECKPOINT_BYTES, 2 * new.size)

    # -- where the file is -----------------------------------------------------------------------

    def is_in_place(self, path: str) -> bool:
        """Whether the file is still the one of that name."""
        return is_at(self.file.fd, path)


def _outside(writes: Iterable[Write], start: int, end: int) -> Iterator[Write]:
    """The parts of writes that are not between two places."""
    for place, data in writes:
        after = place + len(data)
        if after <= start or place >= end:
            yield place, data
            continue
        if place < start:
            yield place, data[: start - place]
        if after > end:
            yield end, data[end - place :]
