"""Real processes: killed at random moments, reading beside a writer, waiting for the lock."""

from __future__ import annotations

import gc
import os
import random
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyfive
import pytest

from hdfchk import HDF5Checkpointer, LockedError, TransactionError
from hdfchk.backends.hdf5.wal.wal_file import WalFile
from tests.support.inside import writing

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("HDFCHK_CRASH") == "full"
KILLS = 300 if FULL else 8
SECONDS = 60 if FULL else 3

WRITER = """
import sys
import numpy as np
from hdfchk import HDF5Checkpointer
path, end = sys.argv[1], int(sys.argv[2])
with HDF5Checkpointer(path) as chk:
    n = chk.get("x", 0)
    while n < end:
        n += 1
        chk.update({"x": n, "y": -n, "a": np.full(n * 37 % 30000 + 1, n), f"k{n % 7}": {"v": "t" * (n % 900)}})
        print(n, flush=True)
"""
READER = """
import sys, time
from hdfchk import HDF5Checkpointer
path, end = sys.argv[1], time.monotonic() + float(sys.argv[2])
count = last = 0
while time.monotonic() < end or count <= 2 or last <= 5 * float(sys.argv[2]):
    with HDF5Checkpointer(path, mode="r") as chk:
        x = chk["x"]
        time.sleep(0.002)
        assert x + chk["y"] == 0, (x, chk["y"])
        assert chk["a"].shape == (x * 37 % 30000 + 1,) and (chk["a"] == x).all()
        assert chk[f"k{x % 7}/v"] == "t" * (x % 900)
        assert x >= last
        last, count = x, count + 1
print(count, last)
"""


def start(program: str, *arguments: Any, stdout: Any = subprocess.PIPE) -> subprocess.Popen[str]:
    """A program in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def test_kills(path: str) -> None:
    """A kill at any moment costs nothing that had returned, and leaves one commit whole."""
    chance = random.Random(1)
    for _ in range(KILLS):
        process = start(WRITER, path, 10**9)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.random() * 0.1)
        process.kill()
        printed = process.communicate()[0].split()
        returned = int(printed[-1]) if printed and printed[-1].isdigit() else 0
        found = HDF5Checkpointer(path).load()
        assert found["x"] >= returned - 1 and found["x"] + found["y"] == 0  # the last may be torn
        assert (
            found["a"].shape == (found["x"] * 37 % 30000 + 1,) and (found["a"] == found["x"]).all()
        )
        with h5py.File(path) as file:  # plain HDF5 opens it at the last applied commit
            assert file["x"][()] + file["y"][()] == 0
    with HDF5Checkpointer(path) as chk:
        chk["x"] = chk["x"]
    assert sorted(os.listdir(os.path.dirname(path))) == ["store.hdf5"]


def test_readers_beside_a_writer(path: str, tmp_path: Path) -> None:
    """Readers see whole commits while one process writes; nobody fails or waits."""
    HDF5Checkpointer(path).update({"x": 0, "y": 0, "a": np.full(1, 0), "k0": {"v": ""}})
    said = tmp_path.parent / f"{tmp_path.name}-commits"  # a pipe that nobody empties stops a writer
    with open(said, "w") as file:
        writer = start(WRITER, path, 10**9, stdout=file)
    while not said.stat().st_size:
        time.sleep(0.01)
    # They read for so long, and on a busy machine until they have seen so much: the rest is a guard.
    readers = [start(READER, path, SECONDS) for _ in range(4)]
    try:
        time.sleep(0.3)
        with pyfive.File(path) as file:  # a tool that knows nothing of the log
            assert {"x", "y", "a", "k0"} <= set(file)
        seen = []
        for reader in readers:
            out, error = reader.communicate(timeout=SECONDS + 60)
            assert reader.returncode == 0, error[-1500:]
            count, last = map(int, out.split())
            assert count > 2
            seen.append(last)
        assert writer.poll() is None
    finally:
        for process in (writer, *readers):
            process.kill()
            process.communicate()
    commits = len(said.read_text().split())
    assert min(seen) > 5 * SECONDS and commits >= max(seen) - 1, (seen, commits)
    sys.stdout.write(f"{commits} commits beside readers that saw up to {seen}\n")


def test_h5ls_beside_a_writer(path: str, tmp_path: Path, run_tool: Callable[..., str]) -> None:
    """HDF5's own program opens the file while one process writes."""
    HDF5Checkpointer(path).update({"x": 0, "y": 0})
    said = tmp_path.parent / f"{tmp_path.name}-commits"
    with open(said, "w") as file:
        writer = start(WRITER, path, 10**9, stdout=file)
    try:
        while not said.stat().st_size:
            time.sleep(0.01)
        assert "Dataset {SCALAR}" in run_tool("h5ls", path) and writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()


