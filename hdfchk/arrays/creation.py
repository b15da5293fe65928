"""Handles on stored arrays, and creation of arrays: empty, by a first row, or block by block."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np

from ..backends.base import ArrayForm, Draft, Session
from ..backends.layout import growing
from ..codecs.elements import elements_of, form_of, has_elements, is_numeric
from ..connection.append_buffers import RowBuffer
from ..errors import InvalidOptionError, UnsupportedStoredError, UnsupportedTypeError
from ..keys import Path, join
from ..lengths import count_of, lengths_of, limits_of
from ..location import Location
from ..progress import ProgressOption, reporting
from ..tree import Mark
from ..views import access
from . import sources
from .array import Array
from .forms import DenseForm, MaskedForm
from .layout_options import INHERIT, layout_for
from .rows import rows_of
from .sparse import SparseForm

__all__ = ["FirstRow", "append", "array_at", "create", "write_blocks"]

_FORMS = {"masked": MaskedForm, "sparse": SparseForm}


def array_at(location: Location, path: Path) -> Array:
    """Return a handle on the array at a path below a group.

    Raises:
        CheckpointerKeyError: nothing is stored there, or a filter refuses it.
        UnsupportedStoredError: what is stored there is not an array.
    """
    here = location.at(path)
    here.check_visible()
    with location.handle.reading() as session:
        stat = session.stat(path)
        if stat is None:
            raise location.missing(session, path)
        name = stat.mark.name if stat.is_group and stat.mark is not None else ""
        array = Array(here, _FORMS.get(name, DenseForm)(here))
        if stat.is_group:
            _ = array.shape  # raises an error now if it is not an array
        elif not has_elements(stat.mark):
            raise UnsupportedStoredError(
                "the value is not an array",
                file=location.file,
                key=join(path),
                hint="read it by chk[key]",
            )
    return array


def create(
    location: Location,
    shape: Any,
    dtype: Any,
    *,
    chunks: tuple[int, ...] | None,
    maxshape: tuple[int | None, ...] | None,
    fill_value: Any,
    compression: Any,
    checksum: bool | None,
) -> Array:
    """Create an array without its elements at a location. See `Group.create`."""
    path = location.path
    lengths = lengths_of(shape, "shape")
    stored, mark = form_of(dtype, is_scalar=not lengths)
    maxshape = None if maxshape is None else limits_of(maxshape)
    if maxshape is not None and not _holds(maxshape, lengths):
        raise InvalidOptionError(
            f"an array of shape {lengths} does not fit a maxshape of {maxshape}",
            key=join(path),
            hint="give one length, or None, for each axis",
        )
    fill = None if fill_value is None else elements_of(mark, stored).encode(fill_value)
    if fill is not None and not is_numeric(stored):
        raise UnsupportedTypeError(
            f"an array of {stored} has no fill value",
            key=join(path),
            hint="write it: x[...] = v",
        )
    location.check_whole()
    with location.handle.writing() as session:
        layout = layout_for(session, path, compression, checksum, chunks, maxshape)
        layout = attrs.evolve(layout, fill_value=fill)
        _place(location, session, session.draft(ArrayForm(lengths, stored, mark), layout))
    return Array(location, DenseForm(location))


def append(location: Location, rows: Any) -> None:
    """Append a row, or a block of rows, to the array at a location; the first row creates it."""
    handle, path = location.handle, location.path
    if handle.log_of(path) is not None:
        Array(location, DenseForm(location)).append(rows)
        return
    with handle.looking():
        there = array_at(location, path) if location.has(path) else None
    if there is not None:
        there.append(rows)
        return
    with handle.writing_alone():
        if location.has(path):  # another thread or process was faster
            array_at(location, path).append(rows)
        else:
            _begin_log(location, rows)


def _begin_log(location: Location, row: Any) -> None:
    """Create an array from its first row."""
    path, handle = location.path, location.handle
    first = FirstRow.of(location, row)
    location.check_whole()
    with handle.writing() as session:
        _place(location, session, first.draft(session, path))
        made = session.array_info(path) if session.stat(path) is not None else None
    if made is not None:
        elements = elements_of(made.mark, made.dtype, made.form)
        handle.keep_log(RowBuffer(path, elements, first.data.shape))


@attrs.frozen(eq=False)
class FirstRow:
    """The first row of an array to which more will be appended.

    Args:
        data: the row in its stored form.
        mark: that of the array.
    """

    data: np.ndarray[Any, Any]
    mark: Mark | None

    @classmethod
    def of(cls, location: Location, row: Any) -> FirstRow:
        """Return the stored form of a first row at a location.

        Raises:
            UnsupportedTypeError: such arrays can only be stored as a whole.
        """
        if type(row).__module__.partition(".")[0] == "torch":
            tensor: Any = location.encode(row, location.path)
            stored, mark = tensor.data.dtype, tensor.mark
        else:
            dtype = np.asarray(row).dtype
            stored, mark = form_of(str if dtype.kind == "U" else dtype)
        return cls(elements_of(mark, stored).encode(row), mark)

    def draft(self, session: Session, path: Path) -> Draft:
        """Create the array, which has no key yet."""
        shape = self.data.shape
        layout = attrs.evolve(session.layout(path), maxshape=growing(shape))
        draft = session.draft(ArrayForm((0, *shape), self.data.dtype, self.mark), layout)
        draft.append(rows_of(self.data, (0, *shape), path))
        return draft


def write_blocks(
    location: Location,
    blocks: Iterable[Any],
    *,
    rows: int | None = None,
    dtype: Any = None,
    compression: Any = INHERIT,
    chunks: tuple[int, ...] | None = None,
    checksum: bool | None = None,
    progress: ProgressOption = None,
) -> None:
    """Store an array whose rows are provided in blocks. See `Group.write_blocks`."""
    path, handle = location.path, location.handle
    location.check_whole()
    rows = None if rows is None else count_of(rows, "rows")
    with handle.held(), reporting(progress, join(path), "rows") as tell:
        with handle.writing(commit=False) as session:
            layout = layout_for(session, path, compression, checksum, chunks)
        draft = sources.write_blocks(location, blocks, rows, dtype, layout, tell)
        with handle.writing() as session:
            _place(location, session, draft)


def _place(location: Location, session: Session, draft: Draft) -> None:
    """Place a finished draft at its path."""
    location.handle.touch([location.path])
    session.apply(access.replacements(session, location.filters, [(location.path, draft)]))


def _holds(maxshape: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    return len(maxshape) == len(shape) and all(
        most is None or most >= length for most, length in zip(maxshape, shape, strict=True)
    )
