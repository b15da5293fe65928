"""Removal of links: HDF5 goes down all groups that go with one by recursion."""

from __future__ import annotations

import threading

import h5py
from h5py import h5g, h5i

from ....errors import NestingError
from ....keys import to_text
from .ids import GroupID

__all__ = ["remove"]

LEVELS = 2000
"""So many nested groups HDF5 deletes on any stack: it uses some 700 bytes for each."""
LEVEL_BYTES = 40
"""A group that holds another one takes more of a file."""
STACK_BYTES = 1024
"""What a level is given of a stack."""
MOST_STACK_BYTES = 2**30
LOOKED_AT = 24
"""To look at more objects takes longer than to start a thread."""
_STARTING = threading.Lock()


def remove(parent: GroupID, raw: bytes) -> None:
    """Remove a link, and what nothing else leads to, at any depth.

    HDF5 deletes nested groups by recursion, and ends the process where some 10,000 of them are
    deeper than its stack (seen in HDF5 1.10 to 2.0). Where many levels are possible a thread whose
    stack is large enough does it. A million levels are.

    Args:
        parent: the group that has the link.
        raw: the link's name.

    Raises:
        NestingError: it is nested too deeply for the stack of this thread, and no other one can be
            started. Nothing was removed.
    """
    levels = _most_levels(parent, raw)
    if levels <= LEVELS or _is_shallow(parent, raw, LOOKED_AT):
        parent.unlink(raw)
    elif h5py._objects.phil._is_owned() or not _unlink_in_thread(parent, raw, levels):  # noqa: SLF001
        # Another thread would wait for ever for what this one holds of h5py's.
        if not _is_shallow(parent, raw, None):
            raise NestingError(
                f"more than {LEVELS} nested groups, which are too many to remove here",
                key=to_text(raw),
                hint="remove groups further down first",
            )
        parent.unlink(raw)


def _most_levels(parent: GroupID, raw: bytes) -> int:
    """More levels are not below a link: the file has no room for them."""
    if h5g.get_objinfo(parent, raw, follow_link=False).type != h5g.GROUP:
        return 0
    return int(h5i.get_file_id(parent).get_filesize()) // LEVEL_BYTES


def _unlink_in_thread(parent: GroupID, raw: bytes, levels: int) -> bool:
    raised: list[BaseException] = []

    def unlink() -> None:
        try:
            parent.unlink(raw)
        except BaseException as error:  # it is the caller's
            raised.append(error)

    thread = threading.Thread(target=unlink, name="hdfchk-removal", daemon=True)
    with _STARTING:
        before = threading.stack_size(min(levels * STACK_BYTES + 2**20, MOST_STACK_BYTES))
        try:
            thread.start()
        except RuntimeError:  # no memory for its stack, or the interpreter ends
            return False
        finally:
            threading.stack_size(before)
    thread.join()
    if raised:
        raise raised.pop()
    return True


def _is_shallow(parent: GroupID, raw: bytes, look: int | None) -> bool:
    """Whether few nested groups are below a link; not if it takes more than `look` looks."""
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
