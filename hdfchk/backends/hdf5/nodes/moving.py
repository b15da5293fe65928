"""Moves of links: which ones are possible."""

from __future__ import annotations

from h5py import h5l

from ....errors import InvalidKeyError
from ....keys import Path, join
from ..h5 import links
from ..h5.errors import user_link
from ..h5.ids import GroupID, LinkInfo

__all__ = ["require_movable"]


def require_movable(above: GroupID, name: bytes, home: Path, parent: GroupID, to: Path) -> LinkInfo:
    """Reject a link that HDF5 cannot move, and a move of a group into itself, by any path.

    Args:
        above: the group that contains the link.
        name: the name of the link.
        home: its path.
        parent: the group to which it is moved.
        to: its new path.

    Returns:
        HDF5's information about the link.

    Raises:
        UnsupportedStoredError: it is a user-defined link of another program.
        InvalidKeyError: `parent` is the moved group, or below it.
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
