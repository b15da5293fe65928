from typing import Any, TypeAlias, overload

from .h5d import DatasetID
from .h5f import FileID
from .h5g import GroupID
from .h5s import SpaceID
from .h5t import TypeID

_Place: TypeAlias = DatasetID | FileID | GroupID | TypeID

DATASET_REGION: int
OBJECT: int

class Reference:
    def __bool__(self) -> bool: ...

class RegionReference(Reference): ...

@overload
def create(loc: _Place, name: bytes, ref_type: int) -> Reference: ...
@overload
def create(loc: _Place, name: bytes, ref_type: int, space: SpaceID) -> RegionReference: ...
def dereference(
    ref: Reference, oid: _Place, /
) -> DatasetID | GroupID | TypeID | Any: ...  # None for a null reference
def get_region(ref: RegionReference, oid: _Place, /) -> SpaceID: ...
