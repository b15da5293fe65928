"""The forms of values of other libraries: of those in the extra `types`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np

from .form import Form, value

PART = "Other libraries"


def _tensor() -> Any:
    import torch

    return torch.arange(6.0).reshape(2, 3)


def _bits() -> Any:
    import torch

    return torch.tensor([1.0, -2.0], dtype=torch.bfloat16)


def _small() -> Any:
    import ml_dtypes

    return np.array([1.0, -2.0], ml_dtypes.bfloat16)


def _jax() -> Any:
    import jax

    return jax.numpy.array([1.5, 2.5])


def _quantity() -> Any:
    import astropy.units

    return np.array([1.5, 2.5]) * astropy.units.km


def _time() -> Any:
    import astropy.time

    return astropy.time.Time([58000.25, 58001.5], format="mjd")


def _astropy_table() -> Any:
    import astropy.table

    return astropy.table.Table({"n": [1, 2], "v": [0.5, 1.5]}, units={"v": "m"})


def _pint() -> Any:
    import pint

    return pint.get_application_registry().Quantity(np.array([1.5, 2.5]), "km")


def _unyt() -> Any:
    import unyt

    return unyt.unyt_array([1.5, 2.5], "km")


def _atoms() -> Any:
    import ase

    return ase.Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.75]])


def _polars() -> Any:
    import polars

    return polars.DataFrame({"n": [1, 2], "t": ["a", None]})


def _arrow() -> Any:
    import pyarrow

    return pyarrow.table({"n": [1, 2], "t": ["a", None], "l": [[1], [2, 3]]})


def _arrow_text() -> Any:
    import pandas

    dtype = pandas.StringDtype("pyarrow", na_value=np.nan)
    return pandas.DataFrame({"t": pandas.array(["a", None], dtype)})


def _awkward() -> Any:
    import awkward

    return awkward.Array([[1.5], [], [2.5, 3.5]])


def _graph() -> Any:
    import networkx

    return networkx.Graph([("a", "b", {"w": 1.5}), ("b", "c", {"w": 2.5})])


def _model() -> Any:
    import pydantic

    import hdfchk

    cls = pydantic.create_model("Model", n=(int, ...), when=(dt.date, ...), __module__=__name__)
    hdfchk.register(cls, name="readers.Model")
    return cls(n=1, when=dt.date(2020, 1, 2))


_ROWS: tuple[tuple[str, Callable[[], Any], dict[str, Any], str], ...] = (
    ("torch.Tensor", _tensor, {"": np.arange(6.0)}, "torch"),
    ("torch.Tensor of bfloat16 (bits)", _bits, {"": [0x3F80, 0xC000 - 0x10000]}, "torch"),
    ("array of ml_dtypes' bfloat16 (bits)", _small, {"": [0x3F80, 0xC000]}, "ml_dtypes"),
    ("JAX array", _jax, {"": [1.5, 2.5]}, "jax"),
    ("astropy Quantity", _quantity, {"": [1.5, 2.5]}, "astropy"),
    (
        "astropy Time",
        _time,
        {"jd1": [2458000.0 + 1, 2458002.0], "jd2": [-0.25, 0.0]},
        "astropy",
    ),
    ("astropy Table", _astropy_table, {"columns/n": [1, 2], "columns/v": [0.5, 1.5]}, "astropy"),
    ("pint Quantity", _pint, {"": [1.5, 2.5]}, "pint"),
    ("unyt array", _unyt, {"": [1.5, 2.5]}, "unyt"),
    (
        "ASE Atoms",
        _atoms,
        {"arrays/numbers": [1, 1], "arrays/positions": [0, 0, 0, 0, 0, 0.75]},
        "ase",
    ),
    (
        "polars DataFrame",
        _polars,
        {"columns/n": [1, 2], "columns/t/values": ["a", ""], "columns/t/valid": [True, False]},
        "polars",
    ),
    (
        "Arrow table",
        _arrow,
        {"columns/n": [1, 2], "columns/t/values": ["a", ""], "columns/l/lengths": [1, 2]},
        "pyarrow",
    ),
    ("DataFrame with text of Arrow", _arrow_text, {"column0/texts": ["a", ""]}, "pyarrow"),
    (
        "awkward Array",
        _awkward,
        {"buffers/node0-offsets": [0, 1, 1, 3], "buffers/node1-data": [1.5, 2.5, 3.5]},
        "awkward",
    ),
    (
        "networkx Graph",
        _graph,
        {"sources": [0, 1], "targets": [1, 2], "edge_attributes/columns/w": [1.5, 2.5]},
        "networkx",
    ),
    ("pydantic model", _model, {"n": 1, "when": "2020-01-02"}, "pydantic"),
)


def library_forms() -> list[Form]:
    """The forms, in order."""
    found = []
    for name, make, plain, needs in _ROWS:
        found.append(value(PART, name, make, plain, needs))
    return found
