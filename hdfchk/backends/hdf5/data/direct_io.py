"""Arrays in one piece, read and written past HDF5, which would copy them through a buffer first."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from h5py import h5fd

from ....runtime.interrupts import BLOCK_BYTES
from ....runtime.posix import read_into
from ...meter import Meter
from ..h5.ids import DatasetID
from ..h5.types import file_access

__all__ = ["WriteAt", "descriptor_of", "read_piece", "write_piece"]

WriteAt = Callable[[Any, int], None]
"""Writes bytes at a place of a file."""
_IS_PLAIN = hasattr(os, "preadv") and file_access().get_driver() == h5fd.SEC2


def descriptor_of(stream: h5py.File) -> int:
    """The descriptor of an open file, or -1 where HDF5 does not use it as it is.

    Args:
        stream: an `h5py.File` of the driver that HDF5 takes by itself.
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
    """Read a dataset that lies in the file in one piece, or some of it.

    Args:
        descriptor: of the file, in which HDF5 has nothing left to write.
        did: the dataset.
        data: contiguous, of the dataset's own dtype.
        meter: is told how many bytes are read.
        start: how many bytes of the dataset come before.
        whole: how many it has in all; by default as many as `data`.

    Returns:
        Whether it could be done; if not, HDF5 has to read it, or to say what is wrong.
    """
    if did.get_storage_size() != (data.nbytes if whole is None else whole):
        return False
    offset = did.get_offset() + start
    buffer: Any = data
    done: int = 0
    if meter is None:
        done = os.preadv(descriptor, [buffer], offset)
        if done == data.nbytes:
            return True  # the system may give less than is there
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
    """Write a dataset that has its place in the file, in one piece.

    Args:
        write: writes into the file.
        did: the dataset, of which HDF5 has nothing in its buffers.
        array: contiguous, of the dataset's own shape and dtype.
    """
    write(array.reshape(-1).view(np.uint8), did.get_offset())
