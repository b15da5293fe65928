"""Links: what a path leads to, without ever leaving the file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from h5py import h5, h5a, h5g, h5i, h5l, h5o, h5p

from ....errors import (
    CheckpointerKeyError,
    CorruptFileError,
    NestingError,
    UnsafeFileError,
    UnsupportedStoredError,
)
from ....keys import HIDDEN_PREFIX, MAX_PATH, Path, join, to_bytes, to_text
from .errors import RAISED, unreadable
from .ids import GroupID, LinkInfo, ObjectID, RootID
from .key_order import read_order
from .types import BYTE, SCALAR

__all__ = [
    "HARD",
    "HIDDEN",
    "below",
    "entries",
    "hard_entries",
    "has_user_link",
    "is_hidden_group",
    "is_large",
    "is_there",
    "key_of",
    "last",
    "locate",
    "mark_hidden_group",
    "open_object",
    "path_of",
    "resolve",
]

HARD = h5l.TYPE_HARD
HIDDEN = to_bytes(HIDDEN_PREFIX)
_HIDDEN_MARK = b"hdfchk:hidden"
"""The attribute that tells a group of ours from one of somebody else with the same name."""
_LINK_MESSAGES = 1 << 6
SHORT = 64
"""Groups of so few links are listed as a whole."""
MAX_SOFT_LINKS = 40
_STRIDE = 16

Entry = tuple[bytes, int, int]


def entries(
    gid: GroupID, *, marked: bool = True, dangling: bool = False, damaged: bool = False
) -> list[Entry]:
    """Name, link type and address of each child, in insertion order where the group keeps it.

    Only that of a hard link is an address: where in the file the object lies.

    Soft links that lead nowhere are left out: nothing is there. So are our own hidden groups.

    Args:
        gid: the group.
        marked: it may have attributes that tell of its order.
        dangling: give soft links that lead nowhere, too.
        damaged: give those whose names no link can have, too.

    Raises:
        CorruptFileError: a name has a slash in it: looked up, it would lead to something else.
    """
    found: list[Entry] = []
    orders: list[int] = []

    def add(name: bytes, info: LinkInfo) -> None:
        if name.startswith(HIDDEN) and is_hidden_group(gid, name):
            return
        found.append((name, info.type, info.u))
        orders.append(info.corder)

    try:
        gid.links.iterate(add, idx_type=h5.INDEX_CRT_ORDER, info=True)
    except (RuntimeError, UnicodeDecodeError):
        # A group that keeps no order; asking it first costs more. What HDF5 says of it may be
        # memory that it has let go.
        found.clear()
        orders.clear()
        gid.links.iterate(add, idx_type=h5.INDEX_NAME, info=True)
    moved = read_order(gid) if marked else {}
    if moved:
        places = [moved.get(order, order) for order in orders]
        found = [found[index] for index in sorted(range(len(found)), key=places.__getitem__)]
    if not damaged and (wrong := [name for name, _, _ in found if b"/" in name]):
        raise CorruptFileError(
            f"a link is named {to_text(wrong[0])!r}, which no link can be",
            key=key_of(gid),
            hint="hdfchk.salvage() copies what is whole",
        )
    if dangling:
        return found
    return [entry for entry in found if entry[1] != h5l.TYPE_SOFT or _leads(gid, entry[0])]


def hard_entries(gid: GroupID) -> Iterator[Entry]:
    """Those of `entries` that are hard links."""
    return (entry for entry in entries(gid, dangling=True) if entry[1] == HARD)


def below(gid: GroupID) -> Iterator[tuple[int, ObjectID]]:
    """The address of each object to which hard links lead from a group, and the object, once."""
    todo, seen = [gid], set()
    while todo:
        here = todo.pop()
        for name, _, address in hard_entries(here):
            if address not in seen:
                seen.add(address)
                oid = h5o.open(here, name)
                if type(oid) is h5g.GroupID:
                    todo.append(oid)
                yield address, oid


def last(gid: GroupID) -> bytes | None:
    """The name of the last child, without a look at all others where HDF5 has it at hand."""
    count = gid.get_num_objs()
    if is_large(gid, count):
        moved = read_order(gid)
        found: list[tuple[int, bytes, LinkInfo]] = []

        def take(name: bytes, info: LinkInfo) -> None:
            found.append((moved.get(info.corder, info.corder), name, info))

        # One of the moved links is the last child, or the last one of the others is; and what is
        # moved has a higher number than the place that it takes. HDF5 goes through the links in
        # the order of their numbers here; in any other it would first read, and sort, them all.
        gid.links.iterate(
            take,
            idx_type=h5.INDEX_CRT_ORDER,
            order=h5.ITER_NATIVE,
            idx=max(0, count - len(moved) - 1),
            info=True,
        )
        _, name, info = max(found, key=lambda entry: entry[0])
        if info.type == HARD and not name.startswith(HIDDEN):
            return name
    listed = entries(gid)
    return listed[-1][0] if listed else None


def has_user_link(parent: GroupID, raw: bytes) -> bool:
    """Whether a link is user-defined, or one in the group that it leads to, at any depth.

    HDF5 neither moves nor deletes one, and stops in the middle of the group that it is in.
    """
    known = {HARD, h5l.TYPE_SOFT, h5l.TYPE_EXTERNAL}
    todo: list[tuple[GroupID, bytes, int]] = [(parent, raw, parent.links.get_info(raw).type)]
    seen: set[int] = set()
    while todo:
        above, name, kind = todo.pop()
        if kind not in known:
            return True
        if kind != HARD:
            continue
        info = h5g.get_objinfo(above, name, follow_link=False)
        if info.type != h5g.GROUP or info.objno in seen:
            continue
        seen.add(info.objno)
        gid = h5g.open(above, name)
        below: list[tuple[GroupID, bytes, int]] = []
        gid.links.iterate(partial(_note_link, below, gid), info=True)
        todo += below
    return False


def _note_link(
    below: list[tuple[GroupID, bytes, int]], gid: GroupID, name: bytes, info: LinkInfo
) -> None:
    below.append((gid, name, info.type))


def is_large(gid: GroupID, count: int) -> bool:
    """Whether a group has many links, with an index of the order in which they were made.

    Args:
        gid: the group.
        count: how many links it has.
    """
    if count <= SHORT:
        return False
    if h5o.get_info(gid).hdr.mesg.present & _LINK_MESSAGES:
        return False  # they are all in its header
    return bool(gid.get_create_plist().get_link_creation_order() & h5p.CRT_ORDER_INDEXED)


def _leads(gid: GroupID, name: bytes) -> bool:
    try:
        return resolve(gid, (to_text(name),)) is not None
    except (UnsafeFileError, UnsupportedStoredError, NestingError):
        return True  # out of the file, or by a link of another kind: for the reader to refuse


def is_hidden_group(gid: RootID, name: bytes) -> bool:
    """Whether a link, which is there, leads to a hidden group of ours."""
    if gid.links.get_info(name).type != HARD:
        return False
    oid = h5o.open(gid, name)
    return type(oid) is h5g.GroupID and bool(h5a.exists(oid, _HIDDEN_MARK))


def mark_hidden_group(gid: GroupID) -> None:
    """Mark a group as one of ours, whose content is nobody's value."""
    h5a.create(gid, _HIDDEN_MARK, BYTE, SCALAR)


