"""What HDF5 says of an object: where it is, how many links it has, what is in its header."""

from __future__ import annotations

from typing import NamedTuple

from h5py import h5d, h5f, h5i, h5o, h5s

from .errors import RAISED
from .ids import DatasetID, ObjectID, ObjInfo

__all__ = ["EXTERNAL_FILES", "FILTERED", "Target", "info_of", "is_open_elsewhere", "place_of"]

EXTERNAL_FILES = 1 << 7
"""The bit of an object header that has a list of external files (message type 7)."""
FILTERED = 1 << 11
"""The bit of an object header that has a list of filters."""


def info_of(oid: ObjectID, rank: int | None = None) -> ObjInfo:
    """`h5o.get_info` of an object, which may be damaged.

    HDF5 asks the index of a dataset's chunks for its size then, and ends the process (seen in 2.0)
    if that is a B-tree of version 2 whose header is damaged. Looking for a chunk it says so.

    Args:
        oid: the object.
        rank: the number of a dataset's axes, where it is known: to ask for it takes as long as
            the rest.

    Raises:
        RuntimeError: the index is damaged.
    """
    if (rank is None or rank > 1) and type(oid) is h5d.DatasetID:
        space = oid.get_space()
        if space.get_simple_extent_ndims() > 1:
            most = space.get_simple_extent_dims(True)
            if most.count(h5s.UNLIMITED) > 1:  # others have other indices
                oid.get_chunk_info_by_coord((0,) * len(most))
    return h5o.get_info(oid)


def place_of(oid: ObjectID) -> tuple[int, int]:
    """Which file an object is in, by HDF5's count, and its address there."""
    info = info_of(oid)
    return info.fileno, info.addr


def is_open_elsewhere(did: DatasetID) -> bool:
    """Whether a dataset has another identifier than this one, by which somebody may have read it.

    HDF5 (2.0) writes past its buffers when it copies a dataset with filters of which unpacked
    chunks are in memory: as long as it is open they stay there.
    """
    address = info_of(did).addr
    for other in h5f.get_obj_ids(h5i.get_file_id(did), h5f.OBJ_DATASET):
        if other.id == did.id:
            continue
        try:
            if info_of(other).addr == address:
                return True
        except RAISED:
            return True  # which one it is cannot be told
    return False


class Target(NamedTuple):
    """A dataset that a value may be written into: what HDF5 was asked of it, once.

    Attributes:
        shape: its shape; None for a null dataspace.
        info: what `info_of` says.
    """

    shape: tuple[int, ...] | None
    info: ObjInfo

    @classmethod
    def of(cls, did: DatasetID) -> Target:
        """That of a dataset."""
        shape = did.shape
        return cls(shape, info_of(did, len(shape or ())))

    @property
    def is_filtered(self) -> bool:
        """Whether its chunks go through filters."""
        return bool(self.info.hdr.mesg.present & FILTERED)

    def has_own_data(self, did: DatasetID) -> bool:
        """Whether its elements are its own, and in its file."""
        if self.info.hdr.mesg.present & EXTERNAL_FILES:
            return False
        return bool(did.get_storage_size()) or did.get_create_plist().get_layout() != h5d.VIRTUAL

    def stands_alone(self, did: DatasetID) -> bool:
        """Whether writing into it changes nothing else: no other key, and no other file."""
        return self.info.rc <= 1 and self.has_own_data(did)
