from .h5d import DatasetID
from .h5f import FileID
from .h5g import GroupID
from .h5p import PropCopyID
from .h5t import TypeID

COPY_WITHOUT_ATTR_FLAG: int

class _OHdrMesg:
    present: int
    shared: int

class _OHdrSpace:
    total: int
    mesg: int
    free: int

class _OHdr:
    version: int
    flags: int
    space: _OHdrSpace
    mesg: _OHdrMesg

class ObjInfo:
    fileno: int
    addr: int
    type: int
    rc: int
    num_attrs: int
    hdr: _OHdr

def copy(
    src_loc: DatasetID | FileID | GroupID | TypeID,
    src_name: bytes,
    dst_loc: FileID | GroupID,
    dst_name: bytes,
    copypl: PropCopyID | None = None,
) -> None: ...
def get_info(loc: DatasetID | FileID | GroupID | TypeID, name: bytes | None = None) -> ObjInfo: ...
def link(obj: DatasetID | GroupID | TypeID, loc: FileID | GroupID, name: bytes) -> None: ...
def open(loc: FileID | GroupID, name: bytes) -> DatasetID | GroupID | TypeID: ...  # noqa: A001
