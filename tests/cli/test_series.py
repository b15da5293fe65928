"""Curves and pictures from stored arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.cli.exits import Failure
from hdfchk.cli.series import Curve, Picture, thinned, to_plot


def test_thinned() -> None:
    """Long curves keep the least and the largest value of each part, where they are."""
    y = np.sin(np.arange(1_000_003) / 1e5)
    y[777_777], y[5], y[-1] = 50, -50, np.nan
    x, thin = thinned(y, len(y))
    assert len(thin) <= 4002 and np.all(np.diff(x) >= 0)
    seen = ~np.isnan(thin)
    assert np.array_equal(y[x[seen]], thin[seen])
    assert x[np.nanargmax(thin)] == 777_777 and x[np.nanargmin(thin)] == 5
    assert np.array_equal(thinned(y, 100)[1], y[:100])


def test_what_is_plotted(tmp_path: Path) -> None:
    """Curves for arrays of one axis, narrow arrays, dicts, lists; a picture for others."""
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    chk.update(
        {
            "a": np.arange(10),
            "narrow": np.zeros((20, 3)),
            "wide": np.zeros((30, 40)),
            "list": [1.0, 2.0],
            "complex": np.array([3 + 4j]),
            "masked": np.ma.array([1.0, 2.0], mask=[0, 1]),
            "group": {"x": np.zeros(3), "y": np.ones(3), "s": "text"},
        }
    )
    assert [part.name for part in to_plot(chk, "narrow")] == [f"narrow[:, {n}]" for n in range(3)]
    assert [part.name for part in to_plot(chk, "group")] == ["group/x", "group/y"]
    assert isinstance(to_plot(chk, "wide")[0], Picture)
    for key, values in (
        ("a", range(10)),
        ("list", [1, 2]),
        ("complex", [5]),
        ("masked", [1, np.nan]),
    ):
        part = to_plot(chk, key)[0]
        assert isinstance(part, Curve) and np.array_equal(part.y, values, equal_nan=True), key
    chk.update({"s": "text", "e": np.zeros(0), "cube": np.zeros((2, 2, 2)), "none": {}})
    for key in ("s", "e", "cube", "none"):
        with pytest.raises(Failure, match="nothing to plot"):
            to_plot(chk, key)


def test_tables(tmp_path: Path) -> None:
    """The columns of numbers of a DataFrame."""
    pandas = pytest.importorskip("pandas")
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    chk["f"] = pandas.DataFrame({"a": [1, 2], "s": ["x", "y"], "b": [0.5, 1.5]})
    assert [part.name for part in to_plot(chk, "f")] == ["f/a", "f/b"]


def test_columns_of_one_name(tmp_path: Path) -> None:
    """Columns of a DataFrame are curves by position."""
    pandas = pytest.importorskip("pandas")
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    chk["x"] = pandas.DataFrame([[1, 2.5], [3, 4.5]], columns=["a", "a"])
    assert [part.y.tolist() for part in to_plot(chk, "x")] == [[1, 3], [2.5, 4.5]]
