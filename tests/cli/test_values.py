"""Values as JSON."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from hdfchk.cli.values import json_line

CASES = [
    (float("nan"), "NaN"),
    (float("inf"), "Infinity"),
    (-np.inf, "-Infinity"),
    (np.float32(0.5), 0.5),
    (np.float64(0.1), 0.1),
    (np.longdouble(0.5), 0.5),
    (np.int8(-3), -3),
    (2**100, 2**100),
    (True, True),
    (np.bool_(True), True),
    (None, None),
    (1 + 2j, {"real": 1.0, "imag": 2.0}),
    (b"\x00\xff", {"base64": "AP8="}),
    (datetime.date(2026, 1, 2), "2026-01-02"),
    (datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC), "2026-01-02T03:00:00+00:00"),
    (datetime.timedelta(days=1, seconds=2), "1 day, 0:00:02"),
    (np.datetime64("2026-01-02"), "2026-01-02"),
    (Fraction(1, 3), "1/3"),
    (Decimal("1.50"), "1.50"),
    (Path("a/b"), "a/b"),
    ((1, (2,)), [1, [2]]),
    ({1: "a"}, [[1, "a"]]),
    ({"a": {"b": float("nan")}}, {"a": {"b": "NaN"}}),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array([1.0, np.nan]), [1.0, "NaN"]),
    (np.array(["2026-01-02"], "M8[D]"), ["2026-01-02"]),
    (np.array([1.5], np.longdouble), [1.5]),
    (np.ma.array([1.0, 2.0], mask=[False, True]), [1.0, None]),
    (
        np.array([(1, 2.0), (3, np.inf)], dtype=[("a", "i4"), ("b", "f8")]),
        [{"a": 1, "b": 2.0}, {"a": 3, "b": "Infinity"}],
    ),
    (np.array((1, 2.0), dtype=[("a", "i4"), ("b", "f8")]), {"a": 1, "b": 2.0}),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_json(number: int) -> None:
    """Each value has its form, which every reader of JSON takes."""
    value, wanted = CASES[number]

    def refuse(text: str) -> None:
        raise AssertionError(text)

    found = json.loads(json_line(value), parse_constant=refuse)
    assert found == wanted and type(found) is type(wanted)


def test_tables() -> None:
    """A DataFrame is its columns, a Series its values."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert json.loads(json_line(frame))["a"] == [1, 2]
    assert json.loads(json_line(frame["a"])) == [1, 2]


def test_sparse() -> None:
    """A sparse array is dense."""
    sparse = pytest.importorskip("scipy.sparse")
    assert json.loads(json_line(sparse.csr_array([[0, 1]]))) == [[0, 1]]
