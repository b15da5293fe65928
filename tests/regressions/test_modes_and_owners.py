"""Rights and owners: what lies beside a file, or takes its place, is as open as the file was."""

from __future__ import annotations

import errno
import os
import signal
import stat
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hdfchk
from hdfchk import FileReplacedError, HDF5Checkpointer, HdfchkWarning, save
from tests.support.exact import differs

from .children import in_child, killed_writer, outcome
from .failing import Calls
from .states import view

OWNER, GROUP, NOBODY = 12_345, 23_456, 65_534
ROOT_ONLY = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs another user")


@pytest.fixture
def folder(open_folder: Path) -> Path:
    """A folder that each user may enter and write."""
    open_folder.chmod(0o777)
    return open_folder


def _as_user(user: int, group: int, work: Callable[[], Any]) -> str:
    def change_and_work() -> None:
        os.setgroups([group])
        os.setgid(user)
        os.setuid(user)
        work()

    return outcome(change_and_work)


def _compact(name: Path) -> None:
    HDF5Checkpointer(name).compact()


def _save(name: Path) -> None:
    save(name, {"password": "secret" * 2000})


def _block(name: Path) -> None:
    with HDF5Checkpointer(name) as chk:
        chk["password"] = "secret"
        chk["password"] = ["secret"] * 9000
        chk.commit()
        chk["password"] = "secret" * 2000


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
@pytest.mark.parametrize("work", [_block, _compact, _save])
@in_child
def test_what_lies_beside_is_as_secret_as_the_file(
    tmp_path: Path, work: Callable[[Path], None], mode: int
) -> None:
    """At no moment is there a file beside that more people may read or write than the file."""
    name = tmp_path / "x.hdf5"
    HDF5Checkpointer(name)["password"] = "secret" * 3000
    name.chmod(mode)
    os.umask(0o022)
    seen, wrong = set(), set()

    def look() -> None:
        for place in tmp_path.iterdir():
            seen.add(place.name)
            if stat.S_IMODE(place.lstat().st_mode) & ~mode:
                wrong.add(f"{place.name} has {oct(place.lstat().st_mode)}")

    with Calls(tmp_path) as calls:
        calls.fail(("write", "sync", "rename", "link", "unlink"), times=10**9, act=look)
        work(name)
    assert not wrong and len(seen) > 1, (wrong, seen)
    assert stat.S_IMODE(name.stat().st_mode) == mode


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o666])
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
@in_child
def test_the_journal_has_the_mode_of_its_file(tmp_path: Path, mode: int, umask: int) -> None:
    """Whoever may read or write a file may do so with its journal, whatever the writer's mask."""
    name = tmp_path / "x.hdf5"
    HDF5Checkpointer(name)["a"] = 1
    name.chmod(mode)
    if os.geteuid() == 0:
        os.chown(name, -1, GROUP)
    os.umask(umask)
    with HDF5Checkpointer(name) as chk:
        chk["a"] = 2
        chk["b"] = [1, None]
        journal, file = os.stat(f"{name}-journal"), os.stat(name)
        assert stat.S_IMODE(journal.st_mode) == stat.S_IMODE(file.st_mode) == mode
        assert journal.st_gid == file.st_gid


@ROOT_ONLY
def test_a_group_is_not_locked_out_after_a_kill(folder: Path) -> None:
    """After a member of a file's group was killed, another member writes and recovers."""
    name = folder / "x.hdf5"
    HDF5Checkpointer(name)["a"] = 1
    name.chmod(0o664)
    os.chown(name, OWNER, GROUP)

    def killed() -> None:
        with HDF5Checkpointer(name) as chk:
            chk["a"] = 2
            chk["l"] = [1, None]
            os.kill(os.getpid(), signal.SIGKILL)

    def goes_on() -> None:
        assert HDF5Checkpointer(name, mode="r").load() == {"a": 2, "l": [1, None]}
        assert HDF5Checkpointer(name).recover()
        HDF5Checkpointer(name)["b"] = 3

    assert _as_user(OWNER, GROUP, killed) == "it was ended by SIGKILL"
    said = _as_user(NOBODY, GROUP, goes_on)
    assert not said, said
    assert view(name) == {"a": 2, "l": [1, None], "b": 3}
    assert os.listdir(folder) == ["x.hdf5"]


