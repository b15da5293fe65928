"""The links of a group, and the attributes of an object, as far as they can be listed.

HDF5 stops at the first one that it cannot read. Here the iteration is continued after it, and
repeated with the other index. Groups of the older format store all names in one heap: HDF5 can look
up by these names some links that it cannot list.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator

from h5py import h5, h5a

from ....errors import CorruptFileError
from ..h5 import links
from ..h5.attributes import attribute_names
from ..h5.errors import RAISED
from ..h5.ids import GroupID, LinkInfo, ObjectID
from ..h5.links import Entry

__all__ = ["Entry", "Listed", "attributes_of", "links_of"]

MOST_TRIES = 1000
"""How often an iteration is continued. Each time HDF5 iterates from the beginning."""
MOST_HEAP_BYTES = 2**26
_STAB, _CONTINUATION = 0x11, 0x10
_MOST_CONTINUATIONS = 64

Found = dict[bytes, tuple[int, int] | None]
"""By name, the type of a link and its address; None if these are not known yet."""


class Listed:
    """What could be listed.

    Attributes:
        links: the links that can be opened, in order as far as that is known.
        lost: the names of links that exist but cannot be opened, each with its error.
        unlisted: the number of links whose names are unknown.
        problem: the error that prevented HDF5 from listing everything, if any.
    """

    def __init__(self) -> None:
        self.links: list[Entry] = []
        self.lost: list[tuple[bytes, Exception]] = []
        self.unlisted = 0
        self.problem: Exception | None = None


def links_of(gid: GroupID, address: int, read: Callable[[int, int], bytes]) -> Listed:
    """Return the links of a group, except for hidden groups.

    Args:
        gid: the group.
        address: its address.
        read: ``read(address, length)`` returns bytes of the file.
    """
    listed = _listed(gid, address, read)
    named = [link for link in listed.links if _is_name(link[0])]
    if len(named) < len(listed.links):
        # Looking up such a name would find something else.
        problem = CorruptFileError("a link has an invalid name")
        listed.lost += [(name, problem) for name, _, _ in listed.links if not _is_name(name)]
        listed.links, listed.problem = named, listed.problem or problem
    return listed


def _is_name(name: bytes) -> bool:
    return b"/" not in name and name not in {b"", b".", b".."}


def _listed(gid: GroupID, address: int, read: Callable[[int, int], bytes]) -> Listed:
    listed = Listed()
    try:
        listed.links = links.entries(gid, dangling=True, damaged=True)
        return listed
    except RAISED as error:
        listed.problem = error
    count = _count(gid)
    found: Found = {}
    for index, order in (
        (h5.INDEX_CRT_ORDER, h5.ITER_NATIVE),
        (h5.INDEX_NAME, h5.ITER_NATIVE),
        (h5.INDEX_NAME, h5.ITER_INC),
    ):
        _iterate(gid, found, index, order, count)
    found.update((name, None) for name in _names_in_heap(address, read) if name not in found)
    for name, known in found.items():
        try:
            if known is None and not gid.links.exists(name):
                continue
            if not (name.startswith(links.HIDDEN) and links.is_hidden_group(gid, name)):
                listed.links.append((name, *(known or _look_up(gid, name))))
        except RAISED as error:
            listed.lost.append((name, error))
    listed.unlisted = max(0, count - len(found)) if count is not None else 0
    return listed


def _look_up(gid: GroupID, name: bytes) -> tuple[int, int]:
    info = gid.links.get_info(name)
    return info.type, info.u


def _count(gid: GroupID) -> int | None:
    try:
        return int(gid.get_num_objs())
    except RAISED:
        return None  # HDF5 counts them by iterating over all of them


def _iterate(
    gid: GroupID,
    found: Found,
    index: int,
    order: int,
    count: int | None,
) -> None:
    """Iterate with one index; continue after each link that cannot be read."""
    start = 0
    for _ in range(MOST_TRIES):
        seen = 0

        def add(name: bytes, info: LinkInfo) -> None:
            nonlocal seen
            seen += 1
            found.setdefault(name, (info.type, info.u))  # h5py reuses one object for all

        try:
            gid.links.iterate(add, idx_type=index, order=order, idx=start, info=True)
        except RAISED:
            start += seen + 1
            if count is not None and start < count:
                continue
        return


def attributes_of(oid: ObjectID) -> tuple[list[bytes], int, Exception | None]:
    """Return the names of the attributes of an object, the number of others, and the error."""
    try:
        return attribute_names(oid), 0, None
    except RAISED as error:
        problem = error
    found: dict[bytes, None] = {}
    try:
        count = int(h5a.get_num_attrs(oid))
    except RAISED:
        return [], 1, problem  # at least one
    for kind in (h5.INDEX_CRT_ORDER, h5.INDEX_NAME):
        for order in (h5.ITER_NATIVE, h5.ITER_INC):
            names: list[bytes] = []
            with contextlib.suppress(*RAISED):  # as far as possible
                h5a.iterate(oid, names.append, index_type=kind, order=order)
            found.update(dict.fromkeys(names))
    return list(found), max(0, count - len(found)), problem


# -- names in groups of the older format ---------------------------------------------------------


def _names_in_heap(address: int, read: Callable[[int, int], bytes]) -> list[bytes]:
    """Return possible names of the links of a group of the older format: strings in its heap."""
    try:
        heap = _heap_of(address, read)
        if heap is None:
            return []
        data = _heap_data(heap, read)
    except (struct.error, *RAISED):
        return []
    names = []
    for part in _strings(data):
        name = part.decode("utf-8", "surrogateescape")
        if name.isprintable() and _is_name(part):
            names.append(part)
    return names


def _strings(data: bytes) -> Iterator[bytes]:
    """Yield strings that end with a NUL, and begin where HDF5 aligns them."""
    start = 0
    while start < len(data):
        end = data.find(b"\0", start)
        if end < 0:
            return
        if end > start:
            yield data[start:end]
        start = (end + 8) // 8 * 8


def _heap_of(address: int, read: Callable[[int, int], bytes]) -> int | None:
    """Return the address of a group's local heap, from its object header (version 1)."""
    version, _, _, _, size = struct.unpack("<BBHII", read(address, 12))
    if version != 1:
        return None
    blocks = [(address + 16, size)]
    for _ in range(_MOST_CONTINUATIONS):
        if not blocks:
            return None
        start, size = blocks.pop(0)
        data = read(start, min(size, 2**16))
        at = 0
        while at + 8 <= len(data):
            kind, length = struct.unpack_from("<HH", data, at)
            at += 8
            if kind == _STAB and length >= 16:
                return int(struct.unpack_from("<QQ", data, at)[1])
            if kind == _CONTINUATION and length >= 16:
                blocks.append(struct.unpack_from("<QQ", data, at))
            at += length
    return None


def _heap_data(heap: int, read: Callable[[int, int], bytes]) -> bytes:
    size, _, place = struct.unpack("<QQQ", read(heap + 8, 24))
    return read(place, min(size, MOST_HEAP_BYTES))
