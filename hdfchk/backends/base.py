"""The interface of a backend, between trees and storage."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import attrs
import numpy as np

from ..keys import Path
from ..tree import Branch, Leaf

if TYPE_CHECKING:
    from ..codecs.casting import Form
    from ..codecs.portable import Capabilities
    from ..info import Info
    from ..tree import Mark
    from .entries import Entry
    from .layout import Layout
    from .meter import Meter, Progress

__all__ = [
    "SMALL_BYTES",
    "ArrayForm",
    "ArrayInfo",
    "ArraySession",
    "AttributeSession",
    "Backend",
    "Change",
    "Copy",
    "Delete",
    "Draft",
    "Moved",
    "Put",
    "ReadSession",
    "Seen",
    "Select",
    "Session",
    "Stat",
    "Storage",
    "Stored",
    "SupportsCompaction",
    "SupportsLog",
    "SupportsRecovery",
    "SupportsTransactions",
    "WriteSession",
]

SMALL_BYTES = 1024
"""The maximum bytes of each of path, mark and data of a small assignment (`SupportsLog.put`)."""


@attrs.frozen(repr=False)
class Stat:
    """The kind of node at a path, without its data.

    Args:
        is_dict: it is a dict: a live group, whose children are keys.
        is_group: it is stored as a group (a dict, or a value such as a record).
        mark: its mark, if any.
    """

    is_dict: bool
    is_group: bool
    mark: Mark | None


@attrs.frozen(repr=False)
class ArrayInfo:
    """The properties of a stored array, without its elements.

    The axes of an HDF5 array type come last: their lengths, also in a chunk, are fixed.

    Args:
        shape: lengths of the axes.
        dtype: the stored dtype.
        mark: the mark, from which the codec determines the dtype of the value.
        maxshape: the maximum lengths, None for no limit.
        chunks: the shape of a chunk, or None.
        compression: the name of the filter that compresses the chunks, or None.
        form: properties of its elements besides the dtype.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    mark: Mark | None
    maxshape: tuple[int | None, ...]
    chunks: tuple[int, ...] | None = None
    compression: str | None = None
    form: Form | None = None


@attrs.frozen(repr=False)
class ArrayForm:
    """The form of an array to be created without its data.

    Args:
        shape: lengths of the axes.
        dtype: the stored dtype.
        mark: the mark, from which the codec determines the dtype of the value.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    mark: Mark | None = None


class Draft(Protocol):
    """An array that is being written. It has no key, and is lost, unless a `Put` places it."""

    form: ArrayForm

    def append(self, rows: np.ndarray[Any, Any]) -> None:
        """Write rows after the last ones."""

    def write(self, index: Any, data: np.ndarray[Any, Any]) -> None:
        """Write `data`, which broadcasts to the selected shape."""


@attrs.frozen(repr=False)
class Moved:
    """The node at another path, to be moved from there."""

    path: Path


Copy = Any
"""The result of `Session.copy_of`, which has no key yet.

Its attribute `outside` lists its links to other files: the path in it, and the name of the file."""
Seen = Callable[[Path, bool, bool], bool]
"""``seen(path, is_dict, is_part)``: whether to copy the node at this path relative to the copy.

