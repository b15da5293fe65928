"""Entries of listings, and a listing that uses only the other methods of the protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from ..codecs.type_names import (
    MOST_TEXT,
    Outline,
    Told,
    leaf_outline,
    nbytes_of,
    told_of_group,
    told_of_leaf,
    told_of_object,
)
from ..errors import HdfchkError, NestingError
from ..keys import MAX_PATH, Path
from ..tree import Leaf

if TYPE_CHECKING:
    from .base import Select, Session

__all__ = ["MAX_VISITS", "SMALL_VALUE", "Entry", "entries_of", "problem_of"]

SMALL_VALUE = 1024
"""The maximum size in bytes of the values that a listing can include."""
MAX_VISITS = 1000
"""How often one group may occur in one listing, through several links."""


@attrs.define(eq=False, repr=False)
class Entry:
    """The properties of one key in a listing.

    Args:
        key: its path relative to the start of the listing; empty for the start itself.
        kind: ``group`` (a live dict), ``array`` or ``value``.
        type: a readable name of its Python type.
        length: the number of keys of a dict, or the length of a value, if known.
        shape: the shape of an array or a table.
        dtype: the dtype of an array or a NumPy scalar.
        nbytes: the number of bytes in memory, if known.
        stored: the number of bytes in the storage, if known.
        layout: HDF5's layout of a dataset.
        chunks: the shape of its chunks.
        compression: the name of the filter that compresses them.
        attributes: the number of the user's attributes.
        leaf: a small value, if requested.
        problem: what is wrong with it.
    """

    key: str
    kind: Literal["group", "array", "value"]
    type: str
    length: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: np.dtype[Any] | None = None
    nbytes: int | None = None
    stored: int | None = None
    layout: str | None = None
    chunks: tuple[int, ...] | None = None
    compression: str | None = None
    attributes: int = 0
    leaf: Leaf | None = None
    problem: str | None = None


def problem_of(error: HdfchkError) -> str:
    """Return what is wrong with one key, and what to do, as one line."""
    return f"{error.problem}; {error.hint}" if error.hint else error.problem


def entries_of(
    session: Session,
    path: Path,
    *,
    depth: int | None = None,
    limit: int | None = None,
    select: Select | None = None,
    values: bool = False,
) -> list[Entry]:
    """List everything at and below a path; see `Session.entries`.

    Each object is queried separately: this is for backends without a faster method.
    """
    return _Listing(session, path, depth, limit, select, values).run()


class _Listing:
    def __init__(
        self,
        session: Session,
        path: Path,
        depth: int | None,
        limit: int | None,
        select: Select | None,
        values: bool,
    ) -> None:
        self._session = session
        self._path = path
        self._depth = MAX_PATH if depth is None else depth
        self._limit = limit
        self._select = select
        self._values = values
        self._visits: dict[Any, int] = {}
        self._found: list[Entry] = []

    def run(self) -> list[Entry]:
        entry, names = self._entry(self._path, "")
        if entry.kind != "group" or self._depth == 0 or entry.problem is not None:
            return [entry]
        todo = [(self._path, iter(names))]
        while todo:
            path, rest = todo[-1]
            name = next(rest, None)
            if name is None:
                todo.pop()
                continue
            if self._limit is not None and len(self._found) >= self._limit:
                break
            inner = (*path, name)
            entry, names = self._entry(inner, "/".join(inner[len(self._path) :]))
            self._found.append(entry)
            if entry.kind == "group" and entry.problem is None:
                below = len(inner) - len(self._path)
                if below < self._depth:
                    self._enter(inner, entry, names, todo)
        return self._found

    def _enter(
        self, path: Path, entry: Entry, names: list[str], todo: list[tuple[Path, Any]]
    ) -> None:
        place = self._session.identity(path)
        visits = self._visits[place] = self._visits.get(place, 0) + 1
        if visits > MAX_VISITS or len(path) >= MAX_PATH:
            entry.problem = f"reached by more than {MAX_VISITS} paths, or nested too deeply"
            return
        todo.append((path, iter(names)))

    def _entry(self, path: Path, key: str) -> tuple[Entry, list[str]]:
        try:
            return self._describe(path, key)
        except HdfchkError as error:
            if not key and not isinstance(error, NestingError):
                raise
            return Entry(key, "value", "unknown", problem=problem_of(error)), []

    def _describe(self, path: Path, key: str) -> tuple[Entry, list[str]]:
        session = self._session
        stat = session.stat(path)
        if stat is None:
            session.read(path)  # raises an error that says what is missing
            return Entry(key, "value", "unknown"), []
        count = len(session.attribute_names(path))
        if stat.is_dict:
            names = self._visible(path)
            return Entry(key, "group", "dict", len(names), attributes=count), names
        if stat.is_group:
            told = told_of_group(
                stat.mark, session.names(path), self._part(path), self._text((*path, "items"))
            )
            return _entry(key, told, attributes=count), []
        outline = self._outline(path)
        if outline is not None and outline.dtype is not None:
            told = told_of_leaf(outline, self._text(path))
            nbytes = nbytes_of(told, outline)
            is_small = told.kind == "value" and (nbytes or 0) <= SMALL_VALUE
            leaf = self._leaf(path) if self._values and is_small else None
            return _entry(key, told, nbytes=nbytes, stored=nbytes, attributes=count, leaf=leaf), []
        whole = session.read(path)
        if not isinstance(whole, Leaf):
            return Entry(key, "value", "unknown", attributes=count), []
        data: Any = whole.data
        told = (
            told_of_object(data)
            if whole.mark is None
            else told_of_leaf(leaf_outline(whole), self._text(path))
        )
        is_long = isinstance(data, str) and len(data) > SMALL_VALUE
        is_small = told.kind == "value" and not is_long
        leaf = whole if self._values and is_small else None
        return _entry(key, told, attributes=count, leaf=leaf), []

    def _visible(self, path: Path) -> list[str]:
        names, select = self._session.names(path), self._select
        if select is None:
            return names
        found = []
        for name in names:
            inner = (*path, name)
            if select(inner, False):
                found.append(name)
            elif select(inner, True):
                stat = self._session.stat(inner)
                if stat is not None and stat.is_dict:
                    found.append(name)
        return found

    def _leaf(self, path: Path) -> Leaf | None:
        node = self._session.read(path)
        return node if isinstance(node, Leaf) else None

    def _outline(self, path: Path) -> Outline | None:
        """Return the known properties of a node; None if it does not exist."""
        stat = self._session.stat(path)
        if stat is None:
            return None
        if stat.is_group:
            return Outline(stat.mark, None, None)
        try:
            info = self._session.array_info(path)
        except HdfchkError:
            return Outline(stat.mark, None, None)
        return Outline(info.mark, info.shape, info.dtype)

    def _part(self, path: Path) -> Callable[[str], Outline | None]:
        return lambda name: self._outline((*path, *name.split("/")))

    def _text(self, path: Path) -> Callable[[], str | None]:
        def text() -> str | None:
            node = self._session.read(path)
            data = node.data if isinstance(node, Leaf) else None
            return data[:MOST_TEXT] if isinstance(data, str) else None

        return text


def _entry(key: str, told: Told, **more: Any) -> Entry:
    return Entry(key, told.kind, told.type, told.length, told.shape, told.dtype, **more)
