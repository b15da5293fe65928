"""Readers that stay: what waits for them, who is told, and who brings it in when they are gone."""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import (
    HDF5Checkpointer,
    JournalMismatchError,
    JournalMismatchWarning,
    PendingJournalWarning,
)
from tests.actors.actors import Actor, contents, listing, tree_of

Actors = Callable[[int], list[Actor]]

OPEN = {
    "h5py": "reader = h5py.File(path, 'r'); int(reader['n'][()])",
    "hdfchk r": "reader = HDF5Checkpointer(path, mode='r'); reader.__enter__()['n']",
    "hdfchk a": "reader = HDF5Checkpointer(path); reader.__enter__()['n']",
}
LEAVE = "reader.close()"
RESULT = "with HDF5Checkpointer(path) as chk: chk['result'] = 1"


@pytest.fixture(params=OPEN)
def kind(request: pytest.FixtureRequest) -> str:
    """Who reads."""
    return request.param


@pytest.fixture
def resting(actor: Actor, kind: str, path: str) -> Actor:
    """A process that has the file open for reading, and rests."""
    HDF5Checkpointer(path).update({"n": 5, "x": np.arange(3000.0)})
    assert actor.do(OPEN[kind], path=path) == 5
    return actor


def test_it_is_told_once(resting: Actor, actors: Actors, kind: str, path: str) -> None:
    """Who leaves commits in the journal is told once for a file: how many, whose, what to do."""
    (writer,) = actors(1)
    first = writer.tell(RESULT, path=path)
    first.get((PendingJournalWarning,))
    (text,) = first.told(PendingJournalWarning)
    assert path in text and re.search(r"\b1 commit", text), text
    assert "recover()" in text or "close" in text, text
    if kind != "h5py":
        assert str(resting.pid) in text or "process" in text, text
    for code in (RESULT, "HDF5Checkpointer(path)['more'] = 2"):
        assert not writer.tell(code).told(PendingJournalWarning)
    other = writer.tell("HDF5Checkpointer(path + '.other')['a'] = 1")
    assert not other.warned
    assert tree_of(path) == {"n": 5, "x": np.arange(3000.0).tolist()}
    assert hdfchk.load(path).keys() == {"n", "x", "result", "more"}
    resting.do(LEAVE)


def test_a_reader_that_leaves_in_time(resting: Actor, actors: Actors, path: str) -> None:
    """A reader that leaves within the short wait costs nothing: no warning, and no journal stays."""
    (writer,) = actors(1)
    writer.begin(RESULT, path=path)
    time.sleep(0.03)
    resting.do(LEAVE)
    outcome = writer.end()
    if not outcome.told(PendingJournalWarning):  # on a busy machine it may have come too late
        assert listing(Path(path).parent) == ["store.hdf5"]
        assert tree_of(path)["result"] == 1


def test_the_next_writer_brings_it_in(resting: Actor, actor: Actor, path: str, kind: str) -> None:
    """When the reader is gone, a writer's next block leaves a plain file, which h5py reads."""
    with pytest.warns(PendingJournalWarning):
        HDF5Checkpointer(path)["result"] = 1
    resting.do(LEAVE)
    HDF5Checkpointer(path)["more"] = 2
    assert listing(Path(path).parent) == ["store.hdf5"]
    assert tree_of(path) == {"n": 5, "x": np.arange(3000.0).tolist(), "result": 1, "more": 2}


def test_a_store_that_may_write_brings_it_in(resting: Actor, path: str) -> None:
    """A block of mode "a" that has only read brings the commits in, as it is the last to leave."""
    with pytest.warns(PendingJournalWarning):
        HDF5Checkpointer(path)["result"] = 1
    with HDF5Checkpointer(path) as chk:
        assert chk["result"] == 1
        resting.do(LEAVE)
    assert listing(Path(path).parent) == ["store.hdf5"]
    assert tree_of(path)["result"] == 1


def test_the_reader_itself_brings_it_in(actor: Actor, path: str) -> None:
    """A reader of mode "a", whom the writer could not wait for, brings the commits in as it leaves."""
    HDF5Checkpointer(path)["n"] = 5
    actor.do(OPEN["hdfchk a"], path=path)
    with pytest.warns(PendingJournalWarning):
        HDF5Checkpointer(path)["result"] = 1
    assert actor.do("reader.load()") == {"n": 5}
    actor.do("reader.__exit__(None, None, None)")
    assert listing(Path(path).parent) == ["store.hdf5"]
    assert tree_of(path) == {"n": 5, "result": 1}


@pytest.mark.slow
def test_reading_writes_nothing(resting: Actor, path: str) -> None:
    """`load` and mode "r" leave the file and its journal as they are, bytes and times."""
    with pytest.warns(PendingJournalWarning):
        HDF5Checkpointer(path)["result"] = 1
    resting.kill()  # so that nobody brings anything in as he leaves
    folder = Path(path).parent
    before = contents(folder)
    times = {name: os.stat(folder / name).st_mtime_ns for name in before}
    assert "store.hdf5-journal" in before
    assert hdfchk.load(path)["result"] == 1
    with HDF5Checkpointer(path, mode="r") as chk:
        assert chk["result"] == 1 and len(chk) == 3
        assert chk.verify().ok
    assert contents(folder) == before
    assert {name: os.stat(folder / name).st_mtime_ns for name in before} == times


