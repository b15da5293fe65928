"""Pint: quantities of the application's registry."""

from __future__ import annotations

import decimal
import fractions
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CodecRegistry, CorruptFileError, HDF5Checkpointer, UnsupportedTypeError
from tests.support import exact
from tests.support.libraries import check_missing, check_round_trip, is_untouched, library

pint: Any = library("pint")
ureg = pint.get_application_registry()


def differs(a: Any, b: Any) -> str | None:
    """How two quantities differ: magnitude, units, registry."""
    if sorted(a.unit_items()) != sorted(b.unit_items()) or a._REGISTRY is not b._REGISTRY:
        return f"{a!r}, {b!r}"
    return exact.differs(a.magnitude, b.magnitude)


CASES = {
    "array": ureg.Quantity(np.array([1.5, np.nan]), "m/s"),
    "ints": ureg.Quantity(np.arange(6, dtype=">i2").reshape(2, 3), "pixel"),
    "Fortran": ureg.Quantity(np.asfortranarray(np.ones((2, 3))), "m"),
    "0-d": ureg.Quantity(np.array(3.0), "m"),
    "float": ureg.Quantity(1.5, "kilometer ** 0.5"),
    "third": ureg.Quantity(8.0, "meter") ** (1 / 3),
    "int": ureg.Quantity(3, "1/s"),
    "large int": ureg.Quantity(2**70, "s"),
    "numpy scalar": ureg.Quantity(np.float32(1.5), "s"),
    "complex": ureg.Quantity(1j, "ohm"),
    "decimal": ureg.Quantity(decimal.Decimal("1.50"), "s"),
    "list": ureg.Quantity([1.0, 2.0], "degC"),
    "difference": ureg.Quantity(1.0, "delta_degC"),
    "no units": ureg.Quantity(2.0),
    "of pint": pint.Quantity(2.0, "m"),
    "datetimes": ureg.Quantity(np.array([1, 2], "m8[s]"), ""),
}


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, path: str) -> None:
    """Magnitudes of all kinds come back, with the units, of the application's registry."""
    check_round_trip(path, CASES[name], differs)


def test_readable_without_pint(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quantity is a dataset with units."""
    value = {"a": CASES["array"], "f": CASES["float"]}
    chk = check_missing(path, value, monkeypatch, "pint").group("x")
    array = chk.array("a")
    assert array[0] == 1.5 and array.attrs["units"] == "meter / second"
    with h5py.File(path) as file:
        assert file["x/f"][()] == 1.5
        assert file["x/f"].attrs["units"].decode() == "kilometer ** 0.5"


@pytest.fixture
def another_registry() -> Iterator[Any]:
    """The application has another registry, with a unit of its own."""
    before = ureg.get()
    made = pint.UnitRegistry()
    made.define("smoot = 1.702 * meter")
    pint.set_application_registry(made)
    yield made
    pint.set_application_registry(before)


def test_an_own_registry(path: str, another_registry: Any) -> None:
    """Units of the application's registry come back by it; without it they are an error."""
    chk = HDF5Checkpointer(path)
    chk["x"] = another_registry.Quantity(np.ones(2), "smoot")
    found = chk["x"]
    assert str(found.units) == "smoot" and found.to("m").magnitude[0] == 1.702
    pint.set_application_registry(pint.UnitRegistry())
    with pytest.raises(CorruptFileError, match="smoot"):
        chk["x"]
    assert chk.array("x")[:].tolist() == [1.0, 1.0]


def _with_attribute() -> Any:
    value = ureg.Quantity(1.0, "m")
    value.mine = 1
    return value


@pytest.mark.parametrize("text", ["m*" * 3000 + "m", "9**9**9**9", "f(m)"], ids=range(3))
def test_units_that_are_none(text: str, path: str) -> None:
    """A text that is no units is an error of ours, at once."""
    chk = HDF5Checkpointer(path)
    chk["x"] = CASES["array"]
    with h5py.File(path, "r+") as file:
        file["x"].attrs["units"] = text
    with pytest.raises(CorruptFileError):
        chk["x"]


REFUSED = {
    "attribute": (_with_attribute, "mine"),
    "fractions": (
        lambda: ureg.Quantity(1.0, ureg.meter ** fractions.Fraction(1, 3)),
        r"\.to\(units\)",
    ),
    "registry": (lambda: pint.UnitRegistry().Quantity(1.0, "m"), "set_application_registry"),
    "unit": (lambda: ureg.meter, r"str\(value\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, path: str) -> None:
    """What could not be read back exactly is refused, before a file is made."""
    make, told = REFUSED[name]
    with pytest.raises(UnsupportedTypeError, match=told) as caught:
        HDF5Checkpointer(path)["a"] = {"x": make()}
    assert caught.value.key == "a/x" and is_untouched(path)


def test_elements_have_no_units() -> None:
    """A quantity written into a stored array would lose its units: it is refused."""
    chk = HDF5Checkpointer(None, CodecRegistry())
    chk["x"] = CASES["array"]
    with pytest.raises(UnsupportedTypeError, match="m_as"):
        chk.append("x", ureg.Quantity(np.ones(1), "km/s"))
