"""The context of one call on a connection: its turn, and its error messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..backends.base import Storage
from ..errors import FileReplacedError, HdfchkError, NotDurableError, TransactionError
from ..runtime.interrupts import defer_interrupts
from .connection import Connection

__all__ = ["STANDS", "Turn", "explain", "explained", "note_closing", "swallowed"]

STANDS = (NotDurableError, FileReplacedError)
"""Errors after which the commit stands."""


class Turn:
    """Context that holds a connection's lock, and releases it whatever signal handlers do.

    `__exit__` is the lock's own: a Python function could be interrupted before the release.
    """

    __slots__ = ("__exit__", "_connection", "_timeout")
    __exit__: Any

    def __init__(self, connection: Connection, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self.__exit__ = connection.lock.__exit__

    def __enter__(self) -> Connection:
        taken = False
        try:
            with defer_interrupts():
                self._connection.acquire(self._timeout)
                taken = True
        except BaseException:
            if taken:
                self._connection.lock.release()
            raise
        return self._connection


@contextmanager
def explained(storage: Storage, address: str) -> Iterator[None]:
    """Context that adds the name of the file to errors, and raises system errors as such.

    Args:
        storage: the storage in use.
        address: its name in messages.
    """
    try:
        yield
    except Exception as error:
        explain(error, storage, address)
        raise


def explain(error: Exception, storage: Storage, address: str) -> None:
    """Add the name of the file to an error.

    Raises:
        Exception: the system error that caused it, if any, in its place.
    """
    met = storage.take_error()
    if isinstance(error, HdfchkError):
        if met is not None and not isinstance(error, STANDS):
            raise _named(met, address) from error
        error.file = error.file or address
        return
    if met is not None and (type(met), met.args) != (type(error), error.args):
        raise _named(met, address) from error
    _named(error, address)


def note_closing(error: BaseException | None, closing: NotDurableError) -> None:
    """Note in the error of a call that earlier commits could not be synced at its end.

    The call's own error says that its changes are not committed. `closing` says the contrary of
    earlier commits: if it were raised instead, callers would apply it to this call.

    Args:
        error: the call's own error; None if it has succeeded.
        closing: the error of closing the storage after it.

    Raises:
        NotDurableError: the call has succeeded, or its commit stands as well.
    """
    if error is None or isinstance(error, STANDS):
        raise closing
    error.add_note(f"earlier commits could not be synced, either: {closing.__cause__ or closing}")


def swallowed(address: str) -> TransactionError:
    """Return the error for a transaction in which a change failed, but the error was swallowed."""
    return TransactionError(
        "an error in this transaction was swallowed, or the store was closed in it: its changes "
        "are lost",
        file=address,
        hint="let errors leave the transaction, or do the work outside it",
    )


def _named(error: Exception, address: str) -> Exception:
    if isinstance(error, OSError) and error.errno and error.filename is None:
        error.filename = address
    return error
