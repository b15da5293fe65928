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
    """One assignment, deletion, update or append, on the store and on the model."""
    key = f"k{chance.randrange(8)}"
    kind = chance.randrange(12)
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
    elif kind == 3 and isinstance(model.get(key), np.ndarray):
        rows = np.ones(chance.choice([1, 5000]), model[key].dtype)
        store.array(key).append(rows)
        model[key] = np.concatenate([model[key], rows])
    else:
        item = value(chance)
        store[key] = item
        model[key] = item


def run(path: str, recorder: Any, seed: int, operations: int, sync_interval: float) -> list[Any]:
    """Run a workload; the list of all states that it committed, in order."""
    chance = random.Random(seed)
    model: dict[str, Any] = {}
    states: list[Any] = [{}]

    def returned(durable: bool) -> None:
        states.append(copy.deepcopy(model))
        recorder.mark("returned", len(states) - 1)
        if durable:
            recorder.mark("durable", len(states) - 1)

    def work(store: Any, durable: bool) -> None:
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
