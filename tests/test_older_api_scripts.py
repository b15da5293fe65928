"""What scripts for the older checkpointer rely on beyond the bare methods."""

from __future__ import annotations

import io
import os
import pathlib

import h5py
import numpy as np
import pytest

from hdfchk import (
    CheckpointerKeyError,
    CodecRegistry,
    Group,
    HDF5Checkpointer,
    HdfchkError,
)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "run.hdf5")


@pytest.fixture
def chk(path):
    store = HDF5Checkpointer(path)
    store.update({"a": 1, "g": {"x": np.arange(3), "deep": {"y": "z"}}, "l": [1, "b"]})
    return store


def test_arguments_keep_their_places(path):
    """File, serializer, allowed and omitted keys are the first four arguments."""
    store = HDF5Checkpointer(path, CodecRegistry(), ["a", "b"], ["b"])
    assert store.checkpoint_file == path
    assert store.allowed_keys == ["a", "b"] and store.omitted_keys == ["b"]
    store["a"] = 1
    with pytest.raises(KeyError):
        store["b"] = 1


def test_open_checkpoint_file_creates_a_missing_file(path):
    """`open_checkpoint_file` of a missing file creates it, as it did."""
    store = HDF5Checkpointer(path)
    stream = store.open_checkpoint_file(path)
    assert isinstance(stream, h5py.File)
    store.close_checkpoint_file(stream)
    assert os.path.exists(path) and len(store) == 0 and not stream


@pytest.mark.parametrize("mode", ["a", "w", "x"])
def test_what_is_done_to_the_stream_of_a_new_file(path, mode):
    """What is done to the stream alone is there at the end of the block, also in a new file."""
    with HDF5Checkpointer(path, mode=mode) as store:
        store.stream["raw"] = 1
    with h5py.File(path) as file:
        assert file["raw"][()] == 1


def test_blocks_nest(chk):
    """The outermost ``with`` block closes the file, as it did."""
    with chk as same:
        assert same is chk
        with chk:
            chk["b"] = 1
        assert chk.is_open and isinstance(chk.stream, h5py.File)
    assert not chk.is_open and chk.stream is None


def test_refused_keys(chk):
    """`check_allowed_key` raises for a key that is refused, whether it is there or not."""
    store = HDF5Checkpointer(chk.checkpoint_file, allowed_keys=["a", "g"], omitted_keys=["g"])
    assert store.check_allowed_key("a") is None
    for key in ("g", ("g", "x"), "l", "nothing"):
        with pytest.raises(CheckpointerKeyError):
            store.check_allowed_key(key)
        with pytest.raises(CheckpointerKeyError):
            store.save_parameter(key, 1)
        with pytest.raises(CheckpointerKeyError):
            store.delete_parameter(key)


def test_tuples_are_checked_by_their_first_key(chk):
    """Allowing a key of the first level allows all below it, as before."""
    store = HDF5Checkpointer(chk.checkpoint_file, allowed_keys=["g"])
    store.check_allowed_key(("g", "deep", "y"))
    assert store["g", "deep", "y"] == "z"


def test_update_takes_pairs(chk):
    """`update` takes a mapping or any iterable of pairs, whose keys may be tuples."""
    chk.update([("d", 4), (("g", "e"), 5)])
    chk.update(iter([("f", 6)]))
    chk.update({})
    assert chk.get_keys(["d", ("g", "e"), "f"]) == [4, 5, 6]
    assert chk.get_keys(iter(["a"])) == [1]


def test_get_and_pop(chk):
    """`get` and `pop` give the default for a key that is missing or refused."""
    hidden = HDF5Checkpointer(chk.checkpoint_file, omitted_keys="a")
    assert chk.get("nothing") is None and chk.get("nothing", 7) == 7 == hidden.get("a", 7)
    assert isinstance(chk.get("g"), Group)
    assert chk.pop("nothing", None) is None and hidden.pop("a", 7) == 7 and chk["a"] == 1
    popped = chk.pop("g")
    assert type(popped) is dict and popped["deep"] == {"y": "z"}
    with pytest.raises(CheckpointerKeyError, match="'g'"):
        chk.pop("g")


