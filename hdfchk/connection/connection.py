"""The connection: all that one process has open of one file."""

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
from .append_buffers import AppendBuffers
from .busy_guard import BusyGuard
from .owner import Owner

__all__ = ["Connection", "Transaction", "Watch", "connection_of", "share"]

EXIT_SECONDS = 5.0
"""So long the end of the process waits for a thread that uses a store."""


@attrs.define(eq=False)
class Transaction:
    """A transaction that is under way.

    Args:
        owner: who has begun it: nobody else can use the file meanwhile.

    Attributes:
        depth: how many blocks of it are open, one inside the other.
        failed: one of them has lost its changes.
        has_written: something was written in it.
    """

    owner: Owner
    depth: int = 0
    failed: bool = False
    has_written: bool = False


@attrs.define(eq=False)
class Watch:
    """Tells an iterator over a group whether its keys may have changed.

    Args:
        path: the group's.

    Attributes:
        touched: they may have.
    """

    path: Path
    touched: bool = False

    def see(self, path: Path) -> None:
        """Something was put at a path, or deleted there."""
        short = min(len(path), len(self.path))
        if path[:short] == self.path[:short]:
            self.touched = True


class _Working:
    """A block in which a guard is busy. Signals wait until it is not any more."""

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
    """One file, for all stores of this process that read and write it.

    It owns what there is once for a file: the lock under which threads take turns, the open
    storage, the transaction, the rows that wait, and the guard against re-entrant use. While any
    store holds it, the storage stays open: for reading until the first write, and for writing from
    then on.

    Args:
        address: how messages call the file.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.name: Any = None
        """By which it was found first."""
        self.lock = threading.RLock()
        self.storage: Storage | None = None
        self.backend: Backend | None = None
        """That of the store that has opened the storage."""
        self.transaction: Transaction | None = None
        self.appends = AppendBuffers()
        self.guard = BusyGuard()
        self.blocks = 0
        """How many ``with`` blocks of callers there are."""
        self.threads: list[int] = []
        """In which threads the stores that hold it have begun to."""
        self.is_lent = False
        """Whether the caller has the library's own object, and may change arrays by it."""
        self.was_read = False
        """Whether a caller was told what is in the storage, since it was opened."""
        self.watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self.leaving: list[Callable[[], None]] = []
        """What ends blocks that others have left in the middle of the transaction."""
        self._must_close = False
        self._error: Exception | None = None
        self._alarm = Alarm(weakly(self._write_rows_late))
        register(self)

    @property
    def holders(self) -> int:
        """How many stores hold it."""
        return len(self.threads)

    @property
    def is_busy(self) -> bool:
        """Whether a transaction is under way, for whose end others have to wait."""
        return self.transaction is not None

    # -- turns -----------------------------------------------------------------------------------

    def acquire(self, timeout: float) -> None:
        """Take a turn: one call at a time uses the file, and all calls inside a transaction.

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
            raise self._locked("another task of asyncio has a transaction under way")

    def _wait(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        process = os.getpid()
        while not self.lock.acquire(timeout=max(0.001, min(0.05, timeout))):
            run_pending()
            if os.getpid() != process:
                raise ClosedError(
                    "a handler of a signal has forked the process while this call was waiting",
                    file=self.address,
                    hint="let the child end, or use the store anew in it",
                )
            # A call of another thread ends; its transaction may wait for us.
            if self.transaction is not None and time.monotonic() > end:
                raise self._locked("another thread of this process has a transaction under way")

    def _locked(self, problem: str) -> LockedError:
        return LockedError(
            problem,
            file=self.address,
            hint="end it first, do the work inside it, or raise lock_timeout",
        )

    def end_transaction(self) -> None:
        """The transaction is over; end the blocks that others have left in the middle of it."""
        self.transaction = None
        if self.storage is not None:
            self.storage.end()
        with contextlib.ExitStack() as stack:  # each of them, whatever the others raise
            while self.leaving:
                stack.callback(self.leaving.pop())

    # -- storage ---------------------------------------------------------------------------------

    def hold(self) -> None:
        """One store more holds it."""
        self.threads.append(threading.get_ident())
        _CONNECTIONS.held[id(self)] = weakref.ref(self)

    def let_go(self) -> None:
        """One store less holds it."""
        here = threading.get_ident()
        if self.threads:
            self.threads.remove(here if here in self.threads else self.threads[0])
        if not self.threads:
            _CONNECTIONS.held.pop(id(self), None)

    def refuse_self_wait(self, backend: Backend, mode: str) -> None:
        """Refuse to open storage for which a thread would wait for itself.

        Args:
            backend: which is to open it for this connection.
            mode: how.

        Raises:
            LockedError: another store holds the file, in a block of this very thread.
        """
        here = threading.get_ident()
        for reference in list(_CONNECTIONS.held.values()):  # other threads may add some meanwhile
            other = reference()
            if other is None or other is self or here not in other.threads:
                continue
            storage, theirs = other.storage, other.backend
            if storage is None or theirs is None:
                continue
            if not backend.waits_for(storage, mode):
                continue
            if set(backend.share_keys()) & set(theirs.share_keys()):
                what = "for writing" if storage.writable else "for reading"
                raise LockedError(
                    f"another store of this thread has it open {what}",
                    file=backend.address,
                    hint="leave the with block of that store first, or use that one",
                )

    def use(self, storage: Storage, backend: Backend) -> None:
        """Keep storage that was opened."""
        self.storage = storage
        self.was_read = False
        self.backend = backend

    def end_call(self) -> None:
        """Close the storage, if nobody holds it and no call uses it."""
        if self.guard.calls or self.guard.puts:
            return
        if self.holders == 0 or self._must_close:
            self.close_storage()

    def close_storage(self) -> None:
        """Close the storage, whatever keeps it open. Not in the middle of a call.

        A transaction that is under way is given up.
        """
        if self.guard.calls or self.guard.puts:
            self._must_close = True
            return
        self._must_close = False
        if self.transaction is not None and self.storage is not None:
            with self.working(writing=True):
                self.roll_back(self.storage)  # it was closed in the middle of it
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
                storage.let_go()

    def drop_storage(self) -> None:
        """Give up storage that cannot be used any more; the next use opens it anew."""
        storage, self.storage = self.storage, None
        self.is_lent = False
        self.appends.clear()
        self.appends.forget()
        if storage is not None:
            with contextlib.suppress(Exception), defer_interrupts():
                storage.close()

    def roll_back(self, storage: Storage) -> None:
        """Give up what is not committed, on the way of an error."""
        self.appends.forget()
        if self.transaction is not None:
            # A transaction that lost one of its changes can only be given up whole.
            self.transaction.failed = True
            self.appends.clear()
        try:
            storage.rollback()
        except Exception:
            if storage is self.storage:
                self.drop_storage()
            else:
                with contextlib.suppress(Exception):
                    storage.close()

    def working(self, *, writing: bool) -> _Working:
        """A block that uses storage: nothing closes it meanwhile, and nothing else enters."""
        return _Working(self.guard, writing)

    def settle(self, storage: Storage) -> None:
        """Have all done that was committed without the library; what is half done is given up."""
        try:
            storage.settle()
        except BaseException:
            self.roll_back(storage)
            raise

    def commit(self, storage: Storage) -> None:
        """Commit what was written.

        Raises:
            NotDurableError, FileReplacedError: the commit stands.
            OSError: it does not; everything of it was given up.
        """
        try:
            storage.commit()
        except FileReplacedError:
            self.drop_storage()
            raise

    def touch(self, path: Path) -> None:
        """Something was put at a path, or deleted there."""
        if self.watches:
            for watch in self.watches:
                watch.see(path)

    # -- rows that wait, where there is no log ---------------------------------------------------

    def wait_to_write(self, interval: float, keep: Any) -> None:
        """Write the rows that wait in so many seconds."""
        if interval <= 0:
            self.write_rows()
        elif not self._alarm.is_set:
            self._alarm.set(interval, keep=keep)

    def raise_error(self) -> None:
        """Raise what the thread of the scheduler has met."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def write_rows(self) -> None:
        """Append all rows that wait, one commit for each array; after an error they wait still."""
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
        if self.transaction is None and self.storage is not None:
            self.storage.commit()

    def _write_rows_late(self) -> bool:
        """Commit what has waited long enough, in the thread of the scheduler."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            if self.transaction is None:  # it commits them at its end
                self.write_rows()
        except (OSError, MemoryError):
            return False  # they wait for room; the next call meets it, too
        except Exception as error:  # here is nobody to tell
            self._error = error
        finally:
            self.lock.release()
        return True

    # -- the process -----------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether the process is about to end."""
        return _CONNECTIONS.is_over

    def at_exit(self) -> None:
        """Close the storage when the process ends, unless some thread is still at work."""
        _CONNECTIONS.is_over = True  # whichever comes first: no other thread opens it anew
        if self.lock.acquire(timeout=EXIT_SECONDS):  # else the log has what was committed
            try:
                if not self.guard.calls:
                    self.threads.clear()
                    if self.transaction is not None and self.storage is not None:
                        self.roll_back(self.storage)
                        self.transaction = None
                    self.close_storage()
            finally:
                self.lock.release()

    def after_fork(self) -> None:
        """In a child process: leave the parent's open file alone, and start from its address."""
        self.lock = threading.RLock()  # some thread of the parent may have held the old one
        self.appends = AppendBuffers()  # they are the parent's to write
        self.guard = BusyGuard()
        self.transaction = None
        self.threads = []
        self.blocks = 0
        self.is_lent = False
        self._error = None
        self._alarm.is_set = False
        self.watches = weakref.WeakSet()
        self.leaving = []
        storage, self.storage = self.storage, None
        if storage is not None:
            storage.abandon()


