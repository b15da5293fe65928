"""Files of the older checkpointer are read; its forms are never written."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import os
import pickle

import h5py
import numpy as np
import pytest

from hdfchk import (
    CodecRegistry,
    CorruptFileError,
    Group,
    HDF5Checkpointer,
    HdfchkError,
    UnknownTypeError,
    UnsupportedStoredError,
    load,
)
from hdfchk.codecs.legacy import class_name
from tests.support import legacy_files as old


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "old.hdf5")


class Wave:
    """An object of the older tool: it makes its state itself."""

    def __init__(self, energies, name):
        self.energies, self.name = energies, name

    def to_state(self, serializer=None):
        return {"energies": self.energies, "name": self.name}

    @classmethod
    def from_state(cls, state, serializer=None):
        return cls(state["energies"], state["name"])


@dataclasses.dataclass
class Point:
    """An object of the older tool that had no state of its own: its attributes were stored."""

    x: float
    tags: list


class Plain:
    """A class that neither tool can rebuild."""


SEEN = []


def note(what):
    """Be seen to be called."""
    SEEN.append(what)


class Trap:
    """Notes when it is unpickled."""

    def __reduce__(self):
        return (note, ("ran",))


PLAIN = {
    "steps": 500,
    "tol": 1e-8,
    "on": True,
    "method": "euler",
    "empty": "",
    "nothing": None,
    "nested": {"a": 1, "deep": {"name": "x", "none": None, "void": {}}},
    "mixed": [1, "a", 2.5, None],
    "ragged": [[1, 2], [3]],
    "dicts": [{"a": 1}, {"b": [1, "z", {"c": None}]}],
    "uneven": ["aa", "b"],
    "no items": [],
}


@pytest.mark.parametrize("name", PLAIN)
def test_reads_plain_values(path, name):
    """Dicts, scalars, None, fixed-length strings and lists as groups come back as they were."""
    with h5py.File(path, "w") as file:
        old.write(file, name, PLAIN[name])
    loaded = load(path)
    assert loaded == {name: PLAIN[name]}
    assert type(loaded[name]) is type(PLAIN[name])


def test_reads_a_whole_file(path):
    """A whole file comes back as one plain dict."""
    with h5py.File(path, "w") as file:
        for name, value in PLAIN.items():
            old.write(file, name, value)
    assert load(path) == PLAIN


def test_dicts_of_old_files_are_live(path):
    """A dict of an old file is a live group, into which one can write."""
    with h5py.File(path, "w") as file:
        old.write(file, "nested", PLAIN["nested"])
    chk = HDF5Checkpointer(path)
    assert isinstance(chk["nested"], Group)
    chk["nested"]["new"] = "é"
    chk["nested", "a"] = "was an int"
    assert chk["nested"].load() == {**PLAIN["nested"], "new": "é", "a": "was an int"}


def test_lists_of_arrays(path):
    """A list of arrays of unequal shapes comes back as a list of arrays."""
    with h5py.File(path, "w") as file:
        old.write(file, "pair", [np.arange(2), np.arange(3.0)])
    first, second = HDF5Checkpointer(path)["pair"]
    assert first.tolist() == [0, 1] and second.dtype == np.float64


def test_bare_array_as_a_value(path):
    """A group that holds nothing but ``_data`` stands for that array."""
    with h5py.File(path, "w") as file:
        old.write(file, "bare", {"_data": np.arange(3)})
    chk = HDF5Checkpointer(path)
    assert chk["bare"].tolist() == [0, 1, 2] == chk.load()["bare"].tolist()


def test_bare_array_as_a_file(path):
    """A file that was saved as one array loads as that array, and its key is ``_data``."""
    with h5py.File(path, "w") as file:
        file["_data"] = np.arange(3.0)
    chk = HDF5Checkpointer(path)
    assert load(path).tolist() == [0.0, 1.0, 2.0]
    assert list(chk) == ["_data"] and chk["_data"].tolist() == [0.0, 1.0, 2.0]


def test_data_beside_others_is_a_key(path):
    """``_data`` beside other keys is a key like any other."""
    with h5py.File(path, "w") as file:
        old.write(file, "group", {"_data": np.arange(3), "units": "m"})
    group = HDF5Checkpointer(path)["group"]
    assert isinstance(group, Group) and sorted(group) == ["_data", "units"]
    group["more"] = 1
    assert group["_data"].tolist() == [0, 1, 2] and group["more"] == 1


def test_damaged_lists_are_told(path):
    """A list that lacks items, or counts nonsense, is a `CorruptFileError` with file and key."""
    with h5py.File(path, "w") as file:
        for name, count in (("short", 3), ("vast", 10**18), ("below", -1)):
            old.write(file, name, [1, "a"])
            file[name]["_list_numitems"][()] = count
        old.write(file, "text", {"_list_numitems": "many", "_list_item_0": 1})
    chk = HDF5Checkpointer(path)
    for name in chk:
        with pytest.raises(CorruptFileError) as caught:
            chk[name]
        assert caught.value.key == name and caught.value.file == path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("allow", [False, True])
def test_registered_classes_are_rebuilt_without_unpickling(path, protocol, allow, monkeypatch):
    """A registered class is found by the name in its pickle's opcodes; nothing is unpickled."""
    monkeypatch.setattr(pickle, "loads", None)
    registry = CodecRegistry()
    registry.register(Wave)
    registry.register(Point)
    state = {"energies": np.arange(3.0), "name": "ground"}
    with h5py.File(path, "w") as file:
        old.write_object(file, "wave", Wave, state, protocol=protocol)
        point = old.write_object(file, "point", Point, {"x": 1.5}, protocol=protocol)
        old.write_list(point["state"], "tags", [1, "q"])
    chk = HDF5Checkpointer(path, registry, allow_pickle=allow)
    wave = chk["wave"]
    assert type(wave) is Wave and wave.name == "ground" and wave.energies.tolist() == [0, 1, 2]
    assert chk["point"] == Point(1.5, [1, "q"])


