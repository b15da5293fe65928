"""HDF5 2.0 writes past its buffers where it packs chunks anew to copy a dataset.

It does so of a dataset of which somebody has unpacked chunks in memory, and of items of variable
length. The heap is damaged then: each test is done in a child.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer

from .children import in_child

PACKED: dict[str, dict[str, Any]] = {
    "gzip": {"compression": 4, "fletcher32": True},
    "shuffle": {"shuffle": True, "compression": 4, "fletcher32": True},
    "lzf": {"compression": "lzf", "fletcher32": True},
    "scaleoffset": {"scaleoffset": 0},
    "zstd": {"shuffle": True, **hdf5plugin.Zstd()},
}
ROUNDS = 5


def numbers() -> np.ndarray[Any, Any]:
    """Numbers that can be packed, but not to nothing."""
    return np.random.default_rng(0).integers(0, 2**40, 40_000)


def make(path: Path, kind: str) -> np.ndarray[Any, Any]:
    """Make a file with a dataset in 40 chunks."""
    data = numbers()
    with h5py.File(path, "w") as file:
        options = {"chunks": (1000,), "maxshape": (None,), **PACKED[kind]}
        file.create_dataset("x", data=data, **options).attrs["unit"] = "m"
        file["y"] = 1
    return data


@pytest.mark.parametrize("kind", PACKED)
@in_child
def test_a_commit(tmp_path: Path, kind: str) -> None:
    """What is replaced is kept until the commit is through; its user has read it."""
    path = tmp_path / "user.hdf5"
    data = make(path, kind)
    new = np.arange(50_000.0)
    for _ in range(ROUNDS):
        make(path, kind)
        with h5py.File(path, "r+") as file:
            users = file["x"]
            users[...]
            chk = HDF5Checkpointer(file)
            chk.update({"x": new, "y": np.arange(3)})
            assert np.array_equal(chk["x"], new) and np.array_equal(users[...], data)
            assert file["x"].attrs["unit"] == "m"


@pytest.mark.parametrize("kind", PACKED)
@in_child
def test_compaction(tmp_path: Path, kind: str) -> None:
    """The file is open in this process, too, and was read there."""
    path = tmp_path / "user.hdf5"
    for _ in range(ROUNDS):
        data = make(path, kind)
        with h5py.File(path) as file:
            users = file["x"]
            users[...]
            HDF5Checkpointer(path).compact()
        with h5py.File(path) as file:
            assert np.array_equal(file["x"][...], data) and file["x"].attrs["unit"] == "m"
            assert file["x"].maxshape == (None,) and file["x"].chunks == (1000,)


@pytest.mark.parametrize("kind", ["gzip", "lzf", "zstd"])
@in_child
def test_items_of_variable_length(tmp_path: Path, kind: str) -> None:
    """Compaction copies them, too."""
    path = tmp_path / "user.hdf5"
    wanted = ["a" * (i % 50) for i in range(4000)]
    options: dict[str, Any] = {"gzip": {"compression": 4}, "lzf": {"compression": "lzf"}}.get(
        kind, dict(hdf5plugin.Zstd())
    )
    with h5py.File(path, "w") as file:
        made = file.create_dataset(
            "x", (4000,), chunks=(100,), dtype=h5py.string_dtype(), **options
        )
        made[:] = wanted
        made.attrs["unit"] = "m"
    for _ in range(ROUNDS):
        HDF5Checkpointer(path).compact()
    with h5py.File(path) as file:
        assert file["x"].asstr()[:].tolist() == wanted and file["x"].attrs["unit"] == "m"
