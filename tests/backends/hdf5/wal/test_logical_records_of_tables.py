"""Rows of several arrays are one record of the log, which HDF5 appends later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5 import wal_writer
from hdfchk.backends.hdf5.session import Hdf5Session
from hdfchk.backends.hdf5.wal.logical_records import TABLE_BYTES, pack_rows, pack_table, unpack_rows
from hdfchk.errors import CorruptFileError

ROWS = {
    ("t", "a"): np.arange(6.0).reshape(3, 2),
    ("t", "b"): np.array(["x", "", "é"], object),
    ("t", "c", "codes"): np.arange(3, dtype="i1"),
}


def test_bytes_of_rows() -> None:
    """All arrays come back from the bytes of one record, each with its path."""
    packed = pack_table(("t",), ROWS)
    assert packed is not None
    found = dict(unpack_rows(packed))
    assert list(found) == list(ROWS) and found["t", "b"] == ["x", "", "é"]
    assert found["t", "a"] == ROWS["t", "a"].tobytes()
    single = pack_rows(("t", "a"), ROWS["t", "a"])
    assert single is not None and unpack_rows(single) == [(("t", "a"), found["t", "a"])]


def test_what_is_no_record() -> None:
    """Rows that are too many, or none, or no texts."""
    for rows in (
        {("t", "a"): np.zeros(TABLE_BYTES)},
        {("t", "a"): np.zeros(0)},
        {("t", "a"): np.array([b"x"], object)},
        {("t", "a" * 2000): np.zeros(3)},
    ):
        assert pack_table(("t",), rows) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[:20],
        lambda raw: raw.replace(b"t/a", b"u/a"),
        lambda raw: raw.replace(b"\3\0\0\0m", b"\2\0\0\0m"),
        lambda raw: raw[:8] + raw,
    ],
)
def test_other_bytes(change: Callable[[bytes], bytes]) -> None:
    """Bytes that are no such record are refused, although their checksum may be right."""
    raw = pack_table(("t",), ROWS)
    assert raw is not None and change(raw) != raw
    with pytest.raises(CorruptFileError, match="rows that cannot be decoded"):
        unpack_rows(change(raw))


def test_many_are_appended_at_once(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 is called when many rows wait, or when something else is done with the arrays."""
    monkeypatch.setattr(wal_writer, "TABLES_BYTES", 20_000)
    real, calls = Hdf5Session.append, []

    def append(self: Any, place: Any, rows: Any) -> None:
        calls.append(place)
        real(self, place, rows)

    monkeypatch.setattr(Hdf5Session, "append", append)
    rows = {"x": np.arange(100), "y": np.arange(100.0)}
    with HDF5Checkpointer(path) as chk:
        chk["t"] = rows
        table = chk.table("t")
        table.append(rows)
        assert len(calls) == 2
        for count in range(3, 60):
            table.append(rows)
            if count % 10 == 0:
                assert len(HDF5Checkpointer(path, mode="r").table("t")) == 100 * count
        assert len(calls) == 2 and len(table) == 5900
    assert chk["t/x"].tolist() == [*range(100)] * 59
