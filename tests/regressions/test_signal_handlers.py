"""Handlers of signals that raise, or use the store, at any moment: none costs anything."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.nodes import writer as writer_module
from hdfchk.backends.hdf5.nodes.writer import Writer

from .children import GUARD, ROOT, in_child, run, started
from .failing import Calls
from .states import view

FULL = os.environ.get("HDFCHK_FUZZ") == "full"
SECONDS = 60 if FULL else 2.5

RAISING = """
import os, random, signal, sys, threading, time
import numpy as np
from hdfchk import HDF5Checkpointer
path, seconds, inside = sys.argv[1], float(sys.argv[2]), sys.argv[3] == "inside"
names = ["SIGALRM", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGXCPU", "SIGTERM", "SIGINT"]
numbers = [getattr(signal, name) for name in names]
class Came(Exception):
    pass
armed = False
def handler(number, frame):
    global armed
    if armed:
        armed = False
        raise Came(number)
for number in numbers:
    signal.signal(number, handler)
me, stop, chance = os.getpid(), False, random.Random(5)
def send():
    while not stop:
        time.sleep(chance.uniform(0.002, 0.02) * chance.choice((1, 1, 1, pause)))
        os.kill(me, chance.choice(numbers))
pause = 1 if inside else 20  # a call that opens and closes the file may take longer than the rest
came = done = 0
chk = HDF5Checkpointer(path)
chk.update({"x": 0, "y": 0, "long": np.arange(20000.0)})
thread = threading.Thread(target=send, daemon=True)
thread.start()
def tried(work):
    global armed, came
    try:
        armed = True
        found = work()
        armed = False
        return found
    except Came:
        came += 1
def values(n):
    return {"x": n, "y": -n, "big": np.full(n * 37 % 30000 + 1, n), f"k{n % 7}": {"v": "t" * (n % 900)}}
def work():
    global n, done
    if not inside:
        n += 1
        chk.update(values(n))
        done += 1
        return
    with chk:
        for _ in range(30):
            n += 1
            chk.update(values(n))
            done += 1
            chk["small"] = n
            with chk.transaction():
                chk["p"] = n
                chk["q"] = -n
end, n = time.monotonic() + seconds, 0
while time.monotonic() < end:
    tried(work)
    tried(chk.load)
    found = chk.load()
    x = found["x"]
    assert x in (n, n - 1) and found["y"] == -x, (n, x, found["y"])
    assert x == 0 or found["big"].shape == (x * 37 % 30000 + 1,) and (found["big"] == x).all()
    assert found.get("p", 0) == -found.get("q", 0)
    assert not chk.is_open
    n = x
stop = True
thread.join()
assert came > 10 and done > 3, (came, done)
assert not chk.is_open
"""


@pytest.mark.slow
@pytest.mark.parametrize("inside", ["inside", "outside"])
def test_exceptions_from_signal_handlers_destroy_nothing(tmp_path: Path, inside: str) -> None:
    """Exceptions raised by handlers of whatever signals, at any moment, leave each commit whole."""
    name = tmp_path / "x.hdf5"
    run(RAISING, name, SECONDS, inside, seconds=SECONDS + GUARD)
    found = view(name)
    assert found["x"] + found["y"] == 0 and found["long"][19_999] == 19_999
    assert HDF5Checkpointer(name).verify().ok
    HDF5Checkpointer(name)["after"] = 1
    assert os.listdir(tmp_path) == ["x.hdf5"]


SAVING = """
import os, signal, sys, threading, time
import numpy as np
from hdfchk import HDF5Checkpointer, HdfchkError
path, seconds, how = sys.argv[1], float(sys.argv[2]), sys.argv[3]
chk, came, refused, n = HDF5Checkpointer(path, lock_timeout=0.3), 0, 0, 0
sent = ended = 0
def handler(number, frame):
    global came, refused, ended
    came += 1
    try:
        if how == "commits":
            chk.commit()
        elif how == "assigns":
            chk["saved"] = n
            chk["state"] = {"n": n, "l": [1, None]}
        elif how == "reads":
            assert chk["x"] + chk["y"] == 0
            list(chk)
        else:
            with chk:
                chk["saved"] = n
    except (HdfchkError, OSError):
        refused += 1
    ended += 1
signal.signal(signal.SIGUSR1, handler)
me, stop = os.getpid(), False
def send():
    global sent
    late = time.monotonic() + 1  # then the system has merged two of them
    while not stop:
        time.sleep(0.013)
        # Handlers interrupt each other, but not without end where each takes longer than this.
        if sent - ended < 3 or time.monotonic() > late:
            os.kill(me, signal.SIGUSR1)
            sent, late = sent + 1, time.monotonic() + 1
thread = threading.Thread(target=send, daemon=True)
thread.start()
end = time.monotonic() + seconds
with chk:
    while time.monotonic() < end:
        n += 1
        chk.update({"x": n, "y": -n, "a": np.full(n * 37 % 20000 + 1, n)})
        chk["small"] = n
        chk["rows"] = [n, None]
        assert chk["x"] == n == -chk["y"] and chk["small"] == n
        del chk["rows"]
stop = True
thread.join()
assert came > 20, came
print(came, refused)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["commits", "assigns", "reads", "enters"])
def test_a_handler_that_saves_crashes_nothing(tmp_path: Path, how: str) -> None:
    """A handler that uses the store which its signal interrupted works, or gets an ordinary error."""
    name = tmp_path / "x.hdf5"
    out = run(SAVING, name, SECONDS, how, seconds=SECONDS + GUARD)
    came, refused = map(int, out.split())
    assert refused <= came
    found = view(name)
    assert found["x"] + found["y"] == 0 and (found["a"] == found["x"]).all()
    assert HDF5Checkpointer(name).verify().ok
    assert os.listdir(tmp_path) == ["x.hdf5"]


