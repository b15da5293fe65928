"""Eight threads, and eight processes, that begin together: everything that returned is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, PendingJournalWarning
from tests.actors.actors import FULL, Actor, listing

pytestmark = pytest.mark.slow

COUNT = 8
ROUNDS = 60 if FULL else 20
FEWER = 20 if FULL else 4
Actors = Callable[[int], list[Actor]]

PREPARE = """
from threading import current_thread
def prepare(**options):
    return HDF5Checkpointer(path, durable=False, **options)
def numbers(me):
    return range(me * rounds, (me + 1) * rounds)
"""


def race(actors: Actors, how: str, path: str, work: str, rounds: int = ROUNDS) -> list[Any]:
    """Let eight do ``work(store, number)`` at once, each with a store of its own."""
    allowed = (PendingJournalWarning,)  # one of them may read for long on a busy machine
    code = PREPARE + work
    if how == "threads":
        (actor,) = actors(1)
        run = "stores = [prepare() for _ in range(count)]\ntogether(count, lambda me: work(stores[me], me))"
        return actor.do(code + run, warns=allowed, path=path, rounds=rounds, count=COUNT)
    crew = actors(COUNT)
    for actor in crew:
        actor.do(code + "store = prepare()", path=path, rounds=rounds)
    start = time.monotonic() + 0.02
    for me, actor in enumerate(crew):
        actor.begin("work(store, me)", at=start, me=me)
    outcomes = [actor.end() for actor in crew]
    return [outcome.get(allowed) for outcome in outcomes]


@pytest.fixture(params=["threads", "processes"])
def how(request: pytest.FixtureRequest) -> str:
    """Who comes together."""
    return request.param


@pytest.fixture(params=["no file", "a file"])
def start(request: pytest.FixtureRequest, path: str) -> dict[str, Any]:
    """What is there before they come, as a dict."""
    there = {"was": 1} if request.param == "a file" else {}
    if there:
        HDF5Checkpointer(path).update(there)
    return there


def found(path: str) -> dict[str, Any]:
    """All that is in the file, which lies alone in its folder."""
    whole = HDF5Checkpointer(path, mode="r").load()
    assert listing(Path(path).parent) == [Path(path).name]
    return whole


EACH = {
    "assign": ("for n in numbers(me): store[f'k{n}'] = n", lambda n: {f"k{n}": n}),
    "update": (
        "for n in numbers(me): store.update({f'k{n}': n, f'm{n}': -n})",
        lambda n: {f"k{n}": n, f"m{n}": -n},
    ),
    "put": (
        "for n in numbers(me): store.put(f'k{n}', list(range(n)), compression='gzip')",
        lambda n: {f"k{n}": list(range(n))},
    ),
    "nested": ("for n in numbers(me): store['a', 'b', f'k{n}'] = n", None),
    "merge": ("for n in numbers(me): store.merge('a', {'b': {f'k{n}': n}})", None),
    "group": (
        "for n in numbers(me): store.group('a', create=True).group('b', create=True)[f'k{n}'] = n",
        None,
    ),
}


@pytest.mark.parametrize("call", EACH)
def test_each_its_own_keys(
    actors: Actors, how: str, start: dict[str, Any], path: str, call: str
) -> None:
    """What each of them set is there, for each of the calls that set values."""
    line, makes = EACH[call]
    rounds = ROUNDS if call == "assign" else FEWER
    race(actors, how, path, f"def work(store, me):\n    {line}\n", rounds)
    expected = dict(start)
    if makes is None:
        expected["a"] = {"b": {f"k{n}": n for n in range(COUNT * rounds)}}
    else:
        for n in range(COUNT * rounds):
            expected |= makes(n)
    assert found(path) == expected


@pytest.mark.parametrize(
    "line",
    [
        "store.create(f'k{n}', (2, 3), 'i8', fill_value=n)",
        "store.write_blocks(f'k{n}', (np.full((1, 3), n) for _ in range(2)))",
        "store.write_blocks(f'k{n}', (np.full((1, 3), n) for _ in range(2)), rows=2)",
        "store.create(f'k{n}', (2, 3), 'i8')[:] = n",
    ],
    ids=["create", "blocks", "blocks-counted", "create-and-fill"],
)
def test_each_its_own_arrays(
    actors: Actors, how: str, start: dict[str, Any], path: str, line: str
) -> None:
    """What each of them made is there, for each of the calls that make arrays."""
    race(actors, how, path, f"def work(store, me):\n    for n in numbers(me): {line}\n", FEWER)
    whole = found(path)
    assert len(whole) == COUNT * FEWER + len(start)
    for n in range(COUNT * FEWER):
        assert np.array_equal(whole[f"k{n}"], np.full((2, 3), n))


def test_append(actors: Actors, how: str, start: dict[str, Any], path: str) -> None:
    """A log that all of them begin has all rows, those of each one in their order."""
    race(
        actors,
        how,
        path,
        "def work(store, me):\n    for n in numbers(me): store.append('log', n)\n",
        FEWER,
    )
    rows = found(path)["log"].tolist()
    assert sorted(rows) == list(range(COUNT * FEWER))
    for me in range(COUNT):
        own = [row for row in rows if row // FEWER == me]
        assert own == sorted(own)


def test_append_in_blocks(actors: Actors, how: str, start: dict[str, Any], path: str) -> None:
    """Rows that wait inside a `with` block are there when it has ended, beside those of others."""
    race(
        actors,
        how,
        path,
        """
