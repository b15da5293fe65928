"""The garbage collector, and finalisers, in the middle of a store's calls."""

from __future__ import annotations

import gc
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from h5py._objects import ObjectID

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.nodes.writer import Writer
from hdfchk.runtime.interrupts import _Handlers

from .children import in_child, run
from .failing import Calls
from .states import view

COLLECTED_READ = """
import gc, sys
import numpy as np
from h5py._objects import ObjectID

from hdfchk import HDF5Checkpointer
chk = HDF5Checkpointer(sys.argv[1])
model = {f"k{i}": {"v": list(range(i % 9)), "w": [i, None, {"x": "t" * i}]} for i in range(60)}
chk.update(model)
class Job:
    def __init__(self, start):
        self.todo = start()
        self.next = lambda: next(self.todo)
        self.next()
starts = [lambda: iter(chk), lambda: iter(chk.items()), lambda: iter(chk.array("long").blocks(10))]
chk["long"] = model["long"] = np.arange(100.0)
for threshold in eval(sys.argv[2]):
    gc.set_threshold(*threshold)
    for round in range(15):
        for start in starts:
            Job(start)
            found = chk.load()
            assert found.keys() == model.keys() and found["k59"] == model["k59"]
            Job(start)
            assert list(chk) == list(model)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "threshold",
    ["[(700, 10, 10)]", "[(50, 2, 2)]", "[(5, 1, 1)]"],
    ids=["default", "often", "always"],
)
def test_a_collected_iterator_closes_no_store_in_use(tmp_path: Path, threshold: str) -> None:
    """A half-used iterator that is collected during another call closes nothing under it."""
    run(COLLECTED_READ, tmp_path / "x.hdf5", threshold)


COLLECTED_WRITE = """
import gc, os, sys
from h5py._objects import ObjectID

from hdfchk import HDF5Checkpointer
path = sys.argv[1]
gc.set_threshold(*eval(sys.argv[2]))
chk, n = HDF5Checkpointer(path), 0
chk.update({"a": 0, "b": 0})
class Job:
    def __init__(self):
        self.todo = iter(chk)
        self.next = lambda: next(self.todo)
        self.next()
others = []
for round in range(40):
    Job()  # it keeps the store open until it is collected, in some assignment
    for step in range(round % 60 + 1):
        n += 1
        chk["a"] = n
        if step % 9 == 0:
            others.append(open(f"{path}.{len(others)}.txt", "w+b"))
            chk["list"] = [n, None]
    found = HDF5Checkpointer(path, mode="r").load("a")
    assert found == n, (found, n)
    gc.collect()
    found = HDF5Checkpointer(path, mode="r").load("a")
    assert found == n, (found, n)
assert not chk.is_open
for file in others:
    file.seek(0)
    assert file.read() == b"", "the journal went into another file"
    file.close()
    os.unlink(file.name)
"""


@pytest.mark.slow
@pytest.mark.parametrize("threshold", ["(700, 10, 10)", "(7, 1, 1)"])
def test_a_collected_iterator_sends_no_journal_elsewhere(tmp_path: Path, threshold: str) -> None:
    """What is assigned while garbage is collected is in its file, and in no other."""
    run(COLLECTED_WRITE, tmp_path / "x.hdf5", threshold)
    assert [place.name for place in tmp_path.iterdir()] == ["x.hdf5"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["write", "sync", "open", "read", "truncate", "unlink"])
@in_child
def test_a_collection_inside_any_call_sends_no_journal_elsewhere(tmp_path: Path, kind: str) -> None:
    """An iterator that is collected inside any call of the system closes no descriptor in use."""
    folder, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    chk, n = HDF5Checkpointer(folder / "x.hdf5", lock_timeout=1.0), 0
    chk.update({"a": 0, "b": 0})
    others: list[Any] = []
    gc.disable()

    def collect() -> None:
        gc.collect()
        for _ in range(6):  # they get the numbers of descriptors that were closed
            others.append(open(elsewhere / f"{len(others)}", "w+b"))  # noqa: SIM115

    class Job:
        def __init__(self) -> None:
            self.todo = iter(chk)
            self.next = lambda: next(self.todo)
            self.next()

    with Calls(folder) as calls:
        for first in range(20):
            Job()
            calls.fail(kind, first=first, act=collect)
            for _ in range(4):
                n += 1
                chk["a"] = n
                chk["list"] = [n, None]
                chk["b"] = n
            calls.off()
            gc.collect()
            assert chk.load() == {"a": n, "b": n, "list": [n, None]}
            assert not chk.is_open
            for file in others:
                file.close()
            others.clear()
    assert view(folder / "x.hdf5") == {"a": n, "b": n, "list": [n, None]}
    assert not any(file.stat().st_size for file in elsewhere.iterdir())


FINALISERS = """
import gc, sys
import numpy as np
from h5py._objects import ObjectID

from hdfchk import HDF5Checkpointer, HdfchkError
path, how = sys.argv[1], sys.argv[2]
gc.set_threshold(300, 2, 2)
chk, other = HDF5Checkpointer(path, lock_timeout=0.2), HDF5Checkpointer(path + ".other", lock_timeout=0.2)
ended = refused = 0
class Saves:
    def __init__(self):
        self.me = self
    def __del__(self):
        global ended, refused
        ended += 1
        try:
            if how == "own":
                chk["ended"] = ended
            elif how == "reads":
                chk.load("x")
            elif how == "other":
                other["ended"] = ended
            elif how == "closes":
                store = HDF5Checkpointer(path, lock_timeout=0.1)
                with store:
                    store["ended"] = ended
            else:
                HDF5Checkpointer(path + ".third", lock_timeout=0.1).update({"ended": ended, "l": [1, None]})
        except (HdfchkError, OSError):
            refused += 1
