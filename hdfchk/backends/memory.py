"""The in-memory backend."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from ..codecs.elements import elements_of
from ..codecs.portable import NATIVE, Capabilities
from ..errors import NotAGroupError, UnsupportedStoredError
from ..keys import Path, join, missing
from ..tree import RESERVED_CHILDREN, UNITS, Branch, Leaf, Mark, nbytes_of, units_of
from .base import ArrayForm, ArrayInfo, Change, Moved, Seen, Select, Session, Stat, Storage
from .changeset import plan
from .defaults import BackendDefaults
from .indexing import is_plain, picked
from .layout import Layout
from .meter import Meter

if TYPE_CHECKING:
    from .entries import Entry

__all__ = ["MemoryBackend", "MemorySession", "MemoryStorage", "Notes"]


@attrs.define(eq=False)
class Notes:
    """The mark and attributes of a path."""

    mark: Mark | None = None
    attributes: dict[str, Leaf] = attrs.field(factory=dict)


@attrs.frozen
class _NotesBelow:
    """A read-only view of the notes below a path."""

    notes: Any
    path: Path

    def get(self, path: Path, other: Any = None) -> Any:
        return self.notes.get((*self.path, *path), other)


def _copied(leaf: Leaf) -> Leaf:
    """Return a leaf with its own array: later changes of the caller's must not affect the store."""
    data = leaf.data
    if not isinstance(data, np.ndarray):
        return leaf
    return Leaf(np.array(data, order="C", subok=False), leaf.mark)


@attrs.define(eq=False)
class MemoryDraft:
    """A draft of an array in memory: its rows, or all of it."""

    form: ArrayForm
    blocks: list[np.ndarray[Any, Any]] = attrs.field(factory=list)

    def append(self, rows: np.ndarray[Any, Any]) -> None:
        """Add rows."""
        self.blocks.append(rows.copy())

    def write(self, index: Any, data: np.ndarray[Any, Any]) -> None:
        """Write into the array, which is allocated now."""
        whole = self.whole()
        whole[index] = data
        self.blocks = [whole]

    def whole(self) -> np.ndarray[Any, Any]:
        """Return the current array."""
        first = np.zeros(self.form.shape, self.form.dtype)
        if first.dtype.kind == "O":
            first[...] = ""
        if not self.blocks:
            return first
        if len(self.blocks) == 1 and self.blocks[0].shape == first.shape:
            return self.blocks[0]
        return np.concatenate([first, *self.blocks], dtype=first.dtype)


@attrs.frozen(eq=False)
class MemoryCopy:
    """A copy of a tree, and of the attributes in it, by their paths relative to it."""

    node: Leaf | Branch
    attributes: dict[Path, dict[str, Leaf]]
    outside: tuple[tuple[Path, str], ...] = ()


@attrs.define(eq=False)
class MemoryStorage(Storage):
    """Nested dicts of leaves; the backend owns them, so closing keeps them.

    Args:
        root: the nested dicts. Their leaves are `Leaf` objects, or, if `raw`, the values.
        notes: marks of groups, and attributes, by path.
        raw: the dicts belong to the caller: leaves are the values themselves, not copies.
        writable: it was opened for writing.
    """

    root: dict[str, Any]
    notes: dict[Path, Notes]
    raw: bool = False
    writable: bool = True
    _before: tuple[Any, dict[Path, Notes]] | None = attrs.field(default=None, init=False)

    @property
    def transactions(self) -> MemoryStorage:
        """The storage itself."""
        return self

    def begin(self) -> None:
        """Begin a transaction: save the current contents."""
        self._before = _copy_of(self.root), _copy_of_notes(self.notes)

    def end(self) -> None:
        """Drop the saved contents."""
        self._before = None

    def commit(self) -> None:
        """Drop the saved contents."""
        self._before = None

    def rollback(self) -> None:
        """Restore the contents from the start of the transaction; a single change undoes itself."""
        if self._before is not None:
            root, notes = self._before
            _restore(self.root, root)
            self.notes.clear()
            self.notes.update(_copy_of_notes(notes))

    def lend(self) -> Any:
        """Return the nested dicts themselves, since there is no library."""
        return self.root


