"""Moves of links: which of them can be."""

from __future__ import annotations

from h5py import h5l

from ....errors import InvalidKeyError
from ....keys import Path, join
from ..h5 import links
from ..h5.errors import user_link
from ..h5.ids import GroupID, LinkInfo

__all__ = ["require_movable"]


def require_movable(above: GroupID, name: bytes, home: Path, parent: GroupID, to: Path) -> LinkInfo:
    """Refuse a link that HDF5 does not move, and a move into what is moved, by whatever path.

    Args:
        above: the group of the link.
        name: its name there.
        home: its path.
        parent: the group that it is moved to.
        to: the path that it gets.

    Raises:
        UnsupportedStoredError: another program has made it, as a kind of its own.
        InvalidKeyError: the group is in what is moved.
    """
    info = above.links.get_info(name)
    if info.type not in {links.HARD, h5l.TYPE_SOFT, h5l.TYPE_EXTERNAL}:
        raise user_link(join(home))
    own = links.path_of(above).rstrip(b"/") + b"/" + name + b"/"
    if (links.path_of(parent) + b"/").startswith(own):
        raise InvalidKeyError(
            f"it cannot be moved into itself, to {join(to)!r}",
            key=join(home),
            hint="move it to a key outside of it",
        )
    return info
