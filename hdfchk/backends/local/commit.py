"""Applying the changes of one commit to an open file, with an undo for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from h5py import h5a, h5d, h5g, h5o

from ...errors import HdfchkError, InvalidKeyError
from ...keys import Path, join, to_bytes
from ...tree import RESERVED_CHILDREN, Branch, Leaf, Mark
from . import links
from .order import ORDER, read_order, write_order
from .reading import MARK, read_mark
from .types import GROUP_CREATION
from .writing import Writer, copy_attributes, relink, write_mark

__all__ = ["Commit"]


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
        self._ordered: dict[Path, bool] = {}
        self._moved: dict[Path, dict[int, int]] = {}
        self._undo: list[Callable[[], None]] = []

    def run(self, steps: dict[Path, Leaf | Branch | None]) -> None:
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
            for path, moved in self._moved.items():
                write_order(self._groups[path], moved)
        except BaseException:
            for undo in reversed(self._undo):
                undo()
            raise

    def _group(self, path: Path) -> Any:
        """The group at `path`, made with all above it if it is not there."""
        gid = self._groups.get(path)
        if gid is None:
            name = links.locate(self._root, path)
            if name is not None:
                gid = h5o.open(self._root, name)
            else:
                parent = self._group(path[:-1])
                raw = to_bytes(path[-1])
                gid = h5g.create(parent, raw, gcpl=GROUP_CREATION)
                self._undo.append(lambda: parent.unlink(raw))
                self._guard_name(parent, path[-1])
            self._groups[path] = gid
        return gid

    def _put(self, path: Path, node: Leaf | Branch) -> None:
        parent = self._group(path[:-1])
        raw = to_bytes(path[-1])
        try:
            if parent.links.exists(raw):
                self._replace(path, parent, raw, node)
            else:
                self._add(parent, raw, node)
        except (ValueError, RuntimeError) as error:
            if isinstance(error, HdfchkError):
                raise
            raise InvalidKeyError(
                f"HDF5 refuses it ({error})", key=join(path), hint="use a shorter name"
            ) from error
        self._guard_name(parent, path[-1])

    def _add(self, parent: Any, raw: bytes, node: Leaf | Branch) -> None:
        if isinstance(node, Leaf):
            self._undo.append(lambda: parent.unlink(raw) if parent.links.exists(raw) else None)
            self._writer.create(parent, raw, node)
        else:
            h5o.link(self._writer.create(self._root, None, node), parent, raw)
            self._undo.append(lambda: parent.unlink(raw))

    def _replace(self, path: Path, parent: Any, raw: bytes, node: Leaf | Branch) -> None:
        found = links.locate(self._root, path)
        old = None if found is None else h5o.open(self._root, found)
        same_kind = type(old) is h5d.DatasetID and isinstance(node, Leaf)
        if same_kind and self._writer.overwrite(old, node):  # type: ignore[arg-type]
            return
        new = self._writer.create(self._root, None, node)
        if old is not None:
            copy_attributes(old, new, (MARK, ORDER))
        self._swing(path, parent, raw, old, new)

    def swap(self, path: Path, new: Any) -> None:
        """Let `path`, which is there, lead to the object `new`."""
        old = h5o.open(self._root, links.locate(self._root, path))
        self._swing(path, self._group(path[:-1]), to_bytes(path[-1]), old, new)
        for above, moved in self._moved.items():
            write_order(self._groups[above], moved)

    def _swing(self, path: Path, parent: Any, raw: bytes, old: Any, new: Any) -> None:
        self._forget_below(path)
        place = parent.links.get_info(raw)
        relink(parent, raw, new)
        if old is not None:
            # The old object stays open, and so whole, until the commit is through.
            self._undo.append(lambda: relink(parent, raw, old))
        if place.corder_valid:
            moved = self._places(path[:-1], parent)
            order = moved.pop(place.corder, place.corder)
            moved[parent.links.get_info(raw).corder] = order

    def _delete(self, path: Path) -> None:
        parent_name = links.locate(self._root, path[:-1]) if len(path) > 1 else b"/"
        if parent_name is None:
            return
        parent = self._group(path[:-1])
        raw = to_bytes(path[-1])
        if not parent.links.exists(raw):
            return
        place = parent.links.get_info(raw)
        found = links.locate(self._root, path) if place.type == links.HARD else None
        old = None if found is None else h5o.open(self._root, found)
        parent.unlink(raw)
        self._forget_below(path)
        if old is not None:
            self._undo.append(lambda: h5o.link(old, parent, raw))
        if place.corder_valid and (path[:-1] in self._moved or h5a.exists(parent, ORDER)):
            self._places(path[:-1], parent).pop(place.corder, None)

    def _places(self, path: Path, parent: Any) -> dict[int, int]:
        moved = self._moved.get(path)
        if moved is None:
            moved = self._moved[path] = read_order(parent)
        return moved

    def _forget_below(self, path: Path) -> None:
        """Drop what is known of a group that is gone."""
        for known in [key for key in self._groups if key[: len(path)] == path]:
            del self._groups[known]
            self._moved.pop(known, None)

    def _guard_name(self, parent: Any, name: str) -> None:
        """Mark a group as a dict that gets one of the older tool's names."""
        if name in RESERVED_CHILDREN and read_mark(parent) is None:
            write_mark(parent, Mark("dict"))