def work(store, me):
    for n in numbers(me):
        with store:
            store.append('log', 2 * n)
            store.append('log', 2 * n + 1)
""",
        FEWER,
    )
    assert sorted(found(path)["log"].tolist()) == list(range(2 * COUNT * FEWER))


def test_slices(actors: Actors, how: str, path: str) -> None:
    """Slices of one array that all of them write are all there."""
    HDF5Checkpointer(path)["grid"] = np.zeros((COUNT * FEWER, 5))
    line = "def work(store, me):\n    for n in numbers(me): store.array('grid')[n] = n\n"
    race(actors, how, path, line, FEWER)
    assert np.array_equal(found(path)["grid"][:, 3], np.arange(COUNT * FEWER))


def test_setdefault(actors: Actors, how: str, start: dict[str, Any], path: str) -> None:
    """`setdefault` has one winner for each key, and all of them get what it set."""
    line = "def work(store, me):\n    return [store.setdefault(f'k{n}', [me, n]) for n in range(rounds)]\n"
    got = race(actors, how, path, line, FEWER)
    whole = found(path)
    assert all(values == got[0] for values in got)
    assert [whole[f"k{n}"] for n in range(FEWER)] == got[0]
    assert [n for _, n in got[0]] == list(range(FEWER))


def test_cached_eval(actors: Actors, how: str, start: dict[str, Any], path: str) -> None:
    """`cached_eval` stores one value for each key, and all of them return that one."""
    line = (
        "def work(store, me):\n"
        "    return [store.cached_eval(f'k{n}', lambda n: [me, n], args=(n,)) for n in range(rounds)]\n"
    )
    got = race(actors, how, path, line, FEWER)
    whole = found(path)
    assert all(values == got[0] for values in got)
    assert [whole[f"k{n}"] for n in range(FEWER)] == got[0]


def test_cached_eval_computes_unlocked(actors: Actors, path: str) -> None:
    """A writer does not wait for the function of another's `cached_eval`, only for its storing."""
    computing, writing = actors(2)
    marker = path + ".go"
    computing.begin(
        """
        def slow():
            open(marker + "1", "w").close()
            until(lambda: os.path.exists(marker))
            return 7
        HDF5Checkpointer(path).cached_eval("slow", slow)
        """,
        path=path,
        marker=marker,
    )
    writing.do("until(lambda: os.path.exists(marker + '1'))", marker=marker)
    writing.do("HDF5Checkpointer(path, lock_timeout=1)['other'] = 1", path=path)
    Path(marker).touch()
    assert computing.end().get() == 7
    assert HDF5Checkpointer(path).load() == {"other": 1, "slow": 7}


def test_pop(actors: Actors, how: str, path: str) -> None:
    """Each key is popped once, by one of them; the others get their default."""
    HDF5Checkpointer(path).update({f"k{n}": [n] for n in range(FEWER)} | {"stays": 1})
    line = "def work(store, me):\n    return [store.pop(f'k{n}', None) for n in range(rounds)]\n"
    got = race(actors, how, path, line, FEWER)
    for n in range(FEWER):
        assert [values[n] for values in got if values[n] is not None] == [[n]]
    assert found(path) == {"stays": 1}


