"""What cannot be kept exactly is refused, with path and way out, before anything is touched."""

from __future__ import annotations

import collections
import datetime as dt
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import CycleError, HDF5Checkpointer, UnsupportedTypeError


class MyDict(dict):
    pass


class MyList(list):
    pass


class MyStr(str):
    pass


class MyInt(int):
    pass


class MyArray(np.ndarray):
    pass


class Zone(dt.tzinfo):
    def utcoffset(self, when: Any) -> dt.timedelta:
        return dt.timedelta(0)


def cycle(kind: str) -> Any:
    value: Any = {"list": [], "dict": {}, "deque": collections.deque()}[kind]
    value.update(me=[value]) if kind == "dict" else value.append((value,))
    return value


def object_cycle() -> Any:
    value = np.empty(1, object)
    value[0] = [value]
    return value


CASES = {
    "function": lambda: len,
    "lambda": lambda: lambda: 0,
    "class": lambda: MyDict,
    "module": lambda: np,
    "generator": lambda: (x for x in ()),
    "iterator": lambda: iter([1]),
    "lock": threading.Lock,
    "object": object,
    "exception": lambda: ValueError("x"),
    "memoryview": lambda: memoryview(np.zeros((2, 3)).T),
    "dict view": lambda: {}.keys(),
    "dict subclass": lambda: MyDict(a=1),
    "list subclass": lambda: MyList([1]),
    "str subclass": lambda: MyStr("x"),
    "int subclass": lambda: MyInt(1),
    "array subclass": lambda: np.zeros(2).view(MyArray),
    "namedtuple": lambda: collections.namedtuple("P", "x")(1),
    "ChainMap": lambda: collections.ChainMap({}),
    "UserDict": lambda: collections.UserDict(),
    "time zone": lambda: dt.datetime(2020, 1, 1, tzinfo=Zone()),
    "defaultdict": lambda: collections.defaultdict(lambda: 1),
    "list cycle": lambda: cycle("list"),
    "dict cycle": lambda: cycle("dict"),
    "deque cycle": lambda: cycle("deque"),
    "array cycle": object_cycle,
    "key": lambda: {object(): 1},
    "set item": lambda: {len},
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str, path: str) -> None:
    """The error names the key path and the way out; the file is not even made, nor changed."""
    value = CASES[name]()
    chk = HDF5Checkpointer(path)
    for place, key in ((value, "x/y"), ({"a": [0, value]}, "x/y/a/[1]")):
        with pytest.raises(UnsupportedTypeError) as caught:
            chk["x", "y"] = place
        assert isinstance(caught.value, TypeError)
        assert caught.value.key.startswith(key) and caught.value.hint and caught.value.file == path
        assert not Path(path).exists()
    chk["x"] = {"y": "old"}
    before = Path(path).read_bytes()
    with pytest.raises(TypeError):
        chk.update({"ok": 1, "x": value})
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("name", ["list cycle", "dict cycle", "deque cycle", "array cycle"])
def test_cycles(name: str) -> None:
    """A container that holds itself is a CycleError."""
    with pytest.raises(CycleError):
        HDF5Checkpointer(None)["x"] = CASES[name]()


def test_memmap(tmp_path: Path) -> None:
    """A memory map is a place, as a file is: its elements are stored, and come back as an array."""
    mapped = np.memmap(tmp_path / "raw", "f8", "w+", shape=3)
    mapped[:] = [1, 2, 3]
    chk = HDF5Checkpointer(None)
    chk["x"] = {"plain": mapped, "in a list": [mapped]}
    found = chk.load("x")
    assert type(found["plain"]) is np.ndarray and found["plain"].tolist() == [1, 2, 3]
    assert type(found["in a list"][0]) is np.ndarray
    mapped._mmap.close()


def test_shared_references(path: str) -> None:
    """What stands in two places is no cycle: it is written twice."""
    part = [np.zeros(2)]
    chk = HDF5Checkpointer(path)
    chk["x"] = {"a": part, "b": part, "c": [part, part]}
    assert chk == {"x": {"a": part, "b": part, "c": [part, part]}}


def test_a_missing_library(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading what needs a library that is not installed names the extra."""
    import sys

    import pandas as pd

    from hdfchk import MissingExtraError

    chk = HDF5Checkpointer(path)
    chk["s"] = pd.Series([1])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"hdfchk\[pandas\]") as caught:
        chk["s"]
    assert caught.value.key.startswith("s") and isinstance(caught.value, ImportError)
    assert chk.group("s")["values"].tolist() == [1]
