"""HDF5 files by path, by file object, and files or groups that are open already."""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Callable
from typing import Any

import attrs
import h5py
from h5py import h5f, h5fd

from ...codecs.portable import NATIVE, Capabilities
from ...errors import ClosedError, ReadOnlyError
from ...keys import Path, join
from ...runtime.posix import RETRY_SECONDS
from ..meter import Progress
from ..settings import DEFAULTS, Options
from .compaction import compact_file
from .data.headroom import require_headroom
from .h5.errors import RAISED, explain_open
from .h5.types import file_access, file_creation
from .journaled_session import JournaledSession, ReaderSession
from .session import LocalSession
from .wal.replay import recover_file

LOCK_TIMEOUT = 10.0

__all__ = ["FileBackend", "ObjectBackend", "StreamBackend"]


@attrs.define(eq=False)
class FileBackend:
    """An HDF5 file, by its path.

    Args:
        path: the path.
        lock_timeout: seconds to wait for a process that writes the file.
        journal: write through a redo journal: commits survive a kill.
        durable: bring commits to the disk, and not only to the system.
        sync_interval: seconds that commits may wait for that.
        options: how the file is written and read.
        capabilities: HDF5 keeps everything.
    """

    path: str
    options: Options = DEFAULTS
    lock_timeout: float = LOCK_TIMEOUT
    journal: bool = True
    durable: bool = True
    sync_interval: float = 1.0
    capabilities: Capabilities = NATIVE

    @property
    def address(self) -> str:
        """The path."""
        return self.path

    def exists(self) -> bool:
        """Whether there is a file that is not empty (an empty one is what `mkstemp` makes)."""
        try:
            return os.stat(self.path).st_size > 0
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise explain_open(error, self.path, writable=False) from error

    def open(self, *, writable: bool, truncate: bool = False) -> LocalSession:
        """Open the file; for writing it is created if it does not exist."""
        if writable:
            require_headroom()
        create = writable and (truncate or not self.exists())
        try:
            if not writable:
                return ReaderSession(
                    self.path, options=self.options, lock_timeout=self.lock_timeout
                )
            if self.journal:
                return JournaledSession(
                    self.path,
                    options=self.options,
                    create=create,
                    durable=self.durable,
                    sync_interval=self.sync_interval,
                    lock_timeout=self.lock_timeout,
                )
            recover_file(self.path, self.lock_timeout)
            stream = h5py.File(self._waiting(self._open_to_write, create))
            return LocalSession(
                stream, address=self.path, writable=True, owned=True, options=self.options
            )
        except RAISED as error:
            raise explain_open(error, self.path, writable=writable) from error

    def recover(self, progress: Progress | None = None) -> bool:
        """Bring in what a killed writer has left in the journal; whether there was anything."""
        try:
            return recover_file(self.path, self.lock_timeout, progress)
        except RAISED as error:
            raise explain_open(error, self.path, writable=True) from error

    def compact(self, progress: Progress | None = None) -> int:
        """Write the file anew, without unused space; how many bytes that gave back."""
        try:
            return compact_file(
                self.path,
                self.lock_timeout,
                progress,
                durable=self.durable,
                options=self.options,
            )
        except RAISED as error:
            what = "it cannot be copied: some of it cannot be read"
            raise explain_open(error, self.path, writable=True, what=what) from error

    def _open_to_write(self, create: bool) -> Any:
        name = os.fsencode(self.path)
        if create:
            return h5f.create(name, h5f.ACC_TRUNC, file_creation(), file_access(shared=True))
        return h5f.open(name, h5f.ACC_RDWR, file_access(shared=True))

    def _waiting(self, work: Callable[..., Any], *args: Any) -> Any:
        """Do it as soon as nobody else holds HDF5's lock on the file."""
        end = time.monotonic() + self.lock_timeout
        while True:
            try:
                return work(*args)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise
                time.sleep(RETRY_SECONDS)


@attrs.define(eq=False)
class StreamBackend:
    """An HDF5 file in a binary file object or `BytesIO` that somebody else has opened."""

    file: Any
    options: Options = DEFAULTS
    capabilities: Capabilities = NATIVE
    writable: bool = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Check that it is binary."""
        if isinstance(self.file, io.TextIOBase):
            raise OSError(
                errno.EINVAL, "HDF5 needs a file that is open in binary mode", self.address
            )
        self.writable = bool(self.file.writable())

    @property
    def address(self) -> str:
        """The file object's name."""
        return str(getattr(self.file, "name", repr(self.file)))

    def exists(self) -> bool:
        """Whether the file holds anything."""
        return bool(self.file.seek(0, io.SEEK_END) > 0)

    def open(self, *, writable: bool, truncate: bool = False) -> LocalSession:
        """Open HDF5 on the file object, which stays open afterwards."""
        if writable and not self.writable:
            raise ReadOnlyError(
                "the file object is open for reading only", file=self.address, hint="open it 'r+b'"
            )
        plist = file_access()
        plist.set_fileobj_driver(h5fd.fileobj_driver, self.file)
        try:
            if writable and (truncate or not self.exists()):
                self.file.truncate(0)
                fid = h5f.create(self._name(), h5f.ACC_TRUNC, file_creation(), plist)
            else:
                flags = h5f.ACC_RDWR if writable else h5f.ACC_RDONLY
                fid = h5f.open(self._name(), flags, plist)
        except RAISED as error:
            raise explain_open(error, self.address, writable=writable, on_disk=False) from error
        return LocalSession(
            h5py.File(fid),
            address=self.address,
            writable=writable,
            owned=True,
            options=self.options,
            calls_back=True,
        )

    def _name(self) -> bytes:
        return repr(self.file).encode("ascii", "replace")

    def __reduce_ex__(self, protocol: Any) -> Any:
        """An open file has no address to pickle."""
        raise TypeError(f"a store over the open file {self.address} can not be pickled")


@attrs.define(eq=False)
class ObjectBackend:
    """An `h5py.File` or `h5py.Group` that somebody else has opened, and will close."""

    group: Any
    options: Options = DEFAULTS
    capabilities: Capabilities = NATIVE

    @property
    def address(self) -> str:
        """The file's name, and the group's if it is not the root."""
        if not self.group:
            return "a closed h5py object"
        inner: Path = tuple(part for part in self.group.name.split("/") if part)
        return f"{self.group.file.filename}{':' + join(inner) if inner else ''}"

    @property
    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return bool(self.group) and self.group.file.mode != "r"

    def exists(self) -> bool:
        """It is open, so it is there."""
        return True

    def open(self, *, writable: bool, truncate: bool = False) -> LocalSession:
        """A session over the open object."""
        if not self.group:
            raise ClosedError(
                "the h5py object was closed by its owner",
                file=self.address,
                hint="open the file again, and make a store of that",
            )
        if writable and not self.writable:
            raise ReadOnlyError(
                "the h5py object is open for reading only", file=self.address, hint="use mode 'r+'"
            )
        if truncate:
            self.group.clear()
        return LocalSession(
            self.group,
            address=self.address,
            writable=writable,
            owned=False,
            options=self.options,
        )

    def __reduce_ex__(self, protocol: Any) -> Any:
        """An open object has no address to pickle."""
        raise TypeError(f"a store over the open {self.address} can not be pickled")
