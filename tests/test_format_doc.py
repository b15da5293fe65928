"""`docs/format.md` tells of every encoding, and what it tells is what lies in a file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, UnknownTypeError
from hdfchk.codecs.families import CODECS, LIBRARIES, codecs_of
from hdfchk.tree import RESERVED_CHILDREN

PAGE = (Path(__file__).parents[1] / "docs" / "format.md").read_text(encoding="utf-8")
ENCODINGS = PAGE.partition("\n## Encodings\n")[2].partition("\n## ")[0]
PACKAGES = {module: package for package, module in sorted(LIBRARIES.items())}
OF_LIBRARIES = [codec for package in PACKAGES.values() for codec in codecs_of(package)]
NAMES = [codec.name for codec in (*CODECS, *OF_LIBRARIES)]


HEAD = re.compile(r"^\* ((?:`[^`]*`(?:, )?)+):", re.MULTILINE)


def names_of(head):
    """The names in the head of an item."""
    return re.findall(r"`([\w.]+)[^`]*`", head)


def described():
    """The names of the encodings that the page tells of, each at the start of its item."""
    return [name for head in HEAD.findall(ENCODINGS) for name in names_of(head)]


@pytest.mark.parametrize("name", NAMES)
def test_every_encoding_is_described(name):
    """Each registered encoding has its item, once, in a section of its family."""
    assert described().count(name) == 1, f"{name} is in no section of docs/format.md, or in two"


def test_no_encoding_is_invented():
    """Each encoding that the page tells of is a registered one."""
    assert sorted(described()) == sorted(NAMES)


def test_versions():
    """All encodings are of the newest version that their item tells of: 1, if it tells of none."""
    told = {}
    _, *items = HEAD.split(ENCODINGS)
    for head, text in zip(items[::2], items[1::2], strict=True):
        newest = max(map(int, re.findall(r"\bVersion (\d)", text)), default=1)
        told |= dict.fromkeys(names_of(head), newest)
    for codec in (*CODECS, *OF_LIBRARIES):
        assert codec.version == told[codec.name], codec.name


def test_reserved_names():
    """The page names the reserved names of the older forms."""
    for name in RESERVED_CHILDREN:
        assert f"`{name}`" in PAGE


def test_marks_have_the_form_told(tmp_path):
    """A mark is a scalar UTF-8 string: name, version, and parameters in JSON."""
    path = tmp_path / "run.hdf5"
    HDF5Checkpointer(path)["x"] = np.array(["2020"], "M8[D]")
    with h5py.File(path) as file:
        attribute = file["x"].attrs.get_id("hdfchk")
        mark = file["x"].attrs["hdfchk"].decode()
        assert attribute.shape == () and attribute.get_type().get_cset() == h5py.h5t.CSET_UTF8
    assert mark == 'ndarray/1 {"dtype":"<M8[D]"}' and mark in PAGE


@pytest.mark.parametrize("form", ["fixed", "variable"])
def test_marks_by_others(tmp_path, form):
    """Marks that others write are read, as strings of fixed or of variable length."""
    path = tmp_path / "run.hdf5"
    text = 'tuple/1 {"item":"int","unknown":[1]}'
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3)
        file["x"].attrs["hdfchk"] = text if form == "variable" else np.bytes_(text)
        file["y"] = '{"$":"deque/1 {\\"maxlen\\":2}","items":[1,null]}'
        file["y"].attrs["hdfchk"] = "packed/1"
    chk = HDF5Checkpointer(path)
    assert chk["x"] == (0, 1, 2) and chk["y"].maxlen == 2 and list(chk["y"]) == [1, None]


@pytest.mark.parametrize("mark", ["nothing/1", "tuple/2", "os:system/1", "record/99"])
def test_unknown_marks_are_refused(tmp_path, mark):
    """An unknown encoding, or a newer version of one, is refused by name; it is never guessed."""
    path = tmp_path / "run.hdf5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
        file["x"].attrs["hdfchk"] = mark
    with pytest.raises(UnknownTypeError, match=mark.partition("/")[0]) as caught:
        HDF5Checkpointer(path)["x"]
    assert caught.value.key == "x"


@pytest.mark.parametrize("mark", ["", "list", "/1", "list/x", "list/1 {", "list/1 [1]", 5])
def test_damaged_marks_are_told(tmp_path, mark):
    """A mark of another form is a `CorruptFileError` with file and key."""
    path = tmp_path / "run.hdf5"
    with h5py.File(path, "w") as file:
        file["g/x"] = 1
        file["g/x"].attrs["hdfchk"] = mark
    for look in (lambda chk: chk["g/x"], lambda chk: chk.load()):
        with pytest.raises(OSError, match="mark") as caught:
            look(HDF5Checkpointer(path))
        assert caught.value.key == "g/x" and caught.value.file == str(path)


def test_packed_text_is_json(tmp_path):
    """The text of each row of the table on packed text is what lies in a file."""
    values = [None, True, 1, 1.5, "text", [2], {"a": 1}, {"$": 1}, float("inf"), 1j, np.float32(1)]
    path = tmp_path / "run.hdf5"
    HDF5Checkpointer(path)["x"] = [*values, np.arange(3)]
    with h5py.File(path) as file:
        assert file["x"].attrs["hdfchk"] == b"packed/1" and list(file["x"]) == ["items", "0"]
        items = json.loads(file["x/items"].asstr()[()])
    assert items[:7] == values[:7]
    assert items[7] == {"$": "dict/1", "children": {"$": 1}}
    assert items[8] == {"$": "float", "hex": "7ff0000000000000"}
    assert items[9] == {"$": "complex", "hex": "00000000000000003ff0000000000000"}
    assert items[10] == {"$": "", "dtype": "<f4", "shape": [], "base64": "AACAPw=="}
    assert items[11] == {"$": "array", "index": 0}


def test_the_order_attribute(tmp_path):
    """``hdfchk:order`` has a row for a key that was replaced, and goes with it."""
    chk = HDF5Checkpointer(tmp_path / "run.hdf5")
    chk.update({"a": 1, "b": 2, "c": 3})
    chk["a"] = np.arange(3)
    with h5py.File(chk.checkpoint_file) as file:
        rows = file.attrs["hdfchk:order"]
        assert rows.dtype == np.int64 and rows.shape == (2,) and rows[1] == 0
        assert list(file) == ["b", "c", "a"]
    assert list(chk) == ["a", "b", "c"] and not chk.attrs
    del chk["a"]
    with h5py.File(chk.checkpoint_file) as file:
        assert "hdfchk:order" not in file.attrs


def test_none_has_the_bits_told(tmp_path):
    """None is a float64 with the bits that the page tells, without a mark."""
    chk = HDF5Checkpointer(tmp_path / "run.hdf5")
    chk.update({"x": None, "y": np.float64("nan")})
    chk.attrs["x"] = None
    with h5py.File(chk.checkpoint_file) as file:
        for found in (file["x"][()], file.attrs["x"]):
            assert f"`{found.view('u8'):016x}`" in PAGE and np.isnan(found)
        assert not file["x"].attrs and "hdfchk:mark:x" not in file.attrs
        file["y"].read_direct(bits := np.zeros((), "f8"))
        assert f"{bits.view('u8'):016x}" not in PAGE


def test_attributes_have_marks_beside_them(tmp_path):
    """The mark of an attribute's value is another attribute, ``hdfchk:mark:`` and its name."""
    chk = HDF5Checkpointer(tmp_path / "run.hdf5")
    chk["x"] = np.arange(3)
    chk.array("x").attrs["tags"] = ("a", "b")
    with h5py.File(chk.checkpoint_file) as file:
        assert file["x"].attrs["hdfchk:mark:tags"] == b'tuple/1 {"item":"str"}'
    assert dict(chk.array("x").attrs) == {"tags": ("a", "b")}
