"""Contiguous arrays read and written without HDF5, which would copy them through a buffer."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from h5py import h5fd

from ....runtime.interrupts import BLOCK_BYTES
from ....runtime.posix import read_into
from ..h5.ids import DatasetID
from ..h5.types import file_access

if TYPE_CHECKING:
    from ...meter import Meter

__all__ = ["WriteAt", "descriptor_of", "read_piece", "write_piece"]

WriteAt = Callable[[Any, int], None]
"""Writes bytes at an offset of a file."""
_IS_PLAIN = hasattr(os, "preadv") and file_access().get_driver() == h5fd.SEC2


def descriptor_of(stream: h5py.File) -> int:
    """Return the file descriptor of an open file; -1 if HDF5 does not use a plain one.

    Args:
        stream: an `h5py.File` opened with HDF5's default driver.
    """
    descriptor: int = stream.id.get_vfd_handle() if _IS_PLAIN else -1
    return descriptor


def read_piece(
    descriptor: int,
    did: DatasetID,
    data: np.ndarray[Any, Any],
    meter: Meter | None = None,
    *,
    start: int = 0,
    whole: int | None = None,
) -> bool:
    """Read a contiguous dataset, or a part of it.

    Args:
        descriptor: the file's descriptor; HDF5 must have no unwritten data.
        did: the dataset.
        data: the array to fill; contiguous, of the dataset's own dtype.
        meter: counts the bytes that are read.
        start: the offset in the dataset in bytes.
        whole: the size of the dataset in bytes; by default that of `data`.

    Returns:
        Whether it was done; if not, HDF5 must read it, or report the error.
    """
    if did.get_storage_size() != (data.nbytes if whole is None else whole):
        return False
    offset = did.get_offset() + start
    buffer: Any = data
    done: int = 0
    if meter is None:
        done = os.preadv(descriptor, [buffer], offset)
        if done == data.nbytes:
            return True  # the system may return fewer bytes than requested
    view = memoryview(buffer.reshape(-1).view(np.uint8))
    while done < data.nbytes:
        count = read_into(descriptor, view[done : done + BLOCK_BYTES], offset + done)
        if not count:
            return False
        done += count
        if meter is not None:
            meter.add(count)
    return True


def write_piece(write: WriteAt, did: DatasetID, array: np.ndarray[Any, Any]) -> None:
    """Write the data of a contiguous dataset whose space is allocated.

    Args:
        write: writes bytes at an offset of the file.
        did: the dataset; HDF5 must have no data of it in its buffers.
        array: the array; contiguous, of the dataset's own shape and dtype.
    """
    write(array.reshape(-1).view(np.uint8), did.get_offset())
