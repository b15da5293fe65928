"""What the tests of what is seen have: stores of values of all kinds, and of many keys."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer


@pytest.fixture
def chk(path: str) -> HDF5Checkpointer:
    """A store with some of each kind; some names and texts are HTML."""
    made = HDF5Checkpointer(path)
    made["params"] = {"steps": 500, "method": "euler", "deep": {"er": {"x": 1}}, "none": {}}
    made["x"] = np.zeros((100, 3))
    made.update({"list": [1, 2, 3], "long": "x" * 10_000, "packed": {0: 1.0}, "nothing": None})
    made["<b>&'\""] = "<script>alert(1)</script>"
    made.put("z", np.zeros((1000, 100)), compression="gzip")
    made.attrs["<i>"] = "</div><script>alert(2)</script>"
    made.array("x").attrs["units"] = "bohr"
    return made


def wide(path: str) -> HDF5Checkpointer:
    """10,000 keys at the root."""
    chk = HDF5Checkpointer(path)
    chk.update({f"key{n}": float(n) for n in range(10_000)})
    return chk


def nested(path: str) -> HDF5Checkpointer:
    """100 groups of 100 arrays."""
    chk = HDF5Checkpointer(path)
    chk.update({f"g{n}": {f"a{m}": np.zeros(4) for m in range(100)} for n in range(100)})
    return chk


def with_damage(path: str) -> HDF5Checkpointer:
    """A file one object of which cannot be opened."""
    chk = HDF5Checkpointer(path)
    chk.update({"good": 1, "bad": np.arange(3.0), "group": {"x": 1}})
    with h5py.File(path) as file:
        place = h5py.h5o.get_info(file["bad"].id).addr
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 16)
    return chk


def strange(path: str) -> list[tuple[str, Any]]:
    """Stores that cannot be read as others: what is seen of them says why."""
    good = HDF5Checkpointer(path)
    good.update({"x": np.zeros(3), "group": {"a": 1}, "table": {"a": np.zeros(2)}})
    gone = good["group"], good.array("x"), good.array("x").attrs, good.table("table"), good.keys()
    text = f"{path}.txt"
    with open(text, "w", encoding="utf-8") as file:
        file.write("no HDF5 file at all\n" * 100)
    closed = h5py.File(f"{path}.closed", "w")
    store = HDF5Checkpointer(closed)
    store["x"] = 1
    closed.close()
    del good["group"], good["x"], good["table"]
    return [
        ("no such file", HDF5Checkpointer(f"{path}.missing")),
        ("FileNotFoundError", HDF5Checkpointer(f"{path}.missing", mode="r")),
        ("no such file", HDF5Checkpointer(f"{path}.missing/below/x.h5")),
        ("FileExistsError", HDF5Checkpointer(path, mode="x")),
        ("CorruptFileError", HDF5Checkpointer(text)),
        ("CorruptFileError", HDF5Checkpointer(text).keys()),
        ("Error", store),
        *[("no such key", item) for item in gone[:4]],
    ]
