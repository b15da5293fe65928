"""`Array`: a handle on one stored array, never loaded whole unless asked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import edits
from .attributes import Attributes
from .codecs.casting import set_fields
from .codecs.elements import Elements, elements_of
from .connection.append_buffers import RowBuffer
from .context import Context
from .equality import same
from .errors import HdfchkError, InvalidOptionError, UnsupportedStoredError
from .filters import Filters, Verdict
from .keys import Path, join
from .lengths import count_of
from .progress import ProgressOption, teller
from .runtime.interrupts import BLOCK_BYTES

if TYPE_CHECKING:
    from .backends.base import ArrayInfo, Session

__all__ = ["Array"]

_NAMELESS = frozenset({int, slice, type(...), list, np.ndarray})


class Array:
    """A handle on one stored array: it holds a place, and reads only what is asked for.

    You get it from ``chk.array(key)`` and ``chk.create(key, shape, dtype)``. Indexing is h5py's:
    integers, slices, ``...``, and one list or mask of rows. Elements come back as the codec makes
    them: datetimes as datetimes, strings as strings, rows of a tensor as tensors.

    Guarantees:
        Each assignment to a slice and each `append` is one commit; inside a ``with`` block,
        appended rows may wait for it for ``sync_interval`` seconds. A handle works outside a
        ``with`` block (it opens the file for each use), threads take turns, and it pickles as
        the address of its store and its place there.

        Not atomic: `blocks` and iteration outside a ``with`` block; another process may write
        between two blocks.

    Example:
        >>> import numpy as np
        >>> from hdfchk import HDF5Checkpointer
        >>> chk = HDF5Checkpointer(None)
        >>> chk["frames"] = np.arange(6.0).reshape(3, 2)
        >>> frames = chk.array("frames")
        >>> frames.shape, frames[1].tolist()
        ((3, 2), [2.0, 3.0])
        >>> frames.append(np.array([[6.0, 7.0]]))
        >>> len(frames)
        4
    """

    _parts: ClassVar[tuple[str, ...]] = ()
    """The names of the arrays of which it is made, if it is stored as several."""

    def __init__(self, context: Context, path: Path, filters: Filters) -> None:
        self._context = context
        self._path = path
        self._stored = path
        self._filters = filters

    def __repr__(self) -> str:
        """Place, shape and dtype."""
        place = f"{join(self._path)!r} in {self._context.handle.backend.address}"
        return f"<Array {place}: shape {self.shape}, dtype {self.dtype}>"

    # -- the outside ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self._info().shape

    @property
    def dtype(self) -> Any:
        """The dtype of the values: a `numpy.dtype`, or a ``torch.dtype`` for a tensor."""
        info = self._info()
        return elements_of(info.mark, info.dtype, info.form).dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The size in bytes of the whole array in memory."""
        return self.size * int(self.dtype.itemsize)

    @property
    def maxshape(self) -> tuple[int | None, ...]:
        """The lengths to which the array can grow in the file; None for no limit."""
        return self._info().maxshape

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """The shape of a chunk, or None for an array in one piece."""
        return self._info().chunks

    @property
    def compression(self) -> str | None:
        """The name of the filter that compresses the chunks, or None."""
        return self._info().compression

    @property
    def attrs(self) -> Attributes:
        """The HDF5 attributes of the array, as a mapping."""
        return Attributes(self._context, self._path, self._check)

    def __len__(self) -> int:
        """The number of rows: the length of the first axis."""
        shape = self.shape
        if not shape:
            raise TypeError("a 0-d array has no rows")
        return shape[0]

    # -- reading -------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        """The elements at an index; only they are read.

        Names of fields in it choose these of a structured array.

        Raises:
            IndexError, ValueError, TypeError: the index does not fit the shape.
        """
        self._check()
        with self._context.handle.reading() as session:
            return self._read(session, _usual(index))

    def _read(self, session: Session, index: Any) -> Any:
        names, index = _names_in(index)
        data, mark = session.read_slice(self._stored, index)
        value = elements_of(mark, data.dtype).decode(data)
        if names:
            value = value[names[0] if len(names) == 1 else names]
        return value[()] if value.ndim == 0 and index is not Ellipsis else value

    def __iter__(self) -> Iterator[Any]:
        """The rows, read in blocks."""
        len(self)  # a 0-d array has none
        for block in self.blocks():
            yield from block

    def blocks(self, rows: int | None = None, *, progress: ProgressOption = None) -> Iterator[Any]:
        """The array block by block, so that it is never in memory as a whole.

        Args:
            rows: how many rows a block has; None for about 16 MiB of whole chunks.
            progress: True for a progress bar, or ``progress(done, total)``, in rows.

        Raises:
            InvalidOptionError: `rows` is less than 1 (a `ValueError`).

        Example:
            >>> import numpy as np
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk["x"] = np.arange(5)
            >>> [block.sum() for block in chk.array("x").blocks(2)]
            [np.int64(1), np.int64(5), np.int64(4)]
        """
        if rows is not None and count_of(rows, "rows") < 1:
            raise InvalidOptionError(f"a block has at least one row, not {rows}")
        total = len(self)
        with self._context.handle.held(), teller(progress, join(self._path), "rows") as tell:
            step = rows or self._block_rows()
            for start in range(0, total, step):
                yield self[start : start + step]
                tell(min(total, start + step), total)

    def _block_rows(self) -> int:
        info = self._info()
        row = max(1, math.prod(info.shape[1:]) * info.dtype.itemsize)
        chunk = info.chunks[0] if info.chunks else 1
        return max(1, BLOCK_BYTES // row // chunk) * chunk

    def __array__(
        self, dtype: np.dtype[Any] | None = None, copy: bool | None = None
    ) -> np.ndarray[Any, Any]:
        """The whole array in memory, for NumPy.

        Raises:
            ValueError: ``copy=False`` was asked for; the elements must be read.
        """
        if copy is False:
            raise ValueError("a stored array cannot be had without a copy")
        value = np.asarray(self[...])
        return value if dtype is None else value.astype(dtype, copy=False)

    def astype(self, dtype: Any) -> np.ndarray[Any, Any]:
        """The whole array in memory, cast as by NumPy."""
        return np.asarray(self[...]).astype(dtype)

    def __eq__(self, other: object) -> bool:
        """Whether `other`, an array or another handle, has the same shape and elements.

        Shapes are compared first, elements block by block. ``array[...] == other`` compares one
        by one.
        """
        if not isinstance(other, (Array, np.ndarray)):
            return NotImplemented
        if self.shape != other.shape:
            return False
        if not self.shape:
            return same(self[...], other[...])
        step = self._block_rows()
        return all(
            same(self[start : start + step], other[start : start + step])
            for start in range(0, len(self), step)
        )

    __hash__ = None  # type: ignore[assignment]

    def map(self) -> np.ndarray[Any, Any]:
        """A read-only view of the elements as they lie in the file, for an array in one piece.

        Nothing is copied; pages are read as they are used. What the log still holds is first
        brought into the file. While a map lives, its bytes are not given to anything else and the
        file is not shortened: commits that would change them stay in the log (a
        `PendingJournalWarning`). Where the system has no such locks (see ``docs/durability.md``),
        do not overwrite, delete or grow the array meanwhile.

        Raises:
            UnsupportedStoredError: the array is in chunks, compressed, very small, or not in a
                file: the error says which, and what to do.
        """
        self._check()
        if self._parts:
            raise UnsupportedStoredError(
                f"it is stored as several arrays, {', '.join(self._parts)}",
                key=join(self._path),
                hint=f"map one of them: chk.array({join(self._stored)!r}).map()",
            )
        self._context.handle.sync()
        with self._context.handle.reading() as session:
            elements = self._elements(session)
            if elements.stored.kind in "SO" and not elements.is_plain:
                raise UnsupportedStoredError(
                    f"elements of {elements.dtype} are stored in another form, as {elements.stored}"
                    ", and cannot be mapped",
                    key=join(self._path),
                    hint="index it, or read it by blocks()",
                )
            stored = session.map(self._stored)
        if elements.kind == "torch.Tensor":
            return stored  # torch has no tensors that cannot be written
        value: np.ndarray[Any, Any] = elements.decode(stored)
        return value

    # -- writing -------------------------------------------------------------------------------

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write elements, broadcast to the index; one commit.

        Values are cast as NumPy casts them, within their kind: a float does not become an
        integer, nor an integer one that it does not fit. A row of a structured array is a tuple,
        a mapping of all its fields, or `numpy.void`; several are a list of these. Strings are
        `str` or `bytes`. An item of variable length is an array or a list; several are a list.

        Raises:
            UnsupportedTypeError: an element does not fit the stored dtype (a longer string), or
                there are not as many as are selected.
        """
        self._check()
        with self._context.handle.writing() as session:
            self._write(session, _usual(index), value)

    def _write(self, session: Session, index: Any, value: Any) -> None:
        names, index = _names_in(index)
        elements = self._elements(session)
        with self._named():
            if names:  # what else the rows hold is to stay
                rows = elements.decode(session.read_slice(self._stored, index)[0])
                set_fields(rows, names, value, elements.form)
                value = rows
            data = elements.encode(value)
        session.write_slice(self._stored, index, data)

    def append(self, block: Any) -> None:
        """Append rows; one commit. The array is made growable at the first append.

        Rows of a file that has a log are committed when it returns: a kill leaves them there. Of
        other stores small rows wait in memory inside a ``with`` block: for ``sync_interval``
        seconds, until anything else is done with the store, until `commit` and the end of the
        block. Readers see whole rows only.

        Args:
            block: an array whose shape is ``(rows, *shape[1:])``, or one row of ``shape[1:]``.

        Raises:
            InvalidOptionError: the shape does not fit (a `ValueError`).
            UnsupportedTypeError: an element does not fit the stored dtype.
        """
        handle = self._context.handle
        self._check()
        if handle.append_row(self._path, block):
            return
        with handle.turn():
            log = handle.log_of(self._path)
            if log is not None:
                with self._named():
                    rows = rows_of(log.elements.encode(block), (0, *log.row), self._path)
                handle.append(self._stored, log, rows)
                return
            with handle.writing_alone():
                with handle.reading() as session:
                    shape = session.array_info(self._stored).shape
                    log = RowBuffer(self._path, self._elements(session), shape[1:])
                with self._named():
                    rows = rows_of(log.elements.encode(block), shape, self._path)
                handle.append(self._stored, log, rows)

    # -- inside --------------------------------------------------------------------------------

    def _elements(self, session: Session) -> Elements:
        info = session.array_info(self._stored)
        elements = elements_of(info.mark, info.dtype, info.form)
        if elements.in_one_axis_more:
            raise UnsupportedStoredError(
                "strings with lone surrogates are stored as code points, and read as a whole",
                key=join(self._path),
                hint="read it by chk[key]",
            )
        return elements

    @contextmanager
    def _named(self) -> Iterator[None]:
        """A block whose errors get the key, and the file."""
        try:
            yield
        except HdfchkError as error:
            error.key = error.key or join(self._path)
            error.file = error.file or self._context.handle.backend.address
            raise

    def _info(self) -> ArrayInfo:
        self._check()
        with self._context.handle.reading() as session:
            return session.array_info(self._stored)

    def _check(self) -> None:
        if not self._filters.stack:
            return
        edits.check_visible(self._filters, self._path)
        for path in (self._path, *[(*self._path, part) for part in self._parts]):
            if self._filters.verdict(path) is not Verdict.FULL:
                raise edits.refused(self._path, "the key filter hides a part of this array")


