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
"""Types of values that may be small enough for the fast path of an assignment."""


class Group(ContainsPaths, Shown, MutableMapping[str, Any]):
    """A live mapping over one HDF5 group: assignments are written to the file.

    You get groups from a store: ``chk["params"]``, ``chk.group("params", create=True)``,
    ``chk.view(allowed_keys=...)``. A group holds a location, never data: it sees every change
    made through the store or another group, and stays valid after a ``with`` block.

    Guarantees:
        Each assignment, deletion, `update`, `merge` and `clear` is one commit: it takes effect
        completely, or, if it raises an error, not at all. Values are encoded before the file is
        touched. Calls from several threads run one after another.

        `pop`, `popitem`, `setdefault`, the first `append` to a key and the step in which
        `cached_eval` stores its result first read and then write. They hold the writer's lock
        throughout, so no other thread or process can write in between.

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
        """Return the group at a key.

        Args:
            key: the key of the group. The group in which a record is stored is accepted, too: its
                fields can then be read even if its class is not registered.
            create: create an empty group if the key does not exist.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
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
        """Return the HDF5 attributes of a key as a mapping.

        Every key can have attributes: of a dict, an array or any other value. They stay with the
        key when another value is assigned to it. The mapping is live.

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
        """Return the same group with an additional filter.

        Args:
            allowed_keys: a key, an iterable of keys, or a callable; keys may be paths and globs.
            omitted_keys: the same; omitted wins over allowed.

        Returns:
            A live view. It holds the rule, never a copy of the keys.
        """
        rule, location = KeyFilter.make(allowed_keys, omitted_keys), self._location
        return Group(location.at(location.path, location.filters.add(location.path, rule)))

    # -- reading -------------------------------------------------------------------------------

    def __getitem__(self, key: Key) -> Any:
        """Return the value at a key: a live `Group` for a dict, otherwise the value itself.

        Args:
            key: a `str` (``"/"`` separates levels) or a tuple of them.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it (a `KeyError`).
            UnknownTypeError: the class of the value is not registered.
        """
        return self._value(key, suggests=True)

    def get(self, key: Key, default: Any = None) -> Any:
        """Return ``self[key]``, or `default` if there is no such key."""
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
        """Whether there is such a key. Reads no value, and accepts any object."""
        try:
            return self._has(key)
        except CorruptFileError:  # a damaged value exists, too
            path = self._location.path + keys.parse(key, reading=True)
            with self._location.handle.reading() as session:
                is_there = path[-1] in session.names(path[:-1])
            return is_there and self._location.filters.wants(path, False)

    def _has(self, key: object) -> bool:
        """Whether there is such a key, before a write: errors of damaged values propagate."""
        try:
            path = self._location.path + keys.parse(key, reading=True)
        except HdfchkError:
            return False
        return self._location.has(path)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys of this level, in the order in which they were first set.

        Raises:
            RuntimeError: keys were added or deleted during the iteration, as for a `dict`.
        """
        handle = self._location.handle
        with handle.held():
            with handle.reading() as session:
                # In one call: no other thread adds a key between listing and counting.
                watch = handle.watch(self._location.path)
                names = self._names()
                count = session.count(self._location.path)
            for number, name in enumerate(names):
                if number and watch.touched:
                    # As for a dict: values may be replaced, keys must not be added or deleted.
                    watch.touched = False
                    if not self._still_has(name, names, count):
                        raise RuntimeError("the group changed during iteration")
                yield name

    def _still_has(self, name: str, names: list[str], count: int) -> bool:
        """Whether the group has as many keys as before, and still has one of them."""
        if self._location.filters.stack:
            return self._names() == names
        with self._location.handle.reading() as session:
            return session.count(self._location.path) == count and session.has(
                self._location.path, name
            )

    def __len__(self) -> int:
        """Return the number of keys of this level. Without a filter, they are not listed."""
        location = self._location
        if location.filters.stack:
            return len(self._names())
        with location.handle.reading() as session:
            return session.length(location.path)

    def __bool__(self) -> bool:
        """Whether there are any keys."""
        if self._location.filters.stack:
            return bool(self._names())
        with self._location.handle.reading() as session:
            return session.last_name(self._location.path) is not None

    def keys(self) -> Keys:
        """Return the keys as a live view."""
        return Keys(self)

    def __reversed__(self) -> Iterator[str]:
        """Iterate over the keys in reverse order."""
        return reversed(list(self))

    def load(
        self, key: Key | None = None, *, mmap: bool | None = None, progress: ProgressOption = None
    ) -> Any:
        """Read the whole group, or the value at `key`, as plain dicts and values.

        Args:
            key: a key below this group; None for the whole group.
            mmap: return large contiguous arrays as read-only views of the file, which use no
                memory until they are accessed; see `Array.map`. By default the option of the
                store.
            progress: True for a progress bar, or ``progress(done, total)``, in bytes of the file.
                The total is the size of the file or of a single array, and 0 for other parts of
                a file.

        Returns:
            A plain `dict` with everything in the group, or the value at `key`.

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
        """Describe the contents key by key: types, shapes, sizes. No array is read.

        The file is opened once, and closed at the end of the call. Soft links, and links to other
        files, are not followed. The description of a value that is damaged, or whose type cannot
        be read, states the problem; the others are complete.

        Args:
            key: a key below this group; None for this group.
            depth: the number of levels below a dict: 1 for its own keys, 0 for the dict alone,
                None for all.
            limit: the maximum number of descriptions.
            values: include small values: scalars, short strings and lists.

        Returns:
            For a dict, the descriptions of everything below it, depth first, in the order of the
            keys. Otherwise a single `Description`, even if the value is stored as a group.

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
        """Return the value at a key, dicts as plain dicts: the older name of `load`."""
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
        """Copy a key to another key, of this or another store or group; one commit.

        HDF5 copies the objects: no chunk is decompressed and no array is loaded as a whole.
        Layout, compression, attributes and dimension scales are preserved. Keys that a filter
        hides are not copied. Without arguments, return a plain dict, as `load` does.

        Args:
            key: the key to copy.
            store: the store or group to copy to; or the new key in this one.
            to: the key of the copy there; None for the same key.
            replace: replace an existing value, together with its attributes.

        Raises:
            InvalidKeyError: the new key exists, and `replace` is False (a `ValueError`).
            CheckpointerKeyError: there is no such key, or a filter refuses a part of the copy.
            UnsupportedStoredError: a part is valid only in its own file: an HDF5 reference to an
                object that is not copied with it, or a virtual dataset.

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
        """Move a key to another key; one commit. No data are copied.

        References, dimension scales and other hard links to the object remain valid. Soft links
        and virtual datasets do not, since they name keys.

        Args:
            key: the key to move.
            to: the new key; missing groups are created.
            replace: replace an existing value, together with its attributes.

        Raises:
            InvalidKeyError: the new key exists, and `replace` is False; or the keys are equal, or
                one is below the other (a `ValueError`).
            CheckpointerKeyError: there is no such key, or a filter refuses a part of it.
            ReferencedError: something in the file points to the value to be replaced.

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
        if self._lacks(key):  # a missing key must not open the file for writing
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
        """Return the values of several keys, in this order. The file is opened once."""
        with self._location.handle.held():
            return [self[key] for key in keys]

    def __eq__(self, other: object) -> bool:
        """Whether `other` is a mapping with equal contents; arrays are compared by value."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return same(self.load(), other.load() if isinstance(other, Group) else other)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __or__(self, other: Any) -> dict[str, Any]:
        """Return a plain dict of both; the values of `other` take precedence."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**self.load(), **_plain(other)}

    def __ror__(self, other: Any) -> dict[str, Any]:
        """Return a plain dict of both; the values of this group take precedence."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**_plain(other), **self.load()}

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Return a plain dict of the whole contents."""
        return self.load()

    def _names(self) -> list[str]:
        access.check_visible(self._location.filters, self._location.path)
        with self._location.handle.reading() as session:
            return access.visible_names(session, self._location.filters, self._location.path)

    # -- writing -------------------------------------------------------------------------------

    def __setitem__(self, key: Key, value: Any) -> None:
        """Store a value at a key, replacing any old value; missing groups are created.

        HDF5 attributes of the old value stay with the key.

        Raises:
            InvalidKeyError, InvalidKeyTypeError: `key` is not a valid key.
            UnsupportedTypeError: the value cannot be stored exactly. Nothing was written.
            CheckpointerKeyError: a filter refuses the key or a part of the value. Nothing was
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
        """Store a value at a key: the older name of ``chk[key] = value``."""
        self[key] = value

    def __delitem__(self, key: Key) -> None:
        """Delete a key.

        Raises:
            CheckpointerKeyError: there is no such key, a filter refuses it, or it holds keys that
                a filter hides.
        """
        path = self._location.path + keys.parse_for_read(key)
        if self._lacks(key):  # a missing key must not open the file for writing
            self._location.at(path).check_visible()
            with self._location.handle.reading() as session:
                raise self._location.missing(session, path)
        apply(
            self._location,
            lambda session: access.removal(session, self._location.filters, path),
        )

    def delete_parameter(self, key: Key) -> None:
        """Delete a key: the older name of ``del chk[key]``."""
        del self[key]

    def update(self, vals: Any = (), /, **more: Any) -> None:
        """Set several keys, which may be paths, as one commit.

        Args:
            vals: a mapping, or an iterable of pairs.
            more: further keys and values.

        Raises:
            All errors of an assignment. Nothing was written.
        """
        self._put_all([*_pairs(vals), *more.items()], None)

    def _save(self, vals: Any, progress: ProgressOption) -> None:
        """Set all keys of a mapping; they are names, not paths."""
        pairs = list(_pairs(vals))
        if not isinstance(vals, Group):  # its keys are always names
            keys.require_names(pairs, self._location.file, self._location.path)
        self._put_all(pairs, progress)

    def _put_all(self, pairs: Iterable[tuple[Any, Any]], progress: ProgressOption) -> None:
        placed = [(self._location.path + keys.parse(key), value) for key, value in pairs]
        Assignment(self._location, placed).commit(progress)

    def merge(self, key: Key, mapping: Mapping[str, Any]) -> None:
        """Merge a mapping into the dict at a key, level by level, as one commit.

        If both have a dict at a key, the dicts are merged; everything else is replaced. The keys
        of the mapping are names, not paths. The mapping may contain live groups and arrays of any
        store; their values are merged.

        Raises:
            InvalidKeyError: a key is a path; or a dict in the mapping has a key that is not a valid
                name, and would replace a stored dict.

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
        """Return the value at a key; if there is no such key, first set it to `default`."""
        if not self._lacks(key):
            try:
                return self[key]
            except CheckpointerKeyError:  # deleted in the meantime
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
        """Delete a key and return its value, dicts as plain dicts.

        Raises:
            CheckpointerKeyError: there is no such key and no `default` was given.
        """
        if self._lacks(key):  # a missing key must not open the file for writing
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
        """Delete the key that was added last; return it and its value, as for a `dict`.

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
        """Whether a key is missing now; the caller checks again while it holds the lock."""
        with self._location.handle.looking():
            try:
                return not self._has(key)
            except CorruptFileError as error:
                first = error
            try:
                self._has(key)  # the first error may have been temporary
            except CorruptFileError:
                return False  # a damaged value exists, too
            raise first

    def _missing(self, key: Key, default: Any) -> Any:
        if default is _MISSING:
            return self.load(key)  # its error says what is missing
        return default

    def edit(self, key: Key) -> AbstractContextManager[Any]:
        """Context that provides the value at a key for changes in place, and writes it back.

        The block is one transaction: it reads the newest commit, and nobody else can write before
        it ends. If the value is unchanged, or an exception leaves the block, nothing is written.
        If the value is a dict, only changed keys are written; the others keep their attributes
        and layout.

        Args:
            key: the key of a mutable value: a list, a dict, an array, or an object of a registered
                class. The block receives the value as returned by `load`.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
            InvalidOptionError: the value cannot be changed in place (for example, a number).
            All errors of an assignment and of `transaction`.

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
        if self._lacks(key):  # a missing key must not open the file for writing
            self._missing(key, _MISSING)
        from .editing import editing

        return editing(self._location, path)

    def clear(self) -> None:
        """Delete all keys that this group or view shows, as one commit; hidden keys stay."""
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
        """Return a handle on the array at a key. No element is read.

        Slices of a masked array, or of a SciPy sparse array, are again masked or sparse.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
            UnsupportedStoredError: the value is not an array.
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
        """Create an array whose elements are written later, slice by slice; one commit.

        Args:
            key: the key of the array; an old value is replaced.
            shape: the lengths of the axes.
            dtype: the dtype of the values, as for NumPy; ``str`` for strings of any length.
            chunks: the shape of a chunk. By default the array is contiguous, so that it can be
                mapped. If it can grow, is compressed, has checksums or is larger than 16 MiB, it
                consists of chunks of rows, which are allocated when they are written.
            maxshape: the maximum lengths of the axes, None for no limit.
            fill_value: the value of unwritten elements; by default zeros.
            compression: as for the store; None for no compression.
            checksum: as for the store.

        Returns:
            A handle on the array.

        Raises:
            UnsupportedTypeError: arrays of this dtype can only be stored as a whole (for example,
                arrays of objects).
            InvalidOptionError: the shape, chunk shape or compression is invalid (a `ValueError`).

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

        The first call creates the array; its argument is a single row (a number for a log of
        numbers). An existing array is made resizable. If the file has a write-ahead log, the rows
        are committed when the call returns, and survive a kill. In other stores, small rows wait
        in memory inside a ``with`` block: for at most ``sync_interval`` seconds, until the next
        other call, `commit`, or the end of the block. Readers see only complete rows.

        The rows of a pandas DataFrame are appended to the DataFrame at the key, or create it: to
        all columns and the index at once, as by `pandas.concat`; a default index continues. They
        are committed when the call returns.

        A dict is one row of a log of several values: each value is appended to its key in the
        group at `key`, which the first row creates. The dict must have exactly the keys of the
        group. After a kill either all keys have the row, or none.

        Args:
            key: the key of the array.
            rows: an array with the shape of a row, or with one more axis in front; a DataFrame;
                or a dict of rows by key. If a float is appended to an array of Python integers, it
                becomes an array of floats, provided that all of them are exact as floats.

        Raises:
            InvalidOptionError: the shape, columns, keys or index do not match (a `ValueError`).
            UnsupportedTypeError: an element does not fit the stored dtype, or the dtype of a column
                differs from the stored one.
            UnsupportedStoredError: the value at the key cannot take a DataFrame or a dict.

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
            with defer_interrupts():  # an exception of a handler in an import can be lost
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
        """Store a value at a key with a given layout; one commit. See `__setitem__`.

        Args:
            key: the key.
            value: any value; the layout applies to all arrays in it.
            compression: ``"gzip"``, ``"lzf"``, ``"auto"`` (gzip if a sample shows that it is
                worthwhile), with the extra ``compression`` also ``"zstd"``, ``"blosc2"`` and
                ``"bitshuffle"``; or a pair of name and level; None for no compression.
            chunks: the shape of a chunk; by default whole rows, about 1 MiB.
            checksum: whether arrays have checksums.
            progress: True for a progress bar, or ``progress(done, total)``, in bytes.
            replace: replace the old value even if something in the file points to it. References
                to it are then dangling, dimension scales are detached from it, and its other names
                keep the old value.

        Raises:
            All errors of an assignment; `InvalidOptionError` for an invalid layout.

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
        """Store an array whose rows are provided block by block; one commit.

        The array is never in memory as a whole, and appears under its key when its last block is
        written. The blocks may be computed from data of the same store, and the store may be used
        meanwhile, also by other threads. But a rollback in the meantime (an error, or a
        transaction that fails) also discards the array, and raises a `TransactionError` here.

        Args:
            key: the key of the array; an old value is replaced at the end.
            blocks: arrays of shape ``(n, *row)``; n may differ between blocks.
            rows: the total number of rows, if known. The array is then contiguous, and can be
                mapped.
            dtype: the dtype of the values; by default that of the first block.
            compression: as for `put`.
            chunks: as for `put`.
            checksum: as for `put`.
            progress: True for a progress bar, or ``progress(done, total)``, in rows; the total is
                0 if unknown.

        Raises:
            InvalidOptionError: there are no blocks, a block does not fit, or the number of rows
                differs from `rows` (a `ValueError`). Nothing was stored.

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
        """Return one column of the pandas DataFrame at a key, as a Series. No other is read.

        Args:
            key: the key of the DataFrame.
            name: the name of the column; of several with the same name, the first is returned.

        Raises:
            CheckpointerKeyError: there is no such key or column, or a filter refuses it.
            UnsupportedStoredError: the value is not a DataFrame.
        """
        path = self._location.path + keys.parse_for_read(key)
        self._location.at(path).check_whole()
        from .tables.columns import column

        return column(self._location, path, name)

    def table(self, key: Key) -> Table:
        """Return a handle on the table at a key. No row is read.

        A table is a DataFrame, a dict of arrays of equal length, a structured array, or a table of
        PyTables or of pandas' HDFStore.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
            UnsupportedStoredError: the value is not a table.
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
        """Return a view with only the keys that `func` accepts as keyword arguments.

        A value is read only when it is used: ``func(**chk.kwargs_for(func))``.
        """
        return self.view(allowed_keys=memoize.keyword_names(func))

    def call(self, func: Callable[..., T], **overrides: Any) -> T:
        """Call a function with the keys that it accepts. `overrides` are passed instead of keys.

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
        """Store a whole value at a key, or leave it out as a whole."""
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
