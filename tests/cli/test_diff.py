"""``diff``."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.cli import diff
from tests.support.command import invoke


@pytest.fixture
def other(demo: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(demo, tmp_path / "other.h5"))


def test_same(demo: Path, other: Path) -> None:
    """Equal files, also where keys have another order: no output, exit code 0."""
    assert invoke("diff", demo, other) == (0, "", "")
    assert invoke("diff", demo, other, "--attrs") == (0, "", "")
    first, second = demo.parent / "a.h5", demo.parent / "b.h5"
    HDF5Checkpointer(first).update({"x": 1, "y": 2})
    HDF5Checkpointer(second).update({"y": 2, "x": 1})
    assert invoke("diff", first, second) == (0, "", "")


def test_differences(demo: Path, other: Path) -> None:
    """Values, types, keys of one side alone; exit code 1."""
    chk = HDF5Checkpointer(other)
    chk["tol"] = 1
    chk["grid"][0] = 0
    grid = chk["grid"]
    grid[1, 1] = 7
    chk["grid"] = grid
    del chk["params/deep"], chk["z"]
    chk["new"] = {"a": {"b": 1}}
    result = invoke("diff", demo, other)
    assert result.code == 1 and sorted(result.out.splitlines()) == [
        "+ new  dict",
        "- params/deep  dict",
        "- z  complex",
        "~ grid  1 of 12 elements differ, first [1, 1] 5.0 → 7.0, by 2 at most",
        "~ tol  float → int",
    ]
    changes = {
        record["key"]: record["change"] for record in invoke("diff", demo, other, "--json").json
    }
    assert changes == {
        "grid": "value", "tol": "type", "params/deep": "removed", "z": "removed", "new": "added",
    }  # fmt: skip
    assert invoke("diff", "-q", demo, other) == (1, "", "")
    ignored = [
        word for key in ("grid", "tol", "params/d*", "z", "new") for word in ("--ignore", key)
    ]
    assert invoke("diff", demo, other, *ignored).code == 0
    assert invoke("diff", f"{demo}::params/steps", f"{other}::steps").code == 0
    assert invoke("diff", f"{demo}::params", f"{other}::params", "--json").json[0]["key"] == "deep"
    assert invoke("diff", f"{demo}::grid", f"{other}::grid", "--atol", "2").code == 0


def test_attributes_and_types(demo: Path, other: Path) -> None:
    """Attributes count if it is asked for; types count if it is not forbidden."""
    chk = HDF5Checkpointer(other)
    chk.array("grid").attrs["units"] = "m"
    chk["steps"] = 500.0
    chk["grid"] = chk["grid"].astype("f4")
    assert invoke("diff", demo, other, "--no-types").code == 0
    result = invoke("diff", demo, other, "--attrs", "--no-types")
    assert result.code == 1 and result.out.startswith("~ grid  attribute 'units'")
    assert "ndarray (float64) → ndarray (float32)" in invoke("diff", demo, other).out


def test_large_arrays_by_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large arrays are compared block by block."""
    monkeypatch.setattr(diff, "_BLOCK_BYTES", 1000)
    value = np.arange(1000.0).reshape(500, 2)
    HDF5Checkpointer(tmp_path / "a.h5")["x"] = value
    HDF5Checkpointer(tmp_path / "b.h5")["x"] = value
    assert invoke("diff", tmp_path / "a.h5", tmp_path / "b.h5").code == 0
    value[400, 1] = 0
    HDF5Checkpointer(tmp_path / "b.h5")["x"] = value
    assert (
        "in rows 372 to 433: 1 of 124" in invoke("diff", tmp_path / "a.h5", tmp_path / "b.h5").out
    )


def test_trouble(demo: Path, tmp_path: Path) -> None:
    """What cannot be compared is neither same nor different."""
    assert invoke("diff", demo, tmp_path / "missing.h5").code == 3
    assert invoke("diff", demo).code == 2
    assert invoke("diff", f"{demo}::nope", f"{demo}::grid").code == 1
