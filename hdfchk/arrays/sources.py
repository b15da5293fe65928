"""Arrays that are stored in parts: other stored arrays, dask arrays, blocks of rows."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from contextlib import closing
from itertools import product
from typing import Any

import attrs
import numpy as np

from ..backends.base import ArrayForm, Draft
from ..backends.layout import Layout, growing
from ..backends.meter import Meter
from ..codecs.elements import Elements, elements_of, form_of
from ..errors import InvalidOptionError, UnsupportedTypeError
from ..keys import Path, join
from ..location import Location
from ..progress import Tell
from ..runtime.interrupts import BLOCK_BYTES
from ..tree import utf8_dtype
from .array import Array
from .rows import rows_of

__all__ = ["Source", "draft_of", "source_of", "write_blocks"]

Part = tuple[Any, Any]


@attrs.frozen(eq=False)
class Source:
    """An array that is not in memory, and is provided in parts.

    Args:
        form: its stored form.
        parts: the index and the values of each part.
    """

    form: ArrayForm
    parts: Generator[Part, None, None]

    @property
    def elements(self) -> Elements:
        """Return the conversion of values to stored elements."""
        return elements_of(self.form.mark, self.form.dtype)

    @property
    def nbytes(self) -> int:
        """Return the number of bytes of all stored elements."""
        return math.prod(self.form.shape) * self.form.dtype.itemsize


def source_of(value: Any) -> Source | None:
    """Return the source for a large stored array or a dask array; None for all other values.

    Raises:
        InvalidOptionError: the shape of a dask array is unknown (a `ValueError`).
        UnsupportedTypeError: a dask array of objects, or whose blocks are not NumPy arrays.
    """
    if isinstance(value, Array):
        if not value._form.can_stream or value.ndim == 0:  # noqa: SLF001  a handle of ours
            return None
        info = value._info()  # noqa: SLF001  a handle of ours
        kept = info.mark is not None and info.mark.name in {"ndarray", "torch.Tensor"}
        nbytes = math.prod(info.shape) * info.dtype.itemsize
        if nbytes < BLOCK_BYTES or info.dtype.kind == "O" or len(info.shape) != value.ndim:
            return None
        mark = info.mark if kept else None
        stored = info.dtype
        if elements_of(mark, stored).dtype != stored and stored.kind == "S":
            stored = utf8_dtype(stored.itemsize)
        return Source(ArrayForm(info.shape, stored, mark), _rows(value))
    if _is_dask_array(value):
        blocks = type(value._meta)  # noqa: SLF001  an empty array as its blocks are
        if blocks is not np.ndarray:
            raise UnsupportedTypeError(
                f"a dask array of {blocks.__module__}.{blocks.__qualname__}: NumPy arrays would "
                "keep only its elements",
                hint="store value.compute()",
            )
        if any(math.isnan(length) for length in value.shape):
            raise InvalidOptionError(
                "the shape of the dask array is unknown", hint="call compute_chunk_sizes()"
            )
        stored, mark = form_of(value.dtype)
        return Source(ArrayForm(tuple(map(int, value.shape)), stored, mark), _dask_blocks(value))
    return None


def _is_dask_array(value: Any) -> bool:
    """Whether a value is a dask array; other dask objects may have attributes of any name."""
    return type(value).__module__.partition(".")[0] == "dask" and any(
        base.__module__ == "dask.array.core" and base.__name__ == "Array"
        for base in type(value).__mro__
    )


def _rows(array: Array) -> Generator[Part, None, None]:
    start = 0
    for block in array.blocks():
        yield slice(start, start + len(block)), block
        start += len(block)


def _dask_blocks(value: Any) -> Generator[Part, None, None]:
    """Iterate over the blocks of a dask array, computed one at a time."""
    if not value.numblocks:
        yield (), np.asarray(value.compute())
        return
    ends = [np.cumsum(lengths).tolist() for lengths in value.chunks]
    for place in product(*[range(count) for count in value.numblocks]):
        lengths = [chunks[n] for chunks, n in zip(value.chunks, place, strict=True)]
        stops = [end[n] for end, n in zip(ends, place, strict=True)]
        index = tuple(slice(stop - n, stop) for stop, n in zip(stops, lengths, strict=True))
        yield index, np.asarray(value.blocks[place].compute())


def draft_of(location: Location, source: Source, layout: Layout, meter: Meter | None) -> Draft:
    """Store a source, in parts, as a draft.

    The storage must be held open until the draft is placed. Others may use it while parts are read
    or computed.
    """
    with location.handle.writing(commit=False) as session:
        draft = session.draft(source.form, layout, whole=True)
    with closing(source.parts) as parts:  # otherwise it would keep its store open after an error
        for index, values in parts:  # reading and computing may be interrupted
            data = source.elements.encode(values)
            with location.handle.writing(commit=False):
                draft.write(index, data)
            if meter is not None:
                meter.add(data.nbytes)
    return draft


def write_blocks(
    location: Location,
    blocks: Iterable[Any],
    rows: int | None,
    dtype: Any,
    layout: Layout,
    tell: Tell,
) -> Draft:
    """Store blocks of rows as a draft, as `draft_of` does.

    Args:
        location: the location of the array.
        blocks: arrays of shape ``(rows, *row)``.
        rows: the total number of rows, if known.
        dtype: the dtype of the values; None for that of the first block.
        layout: its layout in the file.
        tell: called with the number of rows stored so far.

    Raises:
        InvalidOptionError: there are no blocks, a block does not fit, or the number of rows
            differs.
    """
    path = location.path
    draft: Draft | None = None
    row: tuple[int, ...] = ()
    done, elements = 0, elements_of(None, np.dtype(float))
    for block in blocks:
        if draft is None:
            first = np.asarray(block)
            if not first.ndim:
                raise InvalidOptionError(
                    "a block is an array of rows, not a number", key=join(path)
                )
            stored, mark = form_of(first.dtype if dtype is None else dtype)
            row, elements = first.shape[1:], elements_of(mark, stored)
            form = ArrayForm((rows or 0, *row), stored, mark)
            with location.handle.writing(commit=False) as session:
                grows = attrs.evolve(layout, maxshape=layout.maxshape or growing(row))
                draft = session.draft(form, layout if rows else grows, whole=True)
        data = rows_of(elements.encode(block), (0, *row), path)
        if rows is not None and done + len(data) > rows:
            raise _miscounted(path, rows, f"more than {rows}")
        with location.handle.writing(commit=False):
            if rows is None:
                draft.append(data)
            else:
                draft.write(slice(done, done + len(data)), data)
        done += len(data)
        tell(done, rows or 0)
    if draft is None:
        raise InvalidOptionError("there are no blocks", key=join(path), hint="use create()")
    if rows is not None and done != rows:
        raise _miscounted(path, rows, str(done))
    return draft


def _miscounted(path: Path, rows: int, found: str) -> InvalidOptionError:
    return InvalidOptionError(
        f"{rows} rows were announced, but {found} were provided",
        key=join(path),
        hint="leave rows out",
    )
