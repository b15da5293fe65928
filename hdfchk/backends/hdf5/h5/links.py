"""Links: what a path refers to, without leaving the file."""

from __future__ import annotations

import itertools
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
    "DAMAGED",
    "HARD",
    "HIDDEN",
    "below",
    "entries",
    "hard_entries",
    "has_user_link",
    "hidden_links",
    "hidden_names",
    "is_hidden",
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
NAME = HIDDEN + b"tmp"
"""The name of the first hidden group (see `h5.hidden`)."""
DAMAGED = HIDDEN + b"damaged"
"""The group of deleted or replaced objects that HDF5 cannot remove, because they are damaged. It
stays in the file until the file is rewritten."""
MOST_GAPS = 3
"""The number of unused names at which the search for hidden groups stops: of several sessions, the
first may end first."""
_HIDDEN_MARK = b"hdfchk:hidden"
"""The attribute that distinguishes a hidden group from a user's group of the same name."""
_LINK_MESSAGES = 1 << 6
SHORT = 64
"""Groups with at most this many links are listed completely."""
MAX_SOFT_LINKS = 40
_STRIDE = 16

Entry = tuple[bytes, int, int]


def entries(
    gid: GroupID, *, marked: bool = True, dangling: bool = False, damaged: bool = False
) -> list[Entry]:
    """Return name, link type and address of each child, in insertion order if that is tracked.

    Only the address of a hard link is meaningful: that of the object in the file.

    Dangling soft links are omitted, as there is no value, and so are hidden groups.

    Args:
        gid: the group.
        marked: the group may have attributes for its order.
        dangling: include dangling soft links.
        damaged: include names that no link can have.

    Raises:
        CorruptFileError: a name contains a slash: looking it up would find something else.
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
        # A group without creation order; testing for that first costs more. The error message of
        # HDF5 may refer to memory that it has freed.
        found.clear()
        orders.clear()
        gid.links.iterate(add, idx_type=h5.INDEX_NAME, info=True)
    moved = read_order(gid) if marked else {}
    if moved:
        places = [moved.get(order, order) for order in orders]
        found = [found[index] for index in sorted(range(len(found)), key=places.__getitem__)]
    if not damaged and (wrong := [name for name, _, _ in found if b"/" in name]):
        raise CorruptFileError(
            f"a link has the name {to_text(wrong[0])!r}, which is invalid",
            key=key_of(gid),
            hint="hdfchk.salvage() copies what is intact",
        )
    if dangling:
        return found
    return [
        entry for entry in found if entry[1] != h5l.TYPE_SOFT or _is_not_dangling(gid, entry[0])
    ]


def hard_entries(gid: GroupID) -> Iterator[Entry]:
    """Yield the `entries` that are hard links."""
    return (entry for entry in entries(gid, dangling=True) if entry[1] == HARD)


def below(gid: GroupID) -> Iterator[tuple[int, ObjectID]]:
    """Yield address and object of everything below a group that hard links point to, once each."""
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
    """Return the name of the last child, without listing all others if HDF5 has an index."""
    count = gid.get_num_objs()
    if is_large(gid, count):
        moved = read_order(gid)
        found: list[tuple[int, bytes, LinkInfo]] = []

        def take(name: bytes, info: LinkInfo) -> None:
            found.append((moved.get(info.corder, info.corder), name, info))

        # The last child is one of the moved links, or the last of the others; and a moved link
        # has a higher index than the position that it takes. HDF5 iterates in the order of the
        # indices here; in any other order it would first read and sort all links.
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
    """Return whether a link, or any link below the group that it points to, is user-defined.

    HDF5 cannot move or delete such a link, and stops in the middle of the group that contains it.
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
    """Whether a group has many links, and an index of their creation order.

    Args:
        gid: the group.
        count: the number of its links.
    """
    if count <= SHORT:
        return False
    if h5o.get_info(gid).hdr.mesg.present & _LINK_MESSAGES:
        return False  # all links are in the object header
    return bool(gid.get_create_plist().get_link_creation_order() & h5p.CRT_ORDER_INDEXED)


def _is_not_dangling(gid: GroupID, name: bytes) -> bool:
    try:
        return resolve(gid, (to_text(name),)) is not None
    except (UnsafeFileError, UnsupportedStoredError, NestingError):
        return True  # in another file, or user-defined: reading it raises the error


def is_hidden_group(gid: RootID, name: bytes) -> bool:
    """Return whether an existing link points to a hidden group of hdfchk."""
    if gid.links.get_info(name).type != HARD:
        return False
    oid = h5o.open(gid, name)
    return type(oid) is h5g.GroupID and bool(h5a.exists(oid, _HIDDEN_MARK))


def is_hidden(gid: GroupID, name: bytes) -> bool:
    """Return whether a group has a link of this name, to a hidden group of hdfchk."""
    return bool(gid.links.exists(name)) and is_hidden_group(gid, name)


def hidden_links(gid: GroupID) -> int:
    """Return the number of links of a group that point to hidden groups, and so are not keys."""
    found = int(is_hidden(gid, DAMAGED))
    gaps = 0
    for name in hidden_names():
        if is_hidden(gid, name):
            found += 1
        else:
            gaps += 1
            if gaps == MOST_GAPS:
                break
    return found


