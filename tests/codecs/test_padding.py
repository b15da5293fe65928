"""Bytes that hold nothing are stored as zeros, and all others as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import load, save
from hdfchk.codecs.padding import without_padding
from tests.support.exact import differs

HOLES = np.dtype({"names": ["a", "b"], "formats": ["u1", "<f4"], "offsets": [3, 8]})
SAME: list[Any] = ["<f8", ">c16", "S3", "U2", "V5", "?", [("a", "u1"), ("b", "<f8")], "M8[s]"]


def _full(dtype: Any, shape: tuple[int, ...]) -> Any:
    """An array of which each byte is 0x5A."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer(bytearray(b"\x5a" * count), dtype).reshape(shape)


@pytest.mark.parametrize("dtype", SAME, ids=str)
def test_items_without_padding(dtype: Any) -> None:
    """They are not copied."""
    value = _full(dtype, (4,))
    assert without_padding(value) is value


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize(
    ("dtype", "used"),
    [
        (HOLES, {3, 8, 9, 10, 11}),
        ([("s", HOLES, (2,)), ("c", "u1")], {3, 8, 9, 10, 11, 15, 20, 21, 22, 23, 24}),
        (np.dtype([("a", "u1"), ("b", "<i4")], align=True), {0, 4, 5, 6, 7}),
        (
            {"names": ["a", "b"], "formats": ["<i2", "u1"], "offsets": [1, 1], "itemsize": 4},
            {1, 2},
        ),
    ],
)
def test_structures(dtype: Any, used: set[int], shape: tuple[int, ...]) -> None:
    """What is between their fields, at every level, and behind them."""
    value = _full(dtype, shape)
    items = without_padding(value).reshape(-1)
    rows = np.frombuffer(items.tobytes(), np.uint8).reshape(-1, items.dtype.itemsize)
    assert all(set(np.flatnonzero(row)) == used and set(row) == {0, 0x5A} for row in rows)
    assert value.tobytes() == b"\x5a" * value.nbytes


@pytest.mark.skipif(np.finfo(np.longdouble).nmant != 63, reason="no long doubles of 80 bits")
@pytest.mark.parametrize("code", ["<g", ">g", "<G", ">G"])
def test_long_doubles(code: str) -> None:
    """Six of their sixteen bytes hold nothing; the number stays."""
    native, other = np.array([1.5, -2.25, np.nan], code), np.array([1.5, -2.25, np.nan], code)
    clean = without_padding(native)
    assert np.array_equal(clean, other, equal_nan=True) and clean.dtype == np.dtype(code)
    rows = np.frombuffer(clean.tobytes(), np.uint8).reshape(-1, 16)
    padding = rows[:, :6] if code[0] == ">" else rows[:, 10:]
    assert not padding.any()


def test_nothing_of_the_process_is_in_a_file(tmp_path: Path) -> None:
    """Old memory in an array is not written: as a value, a scalar, in a list, and packed."""
    secret = np.frombuffer(b"password" * 64, np.uint8).copy()
    array = secret[: HOLES.itemsize * 30].view(HOLES)
    array["a"], array["b"] = 1, 2.0
    value = {
        "array": array,
        "scalar": array[0],
        "list": [array, 1],
        "turned": array.reshape(5, 6).T,
    }
    save(tmp_path / "x.h5", value)
    assert b"pass" not in (tmp_path / "x.h5").read_bytes()
    assert differs(load(tmp_path / "x.h5"), value) is None
