"""What a refusal advises fits the type, and loses nothing of the value."""

from __future__ import annotations

import collections
import ctypes
import decimal
import fractions
import functools
import io
import itertools
import logging
import operator
import pathlib
import queue
import random
import re
import sqlite3
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hdfchk import CodecRegistry, HDF5Checkpointer, UnsupportedTypeError, mcutils
from hdfchk.codecs.remedies import _OF_TYPES
from tests.support.exact import differs

FRAME = pd.DataFrame([[1, 1.5], [1, 2.5], [2, 3.5]])

WITH_CODE: dict[str, tuple[Any, Any]] = {
    "generator": (lambda: (x for x in (1, 2)), [1, 2]),
    "map": (lambda: map(str, (1, 2)), ["1", "2"]),
    "zip": (lambda: zip([1], "a"), [(1, "a")]),
    "iterator": (lambda: iter((1, 2)), [1, 2]),
    "dict keys": (lambda: {"a": 1}.keys(), ["a"]),
    "dict items": (lambda: {"a": 1}.items(), [("a", 1)]),
    "mapping proxy": (lambda: types.MappingProxyType({"a": 1}), {"a": 1}),
    "UserDict": (lambda: collections.UserDict(a=1), {"a": 1}),
    "ChainMap": (lambda: collections.ChainMap({"a": 1}, {"b": 2}), [{"a": 1}, {"b": 2}]),
    "groups": (lambda: FRAME.groupby(0), FRAME),
    "windows": (lambda: FRAME.rolling(2), FRAME),
}
"""Advice whose first piece of code makes a value that can be stored, and what that is."""


@pytest.mark.parametrize("name", WITH_CODE)
def test_code_in_advice(name: str) -> None:
    """The code that a refusal advises makes a value that is stored as it is."""
    make, expected = WITH_CODE[name]
    with pytest.raises(UnsupportedTypeError) as caught:
        CodecRegistry().encode(make())
    code = re.search(
        r"(?:store |\()((?:numpy\.|list|dict|value)[\w.]*(?:\(value\))?)", caught.value.hint
    )
    found = eval(code[1], {"value": make(), "numpy": np})
    chk = HDF5Checkpointer(None)
    chk["x"] = found
    assert differs(expected, chk.load_parameter("x")) is None


@pytest.mark.parametrize(
    "dtype",
    [pd.Int64Dtype(), pd.CategoricalDtype(["b", "a"], ordered=True), pd.PeriodDtype("M")],
    ids=["Int64", "category", "period"],
)
def test_a_dtype_of_pandas(dtype: Any) -> None:
    """An empty series keeps it, as the refusal of it says."""
    chk = HDF5Checkpointer(None)
    chk["x"] = pd.Series(dtype=dtype)
    assert chk["x"].dtype == dtype and repr(chk["x"].dtype) == repr(dtype)


class Sized:
    """An array with something more."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.zeros(2)


class Measured(Sized):
    units = "m"


class Framed(Sized):
    columns = ("a", "b")


class MyDict(dict):
    pass


class Ratio(fractions.Fraction):
    pass


class MyPath(pathlib.PurePosixPath):
    pass


class MyMasked(np.ma.MaskedArray):
    pass


class Slotted:
    __slots__ = ("__dict__", "a")


class Module:
    """As those of several libraries of neural networks."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def made(package: str, *names: str, array: bool = True) -> Any:
    """An instance of a class of another library that has this place, with bases of it."""
    cls: type = object
    more = {"__array__": len} if array else {}
    for name in reversed(names):
        cls = type(name, (cls,), {"__module__": f"{package}.inside", **more})
    return object.__new__(cls)


def _in_memory() -> Any:
    with sqlite3.connect(":memory:") as connection:
        connection.row_factory = sqlite3.Row
        row = connection.execute("select 1 as a").fetchone()
    connection.close()
    return row


