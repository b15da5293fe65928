from collections.abc import Callable
from typing import Any, NamedTuple, final

import numpy as np

from ._objects import ObjectID
from .h5f import FileID
from .h5g import GroupID
from .h5p import PropDCID
from .h5s import SpaceID
from .h5t import TypeID

ALLOC_TIME_EARLY: int
CHUNKED: int
COMPACT: int
CONTIGUOUS: int
FILL_TIME_ALLOC: int
FILL_TIME_NEVER: int
FILL_VALUE_UNDEFINED: int
FILL_VALUE_USER_DEFINED: int
VIRTUAL: int

class StoreInfo(NamedTuple):
    chunk_offset: tuple[int, ...]
    filter_mask: int
    byte_offset: int | Any  # None where nothing is stored
    size: int

@final
class DatasetID(ObjectID):
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def rank(self) -> int: ...
    @property
    def shape(self) -> tuple[int, ...] | Any: ...  # None for a null dataspace
    def chunk_iter(self, func: Callable[[StoreInfo], Any]) -> Any: ...
    def get_chunk_info(self, index: int, space: SpaceID | None = None) -> StoreInfo: ...
    def get_chunk_info_by_coord(self, chunk_offset: tuple[int, ...]) -> StoreInfo: ...
    def get_create_plist(self) -> PropDCID: ...
    def get_num_chunks(self, space: SpaceID | None = None) -> int: ...
    def get_offset(self) -> int | Any: ...  # None where it lies not in one piece
    def get_space(self) -> SpaceID: ...
    def get_storage_size(self) -> int: ...
    def get_type(self) -> TypeID: ...
    def read(
        self,
        mspace: SpaceID | int,
        fspace: SpaceID | int,
        arr_obj: np.ndarray[Any, Any],
        mtype: TypeID | None = None,
    ) -> None: ...
    def read_direct_chunk(
        self, offsets: tuple[int, ...], *, out: Any = None
    ) -> tuple[int, Any]: ...
    def set_extent(self, shape: tuple[int, ...]) -> None: ...
    def write(
        self,
        mspace: SpaceID | int,
        fspace: SpaceID | int,
        arr_obj: np.ndarray[Any, Any],
        mtype: TypeID | None = None,
    ) -> None: ...
    def write_direct_chunk(
        self, offsets: tuple[int, ...], data: Any, filter_mask: int = 0
    ) -> None: ...

def create(
    loc: FileID | GroupID,
    name: bytes | None,
    tid: TypeID,
    space: SpaceID,
    dcpl: PropDCID | None = None,
) -> DatasetID: ...
def open(loc: FileID | GroupID, name: bytes) -> DatasetID: ...  # noqa: A001
