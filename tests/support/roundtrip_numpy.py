"""The rows of NumPy values in the round-trip table."""

from __future__ import annotations

import struct
import warnings
from typing import Any

import numpy as np

from hdfchk.tree import NONE_BITS

from .roundtrip_row import Row

NAN_PAYLOAD = struct.unpack("d", struct.pack("Q", 0x7FF8_0000_DEAD_BEEF))[0]
STRINGS = np.dtypes.StringDType


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
        np.array([NONE_BITS], "u8").view("f8"),
        np.array(NONE_BITS, "u8").view("f8"),
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
        # No unit: NumPy 2.5 warns if these are created with their classes.
        np.array([np.iinfo("i8").min]).view("M8")[0],
        np.array([3]).view("m8")[0],
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


def _texts_as_objects() -> list[Any]:
    """Return object arrays of `str`, and some that are almost such arrays."""
    table = np.array([["a", "é"], ["", "x y "], ["漢", "😀"]], object)
    return [
        *(np.array(["a", "é", ""], object), np.array([""], object), table, table[0]),
        *(np.asfortranarray(table), table.T, table[::2, ::-1], table.reshape(3, 1, 2, 1)),
        *(
            np.array("é", object),
            np.array("", object),
            np.array(["x" * 70_000, "é" * 3000], object),
        ),
        *(np.array([" ", "trailing  ", "\n\t"], object), np.array(["nan", "None", "{}"], object)),
        *(np.array(["\0"], object), np.array(["a", "b\0"], object), np.array(["a\0b"], object)),
        *(np.array(["\ud800", "a"], object), np.array(["a", "\udcff"], object)),
        *(np.array(["a", None], object), np.array(["a", np.str_("b")], object)),
        *(np.array(["a", b"b"], object), np.array([np.str_("b")], object), np.empty(0, object)),
        *(np.array("a\0", object), np.array(np.str_("a"), object)),
        np.array([("a", 1, ["x"]), ("b", 2, [])], [("s", "O"), ("n", "i4"), ("o", "O")]),
        np.ma.array(np.array(["a", "b"], object), mask=[0, 1]),
    ]


def _numpy_scalars() -> list[Any]:
    cases: list[Any] = [np.dtype(char).type(1) for char in "?bBhHiIlLqQefdgFDG"]
    cases += [
        np.float64("nan"),
        np.float64(NAN_PAYLOAD),
        np.uint64(NONE_BITS).view(np.float64),
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
        np.rec.array([(1, None)], dtype=[("n", "i4"), ("o", object)])[0],
        np.array((("é", 1.5), ["a"]), [("in", [("s", object), ("x", ">f8")]), ("o", object)])[()],
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
    Row(
        "NumPy",
        "object arrays of str",
        "variable-length UTF-8; with NULs or lone surrogates, as other object arrays",
        _texts_as_objects,
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
