"""What a backend is: the small interface between trees and storage."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import attrs
import numpy as np

from ..codecs.casting import Form
from ..codecs.portable import Capabilities
from ..keys import Path
from ..tree import Branch, Leaf, Mark
from .layout import Layout
from .meter import Meter, Progress

__all__ = [
    "ArrayForm",
    "ArrayInfo",
    "Backend",
    "Change",
    "Delete",
    "Draft",
    "Put",
    "Select",
    "Session",
    "Stat",
    "Storage",
    "Stored",
    "SupportsCompaction",
    "SupportsRecovery",
]


@attrs.frozen
class Stat:
    """What stands at a path, without its data.

    Args:
        is_dict: it is a dict: a live group, whose children are keys.
        is_group: it is stored as a group (a dict, or a value such as a record).
        mark: its mark, if any.
    """

    is_dict: bool
    is_group: bool
    mark: Mark | None


@attrs.frozen
class ArrayInfo:
    """The outside of a stored array: what is known without reading it.

    Axes that its HDF5 type has come last: they have one length, also of a chunk, and do not grow.

    Args:
        shape: lengths of the axes.
        dtype: the dtype it is stored with.
        mark: the mark, from which the codec tells the dtype of the value.
        maxshape: the lengths it can grow to, None for no limit.
        chunks: the shape of a chunk, or None.
        compression: the name of the filter that compresses the chunks, or None.
        form: what is to be known of its elements beside the dtype.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    mark: Mark | None
    maxshape: tuple[int | None, ...]
    chunks: tuple[int, ...] | None = None
    compression: str | None = None
    form: Form | None = None


