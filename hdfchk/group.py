"""`Group`: a live nested mapping over one HDF5 group, and all that stores and views share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, MutableMapping
from typing import Any, TypeVar, overload

from . import calls, edits, keys
from .array import Array
from .attributes import Attributes
from .backends.base import Change, Put, Session
from .context import Context
from .equality import same
from .errors import CheckpointerKeyError, HdfchkError, NotAGroupError
from .filters import Filters, KeyFilter, Verdict
from .keys import Key, Path, join
from .tree import Branch, Leaf

__all__ = ["Group"]

T = TypeVar("T")
_MISSING: Any = object()


class Keys(KeysView[str]):
    """A live view of the keys; as the older checkpointer's list, it can be indexed, too."""

    def __getitem__(self, index: Any) -> Any:
        """The key at a position, or a list of those of a slice."""
        return list(self)[index]

    def __repr__(self) -> str:
        """The keys."""
        return f"Keys({list(self)!r})"


class Group(MutableMapping[str, Any]):
    """A live mapping over one HDF5 group: what is set is written through.

    You get groups from a store: ``chk["params"]``, ``chk.group("params", create=True)``,
    ``chk.view(allowed_keys=...)``. A group holds a place, never data: it sees every change that
    is made through the store or another group, and it outlives a ``with`` block.

    Guarantees:
        Each assignment, deletion, `update`, `merge` and `clear` is one commit: it is done whole,
        or, after an error that it raises, not at all. Values are encoded before the file is
        touched. Threads take turns.

        Not atomic: `pop`, `popitem`, `setdefault` and `cached_eval`, which read first and then
        write; another process may come in between.

    Example:
        >>> from hdfchk import HDF5Checkpointer
        >>> chk = HDF5Checkpointer(None)
        >>> chk["params"] = {"steps": 500, "method": "euler"}
        >>> params = chk["params"]
        >>> params["steps"] = 600
        >>> chk["params"].load()
        {'steps': 600, 'method': 'euler'}
    """

    def __init__(self, context: Context, path: Path, filters: Filters) -> None:
        self._context = context
        self._path = path
        self._filters = filters

    def __repr__(self) -> str:
        """Place and count, not contents."""
        try:
            count = f"{len(self)} keys"
        except (HdfchkError, OSError) as error:
            count = type(error).__name__
        return f"<{type(self).__name__} {join(self._path)!r} in {self._address}: {count}>"

    # -- reading -------------------------------------------------------------------------------

    def __getitem__(self, key: Key) -> Any:
        """The value at a key: a live `Group` for a dict, else the value itself.

        Args:
            key: a `str` (``"/"`` separates levels) or a tuple of them.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it (a `KeyError`).
            UnknownTypeError: it is of a class that is not registered.
        """
        path = self._path + keys.parse_for_read(key)
        with self._context.handle.reading() as session:
            verdict = edits.check_visible(self._filters, path)
            node = session.read_value(path)
            if node is not None:
                if verdict is Verdict.PART:
                    raise edits.refused(path)
                edits.check_read(self._filters, path, node)
        if node is None:
            return Group(self._context, path, self._filters)
        return self._context.decode(node, path)

    def __contains__(self, key: object) -> bool:
        """Whether there is such a key. Reads no value, and answers for any object."""
        try:
            path = self._path + keys.parse(key)
        except HdfchkError:
            return False
        if self._filters.verdict(path) is Verdict.NONE:
            return False
        with self._context.handle.reading() as session:
            stat = session.stat(path)
            return stat is not None and self._filters.wants(path, stat.is_dict)

    def __iter__(self) -> Iterator[str]:
        """The keys of this level, in the order in which they were first set.

        Raises:
            RuntimeError: keys came or went since the iteration began, as for a `dict`.
        """
        handle = self._context.handle
        with handle.held():
            names = self._names()
            changes = handle.changes
            for name in names:
                if handle.changes != changes:
                    if self._names() != names:
                        raise RuntimeError("the group changed during iteration")
                    changes = handle.changes
                yield name

    def __len__(self) -> int:
        """The number of keys of this level."""
        return len(self._names())

    def keys(self) -> KeysView[str]:
        """The keys, as a live view."""
        return Keys(self)

    def load(self, key: Key | None = None) -> Any:
        """All of it, or what is at `key`, as plain dicts and values.

        Args:
            key: a key below this group; None for the whole group.

        Returns:
            A plain `dict` with everything read; a value where `key` leads to one.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
        """
        path = self._path if key is None else self._path + keys.parse_for_read(key)
        with self._context.handle.reading() as session:
            verdict = edits.check_visible(self._filters, path)
            whole = self._filters.is_whole(path)
            node = session.read(path, None if whole else self._filters.wants)
            if verdict is Verdict.PART and not _is_dict(node):
                raise edits.refused(path)
            edits.check_read(self._filters, path, node)
        return self._context.decode(node, path)

    def load_parameter(self, key: Key) -> Any:
        """The value at a key, dicts as plain dicts: `load` under its older name."""
        return self.load(key)

    def get_keys(self, keys: Iterable[Key]) -> list[Any]:
        """The values at several keys, in their order, the file being opened once."""
        with self._context.handle.held():
            return [self[key] for key in keys]

    def array(self, key: Key) -> Array:
        """A handle on the array at a key, which reads nothing yet.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
            UnsupportedStoredError: what stands there is no array.
        """
        path = self._path + keys.parse_for_read(key)
        array = Array(self._context, path, self._filters)
        _ = array.shape  # says now that there is none
        return array

    def group(self, key: Key, create: bool = False) -> Group:
        """The group at a key.

        Args:
            key: where it is. It may be the group in which a record is stored, whose fields can
                so be read where its class is not registered.
            create: make an empty one if nothing is there.

        Raises:
            CheckpointerKeyError: nothing is there, or a filter refuses it.
            NotAGroupError: a value is there that is no group.
        """
        path = self._path + (keys.parse(key) if create else keys.parse_for_read(key))
        edits.check_visible(self._filters, path)
        with self._context.handle.reading() as session:
            stat = session.stat(path)
            if stat is not None and not stat.is_group:
                raise NotAGroupError("it holds a value, not a dict", key=join(path))
            if stat is None and not create:
                raise CheckpointerKeyError(
                    "no such key", key=join(path), hint="pass create=True to make a group"
                )
            if stat is not None and not self._filters.wants(path, stat.is_dict):
                raise edits.refused(path)
        if stat is None:
            self._apply(lambda _: [Put(path, Branch({}))])
        return Group(self._context, path, self._filters)

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
            self._context, self._path, lambda: _discard(edits.check_visible(self._filters, self._path))
        )

    # -- writing -------------------------------------------------------------------------------

    def __setitem__(self, key: Key, value: Any) -> None:
        """Put a value at a key, whatever stood there before; groups are made on the way.

        HDF5 attributes of what is replaced stay with the key.

        Raises:
            InvalidKeyError, InvalidKeyTypeError: `key` can not be a key.
            UnsupportedTypeError: the value can not be kept exactly; nothing was written.
            CheckpointerKeyError: a filter refuses the key or a part of the value; nothing was
                written.
            NotAGroupError: the path goes through a value that is no dict.
        """
        path = self._path + keys.parse(key)
        node = self._encode(path, value)
        self._apply(lambda session: edits.replacement(session, self._filters, path, node))

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
        if key not in self:  # a key that is not there must not open the file for writing
            edits.check_visible(self._filters, path)
            raise CheckpointerKeyError(
                "no such key", file=self._address, key=join(path), hint="see keys()"
            )
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
        pairs = [*_pairs(vals), *more.items()]
        puts = []
        for key, value in pairs:
            path = self._path + keys.parse(key)
            puts.append((path, self._encode(path, value)))
        if puts:
            self._apply(lambda session: self._replacements(session, puts))

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
            return self._replacements(session, puts)

        self._apply(changes)

    def setdefault(self, key: Key, default: Any = None) -> Any:
        """The value at a key, which is first set to `default` if nothing is there."""
        with self._context.handle.held():
            if key not in self:
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
        with self._context.handle.held():
            try:
                value = self.load(key)
            except CheckpointerKeyError:
                if default is _MISSING or key in self:
                    raise
                return default
            del self[key]
            return value

    def popitem(self) -> tuple[str, Any]:
        """Delete the key that was set last, and return it with its value, as for a `dict`.

        Raises:
            CheckpointerKeyError: there are no keys.
        """
        with self._context.handle.held():
            names = self._names()
            if not names:
                raise CheckpointerKeyError("there are no keys", file=self._address)
            return names[-1], self.pop((names[-1],))

    def clear(self) -> None:
        """Delete all keys that this group or view shows, as one commit; what it hides stays."""
        if len(self):
            self._apply(
                lambda session: [
                    change
                    for name in edits.visible_names(session, self._filters, self._path)
                    for change in edits.emptying(session, self._filters, (*self._path, name))
                ]
            )

    # -- comparing and joining -----------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        """Whether `other` is a mapping with equal contents; arrays are compared by value."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return same(self.load(), other.load() if isinstance(other, Group) else other)

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Any) -> dict[str, Any]:
        """A plain dict of these keys and those of `other`, which win."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**self.load(), **_plain(other)}

    def __ror__(self, other: Any) -> dict[str, Any]:
        """A plain dict of the keys of `other` and these, which win."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**_plain(other), **self.load()}

    def __ior__(self, other: Any) -> Group:
        """`update`."""
        self.update(other)
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A plain dict of all that is stored here."""
        return self.load()

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

    @property
    def _address(self) -> str:
        return self._context.handle.backend.address

    def _names(self) -> list[str]:
        edits.check_visible(self._filters, self._path)
        with self._context.handle.reading() as session:
            return edits.visible_names(session, self._filters, self._path)

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

    def _replacements(
        self, session: Session, puts: Iterable[tuple[Path, Leaf | Branch]]
    ) -> list[Change]:
        if not self._filters.stack:
            return [Put(path, node) for path, node in puts]
        return [
            change
            for path, node in puts
            for change in edits.replacement(session, self._filters, path, node)
        ]

    def _apply(self, changes: Callable[[Session], list[Change]]) -> None:
        with self._context.handle.writing() as session:
            session.apply(changes(session))


def _discard(_: object) -> None:
    return None


def _is_dict(node: Leaf | Branch) -> bool:
    return isinstance(node, Branch) and (node.mark is None or node.mark.name == "dict")


def _plain(other: Mapping[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = other.load() if isinstance(other, Group) else dict(other)
    return loaded


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
    if not _is_dict(node) or not isinstance(node, Branch) or not node.children:
        yield path, node
        return
    for name, child in node.children.items():
        yield from _leaves((*path, name), child)  # type: ignore[arg-type]
