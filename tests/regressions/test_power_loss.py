"""A loss of power while what a killed writer left is brought in, by whatever does that."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, save
from tests.support.exact import differs

from .children import in_child, killed_writer
from .failing import Calls, Disk, put_image
from .states import after_a_kill, view

FIRST = {"a": np.zeros(3000), "n": 0, "t": "x" * 3000}
SECOND = {"a": np.ones(3000), "n": 1, "t": "y" * 3000}


def _recover(file: Path) -> None:
    HDF5Checkpointer(file).recover()


def _compact(file: Path) -> None:
    HDF5Checkpointer(file).compact()


def _save(file: Path) -> None:
    save(file, {"saved": np.arange(2000.0)})


def _write(file: Path) -> None:
    HDF5Checkpointer(file)["z"] = 1


def _write_without_a_journal(file: Path) -> None:
    HDF5Checkpointer(file, journal=False)["z"] = 1


WORK = [_recover, _compact, _save, _write, _write_without_a_journal]


@pytest.mark.slow
@pytest.mark.parametrize("young", [True, False], ids=["unsynced", "synced"])
@pytest.mark.parametrize("work", WORK)
@in_child
def test_loss_of_power_in_a_recovery_mixes_nothing(
    tmp_path: Path, work: Callable[[Path], None], young: bool
) -> None:
    """Whatever brings in a killed writer's commits syncs the journal and its name first."""
    folder = tmp_path / "runs"
    folder.mkdir()
    file = folder / "x.hdf5"
    HDF5Checkpointer(file).update(FIRST)
    killed_writer(file, SECOND)
    allowed: list[dict[str, Any]] = [FIRST, SECOND]
    if not young:
        allowed.remove(FIRST)
    if work is _save:
        allowed.append({"saved": np.arange(2000.0)})
    if work in {_write, _write_without_a_journal}:
        allowed.append({**SECOND, "z": 1})
    seen, chance = 0, random.Random(1)

    def check(disk: Disk) -> None:
        nonlocal seen
        for image in disk.images(chance.randrange(10**6)):
            seen += 1
            found = view(put_image(image, tmp_path / "loss") / file.name)
            assert any(differs(state, found) is None for state in allowed), (calls.log, image)

    names = [f"{file.name}-journal"] if young else []
    disk = Disk(folder, unsynced=names, at_change=check)
    with Calls(folder, disk=disk) as calls:
        work(file)
    assert seen > 6
    assert differs(allowed[-1], view(file)) is None


@pytest.mark.slow
@pytest.mark.parametrize("new", [True, False])
@in_child
def test_loss_of_power_in_a_write_mixes_nothing(tmp_path: Path, new: bool) -> None:
    """At each change of the disk it holds one commit, and the last that was durable or a later."""
    folder = tmp_path / "runs"
    folder.mkdir()
    file = folder / "x.hdf5"
    if not new:
        HDF5Checkpointer(file).update(FIRST)
    states: list[dict[str, Any]] = [{} if new else dict(FIRST)]
    durable, chance = 0, random.Random(1)

    def check(disk: Disk) -> None:
        for image in disk.images(chance.randrange(10**6)):
            found = HDF5Checkpointer(put_image(image, tmp_path / "loss") / file.name).load()
            right = any(differs(state, found) is None for state in states[durable:])
            assert right, (calls.log, found.keys())

    disk = Disk(folder, at_change=check)
    with Calls(folder, disk=disk) as calls, HDF5Checkpointer(file, sync_interval=1000) as chk:
        for change in (FIRST, SECOND, {"n": 5}, {"a": np.ones(30_000)}, {"t": 3, "n": 6}):
            states.append({**states[-1], **change})
            chk.update(change)
            if len(states) % 2:
                chk.commit()
                durable = len(states) - 1
    after_a_kill(file, tmp_path / "image")
