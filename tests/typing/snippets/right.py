"""Code of users that is right: no checker may complain of it."""

from __future__ import annotations

import dataclasses
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, assert_type

import h5py
import numpy as np

import hdfchk
from hdfchk import Array, Group, HDF5Checkpointer, load, register, save
from hdfchk.typing import CompressionOption, Key, KeyRule, Mode, ProgressOption, Target


@register
@dataclasses.dataclass
class Point:
    x: float


@register(name="demo.Line", version=2, migrate=lambda state, version: state)
@dataclasses.dataclass
class Line:
    ends: tuple[Point, Point]


class Device:
    def __init__(self, serial: str) -> None:
        self.serial = serial


def read_device(state: dict[str, str]) -> Device:
    return Device(**state)


assert_type(register(Device, to_state=vars, from_state=read_device), type[Device])
assert_type(Point(1.0), Point)
assert_type(Line((Point(0.0), Point(1.0))).ends[0].x, float)


@register(name="demo.zeros")
def zeros() -> list[float]:
    return [0.0]


table: defaultdict[str, list[float]] = defaultdict(zeros)


def open_run(target: Target, mode: Mode = "a", rule: KeyRule | None = None) -> HDF5Checkpointer:
    return HDF5Checkpointer(target, mode=mode, allowed_keys=rule)


for place in ("run.hdf5", b"run.hdf5", Path("run.hdf5"), io.BytesIO(), None):
    open_run(place, "r")
with open("run.hdf5", "r+b") as file:
    open_run(file, rule=["wfn/**", ("a", "b")])
with h5py.File("run.hdf5", "r") as opened:
    open_run(opened)
    open_run(opened.create_group("group"))
    load(opened, "a")
open_run(None, rule=lambda key: key.startswith("a"))
open_run(None, rule="params")
open_run(None, rule={"a", "b"})
open_run(None, rule=name if (name := "a") else None)
HDF5Checkpointer("run.hdf5", compression="gzip")
HDF5Checkpointer("run.hdf5", compression=("zstd", 3), on_unsupported="warn")
HDF5Checkpointer("run.hdf5", compression={"frames": "gzip", "wfn/**": ("gzip", 4), "x": None})
HDF5Checkpointer("run.hdf5", compression={("wfn", "x"): "lzf"})
how: CompressionOption = "auto"

with HDF5Checkpointer("run.hdf5") as chk:
    assert_type(chk, HDF5Checkpointer)
    chk["a", "b"] = chk["a/b"] + 1
    del chk["a", "b"]
    assert ("a", "b") in chk and "a/b" in chk
    chk.get(("a", "b"))
    chk.get("a", 3)
    assert_type(chk.keys()[0], str)
    assert_type(chk.keys()[:2], list[str])
    assert_type(list(chk), list[str])
    assert_type(chk.copy(), dict[str, Any])
    assert_type(chk | {"a": 1}, dict[str, Any])
    chk |= {"b": 2}
    chk.copy("a", "b")
    chk.copy("a", HDF5Checkpointer(None), ("x", "y"), replace=True)
    assert_type(chk.group("wfn", create=True), Group)
    chk.pop(("a", "b"), None)
    chk.setdefault(("a", "b"), 1)
    chk.update({"a": 1}, b=2)
    chk.put("x", np.zeros(3), compression=how, chunks=(1,))
    chk.append(("logs", "loss"), 0.5)
    with chk.transaction():
        chk["n"] = 1
    for key, value in chk.items():
        assert_type(key, str)


def summed(values: Mapping[str, float], into: MutableMapping[str, Any]) -> float:
    into["sum"] = sum(values.values())
    return 0.0


summed(chk.view(omitted_keys="sum"), chk)
dict(**chk)

frames = chk.array("frames")
assert_type(frames, Array)
assert_type(frames.dtype, np.dtype[Any])
assert_type(frames.shape, tuple[int, ...])
assert_type(frames.astype("f4"), np.ndarray[Any, Any])
assert_type(frames.map(), np.ndarray[Any, Any])
np.sum(frames)
rows: Iterator[Any] = frames.blocks(10, progress=True)
frames.attrs["units"] = "bohr"
chk.create("y", (0, 3), "f4", maxshape=(None, 3), compression=("gzip", 1))


@chk.cached(lambda n, scale: f"squares/{n}")
def square(n: int, scale: float = 1.0) -> float:
    return scale * n * n


assert_type(square(3), float)
square(3, scale=2.0)


@chk.cached("all")
def everything() -> dict[str, float]:
    return {}


assert_type(everything(), dict[str, float])


def energy(x: float, scale: float = 1.0) -> float:
    return scale * x


assert_type(chk.cached_eval("e", energy, args=(2.0,)), float)
assert_type(chk.cached_eval("e", energy, kwargs={"x": 2.0}), float)
assert_type(chk.cached_eval("f", lambda: 3), int)
assert_type(chk.cached_eval("sum", sum, args=([1, 2],), condition=lambda key: True), int)
assert_type(chk.call(energy, scale=2.0), float)


def tell(done: int, total: int) -> None:
    assert done <= total


progress: ProgressOption = tell
save("out.hdf5", {"a": 1}, progress=progress, compression="gzip", durable=False)
save(io.BytesIO(), chk)
assert_type(load("out.hdf5"), dict[str, Any])
load("out.hdf5", ("a", "b"), allow_pickle=False, isolated=True, timeout=3)
where: Key = ("a", "b")
chk.load(where)
assert_type(chk.verify().ok, bool)
hdfchk.salvage("damaged.hdf5", Path("whole.hdf5"), progress=tell)
try:
    chk["x"]
except hdfchk.CheckpointerKeyError as error:
    assert_type(error.key, str | None)
