"""The handle of one store: its mode and options, and its use of the file's connection."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..backends.base import Backend, Session, Storage
from ..errors import (
    FileReplacedError,
    LockedError,
    NotDurableError,
    ReadOnlyError,
    SnapshotChangedWarning,
    TransactionError,
    UnclosedWarning,
)
from ..keys import Path
from ..runtime.interrupts import Interrupted, defer_interrupts, run_pending
from ..runtime.process_hooks import register
from ..tree import Leaf
from .append_buffers import AppendBuffers, RowBuffer
from .call import ReadCall, WriteCall
from .connection import Connection, Watch, connection_of, share
from .modes import check_mode
from .owner import Owner
from .patience import patience
from .transactions import transaction
from .turn import STANDS, Turn, explained, note_closing

__all__ = ["Handle"]


class Handle:
    """Opens storage at its first use and closes it when it is no longer needed.

    Outside any `held` block, each `reading` or `writing` block opens and closes the storage.
    Inside, it is opened once: for reading until the first write, then for writing. All
    stores of this process on one file share its connection; those of mode ``"r"`` have their own
    snapshot.

    Args:
        backend: the backend to open.
        mode: as in h5py: ``a`` read and write, create if missing; ``r`` read; ``r+`` read and
            write an existing file; ``w`` replace the file; ``x`` create, and fail if it exists.

    Guarantees:
        One lock is held during each block, so threads take turns. After ``fork``, the child
        reopens the storage.
    """

    def __init__(self, backend: Backend, mode: str) -> None:
        check_mode(mode)
        self.backend = backend
        self.mode: str = mode
        self._depth = self._blocks = self._looks = 0
        self._held: Connection | None = None
        self.is_opened: bool = False
        """Whether `open` keeps the storage open."""
        self._session: tuple[Storage, Session] | None = None
        self._snapshots: dict[Owner, Connection] = {}
        self._idle: Connection | None = None
        """The connection that was used last, kept for the next call."""
        self._own: Connection | None = None
        """The connection of a store that has its own snapshot, or will start a new file."""
        register(self)

    @property
    def is_held(self) -> bool:
        """Whether a block keeps the storage open between calls."""
        return self._depth > 0

    @property
    def connection(self) -> Connection:
        """The connection that a call uses at present."""
        if self._snapshots and (own := self._snapshots.get(Owner.now())) is not None:
            return own
        if self._held is not None:
            return self._held
        return self._connect()

    def _connect(self) -> Connection:
        if self.mode not in {"r", "w", "x"}:
            self._idle = connection_of(self.backend)
            return self._idle
        if self._own is None:
            self._own = Connection(self.backend.address)
        return self._own

    def report(self, tell: Callable[[int, int], object], done: int, total: int) -> None:
        """Call a progress callback, which must not use the store."""
        self.connection.guard.report(tell, done, total)

    def turn(self) -> Turn:
        """Return a context in which no other thread uses the file."""
        return Turn(self.connection, patience(self.backend))

    # -- holding the storage open ----------------------------------------------------------------

    def hold(self, *, block: bool = False) -> None:
        """Keep the storage open, from its next use until `release`. Calls nest.

        Args:
            block: whether it is a ``with`` block of the caller, who relies on what was read in it.
        """
        with self.turn() as connection:
            connection.guard.check(self.backend.address, writing=False)
            if self._depth == 0:
                self._held = connection
                connection.add_holder()
            self._depth += 1
            if block:
                self._blocks += 1
                connection.blocks += 1

    def open(self) -> None:
        """Keep the storage open until `close`, but give it back while nothing uses it."""
        with self.turn() as connection:
            if not self.is_opened:
                self.hold()
                self.is_opened = True
                connection.opened.add(self)
                connection.look_when_idle()

    @property
    def is_idle(self) -> bool:
        """Whether nothing but `open` holds the storage."""
        return self._depth == 1

    def release(self, *, failed: bool = False, block: bool = False) -> None:
        """End a `hold`; the last release of all stores closes the storage.

        During a transaction of another thread or task, it takes effect when that ends. It does
        nothing when the process exits: all connections are closed then.

        Args:
            failed: whether an exception ends it: a file that was to be replaced is left unchanged.
            block: whether it ends a ``with`` block of the caller.
        """
        connection = self._held
        if connection is None or connection.is_over:
            return

        def leave() -> None:
            self._release(connection, failed=failed, block=block)

        with defer_interrupts():
            while True:
                try:
                    connection.acquire(self.backend.lock_timeout)
                    break
                except LockedError:
                    connection.leaving.append(leave)
                    # The transaction may have ended before it saw the new entry.
                    if connection.transaction is not None or leave not in connection.leaving:
                        return
                    connection.leaving.remove(leave)
            try:
                connection.guard.check_report(self.backend.address)
                leave()
            finally:
                connection.lock.release()

    def _release(self, connection: Connection, *, failed: bool, block: bool) -> None:
        if self._depth == 0 or self._held is not connection:
            return
        if block and self._blocks:
            self._blocks -= 1
            connection.blocks -= 1
        try:
            if self._depth == 1 and not connection.guard.calls:
                if (self.mode in {"w", "x"} or connection.was_lent) and not failed:
                    with self.writing():  # create the file even if nothing was assigned
                        pass
                connection.write_rows()
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._held, self.is_opened = None, False
                connection.opened.remove(self)
                connection.remove_holder()
                self._end(connection)

    def _end(self, connection: Connection) -> None:
        if connection.guard.calls:
            return  # the call in progress closes it
        if connection.holders == 0:
            self._close(connection)
        elif connection.transaction is None and connection.storage is not None:
            connection.storage.sync_log()  # another store still uses it

    def _close(self, connection: Connection) -> None:
        storage = connection.storage
        waits = storage is not None and self.mode != "r" and storage.waits
        known, self._session = self._session, None
        if known is not None and known[0] is storage:
            known[1].drop_objects()
        connection.close_storage()
        if waits:
            self.backend.checkpoint_pending()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Context in which the storage is opened at most once."""
        self.hold()
        try:
            yield
        except BaseException as error:
            try:
                self.release()
            except NotDurableError as closing:
                note_closing(error, closing)
            raise
        self.release()

    # -- reading and writing ---------------------------------------------------------------------

    def reading(self) -> ReadCall:
        """Return a context with a session to read from, empty if the file does not exist yet."""
        return ReadCall(self)

    def writing(self, *, commit: bool = True, keeps_logs: bool = False) -> WriteCall:
        """Return a context with a session to write to; the storage is created if necessary.

        Args:
            commit: commit what is written, unless it is part of a transaction; if False, it
                becomes part of the next commit.
            keeps_logs: the row buffers remain valid.
        """
        return WriteCall(self, commit=commit, keeps_logs=keeps_logs)

    @property
    def is_looking(self) -> bool:
        """Whether the caller does not see what is being read."""
        return self._looks > 0

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Context in which a call reads to plan its work, and reads again before it writes.

        The caller does not see what is read, so a newer commit in between does not matter.
        """
        self._looks += 1
        try:
            yield
        finally:
            self._looks -= 1

    def make_durable(self, connection: Connection, storage: Storage) -> None:
        """Sync the commit of a call outside a block, even if other stores hold the storage."""
        if self._depth == 0 and connection.holders:
            storage.sync_log()

    def end_call(self, connection: Connection, storage: Storage) -> None:
        """Close the storage at the end of a call, if no store holds it."""
        if storage is not connection.storage:  # it was dropped, or is empty storage
            if not connection.guard.calls:
                storage.close()
            return
        if connection.guard.calls == 0 and connection.holders == 0:
            self._close(connection)

    def session_on(self, storage: Storage) -> Session:
        """Return this store's session on the storage, with its own options."""
        known = self._session  # read once: a thread that reads a snapshot takes turns of its own
        if known is None or known[0] is not storage:
            known = self._session = storage, self.backend.session(storage)
        else:
            known[1].refresh()
        return known[1]

    def storage_to_read(self, connection: Connection) -> Storage:
        """Return the open storage, opening it if necessary; empty if the file does not exist."""
        if connection.storage is not None:
            return connection.storage
        missing = self.mode in {"w", "x"} or not self.backend.exists()
        if missing and self.mode == "x" and self.backend.exists():
            raise FileExistsError(17, "mode='x', and the file exists", self.backend.address)
        if missing and self.mode in {"a", "w", "x"}:
            # Reading does not create a file: a missing file is an empty mapping.
            return self.backend.nothing()
        return self._opened(connection, "r")

    def storage_to_write(self, connection: Connection) -> Storage:
        """Return storage that is open for writing, opening it if necessary."""
        if self._snapshots and connection is self._snapshots.get(Owner.now()):
            raise self._reads_only(
                "a transaction(write=False) is read-only",
                "assign after it, or begin it with transaction()",
            )
        if self.mode == "r":
            raise self._reads_only("the store was opened with mode='r'")
        storage = connection.storage
        if storage is not None and storage.writable:
            self.backend.join(storage)
            return storage
        if connection.transaction is not None:
            raise TransactionError(
                "the store was closed during a transaction, whose changes are lost",
                file=self.backend.address,
                hint="close it after the transaction",
            )
        relied = connection.blocks and connection.was_read
        seen = storage.state if storage is not None and relied else None
        if storage is not None:
            connection.close_storage()
        opened = self._opened(connection, self.mode)
        if seen is not None and opened.state is not None and seen != opened.state:
            warnings.warn(
                f"another process has written {self.backend.address!r} since this block has "
                "read it: the block continues at the newest commit. Use transaction() to read and "
                "write in one step",
                SnapshotChangedWarning,
                stacklevel=5,
            )
        if self.mode in {"w", "x"}:
            self.mode = "a"  # started: from now on it continues this file, and others join it
            self._own = None
            share(connection, self.backend)
        return opened

    def _opened(self, connection: Connection, mode: str) -> Storage:
        """Open the storage. A signal handler may use the store meanwhile, and open it first."""
        end = time.monotonic() + patience(self.backend)
        connection.raise_error()
        connection.refuse_self_wait(self.backend, mode)
        with defer_interrupts():  # a handler running inside would wait for its own process
            while True:
                try:
                    left = max(0.0, end - time.monotonic())
                    storage = self.backend.open_storage(mode, left)
                except Interrupted:
                    run_pending()
                    there = connection.storage
                    if there is not None and (there.writable or mode == "r"):
                        return there
                    if there is not None:
                        connection.close_storage()
                    continue
                connection.use(storage, self.backend)
                return storage

    def _reads_only(self, problem: str, hint: str = "open it with mode='a'") -> ReadOnlyError:
        return ReadOnlyError(problem, file=self.backend.address, hint=hint)

    @contextmanager
    def writing_alone(self) -> Iterator[None]:
        """Context that reads and then writes atomically: it holds the writer's lock."""
        with self.turn() as connection, self.held():
            self.open_to_write(connection)
            yield

    def open_to_write(self, connection: Connection) -> Storage:
        """Return storage that is open for writing, for several calls that follow."""
        connection.guard.check(self.backend.address, writing=True)
        storage = self.storage_to_write(connection)
        try:
            storage.raise_deferred()
        except BaseException:
            self.end_call(connection, storage)
            raise
        return storage

    # -- transactions ----------------------------------------------------------------------------

    def transaction(self) -> AbstractContextManager[None]:
        """Return a context whose changes are one commit; an exception rolls them back."""
        return transaction(self)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Context that reads one commit, even if others write meanwhile, and cannot write."""
        owner = Owner.now()
        if owner in self._snapshots:
            yield  # nested: the outer snapshot is used
            return
        connection = Connection(self.backend.address)
        connection.add_holder()
        self._snapshots[owner] = connection
        try:
            with self.reading():
                pass  # open it now, not at the first read
            yield
        finally:
            self._snapshots.pop(owner, None)  # absent in a child forked in the block
            connection.remove_holder()
            connection.close_storage()

    # -- small assignments and rows --------------------------------------------------------------

    def put(self, path: Path, leaf: Leaf) -> bool:
        """Commit a small assignment without HDF5, if there is a log; return whether it was done."""
        connection = self._held
        if connection is None or connection.is_busy:
            return False  # it must wait for its turn, or is part of the transaction
        with connection.lock:
            storage = connection.storage
            if (
                storage is None
                or (log := storage.log) is None
                or self._session is None
                or storage is not self._session[0]  # this store has no session on it yet
                or connection.transaction is not None
                or connection.appends
                or self.mode == "r"
                or self._snapshots
                or connection.is_over
            ):
                return False
            connection.guard.check(self.backend.address, writing=True)
            if not connection.logged(log.put, path, leaf):
                return False
            connection.appends.invalidate(path)
            connection.touch(path)
            return True

    def append_row(self, path: Path, value: Any) -> bool:
        """Append one row to an array with a row buffer; return whether it was done.

        It is not done if the value needs conversion.
        """
        connection = self._held
        if connection is None or connection.is_busy:
            return False
        with connection.lock:
            buffer = connection.appends.get(path)
            if buffer is None or self._snapshots or connection.is_over:
                return False
            rows = buffer.stored(value)
            return rows is not None and self._append(connection, buffer, rows)

    def log_of(self, path: Path) -> RowBuffer | None:
        """Return the row buffer of an array to which rows were appended before."""
        return None if self._held is None else self._held.appends.get(path)

    def append(self, stored: Path, buffer: RowBuffer, rows: Any) -> None:
        """Append rows, in their stored form, to an array, and keep its row buffer.

        Args:
            stored: the path of the array's elements.
            buffer: its row buffer.
            rows: rows, of shape ``(n, *row)``.
        """
        with self.turn() as connection:
            known = connection.appends.get(buffer.path) or buffer
            if stored == buffer.path and self._append(connection, known, rows):
                if connection.transaction is None and connection.storage is not None:
                    self.make_durable(connection, connection.storage)
                return
            connection.appends.drop_tables(stored)
            with self.writing(keeps_logs=True) as session:
                session.append(stored, rows)
            self.keep_log(buffer)

    def _append(self, connection: Connection, buffer: RowBuffer, rows: Any) -> bool:
        """Append rows through the log, or let them wait; return False if HDF5 must append them."""
        storage = connection.storage
        if storage is None or not storage.writable or connection.holders == 0:
            return False
        if connection.appends.get(buffer.path) is not buffer:
            return False
        connection.guard.check(self.backend.address, writing=True)
        connection.appends.drop_tables(buffer.path)
        if connection.transaction is None:
            log = storage.log
            if log is not None:
                # A handler could replace the array, or its commit could append waiting rows twice.
                with defer_interrupts():
                    if connection.appends.get(buffer.path) is not buffer:
                        return False
                    return connection.logged(log.put_rows, buffer.path, rows)
        else:
            connection.transaction.has_written = True
        if rows.nbytes >= WAITING_MOST:
            return False
        connection.appends.wait(buffer, rows)
        if connection.transaction is not None:
            if buffer.is_full:
                connection.write_rows()
        else:
            interval = 0.0 if buffer.is_full else self.backend.sync_interval
            connection.wait_to_write(interval, keep=self)
        return True

    def table_form(self, path: Path) -> Any:
        """Return the form kept for the table at a path, unless the table has changed since."""
        return None if self._held is None else self._held.appends.table(path)

    def extend(self, path: Path, rows: Mapping[Path, Any], form: Any) -> None:
        """Append rows to the arrays of a table, as one commit.

        Args:
            path: the path of the table.
            rows: for the path of each array, rows in their stored form.
            form: the form of the table, from `table_form` or new; it is kept for the next call.
        """
        with self.turn() as connection, defer_interrupts():
            is_known = connection.appends.table(path) is form and not self._snapshots
            log = None if connection.storage is None else connection.storage.log
            if is_known and log is not None and log.is_full:
                with self.writing(keeps_logs=True):
                    pass  # HDF5 appends the waiting rows, which are committed
            if is_known and connection.put_table(path, rows):
                if connection.storage is not None:
                    self.make_durable(connection, connection.storage)
                return
            with self.writing(keeps_logs=True) as session:
                session.extend(rows)
            self.keep_table(path, form)

    def keep_table(self, path: Path, form: Any) -> None:
        """Keep the form of a table while the storage is open for writing."""
        if (appends := self._kept) is not None:
            appends.keep_table(path, form)

    def keep_log(self, buffer: RowBuffer) -> None:
        """Keep a row buffer while the storage is open for writing."""
        if (appends := self._kept) is not None:
            appends.keep(buffer)

    @property
    def _kept(self) -> AppendBuffers | None:
        """The row buffers and forms of tables, while the storage is open for writing."""
        held = self._held
        if held is None or held.is_lent or held.storage is None or not held.storage.writable:
            return None
        return held.appends

    # -- changes ---------------------------------------------------------------------------------

    def watch(self, path: Path) -> Watch:
        """Return a `Watch` for changes to the keys of a group, while the storage is held."""
        watch = Watch(path)
        self.connection.watches[id(watch)] = watch
        return watch

    def touch(self, paths: Iterable[Path]) -> None:
        """Notify iterators that these paths are assigned or deleted."""
        connection = self.connection
        if connection.watches:
            for path in paths:
                connection.touch(path)

    # -- operations on the whole file ------------------------------------------------------------

    @contextmanager
    def exclusive(self) -> Iterator[Backend]:
        """Context in which the storage is closed, for operations on the whole file.

        Raises:
            ReadOnlyError: the mode does not allow writing.
            TransactionError: a transaction is in progress.
        """
        with self.turn() as connection:
            connection.guard.check(self.backend.address, writing=True)
            if connection.transaction is not None:
                raise TransactionError(
                    "compact() and recover() cannot run inside a transaction",
                    file=self.backend.address,
                    hint="call it after the transaction",
                )
            if self.mode == "r":
                raise self._reads_only("the store was opened with mode='r'")
            guard, is_busy = connection.guard, False
            try:
                with defer_interrupts():  # a handler could reopen it before it is busy
                    connection.close_storage()
                    guard.calls += 1
                    guard.is_writing = is_busy = True
                yield self.backend
            finally:
                if is_busy:
                    guard.calls -= 1
                    guard.is_writing = False

    def sync(self) -> None:
        """Sync and checkpoint all commits of the open storage, if there is one.

        Inside a transaction it does nothing: the changes are not committed yet.
        """
        with defer_interrupts(), self.turn() as connection:
            connection.guard.check(self.backend.address, writing=True)
            storage = connection.storage
            if connection.transaction is not None or storage is None or not storage.writable:
                return
            storage.raise_deferred()
            connection.write_rows()
            with connection.working(writing=True), explained(storage, self.backend.address):
                try:
                    connection.commit(storage)
                except STANDS:
                    raise
                except BaseException:
                    connection.roll_back(storage)
                    raise
                try:
                    storage.sync()
                except FileReplacedError:
                    connection.drop_storage()
                    raise

    def lend(self) -> Any:
        """Return the library's own object for the open storage (an `h5py.File`), or None."""
        if self._held is None:
            return None
        with defer_interrupts(), self.turn() as connection:
            connection.guard.check(self.backend.address, writing=False)
            storage = connection.storage
            if storage is None:
                if self.mode == "r" or (self.backend.exists() and self.mode not in {"w", "x"}):
                    storage = self.storage_to_read(connection)
                else:
                    storage = self.open_to_write(connection)
            if connection.transaction is not None:
                connection.transaction.has_written = True
            connection.write_rows()
            connection.appends.forget()
            connection.is_lent = True
            with connection.working(writing=storage.writable):
                connection.settle(storage)
                return storage.lend()

    def warn_if_held(self, name: str) -> None:
        """For finalizers: warn that a block was never left. Nothing is written or closed here."""
        if self._depth and self._held is not None and self._held.storage is not None:
            warnings.warn(f"{name} was never closed: use `with`", UnclosedWarning, stacklevel=3)

    def close(self, *, failed: bool = False) -> None:
        """Leave all blocks of this store.

        Args:
            failed: as for `release`.

        Raises:
            LockedError: another thread, or another task of this one, has a transaction.
        """
        with self.turn():
            while self._depth:
                self.release(failed=failed, block=self._blocks > 0)

    def at_exit(self) -> None:
        """Do nothing: the connection closes the storage."""

    def after_fork(self) -> None:
        """In a child process: forget the blocks of the parent."""
        self._depth = self._blocks = self._looks = 0
        self.is_opened = False
        self._held = self._session = self._own = self._idle = None
        self._snapshots = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return the address and the mode, without the open session."""
        return {"backend": self.backend, "mode": self.mode}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a handle with the same address, not yet opened."""
        Handle.__init__(self, **state)


WAITING_MOST = 2**24
"""Rows of at least this many bytes are written immediately."""
