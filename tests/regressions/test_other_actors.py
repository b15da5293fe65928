"""Transactions, threads, tasks and processes at one file: who is not the owner is told so."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hdfchk import HDF5Checkpointer, LockedError, SnapshotChangedWarning

from .children import forked, in_child, wait
from .states import view


@in_child
def test_a_thread_inside_the_transaction_of_another_is_refused(path: str) -> None:
    """A thread that assigns while another has a transaction gets a LockedError, and no hang."""
    chk = HDF5Checkpointer(path, lock_timeout=0.2)
    chk["before"] = 1

    def assign(number: int) -> str:
        try:
            chk[f"k{number}"] = number
        except LockedError:
            return "locked"
        return "written"

    with ThreadPoolExecutor(2) as pool:
        with chk.transaction():
            chk["a"] = 1
            said = list(pool.map(assign, range(4)))
            chk["b"] = 2
        assert said == ["locked"] * 4
        assert list(pool.map(assign, range(2))) == ["written"] * 2
    assert chk.load() == {"before": 1, "a": 1, "b": 2, "k0": 0, "k1": 1}


@in_child
def test_a_thread_waits_for_the_transaction_of_another(path: str) -> None:
    """Within lock_timeout a thread waits for the end of another's transaction, and then goes on."""
    chk = HDF5Checkpointer(path, lock_timeout=20)
    began, results = threading.Event(), []

    def assign() -> None:
        began.wait()
        chk["k"] = 1
        results.append(chk["a"])

    thread = threading.Thread(target=assign)
    thread.start()
    with chk.transaction():
        began.set()
        time.sleep(0.1)
        chk["a"] = 1
    thread.join()
    assert results == [1] and chk.load() == {"a": 1, "k": 1}


@pytest.mark.parametrize("inside", [True, False])
@in_child
def test_tasks_do_not_join_each_others_transactions(path: str, inside: bool) -> None:
    """A task that assigns while another has a transaction is refused at once, and rolls nothing back."""
    chk = HDF5Checkpointer(path, lock_timeout=30)
    chk["a"] = 0
    said: list[str] = []

    async def first(ready: asyncio.Event, done: asyncio.Event) -> None:
        try:
            with chk.transaction():
                chk["a"] = 1
                ready.set()
                await done.wait()
                raise ZeroDivisionError
        except ZeroDivisionError:
            return

    async def second(ready: asyncio.Event, done: asyncio.Event) -> None:
        await ready.wait()
        try:
            chk["b"] = 2
            said.append("written")
        except LockedError:
            said.append("locked")
        try:
            with chk.transaction():
                chk["c"] = 2
            said.append("written")
        except LockedError:
            said.append("locked")
        done.set()

    async def both() -> None:
        ready, done = asyncio.Event(), asyncio.Event()
        await asyncio.wait_for(asyncio.gather(first(ready, done), second(ready, done)), 20)

    if inside:
        with chk:
            asyncio.run(both())
            chk["d"] = 1
    else:
        asyncio.run(both())
        chk["d"] = 1
    assert said == ["locked", "locked"]
    assert chk.load() == {"a": 0, "d": 1}


@in_child
def test_one_task_may_nest_its_transactions(path: str) -> None:
    """A task that awaits inside its own transaction goes on with it."""
    chk = HDF5Checkpointer(path)

    async def work() -> None:
        with chk.transaction():
            chk["a"] = 1
            await asyncio.sleep(0)
            with chk.transaction():
                chk["b"] = 2
            await asyncio.sleep(0.001)
            assert chk["a"] == 1

    asyncio.run(work())
    assert chk.load() == {"a": 1, "b": 2}


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "in a block"])
def test_increments_in_transactions_are_not_lost(path: str, inside: bool) -> None:
    """What a transaction reads is what it is committed on: processes that count miss no step."""
    HDF5Checkpointer(path)["n"] = 0
    rounds = 40

    def count() -> None:
        chk = HDF5Checkpointer(path, lock_timeout=60)
        for _ in range(rounds):
            if inside:
                with chk, chk.transaction():
                    chk["n"] = chk["n"] + 1
            else:
                with chk.transaction():
                    chk["n"] = chk["n"] + 1

    children = [forked(count) for _ in range(2)]
    assert [wait(child) for child in children] == [0, 0]
    assert view(path) == {"n": 2 * rounds}


