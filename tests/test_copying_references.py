"""Copies of HDF5 references: in another file they lead to the copies, or are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, UnsupportedStoredError


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file of another program with references of all kinds."""
    name = str(tmp_path / "one.hdf5")
    with h5py.File(name, "w", track_order=True) as file:
        group = file.create_group("g", track_order=True)
        group["x"], group["sub/y"], group["sub/n"] = np.arange(10.0), np.arange(3), 5
        group["again"], group["soft"] = group["x"], h5py.SoftLink("sub/y")
        x, sub, y = group["x"], group["sub"], group["sub/y"]
        group["refs"] = np.array([[x.ref, sub.ref], [group.ref, h5py.Reference()]], h5py.ref_dtype)
        group["one"] = y.ref
        group.create_dataset(
            "packed", data=np.array([x.ref] * 9, h5py.ref_dtype), chunks=(4,), compression="gzip"
        )
        group["regions"] = np.array([x.regionref[2:4], y.regionref[[0, 2]]], h5py.regionref_dtype)
        fields = [("n", "i4"), ("r", h5py.ref_dtype), ("s", "S2")]
        group["fields"] = np.array([(1, x.ref, b"a"), (2, y.ref, b"b")], fields)
        group.create_dataset("lists", (2,), h5py.vlen_dtype(h5py.ref_dtype))
        group["lists"][0] = np.array([x.ref, y.ref], h5py.ref_dtype)
        sub.attrs["of"], sub.attrs["units"] = x.ref, "eV"
        x.attrs.create("some", [sub.ref, y.ref], dtype=h5py.ref_dtype)
        file["out"] = np.arange(4)
    return name


def check(copy: Any) -> None:
    """All references in a copy of the group lead to objects in it."""
    file = copy.file
    refs = copy["refs"][:]
    assert [file[ref] for ref in refs.flat[:3]] == [copy["x"], copy["sub"], copy]
    assert not refs[1, 1] and file[copy["one"][()]] == copy["sub/y"]
    assert [file[ref] for ref in copy["packed"][:]] == [copy["x"]] * 9
    assert copy["packed"].compression == "gzip" and copy["packed"].chunks == (4,)
    first, second = copy["regions"][:]
    assert file[first][first].tolist() == [2, 3] and file[second] == copy["sub/y"]
    assert file[second][second].tolist() == [0, 2]
    rows = copy["fields"][:]
    assert [file[ref] for ref in rows["r"]] == [copy["x"], copy["sub/y"]]
    assert rows["n"].tolist() == [1, 2] and rows["s"].tolist() == [b"a", b"b"]
    assert [file[ref] for ref in copy["lists"][0]] == [copy["x"], copy["sub/y"]]
    assert file[copy["sub"].attrs["of"]] == copy["x"] and copy["sub"].attrs["units"] == "eV"
    assert [file[ref] for ref in copy["x"].attrs["some"]] == [copy["sub"], copy["sub/y"]]
    assert copy["again"] == copy["x"] and copy["soft"][2] == 2


@pytest.mark.parametrize("journal", [True, False])
def test_references_lead_to_the_copies(path: str, tmp_path: Path, journal: bool) -> None:
    """Of objects, of regions, in fields, lists, packed chunks and attributes, at any depth."""
    chk = HDF5Checkpointer(path)
    other = HDF5Checkpointer(tmp_path / "two.hdf5", journal=journal)
    other["first"] = np.arange(1000.0)  # addresses differ
    chk.copy("g", other, "deep/copy")
    other.update({"b": chk["g"]})
    assert other.verify().ok
    with h5py.File(tmp_path / "two.hdf5") as file:
        check(file["deep/copy"])
        check(file["b"])
    with h5py.File(path) as file:
        check(file["g"])


@pytest.mark.parametrize("key", ["refs", "one", "regions", "fields", "lists", "sub", "packed"])
def test_a_reference_to_what_is_not_copied(path: str, tmp_path: Path, key: str) -> None:
    """The error names both; nothing is left of the copy."""
    chk, other = HDF5Checkpointer(path), HDF5Checkpointer(tmp_path / "two.hdf5")
    other["a"] = 1
    before = (tmp_path / "two.hdf5").read_bytes()
    with pytest.raises(UnsupportedStoredError, match="not copied with it") as error:
        chk.copy(("g", key), other, "b")
    assert error.value.key == f"g/{key}" and path in str(error.value)
    assert other.load() == {"a": 1} and (tmp_path / "two.hdf5").read_bytes() == before


def test_a_reference_to_what_a_filter_hides(path: str, tmp_path: Path) -> None:
    """It is refused, and the key that it leads to is not told."""
    view = HDF5Checkpointer(path).view(omitted_keys=["g/sub/y", "g/soft"])
    with pytest.raises(UnsupportedStoredError) as error:
        view.copy("g", HDF5Checkpointer(tmp_path / "two.hdf5"))
    assert "sub/y" not in str(error.value)


def test_a_reference_to_what_is_gone(tmp_path: Path) -> None:
    """It leads to nothing in the copy, too."""
    with h5py.File(tmp_path / "one.hdf5", "w") as file:
        group = file.create_group("g")
        group["x"], gone = np.arange(3), group.create_dataset("gone", data=1)
        group["refs"] = np.array([gone.ref, group["x"].ref], h5py.ref_dtype)
        del group["gone"], gone
    other = HDF5Checkpointer(tmp_path / "two.hdf5")
    HDF5Checkpointer(tmp_path / "one.hdf5").copy("g", other)
    with h5py.File(tmp_path / "two.hdf5") as file:
        gone, kept = file["g/refs"][:]
        assert not gone and file[kept] == file["g/x"]


def test_soft_links(tmp_path: Path) -> None:
    """They stay soft links; one from the root, in another file, becomes what it leads to."""
    with h5py.File(tmp_path / "one.hdf5", "w") as file:
        group = file.create_group("g")
        group["sub/x"] = np.arange(3)
        group["below"], group["up"] = h5py.SoftLink("sub/x"), h5py.SoftLink("/out")
        group["itself"], group["nowhere"] = h5py.SoftLink("."), h5py.SoftLink("gone")
        file["out"] = np.arange(4)
    chk, other = HDF5Checkpointer(tmp_path / "one.hdf5"), HDF5Checkpointer(tmp_path / "two.hdf5")
    chk.copy("g", "b")
    chk.copy("g", other)
    paths = {"below": "sub/x", "itself": ".", "nowhere": "gone"}
    for name, more in (("one.hdf5", {"up": "/out"}), ("two.hdf5", {})):
        with h5py.File(tmp_path / name) as file:
            copy = file["b" if more else "g"]
            kinds = {key: copy.get(key, getlink=True) for key in copy}
            soft = {k: v.path for k, v in kinds.items() if isinstance(v, h5py.SoftLink)}
            assert soft == paths | more
            assert copy["below"] == copy["sub/x"] and copy["up"][3] == 3
    with h5py.File(tmp_path / "one.hdf5", "r+") as file:
        del file["g/itself"]  # it has no end through a filter
    chk.view(omitted_keys=["g/sub"]).copy("g", other, "part")
    with h5py.File(tmp_path / "two.hdf5") as file:
        assert sorted(file["part"]) == ["below", "up"] and file["part/below"][2] == 2
        assert isinstance(file["part"].get("below", getlink=True), h5py.HardLink)
