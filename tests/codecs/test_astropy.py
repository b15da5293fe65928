"""Astropy: quantities, units, times, columns and tables."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CorruptFileError, HDF5Checkpointer, UnsupportedTypeError
from tests.support import exact
from tests.support.libraries import check_missing, check_round_trip, is_untouched, library

library("astropy")
import astropy.table as tables  # noqa: E402
import astropy.time as times  # noqa: E402
import astropy.units as u  # noqa: E402
from astropy.utils.masked import Masked  # noqa: E402

PLAIN = {"Quantity", "Column", "MaskedColumn"}


def differs(a: Any, b: Any) -> str | None:
    """How two values of astropy differ, attributes and all."""
    if type(a) is not type(b):
        return f"{type(a)}, {type(b)}"
    if isinstance(a, tables.Table):
        if list(a.columns) != list(b.columns) or a.masked != b.masked:
            return "columns or masked"
        pairs = [(a.columns[name], b.columns[name]) for name in a.columns]
        whole = exact.differs(a.meta, b.meta)
        return whole or next(filter(None, (differs(*pair) for pair in pairs)), None)
    if isinstance(a, u.UnitBase):
        return None if a == b and a.to_string() == b.to_string() else f"{a!r}, {b!r}"
    for name in ("name", "description", "format", "meta", "unit"):
        left, right = (getattr(x.info, name, None) for x in (a, b))
        if left != right:
            return f"info.{name}: {left!r}, {right!r}"
    if isinstance(a, times.TimeBase):
        return _times_differ(a, b)
    if isinstance(a, Masked):
        return exact.differs(np.asarray(a.mask), np.asarray(b.mask)) or differs(
            a.unmasked, b.unmasked
        )
    if isinstance(a, np.ma.MaskedArray):
        if (a._fill_value is None) != (b._fill_value is None) or a.fill_value != b.fill_value:
            return "fill_value"
        why = exact.differs(np.ma.getmaskarray(a), np.ma.getmaskarray(b))
        return why or exact.differs(a.view(np.ndarray), b.view(np.ndarray))
    return exact.differs(a.view(np.ndarray), b.view(np.ndarray))


def _times_differ(a: Any, b: Any) -> str | None:
    for name in ("scale", "format", "precision", "in_subfmt", "out_subfmt", "shape", "masked"):
        if getattr(a, name) != getattr(b, name):
            return f"{name}: {getattr(a, name)}, {getattr(b, name)}"
    for name in ("jd1", "jd2"):
        left, right = (np.asarray(getattr(x._time, name)) for x in (a, b))
        if left.tobytes() != right.tobytes():
            return name
    left, right = (getattr(x, "_delta_ut1_utc", None) for x in (a, b))
    if not np.array_equal(left, right) or str(a) != str(b):
        return "corrections or text"
    return None if np.array_equal(a.mask, b.mask) else "mask"


def _quantities() -> list[Any]:
    named = [1.5, np.nan] * u.Unit("erg / (s cm2 AA)")
    named.info.name, named.info.description, named.info.meta = "flux", "é", {"from": [1, "x"]}
    named.info.format = ".3f"
    return [
        [1.0, 2.0] * u.m / u.s,
        5 * u.km,
        u.Quantity(np.arange(6, dtype="i2").reshape(2, 3), u.pix, dtype="i2"),
        u.Quantity(np.arange(3, dtype=">f4"), u.K, dtype=">f4"),
        np.asfortranarray(np.ones((2, 3))) * u.deg,
        [1 + 2j] * u.V,
        np.zeros((0, 2)) * u.m,
        3 * u.dimensionless_unscaled,
        u.Quantity([1], "2.54 cm"),
        u.Quantity(np.longdouble("0.1"), u.s, dtype="g"),
        named,
        Masked([1.0, 2.0] * u.s, mask=[True, False]),
        Masked(1.0 * u.s, mask=True),
        _empty_meta(),
    ]


def _empty_meta() -> Any:
    value = [1.0] * u.m
    value.info.meta = {}
    return value


def _times() -> list[Any]:
    masked = times.Time(["2020-01-01", "2021-01-01"])
    masked[0] = np.ma.masked
    told = times.Time(2.5, 1e-12, format="jyear", scale="tdb", precision=9)
    ut1 = times.Time("2020-01-01")
    ut1.delta_ut1_utc = 0.25
    return [
        times.Time("2020-02-29T12:34:56.123456789", scale="tt"),
        times.Time([58000.123456789, 58001], 1e-11, format="mjd", scale="tai"),
        times.Time("2020-01-01", out_subfmt="date"),
        times.Time(np.array(["2020-01-01"], "M8[ns]")),
        masked,
        told,
        ut1,
        times.TimeDelta([1.5, 2.0], format="sec"),
        times.TimeDelta(1.0, format="jd", scale="tai"),
        times.Time("2020-01-01") - times.Time("2019-01-01"),
    ]


def _tables() -> list[Any]:
    plain = tables.Table(
        {"a/b": [1, 2], "s": ["x", "é"], "o": np.array([{}, "y"], object), "v": np.ones((2, 3))},
        units={"a/b": "m"},
        descriptions={"s": "text"},
        meta={"k": [1, (2,)], "n": {"deep": None}},
    )
    plain["a/b"].meta = {"from": "a"}
    plain["a/b"].info.format = "%d"
    quantities = tables.QTable(
        {"t": times.Time(["2020-01-01", "2021-01-01"]), "x": [1.0, 2.0] * u.m, "n": [1, 2]}
    )
    quantities["x"].info.description = "length"
    quantities["m"] = Masked([1.0, 2.0] * u.s, mask=[True, False])
    quantities["bare"] = tables.MaskedColumn([1, 2], mask=[False, True], fill_value=7)
    masked = tables.Table({"a": [1.0, 2.0]}, masked=True)
    masked["b"] = tables.MaskedColumn(["x", "y"], mask=[True, False], unit="km")
    return [plain, quantities, masked, tables.Table(), tables.QTable({"a": np.zeros((0, 2))})]


def _columns() -> list[Any]:
    return [
        tables.Column([1, 2], name="n", unit="m", description="d", meta={"a": 1}),
        tables.Column(["a", "b"]),
        tables.Column(np.array(["2020"], "M8[D]"), name="t"),
        tables.MaskedColumn([1.5, 2], mask=[True, False], unit="s", name="m", fill_value=-1),
    ]


def _units() -> list[Any]:
    return [u.m, u.km, u.m / u.s**2, u.Unit("2.54 cm"), u.dimensionless_unscaled, u.Jy, u.hour]


CASES = {
    f"{make.__name__.strip('_')} {number}": value
    for make in (_quantities, _times, _tables, _columns, _units)
    for number, value in enumerate(make())
}


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str, path: str) -> None:
    """Units, masks, formats, meta and all numbers come back."""
    check_round_trip(path, CASES[name], differs)


def test_readable_without_astropy(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quantity is a dataset with units; a table is a group of named columns."""
    value = {"q": [1.0, 2.0] * u.km, "table": _tables()[1], "masked": _tables()[2]}
    chk = check_missing(path, value, monkeypatch, "astropy").group("x")
    array = chk.array("q")
    assert type(array[:]) is np.ndarray and array[1] == 2.0 and array.attrs["units"] == "km"
    with h5py.File(path) as file:
        assert file["x/q"][:].tolist() == [1.0, 2.0] and file["x/q"].attrs["units"].decode() == "km"
        columns = file["x/table/columns"]
        assert list(columns) == ["t", "x", "n", "m", "bare"]
        assert columns["x"].attrs["units"].decode() == "m" and columns["n"][:].tolist() == [1, 2]
        assert columns["m/data"].attrs["units"].decode() == "s"
        assert file["x/masked/columns/b/values/data"].attrs["units"].decode() == "km"


