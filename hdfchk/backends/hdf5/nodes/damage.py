"""Whether HDF5 can remove an object: it reads all that says where its parts are, to free them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from h5py import h5a, h5d, h5g, h5o

from ....errors import CorruptFileError, HdfchkError
from ....keys import Path, join, parse
from ..h5 import links
from ..h5.attributes import attribute_names, copy_attributes, is_own, raw_attribute
from ..h5.errors import NO_CLASS, RAISED, errno_of, is_of_hdf5, unwritable
from ..h5.ids import GroupID, ObjectID

__all__ = [
    "NotRemovedError",
    "copy_readable_attributes",
    "is_damaged",
    "removing",
]


class NotRemovedError(CorruptFileError):
    """HDF5 cannot remove, or write into, what a commit replaces or deletes."""

    def for_callers(self, root: GroupID, steps: Iterable[Path]) -> HdfchkError:
        """The error that is told: of damage, unless what is there shows none.

        Args:
            root: the group that is the root of all paths.
            steps: what was to be replaced or deleted.
        """
        if not self.key or self.key == "/":  # all were looked at together
            path = next((path for path in steps if _may_be_damaged(root, path, new=False)), ())
            self.key = join(path) if path else self.key
        elif self.__cause__ is not None and not _may_be_damaged(root, parse(self.key)):
            told = unwritable("it", self.__cause__, self.key)
            if told is not None:
                return told
        return CorruptFileError(self.problem, file=self.file, key=self.key, hint=self.hint)


@contextmanager
def removing() -> Iterator[None]:
    """A block that removes something, or writes into it, which may be damaged."""
    try:
        yield
    except (OSError, RuntimeError, KeyError) as error:
        if isinstance(error, HdfchkError) or errno_of(error) or not is_of_hdf5(error):
            raise
        if NO_CLASS in str(error):  # that is no damage
            raise
        raise NotRemovedError(
            f"HDF5 cannot replace or remove what is there ({error})",
            hint="it may be damaged: see verify(), and hdfchk.salvage(path, to)",
        ) from error


def _may_be_damaged(root: GroupID, path: Path, *, new: bool = True) -> bool:
    """Whether what is at a path shows damage; `new` where nothing is there."""
    try:
        name = links.locate(root, path)
        return new if name is None else is_damaged(h5o.open(root, name))
    except (*RAISED, HdfchkError):
        return True


def is_damaged(oid: ObjectID) -> bool:
    """Whether an object, or one that goes with it, cannot be removed."""
    todo = [oid]
    seen: set[int] = set()
    while todo:
        here = todo.pop()
        try:
            for name in attribute_names(here):
                raw_attribute(h5a.open(here, name))
            if type(here) is h5d.DatasetID:
                here.get_storage_size()
            elif type(here) is h5g.GroupID:
                for name, kind, address in links.entries(here, dangling=True):
                    if kind == links.HARD and address not in seen:
                        seen.add(address)
                        todo.append(h5o.open(here, name))
        except RAISED:
            return True
    return False


def copy_readable_attributes(source: ObjectID, target: ObjectID) -> None:
    """Copy all attributes that can be read, but for the library's own."""
    try:
        names = attribute_names(source)
    except RAISED:
        return
    for name in names:
        try:
            raw_attribute(h5a.open(source, name))
        except RAISED:
            continue
        if not h5a.exists(target, name):  # units, say, that the new value has
            copy_attributes(source, target, partial(_is_another, name))


def _is_another(wanted: bytes, name: bytes) -> bool:
    return name != wanted or is_own(name)
