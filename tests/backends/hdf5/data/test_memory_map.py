"""Memory maps: arrays as they lie in the file, and why some do not."""

from __future__ import annotations

import io
import mmap
import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, PendingJournalWarning, UnsupportedStoredError

ROOT = Path(__file__).parents[4]
BIG = np.arange(30_000.0).reshape(300, 100)


def is_map(value: Any) -> bool:
    """Whether an array is a view of a mapped file."""
    while isinstance(value, np.ndarray):
        value = value.base
    return isinstance(value, mmap.mmap)


def test_load(path: str) -> None:
    """`load(mmap=True)` maps what can be, and reads the rest: the same values, types and order."""
    chk = HDF5Checkpointer(path)
    chk["big"] = BIG
    chk["d"] = {"ints": np.arange(50_000), "small": np.arange(3), "text": "a", "list": [1, 2]}
    chk["times"] = np.arange(20_000).astype("M8[s]")
    chk["fortran"] = np.asfortranarray(BIG)
    chk["records"] = np.zeros(20_000, [("a", "<i4"), ("b", "<f8")])
    chk.put("packed", BIG, compression="gzip")
    chk["strings"] = np.array(["text"] * 30_000)
    plain, mapped = chk.load(), chk.load(mmap=True)
    assert list(plain) == list(mapped)
    for key in ("big", "times", "records"):
        assert is_map(mapped[key]) and type(mapped[key]) is np.ndarray
        assert mapped[key].dtype == plain[key].dtype and not mapped[key].flags.writeable
    assert is_map(mapped["d"]["ints"]) and not is_map(mapped["d"]["small"])
    assert not is_map(mapped["packed"]) and not is_map(plain["big"])
    assert mapped["fortran"].flags.f_contiguous
    for key in ("big", "times", "fortran", "records", "packed", "strings"):
        assert np.array_equal(mapped[key], plain[key])
    assert mapped["d"]["list"] == [1, 2] and type(mapped["d"]["text"]) is str
    assert is_map(chk.load("d", mmap=True)["ints"]) and is_map(chk.load("big", mmap=True))


def test_of_a_store(path: str) -> None:
    """A store with `mmap=True` gives maps by keys, and so to functions; pickled, it still does."""
    HDF5Checkpointer(path).update({"big": BIG, "n": 2})
    chk = HDF5Checkpointer(path, mode="r", mmap=True)

    def run(big: Any, n: int) -> bool:
        return is_map(big) and n == 2

    assert run(**chk) and chk.call(run) and is_map(chk["big"]) and is_map(chk.load()["big"])
    assert is_map(pickle.loads(pickle.dumps(chk))["big"]) and not is_map(
        chk.load(mmap=False)["big"]
    )
    with chk:
        assert run(**chk)
    memory = HDF5Checkpointer(io.BytesIO(), mmap=True)
    memory["big"] = BIG
    assert not is_map(memory["big"]) and np.array_equal(memory["big"], BIG)


def test_beside_the_journal(path: str) -> None:
    """What is in the journal is read from there; a map waits until it is in the file."""
    HDF5Checkpointer(path)["first"] = 0
    told = pytest.warns(PendingJournalWarning, match="read, or mapped")
    with told, HDF5Checkpointer(path) as chk:
        chk["big"] = BIG
        chk.array("big")[0] = -1
        assert chk.load(mmap=True)["big"][0, 0] == -1  # whether mapped or read
        mapped = chk.array("big").map()
        assert is_map(mapped) and mapped[0, 0] == -1 and np.array_equal(mapped[1:], BIG[1:])
        chk["other"] = 1  # what is done to other keys does not matter
        assert np.array_equal(mapped[1:], BIG[1:])
        with HDF5Checkpointer(path, mode="r") as reader:
            assert reader["other"] == 1
            chk.array("big")[7] = 5
            with pytest.raises(UnsupportedStoredError, match="journal"):
                chk.array("big").map()  # not while somebody reads the file
            assert chk["big"][7, 0] == 5
        with HDF5Checkpointer(path, mode="r") as reader:
            assert reader.load(mmap=True)["big"][7, 0] == 5
        with pytest.raises(UnsupportedStoredError), chk.transaction():
            chk["new"] = BIG
            chk.array("new").map()
    # The map is of bytes that a checkpoint would change: it waits until the map is gone.
    assert np.array_equal(mapped[1:], BIG[1:]) and os.path.exists(path + "-journal")
    with HDF5Checkpointer(path, mode="r") as reader:
        assert reader["big"][7, 0] == 5
        with pytest.raises(UnsupportedStoredError, match="journal"):
            reader.array("big").map()
    del mapped
    assert HDF5Checkpointer(path).array("big").map()[7, 0] == 5
    assert not os.path.exists(path + "-journal")


