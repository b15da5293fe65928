"""The rows of containers in the round-trip table."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np

from . import records
from .roundtrip_row import Row


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"d": value}
    return value


def _deep_list(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def _lists() -> list[Any]:
    cases: list[Any] = [
        [],
        [1, 2, 3],
        [1.5, -0.0, float("nan")],
        [True, False],
        [1j],
        ["a", "é", ""],
        [1, "a", None, 2.5],
    ]
    cases += [
        [[1, 2], [3, 4]],
        [[1], [2, 3]],
        [[]],
        [[], []],
        [[[1.0]], [[2.0]]],
        [["a", "b"], ["c", "d"]],
        [2**63],
        [1, 2**70],
    ]
    cases += [
        [np.float64(1), np.float64(2)],
        [np.int32(1)] * 3,
        [np.bool(True)],
        [[np.float64(1)], [np.float64(2)]],
        [np.longlong(1)],
    ]
    cases += [
        ["a\0"],
        ["\ud800", "b"],
        [b"x", b"y"],
        [None, None],
        ["short", "x" * 9000],
        ["", ""],
        list(range(5000)),
        [True, 1, 1.0, 1 + 0j],
    ]
    cases += [
        [np.zeros(3), 1, [np.ones(2)]],
        [np.zeros(0)],
        [{"a": 1, "$b": 2}],
        [{"$": 3, "items": 1}],
        [(1, [2, {3}])],
        [b"x" * 9000],
    ]
    return [
        *cases,
        _deep_list(40),
        [float("inf"), 1],
        [-0.0, 0],
        [[1, 2], (3, 4)],
        [1, True],
        [np.float32(1), 2.0],
        [np.zeros((), "f8")],
    ]


def _ragged() -> list[Any]:
    lengths = [3, 0, 1, 7, 2, 2, 0, 5]
    return [
        [np.arange(float(n)) for n in lengths],
        tuple(np.arange(n, dtype=">i2") for n in lengths),
        [np.ones((n, 2, 3), "f4") for n in lengths],
        [np.arange(2 * n).reshape(n, 2).astype("u1", order="F") for n in lengths],
        [np.arange(n * (n % 3)).reshape(n, n % 3) for n in lengths],
        [np.arange(n).astype("M8[D]") for n in lengths],
        [np.zeros(n, bool) for n in lengths],
    ]


def _dicts() -> list[Any]:
    cases: list[Any] = [
        {},
        {"a": 1},
        {"b": {}, "a": {"c": {}}},
        {"é": 1, "with space": 2, "a.b": 3},
        {"a": [1, {"b": np.zeros(2)}]},
    ]
    cases += [
        {1: "a", 2.5: "b", None: "c", (1, "x"): "d", True: 0},
        {"a": 1, 2: "b"},
        {"": 1},
        {"a/b": 1, "c": 2},
        {".": 1},
        {"..": 0, "n\0": 1},
    ]
    cases += [
        {"_data": np.zeros(3)},
        {"_data": 1, "b": 2},
        {"_list_numitems": 1, "_list_item_0": 2},
        {"pseudopickle_protocol": 1, "class": 2, "state": 3},
    ]
    cases += [
        {"items": "x", "0": 1},
        {"z": 1, "a": 2, "m": 3},
        {"\ud800": 1},
        {"k" * 300: 1},
        _deep(40),
        {(1, 2): np.zeros(3)},
        {np.str_("s"): 1},
    ]
    key, name = np.str_, records.Name.A
    cases += [
        {key("a"): np.zeros(3), name: None, "plain": 1.5, key("_data"): []},
        {name: {key("in"): {name: [1, "x"]}}, key("é"): {}},
        {key("n"): {1: 2}, key("r"): records.Point(1.0), key("t"): (np.zeros(2), "x")},
        {key("i"): 2**70, key("b"): True, key("c"): 1j, key("s"): "x", key("f"): np.float32(1)},
        {key("zero"): np.array(1.5), key("texts"): np.array(["a", "é"], object), key("v"): b"x"},
        {key("a/b"): 1, "c": 2},
        {key("a"): 1, 2: name},
        {"list": [{key("a"): [1, {name: []}], key("x"): np.zeros(2)}]},
    ]
    return [
        *cases,
        {"hdfchk": 1, "hdfchk:order": 2},
        {f"k{i}": i for i in range(300)},
        {frozenset({1}): {b"x": None}},
    ]


def _with_attributes(value: Any, **attributes: Any) -> Any:
    """Set attributes, as PyTorch does for ``_metadata`` of a module's state, an `OrderedDict`."""
    vars(value).update(attributes)
    return value


