"""What a name leads to is decided once, and nothing but a regular file is ever written."""

from __future__ import annotations

import os
import re
import socket
import stat
from pathlib import Path
from typing import Any

import h5py
import pytest

from hdfchk import CorruptFileError, FileReplacedError, HDF5Checkpointer, save
from tests.actors.actors import Actor

from .children import in_child
from .states import ALLOWED, view

BEFORE = {"a": 1, "long": list(range(100))}
SPELLINGS = ["run.hdf5/", "run.hdf5/.", "run.hdf5//", "missing/../run.hdf5", "f/../run.hdf5"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store and another file."""
    HDF5Checkpointer(tmp_path / "run.hdf5").update(BEFORE)
    (tmp_path / "f").write_bytes(b"a file")
    return tmp_path


def _compact(name: str) -> None:
    HDF5Checkpointer(name).compact()


def _transaction(name: str) -> None:
    chk = HDF5Checkpointer(name)
    with chk, chk.transaction():
        chk["b"] = 2


def _assign(name: str) -> None:
    HDF5Checkpointer(name)["b"] = 2


@pytest.mark.parametrize("work", [_assign, _transaction, _compact])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_other_spellings_of_a_path_wipe_nothing(folder: Path, spelling: str, work: Any) -> None:
    """However a path is spelled, writing is an error, or goes to the very file."""
    name = f"{folder}/{spelling}"
    wrote = False
    try:
        seen = HDF5Checkpointer(name).load()
        assert seen in ({}, BEFORE)
        work(name)
        wrote = work is not _compact
    except OSError:
        pass
    after = {**BEFORE, "b": 2} if wrote else BEFORE
    assert view(folder / "run.hdf5") == after
    assert sorted(os.listdir(folder)) == ["f", "run.hdf5"]
    assert (folder / "f").read_bytes() == b"a file"


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("mode", ["a", "r+", "w", "x"])
def test_no_mode_wipes_by_another_spelling(folder: Path, spelling: str, mode: str) -> None:
    """A path that the system does not take for a file's is an error in each mode that writes."""
    try:
        HDF5Checkpointer(f"{folder}/{spelling}", mode=mode)["b"] = 2
    except OSError:
        assert view(folder / "run.hdf5") == BEFORE
    else:
        assert mode != "x"
        found = view(folder / "run.hdf5")
        assert found == ({"b": 2} if mode == "w" else {**BEFORE, "b": 2})
    assert sorted(os.listdir(folder)) == ["f", "run.hdf5"]


@pytest.mark.parametrize("spelling", ["new.hdf5/", "f/new.hdf5", "missing/new.hdf5", "new.hdf5/."])
@pytest.mark.parametrize("mode", ["a", "r+", "w", "x"])
def test_no_file_is_made_by_half(folder: Path, spelling: str, mode: str) -> None:
    """A path that can be no file's makes none and leaves nothing, or makes the one that it names."""
    made = ["f", "new.hdf5", "run.hdf5"]
    try:
        HDF5Checkpointer(f"{folder}/{spelling}", mode=mode)["b"] = 2
    except OSError:
        made.remove("new.hdf5")
    else:
        assert view(folder / "new.hdf5") == {"b": 2}
    assert sorted(os.listdir(folder)) == made
    assert view(folder / "run.hdf5") == BEFORE and (folder / "f").read_bytes() == b"a file"


def _special(folder: Path, kind: str) -> Path:
    place = folder / kind
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(folder)  # the name of a socket has to be short
        try:
            socket.socket(socket.AF_UNIX).bind(kind)
        finally:
            os.chdir(here)
    else:
        try:
            os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 3))
            place.read_bytes()
        except OSError:
            pytest.skip("this user, or this file system, has no devices")
    return place


def _linked(folder: Path, place: Path) -> Path:
    (folder / "link.hdf5").symlink_to(place)
    return folder / "link.hdf5"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("by_link", [False, True], ids=["itself", "by a link"])
