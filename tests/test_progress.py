"""How far long work has come: told to a function, or shown."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import h5py
import numpy as np
import pytest

import hdfchk
from hdfchk import HDF5Checkpointer, TransactionError
from hdfchk import progress as progress_module
from hdfchk.backends.hdf5.data import blocks
from hdfchk.backends.hdf5.data import direct_io as pieces
from hdfchk.backends.hdf5.nodes import writer as writing
from tests.arrays.test_sources import numbers

TREE: dict[str, Any] = {
    "n": 3,
    "text": "some text",
    "arrays": {"large": np.arange(30_000.0).reshape(300, 100), "small": np.arange(20)},
    "strided": np.arange(9000.0).reshape(100, 90)[:, ::2],
}
NBYTES = len(TREE["text"]) + sum(
    value.nbytes for value in (*TREE["arrays"].values(), TREE["strided"])
)


class Told(list[tuple[int, int]]):
    """Keeps what it is told."""

    def __call__(self, done: int, total: int) -> None:
        """`progress`."""
        self.append((done, total))

    def is_whole(self, total: int) -> bool:
        """Whether it was told in order, up to the end, of this total."""
        return self == sorted(self) and {t for _, t in self} == {total} and self[-1][0] == total


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays that are not very large are told of block by block, too."""
    monkeypatch.setattr(writing, "BLOCK_BYTES", 50_000)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 50_000)
    monkeypatch.setattr(pieces, "BLOCK_BYTES", 50_000)


def test_progress(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Long work shows a bar where tqdm is, and lines where it is not, or calls a function."""
    pytest.importorskip("tqdm")
    chk = HDF5Checkpointer(path)
    chk.write_blocks("x", numbers(3, 4), progress=True)
    chk.put("y", np.zeros((300, 300)), compression="gzip", progress=True)
    assert sum(len(block) for block in chk.array("x").blocks(2, progress=True)) == 7
    chk.verify(progress=True), chk.compact(progress=True), chk.recover(progress=True)
    shown = capsys.readouterr().err
    assert all(word in shown for word in ("x", "y", "verify", "compact", "rows"))
    chk.write_blocks("x", numbers(3, 4), progress=False)
    assert capsys.readouterr().err == ""


def test_progress_without_tqdm(
    path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without tqdm there are lines of text, at most one a second, and one at the end."""
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    HDF5Checkpointer(path).write_blocks("x", numbers(3, 4), rows=7, progress=True)
    assert capsys.readouterr().err == "x: 100 %\n"
    monkeypatch.setattr(progress_module, "_SECONDS", 0.0)
    HDF5Checkpointer(path).write_blocks("x", numbers(3, 4), progress=True)
    assert capsys.readouterr().err == "x: 3\nx: 7\n"


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"checksum": True}])
def test_whole_trees(path: str, options: dict[str, Any]) -> None:
    """`save` counts the bytes of all arrays, `load` those of the file, both up to the end."""
    told, least = Told(), 2 if options else 4  # what lies in chunks here has one each
    hdfchk.save(path, TREE, progress=told, **options)
    assert told.is_whole(NBYTES) and len(told) > least
    told.clear()
    loaded = hdfchk.load(path, progress=told)
    assert told.is_whole(os.path.getsize(path)) and len(told) > least
    assert loaded["text"] == "some text"
    assert np.array_equal(loaded["arrays"]["large"], TREE["arrays"]["large"])
    told.clear()
    chk = HDF5Checkpointer(path)
    chk.load("arrays/large", progress=told)
    stored = told[-1][0]
    assert told.is_whole(stored) and (options or len(told) > 2)
    told.clear()
    chk.load("arrays", progress=told)
    assert told[-1][0] > stored and {total for _, total in told} == {0}
    told.clear()
    chk.load(progress=told, mmap=True)
    assert told.is_whole(os.path.getsize(path))


@pytest.mark.parametrize("kind", ["path", "memory", "file object"])
def test_a_dict_at_a_key(path: str, kind: str) -> None:
    """`put` counts all arrays of the value, also those that come from elsewhere in parts."""
    chk = HDF5Checkpointer({"path": path, "memory": None, "file object": io.BytesIO()}[kind])
    told = Told()
    chk.put("tree", TREE, progress=told)
    assert told.is_whole(NBYTES)
    chk["big"] = np.zeros((2**12, 2**10))
    told.clear()
    chk.put("copy", chk.array("big"), progress=told)
    assert told.is_whole(2**25)
    told.clear()
    assert chk.load("tree", progress=told)["n"] == 3
    chk.update(progress=5)
    assert chk["progress"] == 5


