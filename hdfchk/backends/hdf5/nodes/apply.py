"""Applying the changes of one commit to an open file, with an undo for each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from traceback import clear_frames
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5o, h5p

from ....errors import CorruptFileError, HdfchkError, NotAGroupError, UnsupportedTypeError
from ....keys import Path, join, to_bytes
from ....tree import RESERVED_CHILDREN, Leaf, Mark
from ...base import Moved, Stored
from ..h5 import checksums as sums
from ..h5 import links, scales
from ..h5.attributes import (
    attribute_names,
    copy_attributes,
    has_references,
    is_own,
)
from ..h5.errors import NO_CLASS, RAISED, errno_of, unless_damaged, unwritable, user_link
from ..h5.ids import DatasetID, FileID, GroupID, LinkInfo, ObjectID
from ..h5.key_order import Places
from ..h5.marks import MARK, is_of_mark, read_mark, set_mark, write_mark
from ..h5.object_info import Target, is_open_elsewhere
from ..h5.removal import remove
from ..h5.types import GROUP_CREATION, has_variable
from ..h5.values import write_raw
from .alike import whole_leaf
from .copying import Copied
from .damage import copy_readable_attributes, is_damaged, removing
from .fits import Fit
from .moving import require_movable
from .pins import ASIDE_BYTES, Kept, keep
from .references import References
from .unchanged import is_unchanged, leads_to_value
from .writer import Writer

__all__ = ["Commit"]

_COUNTER = itertools.count()
REUSE_FROM = 2**16
"""Arrays of at least this many bytes are copied to memory before they are replaced. These copies,
and those of overwritten data, take up to `ASIDE_BYTES` in each commit."""
FEW = 64
"""In a commit of fewer steps, each step may affect very many objects."""
OPEN_GROUPS = 64
"""The maximum number of open groups: HDF5 iterates over all open objects when it moves a link."""


class Commit:
    """One commit: its steps are applied one by one, and undone in reverse order if one fails.

    Removed objects stay linked, in the hidden group, until everything else is done. An undo refers
    to paths, not to open objects.

    Args:
        root: the group that is the root of all paths.
        writer: creates the objects.
        rolls_back: the caller rolls back after an error, so replaced objects need not be kept.
        references: what in the file points to its objects; None if that does not matter.
        replace: also replace pinned objects that cannot be preserved.
        put_stand_in: writes a stand-in over the damaged header of the object at an address, and
            returns whether it could; a rollback discards the stand-in, too.
        keeps_damaged: damaged objects are kept in a hidden group, not removed.

    Attributes:
        path: the path of the present step, or of the one that failed.
        free: the keys whose objects are not pinned.
        has_kept: a damaged object was kept.
    """

    def __init__(
        self,
        root: GroupID,
        writer: Writer,
        *,
        rolls_back: bool = False,
        references: References | None = None,
        replace: bool = False,
        put_stand_in: Callable[[int], bool] | None = None,
        keeps_damaged: bool = False,
    ) -> None:
        self._root = root
        self._writer = writer
        self._hidden = writer.hidden
        self.path: Path = ()
        self._rolls_back = rolls_back
        self._references = references
        self._replace_all = replace
        self._put_stand_in = put_stand_in
        self._keeps_damaged = keeps_damaged
        self.has_kept: bool = False
        self.free: list[Path] = []
        self._kept: dict[Path, Kept] = {}
        """How pinned objects are preserved, by path."""
        self._groups: dict[Path, GroupID] = {}
        self._empty: set[Path] = set() if root.get_num_objs() else {()}
        """Groups that were empty, and have a single path: each step creates another key there."""
        self._places: dict[int, tuple[Path, Places]] = {}
        self._undo: list[tuple[Callable[..., None], Any]] = []
        self._aside: FileID | Any = None  # until something is copied there
        self._aside_bytes = 0
        self._left = 0
        self._is_through = False
        self._is_few = False

    @property
    def _is_last(self) -> bool:
        """Whether nothing follows this step: if its call fails, there is nothing to undo."""
        return not self._left and self._hidden.is_empty and self._writer.meter is None

    def run(self, steps: dict[Path, Stored | None]) -> None:
        """Apply all steps, or none.

        Raises:
            The error of the first failing step. The file is then unchanged, or must be rolled back.
        """
        self._writer.begin()
        self._writer.cache.hold(len(steps))
        try:
            if len(steps) == 1:
                self.path = next(iter(steps))
            with removing():
                steps = self._keep(steps)
            self._left = len(steps)
            self._is_few = len(steps) < FEW
            for path, node in steps.items():
                self.path = path
                self._left -= 1
                if node is None:
                    self._delete(path)
                    self._writer.pause()
                else:
                    self._put(path, node)
            if self._writer.meter is not None:
                self._writer.meter.finish()  # an exception that it raises undoes the commit
            if not self._is_through:
                self._write_places()
                with removing():
                    self._hidden.empty_bin()
            if self._references is not None and self._references.is_stale:
                self._references.forget_walk()
        except BaseException as error:
            self._take_back(error)
            if isinstance(error, HdfchkError) and error.key is None:
                error.key = join(self.path)
            self._raise_if_damaged(error)
            told = unwritable("it", error, join(self.path))
            if told is not None:
                raise told from error
            raise
        finally:
            self._writer.end()
            self._undo.clear()
            self._groups.clear()
            if self._aside is not None:
                self._aside.close()

    def _keep(self, steps: dict[Path, Stored | None]) -> dict[Path, Stored | None]:
        """Plan how pinned objects are preserved; return the steps, some of which may be split."""
        if self._references is None or self._references.known.no_names:
            return steps
        planned = keep(
            self._root,
            self._writer,
            self._references,
            steps,
            rolls_back=self._rolls_back,
            replace=self._replace_all,
            keeps_damaged=self._keeps_damaged,
        )
        self._kept, self.free = planned.kept, planned.free
        return planned.steps

    def _take_back(self, error: BaseException) -> None:
        """Undo everything; if one change cannot be undone, the others still are."""
        if self._references is not None:
            self._references.forget_walk()
        self._groups.clear()
        _close_objects_of(error)
        if self._rolls_back:
            return
        last = [(self._write_places, ()), (self._hidden.empty_bin, ())]
        for undo, args in [*reversed(self._undo), *last]:
            try:
                undo(*args)
            except Exception as problem:
                error.add_note(f"a part of it could not be undone: {problem}")

    def _raise_if_damaged(self, error: BaseException) -> None:
        """Raise an error that says so if a step failed because its object cannot be opened.

        HDF5 does not unlink an object whose header it cannot read.
        """
        if isinstance(error, HdfchkError) or not isinstance(error, RAISED) or errno_of(error):
            return
        try:
            name = links.locate(self._root, self.path)
            if name is not None:
                links.open_object(self._root, name, self.path)
        except CorruptFileError as found:
            found.hint = (
                "HDF5 cannot remove what it cannot open: restore the file from a copy, or get a new"
                " file of all that is whole by hdfchk.salvage(path, to)"
            )
            raise found from error
        except Exception:  # the first error is more informative
            return

    # -- groups ----------------------------------------------------------------------------------

    def _group(self, path: Path) -> GroupID:
        """Return the group at `path`; create it, and those above it, if necessary."""
        if not path:
            return self._root
        gid = self._groups.get(path)
        if gid is None:
            name = links.locate(self._root, path)
            if name is not None:
                found = h5o.open(self._root, name)
                if type(found) is not h5g.GroupID:
                    raise NotAGroupError("it holds a value, not a dict", key=join(path))
                gid = found
            else:
                parent = self._group(path[:-1])
                if path[:-1] not in self._empty or len(path) == 1:
                    self._undo.append((self._unlink, (path,)))
                gid = h5g.create(parent, to_bytes(path[-1]), gcpl=GROUP_CREATION)
                self._guard_name(path[:-1], parent, path[-1])
                self._empty.add(path)
            while len(self._groups) >= OPEN_GROUPS:
                del self._groups[next(iter(self._groups))]
            self._groups[path] = gid
        return gid

    def _forget_below(self, path: Path) -> None:
        """Forget the groups at and below a path, as they are gone."""
        depth = len(path)
        for known in [key for key in self._groups if key[:depth] == path]:
            del self._groups[known]

    def _guard_name(self, path: Path, parent: GroupID, name: str) -> None:
        """Mark a group as a dict if a key in it has a name that the older tool reserves."""
        if name in RESERVED_CHILDREN and read_mark(parent) is None:
            self._undo.append((self._unmark, (path,)))
            write_mark(parent, Mark("dict"))

    def _unmark(self, path: Path) -> None:
        gid = self._group(path)
        if h5a.exists(gid, MARK):
            h5a.delete(gid, MARK)

    # -- steps -----------------------------------------------------------------------------------

    def _put(self, path: Path, node: Stored) -> None:
        above = path[:-1]
        parent = self._group(above)
        raw = to_bytes(path[-1])
        self._writer.at = path
        try:
            if above not in self._empty:
                if parent.links.exists(raw):
                    self._replace(path, parent, raw, node)
                else:
                    self._undo.append((self._unlink, (path,)))
                    self._create(parent, raw, node, path)
            else:
                if not (above or self._rolls_back):  # otherwise the new group is removed as a whole
                    self._undo.append((self._unlink, (path,)))
                self._create(parent, raw, node, path)
        except (ValueError, RuntimeError) as error:
            if isinstance(error, (HdfchkError, RecursionError)) or NO_CLASS in str(error):
                raise
            raise UnsupportedTypeError(
                f"HDF5 cannot keep it ({error})",
                key=join(self._writer.at),
                hint="store it in parts",
            ) from error
        self._guard_name(above, parent, path[-1])

    def _replace(self, path: Path, parent: GroupID, raw: bytes, node: Stored) -> None:
        # The target of a soft or external link has a key of its own: only the link is replaced.
        info = parent.links.get_info(raw)
        hard = info.type == links.HARD
        if not hard and self._leads_to(path, node):
            return
        old = self._open_old(parent, raw) if hard else None
        self._require_removable(parent, raw)
        aside, is_kept_small, kept = None, False, self._kept.get(path)
        is_kept = old is not None and self._keep_if_damaged(old)
        is_dropped = is_kept or (hard and old is None)
        if old is not None and not is_kept:
            with removing():
                if self._stays(path, old, node, kept):
                    return
                room = self._written_or_room(path, old, node, kept)
                if room is None:
                    return
                is_kept_small, is_dropped = room
                if is_kept_small and not is_dropped:
                    aside = self._copy_aside(old, parent, raw)
        places, place = self._take_place(path[:-1], parent, info)
        if is_dropped:
            old = old if is_kept else None
            if is_kept_small:
                self._writer.take_room()
            with removing():
                parent.unlink(raw)
        elif aside is None:
            self._hide(path, parent, raw, place)
        else:
            old = None  # HDF5 frees the space only when the object is closed
            self._writer.take_room()
            self._undo.append((self._copy_back, (path, aside, place)))
            parent.unlink(raw)
            old = h5o.open(self._aside, aside)
        self._forget_below(path)
        new = self._create(parent, raw, node, path)
        if old is not None and not isinstance(node, (Copied, Moved)):  # these have attributes
            self._hand_on(old, new, kept, is_damaged=is_kept)
        if places is not None and place is not None:
            places.give(parent, parent.links.get_info(raw).corder, place)

    def _create(self, parent: GroupID, raw: bytes, node: Stored, path: Path) -> ObjectID:
        """Create the object of a step under a name, or move it there."""
        if not isinstance(node, Moved):
            return self._writer.create(parent, raw, node, path)
        above, name = self._group(node.path[:-1]), to_bytes(node.path[-1])
        info = require_movable(above, name, node.path, parent, path)
        _, place = self._take_place(node.path[:-1], above, info)
        self._undo.append((self._move_back, (path, node.path, place)))
        above.links.move(name, parent, raw)
        self._forget_below(node.path)
        if self._references is not None:  # it stores paths
            self._references.forget_walk()
        return h5o.open(parent, raw) if info.type == links.HARD else parent

    def _move_back(self, path: Path, home: Path, place: int | None) -> None:
        parent, raw = self._group(path[:-1]), to_bytes(path[-1])
        above, name = self._group(home[:-1]), to_bytes(home[-1])
        moved = not above.links.exists(name)
        if moved:
            parent.links.move(raw, above, name)
        self._forget_below(path)
        self._give_back_place(above, name, place, moved=moved)

    def _hide(self, path: Path, parent: GroupID, raw: bytes, place: int | None) -> None:
        """Move a replaced link to the hidden group until the commit is complete."""
        name = self._hidden.new_name()
        self._undo.append((self._bring_back, (path, name, place)))
        self._hidden.take_out(parent, raw, name)

    def _leads_to(self, path: Path, node: Stored) -> bool:
        """Whether the value assigned to a soft or external link is the one that it points to."""
        with removing():
            return self._writer.layout is None and leads_to_value(
                self._root, self._writer, path, node
            )

    def _hand_on(
        self, old: ObjectID, new: ObjectID, kept: Kept | None, *, is_damaged: bool
    ) -> None:
        """Copy the attributes of a replaced object to the new one; move scales if planned."""
        if is_damaged:
            copy_readable_attributes(old, new)
            return
        with removing():
            copy_attributes(old, new, lambda name: is_own(name) or is_of_mark(old, new, name))
            if kept is not None and kept.moves:
                scales.move(old, new, self._note)

    def _stays(self, path: Path, old: ObjectID, node: Stored, kept: Kept | None) -> bool:
        """Whether an object stays: an unchanged one, or a pinned one, which is written into.

        Otherwise, scales are detached as planned.
        """
        if kept is not None:
            if kept.fit is not None and type(old) is h5d.DatasetID:
                leaf = whole_leaf(old, node)
                if leaf is not None:
                    self._write_over(path, old, leaf, kept.fit)
                    return True
            self._detach(kept)
        if self._references is None or self._references.known.no_names:
            return False
        return self._writer.layout is None and is_unchanged(self._root, self._writer, old, node)

    def _open_old(self, parent: GroupID, raw: bytes) -> ObjectID | None:
        """Return the object to replace or delete; None if it was replaced by a stand-in."""
        try:
            return h5o.open(parent, raw)
        except RAISED as error:
            if self._put_stand_in is None or errno_of(error):
                raise
            first = error
        address = parent.links.get_info(raw).u
        try:
            h5o.open(parent, raw)  # if this succeeds, the file was not the cause
        except RAISED:
            if not self._put_stand_in(address):
                raise
            return None
        raise first

    def _keep_if_damaged(self, old: ObjectID) -> bool:
        """Keep an object in a hidden group, if HDF5 cannot remove it; return whether it is kept."""
        if not self._keeps_damaged or not is_damaged(old):
            return False
        self.has_kept = True
        self._hidden.keep(old)
        return True

    def _remove(self, parent: GroupID, raw: bytes) -> None:
        """Remove a link whose object need not be kept."""
        try:
            if self._is_few:
                self._writer.cache.hold(_objects_in(parent, raw))
            remove(parent, raw)
        except RAISED:
            if parent.links.get_info(raw).type != links.HARD:
                raise
            old = self._open_old(parent, raw)
            if old is not None and h5g.get_objinfo(parent, raw).nlink < 2:
                raise
            parent.unlink(raw)  # does not enter the object, as it has other links

    def _delete(self, path: Path) -> None:
        above = path[:-1]
        if above and above not in self._groups and links.locate(self._root, above) is None:
            return
        parent = self._group(above)
        raw = to_bytes(path[-1])
        if not parent.links.exists(raw):
            return
        self._require_removable(parent, raw)
        if path in self._kept:
            self._detach(self._kept[path])
        places, place = self._take_place(above, parent, parent.links.get_info(raw))
        name = self._hidden.new_name()
        self._undo.append((self._bring_back, (path, name, place)))
        if not self._rolls_back:
            self._writer.cache.hold(_objects_in(parent, raw))  # raises if it cannot be opened
        self._forget_below(path)
        if self._rolls_back:
            if self._keeps_damaged and parent.links.get_info(raw).type == links.HARD:
                old = self._open_old(parent, raw)
                if old is not None and self._keep_if_damaged(old):
                    parent.unlink(raw)
                    return
            with removing():
                self._remove(parent, raw)
        elif self._is_last and (places is None or not places.is_cut):
            self._write_places()
            remove(parent, raw)
            self._is_through = True  # an error after this could not be undone
        else:
            self._hidden.take_out(parent, raw, name)

    def _require_removable(self, parent: GroupID, raw: bytes) -> None:
        """Reject a link that HDF5 would remove in part, if that could not be rolled back."""
        if not self._rolls_back and links.has_user_link(parent, raw):
            raise user_link(None)

    def _overwrite(self, path: Path, old: DatasetID, target: Target, leaf: Leaf) -> bool:
        """Write into the existing dataset, if it can store the value; return whether it did."""
        fit = self._writer.fit(old, target, leaf)
        if fit is None:
            return False
        if fit.is_there:
            return True
        if not self._writer.may_unpack(old, fit, kept=not self._rolls_back):
            return False
        one_call = not self._rolls_back and fit.keeps_form and self._is_one_call(old)
        if not (self._rolls_back or one_call):
            size = fit.array.nbytes
            if not fit.keeps_form:
                size = max(size, math.prod(target.shape or ()) * old.get_type().get_size())
            if self._aside_bytes + size > ASIDE_BYTES:
                return False
            before = unless_damaged(lambda: self._writer.data_of(old))
            if before is None:
                return False  # a new one replaces it
            self._aside_bytes += size
            self._undo.append((self._write_back, (path, before, sums.read(old), fit)))
        self._writer.overwrite(old, leaf, fit)
        self._is_through = one_call
        return True

    def _write_over(self, path: Path, old: DatasetID, leaf: Leaf, fit: Fit) -> None:
        """Write into the existing dataset, which is pinned, however much memory an undo needs."""
        if not (self._rolls_back or fit.is_there):
            self._undo.append(
                (self._write_back, (path, self._writer.data_of(old), sums.read(old), fit))
            )
        # An earlier step may have written into it under another name.
        self._writer.overwrite(old, leaf, fit._replace(target=Target.of(old)))

    def _detach(self, kept: Kept) -> None:
        """Detach dimension scales and arrays from the objects that are removed."""
        for path in kept.detached:
            scales.detach(h5o.open(self._group(path[:-1]), to_bytes(path[-1])), self._note)

    def _note(self, saved: scales.Saved) -> None:
        """Record an attribute that is about to be changed, for an undo."""
        if not self._rolls_back:
            self._undo.append((scales.restore, (self._root, saved)))

    def _is_one_call(self, did: DatasetID) -> bool:
        """Whether the last call of a commit writes an array: if it fails, nothing has changed."""
        if not self._is_last or self._places or sums.has(did):
            return False
        return bool(did.get_create_plist().get_layout() != h5d.CHUNKED)

    def _has_aside(self, old: DatasetID, target: Target, size: int) -> bool:
        if size < REUSE_FROM or self._aside_bytes + size > ASIDE_BYTES:
            return False
        if not _is_copied_as_it_is(old, target):
            return False
        self._aside_bytes += size
        return True

    def _written_or_room(
        self, path: Path, old: ObjectID, node: Stored, kept: Kept | None
    ) -> tuple[bool, bool] | None:
        """Write into the existing dataset and return None; otherwise, return as `_room_of` does."""
        if type(old) is not h5d.DatasetID or (leaf := whole_leaf(old, node)) is None:
            return False, False
        target = Target.of(old)
        if not target.stands_alone(old):
            return False, False
        # A requested layout needs a new dataset.
        if self._writer.layout is None and self._overwrite(path, old, target, leaf):
            return None
        return (False, False) if kept is not None else self._room_of(old, target)

    def _room_of(self, old: DatasetID, target: Target) -> tuple[bool, bool]:
        """Return whether a new object can take an array's space, and whether no copy is needed.

        The array must not be pinned.
        """
        size = old.get_storage_size()
        is_kept_small = self._has_aside(old, target, size)
        is_dropped = self._rolls_back and (is_kept_small or size < REUSE_FROM)
        return is_kept_small, is_dropped and all(map(is_own, attribute_names(old)))

    def _copy_aside(self, old: ObjectID, parent: GroupID, raw: bytes) -> bytes:
        """Copy an array to memory before it is replaced, so that its space is reused; close it.

        Otherwise an array that grows a little each time would move through the file, which would
        keep space for three of them.

        Returns:
            The name of the copy.
        """
        if self._aside is None:
            plist = h5p.create(h5p.FILE_ACCESS)
            plist.set_fapl_core(2**20, False)
            plist.set_fclose_degree(h5f.CLOSE_STRONG)
            # HDF5 distinguishes open files by name, even those that exist only in memory.
            self._aside = h5f.create(b"hdfchk-replaced-%d" % next(_COUNTER), fapl=plist)
        name = b"%d" % len(self._undo)
        old.close()  # see is_open_elsewhere: parts of it may have been read
        h5o.copy(parent, raw, self._aside, name)
        return name

    # -- undo ------------------------------------------------------------------------------------

    def _unlink(self, path: Path) -> None:
        parent, raw = self._group(path[:-1]), to_bytes(path[-1])
        if parent.links.exists(raw):
            parent.unlink(raw)
        self._forget_below(path)

    def _bring_back(self, path: Path, name: bytes, place: int | None) -> None:
        parent, raw = self._group(path[:-1]), to_bytes(path[-1])
        moved = self._hidden.has(name)
        if moved:
            self._make_way(path, parent, raw)
            self._hidden.bring_back(name, parent, raw)
        self._give_back_place(parent, raw, place, moved=moved)

    def _copy_back(self, path: Path, name: bytes, place: int | None) -> None:
        parent, raw = self._group(path[:-1]), to_bytes(path[-1])
        self._make_way(path, parent, raw)
        h5o.copy(self._aside, name, parent, raw)
        self._give_back_place(parent, raw, place, moved=True)

    def _make_way(self, path: Path, parent: GroupID, raw: bytes) -> None:
        if parent.links.exists(raw):
            self._take_place(path[:-1], parent, parent.links.get_info(raw))
            parent.unlink(raw)
        self._forget_below(path)

    def _give_back_place(
        self, parent: GroupID, raw: bytes, place: int | None, *, moved: bool
    ) -> None:
        if place is not None:
            _, places = self._places[h5o.get_info(parent).addr]
            number = parent.links.get_info(raw).corder
            if moved:
                places.give(parent, number, place)
            else:
                places.keep(parent, number, place)

    def _write_back(
        self, path: Path, data: np.ndarray[Any, Any], checksum: int | None, fit: Fit
    ) -> None:
        did = h5d.open(self._group(path[:-1]), to_bytes(path[-1]))
        if did.shape != data.shape and len(did.shape) == data.ndim:
            did.set_extent(data.shape)
        write_raw(did, data)
        sums.restore(did, checksum)
        if fit.mark != fit.new_mark:
            set_mark(did, fit.mark)

    # -- the order of keys -----------------------------------------------------------------------

    def _take_place(
        self, path: Path, parent: GroupID, info: LinkInfo
    ) -> tuple[Places | None, int | None]:
        """Return the positions in a group, and that of a key whose link is about to be removed.

        Both are None if the group does not track the creation order.
        """
        if not info.corder_valid:
            return None, None
        address = h5o.get_info(parent).addr
        known = self._places.get(address)
        if known is None:
            known = self._places[address] = (path, Places(parent))
        return known[1], known[1].take(parent, info.corder)

    def _write_places(self) -> None:
        for path, places in self._places.values():
            places.write(self._group(path))


def _is_copied_as_it_is(did: DatasetID, target: Target) -> bool:
    """Whether HDF5 copies a dataset exactly: its chunks without decoding, and its attributes."""
    if target.is_filtered and (has_variable(did.get_type()) or is_open_elsewhere(did)):
        return False
    return not has_references(did)  # references in attributes would become zeros


def _objects_in(parent: GroupID, raw: bytes) -> int:
    """Return the number of children of a group; 0 for other objects."""
    if parent.links.get_info(raw).type != links.HARD:
        return 0
    oid = h5o.open(parent, raw)
    return int(oid.get_num_objs()) if type(oid) is h5g.GroupID else 0


def _close_objects_of(error: BaseException | None) -> None:
    """Close objects in the frames of an error: HDF5 deletes an object only when it is closed."""
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
