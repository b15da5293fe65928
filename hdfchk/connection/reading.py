"""The context of one read: its turn, and the storage that it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backends.base import Session
from ..runtime.interrupts import defer_interrupts
from .turn import explain

if TYPE_CHECKING:
    from .handle import Handle

__all__ = ["Reading"]


class Reading:
    """Context with a session to read from, on empty storage if the file does not exist yet.

    Every read uses it; for speed it is a class, not a generator.

    Args:
        handle: the handle of the store.
    """

    __slots__ = ("_connection", "_deferral", "_handle", "_lock", "_storage", "_working")

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def __enter__(self) -> Session:
        handle = self._handle
        self._storage = self._working = None
        self._deferral: Any = defer_interrupts()
        self._deferral.__enter__()
        try:
            connection = self._connection = handle.connection
            connection.acquire(handle.backend.lock_timeout)
            self._lock = connection.lock  # a child forked meanwhile has a new lock
        except BaseException:
            self._deferral.__exit__(None, None, None)
            raise
        try:
            connection.guard.check(handle.backend.address, writing=False)
            if connection.appends:
                connection.write_rows()
            storage: Any = handle.storage_to_read(connection)
            self._storage = storage
            connection.was_read = connection.was_read or not handle.is_looking
            working: Any = connection.working(writing=False)
            working.__enter__()
            self._working = working
        except BaseException:
            self._leave()
            raise
        try:
            connection.settle(storage)
            return handle.session_on(storage)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if isinstance(error, Exception):
                explain(error, self._storage, self._handle.backend.address)  # type: ignore[arg-type]
        finally:
            self._leave()

    def _leave(self) -> None:
        try:
            if self._working is not None:
                self._working.__exit__()
            if self._storage is not None:
                self._handle.end_call(self._connection, self._storage)
                self._storage = None
        finally:
            self._lock.release()
            self._deferral.__exit__(None, None, None)