LAST_STATE = """
import signal, sys
from hdfchk import HDF5Checkpointer
path, inside = sys.argv[1], sys.argv[2] == "inside"
chk, step = HDF5Checkpointer(path, lock_timeout=1.0), 0
def save_and_end(number, frame):
    chk["last"] = {"step": step, "why": [number, None]}
    sys.exit(7)
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGXCPU):
    signal.signal(number, save_and_end)
def work():
    global step
    while True:
        step += 1
        chk["energies"] = [float(step)] * (step % 3000 + 1)
        chk["step"] = step
        print(step, flush=True)
if inside:
    with chk:
        work()
else:
    work()
"""


@pytest.mark.slow
@pytest.mark.parametrize("inside", ["inside", "outside"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGXCPU"])
def test_the_last_state_is_saved_on_a_signal(tmp_path: Path, name: str, inside: str) -> None:
    """A handler that saves the last state and ends the process does both, at any moment."""
    chance = random.Random(name + inside)
    for number in range(20 if FULL else 3):
        file = tmp_path / f"x{number}.hdf5"
        with started(LAST_STATE, file, inside) as child:
            assert child.stdout is not None
            assert child.stdout.readline(), child.communicate()[1][-3000:]
            time.sleep(chance.random() * 0.05)
            child.send_signal(getattr(signal, name))
            out, error = child.communicate(timeout=60)
        assert child.returncode == 7, (child.returncode, error[-3000:])
        printed = int(out.split()[-1]) if out.split() else 1
        found = view(file)
        assert found["last"]["why"] == [getattr(signal, name), None]
        assert found["last"]["step"] >= printed and found["step"] >= printed
        assert set(found["energies"]) <= {found["last"]["step"], found["step"]} and ROOT
        assert os.path.exists(file) and not os.path.exists(f"{file}-journal")


@pytest.mark.parametrize("name", ["SIGALRM", "SIGUSR1", "SIGINT", "SIGTERM"])
@in_child
def test_a_handler_that_saves_inside_any_call(tmp_path: Path, name: str) -> None:
    """A handler that assigns, run inside any call of the system, finds the store in order."""
    number, refused, came = getattr(signal, name), [], []
    (tmp_path / "runs").mkdir()
    chk = HDF5Checkpointer(tmp_path / "runs" / "x.hdf5", lock_timeout=0.2)

    def handler(signum: int, frame: object) -> None:
        came.append(signum)
        try:
            chk["saved"] = len(came)
        except OSError as error:
            refused.append(error)

    signal.signal(number, handler)
    model = {}
    with Calls(tmp_path / "runs") as calls:
        for first in range(0, 60, 2):
            calls.fail(first=first, act=lambda: signal.raise_signal(number))
            with chk:
                for key in ("a", "b"):
                    model[key] = [first, None]
                    chk[key] = model[key]
                    chk["n"] = model["n"] = first
                    with chk.transaction():
                        chk["c"] = model["c"] = "x" * 5000
                assert chk["a"] == [first, None] and chk["n"] == first
            calls.off()
            found = chk.load()
            saved = found.pop("saved", 0)
            assert found == model and saved in range(len(came) - len(refused), len(came) + 1)
    assert came


def _assigned(chk: HDF5Checkpointer, data: Any) -> None:
    chk["new"] = data


def _replaced(chk: HDF5Checkpointer, data: Any) -> None:
    chk["old"] = data


def _with_checksums(chk: HDF5Checkpointer, data: Any) -> None:
    chk.put("new", data, checksum=True)


def _in_a_transaction(chk: HDF5Checkpointer, data: Any) -> None:
    with chk.transaction():
        chk["old"] = data
        chk["new"] = data


def _some_rows(chk: HDF5Checkpointer, data: Any) -> None:
    chk.array("old")[: len(data)] = data


def _every_other_row(chk: HDF5Checkpointer, data: Any) -> None:
    with chk.transaction():
        chk["new"] = np.zeros((len(data) // 2, 4))
        chk.array("new")[:, ::2] = data.reshape(-1, 2)


def _appended(chk: HDF5Checkpointer, data: Any) -> None:
    chk.append("old", data)


def _streamed(chk: HDF5Checkpointer, data: Any) -> None:
    chk.write_blocks("new", [data])


def _one_long_row(chk: HDF5Checkpointer, data: Any) -> None:
    chk.put("new", data.reshape(1, -1)[:, ::1], chunks=(1, 2**20))


BULK = [
    _assigned,
    _replaced,
    _with_checksums,
    _in_a_transaction,
    _some_rows,
    _every_other_row,
    _appended,
    _streamed,
    _one_long_row,
]


@pytest.mark.slow
@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("work", BULK)
@in_child
def test_a_handler_waits_for_one_block_at_most(
    tmp_path: Path, work: Callable[[HDF5Checkpointer, Any], None], inside: bool
) -> None:
    """In a long write a handler runs after one more block; what it raises takes the write back."""
    block, bulk = 2**24, np.arange(2.0**23)  # 64 MiB
    chk = HDF5Checkpointer(tmp_path / "x.hdf5", durable=False)
    chk.update({"n": 1, "old": np.zeros(2**23)})
    written, began, waited = 0, -1, []
    writing = {name: getattr(os, name) for name in ("pwrite", "pwritev")}

    def counting(name: str) -> Callable[..., int]:
        def write(descriptor: int, data: Any, *args: Any) -> int:
            nonlocal written, began
            done: int = writing[name](descriptor, data, *args)
            written += done
            if began < 0 and written > 2**20:
                began = written
                signal.raise_signal(signal.SIGUSR1)
            return done

        return write

    def handler(number: int, frame: object) -> None:
        waited.append(written - began)
        raise ZeroDivisionError

    signal.signal(signal.SIGUSR1, handler)
    if inside:
        chk.__enter__()
        chk["n"] = 2
    for name in writing:
        setattr(os, name, counting(name))
    with pytest.raises(ZeroDivisionError):
        work(chk, bulk)
    for name, real in writing.items():
        setattr(os, name, real)
    assert len(waited) == 1 and waited[0] <= block + 2**20, waited
    assert list(chk) == ["n", "old"] and chk["n"] == 1 + inside and not chk["old"].any()
    if inside:
        chk.__exit__(None, None, None)
    assert os.listdir(tmp_path) == ["x.hdf5"]


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@in_child
def test_a_handler_waits_for_some_objects_of_a_long_commit(
    tmp_path: Path, inside: bool, journal: bool
) -> None:
    """A commit of many objects lets handlers run on its way, and is taken back if one raises."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5", durable=False, journal=journal)
    before = {"n": 1, "tree": {"old": [1, None]}, "gone": {f"k{n}": n for n in range(500)}}
    chk.update(before)
    made, came = 0, []
    real = Writer._dataset

    def counting(*args: Any) -> Any:
        nonlocal made
        made += 1
        if made == 100:
            signal.raise_signal(signal.SIGUSR1)
        return real(*args)

    def handler(number: int, frame: object) -> None:
        came.append(made)
        raise ZeroDivisionError

    signal.signal(signal.SIGUSR1, handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer_module, "PAUSE_SECONDS", 0.0)
        patch.setattr(Writer, "_dataset", counting)
        with chk if inside else contextlib.nullcontext(), pytest.raises(ZeroDivisionError):
            chk.update({"gone": 2, "tree": {f"k{n}": n for n in range(2000)}, "new": 3})
    assert len(came) == 1 and came[0] < 200
    assert chk.load() == before and list(chk) == list(before)


BLOCKS = """
import gc, random, signal, sys, threading, time
from hdfchk import HDF5Checkpointer
chk = HDF5Checkpointer(sys.argv[1], lock_timeout=5)
chk["a"] = 0
class Came(Exception):
    pass
def handler(number, frame):
    raise Came
signal.signal(signal.SIGALRM, handler)
end, chance, came = time.monotonic() + float(sys.argv[2]), random.Random(1), 0
while time.monotonic() < end:
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(2e-5, 4e-4))
        with chk:
            pass
        for key in chk:
            pass
        with chk.transaction(write=False):
            pass
        rest = time.monotonic() + 1e-3
        while time.monotonic() < rest:  # Python drops what is raised in a callback of a weakref
            pass
    except Came:
        came += 1
    assert gc.isenabled(), came
    if chk.is_open:  # Python was interrupted on its way into the end of the block
        chk.close()
    other = threading.Thread(target=chk.get, args=("a",), daemon=True)
    other.start()
    other.join(10)
    assert not other.is_alive(), f"another thread does not get its turn, after {came}"
assert came > 100, came
"""


@pytest.mark.slow
def test_a_handler_that_raises_in_empty_blocks(tmp_path: Path) -> None:
    """Handlers that raise where nothing is at work keep no thread's turn, nor the collector off."""
    run(BLOCKS, tmp_path / "x.hdf5", SECONDS, seconds=SECONDS + GUARD)


@pytest.mark.parametrize("ends", ["__enter__", "__exit__"])
def test_a_handler_that_raises_as_a_block_begins_or_ends(
    file: Path, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python has left the store before, or not entered it yet: nothing is lost, close() ends it."""
    chk, real = HDF5Checkpointer(file, lock_timeout=0), getattr(HDF5Checkpointer, ends)

    def raise_there(self: HDF5Checkpointer, *raised: object) -> None:
        if ends == "__enter__":
            real(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(HDF5Checkpointer, ends, raise_there)
    with contextlib.suppress(KeyboardInterrupt), chk:
        chk["a"] = 1
    monkeypatch.undo()
    assert chk.is_open
    chk["b"] = 2
    assert view(file).get("b") == 2
    chk.close()
    assert not chk.is_open
    assert os.listdir(file.parent) == [file.name]
    with chk:
        chk["c"] = 3
    assert not chk.is_open