def test_units_follow_the_value(path: str) -> None:
    """The attribute `units` is that of the value that is there, whatever was there before."""
    for target in (path, None):
        chk = HDF5Checkpointer(target)
        chk["x"] = np.arange(3.0)
        chk.array("x").attrs.update({"units": "old", "note": "kept"})
        units = lambda: chk.array("x").attrs.get("units")
        chk["x"] = np.arange(3.0) * u.m
        assert units() == "m" and chk["x"].unit == u.m
        chk["x"] = np.arange(3.0) * u.km
        assert units() == "km" and chk["x"].unit == u.km
        chk.append("x", [7.0])
        assert units() == "km" and chk["x"][3] == 7 * u.km
        chk.array("x").attrs["units"] = "cm"
        assert chk["x"].unit == u.cm and chk["x"][1] == 1 * u.cm
        chk["x"] = np.arange(3.0)
        assert units() is None and chk.array("x").attrs["note"] == "kept"
        assert type(chk["x"]) is np.ndarray


def test_units_of_other_programs(path: str) -> None:
    """What another program writes into the attribute is the unit; what is none is an error."""
    chk = HDF5Checkpointer(path)
    chk["x"] = 3.0 * u.m
    with h5py.File(path, "r+") as file:
        file["x"].attrs["units"] = "mm"
    assert chk["x"] == 3.0 * u.mm
    with h5py.File(path, "r+") as file:
        file["x"].attrs["units"] = "furlongs per fortnight"
    with pytest.raises(CorruptFileError, match="furlongs"):
        chk["x"]
    with h5py.File(path, "r+") as file:
        del file["x"].attrs["units"]
    assert chk["x"] == 3.0 * u.m


