"""Faults of the older checkpointer that must not come back: each has its test."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest

from hdfchk import CheckpointerKeyError, Group, HDF5Checkpointer, load, save
from hdfchk.backends.hdf5 import FileBackend

LONG_AGO = 1_000_000_000 * 10**9


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "run.hdf5")


@pytest.fixture
def opened(monkeypatch):
    """The list of all times that a file was opened, True for those for writing."""
    times = []
    real = FileBackend.open_storage

    def count(self, mode, *args):
        times.append(mode != "r")
        return real(self, mode, *args)

    monkeypatch.setattr(FileBackend, "open_storage", count)
    return times


@pytest.mark.parametrize("dtype", ["<i4", ">i4", "<u4", "<i2", "<i8"])
def test_int32_data_are_no_none(path, dtype):
    """Arrays and scalars of int32 (the type of the old None) come back as they are."""
    chk = HDF5Checkpointer(path)
    array, scalar = np.arange(3).astype(dtype), np.dtype(dtype).type(4)
    chk.update({"array": array, "scalar": scalar, "none": None, "list": [scalar, scalar]})
    assert chk["array"].dtype == np.dtype(dtype) and chk["array"].tolist() == [0, 1, 2]
    assert type(chk["scalar"]) is type(scalar) and chk["scalar"] == 4
    assert chk["list"] == [4, 4] and chk["none"] is None


def test_int32_data_of_old_files_are_no_none(path):
    """An int32 dataset of an old file, which its own tool read as None, is an array."""
    with h5py.File(path, "w") as file:
        file["array"] = np.arange(3, dtype="i4")
        file["scalar"] = np.int32(4)
        file["none"] = h5py.Empty("i")
    loaded = load(path)
    assert loaded["array"].tolist() == [0, 1, 2] and loaded["array"].dtype == np.int32
    assert loaded["scalar"] == np.int32(4) and loaded["none"] is None


def test_overwrites_take_the_new_dtype(path):
    """An overwrite has the dtype of what is written, not that of what was there."""
    chk = HDF5Checkpointer(path)
    for value in (np.arange(3), np.array([1.5, 2.5, 3.5]), np.array([1j, 2j, 3j]), np.arange(3.0)):
        chk["x"] = value
        assert chk["x"].dtype == value.dtype and np.array_equal(chk["x"], value)
    chk["y"] = 1
    chk["y"] = 1.5
    assert chk["y"] == 1.5 and type(chk["y"]) is float
    chk["y"] = 2
    assert chk["y"] == 2 and type(chk["y"]) is int


def test_overwrites_take_the_new_length(path):
    """An overwrite has the length of what is written: strings are not cut, arrays not broadcast."""
    chk = HDF5Checkpointer(path)
    for value in ("abc", "a much longer text", "b", ""):
        chk["text"] = value
        assert chk["text"] == value
    for shape in ((3,), (5,), (2, 3), (1,), (0,), ()):
        chk["array"] = np.ones(shape)
        assert chk["array"].shape == shape


def test_dict_over_scalar(path):
    """A dict takes the place of a scalar, and of an array."""
    chk = HDF5Checkpointer(path)
    for before in (1, np.arange(3), "text", None, [1, "a"]):
        chk["x"] = before
        chk["x"] = {"a": 1}
        assert chk["x"].load() == {"a": 1}


def test_scalar_over_dict(path):
    """A scalar, an array, a list take the place of a dict."""
    chk = HDF5Checkpointer(path)
    for after in (1, "text", None, [1, "a"]):
        chk["x"] = {"a": {"b": 1}}
        chk["x"] = after
        assert chk["x"] == after
    chk["x"] = {"a": 1}
    chk["x"] = np.arange(3)
    assert chk["x"].tolist() == [0, 1, 2]


def test_dict_over_dict_replaces(path):
    """A dict over a dict replaces it: no key of the old one is left."""
    chk = HDF5Checkpointer(path)
    chk["x"] = {"a": 1, "b": 2}
    chk["x"] = {"b": 3, "c": 4}
    assert chk["x"].load() == {"b": 3, "c": 4}


@pytest.mark.parametrize("text", ["é", "Å·s", "日本語", "🧪", "a\u0301", "\ufeffx"])
def test_non_ascii_strings(path, text):
    """Strings of any script come back: alone, in lists, arrays and dicts, and as keys."""
    chk = HDF5Checkpointer(path)
    chk.update({"text": text, "list": [text, "a"], "array": np.array([text]), text: {text: 1}})
    assert chk["text"] == text and chk["list"] == [text, "a"]
    assert chk["array"].tolist() == [text] and chk[text, text] == 1


@pytest.mark.parametrize("text", ["a\0", "\0", "a\0b", "\0a", ""])
def test_trailing_nuls(path, text):
    """NULs in strings and bytes, also at their ends, come back."""
    chk = HDF5Checkpointer(path)
    raw = text.encode()
    chk.update({"text": text, "bytes": raw, "list": [text, "x"], "raw": [raw, b"x"]})
    assert chk["text"] == text and chk["bytes"] == raw
    assert chk["list"] == [text, "x"] and chk["raw"] == [raw, b"x"]


def test_del_is_there(path):
    """Keys can be deleted, at every level; what is beside them stays."""
    chk = HDF5Checkpointer(path)
    chk.update({"a": {"b": 1, "c": 2}, "d": 3})
    del chk["a", "b"]
    chk.delete_parameter("d")
    assert chk.load() == {"a": {"c": 2}}
    with pytest.raises(CheckpointerKeyError):
        del chk["d"]


def test_in_reads_no_value(path):
    """`in` and `check_parameter` answer for values that cannot be read at all."""
    with h5py.File(path, "w") as file:
        file.create_dataset("vast", (2**20, 2**20, 2**10), "f8", chunks=(1, 1024, 1024))
        poisoned = file.create_dataset(
            "poisoned", data=np.arange(64), chunks=(64,), fletcher32=True
        )
        offset = poisoned.id.get_chunk_info(0).byte_offset
    with open(path, "r+b") as stream:
        stream.seek(offset)
        stream.write(b"\xff" * 16)
    chk = HDF5Checkpointer(path)
    assert "vast" in chk and "poisoned" in chk and "nothing" not in chk
    assert chk.check_parameter("vast") and not chk.check_parameter(("vast", "x"))
    with pytest.raises(OSError, match="cannot be read"):
        chk["poisoned"]


def test_keys_obey_the_filters(path):
    """`keys()`, like all else, shows only what the filters let through."""
    save(path, {"a": 1, "b": 2, "c": {"d": 3}})
    assert list(HDF5Checkpointer(path, allowed_keys=["a"]).keys()) == ["a"]
    chk = HDF5Checkpointer(path, omitted_keys=["a", "c/d"])
    assert list(chk.keys()) == ["b", "c"] == list(chk) and len(chk) == 2
    assert chk.load() == {"b": 2, "c": {}}


def test_a_string_is_one_key(path):
    """A string as ``allowed_keys`` or ``omitted_keys`` is one key: no part of it matches."""
    save(path, {"energies": 1, "energy": 2, "e": 3, "n": 4})
    assert list(HDF5Checkpointer(path, allowed_keys="energies")) == ["energies"]
    assert list(HDF5Checkpointer(path, omitted_keys="energies")) == ["energy", "e", "n"]
    with pytest.raises(CheckpointerKeyError):
        HDF5Checkpointer(path, allowed_keys="energies").check_allowed_key("e")


def test_build_canonical_keeps_omitted_keys_apart(path):
    """``omitted_keys`` in a specification are omitted, and not taken for the allowed ones."""
    save(path, {"a": 1, "b": 2, "c": 3})

    def keys(spec):
        return list(HDF5Checkpointer.build_canonical({"file": path, "keys": spec}))

    assert keys({"omitted_keys": ["a"]}) == ["b", "c"]
    assert keys({"allowed_keys": ["a", "b"], "omitted_keys": ["a"]}) == ["b"]
    assert keys({"allowed_keys": ["a"]}) == ["a"] == keys(["a"])


def test_options_of_a_specification_are_not_changed(path):
    """`build_canonical` leaves the specification as it is, so that it can be used again."""
    spec = {"file": path, "keys": ["a"], "opts": {"mode": "a"}}
    HDF5Checkpointer.build_canonical(spec)
    assert spec == {"file": path, "keys": ["a"], "opts": {"mode": "a"}}


def test_reading_creates_no_file(path):
    """A missing file is an empty mapping; no look at it creates it."""
    chk = HDF5Checkpointer(path)
    with chk:
        assert "a" not in chk and list(chk) == [] and len(chk) == 0
        assert chk.get("a") is None and chk.get_keys([]) == [] and chk.pop("a", 1) == 1
        assert chk.load() == {} and not chk.check_parameter("a")
        for look in (chk.load_parameter, chk.delete_parameter, chk.pop, chk.array, chk.group):
            with pytest.raises(CheckpointerKeyError):
                look("a")
        chk.clear()
        chk.update({})
    assert not os.path.exists(path)


def test_reading_moves_no_mtime(path):
    """Reads leave the file's time and its bytes, also in the default mode."""
    save(path, {"a": 1, "g": {"b": np.arange(5)}, "l": [1, "a"]})
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    with open(path, "rb") as stream:
        before = stream.read()
    chk = HDF5Checkpointer(path)
    assert "a" in chk and chk["a"] == 1 and chk["g", "b"].sum() == 10
    with chk:
        assert len(chk.load()) == len(dict(**chk)) == 3 and chk.pop("none", None) is None
        assert chk.stream["a"][()] == 1
    assert chk.array("g/b")[1:3].tolist() == [1, 2] and not dict(chk.attrs)
    assert os.stat(path).st_mtime_ns == LONG_AGO
    with open(path, "rb") as stream:
        assert stream.read() == before


