"""Logs of several values: a row for each key of a dict is one commit."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CheckpointerKeyError,
    HDF5Checkpointer,
    InvalidKeyError,
    InvalidKeyTypeError,
    InvalidOptionError,
    LeftOutWarning,
    ReadOnlyError,
    UnsupportedStoredError,
    UnsupportedTypeError,
)

ROOT = Path(__file__).parent.parent.parent
ROW = {"loss": 0.5, "epoch": 3, "phase": "warm-up", "grad": np.arange(3.0), "done": False}


@pytest.fixture(params=["path", "no journal", "file object", "memory", "h5py", "dict"])
def chk(request: pytest.FixtureRequest, path: str) -> Iterator[HDF5Checkpointer]:
    if request.param == "no journal":
        yield HDF5Checkpointer(path, journal=False)
    elif request.param == "dict":
        yield HDF5Checkpointer.build_canonical({})
    elif request.param == "h5py":
        with h5py.File(path, "w") as file:
            yield HDF5Checkpointer(file)
    else:
        targets = {"memory": None, "file object": io.BytesIO()}
        yield HDF5Checkpointer(targets.get(request.param, path))


def lengths(chk: HDF5Checkpointer, key: str = "log") -> list[int]:
    return [len(values) for values in chk.load(key).values()]


@pytest.mark.parametrize("held", [True, False])
def test_rows_go_on_each_key(chk: HDF5Checkpointer, held: bool) -> None:
    """The first row makes the group; each later one, or block of some, goes on each of its keys."""
    if held:
        chk.open_checkpoint_file()
    for n in range(4):
        chk.append("run/log", {**ROW, "loss": 1 / (n + 1), "epoch": n})
    chk.append("run/log", {name: np.array([value, value]) for name, value in ROW.items()})
    found = chk.load("run/log")
    assert list(found) == list(ROW)
    assert found["loss"].tolist() == [1.0, 0.5, 1 / 3, 0.25, 0.5, 0.5]
    assert found["epoch"].tolist() == [0, 1, 2, 3, 3, 3] and found["epoch"].dtype == np.int64
    assert found["phase"].tolist() == ["warm-up"] * 6 and found["grad"].shape == (6, 3)
    assert found["done"].dtype == bool
    assert chk.table("run/log")[1]["loss"] == 0.5  # it is a table
    chk.close()


def test_in_a_transaction(path: str) -> None:
    """A transaction that is given up leaves no row; one that ends leaves all."""
    chk = HDF5Checkpointer(path)
    with chk:
        chk.append("log", {"a": 1.0, "b": 1})
        with pytest.raises(ZeroDivisionError), chk.transaction():
            chk.append("log", {"a": 2.0, "b": 2})
            chk.append("new", {"c": 1})
            raise ZeroDivisionError
        assert lengths(chk) == [1, 1] and "new" not in chk
        with chk.transaction():
            chk.append("log", {"a": 3.0, "b": 3})
            chk.append("log", {"a": 4.0, "b": 4})
        chk.append("log", {"a": 5.0, "b": 5})
    assert chk.load("log")["b"].tolist() == [1, 3, 4, 5]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    "row, kind, words",
    [
        ({"a": 1.0}, InvalidOptionError, "missing: ['b']"),
        ({"a": 1.0, "b": 2, "c": 3, "d": 4}, InvalidOptionError, "new: ['c', 'd']"),
        ({"a": 1.0, "B": 2}, InvalidOptionError, "missing: ['b']; new: ['B']"),
        ({}, InvalidOptionError, "missing: ['a', 'b']"),
        ({"a": [1.0, 2.0], "b": [1]}, InvalidOptionError, "different lengths"),
        ({"a": "text", "b": 1}, UnsupportedTypeError, "'log/a'"),
        ({"a": 1.0, "b": 2**70}, UnsupportedTypeError, "'log/b'"),
        ({"a": 1.0, "b": {"c": 1}}, UnsupportedTypeError, "'log/b'"),
    ],
    ids=["missing", "new", "renamed", "empty", "lengths", "text", "large", "dict"],
)
def test_what_does_not_fit_is_refused_whole(
    chk: HDF5Checkpointer, known: bool, row: Any, kind: type[Exception], words: str
) -> None:
    """Other keys, and values that do not fit, are errors that say which; no key gets a row."""
    chk.append("log", {"a": 0.0, "b": 0})
    with chk:
        if known:  # the way of a loop
            chk.append("log", {"a": 0.0, "b": 0})
            chk.append("log", {"a": 0.0, "b": 0})
        before = chk.load("log")
        with pytest.raises(kind) as caught:
            chk.append("log", row)
        assert words in str(caught.value) and "'log" in str(caught.value)
        assert chk.load("log").keys() == before.keys()
        assert lengths(chk) == [len(values) for values in before.values()]
    if chk.checkpoint_file is not None and isinstance(chk.checkpoint_file, str):
        assert chk.checkpoint_file in str(caught.value)


@pytest.mark.parametrize(
    "row, kind",
    [
        ({}, InvalidOptionError),
        ({"a/b": 1.0}, InvalidKeyError),
        ({"": 1.0}, InvalidKeyError),
        ({2: 1.0}, InvalidKeyTypeError),
        ({"a": {"b": 1.0}}, UnsupportedTypeError),
        ({"a": 1.0, "b": object()}, UnsupportedTypeError),
    ],
    ids=["empty", "path", "nameless", "number", "dict", "object"],
)
def test_a_first_row_that_cannot_be(path: str, row: Any, kind: type[Exception]) -> None:
    """Nothing is made, not even the file."""
    chk = HDF5Checkpointer(path)
    with pytest.raises(kind):
        chk.append("log", row)
    assert not os.path.exists(path)


def test_what_is_there_already(path: str) -> None:
    """A dict of arrays goes on, an empty one begins; a structured array takes a row of its own."""
    chk = HDF5Checkpointer(path)
    pair = np.zeros(2, [("a", "f8"), ("b", "i4")])
    chk.update({"arrays": {"a": np.zeros(2), "b": np.zeros(2, "i4")}, "empty": {}, "pair": pair})
    chk.update({"scalars": {"a": 1.0, "b": 2}, "ragged": {"a": np.zeros(2), "b": np.zeros(3)}})
    for key in ("arrays", "empty", "pair"):
        chk.append(key, {"a": 1.0, "b": 2})
    assert lengths(chk, "arrays") == [3, 3] and lengths(chk, "empty") == [1, 1]
    assert chk["pair"][2].item() == (1.0, 2)
    for key, words in (("scalars", "'a' is not an array"), ("ragged", "different lengths")):
        with pytest.raises(UnsupportedStoredError, match=words):
            chk.append(key, {"a": 1.0, "b": 2})


def test_stores_that_may_not(path: str) -> None:
    """A read-only store, and a filter that hides a key, refuse; a warning leaves a row out whole."""
    chk = HDF5Checkpointer(path)
    chk.append("log", {"a": 1.0, "b": 2})
    with pytest.raises(ReadOnlyError):
        HDF5Checkpointer(path, mode="r").append("log", {"a": 1.0, "b": 2})
    for view in (chk.view(omitted_keys="log/b"), chk.view(allowed_keys="log/a")):
        with pytest.raises(CheckpointerKeyError, match="filter"):
            view.append("log", {"a": 1.0})
    with pytest.raises(CheckpointerKeyError):
        chk.view(omitted_keys="new/b").append("new", {"a": 1.0, "b": 2})
    lenient = HDF5Checkpointer(path, on_unsupported="warn")
    with pytest.warns(LeftOutWarning, match="log"):
        lenient.append("log", {"a": 1.0, "b": "text"})
    assert lengths(chk) == [1, 1] and "new" not in chk


def test_integers_that_get_a_float(chk: HDF5Checkpointer) -> None:
    """Their array becomes one of floats, in the commit of the row; its attributes stay."""
    chk.append("log", {"step": 0, "v": [0, 0], "n": 0})
    chk.array("log/step").attrs["units"] = "fs"
    chk.append("log", {"step": 1, "v": [1, 1], "n": 1})
    chk.append("log", {"step": 1.5, "v": [0.5, 1.0], "n": 2})
    found = chk.load("log")
    assert found["step"].tolist() == [0.0, 1.0, 1.5] and found["step"].dtype == np.float64
    assert found["v"].tolist() == [[0, 0], [1, 1], [0.5, 1]] and found["n"].dtype == np.int64
    assert chk.array("log/step").attrs["units"] == "fs"
    chk.append("log", {"step": 2, "v": [2, 2], "n": 3})  # integers are floats, too
    assert chk["log/step"].tolist() == [0.0, 1.0, 1.5, 2.0]
    chk.append("large", {"n": 2**60 + 1, "x": 0.0})
    with pytest.raises(UnsupportedTypeError, match="'large/n'"):
        chk.append("large", {"n": 0.5, "x": 0.0})
    assert lengths(chk, "large") == [1, 1]


def test_costs_of_a_loop(path: str) -> None:
    """A row of a log costs the journal no more than that of a DataFrame of these columns does."""
    pd = pytest.importorskip("pandas")
    row, sizes = {"loss": 0.5, "acc": 0.25}, []
    frame = pd.DataFrame({name: [value] for name, value in row.items()})
    for key, given in (("log", row), ("frame", frame)):
        with HDF5Checkpointer(path) as chk:
            for _ in range(3):
                chk.append(key, given)
            before = os.path.getsize(path + "-journal")
            for _ in range(100):
                chk.append(key, given)
            sizes.append(os.path.getsize(path + "-journal") - before)
    assert 0 < sizes[0] <= 1.1 * sizes[1]


KILLED = """
import itertools, os, sys
from hdfchk import HDF5Checkpointer