def test_cached_eval_keeps_none(chk):
    """A result of None is stored as well, and not computed again."""
    assert chk.cached_eval("none", lambda: None) is None
    assert "none" in chk and chk.cached_eval("none", lambda: 1 / 0) is None


def test_cached_eval_asks_its_condition_first(chk):
    """Where ``condition(key)`` is false, the store is neither read nor written."""
    asked = []

    def condition(key):
        asked.append(key)
        return key == "b"

    assert chk.cached_eval("a", lambda: 10, condition=condition) == 10 and chk["a"] == 1
    assert chk.cached_eval("c", lambda: 11, condition=condition) == 11 and "c" not in chk
    assert chk.cached_eval("b", lambda: 12, condition=condition) == 12 == chk["b"]
    assert chk.cached_eval("b", lambda: 13, condition=condition) == 12
    assert asked == ["a", "c", "b", "b"]


def test_cached_eval_that_fails(chk):
    """What fails to compute stores nothing, in a block or out of it."""
    with chk:
        assert chk.cached_eval(("g", "new"), lambda n: n + 1, args=(4,)) == 5
        with pytest.raises(ZeroDivisionError):
            chk.cached_eval("c", lambda: 1 / 0)
        assert "c" not in chk
    assert chk["g/new"] == 5


def test_keyword_arguments(chk):
    """A store is a set of keyword arguments: ``f(**chk)``."""

    def function(a, g, l):  # noqa: E741
        return a, list(g), l

    assert function(**chk) == (1, ["x", "deep"], [1, "b"])


def test_files_of_any_kind(path):
    """`from_file` and `build_canonical` take a `str`, a `Path`, an open file and `BytesIO`."""
    memory = io.BytesIO()
    for target in (path, pathlib.Path(path), memory):
        for make in (HDF5Checkpointer.from_file, HDF5Checkpointer.build_canonical):
            make(target)["a"] = 1
            assert make(target)["a"] == 1
    with open(path, "r+b") as stream:
        assert HDF5Checkpointer.from_file(stream, allowed_keys=["a"]).load() == {"a": 1}
    with open(path) as stream, pytest.raises(OSError, match="binary"):
        HDF5Checkpointer(stream)


def test_files_of_other_formats(tmp_path):
    """A file of one of the older tool's other formats is refused, with its name."""
    for name in ("run.json", "run.npz"):
        with pytest.raises(ValueError, match=name) as caught:
            HDF5Checkpointer.from_file(str(tmp_path / name))
        assert isinstance(caught.value, HdfchkError)
    with pytest.raises(TypeError, match="path"):
        HDF5Checkpointer.build_canonical(3)


def test_specifications(chk):
    """``file``, ``keys`` and ``opts`` describe a store; what else is in ``keys`` is refused."""
    path = chk.checkpoint_file

    def build(**parts):
        return HDF5Checkpointer.build_canonical({"file": path, **parts})

    assert list(build(keys=None, opts=None)) == ["a", "g", "l"]
    assert list(build(opts={"omitted_keys": ["g"]})) == ["a", "l"]
    assert list(build(keys={"allowed_keys": ["a", "g"], "omitted_keys": ["g"]})) == ["a"]
    with pytest.raises(PermissionError):
        build(opts={"mode": "r"})["a"] = 2
    with pytest.raises(ValueError, match="some_keys"):
        build(keys={"some_keys": ["a"]})


def test_a_dict_with_a_file_of_its_own():
    """A dict with ``file`` and other keys is no specification, but a dict to be used in place."""
    target = {"file": "name", "steps": 3}
    store = HDF5Checkpointer.build_canonical(target)
    assert store["steps"] == 3
    store["steps"] = 4
    assert target == {"file": "name", "steps": 4}
