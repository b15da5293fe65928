"""One call on a connection: its turn, and what its errors say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..backends.base import Storage
from ..errors import FileReplacedError, HdfchkError, NotDurableError
from ..runtime.interrupts import defer_interrupts
from .connection import Connection

__all__ = ["STANDS", "Turn", "explain", "explained"]

STANDS = (NotDurableError, FileReplacedError)
"""Errors of a commit that stands."""


class Turn:
    """A block that has a connection's lock; no handler of a signal can make it keep that.

    Its end is the lock's own: a function of Python's could be interrupted before it lets go.
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
    """A block whose errors get the file's name; one of the system is raised as what it is.

    Args:
        storage: what is used in the block.
        address: how messages call it.
    """
    try:
        yield
    except Exception as error:
        explain(error, storage, address)
        raise


def explain(error: Exception, storage: Storage, address: str) -> None:
    """Give an error the file's name.

    Raises:
        Exception: what has caused it, one of the system's, is raised in its place.
    """
    met = storage.take_error()
    if isinstance(error, HdfchkError):
        if met is not None and not isinstance(error, STANDS):
            raise _named(met, address) from error
        error.file = error.file or address
        return
    if met is not None and met is not error:
        raise _named(met, address) from error
    _named(error, address)


def _named(error: Exception, address: str) -> Exception:
    if isinstance(error, OSError) and error.errno and error.filename is None:
        error.filename = address
    return error
