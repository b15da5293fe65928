"""Transactions: they begin with the writer's lock, at the newest commit, and have one owner."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import (
    HDF5Checkpointer,
    LockedError,
    PendingJournalWarning,
    ReadOnlyError,
    SnapshotChangedWarning,
    TransactionError,
)
from tests.actors.actors import Actor, listing

Actors = Callable[[int], list[Actor]]

COUNT_UP = """
store = HDF5Checkpointer(path, durable=False)
def up(times):
    for _ in range(times):
        with store.transaction():
            store["n"] = store["n"] + 1
def up_in_a_block(times):
    with store:
        up(times)
def up_by_blocks(times):
    for _ in range(times):
        with store, store.transaction():
            store["n"] = store["n"] + 1
"""


@pytest.mark.parametrize("call", ["up", "up_by_blocks"])
@pytest.mark.parametrize(("count", "times"), [(2, 60), (4, 10)])
def test_counting(actors: Actors, path: str, count: int, times: int, call: str) -> None:
    """What several processes count up in transactions is the sum of what each did."""
    HDF5Checkpointer(path)["n"] = 0
    crew = actors(count)
    for actor in crew:
        actor.do(COUNT_UP, path=path)
    start = time.monotonic() + 0.02
    for actor in crew:
        actor.begin(f"{call}({times})", at=start)
    for actor in crew:
        actor.end().get((PendingJournalWarning,))
    assert HDF5Checkpointer(path).load() == {"n": count * times}


def test_counting_in_one_block(actors: Actors, path: str) -> None:
    """One that counts in a single block, and one that does so call by call, take turns whole."""
    HDF5Checkpointer(path)["n"] = 0
    crew = actors(2)
    for actor in crew:
        actor.do(COUNT_UP, path=path)
    start = time.monotonic() + 0.02
    crew[0].begin("up_in_a_block(60)", at=start)
    crew[1].begin("up(60)", at=start)
    for actor in crew:
        actor.end().get((PendingJournalWarning,))
    assert HDF5Checkpointer(path)["n"] == 120


def test_it_holds_the_lock_from_its_beginning(actor: Actor, path: str) -> None:
    """Nobody else writes from the beginning of a transaction on, though it has only read so far."""
    chk = HDF5Checkpointer(path)
    chk["n"] = 1
    with chk.transaction():
        assert chk["n"] == 1
        late = actor.tell("HDF5Checkpointer(path, lock_timeout=0.2)['n'] = 2", path=path)
        assert isinstance(late.error, LockedError)
        chk["n"] = chk["n"] + 10
    assert chk["n"] == 11
    actor.do("HDF5Checkpointer(path, lock_timeout=0.2)['n'] = 2", path=path)
    assert chk["n"] == 2


def test_an_empty_one_lets_go(actor: Actor, path: str) -> None:
    """A transaction that wrote nothing, or failed, lets go of the lock, and makes no file."""
    chk = HDF5Checkpointer(path)
    with chk.transaction():
        pass
    with pytest.raises(ZeroDivisionError), chk.transaction():
        chk["a"] = 1
        1 / 0
    assert listing(Path(path).parent) == []
    actor.do("HDF5Checkpointer(path, lock_timeout=0.2)['n'] = 2", path=path)
    with pytest.raises(ZeroDivisionError), chk.transaction():
        1 / 0
    actor.do("HDF5Checkpointer(path, lock_timeout=0.2)['n'] = 3", path=path)
    assert chk.load() == {"n": 3}


def test_it_begins_at_the_newest_commit(actor: Actor, path: str) -> None:
    """A transaction inside a block that has read sees what others have committed since."""
    chk = HDF5Checkpointer(path)
    chk["n"] = 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with chk:
            assert chk["n"] == 1
            actor.do("HDF5Checkpointer(path)['n'] = 5", path=path, warns=(PendingJournalWarning,))
            with chk.transaction():
                chk["n"] = chk["n"] + 1
            assert chk["n"] == 6
    assert all(issubclass(w.category, SnapshotChangedWarning) for w in caught)
    assert chk["n"] == 6


def test_a_block_that_has_read_goes_on_at_the_newest_commit(actor: Actor, path: str) -> None:
    """A block that has read and then writes is told that another has committed; nothing is lost."""
    chk = HDF5Checkpointer(path)
    chk.update({"a": 1, "b": 1})
    with chk:
        assert chk["a"] == 1
        actor.do(
            "HDF5Checkpointer(path).update({'a': 2, 'c': 3})",
            path=path,
            warns=(PendingJournalWarning,),
        )
        assert chk["a"] == 1  # what it reads stays one state until it writes
        with pytest.warns(SnapshotChangedWarning, match=r"store\.hdf5"):
            chk["b"] = 2
        assert chk.load() == {"a": 2, "b": 2, "c": 3}
    assert chk.load() == {"a": 2, "b": 2, "c": 3}


def test_no_warning_where_nothing_changed(actor: Actor, path: str) -> None:
    """A block that reads and then writes says nothing if nobody has committed in between."""
    chk = HDF5Checkpointer(path)
    chk["a"] = 1
    actor.do("chk = HDF5Checkpointer(path, mode='r').__enter__(); chk['a']", path=path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with chk:
            assert chk["a"] == 1
            chk["b"] = 2
            assert chk["b"] == 2
            chk["c"] = 3
    assert not [w for w in caught if issubclass(w.category, SnapshotChangedWarning)]
    actor.do("chk.close()")
    assert chk.load() == {"a": 1, "b": 2, "c": 3}


# -- for reading -----------------------------------------------------------------------------------


def test_for_reading_is_one_snapshot(actor: Actor, path: str) -> None:
    """`transaction(write=False)` shows one state while others commit, whom it does not hold up."""
    chk = HDF5Checkpointer(path)
    chk.update({"a": 0, "b": 0, "x": np.zeros(3000)})
    actor.do(
        "def commit(n): HDF5Checkpointer(path, lock_timeout=0.5).update("
        "{'a': n, 'b': n, 'x': np.full(3000, n)})",
        path=path,
    )
    with chk.transaction(write=False):
        assert chk["a"] == 0
        for n in range(1, 4):
            actor.do("commit(n)", n=n, warns=(PendingJournalWarning,))
            assert chk["a"] == chk["b"] == 0 and not chk["x"].any()
    assert chk["a"] == chk["b"] == 3 and (chk["x"] == 3).all()
    chk["end"] = 1
    assert listing(Path(path).parent) == ["store.hdf5"]


def test_for_reading_refuses_writes(path: str) -> None:
    """`transaction(write=False)` refuses every write, and what it read before and after stays."""
    chk = HDF5Checkpointer(path)
    chk.update({"a": 1, "x": np.arange(5)})
    writes: list[Callable[[], Any]] = [
        lambda: chk.update({"b": 1}),
        lambda: chk.pop("a"),
        lambda: chk.__delitem__("a"),
        lambda: chk.append("x", 6),
        lambda: chk.array("x").__setitem__(0, 9),
        lambda: chk.attrs.update({"u": 1}),
        lambda: chk.setdefault("z", 1),
        lambda: chk.create("y", (3,)),
        lambda: chk.group("g", create=True),
        lambda: chk.write_blocks("y", [np.zeros(3)]),
    ]
    for write in writes:
        with chk.transaction(write=False):
            with pytest.raises((ReadOnlyError, TransactionError)) as raised:
                write()
            assert "mode='a'" not in str(raised.value)  # it has this mode
            assert chk["a"] == 1
    assert chk.setdefault("a", 5) == 1
    assert list(chk) == ["a", "x"] and chk["x"].tolist() == [0, 1, 2, 3, 4]
    chk["b"] = 2
    assert chk["b"] == 2


def test_for_reading_of_nothing(path: str) -> None:
    """`transaction(write=False)` of a file that is not there is an empty mapping, and makes none."""
    chk = HDF5Checkpointer(path)
    with chk.transaction(write=False):
        assert len(chk) == 0 and "a" not in chk
    assert listing(Path(path).parent) == []


def test_for_reading_in_mode_r(path: str) -> None:
    """A store of mode "r" has transactions for reading, and none for writing."""
    HDF5Checkpointer(path)["a"] = 1
    chk = HDF5Checkpointer(path, mode="r")
    with chk.transaction(write=False):
        assert chk["a"] == 1
    with pytest.raises(ReadOnlyError), chk.transaction():
        chk["a"] = 2
    assert chk["a"] == 1


def test_for_reading_in_threads_that_overlap(path: str) -> None:
    """Each thread's `transaction(write=False)` on one store is its own, in whatever order they end."""
    chk = HDF5Checkpointer(path)
    chk["a"] = 0
    began, second_began, first_over, second_over = (threading.Event() for _ in range(4))

    def first() -> None:
        with chk.transaction(write=False):
            assert chk["a"] == 0
            began.set()
            assert second_began.wait(5)
            assert chk["a"] == 0
        first_over.set()
        assert second_over.wait(5)
        chk["b"] = 1

    def second() -> None:
        assert began.wait(5)
        HDF5Checkpointer(path)["a"] = 1
        with chk.transaction(write=False):
            assert chk["a"] == 1
            second_began.set()
            assert first_over.wait(5)
            assert chk["a"] == 1
        second_over.set()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingJournalWarning)
        started = [_in_thread(work) for work in (first, second)]
        for thread, _ in started:
            thread.join(20)
    assert [found[0] for _, found in started] == [None, None]
    assert chk.load() == {"a": 1, "b": 1}


