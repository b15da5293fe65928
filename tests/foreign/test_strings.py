"""Strings go into the string dataset that is there, and come back as the value that they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5a, h5d, h5o, h5p, h5s, h5t

from hdfchk import (
    CorruptFileError,
    HDF5Checkpointer,
    ReferencedError,
    UnsupportedTypeError,
)
from hdfchk.backends.hdf5.nodes.writer import Writer
from tests.support.exact import differs

PADS = {"padded": h5t.STR_NULLPAD, "ended": h5t.STR_NULLTERM, "blanks": h5t.STR_SPACEPAD}
SETS = {"utf8": h5t.CSET_UTF8, "ascii": h5t.CSET_ASCII}
PYTHON_STRINGS = h5t.py_create(h5py.string_dtype())
WIDTH = 9
TEXTS = ["a", "", "seven x", "12345678"]
LAYOUTS: dict[str, dict[str, Any]] = {
    "one piece": {},
    "chunks": {"chunks": 3},
    "gzip": {"chunks": 3, "gzip": True},
}


WAYS = [("one piece", True), ("chunks", False), ("gzip", True)]
"""Layouts, and whether there is a journal."""


def string(size: Any, pad: int, cset: int) -> Any:
    tid = h5t.C_S1.copy()
    tid.set_size(size)
    tid.set_strpad(pad)
    tid.set_cset(cset)
    return tid


TYPES = {
    f"{name}, {cset}": string(WIDTH, pad, code)
    for name, pad in PADS.items()
    for cset, code in SETS.items()
}
TYPES |= {
    f"variable, {cset}": string(h5t.VARIABLE, h5t.STR_NULLTERM, code) for cset, code in SETS.items()
}


def make(path: Path, tid: Any, shape: tuple[int, ...], chunks: int = 0, gzip: bool = False) -> None:
    """A string dataset with the texts, an attribute, a scale, and a reference to it."""
    plist = h5p.create(h5p.DATASET_CREATE)
    if chunks and shape:
        plist.set_chunk((chunks,) * len(shape))
    if gzip and shape:
        plist.set_deflate(3)
    with h5py.File(path, "w") as file:
        if shape:
            space = h5s.create_simple(shape, tuple(h5s.UNLIMITED if chunks else n for n in shape))
        else:
            space = h5s.create(h5s.SCALAR)
        did = h5d.create(file.id, b"x", tid, space, plist)
        write(did, np.resize(np.array(TEXTS, object), shape))
        file["x"].attrs["units"] = "m"
        file["ref"] = file["x"].ref
        if shape:
            file["scale"] = np.arange(shape[0])
            file["scale"].make_scale()
            file["x"].dims[0].attach_scale(file["scale"])


def free(path: Path) -> None:
    """Take away what points at the dataset."""
    with h5py.File(path, "r+") as file:
        del file["ref"]
        if file["x"].shape and len(file["x"].dims[0]):
            file["x"].dims[0].detach_scale(file["scale"])


def write(did: Any, texts: np.ndarray) -> None:
    """Write texts as C and Fortran programs do."""
    tid = did.get_type()
    if tid.is_variable_str():
        did.write(h5s.ALL, h5s.ALL, texts, PYTHON_STRINGS)
        return
    fill = b" " if tid.get_strpad() == h5t.STR_SPACEPAD else b"\0"
    raw = b"".join(text.encode().ljust(WIDTH, fill) for text in texts.ravel().tolist())
    did.write(h5s.ALL, h5s.ALL, np.frombuffer(raw, f"V{WIDTH}").reshape(texts.shape), tid)


def outside(path: Path) -> Any:
    """All of a dataset but its elements, and our mark."""
    with h5py.File(path) as file:
        did = file["x"].id
        plist = did.get_create_plist()
        assert file[file["ref"][()]] == file["x"]
        if file["x"].shape:
            assert file["x"].dims[0][0] == file["scale"]
        filters = [plist.get_filter(i)[:3] for i in range(plist.get_nfilters())]
        limits, chunks = file["x"].maxshape, file["x"].chunks
        attributes = sorted(name for name in file["x"].attrs if name != "hdfchk")
        address = h5o.get_info(did).addr
        return address, did.get_type().encode(), limits, chunks, filters, attributes


def inside(path: Path) -> Any:
    """The bytes of the elements, as they are, and our mark."""
    with h5py.File(path) as file:
        did = file["x"].id
        mark = file["x"].attrs.get("hdfchk")
        if did.get_type().is_variable_str():
            return file["x"][()], mark
        data = np.zeros(did.shape, f"V{did.get_type().get_size()}")
        did.read(h5s.ALL, h5s.ALL, data, did.get_type())
        return data.tobytes(), mark


def objects(texts: Any) -> np.ndarray:
    array = np.empty(np.shape(texts), object)
    array[...] = texts
    return array


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,)])
@pytest.mark.parametrize(("layout", "journal"), WAYS)
@pytest.mark.parametrize("kind", TYPES)
def test_what_is_read_is_written_back(
    tmp_path: Path, kind: str, layout: str, shape: tuple[int, ...], journal: bool
) -> None:
    """``c[k] = c[k]`` of strings changes nothing, not even behind the end of a string."""
    path = tmp_path / "x.h5"
    make(path, TYPES[kind], shape, **LAYOUTS[layout])
    if shape and "variable" not in kind and shape[0]:
        with h5py.File(path, "r+") as file:  # full, without room for a NUL; and rubbish behind one
            raw = np.array([b"full full", b"a\0rubbish"], f"V{WIDTH}")
            data = np.resize(raw, shape)
            file["x"].id.write(h5s.ALL, h5s.ALL, data, TYPES[kind])
    before, data = outside(path), inside(path)
    chk = HDF5Checkpointer(path, journal=journal)
    chk["x"] = chk["x"]
    assert outside(path) == before
    assert repr(inside(path)) == repr(data)


VALUES: dict[str, Callable[[list[str]], Any]] = {
    "objects": objects,
    "list": list,
    "tuple": tuple,
    "fixed": np.array,
    "string dtype": lambda texts: np.array(texts, np.dtypes.StringDType()),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(("layout", "journal"), WAYS)
@pytest.mark.parametrize("kind", TYPES)
def test_strings_over_strings(
    tmp_path: Path, kind: str, layout: str, value: str, journal: bool
) -> None:
    """Arrays and sequences of strings go into a string dataset, and come back as they were."""
    path = tmp_path / "x.h5"
    make(path, TYPES[kind], (4,), **LAYOUTS[layout])
    before = outside(path)
    chk = HDF5Checkpointer(path, journal=journal)
    texts = ["b", "", "x y", "1234567"]
    for given in (texts, texts[::-1], ["é", "", "漢", "b"] if "utf8" in kind else TEXTS):
        chk["x"] = VALUES[value](given)
        assert differs(VALUES[value](given), chk.load("x")) is None
        assert outside(path) == before
        with h5py.File(path) as file:
            assert file["x"].asstr()[()].tolist() == given
    bare = chk["x"] = objects(TEXTS)
    assert differs(bare, chk["x"]) is None and outside(path) == before


@pytest.mark.parametrize("value", ["objects", "list"])
@pytest.mark.parametrize("kind", TYPES)
def test_tables_of_strings(tmp_path: Path, kind: str, value: str) -> None:
    """So do arrays of more axes, in any order, and nested lists."""
    path = tmp_path / "x.h5"
    make(path, TYPES[kind], (2, 3))
    before, chk = outside(path), HDF5Checkpointer(path)
    table = [["a", "", "b"], ["x y", "1234567", "z"]]
    given: Any = np.asfortranarray(objects(table)) if value == "objects" else table
    chk["x"] = given
    assert differs(given, chk.load("x")) is None and outside(path) == before


MISFITS = {
    "padded": ["1234567890", "a\0b"],
    "ended": ["123456789", "a\0b"],
    "blanks": ["1234567890", "a ", "a\0b"],
    "variable": ["a\0b", "\ud800"],
    "ascii": ["é"],
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("kind", TYPES)
def test_strings_that_do_not_fit(tmp_path: Path, kind: str, value: str) -> None:
    """What would be cut, or be read as something else, takes the dataset's place."""
    name, cset = kind.split(", ")
    for number, text in enumerate([*MISFITS[name], *MISFITS.get(cset, [])]):
        if value == "string dtype" and text == "\ud800":
            continue
        path = tmp_path / f"{number}.h5"
        make(path, TYPES[kind], (4,))
        free(path)
        chk = HDF5Checkpointer(path)
        given = VALUES[value](["a", "b", text, "c"])
        chk["x"] = given
        assert differs(given, chk.load("x")) is None
        with h5py.File(path) as file:
            assert file["x"].attrs["units"] == "m"


