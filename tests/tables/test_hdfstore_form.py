"""Tables of pandas' HDFStore: what pandas reads."""

from __future__ import annotations

import pickle
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, UnsupportedStoredError

pd: Any = pytest.importorskip("pandas")
pytest.importorskip("tables")


def _frame() -> Any:
    days = pd.date_range("2020", periods=4)
    return pd.DataFrame(
        {
            "z": days.tz_localize("Europe/Berlin"),
            "i": np.arange(4),
            "utc": days.tz_localize("UTC"),
            "b": [True, False, True, False],
            "k": pd.Categorical(["u", None, "v", "u"]),
            "o": pd.Categorical([30, 10, 10, 30], [10, 20, 30], ordered=True),
            "f": np.arange(4.0),
            "d": pd.to_timedelta([1, 2, 3, 4], unit="s"),
        },
        index=days.tz_localize("America/New_York"),
    )


@pytest.mark.filterwarnings("ignore::Warning")  # of PyTables and pandas, of names and types
@pytest.mark.parametrize("columns", [None, True])
def test_as_pandas_reads_it(path: str, columns: Any) -> None:
    """Categories, time zones, booleans and the order of columns are those of the frame."""
    _frame().to_hdf(path, key="a/t", format="table", data_columns=columns)
    table = HDF5Checkpointer(path, mode="r").table("a/t")
    expected = pd.read_hdf(path, "a/t")
    assert table.columns == ["index", *expected]
    found = table.to_pandas()
    pd.testing.assert_frame_equal(found, expected, check_freq=False)
    low = table.read(columns=["o", "i"], where=lambda block: block["k"] == "u")
    assert low["i"].tolist() == [0, 3] and list(low["o"]) == [30, 30] and low["o"].ordered


@pytest.mark.filterwarnings("ignore::Warning")
def test_names_that_are_tuples(path: str) -> None:
    """Columns of several levels have their names."""
    columns = pd.MultiIndex.from_tuples([("x", 1), ("y", 2)])
    pd.DataFrame(np.arange(4.0).reshape(2, 2), columns=columns).to_hdf(
        path, key="t", format="table"
    )
    table = HDF5Checkpointer(path, mode="r").table("t")
    assert table.columns == ["index", ("x", 1), ("y", 2)]
    assert table.read([("y", 2)])[("y", 2)].tolist() == [1.0, 3.0]


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("zone", [len, "dateutil//etc/hostname", "No/Where", 5])
def test_zones_that_cannot_be_read(path: str, zone: Any) -> None:
    """They are an error, not dates without a zone, and no file that they name is opened."""
    _frame()[["z", "i"]].to_hdf(path, key="t", format="table", data_columns=True)
    with h5py.File(path, "r+") as file:
        file["t"].attrs["info"] = np.bytes_(pickle.dumps({"z": {"tz": zone}}, 0))
    table = HDF5Checkpointer(path, mode="r").table("t")
    assert table["i"].tolist() == [0, 1, 2, 3]
    with pytest.raises(UnsupportedStoredError, match="time zone of the column 'z'") as caught:
        table.to_pandas()
    assert caught.value.key == "t" and "read_hdf" in caught.value.hint