def test_for_reading_in_tasks_that_overlap(path: str) -> None:
    """Each task's `transaction(write=False)` on one store is its own."""
    chk = HDF5Checkpointer(path)
    chk["a"] = 0

    async def first(began: asyncio.Event, over: asyncio.Event) -> None:
        with chk.transaction(write=False):
            assert chk["a"] == 0
            began.set()
            await asyncio.sleep(0.05)
            assert chk["a"] == 0
        over.set()

    async def second(began: asyncio.Event, over: asyncio.Event) -> None:
        await began.wait()
        chk["a"] = 1
        with chk.transaction(write=False):
            await over.wait()
            assert chk["a"] == 1
        chk["b"] = 1

    async def main() -> None:
        events = asyncio.Event(), asyncio.Event()
        await asyncio.gather(first(*events), second(*events))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingJournalWarning)
        asyncio.run(main())
    assert chk.load() == {"a": 1, "b": 1}


def test_for_reading_beside_a_thread_that_writes(path: str) -> None:
    """One store, one thread with a snapshot and one that writes: neither sees the other's session."""
    chk = HDF5Checkpointer(path, durable=False)
    chk["a"] = 0
    end, began = time.monotonic() + 1.5, threading.Event()

    def read() -> None:
        with chk.transaction(write=False):
            seen = chk["a"]
            began.set()
            while time.monotonic() < end:
                assert chk["a"] == seen

    def write() -> None:
        assert began.wait(5)
        number = 0
        with chk:
            while time.monotonic() < end:
                number += 1
                chk.update({"a": number})
                assert chk["a"] == number

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PendingJournalWarning)
            started = [_in_thread(work) for work in (read, write)]
            for thread, _ in started:
                thread.join(20)
    finally:
        sys.setswitchinterval(interval)
    assert [found[0] for _, found in started] == [None, None]