@pytest.mark.parametrize(("layout", "journal"), WAYS[1:])
@pytest.mark.parametrize("kind", TYPES)
def test_more_strings_and_fewer(tmp_path: Path, kind: str, layout: str, journal: bool) -> None:
    """A dataset that can have another length is given that of the value, none included."""
    path = tmp_path / "x.h5"
    make(path, TYPES[kind], (4,), **LAYOUTS[layout])
    before, chk = outside(path), HDF5Checkpointer(path, journal=journal)
    for count in (7, 2, 0, 1, 100):
        for of in (objects, list):
            given: Any = of([f"n{index}" for index in range(count)])
            chk["x"] = given
            assert differs(given, chk.load("x")) is None and outside(path) == before
    chk["x"] = ["x"] * 4
    free(path)
    chk["x"] = "no array"
    assert chk["x"] == "no array"


def test_a_limit(tmp_path: Path) -> None:
    """More strings than the dataset can have are a new one."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (2,), h5py.string_dtype(), chunks=(2,), maxshape=(3,))
    chk = HDF5Checkpointer(path)
    for count, limit in ((3, 3), (4, 4)):
        chk["x"] = objects(["a"] * count)
        assert len(chk["x"]) == count and chk.array("x").maxshape == (limit,)
    assert chk.array("x").chunks is None


@pytest.mark.parametrize("kind", TYPES)
def test_parts_of_strings_that_were_written_over(tmp_path: Path, kind: str) -> None:
    """Elements of a marked string dataset are read, and written, as those of the value."""
    path = tmp_path / "x.h5"
    make(path, TYPES[kind], (4,))
    chk = HDF5Checkpointer(path)
    for name, of in VALUES.items():
        chk["x"] = of(["a", "bb", "c", "d"])
        array = chk.array("x")
        assert array[1] == "bb" and list(array[1:3]) == ["bb", "c"]
        array[1:3] = of(["xy", ""])
        array[0] = "z"
        assert differs(of(["z", "xy", "", "d"]), chk.load("x")) is None, name


@pytest.mark.parametrize("kind", ["ended, utf8", "ended, ascii"])
def test_an_element_that_would_be_cut(tmp_path: Path, kind: str) -> None:
    """An element that leaves no room for the NUL is refused, and not cut."""
    path = tmp_path / "x.h5"
    make(path, TYPES[kind], (4,))
    chk = HDF5Checkpointer(path)
    chk["x"] = ["a", "b", "c", "d"]
    with pytest.raises(UnsupportedTypeError, match="9 bytes") as caught:
        chk.array("x")[0] = "123456789"
    assert caught.value.key == "x" and chk["x"] == ["a", "b", "c", "d"]


def test_longer_strings_of_others(tmp_path: Path) -> None:
    """Longer strings that others write into a dataset with the mark of a width are not cut."""
    path = tmp_path / "x.h5"
    make(path, TYPES["variable, utf8"], (4,))
    chk = HDF5Checkpointer(path)
    chk["x"] = np.array(["a", "bb", "c", "d"])
    with h5py.File(path, "r+") as file:
        file["x"][1] = "longer"
    assert chk["x"].tolist() == ["a", "longer", "c", "d"]


@pytest.mark.parametrize("value", ["fixed", "string dtype", "list"])
def test_bytes_of_others_are_no_texts(tmp_path: Path, value: str) -> None:
    """What others write into a marked dataset, and is no UTF-8, is not made up into a text."""
    path = tmp_path / "x.h5"
    make(path, TYPES["variable, utf8"], (4,))
    chk = HDF5Checkpointer(path)
    chk["x"] = VALUES[value](TEXTS)
    with h5py.File(path, "r+") as file:
        file["x"][1] = b"\xff"
    if value == "list":
        assert chk["x"] == [TEXTS[0], b"\xff", *TEXTS[2:]]
        return
    with pytest.raises(CorruptFileError, match="not UTF-8") as caught:
        chk["x"]
    assert caught.value.key == "x"


ODD: dict[str, tuple[bytes, Any, Any]] = {
    "padded, utf8": (b"a\0b", "a\0b", "c\0\0d"),
    "padded, ascii": (b"a\0b", "a\0b", "c\0\0d"),
    "padded latin, utf8": (b"\xe9t\xe9", b"\xe9t\xe9", None),
    "padded latin, ascii": (b"\xe9t\xe9", b"\xe9t\xe9", None),
    "blanks latin, ascii": (b"\xe9t\xe9      ", b"\xe9t\xe9", None),
    "variable latin, utf8": (b"\xe9t\xe9", b"\xe9t\xe9", None),
    "variable latin, ascii": (b"\xe9t\xe9", b"\xe9t\xe9", None),
}
"""What is in a scalar, what it is read as, and another value that goes into it."""


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("kind", ODD)
def test_scalars_that_are_no_text_of_ours(tmp_path: Path, kind: str, journal: bool) -> None:
    """Strings with a NUL inside, and bytes, stay strings of their type when they are assigned."""
    path = tmp_path / "x.h5"
    tid = TYPES[kind.replace(" latin", "")]
    raw, value, other = ODD[kind]
    make(path, tid, ())
    with h5py.File(path, "r+") as file:
        if tid.is_variable_str():
            file["x"][()] = raw
        else:
            data = np.frombuffer(raw.ljust(WIDTH, b"\0"), f"V{WIDTH}").reshape(())
            file["x"].id.write(h5s.ALL, h5s.ALL, data, tid)
    before, data = outside(path), inside(path)
    chk = HDF5Checkpointer(path, journal=journal)
    assert chk["x"] == value
    chk["x"] = chk["x"]
    assert outside(path) == before and repr(inside(path)) == repr(data) and data[1] is None
    if other is not None:
        chk["x"] = other
        assert chk["x"] == other and outside(path) == before and inside(path)[1] is None
    free(path)
    for misfit in ("x\0", "12\0" * 9, b"text", b"\xff\0"):  # would be cut, or come back as text
        chk["x"] = misfit
        assert type(chk["x"]) is type(misfit) and chk["x"] == misfit


@pytest.mark.parametrize("cset", SETS)
def test_texts_beside_bytes_that_are_none(tmp_path: Path, cset: str) -> None:
    """An array of strings of which some are no UTF-8 is left as it is, too."""
    path = tmp_path / "x.h5"
    make(path, TYPES[f"variable, {cset}"], (2,))
    with h5py.File(path, "r+") as file:
        file["x"][1] = b"\xff"
    before, data = outside(path), repr(inside(path))
    chk = HDF5Checkpointer(path)
    assert chk["x"].tolist() == ["a", b"\xff"]
    chk["x"] = chk["x"]
    assert outside(path) == before and repr(inside(path)) == data
    free(path)
    chk["x"] = other = np.array(["b", b"\xff"], object)
    assert differs(other, chk["x"]) is None


def test_checksums(tmp_path: Path) -> None:
    """What is written over a dataset with a checksum has one that is right."""
    path = tmp_path / "x.h5"
    chk = HDF5Checkpointer(path, checksum=True)
    long = ["x" * 2000, "b"]
    chk["x"], chk["y"] = objects(long), long
    chk["z"] = np.array("0-d" * 1000, object)
    for given in (["a", "b"], objects(["c", "é"]), np.array(["d", "e"])):
        chk["x"], chk["y"] = given, given
        report = chk.verify()
        assert report.ok and not report.unread
        with h5py.File(path) as file:
            assert "hdfchk-crc32" in file["x"].attrs


@pytest.mark.parametrize("kind", TYPES)
def test_an_error_leaves_the_strings(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an error the strings, their number and the mark are as they were, without a journal."""
    path = tmp_path / "x.h5"
    make(path, TYPES[kind], (4,), chunks=3)
    before, data = outside(path), inside(path)
    chk = HDF5Checkpointer(path, journal=False)

    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Writer, "create", fail)
    for given in (["a"], objects(["a"] * 9), ["é"] * 4, objects(["b"] * 4), "other"):
        with pytest.raises((ZeroDivisionError, ReferencedError)):  # what does not fit is refused
            chk.update({"x": given, "y": 1})
        assert outside(path) == before and repr(inside(path)) == repr(data)


