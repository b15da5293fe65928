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
"""Arrays from `REUSE_FROM` bytes up are moved into memory before they are replaced, and what is
written over is kept there, up to `ASIDE_BYTES` a commit."""
FEW = 64
"""In a commit of fewer steps each may be one on very many objects."""
OPEN_GROUPS = 64
"""So many groups stay open: HDF5 goes through all that is open whenever it moves a link."""


class Commit:
    """One commit: steps are done one by one, and undone in reverse if one fails.

    What is taken out stays linked, in the hidden group, until all else is done. An undo knows
    paths, and no open objects.

    Args:
        root: the group that is the root of all paths.
        writer: makes the objects.
        rolls_back: after an error whoever began the commit gives up all that was not committed
            before: what is replaced need not be kept.
        references: what in the file points at its objects; None where nobody asks.
        replace: replace also what something points at, if it cannot be kept.
        put_stand_in: puts a stand-in in the place of the object at an address, whose header is
            damaged, and says whether it could; after an error it is given up, too.
        keeps_damaged: what is damaged is not removed, but kept in a hidden group.

    Attributes:
        path: of the step that is under way, or has failed.
        free: keys at whose objects nothing points.
        has_kept: something damaged was kept.
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
        """By path: how what points at an object is kept."""
        self._groups: dict[Path, GroupID] = {}
        self._empty: set[Path] = set() if root.get_num_objs() else {()}
        """Groups that had nothing in them, and have one path: each step puts another key there."""
        self._places: dict[int, tuple[Path, Places]] = {}
        self._undo: list[tuple[Callable[..., None], Any]] = []
        self._aside: FileID | Any = None  # until something is copied there
        self._aside_bytes = 0
        self._left = 0
        self._is_through = False
        self._is_few = False

    @property
    def _is_last(self) -> bool:
        """Whether nothing will be done after this step: if its call fails, nothing is to undo."""
        return not self._left and self._hidden.is_empty and self._writer.meter is None

    def run(self, steps: dict[Path, Stored | None]) -> None:
        """Do all steps, or none.

        Raises:
            Whatever the first failing step raises; the file is as it was then, or is to be given
                up.
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
                self._writer.meter.finish()  # what it raises gives the commit up
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
        """See to what points at the objects of all steps, which may become more and smaller."""
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
        """Undo all that was done; what cannot be undone does not keep the rest from it."""
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
        """Tell that what is to be replaced or deleted cannot be opened, if that is why it failed.

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
        except Exception:  # the first error says more
            return

    # -- groups ----------------------------------------------------------------------------------

    def _group(self, path: Path) -> GroupID:
        """The group at `path`, made with all above it if it is not there."""
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
        """Drop what is known of a group that is gone."""
        depth = len(path)
        for known in [key for key in self._groups if key[:depth] == path]:
            del self._groups[known]

    def _guard_name(self, path: Path, parent: GroupID, name: str) -> None:
        """Mark a group as a dict that gets one of the older tool's names."""
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
                if not (above or self._rolls_back):  # all others go with the group that is new
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
        # What another link than a hard one leads to has a key of its own: the link is replaced.
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
            old = None  # as long as it is open it keeps its space
            self._writer.take_room()
            self._undo.append((self._copy_back, (path, aside, place)))
            parent.unlink(raw)
            old = h5o.open(self._aside, aside)
        self._forget_below(path)
        new = self._create(parent, raw, node, path)
        if old is not None and not isinstance(node, (Copied, Moved)):  # which have their own
            self._hand_on(old, new, kept, is_damaged=is_kept)
        if places is not None and place is not None:
            places.give(parent, parent.links.get_info(raw).corder, place)

    def _create(self, parent: GroupID, raw: bytes, node: Stored, path: Path) -> ObjectID:
        """Make what a step puts under a name, or move it there."""
        if not isinstance(node, Moved):
            return self._writer.create(parent, raw, node, path)
        above, name = self._group(node.path[:-1]), to_bytes(node.path[-1])
        info = require_movable(above, name, node.path, parent, path)
        _, place = self._take_place(node.path[:-1], above, info)
        self._undo.append((self._move_back, (path, node.path, place)))
        above.links.move(name, parent, raw)
        self._forget_below(node.path)
        if self._references is not None:  # it knows paths
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
        """Keep what is replaced under a hidden name until the commit is through."""
        name = self._hidden.new_name()
        self._undo.append((self._bring_back, (path, name, place)))
        self._hidden.take_out(parent, raw, name)

    def _leads_to(self, path: Path, node: Stored) -> bool:
        """Whether it is its own value that is assigned to a link that is no hard one."""
        with removing():
            return self._writer.layout is None and leads_to_value(
                self._root, self._writer, path, node
            )

    def _hand_on(
        self, old: ObjectID, new: ObjectID, kept: Kept | None, *, is_damaged: bool
    ) -> None:
        """Give what takes the place of an object its attributes and, where it can, its scales."""
        if is_damaged:
            copy_readable_attributes(old, new)
            return
        with removing():
            copy_attributes(old, new, lambda name: is_own(name) or is_of_mark(old, new, name))
            if kept is not None and kept.moves:
                scales.move(old, new, self._note)

    def _stays(self, path: Path, old: ObjectID, node: Stored, kept: Kept | None) -> bool:
        """Whether an object at which something may point stays; if not, scales are detached."""
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
        """What is to be replaced or deleted; None if only its link can be."""
        try:
            return h5o.open(parent, raw)
        except RAISED as error:
            if self._put_stand_in is None or errno_of(error):
                raise
            first = error
        address = parent.links.get_info(raw).u
        try:
            h5o.open(parent, raw)  # or it was something else than the file
        except RAISED:
            if not self._put_stand_in(address):
                raise
            return None
        raise first

    def _keep_if_damaged(self, old: ObjectID) -> bool:
        """Keep an object that HDF5 cannot remove, where nobody sees it."""
        if not self._keeps_damaged or not is_damaged(old):
            return False
        self.has_kept = True
        self._hidden.keep(old)
        return True

    def _remove(self, parent: GroupID, raw: bytes) -> None:
        """Remove what need not be kept."""
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
            parent.unlink(raw)  # which does not go into what it leads to, as there are others

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
            self._writer.cache.hold(_objects_in(parent, raw))  # what cannot be opened stays
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
        """Refuse what HDF5 would remove in part, where that could not be given up."""
        if not self._rolls_back and links.has_user_link(parent, raw):
            raise user_link(None)

    def _overwrite(self, path: Path, old: DatasetID, target: Target, leaf: Leaf) -> bool:
        """Write into the dataset that is there, if it can take the value."""
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
                return False  # a new one takes its place
            self._aside_bytes += size
            self._undo.append((self._write_back, (path, before, sums.read(old), fit)))
        self._writer.overwrite(old, leaf, fit)
        self._is_through = one_call
        return True

    def _write_over(self, path: Path, old: DatasetID, leaf: Leaf, fit: Fit) -> None:
        """Write into the dataset that is there, at which something points, whatever it takes."""
        if not (self._rolls_back or fit.is_there):
            self._undo.append(
                (self._write_back, (path, self._writer.data_of(old), sums.read(old), fit))
            )
        # An earlier step may have written into it, by another name.
        self._writer.overwrite(old, leaf, fit._replace(target=Target.of(old)))

    def _detach(self, kept: Kept) -> None:
        """Let no dimension scale lead to what goes."""
        for path in kept.detached:
            scales.detach(h5o.open(self._group(path[:-1]), to_bytes(path[-1])), self._note)

    def _note(self, saved: scales.Saved) -> None:
        """Take a note of an attribute that is about to be changed."""
        if not self._rolls_back:
            self._undo.append((scales.restore, (self._root, saved)))

    def _is_one_call(self, did: DatasetID) -> bool:
        """Whether an array is written by the last call of a commit: if it fails, it did nothing."""
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
        """Write into the dataset that is there; as `_room_of` where that cannot be, else None."""
        if type(old) is not h5d.DatasetID or (leaf := whole_leaf(old, node)) is None:
            return False, False
        target = Target.of(old)
        if not target.stands_alone(old):
            return False, False
        # A layout that is asked for needs a dataset of its own.
        if self._writer.layout is None and self._overwrite(path, old, target, leaf):
            return None
        return (False, False) if kept is not None else self._room_of(old, target)

    def _room_of(self, old: DatasetID, target: Target) -> tuple[bool, bool]:
        """Whether an array's space is taken by what replaces it, and whether nothing of it stays.

        Both only where nothing points at it.
        """
        size = old.get_storage_size()
        is_kept_small = self._has_aside(old, target, size)
        is_dropped = self._rolls_back and (is_kept_small or size < REUSE_FROM)
        return is_kept_small, is_dropped and all(map(is_own, attribute_names(old)))

    def _copy_aside(self, old: ObjectID, parent: GroupID, raw: bytes) -> bytes:
        """Copy an array that is to be replaced into memory, so that its space is free; close it.

        Without this an array that grows a little each time wanders through the file, and the
        file keeps room for three of them.
        """
        if self._aside is None:
            plist = h5p.create(h5p.FILE_ACCESS)
            plist.set_fapl_core(2**20, False)
            plist.set_fclose_degree(h5f.CLOSE_STRONG)
            # HDF5 tells open files by their names, also those that are in memory alone.
            self._aside = h5f.create(b"hdfchk-replaced-%d" % next(_COUNTER), fapl=plist)
        name = b"%d" % len(self._undo)
        old.close()  # see is_open_elsewhere: some of it may have been read
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
        """The place of a key whose link is about to go, and what knows places in its group.

        Both are None where the group keeps no order.
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
    """Whether HDF5 copies a dataset's chunks packed as they are, and all its attributes say."""
    if target.is_filtered and (has_variable(did.get_type()) or is_open_elsewhere(did)):
        return False
    return not has_references(did)  # which would be zeros


def _objects_in(parent: GroupID, raw: bytes) -> int:
    """How many children a group has; 0 for what is no group."""
    if parent.links.get_info(raw).type != links.HARD:
        return 0
    oid = h5o.open(parent, raw)
    return int(oid.get_num_objs()) if type(oid) is h5g.GroupID else 0


def _close_objects_of(error: BaseException | None) -> None:
    """Close what the frames of an error hold open: HDF5 deletes it only when it is closed."""
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
