"""How a commit preserves what points to objects: each pinned object is kept, or rejected.

References, dimension scales and further hard links point to an object, not to its key. So the steps
of a commit are checked before anything changes: an array is written into the existing dataset, if
that can store it; a dict that replaces a dict is assigned key by key; dimension scales, and the
arrays attached to a scale, are moved to the object that replaces it. A step that cannot preserve
these is rejected, unless the caller has passed ``replace=True``.
"""

from __future__ import annotations

from typing import Any, NoReturn

import attrs
import numpy as np
from h5py import h5d, h5g, h5o, h5t

from ....errors import ReferencedError
from ....keys import Path, join, to_bytes, to_text
from ....tree import Leaf, is_dict
from ...base import Stored
from ..h5 import links, scales
from ..h5.errors import unless_damaged
from ..h5.ids import DatasetID, GroupID, ObjectID
from ..h5.marks import is_dict as is_dict_group
from ..h5.marks import read_mark
from ..h5.object_info import Target, info_of
from ..h5.types import type_to_write
from ..h5.values import prepare
from .alike import whole_leaf
from .damage import is_damaged
from .fits import Fit, can_have
from .references import Holder, References
from .unchanged import is_unchanged
from .writer import Writer

__all__ = ["ASIDE_BYTES", "Kept", "Plan", "keep"]

ASIDE_BYTES = 2**26
"""At most this many bytes of overwritten data are kept in memory by one commit, unless pinned."""
LOOK_AFTER = 8
"""The file is searched only after this many arrays were overwritten in place."""
NAMED = 3
"""The number of holders that a message names."""
_HINT_OF_SCALES = "assign it and the arrays that use it as their scale in one update(); or "
_HINT = "put(key, value, replace=True) replaces it nevertheless"


@attrs.define
class Kept:
    """How a step preserves what points to its object.

    Args:
        fit: what is written into the existing dataset, and in which type; None if another object
            replaces it.
        moves: dimension scales attached to the old object, or arrays that use it as a scale, are
            moved to the new one. That has another address: other pointers to the old one are lost.
        detached: the paths of the removed arrays and scales from which others are detached.
    """

    fit: Fit | None = None
    moves: bool = False
    detached: list[Path] = attrs.field(factory=list)


Steps = dict[Path, Stored | None]


@attrs.define
class Plan:
    """The steps of a commit that preserves what points to its objects.

    Args:
        steps: the steps; a dict may be split into its keys.
        kept: how each pinned object is preserved, by path.
        free: the keys whose objects are not pinned after the commit.
    """

    steps: Steps
    kept: dict[Path, Kept] = attrs.field(factory=dict)
    free: list[Path] = attrs.field(factory=list)


def keep(
    root: GroupID,
    writer: Writer,
    references: References,
    steps: Steps,
    *,
    rolls_back: bool,
    replace: bool,
    keeps_damaged: bool = False,
) -> Plan:
    """Plan how the steps of a commit preserve what points to their objects.

    Args:
        root: the group that is the root of all paths.
        writer: creates the objects.
        references: what points to what.
        steps: the steps of the commit.
        rolls_back: the caller rolls back after an error.
        replace: reject nothing.
        keeps_damaged: damaged objects stay in the file, for everything that points to them.

    Raises:
        ReferencedError: something would point to nothing. Nothing was changed.
    """
    walks = references.walks
    options = rolls_back, replace, keeps_damaged
    try:
        return _Keeper(root, writer, references, *options).run(steps)
    except ReferencedError:
        if references.walks != walks:
            raise
        references.walk(root, writer.guard)  # references may be gone; and paths are needed
        return _Keeper(root, writer, references, *options).run(steps)


@attrs.define
class _Old:
    """An object that is removed: its address, and whether it has other hard links."""

    address: int
    shape: tuple[int, ...] | None
    """The shape of a dataset; otherwise None."""
    is_shared: bool


