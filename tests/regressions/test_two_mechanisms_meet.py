"""Cases in which two mechanisms meet: forks, signals and threads in the middle of something."""

from __future__ import annotations

import io
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    HDF5Checkpointer,
    InvalidOptionError,
    JournalMismatchWarning,
    LockedError,
    TransactionError,
    UnsupportedStoredError,
    UnsupportedTypeError,
)
from hdfchk.backends.hdf5.wal import overlay, replay
from hdfchk.backends.hdf5.wal.wal_file import LOGICAL_BYTES, WalFile
from hdfchk.runtime import posix
from hdfchk.runtime import scheduler as alarm
from tests.support.inside import logs_from_now_on, writing

ROOT = Path(__file__).parents[2]


def test_a_child_writes_nothing_into_its_parents_file(path: str) -> None:
    """After a fork inside a block the child is a process of its own: the file is its parent's."""
    chk = HDF5Checkpointer(path, lock_timeout=0.2)
    chk["x"] = 0
    with chk:
        chk["y"] = np.zeros(10)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for value in (np.full(200_000, 9.0), 1):
                    try:
                        chk["z"] = value
                    except LockedError:
                        status += 10
                assert chk["x"] == 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 21
        chk["a"] = np.full(200_000, 1.0)
        chk["b"] = 2
    found = HDF5Checkpointer(path).load()
    assert (found["a"] == 1).all() and found["b"] == 2 and "z" not in found


def test_an_interrupt_after_the_commit_of_rows(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while rows are committed does not have them written twice."""
    chk, real = HDF5Checkpointer(path), WalFile.commit

    def commit(self: WalFile) -> bool:
        done = real(self)
        monkeypatch.setattr(WalFile, "commit", real)
        signal.raise_signal(signal.SIGINT)
        return done

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), chk:
            for n in range(5):
                chk.append("log", float(n))
            monkeypatch.setattr(WalFile, "commit", commit)
            chk["step"] = [5]
    finally:
        signal.signal(signal.SIGINT, before)
    assert chk["log"].tolist() == [0, 1, 2, 3, 4]


def test_an_inner_transaction_that_failed(path: str) -> None:
    """An error of an inner transaction that is swallowed in the outer one is its error, too."""
    chk = HDF5Checkpointer(path)
    chk["x"] = 0
    with pytest.raises(TransactionError), chk.transaction():
        chk["a"] = 1
        try:
            with chk.transaction():
                chk["b"] = 2
                raise RuntimeError
        except RuntimeError:
            pass
        chk["c"] = 3
    assert chk.load() == {"x": 0}


def test_close_inside_a_transaction(path: str) -> None:
    """Closing a store in the middle of a transaction gives it up, whatever comes after that."""
    for chk in (HDF5Checkpointer(path), HDF5Checkpointer(io.BytesIO()), HDF5Checkpointer(None)):
        chk["a"] = 0
        with pytest.raises(TransactionError), chk.transaction():
            chk["a"] = 1
            chk.append("log", 1.0)
            chk.append("log", 2.0)
            chk.close()
        with pytest.raises(TransactionError, match="closed"), chk, chk.transaction():
            chk["a"] = 1
            chk.close()
            assert chk["a"] == 0
            chk["b"] = 2
        with pytest.raises(ZeroDivisionError), chk.transaction():
            chk["a"] = 1
            chk.close()
            1 / 0  # noqa: B018
        assert chk.load() == {"a": 0} and not chk.is_open


GENERATOR = """
import sys
from hdfchk import HDF5Checkpointer
def work(chk):
    with chk.transaction():
        chk["a"] = 1
        chk["b"] = [2]
        yield
chk = HDF5Checkpointer(sys.argv[1])
kept = work(chk)
next(kept)
"""
THREAD = """
import sys, threading, time
from hdfchk import HDF5Checkpointer
from hdfchk.connection import connection
connection.EXIT_SECONDS = 0.2
chk = HDF5Checkpointer(sys.argv[1])
def work():
    with chk.transaction():
        chk["a"] = 1
        time.sleep(1000)
threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [GENERATOR, THREAD])
def test_the_end_of_a_process(path: str, program: str) -> None:
    """A process ends although a transaction is open, and nothing of it is there."""
    HDF5Checkpointer(path)["a"] = 0
    subprocess.run([sys.executable, "-c", program, path], check=False, cwd=ROOT, timeout=60)
    assert HDF5Checkpointer(path).load() == {"a": 0}


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        (np.zeros(2, "f4"), 1e300),
        (np.zeros(2, "c8"), 1e300j),
        (np.zeros(2), 2**53 + 1),
        (np.zeros(2, "M8[ns]"), np.datetime64("5000-01-01", "s")),
        (np.zeros(2, "M8[D]"), np.datetime64("2020-01-01T12:30")),
        (np.zeros(2, "m8[s]"), np.timedelta64(1500, "ms")),
        (np.zeros(2, "i4,f4"), (1.7, 3)),
        (np.zeros(2, "i1,i1"), np.array((300, 2), "i8,i8")),
        (np.zeros(2, "S2,U2"), np.array((b"abcd", "x"), "S4,U2")),
        (np.zeros(2, "V3"), np.void(b"abcdef")),
        (np.zeros(2, "U3"), "longer"),
        (np.array(["äää", "b"]), "uvwxyz"),
    ],
)
def test_nothing_is_cut(path: str, stored: np.ndarray, value: Any) -> None:
    """What would come back as something else is refused, by slices, appends and blocks.

    But for texts that are longer, for which `append` makes the array wider.
    """
    chk = HDF5Checkpointer(path)
    chk["x"] = stored
    writes = [
        lambda: chk.array("x").__setitem__(0, value),
        lambda: chk.write_blocks("y", [stored, np.array([value], getattr(value, "dtype", None))]),
    ]
    if stored.dtype.kind != "U":
        writes.append(lambda: chk.append("x", value))
    for write in writes:
        with pytest.raises((UnsupportedTypeError, OverflowError)):
            write()
    assert np.array_equal(chk["x"], stored) and "y" not in chk


