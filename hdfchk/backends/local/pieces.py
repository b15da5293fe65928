"""Arrays in one piece, read and written past HDF5, which would copy them through a buffer first."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from h5py import h5fd

from .disk import read_into, write_all
from .types import file_access

__all__ = ["descriptor_of", "read_piece", "write_piece"]

_IS_PLAIN = hasattr(os, "preadv") and file_access().get_driver() == h5fd.SEC2


def descriptor_of(stream: Any) -> int:
    """The descriptor of an open file, or -1 where HDF5 does not use it as it is.

    Args:
        stream: an `h5py.File` of the driver that HDF5 takes by itself.
    """
    descriptor: int = stream.id.get_vfd_handle() if _IS_PLAIN else -1
    return descriptor


def read_piece(descriptor: int, did: Any, data: np.ndarray[Any, Any]) -> bool:
    """Read a dataset that lies in the file in one piece.

    Args:
        descriptor: of the file, in which HDF5 has nothing left to write.
        did: the dataset.
        data: contiguous, of the dataset's own shape and dtype.

    Returns:
        Whether it could be done; if not, HDF5 has to read it, or to say what is wrong.
    """
    if did.get_storage_size() != data.nbytes:
        return False
    offset = did.get_offset()
    buffer: Any = data
    done: int = os.preadv(descriptor, [buffer], offset)
    if done < data.nbytes:  # the system may give less than is there
        rest: Any = data.reshape(-1).view(np.uint8)[done:]
        done += read_into(descriptor, memoryview(rest), offset + done)
    return done == data.nbytes


def write_piece(descriptor: int, did: Any, array: np.ndarray[Any, Any]) -> None:
    """Write a dataset that has its place in the file, in one piece.

    Args:
        descriptor: of the file.
        did: the dataset, of which HDF5 has nothing in its buffers.
        array: contiguous, of the dataset's own shape and dtype.
    """
    write_all(descriptor, array.reshape(-1).view(np.uint8), did.get_offset())
