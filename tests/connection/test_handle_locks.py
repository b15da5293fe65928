"""Two processes, or two stores, on one file."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import pytest

from hdfchk import HDF5Checkpointer, LockedError, PendingJournalWarning
from tests.support.inside import logs_from_now_on

ROOT = Path(__file__).parents[2]
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
    """After lock_timeout a second writer gets a LockedError that names file, process and host."""
    chk = HDF5Checkpointer(path, lock_timeout=0.1)
    started = time.monotonic()
    with pytest.raises(LockedError) as caught:
        chk.update(b=1)
    assert time.monotonic() - started >= 0.1
    assert caught.value.file == path and isinstance(caught.value, BlockingIOError)
    assert f"process {holder.pid} on {socket.gethostname()}" in str(caught.value)
    assert not chk.is_open


def test_reads_beside_a_writer(path: str, holder: Any) -> None:
    """A reader sees the writer's last commit, and keeps it until it closes the file."""
    chk = HDF5Checkpointer(path, mode="r", lock_timeout=0.1)
    with chk:
        assert chk.load() == {"a": 1, "held": 1}
        holder.stdin.write("\n")
        holder.stdin.flush()
        holder.wait(timeout=30)
        assert chk.load() == {"a": 1, "held": 1}
        # The reader keeps the commits in the journal, and holds no second writer up.
        with pytest.warns(PendingJournalWarning, match="this process"):
            HDF5Checkpointer(path, lock_timeout=0.1)["more"] = 3
        assert chk.load() == {"a": 1, "held": 1}
    assert chk.load() == {"a": 1, "held": 1, "done": 2, "more": 3}
    HDF5Checkpointer(path)["last"] = 4
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def test_waits(path: str, holder: Any) -> None:
    """A second writer waits for a first that comes to its end in time."""
    holder.stdin.write("\n")
    holder.stdin.flush()
    chk = HDF5Checkpointer(path)
    chk["after"] = 1
    assert chk["done"] == 2


def test_plain_h5py_writes(path: str) -> None:
    """A process that writes with plain h5py is waited for, then named as what holds the file."""
    with h5py.File(path, "w") as file:
        file["a"] = 1
        file.flush()
        chk = HDF5Checkpointer(path, lock_timeout=0.1)
        for use in (lambda: chk["a"], lambda: chk.update(b=1), lambda: list(chk)):
            with pytest.raises(LockedError) as caught:
                use()
            assert caught.value.file == path
    chk["b"] = 2
    assert chk.load() == {"a": 1, "b": 2}


def test_a_call_beside_a_block(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call outside a block is on the disk at its end, also while another store has one."""
    other = HDF5Checkpointer(path)
    logs = logs_from_now_on(monkeypatch)
    with HDF5Checkpointer(path, sync_interval=1000) as chk:
        chk["a"] = 1
        chk.append("rows", 1.0)
        for use in (
            lambda: other.update(b=1),
            lambda: other.append("rows", 2.0),
            lambda: other.append("rows", 3.0),
            lambda: other.__delitem__("b"),
        ):
            chk["a"] = 2
            log = logs[-1]
            assert not log.is_synced
            use()
            assert log.is_synced
    assert chk["rows"].tolist() == [1.0, 2.0, 3.0]


def test_two_stores_in_one_process(path: str) -> None:
    """Two stores of one process share what they have open; one of mode "r" keeps its snapshot."""
    first, second = HDF5Checkpointer(path), HDF5Checkpointer(path, lock_timeout=0.1)
    first["a"] = 1
    with HDF5Checkpointer(path, mode="r") as reader:
        assert first["a"] == 1 == reader["a"]
        with pytest.warns(PendingJournalWarning, match="this process"), first:
            assert first["a"] == 1 == second["a"]
            second["b"] = 2
            assert first["b"] == 2 and "b" not in reader
    with first:
        first["c"] = 3
        assert second["c"] == 3
        second["d"] = 4
        assert first["d"] == 4
    assert first.load() == {"a": 1, "b": 2, "c": 3, "d": 4}
