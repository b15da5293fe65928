"""The open file of a writer: HDF5 on a write-ahead log, and the policy of syncs and checkpoints."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import h5py
import numpy as np
from h5py import h5f, h5g

from ...errors import (
    HdfchkError,
    HdfchkWarning,
    JournalMismatchError,
    LateSyncError,
    NotDurableError,
)
from ...keys import Path
from ...logger import DEBUG, note
from ...runtime.posix import RETRY_SECONDS, redirect_to_scratch, sync_folder, wait_lock_shared
from ...runtime.scheduler import Alarm, weakly
from ...tree import Leaf
from ..base import Change
from . import displaced
from .data.direct_io import WriteAt
from .data.memory_map import Mapper
from .failed_sync import late_sync, not_durable
from .h5.file_object import close_file, open_on
from .h5.free_space import keep_free_space
from .h5.ids import GroupID
from .h5.stand_in import put_stand_in
from .nodes.references import Knowledge, References
from .nodes.writer import Writer
from .open_files import OpenFile
from .wal.first_commit import FirstCommit
from .wal.inspection import require_unflagged
from .wal.known_dicts import KnownDicts
from .wal.log import Log, Recovered
from .wal.logical_records import Pending, pack_put, pack_rows, pack_table
from .wal.new_log import NewLog
from .wal.reader_file import State, state_of
from .wal.replay import lock_to_write, materialize, recover, replay_logical, write_stamp
from .wal.seal import read_seal, seal
from .wal.wal_file import LOGICAL_BYTES, TABLES_BYTES, WalFile

__all__ = ["WalWriter"]

MOST_PUTS = 256
"""The maximum number of small assignments that wait for HDF5: readers have to apply them, too."""
LOOK_BYTES = 2**21
"""A longer log is examined: readers may delay its checkpoint."""
PENDING_SECONDS = 0.2
"""How long the end of a block waits for readers before it leaves commits in the log."""


class WalWriter(OpenFile):
    """A file that is written by its path, through a log.

    A new file is created beside its place until its first commit. After that, and if the file
    exists, all changes go through the log.

    Args:
        path: the path: absolute, without symbolic links.
        mode: as in h5py; whether the file exists is checked while holding the lock.
        durable: sync commits.
        sync_interval: seconds that commits may wait for a sync.
        lock_timeout: seconds to wait for another writer.
    """

    is_given_back = True

    def __init__(
        self, path: str, *, mode: str, durable: bool, sync_interval: float, lock_timeout: float
    ) -> None:
        self.durable = durable
        self.sync_interval = sync_interval
        self._process = os.getpid()
        self._first: FirstCommit | None = None
        self._file: WalFile | None = None
        self._pending = Pending()
        self._done = Pending()
        """The logical records that HDF5 has applied, but not committed."""
        self._dicts = KnownDicts()
        self._references = References()
        self._lent = self._is_displaced = self._in_transaction = False
        self._deferred: Exception | None = None
        self._examine_at = LOOK_BYTES
        self._synced = time.monotonic()
        self._name_is_synced = False
        self._alarm = Alarm(weakly(self._sync_scheduled))
        self.generation: int = 0
        self.address = path
        self.writable = True
        self.h5: Any = None
        self._lock, found = lock_to_write(path, lock_timeout, absent=mode == "x")
        try:
            file = self._lock.file
            self._state = None if file is None else state_of(file.fd, found)
            self._open(mode, found)
        except BaseException:
            self._abort()
            raise

    def _open(self, mode: str, found: Recovered) -> None:
        file = self._lock.file
        there = file is not None and os.fstat(file.fd).st_size > 0
        if mode == "x" and there:
            raise FileExistsError(17, "mode='x', and the file exists", self.address)
        if mode == "r+" and not there:
            raise FileNotFoundError(2, "no such file or folder", self.address)
        if file is not None:
            wait_lock_shared(file.fd, self.address, self._lock.timeout)
        if there and mode != "w":
            if not found.has_commits and file is not None:
                require_unflagged(file.fd, self.address)
                self._references.known = read_seal(file.fd)
            self._open_h5(found)
            return
        if found.has_commits:
            recover(self._lock, found, durable=self.durable)
        self._references.known = Knowledge(no_references=True, no_names=True)
        self._first = FirstCommit(self._lock, durable=self.durable)
        self._set_h5(self._first.h5)

    def _set_h5(self, h5: h5py.File) -> None:
        self.h5 = h5
        self.generation += 1

    def _open_h5(self, found: Recovered | None = None) -> None:
        """Open HDF5 on the file and its log."""
        if self._file is None:
            file = self._lock.file
            assert file is not None  # noqa: S101  checked by the callers
            wait_lock_shared(file.fd, self.address, self._lock.timeout)
            log = Log(self._lock.log)
            with contextlib.suppress(OSError):  # only messages need the owner
                log.claim()
            self._file = WalFile(file, log, durable=self.durable, found=found)
            if found is not None and found.has_commits:
                self._recover(found)
        self._set_h5(open_on(self._file, h5f.ACC_RDWR))

    def _recover(self, found: Recovered) -> None:
        """Checkpoint the log of a writer that was killed."""
        file = self._file
        assert file is not None  # noqa: S101
        if found.records:
            replay_logical(file)
            file.commit()
        with contextlib.suppress(OSError):  # the end of the block tries again, and reports it
            self._checkpoint(file)  # if there are readers, the commits stay in the log

    @property
    def transactions(self) -> WalWriter:
        """The file itself, which supports transactions."""
        return self

    @property
    def log(self) -> WalWriter:
        """The file itself, which has a log."""
        return self

    @property
    def is_awaited(self) -> bool:
        """Whether another writer waits in the queue."""
        return self._lock.is_awaited

    @property
    def progress(self) -> int | None:
        """The number of commits since the file was opened."""
        return None if self._file is None else self._file.log.commits

    @property
    def state(self) -> State | None:
        """An identifier of the commit on which the file was opened."""
        return self._state

    @property
    def write_past(self) -> WriteAt | None:
        """The function that writes arrays into a new file. HDF5 buffers only its own writes."""
        return None if self._first is None else self._first.write_past

    def mapper(self, root: GroupID) -> Mapper | None:
        """Return a `Mapper` of what is in the file itself, not in the log."""
        if self._file is None:
            return None
        self.h5.flush()
        return self._file.mapper(self.address)

    def put_stand_in(self, address: int) -> bool:
        """Write a stand-in over an object with a damaged header."""
        if self._file is None:
            return False
        return put_stand_in(self._file, int(self.h5.userblock_size), address)

    def begin(self) -> None:
        """Begin a transaction."""
        self._in_transaction = True
        self.leave_memory()

    def end(self) -> None:
        """End a transaction."""
        self._in_transaction = False

    def begin_anew(self) -> bool:
        """Discard changes since the last commit, if the present call can repeat all of them."""
        is_more = self._in_transaction or self._lent or self._first is not None
        if is_more or (self._hidden is not None and self._hidden.has_drafts):
            return False
        self.rollback()
        self.settle()
        return True

    # -- small assignments and rows --------------------------------------------------------------

    def put(self, path: Path, leaf: Leaf) -> bool:
        """Commit a small assignment as a record in the log; HDF5 applies it later.

        A signal handler may run between any two steps, and use the store.
        """
        file, pending = self._file, self._pending
        if file is None or self._lent or len(pending.puts) >= MOST_PUTS:
            return False
        tail = file.log.tail
        if not self._dicts.has_above(path):
            return False
        if pending.rows and not pending.takes_put(path):
            return False
        if not (self._references.known.no_names or path in self._references.free):
            return False
        payload = pack_put(path, leaf)
        if payload is None:
            return False
        self.raise_deferred()
        if isinstance(leaf.data, np.ndarray):  # the caller may change its array later
            leaf = Leaf(leaf.data.copy(), leaf.mark)
        # In this order: a record that is only in the log would not be settled.
        puts, before = pending.puts, pending.puts.get(path)
        puts[path] = leaf
        try:
            done = file.put(payload, tail=tail)
        except BaseException:
            if file.log.tail is tail:  # otherwise it is in the log, and a handler raised
                pending.restore(path, leaf, before)
            raise
        if not done:
            pending.restore(path, leaf, before)
            return False
        self._dicts.note_put(path)
        self._sync_if_due()
        return True

    def put_rows(self, path: Path, rows: np.ndarray[Any, Any]) -> bool:
        """Commit rows as a record in the log; HDF5 appends them later."""
        return self._put_rows({path: rows}, lambda: pack_rows(path, rows), LOGICAL_BYTES)

    @property
    def is_full(self) -> bool:
        """Whether so many rows wait that HDF5 has to append them before others."""
        return self._file is not None and self._file.log.logical_bytes > TABLES_BYTES

    def put_table(self, path: Path, rows: Mapping[Path, np.ndarray[Any, Any]]) -> bool:
        """Commit rows of several arrays as one record in the log; HDF5 appends them later."""
        return self._put_rows(rows, lambda: pack_table(path, rows), TABLES_BYTES)

    def _put_rows(
        self,
        rows: Mapping[Path, np.ndarray[Any, Any]],
        pack: Callable[[], bytes | None],
        most: int,
    ) -> bool:
        file, pending = self._file, self._pending
        if file is None or self._lent or (pending.puts and not all(map(pending.takes_rows, rows))):
            return False
        payload = pack() if all(map(self._references.takes_rows, rows)) else None
        if payload is None:
            return False
        self.raise_deferred()
        counts, done = pending.wait(rows), False
        try:
            done = file.put(payload, rows=True, most=most)
        finally:
            if not done:
                pending.give_up(counts)
        if done:
            self._sync_if_due()
        return done

    def settle(self) -> None:
        """Make HDF5 apply all logical records."""
        if not self.h5:  # reopening has failed, after a rollback or the first commit
            if self._first is None:
                self._open_h5()
            else:
                self._first.begin_anew()
                self._set_h5(self._first.h5)
        if not self._pending:
            return
        root = h5g.open(self.h5.id, b".")
        writer = Writer(root, hidden=self.hidden_in(root))
        before = self._pending.copy(), self._done.copy()
        try:
            materialize(
                root,
                writer,
                self._pending,
                self._done,
                rolls_back=True,
                stand_in=self.put_stand_in,
            )
        except HdfchkError:
            if self._file is not None and self._file.error is not None:
                self._pending, self._done = before  # the disk has failed, not the record
            raise

    def _restore_pending(self) -> None:
        """Make the records that HDF5 has applied without a commit pending again."""
        self._done.add(self._pending)
        self._pending, self._done = self._done, Pending()
        self._dicts.begin(None)

    def leave_memory(self, changes: Sequence[Change] | None = None) -> bool:
        """Move a new file that is in memory to disk, if necessary, before HDF5 writes."""
        if self._first is None or not self._first.leave_memory(changes):
            return False
        self._set_h5(self._first.h5)
        return True

    def begin_changes(self, above: set[Path] | None) -> None:
        """Prepare for changes of the file by HDF5."""
        self._dicts.begin(above)

    def lend(self) -> Any:
        """Return the `h5py.File`. Changes made with it are part of the next commit."""
        self._lent = True
        self.leave_memory()
        self._references.forget()
        self.settle()
        return self.h5

    # -- commits ---------------------------------------------------------------------------------

    def take_error(self) -> Exception | None:
        """Return the error of a callback from HDF5 since the last call of this method."""
        file = self._first if self._file is None else self._file
        return None if file is None else file.take_error()

    def raise_deferred(self) -> None:
        """Raise, once, an error that occurred after a commit had returned."""
        if self._deferred is not None:
            error, self._deferred = self._deferred, None
            raise error

    def commit(self) -> None:
        """Commit what was written since the last commit; a later kill does not undo it.

        Raises:
            NotDurableError: it is committed, but could not be synced.
            FileReplacedError: it is committed, but the file was moved, removed or replaced.
            OSError: it is not committed.
        """
        if self._first is not None:
            self._commit_first(self._first)
            return
        file = self._file
        if file is None:
            return
        self.settle()
        self.h5.flush()
        if (file.has_changes or file.log.logical_bytes) and not file.is_stamped:
            write_stamp(self.h5.id)
            self.h5.flush()
        self.metadata_cache.shrink()
        self._in_transaction = False
        if not file.commit():
            return
        # The commit is decided. An error that follows does not undo it.
        file.is_stamped = True
        self._done.clear()
        self._check_place()
        self._sync_if_due()
        self._checkpoint_if_due()

    def _commit_first(self, first: FirstCommit) -> None:
        first.appear(self._references.known)
        # The commit is decided. If HDF5 cannot open the file now, the next use tries again.
        self._first = None
        try:
            self._open_h5()
            first.make_durable()
            self._name_is_synced = True  # the log was created before
        except OSError as failed:
            raise not_durable(failed, self.address) from failed

    def rollback(self) -> None:
        """Discard what was written since the last commit; open objects become invalid."""
        self._in_transaction = False
        self._references.forget_walk()
        if self._first is not None:
            self._first.begin_anew()
            self._set_h5(self._first.h5)
            return
        if self._file is not None:
            self.discard_h5(self._file)
            self._file.rollback()
        self._restore_pending()
        self._open_h5()

    # -- syncs and checkpoints -------------------------------------------------------------------

    def _sync_if_due(self) -> None:
        """Sync a commit now, or schedule the sync."""
        if not self.durable:
            return
        if self.sync_interval <= 0:
            self._sync_log()
        elif time.monotonic() - self._synced >= self.sync_interval:
            try:
                self._sync_log()
            except NotDurableError as error:
                self._deferred = late_sync(error, self.address)
        elif not self._alarm.is_set:
            self._alarm.set(max(0.0, self._synced + self.sync_interval - time.monotonic()))

    def _sync_scheduled(self) -> bool:
        """Sync the log in the thread of the scheduler, while writes continue."""
        file = self._file
        if file is None or not file.file.is_open or os.getpid() != self._process:
            return True
        try:
            self._sync_log()
        except NotDurableError as error:
            self._deferred = late_sync(error, self.address)
            return False
        return True

    def _sync_log(self) -> None:
        file = self._file
        if file is None:
            return
        start = time.monotonic()
        try:
            file.log.sync()
            if not self._name_is_synced:  # a log is lost with its name
                sync_folder(self.address)
                self._name_is_synced = True
        except OSError as error:
            raise not_durable(error, self.address) from error
        self._synced = start

    def _is_synced(self, file: WalFile) -> bool:
        """Return whether all commits are on disk, and the name of the log, if there is one."""
        return file.log.is_synced and (self._name_is_synced or not file.has_log)

    def sync(self) -> None:
        """Sync all commits, and checkpoint them unless there are readers.

        Raises:
            NotDurableError: they could not be synced.
            FileReplacedError: the file was moved, removed or replaced.
        """
        file = self._file
        if file is None:
            return
        self._check_place()
        if self.durable and not self._is_synced(file):
            self._sync_log()
        if file.has_log:
            try:
                self._checkpoint(file)
            except JournalMismatchError as error:
                error.file = self.address
                raise
            except OSError:
                pass  # the end of the block tries again, and reports it

    def sync_log(self) -> None:
        """Sync all commits, which may stay in the log."""
        if self.durable and self._file is not None and not self._is_synced(self._file):
            self._sync_log()

    def _checkpoint(self, file: WalFile, *, last: bool = False) -> bool:
        """Checkpoint all commits, if possible now; return whether it was done."""
        if self.durable and not self._name_is_synced:
            # A partial checkpoint can be repaired only by a log that has its name on disk.
            sync_folder(self.address)
            self._name_is_synced = True
        commits, size = file.log.commits, file.log.size
        done = file.checkpoint(last=last)
        if done:
            seal(file.file.fd, self._references.known)
            note(DEBUG, "%s: checkpoint of %d commits, %d bytes", self.address, commits, size)
        return done

    def _checkpoint_if_due(self) -> None:
        """Keep the log short: checkpoint or compact it when that is due."""
        file = self._file
        if file is None or file.log.size < self._examine_at:
            return
        try:
            if file.wants_checkpoint and self._checkpoint(file):
                self._examine_at = LOOK_BYTES
            elif file.wants_compaction and file.is_held_up():
                self._compact_log(file)
                self._examine_at = max(LOOK_BYTES, 2 * file.log.size)
            else:
                self._examine_at = max(LOOK_BYTES, file.log.size + file.log.size // 4)
        except JournalMismatchError as error:
            error.file = self.address
            self._deferred = error  # this commit is decided: the next call raises it
        except OSError:
            pass  # the end of the block tries again, and reports it

    def _compact_log(self, file: WalFile) -> None:
        new = NewLog(self._lock)
        try:
            file.compact_log(new.make, new.put)
        finally:
            new.close()
            if new.is_in_place and self.durable:
                self._name_is_synced = False
                with contextlib.suppress(OSError):  # the next sync tries again
                    sync_folder(self.address)
                    self._name_is_synced = True

    # -- a file that was moved, removed or replaced ----------------------------------------------

    def _check_place(self) -> None:
        """Check that the file is in its place; if not, save its commits.

        Raises:
            FileReplacedError: it is not; the message says where the commits are.
            NotDurableError: it is not, and the commits could not be saved.
        """
        file = self._file
        if file is None or self._is_displaced:
            return
        in_place = True  # if the check fails: the commit is decided, and the next one checks again
        with contextlib.suppress(OSError):
            in_place = file.is_in_place(self.address)
        if not in_place:
            error = displaced.save_displaced(file, self.address, self._lock.place())
            self._is_displaced = True
            raise error

    # -- closing ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Checkpoint all commits, and close the file. Closing twice is allowed.

        Raises:
            NotDurableError: the log could not be synced.
            FileReplacedError: the file was moved, removed or replaced.
        """
        self._alarm.cancel()
        file = self._file
        if self._first is not None or file is None:  # it has not appeared, or was never opened
            self._abort()
            return
        if not file.file.is_open:
            return
        notices: list[Callable[[], HdfchkWarning]] = []
        try:
            if os.getpid() == self._process:
                self._finish(file, notices)
                if isinstance(self._deferred, LateSyncError):  # synced by now
                    self._deferred = None
        finally:
            self._release(file, notices)
            for make in notices:
                warnings.warn(make(), stacklevel=2)
        self.raise_deferred()

    def _finish(self, file: WalFile, notices: list[Callable[[], HdfchkWarning]]) -> None:
        """Perform the last commit, sync and checkpoint of a file."""
        commits, failed = file.log.commits, None
        try:
            self.settle()
            if self.h5:
                self.clear_hidden()
                if not file.has_begun:
                    self.h5.flush()
                    if not file.has_changes:  # a new file, or no changes
                        self.discard_h5(file)
                        file.rollback()
            # Closing writes the free-space table, which is a commit of its own.
            if self.h5:
                keep_free_space(self.h5.id)
                if not file.is_stamped:
                    write_stamp(self.h5.id)
                close_file(self.h5)
            if file.commit():
                file.is_stamped = True
        except Exception as error:
            self.discard_h5(file)
            file.rollback()
            failed = error
        self._check_place()
        if self._is_displaced:  # its commits were saved elsewhere
            return
        if self.durable and file.has_log and not self._is_synced(file):
            self._sync_log()
        if file.has_log:
            self._last_checkpoint(file, commits, notices, failed)

    def _last_checkpoint(
        self,
        file: WalFile,
        commits: int,
        notices: list[Callable[[], HdfchkWarning]],
        failed: Exception | None,
    ) -> None:
        there = os.fstat(file.file.fd)
        waits = not displaced.is_told(self.address, there)
        end = time.monotonic() + PENDING_SECONDS * waits
        try:
            while not self._checkpoint(file, last=True):
                if file.log.logical_bytes:
                    break
                if time.monotonic() > end:
                    if waits:
                        notices.append(
                            lambda: displaced.pending_warning(self.address, there, commits)
                        )
                    return
                time.sleep(RETRY_SECONDS)
            else:
                return
        except JournalMismatchError as error:
            error.file = self.address
            raise
        except OSError as error:
            failed = error
        notices.append(lambda: displaced.not_brought_warning(self.address, failed))

    def _release(self, file: WalFile, notices: list[Callable[[], HdfchkWarning]]) -> None:
        remove = not file.has_log
        try:
            self._lock.release(remove=remove)
        except OSError as error:
            text = f"{error.strerror or error}"
            notices.append(lambda: displaced.not_removed_warning(self.address, text))
        if remove and self.durable:
            with contextlib.suppress(OSError):
                sync_folder(self.address)

    def _abort(self) -> None:
        """Close everything, if the file could not be opened or has not appeared."""
        if self._first is not None:
            self._first.close()
        with contextlib.suppress(OSError):
            self._lock.leave()

    def abandon(self) -> None:
        """Leave the file to the parent process after a fork."""
        if self._file is not None:
            self._file.discarding = True
            self._file.log.after_fork()
            redirect_to_scratch(self._file.file.fd)  # HDF5 may still use the descriptor
        elif self._first is not None:
            self._first.abandon()
        self._lock.log.close()
        self._lock.named.close()
        super().abandon()
