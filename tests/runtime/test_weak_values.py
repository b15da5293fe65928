"""No Python code of ours runs where a signal handler's exception would be lost."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, load, save
from hdfchk.runtime.interrupts import is_deferring
from hdfchk.runtime.weak_values import PRUNE_FROM, WeakValues


class Item:
    """Something to refer to."""


def test_those_that_exist() -> None:
    """Iteration gives what exists; what does not is removed, by iteration or by adding."""
    known: WeakValues[int, Item] = WeakValues()
    kept = [Item() for _ in range(3)]
    for item in kept:
        known[id(item)] = item
    known[-1] = Item()
    assert known and set(known) == set(kept) and known.get(-1) is None
    assert known.get(id(kept[0])) is kept[0]
    for number in range(10 * PRUNE_FROM):
        known[-number] = Item()
    assert known.count() <= 2 * PRUNE_FROM and set(known) == set(kept)
    kept.clear()
    del item
    assert list(known) == [] and not known


def _assign(chk: HDF5Checkpointer) -> None:
    chk["x"] = [1.0] * 3000


def _row(chk: HDF5Checkpointer) -> None:
    chk.append("rows", 1.0)


def _iterate(chk: HDF5Checkpointer) -> None:
    assert list(chk)


def _read(chk: HDF5Checkpointer) -> None:
    assert chk["n"] == 1


def _block(chk: HDF5Checkpointer) -> None:
    with chk:
        chk["n"] = 1
        chk["big"] = np.arange(10_000.0)


def _delete(chk: HDF5Checkpointer) -> None:
    del chk["x"]


def _parts(chk: HDF5Checkpointer) -> None:
    chk.write_blocks("parts", [np.ones((3, 2)), np.zeros((4, 2))])


def _transaction(chk: HDF5Checkpointer) -> None:
    with chk.transaction():
        chk["n"] = 1


def _other_store(chk: HDF5Checkpointer) -> None:
    file = chk.checkpoint_file
    assert HDF5Checkpointer(file)["n"] == 1
    save(file + ".2", {"a": 1})
    assert load(file + ".2") == {"a": 1}


def _compact(chk: HDF5Checkpointer) -> None:
    chk.compact()


def _recover(chk: HDF5Checkpointer) -> None:
    chk.recover()


CALLS = [
    *(_block, _assign, _row, _iterate, _read, _parts, _transaction, _delete, _other_store),
    *(_compact, _recover),
]


@pytest.mark.parametrize("journal", [True, False])
def test_no_finalizer_at_the_end_of_a_call(path: str, *, journal: bool) -> None:
    """When a call is over, and handlers run again, nothing of ours is finalized by Python code.

    Python calls a pending handler at the start of any function, also of a finalizer or of a weak
    reference's callback, where it ignores what the handler raises: ``sys.exit`` has no effect.
    """
    found: list[str] = []

    def see(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_name
        if event == "call" and name in {"__del__", "remove", "_remove"} and not is_deferring():
            found.append(f"{Path(frame.f_code.co_filename).name}: {name}")

    chk = HDF5Checkpointer(path, journal=journal)
    chk.update({"x": 1, "n": 1, "big": np.arange(5.0), "rows": np.arange(2.0)})
    gc.collect()
    calls: list[Callable[[HDF5Checkpointer], None]] = CALLS if journal else CALLS[:6]
    for call in calls:
        sys.setprofile(see)
        try:
            call(chk)
        finally:
            sys.setprofile(None)
        assert found == [], call.__name__
