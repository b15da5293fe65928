"""Partial edge chunks, which extend beyond the end of their dataset, and may be unfiltered.

Since HDF5 1.10 a dataset can be created so that no filter is applied to these
(``H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS``). Their filter mask does not record that, and h5py does
not expose the property.
"""

from __future__ import annotations

import itertools

import numpy as np
from h5py import h5d, h5f, h5p, h5s

from ..h5.errors import RAISED
from ..h5.ids import DatasetID, PropDCID, TypeID
from ..h5.object_info import place_of
from .chunk_index import SMALL_CHUNK, chunk_bytes

__all__ = ["is_left", "leaves_edges"]

_COUNTER = itertools.count()


def is_left(did: DatasetID, plist: PropDCID, offset: tuple[int, ...], stored: int) -> bool:
    """Return whether a chunk is a partial edge chunk, and unfiltered for that reason.

    Args:
        did: the dataset.
        plist: its creation properties.
        offset: the offset of the chunk.
        stored: its size in the file in bytes.
    """
    ends = zip(offset, plist.get_chunk(), did.shape, strict=True)
    if all(at + step <= length for at, step, length in ends):
        return False
    return stored == chunk_bytes(did, plist) and leaves_edges(did)


def leaves_edges(did: DatasetID, known: dict[tuple[int, int], bool] | None = None) -> bool:
    """Return whether partial edge chunks of a dataset may be unfiltered.

    True if that is unknown; HDF5 itself handles both.

    Args:
        did: the dataset.
        known: a cache of results, by file number and address: a test takes as long as encoding a
            chunk.
    """
    plist, shape = did.get_create_plist(), did.shape
    if plist.get_layout() != h5d.CHUNKED or not plist.get_nfilters() or 0 in shape:
        return False
    chunk = plist.get_chunk()
    if not any(length % step for length, step in zip(shape, chunk, strict=True)):
        return False
    size = chunk_bytes(did, plist)
    corner = tuple((length - 1) // step * step for length, step in zip(shape, chunk, strict=True))
    there = did.get_chunk_info_by_coord(corner)
    if there.size and there.size != size:
        return False
    if size > SMALL_CHUNK:
        return True
    known, place = {} if known is None else known, place_of(did)
    if place not in known:
        known[place] = _leaves_edges_in_memory(plist, did.get_type(), chunk, size)
    return known[place]


def _leaves_edges_in_memory(
    plist: PropDCID, tid: TypeID, chunk: tuple[int, ...], size: int
) -> bool:
    """Return whether HDF5 leaves such chunks unfiltered, tested with a dataset in memory."""
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fapl_core(2**16, False)
    file = h5f.create(b"hdfchk-edges-%d" % next(_COUNTER), fapl=access)
    try:
        most = h5s.create_simple((1,) * len(chunk), tuple(chunk))
        did = h5d.create(file, b"x", tid, most, plist)
        did.write(h5s.ALL, h5s.ALL, np.zeros((1,) * len(chunk), f"V{tid.get_size()}"), tid)
        return bool(did.get_chunk_info(0).size == size)
    except RAISED:
        return True
    finally:
        file.close()
