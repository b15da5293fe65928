"""Every method that scripts written for the older checkpointer call, with its old meaning."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from hdfchk import CheckpointerKeyError, HDF5Checkpointer, InvalidKeyError, InvalidOptionError


def test_open_and_close(path: str) -> None:
    """open_checkpoint_file opens and gives the stream; close_checkpoint_file closes it."""
    chk = HDF5Checkpointer(path)
    assert chk.is_open is False and chk.stream is None
    stream = chk.open_checkpoint_file(path)
    assert chk.is_open and chk.stream is not None and stream.mode in {"r", "r+"}
    chk["a"] = 1
    chk.close_checkpoint_file(stream)
    assert not chk.is_open and chk.stream is None and chk["a"] == 1
    with pytest.raises(TypeError):
        chk.open_checkpoint_file("another.hdf5")


def test_an_open_that_fails_holds_nothing(path: str) -> None:
    """open_checkpoint_file that raises leaves no block open: others write afterwards."""
    chk = HDF5Checkpointer(path, mode="r")
    with pytest.raises(FileNotFoundError):
        chk.open_checkpoint_file()
    assert not chk.is_open


def test_parameters(path: str) -> None:
    """save_, load_, delete_ and check_parameter; load gives plain dicts."""
    with HDF5Checkpointer(path) as chk:
        assert chk.is_open
        chk.save_parameter("a", {"b": [1, 2]})
        chk.save_parameter(("c", "d"), np.arange(2))
        assert type(chk.load_parameter("a")) is dict and chk.load_parameter(
            ("c", "d")
        ).tolist() == [0, 1]
        assert (
            chk.check_parameter("a")
            and not chk.check_parameter("x")
            and not chk.check_parameter(("a", "x"))
        )
        chk.delete_parameter("a")
        assert not chk.check_parameter("a")
        with pytest.raises(CheckpointerKeyError):
            chk.load_parameter("a")


def test_filters_hold_for_old_names(path: str) -> None:
    """The filters hold for the older names, too."""
    chk = HDF5Checkpointer(path, None, ["a"], ["b"])
    chk.check_allowed_key("a")
    for call in (
        lambda: chk.save_parameter("b", 1),
        lambda: chk.load_parameter("b"),
        lambda: chk.delete_parameter("b"),
        lambda: chk.check_allowed_key("b"),
        lambda: chk.check_allowed_key("c"),
    ):
        with pytest.raises(CheckpointerKeyError):
            call()
    assert not chk.check_parameter("b")


def test_keys(path: str) -> None:
    """keys gives the keys, and can be indexed like the list that it was; get_keys the values."""
    chk = HDF5Checkpointer(path)
    chk.update([("a", 1), ("b", 2.5)])
    chk.update({"c": "x"})
    assert (
        list(chk.keys()) == ["a", "b", "c"]
        and chk.keys()[0] == "a"
        and chk.keys()[1:] == ["b", "c"]
    )
    assert chk.get_keys(["c", "a"]) == ["x", 1]
    with pytest.raises(KeyError):
        chk.get_keys(["c", "missing"])
    assert chk.get("b") == 2.5 and chk.get("z") is None and chk.get("z", 3) == 3
    assert chk.pop("a") == 1 and chk.pop("a", 7) == 7


def test_cached_eval(path: str) -> None:
    """cached_eval computes once; condition(key) turns the store off for a call."""
    chk = HDF5Checkpointer(path)
    calls: list[Any] = []

    def generate(n: int, *, m: int = 0) -> dict[str, int]:
        calls.append((n, m))
        return {"sum": n + m}

    for _ in range(3):
        assert chk.cached_eval("k", generate, args=(1,), kwargs={"m": 2}) == {"sum": 3}
    assert calls == [(1, 2)]
    asked: list[Any] = []
    assert chk.cached_eval("k", generate, condition=lambda key: asked.append(key), args=(5,)) == {
        "sum": 5
    }
    assert asked == ["k"] and chk["k/sum"] == 3


def test_default_extension() -> None:
    """The extension is that of the older one."""
    assert HDF5Checkpointer.default_extension == ".hdf5"


def test_from_file(path: str) -> None:
    """from_file takes a path or an open file, with options; other formats are refused."""
    HDF5Checkpointer.from_file(path, allowed_keys=["a"])["a"] = 1
    with open(path, "r+b") as file:
        assert HDF5Checkpointer.from_file(file)["a"] == 1
    for name in ("x.json", "x.npz", "x.pkl"):
        with pytest.raises(InvalidOptionError):
            HDF5Checkpointer.from_file(name)


def test_build_canonical(path: str) -> None:
    """build_canonical takes a path, a store, a dict in place, None, and a specification."""
    build = HDF5Checkpointer.build_canonical
    chk = build(path)
    chk["a"] = 1
    assert build(chk) is chk
    spec = build({"file": path, "keys": ["a"], "opts": {"mode": "r"}})
    assert spec["a"] == 1 and list(spec) == ["a"]
    with pytest.raises(OSError):
        spec["a"] = 2
    both = build({"file": path, "keys": {"allowed_keys": ["a", "b"], "omitted_keys": "b"}})
    assert both.check_parameter("a") and not both.check_parameter("b")
    with pytest.raises(InvalidOptionError):
        build({"file": path, "keys": {"other": 1}})
    assert build(io.BytesIO()).load() == {}


def test_dict_in_place() -> None:
    """A dict is used in place: the very objects, any of them."""
    target: dict[str, Any] = {"a": 1}
    chk = HDF5Checkpointer.build_canonical(target)
    thing = object()
    chk["thing"] = thing
    chk["deep", "er"] = [thing]
    assert target["thing"] is thing and target["deep"]["er"][0] is thing and chk["thing"] is thing
    assert chk["a"] == 1 and list(chk) == ["a", "thing", "deep"] and "deep/er" in chk
    with chk:
        del chk["a"]
    assert list(target) == ["thing", "deep"]
    assert chk.cached_eval("new", lambda: 5) == 5 == target["new"]


def test_none_keeps_nothing() -> None:
    """None gives a store that keeps nothing, so that a script can turn checkpointing off."""
    chk = HDF5Checkpointer.build_canonical(None)
    calls: list[int] = []
    with chk:
        chk["a"] = object()
        chk.update({"b": 2})
        chk.save_parameter(("c", "d"), 3)
        assert "a" not in chk and list(chk.keys()) == [] and len(chk) == 0
        with pytest.raises(CheckpointerKeyError):
            chk.load_parameter("a")
        for _ in range(2):
            assert chk.cached_eval("k", lambda: calls.append(1) or 7) == 7
    assert calls == [1, 1]


def test_serializer_of_older_classes(path: str) -> None:
    """A to_state that calls serializer.serialize, and a from_state that calls deserialize, work."""
    from hdfchk import CodecRegistry

    class Older:
        def __init__(self, parts: Any) -> None:
            self.parts = parts

        def to_state(self, serializer: Any = None) -> dict[str, Any]:
            return {"parts": serializer.serialize(self.parts)}

        @classmethod
        def from_state(cls, state: dict[str, Any], serializer: Any = None) -> Any:
            return cls(serializer.deserialize(state["parts"]))

    registry = CodecRegistry()
    registry.register(Older, name="older")
    chk = HDF5Checkpointer(path, registry)
    chk["x"] = Older([1, "a", {"b": np.arange(2)}])
    assert chk["x"].parts[2]["b"].tolist() == [0, 1]


def test_a_dict_with_paths_is_refused() -> None:
    """A dict that is used in place has names: a path in it would be listed, and never found."""
    given = {"a": 1, "m/s": 3}
    with pytest.raises(InvalidKeyError, match=r"\{'m': \{'s': 3\}\}"):
        HDF5Checkpointer.build_canonical(given)
    assert given == {"a": 1, "m/s": 3}
