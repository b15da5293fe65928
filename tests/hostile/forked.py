"""A child process by `fork`, in place of one by `subprocess.Popen`: a fuzz starts very many."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
from typing import Any

from hdfchk.backends.hdf5.salvage import child

MEMORY = 2**32


class Forked:
    """Runs `child.main` in a process that has all modules already."""

    def __init__(self, command: list[str], **options: Any) -> None:
        (asked, asks), (heard, says) = os.pipe(), os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(asks)
            os.close(heard)
            self._run(asked, says)
        os.close(asked)
        os.close(says)
        self.stdin = os.fdopen(asks, "wb")
        self.stdout = os.fdopen(heard, "rb")
        self.returncode: int | None = None

    @staticmethod
    def _run(asked: int, says: int) -> None:
        try:
            faulthandler.disable()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            sys.stdin = os.fdopen(asked)
            os.dup2(says, 1)
            os.close(says)
            child.main()
        finally:
            os._exit(9)

    def poll(self) -> int | None:
        """How it ended, if it has."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        """Wait for its end."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def kill(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
