"""What a commit must not part from what points at it: how each such object is kept, or refused.

References, dimension scales and further hard links lead to an object, and not to its key. So before
a commit changes anything in a file that may have such, its steps are looked at: an array is written
into the dataset that is there, if that can take it; a dict that replaces one is put key by key; the
dimension scales of an array, or the arrays of a scale, are led to what takes its place. What cannot
be kept is refused, unless the caller has said to replace it all the same.
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
"""What is written over is kept in memory up to so many bytes a commit, unless it is pinned."""
LOOK_AFTER = 8
"""Only after so many arrays were written over in place it is worth to know which are free."""
TOLD = 3
"""So many of what points at an object are named."""
_HINT_OF_SCALES = "assign it together with the arrays whose scale it is, in one update(); or "
_HINT = "put(key, value, replace=True) replaces it all the same"


@attrs.define
class Kept:
    """What a step does beside, to keep what points at its object.

    Args:
        fit: what is written over the dataset that is there, and by which type; None if another
            one takes its place.
        moves: what hangs together with the old one as a dimension scale is led to the new one.
            In any case that has another address: what still points at the old one leads to nothing.
        detached: the paths of arrays and scales that go, and from which others are detached.
    """

    fit: Fit | None = None
    moves: bool = False
    detached: list[Path] = attrs.field(factory=list)


Steps = dict[Path, Stored | None]


@attrs.define
class Plan:
    """The steps of a commit, once what points at their objects is seen to.

    Args:
        steps: what is to be done; where need be in more and smaller steps.
        kept: what is to be done beside, by path.
        free: keys at whose objects nothing points when the commit is through.
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
    """How the steps of a commit keep what points at their objects.

    Args:
        root: the group that is the root of all paths.
        writer: makes the objects.
        references: what points at what.
        steps: what is to be done.
        rolls_back: an error gives all up that was not committed before.
        replace: refuse nothing.
        keeps_damaged: what is damaged stays in the file, for all that points at it.

    Raises:
        ReferencedError: something would lead to nothing. Nothing was done.
    """
    walks = references.walks
    options = rolls_back, replace, keeps_damaged
    try:
        return _Keeper(root, writer, references, *options).run(steps)
    except ReferencedError:
        if references.walks != walks:
            raise
        references.walk(root, writer.guard)  # some of it may have gone since; and names are told
        return _Keeper(root, writer, references, *options).run(steps)


@attrs.define
class _Old:
    """An object that goes: its address, and whether other hard links lead to it."""

    address: int
    shape: tuple[int, ...] | None
    """Of a dataset."""
    is_shared: bool


