"""Checks of the claims of a chunk index, before memory is allocated for them."""

from __future__ import annotations

import math

import attrs
from h5py import h5s

from ....errors import CorruptFileError, UnsafeFileError
from ..h5.errors import RAISED
from ..h5.ids import DatasetID, PropDCID, StoreInfo
from ..h5.links import key_of
from .filters import greatest_ratio

__all__ = [
    "SMALL_CHUNK",
    "Box",
    "ChunkSizes",
    "chunk_bytes",
    "chunks_of",
    "is_in",
    "look_at",
    "may_be_misplaced",
]

Box = tuple[tuple[int, ...], tuple[int, ...]]
"""The first and the last element of a selection, in each axis."""
MOST_CHUNKS = 2**24
"""If there may be more chunks, the index is not iterated: a file of a few bytes can have 2**60 of
them, and HDF5 would visit each."""
SMALL_CHUNK = 2**24
"""Chunks of up to this size in bytes need not be checked one by one."""
SWELLS_FROM = 2**31
"""HDF5 inflates a deflate stream to its end, whatever the size of the chunk. A stream that could
inflate to more bytes is checked first."""


@attrs.frozen
class ChunkSizes:
    """The sizes of the chunks of a selection, in the file and in memory.

    Args:
        stored: the number of bytes in the file.
        made: the maximum number of bytes to which the filters can decode these.
        is_bound: `made` is valid: all filters have a maximum ratio.
        largest: the number of bytes of memory that HDF5 needs for one chunk.
    """

    stored: int
    made: int
    is_bound: bool
    largest: int


def chunk_bytes(did: DatasetID, plist: PropDCID) -> int:
    """Return the size of a decoded chunk in bytes."""
    return math.prod(map(int, plist.get_chunk())) * int(did.get_type().get_size())


