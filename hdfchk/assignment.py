"""Assignment of values to keys: encoded before the file is touched, then stored as one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any, overload

import attrs

from .arrays import sources
from .arrays.sources import Source
from .backends.base import Change, Session, Stored
from .backends.layout import Layout
from .backends.meter import Meter
from .copying import Copies, attributes_of, can_copy
from .errors import ReferencedError, UnsupportedTypeError
from .keys import Path, join, problem_of_name
from .left_out import LeftOut, warn_of
from .location import Location, Placed
from .progress import ProgressOption, is_wanted, reporting
from .tree import MAX_DEPTH, Branch, Leaf, is_dict, nbytes_of
from .views import access
from .views.key_filter import KeyFilter

__all__ = ["Assignment", "apply", "encode"]

LayoutOf = Callable[[Session], Layout]
"""Returns the layout of arrays, which may depend on the options of the store."""


@attrs.define(eq=False)
class _Put:
    """One value at its path.

    Args:
        path: from the root of the store.
        node: its tree, or the source of an array that is stored in parts; None for a copy of what
            is stored.
        left_out: the paths below it of values that were left out.
    """

    path: Path
    node: Leaf | Branch | Source | None
    left_out: list[Path] = attrs.field(factory=list)

    def cut(self, path: Path) -> Path:
        """Leave out the value, inside nested dicts, that contains `path`; return its path."""
        base: Any = self.node
        for depth in range(len(self.path), len(path)):
            if not is_dict(base):
                break
            child = base.children[path[depth]]
            if depth == len(path) - 1 or not is_dict(child):
                del base.children[path[depth]]
                self.left_out.append(path[: depth + 1])
                return path[: depth + 1]
            base = child
        return self.path


class Assignment:
    """Values to be stored at paths, as one commit.

    Args:
        location: the group of the keys.
        pairs: paths from the root of the store, each with its value.
        layout: returns the layout of arrays, instead of the store's.
        replace: replace old values even if something in the file points to them.
        anew: the keys must not exist.

    Raises:
        UnsupportedTypeError: a value cannot be stored exactly.
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
        __tracebackhide__ = True
        self._location = location
        self._layout = layout
        self._replace = replace
        self._anew = anew
        self._copies = Copies(location, {})
        self._attributes: dict[Path, dict[str, Leaf]] = {}
        self._puts: list[_Put] = []
        left = LeftOut(location) if location.leaves_out else None
        for path, value in pairs:
            if not _is_itself(location, path, value):
                self._add(path, value, left)
        if left is not None:
            left.warn()

    @classmethod
    def of_node(cls, location: Location, path: Path, node: Leaf | Branch) -> Assignment:
        """Return the assignment of one value that is encoded, and accepted by the filters."""
        made = cls(location, ())
        made._puts = [_Put(path, node)]
        return made

    def _add(self, path: Path, value: Any, left: LeftOut | None) -> None:
        """Add a value. Live groups and arrays in it are copied as they are stored."""
        __tracebackhide__ = True
        live: dict[Path, Placed] = {}
        if self._layout is None:
            value = _without_live(path, value, live)
        if path not in live:
            self._add_value(path, value, left)
        for inner, placed in live.items():
            self._location.at(inner).check_visible()
            if can_copy(self._location, placed):
                self._puts.append(_Put(inner, None))
                self._copies.values[inner] = placed
            else:
                self._add_value(inner, placed, left)
                self._attributes.update(attributes_of(self._location, placed, inner))

    def _add_value(self, path: Path, value: Any, left: LeftOut | None) -> None:
        __tracebackhide__ = True
        known = len(left.paths) if left is not None else 0
        node = self._encoded(path, value, left)
        if node is not None:
            self._puts.append(_Put(path, node, left.paths[known:] if left is not None else []))

    def _encoded(
        self, path: Path, value: Any, left: LeftOut | None
    ) -> Leaf | Branch | Source | None:
        __tracebackhide__ = True
        try:
            source = sources.source_of(value)
        except UnsupportedTypeError:
            if left is None:
                raise
            source = None
        if source is None:
            return encode(self._location, path, value, left)
        self._location.at(path).check_whole()
        return source

    def commit(self, progress: ProgressOption = None) -> None:
        """Store all of them.

        Args:
            progress: True for a progress bar, or ``progress(done, total)``, in bytes.
        """
        while self._puts:
            try:
                self._try_to_commit(progress)
            except UnsupportedTypeError as error:  # HDF5 rejected it, and nothing was written
                if not self._leave_out(error):
                    raise
            else:
                return

    def _leave_out(self, error: UnsupportedTypeError) -> bool:
        """Leave out the value that HDF5 rejected, and warn; return whether to try again."""
        in_transaction = self._location.handle.connection.transaction is not None
        has_more = self._has_sources or bool(self._copies.values)
        if not self._location.leaves_out or has_more or in_transaction:
            return False
        refused = tuple((error.key or "").split("/"))
        for put in self._puts:
            if refused[: len(put.path)] == put.path:
                gone = put.cut(refused)
                if gone == put.path:
                    self._puts.remove(put)
                warn_of(self._location, gone, error)
                return True
        return False

    def _try_to_commit(self, progress: ProgressOption) -> None:
        if not is_wanted(progress):
            self._commit(None)
            return
        what = join(self._puts[0].path) if len(self._puts) == 1 else self._location.file
        with reporting(progress, what, "B", self._location.handle) as tell:
            sizes = [
                put.node.nbytes if isinstance(put.node, Source) else nbytes_of(put.node)
                for put in self._puts
                if put.node is not None
            ]
            self._commit(Meter(tell, sum(sizes)))

    @property
    def _has_sources(self) -> bool:
        return any(isinstance(put.node, Source) for put in self._puts)

    def _commit(self, meter: Meter | None) -> None:
        handle = self._location.handle
        with handle.held() if self._has_sources or self._copies.values else nullcontext():
            puts = [(put.path, self._draft(put.path, put.node, meter)) for put in self._puts]
            if not self._copies.values:
                with handle.writing() as session:
                    self._put(session, puts, {}, meter)
                return
            with self._copies.reading(), handle.writing() as session:
                try:
                    copies = self._copies.nodes(session)
                    self._put(session, puts, copies, meter)
                except ReferencedError:  # nothing was changed; the object may take the values
                    if self._replace:
                        raise
                    copies = self._copies.by_value(session)
                    self._put(session, puts, copies, meter)
            self._copies.tell_of_links(copies)

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
        changes = self._changes(session, whole)
        self._location.handle.touch(change.path for change in changes)
        wanted = self._layout(session) if self._layout else None
        session.apply(changes, wanted, meter, replace=self._replace)
        for path, attributes in self._attributes.items():
            gone = dict.fromkeys(session.attribute_names(path))
            if gone or attributes:
                session.write_attributes(path, {**gone, **attributes})

    def _changes(self, session: Session, puts: list[tuple[Path, Stored]]) -> list[Change]:
        filters = self._location.filters
        if not any(put.left_out for put in self._puts):
            return access.replacements(session, filters, puts)
        changes: list[Change] = []
        for put, (path, node) in zip(self._puts, puts, strict=True):
            stays = access.standing(session, path, put.left_out)
            seen = filters.add((), KeyFilter(None, (stays.__contains__,))) if stays else filters
            changes += access.replacements(session, seen, [(path, node)])
        return changes

    def _draft(
        self, path: Path, node: Leaf | Branch | Source | None, meter: Meter | None
    ) -> Stored | None:
        if not isinstance(node, Source):
            return node
        with self._location.handle.writing(commit=False) as session:
            wanted = self._layout(session) if self._layout else session.layout(path)
        return sources.draft_of(self._location, node, wanted, meter)


