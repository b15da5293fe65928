"""The handle on one stored array: parts read and written, growth, memory maps."""

from __future__ import annotations

import io
import mmap
import pickle
import zlib
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CheckpointerKeyError,
    HDF5Checkpointer,
    InvalidOptionError,
    ReferencedError,
    UnsafeFileError,
    UnsupportedStoredError,
    UnsupportedTypeError,
)
from hdfchk.backends.hdf5.data import blocks, selection


@pytest.fixture
def chk(path: str) -> HDF5Checkpointer:
    return HDF5Checkpointer(path)


def test_map(chk: HDF5Checkpointer, path: str) -> None:
    """A map is a read-only view of the bytes in the file, aligned, also for datetimes."""
    chk["x"] = np.arange(30000.0).reshape(300, 100)
    chk["t"] = np.arange(10000).astype("M8[s]")
    mapped = chk.array("x").map()
    assert type(mapped) is np.ndarray and isinstance(mapped.base, mmap.mmap)
    assert mapped.ctypes.data % 64 == 0 and np.array_equal(mapped, chk["x"])
    assert not mapped.flags.writeable
    times = chk.array("t").map()
    assert times.dtype == "M8[s]" and times[5] == np.datetime64(5, "s")


def test_no_map(chk: HDF5Checkpointer) -> None:
    """Why an array cannot be mapped is said: too small, grown, stored in another form, no file."""
    chk["small"] = np.arange(3)
    chk["text"] = np.array(["a" * 50] * 100)
    chk["grown"] = np.zeros(20000)
    chk.array("grown").append(np.zeros(1))
    memory = HDF5Checkpointer(None)
    memory["x"] = np.zeros(20000)
    for array in (chk.array("small"), chk.array("grown"), chk.array("text"), memory.array("x")):
        with pytest.raises(UnsupportedStoredError):
            array.map()


def test_append(chk: HDF5Checkpointer, path: str) -> None:
    """Rows are appended one or many at a time; attributes and order stay; others can read it."""
    chk["before"] = 1
    chk["x"] = np.arange(6).reshape(3, 2)
    chk["after"] = 1
    array = chk.array("x")
    array.attrs["units"] = "m"
    for n in range(50):
        array.append([n, n])
    array.append(np.zeros((0, 2), int))
    array.append(np.ones((3, 2), int))
    assert array.shape == (56, 2) and array.maxshape == (None, 2) and array.chunks
    assert array[3:53, 0].tolist() == list(range(50)) and array.attrs["units"] == "m"
    assert list(chk) == ["before", "x", "after"] and chk["x"].dtype == int
    with h5py.File(path) as file:
        assert file["x"].shape == (56, 2)
    chk["names"] = np.array(["a", "bc"])
    chk.array("names").append(np.array(["d"]))
    assert chk["names"].tolist() == ["a", "bc", "d"]
    chk.array("names").append(np.array(["longer than before"]))
    assert chk["names"].tolist() == ["a", "bc", "d", "longer than before"]


@pytest.mark.parametrize("target", ["log", "direct", "bytes", "memory"])
def test_longer_strings_are_appended(path: str, target: str) -> None:
    """An array of strings of one width is made wider; attributes, chunks and filters stay."""
    chk = HDF5Checkpointer({"bytes": io.BytesIO(), "memory": None}.get(target, path))
    if target == "direct":
        chk = HDF5Checkpointer(path, journal=False)
    texts = np.array([f"s{n}" for n in range(100)])
    chk.put("u", texts, chunks=(7,), compression="gzip")
    chk.put("raw", texts.astype("S"), chunks=(7,))
    chk["list"], chk["last"] = ["a", "b"], 1
    chk.array("u").attrs["units"] = "none"
    with chk:
        for key, longer in (("u", "long, é" * 9), ("u", "é" * 63), ("raw", b"longer"), ("u", "s")):
            chk.append(key, longer)
            chk.array(key).append(np.array(["x", "y"]).astype(chk.array(key).dtype.kind))
        chk.append("list", "much longer")
    found = chk["u"]
    assert found.dtype == "U63" and found[:100].tolist() == texts.tolist()
    assert found[100:].tolist() == ["long, é" * 9, "x", "y", "é" * 63, "x", "y", "s", "x", "y"]
    assert chk["raw"].dtype == "S6" and chk["raw"][100:].tolist() == [b"longer", b"x", b"y"]
    assert chk["list"] == ["a", "b", "much longer"] and list(chk) == ["u", "raw", "list", "last"]
    assert dict(chk.array("u").attrs) == {"units": "none"} and chk.verify().ok
    if target != "memory":
        assert chk.array("u").chunks == (7,) == chk.array("raw").chunks
        assert chk.array("u").compression == "gzip"
    for wrong in (5, [["a"]], b"bytes"):
        with pytest.raises((UnsupportedTypeError, InvalidOptionError)):
            chk.append("u", wrong)
    with pytest.raises(UnsupportedTypeError):
        chk.array("u")[0] = "s" * 99  # only rows that are added make it wider
    assert chk["u"].tolist() == found.tolist()


