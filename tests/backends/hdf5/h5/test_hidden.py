"""Hidden links: never shown, never keys, and removed when nobody needs them."""

from __future__ import annotations

import io
from typing import Any

import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import HDF5Checkpointer, InvalidKeyError, NotAGroupError
from hdfchk.backends.hdf5.h5 import links
from tests.support.exact import differs

KEYS = ["hdfchk:x", "a/hdfchk:tmp", ("a", "hdfchk:"), "hdfchk:x/y"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("target", [None, "file", "bytes"])
def test_keys_are_refused(key: Any, target: str | None, path: str) -> None:
    """A key with a level that begins with `hdfchk:`: ValueError on write, KeyError on read."""
    chk = HDF5Checkpointer({"file": path, "bytes": io.BytesIO(), None: None}[target])
    chk["a"] = {"b": 1}
    for write in (lambda: chk.update({key: 1}), lambda: chk.__setitem__(key, 1)):
        with pytest.raises(InvalidKeyError):
            write()
    for read in (chk.__getitem__, chk.__delitem__, chk.pop, chk.array):
        with pytest.raises(KeyError):
            read(key)
    assert key not in chk and chk == {"a": {"b": 1}}


def test_dicts_with_such_keys(path: str) -> None:
    """Inside a value such keys are data: they come back as they were."""
    value = {"hdfchk:x": np.arange(3), "in": {"hdfchk:tmp": {"hdfchk:": None}}, "b": [1]}
    hdfchk.save(path, {"v": value, "list": [value]})
    assert differs({"v": value, "list": [value]}, hdfchk.load(path)) is None


def leave(path: str, name: str, *, marked: bool) -> None:
    with h5py.File(path, "r+") as file:
        group = file.create_group(name)
        group["0"] = 5
        if marked:
            group.attrs["hdfchk:hidden"] = np.uint8(0)


@pytest.mark.parametrize("journal", [True, False])
def test_leftovers_are_removed(path: str, journal: bool) -> None:
    """What a killed process has left is seen by nobody, and goes with the next write."""
    hdfchk.save(path, {"a": 1})
    leave(path, "hdfchk:tmp", marked=True)
    leave(path, "hdfchk:tmp-1", marked=True)
    chk = HDF5Checkpointer(path, journal=journal)
    assert list(chk) == ["a"] and len(chk) == 1 and chk == {"a": 1} and "hdfchk:tmp" not in chk
    chk["b"] = 2
    with h5py.File(path) as file:
        assert list(file) == ["a", "b"]


@pytest.mark.parametrize("journal", [True, False])
def test_foreign_groups_stay(path: str, journal: bool) -> None:
    """A group of somebody else's with our name is shown, and left as it is."""
    hdfchk.save(path, {"a": 1, "x": 1})
    leave(path, "hdfchk:tmp", marked=False)
    leave(path, "hdfchk:tmp-1", marked=True)
    with HDF5Checkpointer(path, journal=journal) as chk:
        chk.update({"a": {"b": 1}, "x": "text"})
        assert chk == {"a": {"b": 1}, "x": "text", "hdfchk:tmp": {"0": 5}}
        assert chk["hdfchk:tmp", "0"] == 5
        with pytest.raises(InvalidKeyError):
            chk["hdfchk:tmp", "0"] = 6
    if journal:
        HDF5Checkpointer(path).compact()
    with h5py.File(path) as file:
        assert set(file) == {"a", "x", "hdfchk:tmp"} and file["hdfchk:tmp/0"][()] == 5


@pytest.mark.parametrize("mode", ["r", "a"])
def test_len_lists_nothing(path: str, mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of keys of a large dict is HDF5's, less the hidden links; none is looked at."""
    tree = {f"k{n}": n for n in range(200)}
    hdfchk.save(path, {**tree, "g": tree})
    for name in ("hdfchk:tmp-1", "hdfchk:tmp-2", "hdfchk:damaged", "g/hdfchk:tmp"):
        leave(path, name, marked=True)
    leave(path, "hdfchk:tmp", marked=False)
    chk = HDF5Checkpointer(path, mode=mode)
    assert len(list(chk)) == 202 and len(list(chk["g"])) == 200
    monkeypatch.setattr(links, "entries", None)
    assert len(chk) == 202 and len(chk["g"]) == 200
    assert len(HDF5Checkpointer(path, mode=mode).group("g")) == 200


def test_len_of_what_is_no_dict(path: str) -> None:
    """A group that is gone, or a value now, has no length."""
    with HDF5Checkpointer(path) as chk:
        chk["g"] = {"a": 1}
        group = chk["g"]
        del chk["g"]
        with pytest.raises(KeyError):
            len(group)
        chk["g"] = 1
        with pytest.raises(NotAGroupError):
            len(group)


def test_compaction_copies_no_hidden_group(path: str) -> None:
    """`compact` leaves out what a killed process has left."""
    hdfchk.save(path, {"a": 1})
    leave(path, "hdfchk:tmp", marked=True)
    HDF5Checkpointer(path).compact()
    with h5py.File(path) as file:
        assert list(file) == ["a"]


def test_stores_over_one_file(path: str) -> None:
    """A store does not take the array that another one of the process makes for a left-over."""
    with h5py.File(path, "w", libver=("v108", "v110"), track_order=True) as file:
        one, two = HDF5Checkpointer(file), HDF5Checkpointer(file)

        def blocks() -> Any:
            for index in range(4):
                two["other"] = {"n": index} if index % 2 else index
                yield np.full((2,), index)

        one.write_blocks("x", blocks())
        assert one["x"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3] and two["other"] == {"n": 3}
        assert set(file) == {"other", "x"}


def test_a_draft_that_is_given_up(path: str) -> None:
    """An array whose blocks fail is gone when the store is closed, without another write."""

    def blocks() -> Any:
        yield np.zeros(1000)
        raise LookupError

    for target in (path, io.BytesIO()):
        with HDF5Checkpointer(target) as chk:
            chk["a"] = 1
            with pytest.raises(LookupError):
                chk.write_blocks("x", blocks())
        with h5py.File(target) as file:
            assert list(file) == ["a"]
