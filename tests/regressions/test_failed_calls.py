"""One failing call anywhere: store, reader and whoever comes after a kill agree on one state."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from .children import in_child, outcome
from .failing import CHANGES, Calls
from .workload import play

FULL = os.environ.get("HDFCHK_FUZZ") == "full"
RUNS = 10**6 if FULL else 9
"""So many of the calls of the run fail, one in each run."""


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def count(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many calls a run makes that may fail."""
    made = tmp_path_factory.mktemp("count")
    said = made / "count"

    def work() -> None:
        folder = _folder(made)
        calls = Calls(folder)
        said.write_text(str(play(folder / "x.hdf5", calls, lambda: calls.watch(CHANGES))))

    assert outcome(work) == ""
    return int(said.read_text())


def _chosen(count: int, seed: int) -> list[int]:
    step = max(1, count // RUNS)
    return list(range(seed % step, count, step))


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2, 4] if FULL else [1, 3])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_any_failing_call_leaves_one_state(
    tmp_path: Path, number: int, times: int, count: int
) -> None:
    """Each call in turn fails: only OSErrors and errors of the library, one state, and it goes on."""
    wrong = {}
    for first in _chosen(count, 7 * times + number):

        def work(first: int = first) -> None:
            folder = _folder(tmp_path)
            calls = Calls(folder)
            play(
                folder / "x.hdf5",
                calls,
                lambda: calls.fail(first=first, times=times, number=number),
            )

        said = outcome(work)
        if said:
            wrong[first] = said
    assert not wrong, f"{len(wrong)} runs: {next(iter(wrong.items()))}"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["write", "sync", "truncate", "reserve", "open", "unlink"])
def test_each_kind_of_call_may_fail(tmp_path: Path, kind: str) -> None:
    """The first calls of each kind fail in turn, and leave one state."""
    wrong = {}
    for first in range(40 if FULL else 7):

        def work(first: int = first) -> None:
            folder = _folder(tmp_path)
            calls = Calls(folder)
            play(folder / "x.hdf5", calls, lambda: calls.fail(kind, first=first))

        said = outcome(work)
        if said:
            wrong[first] = said
    assert not wrong, f"{len(wrong)} runs: {next(iter(wrong.items()))}"


class _Came(Exception):
    """Raised by the handler of a signal."""


def _raise(number: int, frame: object) -> None:
    raise _Came(number)


