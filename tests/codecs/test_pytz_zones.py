"""Zones of pytz, each date in which has an object of its own for its offset."""

from __future__ import annotations

import datetime as dt
import sys

import h5py
import pytest

from hdfchk import HDF5Checkpointer, MissingExtraError, UnsupportedTypeError

pytz = pytest.importorskip("pytz", reason="pytz is not installed")


def test_every_zone(path: str) -> None:
    """A zone is the object that pytz has of it."""
    zones = [pytz.timezone(name) for name in pytz.common_timezones[::20]]
    chk = HDF5Checkpointer(path)
    chk["zones"] = zones
    assert all(found is zone for found, zone in zip(chk.load("zones"), zones, strict=True))


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/Caracas", "Australia/Lord_Howe"])
def test_dates(name: str, path: str) -> None:
    """A date has the same one of its zone's offsets, at the hours that are twice, too."""
    zone = pytz.timezone(name)
    start = dt.datetime(2007, 1, 1, 1, 45)
    moments = [start + dt.timedelta(hours=7 * n) for n in range(1300)]
    dates = [zone.localize(moment, is_dst=dst) for moment in moments for dst in (False, True)]
    chk = HDF5Checkpointer(path)
    chk["dates"] = dates
    found = chk.load("dates")
    assert found == dates
    assert all(x.tzinfo is y.tzinfo for x, y in zip(found, dates, strict=True))


def test_a_part_of_a_zone(path: str) -> None:
    """An object of one offset of a zone is refused where no date says which one it is."""
    zone = pytz.timezone("Europe/Berlin")
    part = zone.localize(dt.datetime(2024, 7, 1)).tzinfo
    wrong = dt.datetime(2024, 1, 1, tzinfo=part)  # summer time in January
    for value in (part, wrong, dt.time(1, tzinfo=part), pytz.LazyList([1])):
        with pytest.raises(UnsupportedTypeError):
            HDF5Checkpointer(path)["x"] = value


def test_earlier_versions_do_not_read_it(path: str) -> None:
    """It has a version of its own: without the zone the date would be another one."""
    chk = HDF5Checkpointer(path)
    chk["x"], chk["y"] = dt.datetime(2024, 1, 1, tzinfo=pytz.UTC), pytz.UTC
    with h5py.File(path) as file:
        assert file["x"].attrs["hdfchk"] == b'datetime/2 {"pytz":"UTC"}'
        assert file["y"].attrs["hdfchk"] == b'tzinfo/2 {"pytz":"UTC"}'


def test_without_pytz(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library the error names it."""
    HDF5Checkpointer(path)["x"] = pytz.UTC
    monkeypatch.setitem(sys.modules, "pytz", None)
    with pytest.raises(MissingExtraError, match=r"pip install pytz"):
        HDF5Checkpointer(path)["x"]
