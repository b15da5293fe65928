"""Files of ours are read by every HDF5 tool: plain h5py, HDF5's own h5ls and h5dump, and pyfive.

pyfive is no HDF5 library of the C kind, and comes from the registry of Python: it reads on every machine.
"""

from __future__ import annotations

import collections
import datetime as dt
import re

import h5py
import numpy as np
import pyfive
import pytest

from hdfchk import HDF5Checkpointer

MARK = "hdfchk"
DATES = np.array(["2020-01-01", "2021-02-03"], "M8[D]")

# name: value, what plain h5py reads (strings decoded)
PLAIN = {
    "int": (-3, -3),
    "float": (2.5, 2.5),
    "bool": (True, True),
    "complex": (1 + 2j, 1 + 2j),
    "text": ("héllo", "héllo"),
    "float32": (np.float32(1.5), np.float32(1.5)),
    "uint8": (np.uint8(7), np.uint8(7)),
    "floats": (np.linspace(0, 1, 7), np.linspace(0, 1, 7)),
    "grid": (np.arange(6, dtype="i2").reshape(2, 3), np.arange(6).reshape(2, 3)),
    "fortran": (np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(6.0).reshape(2, 3)),
    "big endian": (np.arange(3, dtype=">f4"), np.arange(3)),
    "masks": (np.array([True, False]), np.array([True, False])),
    "names": (np.array(["a", "bé"]), np.array(["a", "bé"])),
    "objects": (np.array(["a", "bé"], object), np.array(["a", "bé"], object)),
    "table": (np.array([(1, 2.5)], "i4,f8"), np.array([(1, 2.5)], "i4,f8")),
    "large": (np.arange(100_000.0), np.arange(100_000.0)),
    "list of ints": ([1, 2, 3], np.array([1, 2, 3])),
    "list of lists": ([[1.5, 2.0], [3.0, 4.0]], np.array([[1.5, 2.0], [3.0, 4.0]])),
    "list of texts": (["a", "bé"], np.array(["a", "bé"])),
    "tuple": ((True, False), np.array([True, False])),
    "set": ({5}, np.array([5])),
    "numpy float": (np.float64(0.5), 0.5),
    "datetimes": (DATES, DATES.view("i8")),
    "timestamp": (dt.datetime(2020, 1, 2, 3, 4, 5), "2020-01-02T03:04:05"),
}
PACKED = {
    "mixed list": [1, "a", None, 2.5],
    "ragged list": [[1, 2], [3]],
    "empty list": [],
    "int keys": {1: "a", 2: "b"},
}
VALUES = {name: value for name, (value, _) in PLAIN.items()} | PACKED


@pytest.fixture
def path(tmp_path):
    """A file that holds everything, at the first level and in a dict."""
    name = str(tmp_path / "ours.hdf5")
    with HDF5Checkpointer(name) as chk:
        chk.update(VALUES)
        chk["nothing"] = None
        chk["dict"] = {"z": 1, "a": {"deep": [1.5, 2.5]}, "m": "text"}
        chk["with arrays"] = ["x", np.arange(3), {"y": np.ones((2, 2))}]
        chk.array("floats").attrs["units"] = "hartree"
    return name


@pytest.mark.parametrize("name", PLAIN)
def test_values_are_ordinary_datasets(path, name):
    """Numbers, strings, arrays, and lists of one of them are datasets with these very elements."""
    with h5py.File(path, "r") as file:
        item = file[name]
        assert isinstance(item, h5py.Dataset)
        text = h5py.check_string_dtype(item.dtype)
        found = item.asstr()[()] if text is not None else item[()]
        assert text is None or text.encoding == "utf-8"
    expected = PLAIN[name][1]
    assert np.shape(found) == np.shape(expected) and np.array_equal(found, expected)


@pytest.mark.parametrize("name", VALUES)
def test_marks_are_small_attributes(path, name):
    """A type that HDF5 does not tell is one attribute, ``name/version`` and JSON; else there is none."""
    with h5py.File(path, "r") as file:
        attributes = dict(file[name].attrs)
    attributes.pop("units", None)
    assert set(attributes) <= {MARK}
    if MARK in attributes:
        text = attributes[MARK].decode()
        assert re.fullmatch(r"\w+/1( \{.*\})?", text) and len(text) < 200
    unmarked = ("int", "float", "bool", "complex", "text", "float32", "uint8", "floats", "grid")
    assert name not in unmarked or not attributes


