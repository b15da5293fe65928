"""The rows of pandas in the round-trip table. All work with pandas 2 and 3."""

from __future__ import annotations

import datetime as dt
import warnings
import zoneinfo
from typing import Any

import numpy as np

from . import roundtrip_arrow
from .roundtrip_row import Row

NAMES = (
    *(None, 0, 1.5, ("a", 1), dt.date(2024, 1, 1), frozenset([1]), b"x", True, (), np.int64(3)),
    "é\0",
)
"""Names of all kinds that pandas accepts, except NaN: pandas 2 does not compare it."""


def zones() -> list[dt.tzinfo]:
    """Return time zones of the standard library."""
    return [
        zoneinfo.ZoneInfo("Europe/Berlin"),
        dt.UTC,
        dt.timezone(dt.timedelta(hours=1)),
        dt.timezone(dt.timedelta(hours=-3, minutes=-30), "odd"),
    ]


def zoned(zone: dt.tzinfo) -> list[Any]:
    """Return pandas objects with a time zone, some in the hour that occurs twice in Berlin."""
    import pandas as pd

    texts = ["2024-10-26 23:30", "2024-10-27 00:30", "2024-10-27 01:30", None]
    utc = pd.DatetimeIndex(texts, tz="UTC")
    days = pd.date_range("2024-10-25", periods=5, tz=zone, freq="D")
    cases: list[Any] = []
    for unit in ("s", "ms", "us", "ns"):
        index = utc.as_unit(unit).tz_convert(zone)
        cases += [index, index.array, index[1], index[2], pd.Series(index)]
    return [
        *cases,
        pd.DataFrame({"a": days.as_unit("ms"), "b": range(5)}, index=days),
        pd.Series([index[1], None, pd.Timestamp("2024", tz=zone)], dtype=object),
        pd.Categorical(days[:2], categories=days),
        pd.IntervalIndex.from_breaks(days, closed="both"),
        pd.Timestamp("1880-01-01", tz="UTC").tz_convert(zone),
    ]


def texts(storage: str) -> list[Any]:
    """Return objects with text, in one of pandas' two storages, with both missing values."""
    import pandas as pd

    cases: list[Any] = []
    for missing in (pd.NA, np.nan):
        dtype = pd.StringDtype(storage, na_value=missing)
        some = pd.array(["x", None, "é", "nul\0", ""], dtype=dtype)
        labels = pd.array(["a", "a"], dtype=dtype)
        cases += [
            *(some, some[:0], some[1:2], some[[0, 2]]),
            pd.Series(some, name="s"),
            pd.Index(some, name="n"),
            pd.DataFrame({"a": some, "n": range(5), "b": some[::-1]}, index=pd.Index(some)),
            pd.DataFrame([[1, 2.0]], columns=pd.Index(labels, name="labels")),
            *(pd.Categorical(some), pd.CategoricalIndex(some[2:], ordered=True)),
            pd.MultiIndex.from_arrays([some, range(5)], names=["t", None]),
        ]
    return cases


def _arrays() -> list[Any]:
    import pandas as pd

    kinds = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    cases: list[Any] = [pd.array([1, None, 0], dtype=kind) for kind in kinds]
    cases += [pd.array([1.5, None], dtype=kind) for kind in ("Float32", "Float64")]
    cases += [
        pd.array([True, None, False], dtype="boolean"),
        pd.array([], dtype="Int64"),
        pd.arrays.FloatingArray(np.array([np.nan, 1.0, 5]), np.array([False, False, True])),
        pd.DatetimeIndex(["2024", None]).as_unit("s").array,
        pd.date_range("2024", periods=3, freq="ME").array,
        pd.timedelta_range("1h", periods=3, freq="90min").array,
        pd.to_timedelta(["1D", None]).as_unit("ms").array,
        pd.array(np.arange(3), dtype="int64"),
        pd.arrays.NumpyExtensionArray(np.array(["a", None, 1], object)),
    ]
    pairs = [(0, 1.5), (np.nan, np.nan), (2, 3.5)]
    cases += [
        pd.arrays.IntervalArray.from_tuples(pairs, closed=closed)
        for closed in ("left", "right", "both", "neither")
    ]
    return [*cases, pd.arrays.IntervalArray.from_breaks(np.arange(3, dtype="i4"))]