def test_fields_go_where_their_names_say(path: str) -> None:
    """Rows whose fields have another order are written by the fields' names, as h5py does."""
    chk = HDF5Checkpointer(path)
    chk["x"] = np.zeros(2, [("a", "f4"), ("b", "f4")])
    rows = np.array((1, 2), [("b", "f4"), ("a", "f4")])
    chk.array("x")[0] = rows
    chk.append("x", rows)
    assert chk["x"].dtype.names == ("a", "b") and chk["x"].tolist() == [(2, 1), (0, 0), (2, 1)]


def test_lists_keep_their_type(path: str) -> None:
    """Only strings are appended to a list of strings, which reads as strings, part by part, too."""
    chk = HDF5Checkpointer(path)
    chk["l"] = ["abcd", "é"]
    for wrong in (5, 1.5, None, b"xy"):
        with pytest.raises(UnsupportedTypeError):
            chk.append("l", wrong)
    chk.append("l", "new")
    assert chk["l"] == ["abcd", "é", "new"] and chk.array("l")[1] == "é"
    assert chk.array("l")[:].tolist() == ["abcd", "é", "new"]


def test_a_put_that_cannot_be_done(path: str) -> None:
    """An assignment in the journal that HDF5 cannot do does not keep the others from readers."""
    code = (
        "import os, sys, numpy as np\n"
        "from hdfchk import HDF5Checkpointer\n"
        "from hdfchk.backends.hdf5.wal.known_dicts import KnownDicts\n"
        "with HDF5Checkpointer(sys.argv[1]) as chk:\n"
        "    chk['n'] = [0]\n"
        "    chk['b'] = 2\n"
        "    KnownDicts.has_above = lambda known, path: True\n"
        "    chk['b/below'] = 3\n"
        "    chk['c'] = 4\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    HDF5Checkpointer(path)["a"] = 1
    subprocess.run([sys.executable, "-c", code, path], check=False, cwd=ROOT)
    with pytest.warns(JournalMismatchWarning, match="is lost"):
        found = HDF5Checkpointer(path, mode="r").load()
    assert found == {"a": 1, "n": [0], "b": 2, "c": 4}
    with pytest.warns(JournalMismatchWarning, match="is lost"):
        HDF5Checkpointer(path)["d"] = 5
    assert HDF5Checkpointer(path)["c"] == 4 and HDF5Checkpointer(path)["d"] == 5


def test_puts_through_links_and_of_many_axes(path: str) -> None:
    """A dict that is reached by a link of another program may be replaced under its other name."""
    chk = HDF5Checkpointer(path)
    chk["a"] = {"y": 0}
    with h5py.File(path, "a") as file:
        file["c"] = h5py.SoftLink("/a")
    with chk:
        chk["c/x"] = 1
        chk["a"] = 5
        with pytest.raises(TypeError):
            chk["c/y"] = 2
        with pytest.raises(UnsupportedTypeError):
            chk["many"] = np.zeros((1,) * 40)
        chk["d"] = 3
    assert chk["a"] == 5 and chk["d"] == 3


def test_the_journal_of_puts_is_bounded(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assignments to one key again and again do not make a journal that readers wait for."""
    HDF5Checkpointer(path)["step"] = -1
    logs = logs_from_now_on(monkeypatch)
    with HDF5Checkpointer(path, sync_interval=1000) as chk:
        chk["step"] = [0]
        log, most = logs[-1], 0
        for n in range(3000):
            chk["step"] = f"{n:01000}"
            if n % 3 == 0:
                assert chk["step"] == f"{n:01000}"
            most = max(most, log.logical_bytes)
        assert LOGICAL_BYTES < most < LOGICAL_BYTES + 2000


def test_a_row_of_the_log_that_cannot_be_done(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where rows are in the log: it is told once, and the others are done."""
    real = replay.append_rows

    def broken(root: Any, key: Any, rows: Any, *args: Any, **options: Any) -> None:
        if key == ("bad",):
            raise UnsupportedStoredError("it cannot be written")
        real(root, key, rows, *args, **options)

    with HDF5Checkpointer(path, sync_interval=1000) as chk:
        for n in range(3):
            for key in ("good", "bad", "more"):
                chk.append(key, float(n))
        with monkeypatch.context() as patch:
            patch.setattr(replay, "append_rows", broken)
            with pytest.raises(UnsupportedStoredError, match="cannot be written"):
                chk.commit()
            chk.commit()
            assert chk["good"].tolist() == chk["more"].tolist() == [0, 1, 2]
        assert chk["bad"].tolist() == [0, 1]
        chk.append("m", np.zeros((2, 2)))
        chk.append("m", np.matrix([[1.0, 2], [3, 4]]))
        chk.append("m", np.zeros((1, 2, 2)))
    assert chk["m"].shape == (3, 2, 2) and chk["good"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", ["put", "rows"])
@pytest.mark.parametrize("good", range(4))
def test_a_read_error_loses_nothing_of_the_log(
    path: str, kind: str, good: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What HDF5 was doing of the log when the disk failed is done again, once and whole."""
    left = good

    def failing(descriptor: int, view: memoryview, offset: int) -> int:
        nonlocal left
        left -= 1
        if left == -1:
            raise OSError(5, "Input/output error")
        return posix.read_into(descriptor, view, offset)

    with HDF5Checkpointer(path) as chk:
        chk["d"] = {f"k{n}": n for n in range(2000)}
        chk.append("rows", 1.0)
    with HDF5Checkpointer(path) as chk:
        chk["b"] = [1]
        chk.append("rows", 2.0)
        if kind == "put":
            chk["n"] = 5
        else:
            chk.append("rows", 3.0)
        with monkeypatch.context() as patch:
            patch.setattr(overlay, "read_into", failing)
            with pytest.raises(OSError, match="Input/output"):
                chk.load()
        rows, n = ([1.0, 2.0], 5) if kind == "put" else ([1.0, 2.0, 3.0], None)
        assert chk["rows"].tolist() == rows and chk.get("n") == n
    found = HDF5Checkpointer(path).load()
    assert found["rows"].tolist() == rows and found.get("n") == n and len(found["d"]) == 2000


def test_what_is_known_of_an_array_is_true(path: str) -> None:
    """An array that was replaced is looked at anew, whatever small assignments come in between."""
    with HDF5Checkpointer(path, sync_interval=1000) as chk:
        chk.append("x", 1.0)
        chk.append("x", 2.0)
        chk["x"] = np.arange(3, dtype="i4")  # int64 would become floats
        for n in range(3):
            chk["step"] = n
        with pytest.raises(UnsupportedTypeError):
            chk.append("x", 0.5)
        chk.append("y", 1.0)
        chk["y"] = [1, 2]
        chk["step"] = 4
        chk.append("z", 1.0)
        with pytest.raises(UnsupportedTypeError):
            chk.append("y", 0.5)
        chk.append("y", 3)
    assert chk["x"].tolist() == [0, 1, 2] and chk["y"] == [1, 2, 3]


@pytest.mark.parametrize("journal", [True, False])
def test_an_iterator_of_blocks_iterates_over_the_keys(path: str, journal: bool) -> None:
    """The hidden group of an array that is being written is no key that was added meanwhile."""
    with HDF5Checkpointer(path, journal=journal) as chk:
        chk.update({"a": 0, "b": 1, "c": 2})

        def blocks() -> Iterator[np.ndarray]:
            for name in chk:
                chk["a"] = chk["a"] + 1
                yield np.full(2, chk[name])

        chk.write_blocks("w", blocks())
        assert chk["w"].tolist() == [1, 1, 1, 1, 2, 2] and list(chk) == ["a", "b", "c", "w"]


def test_assignments_of_an_iterator_stay(path: str) -> None:
    """What an iterator of blocks assigns, and has returned, stays when it fails later."""
    chk = HDF5Checkpointer(path)
    chk["p"] = 0

    def blocks() -> Iterator[np.ndarray]:
        for n in range(3):
            yield np.zeros(2)
            chk["p"] = n + 1
        raise RuntimeError

    with pytest.raises(RuntimeError):
        chk.write_blocks("w", blocks())
    assert chk.load() == {"p": 3}

    def failing() -> Iterator[np.ndarray]:
        yield np.zeros(2)
        with pytest.raises(RuntimeError, match="no room"), writing(chk):
            raise RuntimeError("no room")
        yield np.zeros(2)

    with pytest.raises(TransactionError, match="again"):
        chk.write_blocks("w", failing())
    assert chk.load() == {"p": 3}


@pytest.mark.slow
def test_other_threads_work_while_blocks_are_made(path: str) -> None:
    """A producer in another thread may read the store whose blocks it makes; dask's do."""
    chk = HDF5Checkpointer(path)
    chk["n"] = 3
    waiting: queue.Queue[Any] = queue.Queue()

    def blocks() -> Iterator[np.ndarray]:
        while (block := waiting.get()) is not None:
            yield block

    thread = threading.Thread(target=lambda: chk.write_blocks("x", blocks()))
    thread.start()
    for n in range(3):
        waiting.put(np.full(chk["n"], n))
        time.sleep(0.02)
    waiting.put(None)
    thread.join(20)
    assert not thread.is_alive() and chk["x"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    dask_array = pytest.importorskip("dask.array")
    chk["y"] = np.arange(4000.0).reshape(100, 40)
    chk["z"] = dask_array.from_array(chk.array("y"), chunks=(50, 20)) * 2
    assert np.array_equal(chk["z"], chk["y"] * 2)


def test_no_thread_to_be_had(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started what waits is done at once; later there may be one."""
    fresh = alarm._Clock()
    monkeypatch.setattr(alarm, "_CLOCK", fresh)

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with HDF5Checkpointer(path, sync_interval=0.05) as chk, monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        chk["a"] = 0
        for n in range(4):
            chk.append("log", float(n))
            assert len(HDF5Checkpointer(path, mode="r")["log"]) == n + 1
        buffer = io.BytesIO()
        with HDF5Checkpointer(buffer, sync_interval=0.05) as waiting:
            for n in range(4):
                waiting.append("log", float(n))
                assert len(HDF5Checkpointer(io.BytesIO(buffer.getvalue()))["log"]) == n + 1
    done = threading.Event()
    alarm.Alarm(lambda: done.set() is None).set(0.0)
    assert done.wait(20)


def test_whole_by_an_empty_index(path: str) -> None:
    """`array[()]` is all of it, as in h5py, also for masked arrays and for writing."""
    chk = HDF5Checkpointer(path)
    chk["x"], chk["m"] = np.arange(6).reshape(2, 3), np.ma.masked_array([1, 2], [0, 1])
    assert chk.array("x")[()].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert chk.array("m")[()].tolist() == [1, None]
    chk.array("x")[()] = 7
    assert (chk["x"] == 7).all() and chk.array("x")[[True, False]].tolist() == [[7, 7, 7]]
    chk["v"] = np.arange(3)
    assert chk.array("v")[[True, False, True]].tolist() == [0, 2]


def test_what_is_no_array(path: str) -> None:
    """A handle is had on arrays, numbers and lists of them, and on nothing else."""
    chk = HDF5Checkpointer(path)
    chk.update({"big": 2**70, "mixed": [1, "a"], "path": Path("a"), "raw": b"ab", "n": 1.5})
    for key in ("big", "mixed", "path", "raw"):
        with pytest.raises(UnsupportedStoredError):
            chk.array(key)
    assert chk.array("n").shape == ()


@pytest.mark.parametrize(
    "options",
    [
        {"shape": None},
        {"shape": "2"},
        {"shape": (2.0,)},
        {"shape": (1,) * 40},
        {"shape": (10**20,)},
        {"shape": 2, "chunks": "2"},
        {"shape": 2, "chunks": (2, None)},
        {"shape": 2, "maxshape": "10"},
        {"shape": 2, "dtype": "S4", "fill_value": b"ab"},
        {"shape": 2, "dtype": str, "fill_value": "ab"},
    ],
)
def test_shapes_that_are_none(path: str, options: dict[str, Any]) -> None:
    """A shape that cannot be is an error of ours, and a `TypeError` or `ValueError`."""
    chk = HDF5Checkpointer(path)
    with pytest.raises((InvalidOptionError, TypeError)) as caught:
        chk.create("x", **options)
    assert type(caught.value).__module__ == "hdfchk.errors" and "x" not in chk


def test_shapes_that_are(path: str) -> None:
    """NumPy's integers, lists and single integers are shapes; a created scalar is an array."""
    chk = HDF5Checkpointer(path)
    assert chk.create("a", np.int64(5), chunks=2).chunks == (2,)
    assert chk.create("b", [2, 3], maxshape=[None, 3]).maxshape == (None, 3)
    chk.create("c", (), "i8")
    assert type(chk["c"]) is np.ndarray and chk["c"].shape == ()
    chk.append("e", np.zeros(0))
    chk.append("e", np.zeros(0))
    chk.write_blocks("f", [np.zeros((2, 0))])
    assert chk["e"].shape == (2, 0) and chk["f"].shape == (2, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chk.load()
