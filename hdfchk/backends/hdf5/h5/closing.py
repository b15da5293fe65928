"""Closing HDF5 files that nobody else has the objects of."""

from __future__ import annotations

from typing import Any

from h5py import h5f

__all__ = ["close_file"]

_OBJECTS = h5f.OBJ_LOCAL | ~h5f.OBJ_FILE


def close_file(h5: Any) -> None:
    """Close a file with all its objects, as `h5py.File.close` does, but for the last step of that.

    h5py then asks HDF5 of each object that it has in the process, of whatever file and type,
    whether it is still valid. For a file of which only one value is read, that takes longer than
    all the rest, and tells nothing of objects that their owner does not use any more.

    Args:
        h5: the `h5py.File`.
    """
    fid = h5.id
    if not fid.valid:
        return
    try:
        close_objects, close = fid._close_open_objects, fid._close  # noqa: SLF001
    except AttributeError:  # another h5py
        h5.close()
        return
    close_objects(_OBJECTS)
    close()
