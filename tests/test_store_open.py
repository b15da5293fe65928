"""`HDF5Checkpointer.open`: fast calls without a block, which keep nobody out."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from hdfchk import FileReplacedError, HDF5Checkpointer, LockedError, TransactionError

SECONDS = 60.0
"""After so long a test fails: the machine may be busy."""


def until(condition):
    """Wait until a condition is true."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def write(path, key, value, timeout=SECONDS):
    """Another process assigns a number."""
    code = (
        "import sys, hdfchk\n"
        "chk = hdfchk.HDF5Checkpointer(sys.argv[1], lock_timeout=float(sys.argv[4]))\n"
        "chk[sys.argv[2]] = int(sys.argv[3])\n"
    )
    args = [sys.executable, "-c", code, path, key, str(value), str(timeout)]
    return subprocess.run(args, capture_output=True, text=True, check=False)


@contextmanager
def notebook(path, body):
    """Another process with an opened store, `chk`: it says ``ready``, and ends when told to."""
    code = (
        "import sys, time, hdfchk\n"
        "chk = hdfchk.HDF5Checkpointer(sys.argv[1]).open()\n"
        "def ready(): print('ready', flush=True)\n" + body
    )
    args = [sys.executable, "-c", code, path]
    child = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.stdin.close()
        try:
            child.wait(SECONDS)
        finally:
            child.kill()
            child.wait()
            child.stdout.close()


def test_it_stays_open_between_calls(tmp_path):
    """Calls follow each other in one open file; `close` ends it, and the store goes on."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    assert chk.open() is chk
    assert chk.open() is chk
    for step in range(50):
        chk["step"] = step
    assert chk.is_open
    assert chk.info().is_written
    chk.close()
    assert not chk.is_open
    assert os.listdir(tmp_path) == ["x.hdf5"]
    chk["step"] = 50
    assert chk["step"] == 50


def test_a_second_after_the_last_commit_it_is_given_back(tmp_path):
    """The writer's lock is free then, and the file is complete; the next call opens it anew."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5").open()
    for number in range(3):
        chk["n"] = number
        chk.append("log", number)
        assert chk.info().is_written
        until(lambda: not chk.info().is_written)
        assert os.listdir(tmp_path) == ["x.hdf5"]
        assert chk["n"] == number
    assert chk["log"].tolist() == [0, 1, 2]
    chk.close()


def test_a_job_gets_on_beside_an_idle_notebook(tmp_path):
    """The notebook has written, and sleeps in a cell; a job waits, and gets its turn."""
    path = tmp_path / "x.hdf5"
    body = "chk['mine'] = 1\nready()\nsys.stdin.read()\nassert chk['job'] == 2\nchk['mine'] = 3\n"
    with notebook(path, body) as child:
        done = write(path, "job", 2)
        assert done.returncode == 0, done.stderr
    assert child.returncode == 0
    assert HDF5Checkpointer(path).load() == {"mine": 3, "job": 2}


def test_a_job_gets_on_beside_a_busy_notebook(tmp_path):
    """A notebook that writes all the time gives the lock back at once if somebody waits."""
    path = tmp_path / "x.hdf5"
    body = (
        "n = 0\nchk['n'] = n\nready()\n"
        "while chk.get('job', 0) < 3:\n"
        "    for _ in range(100): n += 1; chk['n'] = n\n"
        "print(n)\n"
    )
    with notebook(path, body) as child:
        for number in (1, 2, 3):
            done = write(path, "job", number)
            assert done.returncode == 0, done.stderr
        last = int(child.stdout.readline())
    assert child.returncode == 0
    assert HDF5Checkpointer(path).load() == {"n": last, "job": 3}


def test_what_others_write_is_read(tmp_path):
    """A store that only reads holds up no checkpoint, and sees newer commits soon."""
    path = tmp_path / "x.hdf5"
    HDF5Checkpointer(path)["n"] = 0
    for mode in ("a", "r"):
        chk = HDF5Checkpointer(path, mode=mode).open()
        for number in (1, 2):
            assert chk["n"] is not None
            assert write(path, "n", number).returncode == 0
            until(lambda number=number: chk["n"] == number)
        chk.close()
        assert write(path, "n", 0).returncode == 0


