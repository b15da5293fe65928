"""What a group, a store and a view have in common for reading."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, KeysView, Mapping, MutableMapping
from typing import Any

from . import edits, keys
from .backends.base import Session
from .backends.meter import Meter
from .context import Context
from .equality import same
from .errors import CheckpointerKeyError, CorruptFileError, HdfchkError
from .filters import Filters, Verdict
from .keys import Key, Path, join
from .progress import ProgressOption, is_wanted, teller
from .tree import Branch, Leaf, is_dict

__all__ = ["GroupReader"]


class Keys(KeysView[str]):
    """A live view of the keys; as the older checkpointer's list, it can be indexed, too."""

    def __getitem__(self, index: Any) -> Any:
        """The key at a position, or a list of those of a slice."""
        return list(self)[index]

    def __repr__(self) -> str:
        """The keys."""
        return f"Keys({list(self)!r})"


class GroupReader(MutableMapping[str, Any]):
    """The reading half of `hdfchk.Group`.

    Args:
        context: the handle and the codecs of the store.
        path: the place of the group in it.
        filters: what of it may be seen.
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

    @abstractmethod
    def _at(self, path: Path) -> Any:
        """The live group at an absolute path."""

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
        path = self._path + keys.parse_for_read(key)
        with self._context.handle.reading() as session:
            verdict = edits.check_visible(self._filters, path)
            try:
                node = session.read_value(path, mapped=self._context.mmap)
            except CheckpointerKeyError as error:
                if suggests:
                    self._suggesting(error, session, path)
                raise
            if node is not None:
                if verdict is Verdict.PART:
                    raise edits.refused(path)
                edits.check_read(self._filters, path, node)
        if node is None:
            return self._at(path)
        return self._context.decode(node, path)

    def __contains__(self, key: object) -> bool:
        """Whether there is such a key. Reads no value, and answers for any object."""
        try:
            return self._has(key)
        except CorruptFileError:  # what cannot be opened is there all the same
            path = self._path + keys.parse(key, reading=True)
            with self._context.handle.reading() as session:
                is_there = path[-1] in session.names(path[:-1])
            return is_there and self._filters.wants(path, False)

    def _has(self, key: object) -> bool:
        """Whether there is such a key; for what is written then: an error is raised."""
        try:
            path = self._path + keys.parse(key, reading=True)
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
            with handle.reading() as session:
                # In one reading: no other thread adds a key between the names and their number.
                watch = handle.watch(self._path)
                names = self._names()
                count = session.count(self._path)
            for number, name in enumerate(names):
                if number and watch.touched:
                    # As for a dict: a value may be replaced, keys must not come or go.
                    watch.touched = False
                    if not self._still_has(name, names, count):
                        raise RuntimeError("the group changed during iteration")
                yield name

    def _still_has(self, name: str, names: list[str], count: int) -> bool:
        """Whether the group has as many keys as before, and one of them."""
        if self._filters.stack:
            return self._names() == names
        with self._context.handle.reading() as session:
            return session.count(self._path) == count and session.has(self._path, name)

    def __len__(self) -> int:
        """The number of keys of this level."""
        return len(self._names())

    def __bool__(self) -> bool:
        """Whether there are keys."""
        if self._filters.stack:
            return bool(self._names())
        with self._context.handle.reading() as session:
            return session.last_name(self._path) is not None

    def keys(self) -> KeysView[str]:
        """The keys, as a live view."""
        return Keys(self)

    def load(
        self, key: Key | None = None, *, mmap: bool | None = None, progress: ProgressOption = None
    ) -> Any:
        """All of it, or what is at `key`, as plain dicts and values.

        Args:
            key: a key below this group; None for the whole group.
            mmap: give large arrays that lie in the file in one piece as read-only views of it,
                which cost no memory until they are used; see `Array.map`. By default as the
                store says.
            progress: True for a progress bar, or ``progress(done, total)``, in bytes of the file;
                the total is that of the whole file, or of one array, and 0 for a part of a file.

        Returns:
            A plain `dict` with everything read; a value where `key` leads to one.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.
        """
        path = self._path if key is None else self._path + keys.parse_for_read(key)
        mapped = self._context.mmap if mmap is None else mmap
        if not is_wanted(progress):
            return self._context.decode(self._read(path, mapped, None), path)
        with teller(progress, join(path), "B", self._context.handle) as tell:
            meter = Meter(tell)
            value = self._context.decode(self._read(path, mapped, meter), path)
            meter.finish()
        return value

    def _read(self, path: Path, mapped: bool, meter: Meter | None) -> Leaf | Branch:
        with self._context.handle.reading() as session:
            verdict = edits.check_visible(self._filters, path)
            select = None if self._filters.is_whole(path) else self._filters.wants
            try:
                node = session.read(path, select, mapped=mapped, meter=meter)
            except CheckpointerKeyError as error:
                self._suggesting(error, session, path)
                raise
            if verdict is Verdict.PART and not is_dict(node):
                raise edits.refused(path)
            edits.check_read(self._filters, path, node)
        return node

    def _suggesting(
        self, error: CheckpointerKeyError, session: Session, path: Path
    ) -> CheckpointerKeyError:
        return edits.suggesting(error, session, self._filters, self._path, path)

    def load_parameter(self, key: Key) -> Any:
        """The value at a key, dicts as plain dicts: `load` under its older name."""
        return self.load(key)

    def copy(self) -> dict[str, Any]:
        """A plain dict of all that is stored here, as `load` without arguments gives it."""
        loaded: dict[str, Any] = self.load()
        return loaded

    def __reversed__(self) -> Iterator[str]:
        """The keys, the last one first."""
        return reversed(list(self))

    def get_keys(self, keys: Iterable[Key]) -> list[Any]:
        """The values at several keys, in their order, the file being opened once."""
        with self._context.handle.held():
            return [self[key] for key in keys]

    def __eq__(self, other: object) -> bool:
        """Whether `other` is a mapping with equal contents; arrays are compared by value."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return same(self.load(), other.load() if isinstance(other, GroupReader) else other)

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

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A plain dict of all that is stored here."""
        return self.load()

    @property
    def _address(self) -> str:
        return self._context.handle.backend.address

    def _names(self) -> list[str]:
        edits.check_visible(self._filters, self._path)
        with self._context.handle.reading() as session:
            return edits.visible_names(session, self._filters, self._path)


def _plain(other: Mapping[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = other.load() if isinstance(other, GroupReader) else dict(other)
    return loaded
