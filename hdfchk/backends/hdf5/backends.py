"""The backends of HDF5 files: by path, by file object, and by an open h5py object."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import time
import warnings
from collections.abc import Callable, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs
import h5py
from h5py import h5f

from ...codecs.portable import NATIVE, Capabilities
from ...errors import (
    CheckpointWarning,
    ClosedError,
    FileReplacedError,
    HdfchkError,
    JournalMismatchError,
    LockedError,
    NotAFileError,
    ReadOnlyError,
)
from ...keys import Path, join
from ...logger import INFO, note
from ...runtime.descriptors import Descriptor
from ...runtime.interrupts import Interrupted, check_pending, defer_interrupts
from ...runtime.posix import (
    RETRY_SECONDS,
    close_on_exec,
    open_regular,
    try_lock_exclusive,
    try_lock_shared,
)
from ..base import Session, Storage
from ..defaults import BackendDefaults
from ..settings import DEFAULTS, Options
from .data.headroom import require_headroom
from .h5.errors import RAISED, explain_open
from .h5.ids import FileID
from .h5.types import file_access, file_creation
from .open_files import OpenFile, SnapshotFile
from .session import Hdf5Session

if TYPE_CHECKING:
    from ...info import Info
    from ..meter import Progress
    from .nodes.references import Knowledge

T = TypeVar("T")
LOCK_TIMEOUT = 10.0
_RESOLVED: dict[str, tuple[tuple[int, int], str]] = {}
"""For each path, its last known inode, and the path without symbolic links."""
MOST_RESOLVED = 1000


def _absolute(path: str) -> str:
    """Return an absolute path, which does not change with the working directory."""
    whole = os.path.join(os.getcwd(), path)
    return whole if ".." in whole.split(os.sep) else os.path.abspath(whole)


__all__ = ["FileBackend", "ObjectBackend", "StreamBackend"]


class _Hdf5Backend(BackendDefaults):
    """The common base class of the HDF5 backends."""

    __slots__ = ()
    kind: ClassVar[str] = "hdf5"
    options: Options

    def session(self, storage: Storage) -> Session:
        """Return a session with this store's options."""
        if isinstance(storage, OpenFile):
            return Hdf5Session(storage, self.options, owned=False)
        from ..memory import MemoryBackend

        return MemoryBackend().session(storage)


