"""Rows of the round-trip table for optional libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import roundtrip_pandas
from .roundtrip_row import Row


def _sparse() -> list[Any]:
    import scipy.sparse as sp

    base = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, -3]])
    cases: list[Any] = []
    for layout in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil"):
        for kind in ("array", "matrix"):
            cls = getattr(sp, f"{layout}_{kind}")
            cases += [cls(base), cls((3, 4), dtype="i4"), cls(base.astype("c8"))]
    wide = sp.csr_array(base)
    wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
    unsorted = sp.csr_array((np.array([1.0, 2]), np.array([2, 0]), np.array([0, 2])), shape=(1, 3))
    doubled = sp.coo_array((np.array([1, 2]), (np.array([0, 0]), np.array([1, 1]))), shape=(2, 2))
    return [*cases, wide, unsorted, doubled, sp.coo_array(np.arange(3))]


def _labelled() -> list[Any]:
    import xarray as xr

    array = xr.DataArray(
        np.arange(6.0).reshape(2, 3),
        {"x": [1, 2], "y": ["a", "b", "c"], "s": 5},
        ("x", "y"),
        "t",
        {"units": "K"},
    )
    extra = array.assign_coords(label=("x", ["p", "q"]))
    extra.encoding = {"dtype": "f4"}
    dataset = xr.Dataset(
        {"b": array, "a": ("z", np.arange(2))}, attrs={"title": "é", "list": [1, 2]}
    )
    times = xr.Dataset(coords={"time": np.array(["2024-01-01"], "M8[ns]")})
    return [
        array,
        extra,
        xr.DataArray(5.0),
        dataset,
        times,
        xr.Dataset(),
        xr.Variable(("x",), [1, 2], {"a": 1}),
        array.x.variable,
        xr.DataArray(np.zeros((2, 0))),
    ]


def tensors() -> list[Any]:
    """Return tensors of PyTorch, which is too large for the test extra."""
    import torch

    cases: list[Any] = [
        torch.arange(6.0).reshape(2, 3),
        torch.tensor(5),
        torch.tensor(1.5, dtype=torch.float16),
        torch.tensor([1.5, float("nan")], dtype=torch.bfloat16),
    ]
    cases += [
        torch.tensor([True, False]),
        torch.zeros(0, 3),
        torch.tensor([1 + 2j]),
        torch.nn.Parameter(torch.ones(2)),
        torch.ones(2, requires_grad=True),
        torch.tensor(2, dtype=torch.uint8),
    ]
    return [
        *cases,
        torch.arange(6).reshape(2, 3).T,
        torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16), requires_grad=False),
        torch.tensor(True),
        torch.tensor(1.5, dtype=torch.float64),
    ]


def rows() -> list[Any]:
    """Return the rows. `tests/codecs/test_tensors.py` tests tensors if PyTorch is installed."""
    from .roundtrip_values import results_of_scipy

    return [
        Row(
            "SciPy",
            "sparse arrays and matrices, all formats",
            "a group of their arrays, with a mark",
            _sparse,
        ),
        *roundtrip_pandas.PANDAS,
        Row(
            "SciPy",
            "results of optimize, integrate and stats",
            "a group of the fields, with a mark",
            results_of_scipy,
        ),
        Row("xarray", "Variable, DataArray, Dataset", "a group, with a mark", _labelled),
    ]
