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

from hdfchk import (
    HDF5Checkpointer,
    HdfchkError,
    HdfchkWarning,
    JournalMismatchWarning,
    LockedError,
)
from hdfchk.backends.hdf5 import wal_writer
from hdfchk.backends.hdf5.wal import (
    first_commit,
    new_file,
    reader_file,
    replay,
    wal_file,
    writer_lock,
)
from hdfchk.backends.hdf5.wal import log as log_module
from hdfchk.backends.hdf5.wal.log import Log
from hdfchk.backends.hdf5.wal.wal_file import WalFile
from hdfchk.backends.hdf5.wal_writer import WalWriter

from .disk import Image, Operation, Recorder
from .images import after_kills, after_power_loss, check, in_child, record, recovered
from .workload import State


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
    states = [State()]
    with h5py.File(Recorded(log), "w") as file:
        model: dict[str, Any] = {}
        for step in range(60):
            key = f"k{chance.randrange(6)}"
            value = np.full(chance.choice([1, 10, 700, 9000]), float(step))
            if key in file:
                del file[key]
            file[key] = model[key] = value
            file.flush()
            states.append(State(dict(model)))
            log.append(("returned", len(states) - 1))
    cuts = list(after_kills(log, 60, chance))
    whole = sum(in_child(lambda: _reads(image, states, least)) for image, least, _, _ in cuts)
    assert whole < 0.9 * len(cuts), "plain h5py is as good"


def _reads(image: Image, states: list[Any], least: int) -> bool:
    """Whether plain h5py reads a committed state, in no more memory than it may take."""
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    with h5py.File(io.BytesIO(bytes(image.files[1]))) as file:
        check(states, State({key: file[key][()] for key in file}), least, least + 1, "")
    return True


Breaking = Callable[[pytest.MonkeyPatch], None]


def _caller() -> str:
    """The function that has called the one that asks."""
    return sys._getframe(2).f_code.co_name


def _no_checksums(patch: pytest.MonkeyPatch) -> None:
    """Records are believed without their checksums."""

    class Trusting:
        @staticmethod
        def crc32(data: bytes, start: int = 0) -> int:
            return 0

    patch.setattr(log_module, "zlib", Trusting)


def _skip_sync_of_log(patch: pytest.MonkeyPatch, caller: str, *, emptied: bool = False) -> None:
    real = Log.sync

    def sync(self: Log) -> None:
        if _caller() != caller or (self.commits == 0) != emptied:
            real(self)

    patch.setattr(Log, "sync", sync)


def _skip_sync(patch: pytest.MonkeyPatch, module: Any, caller: str) -> None:
    real = module.sync

    def sync(descriptor: int) -> None:
        if _caller() != caller:
            real(descriptor)

    patch.setattr(module, "sync", sync)


def _no_sync_before_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """The file is overwritten before the log is on the disk."""
    _skip_sync_of_log(patch, "checkpoint")


def _no_sync_of_bulk(patch: pytest.MonkeyPatch) -> None:
    """Commits do not wait for the large writes that they need."""
    _skip_sync(patch, wal_file, "commit")


def _no_sync_after_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """The log is emptied before the file is on the disk."""
    _skip_sync(patch, wal_file, "_write_pages")


def _no_sync_of_new_file(patch: pytest.MonkeyPatch) -> None:
    """A new file gets its name before it is on the disk."""
    _skip_sync(patch, new_file, "appear")


def _no_sync_of_new_log(patch: pytest.MonkeyPatch) -> None:
    """A log that was written anew takes the old one's place before it is on the disk."""
    _skip_sync_of_log(patch, "compact_log", emptied=False)


def _no_sync_of_names(patch: pytest.MonkeyPatch) -> None:
    """The folder is never synced."""
    for module in (new_file, replay, wal_writer):
        patch.setattr(module, "sync_folder", lambda path: None)


def _no_name_before_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """The file is overwritten before the log has its name on the disk."""
    patch.setattr(
        WalWriter, "_checkpoint", lambda self, file, *, last=False: file.checkpoint(last=last)
    )


def _no_rewriting(patch: pytest.MonkeyPatch) -> None:
    """After a sync of the log has failed, what it did not bring to the disk is not written anew."""
    real = Log.sync

    def sync(self: Log) -> None:
        self._sync_failed = False
        real(self)

    patch.setattr(Log, "sync", sync)


def _no_log(patch: pytest.MonkeyPatch) -> None:
    """Commits go straight into the file, and no record of them is found."""

    def straight(self: WalFile) -> bool:
        self._apply_record()
        for number in self._pending:
            wal_file.write_all(self.file.fd, self._overlaid(number) or b"", number * wal_file.PAGE)
        os.ftruncate(self.file.fd, self._size)
        self._pending.clear()
        self._clear_record()
        self._committed_size = self._needed_size = self._data_end = self._size
        return True

    patch.setattr(WalFile, "commit", straight)
    patch.setattr(WalFile, "_check_base", lambda self: None)
    patch.setattr(WalFile, "put", lambda self, payload, **_: False)