@pytest.mark.slow
@pytest.mark.crash
@pytest.mark.parametrize("seed", range(3))
def test_a_kill_loses_nothing(tmp_path, seed):
    """Two notebooks take turns, and one is killed: what either was told is there is there."""
    path = tmp_path / "x.hdf5"
    body = (
        "name = sys.stdin.readline().strip()\nready()\nn = 0\n"
        "while True:\n"
        "    for _ in range(20):\n"
        "        n += 1; chk[name] = n; chk.append('log of ' + name, n); print(n, flush=True)\n"
        "    time.sleep(0.02)\n"
    ).replace("name = ", "ready()\nname = ", 1)
    told = {}
    with notebook(path, body) as first, notebook(path, body) as second:
        for name, child in (("a", first), ("b", second)):
            child.stdin.write(f"{name}\n")
            child.stdin.flush()
            assert child.stdout.readline() == "ready\n"
        threads = []
        for name, child in (("a", first), ("b", second)):

            def read(name=name, child=child):
                for line in child.stdout:
                    told[name] = int(line)

            threads.append(threading.Thread(target=read))
            threads[-1].start()
        until(lambda: min(told.get("a", 0), told.get("b", 0)) > 40 * (seed + 1))
        first.kill()
        first.wait()
        threads[0].join()
        before = told["b"]
        until(lambda: told["b"] > before + 40)  # the other one goes on
        second.kill()
        second.wait()
        threads[1].join()
    chk = HDF5Checkpointer(path)
    for name, number in told.items():
        assert number <= chk[name] <= number + 1
        log = chk[f"log of {name}"].tolist()
        assert log == list(range(1, len(log) + 1))
        assert len(log) >= number
    assert chk.verify().ok


def test_a_transaction_is_not_interrupted(tmp_path):
    """Whoever waits gets no turn inside it; what it reads stays true."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path).open()
    chk["n"] = 1
    with chk.transaction():
        n = chk["n"]
        done = write(path, "n", 100, timeout=2)
        assert "LockedError" in done.stderr
        chk["n"] = n + 1
    assert chk["n"] == 2
    chk.close()


def test_a_with_block_is_as_before(tmp_path):
    """A block that has written keeps others out until it ends, however long it is idle."""
    path = tmp_path / "x.hdf5"
    with HDF5Checkpointer(path) as chk:
        chk["n"] = 1
        other = HDF5Checkpointer(path).open()
        assert other["n"] == 1
        other["m"] = 2
        done = write(path, "n", 100, timeout=2.5)
        assert "LockedError" in done.stderr
    assert write(path, "n", 100).returncode == 0
    other.close()


def test_the_end_of_a_with_statement_closes_it(tmp_path):
    """As that of a file: after the outermost block it is closed, also after an error."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    with chk.open() as opened:
        assert opened is chk
        with chk:
            chk["a"] = 1
        assert chk.is_open
    assert not chk.is_open
    with pytest.raises(ZeroDivisionError), chk.open():
        chk["b"] = 1 / 0
    assert not chk.is_open
    with chk:
        chk.open()
        chk["b"] = 2
    assert chk.is_open
    chk.close()
    assert chk.load() == {"a": 1, "b": 2}
    assert not chk.is_open


def test_in_a_block_of_its_own_it_gives_back(tmp_path):
    """`with chk.open()` is a block that keeps nobody out."""
    path = tmp_path / "x.hdf5"
    with HDF5Checkpointer(path).open() as chk:
        chk["n"] = 1
        assert write(path, "n", 2).returncode == 0
        until(lambda: chk["n"] == 2)


def test_a_store_that_is_gone_closes_the_file(tmp_path):
    """A cell that is run again makes another store of the same name; the old one leaves nothing."""
    path = tmp_path / "x.hdf5"
    for number in range(3):
        chk = HDF5Checkpointer(path).open()
        chk["n"] = number
    del chk
    gc.collect()
    other = HDF5Checkpointer(path)
    until(lambda: not other.info().is_written)
    assert os.listdir(tmp_path) == ["x.hdf5"]
    assert other["n"] == 2
    with other:
        other["n"] = 3
    assert os.listdir(tmp_path) == ["x.hdf5"]


