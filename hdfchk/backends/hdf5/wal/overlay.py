"""One committed state of a file: the file with the pages of its log applied on top."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ....runtime.descriptors import Descriptor
from ....runtime.posix import read_all, read_into, sync, write_all
from ..data.memory_map import Mapper
from ..h5.file_object import FileObject, without_frames
from .log import PAGE, Log, Recovered

__all__ = ["OverlayFile", "Pages"]

COPY_BYTES = 2**22
Pages = dict[int, bytearray | int]
"""Page number -> the bytes of the page, or their offset in the log."""


class OverlayFile(FileObject):
    """One committed state of a file, read by HDF5: the file with the log applied on top.

    Args:
        file: the open file.
        log: its log.
        found: the contents of the log.

    Attributes:
        records: the logical records that HDF5 has yet to apply.
        error: the error of a callback from HDF5; the caller of HDF5 raises it.
    """

    def __init__(self, file: Descriptor, log: Log, found: Recovered) -> None:
        self.file = file
        self.log = log
        self.error: Exception | None = None
        self._pages: Pages = {}
        self._pending: Pages = {}
        self._position = 0
        self._size = os.fstat(file.fd).st_size if found.size is None else found.size
        self.records: Sequence[tuple[bytes, bytes]] = found.records
        for place, extent, source in found.writes:
            self._apply(self._pages, place, extent, source)

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; bytes that were never written read as zeros."""
        try:
            return self._read_into(memoryview(buffer).cast("B"))
        except OSError as error:
            self.error = without_frames(error)  # HDF5 raises a different one
            raise

    def _read_into(self, view: memoryview) -> int:
        start, length = self._position, len(view)
        done = read_into(self.file.fd, view, start)
        if done < length:
            view[done:] = bytes(length - done)
        if self._pages or self._pending:
            self._patch(view, start)
        self._position += length
        return length

    def take_error(self) -> Exception | None:
        """Return the error of a callback since the last call of this method."""
        error, self.error = self.error, None
        return error

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
        return self.log.read(found, PAGE) if isinstance(found, int) else found

    def _apply(
        self, pages: Pages, start: int, length: int, source: bytes | memoryview | int
    ) -> None:
        """Apply a write on top of the file: whole pages, and parts of existing ones."""
        done = 0
        while done < length:
            number, inside = divmod(start + done, PAGE)
            count = min(PAGE - inside, length - done)
            if count == PAGE and isinstance(source, int):
                pages[number] = source + done
            else:
                part: Any
                if isinstance(source, int):
                    part = self.log.read(source + done, count)
                else:
                    part = source[done : done + count]
                if count == PAGE:
                    pages[number] = bytearray(part)
                else:
                    self._page(pages, number)[inside : inside + count] = part
            done += count

    def _page(self, pages: Pages, number: int) -> bytearray:
        """Return a page of one layer, to be modified."""
        found = pages.get(number)
        if isinstance(found, bytearray):
            return found
        data = self._overlaid(number)
        if data is None:
            data = read_all(self.file.fd, PAGE, number * PAGE)
        page = bytearray(PAGE)
        page[: len(data)] = data
        pages[number] = page
        return page

    def mapper(self, path: str) -> Mapper:
        """Return a `Mapper` of the file itself, which has this path."""
        return Mapper(path, self.file.fd, self.holds)

    def holds(self, start: int, end: int) -> bool:
        """Return whether no page of the log covers the bytes from `start` to `end` of the file."""
        first, last = start // PAGE, (end - 1) // PAGE
        pages = (self._pages, self._pending)
        if sum(map(len, pages)) < last - first:
            return not any(first <= number <= last for laid in pages for number in laid)
        return not any(n in laid for n in range(first, last + 1) for laid in pages)

    def copy_to(self, target: int) -> None:
        """Write this state of the file to another open file, and sync that."""
        buffer = bytearray(COPY_BYTES)
        for start in range(0, self._size, len(buffer)):
            part = memoryview(buffer)[: self._size - start]
            self._position = start
            self._read_into(part)
            write_all(target, part, start)
        os.ftruncate(target, self._size)
        sync(target)

    def write(self, data: Any) -> int:
        """Apply a write on top of the snapshot, in memory only."""
        view = memoryview(data).cast("B")
        self._apply(self._pending, self._position, len(view), view)
        self._position += len(view)
        self._size = max(self._size, self._position)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the snapshot, in memory only."""
        self._size = self._position if size is None else size
        return self._size