def _categoricals() -> list[Any]:
    import pandas as pd

    days = pd.date_range("2024", periods=2)
    intervals = pd.interval_range(0, 2)
    kinds: list[Any] = [
        *([3, 1], [1.5, 2.5], ["b", "a"], [True, False], [(1, 2), (3, 4)], [1, "a"]),
        *([dt.date(2024, 1, 1)], days, days.tz_localize("UTC"), intervals),
        *(pd.period_range("2024", periods=2, freq="M"), pd.timedelta_range("1h", periods=2)),
    ]
    cases: list[Any] = []
    for ordered in (False, True):
        for kind in kinds:
            index = pd.Index(kind, tupleize_cols=False)
            array = pd.Categorical([*index[::-1], None, index[0]], index, ordered=ordered)
            cases += [array, pd.CategoricalIndex(array, name="c")]
    return [
        *cases,
        pd.Categorical(["a"], categories=pd.Index(["a", "unused"], name="named")),
        *(pd.Categorical([]), pd.Categorical([None])),
        *(pd.CategoricalDtype(), pd.CategoricalDtype(ordered=True)),
        *(pd.CategoricalDtype(["a"], ordered=True), pd.CategoricalDtype([])),
    ]


def _periods() -> list[Any]:
    import pandas as pd

    cases: list[Any] = []
    for freq in ("D", "M", "Q-FEB", "Y", "h", "W-WED", "min", "s", "ns", "2M", "B"):
        with warnings.catch_warnings():  # "B" is deprecated
            warnings.simplefilter("ignore", FutureWarning)
            index = pd.period_range("2024-01-01", periods=3, freq=freq)
            cases += [index, index.array, pd.Series(index.insert(1, pd.NaT)), index[1]]
    return cases


def _sparse() -> list[Any]:
    import pandas as pd

    make = pd.arrays.SparseArray
    cases: list[Any] = []
    for kind in ("integer", "block"):
        cases += [
            make([0, 0, 1, 2, 0], kind=kind),
            make([1.5, np.nan, 0.0, np.nan], kind=kind),
            make(np.array([0, 2, 2], "i2"), fill_value=2, kind=kind),
            make(np.array(["2024", "NaT"], "M8[s]"), kind=kind),
            make(np.array(["a", None, "b", 0], object), fill_value=0, kind=kind),
            *(make([True, False], kind=kind), make([], kind=kind), make([0, 0], kind=kind)),
        ]
    frame = pd.DataFrame({"a": make([0, 1]), "b": make([np.nan, 1])})
    return [*cases, frame, frame["b"], frame.iloc[:0], pd.Index(make([0, 1]))]


def _frequencies() -> list[Any]:
    import pandas as pd

    of = pd.offsets
    texts = ("D", "h", "ME", "B", "W-WED", "QE-FEB", "YE", "2h", "15min", "MS", "SME", "bh")
    offsets: list[Any] = [
        *(pd.DateOffset(months=1, days=2), pd.DateOffset(weekday=3), pd.DateOffset(2)),
        of.CustomBusinessDay(holidays=["2024-01-03"]),
        of.CustomBusinessMonthEnd(holidays=["2024-01-31"], weekmask="Mon Tue Wed"),
        *(of.BusinessHour(start="10:00", end="15:00"), of.CustomBusinessHour()),
        *(of.FY5253(weekday=4), of.FY5253Quarter(weekday=1, startingMonth=2, variation="last")),
        *(of.WeekOfMonth(week=1, weekday=2), of.LastWeekOfMonth(), of.Easter(), of.Week()),
        *(of.MonthEnd(normalize=True), of.BYearEnd(month=3), of.Nano(5)),
    ]
    dates = [pd.date_range("2024-01-01", periods=4, freq=freq) for freq in (*texts, *offsets)]
    return [
        *dates,
        *(pd.timedelta_range("1h", periods=3, freq=freq) for freq in ("90min", "2D", "s")),
        pd.DataFrame({"a": range(4)}, index=dates[-4]),
        pd.MultiIndex.from_product([dates[0], dates[12]]),
    ]


