"""A value goes into a dataset of a type that NumPy has another one for, if it comes back as it is."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from h5py import h5o, h5t

from hdfchk import HDF5Checkpointer

from .making import bits, compound, creation, dataset, enum, objects, string


def bfloat16():
    tid = h5t.IEEE_F32LE.copy()
    tid.set_fields(15, 7, 8, 0, 7)
    tid.set_size(2)
    tid.set_ebias(127)
    return tid


PAIR = compound(9, ("n", 0, h5t.STD_I32BE), ("s", 4, string(5, "term")))
ROW = np.dtype([("n", ">i4"), ("s", "S5")])
WORD = compound(24, ("s", 0, string(None, "term", utf8=True)), ("x", 16, h5t.IEEE_F64LE))
WORDS = np.dtype({"names": ["s", "x"], "formats": ["O", "<f8"], "offsets": [0, 16], "itemsize": 24})
LIST = h5t.vlen_create(h5t.STD_I32BE)
TEXTS = h5t.vlen_create(string(3, "term"))
MIXED = compound(
    72,
    ("t", 0, string(3, "term")),
    ("w", 8, h5t.array_create(string(None, "term", utf8=True), (2,))),
    ("l", 40, h5t.vlen_create(h5t.STD_I16LE)),
    ("x", 64, h5t.IEEE_F32BE),
)
MIXES = np.dtype(
    {
        "names": ["t", "w", "l", "x"],
        "formats": ["S3", ("O", (2,)), "O", ">f4"],
        "offsets": [0, 8, 40, 64],
        "itemsize": 72,
    }
)


def mixed(text):
    rows = np.zeros(2, MIXES)
    rows["t"], rows["x"] = [text, b"a"], [1.5, 2]
    rows["w"] = [["a", "é"], ["", "b"]]
    rows["l"] = objects([np.array([1, 2], "i2"), np.array([], "i2")])
    return rows


def strings(*items):
    return objects([np.array(item, "S3") for item in items])


def lists(*items):
    return objects([np.array(item, ">i4") for item in items])


# name: type, shape of the dataset, a value that it takes, one that it does not
CASES = {
    "int16": (h5t.STD_I16BE, (), np.int16(-5), np.int32(-5)),
    "int64": (h5t.STD_I64BE, (), np.int64(7), 7),
    "float64": (h5t.IEEE_F64BE, (), np.float64(0.1), 0.1),
    "enum": (enum(h5t.STD_I64LE, {"A": 0, "B": 5}), (), np.int64(5), 5),
    "bits": (h5t.STD_B16BE, (3,), np.array([1, 2, 65535], ">u2"), np.arange(3, dtype="<u2")),
    "bfloat16": (bfloat16(), (2,), np.array([1.5, -0.0], "f4"), np.array([0.1, 2], "f4")),
    "array": (
        h5t.array_create(h5t.array_create(h5t.STD_I32BE, (2,)), (3,)),
        (2,),
        np.arange(12, dtype=">i4").reshape(2, 3, 2),
        np.arange(12, dtype="<i4").reshape(2, 3, 2),
    ),
    "texts": (
        h5t.array_create(string(3, "term"), (2,)),
        (1,),
        np.array([[b"abc", b""]], "S3"),
        np.array([[b"abcd", b""]], "S4"),
    ),
    "compound": (
        PAIR,
        (2,),
        np.array([(1, b"abcde"), (2, b"")], ROW),
        np.array([(1, b"abcde"), (2, b"")], [("n", "<i4"), ("s", "S5")]),
    ),
    "words": (
        WORD,
        (2,),
        np.array([("é", 1.5), ("", 2.0)], WORDS),
        np.array([("é", 1.5), ("b", 2.0)], [("s", object), ("x", "<f8")]),
    ),
    "row": (
        WORD,
        (),
        np.array(("é", 1.5), WORDS)[()],
        np.array(("é", 1.5), WORDS),
    ),
    "mixed": (MIXED, (2,), mixed(b"ab"), mixed(b"abc")),
    "lists of texts": (TEXTS, (2,), strings([b"ab", b""], []), strings([b"abc"], [])),
    "lists": (LIST, (3,), lists([1, 2], [], [3]), lists([1, 2], [3])),
    "list": (LIST, (), np.array([1, 2, 3], ">i4"), np.array([1, 2, 3], "<i4")),
}


def same(first, second):
    if isinstance(first, np.ndarray) and first.dtype.hasobject:
        items = zip(first.ravel().tolist(), second.ravel().tolist(), strict=True)
        return first.dtype == second.dtype and all(same(one, other) for one, other in items)
    if isinstance(first, tuple):
        return all(map(same, first, second))
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and first.tobytes() == second.tobytes()
    return type(first) is type(second) and first == second


def form(path):
    """Where the object is, and what it is."""
    with h5py.File(path) as file:
        item = file["x"]
        place = h5o.get_info(item.id).addr
        if isinstance(item, h5py.Group):
            return place, None, None, None
        return place, item.id.get_type().encode(), item.shape, item.chunks


@pytest.fixture(params=["contiguous", "chunks"])
def made(request, path):
    def make(tid, shape):
        plist = data = None
        if request.param == "chunks" and shape:
            plist = creation(chunk=((1,) * len(shape),), shuffle=(), deflate=1)
        if tid.get_class() not in {h5t.VLEN, h5t.ENUM} and not tid.equal(WORD) and tid is not MIXED:
            data = bits(tid, int(np.prod(shape)))
        with h5py.File(path, "w") as file:
            dataset(file, "x", tid, shape, data, plist=plist)
        return form(path)

    return make


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_what_fits(made, path, name, journal):
    """What comes back as it was written goes into the dataset that is there; the rest does not."""
    tid, shape, value, other = CASES[name]
    before = made(tid, shape)
    chk = HDF5Checkpointer(path, journal=journal)
    chk["x"] = value
    assert same(value, chk["x"])
    after = form(path)
    assert after == before
    chk["x"] = chk["x"]
    assert form(path) == after and same(value, chk["x"])
    chk["x"] = other
    assert same(other, chk["x"])
    assert form(path)[1:3] != before[1:3]


def test_an_error_takes_it_back(path):
    """A commit that fails later leaves the old elements, whatever their type."""
    with h5py.File(path, "w") as file:
        dataset(file, "a", PAIR, (2,), bytes(18))
        dataset(file, "l", LIST, (2,))
        file["l"][0] = np.array([5], ">i4")
    before = HDF5Checkpointer(path).load()
    for journal in (True, False):
        chk = HDF5Checkpointer(path, journal=journal)
        with pytest.raises(TypeError):
            chk.update({"a": CASES["compound"][2], "l": lists([1], [2]), "a/b": 1})
        after = chk.load()
        assert same(before["a"], after["a"]) and same(before["l"], after["l"])


def test_a_named_type_stays(path):
    """The dtype of a named type that is assigned to it changes nothing; another one replaces it."""
    with h5py.File(path, "w") as file:
        file["t"] = np.dtype([("a", ">i4")])
        file.create_dataset("x", (2,), file["t"])
    chk = HDF5Checkpointer(path)
    with h5py.File(path) as file:
        place = h5o.get_info(file["t"].id).addr
    chk["t"] = chk["t"]
    with h5py.File(path) as file:
        assert isinstance(file["t"], h5py.Datatype) and h5o.get_info(file["t"].id).addr == place
        assert file["x"].id.get_type().committed()
    chk["t"] = np.dtype("f4")
    assert chk["t"] == np.dtype("f4")
