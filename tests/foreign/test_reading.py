"""Files that others wrote with plain h5py are read as far as they go, and errors are clear."""

from __future__ import annotations

import pathlib
import re

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from hdfchk import Group, HDF5Checkpointer, load

ENUM = h5py.enum_dtype({"RED": 0, "GREEN": 1}, basetype="i4")
NESTED = np.dtype([("a", "<i4"), ("in", [("x", "<f8", (2,)), ("s", "S3")])])


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "foreign.h5")


@pytest.fixture(params=[False, True], ids=["by name", "by creation"])
def file(path, request):
    with h5py.File(path, "w", track_order=request.param) as opened:
        yield opened


def raw_dataset(file, name, tid, space, data=None):
    """A dataset of an HDF5 type for which NumPy has no dtype."""
    did = h5d.create(file.id, name, tid, space)
    if data is not None:
        did.write(h5s.ALL, h5s.ALL, data, tid)


# name: what h5py is given, what is read
VALUES = {
    "int64": (np.int64(3), 3),
    "int32": (np.int32(3), np.int32(3)),
    "uint8": (np.uint8(3), np.uint8(3)),
    "float64": (2.5, 2.5),
    "float16": (np.float16(2), np.float16(2)),
    "longdouble": (np.longdouble(1) / 3, np.longdouble(1) / 3),
    "complex128": (1 + 2j, 1 + 2j),
    "complex64": (np.complex64(1), np.complex64(1)),
    "bool": (True, True),
    "text": ("héllo", "héllo"),
    "bytes": (np.bytes_(b"abc"), "abc"),
    "empty": (h5py.Empty("f8"), None),
    "empty text": (h5py.Empty(h5py.string_dtype()), None),
}
ARRAYS = {
    "floats": (np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3)),
    "big endian": (np.arange(3, dtype=">i4"), np.arange(3, dtype=">i4")),
    "bools": (np.array([True, False]), np.array([True, False])),
    "zero-size": (np.empty((0, 3)), np.empty((0, 3))),
    "bytes array": (np.array([b"ab", b"c"]), np.array([b"ab", b"c"])),
    "opaque": (np.array([b"abcd"], "V4"), np.array([b"abcd"], "V4")),
    "compound": (np.array([(1, 2.5)], "i4,f8"), np.array([(1, 2.5)], "i4,f8")),
    "nested compound": (np.zeros(2, NESTED), np.zeros(2, NESTED)),
    "strings": (np.array([["a", "é"]], object), np.array([["a", "é"]], object)),
}


@pytest.mark.parametrize("name", VALUES)
def test_scalars(file, path, name):
    """A scalar dataset is the Python or NumPy scalar that it stands for."""
    given, expected = VALUES[name]
    file.create_dataset("x", data=given)
    file.close()
    found = HDF5Checkpointer(path)["x"]
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(file, path, name):
    """An array is an array of the same dtype and shape."""
    given, expected = ARRAYS[name]
    file.create_dataset("x", data=given)
    file.close()
    chk = HDF5Checkpointer(path)
    found = chk["x"]
    assert found.dtype == expected.dtype and found.dtype.metadata is None
    assert np.array_equal(found, expected)
    assert chk.array("x").shape == expected.shape
    assert np.array_equal(chk.array("x")[...], expected)


def test_enums(file, path):
    """Enumerations are their numbers, in the type that they have."""
    file.create_dataset("array", data=np.array([0, 1, 0], "i4"), dtype=ENUM)
    file.create_dataset("one", data=1, dtype=ENUM)
    file.close()
    chk = HDF5Checkpointer(path)
    assert chk["array"].dtype == np.int32 and chk["array"].tolist() == [0, 1, 0]
    assert chk["one"] == np.int32(1)


def test_variable_length(file, path):
    """Variable-length items are arrays in an object array; a single one is an array."""
    ragged = file.create_dataset("ragged", (3,), h5py.vlen_dtype("i4"))
    ragged[0], ragged[1] = [1, 2], [3]
    one = file.create_dataset("one", (), h5py.vlen_dtype("f8"))
    one[()] = np.array([1.0, 2.0])
    file.create_dataset("deep", (2,), h5py.vlen_dtype(h5py.vlen_dtype("i4")))
    file.close()
    chk = HDF5Checkpointer(path)
    assert [item.tolist() for item in chk["ragged"]] == [[1, 2], [3], []]
    assert chk["ragged"][0].dtype == np.int32 and chk["one"].tolist() == [1.0, 2.0]
    assert [item.tolist() for item in chk["deep"]] == [[], []]


