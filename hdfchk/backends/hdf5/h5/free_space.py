"""The free-space table of a file."""

from __future__ import annotations

from h5py import h5d

from .ids import FileID
from .types import BYTE, PLACED_CREATION, dataspace

__all__ = ["keep_free_space"]


def keep_free_space(fid: FileID) -> None:
    """Make HDF5 load the free-space table of a file before it is closed after writing.

    HDF5 writes back a table that it has loaded, which it does when it allocates space, and drops
    one that it has not loaded. Without this, a session that only overwrites data in place would
    lose track of all free space.
    """
    if fid.get_freespace():
        # A dataset without a link, closed immediately: its header and data are allocated and freed.
        h5d.create(fid, None, BYTE, dataspace((8,)), PLACED_CREATION)
