"""The contract, on every kind of mapping."""

from __future__ import annotations

import io
import itertools
import shutil
from collections import ChainMap
from collections.abc import Iterator
from typing import Any

import h5py
import pytest

from hdfchk import HDF5Checkpointer
from tests.contract.contract import MappingContract
from tests.support.large_trees import attributes, tree, use_least_cache


class TestStore(MappingContract):
    """A store on a file, opened anew for each call."""

    @pytest.fixture
    def mapping(self, path: str) -> Any:
        return HDF5Checkpointer(path)


class TestOpenStore(MappingContract):
    """A store inside a with block."""

    @pytest.fixture
    def mapping(self, path: str) -> Iterator[Any]:
        with HDF5Checkpointer(path) as chk:
            yield chk


class TestMemory(MappingContract):
    """A store in memory."""

    @pytest.fixture
    def mapping(self) -> Any:
        return HDF5Checkpointer(None)


class TestGroup(MappingContract):
    """A group two levels down, beside other keys."""

    @pytest.fixture
    def mapping(self, path: str) -> Any:
        chk = HDF5Checkpointer(path)
        chk["a"] = {"other": 1, "b": {}}
        return chk["a"]["b"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with a large tree, in the middle of which is an empty group."""
    path = str(tmp_path_factory.mktemp("large") / "large.hdf5")
    chk = HDF5Checkpointer(path, durable=False)
    chk["tree"] = tree(1)
    chk["tree"].attrs.update(attributes(2))
    chk["tree/g1/g1/g1/empty"] = {}
    return path


@pytest.mark.slow
class TestGroupInALargeTree(MappingContract):
    """A group in a tree of 2,000 leaves and 300 attributes, with the least cache of HDF5's."""

    parts = itertools.cycle([f"g{i}" for i in range(4)])
    """Which part of the tree each test compares at its end, one after the other."""

    @pytest.fixture
    def mapping(self, path: str, large: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        use_least_cache(monkeypatch)
        shutil.copyfile(large, path)
        chk = HDF5Checkpointer(path, durable=False)
        yield chk["tree/g1/g1/g1/empty"]
        del chk["tree/g1/g1/g1/empty"]
        part = next(self.parts)
        assert chk.load(("tree", part)) == tree(1)[part] and list(chk["tree"]) == list(tree(1))
        assert dict(chk["tree"].attrs) == attributes(2)


class TestView(MappingContract):
    """A view that hides something of the file."""

    @pytest.fixture
    def mapping(self, path: str) -> Any:
        chk = HDF5Checkpointer(path)
        chk["hidden"] = {"x": 1}
        return HDF5Checkpointer(path, omitted_keys=["hidden", "**/hidden"])


class TestViewOfView(MappingContract):
    """A view of a view of a group."""

    @pytest.fixture
    def mapping(self, path: str) -> Any:
        chk = HDF5Checkpointer(path)
        chk["g"] = {"hidden": 1, "other": {"y": 1}}
        return chk.view(omitted_keys="g/hidden")["g"].view(omitted_keys=["other"])


class TestBytesIO(MappingContract):
    """A store in a BytesIO."""

    @pytest.fixture
    def mapping(self) -> Any:
        return HDF5Checkpointer(io.BytesIO())


class TestH5pyFile(MappingContract):
    """A store over an open h5py.File that keeps no order of its own."""

    @pytest.fixture
    def mapping(self, path: str) -> Iterator[Any]:
        with h5py.File(path, "w", track_order=True) as file:
            yield HDF5Checkpointer(file)
            assert file


class TestH5pyGroup(MappingContract):
    """A store over an h5py.Group."""

    @pytest.fixture
    def mapping(self, path: str) -> Iterator[Any]:
        with h5py.File(path, "w") as file:
            yield HDF5Checkpointer(file.create_group("in/side", track_order=True))


def test_copy_and_reversed(tmp_path):
    """`copy()` is a plain dict, `reversed()` goes from the last key to the first."""
    for target in (tmp_path / "x.hdf5", None, io.BytesIO()):
        chk = HDF5Checkpointer(target)
        chk.update({"b": 1, "a": {"y": 2, "x": [3]}})
        copied = chk.copy()
        assert type(copied) is dict and copied == {"b": 1, "a": {"y": 2, "x": [3]}}
        assert list(reversed(chk)) == ["a", "b"] and list(reversed(chk["a"])) == ["x", "y"]
        assert chk["a"].copy() == {"y": 2, "x": [3]}
        assert chk.view(omitted_keys=["b"]).copy() == {"a": {"y": 2, "x": [3]}}
        assert not hasattr(chk, "fromkeys")
        together = ChainMap(chk, {"z": 1})
        assert together.copy() == {"z": 1, "b": 1, "a": {"y": 2, "x": [3]}}
        assert (together | {"q": 1})["q"] == 1