def test_old_states_are_of_version_1(path):
    """The older tool kept no versions: its states are migrated from version 1."""
    registry = CodecRegistry()
    registry.register(
        Point, version=3, migrate=lambda state, version: {"x": state["ex"], "tags": [version]}
    )
    with h5py.File(path, "w") as file:
        old.write_object(file, "point", Point, {"ex": 1.5})
    assert HDF5Checkpointer(path, registry)["point"] == Point(1.5, [1])


def test_moved_classes_keep_their_old_name(path):
    """A class that has moved is registered under the name that the old file has."""
    registry = CodecRegistry()
    registry.register(Point, name="package.old:Dot")
    with h5py.File(path, "w") as file:
        old.write_object(file, "point", b"cpackage.old\nDot\n.", {"x": 1.5, "tags": None})
    assert HDF5Checkpointer(path, registry)["point"] == Point(1.5, None)


def test_unregistered_classes_are_named(path):
    """A class that is not registered is an `UnknownTypeError`; its fields can be read."""
    with h5py.File(path, "w") as file:
        old.write_object(file, "point", Point, {"x": 1.5, "tags": "q"})
    chk = HDF5Checkpointer(path, CodecRegistry())
    with pytest.raises(UnknownTypeError, match="Point") as caught:
        chk["point"]
    assert caught.value.key == "point" and caught.value.file == path
    assert chk.group("point")["state"].load() == {"x": 1.5, "tags": "q"}


def test_objects_in_dicts_and_lists(path):
    """Objects are rebuilt wherever they stand, and errors name the whole path to them."""
    registry = CodecRegistry()
    registry.register(Point)
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        old.write_object(group, "point", Point, {"x": 1, "tags": None})
        old.write_list(group, "items", [1])
        del group["items/_list_item_0"]
        old.write_object(group["items"], "_list_item_0", Wave, {"energies": None, "name": "n"})
    chk = HDF5Checkpointer(path, registry)
    assert chk["a"]["point"] == Point(1, None)
    with pytest.raises(UnknownTypeError) as caught:
        chk.load()
    assert caught.value.key == "a/items/_list_item_0"
    registry.register(Wave)
    assert chk.load()["a"]["items"][0].name == "n"


def test_pickles_are_refused(path):
    """A pickle is not read without ``allow_pickle=True``: the error says so, and no code runs."""
    with h5py.File(path, "w") as file:
        old.write_pickle(file, "trap", Trap())
        old.write_object(file, "class", pickle.dumps(Trap()), {"a": 1})
    chk = HDF5Checkpointer(path)
    SEEN.clear()
    for name in ("trap", "class"):
        assert name in chk
        with pytest.raises(UnsupportedStoredError, match="allow_pickle=True") as caught:
            chk[name]
        assert caught.value.key == name and caught.value.file == path
        with pytest.raises(UnsupportedStoredError):
            chk.load()
    assert SEEN == []
    HDF5Checkpointer(path, allow_pickle=True)["trap"]
    assert SEEN == ["ran"]


@pytest.mark.parametrize(
    "value",
    [b"ab\0c", dt.date(2020, 1, 1), {1, 2}, np.dtype("f4"), 2**70, 1j],
    ids=lambda value: type(value).__name__,
)
def test_pickles_are_read_if_allowed(path, value):
    """With ``allow_pickle=True`` pickled values come back."""
    with h5py.File(path, "w") as file:
        old.write_pickle(file, "value", value)
    loaded = HDF5Checkpointer(path, allow_pickle=True)["value"]
    assert loaded == value and type(loaded) is type(value)


def test_pickles_that_were_not_encoded(path):
    """Pickles that were stored as they are, and not in base64, are read too."""
    with h5py.File(path, "w") as file:
        group = old.write_pickle(file, "value", None)
        del group["pickle_data"]
        group["pickle_data"] = np.frombuffer(pickle.dumps({1, 2}), np.uint8)
    assert HDF5Checkpointer(path, allow_pickle=True)["value"] == {1, 2}


