"""A random run of a store, with the states that it commits."""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np

from hdfchk import HDF5Checkpointer


class GiveUpError(Exception):
    """Raised to roll a transaction back."""


def value(chance: random.Random, depth: int = 0) -> Any:
    """Some value, small or large, of some type."""
    kind = chance.randrange(9 if depth < 2 else 7)
    if kind == 0:
        return chance.randrange(1000)
    if kind == 1:
        return "x" * chance.choice([0, 5, 300, 9000])
    if kind == 2:
        return np.full(chance.choice([1, 10, 700, 9000, 40000]), chance.random())
    if kind == 3:
        return [chance.random(), None, "a"]
    if kind == 4:
        return list(range(chance.randrange(50)))
    if kind == 5:
        return np.arange(chance.randrange(1, 2000), dtype="i4")
    if kind == 6:
        return None
    return {f"k{chance.randrange(4)}": value(chance, depth + 1) for _ in range(chance.randrange(4))}


def change(store: Any, model: dict[str, Any], chance: random.Random) -> None:
    """One assignment, deletion, update or change of an array, on the store and on the model."""
    key = f"k{chance.randrange(8)}"
    kind = chance.randrange(16)
    if kind == 0 and key in model:
        del store[key]
        del model[key]
    elif kind == 1:
        values = {f"k{chance.randrange(8)}": value(chance) for _ in range(3)}
        store.update(values)
        model.update(values)
    elif kind == 2 and isinstance(model.get(key), dict):
        inner = value(chance, 1)
        store[key, "in"] = inner
        model[key]["in"] = inner
    elif kind in {3, 4} and isinstance(model.get(key), np.ndarray) and model[key].ndim:
        change_array(store, model, key, chance)
    elif kind == 5:
        packed = noise(chance)
        store.put(key, packed, compression="gzip", chunks=(2000,), checksum=chance.random() < 0.5)
        model[key] = packed
    elif kind == 6:
        blocks = [noise(chance) for _ in range(chance.randrange(1, 4))]
        store.write_blocks(key, blocks, compression=chance.choice([None, "gzip"]))
        model[key] = np.concatenate(blocks)
    else:
        item = value(chance)
        store[key] = item
        model[key] = item


def noise(chance: random.Random) -> np.ndarray:
    """Numbers of which packing saves a part."""
    count = chance.choice([300, 5000, 30000])
    return np.random.default_rng(chance.randrange(100)).integers(0, 2**20, count)


def change_array(store: Any, model: dict[str, Any], key: str, chance: random.Random) -> None:
    """Append rows to an array, or write a slice of it."""
    old = model[key]
    if chance.random() < 0.5:
        rows = np.ones(chance.choice([1, 5000]), old.dtype)
        store.append(key, rows)
        model[key] = np.concatenate([old, rows])
    else:
        start = chance.randrange(len(old) + 1)
        end = chance.randrange(start, len(old) + 1)
        store.array(key)[start:end] = 3
        model[key] = old.copy()
        model[key][start:end] = 3


def run(path: str, recorder: Any, seed: int, operations: int, sync_interval: float) -> list[Any]:
    """Run a workload; the list of all states that it committed, in order.

    It marks the state that may be found from now on (begun), the last that has to survive a kill
    (returned) and the last that has to survive a loss of power (durable).
    """
    chance = random.Random(seed)
    model: dict[str, Any] = {}
    states: list[Any] = [{}]

    def returned(durable: bool) -> None:
        states.append(copy.deepcopy(model))
        recorder.mark("returned", len(states) - 1)
        if durable:
            recorder.mark("durable", len(states) - 1)

    def log(store: Any) -> None:
        """Append a row that may wait: what comes next commits it first."""
        row = chance.random()
        store.append("log", row)
        model["log"] = np.append(model.get("log", np.empty(0)), row)
        states.append(copy.deepcopy(model))

    def work(store: Any, durable: bool) -> None:
        recorder.mark("begun", len(states))
        if chance.random() < 0.2:
            before = copy.deepcopy(model)
            try:
                with store.transaction():
                    for _ in range(chance.randrange(1, 4)):
                        change(store, model, chance)
                    if chance.random() < 0.4:
                        raise GiveUpError
            except GiveUpError:
                model.clear()
                model.update(before)
                return
        elif chance.random() < 0.2:
            log(store)
            return
        else:
            change(store, model, chance)
        returned(durable)

    done = 0
    while done < operations:
        store = HDF5Checkpointer(path, sync_interval=sync_interval)
        if chance.random() < 0.3:
            work(store, True)
            done += 1
            continue
        with store:
            for _ in range(chance.randrange(1, 12)):
                work(store, sync_interval == 0)
                done += 1
                if chance.random() < 0.1:
                    store.commit()
                    recorder.mark("durable", len(states) - 1)
        recorder.mark("durable", len(states) - 1)
    return states
