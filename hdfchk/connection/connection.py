"""The connection: everything that one process has open of one file."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import attrs

from ..backends.base import Backend, Storage
from ..errors import ClosedError, FileReplacedError, LockedError
from ..keys import Path
from ..runtime.interrupts import defer_interrupts, run_pending
from ..runtime.process_hooks import register
from ..runtime.scheduler import Alarm, weakly
from ..runtime.weak_values import WeakValues
from .append_buffers import AppendBuffers
from .busy_guard import BusyGuard
from .opened import IDLE_SECONDS, LOOK_SECONDS, Opened, at_work, guard_forks
from .owner import Owner

__all__ = ["Connection", "Transaction", "Watch", "connection_of", "share"]

TURN_SECONDS = 0.1
"""How long the alarm thread waits for its turn to give storage back."""
EXIT_SECONDS = 5.0
"""How long the exit of the process waits for a thread that is using a store."""


@attrs.define(eq=False, repr=False)
class Transaction:
    """A transaction in progress.

    Args:
        owner: who began it; only the owner can use the file until it ends.

    Attributes:
        depth: the number of nested blocks.
        failed: one of the blocks has lost its changes.
        has_written: something was written in it.
    """

    owner: Owner
    depth: int = 0
    failed: bool = False
    has_written: bool = False


@attrs.define(eq=False, repr=False)
class Watch:
    """Notifies an iterator over a group that its keys may have changed.

    Args:
        path: the path of the group.

    Attributes:
        touched: the keys may have changed.
    """

    path: Path
    touched: bool = False

    def see(self, path: Path) -> None:
        """Record that a path was assigned or deleted."""
        short = min(len(path), len(self.path))
        if path[:short] == self.path[:short]:
            self.touched = True


class _Working:
    """Context in which a guard is busy, and signals are deferred."""

    __slots__ = ("_before", "_deferral", "_guard", "_writing")

    def __init__(self, guard: BusyGuard, writing: bool) -> None:
        self._guard = guard
        self._writing = writing
        self._deferral = defer_interrupts()

    def __enter__(self) -> None:
        self._deferral.__enter__()
        guard = self._guard
        self._before = guard.is_writing
        guard.calls += 1
        guard.is_writing = self._writing or self._before

    def __exit__(self, *raised: object) -> None:
        guard = self._guard
        guard.calls -= 1
        guard.is_writing = self._before
        self._deferral.__exit__(None, None, None)


class Connection:
    """One file, shared by all stores of this process that read and write it.

    It owns what exists once per file: the lock under which threads take turns, the open
    storage, the transaction, the waiting rows, and the guard against re-entrant use. While any
    store holds it, the storage stays open: for reading until the first write, then for writing.

    Args:
        address: the name of the file in messages.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.name: Any = None
        """The first key by which it was found."""
        self.lock: threading.RLock = threading.RLock()
        self.storage: Storage | None = None
        self.backend: Backend | None = None
        """The backend of the store that opened the storage."""
        self.transaction: Transaction | None = None
        self.appends: AppendBuffers = AppendBuffers()
        self.guard: BusyGuard = BusyGuard()
        self.blocks: int = 0
        """The number of callers' ``with`` blocks."""
        self.threads: list[int] = []
        """The threads in which stores began to hold it."""
        self.is_lent: bool = False
        """Whether the caller has the library's own object, and may change arrays through it."""
        self.was_read: bool = False
        """Whether a caller has read from the storage since it was opened."""
        self.watches: WeakValues[int, Watch] = WeakValues()
        self.leaving: list[Callable[[], None]] = []
        """Functions that end blocks that others left during the transaction."""
        self.writes = 0
        """Counts the writing calls."""
        self.opened: Opened = Opened()
        self._must_close = False
        self._error: Exception | None = None
        self._alarm = Alarm(weakly(self._write_rows_late))
        self._idle_alarm = Alarm(weakly(self._give_back_late))
        self._arming = 0
        """The thread that sets this alarm."""
        register(self)

    @property
    def holders(self) -> int:
        """The number of stores that hold it."""
        return len(self.threads)

    @property
    def is_busy(self) -> bool:
        """Whether a transaction is in progress: others must wait until it ends."""
        return self.transaction is not None

    @property
    def was_lent(self) -> bool:
        """Whether the caller had the library's own object, and may have written through it."""
        storage = self.storage
        return (
            self.is_lent and self.transaction is None and storage is not None and storage.writable
        )

    # -- turns -----------------------------------------------------------------------------------

    def acquire(self, timeout: float) -> None:
        """Take a turn, which lasts for one call, or for all calls of a transaction.

        Args:
            timeout: seconds to wait for a transaction of another thread.

        Raises:
            LockedError: another thread, or another task of this one, has a transaction.
            ClosedError: the interpreter is shutting down.
        """
        if not self.lock.acquire(blocking=False):
            self._wait(timeout)
        transaction = self.transaction
        if _CONNECTIONS.is_over:
            self.lock.release()
            raise ClosedError("the interpreter is shutting down", file=self.address)
        if transaction is not None and transaction.owner.is_other_task():
            self.lock.release()
            raise self._locked("another asyncio task has a transaction in progress")

    def _wait(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        process = os.getpid()
        while not self.lock.acquire(timeout=max(0.001, min(0.05, timeout))):
            run_pending()
            if os.getpid() != process:
                raise ClosedError(
                    "a signal handler has forked the process while this call was waiting",
                    file=self.address,
                    hint="exit the child, or start a new use of the store in it",
                )
            # A call of another thread always ends; its transaction may be waiting for this thread.
            if self.transaction is not None and time.monotonic() > end:
                raise self._locked("another thread of this process has a transaction in progress")

    def _locked(self, problem: str) -> LockedError:
        return LockedError(
            problem,
            file=self.address,
            hint="end it first, do the work inside it, or raise lock_timeout",
        )

    def end_transaction(self) -> None:
        """End the transaction, and the blocks that others left during it."""
        self.transaction = None
        if self.storage is not None and self.storage.transactions is not None:
            self.storage.transactions.end()
        with contextlib.ExitStack() as stack:  # all of them, even if some raise errors
            while self.leaving:
                stack.callback(self.leaving.pop())

    # -- storage ---------------------------------------------------------------------------------

    def add_holder(self) -> None:
        """Add a store that holds it."""
        self.threads.append(threading.get_ident())
        _CONNECTIONS.held[id(self)] = weakref.ref(self)

    def remove_holder(self) -> None:
        """Remove a store that holds it."""
        here = threading.get_ident()
        if self.threads:
            self.threads.remove(here if here in self.threads else self.threads[0])
        if not self.threads:
            _CONNECTIONS.held.pop(id(self), None)

    def refuse_self_wait(self, backend: Backend, mode: str) -> None:
        """Reject opening storage if the thread would wait for itself.

        Args:
            backend: the backend to open for this connection.
            mode: the mode to open it in.

        Raises:
            LockedError: another store holds the file, in a block of this thread.
        """
        here = threading.get_ident()
        for reference in list(_CONNECTIONS.held.values()):  # a copy: other threads may add some
            other = reference()
            if other is None or other is self or here not in other.threads:
                continue
            storage, theirs = other.storage, other.backend
            if storage is None or theirs is None:
                continue
            if not backend.waits_for(storage, mode):
                continue
            if other.give_back():
                continue
            if set(backend.share_keys()) & set(theirs.share_keys()):
                what = "for writing" if storage.writable else "for reading"
                raise LockedError(
                    f"another store of this thread has it open {what}",
                    file=backend.address,
                    hint="leave the with block of that store first, or use that store",
                )

    def use(self, storage: Storage, backend: Backend) -> None:
        """Use storage that was opened."""
        self.storage = storage
        self.was_read = False
        self.backend = backend
        if self.opened:
            self.look_when_idle()

    def end_call(self) -> None:
        """Close the storage if no store holds it and no call uses it."""
        if self.guard.calls or self.guard.puts:
            return
        if self.holders == 0 or self._must_close:
            self.close_storage()

    def close_storage(self) -> None:
        """Close the storage even if stores hold it; if a call is in progress, when it ends.

        A transaction in progress is rolled back.
        """
        if self.guard.calls or self.guard.puts:
            self._must_close = True
            return
        self._must_close = False
        if self.transaction is not None and self.storage is not None:
            with self.working(writing=True):
                self.roll_back(self.storage)  # closed during a transaction
        try:
            if self.appends:
                self.write_rows()
        finally:
            self._alarm.cancel()
            self.appends.clear()
            self.appends.forget()
            self.is_lent = False
            storage, self.storage = self.storage, None
            if storage is not None:
                self._close(storage)

    def _close(self, storage: Storage) -> None:
        with self.working(writing=True):
            try:
                storage.close()
            finally:
                storage.drop_objects()

    def drop_storage(self) -> None:
        """Drop storage that can no longer be used; the next use reopens it."""
        storage, self.storage = self.storage, None
        self.is_lent = False
        self.appends.clear()
        self.appends.forget()
        if storage is not None:
            with contextlib.suppress(Exception), defer_interrupts():
                storage.close()

    def roll_back(self, storage: Storage) -> None:
        """Discard uncommitted changes after an error."""
        self.appends.forget()
        if self.transaction is not None:
            # A transaction that lost one of its changes can only be rolled back as a whole.
            self.transaction.failed = True
            self.appends.clear()
        if storage.transactions is None:
            return
        try:
            storage.transactions.rollback()
        except Exception:
            if storage is self.storage:
                self.drop_storage()
            else:
                with contextlib.suppress(Exception):
                    storage.close()

    def working(self, *, writing: bool) -> _Working:
        """Return a context that uses storage: it stays open, and re-entrant calls are rejected."""
        return _Working(self.guard, writing)

    def logged(self, put: Callable[[Path, Any], bool], path: Path, data: Any) -> bool:
        """Write to the log, and keep finalizers that run meanwhile from closing it."""
        guard, before = self.guard, self.guard.puts
        try:
            guard.puts = before + 1
            return put(path, data)
        finally:
            guard.puts = before
            if self.holders == 0:
                self.end_call()

    def put_table(self, path: Path, rows: Any) -> bool:
        """Commit rows of the arrays of a table through the log; return whether it was done."""
        storage = self.storage
        if storage is None or storage.log is None or self.holders == 0:
            return False
        if self.transaction is not None or self.appends:
            return False
        self.guard.check(self.address, writing=True)
        return self.logged(storage.log.put_table, path, rows)

    def settle(self, storage: Storage) -> None:
        """Apply all logical records; after an error, roll back."""
        if storage.log is None:
            return
        try:
            storage.log.settle()
        except BaseException:
            self.roll_back(storage)
            raise

    def commit(self, storage: Storage) -> None:
        """Commit what was written.

        Raises:
            NotDurableError, FileReplacedError: the commit stands.
            OSError: otherwise: all changes were rolled back.
        """
        if storage.transactions is None:
            return
        try:
            storage.transactions.commit()
        except FileReplacedError:
            self.drop_storage()
            raise

    def touch(self, path: Path) -> None:
        """Notify iterators that a path was assigned or deleted."""
        if self.watches:
            for watch in self.watches:
                watch.see(path)

    # -- waiting rows, for storage without a log -------------------------------------------------

    def wait_to_write(self, interval: float, keep: Any) -> None:
        """Write the waiting rows after an interval, in seconds."""
        if interval <= 0:
            self.write_rows()
        elif not self._alarm.is_set:
            self._alarm.set(interval, keep=keep)

    def raise_error(self) -> None:
        """Raise the error that occurred in the scheduler's thread, if any."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def write_rows(self) -> None:
        """Append all waiting rows, one commit per array; after an error they still wait."""
        self.raise_error()
        storage, backend = self.storage, self.backend
        if not self.appends or storage is None or backend is None or self.guard.is_writing:
            return
        session = backend.session(storage)
        with self.working(writing=True):
            try:
                self.appends.write(session, self._commit_rows)
            except BaseException:
                self.roll_back(storage)
                raise

    def _commit_rows(self) -> None:
        storage = self.storage
        if self.transaction is None and storage is not None and storage.transactions is not None:
            storage.transactions.commit()

    def _write_rows_late(self) -> bool:
        """Commit the waiting rows, in the scheduler's thread."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            if self.transaction is None:  # else its end commits them
                self.write_rows()
        except (OSError, MemoryError):
            return False  # the rows wait for space; the next call raises the error
        except Exception as error:  # no caller here to receive it: the next call raises it
            self._error = error
        finally:
            self.lock.release()
        return True

    # -- stores that were opened -----------------------------------------------------------------

    def look_when_idle(self) -> None:
        """Set the alarm that gives the storage back when the stores that were opened are idle."""
        storage = self.storage
        if storage is not None and storage.is_given_back and not self._idle_alarm.is_set:
            guard_forks()
            self.opened.begin()
            self._arming = threading.get_ident()
            self._idle_alarm.set(LOOK_SECONDS if storage.writable else IDLE_SECONDS, keep=self)
            self._arming = 0

    def give_back(self) -> bool:
        """Close the storage if all stores that hold it were opened, and none uses it now.

        Returns:
            Whether it was closed.
        """
        if not self.opened or not self.lock.acquire(blocking=False):
            return False
        try:
            if self.is_lent or self.transaction is not None or self.guard.calls:
                return False
            self.opened.prune(self.threads)
            idle = self.opened.are_idle(self.holders)
            if idle:
                self.close_storage()
            return idle
        finally:
            self.lock.release()

    def _give_back_late(self) -> bool:
        """Give the storage back, in the scheduler's thread; return False to look again soon."""
        if _CONNECTIONS.is_over:
            return True
        if self._arming == threading.get_ident():
            return True  # no thread can be started: the storage is being opened here
        # Wait briefly: if threads take turns all the time, the lock is never free.
        if not self.lock.acquire(timeout=TURN_SECONDS):
            return False
        try:
            with at_work:
                return self._look()
        except Exception as error:  # no caller here to receive it: the next call raises it
            self._error = error
            return True
        finally:
            self.lock.release()

    def _look(self) -> bool:
        self.opened.prune(self.threads)
        if not self.threads:
            _CONNECTIONS.held.pop(id(self), None)
        storage = self.storage
        if storage is None:
            return True
        is_used = self.is_lent or self.transaction is not None or self.guard.calls
        if not is_used and self.opened.is_due(storage, self.writes, self.holders):
            self.close_storage()
            return True
        if storage.writable and not self.is_lent:
            return False
        self._idle_alarm.set(IDLE_SECONDS, keep=self)
        return True

    # -- the process -----------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether the process is exiting."""
        return _CONNECTIONS.is_over

    def at_exit(self) -> None:
        """Close the storage when the process exits, unless a thread is still using it."""
        _CONNECTIONS.is_over = True  # set by the first connection: no thread reopens storage now
        if self.lock.acquire(timeout=EXIT_SECONDS):  # otherwise the log has all commits
            try:
                if not self.guard.calls:
                    self.threads.clear()
                    self.opened = Opened()
                    if self.transaction is not None and self.storage is not None:
                        self.roll_back(self.storage)
                        self.transaction = None
                    self.close_storage()
            finally:
                self.lock.release()

    def after_fork(self) -> None:
        """In a child process: leave the open file to the parent, and start from its address."""
        self.lock = threading.RLock()  # a thread of the parent may have held the old one
        self.appends = AppendBuffers()  # the parent writes its rows
        self.guard = BusyGuard()
        self.transaction = None
        self.threads = []
        self.blocks = 0
        self.is_lent = False
        self._error = None
        self._alarm.is_set = self._idle_alarm.is_set = False
        self.opened = Opened()
        self.watches = WeakValues()
        self.leaving = []
        storage, self.storage = self.storage, None
        if storage is not None:
            storage.abandon()


class _Connections:
    """The connections of this process, by name and identity of their files."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._known: WeakValues[Hashable, Connection] = WeakValues()
        self.held: dict[int, weakref.ref[Connection]] = {}
        """All connections that a store holds, shared or not."""
        self.is_over = False
        """Whether the process is exiting."""
        register(self)

    def get(self, backend: Backend) -> Connection:
        with self._lock:
            keys = backend.share_keys()
            name = keys[-1]
            found = self._known.get(name)
            if found is None and len(keys) > 1:
                found = self._known.get(keys[0])
                if found is not None and not backend.is_same(keys[0], found.name):
                    found = None  # the inode number of a deleted file was reused
            if found is None:
                found = Connection(backend.address)
                found.name = name
            for key in keys:
                if self._known.get(key) is not found:
                    self._known[key] = found
            return found

    def put(self, connection: Connection, backend: Backend) -> None:
        with self._lock:
            for key in backend.share_keys():
                self._known[key] = connection

    def after_fork(self) -> None:
        """In a child process: a thread of the parent may have held the lock."""
        self._lock = threading.RLock()
        self._known = WeakValues()
        self.held = {}

    def at_exit(self) -> None:
        """Stop other threads; each connection closes by itself."""
        self.is_over = True


_CONNECTIONS = _Connections()


def share(connection: Connection, backend: Backend) -> None:
    """Let the other stores of this process use a connection that has started a new file."""
    _CONNECTIONS.put(connection, backend)


def connection_of(backend: Backend) -> Connection:
    """Return the connection for the file of a backend: one for all stores of this process."""
    return _CONNECTIONS.get(backend)