@attrs.frozen
class ArrayForm:
    """What an array is to be that is not at hand.

    Args:
        shape: lengths of the axes.
        dtype: the dtype it is stored with.
        mark: the mark, from which the codec tells the dtype of the value.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    mark: Mark | None = None


class Draft(Protocol):
    """An array that is being made. It stands nowhere, and is lost, until a `Put` places it."""

    form: ArrayForm

    def append(self, rows: np.ndarray[Any, Any]) -> None:
        """Write rows behind the last ones."""

    def write(self, index: Any, data: np.ndarray[Any, Any]) -> None:
        """Write `data`, which broadcasts to the selected shape."""


Stored = Leaf | Branch | Draft


@attrs.frozen
class Put:
    """Put a tree, or an array that was made, at a path: what stood there before is replaced."""

    path: Path
    node: Stored


@attrs.frozen
class Delete:
    """Delete what stands at a path; nothing there is no error."""

    path: Path


Change = Put | Delete

Select = Callable[[Path, bool], bool]
"""``select(path, is_dict)``: whether a reader wants what stands at this absolute path."""


class Session(Protocol):
    """Storage that is open. Paths are absolute; the empty path is the root, which always is.

    A session is used by one thread at a time: its owner holds a lock.
    """

    def stat(self, path: Path) -> Stat | None:
        """What stands at `path`, or None. Reads no data."""

    def names(self, path: Path) -> list[str]:
        """The names of a group's children, in insertion order."""

    def count(self, path: Path) -> int:
        """How many children a group has, at least: it tells whether one came or went."""

    def has(self, path: Path, name: str) -> bool:
        """Whether a group has a child, wherever it leads."""

    def last_name(self, path: Path) -> str | None:
        """The name of the child of a group that was set last; None if it has none."""

    def read(
        self,
        path: Path,
        select: Select | None = None,
        *,
        mapped: bool = False,
        meter: Meter | None = None,
    ) -> Leaf | Branch:
        """The whole tree at `path`, but for children that `select` does not want.

        Args:
            path: where.
            select: what is wanted of it.
            mapped: arrays that lie in a file in one piece may be mapped and not read.
            meter: is told how many bytes of the file are read, and, if that is known, of how many.

        Raises:
            CheckpointerKeyError: nothing stands there.
        """

    def read_value(self, path: Path, *, mapped: bool = False) -> Leaf | Branch | None:
        """As `read`, but None for a dict: the common case of ``chk[key]`` in one look-up."""

    def at(self, path: Path) -> Session:
        """A session to read from, whose root is the dict at `path`.

        It is good as long as this one is open, and nothing is written.
        """

    def identity(self, path: Path) -> Any:
        """Something that is equal for two paths to one object, and for no others; hashable."""

    def verify(self, path: Path, *, has_value: bool = True) -> None:
        """Look at checksums that reading does not look at.

        Args:
            path: of a value.
            has_value: it could be read; if not, its bytes are read here.

        Raises:
            CorruptFileError: the data are not those that were written.
        """

    def apply(
        self,
        changes: Sequence[Change],
        layout: Layout | None = None,
        meter: Meter | None = None,
        *,
        replace: bool = False,
    ) -> None:
        """Apply all changes, in order, as one commit: all of them or none.

        Args:
            changes: what to do.
            layout: how arrays are to lie in the file, if not as the store says.
            meter: is told how many bytes of arrays are written.
            replace: replace also what something in the storage points at, if it cannot be kept.

        Raises:
            NotAGroupError: a path goes through a value.
            ReferencedError: something points at what cannot be kept.

        After an error nothing is changed, or, where the storage `has_transactions`, what is changed
        is to be given up by its `rollback`.
        """

    def draft(self, form: ArrayForm, layout: Layout, *, whole: bool = False) -> Draft:
        """Begin to make an array.

        Args:
            form: what it is to be. Rows can be appended if its layout has chunks.
            layout: how it is to lie in the file.
            whole: every element will be written, so that none needs a value before.
        """

    def layout(self, path: Path) -> Layout:
        """How the store says that an array at `path` is to lie in the file."""

    def refresh(self) -> None:
        """Go on with what the storage is now: it may have been opened anew."""

    def let_go(self) -> None:
        """Drop all objects of the library's: the storage is closed."""

    def attribute_names(self, path: Path) -> list[str]:
        """The names of all attributes but the library's own marks."""

    def read_attribute(self, path: Path, name: str) -> Leaf | None:
        """One attribute, or None."""

    def write_attributes(self, path: Path, values: Mapping[str, Leaf | None]) -> None:
        """Set attributes, or delete them (None), as one commit."""

    def array_info(self, path: Path) -> ArrayInfo:
        """The outside of the array at `path`.

        Raises:
            UnsupportedStoredError: it is not an array.
        """

    def read_slice(self, path: Path, index: Any) -> tuple[np.ndarray[Any, Any], Mark | None]:
        """The elements at `index`, and the array's mark.

        Args:
            path: where the array is.
            index: integers, slices, one list or mask of rows, Ellipsis.
        """

    def write_slice(self, path: Path, index: Any, data: np.ndarray[Any, Any]) -> None:
        """Write `data`, which broadcasts to the selected shape. One commit."""

    def append(self, path: Path, rows: np.ndarray[Any, Any]) -> None:
        """Append rows, making the array growable if it was not. One commit.

        Args:
            path: where the array is.
            rows: of the stored dtype, and of the shape of rows.
        """

    def map(self, path: Path) -> np.ndarray[Any, Any]:
        """A read-only view of the stored elements in the file.

        Raises:
            UnsupportedStoredError: they cannot be mapped; it says why.
        """


