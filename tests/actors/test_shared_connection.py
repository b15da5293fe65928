"""Stores of one process on one file: they share its connection, and keep what is their own."""

from __future__ import annotations

import copy
import os
import pickle
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, PendingJournalWarning, UnsafeFileError
from tests.actors.actors import Actor, listing, together

Actors = Callable[[int], list[Actor]]
BIG = np.arange(30_000.0)


@pytest.fixture
def quiet() -> Iterator[list[Any]]:
    """Lets `PendingJournalWarning` pass: somebody of this process reads on purpose."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        warnings.simplefilter("always", PendingJournalWarning)
        yield caught


def _linked(path: str, how: Callable[[str, str], None], name: str) -> str:
    HDF5Checkpointer(path)["first"] = 0
    other = os.path.join(os.path.dirname(path), name)
    how(path, other)
    return other


def _folder(path: str) -> str:
    folder = os.path.dirname(path)
    other = folder + "-link"
    os.symlink(folder, other)
    return os.path.join(other, os.path.basename(path))


SPELLINGS: dict[str, Callable[[str], Any]] = {
    "same": lambda path: path,
    "relative": lambda path: os.path.relpath(path),
    "dots": lambda path: os.path.join(os.path.dirname(path), ".", "..", *Path(path).parts[-2:]),
    "Path": Path,
    "bytes": os.fsencode,
    "symlink": lambda path: _linked(path, os.symlink, "symlink.hdf5"),
    "hard link": lambda path: _linked(path, os.link, "hardlink.hdf5"),
    "folder's symlink": _folder,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_inner_store_joins(path: str, spelling: str) -> None:
    """A store inside the block of another one of the same file joins at once, however it is spelled."""
    HDF5Checkpointer(path)["first"] = 0
    outer = HDF5Checkpointer(path, lock_timeout=1)
    inner = HDF5Checkpointer(SPELLINGS[spelling](path), lock_timeout=1)
    before = listing(Path(path).parent)
    with outer:
        outer["a"] = 1
        outer["big"] = BIG
        outer.append("log", 1.0)
        began = time.monotonic()
        assert (
            inner["a"] == 1 and np.array_equal(inner["big"], BIG) and inner["log"].tolist() == [1]
        )
        inner["b"] = inner["a"] + 1
        with inner:
            inner["c"] = inner["b"] + 1
            inner.append("log", 2.0)
        assert time.monotonic() - began < 0.9
        assert outer["b"] == 2 and outer["c"] == 3 and outer["log"].tolist() == [1, 2]
        outer["d"] = 4
    assert inner["d"] == 4 and list(outer) == ["first", "a", "big", "log", "b", "c", "d"]
    assert listing(Path(path).parent) == before


def test_inner_store_joins_on_no_file(path: str) -> None:
    """Two stores that make the same file, one inside the other, make one."""
    outer, inner = HDF5Checkpointer(path, lock_timeout=1), HDF5Checkpointer(path, lock_timeout=1)
    with outer, inner:
        outer["a"] = 1
        inner["b"] = 2
        assert outer["b"] == 2 and inner["a"] == 1
    assert outer.load() == {"a": 1, "b": 2}
    assert listing(Path(path).parent) == ["store.hdf5"]


def test_a_file_made_meanwhile(path: str) -> None:
    """A block that found no file sees the one that another store has made when it writes."""
    outer, inner = HDF5Checkpointer(path, lock_timeout=1), HDF5Checkpointer(path, lock_timeout=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with outer:
            assert len(outer) == 0
            inner["b"] = 2
            outer["a"] = 1
    assert outer.load() == {"b": 2, "a": 1}


def test_inner_block_commits_at_its_own_end(actor: Actor, path: str) -> None:
    """When an inner block has ended, other processes see what it set, while the outer one goes on."""
    outer, inner = HDF5Checkpointer(path), HDF5Checkpointer(path, lock_timeout=1)
    with outer:
        outer["a"] = 1
        with inner:
            inner["b"] = 2
            inner.append("log", 3.0)
        seen = actor.do("HDF5Checkpointer(path, mode='r').load()", path=path)
        assert seen["a"] == 1 and seen["b"] == 2 and seen["log"].tolist() == [3]
        outer["c"] = 3
        late = actor.tell("HDF5Checkpointer(path, lock_timeout=0.2)['d'] = 1", path=path)
        assert type(late.error).__name__ == "LockedError"
    assert list(outer) == ["a", "b", "log", "c"]


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_orders_of_closing(actor: Actor, path: str, first_to_leave: int) -> None:
    """Whoever leaves first, the other one goes on, and the last one leaves a plain file alone."""
    stores = [HDF5Checkpointer(path, lock_timeout=1) for _ in range(2)]
    for n, store in enumerate(stores):
        store.__enter__()
        store[f"a{n}"] = n
    stores[first_to_leave].__exit__(None, None, None)
    assert not stores[first_to_leave].is_open and stores[1 - first_to_leave].is_open
    stores[1 - first_to_leave]["b"] = BIG
    stores[first_to_leave]["c"] = 5  # outside of a block of its own
    stores[1 - first_to_leave].__exit__(None, None, None)
    assert listing(Path(path).parent) == ["store.hdf5"]
    with h5py.File(path) as file:
        assert file["a0"][()] == 0 and file["a1"][()] == 1 and file["c"][()] == 5
    actor.do("HDF5Checkpointer(path, lock_timeout=0.2)['d'] = 1", path=path)


def test_close_of_one(path: str) -> None:
    """`close()` of one store leaves the block of another as it is."""
    first, second = HDF5Checkpointer(path, lock_timeout=1), HDF5Checkpointer(path, lock_timeout=1)
    with first:
        first["a"] = 1
        with second:
            second["b"] = 2
            second.close()
            first["c"] = 3
        assert first.is_open and first["b"] == 2
        first["d"] = 4
    assert first.load() == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_an_inner_error_keeps_what_returned(path: str) -> None:
    """An exception that leaves an inner block costs neither store what had returned."""
    outer = HDF5Checkpointer(path)
    with outer:
        outer["a"] = 1
        with pytest.raises(ZeroDivisionError), HDF5Checkpointer(path, lock_timeout=1) as inner:
            inner["b"] = 2
            1 / 0
        with pytest.raises(TypeError):
            HDF5Checkpointer(path, lock_timeout=1)["bad"] = object()
        outer["c"] = 3
    assert outer.load() == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("block", [True, False], ids=["blocks", "calls"])
def test_threads_take_turns(actor: Actor, path: str, block: bool) -> None:
    """Eight threads, each with a store of its own and fifty assignments, lose none."""
    code = """
    stores = [HDF5Checkpointer(path, durable=False) for _ in range(8)]
    def work(n):
        for i in range(10):
            if block:
                with stores[n] as store:
                    for j in range(5):
                        store[f"k{n}/{i}-{j}"] = [n, i, j]
            else:
                for j in range(5):
                    stores[n][f"k{n}/{i}-{j}"] = [n, i, j]
    together(8, work)
    """
    actor.do(code, path=path, block=block)
    whole = HDF5Checkpointer(path).load()
    for n in range(8):
        assert whole[f"k{n}"] == {f"{i}-{j}": [n, i, j] for i in range(10) for j in range(5)}
    assert listing(Path(path).parent) == ["store.hdf5"]


def test_threads_inside_a_block(path: str) -> None:
    """Threads whose blocks overlap for long write beside each other, and nobody waits for a block."""
    HDF5Checkpointer(path)["n"] = 0

    def work(n: int) -> None:
        with HDF5Checkpointer(path, lock_timeout=5) as store:
            store[f"a{n}"] = n
            time.sleep(0.3)
            store[f"b{n}"] = n

    began = time.monotonic()
    together(6, work, timeout=30)
    assert time.monotonic() - began < 1.5  # one after the other it would be 1.8
    assert len(HDF5Checkpointer(path)) == 13


def test_a_reader_keeps_its_snapshot(path: str, quiet: list[Any]) -> None:
    """A store of mode "r" shows one state until it is closed, whatever other stores write."""
    writer, reader = HDF5Checkpointer(path), HDF5Checkpointer(path, mode="r")
    writer.update({"a": 1, "x": np.zeros(5000)})
    with reader:
        assert reader["a"] == 1
        writer["a"] = 2
        with writer:
            writer["x"] = np.ones(5000)
            writer.commit()
            assert reader["a"] == 1 and not reader["x"].any()
            writer["b"] = 3
        assert reader.load().keys() == {"a", "x"} and not reader["x"].any()
        second = HDF5Checkpointer(path, mode="r")
        assert second["a"] == 2 and second["x"].all() and second["b"] == 3
    assert reader["a"] == 2 and reader["b"] == 3
    writer["c"] = 4
    assert listing(Path(path).parent) == ["store.hdf5"]
    with h5py.File(path) as file:
        assert file["a"][()] == 2 and file["c"][()] == 4


def test_a_reader_inside_a_writer(path: str) -> None:
    """A store of mode "r" that opens inside the block of a writer sees what returned by then."""
    writer, reader = HDF5Checkpointer(path), HDF5Checkpointer(path, mode="r")
    writer["a"] = 1
    with writer:
        writer["a"] = 2
        writer.append("log", 1.0)
        with reader:
            assert reader["a"] == 2
            writer["a"] = 3
            assert reader["a"] == 2
        assert reader["a"] == 3
    assert reader.load()["log"].tolist() == [1]


# -- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("outer_packs", [True, False])
def test_compression_and_checksums_are_each_ones_own(path: str, outer_packs: bool) -> None:
    """Stores on one connection write arrays each by its own compression and checksum."""
    packing = HDF5Checkpointer(path, compression="gzip", checksum=True, lock_timeout=1)
    plain = HDF5Checkpointer(path, lock_timeout=1)
    outer, inner = (packing, plain) if outer_packs else (plain, packing)
    with outer:
        outer["n"] = 1
        for n in range(2):
            packing[f"packed{n}"] = BIG
            plain[f"plain{n}"] = BIG
            with inner:
                inner["m"] = 1
                outer["k"] = 1
    with h5py.File(path) as file:
        for n in range(2):
            assert file[f"packed{n}"].compression == "gzip" and file[f"packed{n}"].fletcher32
            assert file[f"plain{n}"].compression is None and not file[f"plain{n}"].fletcher32


def test_trust_is_each_ones_own(path: str, tmp_path: Path) -> None:
    """What one store may read in other files, another one on the same connection may not."""
    other = tmp_path / "other.hdf5"
    with h5py.File(other, "w") as file:
        file["x"] = 5
    HDF5Checkpointer(path)["a"] = 1
    with h5py.File(path, "a") as file:
        file["away"] = h5py.ExternalLink(str(other), "/x")
    trusting, careful = HDF5Checkpointer(path, trust=True), HDF5Checkpointer(path)
    for outer in (trusting, careful):
        with outer:
            assert outer["a"] == 1
            assert trusting["away"] == 5
            with pytest.raises(UnsafeFileError):
                careful["away"]
            assert trusting["away"] == 5


def test_filters_are_each_ones_own(path: str) -> None:
    """The keys that one store hides, another one on the same connection shows."""
    whole = HDF5Checkpointer(path, lock_timeout=1)
    light = HDF5Checkpointer(path, omitted_keys=["a"], lock_timeout=1)
    with whole:
        whole.update({"a": 1, "b": 2})
        with light:
            assert list(light) == ["b"]
            with pytest.raises(KeyError):
                light["a"] = 3
        assert list(whole) == ["a", "b"]


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the calls that bring a file to the disk."""
    made: list[int] = []
    for name in ("fsync", "fdatasync"):
        real = getattr(os, name)

        def call(descriptor: int, real: Callable[[int], None] = real) -> None:
            made.append(descriptor)
            real(descriptor)

        monkeypatch.setattr(os, name, call)
    return made


