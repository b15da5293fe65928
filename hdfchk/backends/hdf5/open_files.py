"""Open HDF5 files: written by HDF5 alone, read as of one commit, or read only.

A session works on the HDF5 objects of an open file. The open file provides what depends on its
kind: commits, direct I/O, maps. The file of a writer with a log is in `wal_writer`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import h5py
from h5py import h5f

from ...keys import Path
from ...runtime.descriptors import Descriptor
from ...runtime.posix import close_on_exec, open_anew, redirect_to_scratch, try_lock_shared
from ..base import Change, Storage
from .data.direct_io import WriteAt, descriptor_of
from .h5.file_object import FileObject, close_file, file_of, open_on
from .h5.free_space import keep_free_space
from .h5.ids import GroupID
from .h5.metadata_cache import MetadataCache
from .h5.types import file_access
from .wal.reader_file import ReaderFile, State

if TYPE_CHECKING:
    from .data.memory_map import Mapper
    from .h5.hidden import Hidden
    from .nodes.references import Knowledge, References

__all__ = ["DirectFile", "OpenFile", "SnapshotFile"]

_NATIVE = file_access(shared=True)
_ABANDONED: list[Any] = []
"""HDF5 objects that must be neither used nor dropped: those of a parent process, as dropping them
would write to its files, and those that HDF5 could not close."""


class OpenFile(Storage):
    """An open HDF5 file, or a group of one. Files of this class itself are written by HDF5 alone.

    Args:
        h5: the open `h5py.File` or `h5py.Group`, whose root is the root of all paths.
        address: its name in messages.
        writable: it was opened for writing.

    Attributes:
        generation: the number of times HDF5 was reopened, which invalidates all earlier objects.
    """

    def __init__(self, h5: Any, *, address: str, writable: bool) -> None:
        self.h5: Any = h5
        self.address = address
        self.writable = writable
        self.generation: int = 0
        if writable:
            from .nodes.references import References

            self._references = References()

    direct_fd = -1
    """HDF5's descriptor of the file while HDF5 may be bypassed for reading; otherwise -1."""
    _cache: MetadataCache | None = None
    _cache_of = -1
    _hidden: Hidden | None = None
    _hidden_of = -1
    _references: References
    _references_of = -1

    @property
    def references(self) -> References:
        """What in the file points to its objects."""
        if self._references_of != self.generation:
            self._references.forget_walk()
        self._references_of = self.generation
        return self._references

    def hidden_in(self, root: GroupID) -> Hidden:
        """Return the hidden group of the file, which all writing sessions share."""
        from .h5.hidden import Hidden

        if self._hidden is None:
            self._hidden = Hidden(root)
            self._hidden.sweep()
        elif self._hidden_of != self.generation:
            self._hidden.reopen(root)
        self._hidden_of = self.generation
        return self._hidden

    @property
    def metadata_cache(self) -> MetadataCache:
        """HDF5's metadata cache of the file."""
        if self._cache is None or self._cache_of != self.generation:
            self._cache, self._cache_of = MetadataCache(self.h5.id), self.generation
        return self._cache

    def clear_hidden(self) -> None:
        """Remove the hidden group with all objects without a key, before the file is closed."""
        if self._hidden is not None and self.h5 and self._hidden_of == self.generation:
            self._hidden.clear()
            self._hidden = None

    def close_h5(self) -> None:
        """Close HDF5, which writes its buffers."""
        try:
            if self.writable:
                self.clear_hidden()
                keep_free_space(self.h5.id)
        finally:
            close_file(self.h5)

    def discard_h5(self, file: FileObject) -> None:
        """Close HDF5 on a file object, and discard what it writes meanwhile."""
        h5, self.h5 = self.h5, None
        file.discarding = True
        try:
            if h5:
                h5.close()
        except Exception:  # an object that HDF5 could not close must not be used again
            _ABANDONED.append(h5)
        finally:
            file.discarding = False

    @property
    def write_past(self) -> WriteAt | None:
        """The function that writes arrays bypassing HDF5; None if that is not possible."""
        return None

    def mapper(self, root: GroupID) -> Mapper | None:
        """Return a `Mapper` of the file; None if HDF5 does not read a file directly."""
        from .data.memory_map import Mapper

        if not self.h5 or self.h5.file.driver not in {"sec2", "windows"}:
            return None
        self.flush()
        file = self.h5.file
        return Mapper(file.filename, file.id.get_vfd_handle(), within=root)

    def leave_memory(self, changes: Sequence[Change] | None = None) -> bool:
        """Move a file that is in memory to disk, if necessary, before HDF5 writes.

        Args:
            changes: what will be written, if known.

        Returns:
            Whether HDF5 was reopened.
        """
        return False

    def begin_changes(self, above: set[Path] | None) -> None:
        """Prepare for changes of the file by HDF5.

        Args:
            above: the paths of the dicts that will exist afterwards.
        """

    def put_stand_in(self, address: int) -> bool:
        """Write a stand-in over an object with a damaged header, as a part of a commit.

        Args:
            address: the address of the object.

        Returns:
            Whether it was done, so that HDF5 can unlink the object.
        """
        return False

    def begin_anew(self) -> bool:
        """Discard changes since the last commit, if the present call can repeat all of them.

        Returns:
            Whether they were discarded.
        """
        return False

    def lend(self) -> Any:
        """Return the `h5py.File` or `h5py.Group`, for the caller to work on."""
        if self.writable:
            self.references.forget()
        return self.h5

    def sync(self) -> None:
        """Make all commits durable."""
        self.flush()

    def flush(self) -> None:
        """Write everything to the operating system."""
        if self.writable and self.h5:
            self.h5.file.flush()

    def drop_objects(self) -> None:
        """Drop all HDF5 objects, after the file was closed."""
        self.h5 = self._hidden = self._cache = None

    def abandon(self) -> None:
        """Leave the file to the parent process: from now on this process writes nothing to it."""
        _ABANDONED.append((self.h5, self.__dict__.copy()))

    def close(self) -> None:
        """Flush; a file that the caller opened stays open."""
        if self.writable:
            self.clear_hidden()
        self.flush()