def _no_puts(patch: pytest.MonkeyPatch) -> None:
    """Small assignments and rows are kept in memory, and not written down."""
    patch.setattr(WalFile, "put", lambda self, payload, **_: True)


def _no_settling(patch: pytest.MonkeyPatch) -> None:
    """A commit takes the place of small assignments that HDF5 has not done."""
    real = WalWriter.settle

    def settle(self: WalWriter) -> None:
        if _caller() not in {"commit", "writing"}:
            real(self)

    patch.setattr(WalWriter, "settle", settle)


def _in_place(patch: pytest.MonkeyPatch) -> None:
    """Large writes go straight into the file also where it holds what is committed."""
    real = WalFile.write

    def write(self: Any, data: Any) -> int:
        size, self._needed_size = self._needed_size, 0
        try:
            return real(self, data)
        finally:
            self._needed_size = size

    patch.setattr(WalFile, "write", write)


def _no_record_of_checkpoints(patch: pytest.MonkeyPatch) -> None:
    """The log does not say what a checkpoint is about to write."""
    patch.setattr(Log, "append_checkpoint", lambda self, sums: None)


BROKEN_FOR_KILLS: tuple[Breaking, ...] = (
    _no_log,
    _no_puts,
    _no_settling,
    _no_record_of_checkpoints,
)
BROKEN_FOR_POWER: tuple[Breaking, ...] = (
    _no_checksums,
    _no_sync_before_checkpoint,
    _no_sync_of_bulk,
    _no_sync_after_checkpoint,
    _no_sync_of_new_file,
    _no_sync_of_new_log,
    _no_sync_of_names,
    _no_name_before_checkpoint,
)


FIRST = {_no_sync_of_new_file: 1, _no_sync_of_new_log: 5, _no_name_before_checkpoint: 1}
"""The first of the seeds that shows it, where that is not 0: it is tried first."""