def test_second_writer(path: str) -> None:
    """A second writer waits, then is told who holds the lock; a dead process holds none."""
    writer = start(WRITER, path, 10**9)
    assert writer.stdout is not None
    writer.stdout.readline()
    started = time.monotonic()
    with pytest.raises(LockedError) as caught:
        HDF5Checkpointer(path, lock_timeout=0.3)["z"] = 1
    assert time.monotonic() - started >= 0.3
    assert str(writer.pid) in str(caught.value) and socket.gethostname() in str(caught.value)
    writer.kill()
    writer.communicate()
    chk = HDF5Checkpointer(path, lock_timeout=0.3)
    chk["z"] = 1
    assert chk["x"] + chk["y"] == 0 and chk["z"] == 1


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
from hdfchk import HDF5Checkpointer
path = sys.argv[1]
me, stop = os.getpid(), False
def send():
    while not stop:
        time.sleep(0.003)
        os.kill(me, signal.SIGINT)
came = done = 0
with HDF5Checkpointer(path) as chk:
    chk.update({"x": 0, "y": 0})
    thread = threading.Thread(target=send)
    end = time.monotonic() + 2
    n = 0
    try:
        thread.start()
    except KeyboardInterrupt:
        came += 1
    while time.monotonic() < end:
        try:
            chk.update({"x": n + 1, "y": -n - 1, "big": np.full(20000 + n % 50, n + 1)})
            done += 1
        except KeyboardInterrupt:
            came += 1
        try:
            n = chk["x"]
            assert n + chk["y"] == 0 and (n == 0 or (chk["big"] == n).all())
        except KeyboardInterrupt:
            came += 1
    while True:
        try:
            stop = True
            thread.join()
            break
        except KeyboardInterrupt:
            pass
    assert chk["x"] + chk["y"] == 0 and (chk["big"] == chk["x"]).all()
print(came, done)
"""


def test_interrupts(path: str) -> None:
    """Ctrl-C in the middle of assignments, many times: each is whole or not there, none is lost."""
    process = start(INTERRUPTED, path)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error[-2000:]
    came, done = map(int, out.split())
    assert came > 20 and done >= 0
    assert HDF5Checkpointer(path)["x"] + HDF5Checkpointer(path)["y"] == 0


@pytest.mark.parametrize("new", [True, False])
def test_interrupt_in_a_callback(path: str, new: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C inside one of HDF5's calls of ours comes after it, and no write is lost."""
    if not new:
        HDF5Checkpointer(path)["old"] = 0
    real, left = WalFile.write, [0]

    def write(self: WalFile, data: Any) -> int:
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGINT)
        return real(self, data)

    monkeypatch.setattr(WalFile, "write", write)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        came = _interrupted(path, left)
    finally:
        signal.signal(signal.SIGINT, before)
    assert came > 5


def _interrupted(path: str, left: list[int]) -> int:
    """How often Ctrl-C came out of assignments, each of which is there."""
    came = 0
    for number in range(1, 40):
        left[0] = number
        value = {"n": number, "a": np.full(9000 + number, number)}
        try:
            with HDF5Checkpointer(path) as chk:
                chk["step"] = value
        except KeyboardInterrupt:
            came += 1
        found = HDF5Checkpointer(path)["step"]
        assert found["n"] == number and (found["a"] == number).all()
        assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]
    return came


def test_terminate(path: str) -> None:
    """SIGTERM, too, costs nothing that had returned."""
    writer = start(WRITER, path, 10**9)
    assert writer.stdout is not None
    for _ in range(20):
        last = int(writer.stdout.readline())
    writer.send_signal(signal.SIGTERM)
    writer.communicate()
    found = HDF5Checkpointer(path).load()
    assert found["x"] >= last and found["x"] + found["y"] == 0


FORGOTTEN = """
import sys
from hdfchk import HDF5Checkpointer
chk = HDF5Checkpointer(sys.argv[1])
chk.__enter__()
chk["a"] = 1
chk["b"] = 2
"""


def test_forgotten_at_exit(path: str) -> None:
    """A block that is still open when the interpreter ends: the file is whole, and alone."""
    process = start(FORGOTTEN, path)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0 and "Error" not in error, error
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
    assert HDF5Checkpointer(path).load() == {"a": 1, "b": 2}


GENERATORS = """
import sys
from hdfchk import HDF5Checkpointer
chk, other = HDF5Checkpointer(sys.argv[1]), HDF5Checkpointer(sys.argv[1])
def within(context):
    with context:
        yield 1
def counting():
    with chk.transaction():
        chk["lost"] = 1
        yield 1
chk.update({"a": 1, "b": 2})
left = [iter(chk), iter(other.items()), within(other), counting()]
for one in left:
    next(one)
"""


def test_generators_left_at_exit(path: str) -> None:
    """Iterations, blocks and transactions of generators that nobody ends: the exit ends them."""
    process = start(GENERATORS, path)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0 and not error, error
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
    assert HDF5Checkpointer(path).load() == {"a": 1, "b": 2}


