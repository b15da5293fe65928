from typing import final

from ._objects import ObjectID
from .h5d import DatasetID
from .h5f import FileID
from .h5l import LinkProxy
from .h5p import PropGCID
from .h5t import TypeID

GROUP: int

class GroupStat:
    @property
    def fileno(self) -> tuple[int, int]: ...
    @property
    def nlink(self) -> int: ...
    @property
    def objno(self) -> int: ...
    @property
    def type(self) -> int: ...

@final
class GroupID(ObjectID):
    @property
    def links(self) -> LinkProxy: ...
    def get_create_plist(self) -> PropGCID: ...
    def get_num_objs(self) -> int: ...
    def unlink(self, name: bytes) -> None: ...

def create(
    loc: FileID | GroupID, name: bytes | None, lcpl: None = None, gcpl: PropGCID | None = None
) -> GroupID: ...
def get_objinfo(
    obj: DatasetID | FileID | GroupID | TypeID, name: bytes = b".", follow_link: bool = True
) -> GroupStat: ...
def open(loc: FileID | GroupID, name: bytes) -> GroupID: ...  # noqa: A001
