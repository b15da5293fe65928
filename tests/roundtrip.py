"""The round-trip table: every kind of value, with how it is stored.

`docs/types.md` is made from it: ``python -m tests.roundtrip > docs/types.md``.
"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import fractions
import pathlib
import struct
import sys
import uuid
import warnings
import zoneinfo
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from . import records

NAN_PAYLOAD = struct.unpack("d", struct.pack("Q", 0x7FF8_0000_DEAD_BEEF))[0]
STRINGS = np.dtypes.StringDType


@attrs.frozen
class Row:
    """A kind of value: `stored` says how, `make` gives the cases to try."""

    family: str
    name: str
    stored: str
    make: Callable[[], list[Any]]


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


SCALARS = [
    Row("Python scalars", "None", "an empty (null) dataset", lambda: [None]),
    Row("Python scalars", "bool", "a scalar dataset, HDF5's boolean enum", lambda: [True, False]),
    Row(
        "Python scalars",
        "int",
        "a scalar dataset of int64; above 64 bits unsigned or as hexadecimal text",
        lambda: [
            0,
            1,
            -1,
            2**63 - 1,
            -(2**63),
            2**63,
            2**64 - 1,
            2**64,
            -(2**63) - 1,
            2**20000,
            -(10**30),
        ],
    ),
    Row(
        "Python scalars",
        "float",
        "a scalar dataset of float64",
        lambda: [
            0.0,
            -0.0,
            1.5,
            1e-8,
            5e-324,
            float("nan"),
            NAN_PAYLOAD,
            float("inf"),
            -float("inf"),
        ],
    ),
    Row(
        "Python scalars",
        "complex",
        "a scalar dataset, a compound of r and i",
        lambda: [
            0j,
            -0j,
            1 + 2j,
            complex(float("nan"), -0.0),
            complex(-0.0, float("inf")),
            complex(0, NAN_PAYLOAD),
        ],
    ),
    Row(
        "Python scalars",
        "str",
        "a scalar dataset, UTF-8; with NULs or lone surrogates as bytes",
        lambda: [
            "",
            "a",
            "é ∑ 漢 😀",
            "a\0b",
            "trailing\0\0",
            "\0",
            "\ud800",
            "ok\udcff",
            "x" * 70000,
            "é" * 3000,
            " lead and trail ",
            "\n\t\r",
            "nan",
            "None",
            "{}",
        ],
    ),
    Row(
        "Python scalars",
        "bytes, bytearray",
        "a dataset of uint8",
        lambda: [
            b"",
            b"a",
            b"\0",
            b"tail\0\0",
            bytes(range(256)),
            b"x" * 70000,
            bytearray(),
            bytearray(b"ab\0"),
            bytearray(b"y" * 5000),
        ],
    ),
    Row("Python scalars", "Ellipsis, NotImplemented", "a string", lambda: [..., NotImplemented]),
]


def _numeric() -> list[Any]:
    cases: list[Any] = []
    for char in "?bBhHiIlLqQefdgFDG":
        dtype = np.dtype(char)
        base = np.arange(24).reshape(2, 3, 4) - (3 if dtype.kind in "ifc" else 0)
        array = (base % 2 if char == "?" else base).astype(dtype)
        cases += [
            array,
            array[0, 0],
            array[:, 0],
            array[0, 0, 0].reshape(()),
            array[:0],
            np.zeros((3, 0, 2), dtype),
            np.zeros(0, dtype),
        ]
        cases += [np.asfortranarray(array), array.T, array[::2, ::-1, ::3], array[:, :, 1]]
        if dtype.itemsize > 1 and char not in "qQ":
            swapped = array.astype(dtype.newbyteorder())
            cases += [
                swapped,
                swapped[0, 0, 0].reshape(())
                if swapped.ndim == 0
                else np.array(swapped[0, 0, 0], swapped.dtype),
            ]
    cases += [
        np.array([0.0, -0.0, np.nan, np.inf, -np.inf, NAN_PAYLOAD]),
        np.array([np.nan, -0.0], "f2"),
        np.array([np.nan, 1], "g"),
    ]
    cases += [
        np.array([complex(np.nan, -0.0)]),
        np.zeros((300, 300)),
        np.ones((100, 200), order="F"),
        np.zeros((1,) * 12),
    ]
    return cases


def _structured() -> list[Any]:
    nested = np.dtype(
        [
            ("x", "<f8"),
            ("in", [("k", ">i4", (2, 3)), ("t", "<M8[us]")]),
            ("s", "S3"),
            ("u", "<U2"),
            ("b", "?"),
        ]
    )
    dtypes: list[Any] = [
        nested,
        [("a", "i4"), ("b", "f8")],
        np.dtype([("a", "i1"), ("b", "f8")], align=True),
        np.dtype(
            {"names": ["a", "b"], "formats": ["i4", "f8"], "offsets": [4, 16], "itemsize": 40}
        ),
        np.dtype(
            {"names": ["a", "b"], "formats": ["i4", "f8"], "offsets": [16, 0], "itemsize": 24}
        ),
        np.dtype({"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 0], "itemsize": 4}),
        [(("the title", "a"), "i4"), ("b", "f8")],
        [("é /.", "i4"), ("with space", "f4")],
        [("a", "V3"), ("c", "c8"), ("g", "g")],
        [("a", "S0"), ("b", "i4")],
        [("d", "m8[3s]"), ("D", "M8")],
        np.dtype((np.record, [("a", "i4"), ("b", "<U3")])),
        [("q", "q"), ("l", "l")],
    ]
    cases: list[Any] = []
    for dtype in dtypes:
        array = np.zeros((2, 3), dtype)
        for name in array.dtype.names:
            if array.dtype[name].kind in "iuf" and array[name].ndim == 2:
                array[name] = np.arange(6).reshape(2, 3)
        cases += [array, array[0], array[0, :0], array.T, np.zeros((), dtype)]
    filled = np.array([(1, b"ab", "é")], [("n", "i8"), ("s", "S4"), ("u", "U4")])
    objects = np.array(
        [(1, "x", [1, None]), (2, "y", {"k": (1,)})], [("n", "i4"), ("s", "O"), ("o", "O")]
    )
    return [*cases, filled, objects, objects[:0], np.zeros(2, []), np.zeros((2, 0), [])]


def _times() -> list[Any]:
    cases: list[Any] = []
    for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "25s"):
        for kind in "Mm":
            array = np.array([0, 1, -5, np.iinfo("i8").min], f"{kind}8[{unit}]")
            cases += [
                array,
                array.astype(array.dtype.newbyteorder()),
                array[1].reshape(()),
                array[:0],
                array[1],
                array[3],
            ]
    return [
        *cases,
        np.zeros(3, "m8"),
        np.datetime64("NaT"),
        np.timedelta64(3),
        np.array("2020-01-01T00", "M8[h]"),
    ]


def _texts() -> list[Any]:
    cases: list[Any] = [
        np.array(["a", "bcd", ""]),
        np.array([["é", "漢字"], ["", "😀"]]),
        np.array(["a\0b", "x"]),
        np.array(["\ud800", "ok"]),
        np.array("0-d é"),
        np.array(["a", "b"]).astype(">U3"),
        np.array(["é", "\ud800"]).astype(">U3"),
        np.zeros(3, "U5"),
        np.zeros((2, 0), "U5"),
        np.array([["a", "b"], ["c", "d"], ["é", "f"]], order="F"),
        np.array(["abc", "d"])[::-1],
        np.zeros(2, "U0").astype("U1"),
        np.array([b"a", b"bcd", b""]),
        np.array([b"a\0b", b"tail\0"]),
        np.array([b"\xff\xfe"]),
        np.array(b"0-d"),
        np.zeros((0, 2), "S4"),
        np.array([["a", "b"]], "S1", order="F"),
        np.array([b"abc", b"\0\x01\x02"], "V3"),
        np.zeros(3, "V0"),
        np.zeros((2, 2), "S0"),
        np.array(b"xyz", "V3"),
    ]
    return cases


def _variable_strings() -> list[Any]:
    cases: list[Any] = [
        np.array(["a", "a much longer string that does not lie in the array", ""], STRINGS()),
        np.array([["é", "漢"], ["", "b"]], STRINGS()),
        np.array(["nul \0 inside", "tail\0"], STRINGS()),
        np.array([], STRINGS()),
        np.array("0-d", STRINGS()),
        np.array(["a", "b"], STRINGS(coerce=False)),
        np.array(["a", None], STRINGS(na_object=None)),
        np.array(["a", np.nan, ""], STRINGS(na_object=np.nan)),
        np.array(["a", "b"], STRINGS(na_object=np.nan, coerce=False)),
        np.array(["a", "missing"], STRINGS(na_object="missing")),
        np.array([["a", "b"], ["c", "d"], ["e", "f"]], STRINGS(), order="F"),
        np.zeros((0, 3), STRINGS()),
    ]
    return cases


def _objects() -> list[Any]:
    ragged = np.empty(3, object)
    ragged[:] = [np.arange(3), np.arange(2.0), np.array("x")]
    nested = np.empty((2, 2), object)
    nested[...] = [[None, [1, [2]]], [{"a": (1,)}, "s"]]
    zero = np.array(None, object)
    return [
        ragged,
        nested,
        np.asfortranarray(nested.repeat(2, 0)),
        zero,
        np.empty((0, 2), object),
        np.array([1, "a", 2**70, b"x"], object),
    ]


def _numpy_scalars() -> list[Any]:
    cases: list[Any] = [np.dtype(char).type(1) for char in "?bBhHiIlLqQefdgFDG"]
    cases += [
        np.float64("nan"),
        np.float64(NAN_PAYLOAD),
        np.float32(-0.0),
        np.float16("inf"),
        np.bool(False),
        np.complex128(complex(-0.0, np.nan)),
    ]
    cases += [
        np.longdouble(1) / 3,
        np.str_(""),
        np.str_("é\0"),
        np.str_("\ud800"),
        np.bytes_(b""),
        np.bytes_(b"a\0"),
        np.void(b"ab\0"),
        np.void(b""),
    ]
    cases += [
        np.array((1, 2.5), [("a", "i4"), ("b", "f8")])[()],
        np.array(("é", 3), [("u", "U2"), ("d", "M8[s]")])[()],
    ]
    return [
        *cases,
        np.rec.array([(1, "a")], dtype=[("n", "i4"), ("s", "U2")])[0],
        np.int64(2**62),
        np.uint64(2**64 - 1),
    ]


def _masked() -> list[Any]:
    hard = np.ma.array([1, 2, 3], mask=[0, 1, 0], hard_mask=True)
    structured = np.ma.array(
        [(1, 2.0), (3, 4.0)], mask=[(0, 1), (1, 0)], dtype=[("a", "i4"), ("b", "f8")]
    )
    return [
        np.ma.array([1.0, np.nan, 3], mask=[0, 1, 0]),
        np.ma.array([1, 2, 3]),
        np.ma.array([1, 2, 3], mask=False),
        np.ma.array([1, 2], mask=[1, 1], fill_value=99),
        hard,
        structured,
        np.ma.array(5, mask=True),
        np.ma.array(np.zeros((2, 2), order="F"), mask=np.asfortranarray([[0, 1], [1, 0]])),
        np.ma.array(np.zeros(2, "M8[s]"), mask=[1, 0]),
        np.ma.array(["a", "b"], mask=[1, 0]),
        np.ma.masked,
    ]


def _subclasses() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matrix = np.matrix([[1, 2], [3, 4.5]])
        chars = np.char.array(["a ", "bc"])
        raw_chars = np.char.array([b"x", b"yz"])
    table = np.rec.array([(1, "a", 2.0)], dtype=[("n", "i4"), ("s", "U2"), ("f", "f8")])
    objects = np.rec.fromarrays([[1, 2], np.array(["a", None], object)], names="n,o")
    return [
        matrix,
        matrix.T,
        table,
        table[:0],
        objects,
        chars,
        raw_chars,
        np.arange(3).view(np.recarray),
    ]


def _dtypes() -> list[Any]:
    names = ["f8", ">i4", "?", "S5", "S0", "U3", ">U3", "V7", "M8[ns]", "m8", "O", "g", "q", "c8"]
    dtypes: list[Any] = [np.dtype(name) for name in names]
    dtypes += [
        np.dtype([("a", "i4"), ("b", "f8", (2,))], align=True),
        np.dtype(("f8", (2, 3))),
        np.dtype([]),
    ]
    return [
        *dtypes,
        np.dtype([("o", "O")]),
        STRINGS(),
        STRINGS(na_object=None),
        np.dtype((np.record, [("a", "i4")])),
    ]


NUMPY = [
    Row(
        "NumPy",
        "arrays of numbers and booleans",
        "a dataset; a mark for 0-d and Fortran order",
        _numeric,
    ),
    Row("NumPy", "structured arrays", "a compound dataset", _structured),
    Row("NumPy", "datetime64, timedelta64", "int64 with a mark", _times),
    Row(
        "NumPy",
        "fixed-width strings, bytes, void",
        "fixed-width strings (U as UTF-8), opaque",
        _texts,
    ),
    Row(
        "NumPy",
        "StringDType",
        "variable-length UTF-8; with missing strings, packed text",
        _variable_strings,
    ),
    Row("NumPy", "object arrays", "packed text, and a dataset for each array inside", _objects),
    Row(
        "NumPy",
        "scalars",
        "a scalar dataset; a mark where Python has the type, too",
        _numpy_scalars,
    ),
    Row("NumPy", "masked arrays", "a group of data, mask and fill_value", _masked),
    Row("NumPy", "matrix, recarray, chararray", "as the array, with a mark", _subclasses),
    Row("NumPy", "dtypes", "a mark", _dtypes),
]


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
    return [
        *cases,
        {"hdfchk": 1, "hdfchk:order": 2},
        {f"k{i}": i for i in range(300)},
        {frozenset({1}): {b"x": None}},
    ]


CONTAINERS = [
    Row("Containers", "list", "one dataset of numbers or strings, else packed text", _lists),
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
    Row("Containers", "dict", "a group; with keys that are no names, packed text", _dicts),
    Row(
        "Containers",
        "OrderedDict",
        "a group with a mark",
        lambda: [
            collections.OrderedDict(),
            collections.OrderedDict(b=1, a=np.zeros(2)),
            collections.OrderedDict([(1, 2), ("x", 3)]),
        ],
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
        "a group with a mark",
        lambda: [
            collections.Counter(),
            collections.Counter("hello"),
            collections.Counter({"a": -3, "b": 0}),
            collections.Counter([1, 1, (2,)]),
        ],
    ),
]

_UTC5 = dt.timezone(dt.timedelta(hours=5, minutes=30))


def _dates() -> list[Any]:
    moment = dt.datetime(2024, 2, 29, 23, 59, 59, 999999)
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    cases: list[Any] = [
        moment,
        dt.datetime.min,
        dt.datetime.max,
        moment.replace(tzinfo=dt.UTC),
        moment.replace(tzinfo=_UTC5),
        moment.replace(tzinfo=berlin),
    ]
    cases += [
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=berlin, fold=1),
        moment.replace(tzinfo=dt.timezone(dt.timedelta(seconds=-1), "odd")),
        moment.replace(fold=1),
    ]
    cases += [
        dt.date(1, 1, 1),
        dt.date(2024, 2, 29),
        dt.time(1, 2),
        dt.time(1, 2, 3, 4, dt.UTC),
        dt.time(fold=1),
        dt.timedelta(0),
        dt.timedelta.min,
        dt.timedelta(-1, 5, 7),
    ]
    return [*cases, dt.UTC, _UTC5, dt.timezone(dt.timedelta(0), "GMT"), berlin]


OBJECTS = [
    Row(
        "Plain objects",
        "Path",
        "a string",
        lambda: [
            pathlib.Path("a/b.txt"),
            pathlib.Path("/"),
            pathlib.Path(),
            pathlib.PurePosixPath("é"),
            pathlib.PureWindowsPath("c:\\x"),
        ],
    ),
    Row(
        "Plain objects",
        "datetime, date, time, timedelta, time zones",
        "a string (ISO 8601)",
        _dates,
    ),
    Row(
        "Plain objects",
        "Decimal",
        "a string",
        lambda: [
            decimal.Decimal(x)
            for x in (
                "0",
                "-0",
                "1.20",
                "1E+30",
                "NaN",
                "-sNaN123",
                "Infinity",
                "0.1" * 1 + "0" * 40,
            )
        ],
    ),
    Row(
        "Plain objects",
        "Fraction",
        "a string",
        lambda: [
            fractions.Fraction(1, 3),
            fractions.Fraction(-7),
            fractions.Fraction(0),
            fractions.Fraction(10**5000, 3),
        ],
    ),
    Row(
        "Plain objects",
        "UUID",
        "a string",
        lambda: [uuid.UUID(int=5), uuid.UUID(int=2**128 - 1, is_safe=uuid.SafeUUID.safe)],
    ),
    Row(
        "Plain objects",
        "range, slice",
        "packed text",
        lambda: [
            range(0),
            range(3),
            range(10, -5, -3),
            range(2**70),
            slice(None),
            slice(1, 2, 3),
            slice("a", None, (1,)),
        ],
    ),
]


def _dataclasses() -> list[Any]:
    used = records.Point(2.0, [1, np.zeros(2)])
    assert used.norm == 4.0
    used.hidden = {"k": 1}
    return [
        records.Point(1.0),
        used,
        records.Frozen(1, ("a",)),
        records.Child(1.0, "y", {"z"}),
        records.Point(1, records.Frozen(2, None)),
    ]


RECORDS = [
    Row("Registered classes", "dataclasses", "a group of the fields, with a mark", _dataclasses),
    Row(
        "Registered classes",
        "attrs classes",
        "a group of the fields, with a mark",
        lambda: [
            records.Settings(3),
            records.Settings(3, private=[1]),
            records.Loose(np.arange(3)),
        ],
    ),
    Row(
        "Registered classes",
        "enums",
        "the member's name",
        lambda: [
            records.Color.RED,
            records.Color.CRIMSON,
            records.Color.GREEN,
            records.Level.HIGH,
            records.Name.A,
            records.Access.R,
            records.Access.R | records.Access.X,
            records.Access(0),
        ],
    ),
    Row(
        "Registered classes",
        "namedtuples",
        "a group of the fields, with a mark",
        lambda: [records.Pair(1, "x"), records.Pair(np.zeros(2), records.Pair(None, ()))],
    ),
    Row(
        "Registered classes",
        "to_state, from_state",
        "the state, with a mark",
        lambda: [
            records.Holder(a=1, b=np.zeros(2)),
            records.Holder(),
            records.Whole([1, "a"]),
            records.Whole(np.zeros(3)),
            records.Whole(None),
            records.Whole({1: 2}),
        ],
    ),
]


def table() -> list[Row]:
    """All rows, those of optional libraries too."""
    from . import roundtrip_optional

    return [*SCALARS, *NUMPY, *CONTAINERS, *OBJECTS, *RECORDS, *roundtrip_optional.rows()]


def cases() -> list[tuple[str, Any]]:
    """Every case with a name that can be a key."""
    return [
        (f"{row.name}:{index}".replace("/", "|"), value)
        for row in table()
        for index, value in enumerate(row.make())
    ]


def markdown() -> str:
    """`docs/types.md`."""
    lines = [INTRODUCTION.strip(), ""]
    family = ""
    for row in table():
        if row.family != family:
            family = row.family
            lines += [
                "",
                f"## {family}",
                "",
                "| type | how it is stored | cases tried |",
                "| --- | --- | --- |",
            ]
        lines.append(f"| {row.name} | {row.stored} | {len(row.make())} |")
    return "\n".join([*lines, "", OUTRO.strip(), ""])


INTRODUCTION = """
# Types

What can be stored, and comes back as it was: type, dtype, byte order, shape, memory order, value,
order of keys. Each row is tried, with the number of cases given, at the top level, inside a dict
and inside a list, saved in one process and read in another. This page is made from the table of
those tests (`python -m tests.roundtrip > docs/types.md`).

How each form lies in the file is told in `format.md`.
"""

OUTRO = """
## What is refused

A value that can not be kept exactly raises `UnsupportedTypeError`, a `TypeError`, before the file
is touched; the message names the key path and the way out. So it is with

* instances of classes that are not registered, and of subclasses of the types above (a subclass of
  `dict` is no `dict`): register the class, or convert the value;
* functions, modules, generators, open files, locks;
* containers that hold themselves, and nesting deeper than 150 levels;
* time zones other than `datetime.timezone` and `zoneinfo.ZoneInfo`;
* `numpy.memmap`: store `numpy.asarray(value)`.

## What is not kept

Two references to one object become two objects. An array's `flags.writeable`, its strides (but for
Fortran order) and the metadata of its dtype are no part of its value. Padding bytes inside a
structured or a long double item are not kept.
"""

if __name__ == "__main__":
    sys.stdout.write(markdown())
