"""HDF5 files that are open: written by HDF5 alone, read as of one commit, or read only.

A session works on the HDF5 objects of an open file and asks it for what differs: commits, direct
I/O, maps. The file of the one writer, which has a log, is in `wal_writer`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import h5py
from h5py import h5f

from ...keys import Path
from ...runtime.descriptors import Descriptor
from ...runtime.posix import close_on_exec, open_anew, redirect_to_scratch, try_lock_shared
from ..base import Change, Storage
from .data.direct_io import WriteAt, descriptor_of
from .data.memory_map import Mapper
from .h5.file_object import FileObject, close_file, file_of, open_on
from .h5.free_space import keep_free_space
from .h5.hidden import Hidden
from .h5.ids import GroupID
from .h5.metadata_cache import MetadataCache
from .h5.types import file_access
from .nodes.references import Knowledge, References
from .wal.reader_file import ReaderFile, State
from .wal.replay import replay_logical
from .wal.seal import seal

__all__ = ["DirectFile", "OpenFile", "SnapshotFile"]

_NATIVE = file_access(shared=True)
_ABANDONED: list[Any] = []
"""HDF5 objects that nobody may use, nor drop: of a parent process, to whose files dropping them
would write, and such as HDF5 could not close."""


class OpenFile(Storage):
    """An HDF5 file, or a group of one, that is open. This one is written by HDF5 alone.

    Args:
        h5: the open `h5py.File` or `h5py.Group`, whose root is the root of all paths.
        address: how messages call it.
        writable: it was opened for writing.

    Attributes:
        generation: counts how often HDF5 was opened anew: all objects of before are invalid.
    """

    def __init__(self, h5: Any, *, address: str, writable: bool) -> None:
        self.h5 = h5
        self.address = address
        self.writable = writable
        self.generation = 0
        if writable:
            self._references = References()

    direct_fd = -1
    """The descriptor that HDF5 has of the file, while that may be read without HDF5; else -1."""
    _cache: MetadataCache | None = None
    _cache_of = -1
    _hidden: Hidden | None = None
    _hidden_of = -1
    _references: References
    _references_of = -1

    @property
    def references(self) -> References:
        """What in the file points at its objects."""
        if self._references_of != self.generation:
            self._references.forget_walk()
        self._references_of = self.generation
        return self._references

    def hidden_in(self, root: GroupID) -> Hidden:
        """The hidden group of the file, for all sessions that write it."""
        if self._hidden is None:
            self._hidden = Hidden(root)
            self._hidden.sweep()
        elif self._hidden_of != self.generation:
            self._hidden.reopen(root)
        self._hidden_of = self.generation
        return self._hidden

    @property
    def metadata_cache(self) -> MetadataCache:
        """HDF5's cache of the file's metadata."""
        if self._cache is None or self._cache_of != self.generation:
            self._cache, self._cache_of = MetadataCache(self.h5.id), self.generation
        return self._cache

    def clear_hidden(self) -> None:
        """Remove the hidden group, with all that stands under no key: the file is closed."""
        if self._hidden is not None and self.h5 and self._hidden_of == self.generation:
            self._hidden.clear()
            self._hidden = None

    def close_h5(self) -> None:
        """Close HDF5, which writes what it still has in memory."""
        try:
            if self.writable:
                self.clear_hidden()
                keep_free_space(self.h5.id)
        finally:
            close_file(self.h5)

    def discard_h5(self, file: FileObject) -> None:
        """Close HDF5 on a file object; what it writes on the way goes nowhere."""
        h5, self.h5 = self.h5, None
        file.discarding = True
        try:
            if h5:
                h5.close()
        except Exception:  # what HDF5 could not close must not be touched again
            _ABANDONED.append(h5)
        finally:
            file.discarding = False

    @property
    def write_past(self) -> WriteAt | None:
        """Writes arrays without HDF5; None if that may not be."""
        return None

    def mapper(self, root: GroupID) -> Mapper | None:
        """Maps the file; None for what is in no file of its own."""
        if not self.h5 or self.h5.file.driver not in {"sec2", "windows"}:
            return None
        self.flush()
        file = self.h5.file
        return Mapper(file.filename, file.id.get_vfd_handle(), within=root)

    def leave_memory(self, changes: Sequence[Change] | None = None) -> bool:
        """HDF5 is about to write: a file that it makes in memory may have to leave that.

        Args:
            changes: what it writes, if that is known.

        Returns:
            Whether it is opened anew.
        """
        return False

    def begin_changes(self, above: set[Path] | None) -> None:
        """HDF5 is about to change the file.

        Args:
            above: paths at which dicts are, once it is done.
        """

    def put_stand_in(self, address: int) -> bool:
        """Put a stand-in in the place of an object whose header is damaged, as a part of a commit.

        Args:
            address: where it is.

        Returns:
            Whether it could be done: HDF5 can unlink it then.
        """
        return False

    def begin_anew(self) -> bool:
        """Give up what was done since the last commit, if it can be done again by one call.

        Returns:
            Whether it was given up.
        """
        return False

    def lend(self) -> Any:
        """The `h5py.File` or `h5py.Group`, for the caller to work on."""
        if self.writable:
            self.references.forget()
        return self.h5

    def sync(self) -> None:
        """Bring all commits to where they are safe."""
        self.flush()

    def flush(self) -> None:
        """Hand everything to the operating system."""
        if self.writable and self.h5:
            self.h5.file.flush()

    def drop_objects(self) -> None:
        """Drop all objects of HDF5's, once the file is closed."""
        self.h5 = self._hidden = self._cache = None

    def abandon(self) -> None:
        """Leave the file to the parent process: this process's writes go nowhere from now on."""
        _ABANDONED.append((self.h5, self.__dict__.copy()))

    def close(self) -> None:
        """Flush; what somebody else has opened stays open."""
        if self.writable:
            self.clear_hidden()
        self.flush()


