"""Polars: series of every type, and data frames."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CodecRegistry, CorruptFileError, HDF5Checkpointer, UnsupportedTypeError
from tests.support.libraries import check_missing, check_round_trip, is_untouched, library

pl: Any = library("polars")


def differs(a: Any, b: Any) -> str | None:
    """How two frames or series differ: names, types, nulls, and the bits of floats."""
    if isinstance(a, pl.DataFrame):
        if a.schema != b.schema or a.shape != b.shape or list(a.columns) != list(b.columns):
            return f"{a.schema}, {b.schema}, {a.shape}, {b.shape}"
        pairs = zip(a.get_columns(), b.get_columns(), strict=True)
        return next(filter(None, (differs(*pair) for pair in pairs)), None)
    if a.name != b.name or a.dtype != b.dtype or len(a) != len(b):
        return f"{a.name!r} {a.dtype} {len(a)}, {b.name!r} {b.dtype} {len(b)}"
    if repr(a.to_list()) != repr(b.to_list()):
        return f"{a.to_list()}, {b.to_list()}"
    if a.dtype in (pl.Float32, pl.Float64):
        left, right = (x.fill_null(0).to_numpy().tobytes() for x in (a, b))
        return None if left == right else "bits"
    return None


UTC = dt.UTC
SERIES = {
    "ints": pl.Series("n", [1, None, -3], dtype=pl.Int8),
    "unsigned": pl.Series("", [1, 2**64 - 1], dtype=pl.UInt64),
    "floats": pl.Series("f", [1.5, float("nan"), -0.0, None]),
    "float32": pl.Series("f", [1.5, float("inf")], dtype=pl.Float32),
    "booleans": pl.Series("b", [True, None, False]),
    "all there": pl.Series("b", [True, False]),
    "texts": pl.Series("s", ["a", None, "é", ""]),
    "texts with NUL": pl.Series("s", ["a\0b", "c"]),
    "all texts": pl.Series("s", ["a", "b"]),
    "bytes": pl.Series("x", [b"a\0", None, b"", b"bcd"]),
    "dates": pl.Series("d", [dt.date(2020, 2, 29), None, dt.date(1, 1, 1)]),
    "times": pl.Series("t", [dt.time(12, 30, 1, 5), None]),
    "moments": pl.Series("m", [dt.datetime(2020, 1, 1, 1, 2, 3, 4), None]),
    "in zones": pl.Series("z", [dt.datetime(2020, 1, 1, tzinfo=UTC)]).dt.convert_time_zone(
        "Asia/Tokyo"
    ),
    "nanoseconds": pl.Series("m", [1, 2], dtype=pl.Int64).cast(pl.Datetime("ns")),
    "durations": pl.Series("u", [dt.timedelta(1, 2, 3), None], dtype=pl.Duration("ms")),
    "decimals": pl.Series("c", [decimal.Decimal("1.50"), None], dtype=pl.Decimal(20, 2)),
    "wide ints": pl.Series("w", [2**100, None], dtype=pl.Int128),
    "categories": pl.Series("k", ["b", "a", None, "b"], dtype=pl.Categorical),
    "enums": pl.Series("e", ["y", None, "x"], dtype=pl.Enum(["x", "y", "z"])),
    "lists": pl.Series("l", [[1, 2], None, [], [None]], dtype=pl.List(pl.Int16)),
    "lists of lists": pl.Series("l", [[[1.5], []], None, [None, [2.0, None]]]),
    "lists of texts": pl.Series("l", [["a"], [], None, ["b", None]]),
    "empty lists": pl.Series("l", [[], []], dtype=pl.List(pl.String)),
    "arrays": pl.Series("a", [[1, 2], None, [3, None]], dtype=pl.Array(pl.Int8, 2)),
    "structs": pl.Series("r", [{"a": 1, "b": "x"}, None, {"a": None, "b": None}]),
    "lists of structs": pl.Series("r", [[{"a": 1}], None, [], [{"a": 2}, None]]),
    "structs without fields": pl.Series("r", [{}, None, {}]),
    "arrays of nothing": pl.Series("a", [[], None], dtype=pl.Array(pl.Int8, 0)),
    "no structs without fields": pl.Series("r", [{}]).clear(),
    "nothing": pl.Series("o", [None, None]),
    "empty": pl.Series("", [], dtype=pl.String),
    "empty list": pl.Series("", [], dtype=pl.List(pl.Int8)),
    "empty struct": pl.Series("", [], dtype=pl.Struct({"a": pl.Int8})),
    "empty enum": pl.Series("", [], dtype=pl.Enum(["a"])),
}
FRAMES = {
    "all types": pl.DataFrame([s.head(1).alias(n) for n, s in SERIES.items() if len(s)]),
    "odd names": pl.DataFrame({"a/b": [1], "": [2], ".": ["x"]}),
    "plain": pl.DataFrame({"x": [1.0, 2.0], "s": ["a", None]}),
    "no rows": pl.DataFrame(schema={"a": pl.Int8, "b": pl.String}),
    "no columns": pl.DataFrame(),
}
CASES = SERIES | {f"frame: {name}": frame for name, frame in FRAMES.items()}


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, path: str) -> None:
    """Names, types, nulls and bits come back."""
    check_round_trip(path, CASES[name], differs)


def test_readable_without_polars(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame is a group of named columns; missing items are told beside them."""
    frame = FRAMES["plain"]
    chk = check_missing(path, {"frame": frame, "s": frame["x"]}, monkeypatch, "polars").group("x")
    assert chk.array("s")[1] == 2.0
    with h5py.File(path) as file:
        columns = file["x/frame/columns"]
        assert columns["x"][:].tolist() == [1.0, 2.0]
        assert columns["s/values"].asstr()[:].tolist() == ["a", ""]
        assert columns["s/valid"][:].tolist() == [True, False]


def test_rows_are_appended(path: str) -> None:
    """A column without missing items grows as any array."""
    chk = HDF5Checkpointer(path)
    chk["s"] = pl.Series("n", [1, 2], dtype=pl.Int32)
    chk.append("s", np.array([3, 4], "i4"))
    assert differs(chk["s"], pl.Series("n", [1, 2, 3, 4], dtype=pl.Int32)) is None


def _with_attribute(value: Any) -> Any:
    value.mine = 1
    return value


REFUSED = {
    "attribute": (lambda: _with_attribute(pl.Series([1])), "mine"),
    "attribute of a frame": (lambda: _with_attribute(pl.DataFrame({"a": [1]})), "mine"),
    "objects": (lambda: pl.Series([object()], dtype=pl.Object), "cast"),
    "lazy": (lambda: pl.DataFrame({"a": [1]}).lazy(), r"\.collect\(\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, path: str) -> None:
    """What could not be read back exactly is refused, before a file is made."""
    make, told = REFUSED[name]
    with pytest.raises(UnsupportedTypeError, match=told) as caught:
        HDF5Checkpointer(path)["a"] = {"x": make()}
    assert caught.value.key == "a/x" and is_untouched(path)


@pytest.mark.parametrize("spec", ["read_csv", ["read_csv", "/etc/hostname"], ["List", "read_csv"]])
def test_a_file_names_types_alone(spec: Any) -> None:
    """A file cannot make its reader call anything else of polars."""
    registry = CodecRegistry()
    node = registry.encode(pl.Series([1]))
    node.mark.params["type"] = spec
    with pytest.raises(CorruptFileError, match="'read_csv' is not a type"):
        registry.decode(node)