For a part of a value that is not a dict (`is_part`), it returns True or raises an error."""
Stored = Leaf | Branch | Draft | Moved


@attrs.frozen(repr=False)
class Put:
    """Put a tree, or a draft, at a path, and replace the old value."""

    path: Path
    node: Stored


@attrs.frozen(repr=False)
class Delete:
    """Delete the node at a path, if it exists."""

    path: Path


Change = Put | Delete

Select = Callable[[Path, bool], bool]
"""``select(path, is_dict)``: whether to read the node at this absolute path."""


class ReadSession(Protocol):
    """Reading of trees, by path.

    Paths are absolute; the empty path is the root, which always exists. One thread at a time uses a
    session: its owner holds a lock.
    """

    def stat(self, path: Path) -> Stat | None:
        """Return the kind of node at `path`, or None. Reads no data."""

    def names(self, path: Path) -> list[str]:
        """Return the names of a group's children, in insertion order."""

    def length(self, path: Path) -> int:
        """Return the number of `names`.

        The links of a large group are not checked one by one: dangling ones may be counted, too.
        """

    def count(self, path: Path) -> int:
        """Return the number of children of a group, and of dangling links; 0 if there is no group.

        They are not listed: an iteration that writes asks at each step.
        """

    def has(self, path: Path, name: str) -> bool:
        """Whether a group has a child, even if it is a dangling link."""

    def last_name(self, path: Path) -> str | None:
        """Return the name of the child of a group that was added last; None if it is empty."""

    def read(
        self,
        path: Path,
        select: Select | None = None,
        *,
        mapped: bool = False,
        meter: Meter | None = None,
    ) -> Leaf | Branch:
        """Return the whole tree at `path`, except children that `select` rejects.

        Args:
            path: the path of the node.
            select: which children to read.
            mapped: contiguous arrays in a file may be mapped instead of read.
            meter: receives the number of bytes read, and, if known, their total.

        Raises:
            CheckpointerKeyError: there is no node at this path.
        """

    def read_value(self, path: Path, *, mapped: bool = False) -> Leaf | Branch | None:
        """As `read`, but None for a dict: the common case of ``chk[key]`` in one lookup."""

    def at(self, path: Path) -> Session:
        """Return a read-only session whose root is the dict at `path`.

        It is valid while this session is open, until something is written.
        """

    def identity(self, path: Path) -> Any:
        """Return a hashable object that is equal for two paths if they name the same object."""

    def verify(self, path: Path, *, has_value: bool = True) -> None:
        """Check the checksums that reading does not check.

        Args:
            path: the path of a value.
            has_value: the value could be read; if not, its bytes are read here.

        Raises:
            CorruptFileError: the data differ from those that were written.
        """


class WriteSession(Protocol):
    """Changes of trees: each call is one commit."""

    def apply(
        self,
        changes: Sequence[Change],
        layout: Layout | None = None,
        meter: Meter | None = None,
        *,
        replace: bool = False,
        parts: bool = False,
    ) -> None:
        """Apply all changes, in order, as one commit: all of them or none.

        Args:
            changes: the changes.
            layout: the layout of arrays, instead of the store's.
            meter: receives the number of bytes of arrays written.
            replace: also replace objects to which something in the storage points.
            parts: the paths may be those of parts of values: values change.

        Raises:
            NotAGroupError: a path goes through a value.
            ReferencedError: something points to an object that cannot be kept.

        After an error nothing has changed, or, if the storage has `transactions`, the caller must
        undo the changes with their `rollback`.
        """

    def copy_of(self, path: Path, source: Session, seen: Seen | None) -> Copy:
        """Create a copy of the node at a path of a session of a backend of the same kind.

        Like a draft, it has no key until a `Put` places it, together with its attributes.

        Args:
            path: the path of the node in that session.
            source: that session.
            seen: which nodes below it to copy; None for all.

        Raises:
            CheckpointerKeyError: there is no node at this path.
        """


class AttributeSession(Protocol):
    """HDF5 attributes of stored objects."""

    def attribute_names(self, path: Path) -> list[str]:
        """Return the names of all attributes except hdfchk's own marks."""

    def read_attribute(self, path: Path, name: str) -> Leaf | None:
        """Return one attribute, or None."""

    def write_attributes(self, path: Path, values: Mapping[str, Leaf | None]) -> None:
        """Set attributes, or delete them (None), as one commit."""


