"""What golden files hold of Python's own types. Frozen: a new value goes into a file of a new set."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import fractions
import pathlib
import struct
import uuid
import zoneinfo
from typing import Any

import numpy as np

from . import classes

NAN_PAYLOAD = struct.unpack("d", struct.pack("Q", 0x7FF8_0000_DEAD_BEEF))[0]


def numbered(**families: list[Any]) -> dict[str, Any]:
    """The values of each family by its name and their number, and all of them in one list."""
    named: dict[str, Any] = {}
    for family, values in families.items():
        named |= {f"{family}:{index}": value for index, value in enumerate(values)}
    return named | {f"{family}:all": values for family, values in families.items()}


def deep(levels: int, wrap: Any, inner: Any) -> Any:
    """A value inside so many containers."""
    for _ in range(levels):
        inner = wrap(inner)
    return inner


def scalars() -> dict[str, Any]:
    """None, bool, int, float, complex, str, bytes, bytearray, constants."""
    nan, inf = float("nan"), float("inf")
    ints = [0, 1, -1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64, -(2**63) - 1, -(10**30)]
    return numbered(
        none=[None],
        bool=[True, False],
        int=[*ints, 2**9000],
        float=[0.0, -0.0, 1.5, 1e-8, 5e-324, nan, NAN_PAYLOAD, inf, -inf],
        complex=[0j, -0j, 1 + 2j, complex(nan, -0.0), complex(-0.0, inf), complex(0, NAN_PAYLOAD)],
        str=[
            *("", "a", "é ∑ 漢 😀", "a\0b", "trailing\0\0", "\0", "\ud800", "ok\udcff"),
            *("é" * 1100, " lead and trail ", "\n\t\r", "nan", "None", "{}"),
        ],
        bytes=[b"", b"a", b"\0", b"tail\0\0", bytes(range(256)), b"x" * 2100],
        bytearray=[bytearray(), bytearray(b"ab\0"), bytearray(b"y" * 10)],
        constant=[..., NotImplemented],
    )


def _lists() -> list[Any]:
    return [
        *([], [1, 2, 3], [1.5, -0.0, float("nan")], [True, False], [1j], ["a", "é", ""]),
        *([1, "a", None, 2.5], [[1, 2], [3, 4]], [[1], [2, 3]], [[]], [[], []]),
        *([[[1.0]], [[2.0]]], [["a", "b"], ["c", "d"]], [2**63], [1, 2**70]),
        *([np.float64(1), np.float64(2)], [np.int32(1)] * 3, [np.bool(True)]),
        *([[np.float64(1)], [np.float64(2)]], [np.longlong(1)]),
        *(["a\0"], ["\ud800", "b"], [b"x", b"y"], [None, None], ["short", "x" * 900], ["", ""]),
        *(list(range(500)), [True, 1, 1.0, 1 + 0j], [float("inf"), 1], [-0.0, 0]),
        *([np.zeros(3), 1, [np.ones(2)]], [np.zeros(0)], [{"a": 1, "$b": 2}]),
        *([{"$": 3, "items": 1}], [(1, [2, {3}])], [b"x" * 4200], [[1, 2], (3, 4)]),
        *([1, True], [np.float32(1), 2.0], [np.zeros((), "f8")], deep(12, lambda x: [x], [])),
    ]


def _dicts() -> list[Any]:
    return [
        *({}, {"a": 1}, {"b": {}, "a": {"c": {}}}, {"é": 1, "with space": 2, "a.b": 3}),
        {"a": [1, {"b": np.zeros(2)}]},
        {1: "a", 2.5: "b", None: "c", (1, "x"): "d", False: 0},
        *({"a": 1, 2: "b"}, {"": 1}, {"a/b": 1, "c": 2}, {".": 1}, {"..": 0, "n\0": 1}),
        *({"_data": np.zeros(3)}, {"_data": 1, "b": 2}, {"_list_numitems": 1, "_list_item_0": 2}),
        {"pseudopickle_protocol": 1, "class": 2, "state": 3},
        *({"items": "x", "0": 1}, {"z": 1, "a": 2, "m": 3}, {"\ud800": 1}, {"k" * 300: 1}),
        *({(1, 2): np.zeros(3)}, {np.str_("s"): 1}, {"hdfchk": 1, "hdfchk:order": 2}),
        *({f"k{i}": i for i in range(30)}, {frozenset({1}): {b"x": None}}),
        deep(12, lambda x: {"d": x}, 1),
    ]


def containers() -> dict[str, Any]:
    """Sequences, sets and mappings."""
    deque, ordered, default = collections.deque, collections.OrderedDict, collections.defaultdict
    return numbered(
        list=_lists(),
        tuple=[
            *((), (1, 2), ("a", None), ((1,), [2]), (np.zeros(2), "x"), (1.5, 2.5), (True,)),
            *(("a", "é"), (1j,), (np.int16(1),)),
        ],
        set=[set(), {1, 2}, {"a", 1, None}, {(1, 2), frozenset({"x"})}, {"a", "b"}],
        frozenset=[frozenset(), frozenset({1.5}), frozenset({b"x"})],
        deque=[deque(), deque([1, 2]), deque(["a", 1], 5), deque([1], 1), deque([], 0)],
        dict=_dicts(),
        OrderedDict=[ordered(), ordered(b=1, a=np.zeros(2)), ordered([(1, 2), ("x", 3)])],
        defaultdict=[
            *(default(None, {"a": 1}), default(list, {"a": [1]}), default(int, {1: 2})),
            *(default(kind) for kind in (dict, set, tuple, float, str, bool, complex, bytes)),
            *(default(classes.make_default, a=1), default(classes.Whole, a=1)),
        ],
        Counter=[
            *(collections.Counter(), collections.Counter("hello")),
            *(collections.Counter({"a": -3, "b": 0}), collections.Counter([1, 1, (2,)])),
        ],
    )


def objects() -> dict[str, Any]:
    """Plain objects of the standard library."""
    moment = dt.datetime(2024, 2, 29, 23, 59, 59, 999999)
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    east = dt.timezone(dt.timedelta(hours=5, minutes=30))
    odd = dt.timezone(dt.timedelta(seconds=-1), "odd")
    decimals = ("0", "-0", "1.20", "1E+30", "NaN", "-sNaN123", "Infinity", "0.1" + "0" * 40)
    return numbered(
        Path=[
            *(pathlib.PosixPath("a/b.txt"), pathlib.PosixPath("/"), pathlib.PosixPath()),
            *(pathlib.PurePosixPath("é"), pathlib.PureWindowsPath("c:\\x")),
        ],
        datetime=[
            *(moment, dt.datetime.min, dt.datetime.max, moment.replace(fold=1)),
            *(moment.replace(tzinfo=zone) for zone in (dt.UTC, east, odd, berlin)),
            dt.datetime(2024, 10, 27, 2, 30, tzinfo=berlin, fold=1),
        ],
        date=[dt.date(1, 1, 1), dt.date(2024, 2, 29)],
        time=[dt.time(1, 2), dt.time(1, 2, 3, 4, dt.UTC), dt.time(fold=1)],
        timedelta=[dt.timedelta(0), dt.timedelta.min, dt.timedelta(-1, 5, 7)],
        tzinfo=[dt.UTC, east, odd, dt.timezone(dt.timedelta(0), "GMT"), berlin],
        Decimal=[decimal.Decimal(text) for text in decimals],
        Fraction=[fractions.Fraction(*x) for x in ((1, 3), (-7, 1), (0, 1), (10**5000, 3))],
        UUID=[uuid.UUID(int=5), uuid.UUID(int=2**128 - 1, is_safe=uuid.SafeUUID.safe)],
        range=[range(0), range(3), range(10, -5, -3), range(2**70)],
        slice=[slice(None), slice(1, 2, 3), slice("a", None, (1,))],
    )


def records() -> dict[str, Any]:
    """Objects of registered classes."""
    used = classes.Point(2.0, [1, np.zeros(2)])
    assert used.norm == 4.0
    used.hidden = {"k": 1}
    access = classes.Access
    return numbered(
        dataclass=[
            *(classes.Point(1.0), used, classes.Frozen(1, ("a",)), classes.Child(1.0, "y", {"z"})),
            classes.Point(1, classes.Frozen(2, None)),
        ],
        attrs=[
            *(classes.Settings(3), classes.Settings(3, private=[1]), classes.Loose(np.arange(3))),
        ],
        enum=[
            *(classes.Color.RED, classes.Color.CRIMSON, classes.Color.GREEN, classes.Level.HIGH),
            *(classes.Name.A, access.R, access.R | access.X, access(0)),
        ],
        namedtuple=[classes.Pair(1, "x"), classes.Pair(np.zeros(2), classes.Pair(None, ()))],
        state=[
            *(classes.Holder(a=1, b=np.zeros(2)), classes.Holder(), classes.Whole([1, "a"])),
            *(classes.Whole(np.zeros(3)), classes.Whole(None), classes.Whole({1: 2})),
        ],
    )
