"""Arrays stored part by part: blocks, other stored arrays, dask arrays, memory maps."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CheckpointerKeyError,
    HDF5Checkpointer,
    InvalidOptionError,
    UnsupportedTypeError,
)
from hdfchk.arrays import array as array_module

ROOT = Path(__file__).parents[2]


def numbers(*lengths: int) -> Iterator[np.ndarray]:
    """Blocks of rows of 50 numbers."""
    start = 0
    for length in lengths:
        yield np.arange(start, start + length * 50).reshape(length, 50)
        start += length * 50


@pytest.fixture(params=["file", "no journal", "bytes", "memory"])
def chk(request: pytest.FixtureRequest, path: str) -> HDF5Checkpointer:
    """Stores of every backend."""
    if request.param == "file":
        return HDF5Checkpointer(path)
    if request.param == "no journal":
        return HDF5Checkpointer(path, journal=False)
    return HDF5Checkpointer(io.BytesIO() if request.param == "bytes" else None)


@pytest.mark.parametrize(
    "options", [{}, {"rows": 1010}, {"compression": "gzip"}, {"checksum": True}]
)
def test_blocks(chk: HDF5Checkpointer, options: dict[str, Any]) -> None:
    """Blocks of any lengths make one array, in one piece if their rows are counted before."""
    expected = np.arange(1010 * 50).reshape(1010, 50)
    chk["x"] = "what was there"
    told: list[tuple[int, int]] = []
    chk.write_blocks(
        "x", numbers(3, 500, 0, 507), progress=lambda *args: told.append(args), **options
    )
    assert np.array_equal(chk["x"], expected) and chk["x"].dtype == expected.dtype
    assert [done for done, _ in told] == [3, 503, 503, 1010]
    assert {total for _, total in told} == {options.get("rows", 0)}
    blocks = list(chk.array("x").blocks(300))
    assert [len(block) for block in blocks] == [300, 300, 300, 110]
    assert np.array_equal(np.concatenate(blocks), expected)
    if chk.checkpoint_file is not None:
        assert (chk.array("x").chunks is None) == ("rows" in options)


def test_blocks_of_every_kind(path: str) -> None:
    """Strings, datetimes, and rows that are numbers; a dtype can be given."""
    chk = HDF5Checkpointer(path)
    chk.write_blocks("t", [np.array(["2020", "2021"], "M8[Y]"), np.array(["2022"], "M8[Y]")])
    chk.write_blocks("s", [["a", "b"], ["a longer one"]], dtype=str)
    chk.write_blocks("n", ([n, n + 1] for n in range(3)), dtype="f4")
    assert chk["t"].dtype == "M8[Y]" and len(chk["t"]) == 3
    assert chk["s"].tolist() == ["a", "b", "a longer one"]
    assert chk["n"].dtype == "f4" and chk["n"].tolist() == [0, 1, 1, 2, 2, 3]


def test_all_or_nothing(chk: HDF5Checkpointer) -> None:
    """An iterator that fails, or lies, leaves what was there, and the store goes on."""
    chk["x"] = 1

    def failing() -> Iterator[np.ndarray]:
        yield from numbers(500)
        raise ZeroDivisionError

    for blocks, options, error in (
        (failing(), {}, ZeroDivisionError),
        (numbers(5, 5), {"rows": 11}, InvalidOptionError),
        (numbers(5, 5), {"rows": 9}, InvalidOptionError),
        ([np.zeros((2, 3)), np.zeros((2, 4))], {}, InvalidOptionError),
        ([np.zeros(3, int), np.zeros(3)], {}, UnsupportedTypeError),
        ([], {}, InvalidOptionError),
        ([1.0], {}, InvalidOptionError),
        ([np.array([None])], {}, UnsupportedTypeError),
    ):
        with pytest.raises(error):
            chk.write_blocks("x", blocks, **options)
        assert chk.load() == {"x": 1}
    with pytest.raises(CheckpointerKeyError):
        chk.view(omitted_keys="x").write_blocks("x", numbers(5))
    chk["y"] = 2
    assert chk.load() == {"x": 1, "y": 2}


def test_from_the_same_store(path: str) -> None:
    """Blocks may be made from what is read of the store; other threads wait."""
    chk = HDF5Checkpointer(path)
    chk.write_blocks("x", numbers(400, 400))
    for options in ({}, {"compression": "gzip"}, {"rows": 800}):
        chk.write_blocks("y", (2 * block for block in chk.array("x").blocks(70)), **options)
        assert np.array_equal(chk["y"], 2 * chk["x"])
    with chk, chk.transaction():
        chk.write_blocks("z", chk.array("x").blocks(70))
        assert "z" not in HDF5Checkpointer(path, mode="r")
    assert np.array_equal(chk["z"], chk["x"])


@pytest.mark.slow
def test_array_to_array(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another stored array, of this store or another, is copied, type, layout and all."""
    monkeypatch.setattr(array_module, "BLOCK_BYTES", 4096)
    monkeypatch.setattr("hdfchk.arrays.sources.BLOCK_BYTES", 4096)
    chk = HDF5Checkpointer(path)
    other = HDF5Checkpointer(tmp_path / "other.hdf5", compression="gzip")
    values = {
        "floats": np.random.default_rng(0).random((700, 30)),
        "times": np.arange(5000).astype("M8[s]"),
        "texts": np.array(["a", "bcd"] * 2000),
        "records": np.zeros(3000, [("a", "<i4"), ("t", "M8[s]")]),
        "fortran": np.asfortranarray(np.arange(6000.0).reshape(60, 100)),
        "variable": np.array(["a", "bcd" * 9] * 900, np.dtypes.StringDType()),
        "masked": np.ma.masked_array(np.arange(3000.0), np.arange(3000) % 2),
        "small": np.arange(4),
        "zero": np.array(5.0),
    }
    chk.update(values)
    for key, value in values.items():
        chk["copy"] = chk.array(key)
        other[key] = chk.array(key)
        for found in (chk["copy"], other[key]):
            assert type(found) is type(value) or value.ndim == 0
            assert found.dtype == value.dtype and np.array_equal(found, value)
    other.update({"a": chk.array("floats"), "b": 1})
    assert other.array("a") == chk.array("floats") and other["b"] == 1
    assert other.array("floats").compression is None  # as it is stored, whatever the options
    other.put("packed", chk.array("floats"), compression="gzip")
    assert other.array("packed").compression == "gzip"
    with pytest.raises(CheckpointerKeyError):
        other.view(omitted_keys="hidden")["hidden"] = chk.array("floats")
    assert chk.array("floats") == values["floats"] and chk.array("floats") != chk.array("times")
    assert (chk.array("floats") == [1, 2]) is False


