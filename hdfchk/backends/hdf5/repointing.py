"""References in a copy of a file: each is changed to point to the copy of its object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5r

from ...errors import HdfchkError, UnsupportedStoredError
from ...keys import to_text
from .data.anew import copy_parts
from .data.limits import Guard
from .h5 import links
from .h5.attributes import attribute_names, raw_attribute
from .h5.errors import RAISED
from .h5.ids import DatasetID, FileID, ObjectID, TypeID
from .h5.object_info import info_of
from .h5.references import Addresses, ReferenceSwap, Region, has_references
from .h5.values import raw_type

__all__ = ["Repointing", "pairs_of"]


class Repointing:
    """The objects of a copy whose references are not yet written.

    Args:
        source: the identifier of the original file.
        target: the identifier of the copy.
        guard: the limits for reading the original file.
    """

    def __init__(self, source: FileID, target: FileID, guard: Guard) -> None:
        self._source = source
        self._target = target
        self._guard = guard
        self._paths: list[bytes] = []

    def note(self, path: bytes) -> None:
        """Record an object that has references, in its elements or its attributes."""
        if not self._paths or self._paths[-1] != path:
            self._paths.append(path)

    def run(self) -> None:
        """Write the references of all recorded objects, after all objects were copied.

        Raises:
            UnsupportedStoredError: the object of a reference has no copy.
        """
        if not self._paths:
            return
        places = {
            address: info_of(copy).addr for address, copy in pairs_of(self._source, self._target)
        }
        with ReferenceSwap() as swap:
            rewriter = _Rewriter(self._source, self._target, self._guard, places, swap)
            for path in self._paths:
                rewriter.run(path)


class _Rewriter:
    """Writes references, converted by a table of addresses."""

    def __init__(
        self,
        source: FileID,
        target: FileID,
        guard: Guard,
        places: dict[int, int],
        swap: ReferenceSwap,
    ) -> None:
        self._source = source
        self._target = target
        self._guard = guard
        self._places = places
        self._swap = swap

    def run(self, path: bytes) -> None:
        """Write the references of one object."""
        old, new = h5o.open(self._source, path), h5o.open(self._target, path)
        self._attributes(old, new)
        if type(old) is type(new) is h5d.DatasetID and has_references(old.get_type()):
            self._data(old, new)

    def _attributes(self, old: ObjectID, new: ObjectID) -> None:
        for name in attribute_names(old):
            aid = h5a.open(old, name)
            tid = aid.get_type()
            if not has_references(tid):
                continue
            try:
                data = raw_attribute(aid)
                if data is not None:
                    self._change(data, tid)
                    h5a.open(new, name).write(data, raw_type(tid))
            except HdfchkError as error:
                error.problem = f"attribute {to_text(name)!r}: {error.problem}"
                error.key = links.key_of(old)
                raise

    def _data(self, old: DatasetID, new: DatasetID) -> None:
        try:
            copy_parts(old, new, self._guard, self._change)
        except HdfchkError as error:
            error.key = links.key_of(old)
            raise

    def _change(self, data: np.ndarray[Any, Any], tid: TypeID) -> None:
        self._swap.exchange(data, tid, self._objects, self._regions)

    def _objects(self, addresses: Addresses) -> Addresses:
        different, inverse = np.unique(addresses, return_inverse=True)
        found = [self._place(place) for place in different.tolist()]
        return np.array(found, addresses.dtype)[inverse.reshape(addresses.shape)]

    def _place(self, address: int) -> int:
        """Return the address of the copy of the object at `address`; 0 if there is no object."""
        if not address:
            return 0
        found = self._places.get(address)
        if found is not None:
            return found
        (reference,) = self._swap.references(np.array([address], "<u8"))
        try:
            h5r.dereference(reference, self._source)
        except RAISED:
            return 0  # the object is gone
        raise _refusal("a reference to an object without a path")

    def _regions(self, regions: list[Region]) -> list[Region]:
        return [self._region(region) for region in regions]

    def _region(self, region: Region) -> Region:
        """Return a reference to the same region of the copy; None if the object is gone."""
        if not region:
            return None
        try:
            did = h5r.dereference(region, self._source)
        except KeyError:
            return None  # the object is gone
        except RAISED as error:
            raise _refusal(f"a reference to a region that cannot be read ({error})") from error
        place = self._place(info_of(did).addr)
        try:
            space = h5r.get_region(region, self._source)
        except RAISED as error:
            raise _refusal(f"a reference to a region that cannot be read ({error})") from error
        (reference,) = self._swap.references(np.array([place], "<u8"))
        return h5r.create(h5r.dereference(reference, self._target), b".", h5r.DATASET_REGION, space)


def _refusal(problem: str) -> UnsupportedStoredError:
    return UnsupportedStoredError(
        problem,
        hint="the file is unchanged: give the object a key, or change the reference, with h5py",
    )


def pairs_of(source: FileID, target: FileID) -> Iterator[tuple[int, ObjectID]]:
    """Yield the address of each object that has a path, and the copy of the object."""
    old, new = (h5g.open(file, b"/") for file in (source, target))
    seen = {info_of(old).addr}
    yield info_of(old).addr, new
    todo = [(old, new, links.hard_entries(old))]
    while todo:
        old, new, rest = todo[-1]
        entry = next(rest, None)
        if entry is None:
            todo.pop()
            continue
        name = entry[0]
        inner = h5o.open(old, name)
        address = info_of(inner).addr
        if address not in seen:
            seen.add(address)
            copy = h5o.open(new, name)
            yield address, copy
            if type(inner) is type(copy) is h5g.GroupID:
                todo.append((inner, copy, links.hard_entries(inner)))
