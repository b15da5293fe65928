"""Free memory for HDF5: if it has none, it crashes instead of raising an error."""

from __future__ import annotations

import mmap
from typing import Any

__all__ = ["NEEDED", "require_headroom"]

NEEDED = 2**23
"""The number of bytes that HDF5 may need for one call, besides the data."""
_OWN: Any = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}


def require_headroom() -> None:
    """Check that HDF5 can allocate memory; it is allocated here and freed immediately.

    HDF5 and h5py do not check every small allocation.

    Raises:
        MemoryError: it cannot.
    """
    try:
        mmap.mmap(-1, NEEDED, **_OWN).close()
    except OSError as error:
        raise MemoryError("too little memory is left for HDF5") from error
