"""The open file over a binary file object of the caller's: changes reach it commit by commit."""

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
    """The file object under HDF5: what is below the end of the last commit changes at the next one.

    Args:
        file: the binary file object.
        address: how messages call it.
    """

    def __init__(self, file: Any, address: str) -> None:
        self._file = file
        self._address = address
        self._pages: dict[int, bytearray] = {}
        self._last = -1
        """The last of these pages."""
        self._torn: dict[int, bytearray] = {}
        """What the last commit has in pages that one which failed had begun to write over."""
        self._position = 0
        self._size = self._committed = int(file.seek(0, io.SEEK_END))
        self.error: Exception | None = None

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; what was never written reads as zeros."""
        view, start = memoryview(buffer).cast("B"), self._position
        self._base(view, start)
        if self._pages:
            for number in range(start // PAGE, (start + len(view) - 1) // PAGE + 1):
                page = self._pages.get(number)
                if page is not None:
                    inside = number * PAGE
                    begin, end = max(inside, start), min(inside + PAGE, start + len(view))
                    view[begin - start : end - start] = page[begin - inside : end - inside]
        self._position += len(view)
        return len(view)

    def _base(self, view: memoryview, start: int) -> None:
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
            self._lay(start, view)
        except Exception as error:
            self.error = self.error or error
        self._size = max(self._size, end)
        return end - start

    def _lay(self, start: int, view: memoryview) -> None:
        done = 0
        while done < len(view):
            number, inside = divmod(start + done, PAGE)
            count = min(PAGE - inside, len(view) - done)
            page = self._pages.get(number)
            if page is None:
                page = bytearray(PAGE)
                if count < PAGE:
                    self._base(memoryview(page), number * PAGE)
                self._pages[number] = page
                self._last = max(self._last, number)
            page[inside : inside + count] = view[done : done + count]
            done += count

    def _write_at(self, start: int, data: memoryview) -> None:
        """Write into the file object: a raw one may take less than it is given."""
        self._file.seek(start)
        while data:
            done = self._file.write(data)
            if not done:
                raise OSError(errno.EIO, "the file object takes no more bytes", self._address)
            data = data[done:]

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        if not self.discarding:
            self._size = self._position if size is None else size
        return self._size

    def commit(self) -> None:
        """Write what was changed into the file."""
        error, self.error = self.error, None
        if error is not None:
            raise error
        # Where there is no room for what is new, nothing of the last commit is changed.
        edge = -(-self._committed // PAGE)
        self._write_pages(number for number in self._pages if number >= edge)
        if self._file.seek(0, io.SEEK_END) < self._size:
            self._write_at(self._size - 1, memoryview(bytes(1)))  # `BytesIO` does not get longer
        self._flush()
        for number in [number for number in self._pages if number < edge]:
            if number not in self._torn:
                page = bytearray(PAGE)
                self._base(memoryview(page), number * PAGE)
                self._torn[number] = page
        self._write_pages(number for number in self._pages if number < edge)
        self._flush()
        if self._file.seek(0, io.SEEK_END) > self._size:
            self._file.truncate(self._size)
        self._forget_pages()
        self._torn.clear()
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
        """Whether the file has a part of a commit that failed, and of the one before."""
        return bool(self._torn)

    def rollback(self) -> None:
        """Give up what was written since the last commit.

        What a commit that failed has written over is put back: now or, if the file takes nothing
        now, with the next commit; until then it is in memory.
        """
        self.error = None
        self._pages = {number: bytearray(page) for number, page in self._torn.items()}
        self._last = max(self._pages, default=-1)
        self._size = self._committed
        with contextlib.suppress(OSError):
            self._write_pages(self._pages)
            if self._file.seek(0, io.SEEK_END) > self._committed:
                self._file.truncate(self._committed)
            self._flush()
            self._forget_pages()
            self._torn.clear()


class StreamFile(OpenFile):
    """An HDF5 file in a binary file object, which stays open.

    Args:
        file: the file object.
        address: how messages call it.
        writable: open it for writing.
        truncate: begin anew.
    """

    def __init__(self, file: Any, *, address: str, writable: bool, truncate: bool) -> None:
        self._buffer = _Buffer(file, address)
        self._is_new = False
        empty = not file.seek(0, io.SEEK_END)
        super().__init__(None, address=address, writable=writable)
        with defer_interrupts():
            self.h5 = self._open(create=writable and (truncate or empty))

    def _open(self, *, create: bool) -> h5py.File:
        if create:
            self._is_new = True
            self._buffer.truncate(0)
            return create_on(self._buffer)
        flags = h5f.ACC_RDWR if self.writable else h5f.ACC_RDONLY
        return open_on(self._buffer, flags, has_own_cache=True)

    def take_error(self) -> Exception | None:
        """What a callback of HDF5's has met since the last call."""
        error, self._buffer.error = self._buffer.error, None
        return error

    @property
    def transactions(self) -> StreamFile:
        """The file itself."""
        return self

    def begin(self) -> None:
        """A transaction begins: nothing is to be prepared."""

    def end(self) -> None:
        """A transaction is over: nothing of it is left."""

    def commit(self) -> None:
        """Bring what was written into the file object."""
        if self.writable and self.h5:
            self.h5.flush()
            self._buffer.commit()

    def rollback(self) -> None:
        """Give up what was written since the last commit; open objects are closed."""
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
        """Leave the file object to the parent process."""
        self._buffer.discarding = True
        super().abandon()
