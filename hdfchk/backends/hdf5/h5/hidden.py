"""The hidden group: links to objects without a key.

HDF5 stores the number of links of an object only in its header. If an object has no link when its
header is evicted from the metadata cache, it is later read as if it had one, is freed when it is
closed, and a link created meanwhile points into free space. So no object may be without a link
while anything else is written: objects that are created before their place is known, and objects
that are removed and may have to be restored, are linked here.
"""

from __future__ import annotations

import itertools
import os
from collections import deque

from h5py import h5d, h5g, h5o

from ....runtime.weak_values import WeakValues
from . import links
from .ids import DatasetID, GroupID, ObjectID
from .object_info import place_of
from .removal import remove

__all__ = ["Hidden"]

_IN_USE: WeakValues[tuple[int, int], Hidden] = WeakValues()
"""File number and address of each hidden group used by a session of this process: several sessions
may have one file open, and must not mistake each other's groups for those of killed processes."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_IN_USE.after_fork)


class Hidden:
    """The hidden group of one open file, which exists only while it contains something.

    Args:
        root: the group that is the root of all paths.

    Guarantees:
        `drop_draft` only records the name, so a finalizer may call it in any thread.
    """

    def __init__(self, root: GroupID) -> None:
        self._root = root
        self._gid: GroupID | None = None
        self._name = b""
        self._key = (0, 0)
        self._bin: GroupID | None = None
        self._bin_name: bytes | None = None
        self._count = itertools.count()
        self._drafts: set[bytes] = set()
        self._dropped: deque[bytes] = deque()

    def reopen(self, root: GroupID) -> None:
        """Continue after HDF5 has reopened the file: only committed objects still exist."""
        self._root = root
        self._bin = self._bin_name = None
        if self._gid is None:
            return
        _IN_USE.remove(self._key)
        self._gid = None
        if not root.links.exists(self._name) or not links.is_hidden_group(root, self._name):
            self._drafts.clear()
            return
        gid = h5g.open(root, self._name)
        self._key, self._gid = place_of(gid), gid
        _IN_USE[self._key] = self
        self._drafts = {name for name in self._drafts if gid.links.exists(name)}

    def draft(self, name: bytes) -> DatasetID | None:
        """Return the draft with a name; None if it is gone."""
        if self._gid is None or name not in self._drafts:
            return None
        return h5d.open(self._gid, name)

    def sweep(self) -> None:
        """Remove the hidden groups of killed processes."""
        for name in links.hidden_names():
            if not self._root.links.exists(name):
                return
            if links.is_hidden_group(self._root, name) and not self._is_used(name):
                remove(self._root, name)

    def _is_used(self, name: bytes) -> bool:
        return _IN_USE.get(place_of(h5o.open(self._root, name))) is not None

    def _group(self) -> GroupID:
        if self._gid is None:
            name = next(name for name in links.hidden_names() if not self._root.links.exists(name))
            gid = h5g.create(self._root, name)
            try:
                links.mark_hidden_group(gid)
                key = place_of(gid)
            except BaseException:
                self._root.unlink(name)
                raise
            _IN_USE[key] = self
            self._key, self._gid, self._name = key, gid, name
        return self._gid

    def new_name(self) -> bytes:
        """Return an unused name."""
        return b"%d" % next(self._count)

    def keep(self, oid: ObjectID) -> None:
        """Keep a damaged object in the file, under a hidden link."""
        root = self._root
        if links.is_hidden(root, links.DAMAGED):
            gid = h5g.open(root, links.DAMAGED)
        else:
            gid = h5g.create(root, links.DAMAGED)
            links.mark_hidden_group(gid)
        number = gid.get_num_objs()
        while gid.links.exists(b"%d" % number):
            number += 1
        h5o.link(oid, gid, b"%d" % number)

    @property
    def has_drafts(self) -> bool:
        """Whether there are drafts, which outlive a commit."""
        return bool(self._drafts)

    # -- drafts --------------------------------------------------------------------------------

    def begin_draft(self) -> tuple[GroupID, bytes]:
        """Return a group and a name for a new draft."""
        self.tidy()
        gid, name = self._group(), self.new_name()
        self._drafts.add(name)
        return gid, name

    def place_draft(self, name: bytes, parent: GroupID, raw: bytes) -> None:
        """Move a draft to its key."""
        self._group().links.move(name, parent, raw)
        self._drafts.discard(name)

    def drop_draft(self, name: bytes) -> None:
        """Discard a draft; the next `tidy` removes it."""
        self._dropped.append(name)

    # -- objects that a commit removes -----------------------------------------------------------

    def bin(self) -> GroupID:
        """Return the group for objects that the present commit removes."""
        if self._bin is None:
            gid = self._group()
            if self._drafts:  # these outlive the commit
                name = self.new_name()
                gid = h5g.create(gid, name)
                self._bin_name = name
            self._bin = gid
        return self._bin

    @property
    def is_empty(self) -> bool:
        """Whether there is no hidden group, and has been none since the last commit."""
        return self._gid is None

    def take_out(self, parent: GroupID, raw: bytes, name: bytes) -> None:
        """Move a link, of any kind, into the bin under `name`."""
        parent.links.move(raw, self.bin(), name)

    def has(self, name: bytes) -> bool:
        """Return whether the bin contains `name`."""
        return self._bin is not None and bool(self._bin.links.exists(name))

    def bring_back(self, name: bytes, parent: GroupID, raw: bytes) -> None:
        """Move a link from the bin back to its place."""
        self.bin().links.move(name, parent, raw)

    def empty_bin(self) -> None:
        """Delete everything that a commit has moved to the bin, with a single call of HDF5.

        Raises:
            Any error of HDF5. Everything can then still be moved back.
        """
        if self._gid is None:
            return
        self._remove_dropped(self._gid)
        if not self._drafts:
            self._remove()
        elif self._bin_name is not None:
            self._bin = None  # HDF5 deletes open objects only when they are closed
            try:
                remove(self._gid, self._bin_name)
            except BaseException:
                self._bin = h5g.open(self._gid, self._bin_name)
                raise
        self._bin = self._bin_name = None

    def tidy(self) -> None:
        """Remove discarded drafts, and the group if it is empty."""
        if self._gid is not None:
            self._remove_dropped(self._gid)
            if self._bin is None and not self._drafts:
                self._remove()

    def _remove_dropped(self, gid: GroupID) -> None:
        while self._dropped:
            name = self._dropped[0]
            if name in self._drafts:
                if gid.links.exists(name):
                    gid.unlink(name)
                self._drafts.discard(name)
            self._dropped.popleft()

    def clear(self) -> None:
        """Remove everything, including drafts, at the end of the session."""
        self._drafts.clear()
        self._bin = self._bin_name = None
        if self._gid is not None:
            self._remove()

    def _remove(self) -> None:
        has_bin = self._bin is not None
        self._gid = self._bin = None  # HDF5 deletes open objects only when they are closed
        try:
            remove(self._root, self._name)
        except BaseException:
            self._gid = h5g.open(self._root, self._name)
            if has_bin:
                self._bin = h5g.open(self._gid, self._bin_name) if self._bin_name else self._gid
            raise
        _IN_USE.remove(self._key)
