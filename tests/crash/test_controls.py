"""What the harness is worth: plain h5py, and each part of the mechanism taken out, do damage."""

from __future__ import annotations

import io
import os
import random
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, LockedError
from hdfchk.backends.hdf5.journaled_session import JournaledSession
from hdfchk.backends.hdf5.wal import (
    wal_file as journaled_file,
)
from hdfchk.backends.hdf5.wal import (
    wal_format as journal,
)
from hdfchk.backends.hdf5.wal import (
    writer_file as writer,
)
from hdfchk.backends.hdf5.wal.overlay import PAGE
from hdfchk.backends.hdf5.wal.wal_file import JournaledFile
from hdfchk.backends.hdf5.wal.wal_format import Journal
from hdfchk.backends.hdf5.wal.writer_file import WriterFile

from .disk import Image, Operation
from .images import after_kills, after_power_loss, check, in_child, record, recovered


class Recorded(io.BytesIO):
    """A file in memory that writes down what is done to it."""

    def __init__(self, log: list[Any]) -> None:
        super().__init__()
        self._log = log
        log.append(Operation("name", 1, name="x.hdf5"))

    def write(self, data: Any) -> int:
        self._log.append(Operation("write", 1, self.tell(), bytes(data)))
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        size = self.tell() if size is None else size
        self._log.append(Operation("truncate", 1, size=size))
        return super().truncate(size)


def test_plain_h5py(tmp_path: Path) -> None:
    """The same cuts in plain h5py, flushed after every step, leave broken and mixed files."""
    chance = random.Random(3)
    log: list[Any] = []
    states: list[Any] = [{}]
    with h5py.File(Recorded(log), "w") as file:
        model: dict[str, Any] = {}
        for step in range(60):
            key = f"k{chance.randrange(6)}"
            value = np.full(chance.choice([1, 10, 700, 9000]), float(step))
            if key in file:
                del file[key]
            file[key] = model[key] = value
            file.flush()
            states.append(dict(model))
            log.append(("returned", len(states) - 1))
    cuts = list(after_kills(log, 200, chance))
    whole = sum(in_child(lambda: _reads(image, states, least)) for image, least, _, _ in cuts)
    assert whole < 0.9 * len(cuts), "plain h5py is as good"


def _reads(image: Image, states: list[Any], least: int) -> bool:
    """Whether plain h5py reads a committed state, in no more memory than it may take."""
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    with h5py.File(io.BytesIO(bytes(image.files[1]))) as file:
        check(states, {key: file[key][()] for key in file}, least, least + 1, "")
    return True


def _no_chain(patch: pytest.MonkeyPatch) -> None:
    """Records are believed without their checksums."""

    class Trusting:
        @staticmethod
        def crc32(data: bytes, start: int = 0) -> int:
            return 0

    patch.setattr(journal, "zlib", Trusting)


def _no_sync_before_apply(patch: pytest.MonkeyPatch) -> None:
    """The file is overwritten before the journal is on the disk."""
    patch.setattr(WriterFile, "_sync_journal", lambda self: None)


def _no_sync_of_bulk(patch: pytest.MonkeyPatch) -> None:
    """Commits do not wait for the large writes that they need."""
    real = journaled_file.sync

    def skip(descriptor: int) -> None:
        if sys._getframe(1).f_code.co_name != "commit":
            real(descriptor)

    patch.setattr(journaled_file, "sync", skip)


def _no_sync_after_apply(patch: pytest.MonkeyPatch) -> None:
    """The journal is removed before the file is on the disk."""
    real = journaled_file.sync

    def skip(descriptor: int) -> None:
        if sys._getframe(1).f_code.co_name != "apply":
            real(descriptor)

    patch.setattr(journaled_file, "sync", skip)


def _no_sync_of_names(patch: pytest.MonkeyPatch) -> None:
    """The folder is never synced."""
    patch.setattr(writer, "sync_folder", lambda path: None)


def _no_journal(patch: pytest.MonkeyPatch) -> None:
    """Commits go straight into the file, and no record of them is found."""

    def straight(self: Any) -> None:
        self._journal.append(self._record, self._size)
        for number, page in self._pending.items():
            data = self._journal.read(page, PAGE) if isinstance(page, int) else page
            journaled_file.write_all(self._descriptor, data, number * PAGE)
        self._pending.clear()
        for place, data in self._record:
            journaled_file.write_all(self._descriptor, data, place)
        self._clear_record()
        self._committed_size = self._base = self._size

    patch.setattr(JournaledFile, "commit", straight)
    patch.setattr(Journal, "begin", lambda self: None)


