"""Objects of pandas: what plain h5py sees of them, other settings, and what is refused."""

from __future__ import annotations

import datetime as dt
import importlib.util
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from hdfchk import (
    CorruptFileError,
    HDF5Checkpointer,
    UnsupportedStoredError,
    UnsupportedTypeError,
)
from hdfchk.codecs.registry import default_registry
from tests.support.exact import differs

WITHOUT_PYARROW = importlib.util.find_spec("pyarrow") is None
STORAGES = [
    "python",
    pytest.param(
        "pyarrow",
        marks=pytest.mark.skipif(WITHOUT_PYARROW, reason="pyarrow is not installed"),
    ),
]


def text_frame(storage: str) -> pd.DataFrame:
    """A frame in which everything that may be text is text."""
    dtype = pd.StringDtype(storage, na_value=np.nan)
    words = pd.array(["x", None, "é"], dtype=dtype)
    columns = {
        "text": words,
        "kind": pd.Categorical(words),
        "old": np.array(["a", "b", "c"], object),
    }
    frame = pd.DataFrame(columns, index=pd.Index(words, name="n"))
    frame.columns = pd.Index(pd.array(list(columns), dtype=dtype), name="names")
    return frame


def mark_of(path: str, key: str) -> str:
    """The mark of an object, as plain h5py reads it."""
    with h5py.File(path) as file:
        return file[key].attrs["hdfchk"].decode()


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("infers", [None, True])
def test_other_settings(storage: str, infers: bool | None, path: str) -> None:
    """What pandas would make of text at the time of reading changes nothing."""
    frame = text_frame(storage)
    HDF5Checkpointer(path)["f"] = frame
    settings: list[Any] = ["mode.string_storage", "python"]
    if infers is not None and pd.__version__ < "3":  # later it is deprecated, and the default
        settings += ["future.infer_string", infers]
    with pd.option_context(*settings):
        assert differs(frame, HDF5Checkpointer(path, mode="r").load("f")) is None


def test_frames_without_a_new_form(path: str) -> None:
    """What could be stored before is stored as it was."""
    frame = text_frame("python").assign(day=pd.date_range("2024", periods=3))
    HDF5Checkpointer(path)["f"] = frame.set_index(pd.date_range("2024", periods=3))
    assert mark_of(path, "f") == "pandas.DataFrame/1"
    assert mark_of(path, "f/column0") == 'pandas.array/1 {"kind":"string","na":"nan"}'
    assert mark_of(path, "f/index") == 'pandas.Index/1 {"freq":"D"}'
    with h5py.File(path) as file:
        assert list(file["f"]) == ["index", "columns", *(f"column{n}" for n in range(4))]
        assert list(file["f/column0"]) == ["items"]


def test_flags(path: str) -> None:
    """A flag that earlier versions do not know is in a version that they do not read."""
    chk = HDF5Checkpointer(path)
    for key, value in (("f", pd.DataFrame({"a": [1]})), ("s", pd.Series([1]))):
        chk[key] = value.set_flags(allows_duplicate_labels=False)
        found = chk.load(key)
        assert not found.flags.allows_duplicate_labels
        with pytest.raises(pd.errors.DuplicateLabelError):
            found.reindex([0, 0])
        assert mark_of(path, key).split()[0].endswith("/2")


def test_sparse(path: str) -> None:
    """The values of a sparse column and their positions are two datasets."""
    HDF5Checkpointer(path)["f"] = pd.DataFrame({"a": pd.arrays.SparseArray([0, 5, 0, 7])})
    with h5py.File(path) as file:
        assert file["f/column0/values"][:].tolist() == [5, 7]
        assert file["f/column0/positions"][:].tolist() == [1, 3]
        assert file["f/column0/fill"][()] == 0
    with h5py.File(path, "r+") as file:
        file["f/column0/positions"][...] = [3, 9]
    with pytest.raises(CorruptFileError):
        HDF5Checkpointer(path)["f"]


def test_intervals_of_other_integers() -> None:
    """pandas 2 has intervals of int64 alone: others, which pandas 3 has written, are not changed."""
    ends = [pd.Index(np.array(n, "i4")) for n in ([0, 1], [1, 2])]
    value = pd.arrays.IntervalArray.from_arrays(*ends)
    node = default_registry.encode(value)
    for side, end in zip(("left", "right"), ends, strict=True):
        node.children[side] = default_registry.encode(end)
    if value.dtype.subtype == "int64":
        with pytest.raises(UnsupportedStoredError, match="int32"):
            default_registry.decode(node)
    else:
        assert differs(value, default_registry.decode(node)) is None


class Zone(dt.tzinfo):
    def utcoffset(self, when: Any) -> dt.timedelta:
        return dt.timedelta(0)

    def dst(self, when: Any) -> dt.timedelta:
        return dt.timedelta(0)


class Series(pd.Series):
    pass


REFUSED = {
    "zone": (lambda: pd.Series(pd.DatetimeIndex(["2024"], tz=Zone())), "zoneinfo"),
    "zone of a moment": (lambda: pd.Timestamp("2024", tz=Zone()), "zoneinfo"),
    "name": (lambda: pd.Series([1], name=len), "its name"),
    "item": (lambda: pd.Series([1, object()], dtype=object), "dict"),
    "attribute": (lambda: with_attribute(len), "its name"),
    "subclass": (lambda: Series([1]), "convert"),
    "category": (lambda: pd.Categorical([len]), "its name"),
}


def with_attribute(item: Any) -> pd.DataFrame:
    """A frame with an attribute."""
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["x"] = item
    return frame


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, path: str) -> None:
    """What cannot be kept is refused with a hint, before there is a file."""
    make, hint = REFUSED[name]
    chk = HDF5Checkpointer(path)
    with pytest.raises(UnsupportedTypeError) as caught:
        chk["f"] = make()
    assert isinstance(caught.value, TypeError) and hint in str(caught.value)
    assert not Path(path).exists()
