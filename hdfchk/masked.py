"""Handles on stored masked arrays: data and mask, slice by slice."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import Array, rows_of
from .backends.base import Put, Session
from .codecs.elements import any_masked, elements_of
from .context import Context
from .filters import Filters
from .keys import Path
from .tree import Branch, Leaf

__all__ = ["MaskedArray"]


class MaskedArray(Array):
    """A handle on a stored `numpy.ma.MaskedArray`; slices of it are masked arrays.

    Guarantees:
        Those of `Array`. Data and mask are written as one commit; appended rows do not wait. An
        array that was stored without a mask is written anew when the first element is masked.
    """

    _parts = ("data", "mask", "fill_value")

    def __init__(self, context: Context, path: Path, filters: Filters) -> None:
        super().__init__(context, path, filters)
        self._stored = (*path, "data")
        self._mask = (*path, "mask")

    def _read(self, session: Session, index: Any) -> Any:
        value = self._read_masked(session, index)
        return value[()] if value.ndim == 0 and index is not Ellipsis else value

    def _read_masked(self, session: Session, index: Any) -> Any:
        stored, mark_of_data = session.read_slice(self._stored, index)
        data = elements_of(mark_of_data, stored.dtype).decode(stored)
        has_mask = session.stat(self._mask) is not None
        mask = session.read_slice(self._mask, index)[0] if has_mask else np.ma.nomask
        stat = session.stat(self._path)
        hard = bool(stat and stat.mark and stat.mark.params.get("hard"))
        value: Any = np.ma.MaskedArray(data, mask=mask, hard_mask=hard)
        if session.stat((*self._path, "fill_value")) is not None:
            fill = session.read((*self._path, "fill_value"))
            value._fill_value = np.asarray(self._context.decode(fill, self._path))  # noqa: SLF001
        return value

    def _write(self, session: Session, index: Any, value: Any) -> None:
        elements = self._elements(session)
        if value is np.ma.masked:
            self._need_mask(session)
            session.write_slice(self._mask, index, np.ones((), np.bool))
            return
        if isinstance(value, (list, tuple)):  # some of it may be masked
            value = np.ma.array(value)
        data = elements.encode(np.ma.getdata(value))
        if any_masked(value):
            self._need_mask(session)
        there = self._read_masked(session, index)
        if there.hardmask and there.mask is not np.ma.nomask:
            there[...] = value  # what is masked stays as it is
            value, data = there, elements.encode(np.ma.getdata(there))
        session.write_slice(self._stored, index, data)
        if session.stat(self._mask) is not None:
            session.write_slice(self._mask, index, np.ma.getmaskarray(value))

    def append(self, block: Any) -> None:
        """Append rows, masked or not; one commit.

        Args:
            block: an array whose shape is ``(rows, *shape[1:])``, or one row of ``shape[1:]``.

        Raises:
            InvalidOptionError: the shape does not fit (a `ValueError`).
            UnsupportedTypeError: an element does not fit the stored dtype.
        """
        self._check()
        with self._context.handle.writing() as session:
            shape = session.array_info(self._stored).shape
            data = self._elements(session).encode(np.ma.getdata(block))
            rows = rows_of(data, shape, self._path)
            mask = rows_of(np.ma.getmaskarray(np.ma.asarray(block)), shape, self._path)
            if any_masked(block):
                self._need_mask(session)
            session.append(self._stored, rows)
            if session.stat(self._mask) is not None:
                session.append(self._mask, mask)

    def _need_mask(self, session: Session) -> None:
        """Give an array that was stored without a mask one in which nothing is masked."""
        if session.stat(self._mask) is not None:
            return
        node = session.read(self._path)
        if isinstance(node, Branch):
            dtype = np.ma.make_mask_descr(self._elements(session).dtype)
            shape = session.array_info(self._stored).shape
            node.children["mask"] = Leaf(np.zeros(shape, dtype))
            session.apply([Put(self._path, node)])
