"""Rows of the round-trip table for optional libraries."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

import numpy as np


def _sparse() -> list[Any]:
    import scipy.sparse as sp

    base = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, -3]])
    cases: list[Any] = []
    for layout in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil"):
        for kind in ("array", "matrix"):
            cls = getattr(sp, f"{layout}_{kind}")
            cases += [cls(base), cls((3, 4), dtype="i4"), cls(base.astype("c8"))]
    wide = sp.csr_array(base)
    wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
    unsorted = sp.csr_array((np.array([1.0, 2]), np.array([2, 0]), np.array([0, 2])), shape=(1, 3))
    doubled = sp.coo_array((np.array([1, 2]), (np.array([0, 0]), np.array([1, 1]))), shape=(2, 2))
    return [*cases, wide, unsorted, doubled, sp.coo_array(np.arange(3))]


def _arrays() -> list[Any]:
    import pandas as pd

    berlin = pd.date_range(
        "2024-03-30", periods=4, freq="12h", tz=zoneinfo.ZoneInfo("Europe/Berlin")
    )
    cases: list[Any] = [
        pd.Categorical(["a", None, "b"]),
        pd.Categorical([3, 1], ordered=True, categories=[3, 2, 1]),
    ]
    cases += [
        pd.array([1, None, 3]),
        pd.array([1, None], dtype="UInt8"),
        pd.array([1.5, None]),
        pd.array([True, None]),
    ]
    cases += [
        pd.array(["a", None, "é\0"], dtype="string[python]"),
        pd.array(["x", np.nan], dtype=pd.StringDtype("python", na_value=np.nan)),
    ]
    cases += [
        berlin.array,
        pd.to_timedelta(["1D", None]).array,
        pd.period_range("2024", periods=3, freq="M").array,
    ]
    cases += [
        pd.arrays.IntervalArray.from_breaks([0.5, 1, 2], closed="left"),
        pd.array(np.arange(3), dtype="int64"),
        pd.CategoricalDtype(["a"], ordered=True),
    ]
    return cases


def _indexes() -> list[Any]:
    import pandas as pd

    cases: list[Any] = [
        pd.Index([1, 2], name="n"),
        pd.Index([1.5, np.nan]),
        pd.Index(["a", "b"]),
        pd.Index([1, "a", None], dtype=object),
        pd.Index(["a", "é"], dtype=object, name="texts"),
        pd.Index([]),
    ]
    cases += [
        pd.RangeIndex(5),
        pd.RangeIndex(1, 9, 2, name=("t", 1)),
        pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None]),
    ]
    cases += [
        pd.date_range("2024", periods=3, freq="D"),
        pd.DatetimeIndex(["2024-01-01", None], tz="UTC"),
        pd.timedelta_range("1h", periods=3, freq="h"),
    ]
    cases += [
        pd.period_range("2024Q1", periods=2, freq="Q"),
        pd.CategoricalIndex(["b", "a"], ordered=True),
        pd.IntervalIndex.from_breaks([1, 2, 3]),
    ]
    cases += [
        pd.Index(np.array([1, 2], "i2")),
        pd.Index([True, False]),
        pd.Index(pd.array([1, None])),
        pd.DatetimeIndex(["2024-01-01"]).as_unit("ns"),
    ]
    return cases


def _scalars() -> list[Any]:
    import pandas as pd

    moment = pd.Timestamp("2024-02-29 12:34:56.789012345")
    cases: list[Any] = [
        moment,
        moment.as_unit("s"),
        moment.tz_localize("UTC"),
        moment.tz_localize(zoneinfo.ZoneInfo("Asia/Tokyo")),
    ]
    cases += [
        pd.Timestamp("2024-10-27 01:30", tz="UTC").tz_convert(zoneinfo.ZoneInfo("Europe/Berlin")),
        moment.tz_localize(dt.timezone(dt.timedelta(hours=1))),
    ]
    return [
        *cases,
        pd.Timedelta("1D 2ns"),
        pd.Timedelta(5, "s"),
        pd.NaT,
        pd.NA,
        pd.Period("2024-02"),
        pd.Interval(0, 1.5, closed="both"),
    ]


def _series() -> list[Any]:
    import pandas as pd

    noted = pd.Series([1, 2], index=["a", "b"], name=("two", "parts"))
    noted.attrs = {"units": "eV"}
    cases: list[Any] = [
        noted,
        pd.Series([], dtype="f4"),
        pd.Series(["a", None]),
        pd.Series([1, None], dtype="Int64"),
        pd.Series([1, "a", [2]], dtype=object),
        pd.Series(["a", "é", ""], dtype=object, name="texts"),
        pd.Series(["a", "b\0"], dtype=object, index=pd.Index(["x", "y"], dtype=object)),
    ]
    return [
        *cases,
        pd.Series(pd.date_range("2024", periods=2, tz="UTC")),
        pd.Series([1.5], dtype=">f8"),
        pd.Series(pd.Categorical(["a"])),
        pd.Series([True, False]),
    ]


def _frames() -> list[Any]:
    import pandas as pd

    mixed = pd.DataFrame(
        {
            "i": [1, 2],
            "f": [1.5, np.nan],
            "s": ["a", None],
            "c": pd.Categorical(["x", "y"]),
            "t": pd.date_range("2024", periods=2),
            "n": pd.array([1, None]),
        }
    )
    noted = mixed.set_index("i")
    noted.attrs["about"] = ["a", 1]
    texts = pd.DataFrame({"a": ["x", "é"], "b": ["", "y\0"], "c": ["z", None]}, dtype=object)
    doubled = pd.DataFrame([[1, 2.0], [3, 4.0]], columns=["a", "a"])
    cases: list[Any] = [
        mixed,
        noted,
        texts,
        doubled,
        pd.DataFrame(),
        pd.DataFrame(index=[1, 2]),
        pd.DataFrame(columns=["a", "b"]),
        pd.DataFrame(np.zeros((3, 2))),
    ]
    return [
        *cases,
        pd.DataFrame({("a", 1): [1], ("b", 2): [2]}),
        pd.DataFrame({1: [1], "x": [2]}),
        pd.DataFrame({"o": [{"k": 1}, None]}),
        mixed.iloc[:0],
    ]


def _labelled() -> list[Any]:
    import xarray as xr

    array = xr.DataArray(
        np.arange(6.0).reshape(2, 3),
        {"x": [1, 2], "y": ["a", "b", "c"], "s": 5},
        ("x", "y"),
        "t",
        {"units": "K"},
    )
    extra = array.assign_coords(label=("x", ["p", "q"]))
    extra.encoding = {"dtype": "f4"}
    dataset = xr.Dataset(
        {"b": array, "a": ("z", np.arange(2))}, attrs={"title": "é", "list": [1, 2]}
    )
    times = xr.Dataset(coords={"time": np.array(["2024-01-01"], "M8[ns]")})
    return [
        array,
        extra,
        xr.DataArray(5.0),
        dataset,
        times,
        xr.Dataset(),
        xr.Variable(("x",), [1, 2], {"a": 1}),
        array.x.variable,
        xr.DataArray(np.zeros((2, 0))),
    ]


def tensors() -> list[Any]:
    """PyTorch's tensors: a library too large for the test extra."""
    import torch

    cases: list[Any] = [
        torch.arange(6.0).reshape(2, 3),
        torch.tensor(5),
        torch.tensor(1.5, dtype=torch.float16),
        torch.tensor([1.5, float("nan")], dtype=torch.bfloat16),
    ]
    cases += [
        torch.tensor([True, False]),
        torch.zeros(0, 3),
        torch.tensor([1 + 2j]),
        torch.nn.Parameter(torch.ones(2)),
        torch.ones(2, requires_grad=True),
        torch.tensor(2, dtype=torch.uint8),
    ]
    return [
        *cases,
        torch.arange(6).reshape(2, 3).T,
        torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16), requires_grad=False),
        torch.tensor(True),
        torch.tensor(1.5, dtype=torch.float64),
    ]


def rows() -> list[Any]:
    """The rows. Tensors are tried by `tests/codecs/test_tensors.py`, where PyTorch is."""
    from .roundtrip_row import Row
    from .roundtrip_values import results_of_scipy

    return [
        Row(
            "SciPy",
            "sparse arrays and matrices, all formats",
            "a group of their arrays, with a mark",
            _sparse,
        ),
        Row(
            "SciPy",
            "results of optimize, integrate and stats",
            "a group of the fields, with a mark",
            results_of_scipy,
        ),
        Row("pandas", "extension arrays, Categorical", "a group, with a mark", _arrays),
        Row("pandas", "Index, all kinds", "a group, with a mark", _indexes),
        Row(
            "pandas",
            "Timestamp, Timedelta, Period, Interval, NaT, NA",
            "a number or group, with a mark",
            _scalars,
        ),
        Row("pandas", "Series", "a group of values and index, with a mark", _series),
        Row("pandas", "DataFrame", "a group with a dataset for each column, with a mark", _frames),
        Row("xarray", "Variable, DataArray, Dataset", "a group, with a mark", _labelled),
    ]
