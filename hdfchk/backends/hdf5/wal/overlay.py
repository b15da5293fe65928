"""One committed state of a file: the file under the pages of its journal.

A shared lock on the file, which is held as long as it is read, keeps the journal from being
applied: what it says of the file stays true.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Any

from ....runtime.posix import is_at, let_go, open_file, read_all, read_into, wait_shared
from ..data.memory_map import Mapper
from .wal_format import Journal, Snapshot, journal_of, scan

__all__ = ["PAGE", "FileInUse", "Pages", "SnapshotFile"]


PAGE = 4096
"""The unit in which what is not in the file yet is laid over it, in bytes."""

Pages = dict[int, bytearray | int]
"""Number of a page -> its bytes, or where they begin in the journal."""


class SnapshotFile:
    """One committed state of a file, to be read: the file under the writes in a journal.

    Args:
        descriptor: the open file.
        journal: its journal.
        snapshot: what the journal says.
    """

    def __init__(self, descriptor: int, journal: Journal, snapshot: Snapshot) -> None:
        self._descriptor = descriptor
        self._journal = journal
        self._pages: Pages = {}
        self._pending: Pages = {}
        self._position = 0
        self._size = os.fstat(descriptor).st_size if snapshot.size is None else snapshot.size
        self.puts: Sequence[bytes] = snapshot.puts
        """The small assignments that HDF5 has still to do."""
        for place, extent, source in snapshot.writes:
            self._lay(self._pages, place, extent, source)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        if whence == os.SEEK_SET:
            self._position = offset
        else:
            self._position = offset + (self._size if whence == os.SEEK_END else self._position)
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
        if self._pages or self._pending:
            self._patch(view, start)
        self._position += length
        return length

    def _patch(self, view: memoryview, start: int) -> None:
        first, last = start // PAGE, (start + len(view) - 1) // PAGE
        numbers: Any = range(first, last + 1)
        if len(self._pages) + len(self._pending) < last - first:
            numbers = [n for n in {*self._pages, *self._pending} if first <= n <= last]
        for number in numbers:
            data = self._overlaid(number)
            if data is not None:
                inside = number * PAGE
                begin, end = max(inside, start), min(inside + PAGE, start + len(view))
                view[begin - start : end - start] = data[begin - inside : end - inside]

    def _overlaid(self, number: int) -> bytes | bytearray | None:
        found = self._pending.get(number)
        if found is None:
            found = self._pages.get(number)
        return self._journal.read(found, PAGE) if isinstance(found, int) else found

    def _lay(self, pages: Pages, start: int, length: int, source: bytes | memoryview | int) -> None:
        """Lay a write over the file: whole pages, and parts of what is there."""
        done = 0
        while done < length:
            number, inside = divmod(start + done, PAGE)
            count = min(PAGE - inside, length - done)
            if count == PAGE and isinstance(source, int):
                pages[number] = source + done
            else:
                part: Any
                if isinstance(source, int):
                    part = self._journal.read(source + done, count)
                else:
                    part = source[done : done + count]
                if count == PAGE:
                    pages[number] = bytearray(part)
                else:
                    self._page(pages, number)[inside : inside + count] = part
            done += count

    def _page(self, pages: Pages, number: int) -> bytearray:
        """A page of one layer, to be changed."""
        found = pages.get(number)
        if isinstance(found, bytearray):
            return found
        data = self._overlaid(number)
        if data is None:
            data = read_all(self._descriptor, PAGE, number * PAGE)
        page = bytearray(PAGE)
        page[: len(data)] = data
        pages[number] = page
        return page

    def mapper(self, path: str) -> Mapper:
        """Maps of what the file itself, which has this path, holds."""
        return Mapper(path, self._descriptor, self.holds)

    def holds(self, start: int, end: int) -> bool:
        """Whether the file itself holds what it should, from one byte up to another."""
        first, last = start // PAGE, (end - 1) // PAGE
        pages = (self._pages, self._pending)
        if sum(map(len, pages)) < last - first:
            return not any(first <= number <= last for laid in pages for number in laid)
        return not any(n in laid for n in range(first, last + 1) for laid in pages)

    def write(self, data: Any) -> int:
        """Lay a write over the snapshot: it is in memory only."""
        view = memoryview(data).cast("B")
        self._lay(self._pending, self._position, len(view), view)
        self._position += len(view)
        self._size = max(self._size, self._position)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the snapshot, in memory only."""
        self._size = self._position if size is None else size
        return self._size

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
        real = os.path.realpath(path) if os.path.islink(path) else path
        try:
            journal = open_file(journal_of(real), os.O_RDONLY)
        except OSError as error:
            # Where the journal's name is too long for the system there never was one.
            if error.errno not in {errno.ENOENT, errno.ENAMETOOLONG}:
                raise
            return is_at(descriptor, path)
        self._owned.append(journal)
        found = scan(journal)
        if found.has_commits:
            self.snapshot = SnapshotFile(descriptor, Journal(journal), found)
        # Or another file has taken this one's place, and the journal belongs to that.
        return is_at(descriptor, path)

    def abandon(self) -> None:
        """Let go of the files in a child process, whose parent goes on with them."""
        for descriptor in self._owned:
            let_go(descriptor)  # HDF5 may still try to use it

    def __del__(self) -> None:
        """A forgotten reader holds nobody up."""
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self.snapshot = None
        while self._owned:
            os.close(self._owned.pop())