class ArraySession(Protocol):
    """Parts of arrays."""

    def array_info(self, path: Path) -> ArrayInfo:
        """Return the properties of the array at `path`.

        Raises:
            UnsupportedStoredError: it is not an array.
        """

    def read_slice(self, path: Path, index: Any) -> tuple[np.ndarray[Any, Any], Mark | None]:
        """Return the elements at `index`, and the array's mark.

        Args:
            path: the path of the array.
            index: an index as in NumPy: integers, slices, an ellipsis, new axes, lists and masks.
        """

    def write_slice(self, path: Path, index: Any, data: np.ndarray[Any, Any]) -> None:
        """Write `data`, which broadcasts to the selected shape, as one commit.

        Raises:
            UnsupportedTypeError: there are several values for one element.
        """

    def append(self, path: Path, rows: np.ndarray[Any, Any]) -> None:
        """Append rows as one commit, and make the array resizable if necessary.

        Args:
            path: the path of the array.
            rows: an array of rows, of the stored dtype.
        """

    def extend(
        self, rows: Mapping[Path, np.ndarray[Any, Any]], changes: Sequence[Change] = ()
    ) -> None:
        """Append rows to several arrays, then apply changes, as one commit: all of it or none.

        Args:
            rows: for the path of each array, rows as for `append`.
            changes: the changes.

        After an error, see `apply`.
        """

    def append_wider(self, path: Path, rows: np.ndarray[Any, Any], mark: Mark | None) -> None:
        """Append strings of a larger fixed width than the array has, as one commit.

        Args:
            path: the path of the array, which is rewritten.
            rows: an array of rows, of the new width.
            mark: the mark of the array.
        """

    def map(self, path: Path) -> np.ndarray[Any, Any]:
        """Return a read-only memory map of the stored elements.

        Raises:
            UnsupportedStoredError: they cannot be mapped; the message says why.
        """

    def draft(self, form: ArrayForm, layout: Layout, *, whole: bool = False) -> Draft:
        """Create a draft of an array.

        Args:
            form: its form. Rows can be appended if its layout has chunks.
            layout: its layout.
            whole: every element will be written, so none needs an initial value.
        """

    def layout(self, path: Path) -> Layout:
        """Return the layout that the store's options give to an array at `path`."""


class Session(ReadSession, WriteSession, AttributeSession, ArraySession, Protocol):
    """All operations of one store on open storage."""

    def entries(
        self,
        path: Path,
        *,
        depth: int | None = None,
        limit: int | None = None,
        select: Select | None = None,
        values: bool = False,
    ) -> list[Entry]:
        """List everything at and below a path, in one traversal that reads no array.

        For a dict, its descendants are listed depth first, in the order of keys. Any other value is
        one entry, however it is stored. A damaged object is an entry with a problem.

        Args:
            path: the start of the listing.
            depth: the number of levels below it; None for all, 0 for only the start itself.
            limit: the maximum number of entries.
            select: which keys to list; None for all.
            values: include small values in their entries.

        Raises:
            CheckpointerKeyError: there is nothing at this path.
        """
        from .entries import entries_of

        return entries_of(self, path, depth=depth, limit=limit, select=select, values=values)

    def refresh(self) -> None:
        """Use the current state of the storage, which may have been reopened."""

    def drop_objects(self) -> None:
        """Drop all objects of the library: the storage is closed."""


class SupportsTransactions(Protocol):
    """Storage whose changes take effect together, by a commit, or not at all."""

    def begin(self) -> None:
        """Begin a transaction; everything written before is committed."""

    def end(self) -> None:
        """End the transaction, whether it was committed, rolled back or empty."""

    def commit(self) -> None:
        """Make everything written since the last commit one commit.

        Raises:
            NotDurableError, FileReplacedError: the commit has taken effect.
            OSError: it has not.
        """

    def rollback(self) -> None:
        """Discard everything written since the last commit."""


class SupportsLog(Protocol):
    """Storage with a write-ahead log, which takes small changes without the library."""

    def put(self, path: Path, leaf: Leaf) -> bool:
        """Commit a small assignment.

        Returns:
            Whether this was possible. If not, `WriteSession.apply` must do it.
        """

    def put_rows(self, path: Path, rows: np.ndarray[Any, Any]) -> bool:
        """Commit rows to append; return the same as `put`."""

    @property
    def is_full(self) -> bool:
        """Whether so many rows are pending that the library must append them before any others."""

    def put_table(self, path: Path, rows: Mapping[Path, np.ndarray[Any, Any]]) -> bool:
        """Commit rows to append to several arrays below a path; return the same as `put`."""

    def settle(self) -> None:
        """Apply all logical records (of `put` and the like), for other operations to see them."""

    def raise_deferred(self) -> None:
        """Raise an error that occurred after a commit had returned, once."""

    def sync_log(self) -> None:
        """Sync all commits, so that they survive a power failure."""


