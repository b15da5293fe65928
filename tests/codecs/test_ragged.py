"""Lists of many small arrays: two datasets, and exactly the same list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, load, save
from hdfchk.codecs.ragged import FEWEST, MEAN_BYTES
from tests.support.exact import differs

LENGTHS = [3, 0, 1, 7, 2, 2, 0, 5, 40, 1]


def _rows(dtype: Any, *trailing: int) -> list[Any]:
    rng = np.random.default_rng(1)
    return [rng.integers(-9, 9, (n, *trailing)).astype(dtype) for n in LENGTHS]


def _shapes(order: Any = "C", dtype: Any = float) -> list[Any]:
    shapes = [(n % 4, n % 3 + 1) for n in range(20)]
    return [np.arange(a * b).reshape(a, b).astype(dtype, order=order) for a, b in shapes]


STORED = {
    "floats": _rows("<f8"),
    "tuple": tuple(_rows("i4")),
    "big-endian": _rows(">f4"),
    "booleans": _rows(bool),
    "complex": _rows("c16"),
    "long doubles": _rows("g"),
    "datetimes": _rows("M8[ms]"),
    "timedeltas": _rows(">m8[s]"),
    "long long": _rows(np.longlong),
    "rows": _rows("f4", 3),
    "rows of rows": _rows("u1", 2, 3),
    "no elements": _rows("f8", 0),
    "all empty": [np.zeros(0)] * FEWEST,
    "equal lengths": [np.arange(3)] * 20,
    "shapes": _shapes(),
    "shapes in Fortran order": _shapes("F"),
    "rows in Fortran order": [np.asfortranarray(item) for item in _rows("f8", 3)],
    "three axes": [np.ones((n % 3, n % 2, n % 5)) for n in range(30)],
    "strided": [np.arange(100.0)[:: n + 1] for n in range(10)],
    "NaNs": [np.full(n, np.nan) for n in range(10)],
}
NOT_STORED = {
    "few": _rows("f8")[: FEWEST - 1],
    "dtypes": [*_rows("f8"), np.zeros(2, "f4")],
    "C types of one size": [*_rows(np.longlong), np.zeros(2, np.int64)],
    "byte orders": [*_rows("<f8"), np.zeros(2, ">f8")],
    "axes": [*_rows("f8"), np.zeros((2, 2))],
    "no axes": [np.array(n) for n in range(20)],
    "memory orders": [*_shapes(), *_shapes("F")],
    "strings": [np.array(["a"] * n) for n in range(1, 20)],
    "objects": [np.array([None] * n) for n in range(20)],
    "structures": [np.zeros(n, "u1,f8") for n in range(20)],
    "a subclass": [*_rows("f8"), np.matrix([[1.0]])],
    "no array": [*_rows("f8"), 1.0],
    "large": [np.zeros(MEAN_BYTES // 8 + 1)] * FEWEST,
}


@pytest.mark.parametrize("place", ["file", "memory", "inside"])
@pytest.mark.parametrize("name", [*STORED, *NOT_STORED])
def test_round_trip(tmp_path: Path, name: str, place: str) -> None:
    """Every array has its type, shape, order and bits, and memory of its own."""
    value: Any = {**STORED, **NOT_STORED}[name]
    chk = HDF5Checkpointer(None if place == "memory" else tmp_path / "x.h5")
    chk["x"] = [1, value] if place == "inside" else value
    found = chk["x"][1] if place == "inside" else chk["x"]
    assert differs(value, found) is None
    items = [item for item in found if isinstance(item, np.ndarray)]
    assert all(item.flags.owndata or item.base.size == item.size for item in items)
    assert all(item.flags.writeable for item in items)


@pytest.mark.parametrize("name", [*STORED, *NOT_STORED])
def test_form(tmp_path: Path, name: str) -> None:
    """All elements are one dataset, and where the arrays end is another; or it stays as it was."""
    path, value = tmp_path / "x.h5", {**STORED, **NOT_STORED}[name]
    save(path, {"x": value})
    with h5py.File(path) as file:
        mark = file["x"].attrs["hdfchk"]
        mark = mark.decode() if isinstance(mark, bytes) else mark
        if name in NOT_STORED:
            assert not mark.startswith("ragged")
            return
        assert mark.startswith("ragged/1 ")
        offsets = file["x/offsets"][()]
        assert set(file["x"]) <= {"values", "offsets", "shapes"} and len(file["x"]) <= 3
        assert offsets.dtype == np.int64 and len(offsets) == len(value) + 1
        if value[0].dtype.kind in "biuf" and "shapes" not in file["x"]:
            values = file["x/values"][()]
            for n, item in enumerate(value):
                part = values[offsets[n] : offsets[n + 1]]
                assert part.shape == item.shape and np.array_equal(part, item, equal_nan=True)


def test_what_is_read_is_its_own(tmp_path: Path) -> None:
    """An array that is changed changes no other one; nothing holds all elements in memory."""
    save(tmp_path / "x.h5", {"x": STORED["floats"]})
    for mmap in (False, True):
        found = HDF5Checkpointer(tmp_path / "x.h5", mmap=mmap)["x"]
        found[3][:] = 7.0
        assert differs(found[4], STORED["floats"][4]) is None
        assert found[3].base is None


def test_older_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of which each array is a dataset is read as it was, and written over."""
    from hdfchk.codecs import ragged

    path, value = tmp_path / "x.h5", STORED["rows"]
    with monkeypatch.context() as patch:
        patch.setattr(ragged, "FEWEST", 1000)
        save(path, {"x": value})
    with h5py.File(path) as file:
        assert len(file["x"]) == len(value) + 1
    assert differs(load(path)["x"], value) is None
    chk = HDF5Checkpointer(path)
    chk["x"] = chk["x"]
    assert differs(chk["x"], value) is None and set(chk.group("x")) == {"values", "offsets"}
    assert chk.verify().ok


@pytest.mark.parametrize("options", [{"compression": "gzip"}, {"checksum": True}])
def test_layouts(tmp_path: Path, options: dict[str, Any]) -> None:
    """The elements are an array as others are: compressed, and with checksums."""
    value = [np.arange(n % 50) // 7 for n in range(2000)]
    save(tmp_path / "x.h5", {"x": value}, **options)
    assert differs(load(tmp_path / "x.h5")["x"], value) is None
    with h5py.File(tmp_path / "x.h5") as file:
        assert (file["x/values"].compression == "gzip") == ("compression" in options)
