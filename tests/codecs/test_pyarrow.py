"""Arrow: arrays of every type, chunked arrays, record batches and tables."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CodecRegistry, CorruptFileError, HDF5Checkpointer, UnsupportedTypeError
from tests.support.libraries import check_missing, check_round_trip, is_untouched, library

pa: Any = library("pyarrow")


def differs(a: Any, b: Any) -> str | None:
    """How two values of Arrow differ: types, metadata, items (NaN is NaN), missing ones."""
    b.validate(full=True)
    if isinstance(a, (pa.Table, pa.RecordBatch)):
        same = a.schema.equals(b.schema, check_metadata=True) and a.num_rows == b.num_rows
        if not same:
            return f"{a.schema}, {b.schema}"
        pairs = zip(a.columns, b.columns, strict=True)
        return next(filter(None, (differs(*pair) for pair in pairs)), None)
    if a.type != b.type or len(a) != len(b) or a.null_count != b.null_count:
        return f"{a.type} {len(a)}, {b.type} {len(b)}"
    same = repr(a.to_pylist()) == repr(b.to_pylist())
    return None if same else f"{a.to_pylist()}, {b.to_pylist()}"


def _sliced() -> Any:
    return pa.array([[9], [1, 2], None, [], [None, 3], [4]])[1:5]


ARRAYS = {
    "ints": pa.array([1, None, -3], pa.int8()),
    "unsigned": pa.array([1, 2**64 - 1], pa.uint64()),
    "floats": pa.array([1.5, float("nan"), -0.0, None]),
    "float32": pa.array([1.5], pa.float32()),
    "halves": pa.array([np.float16(1.5), None], pa.float16()),
    "booleans": pa.array([True, None, False]),
    "texts": pa.array(["a", None, "é", "", "x\0y"]),
    "large texts": pa.array(["a", None], pa.large_string()),
    "bytes": pa.array([b"a\0", None, b""]),
    "fixed bytes": pa.array([b"ab", None], pa.binary(2)),
    "dates": pa.array([dt.date(2020, 2, 29), None]),
    "dates in ms": pa.array([dt.date(2020, 2, 29), None], pa.date64()),
    "times": pa.array([dt.time(1, 2, 3), None], pa.time32("ms")),
    "long times": pa.array([dt.time(1, 2, 3, 4), None], pa.time64("us")),
    "moments": pa.array([1, None], pa.timestamp("ns", "Europe/Berlin")),
    "durations": pa.array([dt.timedelta(1), None], pa.duration("ms")),
    "decimals": pa.array([decimal.Decimal("1.50"), None], pa.decimal128(20, 2)),
    "wide decimals": pa.array([decimal.Decimal("-1.5"), None], pa.decimal256(60, 1)),
    "lists": _sliced(),
    "lists of lists": pa.array([[["a"], []], None, [None, ["b", None]]]),
    "large lists": pa.array([[1], None], pa.large_list(pa.int16())),
    "fixed lists": pa.array([[1, 2], None, [3, None]], pa.list_(pa.int8(), 2)),
    "sliced fixed lists": pa.array([[1, 2], None, [3, None]], pa.list_(pa.int8(), 2))[1:],
    "structs": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": None}])[:],
    "sliced structs": pa.array([{"a": 1}, {"a": 2}, None])[1:],
    "maps": pa.array(
        [[("a", 1)], None, [], [("b", None), ("c", 2)]], pa.map_(pa.string(), pa.int8())
    ),
    "categories": pa.array(["b", "a", None, "b"]).dictionary_encode(),
    "ordered": pa.DictionaryArray.from_arrays(
        pa.array([0, 1], pa.int8()), ["x", "y"], ordered=True
    ),
    "nothing": pa.nulls(3),
    "empty": pa.array([], pa.string()),
    "empty lists": pa.array([], pa.list_(pa.int8())),
    "sliced": pa.array([1, None, 3, 4])[1:3],
    "sliced booleans": pa.array([True, None, False, True])[1:3],
    "chunked": pa.chunked_array([[1, 2], [None]]),
    "no chunks": pa.chunked_array([], pa.string()),
}
LONG = {n: a for n, a in ARRAYS.items() if len(a) >= 2}
TABLES = {
    "all types": pa.table({n: a[:2] for n, a in LONG.items()}),
    "told": pa.table(
        {"a": [1, 2]},
        schema=pa.schema(
            [pa.field("a", pa.int64(), nullable=False, metadata={"u": "m"})], {"k": "v"}
        ),
    ),
    "batch": pa.record_batch({"x": [1.0, 2.0], "s": ["a", None]}),
    "odd names": pa.table({"a/b": [1], "": ["x"]}),
    "no rows": pa.table({"a": pa.array([], pa.int8())}),
    "no columns": pa.table({}),
    "chunks": pa.concat_tables([pa.table({"a": [1]}), pa.table({"a": [2]})]),
}
CASES = ARRAYS | {f"table: {name}": table for name, table in TABLES.items()}


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, path: str) -> None:
    """Types, metadata and missing items come back, of slices too."""
    check_round_trip(path, CASES[name], differs)


def test_readable_without_arrow(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is a group of named columns."""
    check_missing(path, TABLES["batch"], monkeypatch, "pyarrow")
    with h5py.File(path) as file:
        columns = file["x/columns"]
        assert columns["x"][:].tolist() == [1.0, 2.0]
        assert columns["s/values"].asstr()[:].tolist() == ["a", ""]
        assert columns["s/valid"][:].tolist() == [True, False]