# -- one owner -------------------------------------------------------------------------------------

OTHER = pytest.mark.parametrize("other", ["the same store", "another store"])


def _other(chk: HDF5Checkpointer, path: str, other: str, timeout: float) -> HDF5Checkpointer:
    return chk if other == "the same store" else HDF5Checkpointer(path, lock_timeout=timeout)


def _in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    found: list[Any] = []

    def run() -> None:
        began = time.monotonic()
        try:
            work()
        except BaseException as error:
            found.append(error)
        else:
            found.append(None)
        found.append(time.monotonic() - began)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, found


@OTHER
def test_another_thread_is_refused(path: str, other: str) -> None:
    """Another thread that assigns during a transaction waits lock_timeout, then gets LockedError."""
    chk = HDF5Checkpointer(path, lock_timeout=0.3)
    chk["n"] = 0
    second = _other(chk, path, other, 0.3)
    with chk.transaction():
        chk["n"] = 1
        thread, found = _in_thread(lambda: second.update({"m": 1}))
        thread.join(4)
        assert not thread.is_alive() and isinstance(found[0], LockedError), found
        assert 0.25 <= found[1] < 4
        chk["n"] = 2
    assert chk.load() == {"n": 2}
    second["m"] = 1
    assert chk.load() == {"n": 2, "m": 1}


@OTHER
def test_another_thread_gets_through(path: str, other: str) -> None:
    """Another thread that assigns during a transaction is served when that ends in time."""
    chk = HDF5Checkpointer(path, lock_timeout=10)
    chk["n"] = 0
    second = _other(chk, path, other, 10)
    with chk.transaction():
        chk["n"] = 1
        thread, found = _in_thread(lambda: second.update({"m": 1}))
        time.sleep(0.15)
        assert thread.is_alive() and "m" not in chk
    thread.join(8)
    assert found[:1] == [None]
    assert chk.load() == {"n": 1, "m": 1}


@OTHER
def test_another_thread_never_joins(path: str, other: str) -> None:
    """What another thread has set is not rolled back with a transaction that it came upon."""
    chk = HDF5Checkpointer(path, lock_timeout=10)
    chk["n"] = 0
    second = _other(chk, path, other, 10)
    with pytest.raises(ZeroDivisionError), chk.transaction():
        chk["n"] = 1
        thread, found = _in_thread(lambda: second.update({"m": 1}))
        time.sleep(0.1)
        1 / 0
    thread.join(8)
    assert found[:1] == [None]
    assert chk.load() == {"n": 0, "m": 1}