def test_strings_of_every_kind(file, path):
    """Strings are `str`: of fixed and variable length, ASCII and UTF-8, padded as C or Fortran do."""
    file.create_dataset("ascii", data=[b"a", b"bc"], dtype=h5py.string_dtype("ascii"))
    file.create_dataset("fixed", data="hé".encode(), dtype=h5py.string_dtype("utf-8", 10))
    file.create_dataset("unwritten", (2,), h5py.string_dtype())
    file.create_dataset("unwritten one", (), h5py.string_dtype())
    for name, pad, raw in ((b"C", h5t.STR_NULLTERM, b"ab\0zz"), (b"F", h5t.STR_SPACEPAD, b"ab   ")):
        tid = h5t.C_S1.copy()
        tid.set_size(5)
        tid.set_strpad(pad)
        raw_dataset(file, name, tid, h5s.create(h5s.SCALAR), np.array(raw))
    file.close()
    loaded = load(path)
    assert loaded["ascii"].tolist() == ["a", "bc"] and loaded["fixed"] == "hé"
    assert loaded["unwritten"].tolist() == ["", ""] and loaded["unwritten one"] == ""
    assert loaded["C"] == "ab" and loaded["F"] == "ab"


def test_strings_that_are_no_text(file, path):
    """Strings whose bytes are no UTF-8 are given as those bytes."""
    file.create_dataset("one", data=b"\xff\xfe", dtype=h5py.string_dtype())
    file.create_dataset("two", data=[b"\xff", b"a"], dtype=h5py.string_dtype())
    file.create_dataset("fixed", data=np.bytes_(b"\xff\xfe"))
    file.close()
    loaded = load(path)
    assert loaded["one"] == b"\xff\xfe" == loaded["fixed"]
    assert loaded["two"].tolist() == [b"\xff", "a"]


def test_compounds_with_strings(file, path):
    """Strings in a compound are `str`, its enumerations numbers, its ragged fields arrays."""
    fields = [("s", h5py.string_dtype()), ("v", h5py.vlen_dtype("i2")), ("e", ENUM)]
    table = file.create_dataset("table", (1,), np.dtype(fields))
    table[0] = ("hé", np.array([1, 2], "i2"), 1)
    file.close()
    row = HDF5Checkpointer(path)["table"][0]
    assert row["s"] == "hé" and row["v"].tolist() == [1, 2] and row["e"] == 1