class _Keeper:
    """The planning of one commit."""

    def __init__(
        self,
        root: GroupID,
        writer: Writer,
        references: References,
        rolls_back: bool,
        replace: bool,
        keeps_damaged: bool,
    ) -> None:
        self._root = root
        self._writer = writer
        self._references = references
        self._rolls_back = rolls_back
        self._replace = replace
        self._keeps_damaged = keeps_damaged
        self._is_whole: dict[Path, bool] = {}
        self._overwritten_bytes = 0
        self._steps: Steps = {}
        self._kept: dict[Path, Kept] = {}
        self._replaced: dict[Path, _Old] = {}
        """The objects that are deleted, or replaced by others."""
        self._removed: dict[int, Path] = {}
        """The addresses of all objects that are removed with these, and a path of each."""
        self._removed_by_step: dict[Path, list[int]] = {}
        """The addresses of the objects that each step removes, by the path of the step."""
        self._pins: dict[Path, list[tuple[int, Holder]]] = {}
        """The removed objects to which remaining objects point: their addresses and holders."""
        self._is_blind = False

    def run(self, steps: Steps) -> Plan:
        stays = {path: self._keeps_object(path, node) for path, node in steps.items()}
        changed = [path for path, keeps_object in stays.items() if not keeps_object]
        references = self._references
        references.overwrites += len(steps) - len(changed)
        if not changed and references.overwrites < LOOK_AFTER:
            return Plan(steps, self._kept)
        try:
            references.look(self._root, self._writer.guard)
        except ReferencedError as error:
            if changed and not self._replace:
                error.key = join(changed[0])
                raise
            self._is_blind = True
        todo = list(steps.items())[::-1]
        while todo:
            path, node = todo.pop()
            old = self._open(path)
            keeps_object = stays.pop(path, None)
            if keeps_object is None:  # a key of a dict that was split
                keeps_object = self._keeps_object(path, node)
            if old is None or keeps_object:
                self._steps[path] = node
            elif type(old) is h5g.GroupID and self._is_pinned_dict(old, node):
                todo += self._key_by_key(path, old, node)[::-1]
            else:
                self._steps[path] = node
                self._replaced[path] = _old(old)
        if references.has_any:
            self._find_removed()
            self._find_pins()
        for path, there in self._replaced.items():
            self._decide(path, there)
        free = [] if self._is_blind else [path for path in self._steps if self._is_free(path)]
        return Plan(self._steps, self._kept, free)

    def _is_free(self, path: Path) -> bool:
        """Return whether nothing will point to the object at a key."""
        if path in self._kept or self._steps[path] is None:
            return False
        old = None if path in self._replaced else self._open(path)
        if old is None or self._references.known.no_references:
            return True
        address = info_of(old).addr
        return not (self._references.unreadable or address in self._references.holders)

    def _open(self, path: Path) -> ObjectID | None:
        """Open the object of a hard link.

        Return None if there is none, it cannot be opened, or it is damaged and kept.
        """
        oid = unless_damaged(lambda: self._open_hard(path))
        if oid is None:  # if it is damaged, the step itself raises the error
            return None
        if not self._keeps_damaged:
            return oid
        if path not in self._is_whole:
            self._is_whole[path] = not is_damaged(oid)
        return oid if self._is_whole[path] else None

    def _open_hard(self, path: Path) -> ObjectID | None:
        name = links.locate(self._root, path[:-1]) if len(path) > 1 else b"."
        raw = to_bytes(path[-1])
        if name is None:
            return None
        parent = h5o.open(self._root, name)
        if type(parent) is not h5g.GroupID or not parent.links.exists(raw):
            return None
        if parent.links.get_info(raw).type != links.HARD:
            return None
        return h5o.open(parent, raw)

    # -- what remains ------------------------------------------------------------------------------

    def _keeps_object(self, path: Path, node: Stored | None) -> bool:
        """Return whether a step removes no object: there is none, or it can store the value."""
        old = self._open(path)
        if old is None:
            return True
        if self._writer.layout is not None or node is None:
            return False
        if is_unchanged(self._root, self._writer, old, node):
            return True
        if type(old) is not h5d.DatasetID:
            return False
        fit = self._fit(old, whole_leaf(old, node))
        if fit is None or not self._may_unpack(old, fit):
            return False
        self._overwritten_bytes += fit.array.nbytes
        if not self._rolls_back and self._overwritten_bytes > ASIDE_BYTES:
            return False  # it is replaced, unless it is pinned
        if fit.target.info.rc > 1:
            self._kept[path] = Kept(fit)
        return True

    def _fit(self, old: DatasetID, leaf: Leaf | None) -> Fit | None:
        target = Target.of(old)
        if leaf is None or not target.has_own_data(old):
            return None
        return self._writer.fit(old, target, leaf)

    def _may_unpack(self, old: DatasetID, fit: Fit) -> bool:
        return self._writer.may_unpack(old, fit, kept=not self._rolls_back)

    def _is_pinned_dict(self, old: GroupID, node: Any) -> bool:
        """Return whether a dict is assigned key by key, as something points into it."""
        if not is_dict(node) or self._replace or not is_dict_group(old, read_mark(old)):
            return False
        if info_of(old).rc > 1 or (not self._references.known.no_names and _shares(old, node)):
            return True
        if not self._references.has_any:
            return False
        if self._references.unreadable:
            return True
        inside = {info_of(old).addr, *(address for address, _ in links.below(old))}
        return any(
            holder.address not in inside
            for address in inside & self._references.holders.keys()
            for holder in self._references.holders[address]
        )

    def _key_by_key(self, path: Path, old: GroupID, node: Any) -> list[tuple[Path, Stored | None]]:
        names = [to_text(name) for name, _, _ in links.entries(old, dangling=True)]
        found: list[tuple[Path, Stored | None]] = [
            ((*path, name), None) for name in names if name not in node.children
        ]
        return found + [((*path, name), child) for name, child in node.children.items()]

    # -- what is removed ---------------------------------------------------------------------------

    def _find_removed(self) -> None:
        """Find all objects that are removed: those that keep no hard link."""
        left: dict[int, int] = {}
        for top in self._replaced:
            todo = [top]
            while todo:
                path = todo.pop()
                oid = self._open(path)
                if oid is None:
                    continue
                info = info_of(oid)
                left[info.addr] = left.get(info.addr, info.rc) - 1
                if left[info.addr] > 0 or info.addr in self._removed:
                    continue
                self._removed[info.addr] = path
                self._removed_by_step.setdefault(top, []).append(info.addr)
                if type(oid) is h5g.GroupID:
                    for name, kind, _ in links.entries(oid, dangling=True):
                        if kind == links.HARD:
                            todo.append((*path, to_text(name)))

    def _find_pins(self) -> None:
        """Find the remaining objects that point to removed ones."""
        references = self._references
        replaced = {
            there.address for path, there in self._replaced.items() if self._steps[path] is not None
        }
        if replaced & references.held:  # their attributes are copied to new objects
            references.is_stale = True

        def stays(holder: Holder) -> bool:
            if holder.address not in self._removed:
                return True
            return holder.attribute is not None and holder.address in replaced

        for top, goes in self._removed_by_step.items():
            self._pins[top] = [
                (address, holder)
                for address in goes
                for holder in (*references.holders.get(address, ()), *references.unreadable)
                if stays(holder)
            ]

    def _decide(self, path: Path, old: _Old) -> None:
        """Determine how the object of a step is preserved, or reject the step."""
        node = self._steps[path]
        pins, kept = self._pins.get(path, []), Kept()
        hard: list[Holder] = []
        for address, holder in pins:
            stays = address == old.address and node is not None  # the key keeps an object
            is_scale = holder.attribute in {scales.USERS, scales.DIMENSIONS}
            if stays and is_scale and self._can_move(path, old, holder):
                kept.moves = True
            elif (
                is_scale
                and holder not in self._references.unreadable
                and (self._replace or (not stays and holder.attribute == scales.USERS))
            ):
                kept.detached.append(self._removed[address])
            else:
                hard.append(holder)
        is_split = old.is_shared and node is not None
        if (hard or kept.moves or is_split) and isinstance(node, Leaf):
            fit = self._pinned_fit(path, node)
            if fit is not None:
                self._kept[path] = Kept(fit)
                return
        if not self._replace:
            if hard:
                self._refuse(path, hard, is_deleted=node is None)
            if is_split:
                self._refuse_other_names(path, old)
        if self._is_blind and old.shape is not None:
            kept.detached.append(path)
        kept.detached = list(dict.fromkeys(kept.detached))
        if path in kept.detached:
            kept.moves = False
        if hard or is_split or kept.moves or kept.detached:
            self._kept[path] = kept

    def _can_move(self, path: Path, old: _Old, holder: Holder) -> bool:
        """Return whether the other end of a dimension scale can be moved to the new object."""
        shape = _shape_of(self._steps[path])
        if shape is None or old.shape is None or len(shape) != len(old.shape):
            return False
        oid = self._open(path)
        if oid is None:
            return False
        if holder.attribute == scales.USERS:
            return holder.address in scales.scales_of(oid)
        axes = [axis for address, axis in scales.arrays_of(oid) if address == holder.address]
        there = self._shape_after(holder)
        if not axes or there is None:
            return False
        if len(shape) != 1:
            return shape == old.shape
        return all(axis < len(there) and there[axis] == shape[0] for axis in axes)

    def _shape_after(self, holder: Holder) -> tuple[int, ...] | None:
        """Return the shape that an array has after the commit."""
        path = self._removed.get(holder.address)
        if path is not None and self._replaced.get(path) is not None:
            return _shape_of(self._steps[path])
        oid = h5o.open(h5g.open(self._root, b"/"), holder.path)
        shape: tuple[int, ...] | None = oid.shape if type(oid) is h5d.DatasetID else None
        return shape

    def _pinned_fit(self, path: Path, leaf: Leaf) -> Fit | None:
        """Return how a pinned dataset can store a value: with another mark, or another shape."""
        old = self._open(path)
        if self._writer.layout is not None or type(old) is not h5d.DatasetID:
            return None
        target = Target.of(old)
        if not target.has_own_data(old):
            return None
        fit = self._writer.fit(old, target, leaf)
        if fit is None and old.get_type().get_class() != h5t.STRING:
            marked = Leaf(leaf.data, read_mark(old))
            fit = self._writer.fit(old, target, marked) or _resized(old, target, leaf)
            fit = None if fit is None else fit._replace(new_mark=leaf.mark)
        return fit if fit is not None and self._may_unpack(old, fit) else None

    # -- what is rejected --------------------------------------------------------------------------

    def _refuse(self, path: Path, holders: list[Holder], *, is_deleted: bool) -> NoReturn:
        names = list(dict.fromkeys(map(str, holders)))
        named = ", ".join(names[:NAMED]) + (
            f" and {len(names) - NAMED} more" if names[NAMED:] else ""
        )
        if holders[0] in self._references.unreadable:
            named += " (which may point to anything: h5py cannot read these references)"
        if is_deleted:
            raise ReferencedError(
                f"it cannot be deleted, because something in the file points to it: {named}",
                key=join(path),
                hint="delete that first; or put(key, None, replace=True), and then delete it",
            )
        raise ReferencedError(
            "the object cannot store this value in place, and if another object replaced it, "
            f"something in the file would point to nothing: {named}",
            key=join(path),
            hint=_HINT_OF_SCALES + _HINT if holders[0].attribute == scales.DIMENSIONS else _HINT,
        )

    def _refuse_other_names(self, path: Path, old: _Old) -> NoReturn:
        names = self._references.names.get(old.address, [])
        own = to_bytes("/" + join(path))
        others = [repr(to_text(name.strip(b"/"))) for name in names if not name.endswith(own)]
        raise ReferencedError(
            "the object has other names in the file "
            f"({', '.join(others[:NAMED]) or 'hard links'}), and cannot store this value: the "
            "other names would keep the old object",
            key=join(path),
            hint=_HINT + ", under this name only",
        )


