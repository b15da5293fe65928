"""Errors and interrupts where files are opened and closed leave no lock and no descriptor."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5 import wal_writer
from hdfchk.backends.hdf5.wal.new_file import NewFile

from .children import in_child, run
from .failing import Calls
from .states import ALLOWED, is_clean, view


def _descriptors(folder: Path) -> list[str]:
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if target.startswith(str(folder)):
            found.append(os.path.basename(target))
    return found


@pytest.mark.parametrize("kind", ["unlink", "open", "sync", "truncate", "write", "rename", "link"])
@in_child
def test_a_failed_unlink_or_open_keeps_no_lock(tmp_path: Path, kind: str) -> None:
    """While somebody keeps the exception of a failed call, the file is not locked by it."""
    folder = tmp_path / "runs"
    folder.mkdir()
    file = folder / "x.hdf5"
    HDF5Checkpointer(file)["a"] = 0
    kept: list[BaseException] = []
    with Calls(folder) as calls:
        for first in range(8):
            for outside in (True, False):
                calls.fail(kind, first=first)
                chk = HDF5Checkpointer(file)
                try:
                    if outside:
                        chk["a"] = first
                    else:
                        with chk:
                            chk["a"] = first
                            chk["b"] = [first, None]
                except ALLOWED as error:
                    kept.append(error)
                calls.off()
                assert _descriptors(folder) == [], (kind, first, outside)
                HDF5Checkpointer(file, lock_timeout=0.1)["c"] = first
    is_clean(file, view(file))
    assert len(kept) < 100


@pytest.mark.parametrize("mode", ["a", "w"])
@in_child
def test_nobody_comes_between_a_new_file_and_its_lock(tmp_path: Path, mode: str) -> None:
    """A program that locks a new file the moment it has its name makes no error of its commit."""
    file = tmp_path / "x.hdf5"
    if mode == "w":
        HDF5Checkpointer(file)["old"] = 1
    link, replace, came = NewFile._link, os.replace, []

    def lock() -> None:
        descriptor = os.open(file, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        came.append(descriptor)

    def then_lock(work: Any) -> Any:
        return lambda *args: (work(*args), lock())

    NewFile._link, os.replace = then_lock(link), then_lock(replace)
    try:
        with HDF5Checkpointer(file, mode=mode, lock_timeout=0.1) as chk:
            chk["a"] = 1
    finally:
        NewFile._link, os.replace = link, replace
    assert len(came) == 1
    is_clean(file, {"a": 1})


@in_child
def test_a_new_file_that_cannot_be_opened_again_keeps_no_lock(tmp_path: Path) -> None:
    """Where the file has its place, and is not opened there, an error that is kept locks nothing."""
    folder = tmp_path / "runs"
    folder.mkdir()
    file, real, kept = folder / "x.hdf5", wal_writer.WalFile, []

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EMFILE, "no more")

    wal_writer.WalFile = fail
    for outside in (True, False):
        file.unlink(missing_ok=True)
        chk = HDF5Checkpointer(file)
        try:
            if outside:
                chk["a"] = 1
            else:
                with chk:
                    chk["a"] = 1
        except OSError as error:
            kept.append(error)
        assert _descriptors(folder) == [] and os.listdir(folder) == [file.name]
    wal_writer.WalFile = real
    HDF5Checkpointer(file, lock_timeout=0.1)["b"] = 2
    assert len(kept) == 2
    is_clean(file, {"a": 1, "b": 2})


INTERRUPTED = """
import os, random, signal, sys, threading, time
from hdfchk import HDF5Checkpointer
path = sys.argv[1]
HDF5Checkpointer(path)["n"] = 0
me, stop, chance = os.getpid(), False, random.Random(3)
def send():
    while not stop:
        time.sleep(chance.random() * 0.006)
        os.kill(me, signal.SIGINT)
thread = threading.Thread(target=send)
came, n, end = 0, 0, time.monotonic() + float(sys.argv[2])
while True:
    try:
        thread.start()
        break
    except KeyboardInterrupt:
        break
def work():
    global n
    while time.monotonic() < end:
        chk = HDF5Checkpointer(path)
        for _ in range(5):
            chk["n"]
            chk["n"] = n + 1
            n += 1
over = False
while True:
    try:
        while not over:  # what the first one held is freed before the next round: one may come there
            try:
                work()
                over = True
            except KeyboardInterrupt:
                came += 1
        break
    except KeyboardInterrupt:  # it came where the first was taken
        came += 1
while True:
    try:
        stop = True
        thread.join()
        break
    except KeyboardInterrupt:
        pass
found = [os.readlink(f"/proc/self/fd/{d}") for d in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{d}")]
left = [name for name in found if name.startswith(os.path.dirname(path))]
assert came > 20, came
assert not left, (came, left)
assert HDF5Checkpointer(path, lock_timeout=0.1)["n"] in (n, n + 1)
HDF5Checkpointer(path, lock_timeout=0.1)["n"] = -1
"""


@pytest.mark.slow
def test_interrupts_outside_a_block_leak_no_descriptor(tmp_path: Path) -> None:
    """Ctrl-C at any moment of calls outside a block leaves no file open, and no lock."""
    full = os.environ.get("HDFCHK_FUZZ") == "full"
    run(INTERRUPTED, tmp_path / "x.hdf5", 30 if full else 3)
    assert view(tmp_path / "x.hdf5") == {"n": -1}


DAEMON = """
import sys, threading, time
import numpy as np
from hdfchk import HDF5Checkpointer
chk = HDF5Checkpointer(sys.argv[1])
chk["n"] = 0
def write():
    n = 0
    with chk:
        while True:
            n += 1
            chk.update({"n": n, "m": n, "a": np.full(3000, n)})
threading.Thread(target=write, daemon=True).start()
while chk["n"] < 5:
    time.sleep(0.001)
"""


@pytest.mark.slow
def test_a_daemon_thread_that_writes_at_exit(tmp_path: Path) -> None:
    """The interpreter ends beside a daemon thread that writes: no crash, no hang, a whole file."""
    for number in range(4):
        file = tmp_path / f"x{number}.hdf5"
        run(DAEMON, file)
        found = view(file)
        assert found["n"] == found["m"] >= 5 and (found["a"] == found["n"]).all()
        HDF5Checkpointer(file)["after"] = 1
