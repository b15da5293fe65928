"""`HDF5Checkpointer`: the store, root mapping and owner of the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from .arrays.layout_options import CompressionRules
from .backends.base import SupportsCompaction, SupportsRecovery
from .backends.resolve import UnknownTargetError, backend_for
from .backends.settings import Options
from .codecs.registry import default_registry
from .connection.handle import Handle
from .connection.modes import mode_meant
from .errors import InvalidOptionError, UnsupportedStoredError
from .group import Group
from .keys import Key, parse_for_read, require_names
from .location import Codecs, Location
from .older_api import check_extension, is_specification, options_of
from .progress import ProgressOption, is_wanted, reporting
from .typing import CompressionRulesOption, FilePath, KeyRule, Mode, OnUnsupported, Target
from .views.key_filter import Filters, KeyFilter

if TYPE_CHECKING:
    from .info import Info
    from .verification import Report

__all__ = ["HDF5Checkpointer"]


class _Left:
    """A block that was left. It has no finalizer, in which a signal handler could run."""

    def __init__(self, handle: Handle, name: str) -> None:
        self._handle = handle
        self._name = name

    def leave(self) -> None:
        self.__class__ = _Left


class _Entered(_Left):
    """A ``with`` block of a store. It warns if the store is deallocated inside the block."""

    def __del__(self) -> None:
        """Warn; nothing is written or closed here."""
        self._handle.warn_if_held(self._name)


class HDF5Checkpointer(Group):
    """A dict that lives in an HDF5 file.

    Outside a ``with`` block each call opens and closes the file, and leaves no lock and no
    descriptor. In a block the file is opened by the first call, for reading until the first write,
    and closed at the end of the outermost block; blocks nest.

    Args:
        checkpoint_file: a path (`str` or `PathLike`); an open binary file or `BytesIO`; an open
            `h5py.File` or `h5py.Group`, which stays open; None for a store in memory.
        serializer: the `CodecRegistry` to use, if not the one of `hdfchk.register`.
        allowed_keys: a key, an iterable of keys (paths and globs too), or a callable.
        omitted_keys: the same; omitted wins over allowed.
        mode: as in h5py. ``"a"``: read and write, create if missing; ``"r"``: read only;
            ``"r+"``: read and write an existing file; ``"w"``: start with an empty file at the
            first use; ``"x"``: create, and fail if it exists.
        allow_pickle: unpickle what the older checkpointer pickled. Unpickling runs code that the
            file names: only for files that you trust.
        lock_timeout: seconds to wait for another process that has the file open for writing (or,
            if this store writes, open in any mode); then a `LockedError` is raised.
        journal: write a file opened by path through a write-ahead log, on which all guarantees
            depend; False writes directly into the file.
        durable: sync commits to disk, so that they survive a power failure; False leaves this to
            the system, and never calls fsync.
        sync_interval: the maximum number of seconds that commits inside a ``with`` wait to be
            synced; 0 syncs each commit.
        checksum: store checksums with arrays: a changed byte on disk is then an error when it is
            read, and is found by `verify`.
        compression: the compression of arrays: ``"gzip"`` (level 1, with shuffle, in threads),
            ``"lzf"``, ``"auto"`` (gzip if a sample shows that it is worthwhile), with the extra
            ``compression`` also ``"zstd"``, ``"blosc2"`` and ``"bitshuffle"``; a pair of name and
            level; or a mapping of keys, paths or globs to these, of which the first match applies.
            Arrays smaller than 16 KiB are not compressed.
        mmap: ``chk[key]`` and `load` return large contiguous arrays as read-only views of the file;
            see `Array.map`.
        trust: read data from other files to which this file refers. Only for files that you trust.
        expand_limit: bytes of memory that one read may need beyond 100 times its size in the file;
            more raises an `UnsafeFileError`. By default 1 GiB, for data whose size no filter
            bounds; data that a filter can have compressed to their size in the file are read.
        on_unsupported: how to treat a value that cannot be stored exactly. ``"raise"``: raise an
            `UnsupportedTypeError`, and write nothing. ``"warn"``, for runs that must continue:
            leave out only these values, with a `LeftOutWarning`; old values at their keys stay.
            Nested dicts are stored without them; a list or a record is left out as a whole.
        frozen: return read-only arrays, also in containers, so that ``chk["x"][0] = 5``, which
            would change only a copy, raises an error. Lists, dicts, pandas objects, and the results
            of `Array` and `Table` are not frozen.

    Guarantees:
        Those of `Group`. Reading never creates or changes a file: a missing file is an empty
        mapping. A store is pickled and copied as its address and its options. It works in several
        threads, and after ``fork``, where the child opens the file for itself.

        For a file opened by path: an assignment, a deletion, an `update` and a `transaction` are
        one commit each. After a kill a commit is in the file completely or not at all, and those
        of calls that had returned are. They are on disk at the end of a call outside a ``with``,
        of the outermost ``with``, and of `commit`. One process writes while others read.

    Raises:
        UnknownTargetError: `checkpoint_file` has another type (a `TypeError`).
        InvalidOptionError: the mode or compression does not exist, or a time is negative or not a
            number (a `ValueError`).

    Example:
        >>> import tempfile, os
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "run.hdf5")
        >>> with HDF5Checkpointer(path) as chk:
        ...     chk["params"] = {"steps": 500, "tol": 1e-8}
        ...     chk["wfn", "energies"] = [-76.4, -76.2]
        >>> chk = HDF5Checkpointer(path, omitted_keys="params")
        >>> list(chk), chk["wfn/energies"]
        (['wfn'], [-76.4, -76.2])
        >>> folder.cleanup()
    """

    default_extension: ClassVar[str] = ".hdf5"
    _entered: _Entered | None = None
    _inside: int = 0
    """How many ``with`` blocks of a store that was opened are entered."""

    def __init__(
        self,
        checkpoint_file: Target,
        serializer: Codecs | None = None,
        allowed_keys: KeyRule | None = None,
        omitted_keys: KeyRule | None = None,
        *,
        mode: Mode = "a",
        allow_pickle: bool = False,
        lock_timeout: float = 10.0,
        journal: bool = True,
        durable: bool = True,
        sync_interval: float = 1.0,
        checksum: bool = False,
        compression: CompressionRulesOption = None,
        mmap: bool = False,
        trust: bool = False,
        expand_limit: int | None = None,
        on_unsupported: OnUnsupported = "raise",
        frozen: bool = False,
    ) -> None:
        if on_unsupported not in {"raise", "warn"}:
            raise InvalidOptionError(
                f"on_unsupported={on_unsupported!r}", hint='it is "raise" or "warn"'
            )
        for option, seconds in (("lock_timeout", lock_timeout), ("sync_interval", sync_interval)):
            if not seconds >= 0:  # a wait of NaN seconds has no end
                raise InvalidOptionError(
                    f"{option}={seconds!r}", hint="it is a number of seconds, at least 0"
                )
        _check_serializer(serializer)
        backend = backend_for(
            checkpoint_file,
            Options(
                trust=trust,
                expand_limit=expand_limit,
                checksum=checksum,
                compression=CompressionRules.make(compression),
            ),
            lock_timeout=lock_timeout,
            journal=journal,
            durable=durable,
            sync_interval=sync_interval,
        )
        codecs = serializer or backend.codecs or default_registry
        seen = Filters().add((), KeyFilter.make(allowed_keys, omitted_keys))
        leaves_out = on_unsupported == "warn"
        handle = Handle(backend, mode)
        location = Location(handle, codecs, allow_pickle, mmap, (), seen, leaves_out, frozen)
        super().__init__(location)
        self.checkpoint_file = checkpoint_file
        self.allowed_keys = allowed_keys
        self.omitted_keys = omitted_keys

    # -- the handle ----------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Keep the file open from its next use on."""
        if self._location.handle.is_opened:
            self._inside += 1
        else:
            self._hold()
        return self

    def _hold(self) -> None:
        handle = self._location.handle
        handle.hold(block=True)
        if self._entered is None:
            self._entered = _Entered(handle, f"store {self._location.file}")

    def _release(self, *, failed: bool = False) -> None:
        try:
            self._location.handle.release(failed=failed, block=True)
        finally:
            self._forget_block()

    def _forget_block(self) -> None:
        if self._entered is not None and not self._location.handle.is_held:
            self._entered.leave()
            self._entered = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file at the end of the outermost block."""
        if not self._inside:
            self._release(failed=kind is not None)
            return
        self._inside -= 1
        if not self._inside:
            self._location.handle.close(failed=kind is not None)

    def open(self) -> Self:
        """Keep the file open between calls until `close`, for notebooks and interactive use.

        Successive calls are as fast as in a ``with``, and as durable: the changes of a call that
        has returned survive a kill, and are on disk after `sync_interval` seconds. But while a
        ``with`` that has written excludes other writers until it ends, an opened store releases
        the writer's lock one second after its last commit, or immediately if another writer
        waits; all its commits are then in the file. Its reads are at most about one second out of
        date. Others may write between any two calls: if a write depends on a read, do both in one
        `transaction`. `stream` keeps the file open, and the lock, until `close`.

        Opening an opened store has no effect. The file is also closed when the store is
        deallocated, and when the process ends.

        Returns:
            The store itself. In a ``with`` statement, the end of the block closes the file.

        Example:
            >>> import os, tempfile
            >>> folder = tempfile.TemporaryDirectory()
            >>> chk = HDF5Checkpointer(os.path.join(folder.name, "run.hdf5")).open()
            >>> for step in range(100):
            ...     chk["step"] = step
            >>> chk["step"], chk.is_open
            (99, True)
            >>> chk.close()
            >>> folder.cleanup()
        """
        self._location.handle.open()
        return self

    def close(self) -> None:
        """Leave all ``with`` blocks, end `open`, and close the file. It can be used again."""
        try:
            self._location.handle.close()
        finally:
            self._forget_block()

    @property
    def is_open(self) -> bool:
        """Whether the store keeps its file open between calls: in a ``with``, or by `open`."""
        return self._location.handle.is_held

    @property
    def stream(self) -> Any:
        """The open `h5py.File` (or `h5py.Group`) inside a ``with`` block; None outside.

        Changes made through it bypass the store's filters, and become part of the next commit, at
        the latest at the end of the block. It stays valid until a later write reopens the file.
        """
        return self._location.handle.lend()

    def open_checkpoint_file(self, chk: Any = None) -> Any:
        """Open the store's file and keep it open; the older name for entering a ``with``.

        Args:
            chk: the store's own file, or None.

        Returns:
            The open `h5py.File`, to be passed to `close_checkpoint_file`.
        """
        if chk is not None and chk is not self.checkpoint_file and chk != self.checkpoint_file:
            raise UnknownTargetError(
                f"this store's file is {self.checkpoint_file!r}, not {chk!r}",
                hint="create a store for that file",
            )
        self._hold()
        try:
            return self.stream
        except BaseException:
            self._release(failed=True)
            raise

    def close_checkpoint_file(self, stream: Any = None) -> None:
        """Close the file that `open_checkpoint_file` opened."""
        self._release()

    def __reduce__(self) -> Any:
        """Pickle the address and the options, not the file."""
        location = self._location
        options = {
            "mode": location.handle.mode,
            "allow_pickle": location.allow_pickle,
            "mmap": location.mmap,
            "on_unsupported": "warn" if location.leaves_out else "raise",
            "frozen": location.frozen,
        }
        backend = location.handle.backend
        own = None if location.codecs is default_registry else location.codecs
        args = (backend, own, self.allowed_keys, self.omitted_keys)
        return (_rebuild, (args, options, self.checkpoint_file))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Return a store with the same address and options. `load` returns a plain dict."""
        import copy

        _, (args, options, target) = self.__reduce__()
        args = (copy.deepcopy(args[0], memo), *args[1:])
        return _rebuild(args, options, target)

    def transaction(self, *, write: bool = True) -> AbstractContextManager[None]:
        """Context whose changes are one commit; an exception discards them all. Blocks nest.

        It takes the writer's lock when it begins, and reads the newest commit, which cannot change
        before it ends. It belongs to the thread and the asyncio task that began it: other threads
        wait for up to ``lock_timeout`` seconds, other tasks of the thread get an error.

        Args:
            write: False for a block that only reads, and sees one commit even if others write
                meanwhile; it takes no lock.

        Raises:
            LockedError: another process, thread or task is writing.
            TransactionError: the store cannot discard changes (``journal=False``, an `h5py.File` or
                `h5py.Group`); or an error inside the block was caught there.

        Example:
            >>> import tempfile, os
            >>> folder = tempfile.TemporaryDirectory()
            >>> chk = HDF5Checkpointer(os.path.join(folder.name, "x.hdf5"))
            >>> with chk.transaction():
            ...     chk["a"] = 1
            ...     chk["b"] = 2
            >>> len(chk)
            2
            >>> folder.cleanup()
        """
        handle = self._location.handle
        return handle.transaction() if write else handle.snapshot()

    def commit(self) -> None:
        """Sync all commits to disk, and checkpoint them into the file.

        While the file has readers, they stay in the log. Inside a `transaction` it does nothing.
        """
        self._location.handle.sync()

    # -- the file as a whole -------------------------------------------------------------------

    def info(self) -> Info:
        """Return the state of the file: size, free space, pending commits, who has it open.

        It neither waits nor delays a writer: like any reader, it reads the last commit. A writer
        may change the state immediately afterwards.

        Returns:
            An `Info`; ``print`` shows it as a block of lines. A missing file is not an error, nor
            is one that cannot be opened: see `Info.problem`.

        Example:
            >>> import os, tempfile
            >>> folder = tempfile.TemporaryDirectory()
            >>> with HDF5Checkpointer(os.path.join(folder.name, "run.hdf5")) as chk:
            ...     chk["a"] = 1
            ...     found = chk.info()
            >>> found.is_written, str(found.writer)
            (True, 'this process')
            >>> folder.cleanup()
        """
        return self._location.handle.backend.info()

    def verify(self, progress: ProgressOption = None) -> Report:
        """Read everything, and report which keys are intact. Filters are ignored.

        Metadata and small values always have checksums; arrays have them in stores with
        ``checksum=True``. One value is in memory at a time.

        Args:
            progress: True for a progress bar, or ``progress(done, total)``, in values.

        Raises:
            CorruptFileError: the file cannot be opened.

        Example:
            >>> import io
            >>> chk = HDF5Checkpointer(io.BytesIO(), checksum=True)
            >>> chk["a"] = {"b": [1, 2]}
            >>> chk.verify().whole
            ('a/b',)
        """
        from .verification import verify

        with reporting(progress, "verify", "values", self._location.handle) as tell:
            return verify(self._location, tell if is_wanted(progress) else None)

    def recover(
        self,
        progress: ProgressOption = None,
        *,
        discard: bool = False,
        into: FilePath | None = None,
    ) -> bool:
        """Checkpoint the commits that a killed writer left in the journal, as the next write would.

        Args:
            progress: True for a progress bar, or ``progress(done, total)``, in bytes.
            discard: rename the journal to ``FILE-journal.1`` (or the next free number) instead, and
                leave the file unchanged: for a journal that does not match it.
            into: a path; create a copy of the file there with the journal applied, whether it
                matches or not, and change neither.

        Returns:
            Whether there was a journal.

        Raises:
            LockedError: the writer is alive, or the file has readers.
            JournalMismatchError: the journal was made for another state of the file.
            FileExistsError: there is a file at `into`.
        """
        with self._location.handle.exclusive() as backend:
            if not isinstance(backend, SupportsRecovery):
                return False
            with reporting(progress, "recover", "B", self._location.handle) as tell:
                return backend.recover(
                    tell if is_wanted(progress) else None,
                    discard=discard,
                    into=None if into is None else os.fsdecode(into),
                )

    def compact(
        self, progress: ProgressOption = None, *, libver: Literal["earliest"] | None = None
    ) -> int:
        """Rewrite the file without its unused space.

        The new file is written beside the old one, read back and compared with it, and then
        replaces it atomically: the disk must have space for both. Readers that have the old file
        open continue with it.

        HDF5 references inside the file, and dimension scales, point to the same objects and regions
        in the new one. Dangling references become null references. HDF5 resets the times of
        groups, and of datasets that contain references.

        Args:
            progress: True for a progress bar, or ``progress(done, total)``, in HDF5 objects.
            libver: ``"earliest"`` writes a file that HDF5 1.8 can read (used by MATLAB up to
                R2021a, IDL and LabVIEW). Later writes and calls of `compact` preserve this. Such a
                file has no table of its free space: a session cannot reuse what an earlier one
                freed. None keeps the present format.

        Returns:
            The number of bytes returned to the file system.

        Raises:
            UnsupportedStoredError: the store is not a file opened by path; or an object cannot be
                copied: HDF5 references to an object without a path or in another file, or that h5py
                cannot read (`H5T_STD_REF` of HDF5 1.12); or features that HDF5 1.8 lacks, such as
                virtual datasets. Nothing was changed.
            CorruptFileError: a part of the file cannot be read, or the copy differs. Nothing was
                changed.
            LockedError: another process is writing the file.
            InvalidOptionError: `libver` has another value (a `ValueError`).

        Example:
            >>> import os, tempfile
            >>> folder = tempfile.TemporaryDirectory()
            >>> chk = HDF5Checkpointer(os.path.join(folder.name, "run.hdf5"))
            >>> chk["run"] = {"steps": 500}
            >>> _ = chk.compact(libver="earliest")
            >>> folder.cleanup()
        """
        if libver not in {None, "earliest"}:
            raise InvalidOptionError(
                f"libver={libver!r}", hint='it is "earliest", or None for the versions as they are'
            )
        with self._location.handle.exclusive() as backend:
            if not isinstance(backend, SupportsCompaction):
                raise UnsupportedStoredError(
                    "only a file opened by path can be compacted",
                    file=self._location.file,
                    hint="use h5repack",
                )
            with reporting(progress, "compact", "objects", self._location.handle) as tell:
                told = tell if is_wanted(progress) else None
                return backend.compact(told, portable=libver == "earliest")

    # -- older names ---------------------------------------------------------------------------

    def check_parameter(self, key: Key) -> bool:
        """Whether there is such a key: the older name of ``key in chk``."""
        return key in self

    def check_allowed_key(self, key: Key) -> None:
        """Raise an error if the filters refuse a key.

        Raises:
            CheckpointerKeyError: they refuse it.
        """
        self._location.at(parse_for_read(key)).check_visible()

    @classmethod
    def from_file(cls, file: Target, **opts: Any) -> HDF5Checkpointer:
        """Return a store for a file; `opts` are options of the class.

        Raises:
            InvalidOptionError: the extension is that of another format (a `ValueError`).
        """
        check_extension(file, cls.default_extension)
        return cls(file, **opts)

    @classmethod
    def build_canonical(cls, checkpoint: Any) -> HDF5Checkpointer:
        """Return the store for a specification.

        Args:
            checkpoint: a path or open file; a store, which is returned unchanged; a dict, which is
                used in place; None for a store that stores nothing, so that a script can turn
                checkpointing off; or ``{"file": …, "keys": …, "opts": …}``, where ``keys`` is a
                list of allowed keys or a dict of ``allowed_keys`` and ``omitted_keys``, and
                ``opts`` are options of the class.

        Raises:
            InvalidOptionError: the specification has unknown parts.
            InvalidKeyError: a key of the dict is a path.
        """
        from .backends.plain_dict import DictBackend, NullBackend

        if checkpoint is None:
            return cls(NullBackend())
        if isinstance(checkpoint, HDF5Checkpointer):
            return checkpoint
        if isinstance(checkpoint, Mapping) and not isinstance(checkpoint, Group):
            if is_specification(checkpoint):
                return cls.from_file(checkpoint["file"], **options_of(checkpoint))
            backend = DictBackend(root=checkpoint)  # type: ignore[arg-type]
            require_names(checkpoint.items(), backend.address)
            return cls(backend)
        return cls.from_file(checkpoint)


def _check_serializer(serializer: object) -> None:
    is_text = isinstance(serializer, (str, bytes))
    if serializer is None or (hasattr(serializer, "encode") and not is_text):
        return
    meant = mode_meant(serializer)
    raise InvalidOptionError(
        f"serializer={serializer!r}",
        hint=f"did you mean mode={meant!r}?" if meant else "it is a CodecRegistry, or None",
    )


def _rebuild(args: tuple[Any, ...], options: dict[str, Any], target: Any) -> HDF5Checkpointer:
    store = HDF5Checkpointer(*args, **options)
    store.checkpoint_file = target
    return store