class Storage:
    """Open storage, shared by the sessions of all stores that use it.

    Attributes:
        writable: it was opened for writing.
        generation: counts how often the library's objects became invalid.
        is_given_back: whether others may wait for it, or change it: a store that was opened closes
            it while it is idle.
    """

    writable: bool = True
    generation: int = 0
    is_given_back: bool = False

    @property
    def is_awaited(self) -> bool:
        """Whether another writer waits for it."""
        return False

    @property
    def progress(self) -> Hashable | None:
        """A value that changes with each commit; None if commits are not counted."""
        return None

    def raise_deferred(self) -> None:
        """Raise an error that occurred after a commit had returned, once."""

    def sync_log(self) -> None:
        """Sync all commits, so that they survive a power failure; does nothing without a log."""

    @property
    def transactions(self) -> SupportsTransactions | None:
        """Commits and rollbacks; None if each change takes effect at once."""
        return None

    @property
    def log(self) -> SupportsLog | None:
        """The write-ahead log, if there is one."""
        return None

    @property
    def state(self) -> Hashable | None:
        """Identifies the commit on which it was opened; None if unknown."""
        return None

    @property
    def waits(self) -> bool:
        """Whether commits may be pending in a log that has no writer to checkpoint them."""
        return False

    def take_error(self) -> Exception | None:
        """Return, and clear, the error of a callback of the library since the last call."""
        return None

    def sync(self) -> None:
        """Sync all commits, and checkpoint the log unless the file has readers."""

    def lend(self) -> Any:
        """Return the library's own object, for the caller to work on."""
        return None

    def abandon(self) -> None:
        """Release the storage without writing to it, in a child process after ``fork``."""

    def close(self) -> None:
        """Commit and close. Closing twice is allowed."""

    def drop_objects(self) -> None:
        """Drop all objects of the library, after closing.

        Their deallocation calls Python code, in which an exception from a signal handler
        would be lost. Therefore it happens while handlers are deferred.
        """


@runtime_checkable
class SupportsRecovery(Protocol):
    """A backend in which a killed writer leaves commits in a log."""

    def recover(
        self, progress: Progress | None = None, *, discard: bool = False, into: str | None = None
    ) -> bool:
        """Checkpoint, or set aside, the log of a killed writer; return whether there was one."""


@runtime_checkable
class SupportsCompaction(Protocol):
    """A backend that can rewrite its storage without unused space."""

    def compact(self, progress: Progress | None = None, *, portable: bool = False) -> int:
        """Rewrite it (`portable`: also for old readers); return the number of bytes freed."""


class Backend(Protocol):
    """A location in which trees can be stored."""

    @property
    def kind(self) -> str:
        """The kind: sessions of backends of the same kind copy from each other without codecs."""

    @property
    def capabilities(self) -> Capabilities:
        """The types that it stores natively."""

    @property
    def codecs(self) -> Any:
        """A replacement for the codec registry; None to use the registry."""

    @property
    def lock_timeout(self) -> float:
        """The time to wait for another writer, in seconds."""

    @property
    def sync_interval(self) -> float:
        """The maximum delay of a sync, in seconds."""

    @property
    def address(self) -> str:
        """Its name in messages: the path of the file, or a description."""

    def exists(self) -> bool:
        """Whether there is anything to open."""

    def share_keys(self) -> list[Hashable]:
        """Return keys that identify the file, its name last.

        Stores with one of them in common share a connection.
        """

    def is_same(self, key: Hashable, name: Hashable) -> bool:
        """Whether two keys of `share_keys` still identify the same file."""

    def open_storage(self, mode: str, lock_timeout: float | None = None) -> Storage:
        """Open it.

        Args:
            mode: ``r`` to read; otherwise to write: ``a`` creates it if it is missing, ``r+`` does
                not, ``w`` truncates it, ``x`` fails if it exists.
            lock_timeout: the remaining seconds to wait for another writer; None for the full time.

        Raises:
            CorruptFileError: it exists, but is not a file of this backend.
            ReadOnlyError: it cannot be written.
        """

    def nothing(self) -> Storage:
        """Return empty read-only storage, for a missing file."""

    def session(self, storage: Storage) -> Session:
        """Return a session on open storage, with this backend's options."""

    def waits_for(self, storage: Storage, mode: str) -> bool:
        """Whether opening the same file in `mode` would wait until `storage` is closed."""

    def join(self, storage: Storage) -> None:
        """Use storage that another store has opened, with the stricter durability of both."""

    def checkpoint_pending(self) -> None:
        """Checkpoint pending commits in a log, if the file has no other users."""

    def info(self) -> Info:
        """Return the state of the location as a whole, without waiting for locks."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as the address and the options, or raise `TypeError`."""
