"""The forms: values of each kind that is stored, and the plain data that another tool finds."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import decimal
import fractions
import pathlib
import types
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np

import hdfchk
from hdfchk import HDF5Checkpointer

from .form import BESIDE, BESIDE_DATA, KEY, Either, Form, Json, stored, value
from .library_forms import library_forms


@hdfchk.register(name="readers.Point")
@dataclasses.dataclass
class Point:
    x: float
    y: int


MANY = {f"key{n}": float(n) for n in range(200)}
WAVE = np.sin(np.linspace(0, 9, 4000)).reshape(400, 10)
STRUCTURED = np.array([(1, 2.5), (3, 4.5)], [("n", "i4"), ("v", "f8")])
NESTED = np.array(
    [(1, ([2.5, 3.5], 7)), (4, ([5.5, 6.5], 8))],
    [("n", "i4"), ("in", [("pair", "f8", (2,)), ("k", "i2")])],
)
INTEGERS = {f"{k}{n}": np.array([0, 1, 100], f"{k}{n}") for k in "iu" for n in (1, 2, 4, 8)}


def _scalars() -> list[Form]:
    part = "Python's scalars"
    return [
        value(part, "int", -3),
        value(part, "int of more than 63 bits (uint64)", 2**63 + 5),
        value(part, "int of more than 64 bits (hexadecimal text)", 2**70, hex(2**70)),
        value(part, "float", 2.5),
        value(part, "bool", True),
        value(part, "complex", 1 + 2j),
        value(part, "str", "héllo"),
        value(part, "str, empty", ""),
        value(part, "str, 100,000 characters", "abcdefghij" * 10_000),
        value(part, "str with a NUL (bytes)", "a\0b", np.frombuffer(b"a\0b", "u1")),
        value(part, "bytes", b"\x00\xffa", np.array([0, 255, 97], "u1")),
        Form(part, "None", lambda chk: chk.update({KEY: None}), {}),
        value(
            part,
            "Decimal, Fraction, UUID, Path, datetime, … (texts)",
            {
                "decimal": decimal.Decimal("1.50"),
                "fraction": fractions.Fraction(1, 3),
                "uuid": uuid.UUID(int=5),
                "path": pathlib.PurePosixPath("a/b"),
                "datetime": dt.datetime(2020, 1, 2, 3, 4, 5),
                "timedelta": dt.timedelta(1, 2, 3),
            },
            {
                "decimal": "1.50",
                "fraction": "0x1/0x3",
                "uuid": str(uuid.UUID(int=5)),
                "path": "a/b",
                "datetime": "2020-01-02T03:04:05",
                "timedelta": "1 2 3",
            },
        ),
    ]


def _numpy_scalars() -> list[Form]:
    part = "NumPy's scalars"
    return [
        value(
            part,
            "float32, uint8, int64",
            {"f": np.float32(1.5), "u": np.uint8(7), "i": np.int64(5)},
        ),
        value(part, "float16", np.float16(1.5)),
        value(part, "longdouble", np.longdouble("1.5")),
        value(part, "complex64", np.complex64(1 + 2j)),
        value(part, "datetime64 (int64)", np.datetime64("2020-01-01", "D"), 18262),
        value(part, "str_", np.str_("bé"), "bé"),
        value(part, "bytes_ (bytes)", np.bytes_(b"ab"), np.array([97, 98], "u1")),
        value(part, "structured", STRUCTURED[0], [1, 2.5]),
    ]


def _arrays() -> list[Form]:
    part = "Arrays"
    dates = np.array(["2020-01-01", "2021-02-03"], "M8[D]")
    texts = ["a", "bé", ""]
    mixed = np.empty(2, object)
    mixed[:] = ["a", 1]
    opaque = np.array([b"ab", b"\xff\x00"], "V2")
    masked = np.ma.array([1.5, 2.5], mask=[False, True])
    return [
        value(part, "integers of 8 to 64 bits", INTEGERS),
        value(
            part,
            "float32, float64",
            {"f": np.array([0.1, np.inf], "f4"), "d": np.array([0.1, np.nan])},
        ),
        value(part, "float16", np.array([0.5, 1.5], "f2")),
        value(part, "longdouble", np.array([0.5, 1.5], "g")),
        value(
            part, "complex64, complex128", {"f": np.array([1 + 2j], "c8"), "d": np.array([[1j, 2]])}
        ),
        value(part, "bool", np.array([True, False])),
        value(part, "big-endian", np.array([0.5, 1.5], ">f4")),
        value(part, "two axes", np.arange(6.0).reshape(2, 3)),
        value(part, "Fortran order", np.asfortranarray(np.arange(6.0).reshape(2, 3))),
        value(part, "no axis (0-d)", np.array(2.5), [2.5]),
        value(part, "no items", np.zeros((0, 3))),
        value(part, "100,000 items, in one piece", np.arange(100_000.0)),
        value(part, "datetime64 (int64)", dates, dates.view("i8")),
        value(part, "fixed-width text (U)", np.array(texts)),
        value(part, "fixed-width bytes (S)", np.array([b"a", b"bc"]), ["a", "bc"]),
        value(part, "StringDType", np.array(texts, np.dtypes.StringDType()), texts),
        Form(
            part,
            "objects, all of them str",
            lambda chk: chk.update({KEY: np.array(texts, object)}),
            {},
        ),
        Form(part, "objects (packed text)", lambda chk: chk.update({KEY: mixed}), {}),
        value(part, "structured", STRUCTURED, Either(([1, 2.5, 3, 4.5], [1, 3, 2.5, 4.5]))),
        value(
            part,
            "structured, with fields that are arrays and structures",
            NESTED,
            Either(
                (
                    [1, 2.5, 3.5, 7, 4, 5.5, 6.5, 8],
                    [1, 4, 2.5, 3.5, 5.5, 6.5, 7, 8],
                )
            ),
        ),
        value(part, "opaque (V)", opaque, [97, 98, 255, 0]),
        value(part, "masked (a group)", masked, {"data": [1.5, 2.5], "mask": [False, True]}),
        Form(part, "a dtype (a mark)", lambda chk: chk.update({KEY: np.dtype("f4")}), {}),
    ]


def _layouts() -> list[Form]:
    part = "Layouts"

    def grown(chk: HDF5Checkpointer) -> None:
        chk[KEY] = np.arange(6.0).reshape(3, 2)
        chk.append(KEY, np.ones((4, 2)))

    def log(rows: list[Any]) -> Callable[[HDF5Checkpointer], None]:
        def make(chk: HDF5Checkpointer) -> None:
            for row in rows:
                chk.append(KEY, row)

        return make

    def room(chk: HDF5Checkpointer) -> None:
        chk.create(KEY, (4, 2), "f8", fill_value=7.0)[1] = 5.0

    numbers = [n / 8 for n in range(50)]
    texts = [f"row {n}" for n in range(50)]
    return [
        Form(part, "an array, grown by `append`", grown, {"": [*np.arange(6.0), *[1.0] * 8]}),
        Form(part, "a log of numbers", log(numbers), {"": numbers}),
        Form(part, "a log of strings", log(texts), {"": texts}),
        Form(part, "room (`create`), partly written", room, {"": [7, 7, 5, 5, 7, 7, 7, 7]}),
        stored(part, "chunks", WAVE, chunks=(100, 10)),
        stored(part, "gzip (with shuffle)", WAVE, compression="gzip"),
        stored(part, "gzip, level 9", WAVE, compression=("gzip", 9)),
        stored(part, "checksums (fletcher32)", WAVE, checksum=True),
        stored(part, "gzip and checksums", WAVE, compression="gzip", checksum=True),
        stored(part, "lzf", WAVE, compression="lzf"),
        stored(part, "zstd", WAVE, "hdf5plugin", compression="zstd"),
        stored(part, "blosc2", WAVE, "hdf5plugin", compression="blosc2"),
        stored(part, "bitshuffle", WAVE, "hdf5plugin", compression="bitshuffle"),
    ]


def _random(chk: HDF5Checkpointer) -> None:
    chk[KEY] = np.random.default_rng(1)


def _containers() -> list[Form]:
    part = "Containers"
    default: collections.defaultdict[str, int] = collections.defaultdict(int, a=1)
    return [
        value(part, "list of int", [1, 2, 3]),
        value(part, "list of lists of float", [[1.5, 2.0], [3.0, 4.0]]),
        value(part, "list of str", ["a", "bé"]),
        value(part, "list of str, one of them long", ["a", "b" * 3000, *["c"] * 500]),
        value(part, "list of bool", [True, False]),
        value(part, "list of complex", [1j, 2 + 0j]),
        value(part, "list of NumPy scalars", [np.float32(1.5), np.float32(2.5)]),
        value(part, "tuple", (1, 2)),
        value(part, "set", {5}, [5]),
        value(part, "deque", collections.deque([1, 2]), [1, 2]),
        value(part, "mixed list (packed text)", [1, "a", None, 2.5], Json([1, "a", None, 2.5])),
        value(part, "lists of unequal lengths (packed text)", [[1, 2], [3]], Json([[1, 2], [3]])),
        value(part, "empty list (packed text)", [], Json([])),
        value(part, "list with arrays", ["t", np.arange(3)], {"0": [0, 1, 2]}),
        value(
            part,
            "list of arrays of unequal lengths",
            [np.arange(n / 2, n) for n in range(9)],
            {
                "values": [x for n in range(9) for x in np.arange(n / 2, n)],
                "offsets": np.cumsum([0, *(len(np.arange(n / 2, n)) for n in range(9))]),
            },
        ),
        value(
            part,
            "list of arrays of unequal shapes",
            [np.full((n % 2 + 1, n % 3 + 1), n) for n in range(8)],
            {
                "values": [n for n in range(8) for _ in range((n % 2 + 1) * (n % 3 + 1))],
                "shapes": [x for n in range(8) for x in (n % 2 + 1, n % 3 + 1)],
            },
        ),
        value(part, "dict, nested", {"a": {"b": {"c": 1}}}, {"a/b/c": 1}),
        value(part, "dict, empty", {}),
        value(part, "dict of 200 keys", MANY, {"key0": 0.0, "key199": 199.0}),
        value(part, "dict with keys that are not str", {1: "a", 2: "b"}, Json([1, "a", 2, "b"])),
        value(part, "OrderedDict", collections.OrderedDict(a=1), {"a": 1}),
        value(part, "defaultdict", default, {"a": 1}),
        value(part, "Counter", collections.Counter("aab"), {"a": 2, "b": 1}),
        value(part, "range (packed text)", range(3), Json([0, 3, 1])),
        value(part, "dataclass", Point(1.5, 2), {"x": 1.5, "y": 2}),
        value(part, "SimpleNamespace", types.SimpleNamespace(n=1, s="é"), {"n": 1, "s": "é"}),
        value(part, "array.array", array.array("h", [1, -2]), [1, -2]),
        value(part, "memoryview", memoryview(b"ab"), np.array([97, 98], "u1")),
        value(part, "class (text)", np.float32, "numpy.float32"),
        value(part, "result of NumPy", np.linalg.slogdet(np.eye(2)), {"sign": 1, "logabsdet": 0}),
        Form(part, "NumPy's random generator", _random, {}),
    ]


def _libraries() -> list[Form]:
    part = "SciPy, pandas, xarray"
    day = 1577836800 * 10**9  # 2020-01-01 in nanoseconds

    def csr() -> Any:
        import scipy.sparse

        return scipy.sparse.csr_array(np.array([[0, 2.5], [1.5, 0]]))

    def frame() -> Any:
        import pandas

        with pandas.option_context("mode.string_storage", "python"):  # of the names
            return pandas.DataFrame({"n": [1, 2], "v": [0.5, 1.5]})

    def texts() -> Any:
        import pandas

        with pandas.option_context("mode.string_storage", "python"):
            return pandas.DataFrame({"s": ["a", "bé"], "c": pandas.Categorical(["u", "v"])})

    def wide() -> Any:
        import pandas

        return pandas.DataFrame(np.arange(600.0).reshape(2, 300))

    def series() -> Any:
        import pandas

        with pandas.option_context("mode.string_storage", "python"):
            return pandas.Series([1.5, 2.5], ["i", "j"], name="s")

    def dates() -> Any:
        import pandas

        return pandas.date_range("2020-01-01", periods=2, freq="D", unit="ns")

    def timestamp() -> Any:
        import pandas

        return pandas.Timestamp("2020-01-01").as_unit("us")

    def zoned() -> Any:
        import pandas

        return pandas.Timestamp("2020-01-01", tz="UTC").as_unit("us")

    def labelled() -> Any:
        import xarray

        return xarray.DataArray([1.5, 2.5], {"t": [10, 20]}, ("t",), name="n")

    def rows(chk: HDF5Checkpointer) -> None:
        for _ in range(2):
            chk.append(KEY, frame())

    def wide_rows(chk: HDF5Checkpointer) -> None:
        for _ in range(2):
            chk.append(KEY, wide())

    across = np.arange(600.0).reshape(2, 300)
    return [
        value(
            part,
            "sparse matrix",
            csr,
            {"data": [2.5, 1.5], "indices": [1, 0], "indptr": [0, 1, 2]},
            "scipy",
        ),
        value(part, "DataFrame", frame, {"column0": [1, 2], "column1": [0.5, 1.5]}, "pandas"),
        value(
            part,
            "DataFrame with strings and categories",
            texts,
            {"column1/codes": [0, 1]},
            "pandas",
        ),
        Form(
            part,
            "DataFrame, grown by `append`",
            rows,
            {"column0": [1, 2] * 2, "column1": [0.5, 1.5] * 2},
            "pandas",
        ),
        value(
            part,
            "DataFrame of 300 columns (one array)",
            wide,
            {"block0/values": across.T, "block0/places": list(range(300))},
            "pandas",
        ),
        Form(
            part,
            "DataFrame of 300 columns, grown by `append`",
            wide_rows,
            {"block0/values": np.concatenate([across, across])},
            "pandas",
        ),
        value(part, "Series", series, {"values": [1.5, 2.5], "name": "s"}, "pandas"),
        value(part, "DatetimeIndex", dates, {"values/utc": [day, day + 86400 * 10**9]}, "pandas"),
        value(part, "Timestamp", timestamp, {"utc": day // 1000}, "pandas"),
        value(part, "Timestamp with a zone", zoned, {"utc": day // 1000, "tz": "UTC"}, "pandas"),
        value(
            part,
            "xarray.DataArray",
            labelled,
            {"variable/data": [1.5, 2.5], "variable0/data": [10, 20]},
            "xarray",
        ),
    ]


def _names() -> list[Form]:
    part = "Names, order, attributes"
    odd = "a b.c-d\\e'f\"g"

    def moved(chk: HDF5Checkpointer) -> None:
        chk[KEY] = {"a": 1.0, "b": 2, "c": 3}
        chk["early"] = 1
        chk[f"{KEY}/a"] = "text"
        chk["early"] = "text"

    def many(chk: HDF5Checkpointer) -> None:
        chk[KEY] = {f"k{n}": n for n in range(200)}
        chk[KEY].update({f"k{n}": "text" for n in range(150)})

    def attributes(chk: HDF5Checkpointer) -> None:
        chk[KEY] = np.arange(3.0)
        chk.array(KEY).attrs.update(
            {
                "units": "é",
                "n": 3,
                "v": 2.5,
                "z": 1j,
                "flag": True,
                "axis": [1, 2],
                "tags": ["a", "bé"],
            }
        )

    def nothing(chk: HDF5Checkpointer) -> None:
        chk[KEY] = np.arange(3.0)
        chk.array(KEY).attrs["none"] = None

    def cut(chk: HDF5Checkpointer) -> None:
        chk[KEY] = {"a": np.arange(3.0), "b": 1}
        del chk[f"{KEY}/b"]
        chk.compact()

    return [
        value(part, "keys in Unicode", {"é": 1, "名": {"ø": 2}}, {"é": 1, "名/ø": 2}),
        value(part, "keys with blanks, dots, quotes", {odd: 1}),
        Form(
            part, "keys that were replaced (`hdfchk:order`)", moved, {"a": "text", "b": 2, "c": 3}
        ),
        Form(part, "150 of 200 keys that were replaced", many, {"k0": "text", "k199": 199}),
        Form(part, "attributes", attributes, {"": [0.0, 1, 2]}),
        Form(part, "an attribute that is None", nothing, {"": [0.0, 1, 2]}),
        Form(part, "after `compact()`", cut, {"a": [0.0, 1, 2]}),
    ]


FORMS: list[Form] = [
    *_scalars(),
    *_numpy_scalars(),
    *_arrays(),
    *_layouts(),
    *_containers(),
    *_libraries(),
    *library_forms(),
    *_names(),
]


def write(form: Form, path: str) -> None:
    """Write the file of a form: the form at `KEY`, and an ordinary array beside it."""
    with HDF5Checkpointer(path, durable=False) as chk:
        chk[BESIDE] = np.array(BESIDE_DATA)
        form.make(chk)