@pytest.mark.parametrize("pad", [h5py.h5t.STR_NULLTERM, h5py.h5t.STR_SPACEPAD])
def test_longer_strings_are_appended_to_those_of_others(path: str, pad: int) -> None:
    """The padding and the characters of the type stay; ASCII takes no other characters."""
    with h5py.File(path, "w") as file:
        tid = h5py.h5t.C_S1.copy()
        tid.set_size(4)
        tid.set_strpad(pad)
        space = h5py.h5s.create_simple((2,))
        h5py.h5d.create(file.id, b"x", tid, space)
        file["x"][:] = np.array([b"a", b"bcd"])
        file["ref"] = np.arange(3)
    chk = HDF5Checkpointer(path)
    chk.append("x", "efgh1")
    chk.append("x", "1234567")
    assert chk["x"].tolist() == [b"a", b"bcd", b"efgh1", b"1234567"]
    with pytest.raises(UnsupportedTypeError):
        chk.append("x", "é" * 20)
    with h5py.File(path, "r+") as file:
        tid = file["x"].id.get_type()
        assert (tid.get_strpad(), tid.get_cset()) == (pad, h5py.h5t.CSET_ASCII)
        file["ref2"] = file["x"].ref
    with pytest.raises(ReferencedError):
        chk.append("x", "too long for it by far")
    assert chk["x"].tolist() == [b"a", b"bcd", b"efgh1", b"1234567"]


def test_refused_elements(chk: HDF5Checkpointer) -> None:
    """What does not fit the stored dtype is refused and changes nothing."""
    chk["s"] = np.array(["ab", "cd"])
    with pytest.raises(UnsupportedTypeError):
        chk.array("s")[0] = "abc"
    chk.array("s")[0] = "x"
    assert chk["s"].tolist() == ["x", "cd"]
    chk["n"] = np.arange(3)
    with pytest.raises((TypeError, ValueError)):
        chk.array("n")[0] = "text"
    for index in (7, (0, 0)):
        with pytest.raises((IndexError, ValueError)):
            chk.array("n")[index]
    assert chk["n"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "index",
    [
        0,
        -1,
        slice(None),
        slice(1, 4, 2),
        (slice(None), 1),
        (2, 1),
        ...,
        [0, 3],
        np.array([True, False, True, False, False]),
    ],
)
def test_indexing(chk: HDF5Checkpointer, index: Any) -> None:
    """Indexing gives what NumPy's gives, and writing there changes just that."""
    data = np.arange(15.0).reshape(5, 3)
    chk["x"] = data
    array = chk.array("x")
    assert np.array_equal(array[index], data[index]) and np.shape(array[index]) == np.shape(
        data[index]
    )
    array[index] = -1
    data[index] = -1
    assert np.array_equal(chk["x"], data)


def test_rows(chk: HDF5Checkpointer) -> None:
    """Iteration gives the rows; the handle pickles, and says where it is."""
    chk["x"] = np.arange(6).reshape(3, 2)
    array = chk.array("x")
    assert [row.tolist() for row in array] == [[0, 1], [2, 3], [4, 5]]
    assert pickle.loads(pickle.dumps(array))[2].tolist() == [4, 5]
    assert "'x'" in repr(array) and "(3, 2)" in repr(array)
    assert np.asarray(array, dtype="f4").dtype == "f4" and np.sum(array) == 15
    with pytest.raises(ValueError):
        np.asarray(array, copy=False)


def test_gone(chk: HDF5Checkpointer) -> None:
    """A handle on an array that was deleted, or is hidden, is a KeyError."""
    chk["x"] = np.arange(3)
    array = chk.array("x")
    hidden = chk.view(omitted_keys="y").array("x")
    del chk["x"]
    for use in (
        lambda: array.shape,
        lambda: array[0],
        lambda: array.append([1]),
        lambda: hidden[0],
    ):
        with pytest.raises(CheckpointerKeyError):
            use()


def test_arrays_of_others(chk: HDF5Checkpointer, path: str) -> None:
    """A chunked, compressed, growable array of another program is read and appended to."""
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "z", data=np.arange(100.0), chunks=(10,), maxshape=(None,), compression="gzip"
        )
    array = chk.array("z")
    assert array.chunks == (10,) and array.compression == "gzip" and array.maxshape == (None,)
    array.append(np.zeros(5))
    assert array.shape == (105,) and array.compression == "gzip"