@pytest.mark.slow
def test_dask(path: str) -> None:
    """A dask array is computed and stored block by block; one without a shape is refused."""
    dask_array = pytest.importorskip("dask.array")
    data = np.random.default_rng(0).random((300, 70))
    lazy = dask_array.from_array(data, chunks=(64, 33)) + 1
    chk = HDF5Checkpointer(path)
    told: list[tuple[int, int]] = []
    chk["x"] = lazy
    chk.put("y", lazy, compression="gzip", chunks=(50, 70), progress=lambda *a: told.append(a))
    chk["t"] = dask_array.from_array(np.arange(100).astype("M8[s]"), chunks=30)
    chk["n"] = dask_array.from_array(np.array(3.0))
    assert np.array_equal(chk["x"], data + 1) and np.array_equal(chk["y"], data + 1)
    assert chk.array("x").chunks is None and chk.array("y").compression == "gzip"
    assert (
        chk["t"].dtype == "M8[s]" and chk["t"].tolist() == np.arange(100).astype("M8[s]").tolist()
    )
    assert chk["n"] == 3.0 and told[-1] == (data.nbytes, data.nbytes)
    with pytest.raises(InvalidOptionError, match="compute_chunk_sizes"):
        chk["z"] = lazy[lazy[:, 0] > 1.5]

    def broken(block: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        chk["x"] = lazy.map_blocks(broken, dtype=float)
    assert np.array_equal(chk["x"], data + 1) and "z" not in chk


def test_dask_of_other_arrays(path: str) -> None:
    """The mask of a masked array is not dropped; objects of dask that are no arrays are refused."""
    dask_array = pytest.importorskip("dask.array")
    from dask import delayed

    masked = dask_array.ma.masked_array(dask_array.ones(4, chunks=2), mask=[True, False] * 2)
    chk = HDF5Checkpointer(path)
    for value in (masked, delayed(len)([1])):
        with pytest.raises(UnsupportedTypeError, match=r"value\.compute\(\)"):
            chk["x"] = value
    assert not Path(path).exists()


MEMORY = """
import sys
import numpy as np
import hdfchk
def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
chk = hdfchk.HDF5Checkpointer(sys.argv[1])
chk.put("warm", np.zeros((300, 1000)), compression="gzip")
chk["first"] = chk.load("warm")
rows = 64
before = peak()
chk.write_blocks("x", (np.full((500, 1000), n, float) for n in range(rows)))  # 256 MB
chk["y"] = chk.array("x")
total = sum(block.sum() for block in chk.array("y").blocks())
assert total == 500 * 1000 * sum(range(rows)), total
chk.write_blocks("z", chk.array("y").blocks(), compression="gzip")
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the peak")
def test_memory(path: str) -> None:
    """Streams of 256 MB need far less memory than that, packed, copied or gone through."""
    out = subprocess.run(
        [sys.executable, "-c", MEMORY, path], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert float(out.stdout) < 100


def test_create(chk: HDF5Checkpointer) -> None:
    """An array that is made first and written slice by slice; what nobody wrote is the fill value."""
    made = chk.create("a/x", (4, 3), "i4", fill_value=7)
    assert made.shape == (4, 3) and made.dtype == "i4" and (made[...] == 7).all()
    made[1] = [1, 2, 3]
    made[2:, 0] = 9
    assert chk["a/x"].tolist() == [[7, 7, 7], [1, 2, 3], [9, 7, 7], [9, 7, 7]]
    assert (chk.create("a/x", 5)[...] == np.zeros(5)).all()  # it replaces
    chk.create("s", (2,), "U5")[0] = "ab"
    chk.create("v", (2,), str)[1] = "any length " * 9
    chk.create("t", (2,), "M8[s]")[0] = np.datetime64(9, "s")
    chk.create("p", (2,), [("a", "i4"), ("b", "M8[s]")])[0] = np.array(
        (1, 2), [("a", "i2"), ("b", "M8[s]")]
    )
    assert chk["s"].tolist() == ["ab", ""] and chk["s"].dtype == "U5"
    assert chk["v"].tolist() == ["", "any length " * 9] and chk["t"].dtype == "M8[s]"
    assert chk["p"]["a"].tolist() == [1, 0]
    growing = chk.create("g", (0, 2), maxshape=(None, 2))
    growing.append([1, 2])
    assert chk["g"].tolist() == [[1.0, 2.0]]
    for shape, dtype, options, error in (
        ((2,), object, {}, UnsupportedTypeError),
        ((-1,), float, {}, InvalidOptionError),
        ((2,), float, {"maxshape": (1,)}, InvalidOptionError),
        ((2,), float, {"maxshape": (None, None)}, InvalidOptionError),
        ((2,), ("f8", (3,)), {}, UnsupportedTypeError),
        ((2,), "i4", {"fill_value": 0.5}, UnsupportedTypeError),
    ):
        with pytest.raises(error):
            chk.create("bad", shape, dtype, **options)
    assert "bad" not in chk


def test_created_layout(path: str) -> None:
    """One piece by default, and then it can be mapped; chunks where they are needed."""
    chk = HDF5Checkpointer(path)
    made = chk.create("x", (100, 1000))
    made[5] = 1
    assert made.chunks is None and made.map()[5].sum() == 1000 and made.map()[6].sum() == 0
    assert chk.create("y", (100, 1000), compression="gzip").compression == "gzip"
    assert chk.create("z", (100, 1000), chunks=(10, 100)).chunks == (10, 100)
    assert chk.create("w", (100, 1000), checksum=True).chunks
    grows = chk.create("v", (100, 1000), maxshape=(None, 2000))
    assert grows.maxshape == (None, 2000)
    with h5py.File(path) as file:
        assert file["v"].maxshape == (None, 2000) and file["w"].fletcher32


def test_old_data_never_show(path: str) -> None:
    """What a created array has not been given does not hold what was deleted there before."""
    chk = HDF5Checkpointer(path)
    chk["secret"] = np.full(100_000, 42.0)
    chk["wall"] = 1
    del chk["secret"]
    made = chk.create("x", (100_000,))
    made[0] = 1
    assert made[1:].any() == False  # noqa: E712  of a NumPy bool
    assert chk["x"].sum() == 1
