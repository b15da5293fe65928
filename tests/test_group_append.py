"""Appending: logs made row by row, what waits and for how long, what a kill costs."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CheckpointerKeyError,
    CheckpointWarning,
    HDF5Checkpointer,
    InvalidKeyError,
    InvalidOptionError,
    NotAGroupError,
    ReadOnlyError,
    UnsupportedTypeError,
)
from hdfchk.connection.append_buffers import WAITING_BYTES
from tests.support.inside import connection

ROOT = Path(__file__).parents[1]


def seen(path: str, key: str = "loss") -> list[float]:
    """What another process would read: the last commit."""
    found: list[float] = HDF5Checkpointer(path, mode="r")[key].tolist()
    return found


def waiting(chk: HDF5Checkpointer) -> bool:
    """Whether rows wait in memory."""
    return bool(connection(chk).appends)


@pytest.mark.slow
def test_a_log(path: str) -> None:
    """The first row makes the array; inside a block and outside, all rows are there in order."""
    chk = HDF5Checkpointer(path)
    chk.append("log/loss", 0.5)
    chk.append("log/loss", 0.25)
    with chk:
        for n in range(1500):
            chk.append("log/loss", float(n))
            chk["log"].append("frames", np.full((2, 3), n, "f4"))
        assert len(chk.array("log/loss")) == 1502  # what waits is seen
        assert chk["log/frames"].shape == (1500, 2, 3)
    assert chk["log/loss"].tolist() == [0.5, 0.25, *map(float, range(1500))]
    assert chk["log/frames"].dtype == "f4" and (chk["log/frames"][:, 0, 0] == range(1500)).all()
    with h5py.File(path) as file:
        assert file["log/loss"].maxshape == (None,)
        assert file["log/loss"].chunks[0] * 8 <= 2**20  # a commit writes a chunk anew


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([1, 2], np.array([1, 2])),
        ([True, False], np.array([True, False])),
        (["a", "longer text"], np.array(["a", "longer text"], np.dtypes.StringDType())),
        ([1 + 2j, 3j], np.array([1 + 2j, 3j])),
        ([np.datetime64(1, "s"), np.datetime64(5, "s")], np.array([1, 5], "M8[s]")),
        ([np.float32(1), np.float32(2)], np.array([1, 2], "f4")),
        ([[1.0, 2.0], (3.0, 4.0)], np.array([[1.0, 2.0], [3.0, 4.0]])),
        (
            [np.array((1, 2.0), "i4,f8"), np.array((3, 4.0), "i4,f8")],
            np.array([(1, 2.0), (3, 4.0)], "i4,f8"),
        ),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_types(path: str, rows: list[Any], expected: np.ndarray, inside: bool) -> None:
    """Rows of every kind of dtype make an array of that dtype."""
    chk = HDF5Checkpointer(path)
    if inside:
        with chk:
            for row in rows * 3:
                chk.append("x", row)
    else:
        for row in rows * 3:
            chk.append("x", row)
    found = chk["x"]
    assert found.dtype == expected.dtype
    assert found.tolist() == np.concatenate([expected] * 3).tolist()


def test_blocks_and_arrays_of_others(path: str) -> None:
    """A block of rows is appended as such; arrays in one piece, lists and those of others grow."""
    chk = HDF5Checkpointer(path)
    chk["x"] = np.arange(40000.0).reshape(-1, 2)
    chk["list"] = [1, 2]
    with h5py.File(path, "a") as file:
        file.create_dataset("theirs", data=[1, 2], maxshape=(None,), compression="gzip")
        file.create_dataset("limited", data=[1, 2], maxshape=(3,), chunks=(2,))
    with chk:
        chk.append("x", np.ones((3, 2)))
        chk.append("x", [5, 6])  # integers fit in floats
        chk.append("list", 3)
        chk.append("theirs", 3)
        chk.append("limited", 3)
        chk.append("limited", 4)
    assert chk["x"].shape == (20004, 2) and chk["x"][-1].tolist() == [5.0, 6.0]
    assert chk["list"] == [1, 2, 3] and type(chk["list"]) is list
    assert chk["theirs"].tolist() == [1, 2, 3] and chk.array("theirs").compression == "gzip"
    assert chk["limited"].tolist() == [1, 2, 3, 4]


def test_refused(path: str) -> None:
    """What does not fit is refused at once, and what waits before it is kept."""
    chk = HDF5Checkpointer(path, omitted_keys="hidden")
    with chk:
        chk.append("n", 1)
        chk.append("n", 2)
        chk["value"] = "text"
        chk.append("frames", np.zeros((2, 2)))
        for key, row, error in (
            ("n", 0.5j, UnsupportedTypeError),
            ("n", "text", UnsupportedTypeError),
            ("n", [[1]], InvalidOptionError),
            ("n", 2**70, (UnsupportedTypeError, OverflowError)),
            ("frames", np.zeros(2), InvalidOptionError),
            ("frames", np.ma.masked_array(np.zeros((2, 2)), True), UnsupportedTypeError),
            ("new", object(), UnsupportedTypeError),
            ("value", 1.0, (TypeError, ValueError)),
            ("value/inner", 1.0, NotAGroupError),
            ("hidden", 1.0, CheckpointerKeyError),
            ("hidden/inner", 1.0, CheckpointerKeyError),
            ("", 1.0, InvalidKeyError),
        ):
            with pytest.raises(error):
                chk.append(key, row)
    assert chk["n"].tolist() == [1, 2] and list(chk) == ["n", "value", "frames"]
    with pytest.raises(ReadOnlyError):
        HDF5Checkpointer(path, mode="r").append("n", 1)


def test_a_row_may_be_used_again(path: str) -> None:
    """A buffer of the caller's that is filled anew for each row is copied."""
    with HDF5Checkpointer(path) as chk:
        frame = np.zeros(3)
        for n in range(4):
            frame[:] = n
            chk.append("frames", frame)
    assert chk["frames"][:, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.slow
def test_order(path: str) -> None:
    """A row is committed when the call returns, before anything that is done after it."""
    with HDF5Checkpointer(path, sync_interval=1000) as chk:
        chk.append("loss", 1.0)
        chk.append("loss", 2.0)
        assert seen(path) == [1.0, 2.0] and not waiting(chk)
        chk["step"] = 2
        assert HDF5Checkpointer(path, mode="r").load()["loss"].tolist() == [1.0, 2.0]
        chk.append("loss", 3.0)
        del chk["loss"]
        chk.append("loss", 4.0)
        chk.append("loss", 5.0)
        chk["loss"] = np.array([7.0])
        chk.append("loss", 8.0)
        assert seen(path) == [7.0, 8.0]
        chk.append("frames", np.zeros(5000))
        chk.append("frames", np.ones(5000))  # too large for a record of the log
        assert len(seen(path, "frames")) == 2
        for n in range(WAITING_BYTES // 8 + 2):
            chk.append("loss", float(n))
        assert seen(path) == [7.0, 8.0, *map(float, range(WAITING_BYTES // 8 + 2))]
        assert not waiting(chk)


@pytest.mark.parametrize("kind", ["file", "memory", "file object"])
def test_transactions(path: str, kind: str) -> None:
    """Rows of a transaction are there with it, or not at all; rows before it stay."""
    target = {"file": path, "memory": None, "file object": io.BytesIO()}[kind]
    with HDF5Checkpointer(target, sync_interval=1000) as chk:
        chk.append("loss", 1.0)
        chk.append("loss", 2.0)
        with pytest.raises(ZeroDivisionError), chk.transaction():
            chk.append("loss", 3.0)
            chk.append("loss", 4.0)
            chk.append("other", 1.0)
            1 / 0  # noqa: B018
        assert chk["loss"].tolist() == [1.0, 2.0] and "other" not in chk
        with chk.transaction():
            chk.append("loss", 3.0)
            chk.append("loss", 4.0)
            assert len(chk.array("loss")) == 4
            assert kind != "file" or seen(path) == [1.0, 2.0]
        assert kind != "file" or len(seen(path)) == 4
    assert chk["loss"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_no_interval(path: str) -> None:
    """With sync_interval=0 nothing waits."""
    with HDF5Checkpointer(path, sync_interval=0) as chk:
        for n in range(5):
            chk.append("loss", float(n))
            assert len(seen(path)) == n + 1
    buffer = io.BytesIO()
    with HDF5Checkpointer(buffer, sync_interval=0) as chk:
        for n in range(5):
            chk.append("loss", float(n))
            assert len(HDF5Checkpointer(io.BytesIO(buffer.getvalue()))["loss"]) == n + 1


def test_not_in_a_transaction(path: str) -> None:
    """The thread leaves rows of a transaction to its end."""
    with HDF5Checkpointer(path, sync_interval=0.01) as chk:
        chk.append("loss", 1.0)
        with chk.transaction():
            chk.append("loss", 2.0)
            chk.append("loss", 3.0)
            time.sleep(0.2)
            assert seen(path) == [1.0]
    assert len(chk["loss"]) == 3


def test_threads(path: str) -> None:
    """Threads that append to one store take turns: no row is lost or torn."""
    with HDF5Checkpointer(path, sync_interval=0.01) as chk:

        def work(number: int) -> None:
            for n in range(300):
                chk.append("shared", np.full(3, number, float))
                if n % 50 == 0:
                    chk[f"own{number}"] = n

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    rows = chk["shared"]
    assert rows.shape == (1200, 3) and (rows == rows[:, :1]).all()
    assert np.bincount(rows[:, 0].astype(int)).tolist() == [300] * 4


def full(*args: Any, **options: Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_failure_keeps_the_rows(path: str) -> None:
    """Rows in the log that HDF5 cannot append now, for want of room, wait, and lose nothing."""
    with HDF5Checkpointer(path, sync_interval=1000) as chk:
        chk.append("loss", 1.0)
        chk.append("loss", 2.0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("hdfchk.backends.hdf5.wal.replay.append_rows", full)
            for use in (lambda: chk["loss"], chk.commit, lambda: chk.update(x=1)):
                with pytest.raises(OSError, match="No space"):
                    use()
        chk.append("loss", 3.0)
        assert chk["loss"].tolist() == [1.0, 2.0, 3.0] and "x" not in chk
        chk.append("loss", 4.0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("hdfchk.backends.hdf5.wal.replay.append_rows", full)
            with pytest.warns(CheckpointWarning, match="No space"):
                chk.close()
    assert os.path.exists(path + "-journal")
    assert chk["loss"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert not os.path.exists(path + "-journal")


def test_a_row_without_room_in_the_log(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that cannot be put into the log is an error of its call, and is not there."""
    with HDF5Checkpointer(path, sync_interval=1000) as chk:
        chk.append("loss", 1.0)
        chk.append("loss", 2.0)
        with monkeypatch.context() as patch:
            patch.setattr("hdfchk.backends.hdf5.wal.log.Log.append_logical", full)
            with pytest.raises(OSError, match="No space"):
                chk.append("loss", 3.0)
            assert chk["loss"].tolist() == [1.0, 2.0]
        chk.append("loss", 4.0)
        assert seen(path) == [1.0, 2.0, 4.0]
    assert chk["loss"].tolist() == [1.0, 2.0, 4.0]


def test_what_a_row_takes_of_the_log(path: str) -> None:
    """A row and a number take few bytes of the log, and a row of 1 KiB little more than that."""

    def size() -> int:
        return os.path.getsize(path + "-journal")

    with HDF5Checkpointer(path, sync_interval=1000) as chk:
        for n in range(2):
            chk.append("loss", float(n))
            chk.append("long", np.zeros(128))
            chk["step"] = n
        start = size()
        for n in range(200):
            chk.append("loss", float(n))
            chk["step"] = n
        pairs = size()
        for n in range(50):
            chk.append("long", np.full(128, n))
        rows = size()
        assert 0 < pairs - start <= 200 * 300
        assert 50 * 1024 < rows - pairs <= 50 * 1324
    assert len(chk["loss"]) == 202 and chk["long"][-1, -1] == 49 and chk["step"] == 199


@pytest.mark.parametrize("journal", [True, False])
def test_an_array_that_the_stream_replaces(path: str, journal: bool) -> None:
    """Beside a stream that is lent, nothing is taken for known of an array, and no row waits."""
    with HDF5Checkpointer(path, journal=journal) as chk:
        chk.append("loss", 1.0)
        stream = chk.stream
        chk.append("loss", 2.0)
        chk.append("loss", 3.0)
        del stream["loss"]
        stream["loss"] = np.array([1, 2], "i4")
        with pytest.raises(UnsupportedTypeError):
            chk.append("loss", 0.5)
        chk.append("loss", 3)
        del stream["loss"]
        chk.append("loss", 0.5)
    assert chk["loss"].tolist() == [0.5]


def test_an_array_that_the_stream_deletes(path: str) -> None:
    """What is done to a stream is a part of the next commit."""
    with HDF5Checkpointer(path, sync_interval=1000) as chk:
        chk.append("loss", 1.0)
        stream = chk.stream
        chk.append("loss", 2.0)
        assert stream["loss"][()].tolist() == [1.0, 2.0] == seen(path)
        del stream["loss"]
        assert seen(path) == [1.0, 2.0]
        chk.commit()
        assert "loss" not in HDF5Checkpointer(path, mode="r")
        chk.append("loss", 3.0)
    assert chk["loss"].tolist() == [3.0]


@pytest.mark.parametrize("journal", [True, False])
def test_fork(path: str, journal: bool) -> None:
    """A child does not write the rows of its parent."""
    with HDF5Checkpointer(path, sync_interval=1000, journal=journal) as chk:
        chk.append("loss", 1.0)
        chk.append("loss", 2.0)
        ours = connection(chk)
        assert waiting(chk) is not journal
        child = os.fork()
        if child == 0:
            try:
                ours.write_rows()
                ours.close_storage()
                chk.close()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert waiting(chk) is not journal
        chk.append("loss", 3.0)
    assert chk["loss"].tolist() == [1.0, 2.0, 3.0]


def test_stores_that_keep_nothing(path: str) -> None:
    """Appending works in memory, in a dict used in place, and where nothing is kept."""
    memory = HDF5Checkpointer(None)
    target: dict[str, Any] = {"x": np.arange(2)}
    in_place = HDF5Checkpointer.build_canonical(target)
    nothing = HDF5Checkpointer.build_canonical(None)
    for chk in (memory, in_place, nothing):
        with chk:
            chk["x"] = np.arange(2)
            chk.append("x", 2)
            chk.append("t", np.datetime64(1, "s"))
            chk.append("t", np.datetime64(2, "s"))
    assert memory["x"].tolist() == [0, 1, 2] and memory["t"].dtype == "M8[s]"
    assert target["x"].tolist() == [0, 1, 2] and target["t"].dtype == "M8[s]"
    assert len(nothing) == 0


KILLED = """
import sys
from hdfchk import HDF5Checkpointer
with HDF5Checkpointer(sys.argv[1], sync_interval=0.1) as chk:
    n = 0
    while True:
        chk.append("loss", float(n))
        chk.append("pair", [float(n), -float(n)])
        n += 1
        print(n, flush=True)
"""


def test_a_kill_costs_nothing(path: str) -> None:
    """After SIGKILL all rows are there whose call has returned, and whole ones only."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(600)]
    process.send_signal(signal.SIGKILL)
    said += process.communicate()[0].splitlines(keepends=True)
    last = int([line for line in said if line.endswith("\n")][-1])
    for chk in (HDF5Checkpointer(path, mode="r"), HDF5Checkpointer(path)):
        loss, pair = chk["loss"], chk["pair"]
        assert loss.tolist() == list(map(float, range(len(loss))))
        assert pair.shape[1:] == (2,) and (pair.sum(axis=1) == 0).all()
        assert len(pair) <= len(loss) <= len(pair) + 1 and last <= len(pair) <= last + 1


def test_a_step_of_a_loop_is_small_records(tmp_path: Path) -> None:
    """A row and a number in each step: at most 300 bytes of the log, and no image of a page."""
    path = tmp_path / "x.hdf5"
    with HDF5Checkpointer(path) as chk:
        chk.append("loss", 0.0)
        chk["step"] = 0
        chk.commit()
        log = Path(f"{path}-journal")
        before = log.stat().st_size
        for step in range(500):
            chk.append("loss", step / 3)
            chk["step"] = step
        assert log.stat().st_size - before <= 300 * 500
        assert len(seen(str(path))) == 501  # each is there as soon as it has returned
