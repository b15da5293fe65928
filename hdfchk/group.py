"""`Group`: a live nested mapping over one HDF5 group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, Self, TypeVar, overload

import attrs
import numpy as np

from . import keys, memoize
from .arrays import creation
from .arrays.array import Array
from .arrays.layout_options import INHERIT, layout_for
from .assignment import Assignment, apply
from .attributes import Attributes
from .backends.base import SMALL_BYTES, Change, Put, Session
from .backends.layout import Compression
from .backends.meter import Meter
from .equality import same
from .errors import (
    CheckpointerKeyError,
    CorruptFileError,
    HdfchkError,
    NotAGroupError,
    UnsupportedTypeError,
)
from .key_view import ContainsPaths, Keys
from .keys import Key, Path, join
from .left_out import leaving_out
from .location import Location
from .progress import ProgressOption, is_wanted, reporting
from .runtime.interrupts import defer_interrupts
from .shown import Shown
from .tree import Branch, Leaf, is_dict
from .typing import CompressionOption, Condition, KeyRule
from .views import access
from .views.key_filter import KeyFilter, Verdict

if TYPE_CHECKING:
    from .description import Description
    from .tables.table import Table

__all__ = ["Group"]

T = TypeVar("T")
P = ParamSpec("P")
_MISSING: Any = object()
_SMALL = frozenset({float, int, bool, str, complex, type(None), np.float64, np.ndarray})
"""Types of values that may be so small that there is a faster way to store them."""


class Group(ContainsPaths, Shown, MutableMapping[str, Any]):
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

    def __init__(self, location: Location) -> None:
        self._location = location

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
        path = self._location.path + (keys.parse(key) if create else keys.parse_for_read(key))
        self._location.at(path).check_visible()
        with self._location.handle.reading() as session:
            stat = session.stat(path)
            if stat is not None and not stat.is_group:
                raise NotAGroupError("it holds a value, not a dict", key=join(path))
            if stat is None and not create:
                error = keys.missing(path)
                error.hint = "pass create=True to make a group"
                raise self._location.suggesting(error, session, path)
            if stat is not None and not self._location.filters.wants(path, stat.is_dict):
                raise access.refused(path)
        if stat is None:
            apply(
                self._location,
                lambda session: [Put(path, Branch({}))] if session.stat(path) is None else [],
            )
        return self._at(path)

    @property
    def attrs(self) -> Attributes:
        """The HDF5 attributes of this group, as a mapping."""
        return Attributes(self._location, self._location.check_visible)

    def attrs_of(self, key: Key) -> Attributes:
        """The HDF5 attributes of what is at a key, whatever that is, as a mapping.

        A dict, an array and any other value have attributes, which stay with the key when another
        value is assigned to it. The mapping is live.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk["energies"] = [-76.43, -76.21]
            >>> chk.attrs_of("energies")["units"] = "hartree"
            >>> dict(chk.attrs_of("energies"))
            {'units': 'hartree'}
        """
        location = self._location.at(self._location.path + keys.parse_for_read(key))
        location.check_visible()
        with location.handle.reading() as session:
            stat = session.stat(location.path)
            if stat is None:
                raise self._location.missing(session, location.path)
            if not location.filters.wants(location.path, stat.is_dict):
                raise access.refused(location.path)
        return Attributes(location, location.check_visible)

    def view(
        self, *, allowed_keys: KeyRule | None = None, omitted_keys: KeyRule | None = None
    ) -> Group:
        """The same group through one more filter.

        Args:
            allowed_keys: a key, an iterable of keys, or a callable; keys may be paths and globs.
            omitted_keys: the same; omitted wins over allowed.

        Returns:
            A live view on the same handle. It holds the rule, never a copy of the keys.
        """
        rule, location = KeyFilter.make(allowed_keys, omitted_keys), self._location
        return Group(location.at(location.path, location.filters.add(location.path, rule)))

    # -- reading -------------------------------------------------------------------------------

    def __getitem__(self, key: Key) -> Any:
        """The value at a key: a live `Group` for a dict, else the value itself.

        Args:
            key: a `str` (``"/"`` separates levels) or a tuple of them.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it (a `KeyError`).
            UnknownTypeError: it is of a class that is not registered.
        """
        return self._value(key, suggests=True)

    def get(self, key: Key, default: Any = None) -> Any:
        """The value at a key, as ``self[key]`` gives it, or `default` if there is none."""
        try:
            return self._value(key, suggests=False)
        except KeyError:
            return default

    def _value(self, key: Key, *, suggests: bool) -> Any:
        __tracebackhide__ = True
        path = self._location.path + keys.parse_for_read(key)
        with self._location.handle.reading() as session:
            verdict = access.check_visible(self._location.filters, path)
            try:
                node = session.read_value(path, mapped=self._location.mmap)
            except CheckpointerKeyError as error:
                if suggests:
                    self._location.suggesting(error, session, path)
                raise
            if node is not None:
                if verdict is Verdict.PART:
                    raise access.refused(path)
                access.check_read(self._location.filters, path, node)
        if node is None:
            return self._at(path)
        return self._location.decode(node, path)

    def __contains__(self, key: object) -> bool:
        """Whether there is such a key. Reads no value, and answers for any object."""
        try:
            return self._has(key)
        except CorruptFileError:  # what cannot be opened is there all the same
            path = self._location.path + keys.parse(key, reading=True)
            with self._location.handle.reading() as session:
                is_there = path[-1] in session.names(path[:-1])
            return is_there and self._location.filters.wants(path, False)

    def _has(self, key: object) -> bool:
        """Whether there is such a key; for what is written then: an error is raised."""
        try:
            path = self._location.path + keys.parse(key, reading=True)
        except HdfchkError:
            return False
        return self._location.has(path)

    def __iter__(self) -> Iterator[str]:
        """The keys of this level, in the order in which they were first set.

        Raises:
            RuntimeError: keys came or went since the iteration began, as for a `dict`.
        """
        handle = self._location.handle
        with handle.held():
            with handle.reading() as session:
                # In one reading: no other thread adds a key between the names and their number.
                watch = handle.watch(self._location.path)
                names = self._names()
                count = session.count(self._location.path)
            for number, name in enumerate(names):
                if number and watch.touched:
                    # As for a dict: a value may be replaced, keys must not come or go.
                    watch.touched = False
                    if not self._still_has(name, names, count):
                        raise RuntimeError("the group changed during iteration")
                yield name

    def _still_has(self, name: str, names: list[str], count: int) -> bool:
        """Whether the group has as many keys as before, and one of them."""
        if self._location.filters.stack:
            return self._names() == names
        with self._location.handle.reading() as session:
            return session.count(self._location.path) == count and session.has(
                self._location.path, name
            )

    def __len__(self) -> int:
        """The number of keys of this level. Without a filter, they are not listed."""
        location = self._location
        if location.filters.stack:
            return len(self._names())
        with location.handle.reading() as session:
            return session.length(location.path)

    def __bool__(self) -> bool:
        """Whether there are keys."""
        if self._location.filters.stack:
            return bool(self._names())
        with self._location.handle.reading() as session:
            return session.last_name(self._location.path) is not None

    def keys(self) -> Keys:
        """The keys, as a live view."""
        return Keys(self)

    def __reversed__(self) -> Iterator[str]:
        """The keys, the last one first."""
        return reversed(list(self))

    def load(
        self, key: Key | None = None, *, mmap: bool | None = None, progress: ProgressOption = None
    ) -> Any:
        """All of it, or what is at `key`, as plain dicts and values.

        Args:
            key: a key below this group; None for the whole group.
            mmap: give large contiguous arrays as read-only views of the file,
                which cost no memory until they are used; see `Array.map`. By default as the
                store says.
            progress: True for a progress bar, or ``progress(done, total)``, in bytes of the file;
                the total is that of the whole file, or of one array, and 0 for a part of a file.

        Returns:
            A plain `dict` with everything read; a value where `key` leads to one.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
        """
        path = (
            self._location.path if key is None else self._location.path + keys.parse_for_read(key)
        )
        mapped = self._location.mmap if mmap is None else mmap
        if not is_wanted(progress):
            return self._location.decode(self._read(path, mapped, None), path)
        with reporting(progress, join(path), "B", self._location.handle) as tell:
            meter = Meter(tell)
            value = self._location.decode(self._read(path, mapped, meter), path)
            meter.finish()
        return value

    def _read(self, path: Path, mapped: bool, meter: Meter | None) -> Leaf | Branch:
        __tracebackhide__ = True
        with self._location.handle.reading() as session:
            verdict = access.check_visible(self._location.filters, path)
            select = None if self._location.filters.is_whole(path) else self._location.filters.wants
            try:
                node = session.read(path, select, mapped=mapped, meter=meter)
            except CheckpointerKeyError as error:
                self._location.suggesting(error, session, path)
                raise
            if verdict is Verdict.PART and not is_dict(node):
                raise access.refused(path)
            access.check_read(self._location.filters, path, node)
        return node

    def describe(
        self,
        key: Key | None = None,
        *,
        depth: int | None = None,
        limit: int | None = None,
        values: bool = False,
    ) -> list[Description]:
        """What is stored here, key by key: types, shapes, sizes. No array is read.

        The file is opened once, and closed at the end of the call. Soft links, and links to other
        files, are not followed. What is damaged, or of a type that cannot be read, is described
        with its problem, and the rest all the same.

        Args:
            key: a key below this group; None for this group.
            depth: of a dict, the number of levels below it: 1 for its own keys, 0 for itself
                alone, None for all.
            limit: the maximum number of descriptions.
            values: give small values, too: scalars, short strings and lists.

        Returns:
            For a dict all that is below it, depth first, in the order of keys. For anything else
            one `Description`, also if it is stored as a group.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
            InvalidOptionError: `depth` or `limit` is negative (a `ValueError`).

        Example:
            >>> import numpy as np
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk["run"] = {"steps": 500, "x": np.zeros((2, 3)), "names": ["a", "b"]}
            >>> for found in chk.describe():
            ...     print(found.key, found.type, found.shape)
            run dict None
            run/steps int None
            run/x ndarray (2, 3)
            run/names list of str None
        """
        path = self._location.path + (() if key is None else keys.parse_for_read(key))
        from .description import describe

        return describe(self._location, path, depth=depth, limit=limit, values=values)

    def load_parameter(self, key: Key) -> Any:
        """The value at a key, dicts as plain dicts: `load` under its older name."""
        return self.load(key)

    @overload
    def copy(self, /) -> dict[str, Any]: ...

    @overload
    def copy(self, key: Key, to: Key, /, *, replace: bool = False) -> None: ...

    @overload
    def copy(
        self, key: Key, store: Group, to: Key | None = None, /, *, replace: bool = False
    ) -> None: ...

    def copy(
        self, key: Any = None, store: Any = None, to: Any = None, /, *, replace: bool = False
    ) -> Any:
        """Copy what is at a key to another key, here or in another store or group; one commit.

        Nothing is unpacked, nor in memory as a whole: layout, compression, attributes and
        dimension scales stay as they are. What a filter hides is not copied. Without arguments,
        a plain dict of all that is stored here, as `load` gives it.

        Args:
            key: what is copied.
            store: a store or group for the copy; or the key for it in this one.
            to: the key for it there; None for the same key.
            replace: replace what is there, with its attributes.

        Raises:
            InvalidKeyError: something is there, and is not to be replaced (a `ValueError`).
            CheckpointerKeyError: there is no such key, or a filter refuses a part of the copy.
            UnsupportedStoredError: a part of it can be in its own file alone: HDF5 references to
                what is not copied with them, virtual datasets.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk, other = HDF5Checkpointer(None), HDF5Checkpointer(None)
            >>> chk["run"] = {"steps": 500}
            >>> chk.copy("run", "backup")
            >>> chk.copy("run", other)
            >>> chk["backup"].load(), other.load()
            ({'steps': 500}, {'run': {'steps': 500}})
        """
        if key is None:
            loaded: dict[str, Any] = self.load()
            return loaded
        target = store if isinstance(store, Group) else self
        wanted = (key if to is None else to) if isinstance(store, Group) else store
        source = Group(self._location.at(self._location.path + keys.parse_for_read(key)))
        location = target._location  # noqa: SLF001
        path = location.path + keys.parse(wanted)
        from .copying import refuse_itself

        refuse_itself(location.at(path), source._location)
        Assignment(location, [(path, source)], anew=not replace).commit()
        return None

    def move(self, key: Key, to: Key, *, replace: bool = False) -> None:
        """Move what is at a key to another key; one commit, in which nothing is copied.

        References, dimension scales and other hard links to the object lead to it as before; soft
        links and virtual datasets, which name keys, do not.

        Args:
            key: what is moved.
            to: the key that it gets; groups are made on the way.
            replace: replace what is there, with its attributes.

        Raises:
            InvalidKeyError: something is there, and is not to be replaced; or one of the keys is
                the other one, or below it (a `ValueError`).
            CheckpointerKeyError: there is no such key, or a filter refuses a part of it.
            ReferencedError: something in the file points to what is to be replaced.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk["run"] = {"steps": 500}
            >>> chk.move("run", "runs/first")
            >>> chk.load()
            {'runs': {'first': {'steps': 500}}}
        """
        path = self._location.path + keys.parse_for_read(key)
        target = self._location.path + keys.parse(to)
        from .copying import refuse_overlap

        refuse_overlap(self._location, path, target)
        if self._lacks(key):  # a key that is not there must not open the file for writing
            self._location.at(path).check_visible()
            with self._location.handle.reading() as session:
                raise self._location.missing(session, path)
        self._location.handle.touch([path])
        apply(
            self._location,
            lambda session: access.moving(
                session, self._location.filters, path, target, replace=replace
            ),
        )

    def get_keys(self, keys: Iterable[Key]) -> list[Any]:
        """The values at several keys, in their order, the file being opened once."""
        with self._location.handle.held():
            return [self[key] for key in keys]

    def __eq__(self, other: object) -> bool:
        """Whether `other` is a mapping with equal contents; arrays are compared by value."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return same(self.load(), other.load() if isinstance(other, Group) else other)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

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

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A plain dict of all that is stored here."""
        return self.load()

    def _names(self) -> list[str]:
        access.check_visible(self._location.filters, self._location.path)
        with self._location.handle.reading() as session:
            return access.visible_names(session, self._location.filters, self._location.path)

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
        location = self._location
        path = location.path + keys.parse(key)
        if type(value) in _SMALL and not location.filters.stack and location.handle.is_held:
            try:
                node = location.encode(value, path)
            except UnsupportedTypeError:
                if not location.leaves_out:
                    raise
            else:
                is_small = isinstance(node, Leaf) and getattr(value, "nbytes", 0) <= SMALL_BYTES
                if not (is_small and location.handle.put(path, node)):
                    Assignment.of_node(location, path, node).commit()
                return
        Assignment(location, [(path, value)]).commit()

    def save_parameter(self, key: Key, value: Any) -> None:
        """Put a value at a key: ``chk[key] = value`` under its older name."""
        self[key] = value

    def __delitem__(self, key: Key) -> None:
        """Delete what is at a key.

        Raises:
            CheckpointerKeyError: nothing is there, a filter refuses it, or it holds keys that a
                filter hides.
        """
        path = self._location.path + keys.parse_for_read(key)
        if self._lacks(key):  # a key that is not there must not open the file for writing
            self._location.at(path).check_visible()
            with self._location.handle.reading() as session:
                raise self._location.missing(session, path)
        apply(
            self._location,
            lambda session: access.removal(session, self._location.filters, path),
        )

    def delete_parameter(self, key: Key) -> None:
        """Delete what is at a key: ``del chk[key]`` under its older name."""
        del self[key]

    def update(self, vals: Any = (), /, **more: Any) -> None:
        """Set several keys, which may be paths, as one commit.

        Args:
            vals: a mapping, or an iterable of pairs.
            more: further keys and values.

        Raises:
            Everything that an assignment raises; nothing was written then.
        """
        self._put_all([*_pairs(vals), *more.items()], None)

    def _save(self, vals: Any, progress: ProgressOption) -> None:
        """Set all keys of a mapping, which are names."""
        pairs = list(_pairs(vals))
        if not isinstance(vals, Group):  # whose keys are names
            keys.require_names(pairs, self._location.file, self._location.path)
        self._put_all(pairs, progress)

    def _put_all(self, pairs: Iterable[tuple[Any, Any]], progress: ProgressOption) -> None:
        placed = [(self._location.path + keys.parse(key), value) for key, value in pairs]
        Assignment(self._location, placed).commit(progress)

    def merge(self, key: Key, mapping: Mapping[str, Any]) -> None:
        """Merge a mapping into the dict at a key, level by level, as one commit.

        Where both have a dict, the dicts are merged; everything else is replaced. The keys of the
        mapping are names, not paths. Live groups and arrays, of any store, are merged by their
        values.

        Raises:
            InvalidKeyError: a key is a path; or a dict in the mapping has a key that is not a valid
                name, and would replace a dict that is stored.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk, other = HDF5Checkpointer(None), HDF5Checkpointer(None)
            >>> chk["run"] = {"steps": 500, "out": {"a": 1}}
            >>> other["out"] = {"b": 2}
            >>> chk.merge("run", other)
            >>> chk.load("run")
            {'steps': 500, 'out': {'a': 1, 'b': 2}}
        """
        from .merging import merge

        merge(self._location, self._location.path + keys.parse(key), mapping)

    def setdefault(self, key: Key, default: Any = None) -> Any:
        """The value at a key, which is first set to `default` if nothing is there."""
        if not self._lacks(key):
            try:
                return self[key]
            except CheckpointerKeyError:  # deleted just now
                if self._has(key):
                    raise
        with self._location.handle.writing_alone():
            if not self._has(key):
                self._put_whole(key, default)
                if self._location.leaves_out and not self._has(key):
                    return default
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
        with self._location.handle.writing_alone():
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
        with self._location.handle.looking():
            is_empty = self._last_name() is None
        if is_empty:
            raise CheckpointerKeyError("there are no keys", file=self._location.file)
        with self._location.handle.writing_alone():
            last = self._last_name()
            if last is None:
                raise CheckpointerKeyError("there are no keys", file=self._location.file)
            return last, self.pop((last,))

    def _last_name(self) -> str | None:
        if self._location.filters.stack:
            names = self._names()
            return names[-1] if names else None
        with self._location.handle.reading() as session:
            return session.last_name(self._location.path)

    def _lacks(self, key: Key) -> bool:
        """Whether a key is not there now, where a call looks again before it writes."""
        with self._location.handle.looking():
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

    def edit(self, key: Key) -> AbstractContextManager[Any]:
        """A block that changes the value at a key in place, and writes it back; one commit.

        It is a transaction from its beginning: it reads the newest commit, and nobody else writes
        until its end. If the value is unchanged, or an exception leaves the block, nothing is
        written. Of a dict the changed keys alone are written: others stay as they are, with their
        attributes and layout.

        Args:
            key: of a list, a dict, an array, an object of a registered class: of what can be
                changed in place. The block gets it as `load` gives it.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
            InvalidOptionError: the value cannot be changed in place (a number, say).
            Everything that an assignment and a `transaction` raise.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk["list"] = [1, 2]
            >>> chk["list"].append(3)  # changes a copy
            >>> with chk.edit("list") as value:
            ...     value.append(4)
            >>> chk["list"]
            [1, 2, 4]
        """
        path = self._location.path + keys.parse_for_read(key)
        if self._lacks(key):  # a key that is not there must not open the file for writing
            self._missing(key, _MISSING)
        from .editing import editing

        return editing(self._location, path)

    def clear(self) -> None:
        """Delete all keys that this group or view shows, as one commit; what it hides stays."""
        with self._location.handle.looking():
            has_keys = bool(self)
        if has_keys:
            apply(self._location, self._emptying)

    def _emptying(self, session: Session) -> list[Change]:
        path, filters = self._location.path, self._location.filters
        return [
            change
            for name in access.visible_names(session, filters, path)
            for change in access.emptying(session, filters, (*path, name))
        ]

    def __ior__(self, other: Any) -> Self:
        """`update`."""
        self.update(other)
        return self

    # -- arrays --------------------------------------------------------------------------------

    def array(self, key: Key) -> Array:
        """A handle on the array at a key, which reads nothing yet.

        Masked arrays and SciPy's sparse arrays have handles, too, whose slices are such arrays.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
            UnsupportedStoredError: what stands there is not an array.
        """
        return creation.array_at(self._location, self._location.path + keys.parse_for_read(key))

    def create(
        self,
        key: Key,
        shape: int | tuple[int, ...],
        dtype: Any = float,
        *,
        chunks: tuple[int, ...] | None = None,
        maxshape: tuple[int | None, ...] | None = None,
        fill_value: Any = None,
        compression: CompressionOption = INHERIT,
        checksum: bool | None = None,
    ) -> Array:
        """Make an array whose elements are written later, slice by slice; one commit.

        Args:
            key: where; what stands there is replaced.
            shape: the lengths of the axes.
            dtype: of the values: what NumPy takes, ``str`` for strings of any length.
            chunks: the shape of a chunk. By default the array is contiguous, so that it can
                be mapped; or, if it can grow, is compressed, has checksums or more than 16 MiB, in
                chunks of rows, which take space when they are written.
            maxshape: the lengths to which it can grow, None for no limit.
            fill_value: what elements hold that nobody has written; by default zeros.
            compression: as of the store; None for none.
            checksum: as of the store.

        Returns:
            A handle on it.

        Raises:
            UnsupportedTypeError: arrays of this dtype are stored as a whole (objects, say).
            InvalidOptionError: a shape, chunk or compression that cannot be (a `ValueError`).

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> frames = chk.create("frames", (0, 3), "f4", maxshape=(None, 3))
            >>> frames.append([1, 2, 3])
            >>> chk["frames"].tolist()
            [[1.0, 2.0, 3.0]]
        """
        return creation.create(
            self._location.at(self._location.path + keys.parse(key)),
            shape,
            dtype,
            chunks=chunks,
            maxshape=maxshape,
            fill_value=fill_value,
            compression=compression,
            checksum=checksum,
        )

    def append(self, key: Key, rows: Any) -> None:
        """Append a row, or a block of rows, to the array or DataFrame at a key; one commit.

        The first one makes the array: what is given then is one row of it, a number for a log. An
        array that is there is made growable. Rows of a file that has a log are committed when it
        returns: a kill leaves them there. Of other stores small rows wait in memory inside a
        ``with`` block: for ``sync_interval`` seconds, until anything else is done with the store,
        until `commit` and the end of the block. Readers see whole rows only.

        The rows of a pandas DataFrame go on the DataFrame at the key, or make one, in all columns
        and the index at once, as by `pandas.concat`; a default index goes on. They are committed
        when it returns.

        A dict is a row of a log of several values: each value is appended to its key in the group
        at `key`, which the first row makes. It has the keys of the group, all of them and no
        others. After a kill all keys have the row, or none.

        Args:
            key: where the array is, or will be.
            rows: an array whose shape is that of a row, or has one more axis in front; a
                DataFrame; or a dict of rows by key. An array of Python's integers that gets a
                float becomes one of floats, if all of them are exactly floats.

        Raises:
            InvalidOptionError: the shape, the columns, the keys or the index do not fit (a
                `ValueError`).
            UnsupportedTypeError: an element does not fit the stored dtype, or a column has another
                dtype than the stored one.
            UnsupportedStoredError: a DataFrame or a dict is appended to something else.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> with chk:
            ...     for step in range(3):
            ...         chk.append("loss", 1 / (step + 1))
            ...         chk.append("log", {"step": step, "accuracy": step / 3})
            >>> chk["loss"].round(2).tolist(), chk["log/step"].tolist()
            ([1.0, 0.5, 0.33], [0, 1, 2])
        """
        location = self._location
        path = location.path + keys.parse(key)
        with leaving_out(location, join(path)):
            if not location.filters.stack and location.handle.append_row(path, rows):
                return
            with defer_interrupts():  # what a handler raises in an import can be lost
                from .tables.frames import append_frame, is_frame

            if is_frame(rows):
                append_frame(location.at(path), rows)
                return
            if isinstance(rows, Mapping):
                from .tables.logs import append_dict

                append_dict(location.at(path), rows)
                return
            creation.append(location.at(path), rows)

    def put(
        self,
        key: Key,
        value: Any,
        *,
        compression: CompressionOption = INHERIT,
        chunks: tuple[int, ...] | None = None,
        checksum: bool | None = None,
        progress: ProgressOption = None,
        replace: bool = False,
    ) -> None:
        """Put a value at a key, as ``chk[key] = value`` does, with a layout of its own; one commit.

        Args:
            key: where.
            value: any value; the layout is that of all arrays in it.
            compression: ``"gzip"``, ``"lzf"``, ``"auto"`` (gzip where a sample says that it is
                worth it), with the extra ``compression`` also ``"zstd"``, ``"blosc2"`` and
                ``"bitshuffle"``; or a pair of a name and a level; None for none.
            chunks: the shape of a chunk; by default whole rows, about 1 MiB.
            checksum: whether arrays get checksums.
            progress: True for a progress bar, or ``progress(done, total)``, in bytes.
            replace: replace what is there even if something in the file points at it, which then
                leads to nothing. Dimension scales are detached from it, and other names of it keep
                what they have.

        Raises:
            Everything that an assignment raises; `InvalidOptionError` for a layout that cannot be.

        Example:
            >>> import io, numpy as np
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(io.BytesIO())
            >>> chk.put("x", np.zeros((1000, 1000)), compression="gzip", checksum=True)
            >>> chk.array("x").compression, chk["x"].sum()
            ('gzip', np.float64(0.0))
        """
        path = self._location.path + keys.parse(key)
        Compression.parse(None if compression is INHERIT else compression)
        Assignment(
            self._location,
            [(path, value)],
            layout=lambda session: layout_for(session, path, compression, checksum, chunks),
            replace=replace,
        ).commit(progress)

    def write_blocks(
        self,
        key: Key,
        blocks: Iterable[Any],
        *,
        rows: int | None = None,
        dtype: Any = None,
        compression: CompressionOption = INHERIT,
        chunks: tuple[int, ...] | None = None,
        checksum: bool | None = None,
        progress: ProgressOption = None,
    ) -> None:
        """Put an array at a key whose rows come block by block; one commit.

        It is never in memory as a whole, and it appears when its last block is written. The blocks
        may be made from what is read of the same store, and it may be used meanwhile, also by other
        threads; but what gives up changes that are not committed (an error, a transaction that is
        left by one) gives up the array, too, which is a `TransactionError` then.

        Args:
            key: where; what stands there is replaced at the end.
            blocks: arrays of shape ``(n, *row)``; each may have another n.
            rows: how many rows there are in all, if that is known: the array is contiguous
                then, and can be mapped.
            dtype: of the values; by default that of the first block.
            compression: as for `put`.
            chunks: as for `put`.
            checksum: as for `put`.
            progress: True for a progress bar, or ``progress(done, total)``, in rows; the total is
                0 where nobody knows it.

        Raises:
            InvalidOptionError: there are no blocks, one does not fit, or not as many rows as were
                announced (a `ValueError`). Nothing is left of them.

        Example:
            >>> import numpy as np
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk.write_blocks("squares", (np.arange(n, n + 2) ** 2 for n in (0, 2)))
            >>> chk["squares"].tolist()
            [0, 1, 4, 9]
        """
        creation.write_blocks(
            self._location.at(self._location.path + keys.parse(key)),
            blocks,
            rows=rows,
            dtype=dtype,
            compression=compression,
            chunks=chunks,
            checksum=checksum,
            progress=progress,
        )

    def column(self, key: Key, name: Any) -> Any:
        """One column of the pandas DataFrame at a key, as a Series; no other one is read.

        Args:
            key: where the frame is.
            name: of the column. Where several columns have it, it is the first.

        Raises:
            CheckpointerKeyError: there is no such key or column, or a filter refuses it.
            UnsupportedStoredError: what stands there is not a DataFrame.
        """
        path = self._location.path + keys.parse_for_read(key)
        self._location.at(path).check_whole()
        from .tables.columns import column

        return column(self._location, path, name)

    def table(self, key: Key) -> Table:
        """A handle on the table at a key, which reads nothing yet.

        A table is a DataFrame, a dict of arrays of equal length, a structured array, or a table of
        PyTables or of pandas' HDFStore.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
            UnsupportedStoredError: what stands there is not a table.
        """
        from .tables.table import table_at

        return table_at(self._location, self._location.path + keys.parse_for_read(key))

    # -- functions -----------------------------------------------------------------------------

    def cached_eval(
        self,
        key: Key,
        generator: Callable[..., T],
        *,
        condition: Condition = None,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        strict: bool = False,
    ) -> T:
        """The value at a key, computed and stored if it is not there.

        What was computed is always returned. Whatever `generator` raises is raised. A value that is
        there but cannot be read is computed, too, and is not replaced.

        Args:
            key: where it is kept.
            generator: computes it: ``generator(*args, **kwargs)``.
            condition: ``condition(key)`` says whether to use the store at all; where it is
                false, the value is computed, and neither read nor stored.
            args: positional arguments of `generator`.
            kwargs: keyword arguments of `generator`.
            strict: raise the error if a stored value cannot be read, before anything is computed;
                or if a new one cannot be stored, which is lost then.

        Returns:
            The value, dicts as plain dicts; a new one is stored before it is returned.

        Warns:
            ResultNotStoredWarning: a new value could not be stored; it is returned as it was
                computed. The warning says why: its type, a full disk, a lock, a filter, …. Or
                a stored one could not be read: then it is given before the computation.

        Example:
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk.cached_eval("sum", sum, args=([1, 2, 3],)), chk["sum"]
            (6, 6)
        """
        return self._evaluated(key, generator, condition, args, kwargs or {}, strict=strict)

    def cached(
        self,
        key: Key | Callable[..., Key],
        *,
        condition: Condition = None,
        strict: bool = False,
    ) -> Callable[[Callable[P, T]], Callable[P, T]]:
        """A decorator that keeps a function's result at a key: `cached_eval` at every call.

        Args:
            key: the key; or a function that makes it of the arguments. A fixed key holds one
                result, whatever the arguments are.
            condition: as for `cached_eval`.
            strict: as for `cached_eval`.

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
        return memoize.cached(self._evaluated, key, condition, strict=strict)

    def _evaluated(self, key: Key, generator: Callable[..., T], *given: Any, strict: bool) -> T:
        location = self._location
        # A result is stored whole or not at all.
        keeper = Group(attrs.evolve(location, leaves_out=False)) if location.leaves_out else self
        return memoize.cached_eval(
            self, self._lacks, location, keeper.__setitem__, key, generator, *given, strict=strict
        )

    def kwargs_for(self, func: Callable[..., Any]) -> Group:
        """A view that holds only the keys that `func` takes as keyword arguments.

        Nothing is read before it is taken: ``func(**chk.kwargs_for(func))``.
        """
        return self.view(allowed_keys=memoize.keyword_names(func))

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
        with self._location.handle.held():
            return func(**kept, **overrides)

    # -- inside --------------------------------------------------------------------------------

    def _put_whole(self, key: Key, value: Any) -> None:
        """Put a value at a key, or leave it out; never a part of it."""
        location = self._location
        if not location.leaves_out:
            self[key] = value
            return
        path = location.path + keys.parse(key)
        with leaving_out(location, join(path)):
            Assignment(attrs.evolve(location, leaves_out=False), [(path, value)]).commit()

    def _at(self, path: Path) -> Group:
        return Group(self._location.at(path))

    def _loaded(self) -> Any:
        return self.load()


def _plain(other: Mapping[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = other.load() if isinstance(other, Group) else dict(other)
    return loaded


def _pairs(vals: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(vals, Group):
        location = vals._location  # noqa: SLF001
        return [((name,), Group(location.at((*location.path, name)))) for name in vals]
    if isinstance(vals, Mapping):
        return vals.items()
    if hasattr(vals, "keys"):
        return [(key, vals[key]) for key in vals.keys()]  # noqa: SIM118  as dict.update does
    return [(key, value) for key, value in vals]
