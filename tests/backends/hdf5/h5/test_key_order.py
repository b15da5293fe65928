"""The order of keys whose objects are replaced."""

from __future__ import annotations

import time
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from tests.support.inside import writing

COUNT = 1000
"""Of sixteen attributes with pairs: more than eight, and HDF5 stores them in another way."""


@pytest.mark.slow
@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("sessions", [1, 5])
def test_many_replaced(path: str, sessions: int, journal: bool) -> None:
    """Keys that are replaced by another type keep their order, in one session and in many."""
    model: dict[str, Any] = {f"k{i}": i for i in range(COUNT)}
    names = list(model)
    with HDF5Checkpointer(path, journal=journal) as chk:
        chk["g"] = model
    for session in range(sessions):
        with HDF5Checkpointer(path, journal=journal) as chk:
            chk["g"].update({name: f"now {name}" for name in names[session::sessions]})
            chk["g", names[session]] = 1.5
        assert list(HDF5Checkpointer(path)["g"]) == names
    with HDF5Checkpointer(path, journal=journal) as chk:
        for name in names[::2]:
            del chk["g", name]
        assert list(chk["g"]) == names[1::2]
        chk["g"].clear()
        chk["g"].update({"b": 1, "a": 2})
        chk["g", "b"] = "x"
        assert list(chk["g"]) == ["b", "a"]
    with h5py.File(path) as file:
        assert list(file["g"].attrs) == ["hdfchk:order"] and set(file["g"]) == {"a", "b"}


@pytest.mark.slow
def test_cost_of_a_replacement(path: str) -> None:
    """One replacement costs as much in a dict with many replaced keys as in one with few."""
    took = {}
    for count in (300, 6000):
        with HDF5Checkpointer(path, mode="w", durable=False) as chk:
            chk["g"] = {f"k{i}": i for i in range(count)}
            chk["g"].update({f"k{i}": "text" for i in range(count - 100)})
            group = chk["g"]
            rounds = []
            for turn in range(3):
                start = time.perf_counter()
                for i in range(100):
                    group[f"k{i}"] = [1.5, None, "x"][turn]
                rounds.append(time.perf_counter() - start)
            took[count] = min(rounds)
    assert took[6000] < 3 * took[300]


def test_a_list_of_pairs_of_any_length(path: str) -> None:
    """A file may have all pairs in one attribute; it is cut when the group is changed."""
    with HDF5Checkpointer(path) as chk:
        chk["g"] = {f"k{i}": i for i in range(300)}
        with h5py.File(path, "r"):
            pass
    with h5py.File(path, "r+") as file:
        pairs = np.array([(i, 299 - i) for i in range(300)], np.int64)
        file["g"].attrs["hdfchk:order"] = pairs
    expected = [f"k{i}" for i in reversed(range(300))]
    with HDF5Checkpointer(path) as chk:
        assert list(chk["g"]) == expected
        chk["g", "k7"] = "text"
        assert list(chk["g"]) == expected
    with h5py.File(path) as file:
        assert file["g"].attrs["hdfchk:order"].shape == (0,)
        assert "hdfchk:order:0" in file["g"].attrs


@pytest.mark.parametrize("count", [0, 3, 300])
def test_last_name(path: str, count: int) -> None:
    """The last key is found in groups of any size, replaced keys, hidden and soft links or not."""
    with HDF5Checkpointer(path, journal=False) as chk:
        chk["g"] = {f"k{i}": i for i in range(count)}
        with writing(chk) as session:
            names = [f"k{i}" for i in range(count)]
            assert session.last_name(("g",)) == (names[-1] if names else None)
            group = session.stream()["g"]
            group["soft"] = h5py.SoftLink("/nowhere")
            group.create_group("hdfchk:x").attrs["hdfchk:hidden"] = np.uint8(0)
            assert session.last_name(("g",)) == (names[-1] if names else None)
        if count:
            chk["g", "k0"] = "text"
            with writing(chk) as session:
                assert session.last_name(("g",)) == names[-1]
