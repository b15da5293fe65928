"""The first commit of a new file: made in memory if it is small, and in the file if not."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, NotAGroupError, load, save
from hdfchk.backends.hdf5.wal import first_commit
from hdfchk.backends.hdf5.wal.new_file import ScratchFile
from tests.support.exact import differs

SMALL: dict[str, Any] = {
    "groups": {f"g{i}": {"x": np.arange(10.0) + i, "n": i} for i in range(40)},
    "text": ["a", "b"],
    "rows": np.arange(3000).reshape(1000, 3),
}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes HDF5 hands to file objects of new files, each time."""
    counts: list[int] = []
    real = ScratchFile.write

    def write(self: ScratchFile, data: Any) -> int:
        counts.append(len(data))
        return real(self, data)

    monkeypatch.setattr(ScratchFile, "write", write)
    return counts


def test_small_trees_are_made_in_memory(path: str, written: list[int]) -> None:
    """HDF5 calls no Python for their objects, and the file is as any other."""
    save(path, SMALL)
    assert not written
    assert differs(load(path), SMALL) is None
    with h5py.File(path, "r+") as file:
        assert file["groups/g7/x"][3] == 10.0
        file["added"] = 1
    with HDF5Checkpointer(path) as chk:
        chk["more"] = np.ones(50)
        del chk["groups"]
    assert HDF5Checkpointer(path).verify().damaged == {}
    assert list(load(path)) == ["text", "rows", "added", "more"]


def test_the_first_assignment(path: str, written: list[int]) -> None:
    """So is a store's first assignment; what follows goes through the log."""
    with HDF5Checkpointer(path) as chk:
        chk["a"] = 1
        chk["b"] = {"c": np.arange(5)}
        chk.append("loss", 0.5)
    assert not written
    assert differs(load(path), {"a": 1, "b": {"c": np.arange(5)}, "loss": np.array([0.5])}) is None


@pytest.mark.parametrize("how", ["large", "draft", "transaction", "stream"])
def test_what_may_be_large_is_made_in_the_file(path: str, written: list[int], how: str) -> None:
    """What is large, or could become so, takes no memory."""
    big = np.arange(first_commit.MEMORY_BYTES // 8 + 1, dtype=np.float64)
    expected: dict[str, Any] = {"x": big, "y": 1}
    with HDF5Checkpointer(path) as chk:
        if how == "large":
            chk.update(expected)
        elif how == "draft":
            other = HDF5Checkpointer(None)
            other["x"] = big
            chk["x"] = other.array("x")
        elif how == "transaction":
            with chk.transaction():
                chk["y"] = 1
                chk["x"] = big
        else:
            chk.stream["x"] = big
        assert written
        if how in {"draft", "stream"}:
            chk["y"] = 1
    assert differs({key: load(path)[key] for key in expected}, expected) is None


@pytest.mark.parametrize("room", [0, 100, 5000])
def test_a_full_disk(path: str, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """The commit is given up, nothing is in its place, and the store works on."""
    real = os.pwrite

    def pwrite(descriptor: int, data: Any, offset: int) -> int:
        if offset + len(data) > room and not os.readlink(f"/proc/self/fd/{descriptor}").endswith(
            "-journal"
        ):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data, offset)

    with HDF5Checkpointer(path) as chk:
        monkeypatch.setattr(os, "pwrite", pwrite)
        with pytest.raises(OSError, match="No space"):
            chk.update(SMALL)
        assert not Path(path).exists()
        assert chk.load() == {}
        monkeypatch.undo()
        chk.update(SMALL)
    assert differs(load(path), SMALL) is None
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def test_a_refused_change(path: str) -> None:
    """What is refused half way leaves nothing of itself in memory."""
    with HDF5Checkpointer(path) as chk:
        with pytest.raises(NotAGroupError):
            chk.update({"a": 1, "a/b": 2})
        assert chk.load() == {} and not Path(path).exists()
        chk["a"] = 2
    assert load(path) == {"a": 2}


def test_both_ways_are_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was made in memory has the objects of one that was not, and is about as long."""
    save(tmp_path / "memory.h5", SMALL)
    monkeypatch.setattr(first_commit, "MEMORY_BYTES", -1)
    save(tmp_path / "file.h5", SMALL)
    seen = []
    for name in ("memory.h5", "file.h5"):
        with h5py.File(tmp_path / name) as file:
            objects: list[Any] = []
            file.visititems(lambda key, item, to=objects: to.append((key, type(item), *item.attrs)))
            seen.append(objects)
    assert seen[0] == seen[1]
    sizes = [(tmp_path / name).stat().st_size for name in ("memory.h5", "file.h5")]
    assert abs(sizes[0] - sizes[1]) <= 2**13
