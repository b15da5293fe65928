"""Writers and readers that live beside each other, and a list of what had returned to each.

A writer keeps a dict of its own, and in a file the numbers of what it has begun and what has
returned. What it does at a number follows from the number and that dict, so that its next life
knows what must be there: all that returned, and of what was begun, all or nothing.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from hdfchk import (
    HDF5Checkpointer,
    LockedError,
    PendingJournalWarning,
    SnapshotChangedWarning,
    TransactionError,
)

Tree = dict[str, Any]
Do = Callable[[HDF5Checkpointer], Any]
GUARDED = {"count", "give up", "pop", "setdefault"}
"""Operations that read and write as one: what a handler does in them may go with them."""


class AlarmError(Exception):
    """What the handler of SIGALRM raises."""


class GiveUpError(Exception):
    """What leaves a transaction that is given up."""


def equal(one: Any, other: Any) -> bool:
    """Whether two trees are the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return type(one) is type(other) and np.array_equal(one, other)
    return type(one) is type(other) and one == other


# -- what is done ----------------------------------------------------------------------------------


def _value(chance: random.Random, number: int) -> Any:
    kind = chance.random()
    if kind < 0.35:
        return chance.choice([number, number / 7, f"text {number}" * chance.randrange(1, 80), None])
    if kind < 0.65:
        return np.full(chance.choice([3, 700, 20_000]), number)
    if kind < 0.9:
        return {f"k{i}": [number, i] for i in range(chance.randrange(20))}
    leaves = chance.choice([50, 50, 50, 200, 200, 2500])
    return {f"g{i}": {f"k{j}": number + j for j in range(50)} for i in range(leaves // 50)}


def operation(me: int, seed: int, number: int, model: Tree) -> tuple[str, Do, Tree]:
    """What is done at a number: its kind, how, and the dict afterwards."""
    chance = random.Random(f"{seed} {me} {number}")
    top, after = f"w{me}", dict(model)
    names = sorted(name for name in model if name.startswith("k"))
    key = chance.choice([f"k{chance.randrange(12)}", *names])
    value = _value(chance, number)
    kind = chance.choices(
        ["assign", "delete", "update", "append", "count", "give up", "pop", "setdefault", "slice"],
        [30, 8, 10, 10, 20, 6, 5, 5, 6],
    )[0]
    if kind in {"delete", "pop"} and key not in model:
        kind = "assign"
    if kind == "slice" and "grid" not in model:
        after["grid"] = np.zeros(1000)
        return kind, lambda chk: chk.update({f"{top}/grid": np.zeros(1000)}), after

    def assign(chk: HDF5Checkpointer) -> None:
        chk[top, key] = value

    def delete(chk: HDF5Checkpointer) -> None:
        del chk[top, key]

    def update(chk: HDF5Checkpointer) -> None:
        chk.update({f"{top}/u{n}": number + n for n in range(3)})

    def append(chk: HDF5Checkpointer) -> None:
        chk.append((top, "log"), number)
        chk.commit()

    def count(chk: HDF5Checkpointer) -> None:
        with chk.transaction():
            chk["shared/n"] = chk.get("shared/n", 0) + 1
            chk["shared/a"] = [me, number]
            chk[top, "count"] = chk.get((top, "count"), 0) + 1
            chk["shared/b"] = [me, number]

    def give_up(chk: HDF5Checkpointer) -> None:
        try:
            with chk.transaction():
                chk["shared/n"] = -1
                chk[top, key] = value
                raise GiveUpError
        except GiveUpError:
            pass

    def pop(chk: HDF5Checkpointer) -> None:
        if not equal(chk.pop((top, key)), model[key]):
            raise AssertionError(f"{key} popped something else")

    def setdefault(chk: HDF5Checkpointer) -> None:
        found = chk.setdefault((top, key), value)
        found = found.load() if hasattr(found, "load") else found
        if not equal(found, model.get(key, value)):
            raise AssertionError(f"{key} had something else")

    start = chance.randrange(900)

    def slices(chk: HDF5Checkpointer) -> None:
        chk.array((top, "grid"))[start : start + 50] = number

    if kind in {"assign"}:
        after[key] = value
    elif kind in {"delete", "pop"}:
        del after[key]
    elif kind == "update":
        after |= {f"u{n}": number + n for n in range(3)}
    elif kind == "append":
        after["log"] = np.append(model.get("log", np.empty(0, int)), number)
    elif kind == "count":
        after["count"] = model.get("count", 0) + 1
    elif kind == "setdefault":
        after.setdefault(key, value)
    elif kind == "slice":
        after["grid"] = model["grid"].copy()
        after["grid"][start : start + 50] = number
    does: dict[str, Do] = {
        "assign": assign,
        "delete": delete,
        "update": update,
        "append": append,
        "count": count,
        "give up": give_up,
        "pop": pop,
        "setdefault": setdefault,
        "slice": slices,
    }
    return kind, does[kind], after


# -- a writer --------------------------------------------------------------------------------------


class Writer:
    """One life of a writer.

    Args:
        path: the file.
        folder: where the list of what returned is kept.
        me: which of the writers it is.
        seed: of all that it does.
    """

    def __init__(self, path: str, folder: str, me: int, seed: int) -> None:
        self.path, self.folder, self.me, self.seed = path, folder, me, seed
        self.chance = random.Random()
        self.store = HDF5Checkpointer(path, lock_timeout=20, durable=False)
        self.kind = ""
        self.armed = False
        self.is_over = False  # Python drops what a handler raises in a weakref's callback, say
        self.log = os.open(f"{folder}/log{me}", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        self.number, self.model, self.doubt, self.saved = 0, {}, False, 0
        self._remember()
        self.settle()

    def _remember(self) -> None:
        """Know what had returned in the lives before."""
        snapshot = f"{self.folder}/model{self.me}"
        if os.path.exists(snapshot):
            with open(snapshot, "rb") as file:
                self.number, self.model = pickle.load(file)
        done, begun = self.number, -1
        for line in os.pread(self.log, 2**26, 0).decode().split("\n")[:-1]:
            what, number = line.split()
            if what == "d":
                done = int(number) + 1
            elif what == "b":
                begun = int(number)
            elif what == "s":
                self.saved = int(number)
        for number in range(self.number, done):
            self.model = operation(self.me, self.seed, number, self.model)[2]
        self.number, self.doubt = done, begun == done

    def note(self, what: str, number: int) -> None:
        """Write to the list."""
        os.write(self.log, f"{what} {number}\n".encode())

    def settle(self) -> None:
        """Look what has become of what was begun: all of it is there, or nothing."""
        found = self.found()
        if equal(found, self.model):
            self.doubt = False
            return
        assert self.doubt, self.differing(found, self.model)
        kind, _, after = operation(self.me, self.seed, self.number, self.model)
        assert equal(found, after), (kind, self.differing(found, after))
        self.returned(after)

    def found(self) -> Tree:
        """What is in the file."""
        group = self.store.get(f"w{self.me}", {})
        return group.load() if hasattr(group, "load") else group

    def differing(self, found: Tree, model: Tree) -> str:
        """Which keys differ, for messages."""
        keys = [key for key in {*found, *model} if not equal(found.get(key), model.get(key))]
        return f"writer {self.me} at {self.number}: {sorted(keys)} differ"

    def returned(self, after: Tree) -> None:
        """Know that the operation has returned."""
        self.note("d", self.number)
        if "count" in after:
            self.note("c", after["count"])
        self.model, self.doubt = after, False
        self.number += 1
        if self.number % 40 == 0:
            part = f"{self.folder}/model{self.me}.part"
            with open(part, "wb") as file:
                pickle.dump((self.number, self.model), file)
            os.replace(part, f"{self.folder}/model{self.me}")

    def step(self) -> None:
        """Do one operation, sometimes under an alarm that interrupts it."""
        self.kind, do, after = operation(self.me, self.seed, self.number, self.model)
        self.note("b", self.number)
        self.doubt = True
        try:
            self.armed = self.chance.random() < 0.1
            if self.armed:
                signal.setitimer(signal.ITIMER_REAL, self.chance.uniform(0.0002, 0.004))
            do(self.store)
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.armed = False
        except AlarmError:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.settle()
        else:
            self.returned(after)
        self.kind = ""

    def alarm(self, *_: Any) -> None:
        """The handler of SIGALRM."""
        if self.armed:
            self.armed = False
            raise AlarmError

    def terminate(self, *_: Any) -> None:
        """The handler of SIGTERM: save, and end."""
        self.armed, self.is_over = False, True
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            self.store[f"saved{self.me}"] = self.saved + 1
        except TransactionError:  # in the middle of a long write, as on a busy machine
            raise SystemExit(0) from None
        if self.kind not in GUARDED:
            self.note("s", self.saved + 1)
        raise SystemExit(0)

    def interrupt(self, *_: Any) -> None:
        """The handler of SIGINT: end."""
        self.armed, self.is_over = False, True
        raise KeyboardInterrupt

    def live(self, seconds: float) -> None:
        """Work until the time is over, in blocks and outside of them."""
        assert self.store.get(f"saved{self.me}", 0) >= self.saved, "what a handler saved is lost"
        signal.signal(signal.SIGALRM, self.alarm)
        signal.signal(signal.SIGTERM, self.terminate)
        signal.signal(signal.SIGINT, self.interrupt)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.is_over:
            if self.chance.random() < 0.4:
                self.step()
                continue
            if self.chance.random() < 0.03 and os.path.exists(self.path):
                self.kind = "compact"
                with contextlib.suppress(LockedError):  # readers that overlap may keep it waiting
                    HDF5Checkpointer(self.path, lock_timeout=0.5, durable=False).compact()
                self.kind = ""
            with self.store:
                for _ in range(self.chance.randrange(1, 15)):
                    self.step()
                    if self.chance.random() < 0.1:
                        found = self.found()
                        assert equal(found, self.model), self.differing(found, self.model)
                    if self.chance.random() < 0.05:
                        self.store.commit()


# -- a reader --------------------------------------------------------------------------------------


def last_count(folder: str, me: int) -> int:
    """How many counts had returned to a writer."""
    try:
        with open(f"{folder}/log{me}", "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4000))
            lines = [line for line in file.read().decode().split("\n")[1:-1] if line[:2] == "c "]
    except FileNotFoundError:
        return 0
    return int(lines[-1].split()[1]) if lines else 0


def look(path: str, folder: str, writers: int) -> int:
    """See one state, in which all fits, twice; how many counts it has."""
    before = [last_count(folder, me) for me in range(writers)]
    with HDF5Checkpointer(path, mode="r", lock_timeout=60) as chk:
        shared = chk.load("shared") if "shared" in chk else {"n": 0, "a": 0, "b": 0}
        counts = [chk.get((f"w{me}", "count"), 0) for me in range(writers)]
        assert shared["n"] == sum(counts) and shared["a"] == shared["b"], (shared, counts)
        assert all(one >= other for one, other in zip(counts, before, strict=True)), (
            counts,
            before,
        )
        time.sleep(0.005)
        again = [chk.get((f"w{me}", "count"), 0) for me in range(writers)]
        assert again == counts, "a reader saw two states"
    return sum(counts)


def read(path: str, folder: str, writers: int, seconds: float) -> None:
    """Look again and again; what has been seen is never unseen."""
    seen, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            now = look(path, folder, writers)
        except FileNotFoundError:
            assert seen == 0
        else:
            assert now >= seen, "a reader saw an older state than before"
            seen = now
        time.sleep(0.01)


# -- lives in processes ----------------------------------------------------------------------------


def in_fork(folder: str, name: str, work: Callable[[], None]) -> int:
    """Start a life in a process of its own; what goes wrong in it is written to a file."""
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # none comes before the child is ready
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return child
    code = 3
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", PendingJournalWarning)
            warnings.simplefilter("ignore", SnapshotChangedWarning)
            work()
        code = 0
    except (SystemExit, KeyboardInterrupt):
        code = 0
    except BaseException:
        with open(f"{folder}/bad-{name}-{os.getpid()}", "w") as file:
            traceback.print_exc(file=file)
    finally:
        sys.stderr.flush()
        os._exit(code)


def start_writer(path: str, folder: str, me: int, seed: int, seconds: float) -> int:
    """Start a life of a writer; its process."""
    return in_fork(folder, f"writer{me}", lambda: Writer(path, folder, me, seed).live(seconds))


def start_reader(path: str, folder: str, writers: int, seconds: float) -> int:
    """Start a life of a reader; its process."""
    return in_fork(folder, "reader", lambda: read(path, folder, writers, seconds))