@in_child
def test_a_transaction_that_only_reads_sees_one_state(path: str) -> None:
    """In a transaction two reads see one commit, whoever writes in between."""
    HDF5Checkpointer(path).update({"x": 0, "y": 0})
    with HDF5Checkpointer(path, lock_timeout=0.2) as chk, chk.transaction():
        x = chk["x"]
        try:
            HDF5Checkpointer(path, lock_timeout=0.2).update({"x": 1, "y": 1})
        except LockedError:
            pass
        assert chk["y"] == x


@in_child
def test_a_block_that_goes_on_at_a_newer_commit_says_so(path: str) -> None:
    """A plain block whose first write finds a newer commit than it has read warns, or is refused."""
    HDF5Checkpointer(path).update({"n": 0})
    told: list[Any] = []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with HDF5Checkpointer(path) as chk:
            assert chk["n"] == 0
            HDF5Checkpointer(path)["n"] = 1
            try:
                chk["m"] = 1
            except OSError as error:
                told.append(error)
    assert told or [one.category for one in said] == [SnapshotChangedWarning]
    assert view(path) == ({"n": 1} if told else {"n": 1, "m": 1})


@in_child
def test_the_stream_shows_what_was_assigned(path: str) -> None:
    """The h5py file of a block shows what was assigned before, small or large, without a commit()."""
    import numpy as np

    with HDF5Checkpointer(path) as chk:
        chk["a"] = 1
        stream = chk.stream
        chk["n"] = 5
        assert chk.stream["n"][()] == 5 and stream["n"][()] == 5
        chk["n"] = 6
        assert stream["n"][()] == 6
        chk["big"] = np.arange(1000.0)
        chk["t"] = "text"
        assert stream["big"][999] == 999.0 and stream["t"].asstr()[()] == "text"
        chk.append("log", 1.0)
        assert chk.stream["log"][:].tolist() == [1.0]
        stream["raw"] = 7
        chk["n"] = 8
        assert chk["raw"] == 7 and stream["n"][()] == 8
    assert view(path)["n"] == 8 and view(path)["raw"] == 7


def test_the_lock_names_who_holds_it(tmp_path: Path) -> None:
    """A LockedError names the process that holds the file, not a dead one whose journal it took."""
    from .children import killed_writer

    name = tmp_path / "x.hdf5"
    HDF5Checkpointer(name)["a"] = 0
    killed_writer(name, {"a": 1}, {"l": [1, None]})
    reader = HDF5Checkpointer(name, mode="r")
    with reader, HDF5Checkpointer(name) as chk, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert reader["a"] == 1  # the journal can not be applied, and stays
        chk["b"] = 1
        with pytest.raises(LockedError, match=str(os.getpid())):
            HDF5Checkpointer(name, lock_timeout=0.05)["c"] = 1
    HDF5Checkpointer(name)["d"] = 1


@pytest.mark.parametrize("work", ["compact", "recover", "first"])
@in_child
def test_the_lock_is_named_from_the_beginning(tmp_path: Path, work: str) -> None:
    """Also during compact(), recover() and a first write a LockedError names the process."""
    from .children import killed_writer
    from .failing import Calls

    name, said = tmp_path / "x.hdf5", []
    if work != "first":
        HDF5Checkpointer(name)["a"] = list(range(100))
    if work == "recover":
        killed_writer(name, {"a": 1}, {"l": [1, None]})

    def other() -> None:
        try:
            HDF5Checkpointer(name, lock_timeout=0.0)["c"] = 1
        except LockedError as error:
            said.append(str(error))

    with Calls(tmp_path) as calls:
        calls.fail("sync", times=10**9, act=other)
        chk = HDF5Checkpointer(name)
        if work == "first":
            chk["a"] = 1
        else:
            getattr(chk, work)()
    assert said and all(str(os.getpid()) in text for text in said), said
