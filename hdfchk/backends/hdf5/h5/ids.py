"""The types of HDF5's identifiers: h5py's own classes, so that mypy sees where one is mixed up.

h5py has no stubs. The folder ``tests/typing`` has some for mypy: what the package uses of h5py, and
nothing else. Protocols would have been another way. They describe what the package passes on, but
not what HDF5's functions take and return; and `type(oid) is DatasetID`, by which the kind of an
object is found, narrows a class, and not a protocol. Neither costs anything at run time.
"""

from __future__ import annotations

from typing import TypeAlias

from h5py.h5a import AttrID
from h5py.h5ac import CacheConfig
from h5py.h5d import DatasetID, StoreInfo
from h5py.h5f import FileID
from h5py.h5g import GroupID
from h5py.h5l import LinkInfo
from h5py.h5o import ObjInfo
from h5py.h5p import PropCopyID, PropDCID, PropFAID, PropFCID, PropGCID
from h5py.h5r import Reference, RegionReference
from h5py.h5s import SpaceID
from h5py.h5t import TypeID

__all__ = [
    "AttrID",
    "CacheConfig",
    "DatasetID",
    "FileID",
    "GroupID",
    "LinkInfo",
    "ObjInfo",
    "ObjectID",
    "PropCopyID",
    "PropDCID",
    "PropFAID",
    "PropFCID",
    "PropGCID",
    "Reference",
    "RegionReference",
    "RootID",
    "SpaceID",
    "StoreInfo",
    "TypeID",
]

ObjectID: TypeAlias = DatasetID | GroupID | TypeID
"""What a link leads to."""
RootID: TypeAlias = FileID | GroupID
"""What paths begin at, where nothing asks whether it is a group or the file itself."""