def test_array_types(file, path):
    """Elements that are arrays themselves become further axes."""
    tid = h5t.array_create(h5t.NATIVE_INT32, (3,))
    space = h5s.create_simple((2,))
    raw_dataset(file, b"array", tid, space, np.arange(6, dtype="i4").reshape(2, 3))
    raw_dataset(file, b"one", tid, h5s.create(h5s.SCALAR), np.arange(3, dtype="i4"))
    aid = h5py.h5a.create(file.id, b"note", tid, h5s.create(h5s.SCALAR))
    aid.write(np.arange(3, dtype="i4"), tid)
    file.close()
    chk = HDF5Checkpointer(path)
    assert chk["array"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert chk["one"].tolist() == [0, 1, 2] == chk.attrs["note"].tolist()


def test_layouts_and_filters(file, path):
    """Chunked, compressed, checked and scaled arrays are read; `Array` tells how they lie."""
    data = np.arange(1000.0).reshape(10, 100)
    options = {"chunks": (5, 50), "compression": "gzip", "shuffle": True, "fletcher32": True}
    file.create_dataset("gzip", data=data, maxshape=(None, 100), **options)
    file.create_dataset("scaled", data=np.arange(100), scaleoffset=0, chunks=(10,))
    file.create_dataset("lzf", data=np.arange(100), compression="lzf")
    file.create_dataset("unwritten", (3,), "f8", fillvalue=7.0)
    file.close()
    chk = HDF5Checkpointer(path)
    assert np.array_equal(chk["gzip"], data) and np.array_equal(chk["scaled"], np.arange(100))
    assert np.array_equal(chk["lzf"], np.arange(100)) and chk["unwritten"].tolist() == [7.0] * 3
    assert np.array_equal(chk.array("gzip")[2:4], data[2:4])
    chk.array("gzip").append(data[:1])
    assert len(chk.array("gzip")) == 11


def test_bitfields_and_odd_numbers(file, path):
    """Bitfields and integers of odd precision are integers."""
    raw_dataset(file, b"bits", h5t.STD_B8LE, h5s.create_simple((2,)), np.array([1, 2], "u1"))
    raw_dataset(file, b"wide bits", h5t.STD_B16LE, h5s.create(h5s.SCALAR))
    tid = h5t.STD_I32LE.copy()
    tid.set_precision(24)
    raw_dataset(file, b"24 bits", tid, h5s.create_simple((2,)))
    file.close()
    loaded = load(path)
    assert loaded["bits"].tolist() == [1, 2] and loaded["wide bits"] == 0
    assert loaded["24 bits"].tolist() == [0, 0]


def test_times_of_h5py(file, path):
    """Dates that h5py stores as opaque bytes with a tag are dates."""
    given = np.array(["2020-01-01"], "M8[s]")
    file["dates"] = given.astype(h5py.opaque_dtype(given.dtype))
    file.close()
    found = HDF5Checkpointer(path)["dates"]
    assert found.dtype == given.dtype and found == given


def test_named_datatypes(file, path):
    """A named datatype is the dtype that it is; arrays of it are arrays."""
    file["float"] = np.dtype("f4")
    file["pair"] = np.dtype([("a", "i4"), ("b", "f8")])
    file["enum"] = ENUM
    file.create_dataset("array", (2,), dtype=file["float"])
    file.close()
    chk = HDF5Checkpointer(path)
    assert chk["float"] == np.dtype("f4") and chk["pair"].names == ("a", "b")
    assert chk["array"].dtype == np.float32 and len(chk.load()) == len(chk) == 4
    assert chk["enum"] == np.int32


def test_attributes(file, path):
    """Attributes of any plain type are read, on groups and arrays."""
    array = file.create_dataset("g/x", data=np.arange(3))
    array.attrs["units"] = "Å"
    array.attrs["names"] = np.array(["a", "b"], object)
    array.attrs["empty"] = h5py.Empty("f4")
    array.attrs["vector"] = np.arange(3.0)
    file["g"].attrs["n"] = 3
    file.close()
    chk = HDF5Checkpointer(path)
    found = dict(chk.array("g/x").attrs)
    assert found["units"] == "Å" and found["names"].tolist() == ["a", "b"]
    assert found["empty"] is None and found["vector"].tolist() == [0, 1, 2]
    assert dict(chk["g"].attrs) == {"n": 3}


def test_order_of_keys(path):
    """Keys come in the order of their creation where the file keeps it, else sorted by HDF5."""
    for tracked, expected in ((True, ["b", "c", "a"]), (False, ["a", "b", "c"])):
        with h5py.File(path, "w", track_order=tracked) as file:
            for name in ("b", "c", "a"):
                file[name] = 1
        assert list(HDF5Checkpointer(path)) == expected
        HDF5Checkpointer(path)["d"] = 1
        assert list(HDF5Checkpointer(path)) == [*expected, "d"]


def test_odd_names(path):
    """Keys that are no UTF-8, or odd in other ways, are keys all the same."""
    names = ["with space", "ünï", "a.b", "#refs#", "0", "$x", "hdfchk"]
    with h5py.File(path, "w") as file:
        for name in names:
            file[name] = 1
        h5d.create(file.id, b"\xff\xfe", h5t.NATIVE_INT32, h5s.create(h5s.SCALAR))
    chk = HDF5Checkpointer(path)
    assert set(chk) == {*names, "\udcff\udcfe"} and all(name in chk for name in chk)
    assert load(path)["\udcff\udcfe"] == 0
    chk["\udcff\udcfe"] = 2
    assert chk["\udcff\udcfe"] == 2 and len(chk) == len(names) + 1


def test_groups_are_live(file, path):
    """Groups are live, their keys can be set and deleted, and the rest stays."""
    file["g/x"] = 1
    file["g/h/y"] = np.arange(3)
    file.close()
    chk = HDF5Checkpointer(path)
    assert isinstance(chk["g"], Group)
    chk["g"]["z"] = {"new": [1, "é"]}
    chk["g/x"] = "text"
    del chk["g/h/y"]
    assert chk.load() == {"g": {"h": {}, "x": "text", "z": {"new": [1, "é"]}}}


@pytest.mark.parametrize("base", [">i2", "<i2", ">f8", ">u4"])
def test_arrays_of_variable_length_in_any_byte_order(path: str, base: str) -> None:
    """They are read as they were written, wherever they stand, and written again."""
    rows = [np.arange(count).astype(base) for count in (3, 1, 2)]
    items = np.empty(3, object)
    items[:] = rows
    mixed = np.dtype([("n", "i4"), ("v", h5py.vlen_dtype(np.dtype(base)))])
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "x", data=items, dtype=h5py.vlen_dtype(np.dtype(base)), maxshape=(None,)
        )
        file.create_dataset("mixed", (3,), mixed)
        file["mixed"][...] = np.array([(5, row) for row in rows], mixed)
        file["x"].attrs.create("a", items, dtype=h5py.vlen_dtype(np.dtype(base)))
    chk = HDF5Checkpointer(path)

    def same(found, wanted):
        return all(map(np.array_equal, found, wanted)) and len(found) == len(wanted)

    assert same(chk["x"], rows) and same(chk.array("x")[1:], rows[1:])
    assert np.array_equal(chk.array("x")[2], rows[2]) and same(chk.load()["x"], rows)
    assert same(chk["mixed"]["v"], rows) and same(chk.array("mixed")[1:]["v"], rows[1:])
    assert same(chk.array("x").attrs["a"], rows)
    assert {row.dtype for row in chk["x"]} == {np.dtype(base)}
    chk.compact()
    assert same(chk["x"], rows) and same(chk["mixed"]["v"], rows)


