"""Arrays that are created, and extended, row by row."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any, Self

import attrs
import numpy as np
from h5py import h5d, h5s, h5t

from ....errors import TransactionError
from ....runtime.interrupts import BLOCK_BYTES, run_pending
from ....tree import Mark
from ...base import ArrayForm
from ...layout import Layout, growing
from ..h5.attributes import copy_attributes
from ..h5.hidden import Hidden
from ..h5.ids import DatasetID, GroupID, PropDCID, SpaceID, TypeID
from ..h5.marks import MARK, write_mark
from ..h5.types import SCALAR, filled_creation, type_for
from ..h5.values import in_own_order, raw_buffer, raw_type
from . import selection as slices
from .chunk_shapes import chunk_shape, log_chunk
from .filters import chunked_plist, creation_copy
from .limits import Guard
from .runs import run_boxes, write_run

__all__ = ["LocalDraft", "append", "growable_copy", "wider_copy"]

FILLED_UP_TO = 16 * 2**20
"""A larger array, in bytes, that is written part by part is chunked: space is allocated as chunks
are written. A contiguous one would have to be filled first: its space may contain old data."""


class _Draft:
    """A draft without a finalizer, which an array that was placed does not need.

    A signal handler may run in a finalizer, and Python ignores its exception there.

    Args:
        hidden: the hidden group.
        guard: the limits for reading the file.
        form: shape, dtype and mark of the array.
        tid: the HDF5 type.
        space: the dataspace.
        plist: the creation properties.
    """

    def __init__(
        self,
        hidden: Hidden,
        guard: Guard,
        form: ArrayForm,
        tid: TypeID,
        space: SpaceID,
        plist: PropDCID,
    ) -> None:
        self.form = form
        self._guard = guard
        self._hidden: Hidden | None = hidden
        gid, self._name = hidden.begin_draft()
        self.did = h5d.create(gid, self._name, tid, space, plist)
        if form.mark is not None:
            write_mark(self.did, form.mark)

    @classmethod
    def of(
        cls, hidden: Hidden, form: ArrayForm, layout: Layout, guard: Guard, *, whole: bool
    ) -> Self:
        """Create a draft.

        Args:
            hidden: the hidden group.
            form: shape, dtype and mark of the array.
            layout: the storage layout.
            guard: the limits for reading the file.
            whole: every element will be written.
        """
        tid = type_for(form.dtype)
        space, plist = _space_and_plist(form, tid, layout, whole=whole)
        return cls(hidden, guard, form, tid, space, plist)

    def place(self, parent: GroupID, name: bytes) -> DatasetID:
        """Move the draft to its key. It cannot be written or placed again."""
        self.require()
        assert self._hidden is not None  # noqa: S101  `require` has checked it
        self._hidden.place_draft(self._name, parent, name)
        did, self._hidden = self.did, None
        del self.did, self._guard  # whoever holds the draft need not hold HDF5's objects
        self.__class__ = _Draft
        return did

    def append(self, rows: np.ndarray[Any, Any]) -> None:
        """Append rows."""
        self.require()
        append(self.did, rows, self._guard)

    def write(self, index: Any, data: np.ndarray[Any, Any]) -> None:
        """Write `data`, which broadcasts to the selected shape."""
        self.require()
        slices.write(self.did, index, data, self._guard)

    def require(self) -> None:
        """Check that the draft still exists.

        Raises:
            TransactionError: a rollback has discarded it.
        """
        did = None if self._hidden is None else self.did
        if self._hidden is not None and not self.did.valid:
            # HDF5 was reopened; a commit of other changes has kept the draft.
            did = self._hidden.draft(self._name)
        if did is None:
            raise TransactionError(
                "an array that was being written was discarded, because another operation failed",
                hint="write it again",
            )
        self.did = did


class LocalDraft(_Draft):
    """An array that is being written in the hidden group of a file."""

    def __del__(self) -> None:
        """Discard a draft that was not placed: the next commit, or closing, removes it."""
        hidden = getattr(self, "_hidden", None)
        if hidden is not None and hasattr(self, "_name"):
            hidden.drop_draft(self._name)


def _space_and_plist(
    form: ArrayForm, tid: TypeID, layout: Layout, *, whole: bool
) -> tuple[SpaceID, PropDCID]:
    shape, size = form.shape, tid.get_size()
    whole = whole and form.dtype.kind != "O"  # HDF5 needs a fill value for variable-length elements
    limits = layout.maxshape or shape
    chunked = limits != shape or layout.chunks or layout.compression or layout.checksum
    if not whole and math.prod(shape) * size > FILLED_UP_TO:
        chunked = True
    if not shape or not chunked:
        plist = filled_creation(fill=not whole)
    else:
        if layout.maxshape is None:
            limits = growing(shape[1:])
        if layout.chunks is None:
            log = not whole and shape[0] == 0
            pairs = zip(limits, shape, strict=True)
            likely = tuple(2**62 if most is None else max(most, now) for most, now in pairs)
            chunk = log_chunk(shape, size) if log else chunk_shape(likely, size)
            layout = attrs.evolve(layout, chunks=chunk)
        plist = chunked_plist(shape, size, layout, layout.compression, limits, whole=whole)
    if layout.fill_value is not None:
        plist.set_fill_value(np.array(layout.fill_value, form.dtype))
    if not shape:
        return SCALAR, plist
    unlimited = tuple(h5s.UNLIMITED if limit is None else limit for limit in limits)
    return h5s.create_simple(shape, unlimited), plist


def append(did: DatasetID, rows: np.ndarray[Any, Any], guard: Guard) -> bool:
    """Append rows to a dataset; return False, without changes, if it is not resizable that far.

    Raises:
        UnsafeFileError, CorruptFileError: the chunk of its last row is damaged.
    """
    space = did.get_space()
    shape = space.shape
    end = shape[0] + len(rows)
    limit = space.get_simple_extent_dims(True)[0]
    plist = did.get_create_plist()
    if plist.get_layout() != h5d.CHUNKED or (limit != h5s.UNLIMITED and end > limit):
        return False
    old = shape[0]
    if plist.get_nfilters() and old % plist.get_chunk()[0] and 0 not in shape:
        # The chunk of the last row will be encoded again. Check first that it can be read: HDF5
        # could not restore the old length otherwise.
        with guard.unpacking(did, run_boxes(did, old - 1, old)):
            slices.read(did, slice(old - 1, old), guard)
    did.set_extent((end, *shape[1:]))
    try:
        write_run(did, rows, old, guard)
    except BaseException:
        did.set_extent(shape)
        raise
    return True


def growable_copy(hidden: Hidden, did: DatasetID, guard: Guard) -> LocalDraft:
    """Return a draft with the data and filters of a dataset, and an unlimited first axis.

    Raises:
        UnsafeFileError, CorruptFileError: its chunks are damaged.
    """
    tid, shape = did.get_type(), did.get_space().shape
    draft = _draft_like(hidden, did, guard, tid, log_chunk(shape, tid.get_size()), None)
    # Unconverted: HDF5 would truncate strings that have no space for a NUL at their end.
    _copy_rows(did, draft, guard, raw_type(tid) or h5t.py_create(did.dtype))
    copy_attributes(did, draft.did, lambda name: name != MARK)  # only the mark: placing adds others
    return draft


def wider_copy(
    hidden: Hidden, did: DatasetID, guard: Guard, width: int, mark: Mark | None
) -> LocalDraft:
    """Return a draft with a dataset's strings, chunks and filters, and a type of larger width.

    Args:
        hidden: the hidden group.
        did: the dataset.
        guard: the limits for reading the file.
        width: the width of a string in bytes.
        mark: the mark of the new dataset.

    Raises:
        UnsafeFileError, CorruptFileError: its chunks are damaged.
    """
    tid, plist = did.get_type().copy(), did.get_create_plist()
    tid.set_size(width)
    is_chunked = plist.get_layout() == h5d.CHUNKED
    chunk = plist.get_chunk() if is_chunked else log_chunk(did.get_space().shape, width)
    draft = _draft_like(hidden, did, guard, tid, chunk, mark)
    _copy_rows(did, draft, guard, tid)
    return draft


def _draft_like(
    hidden: Hidden,
    did: DatasetID,
    guard: Guard,
    tid: TypeID,
    chunk: tuple[int, ...],
    mark: Mark | None,
) -> LocalDraft:
    """Return a draft with the shape and filters of a dataset, and an unlimited first axis."""
    guard.inside(did)
    shape = did.get_space().shape
    plist = creation_copy(did, chunk)
    limits = tuple(h5s.UNLIMITED if limit is None else limit for limit in growing(shape[1:]))
    form = ArrayForm(shape, did.dtype, mark)
    return LocalDraft(hidden, guard, form, tid, h5s.create_simple(shape, limits), plist)


def _copy_rows(did: DatasetID, draft: LocalDraft, guard: Guard, memory: TypeID) -> None:
    """Copy the rows of a dataset to a draft, block by block, with a given memory type."""
    space = did.get_space()
    shape = space.shape
    filtered = bool(did.get_create_plist().get_nfilters())
    size = memory.get_size()
    row = max(1, int(np.prod(shape[1:])) * size)
    step = max(1, BLOCK_BYTES // row)
    is_wider = size > did.get_type().get_size()
    for start in range(0, shape[0], step):
        stop = min(start + step, shape[0])
        part = guard.unpacking(did, run_boxes(did, start, stop)) if filtered else nullcontext()
        lengths = (stop - start, *shape[1:])
        rows = np.zeros(lengths, f"V{size}") if is_wider else raw_buffer(did, lengths)
        space.select_hyperslab((start, *[0] * (len(shape) - 1)), lengths)
        within = h5s.create_simple(lengths)
        if rows.size:
            with part:
                did.read(within, space, rows, memory)
            draft.did.write(within, space, in_own_order(rows), memory)
        run_pending()