def test_units_with_references(path: str) -> None:
    """A dataset to which something points is written into, and has the units of its new value."""
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3.0)
        file["x"].attrs["units"] = "old"
        file["ref"] = file["x"].ref
    chk = HDF5Checkpointer(path)
    for unit in (u.m, u.km):
        chk["x"] = np.arange(3.0) * unit
        assert chk["x"].unit == unit
    with h5py.File(path) as file:
        assert file[file["ref"][()]] == file["x"] and file["x"].attrs["units"] == "km"
    chk["x"] = np.ones(3)
    with h5py.File(path) as file:
        assert file[file["ref"][()]] == file["x"] and "units" not in file["x"].attrs


def test_small_assignments_in_the_log(path: str) -> None:
    """A scalar quantity that waits in the log has its units when it is in the file."""
    with HDF5Checkpointer(path) as chk:
        chk["a"] = 1
        chk["q"] = 2.5 * u.s
        assert chk["q"] == 2.5 * u.s
    with h5py.File(path) as file:
        assert file["q"].attrs["units"].decode() == "s" and file["q"][()] == 2.5


def test_elements_have_no_units(path: str) -> None:
    """A quantity written into a stored array would lose its units: it is refused."""
    chk = HDF5Checkpointer(path)
    chk["x"] = np.arange(3.0) * u.m
    array = chk.array("x")
    for write in (
        lambda: array.__setitem__(0, 5 * u.km),
        lambda: chk.append("x", [5] * u.km),
        lambda: chk.append("new", [5] * u.km),
    ):
        with pytest.raises(UnsupportedTypeError, match="to_value"):
            write()
    array[0] = (5 * u.km).to_value("m")
    assert chk["x"][0] == 5 * u.km and "new" not in chk


def _named_in(value: Any) -> Any:
    value.info.meta = {"a": (1,)}
    return value


def _with_attribute() -> Any:
    value = [1.0] * u.m
    value.mine = 1
    return value


def _mine(value: Any) -> Any:
    value.mine = 1
    return value


def _scaled(scale: float) -> Any:
    return u.Quantity([1.0], u.CompositeUnit(scale, [u.m], [1]))


def _indexed() -> Any:
    table = tables.Table({"a": [1, 2]})
    table.add_index("a")
    return table


REFUSED = {
    "unit": (lambda: 3 * u.def_unit("smoot"), "smoot"),
    "meta": (lambda: _named_in([1.0] * u.m), "info.meta"),
    "attribute": (lambda: _with_attribute(), "'mine'"),
    "attribute of a time": (lambda: _mine(times.Time("2020-01-01")), "'mine'"),
    "attribute of a column": (lambda: _mine(tables.Column([1])), "'mine'"),
    "attribute of a masked column": (lambda: _mine(tables.MaskedColumn([1])), "'mine'"),
    "attribute of a table": (lambda: _mine(tables.Table({"a": [1]})), "'mine'"),
    "scale": (lambda: _scaled(0.1 * 3), r"\.to\(unit\)"),
    "scale that is next to 2.5": (lambda: _scaled(np.nextafter(2.5, 3)), r"\.to\(unit\)"),
    "groups": (lambda: tables.Table({"a": [1, 1]}).group_by("a"), "group it again"),
    "column of a QTable": (
        lambda: tables.QTable({"a": [True]}, units={"a": "m"}),
        r"table\['a'\] = Quantity",
    ),
    "name": (lambda: tables.Column([1], name="a\ud800"), "name"),
    "magnitude": (lambda: u.Magnitude(1.0), "Magnitude"),
    "index": (_indexed, "remove_indices"),
    "location": (lambda: times.Time("2020-01-01", location=("1d", "2d")), "location"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, path: str) -> None:
    """What could not be read back exactly is refused, before a file is made."""
    make, told = REFUSED[name]
    with pytest.raises(UnsupportedTypeError, match=told) as caught:
        HDF5Checkpointer(path)["a"] = {"x": make()}
    assert caught.value.key == "a/x" and caught.value.hint and is_untouched(path)
    assert "asarray" not in caught.value.hint