def _no_puts(patch: pytest.MonkeyPatch) -> None:
    """Small assignments are kept in memory, and not written down."""
    patch.setattr(WriterFile, "put", lambda self, payload: True)


def _no_settling(patch: pytest.MonkeyPatch) -> None:
    """A commit takes the place of small assignments that HDF5 has not done."""
    patch.setattr(JournaledSession, "settle", lambda self: None)


def _in_place(patch: pytest.MonkeyPatch) -> None:
    """Large writes go straight into the file also where it holds what is committed."""
    real = JournaledFile.write

    def write(self: Any, data: Any) -> int:
        base, self._base = self._base, 0
        try:
            return real(self, data)
        finally:
            self._base = base

    patch.setattr(JournaledFile, "write", write)


BROKEN_FOR_KILLS: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    _no_journal,
    _in_place,
    _no_puts,
    _no_settling,
)
BROKEN_FOR_POWER: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    _no_chain,
    _no_sync_before_apply,
    _no_sync_of_bulk,
    _no_sync_after_apply,
    _no_sync_of_names,
)


@pytest.mark.parametrize("breaking", BROKEN_FOR_KILLS)
def test_broken_for_kills(
    breaking: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill does damage when this part is missing."""
    assert in_child(lambda: _does_damage(breaking, tmp_path, monkeypatch, power=False))


@pytest.mark.parametrize("breaking", BROKEN_FOR_POWER)
def test_broken_for_power(
    breaking: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power does damage when this part is missing."""
    assert in_child(lambda: _does_damage(breaking, tmp_path, monkeypatch, power=True))


def _mixed(path: str) -> bool:
    """Whether a reader sees what was committed after it had opened the file."""
    with HDF5Checkpointer(path) as chk:
        chk.update({"x": 1.0, "a": np.full(5000, 1.0)})
    with HDF5Checkpointer(path, mode="r") as reader:
        seen = reader["x"]
        HDF5Checkpointer(path).update({"x": 2.0, "a": np.full(5000, 2.0)})
        return bool((reader["a"] != seen).any())


def test_broken_for_readers(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader sees a mixed state when the journal is applied without regard to its lock."""
    assert not _mixed(path)

    def apply_anyway() -> bool:
        monkeypatch.setattr(JournaledFile, "_lock_alone", lambda self: True)
        return _mixed(path)

    assert in_child(apply_anyway)


def _is_plain(path: str) -> bool:
    """Whether plain h5py finds all in a file that was closed, and nothing lies beside it."""
    with HDF5Checkpointer(path) as chk:
        chk["a"] = 1
        chk["b"] = 2
    with h5py.File(path) as file:
        return set(file) == {"a", "b"} and os.listdir(os.path.dirname(path)) == ["store.hdf5"]


def test_broken_for_others(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain h5py does not find everything when the end of a block does not apply the journal."""
    assert _is_plain(path)
    os.unlink(path)
    monkeypatch.setattr(JournaledFile, "apply", lambda self, **options: False)
    assert in_child(lambda: not _is_plain(path))


def test_broken_for_writers(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writers at once lose commits when the journal is not locked."""

    def two() -> set[str]:
        with HDF5Checkpointer(path) as one:
            one["a"] = 1
            with suppress(LockedError):
                HDF5Checkpointer(path, lock_timeout=0.1)["b"] = 2
            one["c"] = np.ones(9000)
        return set(HDF5Checkpointer(path).load())

    assert two() == {"a", "c"}

    def unlocked() -> bool:
        monkeypatch.setattr(writer, "lock_alone", lambda descriptor: True)
        try:
            return two() != {"a", "b", "c"}
        except Exception:
            return True

    assert in_child(unlocked)


def _does_damage(
    breaking: Callable[[pytest.MonkeyPatch], None],
    tmp_path: Path,
    patch: pytest.MonkeyPatch,
    *,
    power: bool,
) -> bool:
    """Whether some image is bad. A damaged file may stay open in HDF5: run it in a child."""
    breaking(patch)
    folder = tmp_path / "image"
    folder.mkdir()
    for seed in range(8):
        chance = random.Random(seed)
        states, log = record(tmp_path / f"run{seed}", seed, 200, 1000.0)
        try:
            images: Any = (
                after_power_loss(log, 300, chance) if power else after_kills(log, 300, chance)
            )
            for image, least, most, _ in images:
                _look(image, folder, states, least, most)
        except Exception:
            return True
    return False


def _look(image: Image, folder: Path, states: list[Any], least: int, most: int) -> None:
    image.write_to(str(folder))
    check(states, recovered(folder), least, most, "")
