"""The cases: what is done, what is measured, and the limits that hdfchk sets itself."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import numpy as np

from .adapters import Adapter

__all__ = ["CASES", "Case", "Limit"]

Measure = Callable[[Adapter, str, Any], dict[str, float]]

PLAIN = ("h5py", "hdfchk")
BULK = ("h5py", "hdfchk, no fsync", "h5py + fsync", "hdfchk")
SINGLE = ("h5py", "hdfchk", "sqlitedict", "diskcache")


@attrs.frozen
class Limit:
    """What a figure may be at most.

    Args:
        figure: which.
        most: the limit.
        unit: "ratio" to another library, or "ms" or "MB" as it is.
        library: whose figure.
        to: the library of a ratio.
    """

    figure: str
    most: float
    unit: str = "ratio"
    library: str = "hdfchk"
    to: str = "h5py"


@attrs.frozen
class Case:
    """One workload.

    Args:
        name: what is done.
        make: makes the data; the argument says whether they may be smaller for a quick look.
        measure: does it once with a library, and gives the figures: seconds or megabytes.
        limits: what is aimed at.
        libraries: which take part.
    """

    name: str
    make: Callable[[bool], Any]
    measure: Measure
    limits: tuple[Limit, ...]
    libraries: tuple[str, ...] = PLAIN


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def save_and_load(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Seconds to write a tree to a new file, to read it, and of both."""
    save = _timed(lambda: adapter.save(path, tree))
    load = _timed(lambda: adapter.load(path))
    return {"save": save, "load": load, "save + load": save + load}


def save_only(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Seconds to write a tree to a new file."""
    return {"save": _timed(lambda: adapter.save(path, tree))}


def update(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Seconds to add the keys to a file that is there, and to set them all anew."""
    adapter.save(path, {"there": 1})
    return {
        "add": _timed(lambda: adapter.update(path, tree)),
        "overwrite": _timed(lambda: adapter.update(path, tree)),
    }


def read_one(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Seconds to open a file of many keys and read one in the middle."""
    if not os.path.exists(path):
        adapter.save(path, tree)
    key = list(tree)[len(tree) // 2]
    return {"read": _timed(lambda: [adapter.read(path, key) for _ in range(20)]) / 20}


def file_size(adapter: Adapter, path: str, values: Any) -> dict[str, float]:
    """Megabytes of a file after many overwrites."""
    adapter.overwrite(path, values)
    return {"file": os.path.getsize(path) / 1e6}


def assign_all(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Seconds to assign all keys of a new file one by one."""

    def work() -> None:
        with adapter.setter(path) as assign:
            for key, value in tree.items():
                assign(key, value)

    return {"all": _timed(work)}


def assign_one(adapter: Adapter, path: str, count: Any) -> dict[str, float]:
    """Median seconds of one small assignment to an open file: to the same key, and to new ones."""
    with adapter.setter(path) as assign:
        assign("step", 0.0)
        same = [_timed(partial(assign, "step", float(n))) for n in range(count)]
        new = [_timed(partial(assign, f"k{n}", float(n))) for n in range(count)]
    return {"same key": statistics.median(same), "new keys": statistics.median(new)}


def peak_memory(adapter: Adapter, path: str, megabytes: Any) -> dict[str, float]:
    """Megabytes of memory that saving an array takes beyond the array, in a process of its own."""
    code = (
        "import resource, sys; import numpy as np; from benchmarks.adapters import ADAPTERS\n"
        "name, path, size = sys.argv[1], sys.argv[2], int(sys.argv[3])\n"
        "adapter = ADAPTERS[name]; adapter.save(path + '.first', {'x': 1})\n"
        "data = np.ones(size * 2**17)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "adapter.save(path, {'x': data})\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)\n"
    )
    command = [sys.executable, "-c", code, adapter.name, path, str(megabytes)]
    out = subprocess.run(command, capture_output=True, check=True, text=True)
    os.unlink(f"{path}.first")
    return {"memory": float(out.stdout)}


def _scalars(quick: bool) -> dict[str, Any]:
    return {"d": {f"k{i}": float(i) for i in range(1000 if quick else 10_000)}}


def _keys(quick: bool) -> dict[str, Any]:
    flat: dict[str, Any] = _scalars(quick)["d"]
    return flat


def _arrays(quick: bool) -> dict[str, Any]:
    """Groups ten to a level below the root, 1 + 10 + 100 + 1,000; ten arrays in each last one."""

    def level(depth: int) -> dict[str, Any]:
        if depth == 0:
            return {f"a{i}": np.arange(10.0) + i for i in range(10)}
        return {f"g{i}": level(depth - 1) for i in range(10)}

    return level(2 if quick else 3)


def _array(items: int) -> Callable[[bool], dict[str, Any]]:
    return lambda quick: {"x": np.random.default_rng(0).random(2**20 if quick else items)}


def _lists(_: bool) -> dict[str, Any]:
    return {"strings": [f"string {i}" for i in range(5000)], "ints": list(range(5000))}


def _overwrites(_: bool) -> list[dict[str, Any]]:
    sizes = 125_000 + np.random.default_rng(1).integers(-2000, 2000, 200)
    return [{"x": np.zeros(size), "y": np.zeros(100 + n % 13)} for n, size in enumerate(sizes)]


def _of_equals(figure: str, plain: float, synced: float) -> tuple[Limit, ...]:
    """Limits for bulk data: neither waits for the disk, or both do."""
    return (
        Limit(figure, plain, library="hdfchk, no fsync"),
        Limit(figure, synced, to="h5py + fsync"),
    )


CASES = [
    Case("10,000 scalars in one dict", _scalars, save_and_load, (Limit("save + load", 0.45),)),
    Case(
        "1,111 groups with 10,000 arrays of 10 floats",
        _arrays,
        save_and_load,
        (Limit("save + load", 0.5),),
    ),
    Case(
        "one array of 512 MB",
        _array(64_000_000),
        save_and_load,
        (*_of_equals("save", 1.1, 1.1), Limit("load", 1.1)),
        BULK,
    ),
    Case("one array of 1 GiB", _array(2**27), save_only, _of_equals("save", 1.25, 1.15), BULK),
    Case(
        "memory for saving 1 GiB, beyond the array",
        lambda quick: 64 if quick else 1024,
        peak_memory,
        (Limit("memory", 64, "MB"),),
    ),
    Case(
        "lists of 5,000 short strings and 5,000 ints",
        _lists,
        save_and_load,
        (Limit("save", 10, "ms"), Limit("load", 10, "ms")),
    ),
    Case(
        "reopening a file of 10,000 keys, reading one",
        _keys,
        read_one,
        (Limit("read", 1.2),),
    ),
    Case(
        "200 overwrites of a 1 MB array, another key between",
        _overwrites,
        file_size,
        (Limit("file", 3, "MB"),),
    ),
    Case(
        "10,000 scalars by update, in a file that is there",
        _keys,
        update,
        (Limit("add", 0.5),),
    ),
    Case("10,000 single assignments in a with", _keys, assign_all, (Limit("all", 3),)),
    Case(
        "one small assignment in a with",
        lambda quick: 200 if quick else 1000,
        assign_one,
        tuple(
            limit
            for figure in ("same key", "new keys")
            for limit in (
                Limit(figure, 0.5, "ms"),
                Limit(figure, 1, to="sqlitedict"),
                Limit(figure, 1, to="diskcache"),
            )
        ),
        SINGLE,
    ),
]