@pytest.mark.parametrize("name", PACKED)
def test_mixed_lists_are_one_text(path, name):
    """A list without arrays that is of no one type is a single dataset: a JSON text."""
    import json

    with h5py.File(path, "r") as file:
        assert isinstance(file[name], h5py.Dataset) and file[name].shape == ()
        json.loads(file[name].asstr()[()])


def test_arrays_in_lists_are_datasets(path):
    """Arrays that stand in a list are datasets of their own beside the list's text."""
    with h5py.File(path, "r") as file:
        group = file["with arrays"]
        assert group["0"][:].tolist() == [0, 1, 2] and group["1"].shape == (2, 2)
        assert group["items"].asstr()[()].startswith('["x",')


def test_none_is_a_number_that_is_missing(path):
    """None is a scalar NaN, which every tool reads."""
    with h5py.File(path, "r") as file:
        assert file["nothing"].dtype == "<f8" and np.isnan(file["nothing"][()])


def test_dicts_are_groups_in_order(path):
    """A dict is a group that tracks and indexes the order of creation, and carries no mark."""
    with h5py.File(path, "r") as file:
        for group in (file["/"], file["dict"], file["dict/a"]):
            gid = h5py.h5g.open(group.id, b".")
            order = gid.get_create_plist().get_link_creation_order()
            assert order == h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED
            assert set(group.attrs) == ({"hdfchk:stamp"} if group.name == "/" else set())
        assert list(file["dict"]) == ["z", "a", "m"]
        assert list(file) == [*VALUES, "nothing", "dict", "with arrays"]


def test_objects_are_few(path):
    """A value is one dataset, or one group of a few: never one an item."""
    chk = HDF5Checkpointer(path)
    chk["many"] = list(range(1000))
    chk["mixed"] = [i if i % 2 else str(i) for i in range(1000)]
    chk["counter"] = collections.Counter("abc")
    with h5py.File(path, "r") as file:
        assert isinstance(file["many"], h5py.Dataset) and isinstance(file["mixed"], h5py.Dataset)
        assert len(file["counter"]) == 3


def test_arrays_lie_in_the_file_as_they_are(path):
    """A large array lies in the file in one piece, at a multiple of 64 bytes, to be mapped."""
    with h5py.File(path, "r") as file:
        offset = file["large"].id.get_offset()
    assert offset % 64 == 0
    assert np.memmap(path, "<f8", "r", offset, (100_000,))[99_999] == 99_999.0


def test_h5ls_lists_everything(path, run_tool):
    """h5ls lists each key with its kind and shape."""
    listed = run_tool("h5ls", "-r", path)
    rows = dict(re.match(r"/(.*?)\s{2,}(\S.*)", row).groups() for row in listed.splitlines()[1:])
    rows = {name.replace("\\ ", " "): kind for name, kind in rows.items()}
    assert rows["int"] == "Dataset {SCALAR}" and rows["nothing"] == "Dataset {SCALAR}"
    assert rows["grid"] == "Dataset {2, 3}" and rows["list of ints"] == "Dataset {3}"
    assert rows["list of lists"] == "Dataset {2, 2}" and rows["dict"] == "Group"
    assert rows["dict/a/deep"] == "Dataset {2}" and rows["mixed list"] == "Dataset {SCALAR}"


def test_h5ls_shows_values(path, run_tool):
    """h5ls shows the values of numbers, strings and lists of numbers."""
    for name, shown in {
        "int": "-3",
        "float": "2.5",
        "bool": "TRUE",
        "float32": "1.5",
        "list of ints": "1, 2, 3",
        "list of lists": "1.5, 2, 3, 4",
        "grid": "0, 1, 2, 3, 4, 5",
        "dict/m": '"text"',
        "names": '"a\\000',
    }.items():
        assert shown in run_tool("h5ls", "-d", f"{path}/{name}"), name


