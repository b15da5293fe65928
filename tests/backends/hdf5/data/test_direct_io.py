"""Arrays in one piece, which pass HDF5 by: the same bytes, or HDF5 has its say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import (
    ClosedError,
    CorruptFileError,
    HDF5Checkpointer,
    LockedError,
    UnsafeFileError,
    UnsupportedStoredError,
)
from hdfchk.backends.hdf5.data import direct_io as pieces
from hdfchk.backends.hdf5.wal import first_commit

KINDS = ("<f8", ">f8", "<f4", "<i2", "|u1", "|b1", "<c16", "|S7", "<f2", "<M8[s]")
RECORDS = np.zeros(999, [("a", "<i4"), ("b", ">f8"), ("c", "S3", (2,))])


def tree() -> dict[str, Any]:
    """Arrays of more than a few bytes, each in one piece, of many dtypes."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {name: rng.integers(0, 100, (40, 50)).astype(name) for name in KINDS}
    RECORDS["b"] = np.arange(999)
    return {
        "arrays": arrays,
        "records": RECORDS,
        "fortran": np.asfortranarray(rng.random((60, 70))),
        "strided": rng.random((200, 9))[::2, 1:4],
        "text": np.array(["é", "text"] * 2000),
        "long": np.arange(2000, dtype=np.longdouble),
    }


def same(got: Any, want: Any) -> bool:
    """Whether nested dicts of arrays are alike, to the dtype."""
    if isinstance(want, dict):
        return list(got) == list(want) and all(same(got[key], want[key]) for key in want)
    return bool(got.dtype == want.dtype and np.array_equal(got, want))


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What passes HDF5 by: a word for each piece."""
    words: list[str] = []
    for name in ("preadv", "pwrite"):
        real = getattr(os, name)

        def call(*args: Any, _name: str = name, _real: Any = real) -> int:
            words.append(_name)
            done: int = _real(*args)
            return done

        monkeypatch.setattr(pieces.os if name == "preadv" else os, name, call)
    return words


def test_both_ways(path: str, passed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file's arrays are those of HDF5's own writing, and are read as HDF5 reads them."""
    monkeypatch.setattr(first_commit, "MEMORY_BYTES", 2**16)
    HDF5Checkpointer(path).update(tree())
    assert passed.count("pwrite") > len(KINDS)
    with h5py.File(path) as file:
        assert all(
            file[f"arrays/{name}"][()].tobytes() == value.tobytes()
            for name, value in tree()["arrays"].items()
        )
        assert np.array_equal(file["records"][()], RECORDS)
    passed.clear()
    assert same(HDF5Checkpointer(path).load(), tree()) and "preadv" in passed
    chk = HDF5Checkpointer(path)
    assert same(chk["records"], RECORDS) and same(chk["arrays"].load(), tree()["arrays"])


def test_a_system_that_gives_less(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may read and write less than it is asked to."""
    read, write = os.preadv, os.pwrite
    monkeypatch.setattr(os, "preadv", lambda fd, buffers, at: read(fd, [_some(buffers[0])], at))
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: write(fd, _some(data), at))
    HDF5Checkpointer(path).update(tree())
    assert same(HDF5Checkpointer(path).load(), tree())


def _some(buffer: Any) -> memoryview:
    view = memoryview(buffer.reshape(-1).view(np.uint8) if hasattr(buffer, "view") else buffer)
    return view[: max(1, len(view) // 3)]


def test_a_file_cut_short(path: str) -> None:
    """What is not there is an error of HDF5's, and not an array of anything."""
    HDF5Checkpointer(path).update({"x": np.ones(5000), "y": np.ones(50_000)})
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - 1000)
    with pytest.raises(CorruptFileError):
        HDF5Checkpointer(path).load()


def test_a_full_disk(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the system gives the commit up, and is raised as it is."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space left"):
            HDF5Checkpointer(path).update(tree())
    assert not os.path.exists(path) and not os.listdir(os.path.dirname(path))
    HDF5Checkpointer(path).update(tree())
    assert same(HDF5Checkpointer(path).load(), tree())