def test_transactions_of_threads_take_turns(path: str) -> None:
    """Transactions of threads on one store, nested ones too, add up."""
    chk = HDF5Checkpointer(path, durable=False)
    chk["n"] = 0

    def work() -> None:
        for _ in range(10):
            with chk.transaction():
                before = chk["n"]
                with chk.transaction():
                    chk["n"] = before + 1

    started = [_in_thread(work) for _ in range(6)]
    for thread, _ in started:
        thread.join(30)
    assert [found[0] for _, found in started] == [None] * 6
    assert chk["n"] == 60


@OTHER
@pytest.mark.parametrize("ends", ["well", "in an error"])
def test_another_task_is_refused_at_once(path: str, other: str, ends: str) -> None:
    """Another task of the thread is refused at once during a transaction, and does not join it."""
    chk = HDF5Checkpointer(path, lock_timeout=2)
    chk["n"] = 0
    second = _other(chk, path, other, 2)

    async def owner(began: asyncio.Event, over: asyncio.Event) -> None:
        with chk.transaction():
            chk["n"] = 1
            began.set()
            await over.wait()
            chk["k"] = 1
            if ends != "well":
                raise ZeroDivisionError

    async def guest(began: asyncio.Event, over: asyncio.Event) -> float:
        await began.wait()
        start = time.monotonic()
        try:
            with pytest.raises(LockedError):
                second["m"] = 1
            with pytest.raises(LockedError), second.transaction():
                second["m"] = 1
        finally:
            took = time.monotonic() - start
            over.set()
        return took

    async def later(task: asyncio.Task[None]) -> None:
        await asyncio.wait([task])
        second["m"] = 2

    async def main() -> tuple[Any, ...]:
        events = asyncio.Event(), asyncio.Event()
        task = asyncio.ensure_future(owner(*events))
        return tuple(
            await asyncio.gather(task, guest(*events), later(task), return_exceptions=True)
        )

    own, took, after = asyncio.run(main())
    assert after is None and isinstance(took, float), (took, after)
    assert took < 1
    if ends == "well":
        assert own is None and chk.load() == {"n": 1, "k": 1, "m": 2}
    else:
        assert isinstance(own, ZeroDivisionError) and chk.load() == {"n": 0, "m": 2}


def test_tasks_one_after_the_other(path: str) -> None:
    """Transactions of tasks that do not overlap are whole, whatever happens between them."""
    chk = HDF5Checkpointer(path)

    async def work(n: int) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
            with chk.transaction():
                chk["n"] = chk.get("n", 0) + n

    async def main() -> None:
        await asyncio.gather(*[work(n) for n in range(4)])

    asyncio.run(main())
    assert chk["n"] == 30


def test_a_block_that_ends_in_a_task_beside_a_transaction(actor: Actor, path: str) -> None:
    """A task leaves its `with` during another's transaction: it ends with that, and lets go."""
    chk = HDF5Checkpointer(path, lock_timeout=0.3)

    async def block(inside: asyncio.Event, left: asyncio.Event) -> None:
        with chk:
            chk["b"] = 1
            await inside.wait()
        left.set()

    async def owner(inside: asyncio.Event, left: asyncio.Event) -> None:
        await asyncio.sleep(0)
        with chk.transaction():
            chk["t"] = 1
            inside.set()
            await left.wait()
            with pytest.raises(LockedError):
                await asyncio.create_task(_closed(chk))
            chk["u"] = 1

    async def main() -> None:
        events = asyncio.Event(), asyncio.Event()
        await asyncio.gather(block(*events), owner(*events))

    asyncio.run(main())
    assert not chk.is_open
    actor.do("HDF5Checkpointer(path, lock_timeout=0.5)['q'] = 1", path=path)
    assert chk.load() == {"b": 1, "t": 1, "u": 1, "q": 1}


async def _closed(chk: HDF5Checkpointer) -> None:
    chk.close()


@OTHER
def test_a_block_that_ends_in_a_thread_beside_a_transaction(
    actor: Actor, path: str, other: str
) -> None:
    """A thread leaves its `with` during another's transaction: it ends with that, and lets go."""
    chk = HDF5Checkpointer(path, lock_timeout=0.2)
    second = _other(chk, path, other, 0.2)
    inside, began = threading.Event(), threading.Event()

    def block() -> None:
        with second:
            second["b"] = 1
            inside.set()
            assert began.wait(5)

    thread, found = _in_thread(block)
    assert inside.wait(5)
    with chk.transaction():
        chk["t"] = 1
        began.set()
        thread.join(5)
        assert found[0] is None
    assert not chk.is_open and not second.is_open
    actor.do("HDF5Checkpointer(path, lock_timeout=0.5)['q'] = 1", path=path)
    assert chk.load() == {"b": 1, "t": 1, "q": 1}


