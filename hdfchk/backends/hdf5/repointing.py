"""References in a copy of a file: each is changed to point to the copy of its object."""

from __future__ import annotations

from collections.abc import Iterator

from h5py import h5d, h5g, h5o

from ...errors import UnsupportedStoredError
from .data.limits import Guard
from .h5 import links
from .h5.ids import FileID, ObjectID
from .h5.object_info import info_of
from .h5.references import ReferenceSwap, has_references
from .nodes.rewriting import Rewriter, referring_attributes

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
            rewriter = Rewriter(self._source, self._target, self._guard, places, swap, _uncopied)
            for path in self._paths:
                old, new = h5o.open(self._source, path), h5o.open(self._target, path)
                for name in referring_attributes(old):
                    rewriter.attribute(old, new, name)
                if type(old) is type(new) is h5d.DatasetID and has_references(old.get_type()):
                    rewriter.elements(old, new)


def _uncopied(_: ObjectID) -> UnsupportedStoredError:
    return UnsupportedStoredError(
        "a reference to an object without a path",
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
