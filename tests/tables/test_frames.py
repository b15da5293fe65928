"""Frames that grow: equal to pandas.concat, all columns and the index in one commit."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CheckpointerKeyError,
    CorruptFileError,
    HDF5Checkpointer,
    InvalidOptionError,
    NotAGroupError,
    TransactionError,
    UnsupportedStoredError,
    UnsupportedTypeError,
)
from hdfchk.backends.hdf5.session import Hdf5Session
from hdfchk.backends.plain_dict import DictBackend

pd = pytest.importorskip("pandas")
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["path", "no journal", "file object", "memory", "dict", "h5py"])
def chk(request: pytest.FixtureRequest, path: str) -> Iterator[HDF5Checkpointer]:
    if request.param == "h5py":
        with h5py.File(path, "w") as file:
            yield HDF5Checkpointer(file)
        return
    yield {
        "path": lambda: HDF5Checkpointer(path),
        "no journal": lambda: HDF5Checkpointer(path, journal=False),
        "file object": lambda: HDF5Checkpointer(io.BytesIO()),
        "memory": lambda: HDF5Checkpointer(None),
        "dict": lambda: HDF5Checkpointer(DictBackend()),
    }[request.param]()


@pytest.fixture(params=[True, False], ids=["begun by append", "assigned"])
def begin(request: pytest.FixtureRequest) -> Callable[[Any, Any], None]:
    """How a frame comes to a store to which others are appended."""

    def do(chk: Any, frame: Any) -> None:
        if request.param:
            chk.append("t", frame)
        else:
            chk["t"] = frame

    return do


def frame(count: int, shift: int = 0) -> Any:
    """A frame with columns of many kinds."""
    n = np.arange(count) + shift
    return pd.DataFrame(
        {
            "int": n,
            "float": n / 2,
            "bool": n % 2 == 0,
            "small": n.astype("i1"),
            "complex": n * 1j,
            "time": pd.to_datetime(n, unit="D"),
            "zoned": pd.to_datetime(n, unit="D", utc=True).tz_convert("Europe/Berlin"),
            "delta": pd.to_timedelta(n, unit="s"),
            "period": pd.period_range("2020", periods=count, freq="D"),
            "text": [f"text {i}" for i in n],
            "gaps": [None if i % 3 == 1 else f"text {i}" for i in n],
            "string": pd.array([None if i % 3 == 1 else f"{i}" for i in n], "string[python]"),
            "Int64": pd.array([None if i % 3 == 2 else i for i in n], "Int64"),
            "boolean": pd.array([None if i % 3 == 2 else i % 2 == 0 for i in n], "boolean"),
            "mixed": pd.Series([[i, "a"][i % 2] for i in n], dtype=object),
            "texts": pd.Series([f"text {i}" for i in n], dtype=object),
            "interval": pd.arrays.IntervalArray.from_breaks(np.arange(count + 1.0) + shift),
            "category": pd.Categorical([["a", "b"][i % 2] for i in n], categories=["b", "a"]),
            ("a", "tuple"): n.astype("f4"),
            5: n.astype("M8[ms]"),
        }
    )


@pytest.mark.parametrize("inside", [False, True])
def test_equal_to_concat(chk: Any, begin: Any, inside: bool) -> None:
    """Columns of every kind, begun by `append` or assigned, inside a block and outside."""
    frames = [frame(3), frame(4, 10), frame(1, 20), frame(3, 30)]
    if inside:
        with chk:
            begin(chk, frames[0])
            for more in frames[1:]:
                chk.append("t", more)
    else:
        begin(chk, frames[0])
        for more in frames[1:]:
            chk.append("t", more)
    expected = pd.concat(frames, ignore_index=True)
    pd.testing.assert_frame_equal(chk["t"], expected)
    assert type(chk["t"].index) is pd.RangeIndex
    assert not chk.verify().damaged


def test_columns_of_a_growing_frame(path: str) -> None:
    """`column` gives the index of a frame that grows, too, and reads nothing else."""
    chk = HDF5Checkpointer(path)
    chk.append("t", frame(3))
    chk.append("t", frame(2, 5))
    whole = chk["t"]
    for name in whole.columns:
        pd.testing.assert_series_equal(chk.column("t", name), whole[name])
    with pytest.raises(UnsupportedStoredError, match="no length of its own"):
        chk.group("t").load("index")


def test_lone_columns_are_datasets(path: str) -> None:
    """Other tools see one dataset a column, which can grow."""
    chk = HDF5Checkpointer(path)
    for n in range(3):
        chk.append("t", pd.DataFrame({"x": [1.0 * n, 2.0], "n": [1, n]}))
    with h5py.File(path) as file:
        assert file["t/column0"][:].tolist() == [0, 2, 1, 2, 2, 2]
        assert file["t/column1"].maxshape == (None,)


INDEXES = {
    "int": lambda n, shift: pd.Index(np.arange(n) * 2 + shift),
    "named": lambda n, shift: pd.Index(np.arange(n) / 2 + shift, name="x"),
    "texts": lambda n, shift: pd.Index([f"{i + shift}" for i in range(n)]),
    "times": lambda n, shift: pd.to_datetime(np.arange(n) ** 2 + shift, unit="D", utc=True),
    "levels": lambda n, shift: pd.MultiIndex.from_arrays(
        [["a"] * n, np.arange(n) + shift], names=["k", "n"]
    ),
    "same levels": lambda n, shift: pd.MultiIndex.from_product([["a"], range(n)]),
    "periods": lambda n, shift: pd.period_range("2020", periods=n, freq="M") + shift,
    "categories": lambda n, shift: pd.CategoricalIndex(["a"] * n, categories=["a", "b"]),
    "days": lambda n, shift: pd.date_range("2020", periods=n) + pd.Timedelta(days=shift),
}


@pytest.mark.parametrize("name", INDEXES)
def test_indexes(path: str, begin: Any, name: str) -> None:
    """An index of any kind goes on as pandas appends it."""
    chk, make = HDF5Checkpointer(path), INDEXES[name]
    frames = [pd.DataFrame({"x": np.arange(3.0)}, index=make(3, shift)) for shift in (0, 3, 9)]
    begin(chk, frames[0])
    chk.append("t", frames[1])
    pd.testing.assert_frame_equal(chk["t"], pd.concat(frames[:2]))
    chk.append("t", frames[2])
    pd.testing.assert_frame_equal(chk["t"], pd.concat(frames))
    assert getattr(chk["t"].index, "freq", None) == getattr(pd.concat(frames).index, "freq", None)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (range(3), range(2), range(5)),
        (range(3), range(3, 5), range(5)),
        (range(4, 10, 2), range(10, 14, 2), range(4, 14, 2)),
        (range(3), range(7, 9), [0, 1, 2, 7, 8]),
        (range(2, 4), range(2), [2, 3, 0, 1]),
        ([5, 7], range(2), [5, 7, 0, 1]),
        (range(2), [5, 7], [0, 1, 5, 7]),
    ],
)
def test_ranges(path: str, begin: Any, first: Any, second: Any, expected: Any) -> None:
    """A default range goes on, and one that begins where the stored one ends; others are numbers."""
    chk = HDF5Checkpointer(path)
    index = pd.RangeIndex(first) if isinstance(first, range) else pd.Index(first)
    more = pd.RangeIndex(second) if isinstance(second, range) else pd.Index(second)
    begin(chk, pd.DataFrame({"x": np.arange(len(first))}, index=index))
    chk.append("t", pd.DataFrame({"x": np.arange(len(second))}, index=more))
    index = pd.RangeIndex(expected) if isinstance(expected, range) else pd.Index(expected)
    pd.testing.assert_index_equal(chk["t"].index, index, exact=True)


def test_parts_of_one_frame(path: str, begin: Any) -> None:
    """A frame that is stored slice by slice, in an open store, is that frame."""
    whole = pd.DataFrame({"x": np.arange(100), "y": np.arange(100) / 3})
    with HDF5Checkpointer(path) as chk:
        begin(chk, whole[:7])
        for start in range(7, 100, 7):
            chk.append("t", whole[start : start + 7])
        pd.testing.assert_frame_equal(chk["t"], whole)
    pd.testing.assert_frame_equal(chk["t"], whole)


def test_categories_are_widened(chk: Any, begin: Any) -> None:
    """New categories go behind the stored ones; codes become wider where they must."""
    if isinstance(chk.checkpoint_file, DictBackend):
        return  # a dict holds the frame itself: pandas joins the columns
    parts = [
        pd.Categorical(["b", "a", None], categories=["b", "a"]),
        pd.Categorical(["c", "a"], categories=["c", "a"]),
        pd.Categorical([f"n{n}" for n in range(300)]),
        pd.Categorical(["a", "n7"], categories=["n7", "a"]),
    ]
    begin(chk, pd.DataFrame({"c": parts[0], "n": 0}))
    for part in parts[1:]:
        chk.append("t", pd.DataFrame({"c": part, "n": 0}))
    found = chk["t"]["c"]
    expected = pd.api.types.union_categoricals(parts)
    assert found.cat.categories.tolist() == expected.categories.tolist()
    assert found.tolist()[3:] == list(expected)[3:] and found.isna().sum() == 1
    assert len(chk["t"]) == 307 and (chk["t"]["n"] == 0).all()


def test_texts_are_widened(path: str) -> None:
    """A longer text makes its column wider, and those before it stay."""
    texts = ["a", "bb", "c" * 100, "é" * 300, "d"]
    chk = HDF5Checkpointer(path)
    with chk:
        for text in texts:
            chk.append("t", pd.DataFrame({"s": pd.array([text], "string[python]")}))
    assert chk["t"]["s"].tolist() == texts


def test_columns_in_another_order(path: str, begin: Any) -> None:
    """Columns are told by their names, as by pandas.concat."""
    chk = HDF5Checkpointer(path)
    first, second = pd.DataFrame({"a": [1], "b": [2.0]}), pd.DataFrame({"b": [3.0], "a": [4]})
    begin(chk, first)
    chk.append("t", second)
    pd.testing.assert_frame_equal(chk["t"], pd.concat([first, second], ignore_index=True))


def test_names_that_are_not_unique(path: str, begin: Any) -> None:
    """Columns of one name are told by their places."""
    chk = HDF5Checkpointer(path)
    twins = pd.DataFrame([[1, 2.0], [3, 4.0]], columns=["a", "a"]).astype({"a": float})
    begin(chk, twins)
    chk.append("t", twins)
    pd.testing.assert_frame_equal(chk["t"], pd.concat([twins, twins], ignore_index=True))


def test_empty_frames(path: str, begin: Any) -> None:
    """Rows go on a frame without rows, and no rows on any; one without columns has rows, too."""
    chk = HDF5Checkpointer(path)
    begin(chk, frame(3)[:0])
    chk.append("t", frame(3))
    chk.append("t", frame(3)[:0])
    pd.testing.assert_frame_equal(chk["t"], frame(3))
    del chk["t"]
    begin(chk, pd.DataFrame(index=range(2)))
    chk.append("t", pd.DataFrame(index=range(3)))
    pd.testing.assert_frame_equal(chk["t"], pd.DataFrame(index=range(5)))


OTHERS = {
    "missing": (pd.DataFrame({"a": [1]}), InvalidOptionError, r"missing: \['c', 't'\]"),
    "more": (pd.DataFrame({"a": [1], "c": ["x"], "t": [1.0], "z": 0}), InvalidOptionError, "'z'"),
    "dtype": (
        pd.DataFrame({"a": [0.5], "c": pd.Categorical(["x"]), "t": [1.0]}),
        UnsupportedTypeError,
        "'a' has the dtype float64, not int64",
    ),
    "no categories": (
        pd.DataFrame({"a": [1], "c": ["x"], "t": [1.0]}),
        UnsupportedTypeError,
        "'c' has the dtype",
    ),
    "ordered": (
        pd.DataFrame({"a": [1], "c": pd.Categorical(["x"], ordered=True), "t": [1.0]}),
        UnsupportedTypeError,
        "another kind or order",
    ),
    "kind": (
        pd.DataFrame({"a": [1], "c": pd.Categorical([5]), "t": [1.0]}),
        UnsupportedTypeError,
        "another kind or order",
    ),
    "index": (
        pd.DataFrame({"a": [1], "c": pd.Categorical(["x"]), "t": [1.0]}, index=["i"]),
        InvalidOptionError,
        "the index of the frame has the dtype",
    ),
    "name": (
        pd.DataFrame(
            {"a": [1], "c": pd.Categorical(["x"]), "t": [1.0]}, index=pd.Index([1], name="n")
        ),
        InvalidOptionError,
        r"named \['n'\], not \[None\]",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_refused(path: str, begin: Any, name: str) -> None:
    """What does not go on a frame is refused, and nothing is written."""
    chk = HDF5Checkpointer(path)
    stored = pd.DataFrame({"a": [1, 2], "c": pd.Categorical(["x", "y"]), "t": [0.5, 1.5]})
    begin(chk, stored)
    other, error, text = OTHERS[name]
    with chk:
        for _ in range(2):
            with pytest.raises(error, match=text) as caught:
                chk.append("t", other)
            assert caught.value.key == "t" and caught.value.file == path
        pd.testing.assert_frame_equal(chk["t"], stored)
        chk.append("t", stored)
    assert len(chk["t"]) == 4


def test_other_values_are_refused(path: str) -> None:
    """A frame goes on a frame alone, and only a frame does."""
    chk = HDF5Checkpointer(path, omitted_keys="hidden")
    chk["x"] = np.arange(3)
    chk["t"] = pd.DataFrame({"a": [1]})
    chk["g"] = {"column0": np.arange(3)}
    for key in ("x", "g"):
        with pytest.raises(UnsupportedStoredError, match="not a DataFrame"):
            chk.append(key, pd.DataFrame({"a": [1]}))
    with pytest.raises(CheckpointerKeyError):
        chk.append("hidden", pd.DataFrame({"a": [1]}))
    with pytest.raises(UnsupportedStoredError):
        chk.append("t", 1.0)
    assert chk["x"].tolist() == [0, 1, 2] and len(chk["t"]) == 1


@pytest.mark.parametrize("journal", [True, False])
def test_all_or_nothing(path: str, monkeypatch: pytest.MonkeyPatch, journal: bool) -> None:
    """An error in the middle leaves no column longer than the others."""
    chk, stored = HDF5Checkpointer(path, journal=journal), frame(3)
    chk.append("t", stored)
    chk.append("t", stored)
    real, calls = Hdf5Session.append, []

    def append(self: Any, place: Any, rows: Any) -> None:
        calls.append(place)
        if len(calls) == 4:
            raise OSError(5, "a failing disk")
        real(self, place, rows)

    monkeypatch.setattr(Hdf5Session, "append", append)
    with pytest.raises(OSError, match="a failing disk"):
        chk.append("t", stored)
    monkeypatch.undo()
    assert len(calls) == 4
    pd.testing.assert_frame_equal(chk["t"], pd.concat([stored] * 2, ignore_index=True))
    chk.append("t", stored)
    pd.testing.assert_frame_equal(chk["t"], pd.concat([stored] * 3, ignore_index=True))


def test_transactions(path: str) -> None:
    """Rows of a transaction that is rolled back are gone, and what was known of the frame, too."""
    part = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
    with HDF5Checkpointer(path) as chk:
        chk.append("t", part)
        with pytest.raises(KeyError), chk.transaction():
            chk.append("t", part)
            chk.append("t", part)
            raise KeyError
        assert len(chk["t"]) == 2
        with chk.transaction():
            chk.append("t", part)
            assert len(chk["t"]) == 4
        chk.append("t", part)
        with chk.transaction(write=False), pytest.raises((TransactionError, OSError)):
            chk.append("t", part)
    pd.testing.assert_frame_equal(chk["t"], pd.concat([part] * 3, ignore_index=True))


def test_commits_of_the_log(path: str) -> None:
    """Rows are seen by others when `append` returns, with those of other keys in their order."""
    part = pd.DataFrame({"a": np.arange(50), "s": [f"{n}" for n in range(50)], "b": 0.5})
    part["s"] = part["s"].astype(object)
    with HDF5Checkpointer(path, sync_interval=1000) as chk:
        for count in range(1, 6):
            chk.append("t", part)
            chk.append("n", count)
            seen = HDF5Checkpointer(path, mode="r").load()
            assert len(seen["t"]) == 50 * count and seen["n"].tolist() == [*range(1, count + 1)]
        chk["t"] = part[:1]
        chk.append("t", part)
        del chk["t"]
        chk.append("t", part)
        chk.append("t", part)
    pd.testing.assert_frame_equal(chk["t"], pd.concat([part, part], ignore_index=True))


def test_a_kill_leaves_all_columns(path: str) -> None:
    """After a kill each append is there in all columns."""
    code = (
        "import os, signal, pandas as pd, numpy as np\nfrom hdfchk import HDF5Checkpointer\n"
        f"with HDF5Checkpointer({path!r}) as chk:\n"
        "    for n in range(200):\n"
        "        chk.append('t', pd.DataFrame({'a': np.arange(100) + n, 'b': 0.5, 'c': n * 1j}))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT)
    assert (
        done.returncode == -signal.SIGKILL
        and os.path.getsize(f"{path}-journal") > 200 * 100 * 32 / 2
    )
    found = HDF5Checkpointer(path, mode="r")["t"]
    assert found.shape == (20_000, 3) and found["a"].iloc[-1] == 298
    chk = HDF5Checkpointer(path)
    chk.append("t", found)
    assert len(chk["t"]) == 40_000


def test_an_array_that_grew_alone(path: str) -> None:
    """A column that was appended to by itself is noticed: nothing is known of the frame then."""
    part = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    with HDF5Checkpointer(path) as chk:
        chk.append("t", part)
        chk.append("t", part)
        chk.group("t").append("column0", 5.0)
        with pytest.raises(CorruptFileError, match="has 4 rows, and another one 5"):
            chk.append("t", part)


def test_layouts(path: str) -> None:
    """A frame that grows is compressed as the store says, and keeps its attributes."""
    chk = HDF5Checkpointer(path, compression="gzip")
    part = pd.DataFrame({"a": np.zeros(10_000), "b": np.arange(10_000)})
    part.attrs = {"unit": "m"}
    for _ in range(3):
        chk.append("t", part)
    found = chk["t"]
    assert found.attrs == {"unit": "m"} and len(found) == 30_000
    with h5py.File(path) as file:
        assert file["t/column0"].compression == "gzip"
        assert file["t/column0"].id.get_storage_size() < 10_000


def wide(count: int, shift: int = 0) -> Any:
    """A frame of more columns than each get a dataset of their own, of several dtypes."""
    made = pd.DataFrame(np.arange(count * 300.0).reshape(count, 300) + shift)
    made = made.astype(dict.fromkeys(range(0, 300, 3), "i4")).copy()
    made["time"] = made["moment"] = pd.to_datetime(np.arange(count) + shift, unit="D")
    made["text"], made["lone"] = [f"{n + shift}" for n in range(count)], np.int8(shift)
    return made[[*made.columns[150:], *made.columns[:150]]]


def test_wide_frames(path: str) -> None:
    """Past 256 columns those of one dtype share a dataset; one of them is read without the others."""
    chk, stored = HDF5Checkpointer(path), wide(5)
    chk["t"] = stored
    chk["narrow"] = narrow = stored[stored.columns[:256]]
    pd.testing.assert_frame_equal(chk["t"], stored)
    pd.testing.assert_frame_equal(chk["narrow"], narrow)
    pd.testing.assert_frame_equal(chk.load(mmap=True)["t"], stored)
    with h5py.File(path) as file:
        assert sorted(name for name in file["t"] if name[0] == "b") == [
            "block0",
            "block1",
            "block2",
        ]
        assert file["t/block0/values"].shape == (100, 5) and len(file["t"]) == 7
        assert not [name for name in file["narrow"] if name[0] == "b"]
    for name in (0, 1, "moment", "text", "lone", 299):
        pd.testing.assert_series_equal(chk.column("t", name), stored[name])
    chk["t"] = stored[::-1]
    pd.testing.assert_frame_equal(chk["t"], stored[::-1])


def test_one_column_of_a_wide_frame(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the dataset that columns share, the elements of one are read."""
    chk = HDF5Checkpointer(path)
    chk["t"] = wide(50)
    real, sizes = Hdf5Session.read_slice, []

    def read_slice(self: Any, place: Any, index: Any) -> Any:
        found = real(self, place, index)
        sizes.append((place[-1], found[0].size))
        return found

    monkeypatch.setattr(Hdf5Session, "read_slice", read_slice)
    assert len(chk.column("t", 7)) == 50 and sizes == [("values", 50)]


