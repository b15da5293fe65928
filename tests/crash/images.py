"""Recording a workload, the images of the disk that a cut can leave, and what a store finds there."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.wal import (
    overlay as snapshot,
)
from hdfchk.backends.hdf5.wal import (
    replay as recovery,
)
from hdfchk.backends.hdf5.wal import (
    wal_file as journaled_file,
)
from hdfchk.backends.hdf5.wal import (
    wal_format as journal,
)
from hdfchk.backends.hdf5.wal import (
    writer_file as writer,
)
from hdfchk.runtime import posix as disk
from tests.exact import differs

from .disk import Image, Operation, Recorder, survivors, torn
from .workload import run

MODULES: tuple[Any, ...] = (disk, journal, journaled_file, recovery, snapshot, writer)
"""Those that touch files."""

CUT = 77
"""What a process ends with that is cut."""

States = list[Any]
Log = list[Any]


def record(folder: Path, seed: int, operations: int, sync_interval: float) -> tuple[States, Log]:
    """Run a workload in a new folder: its states, and all that it did to the disk."""
    folder.mkdir()
    recorder = Recorder(str(folder))
    with pytest.MonkeyPatch.context() as patch:
        for module in MODULES:
            patch.setattr(module, "os", recorder)
        states = run(str(folder / "x.hdf5"), recorder, seed, operations, sync_interval)
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
            now.do(torn(log[cut], chance))
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
        yield now, durable, last, cut


def recovered(folder: Path, cut: random.Random | None = None) -> Any:
    """What a store finds in a folder, after it was opened for writing.

    Args:
        folder: the folder.
        cut: first let a process that recovers be killed at some operation.
    """
    path = folder / "x.hdf5"
    reader = HDF5Checkpointer(path).load()
    if cut is not None:
        cut_recovery(folder, cut.randrange(12))
    with HDF5Checkpointer(path) as chk:
        if path.exists():
            chk.group("recovered", create=True)
            del chk["recovered"]
        found = chk.load()
    assert differs(reader, found) is None, "a reader saw another state than the writer"
    assert differs(found, HDF5Checkpointer(path).load()) is None
    if path.exists():  # a journal of a file that never appeared is the next writer's to remove
        assert os.listdir(folder) == ["x.hdf5"]
    return found


def cut_recovery(folder: Path, left: int) -> bool:
    """Kill a process that recovers, before an operation of the recovery; what it did stays.

    Args:
        folder: the folder.
        left: how many operations it may do.

    Returns:
        Whether it came to its end before.
    """

    class Cutting(Recorder):
        def _count_down(self) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(CUT)

        def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
            self._count_down()
            return super().pwrite(descriptor, data, offset)

        def posix_fallocate(self, descriptor: int, offset: int, size: int) -> None:
            self._count_down()
            super().posix_fallocate(descriptor, offset, size)

        def ftruncate(self, descriptor: int, size: int) -> None:
            self._count_down()
            super().ftruncate(descriptor, size)

        def unlink(self, name: str) -> None:
            self._count_down()
            super().unlink(name)

    def recover() -> None:
        for module in MODULES:
            module.os = Cutting(str(folder))
        recovery.recover_file(str(folder / "x.hdf5"), 1.0)

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


def check(states: States, found: Any, least: int, most: int, what: str) -> None:
    """Require one of the states from `least` to `most`."""
    if any(differs(state, found) is None for state in states[least : most + 1]):
        return
    place = [i for i, state in enumerate(states) if differs(state, found) is None]
    raise AssertionError(f"{what}: state {place} of {least}..{most}")