@pytest.mark.parametrize("work", ["save", "put", "load"])
def test_giving_up(path: str, work: str) -> None:
    """An error of the function ends the work, and leaves the file as it was."""
    chk = HDF5Checkpointer(path)
    chk["there"] = TREE

    def stop(done: int, _: int) -> None:
        if done > 200_000:
            raise KeyboardInterrupt

    calls: dict[str, Callable[[], Any]] = {
        "save": lambda: hdfchk.save(path, {"x": TREE}, progress=stop),
        "put": lambda: chk.put("x", TREE, progress=stop),
        "load": lambda: chk.load(progress=stop),
    }
    with pytest.raises(KeyboardInterrupt):
        calls[work]()
    assert list(chk) == ["there"] and chk["there"].load()["n"] == 3
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
    hdfchk.save(path, {"x": 1})
    assert hdfchk.load(path) == {"x": 1}


WORK: dict[str, Callable[[str, Any], Any]] = {
    "save": lambda path, tell: hdfchk.save(path, TREE, progress=tell),
    "load": lambda path, tell: hdfchk.load(path, progress=tell),
    "put": lambda path, tell: HDF5Checkpointer(path).put("x", TREE, progress=tell),
    "verify": lambda path, tell: HDF5Checkpointer(path).verify(progress=tell),
    "compact": lambda path, tell: HDF5Checkpointer(path).compact(progress=tell),
    "write_blocks": lambda path, tell: HDF5Checkpointer(path).write_blocks(
        "y", numbers(3, 4), progress=tell
    ),
}


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError, OSError, TypeError])
def test_errors_are_the_callers(path: str, work: str, kind: type[Exception]) -> None:
    """What the function raises is raised, as it is: it is not taken for an error of the file."""
    hdfchk.save(path, TREE)

    def stop(_: int, __: int) -> None:
        raise kind("enough")

    with pytest.raises(kind, match="enough") as caught:
        WORK[work](path, stop)
    assert type(caught.value) is kind
    assert hdfchk.load(path).keys() == TREE.keys()


@pytest.mark.parametrize("target", [None, "path", "file object"])
def test_giving_up_in_memory(path: str, target: str | None) -> None:
    """An error of the function gives a change up also where there is no file."""
    where: dict[str | None, Any] = {None: None, "path": path, "file object": io.BytesIO()}
    chk = HDF5Checkpointer(where[target])

    def stop(_: int, __: int) -> None:
        raise ValueError("enough")

    chk["x"] = 1
    for value in (TREE, "text"):
        with pytest.raises(ValueError, match="enough"):
            chk.put("x", value, progress=stop)
    assert chk.load() == {"x": 1}


@pytest.mark.parametrize("use", ["read", "write", "close", "with", "commit", "compact"])
@pytest.mark.parametrize("held", [True, False])
def test_the_store_is_not_for_the_function(path: str, use: str, held: bool) -> None:
    """A function that uses the store whose work it watches is refused, and gives the work up."""
    chk = HDF5Checkpointer(path)
    chk["x"] = TREE
    uses: dict[str, Callable[[], Any]] = {
        "read": lambda: chk["x"],
        "write": lambda: chk.update(y=1),
        "close": chk.close if held else chk.clear,
        "with": chk.__enter__,
        "commit": chk.commit,
        "compact": chk.compact,
    }
    with chk if held else nullcontext():
        for work in (chk.put, chk.load):
            args = ("x", {"a": np.arange(9)}) if work == chk.put else ("x",)
            with pytest.raises(TransactionError, match="progress function"):
                work(*args, progress=lambda *_: uses[use]())
            assert chk.is_open == held and chk["x"].keys() == TREE.keys()
    assert list(chk) == ["x"] and not chk.is_open


def test_other_threads_beside_the_function(path: str) -> None:
    """Between two blocks other threads use the store, also while the function is told of them."""
    found: list[Any] = []

    def use() -> None:
        try:
            found.append(chk["x"])
        except Exception as error:
            found.append(error)

    def tell(done: int, total: int) -> None:
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()

    with HDF5Checkpointer(path) as chk:
        chk["x"] = 1
        chk.write_blocks("y", [np.arange(3), np.arange(4)], progress=tell)
    assert found == [1, 1] and len(chk["y"]) == 7


def test_large_values_of_one_element(path: str) -> None:
    """A long string and a long bytes scalar have no rows by which they could be written."""
    told = Told()
    values = {
        "text": "x" * 60_000,
        "bytes": np.array(b"a" * 60_000),
        "void": np.void(b"a" * 60_000),
    }
    hdfchk.save(path, values, progress=told)
    assert told.is_whole(180_000) and hdfchk.load(path)["text"] == values["text"]


def test_what_is_there_twice(path: str) -> None:
    """Links to one array are read several times, and counted up to the size of the file."""
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(9000)
        for number in range(9):
            file[f"x{number}"] = file["x"]
    told = Told()
    assert len(hdfchk.load(path, progress=told)) == 10
    assert told.is_whole(os.path.getsize(path)) and told.count(told[-1]) == 1


@pytest.mark.parametrize("wrong", [0, 1, "x", np.True_])
def test_no_function(path: str, wrong: Any) -> None:
    """What is neither True nor a function is refused before anything is done."""
    with pytest.raises(TypeError, match="True, False or a function"):
        hdfchk.save(path, TREE, progress=wrong)
    assert not os.path.exists(path)
