"""A dataset whose index of chunks is a B-tree of version 2 with a damaged header.

HDF5 2.0 ends the process where it is asked for the size of such an index, as part of what it says
of an object: each look is done in a child.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CorruptFileError, HDF5Checkpointer, salvage

from ..regressions.children import in_child


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in which scales, a reference and a region reference lead to such a dataset."""
    made = tmp_path / "foreign.hdf5"
    with h5py.File(made, "w", libver="latest") as file:
        file["fine"], file["other"] = np.arange(5), np.arange(3)
        for name in "su":
            file[name] = np.arange(9.0)
            file[name].make_scale(name)
        options: dict[str, Any] = {"chunks": (2, 2), "maxshape": (None, None)}
        both = file.create_dataset("both", data=np.ones((9, 9)), **options)
        for axis, name in enumerate("su"):
            both.dims[axis].attach_scale(file[name])
        file["fine"].attrs["to"] = both.ref
        file["other"].attrs["region"] = both.regionref[1:3, 1:3]
        scale = file.create_dataset("scale", data=np.ones((9, 9)), **options)
        scale.make_scale("x")
        file["group/array"] = np.ones((9, 9))
        file["group/array"].dims[0].attach_scale(scale)
    raw = made.read_bytes()
    assert raw.count(b"BTHD\0\x0a") == 2
    made.write_bytes(raw.replace(b"BTHD\0\x0a", b"BTHD\1\x0a"))
    return made


def _in_transaction(chk: HDF5Checkpointer) -> None:
    with chk.transaction():
        chk["fine"] = np.arange(5) + 1
        del chk["group"]


EDITS: dict[str, Callable[[HDF5Checkpointer], object]] = {
    "del the array": lambda chk: chk.__delitem__("both"),
    "assign to the array": lambda chk: chk.__setitem__("both", np.arange(3)),
    "del the scale": lambda chk: chk.__delitem__("scale"),
    "del a scale of the array": lambda chk: chk.__delitem__("u"),
    "assign to a scale of the array": lambda chk: chk.__setitem__("u", np.arange(9.0) + 1),
    "del an array of the scale": lambda chk: chk.__delitem__("group"),
    "assign to an array of the scale": lambda chk: chk.__setitem__("group/array", np.arange(3)),
    "del what has the reference": lambda chk: chk.__delitem__("fine"),
    "assign to what has the reference": lambda chk: chk.__setitem__("fine", "text"),
    "assign to what has the region": lambda chk: chk.__setitem__("other", "text"),
    "in a transaction": _in_transaction,
}


@pytest.mark.parametrize("edit", EDITS)
@in_child
def test_edits(path: Path, edit: str) -> None:
    """It can be edited, and what hangs together with it."""
    EDITS[edit](HDF5Checkpointer(path))
    chk = HDF5Checkpointer(path)
    chk["later"] = 5
    assert chk["later"] == 5 and chk["s"].tolist() == list(range(9))
    assert {*chk.verify().damaged} <= {"both", "scale"}


@in_child
def test_compaction(path: Path) -> None:
    """It is refused, and possible without these."""
    before = path.read_bytes()
    with pytest.raises(CorruptFileError, match="read"):
        HDF5Checkpointer(path).compact()
    assert path.read_bytes() == before
    chk = HDF5Checkpointer(path)
    del chk["both"], chk["scale"]
    assert HDF5Checkpointer(path).verify().ok


@in_child
def test_verify(path: Path) -> None:
    """Both are reported, and nothing else is damaged."""
    assert {*HDF5Checkpointer(path, mode="r").verify().damaged} == {"both", "scale"}


@in_child
def test_salvage(path: Path) -> None:
    """All else is copied; references to what is lost are told."""
    made = path.with_name("made.hdf5")
    report = salvage(path, made)
    assert {"both", "scale"} <= {*report.damaged}
    with h5py.File(made) as file:
        assert file["fine"][()].tolist() == [0, 1, 2, 3, 4] and file["u"].shape == (9,)


@in_child
def test_recovery_into_another_file(path: Path) -> None:
    """A log is not brought into a copy that cannot be read."""
    child = os.fork()
    if child == 0:
        chk = HDF5Checkpointer(path)
        chk.__enter__()
        chk["later"] = 1
        os._exit(0)
    os.waitpid(child, 0)
    copy = path.with_name("copy.hdf5")
    with pytest.raises(CorruptFileError, match="file and journal are unchanged"):
        HDF5Checkpointer(path).recover(into=copy)
    assert not copy.exists() and HDF5Checkpointer(path)["later"] == 1
