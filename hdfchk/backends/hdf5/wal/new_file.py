"""A file that is created beside its place, and appears there complete."""

from __future__ import annotations

import contextlib
import errno
import os
import warnings
from typing import Any

from ....errors import FileReplacedError, HardLinksLeftWarning
from ....runtime.descriptors import Descriptor
from ....runtime.posix import (
    create_beside,
    is_at,
    read_into,
    sync,
    sync_folder,
    try_lock_shared,
    write_all,
)
from ..h5.file_object import FileObject, without_frames
from .content_stamp import Content
from .writer_lock import WriterLock

__all__ = ["NewFile", "ScratchFile"]

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


BUFFER_BYTES = 2**16


class ScratchFile(FileObject):
    """The file object under HDF5 for a file that no other process sees yet.

    Callbacks from HDF5 never fail: bytes that cannot be written stay in memory, and the error is
    kept.

    Args:
        file: the open file.
        content: receives the data and the offset of each write.

    Attributes:
        error: the first error of a callback.
    """

    def __init__(self, file: Descriptor, content: Content | None = None) -> None:
        self.file: Descriptor = file
        self.content = content
        self.error: Exception | None = None
        self._position = 0
        self._size = os.fstat(file.fd).st_size
        self._kept: list[tuple[int, bytes]] = []
        self._buffer = bytearray()
        """The bytes written last, which are contiguous: HDF5 writes its metadata piece by piece."""
        self._buffer_end = 0
        """The offset in the file after the buffer."""

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; bytes that were never written read as zeros."""
        view, start = memoryview(buffer).cast("B"), self._position
        self.flush()
        done = read_into(self.file.fd, view, start)
        if done < len(view):
            view[done:] = bytes(len(view) - done)
        for place, data in self._kept:
            begin, end = max(place, start), min(place + len(data), start + len(view))
            if begin < end:
                view[begin - start : end - start] = data[begin - place : end - place]
        self._position += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        """Write at the position. It never fails: see `take_error`."""
        start, length = self._position, len(data)
        self._position = end = start + length
        if end > self._size:  # noqa: PLR1730  called for each object
            self._size = end
        if start != self._buffer_end or length >= BUFFER_BYTES:
            self.flush()
        self._buffer_end = end
        if length >= BUFFER_BYTES:
            self._write(memoryview(data).cast("B"), start)
            return length
        try:
            self._buffer += data
        except MemoryError as error:
            self.keep_error(error)  # the new file will be discarded
            self._buffer.clear()
        if len(self._buffer) >= BUFFER_BYTES:
            self.flush()
        return length

    def _write(self, data: Any, start: int) -> None:
        try:
            if self._kept:
                raise OSError(errno.EIO, "an earlier write has failed")
            if self.content is not None:
                self.content.add(data, start)
            write_all(self.file.fd, data, start)
        except Exception as error:
            self.keep_error(error)
            with contextlib.suppress(MemoryError):  # the new file will be discarded
                self._kept.append((start, bytes(data)))

    def write_past(self, data: Any, start: int) -> None:
        """Write data of which HDF5 knows nothing, to a range that HDF5 will not write.

        Raises:
            OSError: the data were not written.
        """
        end = start + len(data)
        if start < self._buffer_end and self._buffer_end - len(self._buffer) < end:
            self.flush()  # the buffered bytes belong to an earlier object in this range
        with self.content.adding(data, start) if self.content else contextlib.nullcontext():
            write_all(self.file.fd, data, start, pausing=True)
        self._size = max(self._size, end)

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        self.flush()
        self._size = self._position if size is None else size
        try:
            os.ftruncate(self.file.fd, self._size)
        except OSError as error:
            self.keep_error(error)
        return self._size

    def flush(self) -> None:
        """Write the buffer."""
        if self._buffer:
            self._write(bytes(self._buffer), self._buffer_end - len(self._buffer))
            self._buffer.clear()

    def take_error(self) -> Exception | None:
        """Return the first error of a callback. It is kept: the file is incomplete."""
        self.flush()
        return None if self.error is None else without_frames(self.error)


class NewFile:
    """A file that is being created.

    Args:
        lock: the lock to write the file. The log of an existing file must be checkpointed.
        durable: sync the new file before it appears.
        like: the file whose owner and permissions the new one gets; by default, the file that it
            replaces.

    Attributes:
        beside: the path where it is created.
    """

    def __init__(self, lock: WriterLock, *, durable: bool, like: Descriptor | None = None) -> None:
        self._lock = lock
        self._durable = durable
        self.names_left: int = 0
        """The number of other hard links to the replaced file."""
        self.beside: str = lock.new_name()
        source = like or lock.file
        self.file: Descriptor = Descriptor(
            create_beside(self.beside, None if source is None else source.fd)
        )

    def appear(self) -> None:
        """Move the new file to its place; an existing file is replaced atomically.

        Raises:
            FileExistsError: another program created the file meanwhile.
            FileReplacedError: another file has replaced the one that was locked.
        """
        lock = self._lock
        if self._durable:
            sync(self.file.fd)
        lock.lock_new(self.file.fd)
        # Otherwise another program could lock it between its appearance and our lock: the commit
        # would be decided, and still raise an error.
        try_lock_shared(self.file.fd)
        if lock.file is None:
            self._link()
        elif is_at(lock.file.fd, lock.path) or not os.path.lexists(lock.path):
            os.replace(self.beside, lock.path)
            self.names_left = os.fstat(lock.file.fd).st_nlink
        else:
            raise FileReplacedError(
                "another file has replaced it while it was being rewritten",
                file=lock.path,
                hint="nothing was changed; try again",
            )
        old, lock.file, self.file = lock.file, self.file, Descriptor(-1)
        if old is not None:
            old.close()

    def make_durable(self) -> None:
        """Sync the folder, so that the name is on disk.

        Warns:
            HardLinksLeftWarning: the replaced file has other hard links.
        """
        if self._durable:
            sync_folder(self._lock.path)
        if self.names_left:
            warnings.warn(
                f"{self._lock.path!r} is a new file now: {self.names_left} hard link(s) to it "
                "still refer to the old file",
                HardLinksLeftWarning,
                stacklevel=2,
            )

    def _link(self) -> None:
        try:
            os.link(self.beside, self._lock.path)
        except FileExistsError as error:
            raise FileExistsError(
                errno.EEXIST, "another program created the file meanwhile", self._lock.path
            ) from error
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if os.path.lexists(self._lock.path):
                raise FileExistsError(
                    errno.EEXIST, "another program created the file meanwhile", self._lock.path
                ) from error
            os.rename(self.beside, self._lock.path)
            return
        self._lock.name_new()
        self._lock.remove_beside(self.beside)

    def close(self) -> None:
        """Remove the file, unless it has appeared."""
        self.file.close()
        self._lock.remove_beside(self.beside)
