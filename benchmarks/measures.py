"""The measures: each does a workload once with a library, and returns seconds or megabytes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import data
from .adapters import Adapter, CannotError

__all__ = [
    "MEGABYTES",
    "append",
    "append_frames",
    "array",
    "assign_all",
    "assign_one",
    "compressed",
    "compressed_memory",
    "copy_memory",
    "file_size",
    "frame",
    "read_and_count",
    "read_columns",
    "read_one",
    "read_rows",
    "save_and_load",
    "save_memory",
    "save_only",
    "update",
]

MEGABYTES = frozenset({"file", "memory"})
"""The figures that are not times."""

REPEATS = 20
ROWS = (30_000, 30_010)
APPENDS = 1000


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that a call takes, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def alike(stored: Any, loaded: Any) -> bool:
    """Whether values are equal, regardless of the types that a library returns."""
    if isinstance(stored, dict):
        return stored.keys() == loaded.keys() and all(
            alike(value, loaded[key]) for key, value in stored.items()
        )
    want, got = np.asarray(stored), np.asarray(loaded)
    if want.dtype.kind == "U":
        want, got = want.astype("S"), got.astype("S")  # h5py returns bytes
    return np.array_equal(want, got)


def check(stored: Any, loaded: Any) -> None:
    """Reject the figures of a library that returns other values."""
    if not alike(stored, loaded):
        raise CannotError("gives back other values")


def check_smaller(path: str, nbytes: int) -> None:
    """Reject the figures of a library that was asked to compress, but did not."""
    if megabytes(path) * 1e6 > 0.99 * nbytes:
        raise CannotError("does not compress arrays")


def megabytes(path: str) -> float:
    """Return the megabytes of all files of a library, which has its own folder."""
    files = Path(path).parent.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def save_and_load(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure the seconds to write a tree to a new file, to read it, and of both."""
    save, _ = timed(lambda: adapter.save(path, tree))
    load, loaded = timed(lambda: adapter.load(path))
    check(tree, loaded)
    return {"save": save, "load": load, "save + load": save + load}


def array(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure the seconds to write one array to a new file, read it, and map it if possible."""
    save, _ = timed(lambda: adapter.save(path, tree))
    load, loaded = timed(lambda: adapter.load(path))
    check(tree, loaded)
    figures = {"save": save, "load": load}
    if hasattr(adapter, "map"):
        check(tree["x"], adapter.map(path, "x"))
        seconds, _ = timed(lambda: [adapter.map(path, "x") for _ in range(REPEATS)])
        figures["map"] = seconds / REPEATS
    return figures


def save_only(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure the seconds to write a tree to a new file."""
    return {"save": timed(lambda: adapter.save(path, tree))[0]}


def compressed(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure the seconds to write arrays compressed and to read them, and the megabytes."""
    save, _ = timed(lambda: adapter.save_compressed(path, tree))
    size = megabytes(path)
    check_smaller(path, sum(value.nbytes for value in tree.values()))
    load, loaded = timed(lambda: adapter.load(path))
    check(tree, loaded)
    return {"save": save, "load": load, "file": size}


def read_one(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure the seconds to open a file of many keys and read one in the middle."""
    key = list(tree)[len(tree) // 2]
    check(tree[key], adapter.read(path, key))
    seconds, _ = timed(lambda: [adapter.read(path, key) for _ in range(REPEATS)])
    return {"read": seconds / REPEATS}


def read_and_count(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure as `read_one`; and the seconds to open the file and count its keys."""
    check(len(tree), adapter.count(path))
    seconds, _ = timed(lambda: [adapter.count(path) for _ in range(REPEATS)])
    return {**read_one(adapter, path, tree), "count": seconds / REPEATS}


def read_rows(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure the seconds to open a file and read a few rows of its array."""
    check(tree["x"][slice(*ROWS)], adapter.rows(path, "x", *ROWS))
    seconds, _ = timed(lambda: [adapter.rows(path, "x", *ROWS) for _ in range(REPEATS)])
    return {"read": seconds / REPEATS}


def update(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure the seconds to add the keys to an existing file, and to set all of them again."""
    adapter.save(path, {"there": 1})
    return {
        "add": timed(lambda: adapter.update(path, tree))[0],
        "overwrite": timed(lambda: adapter.update(path, tree))[0],
    }


def file_size(adapter: Adapter, path: str, values: Any) -> dict[str, float]:
    """Measure the megabytes of a file after many overwrites while it is open."""
    with adapter.setter(path) as assign:
        for tree in values:
            for key, value in tree.items():
                assign(key, value)
    return {"file": megabytes(path)}


def assign_all(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure the seconds to assign all keys of a new file one by one."""

    def work() -> None:
        with adapter.setter(path) as assign:
            for key, value in tree.items():
                assign(key, value)

    return {"all": timed(work)[0]}


def assign_one(adapter: Adapter, path: str, count: Any) -> dict[str, float]:
    """Measure the median seconds of a small assignment to an open file: to one key, to new keys."""
    with adapter.setter(path) as assign:
        assign("step", 0.0)
        same = [timed(partial(assign, "step", float(n)))[0] for n in range(count)]
        new = [timed(partial(assign, f"k{n}", float(n)))[0] for n in range(count)]
    return {"same key": statistics.median(same), "new keys": statistics.median(new)}


def append(adapter: Adapter, path: str, count: Any) -> dict[str, float]:
    """Measure the seconds to append numbers one by one, including open and close."""
    return {"all": timed(lambda: adapter.append(path, "loss", count))[0]}


def frame(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure the seconds to write a DataFrame to a new file, and to read it."""
    save, _ = timed(lambda: adapter.save(path, tree))
    load, loaded = timed(lambda: adapter.frame(path, "t"))
    _check_frame(tree["t"], loaded)
    return {"save": save, "load": load}


def read_columns(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure the seconds to open a file and read three columns of a DataFrame."""
    names = list(tree["t"].columns[[3, 20, -1]])
    seconds, found = timed(lambda: adapter.columns(path, "t", names))
    _check_frame(tree["t"][names], found)
    return {"read": seconds}


def append_frames(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Measure the seconds to append a DataFrame 1,000 times, including open and close."""
    seconds, _ = timed(lambda: adapter.append_frames(path, "t", tree["t"], APPENDS))
    names = list(tree["t"].columns[:1])
    if len(adapter.columns(path, "t", names)) != APPENDS * len(tree["t"]):
        raise CannotError("gives back other rows")
    return {"all": seconds}


def _check_frame(stored: Any, loaded: Any) -> None:
    if not stored.equals(loaded):
        raise CannotError("gives back other values")


def _memory(work: str, adapter: Adapter, path: str, size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.memory", work, adapter.name, path, str(size)]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=root)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no memory"
        raise CannotError(last.removeprefix(f"{CannotError.__module__}.CannotError: "))
    return {"memory": int(done.stdout) / 1e6}


def save_memory(adapter: Adapter, path: str, megabytes: Any) -> dict[str, float]:
    """Measure the megabytes of memory that saving an array takes in addition to the array."""
    return _memory("save", adapter, path, megabytes)


def compressed_memory(adapter: Adapter, path: str, items: Any) -> dict[str, float]:
    """Measure the megabytes of memory that saving an array compressed takes in addition."""
    figures = _memory("save_compressed", adapter, path, items)
    check_smaller(path, items * 8)
    return figures


def copy_memory(adapter: Adapter, path: str, megabytes: Any) -> dict[str, float]:
    """Measure the megabytes of memory that copying an array within a file takes."""
    adapter.save(path, data.noise(megabytes * 2**17))
    return _memory("copy", adapter, path, 0)