@overload
def encode(location: Location, path: Path, value: Any) -> Leaf | Branch: ...


@overload
def encode(
    location: Location, path: Path, value: Any, left: LeftOut | None
) -> Leaf | Branch | None: ...


def encode(
    location: Location, path: Path, value: Any, left: LeftOut | None = None
) -> Leaf | Branch | None:
    """Encode a value, and check that it may be stored at a path; no file is touched.

    Args:
        location: the location of the group.
        path: the key.
        value: the value.
        left: records what is left out; if nothing remains of the value, None is returned.

    Raises:
        UnsupportedTypeError: it cannot be stored exactly.
        CheckpointerKeyError: a filter refuses the path, or a part of the value.
    """
    __tracebackhide__ = True
    location.at(path).check_visible()
    if isinstance(value, Placed):
        value = value._loaded()  # noqa: SLF001  a handle of ours
    node: Any = location.encode(value, path) if left is None else left.encode(value, path)
    if node is None:
        return None
    with location.at(path).naming():
        access.check_written(location.filters, path, node)
    made: Leaf | Branch = node
    return made


def apply(location: Location, changes: Callable[[Session], list[Change]]) -> None:
    """Apply changes that depend on what is stored, as one commit."""
    with location.handle.writing() as session:
        found = changes(session)
        location.handle.touch(change.path for change in found)
        session.apply(found)


def _without_live(
    path: Path, value: Any, live: dict[Path, Placed], outer: frozenset[int] = frozenset()
) -> Any:
    """Replace live groups and arrays in nested dicts by None, and record them."""
    if isinstance(value, Placed):
        live[path] = value
        return None
    if type(value) is not dict or not any(map(_may_be_live, value.values())):
        return value
    if id(value) in outer or len(path) > MAX_DEPTH:
        return value  # it contains itself, or is nested too deeply: the codecs reject it
    outer |= {id(value)}
    found: dict[Path, Placed] = {}
    made = {}
    for key, item in value.items():
        if type(key) is not str or problem_of_name(key) is not None:
            return value  # the dict is stored as one value
        made[key] = _without_live((*path, key), item, found, outer)
    live.update(found)
    return made if found else value


def _may_be_live(value: Any) -> bool:
    return isinstance(value, Placed) or type(value) is dict


def _is_itself(location: Location, path: Path, value: Any) -> bool:
    """Whether a value is the live group or array of the path to which it is assigned."""
    if not isinstance(value, Placed):
        return False
    its = value._location  # noqa: SLF001  a handle of ours
    if its.handle is not location.handle or its.path != path or its.filters.stack:
        return False
    access.check_visible(location.filters, path)
    with location.handle.reading() as session:
        return session.stat(path) is not None
