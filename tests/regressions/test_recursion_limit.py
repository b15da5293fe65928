"""Calls near Python's recursion limit: they do it, or raise RecursionError and leave nothing half done."""

from __future__ import annotations

from pathlib import Path

import pytest

from .children import run

PROGRAM = """
import gc, signal, sys, threading
import numpy as np
from hdfchk import HDF5Checkpointer

chk = HDF5Checkpointer(sys.argv[1], lock_timeout=5)
levels = {"leaf": 1}
for _ in range(60):
    levels = {"d": levels}
chk.update({"a": 0, "x": np.arange(3000.0), "g": {"b": [1, None]}, "levels": levels, "rows": [0.0]})
chk.append("log", 0.0)

def block():
    with chk:
        chk["a"] = 1
        chk["g"] = {"b": [1, None]}
        chk.append("log", 1.0)

def transaction():
    with chk.transaction():
        chk["a"] = 2
        chk["g/b"] = [2, None]

works = {
    "read": lambda: chk["g"].load(),
    "load": lambda: chk.load(),
    "small": lambda: chk.__setitem__("a", 3),
    "array": lambda: chk.__setitem__("x", np.arange(3000.0)),
    "levels": lambda: chk.__setitem__("levels", levels),
    "keys": lambda: list(chk),
    "append": lambda: chk.append("log", 1.0),
    "block": block,
    "transaction": transaction,
}

def deep(frames, work):
    return work() if frames <= 0 else deep(frames - 1, work)

unraisable = []
sys.unraisablehook = unraisable.append
handler, limit = signal.getsignal(signal.SIGINT), sys.getrecursionlimit()
work = works[sys.argv[2]]
done = refused = 0
for frames in range(limit - 330, limit - 2):
    try:
        deep(frames, work)
        done += 1
    except RecursionError:
        refused += 1
    assert gc.isenabled(), frames
    assert signal.getsignal(signal.SIGINT) is handler, frames
    assert not chk.is_open and not unraisable, (frames, unraisable)
other = threading.Thread(target=chk.get, args=("a",), daemon=True)
other.start()
other.join(10)
assert not other.is_alive()
assert done > 20 and refused > 50, (done, refused)
assert chk["levels"].load() == levels and chk["x"].tolist() == list(range(3000))
assert chk.verify().ok
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "work",
    ["read", "load", "small", "array", "levels", "keys", "append", "block", "transaction"],
)
def test_calls_near_the_recursion_limit(tmp_path: Path, work: str) -> None:
    """No lock is kept, no signal deferred for ever, no callback fails, whatever the depth."""
    run(PROGRAM, tmp_path / "x.hdf5", work)
