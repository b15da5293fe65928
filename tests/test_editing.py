"""Editing in place: one commit of what has changed, or none."""

from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import (
    CheckpointerKeyError,
    CodecRegistry,
    HDF5Checkpointer,
    InvalidOptionError,
    LockedError,
    ReadOnlyError,
    TransactionError,
    UnsupportedTypeError,
)

ROOT = Path(__file__).parent.parent


@pytest.fixture(params=["path", "file object", "memory"])
def chk(request: pytest.FixtureRequest, path: str) -> HDF5Checkpointer:
    targets = {"memory": None, "file object": io.BytesIO()}
    return HDF5Checkpointer(targets.get(request.param, path))


def test_values_of_all_kinds(chk: HDF5Checkpointer) -> None:
    """Lists, dicts, arrays, sets and nested ones are changed in place, and keep their types."""
    chk.update({"list": [1, 2], "x": np.zeros(3), "set": {1}, "d": {"a": {"b": [1]}, "c": 2}})
    with chk.edit("list") as value:
        value.append("three")
    with chk.edit("x") as value:
        value[1] = 5
    with chk.edit("set") as value:
        value.add(2)
    with chk.edit("d") as value:
        value["a"]["b"].append(2)
        value["new"] = {"er": 1}
        del value["c"]
    with chk.edit("d/a") as value:
        value["z"] = 1
    with chk["d"].edit("new") as value:
        value.clear()
    assert chk.load("list") == [1, 2, "three"] and chk["x"].tolist() == [0, 5, 0]
    assert chk.load("set") == {1, 2} and list(chk) == ["list", "x", "set", "d"]
    assert chk.load("d") == {"a": {"b": [1, 2], "z": 1}, "new": {}}


def test_objects(path: str) -> None:
    """An object of a registered class is changed as any other."""
    registry = CodecRegistry()

    @registry.register
    @dataclasses.dataclass
    class Job:
        name: str
        done: list[int]

    chk = HDF5Checkpointer(path, registry)
    chk["job"] = Job("scan", [])
    with chk.edit("job") as job:
        job.done.append(7)
    assert chk["job"] == Job("scan", [7])


@pytest.mark.parametrize(
    "change",
    [lambda v: v.clear(), lambda v: v.update(x=object()), lambda v: v["a"].fill(1)],
    ids=["clear", "unsupported", "array"],
)
def test_an_exception_writes_nothing(chk: HDF5Checkpointer, change: Any) -> None:
    """Whatever was changed before it."""
    chk["d"] = {"a": np.zeros(3), "b": 1}
    with pytest.raises(ZeroDivisionError), chk.edit("d") as value:
        change(value)
        raise ZeroDivisionError
    assert chk.load("d").keys() == {"a", "b"} and not chk["d/a"].any()


def test_a_value_that_cannot_be_stored(chk: HDF5Checkpointer) -> None:
    """It is an error at the end of the block, and nothing of it is written."""
    chk["d"] = {"a": 1, "b": [1]}
    with pytest.raises(UnsupportedTypeError, match="'d/c'"), chk.edit("d") as value:
        value["a"] = 2
        value["c"] = object()
    assert chk.load("d") == {"a": 1, "b": [1]}


def test_unchanged_values_write_nothing(path: str) -> None:
    """Not one byte of the file changes; nor where a value is only replaced by an equal one."""
    chk = HDF5Checkpointer(path)
    chk["d"] = {"x": np.array([np.nan, -0.0]), "f": float("nan"), "l": [1, "a"], "t": (1, {2})}
    before = Path(path).read_bytes()
    with chk.edit("d") as value:
        value["x"] = value["x"].copy()
        value["l"] = list(value["l"])
    assert Path(path).read_bytes() == before and not os.path.exists(path + "-journal")
    for name, other in (("x", np.array([np.nan, 0.0])), ("l", [1.0, "a"]), ("f", None)):
        with chk.edit("d") as value:
            value[name] = other
        assert repr(chk["d", name]) == repr(other)


def test_only_changed_keys_are_written(path: str) -> None:
    """What is beside them in a dict keeps layout and attributes."""
    chk = HDF5Checkpointer(path)
    chk.put("d/x", np.zeros((1000, 10)), compression="gzip")
    chk.array("d/x").attrs["units"] = "bohr"
    chk["d/inner"] = {"n": 1}
    chk["d/inner"].attrs["note"] = "kept"
    with chk.edit("d") as value:
        value["inner"]["n"] += 1
        value["more"] = 1
    assert chk.load("d/inner") == {"n": 2} and chk["d/inner"].attrs["note"] == "kept"
    assert chk.array("d/x").compression == "gzip" and chk.array("d/x").attrs["units"] == "bohr"


def test_what_cannot_be_edited(path: str) -> None:
    """A number, a key that is not there, a store that may not write: errors, and no file."""
    chk = HDF5Checkpointer(path)
    with pytest.raises(CheckpointerKeyError), chk.edit("missing"):
        pass
    assert not os.path.exists(path)
    chk.update({"n": 1, "list": [1], "d": {"a": 1, "hidden": 2}})
    for key in ("n", "d/a"):
        with pytest.raises(InvalidOptionError, match="cannot be changed in place"), chk.edit(key):
            pass
    with pytest.raises(CheckpointerKeyError, match="did you mean 'list'"), chk.edit("lisst"):
        pass
    with pytest.raises(ReadOnlyError), HDF5Checkpointer(path, mode="r").edit("list"):
        pass
    with (
        pytest.raises(TransactionError),
        HDF5Checkpointer(path + "2", journal=False) as direct,
    ):
        direct["list"] = [1]
        with direct.edit("list"):
            pass
    view = chk.view(omitted_keys="d/hidden")
    with view.edit("d") as value:
        assert value == {"a": 1}
        value["a"] = 3
    assert chk.load("d") == {"a": 3, "hidden": 2}
    with pytest.raises(CheckpointerKeyError), view.edit("d") as value:
        value["hidden"] = 9
    assert chk.load("d") == {"a": 3, "hidden": 2}


def test_frozen_stores_and_maps_give_what_can_be_changed(path: str) -> None:
    """In the block, arrays are those of the caller."""
    HDF5Checkpointer(path)["x"] = np.zeros(100_000)
    for options in ({"frozen": True}, {"mmap": True}):
        with HDF5Checkpointer(path, **options).edit("x") as value:
            value[0] += 1
    assert HDF5Checkpointer(path)["x"][0] == 2


COUNT = """
import sys
from hdfchk import HDF5Checkpointer

chk = HDF5Checkpointer(sys.argv[1], lock_timeout=60)
for _ in range(20):
    with chk.edit("list") as value:
        value.append(len(value))
"""


def test_no_edit_is_lost(path: str) -> None:
    """It reads the newest commit and keeps others from writing until its end."""
    chk = HDF5Checkpointer(path)
    chk["list"] = []
    jobs = [subprocess.Popen([sys.executable, "-c", COUNT, path], cwd=ROOT) for _ in range(2)]
    assert [job.wait() for job in jobs] == [0, 0]
    assert chk["list"] == [*range(40)]
    other = HDF5Checkpointer(path, lock_timeout=0.0)
    with chk.edit("list"):
        code = "import sys; from hdfchk import *; HDF5Checkpointer(sys.argv[1], lock_timeout=0)['a'] = 1"
        done = subprocess.run(  # noqa: PLW1510  it is to fail
            [sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True
        )
        assert LockedError.__name__ in done.stderr
    other["a"] = 1
