"""What golden files hold of NumPy's types. Frozen: a new value goes into a file of a new set."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .values import NAN_PAYLOAD, numbered

STRINGS = np.dtypes.StringDType


def _with_all(named: dict[str, Any], **families: list[Any]) -> dict[str, Any]:
    """More families, of which a list of all would cost more than it shows."""
    for family, values in families.items():
        named |= {f"{family}:{index}": value for index, value in enumerate(values)}
    return named


def _numeric(chars: str) -> list[Any]:
    cases: list[Any] = []
    for char in chars:
        dtype = np.dtype(char)
        base = np.arange(24).reshape(2, 3, 4) - (3 if dtype.kind in "ifc" else 0)
        array = (base % 2 if char == "?" else base).astype(dtype)
        cases += [array[0], array[0, 0, 0].reshape(()), np.zeros((3, 0, 2), dtype)]
        if dtype.itemsize > 1 and char not in "qQ":
            swapped = array[0].astype(dtype.newbyteorder())
            cases += [swapped, np.array(swapped[0, 0], swapped.dtype)]
    return cases


def _orders() -> list[Any]:
    base = np.arange(24.0).reshape(2, 3, 4)
    return [
        *(np.asfortranarray(base), base.T, base[::2, ::-1, ::3], base[:, :, 1], base[:0]),
        *(np.asfortranarray(base[0].astype(">f4")), np.ones((30, 20), "?", order="F")),
        np.array([0.0, -0.0, np.nan, np.inf, -np.inf, NAN_PAYLOAD]),
        *(np.array([np.nan, -0.0], "f2"), np.array([complex(np.nan, -0.0)])),
        *(np.zeros((1,) * 12), np.zeros(0)),
    ]


def arrays() -> dict[str, Any]:
    """Arrays of numbers."""
    return _with_all({}, numeric=_numeric("?bBhHiIlLqQefdFD"), order=_orders())


def longdoubles() -> dict[str, Any]:
    """What is of the processor's own: numbers of 80 bits."""
    third = np.longdouble(1) / 3
    return _with_all(
        {},
        numeric=_numeric("gG"),
        longdouble=[
            *(np.array([np.nan, 1, -0.0, third], "g"), third, np.clongdouble(third), [third, 1]),
            *(np.zeros(2, [("a", "V3"), ("c", "c8"), ("g", "g")]), np.dtype("g"), np.dtype("G")),
        ],
    )


def _structured() -> list[Any]:
    inner = [("k", ">i4", (2, 3)), ("t", "<M8[us]")]
    dtypes: list[Any] = [
        [("x", "<f8"), ("in", inner), ("s", "S3"), ("u", "<U2"), ("b", "?")],
        [("a", "i4"), ("b", "f8")],
        np.dtype([("a", "i1"), ("b", "f8")], align=True),
        {"names": ["a", "b"], "formats": ["i4", "f8"], "offsets": [4, 16], "itemsize": 40},
        {"names": ["a", "b"], "formats": ["i4", "f8"], "offsets": [16, 0], "itemsize": 24},
        {"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 0], "itemsize": 4},
        [(("the title", "a"), "i4"), ("b", "f8")],
        [("é /.", "i4"), ("with space", "f4")],
        [("a", "V3"), ("c", "c8"), ("h", "f2")],
        [("a", "S0"), ("b", "i4")],
        [("d", "m8[3s]"), ("D", "M8")],
        (np.record, [("a", "i4"), ("b", "<U3")]),
        [("q", "q"), ("l", "l")],
    ]
    cases: list[Any] = []
    for given in dtypes:
        array = np.zeros((2, 3), given if isinstance(given, np.dtype) else np.dtype(given))
        for name in array.dtype.names or ():
            if array.dtype[name].kind in "iuf" and array[name].ndim == 2:
                array[name] = np.arange(6).reshape(2, 3)
        cases += [array, array.T, np.zeros((), array.dtype)]
    pairs = [("n", "i4"), ("s", "O"), ("o", "O")]
    objects = np.array([(1, "x", [1, None]), (2, "y", {"k": (1,)})], pairs)
    return [
        *(*cases, np.array([(1, b"ab", "é")], [("n", "i8"), ("s", "S4"), ("u", "U4")])),
        *(objects, objects[:0], np.zeros(2, []), np.zeros((2, 0), [])),
    ]


def _times() -> list[Any]:
    cases: list[Any] = []
    least = np.iinfo("i8").min
    for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "25s"):
        for kind in "Mm":
            array = np.array([0, 1, -5, least], f"{kind}8[{unit}]")
            cases += [array, array[1]]
            if unit in {"s", "25s"}:
                swapped = array.astype(array.dtype.newbyteorder())
                cases += [swapped, array[1].reshape(()), array[:0], array[3]]
    # No unit: NumPy 2.5 warns whoever makes these by their classes.
    date, time = np.array([least]).view("M8")[0], np.array([least, 3]).view("m8")
    cases += [np.zeros(3, "m8"), date, time[0], time[1]]
    return [*cases, np.array("2020-01-01T00", "M8[h]")]


