"""Every image of the disk that a kill or a loss of power can leave holds one committed state.

`HDFCHK_CRASH=full` makes some 100 times as many images.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.h5 import file_object
from hdfchk.runtime import posix

from .disk import Operation, Recorder
from .images import (
    LEAST_CACHE,
    after_kills,
    after_power_loss,
    check,
    cut_recovery,
    lower_limits,
    record,
    recovered,
)
from .workload import FULL, LARGE, State, state_of, tree

SEEDS = range(28 if FULL else 2)
OPERATIONS = 200 if FULL else 40
KILLS = 800 if FULL else 48
POWER = 300 if FULL else 36
RECOVERIES = 20 if FULL else 4
TREES = 150 if FULL else 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the images are laid out, one after the other."""
    made = tmp_path / "image"
    made.mkdir()
    return made


def tell(images: int, states: list[Any], log: list[Any]) -> None:
    """Say, for ``-rP``, what was tried."""
    operations = sum(isinstance(entry, Operation) for entry in log)
    commits = len(states) - 1
    sys.stdout.write(f"{images} images of {commits} commits, {operations} operations of the disk\n")


@pytest.mark.parametrize("seed", SEEDS)
def test_kills(seed: int, tmp_path: Path, folder: Path) -> None:
    """After a kill at any operation, its write torn, all that had returned is there."""
    chance = random.Random(seed)
    states, log = record(tmp_path / "run", seed, OPERATIONS, 1.0)
    count = KILLS if seed or not FULL else len(log)  # of the first run, every prefix
    for image, returned, begun, cut in after_kills(log, count, chance):
        image.write_to(str(folder))
        found = recovered(folder, chance if chance.random() < 0.3 else None)
        check(states, found, returned, begun, f"cut at {cut} of {len(log)}")
    tell(min(count, len(log)), states, log)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sync_interval", [0.0, 1000.0])
def test_loss_of_power(seed: int, sync_interval: float, tmp_path: Path, folder: Path) -> None:
    """After a loss of power, with any of the writes since the last sync, what was durable is there."""
    chance = random.Random(seed)
    states, log = record(tmp_path / "run", seed + 100, OPERATIONS, sync_interval)
    for image, durable, last, cut in after_power_loss(log, POWER, chance):
        image.write_to(str(folder))
        found = recovered(folder, chance if chance.random() < 0.3 else None, leftovers=True)
        check(states, found, durable, last, f"power lost at {cut} of {len(log)}")
    tell(POWER, states, log)


def test_large_trees(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees of 2,500 leaves over 5 levels, with the least cache of HDF5's, are whole or not there."""
    chance = random.Random(5)
    lower_limits(monkeypatch, 0, least=True)
    monkeypatch.setattr(file_object, "METADATA_CACHE", LEAST_CACHE)
    states = [State()]
    run = tmp_path / "run"
    run.mkdir()
    with Recorder(str(run)) as recorder, HDF5Checkpointer(run / "x.hdf5") as store:
        for change in (
            {"a": 1},
            {"t": tree(chance, LARGE)},
            {"s": tree(chance, 300), "a": 2},
            {"t": tree(chance, LARGE)},
            {"a": 3},
        ):
            recorder.mark("begun", len(states))
            store.update(change)
            states.append(State({**states[-1].tree, **change}))
            recorder.mark("returned", len(states) - 1)
    for image, returned, begun, cut in after_kills(recorder.log, TREES, chance):
        image.write_to(str(folder))
        check(states, recovered(folder), returned, begun, f"cut at {cut}")
    tell(TREES, states, recorder.log)


@pytest.mark.parametrize("seed", range(5 if FULL else 1))
def test_recovery_is_cut_at_every_operation(seed: int, tmp_path: Path, folder: Path) -> None:
    """Wherever recovery is killed, and wherever it is killed again, the same state is found."""
    chance = random.Random(seed)
    states, log = record(tmp_path / "run", seed + 200, OPERATIONS, 1.0)
    cuts = 0
    for image, returned, begun, cut in after_kills(log, RECOVERIES, chance):
        for fresh in (True, False):  # a whole image each time, or what the last cut has left
            image.write_to(str(folder))
            left = 0
            while not cut_recovery(folder, left):
                cuts += 1
                what = f"cut at {cut} of {len(log)}, recovery at {left}"
                check(states, state_of(HDF5Checkpointer(folder / "x.hdf5")), returned, begun, what)
                left += 1
                if fresh:
                    image.write_to(str(folder))
            check(states, recovered(folder), returned, begun, f"cut at {cut}, recovered")
    assert cuts > RECOVERIES
    tell(cuts, states, log)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sync_interval", [0.0, 1000.0])
def test_loss_of_power_after_failed_syncs(
    seed: int, sync_interval: float, tmp_path: Path, folder: Path
) -> None:
    """Syncs that fail, and leave pages that no later sync brings, cost nothing called durable."""
    chance = random.Random(seed)
    states, log = record(
        tmp_path / "run", seed + 300, OPERATIONS, sync_interval, faults=chance.choice([0.05, 0.2])
    )
    for image, durable, last, cut in after_power_loss(log, POWER, chance):
        image.write_to(str(folder))
        found = recovered(folder, leftovers=True)
        check(states, found, durable, last, f"power lost at {cut} of {len(log)}")
    tell(POWER, states, log)


def test_kills_where_the_system_offers_less(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ways for systems without positioned reads and writes hold the same promise."""

    class Less:
        def __getattr__(self, name: str) -> Any:
            if name in {"pwrite", "preadv", "posix_fallocate", "fdatasync"}:
                raise AttributeError(name)
            return getattr(os, name)

    chance = random.Random(7)
    states, log = record(tmp_path / "run", 7, OPERATIONS, 1.0)
    monkeypatch.setattr(posix, "os", Less())
    for image, returned, begun, cut in after_kills(log, POWER, chance):
        image.write_to(str(folder))
        check(states, recovered(folder), returned, begun, f"cut at {cut} of {len(log)}")
