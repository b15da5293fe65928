"""NumPy's indices of stored arrays, against NumPy."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdfchk import HDF5Checkpointer, UnsupportedTypeError
from hdfchk.backends import indexing
from hdfchk.backends.hdf5.data import selection

SHAPES = [(7,), (4, 5), (3, 1, 6), (0, 4), (3, 4, 2, 2), ()]


def parts(length: int) -> st.SearchStrategy[Any]:
    """Parts of an index for an axis; places are in it."""
    ends = st.none() | st.integers(-length - 2, length + 2)
    slices = st.builds(slice, ends, ends, st.sampled_from([None, 1, 2, -1, -3]))
    mask = st.lists(st.booleans(), min_size=length, max_size=length)
    if not length:
        return st.one_of(slices, st.just([]), st.none(), mask.map(lambda m: np.array(m, bool)))
    place = st.integers(-length, length - 1)
    return st.one_of(
        slices,
        place,
        place.map(np.int32),
        st.lists(place, max_size=5),
        st.lists(place, min_size=1, max_size=4).map(lambda found: np.array(found)[:, np.newaxis]),
        mask,
        mask.map(lambda found: np.array(found, bool)),
        st.none(),
    )


@st.composite
def indices(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """An index of an array of a shape; NumPy refuses some, as lists do not fit together."""
    if shape and draw(st.integers(0, 5)) == 0:
        axes = draw(st.integers(1, len(shape)))
        size = int(np.prod(shape[:axes]))
        mask = draw(st.lists(st.booleans(), min_size=size, max_size=size))
        return np.array(mask, bool).reshape(shape[:axes])
    count = draw(st.integers(0, len(shape)))
    dots = draw(st.none() | st.integers(0, count))
    lengths = (
        shape[:count] if dots is None else (*shape[:dots], *shape[len(shape) - count + dots :])
    )
    index = [draw(parts(length)) for length in lengths]
    if dots is not None:
        index.insert(dots, ...)
    return index[0] if len(index) == 1 and draw(st.booleans()) else tuple(index)


def value_of(shape: tuple[int, ...], kind: str) -> Any:
    """An array whose elements all differ."""
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    if kind == "masked":
        return np.ma.masked_array(numbers, numbers % 3 == 1)
    if kind == "strings":
        return np.array([f"s{n}" for n in range(numbers.size)], object).reshape(shape).astype("T")
    return numbers


def store_of(where: str) -> HDF5Checkpointer:
    return HDF5Checkpointer(None if where == "memory" else io.BytesIO())


def put(chk: HDF5Checkpointer, where: str, value: Any) -> None:
    """Store an array in one piece, or in packed chunks."""
    if where == "chunks" and value.size and value.ndim:
        chk.put("x", value, chunks=tuple(min(2, n) for n in value.shape), compression="gzip")
    else:
        chk["x"] = value


@settings(max_examples=2 * settings.default.max_examples)
@given(data=st.data())
@pytest.mark.parametrize(
    "where",
    ["memory", *(pytest.param(name, marks=pytest.mark.slow) for name in ("file", "chunks"))],
)
@pytest.mark.parametrize("kind", ["numbers", "masked", "strings"])
def test_against_numpy(where: str, kind: str, data: Any) -> None:
    """Every index reads what NumPy gives, and writes what NumPy writes, or is refused as by it."""
    shape = data.draw(st.sampled_from(SHAPES[:-1] if kind == "strings" else SHAPES))
    value = value_of(shape, kind)
    index = data.draw(indices(shape))
    waste = data.draw(st.sampled_from([0, 16, 2**16]))
    with pytest.MonkeyPatch.context() as patch, store_of(where) as chk:
        patch.setattr(indexing, "WASTE_BYTES", waste)
        patch.setattr(indexing, "BOX_BYTES", data.draw(st.sampled_from([8, 64, 2**24])))
        put(chk, where, value)
        array = chk.array("x")
        try:
            wanted = value[index]
        except IndexError:
            with pytest.raises(IndexError):
                array[index]
            with pytest.raises(IndexError):
                array[index] = value[0] if value.ndim else value
            return
        found = array[index]
        assert np.shape(found) == np.shape(wanted) and same(found, wanted)
        other = value[::-1].copy() if value.ndim else value.copy()
        new = other[index]
        names_twice = np.size(wanted) > len({*places_of(index, shape)})
        if names_twice and np.ndim(new):
            with pytest.raises(UnsupportedTypeError, match="more than once"):
                array[index] = new
        else:
            array[index] = new
            value[index] = new
        assert same(chk["x"], value)


def places_of(index: Any, shape: tuple[int, ...]) -> list[int]:
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    return list(np.ravel(numbers[index]).tolist())


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, np.ma.MaskedArray):
        return bool(
            np.array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(wanted))
            and np.ma.allequal(found, wanted)
        )
    return bool(np.array_equal(found, wanted))


@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize(
    "index",
    [5, -6, (0, 3), [0, 5], [-6], (slice(None), [3]), (0, 0, 0), np.ones(4, bool), "x", 1.5],
)
def test_errors(where: str, index: Any) -> None:
    """What is out of bounds, or no index, is NumPy's error, in reading and in writing."""
    value = np.arange(15).reshape(5, 3)
    with store_of(where) as chk:
        chk["x"] = value
        with pytest.raises((IndexError, ValueError)) as wanted:
            value[index]
        for use in (lambda a: a[index], lambda a: a.__setitem__(index, 1)):
            with pytest.raises((IndexError, ValueError, UnsupportedTypeError)) as found:
                use(chk.array("x"))
            if not isinstance(index, (str, float)):
                assert found.type is wanted.type is IndexError
                assert str(wanted.value) in str(found.value)
        assert np.array_equal(chk["x"], value)