def times_and_structures() -> dict[str, Any]:
    """`datetime64`, `timedelta64`, structured arrays, dtypes."""
    codes = ("f8", ">i4", "?", "S5", "S0", "U3", ">U3", "V7", "M8[ns]", "m8", "O", "q", "c8")
    return _with_all(
        numbered(
            dtype=[
                *map(np.dtype, codes),
                np.dtype([("a", "i4"), ("b", "f8", (2,))], align=True),
                *(np.dtype(("f8", (2, 3))), np.dtype([]), np.dtype([("o", "O")])),
                *(STRINGS(), STRINGS(na_object=None), np.dtype((np.record, [("a", "i4")]))),
            ],
        ),
        structured=_structured(),
        time=_times(),
    )


def _texts() -> list[Any]:
    return [
        *(np.array(["a", "bcd", ""]), np.array([["é", "漢字"], ["", "😀"]])),
        *(np.array(["a\0b", "x"]), np.array(["\ud800", "ok"]), np.array("0-d é")),
        *(np.array(["a", "b"]).astype(">U3"), np.array(["é", "\ud800"]).astype(">U3")),
        *(np.zeros(3, "U5"), np.zeros((2, 0), "U5")),
        *(np.array([["a", "b"], ["c", "d"], ["é", "f"]], order="F"), np.array(["abc", "d"])[::-1]),
        *(np.array([b"a", b"bcd", b""]), np.array([b"a\0b", b"tail\0"]), np.array([b"\xff\xfe"])),
        *(np.array(b"0-d"), np.zeros((0, 2), "S4"), np.array([["a", "b"]], "S1", order="F")),
        *(np.array([b"abc", b"\0\x01\x02"], "V3"), np.zeros(3, "V0"), np.zeros((2, 2), "S0")),
        np.array(b"xyz", "V3"),
    ]


def _variable_strings() -> list[Any]:
    long = "a much longer string that does not lie in the array"
    return [
        *(np.array(["a", long, ""], STRINGS()), np.array([["é", "漢"], ["", "b"]], STRINGS())),
        *(np.array(["nul \0 inside", "tail\0"], STRINGS()), np.array([], STRINGS())),
        *(np.array("0-d", STRINGS()), np.array(["a", "b"], STRINGS(coerce=False))),
        np.array(["a", None], STRINGS(na_object=None)),
        np.array(["a", np.nan, ""], STRINGS(na_object=np.nan)),
        np.array(["a", "b"], STRINGS(na_object=np.nan, coerce=False)),
        np.array(["a", "missing"], STRINGS(na_object="missing")),
        np.array([["a", "b"], ["c", "d"], ["e", "f"]], STRINGS(), order="F"),
        np.zeros((0, 3), STRINGS()),
    ]


def _objects() -> list[Any]:
    ragged = np.empty(3, object)
    ragged[:] = [np.arange(3), np.arange(2.0), np.array("x")]
    nested = np.empty((2, 2), object)
    nested[...] = [[None, [1, [2]]], [{"a": (1,)}, "s"]]
    return [
        *(ragged, nested, np.asfortranarray(nested.repeat(2, 0)), np.array(None, object)),
        *(np.empty((0, 2), object), np.array([1, "a", 2**70, b"x"], object)),
    ]


def texts() -> dict[str, Any]:
    """Strings of all kinds, and object arrays."""
    return numbered(text=_texts(), StringDType=_variable_strings(), object=_objects())


def _masked() -> list[Any]:
    pairs = [("a", "i4"), ("b", "f8")]
    structured = np.ma.array([(1, 2.0), (3, 4.0)], mask=[(0, 1), (1, 0)], dtype=pairs)
    return [
        *(np.ma.array([1.0, np.nan, 3], mask=[0, 1, 0]), np.ma.array([1, 2, 3])),
        *(np.ma.array([1, 2, 3], mask=False), np.ma.array([1, 2], mask=[1, 1], fill_value=99)),
        *(np.ma.array([1, 2, 3], mask=[0, 1, 0], hard_mask=True), structured),
        np.ma.array(5, mask=True),
        np.ma.array(np.zeros((2, 2), order="F"), mask=np.asfortranarray([[0, 1], [1, 0]])),
        *(np.ma.array(np.zeros(2, "M8[s]"), mask=[1, 0]), np.ma.array(["a", "b"], mask=[1, 0])),
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
    plain = np.arange(3).view(np.recarray)
    return [matrix, matrix.T, table, table[:0], objects, chars, raw_chars, plain]


def scalars_and_subclasses() -> dict[str, Any]:
    """NumPy's scalars, masked arrays, and subclasses of arrays."""
    record = np.rec.array([(1, "a")], dtype=[("n", "i4"), ("s", "U2")])[0]
    return numbered(
        scalar=[
            *(np.dtype(char).type(1) for char in "?bBhHiIlLqQefdFD"),
            *(np.float64("nan"), np.float64(NAN_PAYLOAD), np.float32(-0.0), np.float16("inf")),
            *(np.bool(False), np.complex128(complex(-0.0, np.nan))),
            *(np.str_(""), np.str_("é\0"), np.str_("\ud800"), np.bytes_(b""), np.bytes_(b"a\0")),
            *(np.void(b"ab\0"), np.void(b""), np.int64(2**62), np.uint64(2**64 - 1), record),
            np.array((1, 2.5), [("a", "i4"), ("b", "f8")])[()],
            np.array(("é", 3), [("u", "U2"), ("d", "M8[s]")])[()],
        ],
        masked=_masked(),
        subclass=_subclasses(),
    )
