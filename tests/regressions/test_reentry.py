"""A store that is used again in the middle of one of its own calls: it works, or is refused."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hdfchk
from hdfchk import HDF5Checkpointer, HdfchkError, LockedError, TransactionError
from hdfchk.backends.hdf5.wal_writer import WalWriter

from .children import in_child, started
from .states import view

ORDINARY = (HdfchkError, OSError)
STORES: list[Any] = []
"""The store that the callbacks below use."""
HOW: list[Callable[[Any], Any]] = []
"""What they do with it."""
REFUSED: list[BaseException] = []


def _again() -> None:
    if not STORES:
        return
    chk, how = STORES[0], HOW[0]
    try:
        how(chk)
    except ORDINARY as error:
        REFUSED.append(error)


class Selfish:
    """A class whose state is told, and made again, with a look into the store."""

    def __init__(self, n: int = 0) -> None:
        self.n = n

    def to_state(self) -> dict[str, Any]:
        _again()
        return {"n": self.n}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Selfish:
        _again()
        return cls(state["n"])

    def __eq__(self, other: object) -> bool:
        _again()
        return isinstance(other, Selfish) and other.n == self.n

    __hash__ = None  # type: ignore[assignment]


def _assign(chk: Any) -> None:
    chk["again"] = 1
    chk["again list"] = [1, None]


def _delete(chk: Any) -> None:
    chk.pop("again", None)


def _close(chk: Any) -> None:
    chk.close()


def _transaction(chk: Any) -> None:
    with chk.transaction():
        chk["again"] = 2


def _enter(chk: Any) -> None:
    with chk:
        chk["again"] = 3


def _compact(chk: Any) -> None:
    chk.compact()


def _read(chk: Any) -> None:
    chk.load("base")
    list(chk)


def _collect(chk: Any) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.me, self.todo = self, iter(chk)
            next(self.todo)

    Cycle()
    gc.collect()


ALL = [_assign, _delete, _close, _transaction, _enter, _compact, _read, _collect]


@pytest.fixture
def registry() -> hdfchk.CodecRegistry:
    """One that knows the class."""
    found = hdfchk.CodecRegistry()
    found.register(Selfish, name="tests.Selfish")
    return found


def _callbacks(chk: Any, path: str, registry: Any) -> list[Callable[[], Any]]:
    def asking(key: Any) -> bool:
        _again()
        return True

    def progress(done: int, total: int) -> None:
        _again()

    view_of = HDF5Checkpointer(path, registry, allowed_keys=asking)

    def assign() -> None:
        chk["value"] = Selfish(2)

    def update() -> None:
        chk.update({"value": Selfish(3), "other": [Selfish(4), {"x": Selfish(5)}]})

    def generator() -> Any:
        _again()
        return Selfish(6)

    def blocks() -> Any:
        for number in range(3):
            _again()
            yield np.full(5000, number)

    return [
        assign,
        lambda: chk["value"],
        update,
        lambda: chk.load(),
        lambda: chk == {"value": Selfish(3)},
        lambda: chk.cached_eval("made", generator),
        lambda: chk.write_blocks("blocks", blocks()),
        lambda: chk.put("packed", np.arange(50_000), compression="gzip", progress=progress),
        lambda: chk.verify(progress=progress),
        lambda: view_of.load(),
        lambda: list(chk.view(allowed_keys=asking)),
        lambda: chk.view(allowed_keys=asking).update({"through": 1}),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("how", ALL)
@in_child
def test_a_store_used_from_its_own_callbacks(
    path: str, how: Callable[[Any], None], inside: bool, registry: Any
) -> None:
    """Codecs, comparisons, filters, generators, progress: the store works there, or says no."""
    chk = HDF5Checkpointer(path, registry, lock_timeout=0.3)
    base = {"k": list(range(50)), "a": np.arange(9000.0)}
    chk["base"] = base
    chk["value"] = Selfish(1)
    STORES.append(chk)
    HOW.append(how)
    if inside:
        chk.__enter__()
    for call in _callbacks(chk, path, registry):
        try:
            call()
        except ORDINARY as error:
            REFUSED.append(error)
        if inside and not chk.is_open:
            chk.__enter__()
        assert chk["base/k"] == base["k"] and (chk["base/a"] == base["a"]).all()
    STORES.clear()
    chk["after"] = 1
    state = chk.load()
    if inside:
        chk.__exit__(None, None, None)
    found = view(path, serializer=registry)
    assert found.keys() == state.keys() and found["after"] == 1
    assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]


@pytest.mark.parametrize("how", ALL)
@in_child
def test_a_store_used_from_callbacks_in_a_transaction(
    path: str, how: Callable[[Any], None], registry: Any
) -> None:
    """In a transaction, too; and a rollback takes what the callbacks did with it."""
    chk = HDF5Checkpointer(path, registry, lock_timeout=0.3)
    chk["base"] = {"k": 1}
    chk["value"] = Selfish(1)
    STORES.append(chk)
    HOW.append(how)
    before = [1, None]
    chk["before"] = before
    try:
        with chk.transaction():
            chk["before"] = 2
            chk["value"] = Selfish(2)
            chk.update({"new": [Selfish(3)]})
            chk["value"]
            raise ZeroDivisionError
    except (ZeroDivisionError, *ORDINARY):
        pass
    STORES.clear()
    assert chk["before"] == before and chk["value"].n == 1 and "new" not in chk
    assert chk["base"] == {"k": 1}


@pytest.mark.parametrize("name", ["compact", "recover"])
@in_child
def test_a_handler_that_saves_before_work_on_the_whole_file(path: str, name: str) -> None:
    """A handler that runs when the file was closed for it does not open it again, and shut it out."""
    chk = HDF5Checkpointer(path, lock_timeout=2)
    chk.update({"a": 1, "l": [1, None]})
    said: list[str] = []

    def handler(number: int, frame: object) -> None:
        try:
            chk["saved"] = 1
        except TransactionError as error:
            said.append(str(error))

    signal.signal(signal.SIGUSR1, handler)
    real = WalWriter.close

    def close(self: WalWriter) -> None:
        real(self)
        signal.raise_signal(signal.SIGUSR1)

    WalWriter.close = close  # type: ignore[method-assign]
    with chk:
        chk["a"] = 2
        getattr(chk, name)()
        WalWriter.close = real  # type: ignore[method-assign]
        assert said, "the handler did not run while it was at work"
        assert chk["a"] == 2


HOLDER = """
import sys
from hdfchk import HDF5Checkpointer
with HDF5Checkpointer(sys.argv[1]) as chk:
    chk["b"] = 1
    print("held", flush=True)
    input()
"""


@pytest.mark.slow
@in_child
def test_signals_do_not_prolong_the_wait_for_a_lock(path: str) -> None:
    """A handler that runs again and again while a call waits for a lock leaves lock_timeout."""
    HDF5Checkpointer(path)["a"] = 1
    came: list[int] = []
    signal.signal(signal.SIGALRM, lambda number, frame: came.append(number))
    with started(HOLDER, path) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        chk = HDF5Checkpointer(path, lock_timeout=0.6)
        for work in (lambda: chk.update({"a": 2}), chk.compact, chk.recover):
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
            begun = time.monotonic()
            with pytest.raises(LockedError):
                work()
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert time.monotonic() - begun < 10
    assert came
