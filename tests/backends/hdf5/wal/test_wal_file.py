"""The file object under HDF5, against a plain array of bytes: what is read, seen beside it, and applied."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from hdfchk.backends.hdf5.wal import wal_file
from hdfchk.backends.hdf5.wal.log import PAGE, Log, log_of
from hdfchk.backends.hdf5.wal.reader_file import ReaderFile
from hdfchk.backends.hdf5.wal.wal_file import WalFile
from hdfchk.backends.hdf5.wal.writer_lock import WriterLock
from hdfchk.runtime.descriptors import Descriptor
from hdfchk.runtime.posix import wait_lock_shared

RUNS = 500 if os.environ.get("HDFCHK_CRASH") == "full" else 60


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a few pages reach."""
    monkeypatch.setattr(wal_file, "DIRECT_BYTES", 2 * PAGE)
    monkeypatch.setattr(wal_file, "SPILL_BYTES", 6 * PAGE)
    monkeypatch.setattr(wal_file, "PIECE_BYTES", PAGE)
    monkeypatch.setattr(wal_file, "CHECKPOINT_BYTES", 60 * PAGE)


def opened(path: Path) -> tuple[WalFile, WriterLock]:
    """A file that is there, open for writing."""
    lock = WriterLock(str(path), 1.0)
    assert lock.file is not None
    wait_lock_shared(lock.file.fd, str(path), 1.0)
    return WalFile(lock.file, Log(lock.log), durable=False), lock


def closed(file: WalFile, lock: WriterLock) -> None:
    """Bring all commits into the file, and nothing else."""
    file.rollback()
    assert file.checkpoint(last=True)
    lock.release(remove=True)


def compacted(file: WalFile, lock: WriterLock) -> None:
    """Write the log anew."""
    name = f"{log_of(lock.path)}-new"

    def make() -> Descriptor:
        return Descriptor(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL))

    def put(made: Descriptor) -> None:
        os.replace(name, log_of(lock.path))
        lock.log = made

    file.compact_log(make, put)


def read(file: WalFile) -> bytes:
    """All that the file object holds."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    buffer = bytearray(size)
    file.readinto(buffer)
    return bytes(buffer)


def seen(path: Path, length: int | None = None) -> bytes:
    """The last commit, as a reader beside the writer finds it.

    Where the journal has none it is the file, up to a length: behind it may be what is not
    committed, of which HDF5 knows nothing.
    """
    held = ReaderFile(str(path), 1.0)
    try:
        if held.snapshot is None:
            return path.read_bytes()[:length]
        size = held.snapshot.seek(0, os.SEEK_END)
        held.snapshot.seek(0)
        buffer = bytearray(size)
        held.snapshot.readinto(buffer)
        return bytes(buffer)
    finally:
        held.close()


class Model:
    """What the bytes should be; those that nobody has written since the file ended before them are
    anything (None)."""

    def __init__(self, data: bytes) -> None:
        self.now: list[int | None] = list(data)
        self.committed = list(self.now)

    def write(self, start: int, data: bytes) -> None:
        self.now.extend([None] * (start - len(self.now)))
        self.now[start : start + len(data)] = data

    def truncate(self, size: int) -> None:
        self.now[size:] = [None] * (size - len(self.now))

    @staticmethod
    def fits(model: list[int | None], found: bytes) -> bool:
        return len(model) == len(found) and all(
            want is None or want == have for want, have in zip(model, found, strict=True)
        )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(RUNS))
def test_as_an_array_of_bytes(seed: int, tmp_path: Path, small: None) -> None:
    """Any writes, ends, commits, rollbacks and checkpoints: all who read find the same."""
    chance = random.Random(seed)
    path = tmp_path / "x"
    path.write_bytes(chance.randbytes(3 * PAGE + 100))
    model = Model(path.read_bytes())
    file, lock = opened(path)
    for _ in range(60):
        kind = chance.randrange(12)
        size = len(model.now)
        if kind < 7:
            start = chance.choice(
                [chance.randrange(size + 1), size, max(0, size - chance.randrange(1, 9000))]
            )
            length = chance.choice([1, 50, 700, PAGE, 2 * PAGE + 7, 3 * PAGE, 7 * PAGE + 13])
            data = chance.randbytes(length)
            file.seek(start)
            file.write(data)
            model.write(start, data)
        elif kind == 7:
            end = chance.choice([size + 3000, max(0, size - chance.randrange(1, 6 * PAGE)), size])
            file.truncate(end)
            model.truncate(end)
        elif kind < 10:
            file.commit()
            model.committed = list(model.now)
        elif kind == 10:
            file.rollback()
            model.now = list(model.committed)
        elif chance.random() < 0.4:
            file.checkpoint()
        elif not file.has_changes:
            compacted(file, lock)
        assert model.fits(model.now, read(file)), f"seed {seed}: what is read"
        assert model.fits(model.committed, seen(path, len(model.committed))), (
            f"seed {seed}: what a reader sees"
        )
    closed(file, lock)
    assert model.fits(model.committed, path.read_bytes()), f"seed {seed}: what is in the file"
    assert os.listdir(tmp_path) == ["x"]


def test_space_that_was_taken_and_given_back(tmp_path: Path) -> None:
    """What was written behind the end of a commit does not come back over what is written there."""
    path = tmp_path / "x"
    path.write_bytes(bytes(PAGE))
    file, lock = opened(path)
    file.seek(10 * PAGE)
    file.write(b"old" * 1000)
    file.truncate(2 * PAGE)
    file.commit()
    new = b"new" * (20 * PAGE)
    file.seek(4 * PAGE)
    file.write(new)  # straight into the file
    file.commit()
    assert read(file)[4 * PAGE :] == new and seen(path)[4 * PAGE :] == new
    closed(file, lock)
    assert path.read_bytes()[4 * PAGE :] == new


def test_a_small_write_under_a_large_one(tmp_path: Path) -> None:
    """What a large write covers of a small one is not written down again."""
    path = tmp_path / "x"
    path.write_bytes(bytes(PAGE))
    file, lock = opened(path)
    file.seek(2 * PAGE - 50)
    file.write(b"o" * 100)
    new = b"n" * (20 * PAGE)
    file.seek(2 * PAGE)
    file.write(new)
    file.commit()
    assert seen(path)[2 * PAGE :] == new and seen(path)[2 * PAGE - 50 : 2 * PAGE] == b"o" * 50
    closed(file, lock)
    assert path.read_bytes()[2 * PAGE :] == new
