"""Appended rows that wait for their commit while the system fails: each is there once."""

from __future__ import annotations

import errno
import os
import random
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, InvalidOptionError

from .children import eventually, in_child, outcome
from .failing import Calls
from .states import after_a_kill, again, differs, is_clean, view


@pytest.mark.parametrize("kind", ["sync", "write", "reserve"])
@pytest.mark.parametrize("first", range(3))
@in_child
def test_rows_are_appended_once_when_a_sync_fails(file: Path, kind: str, first: int) -> None:
    """Rows whose commit met an error in the background are not appended again, and it is told."""
    told = []
    with Calls(file.parent) as calls:
        with HDF5Checkpointer(file, sync_interval=0.05) as chk:
            chk.append("log", 0.0)
            chk.commit()
            calls.fail(kind, first=first, number=errno.EIO)
            rows = [0.0]
            for number in range(1, 6):
                try:
                    chk.append("log", float(number))
                    rows.append(float(number))
                except OSError as error:
                    told.append(error)
            eventually(lambda: calls.failed > 0, 0.4)
            failed = calls.failed
            calls.off()
            try:
                chk.append("log", 6.0)
                rows.append(6.0)
            except OSError as error:
                told.append(error)
            found = again(lambda: chk["log"]).tolist()
            assert found == sorted(set(found)), found
            assert set(rows) <= set(found), (rows, found)
            assert not failed or kind != "sync" or told, "nobody was told"
        is_clean(file, {"log": np.array(found)})


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_rows_are_committed_after_a_passing_error(file: Path, kind: str) -> None:
    """Rows that could not be brought to the disk for a moment are, and come after a kill, with no
    call in between; those that could not be written are not there, and are told."""

    def killed() -> None:
        with Calls(file.parent) as calls, HDF5Checkpointer(file, sync_interval=0.05) as chk:
            chk.append("log", 0.0)
            chk.commit()
            calls.fail(kind, number=errno.ENOSPC)
            try:
                chk.append("log", 1.0)
                assert kind == "sync"
            except OSError as error:
                assert kind == "write" and error.errno == errno.ENOSPC  # noqa: PT017
                calls.off()
                assert chk["log"].tolist() == [0.0] == view(file)["log"].tolist()
                chk.append("log", 1.0)
            else:
                assert eventually(lambda: calls.failed > 0)
                calls.off()
            assert eventually(lambda: view(file)["log"].tolist() == [0.0, 1.0]), view(file)
            os.kill(os.getpid(), signal.SIGKILL)

    said = outcome(killed)
    assert said == "it was ended by SIGKILL", said
    assert view(file)["log"].tolist() == [0.0, 1.0]
    is_clean(file, {"log": np.array([0.0, 1.0])})


@in_child
def test_an_endless_interval_stops_no_other_store(file: Path) -> None:
    """A store with sync_interval=inf leaves the work of other stores' background thread alone."""
    other = file.with_name("other.hdf5")
    with (
        HDF5Checkpointer(file, sync_interval=float("inf")) as endless,
        HDF5Checkpointer(other, sync_interval=0.05) as chk,
    ):
        endless["a"] = 1
        endless["a"] = np.arange(1000.0)
        endless.append("log", 0.0)
        endless.append("log", 1.0)
        chk.append("log", 0.0)
        chk.commit()
        chk.append("log", 1.0)
        assert eventually(lambda: view(other)["log"].tolist() == [0.0, 1.0])
    assert view(file)["log"].tolist() == [0.0, 1.0]


class Orders:
    """A store with small arrays that grow, beside a dict of what it should hold."""

    def __init__(self, chk: HDF5Checkpointer, chance: random.Random) -> None:
        self.chk, self.chance = chk, chance
        self.model: dict[str, Any] = {"x": 0, "d": {"y": 0}}
        chk.update(self.model)

    def step(self) -> str:
        """Do something by chance; its name."""
        kinds = [self.make, self.append, self.read, self.assign, self.remove]
        work = self.chance.choice([*kinds, self.append, self.append, self.give_up])
        inner = self.chance.random() < 0.5
        store, model = (self.chk["d"], self.model["d"]) if inner else (self.chk, self.model)
        work(store, model, "y" if inner else "x")
        return work.__name__

    def make(self, store: Any, model: dict[str, Any], key: str) -> None:
        store.put(key, np.arange(3.0), chunks=(16,))
        model[key] = np.arange(3.0)

    def append(self, store: Any, model: dict[str, Any], key: str) -> None:
        if isinstance(model.get(key), np.ndarray):
            number = self.chance.random()
            store.append(key, number)
            model[key] = np.append(model[key], number)

    def read(self, store: Any, model: dict[str, Any], key: str) -> None:
        assert differs({key: store.get(key)}, {key: model.get(key)}) is None

    def assign(self, store: Any, model: dict[str, Any], key: str) -> None:
        model[key] = self.chance.choice([5.0, "text", np.array([1.0, 2.0]), np.arange(5.0), None])
        store[key] = model[key]

    def remove(self, store: Any, model: dict[str, Any], key: str) -> None:
        store.pop(key, None)
        model.pop(key, None)

    def give_up(self, store: Any, model: dict[str, Any], key: str) -> None:
        gone = dict(model)
        with pytest.raises(ZeroDivisionError), self.chk.transaction():
            for work in self.chance.choices([self.append, self.assign, self.read], k=3):
                work(store, gone, key)
            raise ZeroDivisionError


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_rows_and_assignments_in_any_order(file: Path, seed: int) -> None:
    """Whatever came before what: readers, and who comes after a kill, see what was done last."""
    with HDF5Checkpointer(file, sync_interval=1000.0) as chk:
        orders, done = Orders(chk, random.Random(seed)), []
        for _ in range(30):
            done.append(orders.step())
            reader, image = view(file), after_a_kill(file, file.parent.parent / "image")
            assert differs(orders.model, reader) is None, (done, differs(orders.model, reader))
            assert differs(orders.model, image) is None, (done, differs(orders.model, image))
    is_clean(file, orders.model)


@pytest.mark.parametrize("value", [np.array([10.0, 20.0]), 5.0, "text", None])
def test_an_assignment_after_rows_that_were_read(file: Path, value: Any) -> None:
    """Rows that HDF5 has, and the file has not, do not come back below what replaced them."""
    with HDF5Checkpointer(file, sync_interval=1000.0) as chk:
        chk.put("x", np.arange(3.0), chunks=(16,))
        chk.append("x", 3.0)
        chk.commit()
        chk.append("x", 4.0)
        assert chk["x"].size == 5
        chk["x"] = value
        for found in (view(file), after_a_kill(file, file.parent.parent / "image")):
            assert differs(found, {"x": value}) is None
        with pytest.raises(ZeroDivisionError), chk.transaction():
            chk["y"] = 1
            raise ZeroDivisionError
        assert differs(chk.load(), {"x": value}) is None
    is_clean(file, {"x": value})


@pytest.mark.parametrize("option", ["lock_timeout", "sync_interval"])
@pytest.mark.parametrize("seconds", [float("nan"), -1.0])
def test_times_that_are_none(file: Path, option: Any, seconds: float) -> None:
    """A wait of NaN seconds would never end: such an option is refused."""
    with pytest.raises(InvalidOptionError, match=f"{option}={seconds}"):
        HDF5Checkpointer(file, **{option: seconds})
