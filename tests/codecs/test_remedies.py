"""What a refusal advises fits the type, and loses nothing of the value."""

from __future__ import annotations

import collections
import functools
import io
import re
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hdfchk import CodecRegistry, HDF5Checkpointer, UnsupportedTypeError
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


ADVICE: dict[str, tuple[Any, str, str]] = {
    "function": (lambda: len, "its name", "asarray"),
    "lambda": (lambda: lambda: 1, "its name", "to_state"),
    "module": (lambda: np, "its name", "to_state"),
    "class": (lambda: MyDict, "register", "to_state"),
    "lock": (threading.Lock, "leave it out", "to_state"),
    "file": (io.BytesIO, "its name", "to_state"),
    "pattern": (lambda: re.compile("a"), r"value\.pattern", "to_state"),
    "partial": (lambda: functools.partial(len), "arguments", "to_state"),
    "dict subclass": (lambda: MyDict(), "register.*if that loses nothing", "asarray"),
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
    "object": (object, r"parts.*register.*to_state=", "asarray"),
}


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