def test_growing_keeps_attributes(path: str) -> None:
    """An array that is made growable keeps its attributes, of whatever type."""
    chk = HDF5Checkpointer(path)
    chk["a"], chk["b"] = np.arange(6000.0), 1
    table = np.array([(1, "hey"), (2, "z" * 99)], [("n", "i4"), ("s", h5py.string_dtype())])
    with h5py.File(path, "a") as file:
        attrs = file["a"].attrs
        attrs["text"], attrs["texts"], attrs["empty"] = "a run", ["x", "y" * 500], h5py.Empty("f4")
        attrs.create("table", table, dtype=table.dtype)
        attrs.create("ragged", [np.arange(3), np.arange(2)], dtype=h5py.vlen_dtype("i4"))
        attrs["bytes"], attrs["flag"], attrs["other"] = np.bytes_(b"a\0b"), True, file["b"].ref
        before = {key: repr(value) for key, value in attrs.items() if key != "other"}
    chk.array("a").append(np.ones(3))
    with h5py.File(path) as file:
        attrs = file["a"].attrs
        assert {key: repr(value) for key, value in attrs.items() if key != "other"} == before
        assert isinstance(attrs["other"], h5py.Reference)


def test_growing_keeps_what_points_at_an_array(path: str) -> None:
    """An array that leads to itself is not replaced by one that can grow."""
    chk = HDF5Checkpointer(path)
    chk["a"] = np.arange(6000.0)
    with h5py.File(path, "a") as file:
        file["a"].attrs["self"] = file["a"].ref
    with pytest.raises(ReferencedError, match="'self'"):
        chk.array("a").append(np.ones(3))
    with h5py.File(path) as file:
        assert file["a"].shape == (6000,) and file[file["a"].attrs["self"]] == file["a"]


def test_strings_by_slices(path: str) -> None:
    """Strings of any length are written one by one where the array has room for any length."""
    chk = HDF5Checkpointer(path)
    chk["s"] = np.array(["one", "two" * 50], np.dtypes.StringDType())
    chk.array("s")[0] = "changed"
    chk.array("s").append(np.array(["new"]))
    assert chk["s"].tolist() == ["changed", "two" * 50, "new"]
    assert chk["s"].dtype == np.dtypes.StringDType()


@pytest.mark.parametrize("rows", [10, 40_000], ids=["small", "large"])
@pytest.mark.parametrize(
    "lead", [(1,), (1, 1), (), None], ids=["one axis more", "two more", "as it is", "another"]
)
def test_slices_take_what_h5py_takes(
    path: str, rows: int, lead: tuple[int, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leading axes of one element, scalars and refusals are h5py's, whatever the size."""
    for module in (blocks, selection):  # what is larger is written block by block
        monkeypatch.setattr(module, "BLOCK_BYTES", 2**16)
    chk = HDF5Checkpointer(path, durable=False)
    chk["x"] = np.zeros(rows)
    new = np.arange(rows // 2 if lead is not None else 7, dtype=float)
    new = new.reshape((*(lead or ()), len(new)))
    with h5py.File("plain", "w", driver="core", backing_store=False) as plain:
        plain["x"] = np.zeros(rows)
        where = slice(0, rows // 2 * 2, 2)
        if lead is None:
            with pytest.raises(TypeError):
                plain["x"][where] = new
            with pytest.raises(TypeError):
                chk.array("x")[where] = new
            return
        plain["x"][where] = new
        chk.array("x")[where] = new
        assert np.array_equal(chk["x"], plain["x"][()])
        plain["x"][where] = 3
        chk.array("x")[where] = 3
        assert np.array_equal(chk["x"], plain["x"][()])


@pytest.mark.parametrize("index", [np.s_[0:0], np.s_[:, 0:0], np.s_[[]], np.s_[5:5, 3]])
def test_nothing_is_read_for_no_elements(path: str, index: Any) -> None:
    """No chunk is looked at, not even one that would decode to far more than it should."""
    values = np.random.default_rng(1).random((1000, 20))
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", data=values, chunks=(50, 20), compression="gzip")
        info = made.id.get_chunk_info(3)
    with open(path, "r+b") as raw:
        raw.seek(info.byte_offset)
        raw.write(zlib.compress(bytes(5_000_000)).ljust(info.size))
    array = HDF5Checkpointer(path, mode="r").array("x")
    assert array[index].shape == values[index].shape
    with pytest.raises(UnsafeFileError):
        array[:]