def _usual(index: Any) -> Any:
    """An index as HDF5's libraries know it: a list of booleans is a mask."""
    if isinstance(index, list) and index and all(isinstance(i, (bool, np.bool)) for i in index):
        return np.array(index)
    return index


def _names_in(index: Any) -> tuple[list[str], Any]:
    """The names of fields in an index, and the rest of it."""
    if type(index) in _NAMELESS:
        return [], index
    parts = index if isinstance(index, tuple) else (index,)
    names = [part for part in parts if isinstance(part, str)]
    if not names:
        return [], index
    return names, tuple(part for part in parts if not isinstance(part, str)) or Ellipsis


def rows_of(
    stored: np.ndarray[Any, Any], shape: tuple[int, ...], path: Path
) -> np.ndarray[Any, Any]:
    """Stored elements as rows of an array: one row, or a block of rows.

    Args:
        stored: of shape ``shape[1:]`` or ``(rows, *shape[1:])``.
        shape: of the array.
        path: where it is, for messages.

    Raises:
        InvalidOptionError: the shape does not fit.
    """
    if shape and stored.shape == shape[1:]:
        return stored[np.newaxis]
    if not shape or stored.shape[1:] != shape[1:] or not stored.shape:
        raise InvalidOptionError(
            f"rows of shape {stored.shape[1:]} do not fit an array of shape {shape}",
            key=join(path),
            hint="append one row, or a block of rows",
        )
    return stored