chk["x"] = 0
for inside in (False, True):
    if inside:
        chk.__enter__()
    for n in range(1, 25):
        Saves()
        chk["x"] = n
        chk.append("log", float(n))
        chk.update({"l": [n, None], "d": {"k": list(range(n))}})
        with chk.transaction():
            chk["y"] = n
        assert chk["x"] == n == chk["y"] and chk["l"] == [n, None]
    if inside:
        chk.__exit__(None, None, None)
chk.compact()
gc.collect()
assert ended > 5, ended
assert chk["log"].tolist() == [float(n) for n in range(1, 25)] * 2, chk["log"]
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["own", "reads", "other", "closes", "new"])
def test_a_finaliser_that_uses_a_store_hangs_nobody(tmp_path: Path, how: str) -> None:
    """`__del__` of a user's object, run inside any call of a store, may use stores: no deadlock."""
    run(FINALISERS, tmp_path / "x.hdf5", how)
    assert view(tmp_path / "x.hdf5")["x"] == 24


THREADS = """
import gc, sys, threading
from h5py._objects import ObjectID

from hdfchk import HDF5Checkpointer
path = sys.argv[1]
gc.set_threshold(20, 2, 2)
stores = [HDF5Checkpointer(path, lock_timeout=30), HDF5Checkpointer(path + ".b", lock_timeout=30)]
for chk in stores:
    chk["x"] = 0
def work(chk, number):
    class Job:
        def __init__(self):
            self.todo = iter(chk)
            self.next = lambda: next(self.todo)
            self.next()
    for n in range(40):
        Job()
        chk[f"k{number}"] = [n, None]
        assert chk[f"k{number}"] == [n, None]
threads = [threading.Thread(target=work, args=(chk, number)) for chk in stores for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for chk in stores:
    gc.collect()
    assert chk.load() == {"x": 0, **{f"k{i}": [39, None] for i in range(3)}} and not chk.is_open
"""


@pytest.mark.slow
def test_collections_in_many_threads(tmp_path: Path) -> None:
    """Iterators that are collected in whatever thread disturb no store, and hang nobody."""
    run(THREADS, tmp_path / "x.hdf5")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["a", "r"])
@pytest.mark.parametrize("options", [{}, {"journal": False}], ids=["journal", "no journal"])
@in_child  # with one thread, in which nothing else is done
def test_no_objects_of_h5py_outlive_a_call(
    tmp_path: Path, mode: str, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their end calls a function of Python's, in which what a handler raises would be lost."""
    path = tmp_path / "x.hdf5"
    HDF5Checkpointer(path).update({"a": 1, "x": np.arange(3000.0), "d": {"l": [1, None]}})

    def everything(chk: Any) -> None:
        assert chk["a"] and chk["d"].load() and chk["x"].any() and len(list(chk)) >= 3
        assert chk.array("x")[:3].tolist() == [0, 1, 2] and "q" not in chk
        if mode == "a":
            chk["a"] = 2
            chk["d", "l"] = ["text", None]
            chk.append("rows", 1.0)
            chk.array("x")[:3] = [0, 1, 2]
            chk.attrs["n"] = 1
            with chk.transaction() if not options else chk:
                chk.update({"a": 3, "b": {"c": 1}})
            del chk["b"]
        with chk:
            assert chk["a"]

    everything(HDF5Checkpointer(path, mode=mode, **options))  # what is done once is done
    gc.collect()
    left, before, resume = [], _objects(), _Handlers.resume
    known = {id(each) for each in before}
    chk = HDF5Checkpointer(path, mode=mode, **options)

    def seeing(self: _Handlers) -> None:
        if self.depth == 1 and not chk.is_open:
            left.append(len([each for each in _objects() if id(each) not in known]))
        resume(self)

    monkeypatch.setattr(_Handlers, "resume", seeing)
    everything(chk)
    assert left and max(left) <= 0, left


@in_child
def test_no_objects_of_h5py_are_kept_for_a_handler(tmp_path: Path) -> None:
    """What a handler has interrupted ends before it runs: HDF5 is not at work in the middle of it."""
    path = tmp_path / "x.hdf5"
    groups = {name: {f"k{n}": n for n in range(20)} for name in "abc"}
    chk = HDF5Checkpointer(path)
    chk.update({"warm": {"x": 1}, **groups})
    chk["warm"] = 1
    gc.collect()
    before, seen, real = _objects(), [], Writer.create
    known = {id(each) for each in before}

    def create(self: Writer, *args: Any) -> Any:
        made = real(self, *args)
        signal.raise_signal(signal.SIGUSR1)
        return made

    signal.signal(
        signal.SIGUSR1,
        lambda number, frame: seen.append([each for each in _objects() if id(each) not in known]),
    )
    Writer.create = create  # type: ignore[method-assign]
    for name in groups:
        chk[name] = 1
    assert len(seen) == 3 and not any(seen), seen


def _objects() -> list[ObjectID]:
    """Those that there are. Who keeps them finds no new one in the place of one that has ended."""
    return [each for each in gc.get_objects() if isinstance(each, ObjectID)]
