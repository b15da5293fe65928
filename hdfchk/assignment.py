"""The one way of values to their keys: encoded once, before a file is touched; then one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from .arrays import sources
from .arrays.sources import Source
from .backends.base import Change, Session, Stored
from .backends.layout import Layout
from .backends.meter import Meter
from .copying import Copies, attributes_of, can_copy
from .errors import ReferencedError
from .keys import Path, join, problem_of_name
from .location import Location, Placed
from .progress import ProgressOption, is_wanted, reporting
from .tree import Branch, Leaf, nbytes_of
from .views import access

__all__ = ["Assignment", "apply", "encode"]

LayoutOf = Callable[[Session], Layout]
"""How arrays are to be stored, which may rest on what the store says."""


class Assignment:
    """Values that are to be put at paths, as one commit.

    Args:
        location: the group whose keys they are.
        pairs: paths from the root of the store, each with its value.
        layout: how arrays are to be stored, if not as the store says.
        replace: replace what is there even if something in the file points at it.
        anew: nothing may be there.

    Raises:
        UnsupportedTypeError: a value cannot be kept exactly.
        CheckpointerKeyError: a filter refuses a key or a part of a value.
    """

    def __init__(
        self,
        location: Location,
        pairs: Iterable[tuple[Path, Any]],
        *,
        layout: LayoutOf | None = None,
        replace: bool = False,
        anew: bool = False,
    ) -> None:
        self._location = location
        self._layout = layout
        self._replace = replace
        self._anew = anew
        self._copies = Copies(location, {})
        self._attributes: dict[Path, dict[str, Leaf]] = {}
        self._nodes: list[tuple[Path, Leaf | Branch | Source | None]] = []
        for path, value in pairs:
            if not _is_itself(location, path, value):
                self._add(path, value)

    @classmethod
    def of_node(cls, location: Location, path: Path, node: Leaf | Branch) -> Assignment:
        """That of one value that is encoded, and that the filters let be stored."""
        made = cls(location, ())
        made._nodes = [(path, node)]
        return made

    def _add(self, path: Path, value: Any) -> None:
        """Take a value; live groups and arrays in it are copied as they are stored."""
        live: dict[Path, Placed] = {}
        if self._layout is None:
            value = _without_live(path, value, live)
        if path not in live:
            self._nodes.append((path, self._encoded(path, value)))
        for inner, placed in live.items():
            access.check_visible(self._location.filters, inner)
            if can_copy(self._location, placed):
                self._nodes.append((inner, None))
                self._copies.values[inner] = placed
            else:
                self._nodes.append((inner, self._encoded(inner, placed)))
                self._attributes.update(attributes_of(placed, inner))

    def _encoded(self, path: Path, value: Any) -> Leaf | Branch | Source:
        source = sources.source_of(value)
        if source is None:
            return encode(self._location, path, value)
        self._location.at(path).check_whole()
        return source

    def commit(self, progress: ProgressOption = None) -> None:
        """Store all of them.

        Args:
            progress: True for a progress bar, or ``progress(done, total)``, in bytes.
        """
        if not self._nodes:
            return
        if not is_wanted(progress):
            self._commit(None)
            return
        what = join(self._nodes[0][0]) if len(self._nodes) == 1 else self._location.file
        with reporting(progress, what, "B", self._location.handle) as tell:
            sizes = [
                node.nbytes if isinstance(node, Source) else nbytes_of(node)
                for _, node in self._nodes
                if node is not None
            ]
            self._commit(Meter(tell, sum(sizes)))

    def _commit(self, meter: Meter | None) -> None:
        handle = self._location.handle
        has_sources = any(isinstance(node, Source) for _, node in self._nodes)
        with handle.held() if has_sources or self._copies.values else nullcontext():
            puts = [
                (path, None if node is None else self._draft(path, node, meter))
                for path, node in self._nodes
            ]
            if not self._copies.values:
                with handle.writing() as session:
                    self._put(session, puts, {}, meter)
                return
            with self._copies.reading(), handle.writing() as session:
                try:
                    self._put(session, puts, self._copies.nodes(session), meter)
                except ReferencedError:  # nothing was done; the object there may take the values
                    if self._replace:
                        raise
                    self._put(session, puts, self._copies.by_value(session), meter)

    def _put(
        self,
        session: Session,
        puts: list[tuple[Path, Stored | None]],
        copies: dict[Path, Stored],
        meter: Meter | None,
    ) -> None:
        for path, _ in puts:
            access.require_free(session, path, replace=not self._anew)
        whole = [(path, copies[path] if node is None else node) for path, node in puts]
        changes = access.replacements(session, self._location.filters, whole)
        self._location.handle.touch(change.path for change in changes)
        wanted = self._layout(session) if self._layout else None
        session.apply(changes, wanted, meter, replace=self._replace)
        for path, attributes in self._attributes.items():
            gone = dict.fromkeys(session.attribute_names(path))
            if gone or attributes:
                session.write_attributes(path, {**gone, **attributes})

    def _draft(self, path: Path, node: Leaf | Branch | Source, meter: Meter | None) -> Stored:
        if not isinstance(node, Source):
            return node
        with self._location.handle.writing(commit=False) as session:
            wanted = self._layout(session) if self._layout else session.layout(path)
        return sources.draft_of(self._location, node, wanted, meter)


def encode(location: Location, path: Path, value: Any) -> Leaf | Branch:
    """The tree of a value that may be stored at a path; no file is touched.

    Raises:
        UnsupportedTypeError: it cannot be kept exactly.
        CheckpointerKeyError: a filter refuses the path, or a part of the value.
    """
    access.check_visible(location.filters, path)
    if isinstance(value, Placed):
        value = value._loaded()  # noqa: SLF001  a handle of ours
    node: Leaf | Branch = location.encode(value, path)
    access.check_written(location.filters, path, node)
    return node


def apply(location: Location, changes: Callable[[Session], list[Change]]) -> None:
    """Make changes that rest on what is stored, as one commit."""
    with location.handle.writing() as session:
        found = changes(session)
        location.handle.touch(change.path for change in found)
        session.apply(found)


def _without_live(path: Path, value: Any, live: dict[Path, Placed]) -> Any:
    """A value with None in place of the live groups and arrays in its dicts, which are noted."""
    if isinstance(value, Placed):
        live[path] = value
        return None
    if type(value) is not dict or not any(map(_may_be_live, value.values())):
        return value
    found: dict[Path, Placed] = {}
    made = {}
    for key, item in value.items():
        if type(key) is not str or problem_of_name(key) is not None:
            return value  # it is stored as one value
        made[key] = _without_live((*path, key), item, found)
    live.update(found)
    return made if found else value


def _may_be_live(value: Any) -> bool:
    return isinstance(value, Placed) or type(value) is dict


def _is_itself(location: Location, path: Path, value: Any) -> bool:
    """Whether a value is a group, or an array, that is stored at the path to which it is put."""
    if not isinstance(value, Placed):
        return False
    its = value._location  # noqa: SLF001  a handle of ours
    if its.handle is not location.handle or its.path != path or its.filters.stack:
        return False
    access.check_visible(location.filters, path)
    with location.handle.reading() as session:
        return session.stat(path) is not None
