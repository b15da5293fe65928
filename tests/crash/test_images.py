"""Every image of the disk that a kill or a loss of power can leave holds one committed state."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from hdfchk import HDF5Checkpointer, HdfchkError
from tests.exact import differs

from .disk import Image, Operation, Recorder, survivors, torn
from .workload import run

FULL = os.environ.get("HDFCHK_CRASH") == "full"
SEEDS = range(12 if FULL else 3)
OPERATIONS = 300 if FULL else 60
KILLS = 2500 if FULL else 400
POWER = 2500 if FULL else 400


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Record a workload: its states and all that it did to the disk."""
    from hdfchk.backends.local import journal, journaled_file, writer

    def record(seed: int, sync_interval: float) -> tuple[list[Any], list[Any]]:
        folder = tmp_path / "run"
        folder.mkdir()
        recorder = Recorder(str(folder))
        with monkeypatch.context() as patch:
            for module in (journal, journaled_file, writer):
                patch.setattr(module, "os", recorder)
            states = run(str(folder / "x.hdf5"), recorder, seed, OPERATIONS, sync_interval)
        return states, recorder.log

    return record


def recovered(folder: Path, cut: random.Random | None = None) -> Any:
    """What a store finds in a folder, after it was opened for writing."""
    path = folder / "x.hdf5"
    reader = HDF5Checkpointer(path).load()
    if cut is not None:
        _cut_recovery(folder, cut)
    with HDF5Checkpointer(path, journal=True) as chk:
        if path.exists():
            chk.group("recovered", create=True)
            del chk["recovered"]
        found = chk.load()
    assert differs(reader, found) is None, "a reader saw another state than the writer"
    assert differs(found, HDF5Checkpointer(path).load()) is None
    if path.exists():  # a journal of a file that never appeared is the next writer's to remove
        assert os.listdir(folder) == ["x.hdf5"]
    return found


def _cut_recovery(folder: Path, chance: random.Random) -> None:
    """Kill a process that recovers, at some operation of the recovery; what it did stays."""
    from hdfchk.backends.local import journal, journaled_file, writer

    left = chance.randrange(12)

    class Cutting(Recorder):
        def _count_down(self) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(0)

        def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
            self._count_down()
            return super().pwrite(descriptor, data, offset)

        def ftruncate(self, descriptor: int, size: int) -> None:
            self._count_down()
            super().ftruncate(descriptor, size)

        def unlink(self, name: str) -> None:
            self._count_down()
            super().unlink(name)

    child = os.fork()
    if child == 0:
        status = 1
        try:
            for module in (journal, journaled_file, writer):
                module.os = Cutting(str(folder))
            writer.recover_file(str(folder / "x.hdf5"), 1.0)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def check(states: list[Any], found: Any, least: int, most: int, what: str) -> None:
    if any(differs(state, found) is None for state in states[least : most + 1]):
        return
    place = [i for i, state in enumerate(states) if differs(state, found) is None]
    raise AssertionError(f"{what}: state {place} of {least}..{most}")


@pytest.mark.parametrize("seed", SEEDS)
def test_kills(seed: int, recorded: Any, tmp_path: Path) -> None:
    """After a kill at any operation, its write torn, all that had returned is there."""
    states, log = recorded(seed, 1.0)
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(len(log)), min(KILLS, len(log))))
    image, returned, at = Image(), 0, 0
    folder = tmp_path / "image"
    folder.mkdir()
    for cut in cuts:
        while at < cut:
            entry = log[at]
            if isinstance(entry, Operation):
                image.do(entry)
            elif entry[0] == "returned":
                returned = entry[1]
            at += 1
        now = image.copy()
        if isinstance(log[cut], Operation) and log[cut].kind == "write":
            now.do(torn(log[cut], chance))
        now.write_to(str(folder))
        found = recovered(folder, chance if chance.random() < 0.3 else None)
        check(states, found, returned, returned + 1, f"cut at {cut} of {len(log)}")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sync_interval", [0.0, 1000.0])
def test_loss_of_power(seed: int, sync_interval: float, recorded: Any, tmp_path: Path) -> None:
    """After a loss of power, with any of the writes since the last sync, what was durable is there."""
    states, log = recorded(seed + 100, sync_interval)
    chance = random.Random(seed)
    cuts = sorted(chance.choices(range(len(log)), k=POWER // 2))
    safe, waiting, durable, last, at = Image(), [], 0, 0, 0
    folder = tmp_path / "image"
    folder.mkdir()
    for cut in cuts:
        while at < cut:
            entry = log[at]
            at += 1
            if not isinstance(entry, Operation):
                if entry[0] == "durable":
                    durable = entry[1]
                last = max(last, entry[1])
                continue
            if entry.kind == "sync":
                # A sync of a file brings its bytes; names are brought by that of the folder.
                done = [o for o in waiting if o.file == entry.file and o.kind != "name"]
            elif entry.kind == "sync names":
                done = [o for o in waiting if o.kind in {"name", "rename", "unlink"}]
            else:
                waiting.append(entry)
                continue
            for operation in done:
                safe.do(operation)
            waiting = [o for o in waiting if not any(o is d for d in done)]
        now = safe.copy()
        for operation in survivors(waiting, chance):
            if operation.kind != "rename" or operation.name in now.names:
                now.do(operation)
        now.write_to(str(folder))
        check(states, recovered(folder), durable, last + 1, f"power lost at {cut} of {len(log)}")


def test_negative_control(recorded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the journal, its pages written straight into the file, the same cuts do damage."""
    from hdfchk.backends.local.journaled_file import JournaledFile

    real = JournaledFile.commit

    def straight(self: Any) -> None:
        real(self)
        self.apply()

    def runs(self: Any) -> Any:
        for number in sorted(self._pages):
            yield number * 4096, self._journal.read(self._pages[number])

    from hdfchk.backends.local.journal import Journal

    monkeypatch.setattr(JournaledFile, "commit", straight)
    monkeypatch.setattr(JournaledFile, "_runs", runs)
    original = Journal.append

    def hidden(self: Any, pages: Any, size: Any) -> Any:
        self._committed = 0  # records that no recovery finds
        self._chain ^= 1
        return original(self, pages, size)

    monkeypatch.setattr(Journal, "append", hidden)
    states, log = recorded(5, 1.0)
    monkeypatch.undo()
    damaged = 0
    chance = random.Random(5)
    folder = tmp_path / "image"
    folder.mkdir()
    for cut in chance.sample(range(len(log)), min(150, len(log))):
        image, returned = Image(), 0
        for entry in log[:cut]:
            if isinstance(entry, Operation):
                image.do(entry)
            elif entry[0] == "returned":
                returned = entry[1]
        image.write_to(str(folder))
        try:
            check(states, recovered(folder), returned, returned + 1, "")
        except (AssertionError, HdfchkError, OSError, RuntimeError, KeyError, ValueError):
            damaged += 1
    assert damaged > 0
