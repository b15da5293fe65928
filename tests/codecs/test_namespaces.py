"""Namespaces: a group of their attributes."""

from __future__ import annotations

import argparse
import types
from pathlib import Path

import h5py
import numpy as np
import pytest

from hdfchk import CorruptFileError, CycleError, HDF5Checkpointer, UnsupportedTypeError


class Mine(types.SimpleNamespace):
    """A class of one's own."""


@pytest.fixture
def chk(tmp_path: Path) -> HDF5Checkpointer:
    return HDF5Checkpointer(tmp_path / "x.hdf5")


def test_attributes_are_children(chk: HDF5Checkpointer) -> None:
    """h5py finds each attribute under its name."""
    chk["args"] = argparse.Namespace(
        steps=3, grid=np.zeros((2, 2)), more=types.SimpleNamespace(x=1)
    )
    assert chk["args"].more == types.SimpleNamespace(x=1) and chk["args/steps"] == 3
    with h5py.File(chk.checkpoint_file) as file:
        assert list(file["args"]) == ["steps", "grid", "more"]
        assert file["args/grid"].shape == (2, 2) and file["args/more/x"][()] == 1


def test_refused(chk: HDF5Checkpointer) -> None:
    """Subclasses, cycles and attributes that cannot be stored are refused by their path."""
    space = types.SimpleNamespace()
    space.me = [space]
    with pytest.raises(CycleError):
        chk["x"] = space
    with pytest.raises(UnsupportedTypeError):
        chk["x"] = Mine(a=1)
    with pytest.raises(UnsupportedTypeError) as caught:
        chk["x"] = types.SimpleNamespace(a=types.SimpleNamespace(b=object()))
    assert caught.value.key == "x/a/b" and not Path(chk.checkpoint_file).exists()


def test_a_file_names_nothing_else(chk: HDF5Checkpointer) -> None:
    """A class that is not one of the two is an error."""
    chk["x"] = types.SimpleNamespace(a=1)
    with h5py.File(chk.checkpoint_file, "r+") as file:
        file["x"].attrs["hdfchk"] = np.bytes_('namespace/1 {"class":"ModuleType"}')
    with pytest.raises(CorruptFileError, match="not a namespace"):
        chk["x"]
