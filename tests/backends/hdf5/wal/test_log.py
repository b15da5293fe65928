"""The log: a record counts where it is whole, and where it follows the record before it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hdfchk.backends.hdf5.wal import log as log_module
from hdfchk.backends.hdf5.wal.log import Base, Log, Recovered, scan
from hdfchk.runtime.descriptors import Descriptor
from tests.regressions.journals import Record, add, pending


def _scan(log: Path) -> Recovered:
    descriptor = os.open(log, os.O_RDONLY)
    try:
        return scan(descriptor)
    finally:
        os.close(descriptor)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with commits, as a writer that was killed has left it."""
    return pending(tmp_path / "x.hdf5", {"a": 1}, {"b": 2})


@pytest.mark.parametrize(
    "record", [Record([(4096, b"x" * 64)], 8192), Record(put=b"payload")], ids=["pages", "put"]
)
def test_each_bit_of_a_record_counts(log: Path, record: Record) -> None:
    """A record with one wrong bit, in its head or after it, ends the log before it."""
    before = _scan(log)
    whole = log.read_bytes()[: before.end]
    log.write_bytes(whole)
    add(log, [record])
    longer = log.read_bytes()
    assert _scan(log).commits > before.commits
    for bit in range(8 * len(whole), 8 * _first_end(log, before)):
        damaged = bytearray(longer)
        damaged[bit // 8] ^= 1 << bit % 8
        log.write_bytes(damaged)
        found = _scan(log)
        assert (found.end, found.commits) == (before.end, before.commits), bit


def _first_end(log: Path, before: Recovered) -> int:
    """The end of the first commit after those of `before`."""
    whole = log.read_bytes()
    try:
        for end in range(before.end + 1, len(whole) + 1):
            log.write_bytes(whole[:end])
            if _scan(log).commits > before.commits:
                return end
    finally:
        log.write_bytes(whole)
    raise AssertionError("no commit was added")


def test_a_record_of_another_log_does_not_count(tmp_path: Path) -> None:
    """Whole records that were written with another salt, behind the end: no commits."""
    one, other = pending(tmp_path / "one.hdf5"), pending(tmp_path / "other.hdf5")
    before, stale = _scan(one), _scan(other)
    add(other, [Record(put=b"payload")])
    one.write_bytes(one.read_bytes()[: before.end] + other.read_bytes()[stale.end :])
    found = _scan(one)
    assert (found.end, found.commits) == (before.end, before.commits)


@pytest.mark.parametrize("taken_back", [True, False])
def test_a_beginning_that_does_not_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken_back: bool
) -> None:
    """Nothing is written over the old records while the log may still begin with the old header."""
    path = tmp_path / "x"
    log = Log(Descriptor(os.open(path, os.O_RDWR | os.O_CREAT)))
    base = Base(0, 0, 0, 0, (0,) * 8)
    log.begin(base, durable=True)
    log.append([(0, b"old")], 3)
    log.sync()
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        if not taken_back:
            monkeypatch.setattr(log_module, "write_all", fail_to_write)
        raise OSError(errno.EIO, "Input/output error")

    def fail_to_write(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(log_module, "sync", fail)
        if taken_back:
            with pytest.raises(OSError, match="Input/output"):
                log.begin(base, durable=True)
        else:
            log.begin(base, durable=True)
    monkeypatch.undo()
    assert not log.is_synced
    log.append([(8, b"new")], 11)
    log.sync()
    assert log.is_synced
    if taken_back:
        assert path.read_bytes().startswith(before)
    assert _scan(path).commits == (2 if taken_back else 1)
    log.close()
