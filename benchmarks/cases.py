"""The cases: what is done, what is measured, and the limit that hdfchk sets itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from .adapters import Adapter

__all__ = ["CASES", "Case"]

Measure = Callable[[Adapter, str, Any], dict[str, float]]


@attrs.frozen
class Case:
    """One workload.

    Args:
        name: what is done.
        make: makes the data; the argument says whether they may be smaller for a quick look.
        measure: does it once with a library, and gives the figures: seconds or megabytes.
        limits: figure -> (limit, "ratio" to plain h5py, or "ms" / "MB" as it is).
    """

    name: str
    make: Callable[[bool], Any]
    measure: Measure
    limits: dict[str, tuple[float, str]]


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def save_and_load(adapter: Adapter, path: str, tree: Any) -> dict[str, float]:
    """Seconds to write a tree to a new file, to read it, and of both."""
    save = _timed(lambda: adapter.save(path, tree))
    load = _timed(lambda: adapter.load(path))
    return {"save": save, "load": load, "save + load": save + load}


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


def _scalars(quick: bool) -> dict[str, Any]:
    return {"d": {f"k{i}": float(i) for i in range(1000 if quick else 10_000)}}


def _arrays(quick: bool) -> dict[str, Any]:
    """Groups ten to a level below the root, 1 + 10 + 100 + 1,000; ten arrays in each last one."""

    def level(depth: int) -> dict[str, Any]:
        if depth == 0:
            return {f"a{i}": np.arange(10.0) + i for i in range(10)}
        return {f"g{i}": level(depth - 1) for i in range(10)}

    return level(2 if quick else 3)


def _lists(_: bool) -> dict[str, Any]:
    return {"strings": [f"string {i}" for i in range(5000)], "ints": list(range(5000))}


def _overwrites(_: bool) -> list[dict[str, Any]]:
    sizes = 125_000 + np.random.default_rng(1).integers(-2000, 2000, 200)
    return [{"x": np.zeros(size), "y": np.zeros(100 + n % 13)} for n, size in enumerate(sizes)]


CASES = [
    Case(
        "(a) 10,000 scalars in one dict",
        _scalars,
        save_and_load,
        {"save + load": (0.45, "ratio")},
    ),
    Case(
        "(b) 1,111 groups with 10,000 arrays of 10 floats",
        _arrays,
        save_and_load,
        {"save + load": (0.5, "ratio")},
    ),
    Case(
        "(c) one array of 512 MB",
        lambda quick: {"x": np.random.default_rng(0).random(2**20 if quick else 64_000_000)},
        save_and_load,
        {"save": (1.1, "ratio"), "load": (1.1, "ratio")},
    ),
    Case(
        "(d) lists of 5,000 short strings and 5,000 ints",
        _lists,
        save_and_load,
        {"save": (10, "ms"), "load": (10, "ms")},
    ),
    Case(
        "(e) reopening a file of 10,000 keys, reading one",
        lambda quick: _scalars(quick)["d"],
        read_one,
        {"read": (1.2, "ratio")},
    ),
    Case(
        "(f) 200 overwrites of a 1 MB array, another key between",
        _overwrites,
        file_size,
        {"file": (3, "MB")},
    ),
]
