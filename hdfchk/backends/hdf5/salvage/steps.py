"""The steps of the process that copies, told to the one that waits for it.

HDF5 may crash on what is damaged, or never come back from it. So each step is told before it is
taken; the process that ends in one is begun anew, and leaves that step out.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from ....errors import CorruptFileError, HdfchkError
from ....keys import Path
from ..h5.errors import RAISED, unreadable
from ..wal.new_file import ScratchFile

__all__ = ["CAUGHT", "CopiedFile", "Steps", "explained", "keep_output"]

CAUGHT = (*RAISED, MemoryError)
"""What reading a damaged object may raise."""
_TELL_SECONDS = 0.1


class Steps:
    """The steps of one process.

    Args:
        left_out: the steps in which others have ended, each with how.
        seconds: of processor time that one may take without a sign of life.
        total: how many bytes there are to read.
    """

    def __init__(self, left_out: list[tuple[list[str], str]], seconds: float, total: int) -> None:
        self._left_out = {tuple(step): how for step, how in left_out}
        self._seconds = seconds
        self._total = total
        self._done = 0
        self._told = 0.0

    def begin(self, kind: str, path: Path) -> None:
        """Begin a step: "object", "attributes", "links" or "data" of what stands at a path.

        Raises:
            CorruptFileError: another process has ended in it.
        """
        how = self._left_out.get((kind, *path))
        if how is not None:
            raise CorruptFileError(
                f"HDF5 does not come back from reading it: the process that did {how}",
                hint="restore it from a copy",
            )
        self.say({"at": (kind, *path)})
        self.go_on()

    def go_on(self) -> None:
        """Give a sign of life: what loops for ever in HDF5 is ended by the system."""
        if self._seconds:
            signal.setitimer(signal.ITIMER_PROF, self._seconds)

    def count(self, nbytes: int) -> None:
        """So many bytes more are read."""
        self._done = min(self._total, self._done + nbytes)
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            self.say({"done": self._done, "total": self._total})

    @staticmethod
    def say(what: dict[str, Any]) -> None:
        """Tell the process that waits."""
        print(json.dumps(what), file=_ANSWERS[-1], flush=True)


_ANSWERS: list[Any] = [sys.stdout]


def keep_output() -> None:
    """Keep standard output for what is told: h5py writes to it what it thinks of some types."""
    _ANSWERS.append(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


class CopiedFile(ScratchFile):
    """The file that is made: each write to it is a sign of life."""

    steps: Steps

    def write(self, data: Any) -> int:
        """Write at the position."""
        self.steps.go_on()
        return super().write(data)


def explained(what: str, error: BaseException) -> HdfchkError:
    """An error of ours for what reading something has raised."""
    if isinstance(error, HdfchkError):
        return error
    if isinstance(error, MemoryError):
        return CorruptFileError(f"{what} takes more memory than there is")
    assert isinstance(error, Exception)  # noqa: S101  no other one is caught
    found = unreadable(what, error, None)
    if isinstance(found, CorruptFileError):
        found.hint = "restore it from a copy"
    return found
