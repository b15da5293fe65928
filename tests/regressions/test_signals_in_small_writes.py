"""A handler that runs at any call within a small assignment, or of an append of a row.

These are records of the log, and signals are not deferred while they are written: that would cost
more than the record.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import hdfchk
from hdfchk import HDF5Checkpointer

from .children import in_child

PACKAGE = os.path.dirname(hdfchk.__file__)


class AtCall:
    """Raises a signal at the n-th call that begins, or call in C that ends, in the block.

    Python runs handlers there, and where a loop goes on.
    """

    def __init__(self, number: int) -> None:
        self.left = number

    def __enter__(self) -> AtCall:
        sys.setprofile(self._come)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _come(self, frame: FrameType, event: str, _: object) -> None:
        if event in {"call", "c_return"} and frame.f_code.co_filename.startswith(PACKAGE):
            self.left -= 1
            if not self.left:
                sys.setprofile(None)
                signal.raise_signal(signal.SIGUSR1)


def _assign(chk: Any) -> None:
    chk["saved"] = 1


def _commit(chk: Any) -> None:
    chk["saved"] = 1
    chk.commit()


def _store_array(chk: Any) -> None:
    chk["saved"] = np.arange(3000)
    chk.commit()


def _append(chk: Any) -> None:
    chk.append("saved", 1.0)


def _load(chk: Any) -> None:
    chk.load()


def _delete(chk: Any) -> None:
    chk.pop("old", None)
    chk.commit()


def _delete_all(chk: Any) -> None:
    for key in ("n", "new", "log"):
        chk.pop(key, None)
    chk.commit()


def _assign_the_same(chk: Any) -> None:
    chk["n"] = 9
    chk.append("log", 9.0)


HANDLERS: dict[str, tuple[Callable[[Any], None], dict[str, Any]]] = {
    "assigns": (_assign, {"saved": 1}),
    "commits": (_commit, {"saved": 1}),
    "stores an array": (_store_array, {"saved": list(range(3000))}),
    "appends": (_append, {"saved": [1.0]}),
    "reads": (_load, {}),
    "deletes": (_delete, {}),
}
WRITES: dict[str, tuple[Callable[[Any], None], dict[str, Any]]] = {
    "assignment": (lambda chk: chk.__setitem__("n", 5), {"n": 5}),
    "new key": (lambda chk: chk.__setitem__("new", 5), {"new": 5}),
    "row": (lambda chk: chk.append("log", 2.0), {"log": [1.0, 2.0]}),
}


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {
        key: getattr(value, "tolist", lambda value=value: value)() for key, value in found.items()
    }


def _time_out(chk: Any) -> None:
    raise TimeoutError


SAME: dict[str, tuple[Callable[[Any], None], dict[str, list[Any]]]] = {
    "assigns": (_assign_the_same, {"n": [5, 9], "log": [[1.0, 2.0, 9.0], [1.0, 9.0, 2.0]]}),
    "deletes": (_delete_all, {"n": [5, None], "log": [[1.0, 2.0], [2.0], None]}),
    "raises": (_time_out, {"n": [0, 5], "log": [[1.0], [1.0, 2.0]]}),
}
"""Handlers that change what is being written, or end it, and what may come of it."""


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.tolist() if isinstance(value, np.ndarray) else value
        for key, value in found.items()
    }


def _try(path: Path, number: int, write: str, act: Callable[[Any], None], *, begun: bool) -> Any:
    """Write with the handler at a call, into a log that was begun, or was not.

    Returns:
        What is stored, which is the same for all who read it; None if the handler did not run.
    """
    came: list[int] = []
    chk = HDF5Checkpointer(path)

    def handler(*_: object) -> None:
        came.append(1)
        act(chk)

    signal.signal(signal.SIGUSR1, handler)
    with chk:
        chk.update({"n": 0, "old": [None], "log": np.ones(1)})
        if begun:
            chk.append("log", 1.0)
            chk["begun"] = 1
        with contextlib.suppress(TimeoutError), AtCall(number):
            WRITES[write][0](chk)
        early = _plain(HDF5Checkpointer(path, mode="r").load())
        found = _plain(chk.load())
        assert early == found == _plain(HDF5Checkpointer(path, mode="r").load())
        chk["later"] = 7
        chk.commit()
        chk["end"] = 8
    read = _plain(HDF5Checkpointer(path, mode="r").load())
    assert read == {**found, "later": 7, "end": 8}
    assert not os.path.exists(f"{path}-journal")
    os.remove(path)
    return found if came else None


def _at_each_call(path: Path, write: str, act: Callable[[Any], None], begun: bool) -> Iterator[Any]:
    number = 1
    while (found := _try(path, number, write, act, begun=begun)) is not None:
        yield found
        number += 1 if number < 100 else 9
    assert number > 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "begun"),
    [("assignment", True), ("new key", True), ("row", True), ("assignment", False)],
    ids=["assignment", "new key", "row", "first assignment"],
)
@pytest.mark.parametrize("how", HANDLERS)
@in_child
def test_a_handler_at_any_call(tmp_path: Path, how: str, write: str, begun: bool) -> None:
    """Both are there, for readers and after the next checkpoints, wherever the handler ran."""
    act, left = HANDLERS[how]
    wanted = {"n": 0, "old": [None], "log": [1.0], **WRITES[write][1], **left}
    if begun:
        wanted |= {"begun": 1, "log": [1.0, *wanted["log"]]}
    if how == "deletes":
        del wanted["old"]
    for found in _at_each_call(tmp_path / "x.hdf5", write, act, begun):
        assert found == wanted


@pytest.mark.slow
@pytest.mark.parametrize("write", ["assignment", "row"])
@pytest.mark.parametrize("how", SAME)
@in_child
def test_a_handler_that_meets_the_same(tmp_path: Path, how: str, write: str) -> None:
    """What is there is one of the two, each row once; and it is the same for all."""
    act, allowed = SAME[how]
    key = "n" if write == "assignment" else "log"
    for found in _at_each_call(tmp_path / "x.hdf5", write, act, begun=True):
        value = found.get(key)
        assert (value[1:] if key == "log" and value and len(value) > 1 else value) in allowed[key]
