"""The steps of the copying process, which it reports to the waiting process.

HDF5 may crash on damaged data, or never return. So each step is reported before it begins; if the
process ends in a step, a new one is started, which omits that step.
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
"""The exceptions that reading a damaged object may raise."""
_REPORT_SECONDS = 0.1


class Steps:
    """The steps of one process.

    Args:
        left_out: the steps in which other processes ended, each with the way it ended.
        seconds: the processor time that a step may take without progress.
        total: the number of bytes to read.
    """

    def __init__(self, left_out: list[tuple[list[str], str]], seconds: float, total: int) -> None:
        self._left_out = {tuple(step): how for step, how in left_out}
        self._seconds = seconds
        self._total = total
        self._done = 0
        self._reported = 0.0

    def begin(self, kind: str, path: Path) -> None:
        """Begin a step: "object", "attributes", "links" or "data" of the object at a path.

        Raises:
            CorruptFileError: another process ended in this step.
        """
        how = self._left_out.get((kind, *path))
        if how is not None:
            raise CorruptFileError(
                f"HDF5 cannot read it: the process that tried {how}",
                hint="restore it from a copy",
            )
        self.say({"at": (kind, *path)})
        self.go_on()

    def go_on(self) -> None:
        """Restart the time limit: the system ends a process that loops forever in HDF5."""
        if self._seconds:
            signal.setitimer(signal.ITIMER_PROF, self._seconds)

    def count(self, nbytes: int) -> None:
        """Report that `nbytes` more bytes were read."""
        self._done = min(self._total, self._done + nbytes)
        now = time.monotonic()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self.say({"done": self._done, "total": self._total})

    @staticmethod
    def say(what: dict[str, Any]) -> None:
        """Report something to the waiting process."""
        print(json.dumps(what), file=_ANSWERS[-1], flush=True)


_ANSWERS: list[Any] = [sys.stdout]


def keep_output() -> None:
    """Reserve standard output for reports: h5py prints messages about some types to it."""
    _ANSWERS.append(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


class CopiedFile(ScratchFile):
    """The file object of the copy: each write restarts the time limit."""

    steps: Steps

    def write(self, data: Any) -> int:
        """Write at the current position, and restart the time limit."""
        self.steps.go_on()
        return super().write(data)


def explained(what: str, error: BaseException) -> HdfchkError:
    """Return an hdfchk error for an exception in reading something."""
    if isinstance(error, HdfchkError):
        return error
    if isinstance(error, MemoryError):
        return CorruptFileError(f"{what} needs more memory than is available")
    assert isinstance(error, Exception)  # noqa: S101  no other exceptions are caught
    found = unreadable(what, error, None)
    if isinstance(found, CorruptFileError):
        found.hint = "restore it from a copy"
    return found
