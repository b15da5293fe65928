"""A sync that fails: a commit is decided when its record is in the journal, and by nothing else."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import (
    CheckpointWarning,
    HDF5Checkpointer,
    HdfchkWarning,
    LateSyncError,
    NotDurableError,
)
from hdfchk.backends.hdf5 import wal_writer
from hdfchk.runtime import posix
from tests.support.exact import differs
from tests.support.inside import late_work_is_done

from .children import eventually, in_child
from .failing import Calls, Disk, put_image
from .states import ALLOWED, after_a_kill, again, agreed, is_clean, view


@pytest.mark.parametrize("failing", range(8))
@in_child
def test_one_failed_sync_does_not_destroy_the_file(file: Path, failing: int) -> None:
    """After any sync of a commit has failed, the store goes on, and the file stays whole."""
    HDF5Checkpointer(file).update({"big": np.zeros(200_000), "keep": {"k": 1}})
    model: dict[str, Any] = {"big": np.ones(200_000), "keep": {"k": 1}, "n": 0}
    with Calls(file.parent) as calls, HDF5Checkpointer(file) as chk:
        chk["n"] = 0
        chk["big"] = np.ones(200_000)
        calls.fail("sync", first=failing)
        try:
            chk.commit()
        except OSError:
            pass
        calls.off()
        for number in range(5):
            model[f"m{number}"] = np.full(6000, float(number))
            again(lambda: chk.update({f"m{number}": model[f"m{number}"]}))
        assert differs(model, again(chk.load)) is None
    is_clean(file, model)


@in_child
def test_an_update_that_raised_is_not_half_there(file: Path) -> None:
    """A sync that fails after the record is written fails the promise alone: the commit stands."""
    with Calls(file.parent) as calls, HDF5Checkpointer(file, sync_interval=0) as chk:
        chk["z"] = 0
        chk["a"] = 1
        chk["b"] = 1
        before = chk.load()
        after = {"z": 0, "a": 2, "b": 2, "new": np.arange(3000.0)}
        calls.fail("sync")
        with pytest.raises(OSError) as caught:  # noqa: PT011
            chk.update({"a": 2, "b": 2, "new": after["new"]})
        calls.off()
        allowed = (after,) if isinstance(caught.value, NotDurableError) else (before,)
        state = agreed(chk, file, *allowed)
    is_clean(file, state)


@in_child
def test_a_small_assignment_whose_sync_failed_stands(file: Path) -> None:
    """A value that was committed and not synced does not vanish again; the call says which it is."""
    with Calls(file.parent) as calls, HDF5Checkpointer(file, sync_interval=0) as chk:
        chk["n"] = 0
        chk["n"] = 1
        calls.fail("sync")
        with pytest.raises(NotDurableError) as caught:
            chk["n"] = 2
        calls.off()
        assert str(file) in str(caught.value) and caught.value.errno == errno.EIO
        agreed(chk, file, {"n": 2})
    is_clean(file, {"n": 2})


@pytest.mark.parametrize("inside", [True, False])
@in_child
def test_a_promised_sync_that_fails_is_told_by_that_call(file: Path, inside: bool) -> None:
    """Outside a block, and in commit(), a failed sync of the journal is a NotDurableError."""
    chk = HDF5Checkpointer(file)
    chk["a"] = 1
    with Calls(file.parent) as calls:
        if inside:
            with chk:
                chk["a"] = 2
                calls.fail("sync", name="-journal")
                with pytest.raises(NotDurableError):
                    chk.commit()
                calls.off()
                agreed(chk, file, {"a": 2})
        else:
            calls.fail("sync", name="-journal")
            with pytest.raises(NotDurableError):
                chk["a"] = 2
    is_clean(file, {"a": 2})


@in_child
def test_an_append_that_was_not_durable_needs_no_retry(file: Path) -> None:
    """An append whose sync failed has appended its row once."""
    with Calls(file.parent) as calls, HDF5Checkpointer(file, sync_interval=0) as chk:
        chk.append("log", 0.0)
        calls.fail("sync", name="-journal")
        with pytest.raises(NotDurableError):
            chk.append("log", 1.0)
        calls.off()
        chk.append("log", 2.0)
        agreed(chk, file, {"log": np.arange(3.0)})
    is_clean(file, {"log": np.arange(3.0)})


@pytest.mark.parametrize("kind", ["write", "sync", "truncate", "reserve"])
@in_child
def test_a_failing_checkpoint_fails_no_commit(file: Path, kind: str) -> None:
    """At the end of a block what fails in the file itself is a warning; the journal has it all."""
    chk = HDF5Checkpointer(file)
    chk["a"] = np.arange(4000.0)
    model = {"a": np.arange(4000.0) + 1, "b": 2}
    with Calls(file.parent) as calls:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with chk:
                chk.update(model)
                calls.fail(kind, name=file.name, number=errno.ENOSPC)
        assert calls.failed == 0 or [one.category for one in said] == [CheckpointWarning]
        calls.off()
        assert differs(model, view(file)) is None
        assert differs(model, after_a_kill(file, file.parent.parent / "image")) is None
    is_clean(file, model)


def _let_a_late_sync_fail(chk: HDF5Checkpointer, calls: Calls) -> None:
    chk["n"] = 0
    chk.commit()
    calls.fail("sync", name="-journal", times=1)
    chk["n"] = 1
    if not eventually(lambda: calls.failed > 0, 10):
        pytest.fail("no sync came")


@in_child
def test_what_failed_in_the_background_is_told_once(file: Path) -> None:
    """An error of the sync that waits is raised by the next call, before that does anything."""
    with Calls(file.parent) as calls, HDF5Checkpointer(file, sync_interval=0.05) as chk:
        _let_a_late_sync_fail(chk, calls)
        assert late_work_is_done()
        raised = 0
        for number in range(2, 30):
            try:
                chk["n"] = number
            except LateSyncError as error:
                raised += 1
                assert chk["n"] == number - 1 and "has changed nothing" in str(error)
                assert error.errno == errno.EIO and "Input/output error" in str(error)
        assert raised == 1
        chk.commit()
    is_clean(file, {"n": 29})


@pytest.mark.parametrize("failing", range(3))
@in_child
def test_durable_is_not_said_after_a_failed_sync(file: Path, failing: int) -> None:
    """What a call says to be on the disk is there, although a sync before it had failed."""
    HDF5Checkpointer(file)["n"] = 1
    disk = Disk(file.parent)
    array = np.arange(2500.0)
    with Calls(file.parent, disk=disk) as calls:
        chk = HDF5Checkpointer(file, sync_interval=0)
        chk.__enter__()
        calls.fail("sync", first=failing)
        model: dict[str, Any] = {"n": 1}
        for change in ({"a": array}, {"n": 2}, {"m": 7}, {"b": array + 1}, {"n": 3}):
            try:
                chk.update(change)
            except OSError:
                model = again(chk.load)
                continue
            model = {**model, **change}
            for names in (False, True):
                folder = put_image(disk.image(names=names), file.parent.parent / "image")
                found = view(folder / file.name)
                assert differs(dict(sorted(model.items())), dict(sorted(found.items()))) is None, (
                    change.keys(),
                    found.keys(),
                )
        assert calls.failed == 1
        calls.off()
        chk.__exit__(None, None, None)
        assert differs(model, view(file)) is None


@in_child
def test_a_commit_after_a_failed_sync_is_durable(file: Path) -> None:
    """commit() after a failed background sync brings all to the disk, or raises."""
    HDF5Checkpointer(file)["n"] = 1
    disk = Disk(file.parent)
    with Calls(file.parent, disk=disk) as calls:
        for kind in ("-journal", file.name):
            with HDF5Checkpointer(file, sync_interval=1000) as chk:
                chk["a"] = np.arange(2500.0)
                chk["n"] = kind
                calls.fail("sync", name=kind)
                for _ in range(5):
                    try:
                        chk.commit()
                        break
                    except OSError:
                        continue
                folder = put_image(disk.image(), file.parent.parent / "image")
                assert view(folder / file.name)["n"] == kind
        calls.off()


@pytest.mark.parametrize("call", ["assign", "update", "transaction"])
@in_child
def test_a_call_that_failed_is_not_reported_as_committed(file: Path, call: str) -> None:
    """Its own error is raised, also if commits of a killed writer cannot be synced at its end."""
    HDF5Checkpointer(file)["n"] = 1
    if (child := os.fork()) == 0:
        chk = HDF5Checkpointer(file, durable=False, sync_interval=1000).__enter__()
        chk["kept"] = np.arange(100.0)
        os._exit(0)
    os.waitpid(child, 0)
    chk, large = HDF5Checkpointer(file), np.zeros(200_000)
    with Calls(file.parent) as calls:
        calls.fail("sync", times=100)
        with pytest.raises(OSError) as caught:
            if call == "assign":
                chk["x"] = large
            elif call == "update":
                chk.update({"x": large, "n": 2})
            else:
                with chk.transaction():
                    chk["x"] = large
        calls.off()
    assert not isinstance(caught.value, NotDurableError)
    assert "earlier commits" in caught.value.__notes__[0]
    assert differs({"n": 1, "kept": np.arange(100.0)}, view(file)) is None
    is_clean(file, {"n": 1, "kept": np.arange(100.0)})


@in_child
def test_the_error_of_a_commit_is_freed_with_its_handler(file: Path) -> None:
    """It is in no cycle: the garbage collector would free HDF5 objects with it, at any moment."""
    HDF5Checkpointer(file)["n"] = 1
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    with Calls(file.parent) as calls:
        calls.fail("sync", times=100)
        with contextlib.suppress(OSError):
            HDF5Checkpointer(file)["x"] = np.zeros(200_000)
        assert calls.failed
        calls.off()
    gc.collect()
    assert [found for found in gc.garbage if isinstance(found, OSError)] == []


@in_child
def test_errors_of_the_system_name_the_file(file: Path) -> None:
    """An OSError of a call carries the name of the file."""
    HDF5Checkpointer(file)["n"] = 1
    with Calls(file.parent) as calls, warnings.catch_warnings():
        warnings.simplefilter("ignore", HdfchkWarning)
        for kind in ("write", "sync", "truncate", "open"):
            for first in range(4):
                calls.fail(kind, first=first, number=errno.EIO)
                try:
                    HDF5Checkpointer(file).update({"n": 2, "a": np.arange(100.0)})
                except ALLOWED as error:
                    text = f"{error} {getattr(error, 'filename', '')} {getattr(error, 'file', '')}"
                    assert file.name in text, (kind, first, error)
                calls.off()
    is_clean(file, view(file))


@pytest.mark.parametrize("grown", [2, 60])
@in_child
def test_commits_after_a_checkpoint_that_has_made_the_file_shorter(file: Path, grown: int) -> None:
    """What is committed after its sync has failed fits the file, however long that is by then."""
    model: dict[str, Any] = {"keep": np.arange(1000.0), "big": np.ones(30_000)}
    HDF5Checkpointer(file).update(model)
    long = file.stat().st_size
    with Calls(file.parent) as calls, HDF5Checkpointer(file, sync_interval=0) as chk:
        del chk["big"], model["big"]
        calls.fail("sync", name=file.name)
        again(chk.commit)
        assert calls.failed and file.stat().st_size < long
        calls.off()
        new = {f"n{number}": np.full(1000, 2.0) for number in range(grown)}
        model.update(new)
        chk.update(new)
        agreed(chk, file, model)
        chk["l"] = model["l"] = [2, None]
        agreed(chk, file, model)
    is_clean(file, model)


@in_child
def test_what_failed_in_the_background_and_was_done_again(file: Path) -> None:
    """A block that ends with all on the disk raises nothing of a sync that had failed before."""
    with Calls(file.parent) as calls, HDF5Checkpointer(file, sync_interval=0.05) as chk:
        _let_a_late_sync_fail(chk, calls)
    is_clean(file, {"n": 1})


@pytest.mark.parametrize("how", ["at once", "background"])
def test_the_name_of_a_log_whose_folder_could_not_be_synced(
    file: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log is on the disk with its name: no call that was to bring both there returns before."""
    HDF5Checkpointer(file)["a"] = 0
    tries = 0

    def sync(path: str) -> None:
        nonlocal tries
        tries += 1
        if tries <= 3:
            raise OSError(errno.EIO, "Input/output error")
        posix.sync_folder(path)

    monkeypatch.setattr(wal_writer, "sync_folder", sync)
    with HDF5Checkpointer(file, sync_interval=0.05 if how == "background" else 0) as chk:
        if how == "background":
            chk["a"] = np.arange(1000.0)
            eventually(lambda: tries > 0)
            with pytest.raises(LateSyncError):
                chk["b"] = 1
        else:
            with pytest.raises(NotDurableError):
                chk["a"] = np.arange(1000.0)
        while tries < 3:
            with pytest.raises(NotDurableError):
                chk.commit()
        chk.commit()
        assert tries == 4
    is_clean(file, {"a": np.arange(1000.0)})
