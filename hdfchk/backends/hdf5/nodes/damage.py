"""Whether HDF5 can remove an object: it must read all metadata of its storage to free that."""

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
    """HDF5 cannot remove, or write into, an object that a commit replaces or deletes."""

    def for_callers(self, root: GroupID, steps: Iterable[Path]) -> HdfchkError:
        """Return the error for the caller: of damage, unless the object shows none.

        Args:
            root: the group that is the root of all paths.
            steps: the paths that were to be replaced or deleted.
        """
        if not self.key or self.key == "/":  # the error may belong to any of the steps
            path = next((path for path in steps if _may_be_damaged(root, path, new=False)), ())
            self.key = join(path) if path else self.key
        elif self.__cause__ is not None and not _may_be_damaged(root, parse(self.key)):
            explained = unwritable("it", self.__cause__, self.key)
            if explained is not None:
                return explained
        return CorruptFileError(self.problem, file=self.file, key=self.key, hint=self.hint)


@contextmanager
def removing() -> Iterator[None]:
    """Context of an operation that removes an object, or writes into it; it may be damaged."""
    try:
        yield
    except (OSError, RuntimeError, KeyError) as error:
        if isinstance(error, HdfchkError) or errno_of(error) or not is_of_hdf5(error):
            raise
        if NO_CLASS in str(error):  # not damage
            raise
        raise NotRemovedError(
            f"HDF5 cannot replace or remove the object ({error})",
            hint="it may be damaged: see verify(), and hdfchk.salvage(path, to)",
        ) from error


def _may_be_damaged(root: GroupID, path: Path, *, new: bool = True) -> bool:
    """Return whether the object at a path shows damage; `new` if there is none."""
    try:
        name = links.locate(root, path)
        return new if name is None else is_damaged(h5o.open(root, name))
    except (*RAISED, HdfchkError):
        return True


def is_damaged(oid: ObjectID) -> bool:
    """Return whether an object, or one that is removed with it, cannot be removed."""
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
    """Copy all attributes that can be read, except those of hdfchk."""
    try:
        names = attribute_names(source)
    except RAISED:
        return
    for name in names:
        try:
            raw_attribute(h5a.open(source, name))
        except RAISED:
            continue
        if not h5a.exists(target, name):  # for example, the units of the new value
            copy_attributes(source, target, partial(_is_another, name))


def _is_another(wanted: bytes, name: bytes) -> bool:
    return name != wanted or is_own(name)