ADVICE: dict[str, tuple[Any, str, str]] = {
    "function": (lambda: len, "its name", "asarray"),
    "lambda": (lambda: lambda: 1, "its name", "to_state"),
    "module": (lambda: np, "its name", "to_state"),
    "function of NumPy": (lambda: np.linalg.norm, "its name", "vars"),
    "class": (lambda: MyDict, "register", "to_state"),
    "lock": (threading.Lock, "leave it out", "to_state"),
    "file": (io.BytesIO, "its name", "to_state"),
    "pattern": (lambda: re.compile("a"), r"value\.pattern", "to_state"),
    "partial": (lambda: functools.partial(len), "arguments", "to_state"),
    "dict subclass": (lambda: MyDict(), "register.*if that loses nothing", "asarray"),
    "fraction subclass": (lambda: Ratio(1, 2), "convert it to Fraction", "vars"),
    "path subclass": (lambda: MyPath("a"), "convert it to (Pure)?PosixPath", "vars"),
    "masked subclass": (lambda: np.ones(2).view(MyMasked), "convert it to MaskedArray", "ndarray"),
    "getter": (lambda: operator.attrgetter("a"), "its parts", "vars"),
    "range of floats": (lambda: np.finfo("f4"), "store value.dtype", "vars"),
    "range of integers": (lambda: np.iinfo("i4"), "store value.dtype", "vars"),
    "dtype of pandas": (lambda: pd.Int64Dtype(), r"pandas.Series\(dtype=value\)", "vars"),
    "offset": (lambda: pd.offsets.MonthEnd(2), "value.n.*value.kwds", "vars|freqstr"),
    "slots": (Slotted, "its parts", "vars"),
    "array-like": (Sized, r"numpy\.asarray", "register"),
    "with units": (Measured, "units", "asarray"),
    "with columns": (Framed, "names", "asarray"),
    "styler": (
        lambda: object.__new__(type("Styler", (), {"__module__": "pandas.io"})),
        "frame",
        "asarray",
    ),
    "frame of others": (
        lambda: type("GeoDataFrame", (pd.DataFrame,), {"__module__": "geo"})({"a": [1]}),
        "parts|register",
        "asarray",
    ),
    "cached function": (lambda: functools.lru_cache(len), "its name", "to_state"),
    "endless iterator": (itertools.count, "no end", "list"),
    "match": (lambda: re.match("a", "a"), r"groups\(\)", "to_state"),
    "exception": (lambda: ValueError("x"), "__name__", "to_state"),
    "event": (threading.Event, "leave it out", "to_state"),
    "queue": (queue.Queue, "items", "to_state"),
    "logger": (lambda: logging.getLogger("a"), "its name", "to_state"),
    "random": (random.Random, "getstate", "to_state"),
    "decimal context": (decimal.Context, "prec", "to_state"),
    "sqlite row": (_in_memory, r"dict\(value\)", "to_state"),
    "C array": (lambda: (ctypes.c_double * 2)(), r"list\(value\)", "to_state"),
    "polynomial": (lambda: np.poly1d([1, 2]), "coeffs", "asarray"),
    "model": (Module, r"state_dict\(\)", "asarray"),
    "group in a list": (lambda: CHK["g"], r"chk\[key\] = group", "to_state"),
    "array in a list": (lambda: CHK.array("a"), r"chk\[key\] = array", "to_state"),
    "checkpointer": (lambda: mcutils.DictCheckpointer({}), r"dict\(value\)", "to_state"),
    "dataset of h5py": (lambda: made("h5py", "Dataset", "HLObject"), "attrs", "asarray"),
    "file of h5py": (lambda: made("h5py", "File", "Group"), r"hdfchk\.load", "asarray"),
    "array of PyTables": (lambda: made("tables", "Array", "Leaf"), "attrs", "list"),
    "variable of netCDF4": (lambda: made("netCDF4", "Variable"), "attributes", "asarray"),
    "array of zarr": (lambda: made("zarr", "Array"), "attrs", "asarray"),
    "array of Arrow": (lambda: made("pyarrow", "UuidArray", "Array"), "storage", "asarray"),
    "tensor of Arrow": (lambda: made("pyarrow", "Tensor"), "dim_names", "asarray"),
    "estimator": (lambda: made("sklearn", "Ridge", "BaseEstimator"), "get_params", "asarray"),
    "figure": (lambda: made("matplotlib", "Figure"), "data", "asarray"),
    "image": (lambda: made("PIL", "PngImageFile", "Image"), "getpalette", "to_state"),
    "expression": (lambda: made("sympy", "Symbol", "Basic"), r"str\(value\)", "asarray"),
    "matrix of expressions": (lambda: made("sympy", "Matrix", "MatrixBase"), "str", "asarray"),
    "uncertain number": (
        lambda: made("uncertainties", "Variable", "AffineScalarFunc"),
        "std_dev",
        "asarray",
    ),
    "coordinates": (lambda: made("astropy", "Angle", "Quantity"), "units", "asarray"),
    "sky": (lambda: made("astropy", "SkyCoord", array=False), "frame.*units", "vars"),
    "logarithmic unit": (lambda: made("astropy", "DexUnit", "FunctionUnitBase"), "str", "asarray"),
    "time series": (lambda: made("astropy", "TimeSeries", "BaseTimeSeries"), "QTable", "asarray"),
    "row": (lambda: made("astropy", "Row"), "one row", "asarray"),
    "cell": (lambda: made("ase", "Cell"), r"value\.array", "asarray"),
    "constraint": (lambda: made("ase", "FixAtoms", "FixConstraint"), "todict", "asarray"),
    "builder": (lambda: made("awkward", "ArrayBuilder"), "snapshot", "asarray"),
    "view of nodes": (lambda: made("networkx", "NodeView"), "graph", "asarray"),
    "task": (lambda: made("dask", "Delayed"), "compute", "asarray"),
    "loader": (lambda: made("torch", "DataLoader"), "data set", "asarray"),
    "molecule": (lambda: made("rdkit", "Mol", array=False), r"vars.*register", "units"),
    "system": (lambda: made("openmm", "System", array=False), r"vars.*register", "units"),
    "object": (object, r"parts.*register.*to_state=", "asarray"),
}


CHK = HDF5Checkpointer(None)
CHK.update({"g": {"x": 1}, "a": np.ones(2)})


@pytest.mark.parametrize("name", ADVICE)
def test_advice(name: str, path: str) -> None:
    """Advice fits the type, and nothing is written."""
    make, told, untold = ADVICE[name]
    with pytest.raises(UnsupportedTypeError) as caught:
        HDF5Checkpointer(path)["x"] = [make()]
    assert re.search(told, caught.value.hint), caught.value.hint
    assert untold not in caught.value.hint
    assert not Path(path).exists()


def test_an_open_file(tmp_path: Path) -> None:
    """An open file is refused with its name as the way out, in text and in binary mode."""
    (tmp_path / "a.txt").write_text("x")
    for mode in ("r", "rb", "r+b"):
        with (
            (tmp_path / "a.txt").open(mode) as file,
            pytest.raises(UnsupportedTypeError, match="its name"),
        ):
            CodecRegistry().encode(file)


def test_no_advice_loses_units() -> None:
    """No advice on a type of a library with units is to make a plain array."""
    for name, advice in _OF_TYPES.items():
        if name.partition(".")[0] in {"astropy", "pint", "unyt", "pandas", "polars", "xarray"}:
            assert "asarray" not in advice, name
