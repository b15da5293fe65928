"""Links in files of others: followed inside the file, never out of it, never in circles."""

from __future__ import annotations

import os
from contextlib import nullcontext

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from hdfchk import (
    CheckpointerKeyError,
    Group,
    HDF5Checkpointer,
    HdfchkError,
    NestingError,
    ReferencedError,
    UnsafeFileError,
    load,
)
from hdfchk.backends.base import Put
from hdfchk.tree import Leaf
from tests.support.inside import writing


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "links.h5")


@pytest.fixture
def other(tmp_path):
    """Another file, which no link of the first may reach."""
    name = str(tmp_path / "other.h5")
    with h5py.File(name, "w") as file:
        file["x"] = np.arange(3.0)
        file["one"] = 7.5
        file["g/y"] = 1
    return name


@pytest.fixture
def soft(path):
    """A file with soft links: to a value, to a group, of one link to another, to nothing."""
    with h5py.File(path, "w") as file:
        file["g/x"], file["g/y"] = 1, np.arange(3)
        file["value"], file["group"] = h5py.SoftLink("/g/x"), h5py.SoftLink("g")
        file["chain"], file["through"] = h5py.SoftLink("group/y"), h5py.SoftLink("/group/x")
        file["g/beside"] = h5py.SoftLink("x")
        file["dangling"], file["g/lost"] = h5py.SoftLink("/nothing"), h5py.SoftLink("g/x/z")
        file["circle"], file["circus"] = h5py.SoftLink("/circus"), h5py.SoftLink("circle")
    return path


def test_soft_links_are_followed(soft):
    """A soft link is what it leads to, on the way of a path and at its end."""
    chk = HDF5Checkpointer(soft)
    assert chk["value"] == 1 == chk["group/x"] == chk["through"] == chk["g/beside"]
    assert chk["chain"].tolist() == [0, 1, 2] == chk.array("group/y")[...].tolist()
    assert isinstance(chk["group"], Group) and "group/y" in chk and "value" in chk
    loaded = load(soft)
    assert loaded["group"]["x"] == loaded["g"]["beside"] == loaded["value"] == 1


def test_soft_links_that_lead_nowhere_are_no_keys(soft):
    """A soft link that leads nowhere, or in a circle, is no key: nothing is there."""
    chk = HDF5Checkpointer(soft)
    for name in ("dangling", "g/lost", "circle", "circus", "dangling/x"):
        assert name not in chk and chk.get(name) is None
        with pytest.raises(CheckpointerKeyError):
            chk[name]
    assert list(chk) == ["chain", "g", "group", "through", "value"] == list(load(soft))
    assert len(chk) == 5 and list(chk["g"]) == ["beside", "x", "y"] == list(chk["g"].load())


def test_a_key_takes_the_place_of_a_dangling_link(soft):
    """What is set where a link leads nowhere stands there; the link's target is not made."""
    chk = HDF5Checkpointer(soft)
    chk["dangling"] = 5
    assert chk["dangling"] == 5 and "nothing" not in chk


def test_groups_below_an_open_group(soft):
    """Links lead where they do in the file, also for a store that begins at one of its groups."""
    with h5py.File(soft, "r+") as file:
        file["g/abs"] = h5py.SoftLink("/g/x")
        file["g/deep/rel"] = h5py.SoftLink("self")
        file["g/deep/self"] = 4
        chk = HDF5Checkpointer(file["g"])
        assert chk["abs"] == 1 and chk["deep/rel"] == 4 and "x" in chk
        with pytest.raises(HdfchkError) as caught:
            chk["deep/nothing"]
        assert caught.value.key == "deep/nothing"


@pytest.fixture
def external(path, other):
    """A file whose links and arrays lead into another one."""
    raw = os.path.join(os.path.dirname(path), "raw.bin")
    with open(raw, "wb") as stream:
        stream.write(np.arange(3, dtype="i4").tobytes() * 4)
    with h5py.File(path, "w") as file:
        file["x"] = 1
        file["in/link"] = h5py.ExternalLink(other, "/x")
        file["in/group"] = h5py.ExternalLink(other, "/g")
        file["in/soft"] = h5py.SoftLink("/in/link")
        file.create_dataset("in/raw", (3,), "i4", external=[(raw, 0, 12)])
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(other, "x", (3,))
        file.create_virtual_dataset("in/virtual", layout)
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_external(raw.encode(), 0, 4)
        h5d.create(file["in"].id, b"one", h5t.NATIVE_INT32, h5s.create(h5s.SCALAR), plist)
        plist = h5p.create(h5p.DATASET_CREATE)
        scalar = h5s.create(h5s.SCALAR)
        plist.set_virtual(scalar, other.encode(), b"one", scalar)
        h5d.create(file["in"].id, b"seen", h5t.NATIVE_DOUBLE, scalar, plist)
    return path


