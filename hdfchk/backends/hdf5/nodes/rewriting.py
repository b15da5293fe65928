"""References in a copy of an object: each is changed to point to the copy of what it points to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np
from h5py import h5a, h5r

from ....errors import HdfchkError, UnsupportedStoredError
from ....keys import to_text
from ..data.anew import copy_parts
from ..data.limits import Guard
from ..h5 import links
from ..h5.attributes import attribute_names, raw_attribute
from ..h5.errors import RAISED
from ..h5.ids import DatasetID, FileID, ObjectID, TypeID
from ..h5.object_info import info_of
from ..h5.references import Addresses, ReferenceSwap, Region, has_references
from ..h5.values import raw_type

__all__ = ["Rewriter", "referring_attributes"]


def referring_attributes(oid: ObjectID) -> Iterator[bytes]:
    """Yield the names of the attributes of an object that contain references."""
    for name in attribute_names(oid):
        if has_references(h5a.open(oid, name).get_type()):
            yield name


@attrs.frozen(eq=False)
class Rewriter:
    """Writes references, converted by a table of addresses.

    Args:
        source: the original file, or an object of it.
        target: the file with the copies, or an object of it.
        guard: the limits for reading the original file.
        places: the address of the copy of each object, by the address of the original.
        swap: exchanges references.
        uncopied: returns the error for a reference to an object that has no copy.
    """

    source: ObjectID | FileID
    target: ObjectID | FileID
    guard: Guard
    places: dict[int, int]
    swap: ReferenceSwap
    uncopied: Callable[[ObjectID], UnsupportedStoredError]

    def attribute(self, old: ObjectID, new: ObjectID, name: bytes) -> None:
        """Write the converted references of an attribute into its copy.

        Raises:
            UnsupportedStoredError: the object of a reference has no copy.
        """
        aid = h5a.open(old, name)
        try:
            data = raw_attribute(aid)
            if data is not None:
                tid = aid.get_type()
                self._change(data, tid)
                h5a.open(new, name).write(data, raw_type(tid))
        except HdfchkError as error:
            error.problem = f"attribute {to_text(name)!r}: {error.problem}"
            error.key = links.key_of(old)
            raise

    def elements(self, old: DatasetID, new: DatasetID) -> None:
        """Write the elements of a dataset, with converted references, into its copy.

        Raises:
            UnsupportedStoredError: the object of a reference has no copy.
        """
        try:
            copy_parts(old, new, self.guard, self._change)
        except HdfchkError as error:
            error.key = links.key_of(old)
            raise

    def _change(self, data: np.ndarray[Any, Any], tid: TypeID) -> None:
        self.swap.exchange(data, tid, self._objects, self._regions)

    def _objects(self, addresses: Addresses) -> Addresses:
        different, inverse = np.unique(addresses, return_inverse=True)
        found = [self._place(place) for place in different.tolist()]
        return np.array(found, addresses.dtype)[inverse.reshape(addresses.shape)]

    def _place(self, address: int) -> int:
        """Return the address of the copy of the object at `address`; 0 if there is no object."""
        if not address:
            return 0
        found = self.places.get(address)
        if found is not None:
            return found
        (reference,) = self.swap.references(np.array([address], "<u8"))
        try:
            oid = h5r.dereference(reference, self.source)
        except RAISED:
            return 0  # the object is gone
        raise self.uncopied(oid)

    def _regions(self, regions: list[Region]) -> list[Region]:
        return [self._region(region) for region in regions]

    def _region(self, region: Region) -> Region:
        """Return a reference to the same region of the copy; None if the object is gone."""
        if not region:
            return None
        try:
            did = h5r.dereference(region, self.source)
        except KeyError:
            return None  # the object is gone
        except RAISED as error:
            raise _unreadable(error) from error
        place = self._place(info_of(did).addr)
        try:
            space = h5r.get_region(region, self.source)
        except RAISED as error:
            raise _unreadable(error) from error
        (reference,) = self.swap.references(np.array([place], "<u8"))
        return h5r.create(h5r.dereference(reference, self.target), b".", h5r.DATASET_REGION, space)


def _unreadable(error: Exception) -> UnsupportedStoredError:
    return UnsupportedStoredError(
        f"a reference to a region that cannot be read ({error})",
        hint="the file is unchanged: change the reference with h5py",
    )
