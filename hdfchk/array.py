"""`Array`: a handle on one stored array, never loaded whole unless asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import edits
from .attributes import Attributes
from .codecs.arrays import decode_elements
from .context import Context
from .errors import InvalidKeyError, UnsupportedStoredError, UnsupportedTypeError
from .filters import Filters, Verdict
from .keys import Path, join
from .tree import Leaf, Mark

if TYPE_CHECKING:
    from .backends.base import ArrayInfo

__all__ = ["Array"]


class Array:
    """A handle on one stored array: it holds a place, and reads only what is asked for.

    You get it from ``chk.array(key)``. Indexing is h5py's: integers, slices, ``...``, and one
    list or mask of rows. Elements come back as the codec makes them: datetimes as datetimes,
    strings as strings.

    Guarantees:
        Each assignment to a slice and each `append` is one commit. A handle works outside a
        ``with`` block (it opens the file for each use), and threads take turns.

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

    def __init__(self, context: Context, path: Path, filters: Filters) -> None:
        self._context = context
        self._path = path
        self._filters = filters

    def __repr__(self) -> str:
        """Place, shape and dtype."""
        place = f"{join(self._path)!r} in {self._context.handle.backend.address}"
        return f"<Array {place}: shape {self.shape}, dtype {self.dtype}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self._info().shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the values."""
        info = self._info()
        data = np.empty((0,), info.dtype)
        params = info.mark.params if info.mark is not None and _is_array(info.mark) else {}
        spec = params.get("dtype")
        if isinstance(spec, str) and np.dtype(spec).kind == "U":
            return np.dtype(spec)
        dtype: np.dtype[Any] = decode_elements(data, params).dtype
        return dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """The size in bytes of the whole array in memory."""
        return self.size * self.dtype.itemsize

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

    def __iter__(self) -> Iterator[Any]:
        """The rows, read one by one."""
        with self._context.handle.held():
            for row in range(len(self)):
                yield self[row]

    def __getitem__(self, index: Any) -> Any:
        """The elements at an index; only they are read.

        Raises:
            IndexError, ValueError: the index does not fit the shape.
        """
        self._check()
        with self._context.handle.reading() as session:
            mark = session.array_info(self._path).mark
            data = session.read_slice(self._path, index)
        params = mark.params if mark is not None and _is_array(mark) else {}
        value = decode_elements(data, params)
        return value[()] if value.ndim == 0 and index is not Ellipsis else value

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write elements, broadcast to the index; one commit.

        Raises:
            UnsupportedTypeError: an element does not fit the stored dtype (a longer string).
        """
        self._check()
        with self._context.handle.writing() as session:
            session.write_slice(
                self._path, index, self._stored(value, session.array_info(self._path))
            )

    def __array__(
        self, dtype: np.dtype[Any] | None = None, copy: bool | None = None
    ) -> np.ndarray[Any, Any]:
        """The whole array in memory, for NumPy.

        Raises:
            ValueError: ``copy=False`` was asked for; the elements must be read.
        """
        if copy is False:
            raise ValueError("a stored array can not be had without a copy")
        value = np.asarray(self[...])
        return value if dtype is None else value.astype(dtype, copy=False)

    def append(self, block: Any) -> None:
        """Append rows; one commit. The array is made growable at the first append.

        Args:
            block: an array whose shape is ``(rows, *shape[1:])``, or one row of ``shape[1:]``.

        Raises:
            InvalidKeyError: the shape does not fit (a `ValueError`).
            UnsupportedTypeError: an element does not fit the stored dtype.
        """
        self._check()
        with self._context.handle.writing() as session:
            info = session.array_info(self._path)
            rows = np.asarray(block)
            if info.shape and rows.shape == info.shape[1:]:
                rows = rows[np.newaxis]
            if not info.shape or rows.shape[1:] != info.shape[1:]:
                raise InvalidKeyError(
                    f"rows of shape {rows.shape[1:]} do not fit an array of shape {info.shape}",
                    key=join(self._path),
                )
            stored = self._stored(rows, info)
            start = info.shape[0]
            session.resize(self._path, start + len(rows))
            session.write_slice(self._path, slice(start, start + len(rows)), stored)

    def map(self) -> np.memmap[Any, Any]:
        """A read-only memory map of the array: nothing is copied, pages are read as used.

        The file must not be written while the map is in use: its bytes may then be freed.

        Raises:
            UnsupportedStoredError: the array is chunked, compressed, very small, or not in a
                file; `key` says which, and the hint what to do.
        """
        self._check()
        with self._context.handle.reading() as session:
            info = session.array_info(self._path)
        if info.offset is None:
            raise UnsupportedStoredError(
                "the bytes do not lie in the file in one piece",
                file=self._context.handle.backend.address,
                key=join(self._path),
                hint="only arrays above 2 KiB that never grew can be mapped; slice it instead",
            )
        params = info.mark.params if info.mark is not None and _is_array(info.mark) else {}
        dtype = self.dtype
        if dtype.itemsize != info.dtype.itemsize or ("dtype" in params and dtype.kind == "U"):
            raise UnsupportedStoredError(
                f"elements of {dtype} are stored in another form", key=join(self._path)
            )
        address = self._context.handle.backend.address
        return np.memmap(address, dtype=dtype, mode="r", offset=info.offset, shape=info.shape)

    def _stored(self, value: Any, info: ArrayInfo) -> np.ndarray[Any, Any]:
        """`value` in the form in which this array's elements are stored."""
        array = np.asarray(value, self.dtype) if self.dtype.kind not in "US" else np.asarray(value)
        node = self._context.encode(np.atleast_1d(array), self._path)
        if not isinstance(node, Leaf) or not isinstance(node.data, np.ndarray):
            raise UnsupportedTypeError(
                f"elements of {array.dtype} can not be written one by one", key=join(self._path)
            )
        data = node.data.reshape(array.shape) if node.data.size == array.size else node.data
        if data.dtype.kind != info.dtype.kind or (
            data.dtype.kind == "S" and data.dtype.itemsize > info.dtype.itemsize
        ):
            raise UnsupportedTypeError(
                f"elements of {array.dtype} do not fit the stored {info.dtype}",
                key=join(self._path),
                hint="assign the whole array anew",
            )
        return data

    def _info(self) -> ArrayInfo:
        self._check()
        with self._context.handle.reading() as session:
            return session.array_info(self._path)

    def _check(self) -> None:
        if edits.check_visible(self._filters, self._path) is not Verdict.FULL:
            raise edits.refused(self._path)


def _is_array(mark: Mark) -> bool:
    return mark.name == "ndarray"
