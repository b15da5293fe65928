"""Processes that are forked, or started, while a store is open: they hold nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.session import Hdf5Session

from .children import forked, in_child, kill, outcome, run, started, wait
from .states import view


@in_child
def test_a_fork_pool_reads_what_is_new(path: str) -> None:
    """A worker forked inside a block reads each commit that its parent makes later."""
    ask, answer = os.pipe(), os.pipe()
    with HDF5Checkpointer(path) as chk:
        chk["n"] = 1
        assert chk["n"] == 1

        def work() -> None:
            for _ in range(3):
                os.read(ask[0], 1)
                os.write(answer[1], bytes([chk["n"]]))

        child = forked(work)
        seen = []
        for number in (1, 2, 3):
            chk["n"] = number
            chk["l"] = [number, None]
            os.write(ask[1], b"?")
            seen.append(os.read(answer[0], 1)[0])
        assert wait(child) == 0
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("reads", [True, False], ids=["reading", "writing"])
@in_child
def test_a_forked_child_holds_none_of_its_parents_locks(path: str, reads: bool) -> None:
    """While a child lives that was forked in a block, its parent's file is applied and written."""
    HDF5Checkpointer(path)["n"] = 0
    told = os.pipe()
    chk = HDF5Checkpointer(path)
    with chk:
        assert chk["n"] == 0
        if not reads:
            chk["n"] = 0
            chk["l"] = [1, None]

        def work() -> None:
            os.write(told[1], b"!")
            time.sleep(600)

        child = forked(work)
        os.read(told[0], 1)
    try:
        HDF5Checkpointer(path, lock_timeout=0.2)["n"] = 1
        with h5py.File(path, "r") as file:
            assert file["n"][()] == 1
        assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
        HDF5Checkpointer(path, lock_timeout=0.2).compact()
        HDF5Checkpointer(path, lock_timeout=0.2).recover()
    finally:
        kill(child)


@in_child
def test_a_child_that_uses_its_parents_store_holds_it_no_longer(path: str) -> None:
    """A forked child that reads by its parent's store, inside the parent's block, lets go again."""
    told = os.pipe()
    with HDF5Checkpointer(path) as chk:
        chk["n"] = 1

        def work() -> None:
            assert chk["n"] == 1
            os.write(told[1], b"!")
            time.sleep(600)

        child = forked(work)
        os.read(told[0], 1)
        try:
            chk["n"] = 2
            chk["l"] = [1, None]
            chk.commit()
            with h5py.File(path, "r") as file:
                assert file["n"][()] == 2
        finally:
            kill(child)


@in_child
def test_the_end_of_a_forked_child_changes_nothing(path: str) -> None:
    """A child that was forked in a transaction ends by sys.exit: the parent goes on as it was."""
    HDF5Checkpointer(path)["n"] = 0
    chk = HDF5Checkpointer(path)
    with chk, chk.transaction():
        chk["n"] = 1
        child = os.fork()
        if child == 0:
            try:
                raise SystemExit(0)
            finally:
                os._exit(0)
        assert wait(child) == 0
        chk["m"] = 1
    assert view(path) == {"n": 1, "m": 1}


@contextmanager
def _program() -> Iterator[Any]:
    """A program that inherits all descriptors which may be inherited, as os.system() has it."""
    child = subprocess.Popen(["sleep", "600"], close_fds=False)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