def _copy_of(item: Any) -> Any:
    """Copy nested dicts, and the arrays in them, which are written in place."""
    if type(item) is dict:
        return {name: _copy_of(child) for name, child in item.items()}
    if isinstance(item, Leaf):
        return _copied(item)
    return item.copy() if isinstance(item, np.ndarray) else item


def _find_attributes(path: Path, node: Any, found: dict[Path, dict[str, Leaf]]) -> None:
    """Find the attributes of all copies in a tree, by path."""
    if isinstance(node, MemoryCopy):
        found.update({path + below: values for below, values in node.attributes.items()})
    elif isinstance(node, Branch):
        for name, child in node.children.items():
            _find_attributes((*path, name), child, found)


def _restore(target: dict[str, Any], before: dict[str, Any]) -> None:
    """Restore a dict of the caller's, and the dicts in it that still exist, in place."""
    kept = dict(target)
    target.clear()
    for name, item in before.items():
        old = kept.get(name)
        if type(item) is dict and type(old) is dict:
            _restore(old, item)
            target[name] = old
        else:
            target[name] = _copy_of(item)


def _copy_of_notes(notes: dict[Path, Notes]) -> dict[Path, Notes]:
    return {path: Notes(note.mark, dict(note.attributes)) for path, note in notes.items()}