class _Keeper:
    """One look at the steps of a commit."""

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
        self._aside = 0
        self._steps: Steps = {}
        self._kept: dict[Path, Kept] = {}
        self._going: dict[Path, _Old] = {}
        """What is deleted, or replaced by another object."""
        self._gone: dict[int, Path] = {}
        """The addresses of all objects that go with these, and a path of each."""
        self._goes: dict[Path, list[int]] = {}
        """By the path of a step, the addresses of what goes with it."""
        self._pins: dict[Path, list[tuple[int, Holder]]] = {}
        """Of these, at which something points that stays, and what that is."""
        self._is_blind = False

    def run(self, steps: Steps) -> Plan:
        stays = {path: self._is_written_over(path, node) for path, node in steps.items()}
        changed = [path for path, is_written_over in stays.items() if not is_written_over]
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
            is_written_over = stays.pop(path, None)
            if is_written_over is None:  # a key of a dict
                is_written_over = self._is_written_over(path, node)
            if old is None or is_written_over:
                self._steps[path] = node
            elif type(old) is h5g.GroupID and self._is_pinned_dict(old, node):
                todo += self._key_by_key(path, old, node)[::-1]
            else:
                self._steps[path] = node
                self._going[path] = _old(old)
        if references.has_any:
            self._follow()
            self._find_pins()
        for path, there in self._going.items():
            self._decide(path, there)
        free = [] if self._is_blind else [path for path in self._steps if self._is_free(path)]
        return Plan(self._steps, self._kept, free)

    def _is_free(self, path: Path) -> bool:
        """Whether nothing points at what will be at a key."""
        if path in self._kept or self._steps[path] is None:
            return False
        old = None if path in self._going else self._open(path)
        if old is None or self._references.known.no_references:
            return True
        address = info_of(old).addr
        return not (self._references.unreadable or address in self._references.holders)

    def _open(self, path: Path) -> ObjectID | None:
        """What a hard link at a path leads to.

        None if there is none, it cannot be opened, or is damaged and kept.
        """
        oid = unless_damaged(lambda: self._open_hard(path))
        if oid is None:  # if it is damaged, the step itself finds out, and tells
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

    # -- what stays --------------------------------------------------------------------------------

    def _is_written_over(self, path: Path, node: Stored | None) -> bool:
        """Whether no object goes: nothing is there, or what is there surely takes the value."""
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
        self._aside += fit.array.nbytes
        if not self._rolls_back and self._aside > ASIDE_BYTES:
            return False  # it is replaced, unless something points at it
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
        """Whether a dict is put key by key over one: something points at it, or into it."""
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

    # -- what goes ---------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Find all objects that go: those to which no hard link is left."""
        left: dict[int, int] = {}
        for top in self._going:
            todo = [top]
            while todo:
                path = todo.pop()
                oid = self._open(path)
                if oid is None:
                    continue
                info = info_of(oid)
                left[info.addr] = left.get(info.addr, info.rc) - 1
                if left[info.addr] > 0 or info.addr in self._gone:
                    continue
                self._gone[info.addr] = path
                self._goes.setdefault(top, []).append(info.addr)
                if type(oid) is h5g.GroupID:
                    for name, kind, _ in links.entries(oid, dangling=True):
                        if kind == links.HARD:
                            todo.append((*path, to_text(name)))

    def _find_pins(self) -> None:
        """Find what points at these, and stays."""
        references = self._references
        replaced = {
            there.address for path, there in self._going.items() if self._steps[path] is not None
        }
        if replaced & references.held:  # their attributes go to other objects
            references.is_stale = True

        def stays(holder: Holder) -> bool:
            if holder.address not in self._gone:
                return True
            return holder.attribute is not None and holder.address in replaced

        for top, goes in self._goes.items():
            self._pins[top] = [
                (address, holder)
                for address in goes
                for holder in (*references.holders.get(address, ()), *references.unreadable)
                if stays(holder)
            ]

    def _decide(self, path: Path, old: _Old) -> None:
        """How the object of one step is kept, or why it cannot be."""
        node = self._steps[path]
        pins, kept = self._pins.get(path, []), Kept()
        hard: list[Holder] = []
        for address, holder in pins:
            stays = address == old.address and node is not None  # the key does, for another object
            is_scale = holder.attribute in {scales.USERS, scales.DIMENSIONS}
            if stays and is_scale and self._moves(path, old, holder):
                kept.moves = True
            elif (
                is_scale
                and holder not in self._references.unreadable
                and (self._replace or (not stays and holder.attribute == scales.USERS))
            ):
                kept.detached.append(self._gone[address])
            else:
                hard.append(holder)
        is_parted = old.is_shared and node is not None
        if (hard or kept.moves or is_parted) and isinstance(node, Leaf):
            fit = self._taken(path, node)
            if fit is not None:
                self._kept[path] = Kept(fit)
                return
        if not self._replace:
            if hard:
                self._refuse(path, hard, is_deleted=node is None)
            if is_parted:
                self._refuse_to_part(path, old)
        if self._is_blind and old.shape is not None:
            kept.detached.append(path)
        kept.detached = list(dict.fromkeys(kept.detached))
        if path in kept.detached:
            kept.moves = False
        if hard or is_parted or kept.moves or kept.detached:
            self._kept[path] = kept

    def _moves(self, path: Path, old: _Old, holder: Holder) -> bool:
        """Whether what is at the end of a dimension scale can be led to the new object."""
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
        """The shape that an array has when the commit is through."""
        path = self._gone.get(holder.address)
        if path is not None and self._going.get(path) is not None:
            return _shape_of(self._steps[path])
        oid = h5o.open(h5g.open(self._root, b"/"), holder.path)
        shape: tuple[int, ...] | None = oid.shape if type(oid) is h5d.DatasetID else None
        return shape

    def _taken(self, path: Path, leaf: Leaf) -> Fit | None:
        """How a pinned dataset takes a value: with another mark or, where it can, another shape."""
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

    # -- what is refused ---------------------------------------------------------------------------

    def _refuse(self, path: Path, holders: list[Holder], *, is_deleted: bool) -> NoReturn:
        told = list(dict.fromkeys(map(str, holders)))
        named = ", ".join(told[:TOLD]) + (f" and {len(told) - TOLD} more" if told[TOLD:] else "")
        if holders[0] in self._references.unreadable:
            named += " (which may point at anything: h5py cannot read these references)"
        if is_deleted:
            raise ReferencedError(
                f"it cannot be deleted, as something in the file points at it: {named}",
                key=join(path),
                hint="delete that first; or put(key, None, replace=True), and delete it then",
            )
        raise ReferencedError(
            "the object that is there cannot take this value, and in place of another one "
            f"something in the file would point at nothing: {named}",
            key=join(path),
            hint=_HINT_OF_SCALES + _HINT if holders[0].attribute == scales.DIMENSIONS else _HINT,
        )

    def _refuse_to_part(self, path: Path, old: _Old) -> NoReturn:
        names = self._references.names.get(old.address, [])
        own = to_bytes("/" + join(path))
        others = [repr(to_text(name.strip(b"/"))) for name in names if not name.endswith(own)]
        raise ReferencedError(
            "the object that is there has other names in the file "
            f"({', '.join(others[:TOLD]) or 'hard links'}), and cannot take this value: under them "
            "the old one would stay",
            key=join(path),
            hint=_HINT + ", under this name alone",
        )


def _old(oid: ObjectID) -> _Old:
    info = info_of(oid)
    shape = oid.shape if type(oid) is h5d.DatasetID else None
    return _Old(info.addr, shape, info.rc > 1 and not isinstance(oid, h5t.TypeID))


def _shape_of(node: Any) -> tuple[int, ...] | None:
    """The shape of what a step puts; None where that is no array."""
    if not isinstance(node, Leaf):
        return getattr(getattr(node, "did", None), "shape", None)  # a draft has one
    if node.data is None:
        return None
    return node.data.shape if isinstance(node.data, np.ndarray) else ()


def _resized(did: DatasetID, target: Target, leaf: Leaf) -> Fit | None:
    """How a dataset takes an array of another shape, to which it can be made; None if it cannot."""
    tid, _, array = prepare(leaf.data)
    if not array.ndim or not can_have(did, array.shape):
        return None
    memory = type_to_write(did.get_type(), tid, array)
    mark = read_mark(did)
    return None if memory is None else Fit(target, array, memory, mark, mark)


def _shares(old: GroupID, node: Any) -> bool:
    """Whether a child that a dict replaces, at any depth, has other hard links."""
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
