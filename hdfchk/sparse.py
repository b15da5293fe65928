"""Handles on stored sparse arrays: rows of compressed rows, columns of compressed columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .array import Array
from .backends.base import Session
from .codecs.sparse import from_parts
from .context import Context
from .errors import UnsupportedStoredError, UnsupportedTypeError
from .filters import Filters
from .keys import Path, join
from .tree import Mark

__all__ = ["SparseArray"]


class SparseArray(Array):
    """A handle on a stored `scipy.sparse` array or matrix in CSR or CSC format.

    Slices are sparse arrays of the same class. Of a CSR array only the rows that are asked for are
    read, of a CSC array only the columns; what else the index says is done in memory. It is written
    as a whole: ``chk[key] = value``.

    Example:
        >>> import numpy as np, scipy.sparse
        >>> from hdfchk import HDF5Checkpointer
        >>> chk = HDF5Checkpointer(None)
        >>> chk["m"] = scipy.sparse.csr_array(np.eye(4))
        >>> chk.array("m")[1:3].toarray().tolist()
        [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    """

    _parts = ("data", "indices", "indptr")

    def __init__(self, context: Context, path: Path, filters: Filters) -> None:
        super().__init__(context, path, filters)
        self._stored = (*path, "data")

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        self._check()
        with self._context.handle.reading() as session:
            return tuple(self._mark(session).params["shape"])

    @property
    def nnz(self) -> int:
        """The number of stored elements."""
        return self._info().shape[0]

    @property
    def nbytes(self) -> int:
        """The size in bytes of the stored elements, without their places."""
        return self.nnz * int(self.dtype.itemsize)

    def blocks(self, rows: int | None = None, **options: Any) -> Iterator[Any]:
        """The rows of a CSR array, block by block; see `Array.blocks`."""
        yield from super().blocks(rows or max(1, len(self) // 16), **options)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """There is no way to make it dense unasked.

        Raises:
            UnsupportedTypeError: always.
        """
        raise UnsupportedTypeError(
            "a sparse array is not made dense unasked", key=join(self._path), hint="use .toarray()"
        )

    def __eq__(self, other: object) -> bool:
        """Whether `other`, a sparse array or a handle on one, has the same shape and elements."""
        value = other[:] if isinstance(other, SparseArray) else other
        if not hasattr(value, "nnz") or not hasattr(value, "shape"):
            return NotImplemented
        return bool(self.shape == value.shape and (self[:] != value).nnz == 0)

    __hash__ = None

    def append(self, block: Any) -> None:
        """A sparse array is written as a whole.

        Raises:
            UnsupportedTypeError: always.
        """
        raise self._whole()

    def _write(self, session: Session, index: Any, value: Any) -> None:
        raise self._whole()

    def _whole(self) -> UnsupportedTypeError:
        return UnsupportedTypeError(
            "a sparse array is written as a whole",
            key=join(self._path),
            hint="read it, change it, and assign it",
        )

    def _mark(self, session: Session) -> Mark:
        stat = session.stat(self._path)
        if stat is None or stat.mark is None:
            raise UnsupportedStoredError("it is not a sparse array any more", key=join(self._path))
        if stat.mark.params["class"][:3] not in {"csr", "csc"}:
            raise UnsupportedStoredError(
                f"a {stat.mark.params['class']} has no rows or columns that lie together",
                key=join(self._path),
                hint="read it by chk[key], or store it as CSR or CSC",
            )
        return stat.mark

    def _read(self, session: Session, index: Any) -> Any:
        params = self._mark(session).params
        shape, by_rows = tuple(params["shape"]), params["class"].startswith("csr")
        if len(shape) == 1:  # one row, which lies together
            return self._context.decode(session.read(self._path), self._path)[index]
        parts = index if isinstance(index, tuple) else (index,)
        if any(part is Ellipsis for part in parts):
            parts = tuple(slice(None) if part is Ellipsis else part for part in parts)
        axis = 0 if by_rows else 1
        if len(parts) > len(shape) or any(part is None for part in parts):
            raise IndexError(
                f"an index of {len(parts)} parts for a sparse array of {len(shape)} axes"
            )
        parts = (*parts, *[slice(None)] * (len(shape) - len(parts)))
        wanted = np.arange(shape[axis])[parts[axis]]
        made = self._lines(session, params["class"], np.ravel(wanted), shape, axis)
        rest = list(parts)
        if not np.ndim(wanted):
            rest[axis] = 0
        elif np.ndim(wanted) == 1 and any(isinstance(part, slice) for part in parts):
            rest[axis] = slice(None)
        else:  # SciPy pairs a list with what other lists there are
            rest[axis] = np.arange(np.size(wanted)).reshape(np.shape(wanted))
        return (
            made
            if all(isinstance(part, slice) and part == slice(None) for part in rest)
            else made[tuple(rest)]
        )

    def _lines(
        self, session: Session, name: str, wanted: Any, shape: tuple[int, ...], axis: int
    ) -> Any:
        """A sparse array of some rows (or columns), of which alone the elements are read."""
        lengths, pieces = [], []
        for first, end in _runs(wanted):
            ends = session.read_slice((*self._path, "indptr"), slice(first, end + 1))[0]
            lengths.append(np.diff(ends))
            pieces.append(slice(int(ends[0]), int(ends[-1])))
        made = {}
        for part in ("data", "indices"):
            path = (*self._path, part)
            read = [session.read_slice(path, piece)[0] for piece in pieces]
            none = np.empty(0, session.array_info(path).dtype)
            made[part] = np.concatenate(read) if read else none
        counts = np.concatenate([[0], *lengths])
        dtype = session.array_info((*self._path, "indptr")).dtype
        made["indptr"] = np.cumsum(counts).astype(dtype)
        size = list(shape)
        size[axis] = len(wanted)
        return from_parts(name, made, tuple(size))


def _runs(wanted: Any) -> Iterator[tuple[int, int]]:
    """Numbers as runs of neighbours: the first of each, and the one behind its last."""
    cuts = np.flatnonzero(np.diff(wanted) != 1) + 1
    for run in np.split(wanted, cuts):
        if len(run):
            yield int(run[0]), int(run[-1]) + 1