def never_written(file, name, shape, dtype, filled, **layout):
    """A dataset into which HDF5 writes no fill value; a part of it is written where it can be."""
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_fill_time(h5d.FILL_TIME_NEVER)
    if filled == "defined":
        plist.set_fill_value(np.array(5, dtype))
    if "chunks" in layout:
        plist.set_chunk(layout["chunks"])
    if layout.get("gzip"):
        plist.set_deflate(1)
    space = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
    h5d.create(file.id, name.encode(), h5t.py_create(np.dtype(dtype)), space, plist)
    if "chunks" in layout:
        file[name][: layout["chunks"][0]] = 3


@pytest.mark.parametrize("filled", ["default", "undefined", "defined"])
def test_what_was_never_written_is_no_memory_of_the_process(path, filled):
    """It is zeros, as h5py has it; never what was in memory before."""
    layouts = {
        "contiguous": {},
        "chunked": {"chunks": (100,)},
        "gzip": {"chunks": (100,), "gzip": True},
        "large gzip": {"chunks": (50_000,), "gzip": True},
    }
    wanted = {}
    with h5py.File(path, "w") as file:
        for dtype in ("f8", ">i4", "u1"):
            for name, layout in layouts.items():
                shape = (200_000,) if "large" in name else (500,)
                never_written(file, f"{name} {dtype}", shape, dtype, filled, **layout)
            never_written(file, f"scalar {dtype}", (), dtype, filled)
    if filled == "undefined":  # h5py has no way to say so
        whole = pathlib.Path(path).read_bytes()
        defined = re.compile(rb"\x02([\x01-\x03])\x01\x01\0\0\0\0")
        whole, count = defined.subn(lambda found: b"\2" + found[1] + b"\1" + bytes(5), whole)
        assert count == 15
        pathlib.Path(path).write_bytes(whole)
    with h5py.File(path) as file:
        defined = {file[name].id.get_create_plist().fill_value_defined() for name in file}
        assert (defined == {h5d.FILL_VALUE_UNDEFINED}) == (filled == "undefined")
        wanted = {name: file[name][()] for name in file}
    chk = HDF5Checkpointer(path)
    chk["before"], chk["number"] = np.pi, 77

    def soil():
        for size in (1, 8, 100, 500, 4000, 200_000, 1_600_000):
            for _ in range(8):
                np.full(size, 0xAB, np.uint8)
        assert chk["before"] == np.pi and chk["number"] == 77  # which scalars are read into

    for name, values in wanted.items():
        soil()
        assert np.array_equal(chk[name], values), name
        if values.shape:
            soil()
            assert np.array_equal(chk.array(name)[50:450], values[50:450]), name
            soil()
            assert np.array_equal(chk.array(name)[50:450:3], values[50:450:3]), name
    soil()
    loaded = chk.load()
    assert all(np.array_equal(loaded[name], values) for name, values in wanted.items())
    chk.compact()
    assert all(np.array_equal(chk[name], values) for name, values in wanted.items())
    for name, values in wanted.items():  # and it can be written
        chk[name] = values + 1
        assert np.array_equal(chk[name], values + 1)


