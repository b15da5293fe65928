"""The file object under HDF5 of the writer: every change goes through the write-ahead log.

Writes before the end of the last commit, and small ones anywhere, are kept in memory until the
commit appends them to the log. Large writes beyond that end go directly to the file, once, and are
synced before the commit that needs them is appended. A checkpoint transfers the commits from the
log to the file, after the log itself was synced.

Three rules: A commit is decided when its record is in the log, and by nothing else. Callbacks from
HDF5 never fail: bytes that cannot be written stay in memory, and the error is kept for the caller
of HDF5. A checkpoint is a separate step: if it fails, the log and its commits are unchanged.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ....errors import JournalMismatchError
from ....runtime.descriptors import Descriptor
from ....runtime.interrupts import defer_interrupts, run_pending
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
"""Writes of at least this size, beyond the last commit, go directly to the file."""
SPILL_BYTES = 2**24
"""This much may wait in memory; more is spilled to the log before its commit."""
PIECE_BYTES = 2**22
"""Large writes are appended to the log in records of this size."""
CHECKPOINT_BYTES = 2**24
"""A longer log is checkpointed."""
CHECKPOINT_WRITES = 2**13
"""A log with more writes is checkpointed: readers have to apply all of them."""
MANY_PAGES = 1024
"""If a commit changes more pages, checksums are stored for only some pages of each run."""
RUN_PAGES = 256
"""At most this many adjacent pages are written at once."""
LOGICAL_BYTES = 2**20
"""At most this many bytes of logical records may wait: readers have to apply them, too."""
TABLES_BYTES = 2**24
"""At most this many bytes may wait with rows of tables, which HDF5 appends many at once."""


class WalFile(OverlayFile):
    """A file that is written through a log.

    Args:
        file: the main file, open for reading and writing.
        log: the log, whose lock is held.
        durable: sync commits.
        found: the contents of the log of a writer that is gone; None to begin a new log.
    """

    def __init__(
        self, file: Descriptor, log: Log, *, durable: bool = True, found: Recovered | None = None
    ) -> None:
        super().__init__(file, log, Recovered())
        self.durable = durable
        self._process = os.getpid()
        self._needed_size = self._committed_size = self._size
        """The end of the last state that is still needed; the length after the last commit."""
        self._bulk: list[tuple[int, int]] = []
        """The ranges written directly to the file since the last commit: start and end."""
        self._record: list[Write] = []
        """The writes since the last commit or spill."""
        self._record_bytes = 0
        """The size of these writes in bytes."""
        self._applied = 0
        """The number of these writes that are applied to the pending pages."""
        self._unapplied: dict[tuple[int, int], Any] = {}
        """Committed writes that are not yet applied to the pages, as nothing has read them: offset
        and length -> bytes. HDF5 writes the same places again and again."""
        self._in_memory: set[int] = set()
        """The pending pages that may be in memory, and not in the log."""
        self._spilled: set[int] = set()
        """The uncommitted pages that are in the log."""
        self._spill_bytes = SPILL_BYTES
        self._data_end = self._size
        """The end of the data in memory and in the log, which may be beyond the end of the file."""
        self._write_count = 0
        self._under: dict[int, Sums] = {}
        """The checksums of pages of the file before the log changed them, as stored in the log."""
        self._log_base = NO_BASE
        self._has_partial_checkpoint = found is not None and bool(found.checkpoints)
        """Whether a checkpoint has begun, but not finished."""
        self._begin_size = self._size
        """The length of the file when the log was begun."""
        self._next_checkpoint = CHECKPOINT_BYTES
        self.is_stamped: bool = False
        """Whether the commits in the log give the file a new stamp."""
        self.has_begun: bool = False
        """Whether the log has a header: a file that is only opened needs none."""
        if found is not None and found.has_commits:
            self._adopt(found)

    def _begin(self, *, durable: bool = False) -> None:
        """Empty the log."""
        # Data beyond this length belong to the next commit.
        start = self._committed_size
        base = base_of(self.file.fd, start)
        self.log.begin(base, durable=durable)
        self._begin_size, self._log_base = start, base
        self.has_begun = True
        self._has_partial_checkpoint = False
        self._under.clear()
        self._next_checkpoint = CHECKPOINT_BYTES
        self.is_stamped = False

    def _require_begun(self) -> None:
        if self.has_begun:
            return
        with defer_interrupts():  # a handler's commit could be checkpointed meanwhile
            if not self.has_begun:
                self._begin()

    def _adopt(self, found: Recovered) -> None:
        """Continue the log of a writer that is gone."""
        self.log.resume(found)
        self.has_begun = True
        self.records = list(found.records)
        for place, extent, source in found.writes:
            self._apply(self._pages, place, extent, source)
        self._under = dict(found.under)
        self._log_base = found.base or NO_BASE
        self._begin_size = self._needed_size if found.base is None else found.base.size
        self.is_stamped = found.size is not None and found.base is not None
        self._write_count = len(found.writes)
        if found.size is not None:
            self._size = self._committed_size = self._data_end = found.size
            self._needed_size = max(self._needed_size, found.size)

    # -- callbacks from HDF5 ---------------------------------------------------------------------

    def _read_into(self, view: memoryview) -> int:
        self._apply_record()
        return super()._read_into(view)

    def holds(self, start: int, end: int) -> bool:
        """Return whether the bytes from `start` to `end` of the file itself are current."""
        self._apply_record()
        return super().holds(start, end)

    def _apply_record(self) -> None:
        """Apply all writes to the pages."""
        for (place, extent), data in self._unapplied.items():
            self._apply(self._pages, place, extent, data)
        self._unapplied.clear()
        while self._applied < len(self._record):
            place, data = self._record[self._applied]
            self._apply(self._pending, place, len(data), data)
            self._in_memory.update(range(place // PAGE, (place + len(data) - 1) // PAGE + 1))
            self._applied += 1

    def write(self, data: Any) -> int:
        """Write at the position. It never fails: see `take_error`."""
        view = memoryview(data).cast("B")
        start, length = self._position, len(view)
        self._position = end = start + length
        if self.discarding:
            # The following rollback discards it; HDF5 may read it before that.
            if os.getpid() == self._process:
                self._record.append((start, bytes(view)))
            return length
        try:
            if length < DIRECT_BYTES:
                self._keep(start, view)
            else:
                self._write_large(start, view)
        except Exception as error:  # the bytes stay in memory, and the commit fails
            self.keep_error(error)
            # Without memory they are lost: the rollback discards all uncommitted data anyway.
            with contextlib.suppress(MemoryError):
                self._record.append((start, bytes(view)))
        self._size = max(self._size, end)
        self._data_end = max(self._data_end, end)
        return length

    def _write_large(self, start: int, view: memoryview) -> None:
        end = start + len(view)
        direct = -(-max(start, self._needed_size) // PAGE) * PAGE
        direct_end = end // PAGE * PAGE
        if direct_end - direct < DIRECT_BYTES:
            self._spill_large(start, view)
            return
        if direct > start:
            self._write_large_part(start, view[: direct - start])
        if any(direct <= number * PAGE < direct_end for number in self._spilled):
            # The log has older bytes of these pages, and would restore them.
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
        """Discard what waits for pages that a direct write has replaced."""
        self._apply_record()
        self._record = list(_outside(self._record, first * PAGE, end * PAGE))
        self._applied = len(self._record)
        if len(self._pending) < end - first:
            gone = [number for number in self._pending if first <= number < end]
        else:
            gone = [number for number in range(first, end) if number in self._pending]
        for number in gone:
            del self._pending[number]

    def _keep(self, start: int, view: memoryview) -> None:
        """Keep a write until the commit."""
        self._record.append((start, bytes(view)))
        self._record_bytes += len(view)
        if self._record_bytes > self._spill_bytes:
            try:
                self._spill()
            except OSError as error:  # the data are in memory; the commit will fail
                self.keep_error(error)
                self._spill_bytes *= 2

    def _spill(self) -> None:
        """Append the waiting writes to the log before the commit, to limit memory."""
        self._apply_record()
        here = ((n, self._pending.get(n)) for n in sorted(self._in_memory))
        items = [(n, bytes(page)) for n, page in here if isinstance(page, bytearray)]
        self._require_begun()
        start = self.log.append([(n * PAGE, data) for n, data in items], None)
        for index, (number, _) in enumerate(items):
            self._pending[number] = start + index * PAGE
            self._spilled.add(number)
        self._write_count += len(items)
        self._record.clear()
        self._in_memory.clear()
        self._record_bytes = self._applied = 0
        self._spill_bytes = SPILL_BYTES

    def _spill_large(self, start: int, view: memoryview) -> None:
        """Append a large write to the log immediately."""
        self._spill()
        for offset in range(0, len(view), PIECE_BYTES):
            piece = view[offset : offset + PIECE_BYTES]
            at = self.log.append([(start + offset, piece)], None)
            self._apply(self._pending, start + offset, len(piece), at)
            first, last = (start + offset) // PAGE, (start + offset + len(piece) - 1) // PAGE
            self._in_memory.update((first, last))  # the piece may cover only a part of them
            self._spilled.update(range(first, last + 1))

    def truncate(self, size: int | None = None) -> int:
        """Set the length. Data that a commit needs are kept until the next checkpoint."""
        size = self._position if size is None else size
        if not self.discarding:
            self._size = size
            try:
                if os.fstat(self.file.fd).st_size > max(size, self._needed_size):
                    os.ftruncate(self.file.fd, max(size, self._needed_size))
            except OSError:
                pass  # data beyond the end do no harm; a checkpoint truncates the file
        return size

    # -- commits ---------------------------------------------------------------------------------

    @property
    def has_changes(self) -> bool:
        """Whether anything was written that is not committed."""
        changed = self._size != self._committed_size
        return bool(self._record or self._pending or self._bulk or changed)

    def commit(self) -> bool:
        """Commit everything that was written; a later kill does not undo it.

        Returns:
            Whether there was anything to commit.

        Raises:
            OSError: the log could not be written. After `rollback` the state is that of the last
                commit.
        """
        if os.getpid() != self._process:
            return False
        error = self.take_error()
        if error is not None:
            raise error
        if not self.has_changes and not self.log.logical_bytes:
            return False
        if self._data_end > self._size:
            self._trim_pending()
        if self._bulk and self.durable:
            sync(self.file.fd)
        under = self._sums_under()
        self._require_begun()
        self.log.append(self._record, self._size, under)
        # The commit is decided. Nothing that follows may fail.
        self._write_count += len(self._record)
        self._under.update(under)
        self._pages.update(self._pending)
        self._pending.clear()
        unapplied = self._unapplied
        for place, data in self._record[self._applied :]:
            key = (place, len(data))
            unapplied.pop(key, None)  # move it to the end
            unapplied[key] = data
        self._clear_record()
        self._committed_size = self._size
        self._needed_size = max(self._needed_size, self._size)
        if self._data_end > self._size:
            self._trim_committed()
        return True

    def _sums_under(self) -> list[tuple[int, Sums]]:
        """Return the checksums of the pages of the file that this commit is the first to change."""
        known, end = self._under, -(-self._begin_size // PAGE)
        touched = {number for number in self._pending if number < end}
        for place, data in self._record:
            last = min((place + len(data) - 1) // PAGE, end - 1)
            touched.update(range(place // PAGE, last + 1))
        if len(touched) > MANY_PAGES:
            touched = set(thinned(sorted(touched)))
        bulk = {n for start, stop in self._bulk for n in samples(start, stop)}
        ends = {
            number: PAGE if number in bulk else self._begin_size - number * PAGE
            for number in (touched | bulk) - known.keys()
        }
        return sums_at(self.file.fd, ends)

    def _trim_pending(self) -> None:
        """Discard data beyond the end of the file: HDF5 has allocated that space and freed it.

        Otherwise they would hide what is written there later, directly to the file.
        """
        self._apply_record()
        self._record = list(_outside(self._record, self._size, self._data_end))
        self._applied = len(self._record)
        for number in [number for number in self._pending if number * PAGE >= self._size]:
            del self._pending[number]

    def _trim_committed(self) -> None:
        """Do the same as `_trim_pending` with committed data, after this commit is decided."""
        end = self._size
        for key in [key for key in self._unapplied if key[0] + key[1] > end]:
            data = self._unapplied.pop(key)
            if key[0] < end:
                self._unapplied[key[0], end - key[0]] = data[: end - key[0]]
        for number in [number for number in self._pages if number * PAGE >= end]:
            del self._pages[number]
        self._data_end = end

    def put(
        self,
        payload: bytes,
        *,
        rows: bool = False,
        most: int = LOGICAL_BYTES,
        tail: tuple[int, int] | None = None,
    ) -> bool:
        """Commit a small assignment, or rows, that HDF5 applies later.

        Args:
            payload: the payload of the record.
            rows: it contains rows.
            most: if more bytes of logical records wait, HDF5 has to apply them first.
            tail: the tail of the log before the caller examined the file; nothing is appended if a
                signal handler has written records since then.

        Returns:
            Whether it was committed.

        Raises:
            OSError: the record was not appended.
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
        return log.append_logical(payload, rows=rows, tail=tail)

    def _clear_record(self) -> None:
        self._record.clear()
        self._in_memory.clear()
        self._spilled.clear()
        self._bulk.clear()
        self._record_bytes = self._applied = 0
        self._spill_bytes = SPILL_BYTES

    def rollback(self) -> None:
        """Discard everything that was written since the last commit."""
        self.error = None
        self._pending.clear()
        self._clear_record()
        self._size = self._committed_size
        self._data_end = max(self._data_end, self._size)
        self.log.forget()
        try:
            if os.fstat(self.file.fd).st_size > self._needed_size:
                os.ftruncate(self.file.fd, self._needed_size)
        except OSError:
            pass  # nothing needs these bytes

    # -- checkpoints -----------------------------------------------------------------------------

    @property
    def has_log(self) -> bool:
        """Whether the log has commits that are not in the file."""
        return self.log.commits > 0

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the log is long enough for a checkpoint."""
        return self.log.size > self._next_checkpoint or (
            self._write_count > CHECKPOINT_WRITES and self.log.size > self._next_checkpoint // 8
        )

    def checkpoint(self, *, last: bool = False, progress: Progress | None = None) -> bool:
        """Transfer all commits to the file, and empty the log.

        Args:
            last: the log is about to be removed, and need not be emptied.
            progress: called with the number of bytes written, and the total.

        Returns:
            Whether it was done: not while another process reads the file or maps bytes that would
            change, while there are uncommitted writes, nor while logical records wait.

        Raises:
            OSError: for example, the disk is full; all commits are still in the log.
        """
        self._next_checkpoint = max(self._next_checkpoint, self.log.size + CHECKPOINT_BYTES)
        if self._record or self._pending or self._bulk or self.log.logical_bytes:
            return False
        if not self._lock_exclusively():
            return False
        try:
            self._apply_record()
            if self._is_mapped():
                return False
            self._check_base()
            self.log.append_checkpoint(self._sums_after())
            if self.durable:
                self.log.sync()
            self._has_partial_checkpoint = True
            self._write_pages(progress)
            if not last:
                self._begin(durable=self.durable)
            else:
                self.log.commits = 0
            # Only after the log is emptied: pages may refer to offsets in its earlier contents.
            self._pages.clear()
            self._write_count = 0
            self._needed_size = self._committed_size
            if self.durable and not self.log.is_synced:
                self.log.sync()
        finally:
            try_lock_shared(self.file.fd)
        return True

    def _check_base(self) -> None:
        """Check that the file is in the state for which the log was begun.

        Raises:
            JournalMismatchError: another program has written the file meanwhile.
        """
        if self._log_base is NO_BASE or self._has_partial_checkpoint:
            return
        found = Recovered(size=self._committed_size, base=self._log_base, under=self._under)
        problem = problem_of(self.file.fd, found)
        if problem is not None:
            raise JournalMismatchError(
                f"the commits stay in the journal, which no longer matches the file: {problem}",
                hint="recover(discard=True) sets the journal aside and keeps the file as it is; "
                "recover(into=COPY) creates a copy of the file with the journal applied",
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
            if done - looked >= SPILL_BYTES:  # handlers cannot use the store during a checkpoint
                run_pending()  # the log is complete, including the pages being written
                looked = done
        os.ftruncate(self.file.fd, self._committed_size)
        if self.durable:
            sync(self.file.fd)

    def _is_mapped(self) -> bool:
        """Return whether a process maps bytes that a checkpoint would change or truncate."""
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
        """Return whether a process maps bytes of the file that differ from `data`."""
        here = read_all(self.file.fd, len(data), start)
        new = np.frombuffer(data, np.uint8)[: len(here)]
        differs = np.flatnonzero(new != np.frombuffer(here, np.uint8))
        if not differs.size:
            return False
        first, last = int(differs[0]), int(differs[-1])
        return is_mapped(self.file.fd, start + first, last - first + 1)

    def _sums_after(self) -> list[tuple[int, Sums]]:
        """Return the checksums of what a checkpoint writes to the pages in `_under`."""
        return [
            (number, sums_of(self._overlaid(number) or b""))
            for number in sorted({0, *self._under})
            if number in self._pages
        ]

    def _extents(self) -> Iterator[tuple[int, int]]:
        """Yield runs of adjacent committed pages, at most 1 MiB each: first page, and number."""
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
        """Return the bytes of a run of committed pages."""
        pages = [self._pages[number] for number in range(first, first + count)]
        read = self.log.read
        return b"".join([read(page, PAGE) if isinstance(page, int) else page for page in pages])

    def _lock_exclusively(self) -> bool:
        if try_lock_exclusive(self.file.fd):
            return True
        try_lock_shared(self.file.fd)  # a failed conversion may have released the shared lock
        return False

    # -- the log while readers delay checkpoints --------------------------------------------------

    @property
    def wants_compaction(self) -> bool:
        """Whether most of a long log consists of earlier states of the same pages."""
        if self._record or self._pending or self._bulk or self.log.logical_bytes:
            return False
        live = (len(self._pages) + len(self._unapplied)) * (PAGE + 16 + 40)
        return self.log.size > 2 * live + CHECKPOINT_BYTES // 8

    def is_held_up(self) -> bool:
        """Return whether readers, or memory maps, delay a checkpoint."""
        alone = self._lock_exclusively()
        if alone:
            try_lock_shared(self.file.fd)
        return not alone or is_mapped(self.file.fd, 0, 2**60)

    def compact_log(
        self, make: Callable[[], Descriptor], put: Callable[[Descriptor], None]
    ) -> None:
        """Rewrite the log, with the last state of each page only.

        Args:
            make: creates the new log, locked.
            put: replaces the old log with it.

        Raises:
            OSError: the log is unchanged.
        """
        self._apply_record()
        new = Log(make())
        try:
            old = self.log
            found = scan(old.file.fd)
            new.begin(found.base or base_of(self.file.fd, self._begin_size))
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
        self._write_count = len(self._pages)
        self._next_checkpoint = max(CHECKPOINT_BYTES, 2 * new.size)

    # -- the place of the file --------------------------------------------------------------------

    def is_in_place(self, path: str) -> bool:
        """Return whether the path still refers to this file."""
        return is_at(self.file.fd, path)


def _outside(writes: Iterable[Write], start: int, end: int) -> Iterator[Write]:
    """Yield the parts of writes that are outside the range from `start` to `end`."""
    for place, data in writes:
        after = place + len(data)
        if after <= start or place >= end:
            yield place, data
            continue
        if place < start:
            yield place, data[: start - place]
        if after > end:
            yield end, data[end - place :]