def test_a_user_block(path: str) -> None:
    """Places count from the beginning of the file, also where HDF5's own part begins later."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["x"] = np.arange(5000.0)
        file.create_dataset("never written", (5000,), "f8")
    loaded = HDF5Checkpointer(path).load()
    assert np.array_equal(loaded["x"], np.arange(5000.0))
    assert not loaded["never written"].any() and len(loaded["never written"]) == 5000


def test_another_file_by_a_link(tmp_path: Path, path: str) -> None:
    """With trust, what a link leads to is read, and never mapped, from the file that has it."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.arange(20_000.0)
    with h5py.File(path, "w") as file:
        file["mine"] = -np.ones(60_000)
        file["link"] = h5py.ExternalLink("other.h5", "/x")
        file["group"] = h5py.ExternalLink("other.h5", "/")
    with hdfchk.trusting():
        chk = HDF5Checkpointer(path)
        for mmap in (False, True):
            loaded = chk.load(mmap=mmap)
            for found in (loaded["link"], loaded["group"]["x"], chk.load("link", mmap=mmap)):
                assert np.array_equal(found, np.arange(20_000.0))
        for key in ("link", "group/x"):
            with pytest.raises(UnsupportedStoredError, match="in another file"):
                chk.array(key).map()
        assert chk.array("mine").map()[0] == -1.0


def test_trust_is_not_kept(tmp_path: Path, path: str) -> None:
    """What was opened with trust is not had without it, and is not held open."""
    other = str(tmp_path / "other.h5")
    with h5py.File(other, "w") as file:
        file["x"] = file["g/x"] = np.arange(5000.0)
    with h5py.File(path, "w") as file:
        file["mine"] = np.full(50_000, 7.0)
        file["link"] = h5py.ExternalLink("other.h5", "/x")
        file["group"] = h5py.ExternalLink("other.h5", "/g")
    with HDF5Checkpointer(path, mode="r") as chk:
        for key in ("link", "group"):
            with hdfchk.trusting():
                chk.load(key)
                assert chk.load("link")[3] == 3.0
            for read in (chk.__getitem__, chk.load):
                with pytest.raises(UnsafeFileError):
                    read(key)
        with pytest.raises(UnsafeFileError):
            _ = chk.array("link")[:2]
        HDF5Checkpointer(other)["y"] = 1
        assert not os.path.exists(f"{other}-journal")


def test_a_file_closed_by_somebody(path: str) -> None:
    """What was looked at last is not had from a file that is closed."""
    HDF5Checkpointer(path)["x"] = np.arange(5000)
    with HDF5Checkpointer(path, mode="r") as chk:
        assert chk["x"][1] == 1
        chk.stream.close()
        with pytest.raises(ClosedError):
            chk["x"]


@pytest.mark.parametrize("order", ["ours", "theirs"])
def test_beside_h5py_in_one_process(path: str, order: str) -> None:
    """A file that plain h5py has open for reading is read, and the other way round."""
    HDF5Checkpointer(path)["x"] = np.arange(5000)
    chk = HDF5Checkpointer(path, mode="r")
    if order == "theirs":
        with h5py.File(path) as file:
            assert chk["x"].sum() == file["x"][()].sum()
            with chk:
                assert chk["x"][3] == 3
            assert file["x"][4] == 4
    else:
        with chk:
            assert chk["x"][3] == 3
            with h5py.File(path) as file:
                assert file["x"][4] == 4
            assert chk.load()["x"][5] == 5
    with h5py.File(path, "a") as file:
        file["y"] = 1
        with pytest.raises(LockedError):
            HDF5Checkpointer(path, mode="r", lock_timeout=0.0)["x"]


LOCKS_OFF = """
import sys
import numpy as np
from hdfchk import HDF5Checkpointer
writer = HDF5Checkpointer(sys.argv[1], journal=False)
writer["x"] = np.zeros(3000)
with writer, HDF5Checkpointer(sys.argv[1], mode="r") as reader:
    writer.array("x")[10:20] = 1.0
    before = reader["x"].sum()
    writer.array("x")[30:40] = 1.0
    print(before, reader["x"].sum(), reader.array("x")[5:35].sum())
"""


@pytest.mark.slow
def test_beside_a_writer_without_locks(path: str) -> None:
    """What a writer of the same process has, and HDF5 has not written yet, is read."""
    out = subprocess.run(
        [sys.executable, "-c", LOCKS_OFF, path], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[4], env={**os.environ, "HDF5_USE_FILE_LOCKING": "FALSE"},
    )  # fmt: skip
    assert out.stdout.split() == ["10.0", "20.0", "15.0"]


FORK = """
import os, sys
import numpy as np
from hdfchk import HDF5Checkpointer
chk = HDF5Checkpointer(sys.argv[1])
with chk, chk.transaction():
    chk["a"] = np.arange(50_000)
    child = os.fork()
    if not child:
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
print(chk["a"].sum())
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_in_a_new_file(path: str) -> None:
    """A child lets go of its parent's new file, whose arrays HDF5 knows nothing of, in silence."""
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, path], capture_output=True, text=True,
        check=True, cwd=Path(__file__).parents[4],
    )  # fmt: skip
    assert (out.stdout, out.stderr) == ("1249975000\n", "")