def _indexes() -> list[Any]:
    import pandas as pd

    named = [pd.Index([1], name=name) for name in NAMES]
    texts = [
        *(pd.Index(["a", "b"]), pd.Index([1, "a", None], dtype=object)),
        pd.Index(["a", "é"], dtype=object, name="texts"),
    ]
    ranges = [
        *(pd.RangeIndex(5), pd.RangeIndex(1, 9, 2, name=("t", 1)), pd.RangeIndex(10, 4, -2)),
        pd.RangeIndex(0),
    ]
    levels = [
        pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None]),
        pd.MultiIndex.from_product([["a", "b", "c"], [1, 2]], names=["x", ("y", 1)])[:2],
        pd.MultiIndex([["a", "b"], [1, 2]], [[0, 0, 1], [0, 1, 0]], sortorder=0),
        pd.MultiIndex([["a"], [1.5]], [[0, -1, 0], [-1, 0, 0]], names=["same", "same"]),
        *(pd.MultiIndex.from_arrays([[1, 2]]), pd.MultiIndex.from_arrays([[], []])),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 1)]),
        pd.MultiIndex.from_arrays([pd.Categorical(["a", "b"]), pd.interval_range(0, 2)]),
    ]
    return [
        *(*named, *texts, *ranges, *levels),
        *(pd.Index([1.5, np.nan]), pd.Index([]), pd.Index([True, False])),
        *(pd.Index(np.array([1, 2], "i2")), pd.Index(np.array([1j, 2]))),
        *(pd.Index(pd.array([1, None])), pd.Index([(1, 2), (3, 4)], tupleize_cols=False)),
        pd.DatetimeIndex(["2024-01-01", None], tz="UTC"),
        pd.DatetimeIndex(["2024-01-01"]).as_unit("ns"),
        pd.Index(np.array([1, "NaT"], "m8[s]")),
        pd.IntervalIndex.from_breaks([1, 2, 3], closed="neither", name="i"),
    ]


def _scalars() -> list[Any]:
    import pandas as pd

    moment = pd.Timestamp("2024-02-29 12:34:56.789012345")
    cases: list[Any] = [
        *(moment, moment.as_unit("s"), moment.tz_localize("UTC")),
        moment.tz_localize(zoneinfo.ZoneInfo("Asia/Tokyo")),
        moment.tz_localize(dt.timezone(dt.timedelta(hours=1))),
        *(pd.Timestamp.min, pd.Timestamp.max, pd.Timestamp("0001-01-01").as_unit("s")),
        *(pd.Timedelta("1D 2ns"), pd.Timedelta(5, "s"), pd.Timedelta.min, pd.Timedelta.max),
        *(pd.Timedelta(-5, "s").as_unit("ms"), pd.NaT, pd.NA),
        *(pd.Period("2024-02"), pd.Period("2024Q1", freq="Q-FEB")),
    ]
    ends = ((0, 1.5), (moment, moment), (pd.Timedelta(1), pd.Timedelta(2)))
    closed = ("left", "right", "both", "neither")
    return [*cases, *(pd.Interval(*pair, closed=side) for pair in ends for side in closed)]


