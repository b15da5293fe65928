"""One committed state of a file: the file under the pages of its journal.

A shared lock on the file, which is held as long as it is read, keeps the journal from being
applied: what it says of the file stays true.
"""

from __future__ import annotations

import os
from typing import Any

from .disk import is_at, open_file, read_into, wait_shared
from .journal import PAGE, Journal, Snapshot, journal_of, scan

__all__ = ["FileInUse", "SnapshotFile"]


class SnapshotFile:
    """One committed state of a file, to be read: the main file under a journal's pages.

    Args:
        descriptor: the open main file.
        journal: reads pages of the journal, or None where there is none.
        snapshot: what the journal says.
    """

    def __init__(self, descriptor: int, journal: Journal, snapshot: Snapshot) -> None:
        self._descriptor = descriptor
        self._journal = journal
        self._pages: dict[int, int] = dict(snapshot.pages)
        self._pending: dict[int, bytearray | int] = {}
        self._position = 0
        self._size = os.fstat(descriptor).st_size if snapshot.size is None else snapshot.size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; what was never written reads as zeros."""
        view = memoryview(buffer).cast("B")
        start, length = self._position, len(view)
        done = read_into(self._descriptor, view, start)
        if done < length:
            view[done:] = bytes(length - done)
        first, last = start // PAGE, (start + length - 1) // PAGE
        if self._pages or self._pending:
            self._patch(view, start, first, last)
        self._position += length
        return length

    def _patch(self, view: memoryview, start: int, first: int, last: int) -> None:
        known = len(self._pages) + len(self._pending)
        numbers: Any = range(first, last + 1)
        if known < last - first:
            numbers = [n for n in {*self._pages, *self._pending} if first <= n <= last]
        for number in numbers:
            data = self._overlaid(number)
            if data is not None:
                begin = max(number * PAGE, start)
                end = min((number + 1) * PAGE, start + len(view))
                inside = number * PAGE
                view[begin - start : end - start] = data[begin - inside : end - inside]

    def _overlaid(self, number: int) -> bytes | bytearray | None:
        found = self._pending.get(number, self._pages.get(number))
        return self._journal.read(found) if isinstance(found, int) else found

    def write(self, data: Any) -> int:
        """Nothing is written to a snapshot."""
        raise PermissionError("a snapshot is read only")

    def truncate(self, size: int | None = None) -> int:
        """Nothing is cut off a snapshot."""
        return self._size if size is None else size

    def flush(self) -> None:
        """Nothing waits."""


class FileInUse:
    """A file that is held for reading, and its journal, if that holds commits.

    Args:
        path: the path.
        timeout: seconds to wait for a process that is writing the file itself.

    Attributes:
        snapshot: the last commit, or None where it is the file as it stands.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self._owned: list[int] = []
        self.snapshot: SnapshotFile | None = None
        try:
            while not self._open(path, timeout):
                self.close()
        except BaseException:
            self.close()
            raise

    def _open(self, path: str, timeout: float) -> bool:
        descriptor = open_file(path, os.O_RDONLY)
        self._owned.append(descriptor)
        wait_shared(descriptor, path, timeout)
        try:
            journal = open_file(journal_of(os.path.realpath(path)), os.O_RDONLY)
        except FileNotFoundError:
            return is_at(descriptor, path)
        self._owned.append(journal)
        found = scan(journal)
        if found.size is not None:
            self.snapshot = SnapshotFile(descriptor, Journal(journal), found)
        # Or another file has taken this one's place, and the journal belongs to that.
        return is_at(descriptor, path)

    def abandon(self) -> None:
        """Let go of the files in a child process, whose parent goes on with them."""
        sink = os.open(os.devnull, os.O_RDWR)
        for descriptor in self._owned:
            os.dup2(sink, descriptor)  # HDF5 may still try to use it
        os.close(sink)

    def __del__(self) -> None:
        """A forgotten reader holds nobody up."""
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self.snapshot = None
        while self._owned:
            os.close(self._owned.pop())
