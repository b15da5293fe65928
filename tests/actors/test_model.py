"""Several processes at work, killed and begun again, against a list of what had returned."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hdfchk import HDF5Checkpointer, PendingJournalWarning
from tests.actors.actors import FULL, Actor, listing, tree_of

WRITERS, READERS = 3, 2
SECONDS = 180 if FULL else 6
ENDS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGTERM, signal.SIGINT)
START = {
    "writer": "child = model.start_writer(path, folder, me, seed, seconds)",
    "reader": "child = model.start_reader(path, folder, writers, seconds)",
}


def _bad(folder: Path) -> str:
    return "\n".join(file.read_text()[-1500:] for file in sorted(folder.glob("bad-*")))


class Life:
    """A process that is started anew when it has ended."""

    def __init__(self, actor: Actor, kind: str, chance: random.Random) -> None:
        self.actor, self.kind, self.chance = actor, kind, chance
        self.pid = self.lives = 0

    def begin(self, end: float) -> None:
        """Start it."""
        seconds = max(0.05, end - time.monotonic())
        self.pid = self.actor.do(f"{START[self.kind]}\nchild", seconds=seconds)
        self.lives += 1
        self.until = time.monotonic() + self.chance.uniform(0.1, 1.2)

    def end(self, how: int) -> int:
        """End it by a signal, if it lives still, and reap it; how it ended."""
        pid, self.pid = self.pid, 0
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        return self.actor.do("os.waitpid(child, 0)[1]", timeout=100)


@pytest.mark.slow
def test_model(
    actors: Callable[[int], list[Actor]], path: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is killed when, all that returned is there, and no reader sees a part of anything."""
    folder = tmp_path_factory.mktemp("returned")
    seed = random.randrange(2**32) if FULL else 1
    chance = random.Random(seed)
    crew = actors(WRITERS + READERS)
    lives = [
        Life(actor, "writer" if me < WRITERS else "reader", chance) for me, actor in enumerate(crew)
    ]
    for me, actor in enumerate(crew):
        actor.do(
            "from tests.actors import model",
            path=path,
            folder=str(folder),
            me=me,
            seed=seed,
            writers=WRITERS,
        )
    end = time.monotonic() + SECONDS
    try:
        for life in lives:
            life.begin(end)
        while time.monotonic() < end and not _bad(folder):
            time.sleep(0.02)
            for life in lives:
                if life.until < time.monotonic():
                    how = chance.choice(ENDS) if life.kind == "writer" else signal.SIGKILL
                    life.end(how)
                    life.begin(end)
    finally:
        for life in lives:
            if life.pid:
                life.end(signal.SIGKILL)
    assert not _bad(folder), f"seed {seed}: {_bad(folder)}"
    numbers = []
    for me, actor in enumerate(crew[:WRITERS]):
        last = "last = model.Writer(path, folder, me, seed); last.settle(); last.number"
        numbers.append(actor.do(last, warns=(PendingJournalWarning,), me=me))
    crew[0].do("model.look(path, folder, writers)")
    assert HDF5Checkpointer(path).verify().ok
    HDF5Checkpointer(path)["end"] = 1
    assert listing(Path(path).parent) == [Path(path).name]
    assert (tree_of(path) or {})["end"] == 1
    assert sum(numbers) > 0  # however busy the machine is
    sys.stdout.write(f"{numbers} operations in {[life.lives for life in lives]} lives\n")


@pytest.mark.parametrize("leaves", [100, 2500])
def test_killed_in_trees(actor: Actor, path: str, leaves: int) -> None:
    """A writer that is killed while it assigns large trees leaves the one or the other, whole."""
    code = """
    from tests.actors import model
    def tree(n):
        return {f"g{i}": {f"k{j}": n for j in range(50)} for i in range(leaves // 50)}
    def work():
        with HDF5Checkpointer(path, durable=False) as chk:
            n = chk["n"]
            while True:
                n += 1
                chk.update({"n": n, "tree": tree(n)})
                open(path + ".returned", "w").write(f"{n}\\n")
    child = model.in_fork(folder, "trees", work)
    child
    """
    HDF5Checkpointer(path).update({"n": 0, "tree": {}})
    chance = random.Random(leaves)
    for _ in range(12 if FULL else 3):
        pid = actor.do(code, path=path, folder=os.path.dirname(path), leaves=leaves)
        time.sleep(chance.uniform(0.05, 0.4))
        os.kill(pid, signal.SIGKILL)
        actor.do("os.waitpid(child, 0)")
        returned = Path(path + ".returned")
        text = returned.read_text() if returned.exists() else ""
        whole = HDF5Checkpointer(path).load()
        assert not text.strip() or whole["n"] >= int(text)
        values = {value for group in whole["tree"].values() for value in group.values()}
        assert values == ({whole["n"]} if whole["n"] else set())
        assert sum(len(group) for group in whole["tree"].values()) in {0, leaves}
    assert not list(Path(path).parent.glob("bad-*"))