def _series() -> list[Any]:
    import pandas as pd

    noted = pd.Series([1, 2], index=["a", "b"], name=("two", "parts"))
    noted.attrs = {"units": "eV", 1: np.arange(3)}
    dtypes = ("?", "i1", "u2", "f2", "f4", "c8", ">i4", ">f8", "M8[s]", "M8[ns]", "m8[ms]")
    mixed = [pd.NA, pd.NaT, None, np.nan, pd.Timestamp("2024"), [1], "a"]
    return [
        *(noted, noted.set_flags(allows_duplicate_labels=False)),
        *(pd.Series([1], name=name) for name in NAMES),
        *(pd.Series(np.zeros(2, dtype)) for dtype in dtypes),
        *(pd.Series([], dtype="f4"), pd.Series(["a", None]), pd.Series([1, None], dtype="Int64")),
        *(pd.Series([1, "a", [2]], dtype=object), pd.Series(mixed, dtype=object)),
        pd.Series(["a", "é", ""], dtype=object, name="texts"),
        pd.Series(["a", "b\0"], dtype=object, index=pd.Index(["x", "y"], dtype=object)),
        *(pd.Series(pd.Categorical(["a"])), pd.Series(pd.date_range("2024", periods=2))),
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
            "v": pd.interval_range(0, 2),
        }
    )
    noted = mixed.set_index("i")
    noted.attrs = {"about": ["a", 1], "more": {"x": (1, None)}}
    product = pd.MultiIndex.from_product([["a"], [1, 2]], names=["u", None])
    kinds = ("datetime64[ns, UTC]", "category", "Sparse[int]", "interval[int64]", "Int8")
    empty = {kind: pd.Series([], dtype=kind) for kind in kinds}
    cases: list[Any] = [
        *(mixed, noted, mixed.iloc[:0], mixed.set_flags(allows_duplicate_labels=False)),
        pd.DataFrame({"a": ["x", "é"], "b": ["", "y\0"], "c": ["z", None]}, dtype=object),
        *(pd.DataFrame(), pd.DataFrame(index=[1, 2]), pd.DataFrame(columns=["a", "b"])),
        *(pd.DataFrame(columns=pd.RangeIndex(0)), pd.DataFrame(index=product), pd.DataFrame(empty)),
        *(pd.DataFrame(np.zeros((3, 2))), pd.DataFrame(np.asfortranarray(np.ones((2, 3))))),
        pd.DataFrame([[1, "a", 2.0]], columns=["x", "x", "x"]),
        pd.DataFrame(np.zeros((2, 2)), columns=product, index=product),
        *(pd.DataFrame({("a", 1): [1], ("b", 2): [2]}), pd.DataFrame({1: [1], "x": [2]})),
        *(pd.DataFrame({"o": [{"k": 1}, None]}), pd.DataFrame({"l": [[1, "a"], (2,)]})),
        pd.DataFrame({"a": [1, 2, 3]}, index=pd.RangeIndex(10, 4, -2, name="r")),
    ]
    labels = [pd.Index([name, "b"], dtype=object, tupleize_cols=False) for name in NAMES]
    return [*cases, *(pd.DataFrame([[1, 2]], columns=index) for index in labels)]


def _pytz() -> list[Any]:
    import pytz

    berlin = pytz.timezone("Europe/Berlin")
    cases: list[Any] = []
    for zone in (berlin, pytz.UTC, pytz.FixedOffset(-90), pytz.timezone("Etc/GMT+3")):
        cases += [zone, *zoned(zone), dt.datetime(2024, 1, 1, tzinfo=zone)]
    twice = dt.datetime(2024, 10, 27, 2, 30)
    cases += [berlin.localize(twice, is_dst=dst) for dst in (False, True)]
    return [*cases, berlin.localize(dt.datetime(2024, 7, 1)), dt.time(1, 2, tzinfo=pytz.UTC)]


PANDAS = [
    Row("pandas", "extension arrays", "a group, with a mark", _arrays),
    Row("pandas", "Categorical, categories of any type", "a group, with a mark", _categoricals),
    Row("pandas", "Period, and what has periods", "a number or group, with a mark", _periods),
    Row("pandas", "text in Python's storage", "a group, with a mark", lambda: texts("python")),
    Row("pandas", "sparse arrays", "a group of values and positions, with a mark", _sparse),
    Row("pandas", "Index, all kinds", "a group, with a mark", _indexes),
    Row("pandas", "frequencies of an Index", "a parameter or group", _frequencies),
    Row(
        "pandas",
        "time zones",
        "a number in UTC, and the zone",
        lambda: [case for zone in zones() for case in zoned(zone)],
    ),
    Row(
        "pandas",
        "Timestamp, Timedelta, Period, Interval, NaT, NA",
        "a number or group, with a mark",
        _scalars,
    ),
    Row("pandas", "Series", "a group of values and index, with a mark", _series),
    Row("pandas", "DataFrame", "a group with a dataset for each column, with a mark", _frames),
    Row(
        "pandas",
        "text in Arrow's storage (needs pyarrow)",
        "variable-length UTF-8, and which items are missing",
        lambda: texts("pyarrow"),
        "pyarrow",
        22,
    ),
    Row(
        "pandas",
        "ArrowDtype (needs pyarrow)",
        "a group of the elements, and which items are missing",
        roundtrip_arrow.cases,
        "pyarrow",
        323,
    ),
    Row(
        "pandas",
        "time zones of pytz (needs pytz)",
        "a number in UTC, and the name of the zone",
        _pytz,
        "pytz",
        112,
    ),
]
