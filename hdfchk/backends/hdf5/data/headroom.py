"""Memory for HDF5 to work in: where there is none, it ends the process and not the call."""

from __future__ import annotations

import mmap
from typing import Any

__all__ = ["NEEDED", "require_headroom"]

NEEDED = 2**23
"""Bytes that HDF5 may take for one call, beside the data."""
_OWN: Any = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}


def require_headroom() -> None:
    """Make sure that HDF5 will find memory; it is asked for and given back at once.

    HDF5 and h5py do not look at every small piece of memory whether they got it.

    Raises:
        MemoryError: there is none.
    """
    try:
        mmap.mmap(-1, NEEDED, **_OWN).close()
    except OSError as error:
        raise MemoryError("too little memory is left for HDF5 to work in") from error