with HDF5Checkpointer(sys.argv[1], sync_interval=0.01) as chk:
    start = len(chk.load("log")["a"]) if "log" in chk else 0
    for n in itertools.count(start):
        chk.append("log", {"a": float(n), "b": n, "c": [n, -n], "d": float(-n), "e": n})
        if n % 20 == 0:
            print(n, flush=True)
        if n % 500 == 0:
            chk["step"] = n
        if n == start + 20_000:
            break
"""


@pytest.mark.slow
def test_a_kill_leaves_whole_rows(path: str) -> None:
    """After SIGKILL all rows are there whose call has returned, and each of them in all keys."""
    chance = random.Random(7)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert process.stdout is not None
        said = [process.stdout.readline()]
        time.sleep(chance.random() / 50)  # the job is in the midst of a row, most of the time
        process.send_signal(signal.SIGKILL)
        said += process.communicate()[0].splitlines(keepends=True)
        last = int([line for line in said if line.endswith("\n")][-1])
        found = HDF5Checkpointer(path, mode="r").load("log")
        rows = len(found["a"])
        assert rows > last
        assert found["a"].tolist() == [float(n) for n in range(rows)]
        assert found["b"].tolist() == found["e"].tolist() == [*range(rows)]
        assert found["c"].tolist() == [[n, -n] for n in range(rows)]
        assert found["d"].tolist() == [-float(n) for n in range(rows)]
