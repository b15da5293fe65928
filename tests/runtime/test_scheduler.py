"""Work that is done later by a thread: once, soon, and not for what is gone."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections.abc import Callable

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, LateSyncError
from hdfchk.backends.hdf5.wal.log import Log
from hdfchk.connection.handle import Handle
from hdfchk.runtime import scheduler as alarm
from hdfchk.runtime.scheduler import Alarm, weakly
from tests.support.inside import late_work_is_done


def until(done: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_once_and_in_order() -> None:
    """Each set gives one call; the one that is due first comes first; a cancelled one never."""
    calls: list[str] = []
    late, soon, never = (
        Alarm(lambda name=name: calls.append(name) is None) for name in ("late", "soon", "never")
    )
    late.set(0.1)
    late.set(0.0)  # it is set already
    soon.set(0.02)
    never.set(0.05)
    never.cancel()
    until(lambda: len(calls) == 2)
    time.sleep(0.1)
    assert calls == ["soon", "late"]
    soon.set(0.0)
    until(lambda: len(calls) == 3)


def test_again_if_it_could_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be done is tried again."""
    monkeypatch.setattr(alarm, "RETRY_SECONDS", 0.005)
    calls: list[int] = []
    Alarm(lambda: calls.append(0) is None and len(calls) == 3).set(0.0)
    until(lambda: len(calls) == 3)
    time.sleep(0.05)
    assert len(calls) == 3


def test_the_thread_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is there only while there is something to do."""
    monkeypatch.setattr(alarm, "IDLE_SECONDS", 0.02)
    done = threading.Event()
    Alarm(lambda: done.set() is None).set(0.0)
    assert done.wait(20)
    until(lambda: all(thread.name != "hdfchk-alarm" for thread in threading.enumerate()))


def test_what_is_gone_is_not_kept() -> None:
    """An alarm does not keep an object alive whose method it calls weakly."""
    calls: list[int] = []

    class Owner:
        def work(self) -> bool:
            calls.append(1)
            return True

    owner = Owner()
    call = weakly(owner.work)
    assert call() and calls == [1]
    Alarm(call).set(1.0, keep=owner)
    there = weakref.ref(owner)
    del owner
    gc.collect()
    is_there = there() is not None
    assert is_there or calls == [1, 1]  # on a busy machine the alarm may have come
    until(lambda: there() is None)  # the thread lets go of it when it is done
    assert calls == [1, 1]
    assert call() and calls == [1, 1]


def test_a_store_goes_with_its_last_reference(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store is in no circle of references: what it is made of goes at once, and not some time."""
    handles: list[weakref.ref[Handle]] = []
    real = Handle.hold
    monkeypatch.setattr(
        Handle,
        "hold",
        lambda self, **how: (handles.append(weakref.ref(self)), real(self, **how))[1],
    )
    chk = HDF5Checkpointer(path)
    chk["x"] = np.arange(10)
    with chk:
        chk.append("log", 1.0)
        chk.append("log", 2.0)
    assert chk.array("x")[2] == 2 and chk["log"].tolist() == [1.0, 2.0]
    assert handles[0]() is not None
    gc.disable()
    try:
        del chk
        assert {there() for there in handles} == {None}
    finally:
        gc.enable()


def test_a_child_has_none() -> None:
    """After fork the child has no thread and no work of its parent's; it can set alarms anew."""
    waiting = Alarm(lambda: True)
    waiting.set(1000)
    child = os.fork()
    if child == 0:
        ok = not waiting.is_set
        done = threading.Event()
        Alarm(lambda: done.set() is None).set(0.0)
        os._exit(0 if ok and done.wait(20) else 1)
    waiting.cancel()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_commits_do_not_wait_for_ever(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a block the last commit is brought to the disk within sync_interval, if nothing follows."""
    synced: list[float] = []
    real = Log.sync
    monkeypatch.setattr(Log, "sync", lambda self: (synced.append(time.monotonic()), real(self))[1])
    HDF5Checkpointer(path)["a"] = 0
    with HDF5Checkpointer(path, sync_interval=0.05) as chk:
        chk["a"] = 1
        before = len(synced)
        until(lambda: len(synced) > before)
        time.sleep(0.2)
        assert len(synced) == before + 1  # nothing waits any more
    with HDF5Checkpointer(path, sync_interval=0.01, durable=False) as chk:
        chk["a"] = 2
        before = len(synced)
        time.sleep(0.1)
        assert len(synced) == before


def test_a_sync_that_fails_is_told(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk that the thread meets is raised by the next call, and takes nothing."""
    HDF5Checkpointer(path)["a"] = 0
    failed = threading.Event()
    real = Log.sync

    def broken(self: Log) -> None:
        failed.set()
        raise OSError(5, "Input/output error")

    with HDF5Checkpointer(path, sync_interval=0.02) as chk:
        monkeypatch.setattr(Log, "sync", broken)
        chk["a"] = 1
        assert failed.wait(20)
        assert late_work_is_done()
        monkeypatch.setattr(Log, "sync", real)
        with pytest.raises(LateSyncError, match="Input/output"):
            chk["b"] = 2
        assert chk["a"] == 1 and "b" not in chk
        chk["b"] = 3
    assert HDF5Checkpointer(path).load() == {"a": 1, "b": 3}