def test_gaps_of_compounds_are_no_memory_of_the_process(path):
    """What lies between two fields is zero, and so is what a copy of it would have in a file."""
    dtype = np.dtype(
        {"names": ["a", "b"], "formats": ["u1", "f8"], "offsets": [0, 40], "itemsize": 64}
    )
    with h5py.File(path, "w") as file:
        ones = np.zeros(100, dtype)
        ones["a"] = ones["b"] = 1
        file["x"], file.attrs["x"] = ones, ones[0]
    chk = HDF5Checkpointer(path)
    for read in (lambda: chk["x"], lambda: chk.array("x")[3:], lambda: chk.attrs["x"]):
        for _ in range(8):
            np.full(6400, 0xAB, np.uint8)
        found = np.asarray(read())
        if found.dtype.itemsize == 64:
            raw = found.tobytes()
            assert not raw[1:40].strip(b"\0") and not raw[48:64].strip(b"\0")


@pytest.mark.parametrize("count", [2, 5000])
def test_arrays_of_strings_inside_an_array_type(path, count):
    """Strings of variable length in an array type are read, whole and in parts."""
    inner = h5t.array_create(h5t.py_create(h5py.string_dtype(), logical=True), (2, 3))
    wanted = np.array([f"text {n}" for n in range(count * 6)], object).reshape(count, 2, 3)
    with h5py.File(path, "w") as file:
        h5d.create(file.id, b"x", inner, h5s.create_simple((count,)))
        file["x"][...] = wanted
    chk = HDF5Checkpointer(path)
    assert np.array_equal(chk["x"], wanted) and chk.verify().ok
    assert np.array_equal(chk.array("x")[1:], wanted[1:])


def test_strings_at_any_depth_of_a_compound(path):
    """They come as `str`, in compounds of compounds, and in fields that are arrays."""
    text = h5py.string_dtype()
    inner = np.dtype([("s", text), ("i", "i4"), ("deep", [("t", text, (2,))])])
    outer = np.dtype([("n", inner), ("l", text, (2, 2)), ("list", inner, (2,))])
    rows = np.zeros(3, outer)
    for index, row in enumerate(rows):
        row["n"]["s"], row["n"]["i"], row["n"]["deep"]["t"] = f"a{index}", index, ["b", "ü"]
        row["l"] = [["p", "q"], ["r", f"s{index}"]]
        for part in row["list"]:
            part["s"], part["deep"]["t"] = "c", ["d", f"e{index}"]
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=rows, dtype=outer)
        file.attrs.create("a", rows, dtype=outer)
    chk = HDF5Checkpointer(path)
    for found in (chk["x"], chk.array("x")[:], chk.attrs["a"], chk.load()["x"]):
        assert found["n"]["s"].tolist() == ["a0", "a1", "a2"]
        assert found["n"]["deep"]["t"].tolist() == [["b", "ü"]] * 3
        assert found["l"][2].tolist() == [["p", "q"], ["r", "s2"]]
        assert found["list"]["deep"]["t"][1].tolist() == [["d", "e1"], ["d", "e1"]]
    assert chk.array("x")[1]["l"].tolist() == [["p", "q"], ["r", "s1"]]


def test_links_of_another_kind_hide_no_others(path):
    """A soft link to what no link leads to, as far as we follow it, is listed, and refused alone."""
    with h5py.File(path, "w") as file:
        file["a"], file["soft"] = 1, h5py.SoftLink("/out/x")
        file["out"], file["b"] = h5py.ExternalLink("other.h5", "/"), 2
    chk = HDF5Checkpointer(path)
    assert set(chk) == {"a", "b", "out", "soft"} and chk["a"] == 1 and chk["b"] == 2