def test_pop_without_a_default(actors: Actors, how: str, path: str) -> None:
    """Who comes too late for a key gets a `KeyError` for that key, and no other error."""
    HDF5Checkpointer(path).update({f"k{n}": n for n in range(FEWER)} | {"stays": 1})
    line = """
def work(store, me):
    got = []
    for n in range(rounds):
        try:
            got.append(store.pop(f'k{n}'))
        except CheckpointerKeyError as error:
            assert error.key == f'k{n}', error
    return got
"""
    got = race(actors, how, path, line, FEWER)
    assert sorted(n for values in got for n in values) == list(range(FEWER))


def test_popitem(actors: Actors, how: str, path: str) -> None:
    """Items are popped once each, and all of them."""
    items = {f"k{n}": n for n in range(COUNT * FEWER)}
    HDF5Checkpointer(path).update(items)
    line = "def work(store, me):\n    return [store.popitem() for _ in range(rounds)]\n"
    got = [item for values in race(actors, how, path, line, FEWER) for item in values]
    assert len(got) == len(items) and dict(got) == items
    assert found(path) == {}


def test_del(actors: Actors, how: str, path: str) -> None:
    """Each key is deleted by one of them; the others get a `KeyError`."""
    HDF5Checkpointer(path).update({f"k{n}": n for n in range(FEWER)} | {"stays": 1})
    line = """
def work(store, me):
    done = []
    for n in range(rounds):
        try:
            del store[f'k{n}']
            done.append(n)
        except KeyError:
            pass
    return done
"""
    got = race(actors, how, path, line, FEWER)
    assert sorted(n for values in got for n in values) == list(range(FEWER))
    assert found(path) == {"stays": 1}


def test_attrs(actors: Actors, how: str, start: dict[str, Any], path: str) -> None:
    """Attributes that all of them set on one group are all there."""
    race(
        actors,
        how,
        path,
        "def work(store, me):\n    for n in numbers(me): store.attrs[f'x{n}'] = n\n",
        FEWER,
    )
    assert found(path) == start
    attrs = dict(HDF5Checkpointer(path).attrs)
    assert attrs == {f"x{n}": n for n in range(COUNT * FEWER)}


def test_transaction(actors: Actors, how: str, start: dict[str, Any], path: str) -> None:
    """Increments in transactions add up, and the order in which they came has no gap."""
    line = """
def work(store, me):
    seen = []
    for _ in range(rounds):
        with store.transaction():
            store["n"] = store.get("n", 0) + 1
            seen.append(store["n"])
    return seen
"""
    got = race(actors, how, path, line)
    assert found(path) == start | {"n": COUNT * ROUNDS}
    assert sorted(n for values in got for n in values) == list(range(1, COUNT * ROUNDS + 1))


def test_clear_and_update(actors: Actors, how: str, start: dict[str, Any], path: str) -> None:
    """Transactions that empty the file and fill it anew leave the content of one of them."""
    line = """
def work(store, me):
    for n in range(rounds):
        with store.transaction():
            store.clear()
            store.update({f"k{i}": [me, n] for i in range(5)})
"""
    race(actors, how, path, line, FEWER)
    whole = found(path)
    assert list(whole) == [f"k{i}" for i in range(5)]
    assert all(value == whole["k0"] for value in whole.values()) and whole["k0"][1] == FEWER - 1


def test_mode_x(actors: Actors, how: str, start: dict[str, Any], path: str) -> None:
    """With mode "x" one of them makes the file, and all others get a `FileExistsError`."""
    line = """
def work(_, me):
    try:
        prepare(mode="x").update({f"k{n}": me for n in range(rounds)})
    except FileExistsError as error:
        assert path in str(error)
        return False
    return True
"""
    won = race(actors, how, path, line, FEWER)
    if start:
        assert not any(won) and found(path) == start
    else:
        assert won.count(True) == 1
        assert found(path) == {f"k{n}": won.index(True) for n in range(FEWER)}


