"""Appended rows that wait for their commit while the system fails: each is there once."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer

from .children import eventually, in_child, outcome
from .failing import Calls
from .states import again, is_clean, view


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a store may be made, in a folder of its own."""
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs" / "x.hdf5"


@pytest.mark.parametrize("kind", ["sync", "write", "reserve"])
@pytest.mark.parametrize("first", range(3))
@in_child
def test_rows_are_appended_once_when_a_sync_fails(file: Path, kind: str, first: int) -> None:
    """Rows whose commit met an error in the background are not appended again, and it is told."""
    told = []
    with Calls(file.parent) as calls:
        with HDF5Checkpointer(file, sync_interval=0.05) as chk:
            chk.append("log", 0.0)
            chk.commit()
            calls.fail(kind, first=first, number=errno.EIO)
            rows = [0.0]
            for number in range(1, 6):
                try:
                    chk.append("log", float(number))
                    rows.append(float(number))
                except OSError as error:
                    told.append(error)
            eventually(lambda: calls.failed > 0, 0.4)
            failed = calls.failed
            calls.off()
            try:
                chk.append("log", 6.0)
                rows.append(6.0)
            except OSError as error:
                told.append(error)
            found = again(lambda: chk["log"]).tolist()
            assert found == sorted(set(found)), found
            assert set(rows) <= set(found), (rows, found)
            assert not failed or kind != "sync" or told, "nobody was told"
        is_clean(file, {"log": np.array(found)})


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_rows_are_committed_after_a_passing_error(file: Path, kind: str) -> None:
    """Rows whose commit failed for a moment are committed soon, with no call in between."""

    def killed() -> None:
        with Calls(file.parent) as calls, HDF5Checkpointer(file, sync_interval=0.05) as chk:
            chk.append("log", 0.0)
            chk.commit()
            calls.fail(kind, number=errno.ENOSPC)
            chk.append("log", 1.0)
            assert eventually(lambda: calls.failed > 0)
            calls.off()
            assert eventually(lambda: view(file)["log"].tolist() == [0.0, 1.0]), view(file)
            os.kill(os.getpid(), signal.SIGKILL)

    said = outcome(killed)
    assert said == "it was ended by SIGKILL", said
    assert view(file)["log"].tolist() == [0.0, 1.0]
    is_clean(file, {"log": np.array([0.0, 1.0])})


@in_child
def test_an_endless_interval_stops_no_other_store(file: Path) -> None:
    """A store with sync_interval=inf leaves the work of other stores' background thread alone."""
    other = file.with_name("other.hdf5")
    with (
        HDF5Checkpointer(file, sync_interval=float("inf")) as endless,
        HDF5Checkpointer(other, sync_interval=0.05) as chk,
    ):
        endless["a"] = 1
        endless["a"] = np.arange(1000.0)
        endless.append("log", 0.0)
        endless.append("log", 1.0)
        chk.append("log", 0.0)
        chk.commit()
        chk.append("log", 1.0)
        assert eventually(lambda: view(other)["log"].tolist() == [0.0, 1.0])
    assert view(file)["log"].tolist() == [0.0, 1.0]