class _Connections:
    """The connections of this process, by what their files are called and which they are."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._known: weakref.WeakValueDictionary[Hashable, Connection] = (
            weakref.WeakValueDictionary()
        )
        self.held: dict[int, weakref.ref[Connection]] = {}
        """All that some store holds, shared or not."""
        self.is_over = False
        """Whether the process is about to end."""
        register(self)

    def get(self, backend: Backend) -> Connection:
        with self._lock:
            keys = backend.share_keys()
            name = keys[-1]
            found = self._known.get(name)
            if found is None and len(keys) > 1:
                found = self._known.get(keys[0])
                if found is not None and not backend.is_same(keys[0], found.name):
                    found = None  # a file that is gone had the same number
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
        """In a child process: the parent's threads, which may have held the lock, are not there."""
        self._lock = threading.RLock()
        self._known = weakref.WeakValueDictionary()
        self.held = {}

    def at_exit(self) -> None:
        """Each closes by itself; threads that are still there get no further."""
        self.is_over = True


_CONNECTIONS = _Connections()


def share(connection: Connection, backend: Backend) -> None:
    """Let the other stores of this process use a connection that has begun a file anew."""
    _CONNECTIONS.put(connection, backend)


def connection_of(backend: Backend) -> Connection:
    """The connection for the file of a backend: one for all stores of this process."""
    return _CONNECTIONS.get(backend)
