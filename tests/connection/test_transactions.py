"""The end of a transaction, beside signal handlers; what it promises is in tests/actors."""

from __future__ import annotations

import inspect
import signal
import sys
from types import FrameType
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer


class InterruptError(BaseException):
    """What the handler of a signal raises."""


def _interrupt(*_: object) -> None:
    raise InterruptError


@pytest.mark.slow
@pytest.mark.parametrize("gives_up", [True, False])
def test_interrupts_at_its_end(path: str, *, gives_up: bool) -> None:
    """A handler that raises where the block ends, at any call, leaves all of it or nothing."""
    before_it = signal.signal(signal.SIGUSR1, _interrupt)
    try:
        HDF5Checkpointer(path)["n"] = 0
        number = 1
        while _is_interrupted(path, number, gives_up=gives_up):
            number += 1
    finally:
        signal.signal(signal.SIGUSR1, before_it)
    assert number > 10


def _is_interrupted(path: str, number: int, *, gives_up: bool) -> bool:
    """End a transaction, in which a signal comes at one of its calls; whether there was that call."""
    before, calls = HDF5Checkpointer(path)["n"], 0

    def see(frame: FrameType, event: str, _: Any) -> None:
        nonlocal calls
        # An exception is thrown into a generator: no handler runs where it goes on.
        is_thrown = frame.f_code.co_flags & inspect.CO_GENERATOR
        if event == "call" and "hdfchk" in frame.f_code.co_filename and not is_thrown:
            calls += 1
            if calls == number:
                sys.setprofile(None)
                signal.raise_signal(signal.SIGUSR1)

    with HDF5Checkpointer(path) as chk:
        try:
            with chk.transaction():
                chk["n"] = before + 1
                chk["x"] = np.full(3000, before + 1)
                sys.setprofile(see)
                if gives_up:
                    raise KeyError
        except (InterruptError, KeyError):
            pass
        finally:
            sys.setprofile(None)
        chk["after"] = number  # a commit, with which nothing else may come in
        found = chk["n"]
        assert found in ({before} if gives_up else {before, before + 1})
        assert found == before or chk["x"].tolist() == [found] * 3000
    assert not chk.is_open
    assert HDF5Checkpointer(path)["n"] == found
    return calls == number
