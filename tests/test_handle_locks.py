"""Two processes, or two stores, on one file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hdfchk import HDF5Checkpointer, LockedError

ROOT = Path(__file__).parents[1]
HOLD = """
import sys, time
from hdfchk import HDF5Checkpointer
with HDF5Checkpointer(sys.argv[1]) as chk:
    chk["held"] = 1
    print("held", flush=True)
    sys.stdin.readline()
    chk["done"] = 2
"""


@pytest.fixture
def holder(path: str) -> Any:
    """A process that holds the file for writing until it is told to go on."""
    HDF5Checkpointer(path)["a"] = 1
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.communicate("\n", timeout=30)
    assert process.returncode == 0


def test_locked(path: str, holder: Any) -> None:
    """After lock_timeout a reader and a writer get a LockedError that names the file."""
    chk = HDF5Checkpointer(path, lock_timeout=0.1)
    for use in (lambda: chk["a"], lambda: chk.update(b=1), lambda: list(chk)):
        started = time.monotonic()
        with pytest.raises(LockedError) as caught:
            use()
        assert time.monotonic() - started >= 0.1
        assert caught.value.file == path and isinstance(caught.value, BlockingIOError)
    assert not chk.is_open


def test_waits(path: str, holder: Any) -> None:
    """A reader waits for a writer that comes to its end in time."""
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert HDF5Checkpointer(path)["done"] == 2


def test_two_stores_in_one_process(path: str) -> None:
    """A second store reads beside a first; writing beside one that reads is a LockedError."""
    first, second = HDF5Checkpointer(path), HDF5Checkpointer(path, lock_timeout=0.1)
    first["a"] = 1
    with first:
        assert first["a"] == 1 == second["a"]
        with pytest.raises(LockedError):
            second["b"] = 2
    second["b"] = 2
    with first:
        first["c"] = 3
        assert second["c"] == 3
