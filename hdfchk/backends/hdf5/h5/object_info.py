"""Properties of an object in HDF5: its address, its number of links, the contents of its header."""

from __future__ import annotations

from typing import NamedTuple

from h5py import h5d, h5f, h5i, h5o, h5s

from .errors import RAISED
from .ids import DatasetID, ObjectID, ObjInfo

__all__ = ["EXTERNAL_FILES", "FILTERED", "Target", "info_of", "is_open_elsewhere", "place_of"]

EXTERNAL_FILES = 1 << 7
"""The bit for a list of external files in the object header (message type 7)."""
FILTERED = 1 << 11
"""The bit for a filter pipeline in the object header (message type 11)."""


def info_of(oid: ObjectID, rank: int | None = None) -> ObjInfo:
    """Return `h5o.get_info` of an object that may be damaged.

    `h5o.get_info` asks the chunk index of a dataset for its size. If that is a version 2 B-tree
    with a damaged header, HDF5 (seen in 2.0) crashes; looking up a chunk raises an error instead.

    Args:
        oid: the object.
        rank: the number of dimensions of a dataset, if known: querying it takes as long as the
            rest.

    Raises:
        RuntimeError: the index is damaged.
    """
    if (rank is None or rank > 1) and type(oid) is h5d.DatasetID:
        space = oid.get_space()
        if space.get_simple_extent_ndims() > 1:
            most = space.get_simple_extent_dims(True)
            if most.count(h5s.UNLIMITED) > 1:  # otherwise the index is of another kind
                oid.get_chunk_info_by_coord((0,) * len(most))
    return h5o.get_info(oid)


def place_of(oid: ObjectID) -> tuple[int, int]:
    """Return the number of the file, as HDF5 counts them, and the address of the object in it."""
    info = info_of(oid)
    return info.fileno, info.addr


def is_open_elsewhere(did: DatasetID) -> bool:
    """Return whether a dataset has another open identifier, so that it may have been read.

    HDF5 (2.0) writes past its buffers when it copies a filtered dataset whose decoded chunks are
    cached. They are cached as long as it is open.
    """
    address = info_of(did).addr
    for other in h5f.get_obj_ids(h5i.get_file_id(did), h5f.OBJ_DATASET):
        if other.id == did.id:
            continue
        try:
            if info_of(other).addr == address:
                return True
        except RAISED:
            return True  # unknown which dataset it is
    return False


class Target(NamedTuple):
    """A dataset into which a value may be written: properties that are read once.

    Attributes:
        shape: its shape; None for a null dataspace.
        info: the result of `info_of`.
    """

    shape: tuple[int, ...] | None
    info: ObjInfo

    @classmethod
    def of(cls, did: DatasetID) -> Target:
        """Return the properties of a dataset."""
        shape = did.shape
        return cls(shape, info_of(did, len(shape or ())))

    @property
    def is_filtered(self) -> bool:
        """Whether its chunks are filtered."""
        return bool(self.info.hdr.mesg.present & FILTERED)

    def has_own_data(self, did: DatasetID) -> bool:
        """Return whether its data are in this file, and are not those of other datasets."""
        if self.info.hdr.mesg.present & EXTERNAL_FILES:
            return False
        return bool(did.get_storage_size()) or did.get_create_plist().get_layout() != h5d.VIRTUAL

    def stands_alone(self, did: DatasetID) -> bool:
        """Return whether writing into it changes no other key and no other file."""
        return self.info.rc <= 1 and self.has_own_data(did)