@pytest.mark.parametrize("breaking", BROKEN_FOR_KILLS)
def test_broken_for_kills(
    breaking: Breaking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill does damage when this part is missing."""
    assert in_child(lambda: _does_damage(breaking, tmp_path, monkeypatch, power=False))


def _slice_is_mixed(folder: Path, patch: pytest.MonkeyPatch) -> bool:
    """Whether some kill leaves an array that was written over in part."""
    patch.setattr(wal_file, "DIRECT_BYTES", 2**13)
    (run := folder / "run").mkdir()
    (image := folder / "image").mkdir()
    states = [State({"a": np.full(40_000, number)}) for number in (1.0, 2.0)]
    HDF5Checkpointer(run / "x.hdf5")["a"] = states[0].tree["a"]
    with Recorder(str(run), old=run / "x.hdf5") as recorder:
        HDF5Checkpointer(run / "x.hdf5").array("a")[:] = 2.0
    try:
        for found, _, _, cut in after_kills(recorder.log, len(recorder.log), random.Random(0)):
            if cut >= 4:  # the file of before is there
                _look(found, image, states, 0, 1)
    except (AssertionError, HdfchkError, HdfchkWarning):
        return True
    return False


def test_broken_for_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill does damage when large writes go straight over what is committed."""
    (whole := tmp_path / "whole").mkdir()
    assert not _slice_is_mixed(whole, monkeypatch)
    _in_place(monkeypatch)
    assert in_child(lambda: _slice_is_mixed(tmp_path, monkeypatch))


@pytest.mark.parametrize("breaking", BROKEN_FOR_POWER)
def test_broken_for_power(
    breaking: Breaking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power does damage when this part is missing."""
    assert in_child(lambda: _does_damage(breaking, tmp_path, monkeypatch, power=True))


def test_broken_for_failed_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of power after a failed sync does damage when the log is not written anew."""
    assert in_child(
        lambda: _does_damage(_no_rewriting, tmp_path, monkeypatch, power=True, faults=0.2)
    )


def _with_log_of_another_state(path: str) -> float:
    """What is read where the log of an older state lies beside a file."""
    HDF5Checkpointer(path)["a"] = 1.0
    with HDF5Checkpointer(path, mode="r") as reader:
        reader.load()
        HDF5Checkpointer(path)["a"] = 2.0
        log = Path(f"{path}-journal").read_bytes()
    HDF5Checkpointer(path)["a"] = 1.0
    assert not os.path.exists(f"{path}-journal")
    Path(f"{path}-journal").write_bytes(log)
    return float(HDF5Checkpointer(path)["a"])


def _no_fit(patch: pytest.MonkeyPatch) -> None:
    """A log is laid over whatever file is beside it."""
    for module in (reader_file, replay):
        patch.setattr(module, "problem_of", lambda *args, **options: None)


def _no_stamp(patch: pytest.MonkeyPatch) -> None:
    """A checkpoint gives the file the stamp that it has."""

    class Seven:
        @staticmethod
        def randbits(count: int) -> int:
            return 7

    patch.setattr(replay, "secrets", Seven)
    patch.setattr(first_commit.Content, "stamp", lambda _: 7)
    # A new file has no time, and what a later use of HDF5 closes has: that tells them apart, too.
    patch.setattr(first_commit, "clear_time", lambda _: None)
    # HDF5 notes where a file ends when it closes one, and not in one that is made in memory.
    patch.setattr(first_commit, "MEMORY_BYTES", -1)


@pytest.mark.filterwarnings("ignore::hdfchk.PendingJournalWarning")
@pytest.mark.parametrize("breaking", [_no_fit, _no_stamp])
def test_broken_for_copies(breaking: Breaking, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of another state of a file brings that back when this part is missing."""
    with pytest.warns(JournalMismatchWarning, match="does not match"):
        assert _with_log_of_another_state(path) == 1.0
    breaking(monkeypatch)

    def again() -> bool:
        for name in os.listdir(os.path.dirname(path)):
            os.unlink(os.path.join(os.path.dirname(path), name))
        return in_child(lambda: _with_log_of_another_state(path) == 2.0)

    # HDF5 keeps the second in which it has closed a file: that may tell two states apart, too.
    assert any(again() for _ in range(5))


def _mixed(path: str) -> bool:
    """Whether a reader sees what was committed after it had opened the file."""
    with HDF5Checkpointer(path) as chk:
        chk.update({"x": 1.0, "a": np.full(5000, 1.0)})
    with HDF5Checkpointer(path, mode="r") as reader:
        seen = reader["x"]
        HDF5Checkpointer(path).update({"x": 2.0, "a": np.full(5000, 2.0)})
        return bool((reader["a"] != seen).any())


@pytest.mark.filterwarnings("ignore::hdfchk.PendingJournalWarning")
def test_broken_for_readers(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader sees a mixed state when the journal is applied without regard to its lock."""
    assert not _mixed(path)

    def apply_anyway() -> bool:
        monkeypatch.setattr(WalFile, "_lock_exclusively", lambda self: True)
        return _mixed(path)

    assert in_child(apply_anyway)


def _is_plain(path: str) -> bool:
    """Whether plain h5py finds all in a file that was closed, and nothing lies beside it."""
    with HDF5Checkpointer(path) as chk:
        chk["a"] = 1
        chk["b"] = 2
    with h5py.File(path) as file:
        return set(file) == {"a", "b"} and os.listdir(os.path.dirname(path)) == ["store.hdf5"]


@pytest.mark.filterwarnings("ignore::hdfchk.PendingJournalWarning")
def test_broken_for_others(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain h5py does not find everything when the end of a block does not apply the journal."""
    assert _is_plain(path)
    os.unlink(path)
    monkeypatch.setattr(WalFile, "checkpoint", lambda self, **options: False)
    assert in_child(lambda: not _is_plain(path))


def test_broken_for_writers(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writers at once lose commits when the journal is not locked."""

    def put() -> bool:
        with suppress(LockedError):
            HDF5Checkpointer(path, lock_timeout=0.1)["b"] = 2
        return True

    def two() -> set[str]:
        with HDF5Checkpointer(path) as one:
            one["a"] = 1
            in_child(put)
            one["c"] = np.ones(9000)
        return set(HDF5Checkpointer(path).load())

    assert two() == {"a", "c"}

    def unlocked() -> bool:
        monkeypatch.setattr(writer_lock, "try_lock_exclusive", lambda descriptor: True)
        monkeypatch.setattr(writer_lock, "try_lock_range", lambda *args, **options: True)
        try:
            return two() != {"a", "b", "c"}
        except Exception:
            return True

    assert in_child(unlocked)


def _does_damage(
    breaking: Breaking,
    tmp_path: Path,
    patch: pytest.MonkeyPatch,
    *,
    power: bool,
    faults: float = 0.0,
) -> bool:
    """Whether some image is bad. A damaged file may stay open in HDF5: run it in a child."""
    breaking(patch)
    folder = tmp_path / "image"
    folder.mkdir()
    first = FIRST.get(breaking, 0)
    for seed in range(first, first + 16):
        chance = random.Random(seed)
        interval = 1000.0 if power and not faults else 0.0
        states, log = record(
            tmp_path / f"run{seed}",
            seed,
            50,
            interval,
            readers=breaking is _no_sync_of_new_log,
            compacts=breaking is not _no_sync_of_new_file,
            faults=faults,
            least=True,
        )
        cut = after_power_loss if power else after_kills
        try:
            for image, least, most, _ in cut(log, 100, chance):
                _look(image, folder, states, least, most)
        except Exception as error:
            sys.stdout.write(f"{breaking.__name__}: seed {seed}: {error!r}\n"[:300])
            sys.stdout.flush()
            return True
    return False


def _look(image: Image, folder: Path, states: list[Any], least: int, most: int) -> None:
    image.write_to(str(folder))
    check(states, recovered(folder, leftovers=True), least, most, "")
