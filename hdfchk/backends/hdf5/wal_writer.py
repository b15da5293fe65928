"""The open file of the one writer: HDF5 on a write-ahead log, and when commits reach the disk."""

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
from ...runtime.posix import (
    RETRY_SECONDS,
    redirect_to_scratch,
    sync_folder,
    wait_lock_shared,
)
from ...runtime.scheduler import Alarm, weakly
from ...tree import Leaf
from ..base import Change
from .data.direct_io import WriteAt
from .data.memory_map import Mapper
from .displaced import not_brought_warning, not_removed_warning, pending_warning, save_displaced
from .failed_sync import late_sync, not_durable
from .h5.file_object import close_file, open_on
from .h5.free_space import keep_free_space
from .h5.ids import GroupID
from .h5.stand_in import put_stand_in
from .nodes.references import Knowledge, References
from .nodes.writer import Writer
from .open_files import OpenFile
from .wal.first_commit import FirstCommit
from .wal.known_dicts import KnownDicts
from .wal.log import Log, Recovered
from .wal.logical_records import Pending, pack_put, pack_rows, pack_table
from .wal.new_log import NewLog
from .wal.reader_file import State, state_of
from .wal.replay import (
    lock_to_write,
    materialize,
    recover,
    replay_logical,
    write_stamp,
)
from .wal.seal import read_seal, seal
from .wal.wal_file import LOGICAL_BYTES, TABLES_BYTES, WalFile

__all__ = ["WalWriter"]

MOST_PUTS = 256
"""So many small assignments may wait for HDF5: readers have to let it do them, too."""
LOOK_BYTES = 2**21
"""A log that is longer is looked at: readers that stay may keep it from being emptied."""
PENDING_SECONDS = 0.2
"""So long the end of a block waits for readers, before it leaves commits in the log."""
_WARNED: set[tuple[int, int]] = set()


