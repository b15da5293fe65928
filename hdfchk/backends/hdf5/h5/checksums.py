"""Checksums of data for which HDF5 has none: large scalars, and variable-length elements.

Small data are part of HDF5's metadata, which have checksums; chunked arrays use HDF5's fletcher32
filter. All other data have a CRC-32 in an attribute.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from h5py import h5a, h5t

from ....errors import CorruptFileError
from ....tree import Leaf
from .ids import DatasetID
from .links import key_of
from .types import SCALAR

__all__ = ["SUM", "forget", "forgotten", "has", "read", "restore", "sum_of", "verify", "write"]

SUM = b"hdfchk-crc32"


def sum_of(data: Any) -> int:
    """Return the CRC-32 of the data of a leaf, which is equal before writing and after reading."""
    if isinstance(data, np.ndarray) and data.dtype.kind == "O":
        total = 0
        for item in data.reshape(-1):
            raw = _raw(item)
            total = zlib.crc32(raw, zlib.crc32(len(raw).to_bytes(8, "little"), total))
        return total
    if isinstance(data, np.ndarray):
        return zlib.crc32(data.tobytes().rstrip(b"\0"))
    return zlib.crc32(_raw(data).rstrip(b"\0"))


def _raw(item: Any) -> bytes:
    return item if isinstance(item, bytes) else str(item).encode("utf-8", "surrogatepass")


def write(did: DatasetID, data: Any) -> None:
    """Store the checksum of the data of a dataset."""
    restore(did, sum_of(data))


def read(did: DatasetID) -> int | None:
    """Return the stored checksum of a dataset, or None."""
    if not has(did):
        return None
    kept = np.empty((), "<u4")
    h5a.open(did, SUM).read(kept)
    return int(kept)


def restore(did: DatasetID, kept: int | None) -> None:
    """Store a checksum that `read` returned, or delete the stored one if `kept` is None."""
    if kept is None:
        forget(did)
        return
    aid = h5a.open(did, SUM) if has(did) else h5a.create(did, SUM, h5t.STD_U32LE, SCALAR)
    aid.write(np.array(kept, "<u4"))


def has(did: DatasetID) -> bool:
    """Return whether a dataset has a stored checksum."""
    return bool(h5a.get_num_attrs(did)) and bool(h5a.exists(did, SUM))


def forget(did: DatasetID) -> None:
    """Delete the checksum of data that are about to change in part."""
    if has(did):
        h5a.delete(did, SUM)


@contextmanager
def forgotten(did: DatasetID) -> Iterator[None]:
    """Context that deletes the checksum for a partial change of the data; an error restores it."""
    kept = read(did)
    try:
        forget(did)
        yield
    except BaseException:
        restore(did, kept)
        raise


def verify(did: DatasetID, data: Callable[[], Leaf]) -> None:
    """Compare the data with their checksum, if there is one.

    Raises:
        CorruptFileError: they differ.
    """
    kept = read(did)
    if kept is not None and kept != sum_of(data().data):
        raise CorruptFileError(
            "the data do not match their checksum",
            key=key_of(did),
            hint="restore it from a copy",
        )
