"""A thread does not wait for itself: what it holds by another store is told at once."""

from __future__ import annotations

import os
import pathlib
import threading
import time

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, LockedError, load

WAIT = 30.0
"""Longer than any test may take: who waits for it fails."""
SPELLINGS = ["same", "relative", "symbolic", "hard", "roundabout"]


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    path = str(tmp_path / "x.h5")
    HDF5Checkpointer(path)["x"] = 1
    return path


def spelled(path: str, how: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Another name of a file."""
    folder, name = os.path.split(path)
    if how == "relative":
        monkeypatch.chdir(folder)
        return f"./{name}"
    if how == "roundabout":
        os.mkdir(os.path.join(folder, "sub"))
        return os.path.join(folder, "sub", "..", name)
    if how in {"symbolic", "hard"}:
        other = os.path.join(folder, "other.h5")
        (os.symlink if how == "symbolic" else os.link)(path, other)
        return other
    return path


def take(path: str, seconds: float, **options: object) -> HDF5Checkpointer:
    return HDF5Checkpointer(path, lock_timeout=seconds, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", SPELLINGS)
@pytest.mark.parametrize("journal", [True, False], ids=["log", "no log"])
def test_a_second_store_of_a_thread_joins(
    path: str, how: str, journal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whatever name, a store inside the ``with`` of another reads and writes with it."""
    other = spelled(path, how, monkeypatch)
    with take(path, WAIT, journal=journal) as chk:
        chk["x"] = 2
        second = take(other, WAIT, journal=journal)
        assert second["x"] == 2
        second["y"] = np.arange(3)
        with second:
            second["z"] = 3
        assert chk["y"].tolist() == [0, 1, 2] and chk["z"] == 3
    assert load(other)["z"] == 3


@pytest.mark.parametrize("how", SPELLINGS)
def test_what_cannot_join_says_so_at_once(
    path: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that shuts another one of its thread out names that, and does not wait."""
    other = spelled(path, how, monkeypatch)
    began = time.monotonic()
    with take(path, WAIT) as chk:
        chk["x"] = 2
        with pytest.raises(LockedError, match="this thread has it open for writing") as raised:
            take(other, WAIT, mode="w")["x"] = 3
        assert raised.value.hint and "with block" in raised.value.hint
        with pytest.raises(FileExistsError):
            take(other, WAIT, mode="x")["x"] = 3
        seen = take(other, WAIT, mode="r")["x"]
        assert seen == 2 or how == "hard"  # where the log has another name
    with take(path, WAIT, journal=False) as chk:
        chk["x"] = 4
        with pytest.raises(LockedError, match="this thread has it open for writing"):
            take(other, WAIT, mode="r")["x"]
    with take(path, WAIT, mode="r") as chk:
        assert chk["x"] == 4
        with pytest.raises(LockedError, match="this thread has it open for reading"):
            take(other, WAIT, journal=False)["x"] = 5
    take(other, WAIT, journal=False)["x"] = 5
    with (
        take(path, WAIT).transaction(write=False),
        pytest.raises(LockedError, match="this thread"),
    ):
        take(other, WAIT, journal=False)["x"] = 6
    take(other, WAIT)["x"] = 7
    assert load(path)["x"] == 7
    assert time.monotonic() - began < WAIT


def test_another_thread_is_waited_for(path: str) -> None:
    """What another thread holds is waited for, and then told as a store of this process."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with HDF5Checkpointer(path) as chk:
            chk["x"] = 2
            held.set()
            done.wait(WAIT)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(WAIT)
        with pytest.raises(LockedError, match="another store of this process"):
            take(path, 0.05, mode="w")["x"] = 3
    finally:
        done.set()
        thread.join()
    take(path, WAIT, mode="w")["x"] = 3