@pytest.mark.parametrize("outer_is_strict", [True, False])
def test_the_stricter_durability_holds(path: str, syncs: list[int], outer_is_strict: bool) -> None:
    """Where one of the stores brings commits to the disk, its own are there when it has ended."""
    strict = HDF5Checkpointer(path, lock_timeout=1)
    loose = HDF5Checkpointer(path, durable=False, lock_timeout=1)
    outer, inner = (strict, loose) if outer_is_strict else (loose, strict)
    with outer:
        outer["a"] = 1
        with inner:
            inner["b"] = 2
            del syncs[:]
            strict.commit()
            assert syncs
        del syncs[:]
        strict["c"] = 3
        assert syncs or outer_is_strict  # inside a block of its own it may wait
        del syncs[:]
        loose["d"] = 4
    assert syncs or not outer_is_strict
    assert list(loose) == ["a", "b", "c", "d"]


def test_the_stricter_interval_holds(path: str, syncs: list[int]) -> None:
    """A commit of a store with sync_interval=0 is brought to the disk at once, beside a lax one."""
    lax = HDF5Checkpointer(path, sync_interval=60, lock_timeout=1)
    strict = HDF5Checkpointer(path, sync_interval=0, lock_timeout=1)
    lax["n"] = 0
    with lax:
        lax["a"] = 1
        with strict:
            del syncs[:]
            strict["b"] = 2
            assert syncs
    del syncs[:]
    loose = HDF5Checkpointer(path, durable=False)
    with loose:
        loose["c"] = 3
    assert not syncs


