"""Rows of arrays, views, namespaces, classes, generators and results in the round-trip table."""

from __future__ import annotations

import argparse
import array
import collections
import decimal
import types
from typing import Any

import numpy as np

from . import records
from .roundtrip_row import Row


def _arrays() -> list[Any]:
    cases: list[Any] = [array.array(code, [1, 2, 100]) for code in "bBhHiIlLqQfd"]
    return [
        *cases,
        *(
            array.array("d", [np.nan, -0.0, np.inf]),
            array.array("i"),
            array.array("Q", [2**64 - 1]),
        ),
        *(array.array("u", "é漢\0"), array.array("u"), array.array("d", range(5000))),
    ]


def _views() -> list[Any]:
    numbers = np.arange(6.0)
    return [
        *(
            memoryview(b"ab"),
            memoryview(bytearray(b"ab\0")),
            memoryview(b""),
            memoryview(np.zeros(0)),
        ),
        *(memoryview(b"ab").cast("c"), memoryview(numbers.reshape(2, 3)), memoryview(numbers[2:])),
        *(memoryview(np.array(1.5)), memoryview(np.array(3)), memoryview(np.array(True))),
        *(memoryview(np.array([True, False])), memoryview(np.arange(3, dtype="q"))),
        memoryview(np.arange(24, dtype="H").reshape(2, 3, 4)),
    ]


def _namespaces() -> list[Any]:
    space = types.SimpleNamespace
    return [
        *(space(), space(a=1, b=np.zeros(2), c=space(d=[1, "x"])), space(**{"a/b": 1, "": 2})),
        *(argparse.Namespace(), argparse.Namespace(path="x", steps=3, grid=np.zeros((2, 2)))),
        argparse.Namespace(**{"_data": 1, "with space": 2}),
    ]


def _classes() -> list[Any]:
    return [
        *(int, str, type(None), object, type, collections.OrderedDict, decimal.Decimal),
        *(np.float32, np.longlong, np.str_, np.bool, np.floating, np.ndarray, np.record),
        *(np.dtypes.Float64DType, np.dtypes.StringDType, np.sin, np.add, np.absolute, np.matmul),
        *(records.Point, records.Color, records.Pair, records.Whole),
    ]


def _generators() -> list[Any]:
    random = np.random
    bits = [random.MT19937, random.PCG64, random.PCG64DXSM, random.Philox, random.SFC64]
    used = random.default_rng(5)
    used.integers(3, size=3, dtype="i4")
    used.spawn(2)
    legacy = random.RandomState(5)
    legacy.standard_normal()
    seeds = random.SeedSequence([1, 2, 2**70], spawn_key=(1, 2), pool_size=8)
    return [
        *(used, legacy, random.RandomState(random.PCG64(3)), random.default_rng(seeds)),
        *(random.Generator(made(7)) for made in bits),
        *(made(seeds) for made in bits),
        *(seeds, random.SeedSequence(5), random.SeedSequence(np.array([1, 2], "u4"))),
    ]


def _linalg() -> list[Any]:
    matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
    linalg = np.linalg
    return [
        *(linalg.eigh(matrix), linalg.eig(matrix), linalg.svd(matrix), linalg.qr(matrix)),
        *(
            linalg.slogdet(matrix),
            linalg.svd(np.zeros((3, 2, 2))),
            linalg.slogdet(np.ones((4, 2, 2))),
        ),
        *(np.unique_all([1, 1, 2]), np.unique_counts([1, 1]), np.unique_inverse([2, 1])),
    ]


VALUES = [
    Row("Plain objects", "array.array", "a dataset", _arrays),
    Row("Plain objects", "memoryview", "a dataset", _views),
    Row(
        "Plain objects",
        "SimpleNamespace, argparse.Namespace",
        "a group of the attributes, with a mark",
        _namespaces,
    ),
    Row(
        "Plain objects",
        "classes and ufuncs: of Python, of NumPy, registered ones",
        "a string, a name in a table",
        _classes,
    ),
    Row(
        "NumPy",
        "random generators, bit generators, SeedSequence, RandomState",
        "a group of the state, with a mark",
        _generators,
    ),
    Row("NumPy", "results of linalg and unique", "a group of the fields, with a mark", _linalg),
]


def of_family(family: str) -> list[Row]:
    """Return the rows of a family."""
    return [row for row in VALUES if row.family == family]


def results_of_scipy() -> list[Any]:
    """Return results of `scipy.optimize`, `scipy.integrate` and `scipy.stats`, of all kinds."""
    import scipy.integrate as integrate
    import scipy.optimize as optimize
    import scipy.stats as stats

    def square(x: Any) -> Any:
        return (x**2).sum()

    x = np.array([1.0, 2, 3, 4, 6, 5, 9])
    y = x**2
    made = [
        *(
            optimize.minimize(square, [1.0, 2.0]),
            optimize.minimize(square, [1.0], method="Nelder-Mead"),
        ),
        *(
            optimize.root_scalar(lambda t: t - 1, bracket=[0, 3]),
            optimize.root(lambda t: t - 1, [2.0]),
        ),
        *(optimize.linprog([1], bounds=[(0, 1)]), optimize.least_squares(lambda t: t - 1, [2.0])),
        integrate.solve_ivp(lambda t, s: -s, [0, 1], [1.0]),
        *(
            stats.linregress(x, y),
            stats.spearmanr(x, y),
            stats.kendalltau(x, y),
            stats.ks_2samp(x, y),
        ),
        *(
            stats.mannwhitneyu(x, y),
            stats.wilcoxon(x, y + 1),
            stats.kruskal(x, y),
            stats.f_oneway(x, y),
        ),
        *(stats.chi2_contingency([[3, 4], [5, 6]]), stats.shapiro(x), stats.describe(x)),
        *(stats.theilslopes(y, x), stats.mode(x), stats.levene(x, y), stats.sigmaclip(x)),
        *(stats.binomtest(3, 10), stats.binomtest(3, 10).proportion_ci(), stats.somersd(x, y)),
        *(
            stats.pearsonr(x, y).confidence_interval(),
            stats.binned_statistic(x, y),
            stats.relfreq(x),
        ),
        *(stats.cramervonmises(x, "norm"), stats.page_trend_test([[1, 2, 3], [1, 3, 2]])),
        *(stats.mstats.kruskal(x, y), stats.contingency.crosstab([1, 2], [1, 2])),
    ]
    # Since SciPy 1.18, some have private state, and are rejected.
    return [value for value in made if "_xp" not in getattr(value, "__dict__", {})]