def _any_bytes(kind: Any) -> Any:
    offsets = pa.py_buffer(b"\0\0\0\0\1\0\0\0")
    return pa.Array.from_buffers(kind, 1, [None, offsets, pa.py_buffer(b"\xff")])


REFUSED = {
    "text that is none": (lambda: _any_bytes(pa.string()), "validate"),
    "a date that is none": (lambda: pa.array([1]).view(pa.date64()), "validate"),
    "in a column": (lambda: pa.table({"a": _any_bytes(pa.string())}), "validate"),
    "dictionaries of dictionaries": (
        lambda: pa.DictionaryArray.from_arrays(pa.array([0]), pa.array(["a"]).dictionary_encode()),
        r"cast\(\)",
    ),
    "intervals": (lambda: pa.array([(1, 2, 3)], pa.month_day_nano_interval()), None),
    "in a table": (
        lambda: pa.table({"a": [(1, 2, 3)]}, pa.schema([("a", pa.month_day_nano_interval())])),
        r"cast\(\)",
    ),
    "unions": (lambda: pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]), None),
    "two of a name": (lambda: pa.table([[1], [2]], ["a", "a"]), "rename_columns"),
    "scalar": (lambda: pa.scalar(1), r"as_py\(\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, path: str) -> None:
    """What could not be read back exactly is refused, before a file is made."""
    make, told = REFUSED[name]
    with pytest.raises(UnsupportedTypeError, match=told) as caught:
        HDF5Checkpointer(path)["a"] = {"x": make()}
    assert caught.value.key == "a/x" and is_untouched(path)


@pytest.mark.parametrize("raises", [False, True])
def test_chunks_that_do_not_fit(raises: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that Arrow does not join, with more text than 32 bits count, are refused, not cut."""

    def joined(chunks: Any) -> Any:
        if raises:
            raise pa.ArrowInvalid("offset overflow while concatenating arrays")
        return chunks

    from hdfchk.codecs import pyarrow as codec
    from hdfchk.codecs.codec import Encoder

    monkeypatch.setattr(codec, "_arrow", lambda: pa)
    value = pa.chunked_array([["a"], ["b"]])
    made = type("Fake", (), {"num_chunks": 2, "type": value.type, "combine_chunks": joined})()
    monkeypatch.setattr(pa, "ChunkedArray", type(made))
    with pytest.raises(UnsupportedTypeError, match="large_"):
        codec._whole(made, made, Encoder(CodecRegistry()))


def test_a_file_names_tables_alone() -> None:
    """A file cannot make its reader call anything else of Arrow."""
    registry = CodecRegistry()
    node = registry.encode(TABLES["batch"])
    node.mark.params["class"] = "memory_map"
    with pytest.raises(CorruptFileError, match="memory_map"):
        registry.decode(node)