def test_wide_frames_that_grow(path: str, begin: Any) -> None:
    """Rows go on shared datasets, too, which lie the other way round then."""
    chk = HDF5Checkpointer(path)
    frames = [wide(5), wide(1, 10), wide(7, 20), wide(2, 30)]
    begin(chk, frames[0])
    with chk:
        for more in frames[1:]:
            chk.append("t", more)
    expected = pd.concat(frames, ignore_index=True)
    pd.testing.assert_frame_equal(chk["t"], expected)
    for name in (0, 1, "moment", "text"):
        pd.testing.assert_series_equal(chk.column("t", name), expected[name])
    found = chk.table("t").read([1, "time"], slice(3, 9))
    assert found[1].tolist() == expected[1][3:9].tolist() and list(found["time"]) == [
        *expected["time"][3:9]
    ]
    for other in (wide(2).astype({7: "f4"}), wide(2).astype({7: "f4", 8: "f4"})):
        with pytest.raises(
            UnsupportedTypeError, match=r"column 7 has the dtype float32, not float64"
        ):
            chk.append("t", other)
    pd.testing.assert_frame_equal(chk["t"], expected)


def test_dtypes_that_pandas_would_join(path: str) -> None:
    """Rows of narrower numbers are refused, also where all columns were of one dtype before."""
    stored = pd.DataFrame({"a": [0.5, 1.5], "b": [1.0, 2.0]})
    with HDF5Checkpointer(path) as chk:
        for _ in range(3):
            chk.append("t", stored)
        with pytest.raises(UnsupportedTypeError, match="'b' has the dtype float32, not float64"):
            chk.append("t", stored.astype({"b": "f4"}))
        parts = pd.DataFrame({"a": stored["a"]})
        parts["b"] = stored["b"]  # columns of one dtype, each by itself in memory
        chk.append("t", parts)
    pd.testing.assert_frame_equal(chk["t"], pd.concat([stored] * 4, ignore_index=True))


def test_a_frame_stays_a_value(path: str) -> None:
    """After an append that replaces parts of a frame, no key can be put into it."""
    part = pd.DataFrame({"a": [1.0, 2.0]})
    with HDF5Checkpointer(path) as chk:
        chk["t"] = part
        chk["n"] = 1
        chk.append("t", part)  # replaces the index
        for key in ("t/z", "t/index/z"):
            with pytest.raises(NotAGroupError):
                chk[key] = 1.0
        assert len(chk["t"]) == 4 and chk["n"] == 1
