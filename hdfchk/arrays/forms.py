"""How arrays are stored: as one dataset, as data and mask, or as the parts of a sparse array."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import attrs
import numpy as np

from ..backends.base import ArrayInfo, Put, Session
from ..codecs.casting import set_fields
from ..codecs.elements import Elements, any_masked, elements_of
from ..connection.append_buffers import RowBuffer
from ..errors import UnsupportedStoredError, UnsupportedTypeError
from ..keys import Path, join
from ..location import Location
from ..tree import Branch, Leaf
from .rows import rows_of

__all__ = ["DenseForm", "MaskedForm"]

_NAMELESS = frozenset({int, slice, type(...), list, np.ndarray})


class DenseForm:
    """An array that is stored as one dataset.

    Args:
        location: of the array.

    Attributes:
        stored: the path of the dataset with its elements.
    """

    parts: ClassVar[tuple[str, ...]] = ()
    """The names of the datasets, if the array is stored as several."""
    is_dense: ClassVar[bool] = True
    """Whether its elements form a NumPy array."""
    can_stream: ClassVar[bool] = True
    """Whether it can be copied in parts."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.stored: Path = location.path

    def info(self, session: Session) -> ArrayInfo:
        """Return the properties of the dataset with its elements."""
        return session.array_info(self.stored)

    def shape(self, session: Session) -> tuple[int, ...]:
        """Return the lengths of the axes."""
        return self.info(session).shape

    def size(self, session: Session) -> int:
        """Return the number of stored elements."""
        return math.prod(self.shape(session))

    def elements(self, session: Session) -> Elements:
        """Return the conversion of values to stored elements and back.

        Raises:
            UnsupportedStoredError: they can only be read as a whole.
        """
        info = self.info(session)
        elements = elements_of(info.mark, info.dtype, info.form)
        if elements.has_extra_axis:
            raise UnsupportedStoredError(
                "strings with lone surrogates are stored as code points, and read as a whole",
                key=join(self.location.path),
                hint="read it by chk[key]",
            )
        return elements

    def block_rows(self, info: ArrayInfo, most: int) -> int:
        """Return the number of rows of a block of whole chunks.

        Args:
            info: of the array.
            most: the approximate number of bytes of a block.
        """
        row = max(1, math.prod(info.shape[1:]) * info.dtype.itemsize)
        chunk = info.chunks[0] if info.chunks else 1
        return max(1, most // row // chunk) * chunk

    def read(self, session: Session, index: Any) -> Any:
        """The elements at an index."""
        names, index = _names_in(index)
        data, mark = session.read_slice(self.stored, index)
        value = elements_of(mark, data.dtype).decode(data)
        if names:
            value = value[names[0] if len(names) == 1 else names]
        return value[()] if value.ndim == 0 and not _keeps_array(index) else value

    def write(self, session: Session, index: Any, value: Any) -> None:
        """Write elements, broadcast to the index."""
        names, index = _names_in(index)
        elements = self.elements(session)
        with self.location.naming():
            if names:  # the other fields of the rows stay unchanged
                rows = elements.decode(session.read_slice(self.stored, index)[0])
                set_fields(rows, names, value, elements.form)
                value = rows
            data = elements.encode(value)
        session.write_slice(self.stored, index, data)

    def append(self, block: Any) -> None:
        """Append a row, or a block of rows.

        If necessary, strings of fixed width become wider, and integers become floats.
        """
        try:
            self._append(block)
        except UnsupportedTypeError:
            if not self._append_wider(block) and not self._append_floats(block):
                raise

    def _append_floats(self, block: Any) -> bool:
        """Append floats to an array of integers, rewriting it; return whether it was one."""
        from .widening import float_rows, floats_of

        location = self.location
        with location.handle.writing_alone():
            with location.handle.reading() as session:
                info = self.info(session)
            floats = float_rows(info.dtype, block) if info.mark is None else None
            if floats is None:
                return False
            with location.naming(), location.handle.writing() as session:
                rows = rows_of(floats, info.shape, location.path)
                draft = floats_of(session, self.stored, info, rows)
                location.handle.touch([self.stored])
                session.apply([Put(self.stored, draft)])
        return True

    def _append_wider(self, block: Any) -> bool:
        """Append strings that are longer than the stored ones; return whether they are."""
        location = self.location
        with location.handle.writing_alone():
            with location.handle.reading() as session:
                info, elements = self.info(session), self.elements(session)
            wide = elements.widened(block)
            if wide is None or wide == elements:
                return False
            with location.naming():
                rows = rows_of(wide.encode(block), info.shape, location.path)
            mark = None if info.mark is None else attrs.evolve(info.mark, params=wide.params)
            with location.handle.writing() as session:
                session.append_wider(self.stored, rows, mark)
        return True

    def _append(self, block: Any) -> None:
        location, handle = self.location, self.location.handle
        if handle.append_row(location.path, block):
            return
        with handle.turn():
            log = handle.log_of(location.path)
            if log is not None:
                with location.naming():
                    rows = rows_of(log.elements.encode(block), (0, *log.row), location.path)
                handle.append(self.stored, log, rows)
                return
            with handle.writing_alone():
                with handle.reading() as session:
                    shape = self.info(session).shape
                    log = RowBuffer(location.path, self.elements(session), shape[1:])
                with location.naming():
                    rows = rows_of(log.elements.encode(block), shape, location.path)
                handle.append(self.stored, log, rows)


class MaskedForm(DenseForm):
    """A `numpy.ma.MaskedArray`: a dataset for its data, and one for its mask, if it has one."""

    parts: ClassVar[tuple[str, ...]] = ("data", "mask", "fill_value")
    can_stream = False

    def __init__(self, location: Location) -> None:
        super().__init__(location)
        self.stored: Path = (*location.path, "data")
        self._mask: Path = (*location.path, "mask")

    def read(self, session: Session, index: Any) -> Any:
        """Return the elements at an index, with their mask."""
        value = self._read(session, index)
        return value[()] if value.ndim == 0 and not _keeps_array(index) else value

    def _read(self, session: Session, index: Any) -> Any:
        path = self.location.path
        stored, mark_of_data = session.read_slice(self.stored, index)
        data = elements_of(mark_of_data, stored.dtype).decode(stored)
        has_mask = session.stat(self._mask) is not None
        mask = session.read_slice(self._mask, index)[0] if has_mask else np.ma.nomask
        stat = session.stat(path)
        hard = bool(stat and stat.mark and stat.mark.params.get("hard"))
        value: Any = np.ma.MaskedArray(data, mask=mask, hard_mask=hard)
        if session.stat((*path, "fill_value")) is not None:
            fill = session.read((*path, "fill_value"))
            value._fill_value = np.asarray(self.location.decode(fill, path))  # noqa: SLF001
        return value

    def write(self, session: Session, index: Any, value: Any) -> None:
        """Write elements, masked or not."""
        elements = self.elements(session)
        if value is np.ma.masked:
            self._need_mask(session)
            session.write_slice(self._mask, index, np.ones((), np.bool))
            return
        if isinstance(value, (list, tuple)):  # some of the selected elements may be masked
            value = np.ma.array(value)
        data = elements.encode(np.ma.getdata(value))
        if any_masked(value):
            self._need_mask(session)
        there = self._read(session, index)
        if there.hardmask and there.mask is not np.ma.nomask:
            there[...] = value  # the data under the mask stay unchanged
            value, data = there, elements.encode(np.ma.getdata(there))
        session.write_slice(self.stored, index, data)
        if session.stat(self._mask) is not None:
            session.write_slice(self._mask, index, np.ma.getmaskarray(value))

    def append(self, block: Any) -> None:
        """Append rows to data and mask as one commit; they do not wait."""
        path = self.location.path
        with self.location.handle.writing() as session:
            shape = self.info(session).shape
            data = self.elements(session).encode(np.ma.getdata(block))
            rows = rows_of(data, shape, path)
            mask = rows_of(np.ma.getmaskarray(np.ma.asarray(block)), shape, path)
            if any_masked(block):
                self._need_mask(session)
            session.append(self.stored, rows)
            if session.stat(self._mask) is not None:
                session.append(self._mask, mask)

    def _need_mask(self, session: Session) -> None:
        """Add a mask, without masked elements, to an array that was stored without one."""
        if session.stat(self._mask) is not None:
            return
        node = session.read(self.location.path)
        if isinstance(node, Branch):
            dtype = np.ma.make_mask_descr(self.elements(session).dtype)
            node.children["mask"] = Leaf(np.zeros(self.info(session).shape, dtype))
            session.apply([Put(self.location.path, node)])


def _keeps_array(index: Any) -> bool:
    """Whether NumPy returns an array even for a single element: the index has an ellipsis."""
    parts = index if type(index) is tuple else (index,)
    return any(part is Ellipsis for part in parts)


def _names_in(index: Any) -> tuple[list[str], Any]:
    """Return the field names in an index, and the rest of it."""
    if type(index) in _NAMELESS:
        return [], index
    parts = index if isinstance(index, tuple) else (index,)
    names = [part for part in parts if isinstance(part, str)]
    if not names:
        return [], index
    return names, tuple(part for part in parts if not isinstance(part, str)) or Ellipsis
