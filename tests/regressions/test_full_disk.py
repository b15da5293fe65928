"""No room: what finds none leaves the state before it, and the store goes on when there is room."""

from __future__ import annotations

import errno
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from tests.support.exact import differs

from .children import in_child
from .failing import Calls
from .states import ALLOWED, again, agreed, is_clean, view

ROOM = ("write", "reserve")


@pytest.mark.parametrize("failing", range(3))
@in_child
def test_a_deletion_that_finds_no_room_destroys_nothing(file: Path, failing: int) -> None:
    """A value whose deletion raised is as it was."""
    tail = np.full(4000, 7.0)
    with Calls(file.parent) as calls, HDF5Checkpointer(file) as chk:
        chk["head"] = 1
        chk["tail"] = tail
        calls.fail(ROOM, first=failing, number=errno.ENOSPC)
        try:
            del chk["tail"]
            after = {"head": 1}
        except OSError:
            after = {"head": 1, "tail": tail}
        calls.off()
        agreed(chk, file, after)
        chk["next"] = after["next"] = np.full(3000, 2.0)
        agreed(chk, file, after)
    is_clean(file, after)


@pytest.mark.parametrize("failing", range(4))
@in_child
def test_a_transaction_that_raised_is_not_kept(file: Path, failing: int) -> None:
    """A transaction whose commit failed is gone: a retry counts once, and no later commit has it."""
    HDF5Checkpointer(file)["n"] = 0
    with Calls(file.parent) as calls, HDF5Checkpointer(file) as chk:
        chk["n"] = 0
        calls.fail(ROOM, first=failing, number=errno.ENOSPC)
        for _ in range(3):
            try:
                with chk.transaction():
                    chk["n"] = chk["n"] + 1
                    chk["big"] = np.arange(5000.0)
                break
            except OSError:
                agreed(chk, file, {"n": 0})
        calls.off()
        state = {"n": 1, "big": np.arange(5000.0)}
        agreed(chk, file, state)
    is_clean(file, state)


def _appends(chk: Any, number: int) -> None:
    chk.append("rows", np.full((1, 4096), float(number)))
    chk.commit()


def _values(chk: Any, number: int) -> None:
    chk[f"k{number % 5}"] = np.full(9000, float(number))


def _groups(chk: Any, number: int) -> None:
    chk[f"g{number % 5}"] = {f"k{i}": {"s": "x" * 300, "n": i} for i in range(number % 20 + 1)}


def _packed(chk: Any, number: int) -> None:
    noise = np.random.default_rng(number).integers(0, 2**20, 20_000)
    chk.put(f"z{number % 3}", noise, compression="gzip", chunks=(2000,))


@pytest.mark.slow
@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("change", [_appends, _values, _groups, _packed])
@in_child
def test_a_disk_that_was_full_crashes_nothing(
    file: Path, change: Callable[[Any, int], None], inside: bool
) -> None:
    """While there is no room each call is an OSError; afterwards the store works, and so do others."""
    other = file.with_name("other.hdf5")
    HDF5Checkpointer(other)["here"] = 1
    chk = HDF5Checkpointer(file)
    with Calls(file.parent) as calls:
        if inside:
            chk.__enter__()
        for number in range(10):
            change(chk, number)
        before = chk.load()
        for room in (0, 1, 2, 5):
            calls.fail(ROOM, first=room, times=10**9, number=errno.ENOSPC, name=file.name)
            calls.fail(ROOM, first=room, times=10**9, number=errno.ENOSPC)
            for number in range(10, 16):
                try:
                    change(chk, number)
                except ALLOWED:
                    continue
            calls.off()
            again(chk.load)
        chk["after"] = {"a": 1}
        del chk["after"]
        assert set(before) <= set(chk)
        state = chk.load()
        if inside:
            chk.__exit__(None, None, None)
    HDF5Checkpointer(other)["here"] = 2
    other.unlink()
    is_clean(file, state)


@pytest.mark.parametrize("failing", [0, 1, 2, 3, 4, 6, 8, 11, 15, 20])
@in_child
def test_a_full_disk_in_an_update_is_all_or_nothing(file: Path, failing: int) -> None:
    """An update that found no room at any of its writes, for good, has changed nothing."""
    before = {"a": np.arange(3000.0), "t": "x" * 5000, "d": {"k": 1}}
    change = {"a": np.arange(60_000.0), "t": 1, "d": [1, "a", None], "e": "y" * 90_000}
    with Calls(file.parent) as calls, HDF5Checkpointer(file) as chk:
        chk.update(before)
        calls.fail(ROOM, first=failing, times=10**9, number=errno.ENOSPC)
        try:
            chk.update(change)
            state = {**before, **change}
        except OSError:
            state = before
        calls.off()
        assert differs(state, agreed(chk, file, state)) is None
    is_clean(file, state)


@in_child
def test_a_copy_that_finds_no_room_is_not_left(file: Path) -> None:
    """recover(into=) that fails while it copies leaves no half copy, and can be done again."""
    copy = file.parent.parent / "copy.hdf5"
    state = {"a": np.arange(10**5)}
    HDF5Checkpointer(file).update(state)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for _ in range(2):
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, limits[1]))
        with pytest.raises(OSError) as caught:  # noqa: PT011  not FileExistsError
            HDF5Checkpointer(file).recover(into=str(copy))
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert caught.value.errno == errno.EFBIG and not copy.exists()
        assert caught.value.filename == str(copy)  # and not the file, which is whole
    assert not HDF5Checkpointer(file).recover(into=str(copy))
    is_clean(file, state)
    assert differs(view(copy), state) is None
    with pytest.raises(FileExistsError):
        HDF5Checkpointer(file).recover(into=str(copy))
    assert differs(view(copy), state) is None


ENDS = """
import os, sys
from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.wal import first_commit
from tests.regressions.failing import Calls

first_commit.MEMORY_BYTES = -1  # HDF5 writes into the file, as for large arrays
path = sys.argv[1]
with Calls(os.path.dirname(path)) as calls:
    calls.fail("write", first=1, times=1000)
    try:
        HDF5Checkpointer(path)["a"] = 1.0
    except OSError as error:
        print(error.strerror)
    calls.off()
HDF5Checkpointer(path)["a"] = 2.0
print(HDF5Checkpointer(path)["a"])
"""


def test_a_process_that_met_a_full_disk_ends_in_order(tmp_path: Path) -> None:
    """A new file that could not be written is freed: HDF5 does not close it when Python is gone."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", ENDS, str(tmp_path / "x.hdf5")],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "Input/output error\n2.0\n"), done.stderr