def test_mode_w(actors: Actors, how: str, start: dict[str, Any], path: str) -> None:
    """With mode "w" the file holds the whole content of one of them, and nobody is refused."""
    line = """
def work(_, me):
    with prepare(mode="w") as store:
        for n in range(rounds):
            store[f"k{n}"] = me
"""
    race(actors, how, path, line, FEWER)
    whole = found(path)
    assert list(whole) == [f"k{n}" for n in range(FEWER)] and len(set(whole.values())) == 1


def test_save(actors: Actors, how: str, start: dict[str, Any], path: str) -> None:
    """`save` of all at once leaves the whole dict of one of them."""
    line = """
def work(_, me):
    hdfchk.save(path, {f"k{n}": np.full(n * 50, me) for n in range(rounds)}, durable=False)
"""
    race(actors, how, path, line, FEWER)
    whole = found(path)
    assert list(whole) == [f"k{n}" for n in range(FEWER)]
    assert len({int(n) for value in whole.values() for n in value}) == 1


def test_one_file_many_calls(actors: Actors, start: dict[str, Any], path: str) -> None:
    """Blocks of all sorts of calls, each brought to the disk, beside each other: all are there."""
    line = """
def work(_, me):
    store = HDF5Checkpointer(path)
    for n in range(5):
        store[f"a{me}/{n}"] = n
        with store:
            store.append("log", n)
            store.update({f"b{me}": n})
        with store.transaction():
            store["n"] = store.get("n", 0) + 1
"""
    race(actors, "processes", path, line)
    whole = found(path)
    assert whole["n"] == 5 * COUNT and sorted(whole["log"].tolist()) == sorted(
        list(range(5)) * COUNT
    )
    for me in range(COUNT):
        assert whole[f"a{me}"] == {str(n): n for n in range(5)} and whole[f"b{me}"] == 4


def test_a_busy_writer_lets_others_in(actors: Actors, how: str, path: str) -> None:
    """Who writes without a pause, block after block, is no hindrance to one who comes now and then."""
    HDF5Checkpointer(path)["n"] = 0
    line = """
def work(store, me):
    if me:
        end = time.monotonic() + 1.5
        while time.monotonic() < end and not os.path.exists(path + ".stop"):
            with store:
                for n in range(50):
                    store[f"k{me}"] = n
        return None
    began = time.monotonic()
    for n in range(3):
        prepare(lock_timeout=20)["n"] = n + 1
    open(path + ".stop", "w").close()
    return time.monotonic() - began
"""
    took = race(actors, how, path, line, FEWER)[0]
    Path(path + ".stop").unlink()
    assert found(path)["n"] == 3 and took < 20


def test_who_waits_is_served_in_order(actors: Actors, path: str) -> None:
    """Writers that wait for another one are served about in the order in which they came."""
    holder, *crew = actors(6)
    holder.do("chk = HDF5Checkpointer(path).__enter__(); chk['n'] = 0", path=path)
    line = "open(path + str(me), 'w').close(); HDF5Checkpointer(path, lock_timeout=50).append('log', me)"
    for me, actor in enumerate(crew):
        actor.begin(line, path=path, me=me)
        marker = Path(path + str(me))
        while not marker.exists():
            time.sleep(0.005)
        marker.unlink()
        time.sleep(0.2)
    holder.do("chk.close()", warns=(PendingJournalWarning,))
    for actor in crew:
        actor.end().get((PendingJournalWarning,))
    served = found(path)["log"].tolist()
    assert sorted(served) == list(range(5))
    assert sum(one < other for one, other in zip(served, served[1:], strict=False)) >= 3, served


@pytest.mark.parametrize("call", ["cached_eval", "setdefault"])
def test_a_key_that_is_deleted_meanwhile(
    path: str, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that another deletes between the look and the reading is computed, or set, anew."""
    chk, other = HDF5Checkpointer(path), HDF5Checkpointer(path)
    chk["k"] = 1
    look = type(chk)._lacks

    def lacks(self: Any, key: Any) -> bool:
        found = look(self, key)
        if self is chk:
            other.pop(key, None)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(type(chk), "_lacks", lacks)
        found = chk.cached_eval("k", lambda: 2) if call == "cached_eval" else chk.setdefault("k", 2)
    assert found == chk["k"] == 2