def _ordered() -> list[Any]:
    versions = collections.OrderedDict({"": {"version": 1}, "conv": {"version": 2}})
    weights = {"conv.weight": np.ones((2, 3)), "conv.bias": np.zeros(2)}
    return [
        collections.OrderedDict(),
        collections.OrderedDict(b=1, a=np.zeros(2)),
        collections.OrderedDict([(1, 2), ("x", 3)]),
        _with_attributes(collections.OrderedDict(weights), _metadata=versions),
        _with_attributes(collections.OrderedDict(), note="é", attributes=None),
        collections.OrderedDict({np.str_("a"): np.zeros(2), records.Name.A: 1}),
        _with_attributes(collections.OrderedDict(attributes=1, attributes_=2), note=[1, "a"]),
        _with_attributes(collections.OrderedDict([(1, 2), (None, np.zeros(2))]), note=np.ones(2)),
    ]


CONTAINERS = [
    Row("Containers", "list", "one dataset of numbers or strings, else packed text", _lists),
    Row(
        "Containers",
        "list, tuple of many small arrays",
        "one dataset of all elements and one of offsets, in a group",
        _ragged,
    ),
    Row(
        "Containers",
        "tuple",
        "as a list, with a mark",
        lambda: [
            (),
            (1, 2),
            ("a", None),
            ((1,), [2]),
            (np.zeros(2), "x"),
            (1.5, 2.5),
            (True,),
            ("a", "é"),
        ],
    ),
    Row(
        "Containers",
        "set, frozenset",
        "as a list, with a mark",
        lambda: [
            set(),
            {1, 2},
            {"a", 1, None},
            frozenset(),
            frozenset({1.5}),
            {(1, 2), frozenset({"x"})},
            {"a", "b"},
        ],
    ),
    Row(
        "Containers",
        "deque",
        "as a list, with a mark",
        lambda: [
            collections.deque(),
            collections.deque([1, 2]),
            collections.deque(["a", 1], 5),
            collections.deque([1], 1),
            collections.deque([], 0),
        ],
    ),
    Row(
        "Containers",
        "dict",
        "a group; keys of a subclass of str (numpy.str_, StrEnum) have a mark; with other keys, "
        "packed text",
        _dicts,
    ),
    Row(
        "Containers",
        "OrderedDict",
        "a group with a mark; its attributes, if any, as a group in it",
        _ordered,
    ),
    Row(
        "Containers",
        "defaultdict",
        "a group with a mark",
        lambda: [
            collections.defaultdict(None, {"a": 1}),
            collections.defaultdict(list, {"a": [1]}),
            collections.defaultdict(int, {1: 2}),
            collections.defaultdict(dict),
            collections.defaultdict(records.make_default, a=1),
            collections.defaultdict(records.Whole, a=1),
        ],
    ),
    Row(
        "Containers",
        "Counter",
        "a group with a mark; its attributes as those of an OrderedDict",
        lambda: [
            collections.Counter(),
            collections.Counter("hello"),
            collections.Counter({"a": -3, "b": 0}),
            collections.Counter([1, 1, (2,)]),
            _with_attributes(collections.Counter("hello"), source="text"),
            _with_attributes(collections.Counter([1, 1, 2]), source="numbers"),
        ],
    ),
]
