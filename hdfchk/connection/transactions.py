"""Transactions: blocks whose changes are one commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..backends.base import Storage
from ..errors import NotDurableError, TransactionError
from ..runtime.interrupts import defer_interrupts
from .connection import Connection, Transaction
from .owner import Owner
from .turn import STANDS, explained, note_closing, swallowed

if TYPE_CHECKING:
    from .handle import Handle

__all__ = ["transaction"]


@contextmanager
def transaction(handle: Handle) -> Iterator[None]:
    """Context whose changes are one commit; an exception rolls them back. Blocks nest.

    Args:
        handle: the handle of the store.
    """
    address = handle.backend.address
    with handle.turn() as connection:
        handle.hold()
        there: Transaction | None = None
        left, error, interrupt = list[bool](), None, None
        try:
            there = _enter(handle, connection)
            yield
            connection.write_rows()
            if there.failed:
                raise swallowed(address)
            if there.depth == 1 and there.has_written and connection.storage is not None:
                _commit(connection, connection.storage, address)
        except BaseException as raised:
            error = raised
            raise
        finally:
            while not left:
                try:
                    _leave(handle, connection, there, error, left)
                except BaseException as raised:
                    if left:
                        raise
                    interrupt = raised  # from a signal handler, before `_leave` began
            try:
                if interrupt is not None:
                    raise interrupt
            finally:
                del error, interrupt  # their tracebacks have this frame


def _enter(handle: Handle, connection: Connection) -> Transaction:
    """Begin a transaction, or join the one in progress."""
    storage = handle.open_to_write(connection)
    there = connection.transaction
    if there is None:
        there = _begin(connection, storage, handle.backend.address)
    there.depth += 1
    return there


def _begin(connection: Connection, storage: Storage, address: str) -> Transaction:
    if storage.transactions is None:
        raise TransactionError(
            "only a store with journal=True, of a file object, or in memory has transactions",
            file=address,
            hint="use update() for one commit of several keys",
        )
    connection.write_rows()
    with connection.working(writing=True):
        connection.settle(storage)
        storage.transactions.begin()
    there = connection.transaction = Transaction(Owner.now())
    return there


def _commit(connection: Connection, storage: Storage, address: str) -> None:
    with connection.working(writing=True), explained(storage, address):
        connection.commit(storage)


def _leave(
    handle: Handle,
    connection: Connection,
    there: Transaction | None,
    error: BaseException | None,
    left: list[bool],
) -> None:
    """End a block; once something is in `left`, no signal handler prevents it."""
    with defer_interrupts():
        left.append(True)
        try:
            if there is not None:
                _end(connection, there, failed=error is not None and not isinstance(error, STANDS))
        finally:
            try:
                handle.release()
            except NotDurableError as closing:
                note_closing(error, closing)


def _end(connection: Connection, there: Transaction, *, failed: bool) -> None:
    try:
        if failed:
            _give_up(connection, there)
    finally:
        there.depth -= 1
        if failed:
            there.failed = there.depth > 0  # the outer block has lost its changes too
        if there.depth == 0:
            connection.end_transaction()


def _give_up(connection: Connection, there: Transaction) -> None:
    connection.appends.clear()
    connection.appends.forget()
    storage = connection.storage
    if storage is None or not storage.writable or not there.has_written:
        return
    with connection.working(writing=True):
        connection.roll_back(storage)
    for watch in connection.watches:
        watch.touched = True
