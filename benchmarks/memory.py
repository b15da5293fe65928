"""The memory that one workload takes in a separate process.

The measures run it as ``python -m benchmarks.memory WORK LIBRARY PATH SIZE``; it prints bytes.
Linux only: the peak is what the kernel reports for this process. `getrusage` would include the
memory of the parent process.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from . import data
from .adapters import ADAPTERS, Adapter

__all__ = ["main"]

Work = Callable[[], None]


def save(adapter: Adapter, path: str, megabytes: int) -> Work:
    """Return the work of saving an array of so many MiB."""
    tree = data.noise(megabytes * 2**17)
    return lambda: adapter.save(path, tree)


def save_compressed(adapter: Adapter, path: str, items: int) -> Work:
    """Return the work of saving an array of so many items compressed."""
    tree = data.curve(items)
    return lambda: adapter.save_compressed(path, tree)


def copy(adapter: Adapter, path: str, _: int) -> Work:
    """Return the work of copying an array of an existing file to another key."""
    return lambda: adapter.copy(path, "x", "y")


def _peak() -> int:
    """Return the peak of resident memory in bytes since `_forget_peak`."""
    with open("/proc/self/status") as status:
        kib = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    return int(kib) * 1024


def _forget_peak() -> None:
    with suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def main() -> None:
    """Do the work, and print how much memory it took in addition to that in use before."""
    name, library, path, size = sys.argv[1:]
    adapter = ADAPTERS[library]
    adapter.save(f"{path}.first", {"x": np.ones(10)})  # load lazy imports
    work = {"save": save, "save_compressed": save_compressed, "copy": copy}[name](
        adapter, path, int(size)
    )
    gc.collect()
    _forget_peak()
    before = _peak()
    work()
    print(_peak() - before)


if __name__ == "__main__":
    main()