def hidden_names() -> Iterator[bytes]:
    """Yield the names of hidden groups, in the order in which they are used."""
    yield NAME
    for number in itertools.count(1):
        yield b"%s-%d" % (NAME, number)


def mark_hidden_group(gid: GroupID) -> None:
    """Mark a group as hidden: its contents are not values."""
    h5a.create(gid, _HIDDEN_MARK, BYTE, SCALAR)


def locate(root: RootID, path: Path, *, trust: bool = False) -> bytes | None:
    """Return the name by which HDF5 finds `path`; None if it does not exist.

    Raises:
        UnsafeFileError: the path contains a link to another file.
    """
    if len(path) == 1:  # the common case: one level and a hard link
        name = to_bytes(path[0])
        if not root.links.exists(name) or (name.startswith(HIDDEN) and is_hidden_group(root, name)):
            return None
        if root.links.get_info(name).type == HARD:
            return name
    return resolve(root, path, trust=trust)


def is_there(root: RootID, path: Path) -> bool:
    """Return whether the last level of `path` is a link, even a dangling one."""
    try:
        parent = locate(root, path[:-1]) if len(path) > 1 else b"."
    except (UnsafeFileError, UnsupportedStoredError, NestingError):
        return False
    name = to_bytes(path[-1])
    if parent is None or not root.links.exists(parent + b"/" + name):
        return False
    return not (name.startswith(HIDDEN) and is_hidden_group(root, parent + b"/" + name))


def key_of(oid: ObjectID, root: RootID | None = None) -> str:
    """Return the key path by which an object was opened, for messages."""
    name, above = h5i.get_name(oid) or b"", (h5i.get_name(root) if root is not None else b"/")
    inner = name[len(above) :] if above and name.startswith(above) else name
    return to_text(inner).strip("/") or "/"


def path_of(oid: ObjectID) -> bytes:
    """Return the path by which an object was opened, from the root of its file."""
    return h5i.get_name(oid) or b"/"


def open_object(root: RootID, name: bytes, path: Path) -> ObjectID:
    """Open the object of a name that `locate` returned.

    Raises:
        CheckpointerKeyError: it is in another file, and cannot be opened.
        CorruptFileError: it is in this file, and cannot be opened.
    """
    try:
        return h5o.open(root, name)
    except RAISED as error:
        if root.links.get_info(name).type == h5l.TYPE_EXTERNAL:
            raise CheckpointerKeyError(
                f"the target of the link cannot be opened ({error})",
                key=join(path),
                hint="does the file that it points to exist?",
            ) from error
        raise unreadable("it", error, join(path)) from error


def resolve(root: RootID, path: Path, *, trust: bool = False) -> bytes | None:
    """Do the same as `locate`, level by level; soft links are followed here, to stay in the file.

    Args:
        root: the group that is the root of all paths.
        path: the path.
        trust: allow HDF5 to follow links to other files.
    """
    if len(path) > MAX_PATH:
        raise NestingError(
            f"the path has more than {MAX_PATH} levels",
            key=f"{join(path[:3])}/…",
            hint="open a group on the path with plain h5py, and create a store on that",
        )
    todo = [to_bytes(name) for name in path]
    done: list[bytes] = []
    base, near = root, done[:]  # a group on the path, and the names from there on
    followed = 0
    while todo:
        name = b"/".join([*near, todo[0]])
        try:
            if not base.links.exists(name):
                return None
            if todo[0].startswith(HIDDEN) and is_hidden_group(base, name):
                return None
            link = base.links.get_info(name).type
            if len(near) >= _STRIDE:  # HDF5 would follow a long path from its start for each level
                base, near = h5g.open(base, b"/".join(near)), []
                name = todo[0]
        except (KeyError, RuntimeError, ValueError, OSError):
            return None  # a level above is not a group
        if link == HARD or (trust and link == h5l.TYPE_EXTERNAL):
            near.append(todo[0])
            done.append(todo.pop(0))
        elif link == h5l.TYPE_SOFT:
            followed += 1
            if followed > MAX_SOFT_LINKS:
                return None  # a cycle of soft links
            done, todo = _follow(base.links.get_val(name), done, todo[1:])
            base, near = root, done[:]
        elif link == h5l.TYPE_EXTERNAL:
            file = to_text(base.links.get_val(name)[0])
            raise UnsafeFileError(
                f"a link to another file, {file!r}, is not followed",
                key=join(path),
                hint="open that file instead; or, if you trust this one, pass trust=True",
            )
        else:
            raise _user_defined(path)
    return b"/".join(done) or (b"/" if done else b".")


def _follow(target: bytes, done: list[bytes], rest: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    names = [name for name in target.split(b"/") if name not in {b"", b"."}]
    # An empty first name makes the path absolute, also if `root` is not the root of the file.
    return ([b""] if target.startswith(b"/") else done), names + rest


def _user_defined(path: Path) -> UnsupportedStoredError:
    return UnsupportedStoredError(
        "a user-defined link, whose target is known only to the program that created it",
        key=join(path),
        hint="read the other keys, or exclude it with omitted_keys",
    )
