"""Differences between values, in words."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from hdfchk.cli.comparing import Tolerance, difference

EXACT, LOOSE, NEAR = (
    Tolerance(0, 0, types=True),
    Tolerance(0, 0, types=False),
    Tolerance(1e-3, 0, types=True),
)
NAN = float("nan")
SAME = [
    (1, 1), (NAN, NAN), ("a", "a"), (None, None), (2**100, 2**100), (complex(NAN, 1), complex(NAN, 1)),
    ([1, NAN], [1, NAN]), ({"a": [NAN]}, {"a": [NAN]}), ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (np.array([1, NAN]), np.array([1, NAN])), (np.array(["a"]), np.array(["a"])),
    (np.array(["NaT"], "M8[s]"), np.array(["NaT"], "M8[s]")), (np.zeros((0, 3)), np.zeros((0, 3))),
    (np.array([(1, NAN)], "i4,f8"), np.array([(1, NAN)], "i4,f8")),
    (np.ma.array([1.0, 2.0], mask=[0, 1]), np.ma.array([1.0, 3.0], mask=[0, 1], fill_value=7)),
    (np.array([1, "a", None], object), np.array([1, "a", None], object)),
]  # fmt: skip
DIFFERENT = [
    (1, 2, "1 → 2"),
    (1, 1.0, "int 1 → float 1.0"),
    (True, 1, "bool → int 1"),
    (2**60, 2**60 + 1, "→"),
    ("a", "b", '"a" → "b"'),
    ([1, 2], [1, 3], "[1]: 2 → 3"),
    ([1], [1, 2], "1 items → 2 items"),
    ({"a": 1}, {"b": 1}, "'a' is in the first alone"),
    ({}, {"b": 1}, "'b' is in the second alone"),
    (np.zeros(2), np.zeros(3), "shape (2,) → (3,)"),
    (np.zeros(2), np.zeros(2, "f4"), "float64 → float32"),
    (np.zeros((2, 2)), np.array([[0, 0], [0.5, 0]]), "1 of 4 elements differ, first [1, 0] 0.0 → 0.5, by 0.5"),
    (np.array([0], "u1"), np.array([255], "u1"), "by 255 at most"),
    (np.array([1.0]), np.array([NAN]), '1.0 → "NaN"'),
    (np.array("x"), np.array("y"), '"x" → "y"'),
    (np.array([(1, 2.0)], "i4,f8"), np.array([(1, 3.0)], "i4,f8"), "'f1': 1 of 1"),
    (np.ma.array([1.0], mask=[1]), np.ma.array([1.0], mask=[0]), "masks differ"),
    (datetime.date(2026, 1, 1), datetime.date(2026, 1, 2), "2026-01-01"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SAME)))
def test_same(number: int) -> None:
    """NaN equals NaN, the order of keys does not matter, masked elements neither."""
    assert difference(*SAME[number], EXACT) is None


@pytest.mark.parametrize("number", range(len(DIFFERENT)))
def test_different(number: int) -> None:
    """What differs is told by place, values and count."""
    left, right, text = DIFFERENT[number]
    assert text in str(difference(left, right, EXACT))


def test_tolerances() -> None:
    """Numbers may differ by a part of the first, and by a fixed amount; not infinitely."""
    assert difference(1.0, 1.0005, NEAR) is None and difference(1.0, 1.002, NEAR)
    assert difference(np.ones(2), np.ones(2) + 5e-4, NEAR) is None
    assert difference(np.ones(2), np.ones(2) + 5e-3, NEAR)
    assert difference([1.0], [1.0 + 5e-4], NEAR) is None
    assert difference(0.0, 0.5, Tolerance(0, 0.5, types=True)) is None
    assert difference(np.array([0], "u1"), np.array([255], "u1"), Tolerance(0, 1, types=True))
    for left, right in ((1.0, np.inf), (np.inf, 1.0), (-np.inf, np.inf), (1.0, NAN)):
        assert difference(left, right, NEAR), (left, right)
        assert difference(np.array([left]), np.array([right]), NEAR), (left, right)


def test_without_types() -> None:
    """Equal values of two types are the same, if types do not count."""
    assert difference(1, 1.0, LOOSE) is None and difference((1,), [1], LOOSE) is None
    assert difference(np.zeros(2), np.zeros(2, "f4"), LOOSE) is None
    assert difference(np.zeros(2), [0, 0], LOOSE) is None
    assert difference(1, "1", LOOSE)


def test_tables() -> None:
    """DataFrames are compared as pandas does."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, NAN]})
    assert difference(frame, frame.copy(), EXACT) is None
    assert difference(frame, frame + 1, EXACT)


