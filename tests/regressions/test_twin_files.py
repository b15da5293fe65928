"""Two files of one length and first page: the log of one is not laid over the other."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import HDF5Checkpointer, JournalMismatchError, JournalMismatchWarning

from .children import killed_writer


@pytest.mark.parametrize("count", [100_000, 2**20], ids=["in memory", "in the file"])
def test_a_new_file_is_known_by_its_bytes(tmp_path: Path, count: int) -> None:
    """A new file that differs in one number from the one that a log was begun on is refused."""
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    data = np.arange(count)
    hdfchk.save(one, {"x": data, "n": 1})
    data[50_000] = 7
    hdfchk.save(other, {"x": data, "n": 1})
    assert os.path.getsize(one) == os.path.getsize(other)
    killed_writer(one, {"l": [1, None]})
    shutil.copyfile(other, one)
    before = one.read_bytes()
    with pytest.warns(JournalMismatchWarning):
        assert HDF5Checkpointer(one, mode="r")["x"][50_000] == 7
    with pytest.raises(JournalMismatchError):
        HDF5Checkpointer(one)["m"] = 1
    assert one.read_bytes() == before
    assert HDF5Checkpointer(one).recover(discard=True)
    HDF5Checkpointer(one)["m"] = 1
    with h5py.File(one) as file:
        assert set(file) == {"x", "n", "m"}


@pytest.mark.parametrize("count", [100_000, 2**20], ids=["in memory", "in the file"])
def test_the_same_file_again(tmp_path: Path, count: int) -> None:
    """A file of the same bytes is the same state: the log of a killed writer is its own."""
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    value = {"x": np.arange(count), "n": 1}
    hdfchk.save(one, value)
    hdfchk.save(other, value)
    killed_writer(one, {"l": [1, None]})
    assert one.read_bytes() == other.read_bytes()
    shutil.copyfile(other, one)
    assert HDF5Checkpointer(one)["l"] == [1, None] and HDF5Checkpointer(one).verify().ok
    hdfchk.save(other, value)
    assert one.read_bytes() != other.read_bytes()


def test_each_checkpoint_renews_the_stamp(tmp_path: Path) -> None:
    """Two states of a file never have one stamp; what the end of a block writes has its own."""
    file, states = tmp_path / "x.h5", {}

    def look() -> None:
        data = file.read_bytes()
        with h5py.File(io.BytesIO(data)) as h5:
            stamp = int(h5.attrs["hdfchk:stamp"])
        assert states.setdefault(stamp, data) == data

    HDF5Checkpointer(file)["a"] = 0
    look()
    for number in range(3):
        with HDF5Checkpointer(file) as chk:
            chk["a"] = [number, None]
            chk["b"] = {"c": np.arange(1000.0 * number)}
            chk.commit()
            look()
            if number == 1:
                chk["b"] = 1
        look()
    assert len(states) > 5