def look_at(
    did: DatasetID,
    plist: PropDCID,
    file_size: int,
    box: Box | None = None,
    nbytes: int | None = None,
) -> ChunkSizes:
    """Check the chunks of a dataset, or of a part of it.

    Args:
        did: the dataset, which is chunked.
        plist: its creation properties.
        file_size: the length of the file in bytes.
        box: check only chunks that intersect it.
        nbytes: the number of bytes to be read; if that is plausible, the chunks are not checked one
            by one.

    Raises:
        CorruptFileError: a chunk extends beyond the end of the file, or all chunks together are
            larger than the file.
        UnsafeFileError: a filter cannot have produced a chunk from its bytes in the file.
    """
    size, ratio = chunk_bytes(did, plist), greatest_ratio(plist)
    places = math.prod(-(-n // c) for n, c in zip(did.shape, plist.get_chunk(), strict=True))
    if places > MOST_CHUNKS:  # an upper bound: everything is in the file
        made = file_size * (ratio or 0)
        largest = size if plist.get_nfilters() else 0
        return ChunkSizes(file_size, made, ratio is not None, largest)
    if nbytes is not None and ratio is not None and size <= SMALL_CHUNK:
        stored = did.get_storage_size()
        if nbytes <= ratio * stored <= SWELLS_FROM and stored <= file_size:
            return ChunkSizes(stored, ratio * stored, is_bound=True, largest=size)
    return _check_each(did, plist, file_size, box)


def _check_each(did: DatasetID, plist: PropDCID, file_size: int, box: Box | None) -> ChunkSizes:
    size, filtered = chunk_bytes(did, plist), bool(plist.get_nfilters())
    ratios: dict[int, int | None] = {}
    stored = made = largest = 0
    is_bound = True
    for offset, info in chunks_of(did, plist):
        if box is not None and not is_in(offset, plist.get_chunk(), box):
            continue
        if info.byte_offset + info.size > file_size:
            raise _too_long(did, info.byte_offset + info.size, file_size)
        mask = info.filter_mask
        if mask not in ratios:
            ratios[mask] = greatest_ratio(plist, mask) if filtered else 1
        ratio = ratios[mask]
        if ratio is not None and size > ratio * info.size:
            raise UnsafeFileError(
                f"a chunk of {size} bytes has {info.size} bytes in the file, which its filters can"
                f" decode to at most {ratio * info.size}",
                key=key_of(did),
                hint="the file is damaged, or designed to exhaust memory: restore it from a copy",
            )
        stored += info.size
        made += min(size, info.size * (ratio or 0))
        is_bound = is_bound and ratio is not None
        largest = size if filtered else 0
    if stored > file_size:
        raise _too_long(did, stored, file_size)
    return ChunkSizes(stored, made, is_bound, largest)


def chunks_of(did: DatasetID, plist: PropDCID) -> list[tuple[tuple[int, ...], StoreInfo]]:
    """Return offset and other properties of each stored chunk.

    For an extensible array (the index since HDF5 1.10 if one axis is unlimited) HDF5 (2.0 and
    before) reports wrong offsets, if that axis is not the first.
    """
    found: list[StoreInfo] = []
    did.chunk_iter(found.append)
    reported = [info.chunk_offset for info in found]
    places = (
        _corrected_offsets(did, plist, found, reported)
        if reported and may_be_misplaced(did)
        else reported
    )
    return list(zip(places, found, strict=True))


def may_be_misplaced(did: DatasetID) -> bool:
    """Return whether HDF5 may report wrong offsets for the chunks of a dataset."""
    limits = did.get_space().get_simple_extent_dims(True)
    return bool(limits.count(h5s.UNLIMITED) == 1 and limits[0] != h5s.UNLIMITED)


def _corrected_offsets(
    did: DatasetID, plist: PropDCID, found: list[StoreInfo], reported: list[tuple[int, ...]]
) -> list[tuple[int, ...]]:
    limits, chunk = did.get_space().get_simple_extent_dims(True), plist.get_chunk()
    axis = limits.index(h5s.UNLIMITED)
    counts = [
        -(-n // c) if i != axis else 1 for i, (n, c) in enumerate(zip(limits, chunk, strict=True))
    ]
    places = [_corrected_offset(offset, chunk, counts, axis) for offset in reported]
    if places == reported or not all(_is_inside(did, place) for place in places):
        return reported
    if not all(_is_inside(did, place) for place in reported):
        return places
    # Both are possible: reading at one offset decides.
    differing = [info for info in found if info.chunk_offset not in set(places)]
    one = min(differing, key=lambda info: info.size, default=None)
    return reported if one is None or _is_stored(did, one.chunk_offset) else places


def _corrected_offset(
    reported: tuple[int, ...], chunk: tuple[int, ...], counts: list[int], axis: int
) -> tuple[int, ...]:
    """Return the correct offset of a chunk, from one computed with the axes in order.

    The index numbers the chunks with the unlimited axis first.
    """
    number = 0
    for at, length, count in zip(
        reported[axis:], chunk[axis:], [1, *counts[axis + 1 :]], strict=True
    ):
        number = number * count + at // length
    place = [0] * len(reported)
    for other in reversed(range(len(reported))):
        if other != axis:
            number, rest = divmod(number, counts[other])
            place[other] = rest * chunk[other]
    place[axis] = number * chunk[axis]
    return tuple(place)


def _is_inside(did: DatasetID, place: tuple[int, ...]) -> bool:
    shape: tuple[int, ...] = did.shape
    return all(at < length for at, length in zip(place, shape, strict=True))


def _is_stored(did: DatasetID, place: tuple[int, ...]) -> bool:
    try:
        did.read_direct_chunk(place)
    except RAISED:
        return False
    return True


def is_in(offset: tuple[int, ...], chunk: tuple[int, ...], box: Box) -> bool:
    """Return whether a chunk intersects a selection."""
    return all(
        first < at + length and at <= last
        for at, length, first, last in zip(offset, chunk, *box, strict=True)
    )


def _too_long(did: DatasetID, end: int, file_size: int) -> CorruptFileError:
    return CorruptFileError(
        f"its chunks occupy {end} bytes, but the file has only {file_size}",
        key=key_of(did),
        hint="restore it from a copy; verify() lists the intact keys",
    )
