"""Frequencies of an index: kept, or refused; never another one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import h5py
import pandas as pd
import pytest

from hdfchk import CorruptFileError, HDF5Checkpointer, UnsupportedTypeError

HOLIDAYS = pd.offsets.CustomBusinessDay(holidays=["2024-01-03"])


@pytest.mark.parametrize(
    "freq",
    [HOLIDAYS, pd.offsets.MonthEnd(normalize=True), pd.DateOffset(months=1, days=2)],
    ids=["holidays", "normalized", "several units"],
)
def test_what_the_text_does_not_tell(freq: pd.offsets.BaseOffset, path: str) -> None:
    """An offset whose text means another one, or none, is stored by its arguments."""
    index = pd.date_range("2024-01-01", periods=4, freq=freq)
    HDF5Checkpointer(path)["i"] = index
    found = HDF5Checkpointer(path, mode="r").load("i")
    pd.testing.assert_index_equal(index, found)
    assert found.freq == freq and type(found.freq) is type(freq)
    assert list(pd.date_range(found[-1], periods=3, freq=found.freq)) == list(
        pd.date_range(index[-1], periods=3, freq=freq)
    )
    with h5py.File(path) as file:
        assert file["i"].attrs["hdfchk"] == b"pandas.Index/2"
        assert file["i/freq/class"].asstr()[()] == type(freq).__name__


def test_what_pandas_does_not_set_again(path: str) -> None:
    """pandas makes an index with this frequency, and does not take it for one of the index."""
    freq = pd.offsets.BusinessDay(2, offset=dt.timedelta(hours=1))
    index = pd.date_range("2024-01-01", periods=4, freq=freq)
    with pytest.raises(UnsupportedTypeError, match="index.freq = None"):
        HDF5Checkpointer(path)["i"] = {"frame": pd.DataFrame({"a": range(len(index))}, index=index)}
    assert not Path(path).exists()
    assert index.freq == freq
    index.freq = None
    HDF5Checkpointer(path)["i"] = index
    pd.testing.assert_index_equal(index, HDF5Checkpointer(path).load("i"))


@pytest.mark.parametrize("name", ["BaseOffset", "__name__", "to_offset", "nothing"])
def test_only_offsets_are_made(name: str, path: str) -> None:
    """A file cannot name anything of pandas but an offset."""
    HDF5Checkpointer(path)["i"] = pd.date_range("2024-01-01", periods=4, freq=HOLIDAYS)
    with h5py.File(path, "r+") as file:
        del file["i/freq/class"]
        file["i/freq/class"] = name
    with pytest.raises(CorruptFileError):
        HDF5Checkpointer(path)["i"]


def test_a_text_that_is_none(path: str) -> None:
    """A frequency that pandas cannot read is an error, and not left out."""
    HDF5Checkpointer(path)["i"] = pd.date_range("2024-01-01", periods=4)
    with h5py.File(path, "r+") as file:
        file["i"].attrs["hdfchk"] = b'pandas.Index/1 {"freq":"NONSENSE"}'
    with pytest.raises(CorruptFileError, match="NONSENSE"):
        HDF5Checkpointer(path)["i"]
