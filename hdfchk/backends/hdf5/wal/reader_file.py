"""A file that is held for reading, with the commits that its log holds."""

from __future__ import annotations

import contextlib
import os
import warnings

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
from .overlay import OverlayFile
from .writer_lock import is_being_written

__all__ = ["ReaderFile", "State", "state_of"]

_NOTHING = Recovered()
State = tuple[tuple[int, int], bytes, int]
"""Tells one commit of a file from another: which file it is, which use of the log, and how much."""


def state_of(descriptor: int, found: Recovered) -> State:
    """Which commit of an open file it is whose log says this."""
    if not found.has_commits:
        return file_key(descriptor), b"", 0
    return file_key(descriptor), found.salt, found.end


class ReaderFile:
    """A file that is held for reading, and its log, if that holds commits.

    A shared lock on the file, which is held as long as it is read, keeps checkpoints away: what the
    log says of the file stays true.

    Args:
        path: the path: absolute, without symbolic links.
        timeout: seconds to wait for a process that is writing the file itself.

    Attributes:
        snapshot: the last commit, or None where it is the file as it stands.
        state: which commit it is.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._owned: list[Descriptor] = []
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
        self._owned.append(file)
        wait_lock_shared(file.fd, path, timeout)
        found = _NOTHING
        log = self._open_log(path)
        if log is not None:
            self._owned.append(log)
            found = scan(log.fd)
        if found.has_commits and log is not None:
            live = is_being_written(file.fd)
            problem = problem_of(file.fd, found, thorough=not live)
            if not is_at(file.fd, path):
                return False
            if problem is None:
                self.snapshot = OverlayFile(file, Log(log), found)
            else:
                warnings.warn(
                    f"the journal beside {path!r} does not fit it ({problem}): the file is read as "
                    "it stands. Writing it raises JournalMismatchError, which says what to do",
                    JournalMismatchWarning,
                    stacklevel=2,
                )
        self.state = state_of(file.fd, found if self.snapshot is not None else _NOTHING)
        # Or another file has taken this one's place, and the log belongs to that.
        return is_at(file.fd, path)

    def _open_log(self, path: str) -> Descriptor | None:
        try:
            log = Descriptor(open_regular(log_of(path), os.O_RDONLY))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            # A neighbour that is not ours, or cannot be one: the name is too long, say.
            if _may_be_ours(log_of(path)):
                raise
            return None
        if is_ours(log.fd):
            return log
        log.close()
        return None

    @property
    def is_left_a_log(self) -> bool:
        """Whether there is a log now, and nobody who writes the file, as far as one can tell."""
        file = self._owned[0] if self._owned else None
        if file is None or not os.access(log_of(self._path), os.F_OK):
            return False
        try:
            return not is_being_written(file.fd)
        except OSError:  # what was to be read is read: whoever brings the log in tells of it
            return True

    def read_bytes(self, start: int, length: int) -> bytes:
        """Bytes of the file itself."""
        return read_all(self._owned[0].fd, length, start)

    def abandon(self) -> None:
        """Let go of the files in a child process, whose parent goes on with them."""
        for file in self._owned:
            if file.is_open:
                redirect_to_scratch(file.fd)  # HDF5 may still try to use it

    def close(self) -> None:
        """Let go of the files."""
        self.snapshot = None
        while self._owned:
            self._owned.pop().close()


def _may_be_ours(name: str) -> bool:
    """Whether a log that cannot be opened may be ours: then its commits must not be missed."""
    with contextlib.suppress(OSError):
        import stat

        return stat.S_ISREG(os.lstat(name).st_mode)
    return False
