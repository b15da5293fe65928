"""The time to describe many keys, relative to h5py's `visititems` with the same fields.

    python -m benchmarks.listing

It prints the ratio of the processor times, each the minimum of several rounds, for 10,000 keys in
one group, and for 10,000 arrays in 100 groups. The goal is 0.5.
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from hdfchk import HDF5Checkpointer, save

ROUNDS = 7


def with_h5py(path: str) -> list[tuple[Any, ...]]:
    """List the fields of `Description` that h5py has, object by object."""
    found: list[tuple[Any, ...]] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            plist = item.id.get_create_plist()
            stored, layout = item.id.get_storage_size(), plist.get_layout()
            array = name, item.shape, item.dtype, item.nbytes, item.chunks, item.compression
            found.append((*array, stored, layout, len(item.attrs)))
        else:
            found.append((name, len(item), len(item.attrs)))

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def with_hdfchk(path: str) -> list[Any]:
    """List the same with `describe`."""
    return list(HDF5Checkpointer(path, mode="r").describe())


def least(
    work: Callable[[str], Any], other: Callable[[str], Any], path: str
) -> tuple[float, float]:
    """Return the minimum processor time of each of two functions, which take turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for function, taken in zip((work, other), times, strict=True):
            gc.collect()
            begin = time.process_time()
            function(path)
            taken.append(time.process_time() - begin)
    return min(times[0]), min(times[1])


def main() -> None:
    """Print the ratios."""
    flat = {f"key{index}": float(index) for index in range(10_000)}
    arrays = {f"key{index}": np.arange(10.0 + index) for index in range(100)}
    nested = {f"group{number}": dict(arrays) for number in range(100)}
    with tempfile.TemporaryDirectory() as folder:
        for name, tree in (("flat", flat), ("nested", nested)):
            path = os.path.join(folder, f"{name}.hdf5")
            save(path, tree)
            assert len(with_h5py(path)) == len(with_hdfchk(path))
            ours, theirs = least(with_hdfchk, with_h5py, path)
            print(f"{name}: describe() takes {ours / theirs:.2f} of the time of visititems")


if __name__ == "__main__":
    main()
