"""Arrays that are read by a store with ``frozen=True``."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from tests.support.exact import differs
from tests.support.roundtrip import cases


def values() -> dict[str, Any]:
    return {
        "plain": np.arange(6.0).reshape(2, 3),
        "swapped": np.arange(3, dtype=">i2"),
        "fortran": np.zeros((2, 3), order="F"),
        "dates": np.array(["2026-01-01"], "M8[D]"),
        "words": np.array(["a", "bc"]),
        "fields": np.zeros(2, [("a", "i4"), ("b", "f8")]),
        "masked": np.ma.array([1.0, 2.0], mask=[False, True]),
        "objects": np.array([np.zeros(2), None], object),
        "dict": {"in": {"x": np.zeros(3)}},
        "list": [np.zeros(2), (np.zeros(2), {"x": np.ones(1)}), np.array(["a", "bc"])],
    }


def arrays_in(value: Any) -> list[np.ndarray]:
    if isinstance(value, np.ndarray):
        inner = arrays_in(value.tolist()) if value.dtype.kind == "O" else []
        return [value, *inner]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [found for item in value for found in arrays_in(item)]
    return []


@pytest.mark.parametrize("target", ["path", "memory"])
def test_arrays_cannot_be_written_to(path: str, target: str) -> None:
    """Also those in containers, however they are read. Of another store they can."""
    made = values()
    chk = HDF5Checkpointer(path if target == "path" else None, frozen=True)
    chk.update(made)
    found = [chk.load()[name] for name in made] + [chk.load(name) for name in made]
    found += [chk.setdefault(name) for name in made if name != "dict"]
    found.append(chk["dict"]["in"]["x"])
    for value in found:
        assert arrays_in(value)
        for array in arrays_in(value):
            assert not array.flags.writeable
    for name in ("plain", "dates", "fields", "masked"):
        with pytest.raises(ValueError, match="read-only"):
            chk[name][0] = chk[name][1:][0] if name == "plain" else chk[name][0]
    with pytest.raises(ValueError, match="read-only"):
        chk["masked"][0] = np.ma.masked
    assert all(array.flags.writeable for array in arrays_in(made))
    if target == "path":
        assert all(array.flags.writeable for array in arrays_in(HDF5Checkpointer(path).load()))


def test_what_is_not_frozen(path: str) -> None:
    """Handles are written to by their slices, and lists are lists: as the documentation says."""
    chk = HDF5Checkpointer(path, frozen=True)
    chk.update({"x": np.zeros((3, 2)), "list": [1, 2]})
    chk.array("x")[0] += 5
    assert chk["x"][0].tolist() == [5, 5]
    chk["list"].append(3)
    chk["x"] = chk["x"] + 1
    assert chk["x"].sum() == 16 and chk["list"] == [1, 2]


def test_copies_of_a_store_are_frozen(path: str) -> None:
    """Views, groups, copies and pickles of a store have its option."""
    chk = HDF5Checkpointer(path, frozen=True)
    chk["g"] = {"x": np.zeros(3)}
    for one in (pickle.loads(pickle.dumps(chk)), copy.deepcopy(chk), chk.view(), chk.view()):
        assert not one["g"]["x"].flags.writeable and not one["g/x"].flags.writeable
    assert not pickle.loads(pickle.dumps(chk["g"]))["x"].flags.writeable


def test_every_type_is_read(path: str) -> None:
    """No codec writes to what it decodes: each value is read as of any other store."""
    chk = HDF5Checkpointer(path)
    made = dict(cases())
    numbers = {f"v{n}": value for n, value in enumerate(made.values())}
    chk.update(numbers)
    frozen = HDF5Checkpointer(path, frozen=True).load()
    for (name, value), key in zip(made.items(), numbers, strict=True):
        why = differs(value, frozen[key])
        assert why is None or why.endswith("cannot be written"), (name, why)
