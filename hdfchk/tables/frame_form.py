"""The form of a stored DataFrame to which rows are appended repeatedly."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from ..codecs.dtypes import is_native
from ..codecs.frame_blocks import by_rows
from ..keys import Path
from ..location import Location
from ..tree import Branch, Leaf, Mark, Node
from .text_columns import has_texts, with_texts
from .trees import Place, RowPlaces, is_equal, leaves_of

__all__ = ["FrameForm"]


@attrs.define(eq=False)
class FrameForm:
    """The form that new rows must have to be appended to a stored frame without reading it.

    Args:
        columns: the names of the columns.
        start: the start of the index, a range.
        step: its step.
        name: its name.
        length: the number of stored rows.
        arrays: the dtype and mark of each array of rows, by its place.
        rest: all other nodes, by their places.
        plain: the dtype of all columns, if each is an array of it and nothing else.
        texts: the names of the columns, in the tree, whose strings are stored with rows.
    """

    columns: Any
    start: int
    step: int
    name: Any
    length: int
    arrays: dict[Place, tuple[np.dtype[Any], Mark | None]]
    rest: dict[Place, Node]
    plain: np.dtype[Any] | None
    texts: frozenset[str]

    @classmethod
    def of(cls, frame: Any, node: Branch, rows: RowPlaces) -> FrameForm | None:
        """Return the form of a frame that was just stored or appended; None if it has none.

        Args:
            frame: the frame.
            node: its tree.
            rows: the places of its arrays of rows.
        """
        index = frame.index
        if type(index).__name__ != "RangeIndex":
            return None
        if any(place[0] != "index" for place in rows.others):
            return None
        leaves = _columns(node)
        arrays = {p: (leaf.data.dtype, leaf.mark) for p, leaf in leaves.items() if p in rows.arrays}
        if not arrays:
            return None  # only the index determines the number of rows
        rest = {place: leaf for place, leaf in leaves.items() if place not in rows.arrays}
        dtypes = {made for made, _ in arrays.values()}
        is_plain = (
            not rest
            and len(dtypes) == 1
            and all(mark is None and len(place) == 1 for place, (_, mark) in arrays.items())
        )
        dtype = dtypes.pop() if is_plain else None
        if dtype is not None and (dtype.kind not in "biufc" or not is_native(dtype)):
            dtype = None
        texts = frozenset(name for name, part in node.children.items() if has_texts(part.mark))
        known = frame.columns, index.start, index.step, index.name, len(index)
        return cls(*known, arrays, rest, dtype, texts)

    def rows_of(self, location: Location, frame: Any) -> dict[Path, Any] | None:
        """Return the rows of a frame in their stored form; None if it does not have this form."""
        if not self._takes(frame):
            return None
        path = location.path
        if self.plain is not None:
            values = frame.to_numpy()
            # The same memory twice is that of the frame, and so of one dtype: its dtypes take long.
            is_one = values.dtype == self.plain and np.may_share_memory(values, frame.to_numpy())
            if not is_one and set(frame.dtypes) != {self.plain}:
                return None
            return {(*path, f"column{n}"): values[:, n] for n in range(values.shape[1])}
        node = by_rows(location.encode(frame, path))
        if not isinstance(node, Branch):
            return None
        leaves, found = _columns(with_texts(location, node, self.texts)), {}
        if len(leaves) != len(self.arrays) + len(self.rest):
            return None
        for place, leaf in leaves.items():
            known = self.arrays.get(place)
            if known is None:
                if place not in self.rest or not is_equal(self.rest[place], leaf):
                    return None
                continue
            data = leaf.data if isinstance(leaf, Leaf) else None
            if not isinstance(data, np.ndarray) or known != (data.dtype, leaf.mark):
                return None
            if len(data) != len(frame):
                return None
            found[(*path, *place)] = data
        return found

    def _takes(self, frame: Any) -> bool:
        index = frame.index
        if type(index).__name__ != "RangeIndex" or not len(frame) or frame.attrs:
            return False
        if index.name != self.name or not frame.columns.identical(self.columns):
            return False
        if (self.start, self.step, index.start, index.step) == (0, 1, 0, 1):
            return True
        end = self.start + self.step * self.length
        return bool(index.start == end and index.step == self.step)


def _columns(node: Branch) -> dict[Place, Any]:
    """Return the nodes of the columns, by path."""
    found: dict[Place, Node] = {}
    for name, child in node.children.items():
        if name.startswith(("column", "block")) and name != "columns":
            found |= leaves_of(child, (name,))
    return found
