from collections.abc import Callable
from typing import Any

from .h5f import FileID
from .h5g import GroupID

TYPE_EXTERNAL: int
TYPE_HARD: int
TYPE_SOFT: int

class LinkInfo:
    @property
    def type(self) -> int: ...
    @property
    def corder(self) -> int: ...
    @property
    def corder_valid(self) -> bool: ...
    @property
    def u(self) -> int: ...

class LinkProxy:
    def create_external(self, link_name: bytes, file_name: bytes, obj_name: bytes) -> None: ...
    def create_soft(self, new_name: bytes, target: bytes) -> None: ...
    def exists(self, name: bytes) -> bool: ...
    def get_info(self, name: bytes) -> LinkInfo: ...
    def get_val(self, name: bytes) -> Any: ...  # bytes of a soft link, two of an external one
    def iterate(
        self,
        func: Callable[..., Any],
        *,
        idx_type: int = ...,
        order: int = ...,
        idx: int = 0,
        info: bool = False,
    ) -> tuple[Any, int]: ...
    def move(self, src_name: bytes, dst_loc: FileID | GroupID, dst_name: bytes) -> None: ...