@attrs.define(eq=False, repr=False)
class FileBackend(_Hdf5Backend):
    """An HDF5 file, by its path.

    Args:
        path: the path; a relative one is resolved now.
        lock_timeout: seconds to wait for a process that writes the file.
        journal: write through a write-ahead log, so that commits survive a kill.
        durable: sync commits to disk, instead of leaving that to the system.
        sync_interval: seconds that commits may wait for a sync.
        options: how the file is written and read.
        capabilities: HDF5 stores all types natively.
    """

    path: str = attrs.field(converter=_absolute)
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

    @property
    def resolved(self) -> str:
        """The path of the file without symbolic links; its log is beside it."""
        return str(self.share_keys()[-1])

    def exists(self) -> bool:
        """Return whether there is a file that is not empty (`mkstemp` creates empty files).

        Raises:
            NotAFileError: it is a device, a pipe or a socket.
        """
        try:
            there = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            try:
                there = os.stat(self.resolved)
            except (FileNotFoundError, NotADirectoryError):
                return False
        except OSError as error:
            raise explain_open(error, self.path, writable=False) from error
        if not (stat.S_ISREG(there.st_mode) or stat.S_ISDIR(there.st_mode)):
            raise NotAFileError(
                "it is not a regular file (a device, pipe or socket)",
                file=self.path,
                hint="give the path of a regular file, or of a new one",
            )
        return there.st_size > 0

    def share_keys(self) -> list[Hashable]:
        """Return its inode, if it exists, and its name."""
        try:
            there = os.stat(self.path)
        except OSError:
            return [os.path.realpath(self.path)]
        inode = there.st_dev, there.st_ino
        known = _RESOLVED.get(self.path)
        if known is None or known[0] != inode or not self._is_current(known):
            known = inode, os.path.realpath(self.path)
            if len(_RESOLVED) >= MOST_RESOLVED:
                _RESOLVED.clear()
            _RESOLVED[self.path] = known
        return [*known]

    def _is_current(self, known: tuple[tuple[int, int], str]) -> bool:
        # A symbolic link may point to another file now, which may reuse the inode number.
        return known[1] == self.path or self.is_same(known[0], known[1])

    def open(self, *, writable: bool) -> Hdf5Session:
        """Open the file for a session of its own, which the caller must close."""
        return Hdf5Session(self.open_storage("a" if writable else "r"), self.options)

    def open_storage(self, mode: str, lock_timeout: float | None = None) -> OpenFile:
        """Open the file; for writing it is created if necessary and allowed by the mode."""
        writable = mode != "r"
        timeout = self.lock_timeout if lock_timeout is None else lock_timeout
        if writable:
            require_headroom()
        try:
            if not writable:
                return SnapshotFile(self.resolved, lock_timeout=timeout)
            if not self.journal:
                return self._open_directly(mode, timeout)
            from .wal_writer import WalWriter

            return WalWriter(
                self.resolved,
                mode=mode,
                durable=self.durable,
                sync_interval=self.sync_interval,
                lock_timeout=timeout,
            )
        except RAISED as error:
            raise explain_open(error, self.path, writable=writable) from error

    def _open_directly(self, mode: str, timeout: float) -> OpenFile:
        """Open the file for HDF5 to write directly, without a log."""
        from .nodes.references import Knowledge
        from .open_files import DirectFile
        from .wal.replay import recover_file
        from .wal.writer_lock import require_absent

        path = self.resolved
        if mode == "x":
            require_absent(path)  # before waiting for locks
        end = time.monotonic() + timeout
        recover_file(path, timeout)
        known = _known_of(path)
        if mode == "w" or not self.exists():
            known = Knowledge(no_references=True, no_names=True)
        stream = h5py.File(self._wait_for_lock(end, self._direct_fid, os.fsencode(path), mode))
        close_on_exec(stream.id.get_vfd_handle())
        return DirectFile(stream, address=self.path, known=known)

    def _direct_fid(self, name: bytes, mode: str) -> FileID:
        access = file_access(shared=True)
        if mode == "w":
            if self.exists():  # HDF5 truncates a file before it takes its lock: test that first
                h5f.open(name, h5f.ACC_RDWR, access).close()
            return _stamped(h5f.create(name, h5f.ACC_TRUNC, file_creation(), access))
        if self.exists():
            if mode == "x":
                raise FileExistsError(errno.EEXIST, "mode='x', and the file exists", self.path)
            return h5f.open(name, h5f.ACC_RDWR, access)
        if mode == "r+":
            raise FileNotFoundError(errno.ENOENT, "no such file or folder", self.path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # an empty file
        return _stamped(h5f.create(name, h5f.ACC_EXCL, file_creation(), access))

    def _wait_for_lock(self, end: float, work: Callable[..., T], *args: Any) -> T:
        """Call `work` repeatedly until no other process holds HDF5's lock on the file."""
        while True:
            try:
                return work(*args)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise
                check_pending()
                time.sleep(RETRY_SECONDS)

    def is_same(self, key: Hashable, name: Hashable) -> bool:
        """Return whether another name refers to the same inode."""
        try:
            there = os.stat(str(name))
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == key

    def waits_for(self, storage: Storage, mode: str) -> bool:
        """Return whether opening waits: for a writer, or without a log for readers and writers."""
        if mode == "r":
            return storage.writable and storage.log is None and self._is_locked(alone=False)
        if mode == "x":
            return False
        if storage.log is not None:
            return storage.writable
        return (storage.writable or not self.journal) and self._is_locked(alone=True)

    def _is_locked(self, *, alone: bool) -> bool:
        """Return whether HDF5's lock is not available now, even if HDF5 is configured to use none.

        Args:
            alone: test the exclusive lock; otherwise the shared one.
        """
        with contextlib.suppress(OSError):
            file = Descriptor(open_regular(self.resolved, os.O_RDONLY))
            try:
                return not (try_lock_exclusive if alone else try_lock_shared)(file.fd)
            finally:
                file.close()
        return False

    def join(self, storage: Storage) -> None:
        """Use the storage that another store of this process has opened.

        Raises:
            LockedError: it was opened without a log.
        """
        from .wal_writer import WalWriter

        if isinstance(storage, WalWriter):
            storage.durable = storage.durable or self.durable
            storage.sync_interval = min(storage.sync_interval, self.sync_interval)
        elif self.journal:
            raise LockedError(
                "a store of this process with journal=False has it open for writing",
                file=self.path,
                hint="leave the with block of that store first",
            )

    def checkpoint_pending(self) -> None:
        """Checkpoint commits that wait in the log, if no other process uses the file."""
        if not self.journal:
            return
        from .wal.replay import recover_file

        try:
            recover_file(self.resolved, 0, durable=self.durable)
        except (LockedError, PermissionError, JournalMismatchError, FileReplacedError):
            pass  # the file is in use, or the next writer has to decide
        except OSError as error:
            if error.errno not in {errno.EROFS, errno.EACCES, errno.EPERM}:
                warnings.warn(
                    f"the checkpoint of the journal of {self.path!r} failed "
                    f"({error}); its commits are safe, and the next use of the store tries again",
                    CheckpointWarning,
                    stacklevel=2,
                )

    def info(self) -> Info:
        """Return the state of the file, without waiting for other processes."""
        with defer_interrupts():  # an exception from a handler during an import can be lost
            from .file_info import file_info

        return file_info(self.resolved, self.path)

    def recover(
        self, progress: Progress | None = None, *, discard: bool = False, into: str | None = None
    ) -> bool:
        """Checkpoint, or set aside, the log of a killed writer; return whether there was one."""
        with defer_interrupts():  # an exception from a handler during an import can be lost
            from .wal.replay import discard_log, recover_file, recover_into

        path, timeout = self.resolved, self.lock_timeout
        copy = None if into is None else os.path.abspath(into)
        try:
            if discard:
                return _retry_interrupted(discard_log, path, timeout)
            if copy is not None:
                return _retry_interrupted(recover_into, path, timeout, copy)
            return _retry_interrupted(recover_file, path, timeout, progress)
        except RAISED as error:
            of_copy = copy is not None and getattr(error, "filename", None) == copy
            concerned = copy if copy is not None and of_copy else self.path
            raise explain_open(error, concerned, writable=True) from error

    def compact(self, progress: Progress | None = None, *, portable: bool = False) -> int:
        """Rewrite the file without unused space; return the number of bytes saved."""
        with defer_interrupts():  # an exception from a handler during an import can be lost
            from .compaction import compact_file

        try:
            work = partial(
                compact_file, durable=self.durable, options=self.options, portable=portable
            )
            freed = _retry_interrupted(work, self.resolved, self.lock_timeout, progress)
        except HdfchkError as error:
            error.file = error.file or self.path
            raise
        except RAISED as error:
            what = "it cannot be copied: a part of it cannot be read"
            raise explain_open(error, self.path, writable=True, what=what) from error
        note(INFO, "%s: compacted, %d bytes freed", self.path, freed)
        return freed


def _retry_interrupted(work: Callable[..., T], path: str, timeout: float, *args: Any) -> T:
    """Call `work`, and again if a signal interrupts its wait for a lock, for `timeout` seconds.

    Signal handlers run only between objects and blocks: h5py runs Python code when it frees one of
    its objects, and an exception from a handler there is ignored.
    """
    end = time.monotonic() + timeout
    while True:
        try:
            with defer_interrupts():
                return work(path, max(0.0, end - time.monotonic()), *args)
        except Interrupted:  # the handler has run
            continue


def _stamped(fid: FileID) -> FileID:
    from .wal.replay import write_stamp

    write_stamp(fid)
    return fid


def _known_of(path: str) -> Knowledge:
    """Return what is known of pointers to objects in a file that will be written directly.

    The file is rejected if a process maps it: the mapped bytes would change.

    Raises:
        LockedError: a process maps it.
    """
    from .data.memory_map import is_mapped
    from .nodes.references import Knowledge
    from .wal.seal import read_seal

    try:
        file = Descriptor(open_regular(path, os.O_RDONLY))
    except FileNotFoundError:
        return Knowledge()
    try:
        if is_mapped(file.fd, 0, 2**60):
            raise LockedError(
                "its arrays are mapped, and journal=False would change the mapped bytes",
                file=path,
                hint="delete the mapped arrays, or write it with journal=True",
            )
        return read_seal(file.fd)
    finally:
        file.close()


@attrs.define(eq=False, repr=False)
class StreamBackend(_Hdf5Backend):
    """An HDF5 file in a binary file object or `BytesIO` that the caller has opened."""

    file: Any
    options: Options = DEFAULTS
    capabilities: Capabilities = NATIVE
    lock_timeout: float = LOCK_TIMEOUT
    sync_interval: float = 1.0
    writable: bool = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Check that the file is binary."""
        if isinstance(self.file, io.TextIOBase):
            raise OSError(
                errno.EINVAL, "HDF5 needs a file that is open in binary mode", self.address
            )
        self.writable = bool(self.file.writable())

    @property
    def address(self) -> str:
        """The name of the file object."""
        return str(getattr(self.file, "name", repr(self.file)))

    def exists(self) -> bool:
        """Return whether the file is not empty."""
        return bool(self.file.seek(0, io.SEEK_END) > 0)

    def share_keys(self) -> list[Hashable]:
        """Return the identity of the object."""
        return [("object", id(self.file))]

    def info(self) -> Info:
        """Return the state of the file object, which is only its size."""
        from ...info import Info

        try:
            there = self.file.tell()
            size = self.file.seek(0, io.SEEK_END)
            self.file.seek(there)
        except (OSError, ValueError):  # it is closed
            return Info(self.address, exists=False)
        return Info(self.address, size > 0, int(size))

    def open_storage(self, mode: str, lock_timeout: float | None = None) -> OpenFile:
        """Open HDF5 on the file object, which is not closed afterwards."""
        from .stream_file import StreamFile

        writable = mode != "r"
        if writable and not self.writable:
            raise ReadOnlyError(
                "the file object is open for reading only", file=self.address, hint="open it 'r+b'"
            )
        if mode == "x" and self.exists():
            raise FileExistsError(errno.EEXIST, "mode='x', and the file exists", self.address)
        try:
            return StreamFile(
                self.file, address=self.address, writable=writable, truncate=mode == "w"
            )
        except RAISED as error:
            raise explain_open(error, self.address, writable=writable, on_disk=False) from error

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Raise an error: an open file object cannot be pickled."""
        raise TypeError(f"a store over the open file {self.address} cannot be pickled")


@attrs.define(eq=False, repr=False)
class ObjectBackend(_Hdf5Backend):
    """An `h5py.File` or `h5py.Group` that the caller has opened, and will close."""

    group: h5py.Group
    options: Options = DEFAULTS
    capabilities: Capabilities = NATIVE
    lock_timeout: float = LOCK_TIMEOUT
    sync_interval: float = 1.0

    @property
    def address(self) -> str:
        """The name of the file, and the path of the group unless it is the root."""
        if not self.group:
            return "a closed h5py object"
        inner: Path = tuple(part for part in self.group.name.split("/") if part)
        return f"{self.group.file.filename}{':' + join(inner) if inner else ''}"

    @property
    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return bool(self.group) and self.group.file.mode != "r"

    def exists(self) -> bool:
        """Return True: an open object exists."""
        return True

    def share_keys(self) -> list[Hashable]:
        """Return the identity of the object."""
        return [("object", id(self.group))]

    def open_storage(self, mode: str, lock_timeout: float | None = None) -> OpenFile:
        """Return the open file or group as a storage."""
        writable = mode != "r"
        if self.group and writable and not self.writable:
            raise ReadOnlyError(
                "the h5py object is open for reading only", file=self.address, hint="use mode 'r+'"
            )
        if mode == "x":
            raise FileExistsError(errno.EEXIST, "mode='x', and the file exists", self.address)
        if mode == "w" and self.group:
            self.group.clear()
        if not self.group:
            raise ClosedError(
                "the file was closed by its owner", file=self.address, hint="open it again"
            )
        return OpenFile(self.group, address=self.address, writable=writable)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Raise an error: an open object cannot be pickled."""
        raise TypeError(f"a store over the open {self.address} cannot be pickled")
