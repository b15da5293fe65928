"""`Array`: a handle on one stored array, never loaded whole unless asked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..backends.base import ArrayInfo
from ..equality import same
from ..errors import InvalidOptionError, UnsupportedStoredError, UnsupportedTypeError
from ..keys import join
from ..lengths import count_of
from ..location import Location, Placed
from ..progress import ProgressOption, reporting
from ..runtime.interrupts import BLOCK_BYTES
from ..views import access
from ..views.key_filter import Verdict
from .forms import DenseForm

if TYPE_CHECKING:
    from ..attributes import Attributes

__all__ = ["Array"]

_ADVICE = "array[2:4] reads these rows alone, array[...] all; array[0] = 1 writes to the file"


class Array(Placed):
    """A handle on one stored array. It holds a location, and reads only what is indexed.

    You get it from ``chk.array(key)`` and ``chk.create(key, shape, dtype)``. It is indexed as in
    NumPy: by integers, slices, ``...``, lists and masks along any axes. Elements have the types of
    the stored value: datetimes are returned as datetimes, strings as strings, rows of a tensor as
    tensors.

    Guarantees:
        Each assignment to a slice and each `append` is one commit; inside a ``with`` block,
        appended rows may wait for it for up to ``sync_interval`` seconds. Outside a ``with`` block
        each use opens the file. Calls from several threads run one after another. A handle is
        pickled as the address of its store and its path.

        The data and the mask of a masked array are written as one commit; appended rows do not
        wait. An array stored without a mask is rewritten when its first element is masked.

        Slices of a sparse array in CSR or CSC format have its class: only the selected rows of a
        CSR array, or columns of a CSC array, are read. It can only be written as a whole, by
        ``chk[key] = value``.

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

    def __init__(self, location: Location, form: DenseForm) -> None:
        self._location = location
        self._form = form

    def __repr__(self) -> str:
        """Return location, shape and dtype, or what is wrong."""
        from ..display.texts import problem_of

        try:
            with self._location.glance():
                told = f"shape {self.shape}, dtype {self.dtype}"
        except Exception as error:  # a debugger also shows locked, damaged and removed files
            told = problem_of(error)
        return f"<Array {join(self._location.path)!r} in {self._location.file}: {told}>"

    def _repr_html_(self) -> str:
        """Return the properties, and how to read elements. None is read."""
        from ..display import html
        from ..display.texts import near, problem_of

        kind = type(self).__name__
        place = f"{join(self._location.path)!r} in {near(self._location.file)}"
        try:
            with self._location.glance():
                return html.box(
                    kind, place, "", html.properties(self._properties()), html.note(_ADVICE)
                )
        except Exception as error:
            return html.box(kind, place, "", html.problem(problem_of(error)))

    def _properties(self) -> list[tuple[str, str]]:
        from ..display.texts import cut, keys_of, size_of

        info, shape = self._info(), self.shape
        found = [
            ("shape", str(shape)),
            ("dtype", cut(str(self.dtype))),
            ("size", size_of(self.nbytes)),
        ]
        if info.chunks:
            found.append(("chunks", str(info.chunks)))
        if info.compression:
            found.append(("compression", info.compression))
        if any(length is None for length in info.maxshape):
            found.append(("maxshape", str(info.maxshape)))
        if names := list(self.attrs):
            found.append(("attributes", keys_of(len(names), names, "attribute")))
        return found

    # -- properties ----------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        self._check()
        with self._location.handle.reading() as session:
            return self._form.shape(session)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the values: a `numpy.dtype`, or a ``torch.dtype`` for a tensor."""
        from ..codecs.elements import elements_of

        info = self._info()
        dtype: np.dtype[Any] = elements_of(info.mark, info.dtype, info.form).dtype
        return dtype

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
        """The size in memory of all elements, in bytes; for a sparse array, of the stored ones."""
        with self._location.handle.held():
            return self._stored_size() * int(self.dtype.itemsize)

    @property
    def nnz(self) -> int:
        """The number of stored elements of a sparse array.

        Raises:
            AttributeError: the array is not sparse.
        """
        if self._form.is_dense:
            raise AttributeError("only a sparse array has nnz")
        return self._stored_size()

    def _stored_size(self) -> int:
        self._check()
        with self._location.handle.reading() as session:
            return self._form.size(session)

    @property
    def maxshape(self) -> tuple[int | None, ...]:
        """The maximum lengths of the axes; None for no limit."""
        return self._info().maxshape

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """The shape of a chunk, or None if the array is contiguous."""
        return self._info().chunks

    @property
    def compression(self) -> str | None:
        """The name of the filter that compresses the chunks, or None."""
        return self._info().compression

    @property
    def attrs(self) -> Attributes:
        """The HDF5 attributes of the array, as a mapping."""
        from ..attributes import Attributes

        return Attributes(self._location, self._check)

    def __len__(self) -> int:
        """Return the number of rows: the length of the first axis."""
        shape = self.shape
        if not shape:
            raise TypeError("a 0-d array has no rows")
        return shape[0]

    # -- reading -------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        """Return the elements at an index, as NumPy does. Only these are read, each once.

        Field names in the index select fields of a structured array.

        Raises:
            IndexError: the index does not fit the shape.

        Example:
            >>> import numpy as np
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk["x"] = np.arange(12).reshape(4, 3)
            >>> chk.array("x")[[3, 1, 1]].tolist()
            [[9, 10, 11], [3, 4, 5], [3, 4, 5]]
            >>> chk.array("x")[::-2, [True, False, True]].tolist()
            [[9, 11], [3, 5]]
        """
        self._check()
        with self._location.handle.reading() as session:
            return self._form.read(session, index)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows, which are read in blocks."""
        len(self)  # raises an error for a 0-d array
        for block in self.blocks():
            yield from block

    def blocks(self, rows: int | None = None, *, progress: ProgressOption = None) -> Iterator[Any]:
        """Iterate over the array in blocks, so that it is never in memory as a whole.

        Args:
            rows: the number of rows of a block; None for about 16 MiB of whole chunks.
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
            raise InvalidOptionError(f"a block must have at least one row, not {rows}")
        total = len(self)
        with (
            self._location.handle.held(),
            reporting(progress, join(self._location.path), "rows") as tell,
        ):
            step = rows or self._block_rows()
            for start in range(0, total, step):
                yield self[start : start + step]
                tell(min(total, start + step), total)

    def _block_rows(self) -> int:
        return self._form.block_rows(self._info(), BLOCK_BYTES)

    def __array__(
        self, dtype: np.dtype[Any] | None = None, copy: bool | None = None
    ) -> np.ndarray[Any, Any]:
        """Return the whole array in memory, for NumPy.

        Raises:
            ValueError: ``copy=False`` was passed, but the elements must be read.
            UnsupportedTypeError: the array is sparse.
        """
        if not self._form.is_dense:
            raise UnsupportedTypeError(
                "a sparse array is not converted to a dense one implicitly",
                key=join(self._location.path),
                hint="use .toarray()",
            )
        if copy is False:
            raise ValueError("a stored array cannot be converted without a copy")
        value = np.asarray(self[...])
        return value if dtype is None else value.astype(dtype, copy=False)

    def astype(self, dtype: Any) -> np.ndarray[Any, Any]:
        """Return the whole array in memory, cast as by NumPy."""
        return np.asarray(self[...]).astype(dtype)

    def __eq__(self, other: object) -> bool:
        """Whether `other`, an array or another handle, has the same shape and elements.

        Shapes are compared first, then elements, block by block. ``array[...] == other`` compares
        element by element.
        """
        if not self._form.is_dense:
            return self._is_same_sparse(other)  # type: ignore[no-any-return]
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

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def _is_same_sparse(self, other: Any) -> Any:
        is_handle = isinstance(other, Array) and not other._form.is_dense  # noqa: SLF001
        value = other[:] if is_handle else other
        if not hasattr(value, "nnz") or not hasattr(value, "shape"):
            return NotImplemented
        return bool(self.shape == value.shape and (self[:] != value).nnz == 0)

    def map(self) -> np.ndarray[Any, Any]:
        """Return a read-only memory map of a contiguous array.

        Nothing is copied; pages are read when they are accessed. Pending commits are first
        checkpointed. While a map exists, its bytes in the file are not reused and the file is not
        truncated: commits that would change them stay in the log (a `PendingJournalWarning`). On
        systems without the necessary locks (see ``docs/durability.md``), do not overwrite, delete
        or extend the array meanwhile.

        Raises:
            UnsupportedStoredError: the array is chunked, compressed, very small, or not in a file;
                the message says which, and what to do.
        """
        self._check()
        form = self._form
        if form.parts:
            raise UnsupportedStoredError(
                f"it is stored as several arrays, {', '.join(form.parts)}",
                key=join(self._location.path),
                hint=f"map one of them: chk.array({join(form.stored)!r}).map()",
            )
        self._location.handle.sync()
        with self._location.handle.reading() as session:
            elements = form.elements(session)
            if elements.stored.kind in "SO" and not elements.is_plain:
                raise UnsupportedStoredError(
                    f"elements of {elements.dtype} are stored in another form, as {elements.stored}"
                    ", and cannot be mapped",
                    key=join(self._location.path),
                    hint="index it, or read it by blocks()",
                )
            stored = session.map(form.stored)
        if elements.kind == "torch.Tensor":
            return stored  # torch has no read-only tensors
        value: np.ndarray[Any, Any] = elements.decode(stored)
        return value

    # -- writing -------------------------------------------------------------------------------

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write elements, broadcast to the selected shape; one commit.

        Values are cast as by NumPy, but only within their kind: a float is never cast to an
            integer, nor an integer to a type that cannot hold it. A row of a structured array is a
            tuple, a mapping of all its fields, or `numpy.void`; several rows are a list of these.
            Strings are `str` or `bytes`. An item of variable length is an array or a list; several
            items are a list.

        Raises:
            UnsupportedTypeError: an element does not fit the stored dtype (for example, a longer
                string), the number of values differs from that of selected elements, or the index
                selects an element twice, with different values.

        Example:
            >>> import numpy as np
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk["x"] = np.zeros(4)
            >>> chk.array("x")[[3, 1]] = [7, 8]
            >>> chk["x"].tolist()
            [0.0, 8.0, 0.0, 7.0]
        """
        self._check()
        with self._location.handle.writing() as session:
            self._form.write(session, index, value)

    def append(self, block: Any) -> None:
        """Append rows; one commit. The first call makes the array resizable.

        An array of strings of fixed width is rewritten, in blocks, if longer ones are appended.

        If the file has a write-ahead log, the rows are committed when the call returns, and survive
        a kill. In other stores, small rows wait in memory inside a ``with`` block: for at most
        ``sync_interval`` seconds, until the next other call, `commit`, or the end of the block.
        Readers see only complete rows.

        Args:
            block: an array of shape ``(rows, *shape[1:])``, or a single row of shape ``shape[1:]``.

        Raises:
            InvalidOptionError: the shape does not fit (a `ValueError`).
            UnsupportedTypeError: an element does not fit the stored dtype.

        Example:
            >>> import numpy as np
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk["names"] = np.array(["H", "He"])
            >>> chk.array("names").append("Uuo")
            >>> chk["names"].tolist()
            ['H', 'He', 'Uuo']
        """
        self._check()
        self._form.append(block)

    # -- inside --------------------------------------------------------------------------------

    def _loaded(self) -> Any:
        return self[...]

    def _info(self) -> ArrayInfo:
        self._check()
        with self._location.handle.reading() as session:
            return self._form.info(session)

    def _check(self) -> None:
        location = self._location
        if not location.filters.stack:
            return
        location.check_visible()
        for path in (location.path, *[(*location.path, part) for part in self._form.parts]):
            if location.filters.verdict(path) is not Verdict.FULL:
                raise access.refused(location.path, "the key filter hides a part of this array")