class Storage:
    """Storage that is open, for the sessions of all stores that share it.

    This one is what a backend has that does nothing of its own here: its changes are there at once.

    Attributes:
        writable: it was opened for writing.
        has_log: small assignments and rows can be committed without its library.
        has_transactions: `rollback` gives up all that was written since the last commit.
        generation: counts how often the library's objects became invalid.
    """

    writable: bool = True
    has_log: bool = False
    has_transactions: bool = False
    generation: int = 0

    @property
    def state(self) -> Hashable | None:
        """Which commit it was opened on; None where that cannot be told."""
        return None

    @property
    def waits(self) -> bool:
        """Whether commits wait in a log, where reading leaves them."""
        return False

    def put(self, path: Path, leaf: Leaf) -> bool:
        """Commit a small assignment without the library, if there is a log for it.

        Returns:
            Whether it was done. If not, `Session.apply` has to do it.
        """
        return False

    def put_rows(self, path: Path, rows: np.ndarray[Any, Any]) -> bool:
        """Commit rows to append without the library, if there is a log; whether it was done."""
        return False

    def settle(self) -> None:
        """Do what `put` and `put_rows` have left to be done, so that everything else sees it."""

    def take_error(self) -> Exception | None:
        """What a callback of the library's has met since the last call."""
        return None

    def raise_deferred(self) -> None:
        """Raise what was met after a commit had returned, once."""

    def check_transactions(self) -> None:
        """Refuse a transaction that could not be given up.

        Raises:
            TransactionError: it could not.
        """

    def begin(self) -> None:
        """A transaction begins: what was written before is committed."""

    def end(self) -> None:
        """The transaction is over, however it has ended: it may have written nothing."""

    def commit(self) -> None:
        """Make all that was written since the last commit one commit."""

    def rollback(self) -> None:
        """Give up all that was written since the last commit."""

    def sync_log(self) -> None:
        """Bring all commits to where a loss of power leaves them."""

    def sync(self) -> None:
        """As `sync_log`, and into the file itself unless somebody reads it."""

    def lend(self) -> Any:
        """The library's own object, for the caller to work on."""
        return None

    def abandon(self) -> None:
        """Forget the storage without writing to it: in a child process after ``fork``."""

    def close(self) -> None:
        """Commit and close. Closing twice is allowed."""

    def let_go(self) -> None:
        """Drop all objects of the library's, once it is closed.

        Their end calls functions of Python's, where an exception that a handler of a signal raises
        would be lost. So it comes while handlers are deferred.
        """


@runtime_checkable
class SupportsRecovery(Protocol):
    """A backend whose killed writers leave commits in a log."""

    def recover(
        self, progress: Progress | None = None, *, discard: bool = False, into: str | None = None
    ) -> bool:
        """Bring in, or set aside, what a killed writer has left; whether there was anything."""


@runtime_checkable
class SupportsCompaction(Protocol):
    """A backend that can write its storage anew, without unused space."""

    def compact(self, progress: Progress | None = None, *, portable: bool = False) -> int:
        """Write it anew, `portable`: for old readers, too; how many bytes that gave back."""


class Backend(Protocol):
    """A place where trees can be kept."""

    @property
    def capabilities(self) -> Capabilities:
        """What it keeps natively."""

    @property
    def codecs(self) -> Any:
        """What takes the place of a registry of codecs here; None where values are encoded."""

    @property
    def lock_timeout(self) -> float:
        """Seconds to wait for another writer."""

    @property
    def sync_interval(self) -> float:
        """Seconds that what was written may wait."""

    @property
    def address(self) -> str:
        """How messages call it: the file's path, or what else says which it is."""

    def exists(self) -> bool:
        """Whether there is anything to open."""

    def share_keys(self) -> list[Hashable]:
        """What tells which file it is, its name last.

        Stores with one of them in common share a connection.
        """

    def is_same(self, key: Hashable, name: Hashable) -> bool:
        """Whether what a key of `share_keys` stands for is still found by another one."""

    def open_storage(self, mode: str, lock_timeout: float | None = None) -> Storage:
        """Open it.

        Args:
            mode: ``r`` to read; else to write: ``a`` makes it if it is missing, ``r+`` does not,
                ``w`` begins anew, ``x`` fails if it is there.
            lock_timeout: what is left of the seconds to wait for another writer; None for all.

        Raises:
            CorruptFileError: it is there, but is not a file of this backend's.
            ReadOnlyError: it cannot be written.
        """

    def nothing(self) -> Storage:
        """Storage, to be read, that holds nothing: the file is missing."""

    def session(self, storage: Storage) -> Session:
        """A session on open storage, with this backend's options."""

    def waits_for(self, storage: Storage, mode: str) -> bool:
        """Whether opening the same file in a mode waits until other storage of it is closed."""

    def join(self, storage: Storage) -> None:
        """Use storage that another store has opened: the stricter durability of both holds."""

    def bring_in(self) -> None:
        """Bring commits that wait in a log into the file, if nobody else is there."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as the address and the options, or raise `TypeError`."""
