"""Files beside a store that have the names of its neighbours, and are somebody else's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from hdfchk import HDF5Checkpointer, save

from .children import in_child, killed_writer
from .states import ALLOWED, again, view

SUFFIXES = ["-journal", "-new"]


def _assign(name: Path) -> None:
    HDF5Checkpointer(name, lock_timeout=0.2)["a"] = 1


def _block(name: Path) -> None:
    with HDF5Checkpointer(name, lock_timeout=0.2) as chk:
        chk["a"] = 1
        chk["b"] = [1, None]
        chk.commit()


def _compact(name: Path) -> None:
    HDF5Checkpointer(name, lock_timeout=0.2).compact()


def _recover(name: Path) -> None:
    HDF5Checkpointer(name, lock_timeout=0.2).recover()


def _save(name: Path) -> None:
    save(name, {"a": 1})


WORK = [_assign, _block, _compact, _recover, _save]


def _text(place: Path) -> None:
    place.write_text("a lab journal, kept by hand\n" * 40)


def _store(place: Path) -> None:
    HDF5Checkpointer(place)["precious"] = list(range(50))


def _plain(place: Path) -> None:
    with h5py.File(place, "w") as file:
        file["precious"] = 1


def _short(place: Path) -> None:
    place.write_bytes(b"x")


def _journal(place: Path) -> None:
    other = place.with_name("other.hdf5")
    HDF5Checkpointer(other)["a"] = 0
    killed_writer(other, {"a": 1})
    os.replace(f"{other}-journal", place)
    other.unlink()


def _bytes(folder: Path) -> dict[str, bytes]:
    return {place.name: place.read_bytes() for place in folder.iterdir()}


@pytest.mark.parametrize("exists", [True, False], ids=["there", "missing"])
@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("make", [_text, _store, _plain, _short])
@in_child
def test_neighbours_of_others_are_left_alone(
    tmp_path: Path,
    suffix: str,
    make: Callable[[Path], None],
    work: Callable[[Path], None],
    exists: bool,
) -> None:
    """A file beside, which no writer of this store has made, keeps its bytes whatever is done."""
    name = tmp_path / "lab"
    if exists:
        HDF5Checkpointer(name)["old"] = 1
    elif work in {_compact, _recover}:
        return
    neighbour = tmp_path / f"lab{suffix}"
    make(neighbour)
    raw, node = neighbour.read_bytes(), neighbour.stat().st_ino
    try:
        work(name)
    except ALLOWED as error:
        assert "lab" in str(error)
        assert not exists or HDF5Checkpointer(name, mode="r").load()["old"] == 1
    assert neighbour.read_bytes() == raw and neighbour.stat().st_ino == node
    if name.exists():
        try:
            assert HDF5Checkpointer(name).load()
        except ALLOWED as error:
            assert neighbour.name in str(error)
    assert {place.name for place in tmp_path.iterdir()} <= {"lab", neighbour.name}
    assert neighbour.read_bytes() == raw


@in_child
def test_a_store_named_like_a_new_file_is_left_alone(tmp_path: Path) -> None:
    """A store called `results-new` lives on beside one called `results`, also while it is open."""
    other = HDF5Checkpointer(tmp_path / "results-new")
    other["precious"] = 1
    HDF5Checkpointer(tmp_path / "results")["a"] = 1
    assert other.load() == {"precious": 1}
    with other:
        other["precious"] = 2
        other["more"] = [1, None]
        with HDF5Checkpointer(tmp_path / "results") as chk:
            chk["a"] = 2
            chk["b"] = [2, None]
        HDF5Checkpointer(tmp_path / "results").compact()
        save(tmp_path / "results", {"a": 3})
        other["last"] = 3
    assert view(tmp_path / "results-new") == {"precious": 2, "more": [1, None], "last": 3}
    assert view(tmp_path / "results") == {"a": 3}
    assert sorted(os.listdir(tmp_path)) == ["results", "results-new"]


@in_child
def test_a_journal_of_another_file_is_left_alone(tmp_path: Path) -> None:
    """A journal that was made for another file is neither laid over this one nor removed."""
    name = tmp_path / "lab"
    HDF5Checkpointer(name)["old"] = 1
    neighbour = tmp_path / "lab-journal"
    _journal(neighbour)
    raw = neighbour.read_bytes()
    try:
        assert view(name) == {"old": 1}
    except ALLOWED as error:
        assert "lab" in str(error)
    try:
        HDF5Checkpointer(name, lock_timeout=0.2)["new"] = 1
    except ALLOWED as error:
        assert "lab" in str(error)
    kept = [data for file, data in _bytes(tmp_path).items() if file != "lab"]
    assert raw in kept, "the commits of a journal are nowhere any more"
    for place in tmp_path.iterdir():
        if place != name:
            place.unlink()
    assert view(name)["old"] == 1


@pytest.mark.parametrize("exists", [True, False], ids=["there", "missing"])
@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("target", ["text", "store", "nothing", "folder"])
@in_child
def test_links_beside_are_not_followed(
    tmp_path: Path, suffix: str, work: Callable[[Path], None], target: str, exists: bool
) -> None:
    """A symbolic link with a neighbour's name leads nobody to write, read or empty its target."""
    folder, outside = tmp_path / "shared", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    name, victim = folder / "lab", outside / "victim"
    if exists:
        HDF5Checkpointer(name)["old"] = 1
    elif work in {_compact, _recover}:
        return
    if target == "text":
        _text(victim)
    elif target == "store":
        _store(victim)
    elif target == "folder":
        victim.mkdir()
    before = _bytes(outside) if target != "folder" else {}
    (folder / f"lab{suffix}").symlink_to(victim)
    try:
        work(name)
    except ALLOWED as error:
        assert "lab" in str(error)
    assert (_bytes(outside) if target != "folder" else {}) == before
    assert os.listdir(outside) == ([] if target == "nothing" else ["victim"])
    assert not name.is_symlink()
    (folder / f"lab{suffix}").unlink(missing_ok=True)
    if exists:
        found = again(lambda: view(name))
        assert found.get("old") == 1 or (work is _save and found == {"a": 1})


@in_child
def test_a_link_beside_is_not_read(tmp_path: Path) -> None:
    """A link x-journal to another's journal brings nothing of it into a reader's view."""
    secret, name = tmp_path / "secret.hdf5", tmp_path / "x.hdf5"
    HDF5Checkpointer(secret)["password"] = "old"
    killed_writer(secret, {"password": "new"})
    HDF5Checkpointer(name)["a"] = 1
    os.symlink(f"{secret}-journal", f"{name}-journal")
    raw = Path(f"{secret}-journal").read_bytes()
    for work in (lambda: view(name), lambda: _assign(name)):
        try:
            found = work()
            assert found is None or found == {"a": 1}
        except ALLOWED as error:
            assert "x.hdf5" in str(error)
    assert Path(f"{secret}-journal").read_bytes() == raw
    assert view(secret) == {"password": "new"}
