"""What golden files hold of other libraries. Frozen: a new value goes into a file of a new set.

Everything that a library chooses in one version so and in another otherwise is said: the unit of a
date, the dtype of an index of strings.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

import numpy as np

from .values import numbered


def sparse() -> dict[str, Any]:
    """Arrays and matrices of SciPy, in all formats."""
    import scipy.sparse as sp

    base = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, -3]])
    cases: list[Any] = []
    for layout in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil"):
        for kind in ("array", "matrix"):
            cls = getattr(sp, f"{layout}_{kind}")
            cases += [cls(base), cls((3, 4), dtype="i4")]
    wide = sp.csr_array(base)
    wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
    unsorted = sp.csr_array((np.array([1.0, 2]), np.array([2, 0]), np.array([0, 2])), shape=(1, 3))
    doubled = sp.coo_array((np.array([1, 2]), (np.array([0, 0]), np.array([1, 1]))), shape=(2, 2))
    more = [wide, unsorted, doubled, sp.coo_array(np.arange(3)), sp.csc_array(base.astype("c8"))]
    named = numbered(sparse=[*cases, *more])
    return named | {"sparse:all": cases[::4]}


def _strings(*items: Any, name: Any = None) -> Any:
    import pandas as pd

    return pd.Index(np.array(items, object), dtype=object, name=name)


def _moments(*texts: Any, unit: str = "ns") -> np.ndarray:
    return np.array(texts, f"M8[{unit}]")


def _arrays() -> list[Any]:
    import pandas as pd

    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    moments = _moments("2024-03-30T22", "2024-03-31T10", "NaT", unit="us")
    categories = _strings("a", "b")
    string, text = pd.StringDtype("python"), pd.StringDtype("python", na_value=np.nan)
    return [
        pd.Categorical.from_codes([0, -1, 1], categories),
        pd.Categorical.from_codes([0, 2], pd.Index(np.array([3, 2, 1])), ordered=True),
        *(pd.array([1, None, 3], dtype="Int64"), pd.array([1, None], dtype="UInt8")),
        *(pd.array([1.5, None], dtype="Float64"), pd.array([True, None], dtype="boolean")),
        *(pd.array(["a", None, "é\0"], dtype=string), pd.array(["x", np.nan], dtype=text)),
        pd.DatetimeIndex(moments).tz_localize("UTC").tz_convert(berlin).array,
        pd.DatetimeIndex(_moments("2024-01-01", unit="s")).array,
        pd.TimedeltaIndex(np.array([86400, "NaT"], "m8[s]")).array,
        pd.period_range("2024-01", periods=3, freq="M").array,
        pd.arrays.IntervalArray.from_breaks(np.array([0.5, 1, 2]), closed="left"),
        pd.arrays.NumpyExtensionArray(np.arange(3)),
    ]


def _indexes() -> list[Any]:
    import pandas as pd

    levels = [_strings("a", "b"), pd.Index(np.array([1, 2]))]
    days = _moments("2024-01-01", "2024-01-02", "2024-01-03")
    return [
        *(pd.Index(np.array([1, 2]), name="n"), pd.Index(np.array([1.5, np.nan]))),
        *(_strings("a", "b"), _strings(1, "a", None), _strings()),
        pd.Index(pd.array(["a", np.nan], dtype=pd.StringDtype("python", na_value=np.nan))),
        *(pd.RangeIndex(5), pd.RangeIndex(1, 9, 2, name=("t", 1))),
        pd.MultiIndex(levels, [[0, 0, 1, -1], [0, 1, 0, 1]], names=["x", None]),
        *(pd.DatetimeIndex(days, freq="D"), pd.DatetimeIndex(_moments("2024", "NaT"), tz="UTC")),
        pd.TimedeltaIndex(np.array([1, 2, 3], "m8[h]").astype("m8[ns]"), freq="h"),
        pd.period_range("2024Q1", periods=2, freq="Q"),
        pd.CategoricalIndex(pd.Categorical.from_codes([1, 0], _strings("a", "b"), ordered=True)),
        pd.IntervalIndex.from_breaks(np.array([1, 2, 3])),
        *(pd.Index(np.array([1, 2], "i2")), pd.Index(np.array([True, False]))),
        pd.Index(pd.array([1, None], dtype="Int64")),
    ]


def _scalars() -> list[Any]:
    import pandas as pd

    moment = pd.Timestamp("2024-02-29 12:34:56.789012345")
    twice = pd.Timestamp("2024-10-27 01:30", tz="UTC").as_unit("ns")
    return [
        *(moment, moment.as_unit("s"), moment.tz_localize("UTC")),
        moment.tz_localize(zoneinfo.ZoneInfo("Asia/Tokyo")),
        twice.tz_convert(zoneinfo.ZoneInfo("Europe/Berlin")),
        moment.tz_localize(dt.timezone(dt.timedelta(hours=1))),
        *(pd.Timedelta("1D 2ns"), pd.Timedelta(5, "s").as_unit("s"), pd.NaT, pd.NA),
        *(pd.Period("2024-02", freq="M"), pd.Interval(0, 1.5, closed="both")),
        pd.CategoricalDtype(_strings("a"), ordered=True),
    ]


def _series() -> list[Any]:
    import pandas as pd

    noted = pd.Series(np.array([1, 2]), index=_strings("a", "b"), name=("two", "parts"))
    noted.attrs = {"units": "eV"}
    text = pd.StringDtype("python", na_value=np.nan)
    return [
        *(noted, pd.Series(np.zeros(0, "f4")), pd.Series(["a", None], dtype=text)),
        *(pd.Series([1, None], dtype="Int64"), pd.Series([1, "a", [2]], dtype=object)),
        pd.Series(pd.DatetimeIndex(_moments("2024-01-01", "2024-01-02"), tz="UTC")),
        *(pd.Series(np.array([1.5], ">f8")), pd.Series(np.array([True, False]))),
        pd.Series(pd.Categorical.from_codes([0], _strings("a"))),
    ]


def _frames() -> list[Any]:
    import pandas as pd

    columns: Any = {
        "i": np.array([1, 2]),
        "f": np.array([1.5, np.nan]),
        "s": pd.array(["a", None], dtype=pd.StringDtype("python", na_value=np.nan)),
        "c": pd.Categorical.from_codes([0, 1], _strings("x", "y")),
        "t": _moments("2024-01-01", "2024-01-02"),
        "n": pd.array([1, None], dtype="Int64"),
    }
    mixed = pd.DataFrame(columns)
    mixed.columns = _strings(*columns)
    noted = mixed.drop(columns="i")
    noted.index = pd.Index(np.array([1, 5]), name="i")
    noted.attrs["about"] = ["a", 1]
    doubled = pd.DataFrame({0: np.array([1, 3]), 1: np.array([2.0, 4.0])})
    doubled.columns = _strings("a", "a")
    odd = pd.DataFrame({"o": pd.Series([{"k": 1}, None], dtype=object)})
    odd.columns = _strings("o")
    parts = pd.DataFrame({0: np.array([1]), 1: np.array([2])})
    parts.columns = pd.MultiIndex([_strings("a", "b"), pd.Index([1, 2])], [[0, 1], [0, 1]])
    return [
        *(mixed, noted, doubled, pd.DataFrame(), pd.DataFrame(index=pd.Index(np.array([1, 2])))),
        *(pd.DataFrame(columns=_strings("a", "b")), pd.DataFrame(np.zeros((3, 2)))),
        *(parts, odd, mixed.iloc[:0]),
    ]


def frames() -> dict[str, Any]:
    """Objects of pandas."""
    arrays, indexes, scalars = _arrays(), _indexes(), _scalars()
    named = numbered(array=arrays, index=indexes, scalar=scalars, series=_series(), frame=_frames())
    return named | {"series:all": [_series()[0]], "frame:all": [_frames()[1]]}


def labelled() -> dict[str, Any]:
    """Objects of xarray."""
    import xarray as xr

    array = xr.DataArray(
        np.arange(6.0).reshape(2, 3),
        {"x": np.array([1, 2]), "y": np.array(["a", "b", "c"]), "s": 5},
        ("x", "y"),
        "t",
        {"units": "K"},
    )
    extra = array.assign_coords(label=("x", np.array(["p", "q"])))
    extra.encoding = {"dtype": "f4"}
    notes = {"title": "é", "list": [1, 2]}
    dataset = xr.Dataset({"b": array, "a": ("z", np.arange(2))}, attrs=notes)
    dataset.encoding = {"unlimited_dims": {"z"}}
    return numbered(
        labelled=[
            *(array, extra, xr.DataArray(5.0), dataset, xr.Dataset()),
            xr.Dataset(coords={"time": _moments("2024-01-01")}),
            *(xr.Variable(("x",), np.array([1, 2]), {"a": 1}), array.x.variable),
            xr.DataArray(np.zeros((2, 0))),
        ]
    )
