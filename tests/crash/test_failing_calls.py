"""One call of the system fails, whichever: store, reader and an image agree on one state.

`HDFCHK_CRASH=full` lets each call fail in turn, and several in a row.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, HdfchkWarning, NotDurableError

from .disk import Tap
from .images import in_child, lower_limits
from .workload import State, state_of

FULL = os.environ.get("HDFCHK_CRASH") == "full"
RUNS = 10**6 if FULL else 5
"""So many calls fail, one in each run."""
STEPS: tuple[dict[str, Any], ...] = (
    {"a": 1.0},
    {"a": 2.0, "b": {"c": np.arange(3000.0), "d": "x" * 3000}},
    {"big": np.full(20_000, 1.0)},
    {"a": 3.0},
    {"a": 4.0},
    {"big": np.full(30_000, 2.0), "b": None},
    {"a": 5.0},
    {f"k{n}": n for n in range(30)},
)


class Failing(Tap):
    """Counts the calls that change files below a folder, and lets some fail, not carried out.

    Args:
        folder: that folder.
        first: of the calls, from 0, the first that fails.
        times: how many fail.
        number: their errno.
    """

    def __init__(self, folder: str, first: int, times: int, number: int) -> None:
        super().__init__(folder)
        self._range = range(first, first + times)
        self._number = number
        self.count = 0
        self.leaves = False
        """Whether the name of a file that was being made was not removed."""

    def before(self, name: str, args: Any) -> None:
        """A call is about to be made."""
        self.count += 1
        if self.count - 1 in self._range:
            self.leaves = self.leaves or name == "unlink"
            raise OSError(self._number, os.strerror(self._number))


def _play(folder: Path, first: int, times: int, number: int, *, reader: bool) -> int:
    """Make all steps, in two blocks, and say how many calls that were; one after another fails."""
    path = folder / "x.hdf5"
    model = State()
    with Failing(str(folder), first, times, number) as calls:
        for start in range(0, len(STEPS), 4):
            held = _hold(path) if reader else None
            try:
                with HDF5Checkpointer(path, sync_interval=0) as store:
                    for step in STEPS[start : start + 4]:
                        model = _step(store, model, step, folder)
            except NotDurableError:
                pass
            finally:
                if held is not None:
                    _told(lambda: held.__exit__(None, None, None))
        count = calls.count
    _require(path, model)
    HDF5Checkpointer(path)["end"] = 1
    model.tree["end"] = 1
    _require(path, model)
    there = {name for name in os.listdir(folder) if not (calls.leaves and "-new-" in name)}
    assert there == {"x.hdf5"}, there
    return count


def _hold(path: Path) -> HDF5Checkpointer | None:
    if not path.exists():
        return None
    found = HDF5Checkpointer(path, mode="r")
    found.__enter__()
    return found if _told(found.load) else None


def _told(work: Any) -> bool:
    """Whether it was done; if not, an error of the system has said so."""
    try:
        work()
    except OSError:
        return False
    return True


def _step(store: HDF5Checkpointer, model: State, step: dict[str, Any], folder: Path) -> State:
    """One step, which is one commit or none; and whether all agree on that."""
    after = State({**model.tree, **step})
    try:
        store.update(step)
    except NotDurableError:
        model = after
    except OSError:
        pass
    else:
        model = after
    seen: list[State] = []
    if _told(lambda: seen.append(state_of(store))):
        assert model.differs(seen[0]) is None, model.differs(seen[0])
    image = folder.parent / "image"
    shutil.rmtree(image, ignore_errors=True)
    shutil.copytree(folder, image)
    _require(image / "x.hdf5", model)
    return model


def _require(path: Path, model: State) -> None:
    """Require that a reader, and then a writer, find a state."""
    problem = model.differs(state_of(HDF5Checkpointer(path, mode="r"))) if path.exists() else None
    assert problem is None, f"a reader: {problem}"
    if "image" in path.parts:
        HDF5Checkpointer(path).recover()
    problem = model.differs(state_of(HDF5Checkpointer(path)))
    assert problem is None, problem


@pytest.mark.parametrize("reader", [False, True], ids=["alone", "reader"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
@pytest.mark.parametrize("times", [1, 3])
def test_any_call_may_fail(
    number: int, times: int, reader: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that fails costs the commit it belongs to at most, and says so; then it goes on."""
    lower_limits(monkeypatch, 0, least=True)
    warnings.simplefilter("ignore", HdfchkWarning)
    folder = tmp_path / "run"
    folder.mkdir()
    count = _play(folder, 10**9, 0, number, reader=reader)
    chosen = random.Random(number + times + reader).sample(range(count), min(count, RUNS))
    wrong = []
    for first in sorted(chosen):
        shutil.rmtree(folder)
        folder.mkdir()

        def run(first: int = first) -> bool:
            _play(folder, first, times, number, reader=reader)
            return True

        if not in_child(run):
            wrong.append(first)
    sys.stdout.write(f"{len(chosen)} of {count} calls failed\n")
    assert not wrong, wrong
