"""One contract for every mapping: what a `dict` does, a store, a group and a view do."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hdfchk import (
    CheckpointerKeyError,
    Group,
    InvalidKeyError,
    InvalidKeyTypeError,
    NotAGroupError,
    UnsupportedTypeError,
)

VALUES: list[Any] = [
    1,
    2.5,
    "text",
    None,
    True,
    1j,
    b"bytes",
    [1, 2],
    [1, "a"],
    (1,),
    {},
    {"q": {"r": 1}},
]
VALUES += [np.arange(3), np.arange(4.0), np.zeros((2, 2)), np.float32(1), {1: 2}]


def plain(value: Any) -> Any:
    return value.load() if isinstance(value, Group) else value


def equal(left: Any, right: Any) -> bool:
    left, right = plain(left), plain(right)
    if isinstance(left, np.ndarray):
        return (
            isinstance(right, np.ndarray)
            and left.dtype == right.dtype
            and np.array_equal(left, right)
        )
    return type(left) is type(right) and left == right


def _each_after_each(values: list[Any]) -> Iterator[Any]:
    """All of them, in an order in which each comes once right after each, itself included."""
    for number, value in enumerate(values):
        yield value
        yield value
        for other in values[number + 2 :]:
            yield other
            yield value
    # Still missing: each before the one that precedes it.
    yield from reversed(values[:-1])


class MappingContract:
    """Subclasses give `mapping`: an empty mapping, and what else it lives on."""

    @pytest.fixture
    def mapping(self) -> Any:
        raise NotImplementedError

    def test_empty(self, mapping: Any) -> None:
        """A new mapping is empty in every way that one can ask."""
        assert len(mapping) == 0
        assert (
            list(mapping)
            == []
            == list(mapping.keys())
            == list(mapping.values())
            == list(mapping.items())
        )
        assert mapping == {} and mapping.load() == {} and not mapping
        assert "x" not in mapping
        mapping.clear()

    def test_set_and_get(self, mapping: Any) -> None:
        """What was set is there, in each way to ask."""
        for index, value in enumerate(VALUES):
            mapping[f"k{index}"] = value
        assert len(mapping) == len(VALUES)
        for index, value in enumerate(VALUES):
            assert equal(mapping[f"k{index}"], value)
            assert equal(mapping.get(f"k{index}"), value)
            assert f"k{index}" in mapping
        assert (
            list(mapping)
            == [f"k{i}" for i in range(len(VALUES))]
            == [k for k, _ in mapping.items()]
        )
        assert all(equal(a, b) for a, b in zip(mapping.values(), VALUES, strict=True))
        assert list(mapping.keys())[0] == mapping.keys()[0] == "k0"

    @pytest.mark.slow
    def test_replace_by_any_other(self, mapping: Any) -> None:
        """Whatever stood there before, afterwards the new value does; its place stays."""
        mapping["before"] = 0
        mapping["x"] = 0
        mapping["after"] = 0
        for value in _each_after_each(VALUES):
            mapping["x"] = value
            assert equal(mapping["x"], value)
        assert list(mapping) == ["before", "x", "after"]

    def test_order(self, mapping: Any) -> None:
        """Keys keep the order in which they were first set; a deleted key comes back last."""
        for key in "zyxabc":
            mapping[key] = key
        mapping["x"] = np.zeros(5)
        mapping["z"] = {"now": "a group"}
        del mapping["y"]
        mapping["y"] = 1
        assert list(mapping) == ["z", "x", "a", "b", "c", "y"]
        assert list(mapping.load()) == ["z", "x", "a", "b", "c", "y"]
        assert list(reversed(list(mapping.items())))[0][0] == "y"

    def test_delete(self, mapping: Any) -> None:
        """A deleted key is gone; one that is not there is a KeyError."""
        mapping["a"] = {"b": 1, "c": 2}
        del mapping["a", "b"]
        assert mapping["a"] == {"c": 2}
        del mapping["a"]
        assert "a" not in mapping and len(mapping) == 0
        for key in ("a", "a/b", ("a", "b"), "", 3, None, ("a", 1)):
            with pytest.raises(KeyError):
                del mapping[key]

    def test_paths(self, mapping: Any) -> None:
        """Every spelling of a path is one place, and setting makes the groups in between."""
        mapping["a/b/c"] = 1
        mapping["a", "b", "d"] = 2
        mapping["a"]["b"]["e"] = 3
        mapping["a/b", "f"] = 4
        assert mapping["a/b"] == {"c": 1, "d": 2, "e": 3, "f": 4} == mapping["a"]["b"].load()
        assert mapping["a/b/d"] == mapping["a", "b/d"] == mapping["a"]["b/d"] == 2
        assert ("a", "b", "c") in mapping and "a/b/c" in mapping and "a/x/c" not in mapping
        assert "a/b/c/d" not in mapping

    @pytest.mark.parametrize(
        "key",
        [
            "",
            ".",
            "..",
            "/a",
            "a/",
            "a//b",
            "a/./b",
            "n\0",
            (),
            ("",),
            ("a", ""),
            "\ud800",
            "hdfchk:x",
            "a/hdfchk:x",
        ],
    )
    def test_bad_keys(self, mapping: Any, key: Any) -> None:
        """A key that no file can hold: ValueError on write, KeyError on read, False for in."""
        with pytest.raises(ValueError) as caught:
            mapping[key] = 1
        assert isinstance(caught.value, InvalidKeyError)
        for read in (
            mapping.__getitem__,
            mapping.load,
            mapping.pop,
            mapping.__delitem__,
            mapping.array,
            mapping.group,
        ):
            with pytest.raises(KeyError):
                read(key)
        assert key not in mapping
        assert mapping.get(key, "default") == "default"
        assert len(mapping) == 0

    @pytest.mark.parametrize(
        "key", [1, None, b"a", 1.5, ("a", 1), ["a"], {}, object(), frozenset(), np.zeros(2)]
    )
    def test_keys_of_other_types(self, mapping: Any, key: Any) -> None:
        """A key that is no str nor tuple of str: TypeError on write, KeyError on read, False for in."""
        with pytest.raises(TypeError) as caught:
            mapping[key] = 1
        assert isinstance(caught.value, InvalidKeyTypeError)
        with pytest.raises(KeyError):
            mapping[key]
        assert key not in mapping

    def test_missing(self, mapping: Any) -> None:
        """A key that is not there is a KeyError that says where it was looked for."""
        mapping["a"] = {"b": 1}
        for key in ("x", "a/x", "a/b/c", ("a", "x")):
            with pytest.raises(CheckpointerKeyError) as caught:
                mapping[key]
            assert caught.value.file
            assert caught.value.key
            assert caught.value.key in str(caught.value)
            assert mapping.get(key) is None

    def test_through_a_value(self, mapping: Any) -> None:
        """A path through a value that is no dict is refused, and the value stays."""
        mapping["v"] = 5
        mapping["o"] = [1, "a", np.zeros(2)]
        for key in ("v/x", "v/x/y", "o/x"):
            with pytest.raises(NotAGroupError):
                mapping[key] = 1
        with pytest.raises(NotAGroupError):
            mapping.update({"new": 1, "v/x": 2})
        with pytest.raises(NotAGroupError):
            mapping.update([("fresh", 1), ("fresh/x", 2)])
        assert mapping["v"] == 5 and list(mapping) == ["v", "o"]

    def test_pop(self, mapping: Any) -> None:
        """pop and popitem are dict's, with plain dicts."""
        mapping.update({"a": {"b": 1}, "c": 2, "d": np.zeros(2)})
        assert mapping.pop("a") == {"b": 1}
        assert mapping.pop("a", "none") == "none" and mapping.pop("x", None) is None
        with pytest.raises(KeyError):
            mapping.pop("a")
        key, value = mapping.popitem()
        assert key == "d" and equal(value, np.zeros(2))
        assert mapping.popitem() == ("c", 2)
        with pytest.raises(KeyError):
            mapping.popitem()

    def test_setdefault(self, mapping: Any) -> None:
        """setdefault sets what is missing, and gives what is there, live."""
        assert mapping.setdefault("a", 1) == 1 == mapping.setdefault("a", 2)
        mapping.setdefault("g", {})["x"] = 1
        assert mapping["g"] == {"x": 1}
        assert mapping.setdefault("n") is None and "n" in mapping

    def test_order_of_an_update(self, mapping: Any) -> None:
        """What replaces a dict that the same update began stands where that would."""
        mapping.update({"c/d": 1, "d": 2, "c": 3, "e/f": 4, "b": 5, "e": {"g": 6}})
        assert list(mapping) == ["c", "d", "e", "b"] and mapping["e"] == {"g": 6}

    def test_update(self, mapping: Any) -> None:
        """update takes what dict's takes; keys may be paths; it is one commit."""
        mapping.update({"a": 1}, b=2)
        mapping.update([("c", 3), ("d/e", 4)])
        mapping.update()
        mapping.update({"a": {"x": 1}, "a/y": 2})
        assert mapping == {"a": {"x": 1, "y": 2}, "b": 2, "c": 3, "d": {"e": 4}}
        mapping.update({"d": {"f": 5}})
        assert mapping["d"] == {"f": 5}
        mapping["d"].update(g=6)
        assert mapping["d"] == {"f": 5, "g": 6}

    def test_merge(self, mapping: Any) -> None:
        """merge keeps what is there, on every level."""
        mapping["p"] = {"a": 1, "in": {"x": 1, "y": 2}}
        mapping.merge("p", {"b": 2, "in": {"y": 3}, "new": {}})
        assert mapping["p"] == {"a": 1, "in": {"x": 1, "y": 3}, "b": 2, "new": {}}
        mapping.merge("fresh", {"k": 1})
        assert mapping["fresh"] == {"k": 1}
        mapping["value"] = 3
        with pytest.raises(NotAGroupError):
            mapping.merge("value", {"k": 1})
        assert mapping["value"] == 3

    def test_merge_takes_names(self, mapping: Any) -> None:
        """merge refuses paths, and a dict that would replace a stored one, as its keys are none."""
        mapping["p"] = {"a": 1, "in": {"x": 1}}
        for key in ("p", "fresh"):
            with pytest.raises(InvalidKeyError, match=r"\{'m': \{'s': 3\}\}"):
                mapping.merge(key, {"m/s": 3})
        for given in ({1: 2}, {"in": {"m/s": 3}}, {"b": 2, "in": {1: np.arange(3)}}):
            with pytest.raises(InvalidKeyError):
                mapping.merge("p", given)
        assert mapping == {"p": {"a": 1, "in": {"x": 1}}}
        mapping.merge("p", {"new": {"m/s": 3}, "a": {1: 2}, "in": {"y": {"b/c": 4}}})
        new = {"a": {1: 2}, "in": {"x": 1, "y": {"b/c": 4}}, "new": {"m/s": 3}}
        assert mapping == {"p": new}

    def test_all_or_nothing(self, mapping: Any) -> None:
        """A value that cannot be kept costs nothing that was there."""
        mapping["a"] = {"x": 1}
        before = mapping.load()
        for bad in ({"ok": 1, "bad": {"deep": [object()]}}, {"a": {"x": 2}, "z": lambda: 0}):
            with pytest.raises(UnsupportedTypeError):
                mapping.update(bad)
            with pytest.raises(UnsupportedTypeError):
                mapping["a"] = bad
            with pytest.raises(UnsupportedTypeError):
                mapping.merge("a", bad)
        assert mapping == before

    def test_error_names_the_path(self, mapping: Any) -> None:
        """A refused value is named by its whole path."""
        with pytest.raises(UnsupportedTypeError) as caught:
            mapping["top"] = {"in": [1, {"bad": (object(),)}]}
        assert caught.value.key.endswith("top/in/[1]/bad/[0]")
        assert caught.value.hint

    def test_equality(self, mapping: Any) -> None:
        """== compares with any mapping, arrays by value, at every level."""
        value = {"a": np.arange(3), "b": {"c": [np.zeros(1), "x"]}, "n": None}
        mapping.update(value)
        assert mapping == value and value == mapping and mapping == mapping
        assert mapping != {**value, "a": np.arange(4)} and mapping != {**value, "extra": 1}
        assert mapping != {"a": 1} and mapping != [1] and not mapping == 3
        with pytest.raises(TypeError):
            hash(mapping)

    def test_or(self, mapping: Any) -> None:
        """| gives a plain dict, |= updates."""
        mapping.update({"a": 1, "b": {"c": 2}})
        assert (mapping | {"a": 2}) == {"a": 2, "b": {"c": 2}}
        assert ({"a": 0, "z": 1} | mapping) == {"a": 1, "z": 1, "b": {"c": 2}}
        assert type(mapping | {}) is dict and type((mapping | {})["b"]) is dict
        same = mapping
        mapping |= {"d": 4}
        assert mapping is same and mapping["d"] == 4
        with pytest.raises(TypeError):
            mapping | [1]

    def test_iteration_while_changing(self, mapping: Any) -> None:
        """Iterating while keys come or go raises RuntimeError; replacing a value does not."""
        mapping.update({"a": 1, "b": 2, "c": 3})
        for key in mapping:
            mapping[key] = {"now": "another type"}
        with pytest.raises(RuntimeError):
            for key in mapping:
                mapping[key + "x"] = 1
        with pytest.raises(RuntimeError):
            for key in mapping.keys():
                del mapping[key]

    def test_live_group(self, mapping: Any) -> None:
        """A dict comes back as a live group: changes through either are seen by both."""
        mapping["g"] = {"a": 1}
        group = mapping["g"]
        assert isinstance(group, Group)
        group["b"] = {"c": 2}
        mapping["g/b/d"] = 3
        assert group["b"] == {"c": 2, "d": 3}
        del mapping["g"]
        assert "a" not in group
        with pytest.raises(KeyError):
            group["a"]
        with pytest.raises(KeyError):
            len(group)

    def test_plain(self, mapping: Any) -> None:
        """load, load_parameter and deepcopy of a group give plain dicts."""
        mapping["g"] = {"a": {"b": np.zeros(2)}}
        for found in (
            mapping.load("g"),
            mapping.load_parameter("g"),
            copy.deepcopy(mapping["g"]),
            mapping["g"].load(),
            mapping.load()["g"],
        ):
            assert type(found) is dict and type(found["a"]) is dict

    def test_group(self, mapping: Any) -> None:
        """group gives the group at a key, and makes it if asked to."""
        with pytest.raises(KeyError):
            mapping.group("g")
        mapping.group("g/h", create=True)["x"] = 1
        assert mapping.group("g") == {"h": {"x": 1}}
        assert mapping.group("g", create=True) == {"h": {"x": 1}}
        with pytest.raises(NotAGroupError):
            mapping.group("g/h/x")

    def test_assign_a_group(self, mapping: Any) -> None:
        """A group or array handle that is assigned is copied."""
        mapping["a"] = {"x": np.arange(3)}
        mapping["b"] = mapping["a"]
        mapping["c"] = mapping.array("a/x")
        mapping["a/x"] = 5
        assert mapping["b"] == {"x": np.arange(3)} and equal(mapping["c"], np.arange(3))
        mapping["a"] = mapping
        assert mapping["a/b"] == {"x": np.arange(3)}

    def test_attrs(self, mapping: Any) -> None:
        """Attributes are a mapping; the library's own are hidden, and refused on write."""
        mapping["g"] = {"a": 1}
        mapping["x"] = np.zeros(3)
        for attrs in (mapping["g"].attrs, mapping.array("x").attrs):
            attrs["units"] = "eV"
            attrs["count"] = 3
            attrs["np"] = np.float64(2)
            attrs["list"] = [1, "a"]
            attrs["shape"] = (2, 3)
            attrs["array"] = np.arange(3)
            assert attrs["units"] == "eV" and type(attrs["np"]) is np.float64
            assert attrs["list"] == [1, "a"] and attrs["shape"] == (2, 3)
            assert equal(attrs["array"], np.arange(3))
            assert (
                set(attrs) == {"units", "count", "np", "list", "shape", "array"} and len(attrs) == 6
            )
            attrs["list"] = "text now"
            assert attrs["list"] == "text now"
            del attrs["np"]
            assert "np" not in attrs and attrs.get("np") is None
            with pytest.raises(KeyError):
                del attrs["np"]
            with pytest.raises(ValueError):
                attrs["hdfchk"] = 1
            with pytest.raises(KeyError):
                attrs["hdfchk"]
            with pytest.raises(TypeError):
                attrs["dict"] = {"a": 1}
            with pytest.raises(TypeError):
                attrs[3] = 1
        mapping["x"] = np.zeros((4, 4))
        assert mapping.array("x").attrs["units"] == "eV"

    def test_reserved_names(self, mapping: Any) -> None:
        """Names by which the older tool marked lists and objects are ordinary keys."""
        mapping["g"] = {}
        mapping["g"]["_data"] = np.zeros(2)
        assert isinstance(mapping["g"], Group)
        mapping["_list_numitems"] = 3
        mapping["h"] = {"pseudopickle_protocol": 1, "pickle_data": "x", "_data": 1}
        assert mapping["h"].load() == {"pseudopickle_protocol": 1, "pickle_data": "x", "_data": 1}
        assert mapping.load()["_list_numitems"] == 3
        del mapping["g"], mapping["h"], mapping["_list_numitems"]

    def test_array_handle(self, mapping: Any) -> None:
        """array gives a handle that reads and writes parts."""
        mapping["x"] = np.arange(12.0).reshape(4, 3)
        array = mapping.array("x")
        assert array.shape == (4, 3) and array.dtype == "f8" and array.ndim == 2 and len(array) == 4
        assert array.size == 12 and array.nbytes == 96
        assert (
            equal(array[1], np.arange(3.0, 6))
            and array[1, 2] == 5
            and equal(array[:, 1], np.array([1.0, 4, 7, 10]))
        )
        array[1] = 0
        array[2:, 0] = [7, 8]
        assert equal(mapping["x"][1:, 0], np.array([0.0, 7, 8]))
        assert equal(np.asarray(array), mapping["x"])
        array.append(np.ones((2, 3)))
        array.append([9, 9, 9])
        assert array.shape == (7, 3) and array[-1].tolist() == [9, 9, 9]
        with pytest.raises(ValueError):
            array.append(np.zeros((1, 4)))
        mapping["t"] = np.array(["2020", "2021"], "M8[Y]")
        assert (
            mapping.array("t")[1] == np.datetime64("2021") and mapping.array("t").dtype == "M8[Y]"
        )
        mapping.array("t")[0] = np.datetime64("1999")
        assert mapping["t"].tolist()[0].year == 1999
        mapping["new"] = {}
        with pytest.raises(TypeError):
            mapping.array("new")