def _old(oid: ObjectID) -> _Old:
    info = info_of(oid)
    shape = oid.shape if type(oid) is h5d.DatasetID else None
    return _Old(info.addr, shape, info.rc > 1 and not isinstance(oid, h5t.TypeID))


def _shape_of(node: Any) -> tuple[int, ...] | None:
    """Return the shape that a step assigns; None if that is not an array."""
    if not isinstance(node, Leaf):
        return getattr(getattr(node, "did", None), "shape", None)  # of a draft
    if node.data is None:
        return None
    return node.data.shape if isinstance(node.data, np.ndarray) else ()


def _resized(did: DatasetID, target: Target, leaf: Leaf) -> Fit | None:
    """Return how a dataset can store an array of another shape, if it can be resized to that."""
    tid, _, array = prepare(leaf.data)
    if not array.ndim or not can_have(did, array.shape):
        return None
    memory = type_to_write(did.get_type(), tid, array)
    mark = read_mark(did)
    return None if memory is None else Fit(target, array, memory, mark, mark)


def _shares(old: GroupID, node: Any) -> bool:
    """Return whether a child that a dict would replace, at any depth, has other hard links."""
    todo = [(old, node)]
    while todo:
        group, branch = todo.pop()
        for name, child in branch.children.items():
            raw = to_bytes(name)
            if not group.links.exists(raw) or group.links.get_info(raw).type != links.HARD:
                continue
            oid = h5o.open(group, raw)
            if _old(oid).is_shared:
                return True
            if type(oid) is h5g.GroupID and is_dict(child):
                todo.append((oid, child))
    return False
