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
from .keys import Path, join
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
    ) -> None:
        self._location = location
        self._layout = layout
        self._replace = replace
        self._nodes = [
            (path, self._encoded(path, value))
            for path, value in pairs
            if not _is_itself(location, path, value)
        ]

    @classmethod
    def of_node(cls, location: Location, path: Path, node: Leaf | Branch) -> Assignment:
        """That of one value that is encoded, and that the filters let be stored."""
        made = cls(location, ())
        made._nodes = [(path, node)]
        return made

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
            ]
            self._commit(Meter(tell, sum(sizes)))

    def _commit(self, meter: Meter | None) -> None:
        handle = self._location.handle
        has_sources = any(isinstance(node, Source) for _, node in self._nodes)
        with handle.held() if has_sources else nullcontext():
            puts = [(path, self._draft(path, node, meter)) for path, node in self._nodes]
            with handle.writing() as session:
                changes = access.replacements(session, self._location.filters, puts)
                handle.touch(change.path for change in changes)
                wanted = self._layout(session) if self._layout else None
                session.apply(changes, wanted, meter, replace=self._replace)

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
