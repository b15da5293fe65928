"""A short run of a store with all kinds of changes, each with what it makes of a plain dict."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hdfchk import HDF5Checkpointer
from tests.support.exact import differs

from .failing import Calls
from .states import ALLOWED, again, agreed, is_clean

State = dict[str, Any]
BASE: State = {
    "n": 0,
    "big": np.zeros(12_000),
    "rows": np.zeros((1, 50)),
    "keep": {"k": 1, "s": "x" * 400},
    "old": "y" * 9000,
}
PACKED = np.random.default_rng(1).integers(0, 2**20, 6000)


def _update(**values: Any) -> Callable[[Any, State], None]:
    def change(chk: Any, model: State) -> None:
        model.update(values)
        chk.update(values)

    return change


def _small(chk: Any, model: State) -> None:
    model["n"] += 1
    chk["n"] = model["n"]


def _delete(chk: Any, model: State) -> None:
    del model["old"]
    del chk["old"]


def _append(chk: Any, model: State) -> None:
    rows = np.full((3, 50), 2.0)
    model["rows"] = np.concatenate([model["rows"], rows])
    chk.append("rows", rows)


def _slice(chk: Any, model: State) -> None:
    model["big"] = model["big"].copy()
    model["big"][10:7000] = 5.0
    chk.array("big")[10:7000] = 5.0


def _transaction(chk: Any, model: State) -> None:
    model["n"] += 10
    model["pair"] = [1.0, None, "a"]
    with chk.transaction():
        chk["n"] = chk["n"] + 10
        chk["pair"] = model["pair"]


def _packed(chk: Any, model: State) -> None:
    model["packed"] = PACKED
    chk.put("packed", PACKED, compression="gzip", chunks=(2000,))


def _blocks(chk: Any, model: State) -> None:
    model["blocks"] = np.concatenate([PACKED, PACKED])
    chk.write_blocks("blocks", [PACKED, PACKED])


def _commit(chk: Any, model: State) -> None:
    chk.commit()


INSIDE: tuple[Callable[[Any, State], None], ...] = (
    _small,
    _update(big=np.ones(12_000)),
    _small,
    _append,
    _small,
    _slice,
    _commit,
    _delete,
    _transaction,
    _append,
    _update(keep={"k": 2, "d": {"e": list(range(400))}}, new="z" * 5000),
    _packed,
    _commit,
    _blocks,
    _small,
)
OUTSIDE = (_small, _update(late=np.arange(20_000.0)), _transaction, _append)


def play(file: Path, calls: Calls, arm: Callable[[], None]) -> int:
    """Play it, calls failing as `arm` has it; after each error all must see one state.

    Returns:
        How many calls were counted.
    """
    HDF5Checkpointer(file).update(BASE)
    model = copy.deepcopy(BASE)
    counted = 0
    for interval in (0, 1000):
        chk = HDF5Checkpointer(file, sync_interval=interval, lock_timeout=1.0)
        with calls:
            arm()
            try:
                with chk:
                    for change in INSIDE if interval else INSIDE[:6]:
                        model = _step(change, chk, model, file, calls)
            except ALLOWED:
                assert calls.failed, "an error without a cause"
            if interval:
                for change in OUTSIDE:
                    model = _step(change, chk, model, file, calls)
            counted = calls.count
            calls.off()
            model = agreed(chk, file, model)
            again(lambda: chk.update({"works": interval}))
            model["works"] = interval
            model["old"] = BASE["old"]
            again(lambda: chk.update({"old": BASE["old"]}))
            assert not chk.is_open
    is_clean(file, {key: model[key] for key in chk.load()})
    return counted


def _step(change: Any, chk: Any, model: State, file: Path, calls: Calls) -> State:
    after = copy.deepcopy(model)
    failed = calls.failed
    try:
        change(chk, after)
    except ALLOWED:
        assert calls.failed, "an error without a cause"
        return dict(agreed(chk, file, model, after))
    if calls.failed > failed:
        found = again(chk.load)
        assert differs(after, found) is None, differs(after, found)
    return after
