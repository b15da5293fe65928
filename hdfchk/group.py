"""`Group`: a live nested mapping over one HDF5 group, and all that stores and views share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar, overload

import numpy as np

from . import calls, edits, keys
from .array import Array
from .attributes import Attributes
from .backends.base import Change, Put, Session
from .errors import CheckpointerKeyError, CorruptFileError, NotAGroupError
from .filters import KeyFilter
from .group_arrays import GroupArrays
from .keys import Key, Path, join
from .progress import ProgressOption
from .tree import Branch, Leaf, is_dict

__all__ = ["Group"]

T = TypeVar("T")
_MISSING: Any = object()
_SMALL = frozenset({float, int, bool, str, complex, type(None), np.float64, np.ndarray})
"""Types of values that may be so small that there is a faster way to store them."""


class Group(GroupArrays):
    """A live mapping over one HDF5 group: what is set is written through.

    You get groups from a store: ``chk["params"]``, ``chk.group("params", create=True)``,
    ``chk.view(allowed_keys=...)``. A group holds a place, never data: it sees every change that
    is made through the store or another group, and it outlives a ``with`` block.

    Guarantees:
        Each assignment, deletion, `update`, `merge` and `clear` is one commit: it is done whole,
        or, after an error that it raises, not at all. Values are encoded before the file is
        touched. Threads take turns.

        `pop`, `popitem`, `setdefault`, the first `append` to a key and the step in which
        `cached_eval` stores its result read first and then write: they hold the writer's lock from
        one to the other, so that no other thread or process comes in between.

    Example:
        >>> from hdfchk import HDF5Checkpointer
        >>> chk = HDF5Checkpointer(None)
        >>> chk["params"] = {"steps": 500, "method": "euler"}
        >>> params = chk["params"]
        >>> params["steps"] = 600
        >>> chk["params"].load()
        {'steps': 600, 'method': 'euler'}
    """

    # -- places --------------------------------------------------------------------------------

    def group(self, key: Key, create: bool = False) -> Group:
        """The group at a key.

        Args:
            key: where it is. It may be the group in which a record is stored, whose fields can
                so be read where its class is not registered.
            create: make an empty one if nothing is there.

        Raises:
            CheckpointerKeyError: nothing is there, or a filter refuses it.
            NotAGroupError: the key holds a value that is not a group.
        """
        path = self._path + (keys.parse(key) if create else keys.parse_for_read(key))
        edits.check_visible(self._filters, path)
        with self._context.handle.reading() as session:
            stat = session.stat(path)
            if stat is not None and not stat.is_group:
                raise NotAGroupError("it holds a value, not a dict", key=join(path))
            if stat is None and not create:
                error = keys.missing(path)
                error.hint = "pass create=True to make a group"
                raise self._suggesting(error, session, path)
            if stat is not None and not self._filters.wants(path, stat.is_dict):
                raise edits.refused(path)
        if stat is None:
            self._apply(
                lambda session: [Put(path, Branch({}))] if session.stat(path) is None else []
            )
        return self._at(path)

    def view(self, *, allowed_keys: Any = None, omitted_keys: Any = None) -> Group:
        """The same group through one more filter.

        Args:
            allowed_keys: a key, an iterable of keys, or a callable; keys may be paths and globs.
            omitted_keys: the same; omitted wins over allowed.

        Returns:
            A live view on the same handle. It holds the rule, never a copy of the keys.
        """
        rule = KeyFilter.make(allowed_keys, omitted_keys)
        return Group(self._context, self._path, self._filters.add(self._path, rule))

    @property
    def attrs(self) -> Attributes:
        """The HDF5 attributes of this group, as a mapping."""
        return Attributes(
            self._context,
            self._path,
            lambda: _discard(edits.check_visible(self._filters, self._path)),
        )

    # -- writing -------------------------------------------------------------------------------

    def __setitem__(self, key: Key, value: Any) -> None:
        """Put a value at a key, whatever stood there before; groups are made on the way.

        HDF5 attributes of what is replaced stay with the key.

        Raises:
            InvalidKeyError, InvalidKeyTypeError: `key` cannot be a key.
            UnsupportedTypeError: the value cannot be kept exactly; nothing was written.
            CheckpointerKeyError: a filter refuses the key or a part of the value; nothing was
                written.
            NotAGroupError: the path goes through a value that is not a dict.
        """
        path = self._path + keys.parse(key)
        if type(value) in _SMALL and not self._filters.stack and self._context.handle.is_held:
            node = self._context.encode(value, path)
            if not (isinstance(node, Leaf) and self._context.handle.put(path, node)):
                self._write([(path, node)])
            return
        self._assign([(path, value)])

    def save_parameter(self, key: Key, value: Any) -> None:
        """Put a value at a key: ``chk[key] = value`` under its older name."""
        self[key] = value

    def __delitem__(self, key: Key) -> None:
        """Delete what is at a key.

        Raises:
            CheckpointerKeyError: nothing is there, a filter refuses it, or it holds keys that a
                filter hides.
        """
        path = self._path + keys.parse_for_read(key)
        if self._lacks(key):  # a key that is not there must not open the file for writing
            edits.check_visible(self._filters, path)
            with self._context.handle.reading() as session:
                raise self._suggesting(keys.missing(path), session, path)
        self._apply(lambda session: edits.removal(session, self._filters, path))

    def delete_parameter(self, key: Key) -> None:
        """Delete what is at a key: ``del chk[key]`` under its older name."""
        del self[key]

    def update(self, vals: Any = (), /, **more: Any) -> None:
        """Set several keys as one commit.

        Args:
            vals: a mapping, or an iterable of pairs.
            more: further keys and values.

        Raises:
            Everything that an assignment raises; nothing was written then.
        """
        self._update(vals, more, None)

    def _update(self, vals: Any, more: Mapping[str, Any], progress: ProgressOption) -> None:
        pairs = [(self._path + keys.parse(k), v) for k, v in [*_pairs(vals), *more.items()]]
        if pairs:
            self._assign(pairs, progress=progress)

    def merge(self, key: Key, mapping: Mapping[str, Any]) -> None:
        """Merge a mapping into the dict at a key, level by level, as one commit.

        Where both have a dict, the dicts are merged; everything else is replaced.
        """
        base = self._path + keys.parse(key)
        node = self._encode(base, dict(mapping))
        puts = list(_leaves(base, node))

        def changes(session: Session) -> list[Change]:
            if session.stat(base) is None:
                return [Put(base, node)]
            return self._changes(session, puts)

        self._apply(changes)

    def setdefault(self, key: Key, default: Any = None) -> Any:
        """The value at a key, which is first set to `default` if nothing is there."""
        if not self._lacks(key):
            try:
                return self[key]
            except CheckpointerKeyError:  # deleted just now
                if self._has(key):
                    raise
        with self._context.handle.writing_alone():
            if not self._has(key):
                self[key] = default
            return self[key]

    @overload
    def pop(self, key: Key) -> Any: ...
    @overload
    def pop(self, key: Key, default: T) -> Any | T: ...
    def pop(self, key: Key, default: Any = _MISSING) -> Any:
        """Delete a key and return what it had, dicts as plain dicts.

        Raises:
            CheckpointerKeyError: there is no such key and no `default` was given.
        """
        if self._lacks(key):  # a key that is not there must not open the file for writing
            return self._missing(key, default)
        with self._context.handle.writing_alone():
            try:
                value = self.load(key)
            except CheckpointerKeyError:
                if default is _MISSING or self._has(key):
                    raise
                return default
            del self[key]
            return value

    def popitem(self) -> tuple[str, Any]:
        """Delete the key that was set last, and return it with its value, as for a `dict`.

        Raises:
            CheckpointerKeyError: there are no keys.
        """
        with self._context.handle.looking():
            is_empty = self._last_name() is None
        if is_empty:
            raise CheckpointerKeyError("there are no keys", file=self._address)
        with self._context.handle.writing_alone():
            last = self._last_name()
            if last is None:
                raise CheckpointerKeyError("there are no keys", file=self._address)
            return last, self.pop((last,))

    def _last_name(self) -> str | None:
        if self._filters.stack:
            names = self._names()
            return names[-1] if names else None
        with self._context.handle.reading() as session:
            return session.last_name(self._path)

    def _lacks(self, key: Key) -> bool:
        """Whether a key is not there now, where a call looks again before it writes."""
        with self._context.handle.looking():
            try:
                return not self._has(key)
            except CorruptFileError as error:
                first = error
            try:
                self._has(key)  # or it was something else than the file
            except CorruptFileError:
                return False  # what cannot be opened is there all the same
            raise first

    def _missing(self, key: Key, default: Any) -> Any:
        if default is _MISSING:
            return self.load(key)  # its error says what is missing
        return default

    def clear(self) -> None:
        """Delete all keys that this group or view shows, as one commit; what it hides stays."""
        with self._context.handle.looking():
            has_keys = bool(self)
        if has_keys:
            self._apply(
                lambda session: [
                    change
                    for name in edits.visible_names(session, self._filters, self._path)
                    for change in edits.emptying(session, self._filters, (*self._path, name))
                ]
            )

    def __ior__(self, other: Any) -> Self:  # type: ignore[override]
        """`update`."""
        self.update(other)
        return self

    # -- functions -----------------------------------------------------------------------------

    def cached_eval(
        self,
        key: Key,
        generator: Callable[..., T],
        *,
        condition: Callable[[Key], object] | None = None,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> T:
        """The value at a key, computed and stored if it is not there.

        Args:
            key: where it is kept.
            generator: computes it: ``generator(*args, **kwargs)``.
            condition: ``condition(key)`` says whether to use the store at all; where it is
                false, the value is computed, and neither read nor stored.
            args: positional arguments of `generator`.
            kwargs: keyword arguments of `generator`.

        Returns:
            The value, dicts as plain dicts; a new one is stored before it is returned.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk.cached_eval("sum", sum, args=([1, 2, 3],)), chk["sum"]
            (6, 6)
        """
        return calls.cached_eval(self, key, generator, condition, args, kwargs or {})

    def cached(
        self, key: Key | Callable[..., Key], *, condition: Callable[[Key], object] | None = None
    ) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """A decorator that keeps a function's result at a key: `cached_eval` at every call.

        Args:
            key: the key; or a function that makes it of the arguments. A fixed key holds one
                result, whatever the arguments are.
            condition: as for `cached_eval`.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> @chk.cached(lambda n: f"squares/{n}")
            ... def square(n):
            ...     print("computing")
            ...     return n * n
            >>> square(3), square(3), chk["squares", "3"]
            computing
            (9, 9, 9)
        """
        return calls.cached(self, key, condition)

    def kwargs_for(self, func: Callable[..., Any]) -> Group:
        """A view that holds only the keys that `func` takes as keyword arguments.

        Nothing is read before it is taken: ``func(**chk.kwargs_for(func))``.
        """
        return self.view(allowed_keys=calls.keyword_names(func))

    def call(self, func: Callable[..., T], **overrides: Any) -> T:
        """Call a function with the keys that it takes; `overrides` win, and are not read.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk.update({"x": 2, "n": 3, "unused": None})
            >>> chk.call(lambda x, n: x**n, n=4)
            16
        """
        kept = self.kwargs_for(func).view(omitted_keys=tuple(overrides) or None)
        with self._context.handle.held():
            return func(**kept, **overrides)

    # -- inside --------------------------------------------------------------------------------

    def _at(self, path: Path) -> Group:
        return Group(self._context, path, self._filters)

    def _encode(self, path: Path, value: Any) -> Leaf | Branch:
        """The tree of a value that may stand at `path`; no file is touched."""
        edits.check_visible(self._filters, path)
        if isinstance(value, Group):
            value = value.load()
        elif isinstance(value, Array):
            value = value[...]
        node: Leaf | Branch = self._context.encode(value, path)
        edits.check_written(self._filters, path, node)
        return node

    def _apply(self, changes: Callable[[Session], list[Change]]) -> None:
        with self._context.handle.writing() as session:
            found = changes(session)
            self._context.handle.touch(change.path for change in found)
            session.apply(found)


def _discard(_: object) -> None:
    return None


def _pairs(vals: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(vals, Group):
        pairs: Iterable[tuple[Any, Any]] = vals.load().items()
        return pairs
    if isinstance(vals, Mapping):
        return vals.items()
    if hasattr(vals, "keys"):
        return [(key, vals[key]) for key in vals.keys()]  # noqa: SIM118  as dict.update does
    return [(key, value) for key, value in vals]


def _leaves(path: Path, node: Leaf | Branch) -> Iterator[tuple[Path, Leaf | Branch]]:
    """What a merge puts: everything that is no dict, and dicts that are empty."""
    if not is_dict(node) or not node.children:
        yield path, node
        return
    for name, child in node.children.items():
        yield from _leaves((*path, name), child)  # type: ignore[arg-type]
