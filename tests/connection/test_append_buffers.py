"""Rows that wait in memory, where there is no log: without a journal, in file objects, in memory."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CheckpointerKeyError, HDF5Checkpointer
from hdfchk.backends.hdf5.session import Hdf5Session
from hdfchk.backends.memory import MemorySession
from hdfchk.connection.append_buffers import WAITING_BYTES
from tests.support.inside import connection
from tests.test_group_append import full, seen, waiting


def test_order_where_rows_wait(path: str) -> None:
    """Without a log, what waits is written before anything that is done after it."""
    with HDF5Checkpointer(path, sync_interval=1000, journal=False) as chk:
        chk.append("loss", 1.0)
        chk.append("loss", 2.0)
        assert waiting(chk)
        chk["step"] = 2
        assert not waiting(chk) and chk["loss"].tolist() == [1.0, 2.0]
        chk.append("loss", 3.0)  # at once: what is known of arrays is forgotten
        chk.append("loss", 4.0)
        assert waiting(chk)
        other = HDF5Checkpointer(path, journal=False)  # of this process
        assert other["loss"].tolist() == [1.0, 2.0, 3.0, 4.0] and not waiting(chk)
        del chk["loss"]
        chk.append("loss", 4.0)
        chk.append("loss", 5.0)
        chk["loss"] = np.array([7.0])
        chk.append("loss", 8.0)
        chk.append("loss", 9.0)
        chk.commit()
        assert not waiting(chk) and chk["loss"].tolist() == [7.0, 8.0, 9.0]
        for n in range(WAITING_BYTES // 8 + 2):
            chk.append("loss", float(n))
        waits = connection(chk).appends.get(("loss",))
        assert waits is not None and waits.nbytes < WAITING_BYTES  # there is a limit
    assert seen(path) == [7.0, 8.0, 9.0, *map(float, range(WAITING_BYTES // 8 + 2))]


def test_rows_do_not_wait_for_ever() -> None:
    """A thread writes what has waited for sync_interval, though nothing more is done."""
    buffer = io.BytesIO()
    with HDF5Checkpointer(buffer, sync_interval=0.05) as chk:
        chk.append("loss", 1.0)
        chk.append("loss", 2.0)
        end = time.monotonic() + 20
        while len(HDF5Checkpointer(io.BytesIO(buffer.getvalue()))["loss"]) < 2:
            assert time.monotonic() < end, "the row still waits"
            time.sleep(0.01)
        chk.append("loss", 3.0)
    assert chk["loss"].tolist() == [1.0, 2.0, 3.0]


def test_a_failure_keeps_rows_that_wait(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that cannot be written now, for want of room, wait, and are written when there is."""
    with HDF5Checkpointer(path, sync_interval=1000, journal=False) as chk:
        chk.append("loss", 1.0)
        chk.append("loss", 2.0)
        with monkeypatch.context() as patch:
            patch.setattr(Hdf5Session, "append", full)
            for use in (lambda: chk["loss"], chk.commit, lambda: chk.update(x=1)):
                with pytest.raises(OSError, match="No space"):
                    use()
        chk.append("loss", 3.0)
        assert chk["loss"].tolist() == [1.0, 2.0, 3.0]
        chk.append("loss", 4.0)
        chk.append("loss", 5.0)
        with monkeypatch.context() as patch:
            patch.setattr(Hdf5Session, "append", full)
            with pytest.raises(OSError, match="No space"):
                chk.close()
    assert not chk.is_open


def test_an_array_that_is_gone(path: str) -> None:
    """Rows whose array was taken away behind the store's back are an error that says so, once."""
    with h5py.File(path, "w") as file, HDF5Checkpointer(file, sync_interval=1000) as chk:
        chk.append("loss", 1.0)
        chk.append("loss", 2.0)
        chk.append("loss", 3.0)
        assert waiting(chk)
        del file["loss"]
        with pytest.raises(CheckpointerKeyError):
            chk.commit()
        chk["x"] = 1
        chk.append("loss", 4.0)
    assert HDF5Checkpointer(path).load().keys() == {"x", "loss"}


@pytest.mark.parametrize("target", ["path", "file object", "memory"])
def test_a_row_that_cannot_be_written(
    path: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of one array that cannot be written are given up with an error; others are not."""
    owner: Any = Hdf5Session if target != "memory" else MemorySession
    real = owner.append

    def broken(self: Any, key: Any, rows: Any) -> None:
        if key == ("bad",):
            raise ValueError("it cannot be written")
        real(self, key, rows)

    where: dict[str, Any] = {"path": path, "file object": io.BytesIO(), "memory": None}
    with HDF5Checkpointer(where[target], sync_interval=1000, journal=False) as chk:
        for key in ("good", "bad", "more"):
            chk.append(key, 0.0)
        for n in (1, 2, 3):
            for key in ("good", "bad", "more"):
                chk.append(key, float(n))
        with monkeypatch.context() as patch:
            patch.setattr(owner, "append", broken)
            with pytest.raises(ValueError, match="cannot be written"):
                chk.commit()
            chk.commit()
            assert chk["good"].tolist() == chk["more"].tolist() == [0, 1, 2, 3]
        assert chk["bad"].tolist() == [0, 1]  # what waited is given up
        chk.append("m", np.zeros((2, 2)))
        chk.append("m", np.matrix([[1.0, 2], [3, 4]]))
        chk.append("m", np.zeros((1, 2, 2)))
    assert chk["m"].shape == (3, 2, 2)


def test_what_the_thread_meets_is_told(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that the thread had to give up are an error of the next call."""
    met = threading.Event()

    def broken(self: Any, key: Any, rows: Any) -> None:
        met.set()
        raise ValueError("it cannot be written")

    with HDF5Checkpointer(path, sync_interval=0.02, journal=False) as chk:
        chk.append("x", 0.0)
        with monkeypatch.context() as patch:
            patch.setattr(Hdf5Session, "append", broken)
            chk.append("x", 1.0)
            assert met.wait(20)
            time.sleep(0.1)
        with pytest.raises(ValueError, match="cannot be written"):
            chk["y"] = [1]
        chk["y"] = [2]
    assert chk.load()["y"] == [2] and chk["x"].tolist() == [0]