# -- whole -----------------------------------------------------------------------------------------

MAKERS: dict[str, Callable[[str], HDF5Checkpointer]] = {
    "file": lambda path: HDF5Checkpointer(path),
    "memory": lambda path: HDF5Checkpointer(None),
    "bytes": lambda path: HDF5Checkpointer(io.BytesIO()),
}


@pytest.fixture(params=MAKERS)
def store(request: pytest.FixtureRequest, path: str) -> HDF5Checkpointer:
    """A store of each kind that has transactions."""
    made = MAKERS[request.param](path)
    made.update({"a": {"x": 1, "y": {"z": [1, 2]}}, "x": np.arange(20.0), "log": np.zeros(3)})
    made.attrs["units"] = "bohr"
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _plain(part)) for key, part in value.items()]
    return value.tolist() if isinstance(value, np.ndarray) else value


def _state(chk: HDF5Checkpointer) -> Any:
    return _plain(chk.load()), dict(chk.attrs)


def _change(chk: HDF5Checkpointer) -> None:
    chk["n"] = 1
    chk["a/x"] = "other"
    del chk["a/y"]
    chk.append("log", 1.0)
    chk.array("x")[3:5] = 7
    chk.attrs["units"] = "angstrom"
    chk.attrs["more"] = 2
    chk.group("g", create=True)["h"] = np.ones(5000)
    chk.merge("a", {"w": {"v": 1}})
    chk.write_blocks("blocks", [np.zeros((2, 2)), np.ones((1, 2))])
    chk.create("made", (3,), "i4")[1] = 4
    chk.pop("x")
    chk["x"] = "a text"


def test_rollback_is_whole(store: HDF5Checkpointer) -> None:
    """A transaction that is left by an exception leaves all as it was: values, order, attributes."""
    before = _state(store)
    for block in (False, True):
        with pytest.raises(ZeroDivisionError):
            if block:
                with store, store.transaction():
                    _change(store)
                    1 / 0
            else:
                with store.transaction():
                    _change(store)
                    1 / 0
        assert _state(store) == before
    with store, pytest.raises(ZeroDivisionError), store.transaction():
        store.clear()
        assert len(store) == 0
        1 / 0
    assert _state(store) == before


def test_commit_is_whole(store: HDF5Checkpointer) -> None:
    """A transaction that ends well keeps all that was done in it."""
    with store.transaction():
        _change(store)
        inside = _state(store)
    assert _state(store) == inside and store["a"] == {"x": "other", "w": {"v": 1}}


def test_nested_ones_join(store: HDF5Checkpointer) -> None:
    """A transaction inside another of the same thread is a part of it: both or neither."""
    with store.transaction():
        store["n"] = 1
        with store.transaction():
            store["m"] = store["n"] + 1
        assert store["m"] == 2
    assert store["n"] == 1 and store["m"] == 2
    with pytest.raises(ZeroDivisionError), store.transaction():
        store["n"] = 5
        with store.transaction():
            store["m"] = 6
        1 / 0
    assert store["n"] == 1 and store["m"] == 2


def test_a_swallowed_error_loses_all(store: HDF5Checkpointer) -> None:
    """An inner transaction whose error is swallowed takes the outer one with it, which says so."""
    with store.transaction():
        store["k"] = 1
    with pytest.raises(TransactionError, match="swallowed"), store.transaction():
        store["n"] = 5
        try:
            with store.transaction():
                store["m"] = 6
                1 / 0
        except ZeroDivisionError:
            pass
    assert "n" not in store and "m" not in store and store["k"] == 1
    store["n"] = 1
    assert store["n"] == 1


def test_two_stores_of_one_thread_join(path: str) -> None:
    """Another store of the same file and thread takes part in a transaction, and is rolled back."""
    first, second = HDF5Checkpointer(path), HDF5Checkpointer(path, lock_timeout=0.3)
    first["n"] = 0
    with first.transaction():
        first["n"] = 1
        assert second["n"] == 1
        with second.transaction():
            second["m"] = 1
        second["k"] = 1
    assert first.load() == {"n": 1, "m": 1, "k": 1}
    with pytest.raises(ZeroDivisionError), first.transaction():
        second["n"] = 7
        1 / 0
    assert first.load() == {"n": 1, "m": 1, "k": 1}
