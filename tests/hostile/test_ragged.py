"""Lists of arrays whose offsets, shapes or values are not what they should be."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CorruptFileError, HDF5Checkpointer, save

COUNT = 20
ROWS = [np.arange(float(n)) for n in range(COUNT)]
SHAPES = [np.ones((n % 3 + 1, n % 4 + 1)) for n in range(COUNT)]


def _change(part: str, change: Callable[[Any], Any]) -> Callable[[Any], None]:
    def work(group: Any) -> None:
        data = change(group[part][()])
        del group[part]
        group[part] = data

    return work


def _at(part: str, place: Any, number: int) -> Callable[[Any], None]:
    def work(group: Any) -> None:
        group[part][place] = number

    return work


def _delete(part: str) -> Callable[[Any], None]:
    return lambda group: group.__delitem__(part)


def _as_group(part: str) -> Callable[[Any], None]:
    def work(group: Any) -> None:
        del group[part]
        group.create_group(part)

    return work


def _marked(text: str) -> Callable[[Any], None]:
    return lambda group: group.attrs.__setitem__("hdfchk", text)


DAMAGE: dict[str, Callable[[Any], None]] = {
    "begins late": _at("offsets", 0, 1),
    "begins before": _at("offsets", 0, -1),
    "ends early": _at("offsets", -1, 3),
    "ends beyond": _at("offsets", -1, 2**62),
    "decreases": _at("offsets", 5, 2**40),
    "is negative": _at("offsets", 5, -(2**62)),
    "least": _at("offsets", 3, -(2**63)),
    "one less": _change("offsets", lambda data: data[:-1]),
    "none": _change("offsets", lambda data: data[:0]),
    "floats": _change("offsets", lambda data: data.astype(float)),
    "unsigned": _change("offsets", lambda data: data.astype("u8")),
    "two axes": _change("offsets", lambda data: data[None]),
    "a number": _change("offsets", lambda data: data[0]),
    "no offsets": _delete("offsets"),
    "no values": _delete("values"),
    "offsets are a dict": _as_group("offsets"),
    "values are a dict": _as_group("values"),
    "fewer values": _change("values", lambda data: data[:-1]),
    "text": _change("values", lambda data: np.full(data.size, b"x")),
    "one value": _change("values", lambda data: data[0]),
    "a class": _marked('ragged/1 {"class":"os.system"}'),
    "no class": _marked("ragged/1"),
    "not a class": _marked('ragged/1 {"class":[1]}'),
}
OF_SHAPES: dict[str, Callable[[Any], None]] = {
    "another shape": _at("shapes", 3, 5),
    "a negative one": _at("shapes", (3, 1), -1),
    "huge": _at("shapes", 4, 2**62),
    "huge, and nothing": _at("shapes", (4, 0), 2**63 - 1),
    "fewer shapes": _change("shapes", lambda data: data[:-1]),
    "more shapes": _change("shapes", lambda data: np.concatenate([data, data])),
    "flat": _change("shapes", lambda data: data.reshape(-1)),
    "many axes": _change("shapes", lambda data: np.ones((len(data), 100), int)),
    "floats": _change("shapes", lambda data: data.astype(float)),
    "values in rows": _change("values", lambda data: data[:, None]),
}


@pytest.mark.parametrize(
    ("value", "damage"),
    [
        *(pytest.param(ROWS, damage, id=name) for name, damage in DAMAGE.items()),
        *(pytest.param(SHAPES, damage, id=f"of shapes, {name}") for name, damage in DAMAGE.items()),
        *(pytest.param(SHAPES, damage, id=f"shapes, {name}") for name, damage in OF_SHAPES.items()),
    ],
)
def test_damage(tmp_path: Path, value: Any, damage: Callable[[Any], None]) -> None:
    """It is an error with file and key, whatever is wrong, and takes no memory; the rest is read."""
    path = tmp_path / "x.h5"
    save(path, {"g": {"x": value}, "fine": 1})
    with h5py.File(path, "r+") as file:
        damage(file["g/x"])
    chk = HDF5Checkpointer(path)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError) as caught:
            chk["g/x"]
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert caught.value.key == "g/x" and caught.value.file == str(path)
    report = chk.verify()
    assert list(report.damaged) == ["g/x"] and report.whole == ("fine",)
    assert chk["fine"] == 1 and chk.group("g/x") is not None
