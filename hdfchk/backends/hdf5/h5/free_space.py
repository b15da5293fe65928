"""The table of free space that HDF5 keeps in a file."""

from __future__ import annotations

from h5py import h5d

from .ids import FileID
from .types import BYTE, PLACED_CREATION, dataspace

__all__ = ["keep_free_space"]


def keep_free_space(fid: FileID) -> None:
    """Let HDF5 load the table of free space before it closes a file that it has open for writing.

    It writes back the tables that it has loaded, which it does when it takes space, and drops those
    that it has not: a session that only overwrites in place would lose track of all that is free.
    """
    if fid.get_freespace():
        # Made without a link and given up at once: a header and some bytes are taken, and free.
        h5d.create(fid, None, BYTE, dataspace((8,)), PLACED_CREATION)
