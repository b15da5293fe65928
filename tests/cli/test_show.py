"""``show``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from tests.support.command import invoke


def test_an_array(demo: Path) -> None:
    """Type, size, attributes, elements."""
    out = invoke("show", demo, "grid").out
    assert "float64 (3, 4)" in out and "96 B" in out and "@units = 'bohr'" in out
    assert "[[ 0.  1.  2.  3.]" in out
    assert invoke("show", demo, "grid", "-s", "1:,-1").out.endswith("[ 7. 11.]\n")
    assert invoke("show", demo, "grid", "-s", "[0]").out.endswith("[0. 1. 2. 3.]\n")
    record = invoke("show", demo, "grid", "--json").json[0]
    assert record["attrs"] == {"units": "bohr"} and record["value"][2] == [8, 9, 10, 11]


def test_other_values(demo: Path) -> None:
    """Dicts with what is in them, text without control characters, any value as text."""
    out = invoke("show", demo, "params").out
    assert "dict, 2 keys" in out and "deep" in out
    assert invoke("show", demo, "/").out.startswith("/\n")
    assert "@note = 'about\\x07'" in invoke("show", demo, "/").out
    assert "water \\x1b[2J scan" in invoke("show", demo, "name").out
    assert "[1, 'a', None]" in invoke("show", demo, "mixed").out
    for key in HDF5Checkpointer(demo):
        result = invoke("show", demo, key)
        assert result.code == 0 and "\x1b" not in result.out, key


def test_large_arrays_by_their_corners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large array, the corners alone are read, and printed as NumPy prints it."""
    value = np.arange(3_000_000.0).reshape(3, 1000, 1000)
    HDF5Checkpointer(tmp_path / "x.h5").put("x", value, chunks=(1, 100, 100))

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the whole array was read")

    monkeypatch.setattr(HDF5Checkpointer, "load", refuse)
    out = invoke("show", tmp_path / "x.h5", "x").out
    assert "chunks (1, 100, 100)" in out
    text = np.array2string(value, threshold=0, max_line_width=79)
    assert out.replace(" ", "").endswith(text.replace(" ", "") + "\n")


def test_slices_that_do_not_fit(demo: Path) -> None:
    """What is no slice, or does not fit, is wrong usage."""
    for index in ("a", "1:2:3:4", "9", "0,0,0"):
        result = invoke("show", demo, "grid", "-s", index)
        assert result.code == 2 and "slice" in result.err or "index" in result.err, index
        assert result.out == "" and result.err.count("\n") == 1
    assert str(demo) in invoke("show", demo, "grid", "-s", "9").err
    result = invoke("show", demo, "params", "-s", "0")
    assert result.code == 2 and "'params'" in result.err and str(demo) in result.err