SIGNALS = ("SIGALRM", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGXCPU", "SIGTERM", "SIGINT")


@pytest.mark.slow
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_in_any_call_leaves_one_state(tmp_path: Path, name: str, count: int) -> None:
    """A handler that raises, run at any call of the system, costs nothing and mixes nothing."""
    number, wrong = getattr(signal, name), {}
    for first in _chosen(count, int(number))[:: 1 if FULL else 2]:

        def work(first: int = first) -> None:
            from hdfchk import HDF5Checkpointer

            from .states import is_clean, view
            from .workload import BASE, INSIDE

            signal.signal(number, _raise)
            folder = _folder(tmp_path)
            file = folder / "x.hdf5"
            HDF5Checkpointer(file).update(BASE)
            came = 0
            with Calls(folder) as calls:
                calls.fail(first=first, act=lambda: signal.raise_signal(number))
                chk, model = HDF5Checkpointer(file), dict(BASE)
                try:
                    with chk:
                        for change in INSIDE:
                            after = dict(model)
                            try:
                                change(chk, after)
                            except _Came:
                                came += 1
                                model = _one_of(chk, file, model, after)
                            else:
                                model = after
                except _Came:
                    came += 1
                assert came == calls.failed <= 1
            _one_of(chk, file, model, model)
            is_clean(file, {key: model[key] for key in view(file)})
            assert set(model) == set(view(file))

        said = outcome(work)
        if said:
            wrong[first] = said
    assert not wrong, f"{len(wrong)} runs: {next(iter(wrong.items()))}"


def _one_of(chk: Any, file: Path, *allowed: dict[str, Any]) -> dict[str, Any]:
    from .states import agreed

    return agreed(chk, file, *allowed)


@in_child
def test_a_failing_call_is_no_error_of_another_kind(tmp_path: Path) -> None:
    """What fails inside HDF5's calls of ours is an OSError, never a RuntimeError or SystemError."""
    import numpy as np

    from hdfchk import HDF5Checkpointer

    folder = _folder(tmp_path)
    chk = HDF5Checkpointer(folder / "x.hdf5")
    chk["a"] = 1
    with Calls(folder) as calls, chk:
        chk["a"] = 2
        for first in range(6):
            calls.fail(("write", "reserve"), first=first, times=1000, number=errno.ENOSPC)
            try:
                chk["big"] = np.ones(3_000_000)  # more than waits in memory
            except OSError as error:
                assert error.errno == errno.ENOSPC  # noqa: PT017
            calls.off()
            assert chk["a"] == 2
    assert chk["a"] == 2


@pytest.mark.parametrize("fate", ["removed", "replaced"])
@in_child
def test_what_hdf5_cannot_do_for_a_file_that_is_gone_stays_in_the_journal(
    tmp_path: Path, fate: str
) -> None:
    """The copy of a file that is gone has what HDF5 has done; the rest is kept, and told of."""
    from hdfchk import FileReplacedError, HDF5Checkpointer
    from hdfchk.backends.hdf5 import wal_writer

    from .states import view

    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "the disk")

    folder = _folder(tmp_path)
    file, journal = folder / "x.hdf5", folder / "x.hdf5-journal"
    HDF5Checkpointer(file).update({"a": 1, "rows": [1.0, 2.0]})
    real = wal_writer.materialize
    try:
        with HDF5Checkpointer(file) as chk:
            chk["b"] = {"c": 2}
            chk["n"] = 42
            file.unlink()
            if fate == "replaced":
                HDF5Checkpointer(folder / "other.hdf5")["other"] = 1
                os.rename(folder / "other.hdf5", file)
            wal_writer.materialize = fail
    except FileReplacedError as error:
        assert str(journal) in str(error) and "all commits but the last" in str(error)
        assert ("the next writer" if fate == "removed" else "discard=True") in str(error)
    else:
        raise AssertionError("nobody was told")
    finally:
        wal_writer.materialize = real
    rescued, whole = folder / "x.hdf5.rescued", folder / "whole.hdf5"
    saved = {"a": 1, "rows": [1.0, 2.0], "b": {"c": 2}}
    assert view(rescued) == saved
    shutil.copy(journal, f"{rescued}-journal")
    assert HDF5Checkpointer(rescued).recover(into=str(whole))
    assert view(whole) == saved | {"n": 42}
    if fate == "removed":
        HDF5Checkpointer(file)["new"] = 1
    else:
        assert HDF5Checkpointer(file).recover(discard=True)
    assert journal.with_name("x.hdf5-journal.1").exists() and not journal.exists()


@pytest.mark.parametrize("work", ["discard", "into", "recover", "compact", "write"])
@in_child
def test_a_journal_that_cannot_be_read_is_not_removed(tmp_path: Path, work: str) -> None:
    """Whatever read of a journal fails, its commits are in it, under some name, or in the file."""
    from hdfchk import HDF5Checkpointer

    from .children import killed_writer
    from .states import view

    for first in (0, 1, 2, 3, 5, 8, 13, 21, 34):
        folder = _folder(tmp_path)
        file, journal = folder / "x.hdf5", folder / "x.hdf5-journal"
        HDF5Checkpointer(file)["a"] = 1
        killed_writer(file, {"b": 2}, {"c": [1, None]})
        with Calls(folder) as calls:
            calls.fail("read", first=first, times=100, name="-journal")
            chk = HDF5Checkpointer(file)
            try:
                match work:
                    case "discard":
                        chk.recover(discard=True)
                    case "into":
                        chk.recover(into=folder / "copy.hdf5")
                    case "write":
                        chk["a"] = 1
                    case _:
                        getattr(chk, work)()
            except OSError as error:
                assert "Input/output" in str(error), error
        for kept in folder.glob("x.hdf5-journal.*"):
            kept.rename(journal)
        assert view(file) == {"a": 1, "b": 2, "c": [1, None]}, first
