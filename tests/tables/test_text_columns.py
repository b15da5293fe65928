"""Columns of strings with missing items: rows are appended to them, too."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.tables import frames

pd = pytest.importorskip("pandas")
NAN = pd.StringDtype("python", na_value=np.nan)


@pytest.fixture(params=["string[python]", NAN], ids=["NA", "nan"])
def dtype(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The columns that are written anew from now on."""
    seen: list[str] = []
    inner = frames._Append._write_anew

    def write(self: Any, name: str, *args: Any) -> None:
        seen.append(name)
        inner(self, name, *args)

    monkeypatch.setattr(frames._Append, "_write_anew", write)
    return seen


def frame(texts: list[str | None], dtype: Any) -> Any:
    return pd.DataFrame({"n": range(len(texts)), "s": pd.array(texts, dtype)})


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("begin", ["append", "assign"])
def test_missing_items(path: str, anew: list[str], dtype: Any, begin: str, inside: bool) -> None:
    """The column is written anew once, at the first missing item; then its rows are appended."""
    parts = [
        *(["a", "bb"], ["c" * 9, None], ["", "d"], [None, None], ["é", None, "e"]),
        *(["x"], [], [None]),
    ]
    made = [frame(texts, dtype) for texts in parts]
    chk = HDF5Checkpointer(path)
    if inside:
        chk.__enter__()
    if begin == "append":
        chk.append("t", made[0])
    else:
        chk["t"] = made[0]
    for number, more in enumerate(made[1:], 2):
        chk.append("t", more)
        expected = pd.concat(made[:number], ignore_index=True)
        pd.testing.assert_frame_equal(chk["t"], expected)
        found = chk.table("t").to_pandas(rows=slice(1, None, 2))
        pd.testing.assert_frame_equal(found, expected.iloc[1::2])
        pd.testing.assert_series_equal(chk.column("t", "s"), expected["s"])
    assert anew == ["column1"]
    if inside:
        chk.__exit__(None, None, None)
    assert chk.verify().ok
    with h5py.File(path) as file:
        assert file["t/column1/texts"].maxshape == (None,)
        assert file["t/column1/missing"].shape == file["t/column1/texts"].shape == (13,)


def test_begun_with_a_missing_item(path: str, anew: list[str], dtype: Any) -> None:
    """A frame that is made by `append` has rows in all its columns of strings from the start."""
    parts = [frame([None, "a"], dtype), frame(["b"], dtype), frame([None], dtype)]
    with HDF5Checkpointer(path) as chk:
        for part in parts:
            chk.append("t", part)
    pd.testing.assert_frame_equal(chk["t"], pd.concat(parts, ignore_index=True))
    assert not anew


def test_strings_that_only_a_list_can_hold(path: str, dtype: Any) -> None:
    """Strings with a NUL are one text, as before."""
    parts = [frame([None, "a"], dtype), frame(["b\0c", None], dtype), frame([None], dtype)]
    chk = HDF5Checkpointer(path)
    for part in parts:
        chk.append("t", part)
    pd.testing.assert_frame_equal(chk["t"], pd.concat(parts, ignore_index=True))


def test_a_frame_of_an_assignment_is_as_before(path: str, dtype: Any) -> None:
    """What is assigned has the form of all frames: other versions read it."""
    chk = HDF5Checkpointer(path)
    chk["t"] = frame([None, "a"], dtype)
    assert set(chk.group("t/column1")) == {"items"}
