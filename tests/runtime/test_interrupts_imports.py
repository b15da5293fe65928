"""Signals are deferred while a call imports what it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import signal, sys
import numpy as np
from hdfchk import HDF5Checkpointer

class Finder:
    def find_spec(self, name, path=None, target=None):
        if signal.getsignal(signal.SIGUSR1) is handler:  # it is not replaced
            found.append(name)

def handler(number, frame):
    pass

found = []
signal.signal(signal.SIGUSR1, handler)
sys.meta_path.insert(0, Finder())
chk = HDF5Checkpointer(sys.argv[1])
chk.info(), chk.recover()
chk["n"] = 1
with chk:
    chk["tree"] = {"a": np.zeros(3000), "texts": ["a", None]}
    chk["n"] = 2
    chk.append("log", 1.0)
    with chk.transaction():
        del chk["tree"]
chk.load(), chk["log"], list(chk), chk.array("log")[0]
chk.compact()
assert "h5py" in sys.modules and not found, found
"""


def test_late_imports(tmp_path: Path) -> None:
    """A call imports nothing while handlers run: what one raises there can be lost.

    Python ignores it in callbacks of weak references, which the import system has.
    """
    subprocess.run([sys.executable, "-c", CODE, tmp_path / "x.hdf5"], check=True)
