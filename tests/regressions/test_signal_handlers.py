"""Handlers of signals that raise, or use the store, at any moment: none costs anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hdfchk import HDF5Checkpointer

from .children import run
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


@pytest.mark.parametrize("inside", ["inside", "outside"])
def test_exceptions_from_signal_handlers_destroy_nothing(tmp_path: Path, inside: str) -> None:
    """Exceptions raised by handlers of whatever signals, at any moment, leave each commit whole."""
    name = tmp_path / "x.hdf5"
    run(RAISING, name, SECONDS, inside, seconds=SECONDS + 30)
    found = view(name)
    assert found["x"] + found["y"] == 0 and found["long"][19_999] == 19_999
    assert HDF5Checkpointer(name).verify().ok
    HDF5Checkpointer(name)["after"] = 1
    assert os.listdir(tmp_path) == ["x.hdf5"]
