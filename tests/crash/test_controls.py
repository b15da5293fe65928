"""What the harness is worth: plain h5py, and each part of the mechanism taken out, do damage."""

from __future__ import annotations

import io
import random
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk.backends.local import journal, journaled_file, writer
from hdfchk.backends.local.journal import Journal
from hdfchk.backends.local.journaled_file import JournaledFile
from hdfchk.backends.local.writer import WriterFile

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
    whole = sum(in_child(lambda: _reads(image, states, least)) for image, least, _ in cuts)
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
        for place, data in self._record:
            journaled_file.write_all(self._descriptor, data, place)
        self._clear_record()
        self._committed_size = self._base = self._size

    patch.setattr(JournaledFile, "commit", straight)
    patch.setattr(Journal, "begin", lambda self: None)


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
    for seed in range(4):
        chance = random.Random(seed)
        states, log = record(tmp_path / f"run{seed}", seed, 60, 1.0)
        try:
            images: Any = (
                after_power_loss(log, 300, chance) if power else after_kills(log, 300, chance)
            )
            for image, least, *rest in images:
                _look(image, folder, states, least, rest[0] + 1 if power else least + 1)
        except Exception:
            return True
    return False


def _look(image: Image, folder: Path, states: list[Any], least: int, most: int) -> None:
    image.write_to(str(folder))
    check(states, recovered(folder), least, most, "")