@ROOT_ONLY
def test_a_writers_mask_locks_no_reader_out(folder: Path) -> None:
    """Who may read a file reads it beside a writer whose mask is 077."""
    name = folder / "x.hdf5"
    HDF5Checkpointer(name)["a"] = 1
    name.chmod(0o644)
    old = os.umask(0o077)
    try:
        with HDF5Checkpointer(name) as chk:
            chk["a"] = 2
            chk["b"] = [1, None]
            said = _as_user(NOBODY, NOBODY, lambda: _reads(name, {"a": 2, "b": [1, None]}))
    finally:
        os.umask(old)
    assert not said, said


def _reads(name: Path, state: dict[str, Any]) -> None:
    assert HDF5Checkpointer(name, mode="r").load() == state


@ROOT_ONLY
@pytest.mark.parametrize("work", [_compact, _save])
def test_what_takes_a_files_place_keeps_its_owner(
    folder: Path, work: Callable[[Path], None]
) -> None:
    """After compact() or save() by root a file is its owner's and its group's as before."""
    name = folder / "x.hdf5"
    HDF5Checkpointer(name).update({"a": 1, "big": np.ones(90_000)})
    del HDF5Checkpointer(name)["big"]
    name.chmod(0o660)
    os.chown(name, OWNER, GROUP)
    work(name)
    now = name.stat()
    assert (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (OWNER, GROUP, 0o660)
    said = _as_user(OWNER, GROUP, lambda: HDF5Checkpointer(name).update({"mine": 1}))
    assert not said, said


@pytest.mark.parametrize("work", [_compact, _save])
def test_what_takes_a_files_place_keeps_its_attributes(
    tmp_path: Path, work: Callable[[Path], None]
) -> None:
    """Extended attributes of a file are there after compact() and save()."""
    name = tmp_path / "x.hdf5"
    HDF5Checkpointer(name).update({"a": 1, "big": np.ones(90_000)})
    try:
        os.setxattr(name, "user.origin", b"beamline 7")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    del HDF5Checkpointer(name)["big"]
    work(name)
    assert os.listxattr(name) and os.getxattr(name, "user.origin") == b"beamline 7"


@pytest.mark.parametrize("work", [_compact, _save])
@in_child
def test_a_second_name_of_a_file_is_not_cut_off_silently(
    tmp_path: Path, work: Callable[[Path], None]
) -> None:
    """compact() and save() of a file with two names keep both at one file, or say that they do not."""
    name, second = tmp_path / "x.hdf5", tmp_path / "second.hdf5"
    HDF5Checkpointer(name).update({"a": 1, "big": np.ones(90_000)})
    del HDF5Checkpointer(name)["big"]
    os.link(name, second)
    told: list[Any] = []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            work(name)
        except OSError as error:
            told.append(error)
        except HdfchkWarning as error:
            told.append(error)
    same = name.stat().st_ino == second.stat().st_ino
    assert same or told or said
    assert "a" in view(second)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES])
@in_child
def test_a_journal_that_cannot_be_removed_fails_no_write(tmp_path: Path, number: int) -> None:
    """In a folder where only its owner removes a journal, writes that are done do not raise."""
    name = tmp_path / "x.hdf5"
    HDF5Checkpointer(name)["a"] = 0
    with Calls(tmp_path) as calls:
        calls.fail("unlink", times=10**9, number=number, name="-journal")
        HDF5Checkpointer(name)["a"] = 1
        with HDF5Checkpointer(name) as chk:
            chk["b"] = 2
            chk["c"] = [1, None]
        HDF5Checkpointer(name).compact()
    assert view(name) == {"a": 1, "b": 2, "c": [1, None]}
    HDF5Checkpointer(name)["d"] = 1
    assert os.listdir(tmp_path) == ["x.hdf5"]


