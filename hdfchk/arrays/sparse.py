"""Sparse arrays: slices read only the selected rows of CSR, or columns of CSC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from ..backends.base import ArrayInfo, Session
from ..codecs.sparse import from_parts
from ..errors import UnsupportedStoredError, UnsupportedTypeError
from ..keys import Path, join
from ..location import Location
from ..tree import Mark
from .forms import DenseForm

__all__ = ["SparseForm"]


class SparseForm(DenseForm):
    """A `scipy.sparse` array or matrix in CSR or CSC format: its elements and their indices.

    Only the selected rows of a CSR array, or columns of a CSC array, are read; the rest of the
    index is applied in memory. The array is written as a whole.
    """

    parts: ClassVar[tuple[str, ...]] = ("data", "indices", "indptr")
    is_dense = False
    can_stream = False

    def __init__(self, location: Location) -> None:
        super().__init__(location)
        self.stored: Path = (*location.path, "data")

    def shape(self, session: Session) -> tuple[int, ...]:
        """Return the lengths of the axes."""
        return tuple(self._mark(session).params["shape"])

    def size(self, session: Session) -> int:
        """Return the number of stored elements."""
        return self.info(session).shape[0]

    def block_rows(self, info: ArrayInfo, most: int) -> int:
        """Return a sixteenth of the rows: the number of their elements is not known in advance."""
        with self.location.handle.reading() as session:
            return max(1, self.shape(session)[0] // 16)

    def write(self, session: Session, index: Any, value: Any) -> None:
        """Refuse it."""
        raise self._whole()

    def append(self, block: Any) -> None:
        """Refuse it."""
        raise self._whole()

    def _whole(self) -> UnsupportedTypeError:
        return UnsupportedTypeError(
            "a sparse array is written as a whole",
            key=join(self.location.path),
            hint="read it, change it, and assign it",
        )

    def _mark(self, session: Session) -> Mark:
        stat = session.stat(self.location.path)
        if stat is None or stat.mark is None:
            raise UnsupportedStoredError(
                "the key no longer holds a sparse array", key=join(self.location.path)
            )
        if stat.mark.params["class"][:3] not in {"csr", "csc"}:
            raise UnsupportedStoredError(
                f"a {stat.mark.params['class']} has no rows or columns that lie together",
                key=join(self.location.path),
                hint="read it by chk[key], or store it as CSR or CSC",
            )
        return stat.mark

    def read(self, session: Session, index: Any) -> Any:
        """Return the elements at an index as a sparse array."""
        params = self._mark(session).params
        shape, by_rows = tuple(params["shape"]), params["class"].startswith("csr")
        if len(shape) == 1:  # one row, which is contiguous
            return self.location.decode(session.read(self.location.path), self.location.path)[index]
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
        else:  # SciPy pairs a list with the other lists
            rest[axis] = np.arange(np.size(wanted)).reshape(np.shape(wanted))
        return (
            made
            if all(isinstance(part, slice) and part == slice(None) for part in rest)
            else made[tuple(rest)]
        )

    def _lines(
        self, session: Session, name: str, wanted: Any, shape: tuple[int, ...], axis: int
    ) -> Any:
        """Read some rows (or columns), and no others, as a sparse array."""
        lengths, pieces = [], []
        for first, end in _runs(wanted):
            ends = session.read_slice((*self.location.path, "indptr"), slice(first, end + 1))[0]
            lengths.append(np.diff(ends))
            pieces.append(slice(int(ends[0]), int(ends[-1])))
        made = {}
        for part in ("data", "indices"):
            path = (*self.location.path, part)
            read = [session.read_slice(path, piece)[0] for piece in pieces]
            none = np.empty(0, session.array_info(path).dtype)
            made[part] = np.concatenate(read) if read else none
        counts = np.concatenate([[0], *lengths])
        dtype = session.array_info((*self.location.path, "indptr")).dtype
        made["indptr"] = np.cumsum(counts).astype(dtype)
        size = list(shape)
        size[axis] = len(wanted)
        return from_parts(name, made, tuple(size))


def _runs(wanted: Any) -> Iterator[tuple[int, int]]:
    """Return the runs of consecutive numbers: the first of each, and its last plus one."""
    cuts = np.flatnonzero(np.diff(wanted) != 1) + 1
    for run in np.split(wanted, cuts):
        if len(run):
            yield int(run[0]), int(run[-1]) + 1
