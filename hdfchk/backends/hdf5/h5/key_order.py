"""Insertion order of keys that were replaced.

A dict keeps the place of a key whose value is replaced; HDF5 numbers links as they are made, so
that a new object under an old name comes last. Where that happens, the group's attribute
``hdfchk:order`` lists pairs, one after the other: the number that the link has, and the number
whose place it takes.

Were there but one list, each replacement in a large dict would write all of it anew. So a long one
is cut: the pairs whose links have the numbers from n * 64 on are in ``hdfchk:order:n``, and
``hdfchk:order`` is empty.
"""

from __future__ import annotations

import numpy as np
from h5py import h5a, h5s

from .ids import GroupID
from .types import INT

__all__ = ["ORDER", "Places", "is_order", "read_order"]

ORDER = b"hdfchk:order"
_PART = ORDER + b":"
PART_ROWS = 64
"""So many pairs are in one attribute."""

Rows = dict[int, int]


def is_order(name: bytes) -> bool:
    """Whether an attribute of a group is about its order."""
    return name == ORDER or name.startswith(_PART)


def read_order(gid: GroupID) -> Rows:
    """The places of moved links: number of the link -> number whose place it takes."""
    if h5a.get_num_attrs(gid) == 0:
        return {}
    rows = _read(gid, ORDER)
    if rows is None:
        return {}
    if not rows:
        for name in _parts(gid):
            rows.update(_read(gid, name) or {})
    return rows


def _parts(gid: GroupID) -> list[bytes]:
    names: list[bytes] = []
    h5a.iterate(gid, names.append)
    return [name for name in names if name.startswith(_PART)]


def _read(gid: GroupID, name: bytes) -> Rows | None:
    """The pairs in one attribute; None if it is not there."""
    if not h5a.exists(gid, name):
        return None
    aid = h5a.open(gid, name)
    pairs = np.zeros(aid.shape or (), np.int64)
    if not pairs.ndim or pairs.size % 2:
        return {}
    aid.read(pairs)
    return dict(pairs.reshape(-1, 2).tolist())  # earlier versions stored pairs of two axes


def _write(gid: GroupID, name: bytes, rows: Rows) -> None:
    pairs = np.array(list(rows.items()), np.int64).reshape(-1)  # netCDF has no other attributes
    if h5a.exists(gid, name):
        aid = h5a.open(gid, name)
        if aid.shape == pairs.shape:
            aid.write(pairs)
            return
        h5a.delete(gid, name)
    aid = h5a.create(gid, name, INT, h5s.create_simple(pairs.shape))
    if pairs.size:
        aid.write(pairs)


class Places:
    """The places of one group's keys, while a commit moves links.

    Args:
        gid: the group.

    Attributes:
        is_cut: the pairs are in several attributes.
    """

    def __init__(self, gid: GroupID) -> None:
        base = _read(gid, ORDER) if h5a.get_num_attrs(gid) else None
        self.is_cut = base is not None and not base
        self._known: dict[bytes, Rows] = {ORDER: base or {}}
        self._written: dict[bytes, Rows | str | None] = {
            ORDER: None if base is None else dict(base)
        }
        self._anew: Rows = {}

    def _rows(self, gid: GroupID, number: int) -> Rows:
        name = _PART + b"%d" % (number // PART_ROWS) if self.is_cut else ORDER
        rows = self._known.get(name)
        if rows is None:
            found = _read(gid, name)
            rows = self._known[name] = found or {}
            self._written[name] = None if found is None else dict(found)
        return rows

    def take(self, gid: GroupID, number: int) -> int:
        """The place of a link that is about to go."""
        if number in self._anew:
            return self._anew.pop(number)
        return self._rows(gid, number).pop(number, number)

    def give(self, gid: GroupID, number: int, place: int) -> None:
        """Give a new link, which has the highest number of all, a place.

        HDF5 begins to count anew when a group's last link goes. What is given a place then is all
        that is in the group.
        """
        if self._anew or number <= place:
            self._anew[number] = place
        else:
            self._rows(gid, number)[number] = place

    def keep(self, gid: GroupID, number: int, place: int) -> None:
        """Undo a `take`: the link has stayed."""
        if number != place:
            self._rows(gid, number)[number] = place

    def write(self, gid: GroupID) -> None:
        """Store what has changed. May be repeated."""
        if self._anew:
            self._settle(gid)
        if not self.is_cut and len(self._known[ORDER]) > PART_ROWS:
            self._cut(gid)
        is_empty = self.is_cut and not gid.get_num_objs()
        if is_empty:
            self._forget_all(gid)
        for name, rows in self._known.items():
            wanted = rows if rows or (self.is_cut and not is_empty and name == ORDER) else None
            if wanted != self._written[name]:
                self._written[name] = "an error may leave anything"
                if wanted is not None:
                    _write(gid, name, wanted)
                elif h5a.exists(gid, name):
                    h5a.delete(gid, name)
                self._written[name] = None if wanted is None else dict(wanted)

    def _settle(self, gid: GroupID) -> None:
        """Rank the links that were counted anew, before all that comes later."""
        self._forget_all(gid)
        ranked = sorted(self._anew, key=self._anew.__getitem__)
        self._anew = {}
        if len(ranked) > 1:
            for rank, number in enumerate(ranked):
                self._rows(gid, number)[number] = rank - len(ranked)

    def _forget_all(self, gid: GroupID) -> None:
        for name in [ORDER, *(_parts(gid) if self.is_cut else ())]:
            if name not in self._written:
                self._written[name] = _read(gid, name)
            self._known[name] = {}

    def _cut(self, gid: GroupID) -> None:
        rows, self._known[ORDER] = self._known[ORDER], {}
        self.is_cut = True
        for number, place in rows.items():
            self._rows(gid, number)[number] = place