@pytest.mark.parametrize("value", [np.bool_(True), np.complex64(1 + 2j)], ids=["bool", "complex64"])
def test_pickled_numpy_scalars_are_scalars(path, value):
    """NumPy scalars, which the older tool pickled and gave back as dicts, are scalars."""
    with h5py.File(path, "w") as file:
        group = old.write_object(file, "value", type(value), None)
        del group["state"]
        old.write_pickle(group, "state", value)
    loaded = HDF5Checkpointer(path, allow_pickle=True)["value"]
    assert loaded == value and type(loaded) is type(value)


def test_unpickled_classes_without_from_state(path):
    """With ``allow_pickle=True`` a class that cannot be rebuilt comes with its state, as before."""
    with h5py.File(path, "w") as file:
        old.write_object(file, "plain", Plain, {"x": 1})
        old.write_object(file, "wave", Wave, {"energies": None, "name": "n"})
    chk = HDF5Checkpointer(path, CodecRegistry(), allow_pickle=True)
    assert chk["plain"] == {"class": Plain, "state": {"x": 1}}
    assert chk["wave"].name == "n"


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x80\x04", b"cno.such.module\nThing\n.", b"not a pickle", b"\x80\x04\x95\xff"],
    ids=["empty", "cut", "missing", "none", "frame"],
)
@pytest.mark.parametrize("allow", [False, True])
def test_damaged_pickles_are_told(path, raw, allow):
    """A pickle that cannot be read is one of our errors, with file and key, whatever it raises."""
    with h5py.File(path, "w") as file:
        old.write_object(file, "class", raw, {"x": 1})
        old.write_raw_pickle(file, "value", raw)
    chk = HDF5Checkpointer(path, CodecRegistry(), allow_pickle=allow)
    for name in ("class", "value"):
        with pytest.raises(HdfchkError) as caught:
            chk[name]
        assert caught.value.key is not None
        assert caught.value.key.startswith(name) and caught.value.file == path


def test_objects_without_a_class_are_told(path):
    """An object whose class is no pickle is a `CorruptFileError`; one without any is a dict."""
    with h5py.File(path, "w") as file:
        old.write(file, "odd", {"pseudopickle_protocol": 1, "class": "Point", "state": 1})
        old.write(file, "rest", {"pseudopickle_protocol": 1, "x": 2})
    chk = HDF5Checkpointer(path)
    with pytest.raises(CorruptFileError):
        chk["odd"]
    assert chk["rest"] == {"pseudopickle_protocol": 1, "x": 2}


def test_class_names_are_read_from_opcodes_alone():
    """Only a pickle that is nothing but one class names a class."""
    assert class_name(pickle.dumps(dt.datetime)) == "datetime:datetime"  # one string, used twice
    assert class_name(pickle.dumps(Point)) == f"{Point.__module__}:Point"
    assert class_name(pickle.dumps(Point(1, []))) is None
    assert class_name(pickle.dumps("text")) is None
    assert class_name(base64.b64encode(pickle.dumps(Point))) is None


def test_old_forms_are_not_written(path):
    """Nothing is written in the old form; an old value that is saved again is in the new one."""
    with h5py.File(path, "w") as file:
        old.write(file, "mixed", [1, "a", None])
    chk = HDF5Checkpointer(path)
    chk["again"] = chk["mixed"]
    chk["mixed"] = chk["mixed"]
    chk["names"] = {"_data": 1}
    chk["more"] = {"_list_numitems": 2, "pseudopickle_protocol": 3}
    with h5py.File(path) as file:
        assert isinstance(file["again"], h5py.Dataset) and isinstance(file["mixed"], h5py.Dataset)
    assert chk.load() == {
        "mixed": [1, "a", None],
        "again": [1, "a", None],
        "names": {"_data": 1},
        "more": {"_list_numitems": 2, "pseudopickle_protocol": 3},
    }


def test_names_of_the_old_forms_are_keys_of_ours(path):
    """A dict of ours stays a dict when it gets one of the old names later, one key at a time."""
    chk = HDF5Checkpointer(path)
    for name in ("_data", "_list_numitems", "pseudopickle_protocol"):
        chk["group", name] = 1
        assert isinstance(chk["group"], Group)
    chk["_data"] = 5
    assert chk.load() == {
        "group": {"_data": 1, "_list_numitems": 1, "pseudopickle_protocol": 1},
        "_data": 5,
    }


def test_reading_old_files_changes_nothing(path):
    """An old file that is read stays the same to the byte."""
    with h5py.File(path, "w") as file:
        for name, value in PLAIN.items():
            old.write(file, name, value)
    with open(path, "rb") as stream:
        before = stream.read()
    os.chmod(path, 0o444)
    load(path)
    with open(path, "rb") as stream:
        assert stream.read() == before
