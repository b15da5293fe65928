"""A random run of a store, with the states that it commits."""

from __future__ import annotations

import copy
import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np
import pandas as pd

from hdfchk import HDF5Checkpointer, HdfchkWarning, NotDurableError
from tests.support.exact import differs

FULL = os.environ.get("HDFCHK_CRASH") == "full"
LEAVES, LARGE = 120, 2500
"""Most trees have up to so many leaves; in the full profile, one in 50 up to so many."""
LEVELS = 5


class GiveUpError(Exception):
    """Raised to roll a transaction back."""


@attrs.define
class State:
    """What a store holds.

    Args:
        tree: its values.
        attributes: those of its root.
    """

    tree: dict[str, Any] = attrs.field(factory=dict)
    attributes: dict[str, Any] = attrs.field(factory=dict)

    def differs(self, other: State) -> str | None:
        """How another one differs, or None."""
        return differs(self.tree, other.tree) or differs(
            dict(sorted(self.attributes.items())), dict(sorted(other.attributes.items()))
        )

    def take(self, other: State) -> None:
        """Become what another one is."""
        self.tree, self.attributes = other.tree, other.attributes


def state_of(store: HDF5Checkpointer) -> State:
    """What a store holds."""
    return State(store.load(), dict(store.attrs))


# -- values --------------------------------------------------------------------------------------


def value(chance: random.Random, depth: int = 0) -> Any:
    """Some value, small or large, of some type."""
    kind = chance.randrange(9 if depth < 2 else 7)
    if kind == 0:
        return chance.randrange(1000)
    if kind == 1:
        return "x" * chance.choice([0, 1, 5, 300, 9000])
    if kind == 2:
        count = chance.choice([1, 10, 700, 9000, 40000] + [300_000] * (chance.random() < 0.05))
        return np.full(count, chance.random())
    if kind == 3:
        return [chance.random(), None, "a"]
    if kind == 4:
        return list(range(chance.randrange(50)))
    if kind == 5:
        return np.arange(chance.randrange(1, 2000), dtype=chance.choice(["i4", "u1"]))
    if kind == 6:
        return None
    return {f"k{chance.randrange(4)}": value(chance, depth + 1) for _ in range(chance.randrange(4))}


