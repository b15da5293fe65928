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


@pytest.mark.parametrize("length", [4_000, 4_001, 9_999, 3_000_017])
def test_over_positions(tmp_path: Path, length: int) -> None:
    """Each value that is left of a long curve has its own position, not one near it."""
    rng = np.random.default_rng(1)
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    t, y = np.cumsum(rng.random(length)), rng.random(length)
    chk.update({"t": t, "y": y, "two": np.stack([y, -y], axis=1)})
    for part, values in zip(
        [*to_plot(chk, "y", over="t"), *to_plot(chk, "two", over="t")], [y, y, -y], strict=True
    ):
        assert isinstance(part, Curve) and len(part.x) == len(part.y) <= 4_002
        places = np.searchsorted(t, part.x)
        assert np.array_equal(t[places], part.x) and np.array_equal(values[places], part.y)
        assert part.y.max() == values.max() and part.y.min() == values.min()


@pytest.mark.parametrize("length", [10, 5_000])
def test_positions_of_another_length(tmp_path: Path, length: int) -> None:
    """They are refused, with both lengths, also if both are long and the last extremes agree."""
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    chk.update({"y": np.zeros(length), "t": np.zeros(length + 1), "wide": np.zeros((30, 40))})
    with pytest.raises(Failure, match=f"differ in length: {length + 1:,} and {length:,} "):
        to_plot(chk, "y", over="t")
    for key, over in (("wide", "t"), ("y", "wide")):
        with pytest.raises(Failure, match="positions are for curves"):
            to_plot(chk, key, over=over)


def test_numbers_that_are_too_large(tmp_path: Path) -> None:
    """An int that float64 cannot hold is refused; a longdouble is infinite."""
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    long = np.array([np.finfo("longdouble").max])
    chk.update({"big": [10**400, 1], "y": [1, 2], "long": long})
    with pytest.raises(Failure, match=r"too large for float64 \(key 'big' in .*x.h5"):
        to_plot(chk, "big")
    with pytest.raises(Failure, match="too large"):
        to_plot(chk, "y", over="big")
    part = to_plot(chk, "long")[0]
    with np.errstate(over="ignore"):
        assert isinstance(part, Curve) and np.array_equal(part.y, long.astype(float))


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


def test_tables_of_other_kinds(tmp_path: Path) -> None:
    """What has no columns of numbers or no rows is refused; complex and repeated columns are not."""
    pandas = pytest.importorskip("pandas")
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    chk["text"] = pandas.DataFrame({"s": ["x", "y"]})
    chk["short"] = pandas.DataFrame({"a": np.zeros(0)})
    chk["y"] = [1.0, 2.0]
    for key, what in (("text", "columns of numbers"), ("short", "rows")):
        for at, over in ((key, None), (key, "y"), ("y", key)):
            with pytest.raises(Failure, match=rf"DataFrame without {what} \(key '{key}' in .*x.h5"):
                to_plot(chk, at, over=over)
    frame = pandas.DataFrame([[3 + 4j, 1.0], [1j, 2.0]])
    frame.columns = ["a", "a"]
    chk["more"] = frame
    first, second = to_plot(chk, "more")
    assert isinstance(first, Curve) and np.array_equal(first.y, [5, 1])
    assert isinstance(second, Curve) and np.array_equal(second.y, [1, 2])


def test_sparse_matrices(tmp_path: Path) -> None:
    """They are curves and pictures, as arrays are."""
    sparse = pytest.importorskip("scipy.sparse")
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    values = np.eye(20, 3)
    chk.update({"wide": sparse.csr_array(np.eye(12)), "narrow": sparse.csr_array(values)})
    picture = to_plot(chk, "wide")[0]
    assert isinstance(picture, Picture) and np.array_equal(picture.values, np.eye(12))
    for number, part in enumerate(to_plot(chk, "narrow")):
        assert isinstance(part, Curve) and np.array_equal(part.y, values[:, number])


def test_columns_of_one_name(tmp_path: Path) -> None:
    """Columns of a DataFrame are curves by position."""
    pandas = pytest.importorskip("pandas")
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    chk["x"] = pandas.DataFrame([[1, 2.5], [3, 4.5]], columns=["a", "a"])
    assert [part.y.tolist() for part in to_plot(chk, "x")] == [[1, 3], [2.5, 4.5]]