@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str, by_link: bool) -> None:
    """Devices, pipes and sockets are neither read nor replaced, and an error says at once why."""
    place = _special(tmp_path, kind)
    name = _linked(tmp_path, place) if by_link else place
    before = place.lstat()

    def look() -> None:
        HDF5Checkpointer(name).load()

    def write() -> None:
        HDF5Checkpointer(name)["a"] = 1

    def write_in_a_block() -> None:
        with HDF5Checkpointer(name, mode="w") as chk:
            chk["a"] = 1

    def compact() -> None:
        HDF5Checkpointer(name).compact()

    @in_child
    def all_refused() -> None:
        for work in (look, write, write_in_a_block, compact, lambda: save(name, {"a": 1})):
            with pytest.raises(OSError, match="regular"):
                work()
            after = place.lstat()
            assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)

    all_refused()
    assert not os.path.exists(f"{place}-journal") and not os.path.exists(f"{place}-new")


@pytest.mark.parametrize("suffix", ["-journal", "-new"])
@in_child
def test_a_pipe_as_a_neighbour_hangs_nobody(tmp_path: Path, suffix: str) -> None:
    """Beside a pipe that has a neighbour's name, reading and writing come to an end at once."""
    name = tmp_path / "x.hdf5"
    HDF5Checkpointer(name)["a"] = 1
    os.mkfifo(f"{name}{suffix}")
    for mode in ("r", "a"):
        try:
            assert HDF5Checkpointer(name, mode=mode, lock_timeout=0.2).load() == {"a": 1}
        except ALLOWED:
            continue
    try:
        HDF5Checkpointer(name, lock_timeout=0.2)["a"] = 1
    except ALLOWED as error:
        assert name.name in str(error)
    assert stat.S_ISFIFO(os.lstat(f"{name}{suffix}").st_mode)
    os.unlink(f"{name}{suffix}")
    assert view(name) == {"a": 1}


def test_a_relative_path_means_the_folder_of_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store of a relative path is that of one file, wherever the process goes."""
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    monkeypatch.chdir(first)
    chk = HDF5Checkpointer("run.hdf5")
    chk["n"] = 1
    monkeypatch.chdir(second)
    assert chk.load() == {"n": 1}
    chk["n"] = 2
    monkeypatch.chdir(first)
    with chk:
        assert chk["n"] == 2
        monkeypatch.chdir(second)
        chk["n"] = 3
        assert chk["n"] == 3
    chk["rows"] = list(range(10))
    assert chk.compact() >= 0 and chk.verify().ok and not chk.recover()
    assert os.listdir(second) == [] and os.listdir(first) == ["run.hdf5"]
    assert view(first / "run.hdf5") == {"n": 3, "rows": list(range(10))}


def test_maps_after_a_change_of_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory map made after the process went elsewhere is one of the same file."""
    import numpy as np

    monkeypatch.chdir(tmp_path)
    chk = HDF5Checkpointer("run.hdf5")
    chk["a"] = np.arange(50_000.0)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with chk:
        assert chk.array("a").map()[7] == 7.0
        assert (chk.array("a")[3:6] == [3, 4, 5]).all()


@in_child
def test_the_end_of_one_run_leaves_the_journal_of_another(tmp_path: Path) -> None:
    """A writer whose folder was moved away ends without a touch of who writes at its old place."""
    results = tmp_path / "results"
    results.mkdir()
    name = results / "run.hdf5"
    first, second = HDF5Checkpointer(name), Actor()
    try:
        first.__enter__()
        first["one"] = 1
        first["one"] = 2
        results.rename(tmp_path / "results-1")
        results.mkdir()
        second.do("chk = HDF5Checkpointer(path, sync_interval=1000).__enter__()", path=name)
        second.do("chk['a'] = 1; chk['b'] = [1, None]")
        told: list[Any] = []
        try:
            first.__exit__(None, None, None)
        except ALLOWED as error:
            told.append(error)
        second.do("chk['d'] = 4")
        assert os.path.exists(f"{name}-journal"), "the other's journal is gone"
        with pytest.raises(BlockingIOError):
            HDF5Checkpointer(name, lock_timeout=0.1)["third"] = 1
        assert view(name) == {"a": 1, "b": [1, None], "d": 4}
        moved = HDF5Checkpointer(tmp_path / "results-1" / "run.hdf5")
        assert told or moved.load() == {"one": 2}
        second.do("chk.__exit__(None, None, None)")
    finally:
        second.kill()
    assert not os.path.exists(f"{name}-journal")
    assert view(name) == {"a": 1, "b": [1, None], "d": 4}
    moved["after"] = 1
    assert moved.load()["one"] == 2