def test_scalars_of_libraries() -> None:
    """NaN equals NaN whatever its type, and numbers of NumPy have tolerances."""
    pandas = pytest.importorskip("pandas")
    for nan in (np.float32("nan"), np.datetime64("NaT"), pandas.NaT, pandas.NA):
        assert difference(nan, nan, EXACT) is None
    assert difference(np.float32(1), np.float32(1.0005), NEAR) is None
    assert difference(np.float32(1), np.float32(2), NEAR) == "1.0 → 2.0"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
def test_sparse(form: str) -> None:
    """Sparse matrices are compared element by element, as arrays are."""
    sparse = pytest.importorskip("scipy.sparse")
    left = sparse.csr_array(np.array([[0, 1.0, 0], [2.0, 0, NAN]])).asformat(form)
    right = sparse.csr_array(np.array([[0, 1.0, 0], [2.001, 0, NAN]])).asformat(form)
    other = sparse.csr_array(np.array([[3.0, 1.0, 0], [2.0, 0, NAN]])).asformat(form)
    assert difference(left, left.copy(), EXACT) is None
    assert "1 of" in (text := str(difference(left, right, EXACT)))
    assert "first [1, 0] 2.0 → 2.001" in text
    assert difference(left, right, NEAR) is None
    assert "first [0, 0] 0.0 → 3.0, by 3 at most" in str(difference(left, other, NEAR))
    assert "shape" in str(difference(left, sparse.csr_array((2, 4)).asformat(form), EXACT))


class _Vague:
    """A value that says nothing about whether it equals another one."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("of which elements?")

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return self._text


def test_objects_without_an_answer() -> None:
    """Where ``==`` has no answer, what can be shown of the values is compared."""
    assert difference(_Vague("a"), _Vague("a"), EXACT) is None
    assert difference(_Vague("a"), _Vague("b"), EXACT)


LARGE = 2**60


@pytest.mark.parametrize("dtype", ["i8", "u8", "O"])
def test_integers_are_compared_exactly(dtype: str) -> None:
    """Integers without an exact float differ by what they differ, with a tolerance or without."""
    left, right = (np.array([LARGE + more, 5], dtype) for more in (1, 0))
    text = str(difference(left, right, EXACT))
    assert "1 of 2 elements differ" in text
    assert text.endswith(", by 1 at most") or dtype == "O"
    assert difference(left, right, Tolerance(0, 0.5, types=True))
    assert difference(left, right, Tolerance(0, 1, types=True)) is None
    assert difference(left[0], right[0], Tolerance(0, 0.5, types=True))
    far = np.array([LARGE + 2**53 + 1]), np.array([LARGE])
    assert difference(*far, Tolerance(0, 2.0**53, types=True))
    assert difference(*far, Tolerance(0, 2.0**53 + 2, types=True)) is None


def test_the_ends_of_integer_types() -> None:
    """No difference or tolerance overflows."""
    for dtype in ("i1", "i2", "i4", "i8"):
        ends = np.iinfo(dtype)
        left, right = np.array([ends.min], dtype), np.array([ends.max], dtype)
        size = float(ends.max) - float(ends.min)
        assert str(difference(left, right, EXACT)).endswith(f", by {size:.3g} at most")
        assert difference(left, left + 1, Tolerance(0.01, 1, types=True)) is None
        assert difference(left, right, Tolerance(0, size / 2, types=True))
        assert difference(left, right, Tolerance(0, size * 2, types=True)) is None
        assert difference(left, left + 1, Tolerance(0, -1, types=True))


def test_integers_of_two_types() -> None:
    """They are compared exactly, too, and so are integers with floats."""
    half, whole = Tolerance(0, 0.5, types=False), Tolerance(0, 1, types=False)
    signed, unsigned = np.array([LARGE + 1, -1]), np.array([LARGE, 2**64 - 1], "u8")
    assert "2 of 2 elements differ" in str(difference(signed, unsigned, half))
    assert str(difference(signed, unsigned, whole)).endswith("1 of 2 elements differ, first [1] -1 → 18446744073709551615, by 1.84e+19 at most")  # fmt: skip
    for dtype in ("i8", "u8"):
        for left, right in (
            (np.array([LARGE + 1, 3], dtype), np.array([float(LARGE), 3])),
            (np.array(LARGE + 1, dtype), np.array(float(LARGE))),
            (LARGE + 1, float(LARGE)),
        ):
            for one, two in ((left, right), (right, left)):
                assert difference(one, two, LOOSE) and difference(one, two, half)
                assert "by 0" not in str(difference(one, two, LOOSE))
                assert difference(one, two, whole) is None
    assert difference(np.array([LARGE]), np.array([float(LARGE)]), LOOSE) is None
    assert difference(np.array([LARGE]), np.array([NAN]), whole)
    assert difference(3, 2.5, half) is None
