"""Files that another program writes without a lock, or was writing when it was killed.

A SWMR writer of h5py gives HDF5's lock back: only a flag in the superblock says that it is there.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hdfchk import CorruptFileError, HDF5Checkpointer
from hdfchk.backends.hdf5.h5.stand_in import lookup3

from .children import run, started

SWMR = """
import sys
import h5py
import numpy as np
with h5py.File(sys.argv[1], "w", libver="latest", userblock_size=int(sys.argv[2])) as file:
    file.create_dataset("x", data=np.arange(100.0), maxshape=(None,), chunks=(100,))
    file.swmr_mode = True
    print("ready", flush=True)
    for _ in sys.stdin:
        length = len(file["x"])
        file["x"].resize((length + 1000,))
        file["x"][length:] = 7.0
        file["x"].flush()
        print("more", flush=True)
"""
KILLED = """
import os, signal, sys
import h5py
file = h5py.File(sys.argv[1], "w", libver="latest")
file["x"] = 1.0
file.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
CALLS: dict[str, Callable[[HDF5Checkpointer], object]] = {
    "assign": lambda chk: chk.update({"n": 1, "d": {"x": np.ones(3000)}}),
    "append": lambda chk: chk.append("x", 1.0),
    "slice": lambda chk: chk.array("x").__setitem__(0, 1.0),
    "delete": lambda chk: chk.__delitem__("x"),
    "transaction": lambda chk: chk.transaction().__enter__(),
    "compact": lambda chk: chk.compact(),
}


@pytest.mark.parametrize("block", [0, 1024], ids=["plain", "user block"])
def test_a_swmr_writer_is_not_disturbed(tmp_path: Path, block: int) -> None:
    """Nothing is written beside it, and what it writes afterwards is whole."""
    path = tmp_path / "x.h5"
    with started(SWMR, path, block) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        before = path.read_bytes()
        for call in CALLS.values():
            with pytest.raises(CorruptFileError, match="still writes it.*h5clear -s"):
                call(HDF5Checkpointer(path, lock_timeout=0))
            assert path.read_bytes() == before
            assert os.listdir(tmp_path) == ["x.h5"]
        for _ in range(3):
            writer.stdin.write("more\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "more\n"
        writer.stdin.close()
        assert writer.wait(60) == 0
        writer.stdin = None
    with h5py.File(path) as file:
        assert file["x"].shape == (3100,)
        assert (file["x"][100:] == 7.0).all()
    HDF5Checkpointer(path)["n"] = 1  # it has closed the file
    assert HDF5Checkpointer(path).verify().ok


@pytest.mark.parametrize("journal", [True, False])
def test_what_a_killed_writer_left_is_said(tmp_path: Path, journal: bool) -> None:
    """A writer says the same as a reader; when the flag is cleared, it writes."""
    path = tmp_path / "x.h5"
    with pytest.raises(AssertionError, match="status -9"):
        run(KILLED, path)
    before = path.read_bytes()
    with pytest.raises(CorruptFileError, match="h5clear -s") as caught:
        HDF5Checkpointer(path, journal=journal)["n"] = 1
    assert caught.value.file == str(path)
    assert path.read_bytes() == before
    whole = bytearray(before)
    whole[11] = 0
    whole[44:48] = struct.pack("<I", lookup3(bytes(whole[:44])))  # as h5clear does
    path.write_bytes(whole)
    HDF5Checkpointer(path, journal=journal)["n"] = 1
    assert HDF5Checkpointer(path).load() == {"x": 1.0, "n": 1}


def test_files_of_ours_have_no_flag(tmp_path: Path) -> None:
    """HDF5 sets it in no file that is written through the journal, nor after a kill."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["x"] = 1.0
    with pytest.raises(AssertionError, match="status -9"):
        run(
            "import os, signal, sys; from hdfchk import HDF5Checkpointer\n"
            "chk = HDF5Checkpointer(sys.argv[1]); chk.__enter__(); chk['a'] = {'b': [1, None]}\n"
            "chk.commit(); chk['c'] = {'d': 2}; os.kill(os.getpid(), signal.SIGKILL)",
            path,
        )
    assert path.read_bytes()[8] == 3
    assert path.read_bytes()[11] == 0
    HDF5Checkpointer(path)["n"] = 1
    assert path.read_bytes()[11] == 0
    assert HDF5Checkpointer(path).load() == {"x": 1.0, "a": {"b": [1, None]}, "c": {"d": 2}, "n": 1}
