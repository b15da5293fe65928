"""A file that is open for reading, with the commits of its log."""

from __future__ import annotations

import contextlib
import os
import warnings
from typing import TYPE_CHECKING

from ....errors import JournalMismatchWarning
from ....runtime.descriptors import Descriptor
from ....runtime.posix import (
    file_key,
    is_at,
    open_regular,
    read_all,
    redirect_to_scratch,
    wait_lock_shared,
)
from .fit import problem_of
from .log import Log, Recovered, is_ours, log_of, scan
from .writer_lock import is_being_written

if TYPE_CHECKING:
    from .overlay import OverlayFile

__all__ = ["ReaderFile", "State", "state_of"]

_NOTHING = Recovered()
State = tuple[tuple[int, int], bytes, int]
"""Identifies a commit: the file, the salt of its log, and the end of the commit in the log."""


def state_of(descriptor: int, found: Recovered) -> State:
    """Return an identifier of the last commit of an open file and its log."""
    if not found.has_commits:
        return file_key(descriptor), b"", 0
    return file_key(descriptor), found.salt, found.end


class ReaderFile:
    """A file that is open for reading, and its log, if that has commits.

    The shared lock on the file, held until it is closed, prevents checkpoints: the scan of the log
    stays valid.

    Args:
        path: the path: absolute, without symbolic links.
        timeout: seconds to wait for a process that is writing the file itself.

    Attributes:
        snapshot: the last commit; None if that is the file itself.
        state: an identifier of the commit.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._descriptors: list[Descriptor] = []
        self.snapshot: OverlayFile | None = None
        self.state: State | None = None
        try:
            while not self._open(path, timeout):
                self.close()
        except BaseException:
            self.close()
            raise

    def _open(self, path: str, timeout: float) -> bool:
        file = Descriptor(open_regular(path, os.O_RDONLY))
        self._descriptors.append(file)
        wait_lock_shared(file.fd, path, timeout)
        found = _NOTHING
        log = self._open_log(path)
        if log is not None:
            self._descriptors.append(log)
            found = scan(log.fd)
        if found.has_commits and log is not None:
            live = is_being_written(file.fd)
            problem = problem_of(file.fd, found, thorough=not live)
            if not is_at(file.fd, path):
                return False
            if problem is None:
                from .overlay import OverlayFile

                self.snapshot = OverlayFile(file, Log(log), found)
            else:
                warnings.warn(
                    f"the journal of {path!r} does not match it ({problem}): the file is read "
                    "without it. Writing the file raises JournalMismatchError, "
                    "which says what to do",
                    JournalMismatchWarning,
                    stacklevel=2,
                )
        self.state = state_of(file.fd, found if self.snapshot is not None else _NOTHING)
        # Otherwise another file has replaced this one, and the log belongs to that file.
        return is_at(file.fd, path)

    def _open_log(self, path: str) -> Descriptor | None:
        try:
            log = Descriptor(open_regular(log_of(path), os.O_RDONLY))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            # A file of another program, or a name that cannot be one: too long, for example.
            if _may_be_log(log_of(path)):
                raise
            return None
        if is_ours(log.fd):
            return log
        log.close()
        return None

    @property
    def is_left_a_log(self) -> bool:
        """Whether the file has a log now, and, as far as can be seen, no writer."""
        file = self._descriptors[0] if self._descriptors else None
        if file is None or not os.access(log_of(self._path), os.F_OK):
            return False
        try:
            return not is_being_written(file.fd)
        except OSError:  # the caller has read its data: the checkpoint that follows reports it
            return True

    def read_bytes(self, start: int, length: int) -> bytes:
        """Return bytes of the file itself, without its log."""
        return read_all(self._descriptors[0].fd, length, start)

    def abandon(self) -> None:
        """Release the files in a child of `fork`; the parent continues to use them."""
        for file in self._descriptors:
            if file.is_open:
                redirect_to_scratch(file.fd)  # HDF5 may still use the descriptor

    def close(self) -> None:
        """Close the files."""
        self.snapshot = None
        while self._descriptors:
            self._descriptors.pop().close()


def _may_be_log(name: str) -> bool:
    """Return whether a log that cannot be opened may be ours: its commits must not be missed."""
    with contextlib.suppress(OSError):
        import stat

        return stat.S_ISREG(os.lstat(name).st_mode)
    return False
