"""Files cut short and changed at random, each read in a child process: a value or an error.

Never a hang, a crash of ours, or memory beyond the limit. Where HDF5 itself ends the process, the
test counts it, and requires that reading in a child process tells of it. `HDFCHK_FUZZ=full` reads
10,000 of them; with ``-rP`` the test says on which HDF5 itself ended the process.
"""

from __future__ import annotations

import os
import random
import sys
from contextlib import suppress
from pathlib import Path
from signal import SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGSEGV, SIGXCPU

import pytest

from hdfchk import HdfchkError, load

from .mutants import MAKERS, mutate, outcomes

FULL = os.environ.get("HDFCHK_FUZZ") == "full"
COUNT = 10_000 if FULL else 400
TOGETHER = 1 if FULL else 16
"""So many are read in one child."""
STEP = 512
BY_HDF5 = {
    f"signal {int(number)}" for number in (SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGXCPU, SIGKILL)
}
"""How a process ends in which HDF5 crashes, or goes round for ever."""


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
def raw(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    """A whole file."""
    path = tmp_path / "whole.h5"
    request.param(str(path))
    return path.read_bytes()


def test_cut_short(raw: bytes, tmp_path: Path) -> None:
    """A file cut at every 512th byte is an error, or reads as far as it goes."""
    lengths = range(0, len(raw), STEP)
    found = outcomes(tmp_path / "cut.h5", [raw[:length] for length in lengths], TOGETHER)
    wrong = {length: said for length, said in zip(lengths, found, strict=True) if said != "read"}
    assert not wrong, wrong


def test_mutants(raw: bytes, tmp_path: Path) -> None:
    """Files with changed bytes are read, or an error of ours."""
    path = tmp_path / "mutant.h5"
    ended: dict[int, str] = {}
    wrong: dict[int, str] = {}
    files = [mutate(raw, random.Random(seed)) for seed in range(COUNT // len(MAKERS))]
    for seed, found in enumerate(outcomes(path, files, TOGETHER)):
        if found in BY_HDF5:
            ended[seed] = found
            with suppress(HdfchkError):  # in a child it ends nobody else
                load(path, isolated=True, timeout=20, expand_limit=2**26)
        elif found != "read":
            wrong[seed] = found
    assert not wrong, wrong
    # HDF5 is not proof against what is made to break it; but it is so by far the most times.
    assert len(ended) <= COUNT // 100, ended
    sys.stdout.write(f"{COUNT // len(MAKERS)} mutants; HDF5 itself ended the process on {ended}\n")
