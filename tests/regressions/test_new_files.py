"""New files: what HDF5 writes through a buffer and what bypasses HDF5 do not get in each other's way."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, LockedError, NotDurableError

from .children import in_child, started
from .failing import Calls

NEW = np.arange(4000.0)
COLUMN = np.full((4000, 2), 7.0)[:, 0]


def _deleted(chk: Any) -> None:
    chk["a"] = COLUMN
    del chk["a"]


def _replaced(chk: Any) -> None:
    chk["a"] = COLUMN
    chk["a"] = "text"


def _compressed(chk: Any) -> None:
    chk.put("a", np.random.default_rng(0).random(4000), compression="gzip")
    chk["a"] = "text"


def _blocks(chk: Any) -> None:
    chk.write_blocks("a", [COLUMN])
    chk["a"] = None


def _same_key(chk: Any) -> None:
    chk["b"] = COLUMN


@pytest.mark.parametrize("first", [_deleted, _replaced, _compressed, _blocks, _same_key])
def test_an_array_takes_the_place_of_one_that_was_given_up(tmp_path: Path, first: Any) -> None:
    """What was written for the old one is not written over the new one later."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path)
    with chk.transaction():
        first(chk)
        chk["b"] = NEW
        chk.update({f"k{n}": NEW + n for n in range(3)})
    with h5py.File(path) as h5:
        assert np.array_equal(h5["b"][()], NEW)
        for n in range(3):
            assert np.array_equal(h5[f"k{n}"][()], NEW + n)