@pytest.mark.slow
def test_recover_brings_it_in(resting: Actor, path: str) -> None:
    """When the reader is gone, `recover()` brings the commits in, for plain h5py."""
    with pytest.warns(PendingJournalWarning):
        HDF5Checkpointer(path)["result"] = 1
    resting.kill()
    assert HDF5Checkpointer(path).recover()
    assert not HDF5Checkpointer(path).recover()
    assert listing(Path(path).parent) == ["store.hdf5"] and tree_of(path)["result"] == 1


def test_a_reader_keeps_what_it_sees(resting: Actor, path: str) -> None:
    """Whatever is written beside it, a reader of any kind sees what it saw, and opens no other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingJournalWarning)
        for n in range(5):
            with HDF5Checkpointer(path) as chk:
                chk.update({"n": n, "x": np.full(3000, n)})
                chk.append("log", n)
    code = "(int(reader['n'][()]), float(reader['x'][()].sum())) if h5 else (reader['n'], float(reader['x'].sum()))"
    seen = resting.do(code, h5="File" in resting.do("type(reader).__name__"))
    assert seen == (5, float(np.arange(3000).sum()))
    resting.do(LEAVE)
    assert hdfchk.load(path)["n"] == 4


@pytest.mark.parametrize("kind", ["h5py", "hdfchk r"], indirect=True)
def test_h5py_adds_a_key_meanwhile(resting: Actor, path: str) -> None:
    """What h5py adds while commits wait stays, and our next write is refused, with a way out."""
    with pytest.warns(PendingJournalWarning):
        HDF5Checkpointer(path)["result"] = 1
    resting.do(LEAVE)
    with h5py.File(path, "a") as file:
        file["added"] = 7
    with pytest.raises(JournalMismatchError, match=r"recover\(discard=True\)"):
        HDF5Checkpointer(path)["more"] = 2
    with h5py.File(path) as file:
        assert file["added"][()] == 7 and file["n"][()] == 5
    with pytest.warns(JournalMismatchWarning):
        assert hdfchk.load(path).keys() == {"n", "x", "added"}
    HDF5Checkpointer(path).recover(discard=True)
    HDF5Checkpointer(path)["more"] = 2
    assert tree_of(path) == {"n": 5, "x": np.arange(3000.0).tolist(), "added": 7, "more": 2}
    assert os.path.exists(path + "-journal.1")


def test_two_readers_one_after_the_other(actors: Actors, path: str) -> None:
    """Readers that overlap without end do not keep commits from other readers of ours."""
    HDF5Checkpointer(path)["n"] = 0
    crew = actors(2)
    for actor in crew:
        actor.do("reader = None", path=path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingJournalWarning)
        for n in range(1, 7):
            opened, other = crew[n % 2], crew[1 - n % 2]
            opened.do("reader = HDF5Checkpointer(path, mode='r').__enter__()")
            assert opened.do("reader['n']") == n - 1
            other.do("reader.close() if reader is not None else None; reader = None")
            HDF5Checkpointer(path)["n"] = n
    assert hdfchk.load(path) == {"n": 6}
    for actor in crew:
        actor.do("reader.close() if reader is not None else None; reader = None")
    HDF5Checkpointer(path)["end"] = 1
    assert listing(Path(path).parent) == ["store.hdf5"]


# -- how long the journal grows --------------------------------------------------------------------


def sizes(path: str) -> int:
    """The bytes of the file and all that lies beside it."""
    folder = os.path.dirname(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["h5py", "hdfchk r"], indirect=True)
@pytest.mark.parametrize("value", ["arrays", "numbers", "one array"])
def test_the_log_stays_bounded(resting: Actor, path: str, value: str) -> None:
    """Beside a reader that rests, the journal of 60 KB that are written again and again stays small."""
    most = 0
    values: dict[str, Callable[[int], Any]] = {
        "arrays": lambda n: {f"a{i}": np.full(500, n + i) for i in range(15)},
        "numbers": lambda n: {f"k{i}": n + i for i in range(300)},
        "one array": lambda n: {"a": np.full(7500, n)},
    }
    rounds = 300 if value != "numbers" else 100
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingJournalWarning)
        with HDF5Checkpointer(path, durable=False) as chk:
            for n in range(rounds):
                chk.update(values[value](n))
                most = max(most, sizes(path))
        assert most < 8 * 2**20 + 2**20, most  # the journal, and the file
        assert hdfchk.load(path).keys() == {"n", "x"} | values[value](0).keys()
        resting.do(LEAVE)
        HDF5Checkpointer(path)["end"] = 1
    assert listing(Path(path).parent) == ["store.hdf5"] and os.path.getsize(path) < 2**21


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["h5py", "hdfchk r"], indirect=True)
def test_large_arrays_stay_bounded(resting: Actor, path: str) -> None:
    """Beside a reader that rests, 20 MB written ten times take no more than three times that."""
    live, most = 20_000_000, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingJournalWarning)
        with HDF5Checkpointer(path, durable=False) as chk:
            for n in range(10):
                chk["big"] = np.full(live // 8, n)
                most = max(most, sizes(path))
        assert most < 3 * live + 2**21, most
        assert resting.do("float(np.asarray(reader['x'])[7])") == 7
        assert (hdfchk.load(path)["big"] == 9).all()
        resting.do(LEAVE)
        HDF5Checkpointer(path)["end"] = 1
    assert listing(Path(path).parent) == ["store.hdf5"]


def test_without_a_reader_nothing_waits(path: str) -> None:
    """Without a reader, a block ends with a plain file, without a warning and without a wait."""
    began = time.monotonic()
    for n in range(5):
        with HDF5Checkpointer(path, durable=False) as chk:
            chk["n"] = n
        assert listing(Path(path).parent) == ["store.hdf5"]
    assert time.monotonic() - began < 1