OUTSIDE = ["link", "group", "soft", "raw", "virtual", "one", "seen"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_leads_out_of_the_file(external, name):
    """External links, external storage and virtual datasets are refused, with file and key."""
    chk = HDF5Checkpointer(external)
    key = f"in/{name}"
    inner = chk["in"]
    for look in (chk.load, lambda key: inner[name], inner.load, lambda key: chk.array(key)[...]):
        with pytest.raises(UnsafeFileError) as caught:
            look(name if look == inner.load else key)
        assert caught.value.file == external and caught.value.key is not None
    assert chk["x"] == 1


def test_a_file_that_leads_out_names_the_key(external):
    """Loading the whole file is refused at the first such key; a filter leaves them out."""
    with pytest.raises(UnsafeFileError, match="in/") as caught:
        load(external)
    assert caught.value.key is not None and caught.value.key.startswith("in/")
    omitted = [f"in/{name}" for name in OUTSIDE]
    assert load(external, omitted_keys=omitted) == {"in": {}, "x": 1}


def test_no_path_leads_through_an_external_link(external):
    """A path below an external link is refused for reading and writing; nothing is written."""
    chk = HDF5Checkpointer(external)
    with pytest.raises(UnsafeFileError):
        chk["in/group/y"]
    with pytest.raises(HdfchkError):
        chk["in/group/new"] = 1
    with h5py.File(os.path.join(os.path.dirname(external), "other.h5")) as file:
        assert list(file["g"]) == ["y"]


def test_virtual_datasets_of_the_file_itself(path):
    """A virtual dataset of arrays in the same file is read."""
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(20.0).reshape(10, 2)
        layout = h5py.VirtualLayout((10,), "f8")
        layout[:] = h5py.VirtualSource(".", "x", (10, 2))[:, 1]
        file.create_virtual_dataset("column", layout)
    chk = HDF5Checkpointer(path)
    assert chk["column"].tolist() == list(range(1, 20, 2)) == chk.array("column")[...].tolist()


def test_groups_that_hold_themselves(path):
    """A group that holds itself, by hard or soft links, ends in a `NestingError`, not in a hang."""
    with h5py.File(path, "w") as file:
        file["a/x"] = 1
        file["a/b/up"] = file["a"]
        file["c/x"] = 2
        file["c/self"] = h5py.SoftLink("/c")
    chk = HDF5Checkpointer(path)
    assert chk["a/b/up/b/up/x"] == 1 and chk["c/self/self/x"] == 2 and len(chk["a"]) == 2
    for key in ("a", "c"):
        with pytest.raises(NestingError) as caught:
            chk.load(key)
        assert caught.value.key is not None and caught.value.key.startswith(key)
    assert load(path, omitted_keys=["a/b/up", "c/self"]) == {"a": {"b": {}, "x": 1}, "c": {"x": 2}}


def test_groups_that_multiply(path):
    """Groups that share groups that share groups end in a `NestingError`, not in a hang."""
    with h5py.File(path, "w") as file:
        file["g0/x"] = 1
        for level in range(1, 60):
            group = file.create_group(f"g{level}")
            for way in ("a", "b", "c"):
                group[way] = file[f"g{level - 1}"]
        file["twice/a"] = file["g2"]
        file["twice/b"] = h5py.SoftLink("/g2")
    chk = HDF5Checkpointer(path)
    with pytest.raises(NestingError, match="paths") as caught:
        chk.load("g59")
    assert caught.value.key is not None and caught.value.key.startswith("g59/a/a")
    twice = chk.load("twice")
    assert twice["a"] == twice["b"] and twice["a"]["c"]["a"] == {"x": 1}


def test_deep_files(path):
    """Groups may nest deeply; beyond a limit loading is refused, and single keys are read."""
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(1000):
            group = group.create_group("g")
        group["x"] = 1
    chk = HDF5Checkpointer(path)
    assert chk[("g",) * 1000 + ("x",)] == 1 and chk[("g",) * 900].load(("g",) * 50)
    with pytest.raises(NestingError):
        chk.load()
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(290):
            group = group.create_group("g")
        group["x"] = 1
    found = load(path)
    for _ in range(290):
        found = found["g"]
    assert found == {"x": 1}


def test_setting_a_key_that_is_a_link(path):
    """A hard link stays a name of its object, or is refused; a soft one is replaced alone."""
    for value in (np.arange(3.0) + 5, np.arange(4.0), 7):
        with h5py.File(path, "w") as file:
            file["a"] = np.arange(3.0)
            file["hard"] = file["a"]
            file["soft"] = h5py.SoftLink("/a")
        chk = HDF5Checkpointer(path)
        chk["soft"] = value
        assert np.array_equal(chk["soft"], value) and chk["a"].tolist() == [0, 1, 2]
        if np.shape(value) == (3,):
            chk["hard"] = value
            assert chk["hard"].tolist() == chk["a"].tolist() == [5, 6, 7]
            continue
        with pytest.raises(ReferencedError, match="'a'"):
            chk["hard"] = value
        chk.put("hard", value, replace=True)
        assert np.array_equal(chk["hard"], value) and chk["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("how", ["journal", "direct", "transaction", "h5py"])
def test_a_soft_link_gets_its_own_value(path, how):
    """It stays a link, to whatever it leads; the same by update, and for a dict as a whole."""
    with h5py.File(path, "w") as file:
        file["array"], file["text"], file["dict/n"] = np.arange(3.0), "é", 1
        file["ragged"] = file.create_dataset("r", (2,), h5py.vlen_dtype("i4"))
        file["ragged"][:] = [np.array([1, 2], "i4"), np.array([3], "i4")]
        for key in ("array", "text", "dict", "ragged"):
            file[f"to {key}"] = h5py.SoftLink(f"/{key}")
    for value in ("", 1.0):
        HDF5Checkpointer(path)["new"] = value  # what is known of the file is what of our own

    def work(chk):
        for key in ("to array", "to text", "to ragged"):
            chk[key] = chk[key]
        chk.update({"to array": chk["to array"]})
        chk["to dict"] = chk["to dict"].load()

    if how == "h5py":
        with h5py.File(path, "r+") as file:
            work(HDF5Checkpointer(file))
    else:
        chk = HDF5Checkpointer(path, journal=how != "direct")
        with chk, chk.transaction() if how == "transaction" else nullcontext():
            work(chk)
    with h5py.File(path) as file:
        for key in ("array", "text", "dict", "ragged"):
            assert file.get(f"to {key}", getlink=True).path == f"/{key}"
    chk = HDF5Checkpointer(path)
    chk.update({"to array": np.arange(3), "to text": b"\xc3\xa9", "to dict": {"n": 1.0}})
    assert chk["array"].dtype == float and chk["text"] == "é"
    with h5py.File(path) as file:
        for key in ("array", "text", "dict"):
            assert isinstance(file.get(f"to {key}", getlink=True), h5py.HardLink)


def test_a_failed_commit_restores_links(external):
    """A commit that fails leaves links as they were: soft ones, external ones, hard ones."""
    with h5py.File(external, "r+") as file:
        file["soft"], file["hard"] = h5py.SoftLink("/x"), file["x"]
    chk = HDF5Checkpointer(external)
    paths = [("soft",), ("hard",), ("in", "link")]
    bad = Put(("z",), Leaf(np.array([1, object()], object)))
    with pytest.raises(TypeError), writing(chk) as session:
        session.apply([*(Put(where, Leaf(2)) for where in paths), bad])
    with h5py.File(external) as file:
        assert file.get("soft", getlink=True).path == "/x" and file["hard"] == file["x"]
        assert isinstance(file["in"].get("link", getlink=True), h5py.ExternalLink)
    assert chk["x"] == 1 == chk["hard"] == chk["soft"]


def test_deleting_a_key_deletes_no_other(path):
    """Deleting a key that shares its object with another leaves the other."""
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(3.0)
        file["hard"], file["soft"] = file["a"], h5py.SoftLink("/a")
    chk = HDF5Checkpointer(path)
    del chk["soft"]
    assert list(chk) == ["a", "hard"]
    del chk["a"]
    assert chk.load()["hard"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_leads_out_can_be_replaced_and_deleted(external, name):
    """A key that leads out of the file can be set and deleted; the other file stays as it was."""
    folder = os.path.dirname(external)
    before = {}
    for file in ("other.h5", "raw.bin"):
        with open(os.path.join(folder, file), "rb") as stream:
            before[file] = stream.read()
    chk = HDF5Checkpointer(external)
    assert name in chk["in"] and f"in/{name}" in chk
    values = {"raw": np.array([7, 8, 9], "i4"), "virtual": np.ones(3), "one": np.int32(5)}
    chk["in", name] = values.get(name, 2.5)
    assert np.array_equal(chk["in", name], values.get(name, 2.5))
    del chk["in", name]
    assert name not in chk["in"]
    for file, content in before.items():
        with open(os.path.join(folder, file), "rb") as stream:
            assert stream.read() == content
    chk["in"] = 1
    assert chk.load() == {"in": 1, "x": 1}


@pytest.mark.parametrize("soft", [True, False])
def test_an_empty_group_with_two_paths(path, soft):
    """What one commit puts there by the one path is there by the other, too."""
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        file["b"] = h5py.SoftLink("/a") if soft else group
    chk = HDF5Checkpointer(path)
    chk.update({"a/k": 1, "b/z": 2, "a/z": 3})
    assert chk.load() == {"a": {"k": 1, "z": 3}, "b": {"k": 1, "z": 3}}