@pytest.mark.parametrize("seed", range(12))
def test_random_transactions_that_make_a_file(tmp_path: Path, seed: int) -> None:
    """Arrays of all layouts, made, replaced and deleted before the first commit."""
    chance, path = random.Random(seed), tmp_path / "x.hdf5"
    model: dict[str, Any] = {}
    chk = HDF5Checkpointer(path)
    with chk.transaction():
        for step in range(150):
            key, rows = f"k{chance.randrange(6)}", chance.choice((10, 600, 4000, 20000))
            whole = np.full((rows, 2), float(step))
            match chance.randrange(6):
                case 0:
                    model.pop(key, None)
                    chk.pop(key, None)
                    continue
                case 1:
                    chk[key] = whole[:, 0]
                case 2:
                    chk.put(key, whole[:, 0].copy(), compression="gzip")
                case 3:
                    chk.write_blocks(key, [whole[: rows // 2, 0], whole[rows // 2 :, 0]])
                case _:
                    chk[key] = whole[:, 0].copy()
            model[key] = whole[:, 0]
    with h5py.File(path) as h5:
        assert set(h5) == set(model)
        for key, value in model.items():
            assert np.array_equal(h5[key][()], value), key


@in_child
def test_a_file_that_has_appeared_is_a_commit(tmp_path: Path) -> None:
    """A disk that fails when a new file has its place, and is read, takes nothing back."""
    stood = 0
    for first in range(40):
        folder = tmp_path / str(first)
        folder.mkdir()
        path, expected = folder / "x.hdf5", {"b": 2}
        with contextlib.suppress(OSError), Calls(folder) as calls, HDF5Checkpointer(path) as chk:
            calls.fail("read", first=first, name="x.hdf5-new-" if first % 2 else "")
            try:
                with chk.transaction():
                    chk["a"] = 1
                expected["a"] = 1
            except NotDurableError:
                stood += 1
                expected["a"] = 1
            except OSError:
                assert not path.exists(), first
            calls.off()
            chk["b"] = 2
        with h5py.File(path) as h5:
            assert {key: h5[key][()] for key in h5} == expected, first
    assert stood


MAKER = """
import sys
from hdfchk import HDF5Checkpointer
with HDF5Checkpointer(sys.argv[1]) as chk:
    with chk.transaction():
        chk["a"] = 1
        print("begun", flush=True)
        sys.stdin.readline()
    print("there", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.slow
@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("how", ["assign", "block", "transaction", "update"])
def test_mode_x_beside_a_writer_that_stays(tmp_path: Path, how: str, journal: bool) -> None:
    """A file that is there is a `FileExistsError` of mode "x" at once, whoever holds it."""
    if how == "transaction" and not journal:
        return
    path = tmp_path / "x.hdf5"
    with started(MAKER, path) as maker:
        assert maker.stdout is not None and maker.stdin is not None
        assert maker.stdout.readline() == "begun\n"
        maker.stdin.write("\n")
        maker.stdin.flush()
        assert maker.stdout.readline() == "there\n"
        chk = HDF5Checkpointer(path, mode="x", lock_timeout=60, journal=journal)
        start = time.monotonic()
        with pytest.raises(FileExistsError, match=str(path)):
            match how:
                case "assign":
                    chk["b"] = 1
                case "update":
                    chk.update({"b": 1})
                case "transaction":
                    with chk.transaction():
                        chk["b"] = 1
                case _:
                    with chk:
                        chk["b"] = 1
        assert time.monotonic() - start < 20
    assert HDF5Checkpointer(path, mode="r").load() == {"a": 1}


def test_mode_x_waits_for_who_makes_the_file(tmp_path: Path) -> None:
    """While another one makes the file it is waited for, and no longer than until it appears."""
    path = tmp_path / "x.hdf5"
    with started(MAKER, path) as maker:
        assert maker.stdout is not None and maker.stdin is not None
        assert maker.stdout.readline() == "begun\n"
        with pytest.raises(LockedError):
            HDF5Checkpointer(path, mode="x", lock_timeout=0.1)["b"] = 1
        chk = HDF5Checkpointer(path, mode="x", lock_timeout=60)
        timer = threading.Timer(0.5, lambda: print(file=maker.stdin, flush=True))
        timer.start()
        start = time.monotonic()
        with pytest.raises(FileExistsError):
            chk["b"] = 1
        assert 0.3 < time.monotonic() - start < 20
        timer.join()
    with HDF5Checkpointer(path) as chk:
        assert chk.load() == {"a": 1}


@pytest.mark.parametrize("inside", [True, False])
@in_child
def test_a_name_that_could_not_be_removed_at_once(tmp_path: Path, inside: bool) -> None:
    """The name under which a file was made is removed at the end, if it could not be before."""
    folder = tmp_path / "runs"
    folder.mkdir()
    with Calls(folder) as calls:
        calls.fail("unlink")
        chk = HDF5Checkpointer(folder / "x.hdf5")
        with chk if inside else contextlib.nullcontext():
            chk["a"] = [1, None]
        assert calls.failed == 1
    assert [path.name for path in folder.iterdir()] == ["x.hdf5"]
    assert HDF5Checkpointer(folder / "x.hdf5").load() == {"a": [1, None]}


@pytest.mark.parametrize("times", [1, 2, 4, 1000])
def test_the_first_name_goes_with_the_next_writer(tmp_path: Path, times: int) -> None:
    """Where the name under which a file was made cannot be removed at all, the next writer does."""
    folder = tmp_path / "runs"
    folder.mkdir()
    path = folder / "x.hdf5"
    with Calls(folder) as calls:
        calls.fail("unlink", times=times)
        with contextlib.suppress(OSError):
            HDF5Checkpointer(path)["a"] = 1
    os.link(path, folder / "mine.hdf5")
    os.link(path, folder / "x.hdf5-new-mine")
    HDF5Checkpointer(path)["b"] = 2
    assert set(os.listdir(folder)) == {"x.hdf5", "mine.hdf5", "x.hdf5-new-mine"}
    assert HDF5Checkpointer(path).load() == {"a": 1, "b": 2}


@pytest.mark.parametrize("times", [1, 2, 4, 6])
def test_nothing_stays_beside_after_a_compaction_that_failed(tmp_path: Path, times: int) -> None:
    """Whatever calls fail in `compact`, in a row, the next writer leaves the file alone there."""
    tried = 0
    for first in range(1000):
        folder = tmp_path / f"run{first}"
        folder.mkdir()
        path = folder / "x.hdf5"
        HDF5Checkpointer(path).update({"a": np.arange(1000), "b": {"c": 1}})
        with Calls(folder) as calls:
            calls.fail(first=first, times=times)
            with contextlib.suppress(OSError):
                HDF5Checkpointer(path).compact()
        if not calls.failed:
            break
        tried += 1
        HDF5Checkpointer(path)["later"] = 1
        assert os.listdir(folder) == ["x.hdf5"], first
        assert HDF5Checkpointer(path)["a"].shape == (1000,)
    assert tried > 10
