"""A store beside a plain dict: whatever is done to both, they stay equal, order of keys and all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hdfchk import HDF5Checkpointer
from tests.support.exact import differs
from tests.support.large_trees import tree, use_least_cache

NAMES = st.sampled_from(["a", "b", "c", "é", "_data", "k 1"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.integers(0, 9), max_size=3),
    st.tuples(st.text(max_size=2), st.integers(0, 5)),
    st.integers(0, 5).map(lambda n: np.arange(n, dtype="f4")),
    st.integers(9000, 9003).map(lambda n: np.arange(n, dtype="f8")),
    st.just(np.float64(1.5)),
    st.just({1: "other keys"}),
)
VALUES = st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=4)


def spell(path: tuple[str, ...], how: int) -> Any:
    """One of the spellings of a path."""
    if how == 0 or len(path) == 1:
        return path if how else path[0] if len(path) == 1 else "/".join(path)
    return "/".join(path) if how == 1 else (path[0], "/".join(path[1:]))


def parent_of(model: Any, path: tuple[str, ...]) -> Any:
    """The dict in which the last name of a path stands; None if there is none."""
    for name in path[:-1]:
        model = model.get(name) if type(model) is dict else None
    return model if type(model) is dict and not _other_keys(model) else None


def _other_keys(value: Any) -> bool:
    return type(value) is dict and any(type(key) is not str for key in value)


class StoreMachine(RuleBasedStateMachine):
    """The model is a plain dict."""

    def make(self) -> HDF5Checkpointer:
        self.folder = tempfile.TemporaryDirectory()
        return HDF5Checkpointer(Path(self.folder.name) / "x.hdf5")

    @initialize()
    def start(self) -> None:
        self.chk = self.make()
        self.model: dict[str, Any] = {}
        self.depth = 0

    def teardown(self) -> None:
        if hasattr(self, "chk"):
            self.chk.close()
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def assign(self, path: tuple[str, ...], value: Any) -> bool:
        """Set in the model as a store does; False if a value is in the way."""
        model = self.model
        for name in path[:-1]:
            if name in model and (type(model[name]) is not dict or _other_keys(model[name])):
                return False
            model = model.get(name, {})
        model = self.model
        for name in path[:-1]:
            model = model.setdefault(name, {})
        model[path[-1]] = value
        return True

    @rule(path=PATHS, value=VALUES, how=st.integers(0, 2))
    def set(self, path: Any, value: Any, how: int) -> None:
        if self.assign(path, value):
            self.chk[spell(path, how)] = value
        else:
            try:
                self.chk[spell(path, how)] = value
            except TypeError:
                return
            raise AssertionError("a path through a value was accepted")

    @rule(path=PATHS, count=st.sampled_from([70, 600]))
    def set_large(self, path: Any, count: int) -> None:
        value = {"a": {f"n{i}": [float(i), None, "x"][i % 3] for i in range(count)}, "b": {}}
        if self.assign(path, value):
            self.chk[path] = value

    @rule(path=PATHS, how=st.integers(0, 2))
    def delete(self, path: Any, how: int) -> None:
        parent = parent_of(self.model, path)
        if parent is not None and path[-1] in parent:
            del parent[path[-1]]
            del self.chk[spell(path, how)]
        else:
            try:
                del self.chk[spell(path, how)]
            except KeyError:
                return
            raise AssertionError("a key that is not there was deleted")

    @rule(path=PATHS)
    def pop(self, path: Any) -> None:
        parent = parent_of(self.model, path)
        expected = parent.pop(path[-1], "none") if parent is not None else "none"
        assert differs(expected, self.chk.pop(path, "none")) is None

    @rule()
    def popitem(self) -> None:
        if self.model:
            assert differs(self.model.popitem(), self.chk.popitem()) is None

    @rule(path=PATHS, value=VALUES)
    def setdefault(self, path: Any, value: Any) -> None:
        parent = parent_of(self.model, path)
        if parent is None:
            return
        found = self.chk.setdefault(path, value)
        expected = parent.setdefault(path[-1], value)
        assert differs(expected, found.load() if hasattr(found, "load") else found) is None

    @rule(values=st.dictionaries(NAMES, VALUES, max_size=4))
    def update(self, values: Any) -> None:
        self.model.update(values)
        self.chk.update(values)

    @rule(path=PATHS, values=st.dictionaries(NAMES, LEAVES, max_size=3))
    def group_update(self, path: Any, values: Any) -> None:
        parent = parent_of(self.model, path)
        inner = parent.get(path[-1]) if parent is not None else None
        if type(inner) is dict and not _other_keys(inner):
            inner.update(values)
            self.chk[path].update(values)

    @rule(path=PATHS)
    def clear(self, path: Any) -> None:
        parent = parent_of(self.model, path)
        inner = parent.get(path[-1]) if parent is not None else None
        if type(inner) is dict and not _other_keys(inner):
            inner.clear()
            self.chk[path].clear()

    @rule()
    def enter(self) -> None:
        if self.depth < 3:
            self.chk.__enter__()
            self.depth += 1

    @precondition(lambda self: self.depth > 0)
    @rule()
    def leave(self) -> None:
        self.chk.__exit__(None, None, None)
        self.depth -= 1

    @rule()
    def reopen(self) -> None:
        self.chk.close()
        self.depth = 0
        self.chk = HDF5Checkpointer(self.chk.checkpoint_file)

    @rule(path=PATHS)
    def contains(self, path: Any) -> None:
        parent = parent_of(self.model, path)
        assert (path in self.chk) == (parent is not None and path[-1] in parent)

    @invariant()
    def same(self) -> None:
        if hasattr(self, "chk"):
            assert differs(self.model, self.chk.load()) is None
            assert list(self.chk) == list(self.model)


class MemoryMachine(StoreMachine):
    """The same, on the in-memory backend."""

    def make(self) -> HDF5Checkpointer:
        return HDF5Checkpointer(None)

    @rule()
    def reopen(self) -> None:
        self.chk.close()
        self.depth = 0


class LargeTreeMachine(StoreMachine):
    """The same with trees of 2,000 leaves on five levels, and with the least cache of HDF5's."""

    def make(self) -> HDF5Checkpointer:
        self.patch = pytest.MonkeyPatch()
        use_least_cache(self.patch)
        return super().make()

    @initialize(path=PATHS)
    def start(self, path: Any) -> None:
        super().start()
        self.set_tree(path)

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "patch"):
            self.patch.undo()

    @rule(path=PATHS)
    def set_tree(self, path: Any) -> None:
        value = tree(len(path))
        if self.assign(path, value):
            self.chk[path] = value


TestStoreMachine = StoreMachine.TestCase
TestMemoryMachine = MemoryMachine.TestCase
TestLargeTreeMachine = LargeTreeMachine.TestCase
FULL = os.environ.get("HYPOTHESIS_PROFILE") == "full"
# Each example is a run of many steps.
TestStoreMachine.settings = settings(
    max_examples=settings.default.max_examples // (1 if FULL else 3)
)
TestLargeTreeMachine.settings = settings(max_examples=100 if FULL else 2, stateful_step_count=12)
for machine in (TestStoreMachine, TestMemoryMachine, TestLargeTreeMachine):
    machine.pytestmark = [pytest.mark.slow]
