"""The data of the cases, the same in every run. A quick look uses less data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "COMPRESSIBLE",
    "array",
    "arrays",
    "compressible",
    "curve",
    "frame",
    "keys",
    "lists",
    "many_keys",
    "noise",
    "number",
    "overwrites",
    "scalars",
    "state_dict",
    "table",
]

Tree = dict[str, Any]


def number(full: int, quick: int) -> Callable[[bool], int]:
    """Return a function that returns a number, a smaller one for a quick look."""
    return lambda is_quick: quick if is_quick else full


def scalars(quick: bool) -> Tree:
    """Return numbers in one dict."""
    return {"d": keys(quick)}


def keys(quick: bool) -> Tree:
    """Return numbers at the root."""
    return {f"k{i}": float(i) for i in range(1000 if quick else 10_000)}


def many_keys(count: int) -> Callable[[bool], Tree]:
    """Return a function that makes very many numbers at the root."""
    return lambda quick: {f"k{i}": float(i) for i in range(count // 100 if quick else count)}


def arrays(quick: bool) -> Tree:
    """Return nested groups, ten in each, 1 + 10 + 100 + 1,000; ten arrays in each of the last."""

    def level(depth: int) -> Tree:
        if depth == 0:
            return {f"a{i}": np.arange(10.0) + i for i in range(10)}
        return {f"g{i}": level(depth - 1) for i in range(10)}

    return level(2 if quick else 3)


def state_dict(quick: bool) -> Tree:
    """Return weights and biases of layers, as in torch: 1 to 100,000 items, log-uniform."""
    rng = np.random.default_rng(2)

    def weights() -> Any:
        return rng.random(int(10 ** rng.uniform(0, 5)), dtype=np.float32)

    layers = 100 if quick else 1000
    return {f"layer{i}": {"weight": weights(), "bias": weights()} for i in range(layers)}


def noise(items: int) -> Tree:
    """Return one array of random numbers, which do not compress."""
    return {"x": np.random.default_rng(0).random(items)}


def array(items: int) -> Callable[[bool], Tree]:
    """Return a function that makes one array of so many random numbers, or of a few."""
    return lambda quick: noise(2**20 if quick else items)


def table(quick: bool) -> Tree:
    """Return one array of many rows, 512 MiB."""
    shape = (32_768, 32) if quick else (65_536, 1024)
    return {"x": np.random.default_rng(0).random(shape)}


COMPRESSIBLE = number(50_000_000, 2_000_000)


def compressible(quick: bool) -> Tree:
    """Return one array of a smooth curve with noise, as in a measurement."""
    return curve(COMPRESSIBLE(quick))


def curve(items: int) -> Tree:
    """Return such an array with so many items."""
    values = np.sin(np.linspace(0, items / 25_000, items))
    values += 1e-6 * np.random.default_rng(3).standard_normal(items)
    return {"x": values}


def lists(_: bool) -> Tree:
    """Return a list of short strings and one of integers."""
    return {"strings": [f"string {i}" for i in range(5000)], "ints": list(range(5000))}


def overwrites(_: bool) -> list[Tree]:
    """Return the values to set in turn: an array of about 1 MB, and a small one."""
    rng = np.random.default_rng(1)
    sizes = 125_000 + rng.integers(-2000, 2000, 200)
    numbers = rng.random(2 * max(sizes))
    return [
        {"x": numbers[n : n + size], "y": numbers[: 100 + n % 13]} for n, size in enumerate(sizes)
    ]


def frame(rows: int, columns: int, quick_rows: int | None = None) -> Callable[[bool], Tree]:
    """Return a function that makes a DataFrame of random floats, shorter for a quick look."""

    def make(quick: bool) -> Tree:
        import pandas as pd

        count = quick_rows if quick and quick_rows else rows
        values = np.random.default_rng(4).random((count, columns))
        return {"t": pd.DataFrame(values, columns=[f"c{n}" for n in range(columns)])}

    return make
