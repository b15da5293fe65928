"""The types of HDF5's identifiers: h5py's own classes, so that mypy detects a wrong one.

h5py has no stubs. The folder ``tests/typing`` has stubs of what the package uses of h5py. Protocols
would be an alternative. They could describe the objects, but not the arguments and results of
HDF5's functions; and `type(oid) is DatasetID`, the usual test for the kind of an object, narrows a
class, but not a protocol. Neither costs anything at run time.
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
"""An object: what a link points to."""
RootID: TypeAlias = FileID | GroupID
"""The start of a path: the root group or the file, for functions that accept both."""
