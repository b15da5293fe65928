"""Recording a workload, the images of the disk that a cut can leave, and what a store finds there."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5 import wal_writer
from hdfchk.backends.hdf5.h5 import file_object
from hdfchk.backends.hdf5.wal import first_commit, replay, wal_file
from hdfchk.backends.hdf5.wal import log as log_module

from .disk import NAMES, SECTOR, Image, Operation, Recorder, Tap, survivors, torn
from .workload import Run, State, state_of

CUT = 77
"""What a process ends with that is cut."""
LEAST_CACHE = 4096
"""HDF5 does not work with less."""

BETWEEN = (2**15, 2**18, 2**24)
"""How many bytes of log there are between two checkpoints."""

States = list[State]
Log = list[Any]


def lower_limits(patch: pytest.MonkeyPatch, seed: int, *, least: bool = False) -> None:
    """Let what is done once in many MiB be done all the time; always, if they are the least."""
    chance = random.Random(seed)
    patch.setattr(wal_file, "CHECKPOINT_BYTES", 2**15 if least else chance.choice(BETWEEN))
    patch.setattr(wal_file, "SPILL_BYTES", 2**13 if least else chance.choice([2**13, 2**16, 2**24]))
    patch.setattr(wal_file, "PIECE_BYTES", chance.choice([2**14, 2**22]))
    patch.setattr(wal_file, "MANY_PAGES", chance.choice([4, 1024]))
    patch.setattr(wal_file, "LOGICAL_BYTES", chance.choice([300, 2**20]))
    patch.setattr(log_module, "KEEP_BYTES", chance.choice([2**12, 2**25]))
    patch.setattr(log_module, "MANY", chance.choice([64, 4096]))
    patch.setattr(wal_writer, "MOST_PUTS", chance.choice([3, 256]))
    patch.setattr(wal_writer, "PENDING_SECONDS", 0.0)
    patch.setattr(wal_file, "DIRECT_BYTES", chance.choice([2**13, 2**16]))
    patch.setattr(wal_writer, "LOOK_BYTES", 2**12 if least else chance.choice([2**12, 2**21]))
    patch.setattr(first_commit, "MEMORY_BYTES", chance.choice([0, 2**12, 2**22]))
    patch.setattr(file_object, "METADATA_CACHE", chance.choice([LEAST_CACHE, 2**18]))


def record(
    folder: Path,
    seed: int,
    operations: int,
    sync_interval: float,
    *,
    readers: bool = True,
    compacts: bool = True,
    faults: float = 0.0,
    least: bool = False,
) -> tuple[States, Log]:
    """Run a workload in a new folder: its states, and all that it did to the disk.

    Args:
        folder: is made.
        seed: of all that is random.
        operations: how many.
        sync_interval: of the store.
        readers: whether stores read beside it.
        compacts: whether the file is compacted now and then.
        faults: the share of syncs that fail.
        least: all limits are as low as they can be.
    """
    folder.mkdir()
    chance = random.Random(seed)
    recorder = Recorder(str(folder), lambda: chance.random() < faults)
    with pytest.MonkeyPatch.context() as patch, recorder:
        lower_limits(patch, seed, least=least)
        run = Run(
            str(folder / "x.hdf5"),
            recorder,
            seed,
            sync_interval=sync_interval,
            readers=readers,
            compacts=compacts,
            faults=faults > 0,
        )
        states = run.run(operations)
    recorder.require_all_seen()
    return states, recorder.log


def after_kills(
    log: Log, count: int, chance: random.Random
) -> Iterator[tuple[Image, int, int, int]]:
    """Images that a kill leaves, the write that it hits torn.

    Yields:
        The image, the last state that had returned, the last that had begun, and where the cut was.
    """
    image, returned, begun, at = Image(), 0, 0, 0
    for cut in sorted(chance.sample(range(len(log)), min(count, len(log)))):
        while at < cut:
            entry = log[at]
            if isinstance(entry, Operation):
                image.do(entry)
            elif entry[0] == "begun":
                begun = entry[1]
            else:
                returned = max(returned, entry[1])
            at += 1
        now = image.copy()
        if isinstance(log[cut], Operation) and log[cut].kind == "write":
            # The system copies pages, and a disk sectors: the log relies on it for the file alone.
            unit = SECTOR if now.names.get("x.hdf5") == log[cut].file else 1
            now.do(torn(log[cut], chance, unit))
        yield now, returned, max(begun, returned), cut


def after_power_loss(
    log: Log, count: int, chance: random.Random
) -> Iterator[tuple[Image, int, int, int]]:
    """Images that a loss of power leaves: of what was not synced, any part.

    Yields:
        The image, the last durable state, the last that had begun, and where the cut was.
    """
    safe, waiting, durable, last, at = Image(), [], 0, 0, 0
    for cut in sorted(chance.choices(range(len(log)), k=count)):
        while at < cut:
            entry = log[at]
            at += 1
            if not isinstance(entry, Operation):
                durable = entry[1] if entry[0] == "durable" else durable
                last = max(last, entry[1])
                continue
            if entry.kind in {"sync", "sync failed"}:
                # A sync of a file brings its bytes; names are brought by that of the folder.
                done = [o for o in waiting if o.file == entry.file and o.kind not in NAMES]
            elif entry.kind == "sync names":
                done = [o for o in waiting if o.kind in NAMES]
            else:
                waiting.append(entry)
                continue
            # A sync that has failed leaves pages that are taken for clean, and are on no disk.
            for operation in survivors(done, chance) if entry.kind == "sync failed" else done:
                safe.do(operation)
            gone = set(map(id, done))
            waiting = [o for o in waiting if id(o) not in gone]
        now = safe.copy(also={operation.file for operation in waiting})
        for operation in survivors(waiting, chance):
            now.do(operation)
        yield now, durable, last, cut


def recovered(folder: Path, cut: random.Random | None = None, *, leftovers: bool = False) -> State:
    """What a store finds in a folder, after it was opened for writing.

    Args:
        folder: the folder.
        cut: first let a process that recovers be killed at some operation.
        leftovers: a file that was being made may stay, if its name is on the disk and the note of
            it is not.
    """
    path = folder / "x.hdf5"
    with no_syncs():
        reader = state_of(HDF5Checkpointer(path))
        if cut is not None:
            cut_recovery(folder, cut.randrange(12))
        with HDF5Checkpointer(path) as chk:
            if path.exists():
                chk.group("recovered", create=True)
                del chk["recovered"]
            found = state_of(chk)
        assert reader.differs(found) is None, "a reader saw another state than the writer"
        assert found.differs(state_of(HDF5Checkpointer(path))) is None
    if path.exists():  # a log of a file that never appeared is the next writer's to remove
        there = {name for name in os.listdir(folder) if not (leftovers and "-new-" in name)}
        assert there == {"x.hdf5"}, there
    return found


@contextmanager
def no_syncs() -> Iterator[None]:
    """A block in which nothing is brought to the disk: it takes time, and nobody looks there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(os, "fdatasync", lambda descriptor: None)
        yield