@pytest.mark.parametrize("how", ["reads", "journaled", "iterates", "writes", "unjournaled"])
@in_child
def test_programs_started_in_a_block_hold_no_lock(path: str, how: str) -> None:
    """A program started in a block keeps no journal from being applied when the block has ended."""
    HDF5Checkpointer(path).update({"n": 0, "l": list(range(100))})
    writer = HDF5Checkpointer(path)
    if how == "journaled":
        writer.__enter__()
        writer["n"] = 1
        writer["l"] = [1, None]
    chk = HDF5Checkpointer(path, journal=how != "unjournaled")
    with chk:
        names = iter(chk) if how == "iterates" else iter(())
        next(names, None)
        assert chk["n"] in (0, 1)
        if how in {"writes", "unjournaled"}:
            chk["n"] = 2
        program = _program()
        program.__enter__()
        names.close() if hasattr(names, "close") else None
    if how == "journaled":
        writer.__exit__(None, None, None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            HDF5Checkpointer(path, lock_timeout=0.2)["n"] = 3
        assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
        with h5py.File(path, "r") as file:
            assert file["n"][()] == 3
        HDF5Checkpointer(path, lock_timeout=0.2).compact()
        assert not HDF5Checkpointer(path, lock_timeout=0.2).recover()
    finally:
        program.__exit__(None, None, None)


@pytest.mark.parametrize("how", ["reads", "writes", "new", "maps", "unjournaled"])
@in_child
def test_no_descriptor_is_inherited(tmp_path: Path, how: str) -> None:
    """Each file that a store opens is closed in a program that is started meanwhile."""
    import numpy as np

    name = tmp_path / "x.hdf5"
    if how != "new":
        HDF5Checkpointer(name).update({"n": 0, "a": np.arange(20_000.0)})
    with HDF5Checkpointer(name, journal=how != "unjournaled") as chk:
        if how == "maps":
            assert chk.array("a").map()[1] == 1.0
        elif how == "reads":
            assert chk["n"] == 0
        else:
            chk["n"] = 1
            chk["l"] = [1, None]
            assert chk["n"] == 1
        found = {}
        for text in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{text}")
                if target.startswith(str(tmp_path)):
                    found[target] = found.get(target, False) or os.get_inheritable(int(text))
            except OSError:
                continue
    assert found and not any(found.values()), found


def test_forks_beside_a_thread_that_writes(path: str) -> None:
    """Children forked at any moment of a writing thread use the store, and never hang."""
    import threading

    def work() -> None:
        chk = HDF5Checkpointer(path, lock_timeout=20)
        chk["n"] = 0
        stop = threading.Event()

        def write() -> None:
            n = 0
            while not stop.is_set():
                n += 1
                chk.update({"n": n, "m": [n, None]})

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for _ in range(10):
                child = forked(lambda: chk.load())
                assert wait(child, 30) == 0
        finally:
            stop.set()
            thread.join()

    said = outcome(work)
    assert not said, said


FORKS = """
import os, signal, sys, threading
import numpy as np
from hdfchk import HDF5Checkpointer
chk = HDF5Checkpointer(sys.argv[1])
inside, over, found = threading.Event(), threading.Event(), []
def fork():
    inside.wait()
    child = os.fork()
    if child == 0:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            os._exit(7)
        os._exit(1)
    found.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    over.set()
thread = threading.Thread(target=fork)
thread.start()
def progress(done, total):
    inside.set()
    over.wait(20)
chk.put("x", np.zeros(2**22), progress=progress)
thread.join()
assert found == [7], found
"""


def test_a_child_that_another_thread_forks_has_its_handlers(path: str) -> None:
    """A thread forks while the main thread writes: in the child, Ctrl-C is not kept for ever."""
    run(FORKS, path)


AT_EXIT = """
import os, sys
from hdfchk import HDF5Checkpointer
folder, stores = sys.argv[1], []
for number in range(6):
    stores.append(HDF5Checkpointer(f"{folder}/{number}.hdf5", journal=False, sync_interval=100.0))
for number in range(3):
    stores.append(HDF5Checkpointer(f"{folder}/moved{number}.hdf5"))
for chk in stores:
    chk.__enter__()
    for row in range(3):
        chk.append("log", float(row))
for number in range(3):
    os.rename(f"{folder}/moved{number}.hdf5", f"{folder}/gone{number}.hdf5")
    open(f"{folder}/moved{number}.hdf5", "w").close()
"""


def test_a_store_that_fails_at_exit_stops_no_other(tmp_path: Path) -> None:
    """At the end of the process each store writes what waits, whatever the others raise."""
    with started(AT_EXIT, tmp_path) as child:
        said = child.communicate(timeout=40)[1]
    assert "FileReplacedError" in said
    for number in range(6):
        assert view(tmp_path / f"{number}.hdf5")["log"].tolist() == [0.0, 1.0, 2.0]


@in_child
def test_a_fork_in_the_middle_of_a_read(tmp_path: Path) -> None:
    """The read ends in the child as in the parent: no lock is missed, no handler stays deferred."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    chk["d"] = {"b": [1, None]}
    handler, real, child = signal.getsignal(signal.SIGINT), Hdf5Session.read, -1

    def read(self: Hdf5Session, *args: Any, **options: Any) -> Any:
        nonlocal child
        child = os.fork()
        return real(self, *args, **options)

    Hdf5Session.read = read  # type: ignore[method-assign]
    try:
        assert chk["d"].load() == {"b": [1, None]}
    finally:
        Hdf5Session.read = real  # type: ignore[method-assign]
        if child == 0:
            os._exit(
                signal.getsignal(signal.SIGINT) is not handler or sys.exc_info()[0] is not None
            )
    assert wait(child) == 0
    assert signal.getsignal(signal.SIGINT) is handler and chk["d"].load() == {"b": [1, None]}
