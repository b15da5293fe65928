"""Files that are moved, removed or replaced while they are being written: where their commits are."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

import pytest

from hdfchk import (
    FileReplacedError,
    HDF5Checkpointer,
    JournalMismatchError,
    NotDurableError,
    PendingJournalWarning,
)
from hdfchk.backends.hdf5 import wal_writer
from hdfchk.backends.hdf5.wal import wal_file

from .children import eventually, forked, in_child, kill
from .failing import Calls
from .states import view

# -- a file that was moved -------------------------------------------------------------------------


def _move(file: Path, how: str) -> Path:
    """Move the file, perhaps with its journal; where it is now."""
    if how == "folder":
        return file.parent.rename(file.parent.parent / "elsewhere") / file.name
    moved = file.parent / "sub" / "moved.hdf5"
    moved.parent.mkdir()
    file.rename(moved)
    if how == "with journal":
        Path(f"{file}-journal").rename(f"{moved}-journal")
    return moved


@pytest.mark.parametrize("read", [False, True], ids=["alone", "read"])
@pytest.mark.parametrize("made", [False, True], ids=["old", "new"])
@pytest.mark.parametrize("how", ["file", "with journal", "folder"])
@in_child
def test_a_file_that_was_moved_is_found(file: Path, how: str, made: bool, read: bool) -> None:
    """The commits are where the file is now, also if this writer has made it."""
    if not made:
        HDF5Checkpointer(file)["z"] = 0
    moved = file
    with pytest.raises(FileReplacedError) as caught, HDF5Checkpointer(file) as chk:
        chk["a"] = 1
        chk["z"] = [0, None]
        moved = _move(file, how)
        with HDF5Checkpointer(moved, mode="r") if read else contextlib.nullcontext() as reader:
            assert reader is None or len(reader)  # it holds the file from here on
            chk["b"] = 2
            chk.commit()
    expected = {"a": 1, "z": [0, None], "b": 2}
    if read and how == "file":
        moved = Path(f"{file}.rescued")
    elif read:
        assert Path(f"{moved}-journal").exists() and "the journal" in str(caught.value)
    else:
        assert os.listdir(moved.parent) == [moved.name]
    assert str(moved) in str(caught.value)
    assert view(moved) == expected
    HDF5Checkpointer(moved)["c"] = 3
    assert view(moved) == expected | {"c": 3} and not Path(f"{moved}-journal").exists()


# -- a copy that cannot be made --------------------------------------------------------------------


@pytest.mark.parametrize("fate", ["removed", "replaced"])
@pytest.mark.parametrize("kind", ["open", "write", "truncate", "sync"])
@in_child
def test_a_commit_stands_where_it_could_not_be_copied(file: Path, kind: str, fate: str) -> None:
    """A copy that fails is a NotDurableError, leaves no half, and is tried again by commit()."""
    HDF5Checkpointer(file)["a"] = 1
    rescued = Path(f"{file}.rescued")
    with (
        Calls(file.parent) as calls,
        pytest.raises(FileReplacedError),
        HDF5Checkpointer(file) as chk,
    ):
        chk["b"] = {"c": 2}
        file.unlink()
        if fate == "replaced":
            file.write_bytes(b"something else")
        calls.fail(kind, times=100, number=errno.ENOSPC, name=".rescued")
        for key in ("d", "e"):
            with pytest.raises(NotDurableError, match="rescued") as caught, chk.transaction():
                chk[key] = 3
            assert "No space" in str(caught.value) and "commit()" in str(caught.value)
            assert chk[key] == 3 and not rescued.exists()
        calls.off()
        chk.commit()
    assert view(rescued) == {"a": 1, "b": {"c": 2}, "d": 3, "e": 3}


@in_child
def test_a_copy_that_fails_at_the_end_is_told(file: Path) -> None:
    """At the end of a block, too, it is a NotDurableError; the journal is not removed."""
    HDF5Checkpointer(file)["a"] = 1
    with (
        Calls(file.parent) as calls,
        pytest.raises(NotDurableError, match="journal"),
        HDF5Checkpointer(file) as chk,
    ):
        chk["b"] = 2
        file.unlink()
        calls.fail("write", times=100, name=".rescued")
    assert os.listdir(file.parent) == ["x.hdf5-journal"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
@in_child
def test_a_place_that_cannot_be_looked_at_is_no_failed_commit(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Whether the file is in its place is asked when the commit is decided."""
    real = os.lstat

    def fail(path: str) -> os.stat_result:
        if path == str(file):
            raise OSError(number, os.strerror(number), path)
        return real(path)

    with HDF5Checkpointer(file) as chk:
        chk["a"] = 1
        with monkeypatch.context() as patch:
            patch.setattr(os, "lstat", fail)
            with chk.transaction():
                chk["b"] = 2
        assert chk.load() == {"a": 1, "b": 2}
    assert view(file) == {"a": 1, "b": 2}


# -- a file that was written over -----------------------------------------------------------------


@in_child
def test_a_commit_is_not_undone_where_its_checkpoint_finds_another_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mismatch that a commit meets when it is decided is for the next call, which does nothing."""
    monkeypatch.setattr(wal_writer, "LOOK_BYTES", 2**12)
    monkeypatch.setattr(wal_file, "CHECKPOINT_BYTES", 2**13)
    HDF5Checkpointer(file)["n"] = 0
    count, refused, seen = 0, 0, []
    with pytest.raises(JournalMismatchError), HDF5Checkpointer(file) as chk:
        chk["text"] = ["x", None]
        with file.open("r+b") as other:
            other.seek(40)
            other.write(b"\x07" * 8)
        for _ in range(30):
            try:
                with chk.transaction():
                    chk["n"] = count + 1
                    chk["text"] = "x" * 1000
            except JournalMismatchError:
                refused += 1
            else:
                count += 1
            seen.append(chk["n"] == count)
    assert 0 < refused < count and all(seen)


# -- what is said of others ------------------------------------------------------------------------


@in_child
def test_who_waits_for_a_lock_does_not_hold_it(file: Path) -> None:
    """The warning that commits stay in the journal names who reads, while another one waits."""
    HDF5Checkpointer(file)["a"] = 1
    with HDF5Checkpointer(file, mode="r") as reader:
        assert reader["a"] == 1
        waiting = forked(lambda: fcntl.flock(os.open(file, os.O_RDONLY), fcntl.LOCK_EX))
        try:
            locks, inode = Path("/proc/locks"), f":{file.stat().st_ino} "
            assert eventually(
                lambda: any(" -> " in line and inode in line for line in locks.open())
            )
            with pytest.warns(PendingJournalWarning, match="this process"):
                HDF5Checkpointer(file)["b"] = 2
        finally:
            kill(waiting)
    assert view(file) == {"a": 1, "b": 2}
