"""Applying the changes of one commit to an open file, with an undo for each."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from h5py import h5d, h5f, h5g, h5o, h5p

from ....errors import HdfchkError, NotAGroupError, UnsupportedTypeError
from ....keys import Path, join, to_bytes
from ....tree import RESERVED_CHILDREN, Leaf, Mark
from ...base import Stored
from ..data.limits import stands_alone
from ..h5 import links
from ..h5.attributes import copy_attributes
from ..h5.key_order import ORDER, read_order, write_order
from ..h5.marks import MARK, read_mark, write_mark
from ..h5.types import GROUP_CREATION
from .writer import Writer, relink

__all__ = ["Commit"]

_COUNTER = itertools.count()
REUSE_FROM = 2**16
REUSE_UP_TO = 2**26
"""Arrays of this many bytes are moved into memory before they are replaced."""


class Commit:
    """One commit: steps are done one by one, and undone in reverse if one fails.

    Args:
        root: the group that is the root of all paths.
        writer: makes the objects.
    """

    def __init__(self, root: Any, writer: Writer) -> None:
        self._root = root
        self._writer = writer
        self._groups: dict[Path, Any] = {(): root}
        self._empty: set[Path] = set() if root.get_num_objs() else {()}
        """Groups that had nothing in them, and have one path: each step puts another key there."""
        self._moved: dict[Path, dict[int, int]] = {}
        self._undo: list[Callable[[], None]] = []
        self._aside: Any = None

    def run(self, steps: dict[Path, Stored | None]) -> None:
        """Do all steps, or none.

        Raises:
            Whatever the first failing step raises; the file is as it was then.
        """
        try:
            for path, node in steps.items():
                if node is None:
                    self._delete(path)
                else:
                    self._put(path, node)
            if self._writer.meter is not None:
                self._writer.meter.finish()  # what it raises gives the commit up
            self._write_places()
        except BaseException:
            for undo in reversed(self._undo):
                undo()
            self._write_places()
            raise
        finally:
            self._undo.clear()
            self._writer.give_room()
            if self._aside is not None:
                self._aside.close()

    def _group(self, path: Path) -> Any:
        """The group at `path`, made with all above it if it is not there."""
        gid = self._groups.get(path)
        if gid is None:
            name = links.locate(self._root, path)
            if name is not None:
                gid = h5o.open(self._root, name)
                if type(gid) is not h5g.GroupID:
                    raise NotAGroupError("it holds a value, not a dict", key=join(path))
            else:
                parent = self._group(path[:-1])
                raw = to_bytes(path[-1])
                gid = h5g.create(parent, raw, gcpl=GROUP_CREATION)
                self._undo.append(lambda: parent.unlink(raw))
                self._guard_name(parent, path[-1])
                self._empty.add(path)
            self._groups[path] = gid
        return gid

    def _put(self, path: Path, node: Stored) -> None:
        parent = self._group(path[:-1])
        raw = to_bytes(path[-1])
        try:
            if path[:-1] not in self._empty and parent.links.exists(raw):
                self._replace(path, parent, raw, node)
            else:
                self._add(parent, raw, node, path)
        except (ValueError, RuntimeError) as error:
            if isinstance(error, HdfchkError):
                raise
            raise UnsupportedTypeError(
                f"HDF5 can not keep it ({error})", key=join(path), hint="store it in parts"
            ) from error
        self._guard_name(parent, path[-1])

    def _add(self, parent: Any, raw: bytes, node: Stored, path: Path) -> None:
        if isinstance(node, Leaf):
            self._undo.append(lambda: parent.unlink(raw) if parent.links.exists(raw) else None)
            self._writer.create(parent, raw, node, path)
        else:
            h5o.link(self._writer.create(self._root, None, node, path), parent, raw)
            self._undo.append(lambda: parent.unlink(raw))

    def _replace(self, path: Path, parent: Any, raw: bytes, node: Stored) -> None:
        # What another link than a hard one leads to has a key of its own: the link is replaced.
        hard = parent.links.get_info(raw).type == links.HARD
        old: Any = h5o.open(parent, raw) if hard else None
        if hard and type(old) is h5d.DatasetID and isinstance(node, Leaf) and stands_alone(old):
            # A layout that is asked for needs a dataset of its own.
            if self._writer.layout is None and self._writer.overwrite(old, node):
                return
            if REUSE_FROM <= old.get_storage_size() <= REUSE_UP_TO:
                old = None  # as long as it is open it keeps its space
                self._writer.take_room()
                self._replace_in_its_space(path, parent, raw, node)
                return
        new = self._writer.create(self._root, None, node, path)
        if hard:
            copy_attributes(old, new, (MARK, ORDER))
        else:
            self._undo.append(links.restorer(parent, raw))
        self._swing(path, parent, raw, old, new)

    def swap(self, path: Path, new: Any) -> None:
        """Let `path`, which is there, lead to the object `new`."""
        old = h5o.open(self._root, links.locate(self._root, path))
        self._swing(path, self._group(path[:-1]), to_bytes(path[-1]), old, new)
        self._write_places()

    def _swing(self, path: Path, parent: Any, raw: bytes, old: Any, new: Any) -> None:
        """Let the link lead to `new`; the old object stays whole until the commit is through."""
        self._forget_below(path)
        order = self._take_order(path, parent, raw)
        relink(parent, raw, new)
        self._give_order(path, parent, raw, order)
        if old is not None:
            self._undo.append(lambda: self._swing(path, parent, raw, None, old))

    def _replace_in_its_space(self, path: Path, parent: Any, raw: bytes, node: Stored) -> None:
        """Replace an array that is moved into memory first, so that its space is free.

        Without this an array that grows a little each time wanders through the file, and the
        file keeps room for three of them.
        """
        if self._aside is None:
            plist = h5p.create(h5p.FILE_ACCESS)
            plist.set_fapl_core(2**20, False)
            plist.set_fclose_degree(h5f.CLOSE_STRONG)
            # HDF5 tells open files by their names, also those that are in memory alone.
            self._aside = h5f.create(b"hdfchk-replaced-%d" % next(_COUNTER), fapl=plist)
        aside, name = self._aside, b"%d" % len(self._undo)
        h5o.copy(parent, raw, aside, name)
        order = self._take_order(path, parent, raw)

        def restore() -> None:
            if parent.links.exists(raw):
                self._take_order(path, parent, raw)
                parent.unlink(raw)
            h5o.copy(aside, name, parent, raw)
            self._give_order(path, parent, raw, order)

        self._undo.append(restore)
        parent.unlink(raw)
        new = self._writer.create(parent, raw, node, path)
        copy_attributes(h5o.open(aside, name), new, (MARK, ORDER))
        self._give_order(path, parent, raw, order)

    def _delete(self, path: Path) -> None:
        if len(path) > 1 and links.locate(self._root, path[:-1]) is None:
            return
        parent = self._group(path[:-1])
        raw = to_bytes(path[-1])
        if not parent.links.exists(raw):
            return
        hard = parent.links.get_info(raw).type == links.HARD
        old = h5o.open(parent, raw) if hard else None
        relink_old = None if hard else links.restorer(parent, raw)
        order = self._take_order(path, parent, raw)
        parent.unlink(raw)
        self._forget_below(path)

        def restore() -> None:
            if relink_old is None:
                h5o.link(old, parent, raw)
            else:
                relink_old()
            self._give_order(path, parent, raw, order)

        self._undo.append(restore)

    def _take_order(self, path: Path, parent: Any, raw: bytes) -> int | None:
        """The place of a key in the order of keys, for whom it will be given to."""
        info = parent.links.get_info(raw)
        if not info.corder_valid:
            return None
        moved = self._moved.get(path[:-1])
        if moved is None:
            moved = self._moved[path[:-1]] = read_order(parent)
        order: int = moved.pop(info.corder, info.corder)
        return order

    def _give_order(self, path: Path, parent: Any, raw: bytes, order: int | None) -> None:
        """Give a key its place in the order of keys: that of what it replaces."""
        if order is None:
            return
        moved = self._moved[path[:-1]]
        number = parent.links.get_info(raw).corder
        if number < order:
            # HDF5 begins to count anew when the last link of a group goes: this is the only one.
            moved.clear()
        else:
            moved[number] = order

    def _write_places(self) -> None:
        for path, moved in self._moved.items():
            write_order(self._groups[path], moved)

    def _forget_below(self, path: Path) -> None:
        """Drop what is known of a group that is gone."""
        for known in [key for key in self._groups if key[: len(path)] == path]:
            del self._groups[known]
            self._empty.discard(known)
            self._moved.pop(known, None)

    def _guard_name(self, parent: Any, name: str) -> None:
        """Mark a group as a dict that gets one of the older tool's names."""
        if name in RESERVED_CHILDREN and read_mark(parent) is None:
            write_mark(parent, Mark("dict"))