def locate(root: RootID, path: Path, *, trust: bool = False) -> bytes | None:
    """The name under which HDF5 finds `path`, or None if nothing is there.

    Raises:
        UnsafeFileError: the path goes through a link to another file.
    """
    if len(path) == 1:  # the common case: one level, a hard link
        name = to_bytes(path[0])
        if not root.links.exists(name) or (name.startswith(HIDDEN) and is_hidden_group(root, name)):
            return None
        if root.links.get_info(name).type == HARD:
            return name
    return resolve(root, path, trust=trust)


def is_there(root: RootID, path: Path) -> bool:
    """Whether the last level of `path` is a link, wherever it leads."""
    try:
        parent = locate(root, path[:-1]) if len(path) > 1 else b"."
    except (UnsafeFileError, UnsupportedStoredError, NestingError):
        return False
    name = to_bytes(path[-1])
    if parent is None or not root.links.exists(parent + b"/" + name):
        return False
    return not (name.startswith(HIDDEN) and is_hidden_group(root, parent + b"/" + name))


def key_of(oid: ObjectID, root: RootID | None = None) -> str:
    """The key path by which an object was opened, for messages."""
    name, above = h5i.get_name(oid) or b"", (h5i.get_name(root) if root is not None else b"/")
    inner = name[len(above) :] if above and name.startswith(above) else name
    return to_text(inner).strip("/") or "/"


