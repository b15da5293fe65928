"""What a backend is: the small interface between trees and storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs
import numpy as np

from ..codecs.portable import Capabilities
from ..keys import Path
from ..tree import Branch, Leaf, Mark
from .layout import Layout
from .meter import Meter

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
    "Stored",
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

    Args:
        shape: lengths of the axes.
        dtype: the dtype it is stored with.
        mark: the mark, from which the codec tells the dtype of the value.
        maxshape: the lengths it can grow to, None for no limit.
        chunks: the shape of a chunk, or None.
        compression: the name of the filter that compresses the chunks, or None.
        offset: where the bytes begin in the file, if they lie there in one unfiltered run.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    mark: Mark | None
    maxshape: tuple[int | None, ...]
    chunks: tuple[int, ...] | None = None
    compression: str | None = None
    offset: int | None = None


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

    writable: bool
    calls_back: bool
    """Whether its library calls Python while it works: signals have to wait until it returns."""

    def stat(self, path: Path) -> Stat | None:
        """What stands at `path`, or None. Reads no data."""

    def names(self, path: Path) -> list[str]:
        """The names of a group's children, in insertion order."""

    def last_name(self, path: Path) -> str | None:
        """The last of them, or None."""

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

    def identity(self, path: Path) -> Any:
        """Something that is equal for two paths to one object, and for no others; hashable."""

    def verify(self, path: Path) -> None:
        """Look at checksums that reading does not look at.

        Raises:
            CorruptFileError: the data are not those that were written.
        """

    def apply(
        self,
        changes: Sequence[Change],
        layout: Layout | None = None,
        meter: Meter | None = None,
    ) -> None:
        """Apply all changes, in order, as one commit: all of them or none.

        Args:
            changes: what to do.
            layout: how arrays are to lie in the file, if not as the store says.
            meter: is told how many bytes of arrays are written.

        Raises:
            NotAGroupError: a path goes through a value.
        """

    def draft(self, form: ArrayForm, layout: Layout, *, whole: bool = False) -> Draft:
        """Begin to make an array.

        Args:
            form: what it is to be. Rows can be appended if its layout has chunks.
            layout: how it is to lie in the file.
            whole: every element will be written, so that none needs a value before.
        """

    def put(self, path: Path, leaf: Leaf) -> bool:
        """Put a leaf at a path as one commit, if it is so small that there is a faster way.

        Returns:
            Whether it was done. If not, `apply` has to do it.
        """

    def settle(self) -> None:
        """Do what `put` has left to be done, so that everything else sees it."""

    def layout(self, path: Path) -> Layout:
        """How the store says that an array at `path` is to lie in the file."""

    def commit(self) -> None:
        """Make all that was written since the last commit one commit, where the backend can."""

    def rollback(self) -> None:
        """Give up all that was written since the last commit, where the backend can."""

    def attribute_names(self, path: Path) -> list[str]:
        """The names of all attributes but the library's own marks."""

    def read_attribute(self, path: Path, name: str) -> Leaf | None:
        """One attribute, or None."""

    def write_attribute(self, path: Path, name: str, leaf: Leaf | None) -> None:
        """Set one attribute, or delete it (None). One commit."""

    def write_attributes(self, path: Path, values: Mapping[str, Leaf | None]) -> None:
        """Set attributes, or delete them (None), as one commit."""

    def array_info(self, path: Path) -> ArrayInfo:
        """The outside of the array at `path`.

        Raises:
            UnsupportedStoredError: it is no array.
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
            UnsupportedStoredError: they can not be mapped; it says why.
        """

    def stream(self) -> Any:
        """The library's own object for the open storage (an `h5py.File`), or None."""

    def flush(self) -> None:
        """Hand everything to the operating system."""

    def abandon(self) -> None:
        """Forget the storage without writing to it: in a child process after ``fork``."""

    def close(self) -> None:
        """Flush and close. Closing twice is allowed."""


class Backend(Protocol):
    """A place where trees can be kept."""

    @property
    def capabilities(self) -> Capabilities:
        """What it keeps natively."""

    @property
    def address(self) -> str:
        """How messages call it: the file's path, or what else says which it is."""

    def exists(self) -> bool:
        """Whether there is anything to open."""

    def open(self, *, writable: bool, truncate: bool = False) -> Session:
        """Open it; for writing it is created if it does not exist.

        Args:
            writable: open for reading and writing.
            truncate: throw away all that it holds.

        Raises:
            CorruptFileError: it is there, but is no file of this backend's.
            ReadOnlyError: it can not be written.
        """

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as the address and the options, or raise `TypeError`."""