@attrs.define(eq=False)
class MemorySession:
    """A session on storage in memory."""

    storage: MemoryStorage

    @property
    def root(self) -> dict[str, Any]:
        """The nested dicts."""
        return self.storage.root

    @property
    def notes(self) -> dict[Path, Notes]:
        """Marks and attributes."""
        return self.storage.notes

    @property
    def raw(self) -> bool:
        """Whether leaves are the values themselves."""
        return self.storage.raw

    def refresh(self) -> None:
        """Do nothing: the storage is always the same."""

    def drop_objects(self) -> None:
        """Do nothing: there are none."""

    def stat(self, path: Path) -> Stat | None:
        """Return the kind of node at `path`, or None."""
        item = self._find(path)
        if item is None:
            return None
        if isinstance(item, dict):
            mark = self._mark(path)
            return Stat(is_dict=self._is_dict(path, item), is_group=True, mark=mark)
        return Stat(is_dict=False, is_group=False, mark=None if self.raw else item[0].mark)

    def names(self, path: Path) -> list[str]:
        """Return the names of a group's children, in insertion order."""
        item = self._need(path)
        if not isinstance(item, dict):
            raise NotAGroupError("it holds a value, not a dict", key=join(path))
        return list(item)

    def length(self, path: Path) -> int:
        """Return the number of keys of a group."""
        return len(self.names(path))

    def count(self, path: Path) -> int:
        """Return the number of children of a group."""
        item = self._find(path)
        return len(item) if isinstance(item, dict) else 0

    def has(self, path: Path, name: str) -> bool:
        """Whether a group has a child."""
        item = self._find(path)
        return isinstance(item, dict) and name in item

    def last_name(self, path: Path) -> str | None:
        """Return the name of the child that was added last."""
        item = self._find(path)
        return next(reversed(item), None) if isinstance(item, dict) else None

    def read(
        self,
        path: Path,
        select: Select | None = None,
        *,
        mapped: bool = False,
        meter: Meter | None = None,
    ) -> Leaf | Branch:
        """Return the whole tree at `path`, except children that `select` rejects."""
        node = self._tree(path, select)
        if meter is not None:
            meter.total = nbytes_of(node)
            meter.finish()
        return node

    def _tree(self, path: Path, select: Select | None = None) -> Leaf | Branch:
        item = self._need(path)
        if not isinstance(item, dict):
            return Leaf(item[0]) if self.raw else _copied(item[0])
        children: dict[str, Any] = {}
        for name in item:
            inner = (*path, name)
            stat = self.stat(inner)
            if select is None or stat is None:
                children[name] = self._tree(inner)
            elif select(inner, stat.is_dict):
                children[name] = self._tree(inner, select if stat.is_dict else None)
        return Branch(children, self._mark(path))

    def read_value(self, path: Path, *, mapped: bool = False) -> Leaf | Branch | None:
        """As `read`, but None for a dict."""
        item = self._need(path)
        return None if isinstance(item, dict) and self._is_dict(path, item) else self.read(path)

    def at(self, path: Path) -> MemorySession:
        """Return a read-only session whose root is the dict at `path`."""
        notes: Any = _NotesBelow(self.notes, path)
        return MemorySession(MemoryStorage(self._need(path), notes, raw=self.raw, writable=False))

    def entries(
        self,
        path: Path,
        *,
        depth: int | None = None,
        limit: int | None = None,
        select: Select | None = None,
        values: bool = False,
    ) -> list[Entry]:
        """List everything at and below a path."""
        from .entries import entries_of

        return entries_of(self, path, depth=depth, limit=limit, select=select, values=values)

    def identity(self, path: Path) -> Any:
        """Return the `id` of the node."""
        return id(self._need(path))

    def verify(self, path: Path, *, has_value: bool = True) -> None:
        """Do nothing: there are no checksums."""

    def layout(self, path: Path) -> Layout:
        """Return the default layout."""
        return Layout()

    def draft(self, form: ArrayForm, layout: Layout, *, whole: bool = False) -> MemoryDraft:
        """Create a draft of an array."""
        draft = MemoryDraft(form)
        if layout.fill_value is not None:
            draft.write(..., np.asarray(layout.fill_value))
        return draft

    def apply(
        self,
        changes: Sequence[Change],
        layout: Layout | None = None,
        meter: Meter | None = None,
        *,
        replace: bool = False,
        parts: bool = False,
    ) -> None:
        """Apply all changes as one commit: everything that can fail is done before the first."""
        steps = plan(changes, self.stat, "memory", parts=parts)
        ready = {path: None if node is None else self._own(node) for path, node in steps.items()}
        copied: dict[Path, dict[str, Leaf]] = {}
        for path, stored in steps.items():
            _find_attributes(path, stored, copied)
        if meter is not None:
            meter.finish()
        for path, node in ready.items():
            parent = self._parent(path, create=node is not None)
            if parent is None:
                continue
            kept = self._kept_attributes(path) if node is not None else {}
            if isinstance(steps[path], MemoryCopy):
                kept = {}
            if isinstance(node, Moved):
                self._move(node.path, path, parent)
                continue
            self._drop_notes(path)
            if node is None:
                parent.pop(path[-1], None)
            else:
                self._place(parent, path, node)
                if kept:
                    notes = self.notes.setdefault(path, Notes())
                    notes.attributes = {**kept, **notes.attributes}
                self._guard_name(path)
        for path, attributes in copied.items():
            self.notes.setdefault(path, Notes()).attributes = dict(attributes)

    def _move(self, path: Path, to: Path, parent: dict[str, Any]) -> None:
        """Move a node, with its notes, to a place in a dict."""
        depth = len(path)
        notes = {to + known[depth:]: n for known, n in self.notes.items() if known[:depth] == path}
        self._drop_notes(path)
        item = (self._parent(path, create=False) or {}).pop(path[-1])
        self._drop_notes(to)
        parent[to[-1]] = item
        self.notes.update(notes)
        self._guard_name(to)

    def copy_of(self, path: Path, source: Session, seen: Seen | None) -> MemoryCopy:
        """Create a copy of the node at a path of a session of the same kind."""
        assert isinstance(source, MemorySession)  # noqa: S101  a backend of this kind has no other
        attributes: dict[Path, dict[str, Leaf]] = {}
        return MemoryCopy(source.copied(path, (), seen, attributes, is_part=False), attributes)

    def copied(
        self,
        path: Path,
        below: Path,
        seen: Seen | None,
        attributes: dict[Path, dict[str, Leaf]],
        *,
        is_part: bool,
    ) -> Leaf | Branch:
        """Return a copy of the tree at a path, and add its attributes to a dict."""
        item = self._need(path)
        if (found := self.notes.get(path, Notes()).attributes) or not below:
            attributes[below] = dict(found)
        if not isinstance(item, dict):
            return Leaf(item[0]) if self.raw else _copied(item[0])
        children: dict[str, Any] = {}
        is_part = is_part or not self._is_dict(path, item)
        for name in item:
            inner = (*below, name)
            stat = self.stat((*path, name))
            if seen is None or seen(inner, bool(stat and stat.is_dict), is_part):
                children[name] = self.copied(
                    (*path, name), inner, seen, attributes, is_part=is_part
                )
        return Branch(children, self._mark(path))

    def _kept_attributes(self, path: Path) -> dict[str, Leaf]:
        """Return the attributes that stay with a path whose value is replaced."""
        kept = dict(self.notes.get(path, Notes()).attributes)
        if units_of(self._leaf_mark(path)) is not None:
            kept.pop(UNITS, None)
        return kept

    def _leaf_mark(self, path: Path) -> Mark | None:
        item = self._find(path)
        return item[0].mark if type(item) is tuple and isinstance(item[0], Leaf) else None

    def attribute_names(self, path: Path) -> list[str]:
        """Return the names of all attributes."""
        self._need(path)
        return list(self.notes.get(path, Notes()).attributes)

    def read_attribute(self, path: Path, name: str) -> Leaf | None:
        """Return one attribute, or None."""
        self._need(path)
        return self.notes.get(path, Notes()).attributes.get(name)

    def write_attributes(self, path: Path, values: Mapping[str, Leaf | None]) -> None:
        """Set attributes, or delete them (None)."""
        self._need(path)
        attributes = self.notes.setdefault(path, Notes()).attributes
        copies = {name: leaf and _copied(leaf) for name, leaf in values.items()}
        units, mark = copies.get(UNITS), self._leaf_mark(path)
        if mark is not None and units_of(mark) is not None and units and type(units.data) is str:
            self._find(path)[0].mark = attrs.evolve(mark, params={**mark.params, UNITS: units.data})
        for name, leaf in copies.items():
            if leaf is None:
                attributes.pop(name, None)
            else:
                attributes[name] = leaf

    def array_info(self, path: Path) -> ArrayInfo:
        """Return the properties of the array at `path`."""
        leaf = self._array(path)
        data = leaf.data
        return ArrayInfo(
            data.shape, data.dtype, leaf.mark, (None, *data.shape[1:]) if data.ndim else ()
        )

    def read_slice(self, path: Path, index: Any) -> tuple[np.ndarray[Any, Any], Mark | None]:
        """Return the elements at `index`, and the array's mark."""
        leaf = self._array(path)
        found = leaf.data[index]
        if isinstance(found, np.ndarray):
            return np.array(found), leaf.mark
        item = np.empty((), leaf.data.dtype)  # an object would become an array of another dtype
        item[()] = found
        return item, leaf.mark

    def write_slice(self, path: Path, index: Any, data: np.ndarray[Any, Any]) -> None:
        """Write `data` at `index`."""
        there = self._array(path).data
        if not is_plain(index):
            picked(index, there.shape).require_single(data.shape, join(path))
        # An object array would store a 0-d array itself, not its item.
        there[index] = data if data.ndim else data[()]

    def append(self, path: Path, rows: np.ndarray[Any, Any]) -> None:
        """Append rows."""
        leaf = self._array(path)
        dtype = leaf.data.dtype if leaf.data.dtype == rows.dtype else None
        data = np.concatenate([leaf.data, rows], dtype=dtype)  # its byte order stays
        parent = self._parent(path, create=False) or {}
        parent[path[-1]] = data if self.raw else Leaf(data, leaf.mark)

    def extend(
        self, rows: Mapping[Path, np.ndarray[Any, Any]], changes: Sequence[Change] = ()
    ) -> None:
        """Append rows to several arrays, then apply changes, or none of it."""
        before = {path: self._array(path) for path in rows}
        try:
            for path, block in rows.items():
                self.append(path, block)
            if changes:
                self.apply(changes, parts=True)
        except BaseException:
            for path, leaf in before.items():
                parent = self._parent(path, create=False) or {}
                parent[path[-1]] = leaf.data if self.raw else leaf
            raise

    def append_wider(self, path: Path, rows: np.ndarray[Any, Any], mark: Mark | None) -> None:
        """Append strings of a larger width."""
        data = self._array(path).data
        there = data.astype(rows.dtype.newbyteorder(data.dtype.byteorder))
        parent = self._parent(path, create=False) or {}
        whole = np.concatenate([there, rows]).view(rows.dtype)
        parent[path[-1]] = whole if self.raw else Leaf(whole, mark)

    def map(self, path: Path) -> np.ndarray[Any, Any]:
        """Raise an error: there is no file to map."""
        raise UnsupportedStoredError(
            "the array is in memory, not in a file", key=join(path), hint="index it instead"
        )

    def _find(self, path: Path) -> Any:
        """Return a dict, a 1-tuple of a leaf, or None."""
        item: Any = self.root
        for name in path:
            if not isinstance(item, dict) or name not in item:
                return None
            item = item[name]
        return item if type(item) is dict else (item,)

    def _need(self, path: Path) -> Any:
        item = self._find(path)
        if item is None:
            raise missing(path)
        return item

    def _array(self, path: Path) -> Any:
        item = self._need(path)
        leaf = Leaf(None) if isinstance(item, dict) else Leaf(item[0]) if self.raw else item[0]
        if not isinstance(leaf.data, np.ndarray):
            raise UnsupportedStoredError(
                "the value is not an array", key=join(path), hint="read it by chk[key]"
            )
        return leaf

    def _mark(self, path: Path) -> Mark | None:
        notes = self.notes.get(path)
        return None if notes is None else notes.mark

    def _is_dict(self, path: Path, item: dict[str, Any]) -> bool:
        mark = self._mark(path)
        if mark is not None:
            return mark.name == "dict"
        return self.raw or RESERVED_CHILDREN.isdisjoint(item)

    def _own(self, node: Any) -> Any:
        if isinstance(node, Branch):
            children = {name: self._own(child) for name, child in node.children.items()}
            return Branch(children, node.mark)
        if isinstance(node, MemoryDraft):
            whole, mark = node.whole(), node.form.mark
            if self.raw:
                return Leaf(elements_of(mark, node.form.dtype).decode(whole))
            return Leaf(whole, mark)
        if isinstance(node, MemoryCopy):
            return self._own(node.node)
        if isinstance(node, Moved):
            return node
        return node if self.raw else _copied(node)

    def _place(self, parent: dict[str, Any], path: Path, node: Leaf | Branch) -> None:
        if isinstance(node, Leaf):
            parent[path[-1]] = node.data if self.raw else node
            units = None if self.raw else units_of(node.mark)
            if units is not None:
                self.notes[path] = Notes(attributes={UNITS: Leaf(units)})
            return
        group: dict[str, Any] = {}
        parent[path[-1]] = group
        if node.mark is not None:
            self.notes[path] = Notes(node.mark)
        for name, child in node.children.items():
            self._place(group, (*path, name), child)  # type: ignore[arg-type]

    def _guard_name(self, path: Path) -> None:
        if path[-1] in RESERVED_CHILDREN and not self.raw:
            notes = self.notes.setdefault(path[:-1], Notes())
            notes.mark = notes.mark or Mark("dict")

    def _parent(self, path: Path, *, create: bool) -> dict[str, Any] | None:
        item = self.root
        for depth, name in enumerate(path[:-1], 1):
            if name not in item:
                if not create:
                    return None
                item[name] = {}
                self._guard_name(path[:depth])
            item = item[name]
        return item

    def _drop_notes(self, path: Path) -> None:
        for known in [key for key in self.notes if key[: len(path)] == path]:
            del self.notes[known]


@attrs.define(eq=False)
class MemoryBackend(BackendDefaults):
    """A store in memory, which ends with the process."""

    capabilities: Capabilities = NATIVE
    lock_timeout: float = 10.0
    sync_interval: float = 1.0
    root: dict[str, Any] = attrs.field(factory=dict)
    notes: dict[Path, Notes] = attrs.field(factory=dict)

    @property
    def address(self) -> str:
        """The name in messages."""
        return "memory"

    def exists(self) -> bool:
        """Return True."""
        return True

    def share_keys(self) -> list[Hashable]:
        """Return the identity of the dict."""
        return [("object", id(self.root))]

    def open_storage(self, mode: str, lock_timeout: float | None = None) -> Storage:
        """Return storage over the dict."""
        if mode == "x":
            raise FileExistsError(17, "mode='x', and the store exists", self.address)
        if mode == "w":
            self.root.clear()
            self.notes.clear()
        return MemoryStorage(self.root, self.notes)

    def session(self, storage: Storage) -> Session:
        """Return a session on the storage."""
        assert isinstance(storage, MemoryStorage)  # noqa: S101  it opens no other
        return MemorySession(storage)
