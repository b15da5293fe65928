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
    """A block that was left: it has no finalizer, in which a signal handler could run."""

    def __init__(self, handle: Handle, name: str) -> None:
        self._handle = handle
        self._name = name

    def leave(self) -> None:
        self.__class__ = _Left


class _Entered(_Left):
    """A ``with`` block of a store. If it was never left, it warns when the store is gone."""

    def __del__(self) -> None:
        """Warn; nothing is written or closed here."""
        self._handle.warn_if_held(self._name)


class HDF5Checkpointer(Group):
    """A dict that lives in an HDF5 file.

    Outside a ``with`` block each call opens the file, works, and closes it: no lock and no
    descriptor stays. Inside, the file is opened at the first use, for reading until the first
    write, and closed at the end of the outermost block; blocks nest.

    Args:
        checkpoint_file: a path (`str` or `PathLike`); an open binary file or `BytesIO`; an open
            `h5py.File` or `h5py.Group`, which stays open; None for a store in memory.
        serializer: the `CodecRegistry` to use, if not the one of `hdfchk.register`.
        allowed_keys: a key, an iterable of keys (paths and globs too), or a callable.
        omitted_keys: the same; omitted wins over allowed.
        mode: as in h5py. ``"a"``: read and write, create if missing; ``"r"``: read only;
            ``"r+"``: read and write an existing file; ``"w"``: begin anew at the first use;
            ``"x"``: create, and fail if it exists.
        allow_pickle: unpickle what the older checkpointer pickled. Unpickling runs code that the
            file names: only for files that you trust.
        lock_timeout: seconds to wait for another process that has the file open for writing
            (or, to write, open at all), before a `LockedError`.
        journal: write a file that is given by its path through a write-ahead log, which is what
            all promises rest on; False writes straight into it.
        durable: bring commits to the disk, so that they survive a loss of power; False leaves
            that to the system, and calls no fsync at all.
        sync_interval: seconds that commits inside a ``with`` may wait to be brought to the disk;
            0 for none.
        checksum: arrays get checksums, so that a byte that changes on the disk is an error when
            it is read, and found by `verify`.
        compression: how arrays are compressed: ``"gzip"`` (level 1, with shuffle; packed and
            unpacked in threads), ``"lzf"``, ``"auto"`` (gzip where a sample says that it is worth
            it), with the extra ``compression`` also ``"zstd"``, ``"blosc2"`` and ``"bitshuffle"``;
            a pair of a name and a level; or a mapping of keys, paths or globs to these, of which
            the first that fits counts. Arrays below 16 KiB are not compressed.
        mmap: ``chk[key]`` and `load` give large contiguous arrays as
            read-only views of the file, see `Array.map`.
        trust: read what the file names in other files. Only for files that you trust.
        expand_limit: bytes of memory that what is read at once may need beyond 100 times the
            space it takes in the file; more is an `UnsafeFileError`. By default 1 GiB, for what no
            filter bounds; what a filter can have made of the bytes in the file is read.
        on_unsupported: what becomes of a value that cannot be kept exactly. ``"raise"``: an
            `UnsupportedTypeError`, and nothing is written. ``"warn"``, for runs that must not end
            there: such values alone are left out, with a `LeftOutWarning`, and what stood at their
            keys stays. Of nested dicts the rest is stored; a list or a record is left out whole.
        frozen: arrays that are read cannot be written to, also those in containers, so that
            ``chk["x"][0] = 5``, which changes a copy, is an error. It does not freeze lists and
            dicts, nor what an `Array` or `Table` gives, nor the tables of pandas.

    Guarantees:
        Those of `Group`. Reading never creates or changes a file: a missing file is an empty
        mapping. A store pickles and copies as its address and its options; it works after
        ``fork``, where the child opens the file for itself, and in many threads.

        For a file that is given by its path: an assignment, a deletion, an `update` and a
        `transaction` are one commit each, which a kill leaves whole or not there; what has
        returned stays. At the end of a call outside a ``with``, of the outermost ``with`` and of
        `commit`, it is on the disk. One process writes, others read beside it.

    Raises:
        UnknownTargetError: `checkpoint_file` is none of these (a `TypeError`).
        InvalidOptionError: there is no such mode or compression, or a time is negative or not a
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
        """Close the file, at the end of the outermost block."""
        if not self._inside:
            self._release(failed=kind is not None)
            return
        self._inside -= 1
        if not self._inside:
            self._location.handle.close(failed=kind is not None)

    def open(self) -> Self:
        """Keep the file open between calls, for notebooks and the like, until `close`.

        Calls that follow each other are as fast as in a ``with``, and as durable: what has
        returned survives a kill, and is on the disk after `sync_interval` seconds. But where a
        ``with`` that has written keeps other writers out until it ends, a store that was opened
        gives the writer's lock back one second after its last commit, or at once if another
        writer waits, and all that it wrote is then in the file; and what it reads is at most about
        a second old. So others may write between any two calls: read and write in one
        `transaction` where the one relies on the other. `stream` keeps the file open, and the
        lock, until `close`.

        Opening twice is as opening once. A store that is no longer used anywhere, and the end of
        the process, close the file as well.

        Returns:
            The store itself. In a ``with`` statement, its end closes the file.

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

        What is done to it is not seen by the store's filters, and is a part of the next commit,
        or of the end of the block. It stays valid until a later write has to open the file anew.
        """
        return self._location.handle.lend()

    def open_checkpoint_file(self, chk: Any = None) -> Any:
        """Open the store's file and keep it open; the older name for entering a ``with``.

        Args:
            chk: the store's own file, or None.

        Returns:
            The open `h5py.File`, to be given to `close_checkpoint_file`.
        """
        if chk is not None and chk is not self.checkpoint_file and chk != self.checkpoint_file:
            raise UnknownTargetError(
                f"this store's file is {self.checkpoint_file!r}, not {chk!r}",
                hint="make a store of that file",
            )
        self._hold()
        try:
            return self.stream
        except BaseException:
            self._release(failed=True)
            raise

    def close_checkpoint_file(self, stream: Any = None) -> None:
        """Close what `open_checkpoint_file` opened."""
        self._release()

    def __reduce__(self) -> Any:
        """Pickle as address and options: the file stays where it is."""
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
        """A store of the same address and options. `load` gives a plain dict."""
        import copy

        _, (args, options, target) = self.__reduce__()
        args = (copy.deepcopy(args[0], memo), *args[1:])
        return _rebuild(args, options, target)

    def transaction(self, *, write: bool = True) -> AbstractContextManager[None]:
        """A block whose changes are one commit; an exception gives them all up. Blocks nest.

        It takes the writer's lock when it begins, and reads the newest commit: what it reads stays
        true until it ends. It belongs to the thread, and the task of asyncio, that has begun it:
        other threads wait for ``lock_timeout`` seconds, other tasks of the thread are refused.

        Args:
            write: False for a block that reads one commit, whoever writes meanwhile, and writes
                nothing; it takes no lock.

        Raises:
            LockedError: another process, thread or task writes.
            TransactionError: the store could not give up what was done (``journal=False``, an
                `h5py.File` or `h5py.Group`); or an error inside the block was swallowed.

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
        """Bring all that was assigned to the disk, and into the file, now.

        Into the file as soon as nobody reads it. Inside a `transaction` it does nothing.
        """
        self._location.handle.sync()

    # -- the file as a whole -------------------------------------------------------------------

    def info(self) -> Info:
        """The state of the file: size, free space, what waits in the journal, who has it open.

        It waits for nobody, and holds up no writer: for a moment it reads the last commit, as any
        reader. What it tells is as of now: a writer may change it at once.

        Returns:
            An `Info`; ``print`` shows it as a block of lines. A file that does not exist is not
            an error, nor is one that cannot be opened: see `Info.problem`.

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
        """Read everything, and tell which keys are whole. Filters do not matter here.

        HDF5 keeps checksums of its metadata and of small values always, of arrays in stores with
        ``checksum=True``. What is read at one time is one value.

        Args:
            progress: True for a progress bar, or ``progress(done, total)``, in values.

        Raises:
            CorruptFileError: the file cannot even be opened.

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
        """Bring in what a killed writer has left in the journal. The next write does it, too.

        Args:
            progress: True for a progress bar, or ``progress(done, total)``, in bytes.
            discard: set the journal aside instead, as ``FILE-journal.1`` (or the next number that
                is free), and leave the file as it is: for a journal that does not fit it.
            into: a path; make a copy of the file there, with the journal laid over it, whether it
                fits or not, and change neither.

        Returns:
            Whether there was anything.

        Raises:
            LockedError: the writer is alive, or somebody reads the file.
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
        """Write the file anew, without the space that it does not use.

        The new file is made beside the old one and takes its place, atomically, when it is whole:
        there must be room for both. It is read again, and compared with the old one, before.
        Readers that have the old one open go on with it.

        HDF5 references inside the file lead to the same objects, and regions, of the new one, as do
        the dimension scales. One that leads to nothing any more becomes a null reference. HDF5
        sets the times of groups, and of datasets that hold references, anew.

        Args:
            progress: True for a progress bar, or ``progress(done, total)``, in objects of HDF5.
            libver: ``"earliest"`` writes a file that HDF5 1.8 reads (which is in MATLAB up to
                R2021a, IDL and LabVIEW). It is so after later writes and calls of `compact`, too,
                and keeps no table of its free space: what one session frees, no later one uses.
                None leaves that as it is.

        Returns:
            How many bytes that gave back to the file system.

        Raises:
            UnsupportedStoredError: the store is not one of a file by its path; or some of it cannot
                be carried over: HDF5 references that lead to an object without a path, that h5py
                cannot read (`H5T_STD_REF` of HDF5 1.12), or that are in another file; or what HDF5
                1.8 does not have, as virtual datasets. Nothing was changed.
            CorruptFileError: some of the file cannot be read, or the copy differs. Nothing was
                changed.
            LockedError: another process writes the file.
            InvalidOptionError: `libver` is none of these (a `ValueError`).

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
                    "only a file that is given by its path can be compacted",
                    file=self._location.file,
                    hint="use h5repack",
                )
            with reporting(progress, "compact", "objects", self._location.handle) as tell:
                told = tell if is_wanted(progress) else None
                return backend.compact(told, portable=libver == "earliest")

    # -- older names ---------------------------------------------------------------------------

    def check_parameter(self, key: Key) -> bool:
        """Whether there is such a key: ``key in chk`` under its older name."""
        return key in self

    def check_allowed_key(self, key: Key) -> None:
        """Raise if the filters refuse a key.

        Raises:
            CheckpointerKeyError: they do.
        """
        self._location.at(parse_for_read(key)).check_visible()

    @classmethod
    def from_file(cls, file: Target, **opts: Any) -> HDF5Checkpointer:
        """The store of a file; `opts` are those of the class.

        Raises:
            InvalidOptionError: the extension is that of another format (a `ValueError`).
        """
        check_extension(file, cls.default_extension)
        return cls(file, **opts)

    @classmethod
    def build_canonical(cls, checkpoint: Any) -> HDF5Checkpointer:
        """The store that a specification stands for.

        Args:
            checkpoint: a path or open file; a store, which is returned as it is; a dict, which
                is used in place; None for a store that keeps nothing, so that a script can turn
                checkpointing off; or ``{"file": …, "keys": …, "opts": …}``, where ``keys`` is a
                list of allowed keys or a dict of ``allowed_keys`` and ``omitted_keys``, and
                ``opts`` are options of the class.

        Raises:
            InvalidOptionError: the specification has other parts than these.
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
