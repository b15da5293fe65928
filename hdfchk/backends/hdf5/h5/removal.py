"""Removal of links: HDF5 deletes the groups below a link by recursion."""

from __future__ import annotations

import threading

import h5py
from h5py import h5g, h5i

from ....errors import NestingError
from ....keys import to_text
from .ids import GroupID

__all__ = ["remove"]

LEVELS = 2000
"""The number of nested groups that HDF5 can delete on any stack, with some 700 bytes each."""
LEVEL_BYTES = 40
"""The minimum size in the file of a group that contains another one."""
STACK_BYTES = 1024
"""The stack size for each level."""
MOST_STACK_BYTES = 2**30
LOOKED_AT = 24
"""The number of objects that are examined; for more, starting a thread is faster."""
_STARTING = threading.Lock()


def remove(parent: GroupID, raw: bytes) -> None:
    """Remove a link, and everything that can be reached only through it, at any depth.

    HDF5 deletes nested groups by recursion, and crashes if some 10,000 levels exceed the stack
    (seen in HDF5 1.10 to 2.0). If there may be many levels, a thread with a sufficient stack
    removes the link; this works for a million levels.

    Args:
        parent: the group that contains the link.
        raw: the name of the link.

    Raises:
        NestingError: the nesting is too deep for the stack of this thread, and no other thread
            can be started. Nothing was removed.
    """
    levels = _most_levels(parent, raw)
    if levels <= LEVELS or _is_shallow(parent, raw, LOOKED_AT):
        parent.unlink(raw)
    elif h5py._objects.phil._is_owned() or not _unlink_in_thread(parent, raw, levels):  # noqa: SLF001
        # Another thread would wait forever for h5py's lock, which this one holds.
        if not _is_shallow(parent, raw, None):
            raise NestingError(
                f"more than {LEVELS} nested groups, too many to remove here",
                key=to_text(raw),
                hint="remove groups at a deeper level first",
            )
        parent.unlink(raw)


def _most_levels(parent: GroupID, raw: bytes) -> int:
    """Return an upper bound of the levels below a link, from the size of the file."""
    if h5g.get_objinfo(parent, raw, follow_link=False).type != h5g.GROUP:
        return 0
    return int(h5i.get_file_id(parent).get_filesize()) // LEVEL_BYTES


def _unlink_in_thread(parent: GroupID, raw: bytes, levels: int) -> bool:
    raised: list[BaseException] = []

    def unlink() -> None:
        try:
            parent.unlink(raw)
        except BaseException as error:  # raised in the calling thread
            raised.append(error)

    thread = threading.Thread(target=unlink, name="hdfchk-removal", daemon=True)
    with _STARTING:
        before = threading.stack_size(min(levels * STACK_BYTES + 2**20, MOST_STACK_BYTES))
        try:
            thread.start()
        except RuntimeError:  # no memory for its stack, or the interpreter is exiting
            return False
        finally:
            threading.stack_size(before)
    thread.join()
    if raised:
        raise raised.pop()
    return True


def _is_shallow(parent: GroupID, raw: bytes, look: int | None) -> bool:
    """Return whether the nesting below a link is shallow; False if it has more than `look` objects.

    All objects are examined if `look` is None.
    """
    todo = [(parent, raw, 0)]
    seen: set[int] = set()
    while todo:
        gid, name, level = todo.pop()
        info = h5g.get_objinfo(gid, name, follow_link=False)
        if info.type != h5g.GROUP or info.objno in seen:
            continue
        seen.add(info.objno)
        group = h5g.open(gid, name)
        count = group.get_num_objs()
        if look is not None:
            look -= count
        if level >= LEVELS or (look is not None and look < 0):
            return False
        if count:
            names: list[bytes] = []
            group.links.iterate(names.append)
            todo.extend((group, child, level + 1) for child in names)
    return True