def path_of(oid: ObjectID) -> bytes:
    """The path by which an object was opened, from the root of its file."""
    return h5i.get_name(oid) or b"/"


def open_object(root: RootID, name: bytes, path: Path) -> ObjectID:
    """Open what a name that was found leads to.

    Raises:
        CheckpointerKeyError: it is in another file, which cannot be opened.
        CorruptFileError: it is in this one.
    """
    try:
        return h5o.open(root, name)
    except RAISED as error:
        if root.links.get_info(name).type == h5l.TYPE_EXTERNAL:
            raise CheckpointerKeyError(
                f"what it leads to cannot be opened ({error})",
                key=join(path),
                hint="is the file that it links to there?",
            ) from error
        raise unreadable("it", error, join(path)) from error


def resolve(root: RootID, path: Path, *, trust: bool = False) -> bytes | None:
    """As `locate`, level by level; soft links are followed here, so that none leads outside.

    Args:
        root: the group that is the root of all paths.
        path: the path.
        trust: HDF5 may follow links to other files.
    """
    if len(path) > MAX_PATH:
        raise NestingError(
            f"a path of more than {MAX_PATH} levels",
            key=f"{join(path[:3])}/…",
            hint="open a group on the way with plain h5py, and make a store of it",
        )
    todo = [to_bytes(name) for name in path]
    done: list[bytes] = []
    base, near = root, done[:]  # a group on the way, and the names from there on
    followed = 0
    while todo:
        name = b"/".join([*near, todo[0]])
        try:
            if not base.links.exists(name):
                return None
            if todo[0].startswith(HIDDEN) and is_hidden_group(base, name):
                return None
            link = base.links.get_info(name).type
            if len(near) >= _STRIDE:  # HDF5 would go along all of a long path for each level
                base, near = h5g.open(base, b"/".join(near)), []
                name = todo[0]
        except (KeyError, RuntimeError, ValueError, OSError):
            return None  # a level above is no group
        if link == HARD or (trust and link == h5l.TYPE_EXTERNAL):
            near.append(todo[0])
            done.append(todo.pop(0))
        elif link == h5l.TYPE_SOFT:
            followed += 1
            if followed > MAX_SOFT_LINKS:
                return None  # they lead in a circle
            done, todo = _follow(base.links.get_val(name), done, todo[1:])
            base, near = root, done[:]
        elif link == h5l.TYPE_EXTERNAL:
            target = base.links.get_val(name)
            raise UnsafeFileError(
                f"a link to another file, {target[0]!r}, which is not followed",
                key=join(path),
                hint="open that file itself; or, if you trust this one, use trust=True",
            )
        else:
            raise _user_defined(path)
    return b"/".join(done) or (b"/" if done else b".")


def _follow(target: bytes, done: list[bytes], rest: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    names = [name for name in target.split(b"/") if name not in {b"", b"."}]
    # An empty first name makes the path an absolute one, also where the root is no file's.
    return ([b""] if target.startswith(b"/") else done), names + rest


def _user_defined(path: Path) -> UnsupportedStoredError:
    return UnsupportedStoredError(
        "a user-defined link, of which only the program that has made it knows whereto",
        key=join(path),
        hint="read the other keys, or leave it out by omitted_keys",
    )