def test_the_end_of_the_process_closes_it(tmp_path):
    """Without a word, as for a store in a block."""
    path = tmp_path / "x.hdf5"
    code = (
        "import sys, hdfchk\nchk = hdfchk.HDF5Checkpointer(sys.argv[1]).open()\n"
        "chk['a'] = 1\nchk.append('log', 2.5)\n"
    )
    args = [sys.executable, "-W", "error", "-c", code, path]
    done = subprocess.run(args, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert os.listdir(tmp_path) == ["x.hdf5"]
    assert HDF5Checkpointer(path)["log"].tolist() == [2.5]


@pytest.mark.parametrize("idles", [False, True])
def test_a_fork(tmp_path, idles):
    """The child leaves the file to the parent, and opens it for itself."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path).open()
    chk["a"] = 1
    chk.append("log", 1.0)
    if idles:
        until(lambda: not chk.info().is_written)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if chk["a"] == 1 and not chk.is_open and len(chk["log"]) in {1, 2} else 2
        finally:
            os._exit(code)
    chk["b"] = 2
    chk.append("log", 2.0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    until(lambda: not chk.info().is_written)
    chk["c"] = 3
    chk.close()
    assert chk["log"].tolist() == [1.0, 2.0]
    assert (chk["b"], chk["c"]) == (2, 3)
    assert chk.verify().ok


@pytest.mark.slow
def test_forks_while_it_is_given_back(tmp_path):
    """The process forks at any moment; neither parent nor children damage the file."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path, sync_interval=0.05).open()
    end, count = time.monotonic() + 4, 0
    while time.monotonic() < end:
        count += 1
        chk["n"] = count
        chk["x"] = np.full(3000, count)
        time.sleep(0.9 + 0.01 * (count % 20))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if chk["n"] == count else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    chk.close()
    assert chk["n"] == count
    assert chk.verify().ok
    assert os.listdir(tmp_path) == ["x.hdf5"]


def test_no_handler_runs_in_a_hook_of_a_fork(tmp_path):
    """A fork runs no Python code of ours in the parent: what a handler raises there is ignored."""
    found = []

    def see(frame, event, _):
        if event == "call" and "hdfchk" in frame.f_code.co_filename:
            found.append(frame.f_code.co_name)

    with HDF5Checkpointer(tmp_path / "x.hdf5").open() as chk:
        chk["n"] = 1
        sys.setprofile(see)
        child = os.fork()
        sys.setprofile(None)
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    assert found == []


def test_threads_and_waiting_writers(tmp_path):
    """Threads write into an opened store while another process takes its turns."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path, lock_timeout=SECONDS).open()
    chk["first"] = 0
    over, errors = threading.Event(), []

    def work(number):
        count = 0
        try:
            while not over.is_set():
                count += 1
                chk[f"t{number}"] = count
                assert chk[f"t{number}"] == count
                chk.append(f"log{number}", count)
        except BaseException as error:
            errors.append(error)
        counts[number] = count

    counts: dict[int, int] = {}
    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(4):
            assert write(path, "job", number).returncode == 0
    finally:
        over.set()
        for thread in threads:
            thread.join()
        chk.close()
    assert not errors
    for number, count in counts.items():
        assert chk[f"t{number}"] == count
        assert chk[f"log{number}"].tolist() == list(range(1, count + 1))
    assert chk["job"] == 3


def test_an_iteration_and_a_handle_go_on(tmp_path):
    """What was begun before the file was given back goes on after it."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5").open()
    chk["g"] = {"a": 1, "b": 2, "c": np.arange(4)}
    group, array = chk["g"], chk["g"].array("c")
    seen = []
    for key in group:
        seen.append(key)
        time.sleep(0.5)
    until(lambda: not chk.info().is_written)
    assert seen == ["a", "b", "c"]
    assert array[1:3].tolist() == [1, 2]
    array[0] = 7
    group["d"] = 4
    assert list(group) == ["a", "b", "c", "d"]
    assert chk["g/c"].tolist() == [7, 1, 2, 3]
    chk.close()


