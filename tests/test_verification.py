"""The report of `verify`, as a person reads it."""

from __future__ import annotations

import numpy as np

import hdfchk
from hdfchk import (
    CorruptFileError,
    HDF5Checkpointer,
    Report,
    TransactionError,
    UnknownTypeError,
)


def test_a_short_repr(tmp_path):
    """The numbers, and no keys."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    chk.update({f"key{number}": number for number in range(500)})
    assert repr(chk.verify()) == "<Report: 500 whole, 0 damaged, 0 not read>"
    assert chk.verify().summary() == "500 values: 500 whole, 0 damaged, 0 not read"


def test_a_summary_names_what_is_wrong():
    """Each key with its problem and remedy, up to a number of keys."""
    damaged = {
        f"a/{number}": CorruptFileError("it cannot be read", hint="restore it from a copy")
        for number in range(30)
    }
    report = Report(("x",), damaged, {"c": UnknownTypeError("the class 'P' is not registered")})
    lines = report.summary().splitlines()
    assert lines[0] == "32 values: 1 whole, 30 damaged, 1 not read"
    assert lines[1:3] == ["damaged:", "  a/0: it cannot be read; restore it from a copy"]
    assert lines[-3:] == ["  and 10 more", "not read:", "  c: the class 'P' is not registered"]
    assert len(report.summary(most=None).splitlines()) == 34
    assert len(report.summary(most=0).splitlines()) == 5
    assert Report(("x",), {}, {}).summary().startswith("1 value:")


def test_damage_in_a_file(tmp_path):
    """A flipped byte is in the summary, with its key."""
    path = tmp_path / "x.hdf5"
    chk = HDF5Checkpointer(path, checksum=True)
    chk["x"] = np.arange(1000)
    data = bytearray(path.read_bytes())
    place = data.find(np.arange(500, 510).tobytes())
    data[place] ^= 1
    path.write_bytes(data)
    report = chk.verify()
    assert not report.ok
    assert "\n  x: " in report.summary()


def test_a_class_that_uses_the_store_is_not_damaged(tmp_path):
    """Its value is not read, since the store cannot be written meanwhile; it is no damage."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")

    @hdfchk.register(name="tests:counts its readings")
    class Counted:
        def to_state(self):
            return {"a": 1}

        @classmethod
        def from_state(cls, state):
            chk["readings"] = chk.get("readings", 0) + 1
            return cls()

    chk["x"] = Counted()
    assert isinstance(chk["x"], Counted)
    report = chk.verify()
    assert report.ok
    assert report.whole == ("readings",)
    assert isinstance(report.unread["x"], TransactionError)
