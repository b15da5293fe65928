"""Copies, moves and rows of tables, killed at any moment or failing: all of each is done, or nothing."""

from __future__ import annotations

import errno
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, HdfchkWarning, NotDurableError
from tests.support.exact import differs

from .images import in_child, lower_limits
from .test_failing_calls import Failing

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("HDFCHK_CRASH") == "full"
KILLS = 60 if FULL else 4
CALLS = 10**6 if FULL else 6
"""So many calls of the system fail, one in each run."""


def source(path: str) -> None:
    """A file of another program, to copy from: packed chunks, scales, references, hard links."""
    with h5py.File(path, "w") as file:
        group = file.create_group("g", track_order=True)
        noise = np.random.default_rng(1).random(20_000)
        group.create_dataset("x", data=noise, chunks=(500,), compression="gzip")
        group["x"].make_scale("x")
        group["y"], group["in/refs"] = np.arange(20_000.0), group["x"].ref
        group["y"].dims[0].attach_scale(group["x"])
        group["hard"] = group["y"]
        group.attrs["units"] = "eV"


def table(number: int) -> dict[str, Any]:
    return {"n": np.arange(50) + number, "t": np.full(50, f"text {number}"), "v": np.ones((50, 3))}


def steps(store: HDF5Checkpointer, other: HDF5Checkpointer) -> Iterator[Callable[[], None]]:
    """What is done, one commit after the other."""
    yield lambda: other.copy("g", store, "a")
    for n in range(1000):
        yield lambda: store.copy("a", "b", replace=True)
        yield lambda n=n: store.move("b", f"deep/{n % 3}", replace=True)
        yield lambda n=n: store.update({"t": table(n)} if n % 4 == 0 else {"k": n})
        yield lambda n=n: store.table("t").append(table(n))
        yield lambda: store.move("a/y", "a/in/moved")
        yield lambda: store.move("a/in/moved", "a/y")
        yield lambda: other.copy("g/y", store, "other/y", replace=True)
        yield lambda n=n: store.append("log", np.arange(300.0) + n)
        yield lambda n=n: store.move(f"deep/{n % 3}", "a/last", replace=True)
        yield lambda: store.copy("a/last/x", "x", replace=True)
        yield lambda: store.move("a/last", "gone")
        yield lambda: store.__delitem__("gone")


def contents(store: HDF5Checkpointer) -> Any:
    """What a store holds; references are told by what they lead to."""
    found = store.view(omitted_keys=["**/refs"]).load()
    attrs = [dict(store[key].attrs) for key in ("a", "b") if key in store]
    return {"all": found, "attrs": attrs}


def run(folder: str) -> None:
    """Make one step after the other until the end; each that is done is written down."""
    other = HDF5Checkpointer(f"{folder}/other.hdf5", mode="r")
    with HDF5Checkpointer(f"{folder}/x.hdf5") as store:
        for number, step in enumerate(steps(store, other), 1):
            step()
            os.write(1, f"{number}\n".encode())


def test_kills(tmp_path: Path) -> None:
    """After SIGKILL the file has the last step that had returned, or the next one, whole."""
    source(str(tmp_path / "other.hdf5"))
    chance = random.Random(5)
    command = [sys.executable, "-m", "tests.crash.test_copies", str(tmp_path)]
    for _ in range(KILLS):
        for name in os.listdir(tmp_path):
            if name.startswith("x.hdf5"):
                os.remove(tmp_path / name)
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
            assert child.stdout is not None
            done = int(child.stdout.readline())
            time.sleep(chance.random() * 1.5)
            child.send_signal(signal.SIGKILL)
            told = child.stdout.read().decode().rpartition("\n")[0]
        done = int(told.rpartition("\n")[2] or done)
        found = HDF5Checkpointer(tmp_path / "x.hdf5")
        before, after = expected(tmp_path / "other.hdf5", done)
        seen = contents(found)
        assert differs(before, seen) is None or differs(after, seen) is None, done
        assert found.verify().ok
        with h5py.File(tmp_path / "x.hdf5") as file:
            if "a/in/refs" in file:
                assert file[file["a/in/refs"][()]] == file["a/x"]


def expected(other: Path, done: int) -> tuple[Any, Any]:
    """What there is after some steps, and after one more."""
    store = HDF5Checkpointer(None)
    states: list[Any] = []
    view = HDF5Checkpointer(other, mode="r").view(omitted_keys="**/refs")
    for number, step in enumerate(steps(store, view), 1):
        step()
        if number >= done:
            states.append(contents(store))
        if number > done:
            break
    return states[0], states[1]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_any_call_may_fail(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a step that fails nothing is there; the next one goes on from the state before."""
    lower_limits(monkeypatch, 0, least=True)
    warnings.simplefilter("ignore", HdfchkWarning)
    source(str(tmp_path / "other.hdf5"))
    folder = tmp_path / "run"
    folder.mkdir()
    count = _play(folder, 10**9, number)
    chosen = random.Random(number).sample(range(count), min(count, CALLS))
    wrong = []
    for first in sorted(chosen):
        shutil.rmtree(folder)
        folder.mkdir()
        if not in_child(lambda first=first: _play(folder, first, number) > 0):
            wrong.append(first)
    assert not wrong, wrong


def _play(folder: Path, first: int, number: int) -> int:
    """Make some steps, of which one may fail; compare with a store in memory after each."""
    model = HDF5Checkpointer(None)
    other = HDF5Checkpointer(folder.parent / "other.hdf5", mode="r").view(omitted_keys="**/refs")
    with (
        Failing(str(folder), first, 1, number) as calls,
        HDF5Checkpointer(folder / "x.hdf5", sync_interval=0) as store,
    ):
        pairs = zip(steps(store, other), steps(model, other), strict=True)
        for step, same in itertools.islice(pairs, 14):
            try:
                step()
            except NotDurableError:
                same()
            except OSError:
                step()  # there was one error, and all is as before
                same()
            else:
                same()
            problem = differs(contents(model), contents(store))
            assert problem is None, problem
        return calls.count


if __name__ == "__main__":
    run(sys.argv[1])
