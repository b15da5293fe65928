"""Calls that lock a file, and fail: an error that names the file, or the warning, and one state."""

from __future__ import annotations

import errno
import fcntl
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import CheckpointWarning, HDF5Checkpointer, NoLocksWarning

from .children import in_child, killed_writer
from .states import view

RANGES = {getattr(fcntl, name) for name in dir(fcntl) if name.startswith("F_OFD_")}
BEFORE: dict[str, Any] = {"a": 1, "x": np.ones(20_000)}


class Locks:
    """While it is entered, one call that locks a file, or asks for a lock, fails."""

    def __init__(self, call: str, number: int, failing: int) -> None:
        self._call, self._number, self._failing = call, number, failing
        self._real = getattr(fcntl, call)
        self.count = 0

    def __enter__(self) -> Locks:
        setattr(fcntl, self._call, self._stand_in)
        return self

    def __exit__(self, *_: object) -> None:
        setattr(fcntl, self._call, self._real)

    def _stand_in(self, descriptor: int, command: int, *rest: Any) -> Any:
        if self._call == "flock" or command in RANGES:
            self.count += 1
            if self.count - 1 == self._failing:
                raise OSError(self._number, os.strerror(self._number))
        return self._real(descriptor, command, *rest)


def write(file: Path) -> None:
    """All ways to write a file."""
    with HDF5Checkpointer(file, lock_timeout=0.5) as chk:
        chk["b"] = 1
        chk["y"] = np.ones(20_000)
        chk.commit()
    HDF5Checkpointer(file, lock_timeout=0.5)["c"] = 2
    HDF5Checkpointer(file, lock_timeout=0.5).compact()
    HDF5Checkpointer(f"{file}-new", lock_timeout=0.5)["d"] = 3


def read(file: Path) -> None:
    """All ways to read one."""
    chk = HDF5Checkpointer(file, mode="r")
    assert chk["a"] == 1
    with chk:
        assert chk["x"].sum() == 20_000 and chk.load()["a"] == 1
    assert chk.verify().ok and chk.array("x").map()[5] == 1


def read_and_bring_in(file: Path) -> None:
    """Read a file whose writer was killed, by a store that may write."""
    assert HDF5Checkpointer(file)["a"] == 1
    HDF5Checkpointer(file).recover()


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOLCK], ids=["EIO", "ENOLCK"])
@pytest.mark.parametrize("call", ["flock", "fcntl"])
@pytest.mark.parametrize("work", [write, read, read_and_bring_in])
@in_child
def test_each_lock_may_fail(
    tmp_path: Path, work: Callable[[Path], None], call: str, number: int
) -> None:
    """Each call that locks fails in turn: an error that names the file, or a warning of ours."""
    failing, is_through = 0, False
    while not is_through:
        file = tmp_path / f"{failing}.hdf5"
        HDF5Checkpointer(file).update(BEFORE)
        if work is read_and_bring_in:
            killed_writer(file, {"k": 1})
        with warnings.catch_warnings(), Locks(call, number, failing) as locks:
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", CheckpointWarning)
            warnings.simplefilter("ignore", NoLocksWarning)
            try:
                work(file)
            except OSError as error:
                assert number == errno.EIO, f"call {failing}: {error}"  # else it is the warning
                named = error.filename or getattr(error, "file", None)
                assert str(named).startswith(str(file)), f"call {failing} names {named!r}: {error}"
            is_through = locks.count <= failing
        found = view(file)
        assert found["a"] == 1 and found["x"].sum() == 20_000
        HDF5Checkpointer(file, lock_timeout=0.5)["after"] = 1
        assert not os.path.exists(f"{file}-journal")
        failing += 1
    assert failing > 1