@pytest.mark.parametrize("value", [7, [7], np.full((1, 3), 7)])
def test_the_same_for_all(tmp_path: Path, value: Any) -> None:
    """An element may be named twice if it gets the same value each time."""
    model = np.zeros((4, 3), int)
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    chk["x"] = model
    chk.array("x")[[3, 1, 3]] = model[[3, 1, 3]] = value
    assert np.array_equal(chk["x"], model)


def test_only_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an array of 8 MB four rows are read, each once; of two lists, the elements they name."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    value = np.arange(2.0**20).reshape(2**10, 2**10)
    chk["x"] = value
    read: list[int] = []
    inner = selection.read_run

    def run(did: Any, index: Any, *more: Any) -> Any:
        read.append(int(np.prod([len(range(*of.indices(2**10))) for of in index])))
        return inner(did, index, *more)

    monkeypatch.setattr(selection, "read_run", run)
    rows = [900, 3, 900, -500, 3, 100]
    assert np.array_equal(chk.array("x")[rows], value[rows])
    assert sorted(read) == [2**10] * 4
    read.clear()
    pair = [1000, 1, 500], [7, 1000, 7]
    assert np.array_equal(chk.array("x")[pair], value[pair]) and sum(read) == 3
    read.clear()
    grid = np.ix_([1000, 1], [5, 6])
    assert np.array_equal(chk.array("x")[grid], value[grid]) and sum(read) <= 2**13


def test_a_failed_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error between two boxes leaves all of them as they were, without a log, too."""
    value = np.arange(10)
    chk = HDF5Checkpointer(tmp_path / "x.hdf5", journal=False)
    chk["x"] = value
    inner, calls = selection._write, itertools.count()

    def fail(*args: Any) -> None:
        if next(calls) == 1:
            raise OSError("the disk is full")
        inner(*args)

    monkeypatch.setattr(selection, "_write", fail)
    with pytest.raises(OSError, match="full"):
        chk.array("x")[[7, 2]] = [70, 20]
    assert chk["x"].tolist() == value.tolist()


@pytest.mark.parametrize("where", ["memory", "file", "chunks"])
@pytest.mark.parametrize(
    "value",
    [
        np.array([b"a\0", b"abc"]),
        np.array(["a", "abc"]),
        np.array(["a", "abc"], object),
        np.array([("a", 1), ("abc", 2)], [("s", "U3"), ("n", ">i4")]),
        np.ma.array([1.5, 2.5], mask=[1, 0]),
    ],
    ids=["bytes", "strings", "objects", "fields", "masked"],
)
def test_single_elements(where: str, value: Any) -> None:
    """One element is a scalar, with an ellipsis or a new axis an array, with its whole dtype."""
    with store_of(where) as chk:
        for item in (value, value[0, ...], value[1, ...]):
            put(chk, where, item)
            for index in (..., (..., None), (None, ...), None, (), (0, ...), (..., -1), (0, None)):
                if item.ndim or not (isinstance(index, tuple) and {0, -1} & {*index}):
                    found, wanted = chk.array("x")[index], item[index]
                    assert type(found) is type(wanted) and np.shape(found) == np.shape(wanted)
                    assert np.asarray(found).dtype == np.asarray(wanted).dtype
                    assert same(found, wanted)
