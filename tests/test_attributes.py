"""`attrs_of`: the HDF5 attributes of every key."""

from __future__ import annotations

import datetime
import io
import os

import h5py
import numpy as np
import pytest

from hdfchk import CheckpointerKeyError, HDF5Checkpointer, InvalidKeyError

VALUES = {
    "number": 1, "text": "x", "none": None, "array": np.zeros(3), "big": np.zeros(5000),
    "list": [1, 2], "packed": [1, "a"], "nested": [np.zeros(2), "a"], "dict": {"a": 1},
    "keys": {1: 2}, "time": datetime.datetime(2020, 1, 1), "masked": np.ma.array([1], mask=[1]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["path", "memory", "bytes"])
def test_every_key_has_attributes(kind, tmp_path):
    """Whatever is stored there; they stay when another value is assigned, and count."""
    target = {"path": tmp_path / "x.hdf5", "memory": None, "bytes": io.BytesIO()}[kind]
    chk = HDF5Checkpointer(target)
    chk.update(VALUES)
    for key in VALUES:
        assert dict(chk.attrs_of(key)) == {}
        chk.attrs_of(key)["note"] = f"of {key}"
        chk.attrs_of(key)["size"] = np.arange(3)
        del chk.attrs_of(key)["size"]
    assert {one.attributes for one in chk.describe(depth=1)} == {1}
    for key, value in VALUES.items():
        chk[key] = value if isinstance(value, dict) else [key, value]
        assert dict(chk.attrs_of(key)) == {"note": f"of {key}"}
    chk.attrs_of("dict/a")["unit"] = "m"
    assert chk.attrs_of(("dict", "a"))["unit"] == "m"
    assert chk["dict"].attrs_of("a")["unit"] == "m"
    assert dict(chk.group("dict").attrs) == {"note": "of dict"}


def test_other_programs_see_them(tmp_path):
    """They are attributes of the object of the key; marks are refused."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path)
    chk["packed"] = [1, "a"]
    chk.attrs_of("packed")["note"] = "é"
    with pytest.raises(InvalidKeyError, match="hdfchk"):
        chk.attrs_of("packed")["hdfchk"] = "x"
    with h5py.File(path, "r") as file:
        assert bytes(file["packed"].attrs["note"]).decode() == "é"
    assert chk["packed"] == [1, "a"]


def test_what_has_none(tmp_path):
    """A key that is not there is an error that names the nearest one, and makes no file."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    with pytest.raises(CheckpointerKeyError, match="no such key"):
        chk.attrs_of("energy")
    assert os.listdir(tmp_path) == []
    chk["energy"], chk["x"] = 1.0, [1, "a"]
    with pytest.raises(CheckpointerKeyError, match=r"did you mean 'energy'\?"):
        chk.attrs_of("enregy")
    with pytest.raises(CheckpointerKeyError):
        chk.attrs_of("x/0")
    attributes = chk.attrs_of("energy")
    del chk["energy"]
    with pytest.raises(CheckpointerKeyError):
        attributes["unit"] = "hartree"


def test_filters():
    """A view has the attributes of what it shows alone."""
    chk = HDF5Checkpointer(None)
    chk["a"], chk["b"] = {"c": 1, "d": 2}, 3
    view = chk.view(allowed_keys=["a/c"])
    view.attrs_of("a/c")["n"] = 1
    assert dict(view.attrs_of("a")) == {}
    for key in ("a/d", "b"):
        with pytest.raises(CheckpointerKeyError, match="filter"):
            view.attrs_of(key)
