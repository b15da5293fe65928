"""Columns of frames: only the one that is asked for is read."""

from __future__ import annotations

import numpy as np
import pytest

from hdfchk import CheckpointerKeyError, HDF5Checkpointer, UnsupportedStoredError


def test_columns(chk: HDF5Checkpointer, read: list[tuple[str, int]]) -> None:
    """One column of a frame, with its dtype, name and index, without the others."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "a": np.arange(4),
            "t": pd.date_range("2020", periods=4, tz="UTC"),
            "c": pd.Categorical(["x", "y", "x", None]),
            ("a", "tuple"): [1.0, 2.0, 3.0, 4.0],
            5: ["s", None, "t", "u"],
        },
        index=pd.Index([4, 3, 2, 1], name="n"),
    )
    chk["df"] = frame
    for position, name in enumerate(frame.columns):
        read.clear()
        found = chk.column("df", name)
        pd.testing.assert_series_equal(found, frame.iloc[:, position])
        assert {part for part, _ in read} == {"columns", f"column{position}", "index"}
    chk["twice"] = pd.DataFrame(np.arange(6).reshape(2, 3), columns=["a", "b", "a"])
    assert chk.column("twice", "a").tolist() == [0, 3]
    chk["levels"] = pd.DataFrame(
        np.arange(4).reshape(2, 2), columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])
    )
    assert chk.column("levels", ("a", 2)).tolist() == [1, 3]
    chk["x"] = 1
    for key, name, error in (
        ("df", "z", CheckpointerKeyError),
        ("levels", "a", CheckpointerKeyError),  # a part of two names
        ("levels", ("a",), CheckpointerKeyError),
        ("nothing", "a", CheckpointerKeyError),
        ("x", "a", UnsupportedStoredError),
    ):
        with pytest.raises(error):
            chk.column(key, name)
    with pytest.raises(CheckpointerKeyError):
        chk.view(omitted_keys="df").column("df", "a")
