"""Dicts whose keys are no plain `str`: each has a path all the same, and comes back as it was."""

from __future__ import annotations

import collections
import enum
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CodecRegistry, CorruptFileError, Group, HDF5Checkpointer, UnsupportedTypeError
from tests.support.exact import differs


class Axis(enum.StrEnum):
    X = "x"
    Y = "the y axis"


class Mixed(str, enum.Enum):
    A = "a"
    SLASH = "a/b"


class Loose(enum.StrEnum):
    """It is not registered."""

    X = "x"


REGISTRY = CodecRegistry()
REGISTRY.register(Axis, name="tests.Axis")
REGISTRY.register(Mixed, name="tests.Mixed")


@pytest.fixture
def chk(tmp_path: Path) -> HDF5Checkpointer:
    return HDF5Checkpointer(tmp_path / "x.hdf5", serializer=REGISTRY)


MADE: dict[str, Any] = {
    "numpy": lambda: {np.str_("x"): np.arange(3.0), np.str_("n"): 1},
    "enum": lambda: {Axis.X: np.arange(3.0), Axis.Y: {"k": 1}},
    "str and enum": lambda: {Mixed.A: np.arange(2), "x": np.arange(3.0)},
    "nested": lambda: {np.str_("x"): {Axis.X: {Mixed.A: np.arange(3)}}},
    "ordered": lambda: collections.OrderedDict({Axis.X: np.arange(3), "n": 1}),
    "default": lambda: collections.defaultdict(int, {np.str_("x"): np.arange(3)}),
    "counter": lambda: collections.Counter([np.str_("x"), np.str_("x"), Axis.Y]),
}


@pytest.mark.parametrize("name", MADE)
def test_each_key_has_a_path(name: str, chk: HDF5Checkpointer) -> None:
    """The keys are links in the file, and what is loaded has the keys that were stored."""
    chk["top"] = {"d": MADE[name]()}
    found = HDF5Checkpointer(chk.checkpoint_file, mode="r", serializer=REGISTRY).load("top/d")
    assert differs(MADE[name](), found) is None
    with h5py.File(chk.checkpoint_file) as file:
        assert list(file["top/d"]) == [str.__str__(key) for key in MADE[name]()]
        for key, item in MADE[name]().items():
            stored = file["top/d"][str.__str__(key)]
            assert isinstance(stored, h5py.Group) == isinstance(item, dict)
            if isinstance(item, np.ndarray):
                assert stored[:].tolist() == item.tolist()


def test_a_live_group(chk: HDF5Checkpointer) -> None:
    """Such a dict is a live group, whose keys are edited one by one."""
    chk["d"] = {np.str_("x"): np.arange(4.0), Axis.Y: {Axis.X: 1}, "plain": 2}
    group = chk["d"]
    assert isinstance(group, Group) and list(group) == ["x", "the y axis", "plain"]
    assert chk["d/x"].tolist() == [0, 1, 2, 3] and chk["d", "the y axis", "x"] == 1
    assert chk[("d", Axis.Y, Axis.X)] == 1 and isinstance(chk["d", Axis.Y], Group)
    chk.array("d/x")[1] = 7
    chk.array("d/x").append([5.0])
    group["new"] = 3
    keys = {key: type(key) for key in chk.load("d")}
    assert keys == {"x": np.str_, "the y axis": Axis, "plain": str, "new": str}
    assert chk.load("d")["x"].tolist() == [0, 7, 2, 3, 5]
    chk["copy"] = group
    assert differs(chk.load("d"), chk.load("copy")) is None
    chk.compact()
    assert differs(chk.load("d"), chk.load("copy")) is None
    assert [type(key) for key in chk.load("d")] == [np.str_, Axis, str, str]


def test_a_key_that_is_set_anew_is_what_it_is_now(chk: HDF5Checkpointer) -> None:
    """What is put at a path has a plain key, even if one of that text was another before."""
    chk["d"] = {np.str_("x"): 1, np.str_("y"): [1, "a"]}
    del chk["d/x"]
    chk["d/x"] = 1
    chk["d/y"] = [1, "b"]
    assert [type(key) for key in chk.load("d")] == [str, str]


def test_updates_of_nested_dicts(chk: HDF5Checkpointer) -> None:
    """Keys inside what an update or a merge brings are kept; those of the group are paths."""
    chk["d"] = {"a": 1}
    chk.merge("d", {np.str_("b"): {Axis.X: 1}})
    chk.update({np.str_("e"): {np.str_("f"): np.zeros(2)}})
    found = chk.load()
    assert type(list(found["d"]["b"])[0]) is Axis and type(list(found["e"])[0]) is np.str_
    assert type(list(found)[1]) is str


def test_keys_that_are_no_names(chk: HDF5Checkpointer) -> None:
    """With a key that no link can have, the dict is packed, and no key is lost."""
    for value in ({Mixed.SLASH: np.zeros(2), "a": 1}, {np.str_(""): 1}, {np.str_("a"): 1, 2: 3}):
        chk["d"] = value
        assert differs(value, chk.load("d")) is None


def test_what_is_refused(chk: HDF5Checkpointer) -> None:
    """A key of a class that is not registered is refused, by its path, with what to do."""
    for value, key in (({Loose.X: 1}, "d/x"), ([{"k": {Loose.X: 1}}], "d/[0]/k/x")):
        with pytest.raises(UnsupportedTypeError, match="hdfchk.register") as caught:
            chk["d"] = value
        assert caught.value.key == key
    assert not Path(chk.checkpoint_file).exists()


@pytest.mark.parametrize(
    "key", ['{"$":"numpy/1 {}"}', '{"$":"str/1","data":"y"}', "[1]", '{"$":"array","index":0}', "5"]
)
def test_damaged_keys(key: str, chk: HDF5Checkpointer) -> None:
    """A key in a file that is no text, or not that of its link, is an error that names the place."""
    chk["d"] = {np.str_("x"): 1}
    with h5py.File(chk.checkpoint_file, "r+") as file:
        file["d/x"].attrs["hdfchk"] = np.bytes_(f'int/1 {{"$key":{key}}}')
    with pytest.raises(CorruptFileError) as caught:
        chk.load("d")
    assert caught.value.key == "d/x" and chk["d/x"] == 1


def test_a_string_of_another_program_does_not_lose_the_key(chk: HDF5Checkpointer) -> None:
    """Where a value goes into the dataset that is there, the key goes with it."""
    chk["d"] = {"x": 1}
    with h5py.File(chk.checkpoint_file, "r+") as file:
        file["d"].create_dataset("s", data=np.array(["a", "b"], object), maxshape=(None,))
        file["ref"] = file["d/s"].ref
    empty = np.empty(0, object)
    for value in ({np.str_("s"): []}, {np.str_("s"): ["c"]}, {np.str_("s"): empty}):
        chk.merge("d", value)
        found = chk.load("d")
        assert type(list(found)[1]) is np.str_
        assert differs(value["s"], found["s"]) is None