def test_update_opens_once(path, opened):
    """`update` opens the file once, however many keys it sets."""
    HDF5Checkpointer(path).update({f"k{i}": i for i in range(50)})
    assert opened == [True]


def test_get_keys_and_iteration_open_once(path, opened):
    """`get_keys`, `load` and iteration over keys, items and values open the file once each."""
    chk = HDF5Checkpointer(path)
    chk.update({f"k{i}": i for i in range(20)})
    for use in (
        lambda: chk.get_keys(["k1", "k2", "k3"]),
        lambda: [name for name in chk],
        lambda: [item for item in chk.items()],
        lambda: [value for value in chk.values()],
        chk.load,
    ):
        opened.clear()
        use()
        assert opened == [False]


def test_a_block_opens_once(path, opened):
    """In a ``with`` block the file is opened once, and once more when it is first written to."""
    save(path, {"a": 1})
    opened.clear()
    with HDF5Checkpointer(path) as chk:
        for _ in range(5):
            assert chk["a"]
        assert opened == [False]
        for i in range(5):
            chk["b"] = i
            assert chk["b"] == i
        assert opened == [False, True]


@pytest.mark.parametrize(
    "value",
    [np.bool_(True), np.bool_(False), np.complex64(1 + 2j), np.float32(1.5), np.int16(-3)],
    ids=lambda value: f"{type(value).__name__}-{value}",
)
def test_numpy_scalars_are_no_dicts(path, value):
    """NumPy's scalars come back as what they were."""
    chk = HDF5Checkpointer(path)
    chk.update({"value": value, "list": [value, "a"], "dict": {"x": value}})
    for found in (chk["value"], chk["list"][0], chk["dict", "x"]):
        assert not isinstance(found, Group) and type(found) is type(value) and found == value