def tree(chance: random.Random, leaves: int = 0) -> dict[str, Any]:
    """A dict of many leaves, over some levels.

    Args:
        chance: for all that is random.
        leaves: how many; 0 for some.
    """
    if not leaves:
        most = LARGE if FULL and chance.random() < 0.02 else LEAVES
        leaves = chance.randrange(most // 10, most)
    levels = LEVELS if leaves == LARGE else chance.randrange(1, LEVELS + 1)
    made: dict[str, Any] = {}
    for number in range(leaves):
        inner = made
        for _ in range(chance.randrange(levels)):
            inner = inner.setdefault(f"d{chance.randrange(4)}", {})
        inner[f"n{number}"] = chance.choice([number, float(number), "t" * (number % 90), None])
    return made


def noise(chance: random.Random) -> np.ndarray:
    """Numbers of which packing saves a part."""
    count = chance.choice([300, 5000, 30000])
    return np.random.default_rng(chance.randrange(100)).integers(0, 2**20, count)


# -- changes -------------------------------------------------------------------------------------
#
# The model changes first: an error of the store says whether that stands.


def change(store: Any, model: State, chance: random.Random) -> None:
    """One assignment, deletion, update or change of an array, on the model and on the store."""
    held = model.tree
    key = f"k{chance.randrange(8)}"
    kind = chance.randrange(20)
    if kind == 0 and key in held:
        del held[key]
        del store[key]
    elif kind == 1:
        values = {f"k{chance.randrange(8)}": value(chance) for _ in range(3)}
        held.update(values)
        store.update(values)
    elif kind == 2 and isinstance(held.get(key), dict):
        held[key]["in"] = inner = value(chance, 1)
        store[key, "in"] = inner
    elif kind in {3, 4, 18, 19} and isinstance(held.get(key), np.ndarray) and held[key].ndim:
        change_array(store, model, key, chance)
    elif kind == 5:
        held[key] = packed = noise(chance)
        store.put(key, packed, compression="gzip", chunks=(2000,), checksum=chance.random() < 0.5)
    elif kind == 6:
        blocks = [noise(chance) for _ in range(chance.randrange(1, 4))]
        held[key] = np.concatenate(blocks)
        store.write_blocks(key, blocks, compression=chance.choice([None, "gzip"]))
    elif kind == 7:
        name = f"a{chance.randrange(40)}"
        model.attributes[name] = note = chance.choice(
            [chance.randrange(99), "n" * chance.randrange(2000)]
        )
        store.attrs[name] = note
    elif kind == 8 and chance.random() < 0.5:
        key = f"t{chance.randrange(2)}"
        held[key] = many = tree(chance)
        store[key] = many
    else:
        held[key] = item = value(chance)
        store[key] = item


def change_array(store: Any, model: State, key: str, chance: random.Random) -> None:
    """Append rows to an array, or write a slice of it."""
    old = model.tree[key]
    if chance.random() < 0.5:
        rows = np.ones(chance.choice([1, 5000]), old.dtype)
        model.tree[key] = np.concatenate([old, rows])
        store.append(key, rows)
    else:
        start, end, number = 0, len(old), chance.randrange(100)
        if chance.random() < 0.5:
            start = chance.randrange(len(old) + 1)
            end = chance.randrange(start, len(old) + 1)
        model.tree[key] = old.copy()
        model.tree[key][start:end] = number
        store.array(key)[start:end] = number


def small(store: Any, model: State, chance: random.Random) -> None:
    """An assignment, or rows, that the log takes as they are."""
    held = model.tree
    if chance.random() < 0.15:
        count = chance.choice([1, 3, 200])
        rows = pd.DataFrame({"x": np.full(count, chance.random()), "n": np.arange(count)})
        there = held.get("frame")
        held["frame"] = rows if there is None else pd.concat([there, rows], ignore_index=True)
        store.append("frame", rows)
        return
    if chance.random() < 0.4:
        row = chance.random()
        held["log"] = np.append(held.get("log", np.empty(0)), row)
        store.append("log", row)
        return
    item = chance.choice([chance.randrange(99), chance.random(), "s" * chance.randrange(99)])
    path = chance.choice([("s0",), ("s1",), ("k0",), ("sub", "x"), ("sub", "y")])
    inner = held if len(path) == 1 else held.setdefault(path[0], {})
    inner[path[-1]] = item
    store[path] = item


def _came_of(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether an error was raised while one of some kind was on its way."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, kind):
        found = found.__context__
    return found is not None


# -- the run -------------------------------------------------------------------------------------


class Run:
    """A random run, and the list of all states that it committed, in order.

    It marks the state that may be found from now on (begun), the last that has to survive a kill
    (returned) and the last that has to survive a loss of power (durable).

    Args:
        path: the file, which is not there.
        recorder: takes the marks.
        seed: of all that is random.
        sync_interval: of the store.
        readers: whether stores read for some time beside it.
        compacts: whether the file is compacted now and then.
        faults: whether syncs may fail.

    Attributes:
        failures: how many errors were told.
    """

    def __init__(
        self,
        path: str,
        recorder: Any,
        seed: int,
        *,
        sync_interval: float,
        readers: bool = True,
        compacts: bool = True,
        faults: bool = False,
    ) -> None:
        self.path = path
        self.recorder = recorder
        self.chance = random.Random(seed)
        self.sync_interval = sync_interval
        self.readers = readers
        self.compacts = compacts
        self.faults = faults
        self.model = State()
        self.states = [State()]
        self.failures = self._commits = 0
        self._reader: tuple[HDF5Checkpointer, State] | None = None
        self._left = 0

    def run(self, operations: int) -> list[State]:
        """Do so many operations."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HdfchkWarning)
            done = 0
            while done < operations:
                done += self._session()
            self._end_reader()
        return self.states

    def _session(self) -> int:
        store = HDF5Checkpointer(self.path, sync_interval=self.sync_interval)
        self._commits = 0
        if self.chance.random() < 0.3:
            self._work(store, durable=True)
            return 1
        may = self.compacts and len(self.states) > 1 and self._reader is None
        if may and self.chance.random() < 0.05:
            with self._told():
                store.compact()
            return 1
        done = 0
        with self._told(), store:
            for _ in range(self.chance.randrange(1, 16)):
                self._work(store, durable=self.sync_interval == 0)
                self._see_to_reader()
                done += 1
                if self.chance.random() < 0.1:
                    with self._told():
                        store.commit()
        return done

    @contextmanager
    def _told(self) -> Iterator[None]:
        """A block after which all is durable, unless it says that it is not."""
        try:
            yield
        except OSError:
            if not self.faults:
                raise
            self.failures += 1
            return
        if self._commits or not self.failures:
            self._mark("durable")

    def _mark(self, kind: str) -> None:
        self.recorder.mark(kind, len(self.states) - 1)

    def _work(self, store: Any, *, durable: bool) -> None:
        """One operation, which is one commit or none."""
        self.recorder.mark("begun", len(self.states))
        before = copy.deepcopy(self.model)
        kind = self.chance.random()
        try:
            if kind < 0.2:
                self._transaction(store)
            elif kind < 0.5:
                small(store, self.model, self.chance)
            else:
                change(store, self.model, self.chance)
        except GiveUpError:
            self.model.take(before)
            return
        except NotDurableError as error:
            if not self.faults:
                raise
            self.failures += 1
            if _came_of(error, GiveUpError):
                self.model.take(before)  # closing what was given up tells of commits of before
                self._check(store)
                return
            self._check(store)
            durable = False
        except OSError:
            if not self.faults:
                raise
            self.failures += 1
            self.model.take(before)
            self._check(store)
            return
        self._commits += 1
        self.states.append(copy.deepcopy(self.model))
        self._mark("returned")
        if durable:
            self._mark("durable")

    def _check(self, store: Any) -> None:
        """Require that an error has told the truth about its commit."""
        problem = self.model.differs(state_of(store))
        assert problem is None, f"after an error: {problem}"

    def _transaction(self, store: Any) -> None:
        with store.transaction():
            for _ in range(self.chance.randrange(1, 4)):
                change(store, self.model, self.chance)
                if self.chance.random() < 0.3:
                    small(store, self.model, self.chance)
            if self.chance.random() < 0.3:
                raise GiveUpError

    # -- readers ---------------------------------------------------------------------------------

    def _see_to_reader(self) -> None:
        """Let a reader come, or see that it reads still what it read, and let it go."""
        if not self.readers:
            return
        if self._reader is not None:
            self._left -= 1
            if self._left <= 0:
                self._end_reader()
        elif self.chance.random() < 0.1 and len(self.states) > 1:
            reader = HDF5Checkpointer(self.path, mode="r")
            reader.__enter__()
            self._reader, self._left = (reader, state_of(reader)), self.chance.randrange(1, 25)
            assert self._reader[1].differs(self.states[-1]) is None

    def _end_reader(self) -> None:
        if self._reader is not None:
            (reader, seen), self._reader = self._reader, None
            problem = seen.differs(state_of(reader))
            reader.__exit__(None, None, None)
            assert problem is None, f"a reader saw a change: {problem}"
