from typing import Any

from .h5d import DatasetID

def attach_scale(dset: DatasetID, dscale: DatasetID | Any, idx: int, /) -> None: ...