class WalWriter(OpenFile):
    """A file that is written by its path, through a log.

    A new file is made beside its place, where nobody can miss it, until its first commit. From then
    on, and where the file is there, all goes through the log.

    Args:
        path: the path: absolute, without symbolic links.
        mode: as in h5py; whether there is a file is decided when the lock is held.
        durable: bring commits to the disk.
        sync_interval: seconds that commits may wait for that.
        lock_timeout: seconds to wait for another writer.
    """

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
        """What HDF5 has done of it, and not committed."""
        self._dicts = KnownDicts()
        self._references = References()
        self._lent = self._is_displaced = self._in_transaction = False
        self._deferred: Exception | None = None
        self._look_at = LOOK_BYTES
        self._synced = time.monotonic()
        self._named = False
        self._alarm = Alarm(weakly(self._sync_late))
        self.generation = 0
        self.address = path
        self.writable = True
        self.h5: Any = None
        self._lock, found = lock_to_write(path, lock_timeout, absent=mode == "x")
        try:
            file = self._lock.file
            self._state = None if file is None else state_of(file.fd, found)
            self._open(mode, found)
        except BaseException:
            self._give_up()
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
                self._references.known = read_seal(file.fd)
            self._go_on(found)
            return
        if found.has_commits:
            recover(self._lock, found, durable=self.durable)
        self._references.known = Knowledge(no_references=True, no_names=True)
        self._first = FirstCommit(self._lock, durable=self.durable)
        self._use(self._first.h5)

    def _use(self, h5: h5py.File) -> None:
        self.h5 = h5
        self.generation += 1

    def _go_on(self, found: Recovered | None = None) -> None:
        """Open HDF5 on the file and its log."""
        if self._file is None:
            file = self._lock.file
            assert file is not None  # noqa: S101  the caller has looked
            wait_lock_shared(file.fd, self.address, self._lock.timeout)
            log = Log(self._lock.log)
            with contextlib.suppress(OSError):  # only messages need it; a new file is there by now
                log.claim()
            self._file = WalFile(file, log, durable=self.durable, found=found)
            if found is not None and found.has_commits:
                self._adopt(found)
        self._use(open_on(self._file, h5f.ACC_RDWR))

    def _adopt(self, found: Recovered) -> None:
        """Take over what a writer that was killed has left."""
        file = self._file
        assert file is not None  # noqa: S101
        if found.records:
            replay_logical(file)
            file.commit()
        with contextlib.suppress(OSError):  # the end of the block tries again, and tells
            self._checkpoint(file)  # if somebody reads it, its commits stay in the log

    @property
    def transactions(self) -> WalWriter:
        """The file itself."""
        return self

    @property
    def log(self) -> WalWriter:
        """The file itself."""
        return self

    @property
    def state(self) -> State | None:
        """Which commit it was that it was opened on."""
        return self._state

    @property
    def write_past(self) -> WriteAt | None:
        """Writes arrays into a new file, of which HDF5 keeps no bytes that it did not write."""
        return None if self._first is None else self._first.write_past

    def mapper(self, root: GroupID) -> Mapper | None:
        """Maps what is in the file, and not in the log any more."""
        if self._file is None:
            return None
        self.h5.flush()
        return self._file.mapper(self.address)

    def put_stand_in(self, address: int) -> bool:
        """Put a stand-in in the place of an object whose header is damaged."""
        if self._file is None:
            return False
        return put_stand_in(self._file, int(self.h5.userblock_size), address)

    def begin(self) -> None:
        """A transaction begins."""
        self._in_transaction = True
        self.leave_memory()

    def end(self) -> None:
        """A transaction is over."""
        self._in_transaction = False

    def begin_anew(self) -> bool:
        """Give up what was done since the last commit, if it can be done again by one call."""
        is_more = self._in_transaction or self._lent or self._first is not None
        if is_more or (self._hidden is not None and self._hidden.has_drafts):
            return False
        self.rollback()
        self.settle()
        return True

    # -- small assignments and rows --------------------------------------------------------------

    def put(self, path: Path, leaf: Leaf) -> bool:
        """Commit a small assignment by writing it into the log; HDF5 does it later.

        A handler of a signal may run between any two steps, and use the store.
        """
        file, pending = self._file, self._pending
        if file is None or self._lent or len(pending.puts) >= MOST_PUTS:
            return False
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
        if isinstance(leaf.data, np.ndarray):  # it is the caller's, who may change it
            leaf = Leaf(leaf.data.copy(), leaf.mark)
        # In this order: what the log alone knows of would be lost.
        puts, before = pending.puts, pending.puts.get(path)
        puts[path] = leaf
        done = False
        try:
            done = file.put(payload)
        finally:
            if not done:
                _put_back(puts, path, before)
        if not done:
            return False
        self._dicts.note_put(path)
        self._see_to_sync()
        return True

    def put_rows(self, path: Path, rows: np.ndarray[Any, Any]) -> bool:
        """Commit rows by writing them into the log; HDF5 appends them later."""
        return self._put_rows({path: rows}, lambda: pack_rows(path, rows), LOGICAL_BYTES)

    @property
    def is_full(self) -> bool:
        """Whether so many rows wait that HDF5 has to append them before others."""
        return self._file is not None and self._file.log.logical_bytes > TABLES_BYTES

    def put_table(self, path: Path, rows: Mapping[Path, np.ndarray[Any, Any]]) -> bool:
        """Commit rows of several arrays by writing one record; HDF5 appends them later."""
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
            self._see_to_sync()
        return done

    def settle(self) -> None:
        """Let HDF5 do all small assignments and append all rows that were committed."""
        if not self.h5:  # it could not be opened after a rollback, or when it had appeared
            self._go_on()
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
                self._pending, self._done = before  # it is the disk that has failed, and not it
            raise

    def _restore_pending(self) -> None:
        """What HDF5 had done without a commit is to be done again."""
        self._done.add(self._pending)
        self._pending, self._done = self._done, Pending()
        self._dicts.begin(None)

    def leave_memory(self, changes: Sequence[Change] | None = None) -> bool:
        """HDF5 is about to write into a new file."""
        if self._first is None or not self._first.leave_memory(changes):
            return False
        self._use(self._first.h5)
        return True

    def begin_changes(self, above: set[Path] | None) -> None:
        """HDF5 is about to change the file."""
        self._dicts.begin(above)

    def lend(self) -> Any:
        """The `h5py.File`. What is done to it is a part of the next commit."""
        self._lent = True
        self.leave_memory()
        self._references.forget()
        self.settle()
        return self.h5

    # -- commits ---------------------------------------------------------------------------------

    def take_error(self) -> Exception | None:
        """What a callback of HDF5's has met since the last call."""
        file = self._first if self._file is None else self._file
        return None if file is None else file.take_error()

    def raise_deferred(self) -> None:
        """Raise what was met after a commit had returned, once, before anything else is done."""
        if self._deferred is not None:
            error, self._deferred = self._deferred, None
            raise error

    def commit(self) -> None:
        """Make what was written since the last commit one commit: a kill leaves it there.

        Raises:
            NotDurableError: it is one, but was not brought to the disk as was promised.
            FileReplacedError: it is one, but the file is not in its place any more.
            OSError: it is none.
        """
        if self._first is not None:
            self._appear(self._first)
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
        # It is decided. What fails from here on takes nothing back.
        file.is_stamped = True
        self._done.clear()
        self._check_place()
        self._see_to_sync()
        self._see_to_log()

    def _appear(self, first: FirstCommit) -> None:
        first.appear(self._references.known)
        # It is decided. Where HDF5 cannot be opened on it now, the next use tries it.
        self._first = None
        try:
            self._go_on()
            first.make_durable()
            self._named = True  # the log has come before
        except OSError as failed:
            raise not_durable(failed, self.address) from failed

    def rollback(self) -> None:
        """Give up what was written since the last commit; open objects are closed."""
        self._in_transaction = False
        self._references.forget_walk()
        if self._first is not None:
            self._first.begin_anew()
            self._use(self._first.h5)
            return
        if self._file is not None:
            self.discard_h5(self._file)
            self._file.rollback()
        self._restore_pending()
        self._go_on()

    # -- the disk --------------------------------------------------------------------------------

    def _see_to_sync(self) -> None:
        """Bring a commit to the disk now, or soon."""
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

    def _sync_late(self) -> bool:
        """Bring the log to the disk, in the thread of the scheduler; writes go on meanwhile."""
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
            if not self._named:  # a file that is not in its folder is on no disk
                sync_folder(self.address)
                self._named = True
        except OSError as error:
            raise not_durable(error, self.address) from error
        self._synced = start

    def _is_synced(self, file: WalFile) -> bool:
        """Whether all commits are on the disk: in a log that has its name there, if it has any."""
        return file.log.is_synced and (self._named or not file.has_log)

    def sync(self) -> None:
        """Bring all commits to the disk, and into the file unless somebody reads it.

        Raises:
            NotDurableError: they could not be brought to the disk.
            FileReplacedError: the file is not in its place any more.
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
                pass  # the end of the block tries again, and tells

    def sync_log(self) -> None:
        """Bring all commits to the disk, where they may stay in the log."""
        if self.durable and self._file is not None and not self._is_synced(self._file):
            self._sync_log()

    def _checkpoint(self, file: WalFile, *, last: bool = False) -> bool:
        """Bring all commits into the file, if that can be done now."""
        if self.durable and not self._named:
            # What is half written can be mended only by a log that has its name on the disk.
            sync_folder(self.address)
            self._named = True
        done = file.checkpoint(last=last)
        if done:
            seal(file.file.fd, self._references.known)
        return done

    def _see_to_log(self) -> None:
        """Keep the log short: the policy of checkpoints."""
        file = self._file
        if file is None or file.log.size < self._look_at:
            return
        try:
            if file.wants_checkpoint and self._checkpoint(file):
                self._look_at = LOOK_BYTES
            elif file.wants_compaction and file.is_held_up():
                self._compact_log(file)
                self._look_at = max(LOOK_BYTES, 2 * file.log.size)
            else:
                self._look_at = max(LOOK_BYTES, file.log.size + file.log.size // 4)
        except JournalMismatchError as error:
            error.file = self.address
            self._deferred = error  # this commit stands: the next call is refused
        except OSError:
            pass  # the end of the block tries again, and tells

    def _compact_log(self, file: WalFile) -> None:
        new = NewLog(self._lock)
        try:
            file.compact_log(new.make, new.put)
        finally:
            new.close()
            if new.is_in_place and self.durable:
                self._named = False
                with contextlib.suppress(OSError):  # the next sync tries again
                    sync_folder(self.address)
                    self._named = True

    # -- the file is somewhere else --------------------------------------------------------------

    def _check_place(self) -> None:
        """Notice that the file was moved, removed or replaced, and save its commits.

        Raises:
            FileReplacedError: it was; the text says where the commits are.
            NotDurableError: it was, and they could not be saved.
        """
        file = self._file
        if file is None or self._is_displaced:
            return
        in_place = True  # where that cannot be seen: the commit stands, and the next one looks
        with contextlib.suppress(OSError):
            in_place = file.is_in_place(self.address)
        if not in_place:
            error = save_displaced(file, self.address, self._lock.place())
            self._is_displaced = True
            raise error

    # -- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Bring all commits into the file, and close. Closing twice is allowed.

        Raises:
            NotDurableError: what is in the log could not be brought to the disk.
            FileReplacedError: the file is not in its place any more.
        """
        self._alarm.cancel()
        if self._first is not None:
            self._give_up()
            return
        file = self._file
        if file is None:  # it has its place, and could not be opened there
            self._give_up()
            return
        if not file.file.is_open:
            return
        told: list[Callable[[], HdfchkWarning]] = []
        try:
            if os.getpid() == self._process:
                self._finish(file, told)
                if isinstance(self._deferred, LateSyncError):  # it is on the disk by now
                    self._deferred = None
        finally:
            self._release(file, told)
            for make in told:
                warnings.warn(make(), stacklevel=2)
        self.raise_deferred()

    def _finish(self, file: WalFile, told: list[Callable[[], HdfchkWarning]]) -> None:
        """The last commit, sync and checkpoint of a file."""
        commits, failed = file.log.commits, None
        try:
            self.settle()
            if self.h5:
                self.clear_hidden()
                if not file.has_begun:
                    self.h5.flush()
                    if not file.has_changes:  # it has just appeared, or nothing was done to it
                        self.discard_h5(file)
                        file.rollback()
            # Closing writes the table of free space: it is a commit of its own.
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
            self._last_checkpoint(file, commits, told, failed)

    def _last_checkpoint(
        self,
        file: WalFile,
        commits: int,
        told: list[Callable[[], HdfchkWarning]],
        failed: Exception | None,
    ) -> None:
        there = os.fstat(file.file.fd)
        key = there.st_dev, there.st_ino
        end = time.monotonic() + (0.0 if key in _WARNED else PENDING_SECONDS)
        try:
            while not self._checkpoint(file, last=True):
                if file.log.logical_bytes:
                    break
                if time.monotonic() > end:
                    if key not in _WARNED:
                        _WARNED.add(key)
                        told.append(lambda: pending_warning(self.address, there, commits))
                    return
                time.sleep(RETRY_SECONDS)
            else:
                return
        except JournalMismatchError as error:
            error.file = self.address
            raise
        except OSError as error:
            failed = error
        told.append(lambda: not_brought_warning(self.address, failed))

    def _release(self, file: WalFile, told: list[Callable[[], HdfchkWarning]]) -> None:
        remove = not file.has_log
        try:
            self._lock.release(remove=remove)
        except OSError as error:
            text = f"{error.strerror or error}"
            told.append(lambda: not_removed_warning(self.address, text))
        if remove and self.durable:
            with contextlib.suppress(OSError):
                sync_folder(self.address)

    def _give_up(self) -> None:
        """Close everything after a failure to open, or of a file that never appeared."""
        if self._first is not None:
            self._first.close()
        with contextlib.suppress(OSError):
            self._lock.leave()

    def abandon(self) -> None:
        """Leave the file to the parent process."""
        if self._file is not None:
            self._file.discarding = True
            self._file.log.after_fork()
            redirect_to_scratch(self._file.file.fd)  # HDF5 may still try to use it
        elif self._first is not None:
            self._first.abandon()
        self._lock.log.close()
        self._lock.named.close()
        super().abandon()


def _put_back(puts: dict[Path, Leaf], path: Path, before: Leaf | None) -> None:
    if before is None:
        puts.pop(path, None)
    else:
        puts[path] = before
