"""HDF5 references in a copy, which are converted to point to the copies of their objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5a, h5g, h5r, h5s

from ....keys import Path, to_bytes
from ..h5.errors import RAISED
from ..h5.ids import FileID, ObjectID, Reference
from ..h5.object_info import info_of
from ..h5.references import ReferenceSwap, cells
from ..h5.values import memory_type

__all__ = ["Addresses", "References", "name_of"]


def name_of(path: Path) -> bytes:
    """Return the name by which HDF5 finds a path from the root."""
    return b"/" + b"/".join(map(to_bytes, path))


class Addresses:
    """Opens objects by their addresses, if their names cannot be looked up.

    Args:
        source: the identifier of the file.
    """

    def __init__(self, source: FileID) -> None:
        self._source = h5g.open(source, b"/")
        self._swap: ReferenceSwap | None = None

    def open(self, address: int) -> ObjectID:
        """Open the object at an address, as a reference: h5py has no call for addresses."""
        if self._swap is None:
            self._swap = ReferenceSwap()
        (reference,) = self._swap.references(np.array([address], "<u8"))
        return h5r.dereference(reference, self._source)


class References:
    """Converts references of a file to references of its copy.

    Args:
        source: the identifier of the file.
        target: the identifier of the copy.
        places: address of an object -> the path of its copy.

    Attributes:
        lost: the number of references to objects that are not in the copy; the caller resets it.
    """

    def __init__(self, source: FileID, target: FileID, places: dict[int, Path]) -> None:
        self._source = h5g.open(source, b"/")
        self._target = h5g.open(target, b"/")
        self._places = places
        self.lost: int = 0

    def attribute(self, old: ObjectID, new: ObjectID, name: bytes) -> None:
        """Write an attribute of the copy, which has the type and shape of the old one."""
        aid = h5a.open(old, name)
        if aid.get_space().get_simple_extent_type() != h5s.NULL:
            data, memory = np.zeros(aid.shape, aid.dtype), memory_type(aid.dtype)
            aid.read(data, memory)
            h5a.open(new, name).write(self.converted(data), memory)

    def converted(self, data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Convert all references in an array as read by h5py, in place.

        Args:
            data: the array; its elements may be arrays, and have fields.
        """
        for array, place in cells(data, data.dtype):
            array[place] = self._of(array[place])
        return data

    def _of(self, reference: Reference) -> Reference:
        empty = type(reference)()
        if not reference:
            return empty
        try:
            path = self._places.get(info_of(h5r.dereference(reference, self._source)).addr)
            if path is not None:
                if isinstance(reference, h5r.RegionReference):
                    space = h5r.get_region(reference, self._source)
                    return h5r.create(self._target, name_of(path), h5r.DATASET_REGION, space)
                return h5r.create(self._target, name_of(path), h5r.OBJECT)
        except RAISED:
            pass  # its object is gone, or cannot be opened
        self.lost += 1
        return empty
