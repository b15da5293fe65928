"""An open file on a caller's binary file object, which is changed commit by commit."""

from __future__ import annotations

import contextlib
import errno
import io
from collections.abc import Iterable
from typing import Any

import h5py
from h5py import h5f

from ...runtime.interrupts import defer_interrupts
from .h5.file_object import FileObject, create_on, open_on
from .h5.timeless import clear_time
from .open_files import OpenFile

__all__ = ["StreamFile"]

PAGE = 4096


class _Buffer(FileObject):
    """The file object under HDF5: bytes before the end of the last commit change only at a commit.

    Args:
        file: the binary file object.
        address: its name in messages.
    """

    def __init__(self, file: Any, address: str) -> None:
        self._file = file
        self._address = address
        self._pages: dict[int, bytearray] = {}
        self._last = -1
        """The highest number of these pages."""
        self._overwritten: dict[int, bytearray] = {}
        """The last commit's contents of pages that a failed commit had begun to overwrite."""
        self._position = 0
        self._size = self._committed = int(file.seek(0, io.SEEK_END))
        self.error: Exception | None = None

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; bytes that were never written read as zeros."""
        view, start = memoryview(buffer).cast("B"), self._position
        self._read_base(view, start)
        if self._pages:
            for number in range(start // PAGE, (start + len(view) - 1) // PAGE + 1):
                page = self._pages.get(number)
                if page is not None:
                    inside = number * PAGE
                    begin, end = max(inside, start), min(inside + PAGE, start + len(view))
                    view[begin - start : end - start] = page[begin - inside : end - inside]
        self._position += len(view)
        return len(view)

    def _read_base(self, view: memoryview, start: int) -> None:
        self._file.seek(start)
        done = 0
        while done < len(view):
            part = self._file.read(len(view) - done)
            if not part:
                break
            view[done : done + len(part)] = part
            done += len(part)
        view[done:] = bytes(len(view) - done)

    def write(self, data: Any) -> int:
        """Write at the position. It never fails: see `error`."""
        view = memoryview(data).cast("B")
        start, end = self._position, self._position + len(view)
        self._position = end
        if self.discarding:
            return len(view)
        try:
            edge = -(-max(self._committed, start) // PAGE) * PAGE
            if end > edge > self._last * PAGE:
                self._write_at(edge, view[edge - start :])
                view = view[: edge - start]
            self._apply(start, view)
        except Exception as error:
            self.keep_error(error)
        self._size = max(self._size, end)
        return end - start

    def _apply(self, start: int, view: memoryview) -> None:
        done = 0
        while done < len(view):
            number, inside = divmod(start + done, PAGE)
            count = min(PAGE - inside, len(view) - done)
            page = self._pages.get(number)
            if page is None:
                page = bytearray(PAGE)
                if count < PAGE:
                    self._read_base(memoryview(page), number * PAGE)
                self._pages[number] = page
                self._last = max(self._last, number)
            page[inside : inside + count] = view[done : done + count]
            done += count

    def _write_at(self, start: int, data: memoryview) -> None:
        """Write to the file object; a raw one may write less than it is given."""
        self._file.seek(start)
        while data:
            done = self._file.write(data)
            if not done:
                raise OSError(errno.EIO, "the file object accepts no more bytes", self._address)
            data = data[done:]

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        if not self.discarding:
            self._size = self._position if size is None else size
        return self._size

    def commit(self) -> None:
        """Write the changes to the file."""
        error, self.error = self.error, None
        if error is not None:
            raise error
        # New pages come first: if there is no space for them, the last commit is unchanged.
        edge = -(-self._committed // PAGE)
        self._write_pages(number for number in self._pages if number >= edge)
        if self._file.seek(0, io.SEEK_END) < self._size:
            self._write_at(self._size - 1, memoryview(bytes(1)))  # `truncate` may not extend
        self._flush()
        for number in [number for number in self._pages if number < edge]:
            if number not in self._overwritten:
                page = bytearray(PAGE)
                self._read_base(memoryview(page), number * PAGE)
                self._overwritten[number] = page
        self._write_pages(number for number in self._pages if number < edge)
        self._flush()
        if self._file.seek(0, io.SEEK_END) > self._size:
            self._file.truncate(self._size)
        self._forget_pages()
        self._overwritten.clear()
        self._committed = self._size

    def _write_pages(self, numbers: Iterable[int]) -> None:
        for number in sorted(numbers):
            start = number * PAGE
            if start < self._size:
                self._write_at(start, memoryview(self._pages[number])[: self._size - start])

    def _flush(self) -> None:
        with contextlib.suppress(AttributeError):
            self._file.flush()

    def _forget_pages(self) -> None:
        self._pages.clear()
        self._last = -1

    @property
    def is_torn(self) -> bool:
        """Whether the file contains parts of a failed commit, and of the one before."""
        return bool(self._overwritten)

    def rollback(self) -> None:
        """Discard what was written since the last commit.

        What a failed commit has overwritten is restored: now or, if the file cannot be written now,
        with the next commit; until then it is in memory.
        """
        self.error = None
        self._pages = {number: bytearray(page) for number, page in self._overwritten.items()}
        self._last = max(self._pages, default=-1)
        self._size = self._committed
        with contextlib.suppress(OSError):
            self._write_pages(self._pages)
            if self._file.seek(0, io.SEEK_END) > self._committed:
                self._file.truncate(self._committed)
            self._flush()
            self._forget_pages()
            self._overwritten.clear()


class StreamFile(OpenFile):
    """An HDF5 file in a binary file object, which stays open.

    Args:
        file: the file object.
        address: its name in messages.
        writable: open it for writing.
        truncate: create a new file.
    """

    def __init__(self, file: Any, *, address: str, writable: bool, truncate: bool) -> None:
        self._buffer = _Buffer(file, address)
        self._is_new = False
        empty = not file.seek(0, io.SEEK_END)
        super().__init__(None, address=address, writable=writable)
        with defer_interrupts():
            self.h5: Any = self._open(create=writable and (truncate or empty))

    def _open(self, *, create: bool) -> h5py.File:
        if create:
            self._is_new = True
            self._buffer.truncate(0)
            return create_on(self._buffer)
        flags = h5f.ACC_RDWR if self.writable else h5f.ACC_RDONLY
        return open_on(self._buffer, flags, has_own_cache=True)

    def take_error(self) -> Exception | None:
        """Return the error of a callback from HDF5 since the last call of this method."""
        error, self._buffer.error = self._buffer.error, None
        return error

    @property
    def transactions(self) -> StreamFile:
        """The file itself, which supports transactions."""
        return self

    def begin(self) -> None:
        """Do nothing: a transaction needs no preparation."""

    def end(self) -> None:
        """Do nothing: a transaction leaves nothing behind."""

    def commit(self) -> None:
        """Write the changes to the file object."""
        if self.writable and self.h5:
            self.h5.flush()
            self._buffer.commit()

    def rollback(self) -> None:
        """Discard what was written since the last commit; open objects become invalid."""
        self.discard_h5(self._buffer)
        self._buffer.rollback()
        self.h5 = self._open(create=self._buffer.seek(0, io.SEEK_END) == 0)
        self.generation += 1

    def close(self) -> None:
        """Flush and close HDF5; the file object stays open."""
        is_open = bool(self.h5)
        try:
            if is_open:
                self.close_h5()
                if self._is_new:
                    clear_time(self._buffer)
            if self.writable and (is_open or self._buffer.is_torn):
                self._buffer.commit()
        except BaseException:
            self._buffer.rollback()
            raise

    def abandon(self) -> None:
        """Leave the file object to the parent process after a fork."""
        self._buffer.discarding = True
        super().abandon()