def test_h5ls_shows_types(path, run_tool):
    """h5ls names ordinary types: native numbers, UTF-8 strings."""
    verbose = run_tool("h5ls", "-v", path)
    kinds = re.findall(r"Type:\s+(.*)", verbose)
    assert "native double" in kinds and "native long" in kinds and "native short" in kinds
    assert any(re.fullmatch(r"6-byte null-padded UTF-8 string", kind) for kind in kinds)
    assert not any("opaque" in kind for kind in kinds)


def test_h5dump_dumps_everything(path, run_tool):
    """h5dump writes the whole file, in the order of its keys, with numbers and texts to be read."""
    dumped = run_tool("h5dump", "--enable-error-stack", "-q", "creation_order", path)
    assert re.search(r'DATASET "int" \{.*?\(0\): -3', dumped, re.DOTALL)
    assert re.search(r'GROUP "dict" \{.*?DATASET "z".*?GROUP "a".*?DATASET "m"', dumped, re.DOTALL)
    assert re.search(r'ATTRIBUTE "units" \{.*?"hartree"', dumped, re.DOTALL)
    assert re.search(r'DATASET "list of ints" \{.*?\(0\): 1, 2, 3', dumped, re.DOTALL)


def test_h5dump_shows_marks(path, run_tool):
    """h5dump shows the mark of a list as what it is: a short text."""
    dumped = run_tool("h5dump", "-a", "/list of ints/hdfchk", path)
    assert re.search(r'\(0\): "list/1 \{\\?"item\\?":\\?"int\\?"\}"', dumped)


def test_h5dump_exports_numbers(path, run_tool, tmp_path):
    """An array that h5dump writes as raw bytes is NumPy's array."""
    target = str(tmp_path / "large.bin")
    run_tool("h5dump", "-d", "/large", "-b", "LE", "-o", target, path)
    assert np.array_equal(np.fromfile(target, "<f8"), np.arange(100_000.0))


def _text(item: bytes | str) -> str:
    """What pyfive gives for a text: its older versions some of them as str."""
    return item.decode() if isinstance(item, bytes) else item


@pytest.mark.parametrize("name", PLAIN)
def test_pyfive_reads_values(path, name):
    """A reader without the HDF5 library finds the same elements; texts are UTF-8."""
    with pyfive.File(path) as file:
        found = file[name][()]
    expected = PLAIN[name][1]
    if np.asarray(expected).dtype.kind in "UO":
        found = np.vectorize(_text, otypes=[object])(found)
    assert np.shape(found) == np.shape(expected) and np.array_equal(found, expected)


def test_pyfive_reads_the_rest(path):
    """It finds all keys in order, groups, attributes, and what is packed as the text that it is."""
    with pyfive.File(path) as file:
        assert list(file) == [*VALUES, "nothing", "dict", "with arrays"]
        assert list(file["dict"]) == ["z", "a", "m"] and file["dict/m"][()] == b"text"
        assert file["dict/a/deep"][()].tolist() == [1.5, 2.5] and np.isnan(file["nothing"][()])
        assert file["floats"].attrs["units"] == b"hartree"
        assert file["list of ints"].attrs[MARK] == b'list/1 {"item":"int"}'
        assert file["mixed list"][()] == b'[1,"a",null,2.5]'
        assert file["with arrays/0"][()].tolist() == [0, 1, 2]


def test_others_may_write_beside_us(path):
    """What plain h5py adds, changes or deletes in a file of ours is seen as such."""
    with h5py.File(path, "r+") as file:
        file["dict/new"] = np.arange(3)
        file["int"][()] = 9
        file["floats"][0] = 5.0
        del file["text"]
        file["dict/a/deep"].attrs["note"] = "n"
    chk = HDF5Checkpointer(path)
    assert chk["dict/new"].tolist() == [0, 1, 2] and list(chk["dict"]) == ["z", "a", "m", "new"]
    assert chk["int"] == 9 and chk["floats"][0] == 5.0 and "text" not in chk
    assert chk["dict/a/deep"] == [1.5, 2.5]
