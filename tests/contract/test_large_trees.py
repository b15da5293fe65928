"""Large values of every kind, with HDF5's cache of metadata as small as it can be."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from h5py import h5f, h5g, h5o, h5s

import hdfchk
from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5 import backends
from hdfchk.backends.hdf5.h5 import types
from tests.regressions.children import started
from tests.support.exact import differs
from tests.support.large_trees import use_least_cache

pytestmark = pytest.mark.slow

STORES = ["journal", "no journal", "BytesIO", "h5py"]


@pytest.fixture(autouse=True)
def tiny_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least cache of metadata that HDF5 allows, for all files."""
    use_least_cache(monkeypatch)


class Place:
    """Where a store lies, and how it is opened again and again."""

    def __init__(self, kind: str, path: str) -> None:
        self.kind = kind
        self.path = path
        self.buffer = io.BytesIO()

    @contextmanager
    def open(self) -> Iterator[HDF5Checkpointer]:
        if self.kind == "h5py":
            with h5py.File(self._open_h5py()) as file, HDF5Checkpointer(file) as chk:
                yield chk
            return
        target = self.buffer if self.kind == "BytesIO" else self.path
        options = {"journal": False} if self.kind == "no journal" else {}
        with HDF5Checkpointer(target, **options) as chk:
            yield chk

    def _open_h5py(self) -> Any:
        name, access = self.path.encode(), backends.file_access(shared=True)
        if os.path.exists(self.path):
            return h5f.open(name, h5f.ACC_RDWR, access)
        return h5f.create(name, h5f.ACC_EXCL, types.file_creation(), access)

    def check(self, model: dict[str, Any]) -> None:
        """Compare all values, and walk through the file with plain h5py."""
        source = self.buffer if self.kind == "BytesIO" else self.path
        with h5py.File(source, "r") as file:
            walk(file, model)
        with self.open() as chk:
            assert differs(model, chk.load()) is None
            assert list(chk) == list(model)


def walk(group: Any, model: dict[str, Any]) -> None:
    """All objects can be read, have one link each, and none is hidden; numbers are as they were.

    Groups and single numbers are read by h5py's low-level calls, which take a fourth of the time.
    """
    gid = group.id
    names: list[bytes] = []
    gid.links.iterate(names.append)
    assert {name.decode() for name in names} == set(model)
    for name in names:
        oid = h5o.open(gid, name)
        assert h5o.get_info(oid).rc == 1
        value = model[name.decode()]
        if isinstance(oid, h5g.GroupID):
            item = h5py.Group(oid)
            if type(value) is dict:
                walk(item, value)
            else:
                item.visititems(lambda _, inner: inner[()] if hasattr(inner, "dtype") else None)
        elif type(value) in {int, float}:
            found = np.empty((), np.int64 if type(value) is int else np.float64)
            assert oid.dtype == found.dtype
            oid.read(h5s.ALL, h5s.ALL, found)
            assert found == value
        elif isinstance(value, np.ndarray) and value.dtype.kind in "iufV":
            assert np.array_equal(h5py.Dataset(oid)[()], value)
        else:
            h5py.Dataset(oid)[()]


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, path: str) -> Place:
    made = Place(request.param, path)
    with made.open() as chk:
        chk["first"] = 1
    return made


def leaves(count: int) -> dict[str, Any]:
    return {f"c{i}": float(i) for i in range(count)}


