"""Copies of live groups and arrays to keys of the same store or another one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs

from .backends.base import Session, Stored
from .errors import HdfchkError, InvalidKeyError, LinksElsewhereWarning
from .keys import Path, join, missing
from .left_out import caller_level
from .location import Location, Placed
from .tree import Leaf
from .views import access
from .views.key_filter import Verdict

__all__ = ["Copies", "attributes_of", "can_copy", "refuse_itself", "refuse_overlap"]

Attributes = dict[str, Leaf]


_OF_SCALES = frozenset({"DIMENSION_LIST", "REFERENCE_LIST"})
"""The attributes that connect arrays of a file with their dimension scales."""


def can_copy(location: Location, value: Placed) -> bool:
    """Whether one store can copy objects of another without reading their values.

    A store that starts with an empty file cannot copy from the old file.
    """
    place = _place(value)
    ours, theirs = location.handle.backend, place.handle.backend
    if ours.kind != theirs.kind:
        return False
    if _is_same_store(location, place):
        return True
    return set(ours.share_keys()).isdisjoint(theirs.share_keys())


def refuse_itself(location: Location, source: Location) -> None:
    """Reject a copy of a key to itself.

    Raises:
        InvalidKeyError: both are the same location.
    """
    if location.path == source.path and _is_same_store(location, source):
        raise InvalidKeyError(
            "it cannot be copied onto itself",
            file=location.file,
            key=join(location.path),
            hint="give another key",
        )


def refuse_overlap(location: Location, path: Path, to: Path) -> None:
    """Reject a move of a key to itself, to a key below it, or to one above it.

    Raises:
        InvalidKeyError: the keys overlap.
    """
    if path == to:
        problem = "it cannot be moved onto itself"
    elif to[: len(path)] == path:
        problem = f"it cannot be moved into itself, to {join(to)!r}"
    elif path[: len(to)] == to:
        problem = f"it cannot replace {join(to)!r}, which contains it"
    else:
        return
    raise InvalidKeyError(
        problem, file=location.file, key=join(path), hint="move it to a key outside of it"
    )


def _is_same_store(location: Location, source: Location) -> bool:
    ours, theirs = location.handle, source.handle
    return ours is theirs or ours.connection is theirs.connection


@attrs.define(eq=False)
class Copies:
    """Live groups and arrays to be copied to paths of a store, as they are stored.

    Args:
        location: the location of the store.
        values: the live object for each path.
    """

    location: Location
    values: dict[Path, Placed]
    _sessions: dict[int, Session] = attrs.field(factory=dict, init=False)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Context in which all other stores that are copied from are open for reading."""
        with ExitStack() as stack:
            handles = {id(place.handle): place for place in map(_place, self.values.values())}
            for number, place in handles.items():
                if not _is_same_store(self.location, place):
                    self._sessions[number] = stack.enter_context(place.handle.reading())
            try:
                yield
            finally:
                self._sessions.clear()

    def nodes(self, session: Session) -> dict[Path, Stored]:
        """Return copies of all values, by path, in a session for writing."""
        return {path: self._copy(session, path, value) for path, value in self.values.items()}

    def _source(self, session: Session, place: Location) -> Session:
        known = self._sessions.get(id(place.handle))
        if known is not None:
            return known
        storage = place.handle.connection.storage
        return session if storage is None else place.handle.session_on(storage)

    def _copy(self, session: Session, path: Path, value: Placed) -> Any:
        place = _place(value)
        source = self._source(session, place)
        with _naming(place):
            verdict = access.check_visible(place.filters, place.path)
            stat = source.stat(place.path)
            if stat is None or not place.filters.wants(place.path, stat.is_dict):
                error = missing(place.path)
                raise access.suggesting(error, source, place.filters, (), place.path)
            if not stat.is_dict and verdict is Verdict.PART:
                raise access.refused(place.path)
        with _naming(self.location):
            access.check_arriving(self.location.filters, path, stat.is_dict)
        seen = access.copying(place.filters, place.path, self.location.filters, path)
        with _naming(place):
            return session.copy_of(place.path, source, seen)

    def tell_of_links(self, copies: Mapping[Path, Any]) -> None:
        """Warn of relative links to other files in copies, which mean others in another folder.

        Args:
            copies: the result of `nodes`.
        """
        for path, copy in copies.items():
            names = [(path + below, file) for below, file in getattr(copy, "outside", ())]
            relative = [(at, file) for at, file in names if not os.path.isabs(file)]
            place = _place(self.values[path])
            if relative and _folder(place) != _folder(self.location):
                text = _told(relative, place, self.location)
                warnings.warn(text, LinksElsewhereWarning, stacklevel=caller_level())

    def by_value(self, session: Session) -> dict[Path, Stored]:
        """Return the values instead of copies, by path, if existing objects must be kept."""
        found: dict[Path, Stored] = {}
        for path, value in self.values.items():
            place = _place(value)
            source = self._source(session, place)
            select = None if place.filters.is_whole(place.path) else place.filters.wants
            node = source.read(place.path, select)
            access.check_read(place.filters, place.path, node)
            found[path] = node
        return found


def _folder(place: Location) -> object:
    """Return the folder of the file of a store: HDF5 looks there for the files of links."""
    name = place.handle.backend.share_keys()[-1]
    return os.path.dirname(name) if isinstance(name, str) else name


def _told(links: list[tuple[Path, str]], source: Location, target: Location) -> str:
    told = [f"{join(path)!r} (of {file!r})" for path, file in links[:20]]
    if len(links) > 20:
        told.append(f"and {len(links) - 20} more")
    return (
        f"links to other files were copied from {source.file} to {target.file} as links; from "
        f"there, their relative names may lead to nothing: {', '.join(told)}; copy these files, too"
    )


@contextmanager
def _naming(place: Location) -> Iterator[None]:
    """Context whose errors name the file of a location, unless they name another one."""
    try:
        yield
    except HdfchkError as error:
        error.file = error.file or place.file
        raise


def attributes_of(location: Location, value: Placed, path: Path) -> dict[Path, dict[str, Leaf]]:
    """Return the attributes of a value that is copied, and of the values in its dicts.

    Args:
        location: the location of the target store.
        value: the live object.
        path: the path of the copy.
    """
    place = _place(value)
    found: dict[Path, dict[str, Leaf]] = {}
    is_same_kind = location.handle.backend.kind == place.handle.backend.kind
    left = frozenset() if is_same_kind else _OF_SCALES
    with place.handle.reading() as session:
        todo: list[Path] = [()]
        while todo:
            below = todo.pop()
            inner = place.path + below
            stat = session.stat(inner)
            if stat is None or not place.filters.wants(inner, stat.is_dict):
                continue
            names = [name for name in session.attribute_names(inner) if name not in left]
            leaves = {name: session.read_attribute(inner, name) for name in names}
            if leaves or not below:
                found[path + below] = {n: leaf for n, leaf in leaves.items() if leaf is not None}
            if stat.is_dict:
                todo += [(*below, name) for name in session.names(inner)]
    return found


def _place(value: Placed) -> Location:
    return value._location  # noqa: SLF001  a handle of ours
