"""A journal as input: whatever it says, bounded memory, disk and time, and ordinary errors."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from hdfchk import HDF5Checkpointer, HdfchkError

from .children import outcome
from .journals import Lying, Record, add, make_sparse, mutate, pending, random_record
from .states import ALLOWED, view

FULL = os.environ.get("HDFCHK_FUZZ") == "full"
COUNT = 5000 if FULL else 60
MEMORY = 2**28
"""Bytes that one look at a small file may need beyond what the process has."""
DISK = 2**24
SECONDS = 20.0


@pytest.fixture
def name(tmp_path: Path) -> Path:
    """A store whose writer was killed."""
    folder = tmp_path / "runs"
    folder.mkdir()
    place = folder / "x.hdf5"
    HDF5Checkpointer(place).update({"a": 0, "base": list(range(200)), "t": "x" * 3000})
    return place


def _read(name: Path) -> None:
    HDF5Checkpointer(name, mode="r").load()


def _write(name: Path) -> None:
    HDF5Checkpointer(name, lock_timeout=0.2)["z"] = 1


def _recover(name: Path) -> None:
    HDF5Checkpointer(name, lock_timeout=0.2).recover()


def _compact(name: Path) -> None:
    HDF5Checkpointer(name, lock_timeout=0.2).compact()


WORK = [_read, _write, _recover, _compact]


def _limited(work: Callable[[Path], None], name: Path, memory: int = MEMORY) -> str:
    """How work ends in a child with little memory; ordinary errors are as good as none."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**28, 2**28))
        try:
            work(name)
        except ALLOWED:
            return

    said = outcome(limited, seconds=SECONDS)
    for place in name.parent.iterdir():
        blocks = place.stat().st_blocks * 512
        if blocks > DISK + 2**20 and not place.name.endswith("-journal"):
            os.truncate(place, 0)
            return f"{place.name} takes {blocks} bytes of the disk"
    return said


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("extent", [2**27, 2**40, 2**60, 2**63 - 1])
@pytest.mark.parametrize("sized", [True, False], ids=["in a vast file", "in a small file"])
def test_a_vast_extent_takes_no_memory(
    name: Path, extent: int, sized: bool, work: Callable
) -> None:
    """A record of a few bytes that says to write very many costs no memory and no time."""
    journal, size = pending(name), name.stat().st_size
    add(journal, [Record([(0, Lying(b"x" * 8, extent))], extent if sized else size)])
    assert not (said := _limited(work, name)), said


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("size", [2**27, 2**29, 2**40, 2**62, 2**63, 2**64 - 1])
def test_a_vast_size_takes_no_disk(name: Path, size: int, work: Callable) -> None:
    """A commit that says the file to be far longer than all its bytes reserves no room for that."""
    add(pending(name), [Record([(0, b"")], size)])
    assert not (said := _limited(work, name)), said


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("place", [2**27, 2**40, 2**62, 2**63 - 8, 2**64 - 8])
def test_a_place_far_away_takes_no_disk(name: Path, place: int, work: Callable) -> None:
    """A write to a place far behind all others costs neither memory nor disk."""
    add(pending(name), [Record([(place, b"x" * 8)], min(place + 8, 2**64 - 1))])
    assert not (said := _limited(work, name)), said


@pytest.mark.slow
@pytest.mark.parametrize("work", WORK)
def test_a_sparse_journal_takes_no_memory(name: Path, work: Callable) -> None:
    """A long journal that is a hole on the disk is not taken into memory as a whole."""
    journal, size = pending(name), name.stat().st_size
    add(journal, [Record([(2**14, bytes(2**28))], size)])
    make_sparse(journal)
    assert not (said := _limited(work, name, memory=2**27)), said


@pytest.mark.parametrize("work", WORK)
def test_many_small_writes_take_little_memory(name: Path, work: Callable) -> None:
    """A journal of very many empty writes is read in memory that its own length bounds."""
    journal, size = pending(name), name.stat().st_size
    add(journal, [Record([(1, b"")] * 100_000, size), Record([(2**13, b"")] * 100_000, size)])
    assert not (said := _limited(work, name)), said


@pytest.mark.slow
@pytest.mark.parametrize("first", range(4))
def test_mutated_journals(name: Path, first: int) -> None:
    """Damaged and hostile journals: an ordinary error or a state, bounded; checksums tell damage."""
    journal = pending(name)
    before, raw, size = name.read_bytes(), journal.read_bytes(), name.stat().st_size
    copy, wrong = name.parent.parent / "mutants", {}
    for seed in range(first, COUNT, 4):
        chance = random.Random(seed)
        for work in (_read, _write):
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir()
            (copy / name.name).write_bytes(before)
            target = copy / journal.name
            chance.seed(seed)
            if chance.random() < 0.4:
                target.write_bytes(mutate(raw, chance))
            else:
                target.write_bytes(raw)
                try:
                    add(target, [random_record(chance, size) for _ in range(chance.choice([1, 3]))])
                except (HdfchkError, OSError, ValueError, OverflowError, TypeError):
                    continue  # the journal's own class refuses it
                except Exception as error:  # struct.error: a number that no field holds
                    if type(error).__name__ != "error":
                        raise
                    continue
            said = _limited(work, copy / name.name)
            if said:
                wrong[seed] = (work.__name__, said)
    assert not wrong, f"{len(wrong)} of {COUNT // 4}: {next(iter(wrong.items()))}"


def test_damage_leaves_the_last_whole_commit(name: Path) -> None:
    """A journal cut or damaged at any place brings back a commit that was made, or is an error."""
    changes = [{"a": n, "l": [n, None], "t": "y" * (700 * n)} for n in range(1, 5)]
    journal = pending(name, *changes)
    raw, chance = journal.read_bytes(), random.Random(2)
    base = {"a": 0, "base": list(range(200)), "t": "x" * 3000}
    allowed = [base, *({**base, **change} for change in changes)]
    for at in [*range(0, len(raw), max(1, len(raw) // 60)), len(raw) - 1]:
        for cut in (True, False):
            damaged = bytearray(raw[:at] if cut else raw)
            if not cut:
                damaged[at] ^= 1 << chance.randrange(8)
            journal.write_bytes(damaged)
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    found = view(name)
                except ALLOWED:
                    continue
            assert found in allowed, (at, cut)
    journal.unlink()
