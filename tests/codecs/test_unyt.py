"""Unyt: arrays and quantities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CodecRegistry, CorruptFileError, HDF5Checkpointer, UnsupportedTypeError
from tests.support import exact
from tests.support.libraries import check_missing, check_round_trip, is_untouched, library

unyt: Any = library("unyt")


def differs(a: Any, b: Any) -> str | None:
    """How two arrays differ: elements, units, name."""
    left, right = ((x.units, str(x.units), x.units.base_value, x.name) for x in (a, b))
    if left != right:
        return f"{left}, {right}"
    return exact.differs(a.view(np.ndarray), b.view(np.ndarray))


CASES = {
    "array": unyt.unyt_array([1.5, np.nan], "km/s"),
    "ints": unyt.unyt_array(np.arange(6, dtype="i2").reshape(2, 3), "s"),
    "Fortran": unyt.unyt_array(np.asfortranarray(np.ones((2, 3))), "g"),
    "quantity": unyt.unyt_quantity(3, "km"),
    "float quantity": unyt.unyt_quantity(0.1, "erg/cm**2"),
    "temperature": unyt.unyt_array([20.0], "degC"),
    "no units": unyt.unyt_array([1.0, 2.0]),
    "named": unyt.unyt_array([1.0], "Msun", name="mass"),
    "root": unyt.unyt_quantity(2.0, "m") ** 0.5,
    "difference of temperatures": unyt.unyt_array([20.0], "degC") - unyt.unyt_array([1.0], "degC"),
    "said to have none": unyt.unyt_array([1.5], "dimensionless"),
    "percent": unyt.unyt_quantity(5.0, "percent"),
    "odd powers": unyt.unyt_quantity(2.0, "m") ** -1.25 / unyt.unyt_quantity(2.0, "g") ** 0.1,
    "large scale": unyt.unyt_array([1.0], unyt.Unit("1e30*g")),
    "empty": unyt.unyt_array(np.zeros((0, 2)), "m"),
}


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, path: str) -> None:
    """Elements, units and names come back."""
    check_round_trip(path, CASES[name], differs)


def test_readable_without_unyt(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array is a dataset with units."""
    chk = check_missing(path, CASES["array"], monkeypatch, "unyt")
    assert chk.array("x")[0] == 1.5 and chk.array("x").attrs["units"] == "km/s"
    with h5py.File(path) as file:
        assert file["x"].attrs["units"].decode() == "km/s" and file["x"][0] == 1.5


def _of_a_registry() -> Any:
    registry = unyt.UnitRegistry()
    registry.add("code_length", 3.0, unyt.dimensions.length)
    return unyt.unyt_array([1.0], unyt.Unit("code_length", registry=registry))


def _redefined() -> Any:
    registry = unyt.UnitRegistry()
    registry.modify("Msun", 1.0)
    return unyt.unyt_array([1.0], unyt.Unit("Msun", registry=registry))


def _with_attribute() -> Any:
    value = unyt.unyt_array([1.0], "m")
    value.mine = 1
    return value


REFUSED = {
    "registry": (_of_a_registry, r"\.to\(units\)"),
    "redefined": (_redefined, r"\.to\(units\)"),
    "attribute": (_with_attribute, "'mine'"),
    "unit": (lambda: unyt.m, r"str\(value\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, path: str) -> None:
    """What could not be read back exactly is refused, before a file is made."""
    make, told = REFUSED[name]
    with pytest.raises(UnsupportedTypeError, match=told) as caught:
        HDF5Checkpointer(path)["a"] = {"x": make()}
    assert caught.value.key == "a/x" and is_untouched(path)


CODE = [
    """m*f"{open('made', 'w')}\"""",
    "m.__class__",
    "lambda: m",
    "Symbol(m)",
    "m(s)",
    "m[s]",
    "m, s",
    "m if m else s",
    "9**9**9**9",
    "9**99999999",
    "m**(9**9)",
    "m" * 1001,
]


@pytest.mark.parametrize("text", CODE, ids=range(len(CODE)))
def test_units_are_no_code(text: str, path: str, tmp_path: Path, monkeypatch: Any) -> None:
    """unyt has Python evaluate the text of units: what is not a product of powers is an error."""
    monkeypatch.chdir(tmp_path)
    chk = HDF5Checkpointer(path)
    chk["x"] = CASES["array"]
    with h5py.File(path, "r+") as file:
        file["x"].attrs["units"] = text
    with pytest.raises(CorruptFileError, match="product of powers"):
        chk["x"]
    assert not tmp_path.joinpath("made").exists() and chk.array("x")[0] == 1.5


def test_elements_have_no_units() -> None:
    """An array written into a stored array would lose its units: it is refused."""
    chk = HDF5Checkpointer(None, CodecRegistry())
    chk["x"] = CASES["array"]
    with pytest.raises(UnsupportedTypeError, match="to_value"):
        chk.append("x", unyt.unyt_array([1.0], "m/s"))
