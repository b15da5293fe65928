"""One call on a file: its turn, its session, and its end.

Every operation of a store runs inside one. For speed these are classes, not generators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..backends.base import Session, Storage
from ..errors import NotDurableError
from ..runtime.interrupts import defer_interrupts
from .connection import Connection
from .patience import patience
from .turn import STANDS, explain, note_closing

if TYPE_CHECKING:
    from .handle import Handle

__all__ = ["Call", "ReadCall", "WriteCall"]


class Call:
    """Context with a session on the open storage, which is opened if necessary.

    In this order: signals are deferred, the connection's lock is taken, re-entrant use is rejected,
    the storage is opened and settled. Leaving it undoes this in reverse order, so signal handlers
    run when the call is over.

    Args:
        handle: the handle of the store.
    """

    __slots__ = ("_connection", "_deferral", "_handle", "_is_busy", "_lock", "_storage", "_writes")

    _writing = False

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def __enter__(self) -> Session:
        handle = self._handle
        self._storage: Storage | None = None
        self._is_busy = False
        deferral = self._deferral = defer_interrupts()
        deferral.__enter__()
        try:
            connection = self._connection = handle.connection
            connection.acquire(patience(handle.backend))
            self._lock = connection.lock  # a child forked meanwhile has a new lock
        except BaseException:
            deferral.__exit__(None, None, None)
            raise
        try:
            guard = connection.guard
            guard.check(connection.address, writing=self._writing)
            storage = self._begin(handle, connection)
            self._writes = guard.is_writing
            guard.calls += 1
            guard.is_writing = self._writing or self._writes
            self._is_busy = True
        except BaseException as error:
            self._leave(error)
            raise
        try:
            self._settle(connection, storage)
            return handle.session_on(storage)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is not None:
                self._fail(error)
                return
            try:
                self._complete()
            except BaseException as raised:
                self._fail(raised)
                raise
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                self._leave(error)
            finally:
                # Its traceback refers to this frame: only the garbage collector would free them.
                del error

    def _fail(self, error: BaseException) -> None:
        self._give_up(error)
        if isinstance(error, Exception) and self._storage is not None:
            explain(error, self._storage, self._handle.backend.address)

    def _begin(self, handle: Handle, connection: Connection) -> Storage:
        """Open the storage, and set ``_storage`` as soon as `_leave` must end its use."""
        raise NotImplementedError

    def _settle(self, connection: Connection, storage: Storage) -> None:
        """Make HDF5 apply the logical records."""
        raise NotImplementedError

    def _complete(self) -> None:
        """Finish the work of a call that has succeeded."""

    def _give_up(self, error: BaseException) -> None:
        """Discard the work of a call that has failed."""

    def _leave(self, error: BaseException | None) -> None:
        try:
            if self._is_busy:
                guard = self._connection.guard
                guard.calls -= 1
                guard.is_writing = self._writes
            if self._storage is not None:
                storage, self._storage = self._storage, None
                try:
                    self._handle.end_call(self._connection, storage)
                except NotDurableError as closing:
                    note_closing(error, closing)
        finally:
            self._lock.release()
            self._deferral.__exit__(None, None, None)


class ReadCall(Call):
    """Context with a session to read from, on empty storage if the file does not exist yet."""

    __slots__ = ()

    def _begin(self, handle: Handle, connection: Connection) -> Storage:
        if connection.appends:
            connection.write_rows()
        storage = self._storage = handle.storage_to_read(connection)
        connection.was_read = connection.was_read or not handle.is_looking
        return storage

    def _settle(self, connection: Connection, storage: Storage) -> None:
        connection.settle(storage)


class WriteCall(Call):
    """Context with a session to write to; the storage is created if the mode allows it.

    If it ends without an error, what was written is committed; after an error it is rolled back.

    Args:
        handle: the handle of the store.
        commit: commit what is written, unless it is part of a transaction; if False, it
            becomes part of the next commit.
        keeps_logs: the row buffers remain valid.
    """

    __slots__ = ("_commit", "_keeps_logs")

    _writing = True

    def __init__(self, handle: Handle, *, commit: bool, keeps_logs: bool) -> None:
        super().__init__(handle)
        self._commit = commit
        self._keeps_logs = keeps_logs

    def _begin(self, handle: Handle, connection: Connection) -> Storage:
        storage = self._storage = handle.storage_to_write(connection)
        storage.raise_deferred()
        connection.writes += 1
        connection.write_rows()
        if not self._keeps_logs:
            connection.appends.forget()
        if connection.transaction is not None:
            connection.transaction.has_written = True
        return storage

    def _settle(self, connection: Connection, storage: Storage) -> None:
        if storage.log is not None:
            storage.log.settle()  # `_give_up` rolls back

    def _complete(self) -> None:
        connection, storage = self._connection, self._storage
        if self._commit and connection.transaction is None and storage is not None:
            connection.commit(storage)
            self._handle.make_durable(connection, storage)

    def _give_up(self, error: BaseException) -> None:
        if self._storage is not None and not isinstance(error, STANDS):
            self._connection.roll_back(self._storage)