@in_child
def test_a_second_store_joins_a_writer_whose_folder_was_moved(tmp_path: Path) -> None:
    """Stores of one process share the file that is open; where it is now is told, with a copy."""
    results = tmp_path / "results"
    results.mkdir()
    name = results / "run.hdf5"
    with HDF5Checkpointer(name) as first:
        first["one"] = 1
        results.rename(tmp_path / "results-1")
        results.mkdir()
        with pytest.raises(FileReplacedError) as caught:
            HDF5Checkpointer(name)["b"] = [1, None]
    saved = re.search("'(/[^']*)'", str(caught.value))
    places = [tmp_path / "results-1" / "run.hdf5"] + ([saved[1]] if saved else [])
    assert {"one": 1, "b": [1, None]} in [view(place) for place in places]


@pytest.mark.parametrize("other_writes", [False, True])
@in_child
def test_a_removed_journal_is_told(tmp_path: Path, other_writes: bool) -> None:
    """A writer whose journal somebody removed loses nothing without saying so."""
    import warnings

    name = tmp_path / "x.hdf5"
    HDF5Checkpointer(name)["a"] = 0
    told: list[Any] = []
    model: dict[str, Any] = {"a": 1}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        chk = HDF5Checkpointer(name)
        try:
            with chk:
                chk["a"] = 1
                chk["l"] = model["l"] = [1, None]
                os.unlink(f"{name}-journal")
                if other_writes:
                    try:
                        HDF5Checkpointer(name, lock_timeout=0.2)["other"] = 1
                        model["other"] = 1
                    except ALLOWED as error:
                        assert isinstance(error, BlockingIOError)
                chk["c"] = model["c"] = 3
                chk["d"] = model["d"] = [3, None]
        except ALLOWED as error:
            told.append(error)
        found = HDF5Checkpointer(name).load()
    assert found == model or told or said
    with h5py.File(name, "r") as file:
        assert "a" in file
    HDF5Checkpointer(name)["after"] = 1
    assert HDF5Checkpointer(name).verify().ok


@pytest.mark.parametrize("length", [247, 248, 250, 255])
def test_a_name_too_long_for_a_neighbour(tmp_path: Path, length: int) -> None:
    """A file whose journal's name would be too long can be read; writing it is an honest error."""
    name = tmp_path / ("x" * length)
    with h5py.File(name, "w") as file:
        file["a"] = 1
    raw = name.read_bytes()
    assert HDF5Checkpointer(name, mode="r").load() == {"a": 1}
    assert HDF5Checkpointer(name).load() == {"a": 1}
    try:
        HDF5Checkpointer(name)["b"] = 2
    except OSError as error:
        assert not isinstance(error, CorruptFileError), error
        assert name.read_bytes() == raw
    else:
        assert view(name) == {"a": 1, "b": 2}
    assert os.listdir(tmp_path) == [name.name]


def test_a_link_that_leads_elsewhere_to_a_file_of_the_same_number(tmp_path: Path) -> None:
    """A folder's link that leads to where the file was moved is followed, by each store."""
    latest, names = tmp_path / "latest", [tmp_path / f"run{run}" / "x.hdf5" for run in range(3)]
    old = HDF5Checkpointer(latest / "x.hdf5")
    for run, name in enumerate(names):
        name.parent.mkdir()
        if run:
            names[run - 1].rename(name)
            latest.unlink()
        latest.symlink_to(name.parent)
        old[f"old{run}"] = run
        HDF5Checkpointer(latest / "x.hdf5")[f"new{run}"] = run
        assert set(old) == set(HDF5Checkpointer(name)) >= {f"old{run}", f"new{run}"}
        assert os.listdir(name.parent) == ["x.hdf5"]
    assert len(old) == 6 and os.listdir(names[0].parent) == []
