"""The seal: a file of which is known that nothing in it points at anything is not searched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, ReferencedError, save
from hdfchk.backends.hdf5.nodes import references
from hdfchk.backends.hdf5.wal.seal import read_seal
from tests.support.inside import connection


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often files were searched, and gone through."""
    found: list[str] = []
    search, run = references._holds_no_references, references._Walk.run

    def searching(fid: Any) -> bool:
        found.append("search")
        return search(fid)

    def walking(walk: Any) -> None:
        found.append("walk")
        run(walk)

    monkeypatch.setattr(references, "_holds_no_references", searching)
    monkeypatch.setattr(references._Walk, "run", walking)
    return found


def known(path: Path) -> tuple[bool, bool]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = read_seal(descriptor)
    finally:
        os.close(descriptor)
    return found.no_references, found.no_names


def work(chk: Any) -> None:
    """Whatever replaces or removes objects."""
    chk.update({"a": 1, "b": {"c": np.arange(5), "d": "text"}, "big": np.arange(50_000)})
    chk["a"] = "another type"
    chk["b"] = {"c": 1}
    chk["big"] = np.arange(60_000)
    chk.put("big", np.arange(3), compression="gzip")
    chk.append("log", 1.0)
    chk["log"] = 2
    del chk["b"]
    chk["a"] = [1, 2, "three"]
    chk.clear()
    chk["a"] = 1


@pytest.mark.parametrize("journal", [True, False])
def test_files_of_our_own(tmp_path: Path, looks: list[str], journal: bool) -> None:
    """They are never looked through, in whatever session."""
    path = tmp_path / "x.h5"
    for _ in range(2):
        chk = HDF5Checkpointer(path, journal=journal)
        work(chk)
        with HDF5Checkpointer(path, journal=journal) as chk:
            work(chk)
        assert known(path) == (True, True)
    with HDF5Checkpointer(tmp_path / "new.h5", journal=journal) as chk:
        work(chk)
    save(tmp_path / "saved.h5", {"a": 1})
    HDF5Checkpointer(tmp_path / "saved.h5")["a"] = "text"
    assert known(tmp_path / "saved.h5") == (True, True)
    assert not looks


@pytest.mark.parametrize("journal", [True, False])
def test_files_that_others_have_written(tmp_path: Path, looks: list[str], journal: bool) -> None:
    """They are searched once, and then known, until somebody else writes them again."""
    path = tmp_path / "x.h5"
    chk = HDF5Checkpointer(path, journal=journal)
    chk.update({"a": 1, "b": 2})
    with h5py.File(path, "r+") as file:
        file["c"] = 1
    assert known(path) == (False, False)
    chk["new"] = 1
    chk["a"] = 2
    assert not looks, "nothing was replaced"
    chk["a"] = "text"
    assert looks == ["search"] and known(path) == (True, False)
    chk["a"] = 1
    del chk["b"]
    assert looks == ["search"]
    with h5py.File(path, "r+") as file:
        file["to_a"] = file["a"].ref
    with pytest.raises(ReferencedError):
        chk["a"] = "text"
    assert "walk" in looks
    del chk["to_a"]
    chk["a"] = "text"
    looks.clear()
    chk["a"] = 1
    assert known(path) == (True, True)
    assert not looks


def test_copies(tmp_path: Path, looks: list[str]) -> None:
    """A copy with its time is the same file; one without it is looked at once."""
    path, copy = tmp_path / "x.h5", tmp_path / "copy.h5"
    HDF5Checkpointer(path)["a"] = 1
    shutil.copy2(path, copy)
    HDF5Checkpointer(copy)["a"] = "text"
    assert not looks
    shutil.copy(path, copy)
    for value in (1, "text", 2):
        HDF5Checkpointer(copy)["a"] = value
    assert looks.count("search") <= 1


def test_what_a_killed_writer_has_left(tmp_path: Path, looks: list[str]) -> None:
    """Commits in a log may be of a writer that has lent its file: they are looked at."""
    path = tmp_path / "x.h5"
    HDF5Checkpointer(path).update({"a": 1, "b": 2})
    pid = os.fork()
    if pid == 0:
        with HDF5Checkpointer(path) as chk:
            chk["b"] = "text"
            chk.stream["to_a"] = chk.stream["a"].ref
            connection(chk).storage.commit()
            os._exit(0)
    os.waitpid(pid, 0)
    assert os.path.exists(f"{path}-journal")
    with pytest.raises(ReferencedError):
        HDF5Checkpointer(path)["a"] = "text"
    assert looks


def test_a_seal_that_cannot_be_set(
    tmp_path: Path, looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not set the time of a file works as well."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(1, "not the owner")

    monkeypatch.setattr(os, "utime", refuse)
    path = tmp_path / "x.h5"
    chk = HDF5Checkpointer(path)
    chk["a"] = 1
    chk["a"] = "text"
    assert looks and chk["a"] == "text" and known(path) == (False, False)


def test_the_time_stays_the_time(tmp_path: Path) -> None:
    """A sealed file's time of modification is that of its last change, to a millisecond or two."""
    import time

    path = tmp_path / "x.h5"
    before = time.time_ns()
    HDF5Checkpointer(path)["a"] = 1
    assert before - 2 * 10**6 <= os.stat(path).st_mtime_ns <= time.time_ns()
