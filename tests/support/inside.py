"""Access to what a process has open of a store's file, for tests of internals."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.backends.base import Backend, Session
from hdfchk.backends.hdf5.wal.log import Log
from hdfchk.backends.resolve import backend_for
from hdfchk.backends.settings import Options
from hdfchk.connection.connection import Connection, connection_of
from hdfchk.connection.handle import Handle
from hdfchk.runtime.scheduler import Alarm


def _backend(chk: HDF5Checkpointer) -> Backend:
    return backend_for(chk.checkpoint_file, Options())


def connection(chk: HDF5Checkpointer) -> Connection:
    """Return the connection that all stores of this process on the store's file share."""
    return connection_of(_backend(chk))


def writing(chk: HDF5Checkpointer) -> AbstractContextManager[Session]:
    """Return a context with a session for writing, by another handle on the store's file."""
    return Handle(connection(chk).backend or _backend(chk), "a").writing()


def logs_from_now_on(monkeypatch: pytest.MonkeyPatch) -> list[Log]:
    """Return a list to which every log that a writer opens from now on is appended."""
    found: list[Log] = []
    real = Log.__init__

    def made(self: Log, *args: object) -> None:
        real(self, *args)
        found.append(self)

    monkeypatch.setattr(Log, "__init__", made)
    return found


def late_work_is_done(seconds: float = 20.0) -> bool:
    """Whether the alarm thread finishes its present work in time."""
    done = threading.Event()
    Alarm(lambda: done.set() is None).set(0.0)
    return done.wait(seconds)