def test_attributes(tmp_path: Path) -> None:
    """Attributes of others keep their type when the same, or a text that fits, is set."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3)
        for name, tid in TYPES.items():
            for shape, many in (((), ""), ((2,), " many")):
                space = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
                aid = h5a.create(file["x"].id, (name + many).encode(), tid, space)
                data = np.full(shape, "1234567", object)
                if not tid.is_variable_str():
                    data = np.full(shape, b"full full", f"V{WIDTH}")
                aid.write(data, PYTHON_STRINGS if tid.is_variable_str() else tid)
        file["x"].attrs["empty"] = h5py.Empty("f4")

    def look() -> Any:
        with h5py.File(path) as file:
            ids = {name: file["x"].attrs.get_id(name) for name in file["x"].attrs}
            return {
                name: (aid.shape, aid.get_type().encode(), repr(file["x"].attrs[name]))
                for name, aid in ids.items()
            }

    before = look()
    attributes = HDF5Checkpointer(path).array("x").attrs
    for name in list(attributes):
        attributes[name] = attributes[name]
    assert look() == before
    for name in TYPES:
        for text in ("123456789" if "ended" in name else "", "short"):
            attributes[name] = text
            assert attributes[name] == text
        attributes[name + " many"] = ["a", "b"]
        assert attributes[name + " many"] == ["a", "b"]
    after = look()
    assert {name: after[name][:2] for name in before} == {
        name: found[:2] for name, found in before.items()
    }


def test_object_arrays_as_attributes(tmp_path: Path) -> None:
    """An object array of `str` is an attribute of variable-length strings, None a NaN."""
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    chk["x"] = np.arange(3)
    attributes = chk.array("x").attrs
    number = np.array(0x7FF84E6F000007A2, "u8").view("f8").item()
    values = {"texts": objects(["a", "é"]), "none": None, "number": number, "nan": float("nan")}
    for name, value in values.items():
        attributes[name] = value
    for name, value in values.items():
        assert differs(value, attributes[name]) is None
    with h5py.File(tmp_path / "x.h5") as file:
        assert h5py.check_string_dtype(file["x"].attrs.get_id("texts").dtype).length is None
        assert np.isnan(file["x"].attrs["none"])


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("kind", ["variable, utf8", "ended, utf8"])
def test_strings_that_cannot_be_read(tmp_path: Path, kind: str, journal: bool) -> None:
    """What is damaged gives its place to the strings that are assigned."""
    path = tmp_path / "x.h5"
    for given in (["a", "b", "c", "d"], ["a"] * 9):
        make(path, TYPES[kind], (4,), chunks=3, gzip=True)
        free(path)
        with h5py.File(path) as file:
            chunk = file["x"].id.get_chunk_info(0)
        with open(path, "r+b") as stream:
            stream.seek(chunk.byte_offset)
            stream.write(b"\xff" * chunk.size)
        chk = HDF5Checkpointer(path, journal=journal)
        with pytest.raises(CorruptFileError):
            chk["x"]
        chk["x"] = given
        assert chk["x"] == given
