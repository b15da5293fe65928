"""Insertion order of keys whose values were replaced.

A dict keeps the position of a key whose value is replaced. HDF5 numbers links in the order of their
creation, so a new object under an old name comes last. Therefore the attribute ``hdfchk:order`` of
a group lists pairs, flattened: the creation index of a link, and the index whose position it takes.

With a single list, each replacement in a large dict would rewrite all of it. So a long list is
split: the pairs of links with indices from n * 64 on are in ``hdfchk:order:n``, and
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
"""The number of pairs in one attribute."""

Rows = dict[int, int]


def is_order(name: bytes) -> bool:
    """Return whether an attribute of a group stores its order."""
    return name == ORDER or name.startswith(_PART)


def read_order(gid: GroupID) -> Rows:
    """Return the positions of moved links: creation index -> index whose position it takes."""
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
    """Return the pairs in one attribute; None if it does not exist."""
    if not h5a.exists(gid, name):
        return None
    aid = h5a.open(gid, name)
    pairs = np.zeros(aid.shape or (), np.int64)
    if not pairs.ndim or pairs.size % 2:
        return {}
    aid.read(pairs)
    return dict(pairs.reshape(-1, 2).tolist())  # earlier versions stored a 2-d array of pairs


def _write(gid: GroupID, name: bytes, rows: Rows) -> None:
    pairs = np.array(list(rows.items()), np.int64).reshape(-1)  # netCDF allows only 1-d attributes
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
    """The positions of the keys of one group, while a commit moves links.

    Args:
        gid: the group.

    Attributes:
        is_cut: the pairs are split over several attributes.
    """

    def __init__(self, gid: GroupID) -> None:
        base = _read(gid, ORDER) if h5a.get_num_attrs(gid) else None
        self.is_cut: bool = base is not None and not base
        self._known: dict[bytes, Rows] = {ORDER: base or {}}
        self._written: dict[bytes, Rows | str | None] = {
            ORDER: None if base is None else dict(base)
        }
        self._renumbered: Rows = {}

    def _rows(self, gid: GroupID, number: int) -> Rows:
        name = _PART + b"%d" % (number // PART_ROWS) if self.is_cut else ORDER
        rows = self._known.get(name)
        if rows is None:
            found = _read(gid, name)
            rows = self._known[name] = found or {}
            self._written[name] = None if found is None else dict(found)
        return rows

    def take(self, gid: GroupID, number: int) -> int:
        """Return and forget the position of a link that is about to be removed."""
        if number in self._renumbered:
            return self._renumbered.pop(number)
        return self._rows(gid, number).pop(number, number)

    def give(self, gid: GroupID, number: int, place: int) -> None:
        """Assign a position to a new link, which has the highest creation index.

        When the last link of a group is removed, HDF5 restarts its indices at 0. Then all links of
        the group get a position.
        """
        if self._renumbered or number <= place:
            self._renumbered[number] = place
        else:
            self._rows(gid, number)[number] = place

    def keep(self, gid: GroupID, number: int, place: int) -> None:
        """Undo a `take`, as the link was not removed."""
        if number != place:
            self._rows(gid, number)[number] = place

    def write(self, gid: GroupID) -> None:
        """Store the changes. This may be repeated."""
        if self._renumbered:
            self._rank_renumbered(gid)
        if not self.is_cut and len(self._known[ORDER]) > PART_ROWS:
            self._split(gid)
        is_empty = self.is_cut and not gid.get_num_objs()
        if is_empty:
            self._forget_all(gid)
        for name, rows in self._known.items():
            wanted = rows if rows or (self.is_cut and not is_empty and name == ORDER) else None
            if wanted != self._written[name]:
                self._written[name] = "unknown after an error"
                if wanted is not None:
                    _write(gid, name, wanted)
                elif h5a.exists(gid, name):
                    h5a.delete(gid, name)
                self._written[name] = None if wanted is None else dict(wanted)

    def _rank_renumbered(self, gid: GroupID) -> None:
        """Assign to the renumbered links positions before all later ones."""
        self._forget_all(gid)
        ranked = sorted(self._renumbered, key=self._renumbered.__getitem__)
        self._renumbered = {}
        if len(ranked) > 1:
            for rank, number in enumerate(ranked):
                self._rows(gid, number)[number] = rank - len(ranked)

    def _forget_all(self, gid: GroupID) -> None:
        for name in [ORDER, *(_parts(gid) if self.is_cut else ())]:
            if name not in self._written:
                self._written[name] = _read(gid, name)
            self._known[name] = {}

    def _split(self, gid: GroupID) -> None:
        rows, self._known[ORDER] = self._known[ORDER], {}
        self.is_cut = True
        for number, place in rows.items():
            self._rows(gid, number)[number] = place
