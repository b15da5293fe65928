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
    """A handle on one stored array: it holds a place, and reads only what is asked for.

    You get it from ``chk.array(key)`` and ``chk.create(key, shape, dtype)``. Indexing is NumPy's:
    integers, slices, ``...``, lists and masks of any axes. Elements come back as the codec makes
    them: datetimes as datetimes, strings as strings, rows of a tensor as tensors.

    Guarantees:
        Each assignment to a slice and each `append` is one commit; inside a ``with`` block,
        appended rows may wait for it for ``sync_interval`` seconds. A handle works outside a
        ``with`` block (it opens the file for each use), threads take turns, and it pickles as
        the address of its store and its place there.

        The data and the mask of a masked array are written as one commit; appended rows do not wait
        for it. One that was stored without a mask is written anew when the first element is masked.

        A sparse array in CSR or CSC format has slices of its class: only rows of a CSR array, or
        columns of a CSC array, that are asked for are read. It is written as a whole, by
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
        """Place, shape and dtype; what is wrong, if something is."""
        from ..display.texts import problem_of

        try:
            with self._location.glance():
                told = f"shape {self.shape}, dtype {self.dtype}"
        except Exception as error:  # a debugger shows what is locked, damaged or gone
            told = problem_of(error)
        return f"<Array {join(self._location.path)!r} in {self._location.file}: {told}>"

    def _repr_html_(self) -> str:
        """Its properties, and how it is read; no element is."""
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

    # -- the outside ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        self._check()
        with self._location.handle.reading() as session:
            return self._form.shape(session)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the values: a `numpy.dtype`; of a tensor a ``torch.dtype``."""
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
        """The size in bytes of all elements in memory; of a sparse array, of those it stores."""
        with self._location.handle.held():
            return self._stored_size() * int(self.dtype.itemsize)

    @property
    def nnz(self) -> int:
        """The number of stored elements of a sparse array.

        Raises:
            AttributeError: it is not sparse.
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
        """The lengths to which the array can grow in the file; None for no limit."""
        return self._info().maxshape

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """The shape of a chunk, or None if it is contiguous."""
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
        """The number of rows: the length of the first axis."""
        shape = self.shape
        if not shape:
            raise TypeError("a 0-d array has no rows")
        return shape[0]

    # -- reading -------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        """The elements at an index, as NumPy gives them; only they are read, each once.

        Names of fields in it choose these of a structured array.

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
        """The whole array in memory, for NumPy.

        Raises:
            ValueError: ``copy=False`` was asked for; the elements must be read.
            UnsupportedTypeError: the array is sparse.
        """
        if not self._form.is_dense:
            raise UnsupportedTypeError(
                "a sparse array is not made dense unasked",
                key=join(self._location.path),
                hint="use .toarray()",
            )
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
        """A read-only view of the elements in the file, for a contiguous array.

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
            UnsupportedTypeError: an element does not fit the stored dtype (a longer string), there
                are not as many as are selected, or the index names an element twice, with a value
                for each.

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
        """Append rows; one commit. The array is made growable at the first append.

        An array of strings of one width is made anew, in blocks, if longer ones are appended.

        Rows of a file that has a log are committed when it returns: a kill leaves them there. Of
        other stores small rows wait in memory inside a ``with`` block: for ``sync_interval``
        seconds, until anything else is done with the store, until `commit` and the end of the
        block. Readers see whole rows only.

        Args:
            block: an array whose shape is ``(rows, *shape[1:])``, or one row of ``shape[1:]``.

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