def test_a_new_file(path: str) -> None:
    """A file that is not there yet, as nothing was committed, cannot be mapped."""
    chk = HDF5Checkpointer(path)
    with pytest.raises(UnsupportedStoredError), chk.transaction():
        chk["big"] = BIG
        assert np.array_equal(chk.load(mmap=True)["big"], BIG)
        chk.array("big").map()


def test_without_a_journal(path: str) -> None:
    """Stores that write straight into the file, and h5py's own files, map as well."""
    chk = HDF5Checkpointer(path, journal=False)
    with chk:
        chk["big"] = BIG
        assert np.array_equal(chk.array("big").map(), BIG)
    with h5py.File(path) as file:
        assert is_map(HDF5Checkpointer(file).array("big").map())


def test_of_a_group(path: str) -> None:
    """A group that somebody else has opened is mapped, too."""
    with h5py.File(path, "w") as file:
        file["g/big"] = BIG
        chk = HDF5Checkpointer(file["g"])
        assert is_map(chk.array("big").map()) and np.array_equal(chk.array("big").map(), BIG)
        assert is_map(chk.load(mmap=True)["big"])


def test_maps_hold_no_lock(path: str) -> None:
    """A map that is kept stops no writer: its commits come into the file at once."""
    chk = HDF5Checkpointer(path)
    chk["big"] = BIG
    kept = [chk.array("big").map(), chk.load(mmap=True)]
    chk["more"] = np.ones(50_000)
    chk["n"] = 1
    assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]
    chk.compact()  # another file: the map stays with the old one
    assert np.array_equal(kept[0], BIG) and np.array_equal(kept[1]["big"], BIG)
    assert np.array_equal(chk.array("more").map(), np.ones(50_000))


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("small", "small"),
        ("grown", "resizable"),
        ("packed", "compressed"),
        ("summed", "checksums"),
        ("text", "another form"),
        ("objects", "another form"),
        ("empty", "no elements"),
        ("unwritten", "nothing has been written"),
        ("virtual", "virtual dataset"),
    ],
)
def test_why_not(path: str, key: str, why: str) -> None:
    """The error says why an array cannot be mapped, where, and what to do."""
    chk = HDF5Checkpointer(path)
    chk["small"] = np.arange(3)
    chk["grown"] = BIG
    chk.append("grown", BIG[:1])
    chk.put("packed", BIG, compression="gzip")
    chk.put("summed", BIG, checksum=True)
    chk["text"] = np.array(["a" * 50] * 100)
    chk["objects"] = np.array(["a" * 50] * 100, np.dtypes.StringDType())
    chk["empty"] = np.zeros((0, 3))
    chk.create("unwritten", (300, 100))
    with h5py.File(path, "a") as file:
        layout = h5py.VirtualLayout((300, 100), "f8")
        layout[:] = h5py.VirtualSource(".", "packed", (300, 100))
        file.create_virtual_dataset("virtual", layout)
    with pytest.raises(UnsupportedStoredError, match=why) as caught:
        chk.array(key).map()
    assert caught.value.key == key and caught.value.file == path and caught.value.hint


HUGE = 10 * 2**30


def test_ten_gigabytes(path: str) -> None:
    """Opening arrays of 10 GB takes no memory to speak of; the file is sparse, as disks are small."""
    with h5py.File(path, "w") as file:
        for key in ("a", "b"):
            made = file.create_dataset(key, (HUGE // 16,), "f8")
            made[-1] = 7.0
    code = (
        "import resource, sys, hdfchk\n"
        "chk = hdfchk.HDF5Checkpointer(sys.argv[1], mode='r', mmap=True)\n"
        "hdfchk.HDF5Checkpointer(None)['x'] = 1\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "list(chk); before = peak()\n"
        "found = {**chk}\n"
        "assert found['a'].nbytes == found['b'].nbytes and found['a'][-1] == 7.0\n"
        "print(found['a'].nbytes, peak() - before)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert int(out[0]) * 2 == HUGE and int(out[1]) < 20_000  # KiB
    assert resource.getpagesize() <= 2**16