def test_the_h5py_object_keeps_it_open(tmp_path):
    """`stream` is the caller's until `close`: the file is not closed under it."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path).open()
    chk["a"] = 1
    stream = chk.stream
    stream["b"] = 2
    done = write(path, "a", 100, timeout=2.5)
    assert "LockedError" in done.stderr
    assert stream["b"][()] == 2
    chk.close()
    assert chk.load() == {"a": 1, "b": 2}
    assert write(path, "a", 100).returncode == 0


def test_a_file_that_is_gone_is_told(tmp_path):
    """An error that comes while the file is given back is raised by the next call."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path).open()
    chk["a"] = 1
    os.rename(path, tmp_path / "moved.hdf5")
    until(lambda: not os.path.exists(f"{path}-journal"))
    with pytest.raises(FileReplacedError, match="moved"):
        chk["b"] = 2
    assert HDF5Checkpointer(tmp_path / "moved.hdf5")["a"] == 1
    chk["b"] = 3
    chk.close()
    assert HDF5Checkpointer(path).load() == {"b": 3}


@pytest.mark.parametrize("mode", ["w", "x", "r+"])
def test_modes(tmp_path, mode):
    """A store that begins anew does so once."""
    path = tmp_path / "x.hdf5"
    if mode != "x":
        HDF5Checkpointer(path)["old"] = 1
    chk = HDF5Checkpointer(path, mode=mode).open()
    chk["a"] = 1
    until(lambda: not chk.info().is_written)
    chk["b"] = 2
    chk.close()
    assert set(chk) == {"a", "b"} | ({"old"} if mode == "r+" else set())
    if mode == "w":
        HDF5Checkpointer(path, mode="w").open().close()  # as an empty block
        assert not HDF5Checkpointer(path)


def test_another_store_of_the_thread_begins_anew(tmp_path):
    """It does not wait for the idle store of its own thread."""
    path = tmp_path / "x.hdf5"
    first = HDF5Checkpointer(path).open()
    first["a"] = 1
    with HDF5Checkpointer(path, mode="w") as second:
        second["b"] = 2
    assert first.load() == {"b": 2}
    with first.transaction(), pytest.raises(LockedError):
        HDF5Checkpointer(path, mode="w", lock_timeout=0.1)["c"] = 3
    first.close()


@pytest.mark.parametrize("journal", [True, False])
def test_without_a_journal(tmp_path, journal):
    """A file that is written directly is given back, too."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path, journal=journal).open()
    chk["a"] = 1
    assert write(path, "b", 2).returncode == 0
    assert chk["b"] == 2
    chk.close()


def test_in_memory_nothing_is_given_back():
    """There it is `with` by another name."""
    with HDF5Checkpointer(None).open() as chk:
        chk["a"] = 1
        assert chk["a"] == 1
    assert not chk.is_open


@pytest.mark.slow
def test_an_interrupt_at_any_moment(tmp_path):
    """A signal handler that raises, while another thread gives the file back, loses nothing."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path, lock_timeout=SECONDS).open()
    chk["n"] = 0

    class Interrupted(Exception):
        pass

    def interrupt(*_):
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    stop, rivals = threading.Event(), []

    def rival():
        number = 0
        while not stop.is_set():
            number += 1
            rivals.append(write(path, "rival", number).returncode)

    thread = threading.Thread(target=rival)
    thread.start()
    last = 0
    try:
        for step in range(1, 400):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.004)
                for _ in range(50):
                    chk["n"] = step
                    last = step
                signal.setitimer(signal.ITIMER_REAL, 0)
            except (Interrupted, TransactionError):
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        stop.set()
        thread.join()
    assert not any(rivals)
    assert chk["n"] >= last
    chk.close()
    assert chk["rival"] == len(rivals)
    assert chk.verify().ok