# -- addresses -------------------------------------------------------------------------------------


def test_chdir(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the file that it meant when the store was made, for every use."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    chk = HDF5Checkpointer("store.hdf5")
    late = HDF5Checkpointer(b"store.hdf5")
    chk["big"] = BIG
    monkeypatch.chdir(elsewhere)
    chk["a"] = 1
    late["b"] = 2
    with chk:
        chk["c"] = 3
        monkeypatch.chdir(tmp_path)
        chk["d"] = 4
        monkeypatch.chdir(elsewhere)
    assert np.array_equal(chk.array("big").map(), BIG)
    assert chk.load(mmap=True)["a"] == 1 and late.verify().ok
    chk.compact()
    assert not chk.recover()
    again = [pickle.loads(pickle.dumps(chk)), copy.deepcopy(chk), copy.copy(chk)]
    array = pickle.loads(pickle.dumps(chk.array("big")))
    for store in again:
        assert store["d"] == 4
    assert array.shape == BIG.shape
    assert listing(elsewhere) == [] and listing(tmp_path) == ["elsewhere", "store.hdf5"]
    assert HDF5Checkpointer(path)["b"] == 2


def test_chdir_before_the_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of a relative path makes its file where it was made itself, in each mode."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for mode in "awx":
        monkeypatch.chdir(tmp_path)
        chk = HDF5Checkpointer(f"{mode}.hdf5", mode=mode)
        monkeypatch.chdir(elsewhere)
        chk["a"] = 1
    assert listing(elsewhere) == []
    assert listing(tmp_path) == ["a.hdf5", "elsewhere", "w.hdf5", "x.hdf5"]


@pytest.mark.parametrize(
    "again",
    [lambda chk: pickle.loads(pickle.dumps(chk)), copy.deepcopy, copy.copy],
    ids=["pickle", "deepcopy", "copy"],
)
def test_copies_join(path: str, again: Callable[[HDF5Checkpointer], HDF5Checkpointer]) -> None:
    """A pickled or copied store joins the block of the one that it was made of."""
    chk = HDF5Checkpointer(path, lock_timeout=1)
    with chk:
        chk["a"] = 1
        other = again(chk)
        assert other["a"] == 1
        other["b"] = 2
        with other:
            other["c"] = 3
        assert chk["b"] == 2 and chk["c"] == 3
        chk["d"] = 4
    assert other.load() == chk.load() == {"a": 1, "b": 2, "c": 3, "d": 4}


# -- fork ------------------------------------------------------------------------------------------

FORK = """
store = HDF5Checkpointer(path, lock_timeout=0.3)
store.__enter__()
store["a"] = 1
child = os.fork()
if child == 0:
    code = 1
    try:
        assert store["a"] == 1  # it opens the file for itself
        try:
            HDF5Checkpointer(path, lock_timeout=0.3)["child"] = 1
        except LockedError:
            code = 0
        open(path + ".tried", "w").close()
        until(lambda: os.path.exists(path + ".end"))
        if os.path.exists(path + ".write"):
            HDF5Checkpointer(path, lock_timeout=5)["child"] = 2
    except BaseException:
        import traceback
        traceback.print_exc()
        code = 2
    os._exit(code)
store["b"] = 2
until(lambda: os.path.exists(path + ".tried"))
"""


@pytest.mark.parametrize("write", [True, False])
def test_fork(actors: Actors, path: str, write: bool) -> None:
    """A forked child is another process: it is locked out, and does not hold the parent's lock."""
    parent, third = actors(2)
    try:
        parent.do(FORK, path=path)
        parent.do("store['c'] = 3; store.__exit__(None, None, None)")
        third.do("HDF5Checkpointer(path, lock_timeout=0.3)['third'] = 3", path=path)
        if write:
            Path(path + ".write").touch()
    finally:
        Path(path + ".end").touch()
        status = parent.do("os.waitpid(child, 0)[1] if 'child' in globals() else 0")
    assert os.waitstatus_to_exitcode(status) == 0
    expected = {"a": 1, "b": 2, "c": 3, "third": 3} | ({"child": 2} if write else {})
    assert HDF5Checkpointer(path).load() == expected


def test_fork_inside_a_transaction(actor: Actor, path: str) -> None:
    """A child that is forked inside a transaction ends without a part of it in the file."""
    HDF5Checkpointer(path)["n"] = 0
    code = """
    with HDF5Checkpointer(path) as store, store.transaction():
        store["n"] = 1
        child = os.fork()
        if child == 0:
            try:
                seen = HDF5Checkpointer(path, mode="r").load()
                os._exit(0 if seen == {"n": 0} else 1)
            finally:
                os._exit(2)
        status = os.waitpid(child, 0)[1]
        store["m"] = 2
    os.waitstatus_to_exitcode(status)
    """
    assert actor.do(code, path=path) == 0
    assert HDF5Checkpointer(path).load() == {"n": 1, "m": 2}
