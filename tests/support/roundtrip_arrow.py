"""Arrow arrays in pandas: each type that can be stored, whole, sliced, chunked and empty."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np

_MOMENT = dt.datetime(2024, 2, 29, 12, 34, 56, 789012)


def types_and_items() -> list[tuple[Any, list[Any]]]:
    """Return the types, each with some items."""
    import pyarrow as pa

    integers = [(getattr(pa, f"{sign}int{n}")(), n) for n in (8, 16, 32, 64) for sign in ("", "u")]
    units = ("s", "ms", "us", "ns")
    moments = [(pa.timestamp(unit), [_MOMENT.replace(microsecond=0), None]) for unit in units]
    times: list[tuple[Any, list[Any]]] = [
        *((pa.timestamp("us", zone), [_MOMENT, None]) for zone in ("Europe/Berlin", "+01:30")),
        *((pa.duration(unit), [dt.timedelta(-1, 5), None]) for unit in units),
        *((pa.time32(unit), [dt.time(1, 2, 3), None]) for unit in units[:2]),
        *((pa.time64(unit), [dt.time(1, 2, 3, 4), None]) for unit in units[2:]),
        *((kind, [dt.date(1, 1, 1), None, dt.date.max]) for kind in (pa.date32(), pa.date64())),
    ]
    texts = ["a", None, "é", "", "x\0y"]
    raw = [b"a\0", None, b"", "é".encode()]
    exact = [Decimal("1.20"), None, Decimal("-0.01"), Decimal(0)]
    return [
        *((kind, [1, None, 2 ** (bits - 1) - 1]) for kind, bits in integers),
        *((pa.null(), [None, None]), (pa.bool_(), [True, None, False] * 5)),
        *((pa.float16(), [np.float16(1.5), None]), (pa.float32(), [-0.0, float("inf")])),
        (pa.float64(), [1.5, float("nan"), None, -0.0]),
        *((pa.string(), texts), (pa.large_string(), texts), (pa.string(), ["a", "b"])),
        *((pa.binary(), raw), (pa.large_binary(), raw), (pa.binary(0), [b"", None])),
        (pa.binary(3), [b"abc", None, b"\0\0\0"]),
        *(*moments, *times),
        *((pa.decimal128(5, 2), exact), (pa.decimal128(5, -2), [Decimal("1E+4"), None])),
        (pa.decimal256(50, 2), [Decimal("9" * 48 + ".12"), Decimal("-1.00")]),
        *nested(),
    ]


def nested() -> list[tuple[Any, list[Any]]]:
    """Return the nested types, each with some items."""
    import pyarrow as pa

    number, text = pa.int64(), pa.string()
    code = pa.dictionary(pa.int8(), text)
    noted = pa.field("e", pa.int8(), nullable=False, metadata={"k": b"\xff"})
    both = pa.struct([("a", number), ("b", pa.list_(text))])
    return [
        *((code, ["a", None, "b", "a"]), (pa.dictionary(pa.int32(), number, True), [5, 1])),
        (pa.list_(number), [[1, 2], None, [], [3, None]]),
        *((pa.large_list(text), [["a"], None, ["b", None]]), (pa.list_(noted), [[1], []])),
        *((pa.list_(number, 2), [[1, 2], None, [3, None]]), (pa.list_(number, 0), [[], None])),
        (pa.list_(code), [["a", "b"], None, ["a"]]),
        *((pa.list_(pa.null()), [[None, None], None]), (pa.struct([]), [{}, None])),
        (both, [{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}]),
        (pa.struct([("s", both)]), [{"s": {"a": 1, "b": []}}, {"s": None}, None]),
        (pa.map_(text, number), [[("a", 1), ("b", None)], None, []]),
        (pa.map_(text, pa.list_(pa.int8()), keys_sorted=True), [[("a", [1])]]),
    ]


def _array(items: list[Any], kind: Any) -> Any:
    """Return an Arrow array; older versions of pyarrow drop the order of dictionaries."""
    import pyarrow as pa

    made = pa.array(items, kind)
    if made.type == kind:
        return made
    return pa.DictionaryArray.from_arrays(made.indices, made.dictionary, ordered=kind.ordered)


def variants(kind: Any, items: list[Any]) -> list[Any]:
    """Return the same items in several layouts of Arrow."""
    import pyarrow as pa

    whole, there = (
        _array(some, kind) for some in (items, [item for item in items if item is not None])
    )
    chunks = [[whole], [whole, whole.slice(1)], [whole.slice(1)], [whole.slice(0, 0)], []]
    return [pa.chunked_array(each, kind) for each in (*chunks, [there])]


def cases() -> list[Any]:
    """Return arrays of each type, an Index, a Series, and a DataFrame with a column per type."""
    import pandas as pd

    make = pd.arrays.ArrowExtensionArray
    pairs = types_and_items()
    arrays = [make(chunked) for pair in pairs for chunked in variants(*pair)]
    plain = pairs[: -len(nested())]  # pandas does not compare columns of lists
    first = {f"c{n}": make(variants(*pair)[0])[:1] for n, pair in enumerate(plain)}
    some = pd.array([1, None], dtype="int64[pyarrow]")
    texts = pd.array(["x", None], dtype="string[pyarrow]")
    return [
        *arrays,
        pd.DataFrame(first),
        *(pd.Index(some, name="q"), pd.Series(some, index=pd.Index(texts)), pd.Categorical(some)),
        pd.MultiIndex.from_arrays([some, texts]),
    ]
