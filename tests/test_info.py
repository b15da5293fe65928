"""`info`: the state of a file, beside whoever has it open."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, Info, PendingJournalWarning
from hdfchk.info import readable_bytes


def child(code, *args):
    """Another process, which is told to end by the end of its input."""
    text = "import sys, hdfchk\ndef ready(): print('ready', flush=True); sys.stdin.read()\n" + code
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, args)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def end(process):
    """Let a process end."""
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()


def test_a_file_at_rest(tmp_path):
    """Size, free space and versions; nobody has it open, and nothing is made."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path)
    found = chk.info()
    assert (found.exists, found.size, found.is_written) == (False, 0, False)
    assert "does not exist" in str(found)
    assert os.listdir(tmp_path) == []
    chk["x"] = np.zeros(10_000)
    chk["y"] = np.zeros(10_000)
    del chk["x"]
    found = chk.info()
    assert isinstance(found, Info)
    assert found.size == path.stat().st_size
    assert found.free >= 80_000
    assert (found.format, found.superblock, found.needs) == (3, 2, "1.10")
    assert (found.log_path, found.log_bytes, found.commits) == (None, 0, 0)
    assert (found.is_written, found.writer, found.waiting, found.problem) == (
        False, None, 0, None,
    )  # fmt: skip
    assert "nobody" in str(found)
    chk.compact(libver="earliest")
    assert chk.info().needs == "1.8"


def test_an_empty_file(tmp_path):
    """A file without a byte, as `tempfile.mkstemp` makes, is there; no file is not."""
    path = tmp_path / "x.hdf5"
    assert (HDF5Checkpointer(path).info().exists, HDF5Checkpointer(path).info().problem) == (
        False,
        None,
    )
    path.touch()
    found = HDF5Checkpointer(path).info()
    assert (found.exists, found.size) == (True, 0) and "is empty" in found.problem
    assert "is empty" in str(found) and "not exist" not in str(found)
    HDF5Checkpointer(path)["x"] = 1
    assert HDF5Checkpointer(path).info().problem is None


def test_compacted(tmp_path):
    """Nothing is said of who has made a file that has no stamp: `compact` leaves none."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    chk["x"] = [1]
    chk.compact()
    assert "program" not in str(chk.info()) and "superblock" in str(chk.info())


def test_files_of_others(tmp_path):
    """They have no version of ours; what is no HDF5 file has a problem."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["a"] = 1
    found = HDF5Checkpointer(path).info()
    assert (found.format, found.superblock, found.needs) == (None, 0, "1.0")
    path.write_bytes(b"no HDF5 file at all" * 100)
    found = HDF5Checkpointer(path).info()
    assert found.exists
    assert "not an HDF5 file" in found.problem
    assert found.problem in str(found)


def test_what_waits_in_the_journal(tmp_path):
    """Its bytes and commits, and who writes; in this process and from another one."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path)
    chk["n"] = 0
    with chk:
        for number in range(20):
            chk["n"] = number
        found = chk.info()
        assert found.commits == 20
        assert found.log_bytes == os.path.getsize(f"{path}-journal")
        assert found.log_path == f"{path}-journal"
        assert found.log_problem is None
        assert found.writer.is_this
        assert found.writer.pid == os.getpid()
        code = (
            "found = hdfchk.HDF5Checkpointer(sys.argv[1]).info()\n"
            "print(found.commits, found.writer.pid, found.writer.is_this, found.is_written)"
        )
        other = child(code, path)
        assert other.stdout.readline().split() == ["20", str(os.getpid()), "False", "True"]
        end(other)
    assert chk.info().commits == 0


def test_a_journal_that_does_not_match(tmp_path):
    """It is told why, and nothing is changed."""
    path = tmp_path / "x.hdf5"
    HDF5Checkpointer(path)["a"] = 1
    before = path.read_bytes()
    with HDF5Checkpointer(path, mode="r") as reader:
        assert reader["a"] == 1
        with pytest.warns(PendingJournalWarning):
            HDF5Checkpointer(path)["a"] = 2
        assert HDF5Checkpointer(path, mode="r").info().commits >= 1
    with h5py.File(path, "w") as file:
        file["other"] = 1
    found = HDF5Checkpointer(path).info()
    assert found.log_problem
    assert found.log_problem in str(found)
    assert found.problem is None
    assert path.read_bytes() != before


@pytest.mark.skipif(not os.path.exists("/proc/locks"), reason="the system tells no locks")
def test_readers_and_waiting_writers(tmp_path):
    """Processes that read are known by number; writers that wait are counted."""
    path = tmp_path / "x.hdf5"
    with HDF5Checkpointer(path) as chk:
        chk["a"] = 1
        reader = child(
            "chk = hdfchk.HDF5Checkpointer(sys.argv[1], mode='r')\nwith chk: chk['a']; ready()",
            path,
        )
        assert reader.stdout.readline() == "ready\n"
        writer = child("hdfchk.HDF5Checkpointer(sys.argv[1], lock_timeout=60)['b'] = 2", path)
        limit = time.monotonic() + 60
        while chk.info().waiting != 1:
            assert time.monotonic() < limit
            time.sleep(0.02)
        found = chk.info()
        assert found.readers is None or found.readers == (reader.pid,)
        assert "1 writer waits" in str(found)
        end(reader)
    end(writer)
    assert chk["b"] == 2
    assert chk.info().waiting == 0


@pytest.mark.slow
def test_it_holds_up_no_writer(tmp_path):
    """A writer that works all the time loses nothing, and its checkpoints go on."""
    path = tmp_path / "x.hdf5"
    code = (
        "with hdfchk.HDF5Checkpointer(sys.argv[1]) as chk:\n"
        "    chk['n'] = 0; print('ready', flush=True)\n"
        "    for n in range(300): chk['n'] = n; chk['x'] = [n] * 100; chk.commit()\n"
    )
    writer = child("import warnings; warnings.simplefilter('error')\n" + code, path)
    assert writer.stdout.readline() == "ready\n"
    chk = HDF5Checkpointer(path, mode="r")
    try:
        while writer.poll() is None:
            found = chk.info()
            assert (found.log_problem, found.problem) == (None, None)
    finally:
        end(writer)
    assert chk["n"] == 299
    assert os.listdir(tmp_path) == ["x.hdf5"]


def test_other_stores():
    """What is in no file has a name, and whether there is anything."""
    assert HDF5Checkpointer(None).info() == Info("memory", exists=True)
    file = io.BytesIO()
    chk = HDF5Checkpointer(file)
    assert not chk.info().exists
    chk["a"] = 1
    assert chk.info().size == len(file.getvalue())
    assert HDF5Checkpointer.build_canonical({}).info().exists


def test_units():
    """Numbers of bytes have units of three digits."""
    wanted = {
        0: "0 B",
        999: "999 B",
        1000: "1 kB",
        1234: "1.2 kB",
        999_960: "1 MB",
        10**16: "10 PB",
    }
    assert {number: readable_bytes(number) for number in wanted} == wanted
