"""What HDF5 says of an object: where it is, how many links it has, what is in its header."""

from __future__ import annotations

from typing import Any

from h5py import h5d, h5o, h5s

__all__ = ["info_of"]


def info_of(oid: Any) -> Any:
    """`h5o.get_info` of an object, which may be damaged.

    HDF5 asks the index of a dataset's chunks for its size then, and ends the process (seen in 2.0)
    if that is a B-tree of version 2 whose header is damaged. Looking for a chunk it says so.

    Args:
        oid: the object.

    Raises:
        RuntimeError: the index is damaged.
    """
    if type(oid) is h5d.DatasetID:
        space = oid.get_space()
        if space.get_simple_extent_ndims() > 1:
            most = space.get_simple_extent_dims(True)
            if most.count(h5s.UNLIMITED) > 1:  # others have other indices
                oid.get_chunk_info_by_coord((0,) * len(most))
    return h5o.get_info(oid)
