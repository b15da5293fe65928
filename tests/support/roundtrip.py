"""The round-trip table: every kind of value, and how it is stored.

`docs/types.md` is generated from it: ``python -m tests.support.roundtrip > docs/types.md``.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import pathlib
import sys
import uuid
import zoneinfo
from typing import Any

import numpy as np

from hdfchk.tree import NONE_BITS

from . import records
from .roundtrip_containers import CONTAINERS
from .roundtrip_numpy import NAN_PAYLOAD, NUMPY
from .roundtrip_row import Row
from .roundtrip_values import of_family

NONE_NUMBER = np.array(NONE_BITS, np.uint64).view(np.float64).item()

SCALARS = [
    Row("Python scalars", "None", "a scalar dataset of float64, a NaN of its own", lambda: [None]),
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
            NONE_NUMBER,
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


def every_row() -> list[Row]:
    """Return all rows, including those of libraries that are not installed."""
    from . import roundtrip_optional

    return [
        *SCALARS,
        *NUMPY,
        *of_family("NumPy"),
        *CONTAINERS,
        *OBJECTS,
        *of_family("Plain objects"),
        *RECORDS,
        *roundtrip_optional.rows(),
    ]


def table() -> list[Row]:
    """Return the rows whose cases can be made here."""
    return [row for row in every_row() if row.can_be_made()]


def cases() -> list[tuple[str, Any]]:
    """Return every case with a name that is a valid key."""
    return [
        (f"{row.name}:{index}".replace("/", "|"), value)
        for row in table()
        for index, value in enumerate(row.make())
    ]


def markdown() -> str:
    """Return the text of `docs/types.md`."""
    lines = [INTRODUCTION.strip(), ""]
    family = ""
    for row in every_row():
        if row.family != family:
            family = row.family
            lines += [
                "",
                f"## {family}",
                "",
                "| type | how it is stored | cases tried |",
                "| --- | --- | --- |",
            ]
        lines.append(f"| {row.name} | {row.stored} | {row.count or len(row.make())} |")
    return "\n".join([*lines, "", OUTRO.strip(), ""])


INTRODUCTION = """
# Types

Values that can be stored and read back exactly: type, dtype, byte order, shape, memory order, value,
order of keys. Each row is tested, with the given number of cases, at the top level, inside a dict
and inside a list, saved in one process and read in another. This page is generated from the table of
those tests (`python -m tests.support.roundtrip > docs/types.md`).

[The format](format.md) describes how each type is stored in the file.
"""

OUTRO = """
## ml_dtypes

| type | how it is stored |
| --- | --- |
| arrays, scalars and fields of bfloat16, float8, float6, float4, int4, int2, int1, complex32 | as their bits: unsigned integers of the same size, complex numbers a compound of r and i; with a mark |
| their dtypes | a mark |

Reading them needs ml_dtypes (`pip install 'hdfchk[types]'`). Every dtype of NumPy and of ml_dtypes is tried at every place
in `tests/contract/test_dtypes.py`.

## Other libraries

The following types are tested in the same way by tests of their own, in `tests/codecs`, as their libraries are many:
`pip install 'hdfchk[types]'` brings all of them. hdfchk imports a library only when such a value is stored or read. If the
library is missing, reading raises `MissingExtraError`, which says what can be read instead; h5py always reads the data.

| library | types | how they are stored |
| --- | --- | --- |
| ASE | `Atoms`, with constraints; without a calculator | a group of arrays, cell, info |
| Astropy | `Quantity` (also masked), units, `Time`, `TimeDelta`, `Column`, `Table`, `QTable` | a dataset with the attribute `units`; a table is a group of named columns |
| Awkward | `Array` | its form and its buffers |
| JAX | arrays of all types on the default device, random keys | a dataset; 64-bit values raise an error where `jax_enable_x64` is off |
| NetworkX | `Graph`, `DiGraph`, `MultiGraph`, `MultiDiGraph` | two arrays of the ends of edges, and a list for each attribute |
| Pint | `Quantity` of the application's registry | a dataset with the attribute `units` |
| Polars | `Series`, `DataFrame` | a dataset for each column, and one more if items are missing |
| Arrow | arrays, `ChunkedArray`, `RecordBatch`, `Table` | likewise |
| Pydantic | models, after `hdfchk.register(Model)` | a group of the fields |
| PyTorch | tensors and parameters on the CPU, `state_dict()`s, `Size`, dtypes, devices | a dataset; bfloat16 and float8 as their bits |
| unyt | `unyt_array`, `unyt_quantity` | a dataset with the attribute `units` |

An element of a stored array has no units of its own: writing a quantity into an array raises an error, which says how to
convert it.

## Unsupported values

A value that cannot be stored exactly raises `UnsupportedTypeError`, a `TypeError`, before the file
is changed; the message names the key path and suggests a remedy. This applies to

* instances of classes that are not registered, and of subclasses of the types above (an instance of a subclass of
  `dict` is not a `dict`): register the class, or convert the value;
* NumPy arrays, sparse arrays and pandas objects with attributes that were set on the instance (`frame.note = 1`): what is
  kept is what the library itself keeps, such as the `attrs` of a frame;
* arrays whose dtype is of another library than NumPy and ml_dtypes, or has a class of rows of its own;
* results of SciPy with private state (`ttest_ind`, `pearsonr`, `tukey_hsd`): store their fields; and operators in them
  (`hess_inv` of L-BFGS-B): store the matrix;
* views of memory that are not contiguous, or whose items Python cannot view by itself: store `numpy.asarray(view)`;
* functions (other than ufuncs of NumPy), classes that are neither built in, nor NumPy's, nor registered, modules,
  generators, open files, locks, calculators, models and optimizers: the error says what to store instead;
* quantities whose units cannot be read back from their text, and those of other registries than the default one;
* containers that contain themselves, and nesting deeper than 150 levels;
* time zones other than `datetime.timezone` and `zoneinfo.ZoneInfo`.

## What is not preserved

A `numpy.memmap`, an `hdfchk.Array` and a dask array are stored as their elements, and read as a `numpy.ndarray`.
Two references to one object become two objects. The `flags.writeable` of an array, its strides (except for
Fortran order) and the metadata of its dtype are not part of its value; nor are the chunks of Arrow and Polars, and the
buffers of an awkward array that it does not show. Padding bytes inside a structured or a long double item are not
preserved. The keys of a store and of its groups are paths: a key that is assigned by itself
(`chk[np.str_("a")] = 1`) is a plain `str` when the group is loaded; the keys of a dict inside a value are what they
were. Not preserved either are attributes that were set on a member of an enum, and what `to_state()` leaves out.
"""

if __name__ == "__main__":
    sys.stdout.write(markdown())
