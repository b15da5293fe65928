from ._objects import ObjectID
from .h5a import AttrID
from .h5d import DatasetID
from .h5f import FileID
from .h5g import GroupID
from .h5t import TypeID

def get_file_id(obj: AttrID | DatasetID | FileID | GroupID | TypeID) -> FileID: ...
def get_name(obj: AttrID | DatasetID | FileID | GroupID | TypeID) -> bytes | None: ...
def get_ref(obj: ObjectID) -> int: ...
