"""Frames that grow, of any kind of columns, names and indexes: against pandas.concat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfchk import HDF5Checkpointer

pd = pytest.importorskip("pandas")
Column = Callable[[np.ndarray[Any, Any]], Any]

COLUMNS: dict[str, Column] = {
    "float": lambda n: n / 2,
    "int": lambda n: n,
    "byte": lambda n: n.astype("u1"),
    "big-endian": lambda n: n.astype(">i4"),
    "big-endian float": lambda n: n.astype(">f8"),
    "bool": lambda n: n % 2 == 0,
    "seconds": lambda n: n.astype("M8[s]"),
    "zoned": lambda n: pd.to_datetime(n, unit="D", utc=True).tz_convert("Asia/Tokyo").array,
    "delta": lambda n: pd.to_timedelta(n, unit="s").array,
    "period": lambda n: pd.PeriodIndex([pd.Period(ordinal=i, freq="M") for i in n], freq="M").array,
    "string": lambda n: pd.array([None if i % 3 else f"é{i}" * i for i in n], "string[python]"),
    "mixed": lambda n: pd.Series([[i, b"a", None][i % 3] for i in n], dtype=object).to_numpy(),
    "Int32": lambda n: pd.array([None if i % 3 == 2 else i for i in n], "Int32"),
    "letters": lambda n: pd.Categorical(["abcd"[i % 4] for i in n], categories=[*"dabc"]),
    "numbers": lambda n: pd.Categorical(n % 5),
    "interval": lambda n: pd.arrays.IntervalArray.from_arrays(n * 1.0, n + 1.0),
    "sparse": lambda n: pd.arrays.SparseArray(np.where(n % 3, 0.0, n), fill_value=0.0),
}
INDEXES: dict[str, Column] = {
    "range": lambda n: pd.RangeIndex(len(n), name="q"),
    "going on": lambda n: pd.RangeIndex(n[0], n[-1] + 1) if len(n) else pd.RangeIndex(0),
    "numbers": lambda n: pd.Index(n // 2, name=("t", 1)),
    "times": lambda n: pd.to_datetime(n * n, unit="D", utc=True),
    "levels": lambda n: pd.MultiIndex.from_arrays([n % 3, n], names=["u", None]),
}
NAMES = [
    lambda count: pd.Index([*"abcdef"[:count]], name="n"),
    lambda count: pd.Index([("x", 1), 5, None, "a/b", "", "column0"][:count], dtype=object),
    lambda count: pd.MultiIndex.from_arrays([[*"xyxyxy"[:count]], range(count)]),
    lambda count: pd.Index([5.5, 5.5, 2.0, 2.0, 1.0, 0.0][:count]),
    lambda count: pd.RangeIndex(count),
]


def frame_of(kinds: list[str], index: str, names: Any, numbers: Any) -> Any:
    """A frame of some rows."""
    made = pd.DataFrame(index=INDEXES[index](numbers))
    for place, kind in enumerate(kinds):
        made.insert(place, place, COLUMNS[kind](numbers))
    made.columns = names(len(kinds))
    return made


def joined(frames: list[Any], kinds: list[str]) -> Any:
    """Frames one behind the other, by pandas.concat, which knows no other byte order."""
    frames = [frame for number, frame in enumerate(frames) if len(frame) or not number]
    index = frames[0].index
    whole = frames[0]
    for frame in frames[1:]:
        is_default = all(
            type(part.index) is pd.RangeIndex and part.index.start == 0 for part in (whole, frame)
        )
        parts = [part.set_axis(range(len(kinds)), axis=1) for part in (whole, frame)]
        for n, kind in enumerate(kinds):
            if kind in {"numbers", "letters"}:
                old, new = parts[0][n].cat.categories, parts[1][n].cat.categories
                union = old.append(new[~new.isin(old)])
                for part in parts:
                    part.isetitem(n, part[n].cat.set_categories(union))
        whole = pd.concat(parts)
        for n, kind in enumerate(kinds):
            if kind.startswith("big"):
                whole.isetitem(n, whole[n].to_numpy().astype(frames[0].dtypes.iloc[n]))
        whole.columns = frames[0].columns
        if is_default:
            whole.index = pd.RangeIndex(len(whole), name=index.name)
    return whole


@given(data=st.data())
def test_any_columns(data: Any) -> None:
    """A frame is that of pandas.concat, and its rows are those of iloc, whatever it consists of."""
    kinds = data.draw(st.lists(st.sampled_from(list(COLUMNS)), max_size=6))
    index = data.draw(st.sampled_from(list(INDEXES)))
    names = data.draw(st.sampled_from(NAMES))
    frames, at = [], 0
    for count in data.draw(st.lists(st.integers(0, 5), min_size=2, max_size=4)):
        frames.append(frame_of(kinds, index, names, np.arange(at, at + count)))
        at += count
    chk = HDF5Checkpointer(None)
    if data.draw(st.booleans()):
        chk["t"] = frames[0]
    else:
        chk.append("t", frames[0])
    for frame in frames[1:]:
        chk.append("t", frame)
    expected = joined(frames, kinds)
    pd.testing.assert_frame_equal(chk["t"], expected)
    numbers = data.draw(st.lists(st.integers(-at, at - 1), max_size=4)) if at else []
    if not any(kind.startswith("big") for kind in kinds):  # of which pandas takes no rows
        found = chk.table("t").to_pandas(rows=numbers)
        pd.testing.assert_frame_equal(found, expected.iloc[numbers], check_freq=False)


def test_a_sparse_column_does_not_say_how_many_rows_there_are(path: str) -> None:
    """It stores some of them."""
    chk = HDF5Checkpointer(path)
    frames = [frame_of(["sparse"], "range", NAMES[0], np.arange(n, n + 7)) for n in (0, 7)]
    for frame in frames:
        chk.append("t", frame)
    expected = pd.concat(frames, ignore_index=True).rename_axis("q")
    pd.testing.assert_frame_equal(chk["t"], expected)
    assert len(chk.table("t")) == 14 and len(chk.column("t", "a")) == 14


def test_a_frame_without_columns_has_rows(path: str) -> None:
    """The index alone says how many, inside a block, too."""
    with HDF5Checkpointer(path) as chk:
        for count in (0, 7, 7):
            chk.append("t", pd.DataFrame(index=pd.RangeIndex(count)))
        assert chk["t"].shape == (14, 0)


def test_bytes_in_another_order(path: str) -> None:
    """Columns of big-endian numbers stay such, in files and in memory."""
    for chk in (HDF5Checkpointer(path), HDF5Checkpointer(None)):
        for _ in range(3):
            part = pd.DataFrame({"y": np.arange(3.0)})
            part.insert(0, "x", np.arange(3, dtype=">i4"))
            part.insert(0, "z", np.arange(3, dtype=">i4"))
            chk.append("t", part)
        assert chk["t"]["z"].to_numpy().dtype == ">i4"
        assert chk["t"]["x"].to_numpy().dtype == ">i4" and chk["t"]["x"].tolist() == [0, 1, 2] * 3
        found = chk.table("t").read("x", where=lambda block: block["y"] > 0)["x"]
        assert found.dtype == ">i4" and found.tolist() == [1, 2] * 3
        chk["a"] = np.arange(2, dtype=">f4")
        chk.append("a", np.arange(2, dtype=">f4"))
        assert chk["a"].dtype == ">f4" and chk["a"].tolist() == [0, 1, 0, 1]