class Cutting(Tap):
    """Ends the process before a change of a file.

    Args:
        folder: below it, changes count.
        left: how many may be made.
    """

    def __init__(self, folder: str, left: int) -> None:
        super().__init__(folder)
        self.left = left

    def before(self, name: str, args: Any) -> None:
        """Something is about to be done."""
        if name == "open" and not (args[1] & os.O_CREAT and not os.path.lexists(args[0])):
            return
        self.left -= 1
        if self.left < 0:
            os._exit(CUT)


def cut_recovery(folder: Path, left: int) -> bool:
    """Kill a process that recovers, before an operation of the recovery; what it did stays.

    Args:
        folder: the folder.
        left: how many operations it may do.

    Returns:
        Whether it came to its end before.
    """

    def recover() -> None:
        with Cutting(str(folder), left):
            replay.recover_file(str(folder / "x.hdf5"), 1.0)

    status = _status_of(recover)
    assert status in {0, CUT}
    return status == 0


def in_child(work: Callable[[], bool]) -> bool:
    """Whether `work`, in a child process, returns True."""

    def judge() -> None:
        assert work()

    return _status_of(judge) == 0


def _status_of(work: Callable[[], object]) -> int:
    """The exit status of a child process that does `work`."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def check(states: States, found: State, least: int, most: int, what: str) -> None:
    """Require one of the states from `least` to `most`."""
    if any(state.differs(found) is None for state in states[least : most + 1]):
        return
    place = [i for i, state in enumerate(states) if state.differs(found) is None]
    raise AssertionError(f"{what}: state {place} of {least}..{most}")
