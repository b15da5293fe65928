"""The file as a whole: `verify`, `compact`, `recover`, and checksums of arrays."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CorruptFileError,
    HDF5Checkpointer,
    LockedError,
    ReadOnlyError,
    TransactionError,
    UnsupportedStoredError,
)

KILLED = """
import os, sys
import numpy as np
from hdfchk import HDF5Checkpointer
with HDF5Checkpointer(sys.argv[1]) as chk:
    chk["a"] = 1
    chk["b"] = np.arange(20000.0)
    os.kill(os.getpid(), 9)
"""

WRITES = """
import sys
from hdfchk import HDF5Checkpointer
with HDF5Checkpointer(sys.argv[1]) as chk:
    chk["a"] = 2
    print("written", flush=True)
    sys.stdin.readline()
"""


def kill_a_writer(path: str) -> None:
    """Leave a journal with commits beside the file."""
    process = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert process.returncode == -9 and os.path.exists(path + "-journal")


def flip(path: str, pattern: bytes) -> None:
    """Flip one bit in the only place where the file holds `pattern`."""
    raw = bytearray(Path(path).read_bytes())
    assert raw.count(pattern) == 1
    raw[raw.index(pattern) + len(pattern) // 2] ^= 4
    Path(path).write_bytes(raw)


# -- verify --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "pattern"),
    [
        ("array", np.arange(50_000.0), np.arange(20_000.0, 20_040.0).tobytes()),
        ("ints", np.arange(700, dtype="i4"), np.arange(300, 340, dtype="i4").tobytes()),
        ("text", "x" * 40_000 + "needle" + "y" * 40_000, b"xxneedleyy"),
        ("strings", np.array(["a" * 90, "needle", "b"], object), b"needle"),
        ("list", [f"item {i}" for i in range(5000)], b"item 2500"),
        ("bytes", b"\x01" * 5000 + b"needle" + b"\x02" * 5000, b"\x01needle\x02"),
    ],
)
def test_a_flipped_bit_is_found(path: str, key: str, value: Any, pattern: bytes) -> None:
    """With checksum=True, `verify` names the one key whose bytes have changed."""
    chk = HDF5Checkpointer(path, checksum=True)
    chk.update({"before": 1, "group": {key: value, "beside": np.ones(4000)}})
    assert chk.verify().ok
    flip(path, pattern)
    report = chk.verify()
    assert list(report.damaged) == [f"group/{key}"] and not report.ok
    assert set(report.whole) == {"before", "group/beside"}
    error = report.damaged[f"group/{key}"]
    assert isinstance(error, CorruptFileError) and path in str(error) and key in str(error)
    assert chk["before"] == 1 and chk["group/beside"].sum() == 4000


def test_without_checksums_it_is_not(path: str) -> None:
    """The control: nobody can tell that a bit of an array without a checksum has changed."""
    chk = HDF5Checkpointer(path)
    chk["array"] = np.arange(50_000.0)
    flip(path, np.arange(20_000.0, 20_040.0).tobytes())
    assert chk.verify().ok


def test_checksums_follow_changes(path: str) -> None:
    """Slices and appends keep what is checked true; h5py reads the arrays as ever."""
    chk = HDF5Checkpointer(path, checksum=True)
    chk["a"] = np.arange(50_000.0)
    chk["s"] = np.array(["one", "two" * 50], np.dtypes.StringDType())
    chk.array("a")[10:20] = 0
    chk.array("a").append(np.ones(300))
    chk.array("s")[0] = "changed"
    assert chk.verify().ok
    assert chk["a"].shape == (50_300,) and chk["s"].tolist() == ["changed", "two" * 50]
    with h5py.File(path) as file:
        assert file["a"].fletcher32 and file["a"][15] == 0


def test_report(path: str) -> None:
    """What is no value is told apart from what is damaged; every attribute is read."""
    chk = HDF5Checkpointer(path)
    chk.update({"a": 1, "g": {"b": [1, {"c": 2}]}})
    with h5py.File(path, "a") as file:
        file["out"] = h5py.ExternalLink("elsewhere.h5", "/x")
        file["reference"] = file["a"].ref
        file["again"] = file["g"]
        file.create_dataset("odd", data=1).attrs["hdfchk"] = "nobody/1"
    said: list[tuple[int, int]] = []
    report = chk.verify(progress=lambda done, total: said.append((done, total)))
    assert report.ok and set(report.unread) == {"out", "reference", "odd"}
    assert "a" in report.whole and {"g/b", "again/b"} & set(report.whole)
    assert said[-1] == (len(said), len(said))
    with pytest.raises(FileNotFoundError):
        HDF5Checkpointer(path + ".none", mode="r").verify()
    Path(path).write_bytes(b"no HDF5")
    with pytest.raises(CorruptFileError, match=r"store\.hdf5"):
        chk.verify()


# -- compact -------------------------------------------------------------------------------------


def test_compact_gives_space_back(path: str) -> None:
    """Values, order, attributes, links and rights are as before; the space is given back."""
    chk = HDF5Checkpointer(path)
    chk.update({f"k{i}": np.full(50_000, float(i)) for i in reversed(range(8))})
    chk["g"] = {"z": [1, "two"], "a": None}
    chk.group("g").attrs["units"] = "eV"
    with h5py.File(path, "a") as file:
        file["hard"] = file["g/z"]
        file["group again"] = file["g"]
        file["soft"] = h5py.SoftLink("/g/z")
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["out"] = h5py.ExternalLink("elsewhere.h5", "/x")
        file.create_dataset("gzip", data=np.arange(9000), compression="gzip")
        file.attrs["title"] = "a run"
    for i in range(1, 8):
        del chk[f"k{i}"]
    os.chmod(path, 0o640)
    del chk["k0"]
    chk["k0"] = 5
    wanted = {key: chk[key] for key in ("g", "hard", "soft", "k0", "gzip", "group again")}
    order, size = list(chk), os.path.getsize(path)
    said: list[tuple[int, int]] = []
    gain = chk.compact(progress=lambda done, total: said.append((done, total)))
    assert gain == size - os.path.getsize(path) and os.path.getsize(path) < 120_000 < gain
    assert list(chk) == order and chk.attrs["title"] == "a run"
    for key, value in wanted.items():
        assert np.array_equal(chk[key], value) if key == "gzip" else chk[key] == value
    assert chk.group("g").attrs["units"] == "eV" and stat.S_IMODE(os.stat(path).st_mode) == 0o640
    with h5py.File(path) as file:
        assert file["hard"] == file["g/z"] and file["group again"] == file["g"]
        assert isinstance(file.get("soft", getlink=True), h5py.SoftLink)
        assert file.get("dangling", getlink=True).path == "/nowhere"
        assert file.get("out", getlink=True).filename == "elsewhere.h5"
        assert file["gzip"].compression == "gzip"
    assert said[-1][0] == said[-1][1] and [done for done, _ in said] == list(
        range(1, len(said) + 1)
    )
    assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]
    chk["more"] = 1  # and it goes on being written
    assert chk["more"] == 1 and list(chk) == [*order, "more"]


def test_compact_keeps_a_userblock(path: str) -> None:
    """What other tools put in front of the file stays there."""
    with h5py.File(path, "w", userblock_size=1024) as file:
        file["a"] = np.ones(5000)
    with open(path, "r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file")
    HDF5Checkpointer(path).compact()
    assert Path(path).read_bytes().startswith(b"MATLAB 7.3 MAT-file")
    assert HDF5Checkpointer(path)["a"].sum() == 5000


def test_compact_refuses(path: str) -> None:
    """What a copy would break is refused, and the file stays as it is, byte for byte."""
    with h5py.File(path, "w") as file:
        file["a"] = 1
        lost = file.create_group("lost")
        lost["itself"], file["g/ref"] = lost, lost.ref
        file["a"].attrs["ref"] = lost.ref
        del file["lost"]
    before = Path(path).read_bytes()
    chk = HDF5Checkpointer(path)
    with pytest.raises(UnsupportedStoredError, match=r"attribute 'ref'"):
        chk.compact()
    with h5py.File(path, "a") as file:
        del file["a"].attrs["ref"]
    with pytest.raises(UnsupportedStoredError, match=r"reference.*g/ref"):
        chk.compact()
    assert len(before) and os.listdir(os.path.dirname(path)) == ["store.hdf5"]
    with pytest.raises(UnsupportedStoredError, match="path"):
        HDF5Checkpointer(io.BytesIO()).compact()
    with pytest.raises(ReadOnlyError):
        HDF5Checkpointer(path, mode="r").compact()
    with pytest.raises(FileNotFoundError):
        HDF5Checkpointer(path + ".none").compact()
    with chk.transaction(), pytest.raises(TransactionError):
        chk.compact()


def test_compact_is_atomic(path: str) -> None:
    """An error on the way, and a kill, leave the old file alone, and nothing beside it."""
    chk = HDF5Checkpointer(path)
    chk.update({"a": np.ones(5000), "b": 2})
    before = Path(path).read_bytes()

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        chk.compact(progress=stop)
    assert Path(path).read_bytes() == before
    assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]
    killed = (
        "import os, sys; from hdfchk import HDF5Checkpointer as H; "
        "H(sys.argv[1]).compact(lambda done, total: done == 2 and os.kill(os.getpid(), 9))"
    )
    process = subprocess.run([sys.executable, "-c", killed, path], check=False)
    assert process.returncode == -9 and Path(path).read_bytes() == before
    assert chk["b"] == 2
    chk["c"] = 3  # the next writer clears up
    assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]
    assert chk.load().keys() == {"a", "b", "c"}


def test_compact_beside_readers(path: str) -> None:
    """A reader goes on with the state it has open; a writer is waited for."""
    chk = HDF5Checkpointer(path, lock_timeout=0.2)
    chk["a"] = np.ones(5000)
    with HDF5Checkpointer(path, mode="r") as reader:
        assert reader["a"].sum() == 5000
        chk.compact()
        chk["a"] = 1
        assert reader["a"].sum() == 5000
    assert chk["a"] == 1
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITES, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdout.readline() == b"written\n"
    with pytest.raises(LockedError):
        chk.compact()
    writer.communicate(b"\n")
    assert writer.returncode == 0
    chk.compact()
    assert chk["a"] == 2
    with HDF5Checkpointer(path) as other:  # of this process: it goes on with the new file
        other["a"] = 3
        chk.compact()
        assert other["a"] == 3
        other["b"] = 4
    assert chk.load() == {"a": 3, "b": 4}


def test_compact_inside_with(path: str) -> None:
    """Inside a block the file is compacted and opened again; a journal is brought in first."""
    with HDF5Checkpointer(path) as chk:
        chk["a"] = np.ones(100_000)
        chk["b"] = np.ones(20_000)
        del chk["a"]
        assert chk.compact() > 700_000
        chk["c"] = 2
        assert chk["b"].sum() == 20_000 and list(chk) == ["b", "c"]
    os.unlink(path)
    kill_a_writer(path)
    HDF5Checkpointer(path).compact()
    assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]
    with h5py.File(path) as file:
        assert file["a"][()] == 1 and file["b"].shape == (20_000,)


# -- recover -------------------------------------------------------------------------------------


def test_recover(path: str) -> None:
    """It brings in what a killed writer has left, once, so that plain h5py finds it, too."""
    kill_a_writer(path)
    with h5py.File(path) as file:
        assert "b" not in file
    assert HDF5Checkpointer(path, mode="r")["b"].shape == (20_000,)  # readers see it anyway
    assert os.path.exists(path + "-journal")
    said: list[tuple[int, int]] = []
    chk = HDF5Checkpointer(path)
    assert chk.recover(progress=lambda done, total: said.append((done, total)))
    assert said[-1][0] == said[-1][1] > 0
    assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]
    with h5py.File(path) as file:
        assert file["a"][()] == 1 and file["b"].shape == (20_000,)
    assert not chk.recover()


def test_recover_waits_for_readers(path: str) -> None:
    """While somebody reads the file it is not changed."""
    kill_a_writer(path)
    chk = HDF5Checkpointer(path, lock_timeout=0.2)
    with HDF5Checkpointer(path, mode="r") as reader:
        assert reader["a"] == 1
        with pytest.raises(LockedError, match="readers"):
            chk.recover()
        assert reader["b"].shape == (20_000,)
    assert chk.recover()


def test_recover_elsewhere() -> None:
    """A store that has no journal has nothing to recover."""
    assert not HDF5Checkpointer(None).recover()
    assert not HDF5Checkpointer(io.BytesIO()).recover()