class DirectFile(OpenFile):
    """A file that HDF5 reads and writes by itself, and that was opened here.

    Args:
        h5: the open `h5py.File`.
        address: how messages call it.
        known: what is known of what points at its objects.
    """

    def __init__(self, h5: h5py.Group, *, address: str, known: Knowledge) -> None:
        super().__init__(h5, address=address, writable=True)
        self._references = References(known)

    def abandon(self) -> None:
        """Leave the file to the parent process."""
        super().abandon()
        if self.writable:
            try:
                descriptor = self.h5.id.get_vfd_handle()
            except (NotImplementedError, RuntimeError):  # a file object of Python's, not HDF5's
                return
            redirect_to_scratch(descriptor)

    def close(self) -> None:
        """Flush and close."""
        if not self.h5:
            return
        descriptor = Descriptor(os.dup(self.h5.id.get_vfd_handle()))
        try:
            self.close_h5()
            if try_lock_shared(descriptor.fd):  # nobody has begun to write it
                seal(descriptor.fd, self.references.known)
        finally:
            descriptor.close()


class SnapshotFile(OpenFile):
    """A file as of its last commit, whoever writes it meanwhile.

    Args:
        path: the path: absolute, without symbolic links.
        lock_timeout: seconds to wait for a process that writes the file itself.
    """

    def __init__(self, path: str, *, lock_timeout: float) -> None:
        self._held = ReaderFile(path, lock_timeout)
        try:
            snapshot = self._held.snapshot
            if snapshot is not None:
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
                if descriptor >= 0:  # or a program that is started would go on reading it
                    close_on_exec(descriptor)
                # Another store of this process may write the file, where locks are off, and HDF5
                # keeps bytes of it in memory then, for all of them.
                if h5.id.get_intent() == h5f.ACC_RDONLY:
                    self.direct_fd = descriptor
            super().__init__(h5, address=path, writable=False)
        except BaseException:
            self._held.close()
            raise

    @property
    def state(self) -> State | None:
        """Which commit is read."""
        return self._held.state

    @property
    def waits(self) -> bool:
        """Whether commits may wait in a log that nobody is about to bring into the file."""
        return self._held.is_left_a_log

    def mapper(self, root: GroupID) -> Mapper | None:
        """Maps what is in the file, and not in the log any more."""
        if self._held.snapshot is None:
            return super().mapper(root)
        return self._held.snapshot.mapper(self.address)

    def take_error(self) -> Exception | None:
        """What a callback of HDF5's has met since the last call."""
        return None if self._held.snapshot is None else self._held.snapshot.take_error()

    def read_bytes(self, start: int, length: int) -> bytes:
        """Bytes of the file as of its last commit; those behind its end are zeros."""
        if self._held.snapshot is None:
            return self._held.read_bytes(start, length).ljust(length, b"\0")
        buffer = bytearray(length)
        self._held.snapshot.seek(start)
        self._held.snapshot.readinto(buffer)
        return bytes(buffer)

    def close(self) -> None:
        """Close HDF5 and the files."""
        self.direct_fd = -1
        try:
            if self.h5:
                close_file(self.h5)
        finally:
            self._held.close()

    def abandon(self) -> None:
        """Leave the file to the parent process."""
        descriptor = descriptor_of(self.h5) if self._held.snapshot is None and self.h5 else -1
        self.direct_fd = -1
        self._held.abandon()
        super().abandon()
        if descriptor >= 0:  # HDF5's own keeps the lock, too, and is used for this file again
            open_anew(descriptor)
