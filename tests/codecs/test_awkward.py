"""Awkward: arrays of every form."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, UnsupportedTypeError
from tests.support.libraries import check_missing, check_round_trip, is_untouched, library

ak: Any = library("awkward")


def differs(a: Any, b: Any) -> str | None:
    """How two arrays differ: type with parameters, items (NaN is NaN), attributes."""
    if str(a.type) != str(b.type) or a.attrs != b.attrs:
        return f"{a.type}, {b.type}"
    if ak.to_packed(a).layout.form != b.layout.form:
        return "form"
    return None if repr(a.to_list()) == repr(b.to_list()) else f"{a.to_list()}, {b.to_list()}"


CASES = {
    "lists": ak.Array([[1, 2], [], [3]]),
    "records": ak.Array([{"x": 1.5, "y": ["a", "é"]}, {"x": float("nan"), "y": []}]),
    "named": ak.with_name(ak.Array([{"x": 1}]), "Point"),
    "missing": ak.Array([1, None, 3]),
    "missing lists": ak.Array([[1], None, [None, 2]]),
    "unions": ak.Array([1, "two", [3.0], None]),
    "texts": ak.Array(["a", "", "é"]),
    "bytes": ak.Array([b"a\0", b""]),
    "regular": ak.Array(np.arange(6, dtype="f4").reshape(2, 3)),
    "booleans": ak.Array([[True], [False, True]]),
    "moments": ak.Array(np.array(["2020-01-01"], "M8[s]")),
    "slice": ak.Array([[1, 2], [], [3], [4, 5]])[1:3],
    "picked": ak.Array([[1, 2], [], [3]])[[2, 0]],
    "masked": ak.mask(ak.Array([1, 2, 3]), [True, False, True]),
    "tuples": ak.Array([(1, 2.5), (3, 4.5)]),
    "attributes": ak.Array([1], attrs={"from": [1, "x"]}),
    "empty": ak.Array([]),
    "none": ak.Array([[], []]),
}


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, path: str) -> None:
    """Types, items and attributes come back; a slice stores its own items alone."""
    check_round_trip(path, CASES[name], differs)


def test_a_slice_is_small(path: str) -> None:
    """What a slice does not show is not stored."""
    HDF5Checkpointer(path)["x"] = ak.Array([[1, 2]] * 1000)[:2]
    with h5py.File(path) as file:
        assert max(item.size for item in file["x/buffers"].values()) == 4


def test_readable_without_awkward(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets and contents are plain datasets, and the form tells which they are."""
    check_missing(path, CASES["lists"], monkeypatch, "awkward")
    with h5py.File(path) as file:
        assert "ListOffsetArray" in file["x/form"].asstr()[()] and file["x/length"][()] == 3
        assert file["x/buffers/node0-offsets"][:].tolist() == [0, 2, 2, 3]
        assert file["x/buffers/node1-data"][:].tolist() == [1, 2, 3]


def _with_attribute() -> Any:
    value = ak.Array([1])
    value._mine = 1
    return value


REFUSED = {
    "attribute": (_with_attribute, "_mine"),
    "behavior": (lambda: ak.Array([1], behavior={"p": object}), "behavior"),
    "record": (lambda: ak.Array([{"x": 1}])[0], r"awkward\.Array\(\[value\]\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, path: str) -> None:
    """What could not be read back exactly is refused, before a file is made."""
    make, told = REFUSED[name]
    with pytest.raises(UnsupportedTypeError, match=told) as caught:
        HDF5Checkpointer(path)["a"] = {"x": make()}
    assert caught.value.key == "a/x" and is_untouched(path)