def deep(count: int, levels: int) -> Any:
    if not levels:
        return leaves(count)
    return {f"l{i}": deep(count // 2, levels - 1) for i in range(2)}


TREES: dict[str, Callable[[], Any]] = {
    "two levels": lambda: {"df": leaves(1024)},
    "2,000 leaves": lambda: leaves(2000),
    "mixed": lambda: {f"k{i}": [None, i, str(i), np.arange(i % 400)][i % 4] for i in range(800)},
    "five levels": lambda: deep(1000, 4),
    "groups": lambda: {f"g{i}": {"x": i} for i in range(500)},
    "frame": lambda: {"df": pd.DataFrame({f"c{i}": [float(i)] for i in range(1000)})},
    "strings": lambda: np.array([f"text {i}" for i in range(50_000)], np.dtypes.StringDType()),
    "list with arrays": lambda: [np.arange(i) for i in range(600)],
}


@pytest.mark.parametrize("name", TREES)
def test_new_replaced_and_deleted(place: Place, name: str) -> None:
    """A large value can be set, set anew, replaced by a small one, and deleted."""
    value = TREES[name]()
    model: dict[str, Any] = {"first": 1, "in": {"deep": value}}
    with place.open() as chk:
        chk["in", "deep"] = value
    place.check(model)
    model["a"] = value
    with place.open() as chk:
        chk["in"] = {"deep": value}
        chk["a"] = 1
        chk["first"] = value
        chk["a"] = value
    model["first"] = value
    place.check(model)
    with place.open() as chk:
        chk["a"] = 5
        del chk["in", "deep"]
    model.update({"a": 5, "in": {}})
    place.check(model)


def test_save(path: str) -> None:
    """`save` keeps large trees on any level."""
    model = {"a": 1, "b": {"df": leaves(7000)}, "c": deep(2000, 4)}
    hdfchk.save(path, model)
    Place("journal", path).check(model)
    hdfchk.save(path, {"a": 1})
    hdfchk.save(path, model)
    Place("journal", path).check(model)


@pytest.mark.parametrize("old", ["number", "array", "dict"])
def test_chunks_over_a_key(place: Place, old: str) -> None:
    """10,000 chunks can replace whatever stood at a key."""
    before: dict[str, Any] = {"number": 1, "array": np.zeros(30_000), "dict": {"x": 1}}
    data = np.arange(20_000)
    with place.open() as chk:
        chk["x"] = before[old]
        chk["after"] = 2
        chk.put("x", data, chunks=(2,))
    place.check({"first": 1, "x": data, "after": 2})


@pytest.mark.parametrize("stop", [1, 150, 1500])
def test_failing_commit(place: Place, stop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that fails in the middle gives back large dicts and arrays that it had taken out."""
    model: dict[str, Any] = {
        "first": 1,
        "tree": {"df": leaves(800)},
        "deep": deep(400, 3),
        "array": np.arange(20_000.0),
        "last": 3,
    }
    with place.open() as chk:
        chk.update(model)
    place.check(model)
    from hdfchk.backends.hdf5.nodes import writer

    real, count = writer.h5d.create, 0

    def failing(*args: Any) -> Any:
        nonlocal count
        count += 1
        if count > stop:
            raise RuntimeError("no more")
        return real(*args)

    for clears in (True, False):
        with place.open() as chk:
            count = 0
            monkeypatch.setattr(writer.h5d, "create", failing)
            with pytest.raises(Exception, match="no more"):
                if clears and place.kind == "journal":
                    with chk.transaction():
                        del chk["tree"]
                        chk["deep"] = leaves(700)
                        chk["array"] = np.arange(20_001.0)
                        chk["new"] = leaves(1200)
                else:
                    chk.update(
                        {
                            "tree": 5,
                            "deep": leaves(700),
                            "array": np.arange(20_001.0),
                            "new": leaves(1200),
                        }
                    )
            monkeypatch.setattr(writer.h5d, "create", real)
            assert differs(model, chk.load()) is None
        place.check(model)


def test_cleared_and_given_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `clear` had taken out comes back in its order when the commit fails at its end."""
    model: dict[str, Any] = {"first": 1, **{f"g{i}": {"x": i, "y": {"z": i}} for i in range(300)}}
    with place.open() as chk:
        chk.update(model)
        chk["sub"] = model
    model["sub"] = dict(model)
    from hdfchk.backends.hdf5.h5.hidden import Hidden

    def failing(self: Any) -> None:
        raise RuntimeError("no more")

    with place.open() as chk:
        for group in (chk, chk["sub"]):
            with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="no more"):
                patch.setattr(Hidden, "empty_bin", failing)
                group.clear()
            assert differs(model, chk.load()) is None
        chk["sub", "new"] = 1
        model["sub"]["new"] = 1
    place.check(model)


def test_streams(place: Place) -> None:
    """Arrays that are made part by part outlive large commits in between."""
    tree = leaves(900)
    model: dict[str, Any] = {"first": 1, "old": leaves(600)}
    with place.open() as chk:
        chk["old"] = model["old"]

        def blocks() -> Iterator[Any]:
            for index in range(20):
                chk[f"t{index % 3}"] = {"in": tree} if index % 2 else index
                yield np.full((50, 3), index)

        chk.write_blocks("old", blocks(), chunks=(1, 3))
        model["old"] = np.repeat(np.arange(20), 50)[:, None].repeat(3, axis=1)
        model.update({"t0": 18, "t1": {"in": tree}, "t2": {"in": tree}})
        chk.create("made", shape=(2000,), dtype="f8", chunks=(1,))[:] = 2.0
        model["made"] = np.full(2000, 2.0)
        chk["fixed"] = np.arange(3000.0)
        chk.append("fixed", 1.0)
        model["fixed"] = np.append(np.arange(3000.0), 1.0)
        for index in range(1500):
            chk.append("log", float(index))
        model["log"] = np.arange(1500.0)
    place.check(model)


def test_a_stream_that_fails(place: Place) -> None:
    """Nothing is left of blocks whose source fails, in the middle of large commits."""

    def blocks(chk: Any) -> Iterator[Any]:
        yield np.zeros((100, 3))
        chk["tree"] = leaves(700)
        yield np.ones((100, 3))
        raise LookupError

    with place.open() as chk:
        for _ in range(3):
            with pytest.raises(LookupError):
                chk.write_blocks("x", blocks(chk))
        chk["after"] = 1
    place.check({"first": 1, "tree": leaves(700), "after": 1})


def test_attributes(place: Place) -> None:
    """An object bears 300 attributes, and keeps them when its value is replaced."""
    notes = {f"n{i}": [i, f"text {i}", 1.5 * i, (i, "x")][i % 4] for i in range(300)}
    with place.open() as chk:
        for value in ({"df": leaves(600)}, leaves(3)):
            chk["x"] = value
            chk["x"].attrs.update(notes)
        chk["x"] = np.arange(5)
        chk["x"] = leaves(500)
    with place.open() as chk:
        found = dict(chk["x"].attrs)
        assert differs(notes, {name: found[name] for name in notes}) is None
    place.check({"first": 1, "x": leaves(500)})


SIZES = [1, 100, 2048, 2049, 2**16 - 1, 2**16, 2**20, 2**26]


def test_all_sizes(place: Place) -> None:
    """Values from a byte to 64 MB replace each other, in the same key and in a dict."""
    model: dict[str, Any] = {"first": 1}
    with place.open() as chk:
        for old, new in zip(SIZES, [*SIZES[1:], SIZES[0]], strict=True):
            for kind in ("u1", "S1"):
                chk["x"] = np.zeros(old, "u1")
                chk["x"] = model["x"] = np.full(new, 7, "u1").astype(kind)
            chk["in", f"k{old}"] = np.ones(old, "u1")
            model.setdefault("in", {})[f"k{old}"] = np.ones(old, "u1")
    place.check(model)


WRITER = """
import sys
import numpy as np
import pytest
from hdfchk import HDF5Checkpointer
from tests.support.large_trees import attributes, tree, use_least_cache
use_least_cache(pytest.MonkeyPatch())
sizes, n = [1, 2049, 2**16, 2**20, 2**26], 0
with HDF5Checkpointer(sys.argv[1], durable=False) as chk:
    while True:
        n += 1
        with chk.transaction():
            chk.update({"n": n, "in": {"tree": tree(n)}, "x": np.full(sizes[n % 5], n % 99, "u1")})
            chk["in"].attrs.update(attributes(n))
        print(n, flush=True)
"""
READER = """
import sys, time
import pytest
from hdfchk import HDF5Checkpointer
from tests.support.large_trees import LEAVES, attributes, leaves_of, use_least_cache
use_least_cache(pytest.MonkeyPatch())
count, last, end = 0, 0, time.monotonic() + float(sys.argv[2])
while count < 2 or time.monotonic() < end:
    with HDF5Checkpointer(sys.argv[1], mode="r") as chk:
        n = chk["n"]
        assert n >= last, (n, last)
        for _ in range(2):
            leaves = list(leaves_of(chk.load("in")))
            assert len(leaves) == LEAVES and set(leaves) == {n}, (n, len(leaves), set(leaves))
            assert dict(chk["in"].attrs) == attributes(n)
            assert (chk["x"] == n % 99).all()
    count, last = count + 1, n
print(count, last)
"""


def test_readers_beside_a_writer(path: str) -> None:
    """Readers beside a writer see large trees, attributes and arrays of one commit."""
    with started(WRITER, path) as writer:
        assert writer.stdout is not None
        while writer.stdout.readline() not in {"2\n", ""}:
            pass
        with started(READER, path, 0.5) as one, started(READER, path, 0.5) as other:
            for reader in (one, other):
                out, error = reader.communicate(timeout=60)
                assert reader.returncode == 0, error[-2000:]
                count, last = map(int, out.split())
                assert count >= 2 and last >= 2
        assert writer.poll() is None
        writer.kill()
        writer.communicate()
    HDF5Checkpointer(path)["end"] = 1
    assert os.listdir(os.path.dirname(path)) == ["store.hdf5"]


@pytest.mark.exhaustive
def test_100_000_keys(path: str) -> None:
    """100,000 keys are set, replaced and deleted."""
    place = Place("journal", path)
    model: dict[str, Any] = {f"k{i}": i for i in range(100_000)}
    with place.open() as chk:
        chk["first"] = 1
        chk["g"] = model
    place.check({"first": 1, "g": model})
    part = {name: f"{value}" for name, value in model.items() if value % 2}
    with place.open() as chk:
        chk["g"].update(part)
    place.check({"first": 1, "g": {**model, **part}})
    with place.open() as chk:
        chk["g"] = 5
    place.check({"first": 1, "g": 5})