class DirectFile(OpenFile):
    """A file that was opened here, and that HDF5 reads and writes directly.

    Args:
        h5: the open `h5py.File`.
        address: its name in messages.
        known: what is known of pointers to its objects.
    """

    is_given_back = True

    def __init__(self, h5: h5py.Group, *, address: str, known: Knowledge) -> None:
        from .nodes.references import References

        super().__init__(h5, address=address, writable=True)
        self._references = References(known)

    def abandon(self) -> None:
        """Leave the file to the parent process after a fork."""
        super().abandon()
        if self.writable:
            try:
                descriptor = self.h5.id.get_vfd_handle()
            except (NotImplementedError, RuntimeError):  # opened on a Python file object
                return
            redirect_to_scratch(descriptor)

    def close(self) -> None:
        """Flush and close."""
        if not self.h5:
            return
        from .wal.seal import seal

        descriptor = Descriptor(os.dup(self.h5.id.get_vfd_handle()))
        try:
            self.close_h5()
            if try_lock_shared(descriptor.fd):  # no other process is writing it
                seal(descriptor.fd, self.references.known)
        finally:
            descriptor.close()


class SnapshotFile(OpenFile):
    """A file as of its last commit, even if it is being written.

    Args:
        path: the path: absolute, without symbolic links.
        lock_timeout: seconds to wait for a process that writes the file itself.
    """

    is_given_back = True

    def __init__(self, path: str, *, lock_timeout: float) -> None:
        self._reader = ReaderFile(path, lock_timeout)
        try:
            snapshot = self._reader.snapshot
            if snapshot is not None:
                from .wal.replay import replay_logical

                try:
                    replay_logical(snapshot)
                    h5 = open_on(snapshot, h5f.ACC_RDONLY)
                except Exception as error:
                    if snapshot.error is not None:
                        raise snapshot.error from error
                    raise
            else:
                h5 = file_of(h5f.open(os.fsencode(path), h5f.ACC_RDONLY, _NATIVE))
                descriptor = descriptor_of(h5)
                if descriptor >= 0:  # a child process must not inherit the descriptor
                    close_on_exec(descriptor)
                # If locks are disabled, another store of this process may write the file. Then HDF5
                # shares one open file between them, and buffers some of its bytes in memory.
                if h5.id.get_intent() == h5f.ACC_RDONLY:
                    self.direct_fd: int = descriptor
            super().__init__(h5, address=path, writable=False)
        except BaseException:
            self._reader.close()
            raise

    @property
    def state(self) -> State | None:
        """An identifier of the commit that is read."""
        return self._reader.state

    @property
    def waits(self) -> bool:
        """Whether the file may have commits in a log, and no writer to checkpoint them."""
        return self._reader.is_left_a_log

    def mapper(self, root: GroupID) -> Mapper | None:
        """Return a `Mapper` of what is in the file itself, not in the log."""
        if self._reader.snapshot is None:
            return super().mapper(root)
        return self._reader.snapshot.mapper(self.address)

    def take_error(self) -> Exception | None:
        """Return the error of a callback from HDF5 since the last call of this method."""
        return None if self._reader.snapshot is None else self._reader.snapshot.take_error()

    def read_bytes(self, start: int, length: int) -> bytes:
        """Return bytes of the file as of its last commit; zeros beyond its end."""
        if self._reader.snapshot is None:
            return self._reader.read_bytes(start, length).ljust(length, b"\0")
        buffer = bytearray(length)
        self._reader.snapshot.seek(start)
        self._reader.snapshot.readinto(buffer)
        return bytes(buffer)

    def close(self) -> None:
        """Close HDF5 and the files."""
        self.direct_fd = -1
        try:
            if self.h5:
                close_file(self.h5)
        finally:
            self._reader.close()

    def abandon(self) -> None:
        """Leave the file to the parent process after a fork."""
        descriptor = descriptor_of(self.h5) if self._reader.snapshot is None and self.h5 else -1
        self.direct_fd = -1
        self._reader.abandon()
        super().abandon()
        if descriptor >= 0:  # HDF5's descriptor shares the lock, and may be reused for this file
            open_anew(descriptor)
