"""The hidden group: where objects are linked that stand under no key.

HDF5 keeps no count of an object's links but in its header. One that has no link when its header
leaves the cache of metadata comes back as if it had one, is freed when it is closed, and a link
that was made meanwhile leads into free space. So no object may be without a link while anything
else is written: what is made before its place is known, and what is taken out and may have to come
back, is linked here.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from weakref import WeakValueDictionary

from h5py import h5d, h5g, h5o

from . import links
from .ids import DatasetID, GroupID, ObjectID
from .object_info import place_of
from .removal import remove

__all__ = ["Hidden", "hidden_links"]

NAME = links.HIDDEN + b"tmp"
DAMAGED = links.HIDDEN + b"damaged"
"""The group of what was deleted or replaced, and that HDF5 cannot remove, as it is damaged. It
stays in the file until that is written anew."""
_IN_USE: WeakValueDictionary[tuple[int, int], Hidden] = WeakValueDictionary()
"""File and address of each hidden group that a session of this process works with: several may
have one file open, and none may take the others' for what a killed process has left."""


MOST_GAPS = 3
"""Of several sessions with a hidden group the first may end first."""


def hidden_links(gid: GroupID) -> int:
    """How many links of a group lead to hidden groups of ours, and are nobody's keys."""
    found = int(_is_hidden(gid, DAMAGED))
    gaps = 0
    for name in _names():
        if _is_hidden(gid, name):
            found += 1
        else:
            gaps += 1
            if gaps == MOST_GAPS:
                break
    return found


def _is_hidden(gid: GroupID, name: bytes) -> bool:
    return bool(gid.links.exists(name)) and links.is_hidden_group(gid, name)


def _names() -> Iterator[bytes]:
    """The names that hidden groups get, one after the other."""
    yield NAME
    for number in itertools.count(1):
        yield b"%s-%d" % (NAME, number)


class Hidden:
    """The hidden group of one open file, which is in the file while there is something in it.

    Args:
        root: the group that is the root of all paths.

    Guarantees:
        `drop` only takes a note, and may be called by a finaliser, in any thread.
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
        """Go on where HDF5 was opened anew: what was committed is there, what was not is gone."""
        self._root = root
        self._bin = self._bin_name = None
        if self._gid is None:
            return
        _IN_USE.pop(self._key, None)
        self._gid = None
        if not root.links.exists(self._name) or not links.is_hidden_group(root, self._name):
            self._drafts.clear()
            return
        gid = h5g.open(root, self._name)
        self._key, self._gid = place_of(gid), gid
        _IN_USE[self._key] = self
        self._drafts = {name for name in self._drafts if gid.links.exists(name)}

    def draft(self, name: bytes) -> DatasetID | None:
        """The array that is being made under a name; None if it is gone."""
        if self._gid is None or name not in self._drafts:
            return None
        return h5d.open(self._gid, name)

    def sweep(self) -> None:
        """Remove what a process that was killed has left."""
        for name in _names():
            if not self._root.links.exists(name):
                return
            if links.is_hidden_group(self._root, name) and not self._is_used(name):
                remove(self._root, name)

    def _is_used(self, name: bytes) -> bool:
        return place_of(h5o.open(self._root, name)) in _IN_USE

    def _group(self) -> GroupID:
        if self._gid is None:
            name = next(name for name in _names() if not self._root.links.exists(name))
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
        """A name that nothing here has."""
        return b"%d" % next(self._count)

    def keep(self, oid: ObjectID) -> None:
        """Leave an object in the file, under a name that nobody sees."""
        root = self._root
        if _is_hidden(root, DAMAGED):
            gid = h5g.open(root, DAMAGED)
        else:
            gid = h5g.create(root, DAMAGED)
            links.mark_hidden_group(gid)
        number = gid.get_num_objs()
        while gid.links.exists(b"%d" % number):
            number += 1
        h5o.link(oid, gid, b"%d" % number)

    @property
    def has_drafts(self) -> bool:
        """Whether arrays are being made that outlive a commit."""
        return bool(self._drafts)

    # -- drafts --------------------------------------------------------------------------------

    def begin_draft(self) -> tuple[GroupID, bytes]:
        """Where an array can be made that is to be moved to its key later: a group and a name."""
        self.tidy()
        gid, name = self._group(), self.new_name()
        self._drafts.add(name)
        return gid, name

    def place_draft(self, name: bytes, parent: GroupID, raw: bytes) -> None:
        """Move a draft to its key."""
        self._group().links.move(name, parent, raw)
        self._drafts.discard(name)

    def drop_draft(self, name: bytes) -> None:
        """Give up a draft: it goes with the next `tidy`."""
        self._dropped.append(name)

    # -- what a commit takes out -----------------------------------------------------------------

    def bin(self) -> GroupID:
        """The group for what the commit that is under way takes out."""
        if self._bin is None:
            gid = self._group()
            if self._drafts:  # which outlive the commit
                name = self.new_name()
                gid = h5g.create(gid, name)
                self._bin_name = name
            self._bin = gid
        return self._bin

    @property
    def is_empty(self) -> bool:
        """Whether nothing is here, nor was since the last commit."""
        return self._gid is None

    def take_out(self, parent: GroupID, raw: bytes, name: bytes) -> None:
        """Move a link, of any kind, to the name here."""
        parent.links.move(raw, self.bin(), name)

    def has(self, name: bytes) -> bool:
        """Whether something has been taken out to that name."""
        return self._bin is not None and bool(self._bin.links.exists(name))

    def bring_back(self, name: bytes, parent: GroupID, raw: bytes) -> None:
        """Move a link back to where it was."""
        self.bin().links.move(name, parent, raw)

    def empty_bin(self) -> None:
        """Let go what a commit has taken out, all of it by the last call of HDF5's.

        Raises:
            Whatever HDF5 does; all that was taken out can still be brought back then.
        """
        if self._gid is None:
            return
        self._remove_dropped(self._gid)
        if not self._drafts:
            self._remove()
        elif self._bin_name is not None:
            self._bin = None  # what is open HDF5 deletes when it is closed
            try:
                remove(self._gid, self._bin_name)
            except BaseException:
                self._bin = h5g.open(self._gid, self._bin_name)
                raise
        self._bin = self._bin_name = None

    def tidy(self) -> None:
        """Remove drafts that were given up, and the group if nothing is left in it."""
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
        """Remove everything, drafts and all: the session ends."""
        self._drafts.clear()
        self._bin = self._bin_name = None
        if self._gid is not None:
            self._remove()

    def _remove(self) -> None:
        has_bin = self._bin is not None
        self._gid = self._bin = None  # what is open HDF5 deletes when it is closed
        try:
            remove(self._root, self._name)
        except BaseException:
            self._gid = h5g.open(self._root, self._name)
            if has_bin:
                self._bin = h5g.open(self._gid, self._bin_name) if self._bin_name else self._gid
            raise
        _IN_USE.pop(self._key, None)