@ROOT_ONLY
def test_a_sticky_folder_fails_no_write(folder: Path) -> None:
    """Where a killed writer's journal is another user's, in a sticky folder, writing goes on."""
    name = folder / "x.hdf5"
    HDF5Checkpointer(name)["a"] = 1
    name.chmod(0o666)
    folder.chmod(0o1777)
    killed_writer(name, {"a": 2}, {"l": [1, None]})
    os.chmod(f"{name}-journal", 0o666)
    said = _as_user(NOBODY, NOBODY, lambda: HDF5Checkpointer(name).update({"b": 3}))
    assert not said, said
    assert differs({"a": 2, "l": [1, None], "b": 3}, view(name)) is None


def _work_of_all_kinds(name: Path) -> None:
    HDF5Checkpointer(name)["a"] = 1
    with HDF5Checkpointer(name, sync_interval=0) as chk:
        chk["b"] = 2
        chk["c"] = [1, None]
        chk.commit()
    HDF5Checkpointer(name).compact()


@in_child
def test_a_folder_that_cannot_be_synced_fails_no_write(tmp_path: Path) -> None:
    """A folder whose sync is refused, as on some shares, is no error of a write that is done."""
    folder = tmp_path / "share"
    folder.mkdir()
    name = folder / "x.hdf5"
    with Calls(folder) as calls:
        calls.fail("sync", times=10**9, number=errno.EINVAL, name="/share")
        _work_of_all_kinds(name)
        assert calls.failed
    assert view(name) == {"a": 1, "b": 2, "c": [1, None]}
    assert os.listdir(folder) == ["x.hdf5"]


@ROOT_ONLY
def test_a_folder_that_cannot_be_read_fails_no_write(folder: Path) -> None:
    """In a folder that one may write and enter, but not read, writing is no error."""
    name = folder / "x.hdf5"
    folder.chmod(0o333)
    said = _as_user(NOBODY, NOBODY, lambda: _work_of_all_kinds(name))
    assert not said, said
    assert view(name) == {"a": 1, "b": 2, "c": [1, None]}
    assert os.listdir(folder) == ["x.hdf5"]


def test_what_lies_beside_is_secret_from_its_beginning(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can open it before it has its mode, and read through that descriptor later."""
    HDF5Checkpointer(file)["a"] = 1
    file.chmod(0o600)
    seen: dict[str, int] = {}
    real = os.open

    def open_and_look(path: Any, flags: int, *args: Any, **options: Any) -> int:
        descriptor = real(path, flags, *args, **options)
        if flags & os.O_CREAT and str(path).startswith(str(file)):
            kind = str(path).removeprefix(str(file))[:5]
            seen[kind] = seen.get(kind, 0) | stat.S_IMODE(os.fstat(descriptor).st_mode)
        return descriptor

    old = os.umask(0o022)
    try:
        monkeypatch.setattr(os, "open", open_and_look)
        chk = HDF5Checkpointer(file)
        chk["b"] = 2
        chk.compact()
        save(file, {"c": 3})
        with pytest.raises(FileReplacedError), chk:
            chk["d"] = 4
            file.unlink()
    finally:
        os.umask(old)
    assert seen == {"-jour": 0o600, "-new-": 0o600, ".resc": 0o600}


def test_what_is_salvaged_is_secret_from_its_beginning(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is the copy of a damaged file."""
    HDF5Checkpointer(file)["a"] = 1
    file.chmod(0o600)
    seen: list[int] = []
    real = os.open

    def open_and_look(path: Any, flags: int, *args: Any, **options: Any) -> int:
        descriptor = real(path, flags, *args, **options)
        if flags & os.O_CREAT and "-new-" in str(path):
            seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    old = os.umask(0o022)
    try:
        monkeypatch.setattr(os, "open", open_and_look)
        hdfchk.salvage(file, file.with_name("saved.hdf5"))
    finally:
        os.umask(old)
    assert seen == [0o600]
    assert stat.S_IMODE(file.with_name("saved.hdf5").stat().st_mode) == 0o600