FULL_DISK = """
import resource, sys
import numpy as np
from hdfchk import HDF5Checkpointer
path = sys.argv[1]
with HDF5Checkpointer(path) as chk:
    chk["small"] = {"a": 1}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    for value in (np.ones(1_000_000), "x" * 400_000, [b"x" * 300_000, b"y" * 300_000]):
        try:
            chk["big"] = value
        except OSError as error:
            pass
        else:
            raise SystemExit("written")
        assert chk.load() == {"small": {"a": 1}}
    chk["still"] = 2
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    chk["big"] = np.ones(1_000_000)
assert HDF5Checkpointer(path)["big"].sum() == 1_000_000 and HDF5Checkpointer(path)["still"] == 2
"""


def test_full_disk(path: str) -> None:
    """No room: an ordinary error, nothing lost, and the store goes on when there is room again."""
    process = start(FULL_DISK, path)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0, error[-2000:]


def test_transactions(path: str) -> None:
    """A transaction is one commit: after an exception nothing of it is there; nested ones join."""
    chk = HDF5Checkpointer(path)
    chk["a"] = {"x": 1}
    with pytest.raises(ZeroDivisionError), chk.transaction():
        chk["a/x"] = 2
        chk["b"] = np.ones(100_000)
        assert chk["a/x"] == 2
        with chk.transaction():
            chk["c"] = 3
        del chk["a"]
        1 / 0  # noqa: B018
    assert chk.load() == {"a": {"x": 1}}
    with chk, chk.transaction():
        chk["b"] = 1
        assert "b" not in HDF5Checkpointer(path, mode="r")
    assert chk["b"] == 1
    with pytest.raises(TransactionError), chk.transaction():
        chk["c"] = 1
        try:
            with writing(chk):
                raise OSError("a failure of the disk")
        except OSError:
            pass
    assert chk.load() == {"a": {"x": 1}, "b": 1}


def test_plain_with_keeps_what_returned(path: str) -> None:
    """A with block that is left by an exception keeps the assignments that had returned."""
    with pytest.raises(ZeroDivisionError), HDF5Checkpointer(path) as chk:
        chk["a"] = 1
        1 / 0  # noqa: B018
    assert HDF5Checkpointer(path).load() == {"a": 1}
    with pytest.raises(TypeError):
        HDF5Checkpointer(path)["b"] = {"x": 1, "bad": object()}
    assert HDF5Checkpointer(path).load() == {"a": 1}


def test_new_file_appears_whole(path: str) -> None:
    """A new file appears with its first commit; nothing is left where there was none."""
    folder = os.path.dirname(path)
    with HDF5Checkpointer(path) as chk:
        assert os.listdir(folder) == []
        chk["a"] = 1
        assert sorted(os.listdir(folder)) == ["store.hdf5", "store.hdf5-journal"]
    assert os.listdir(folder) == ["store.hdf5"]
    old = Path(path).read_bytes()
    with pytest.raises(TypeError), HDF5Checkpointer(path, mode="w") as chk:
        chk["a"] = object()
    assert Path(path).read_bytes() == old
    with HDF5Checkpointer(path, mode="w") as chk:
        chk["n"] = 1
    assert HDF5Checkpointer(path).load() == {"n": 1}


def test_without_the_journal_a_pending_one_is_brought_in(path: str) -> None:
    """A store that writes without a journal first brings in what a killed one has left."""
    writer = start(WRITER, path, 10**9)
    assert writer.stdout is not None
    for _ in range(5):
        last = int(writer.stdout.readline())
    writer.kill()
    writer.communicate()
    assert os.path.exists(path + "-journal")
    HDF5Checkpointer(path)["plain"] = 1
    assert not os.path.exists(path + "-journal")
    chk = HDF5Checkpointer(path)
    assert chk["x"] >= last and chk["x"] + chk["y"] == 0 and chk["plain"] == 1


def test_garbage_waits(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector closes no object of HDF5's while HDF5 works; it runs again afterwards."""
    real, inside, events = WalFile.write, [False], []

    class Holder:
        def __init__(self, held: Any) -> None:
            self.held, self.me = held, self

    def write(self: WalFile, data: Any) -> int:
        inside[0] = True
        waste = [[n] for n in range(3000)]
        inside[0] = False
        return real(self, data) if waste else 0

    monkeypatch.setattr(WalFile, "write", write)
    thresholds = gc.get_threshold()
    try:
        gc.set_threshold(500, 1, 1)
        with HDF5Checkpointer(path) as chk:
            chk["a"] = np.ones(9000)
            for n in range(20):
                holder = Holder(chk.stream["a"])
                weakref.finalize(holder, lambda: events.append(inside[0]))
                del holder
                chk[f"k{n}"] = n
                waste = [[n] for n in range(3000)]  # now it may
    finally:
        gc.set_threshold(*thresholds)
    assert gc.isenabled() and waste
    assert events and not any(events)
