"""What the index of a dataset's chunks claims, looked at before anything is allocated for it."""

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
"""Beyond so many places for chunks their index is not gone through: a file of some bytes can have
2**60 of them, and HDF5 looks at each."""
SMALL_CHUNK = 2**24
"""Chunks of up to this many bytes need not be looked at one by one."""
SWELLS_FROM = 2**31
"""HDF5 unpacks a deflate stream to its end, whatever the chunk should have. What could be so many
bytes is looked at before."""


@attrs.frozen
class ChunkSizes:
    """What the chunks of a selection take in the file, and what can be made of that.

    Args:
        stored: bytes in the file.
        made: bytes of memory that the filters can have made of these.
        is_bound: `made` is a bound: the filters have one.
        largest: bytes of memory that HDF5 needs for one of these chunks.
    """

    stored: int
    made: int
    is_bound: bool
    largest: int


def chunk_bytes(did: DatasetID, plist: PropDCID) -> int:
    """The bytes of memory of a chunk."""
    return math.prod(map(int, plist.get_chunk())) * int(did.get_type().get_size())


def look_at(
    did: DatasetID,
    plist: PropDCID,
    file_size: int,
    box: Box | None = None,
    nbytes: int | None = None,
) -> ChunkSizes:
    """Look at the chunks of a dataset, or of a part of it.

    Args:
        did: the dataset, which is in chunks.
        plist: its creation properties.
        file_size: the length of the file.
        box: only the chunks that hold something of it.
        nbytes: what is to be read, if the chunks need no closer look than that this can be.

    Raises:
        CorruptFileError: a chunk is said to lie beyond the end of the file, or they together to
            take more than it has.
        UnsafeFileError: a filter cannot have made a chunk from what the file has of it.
    """
    size, ratio = chunk_bytes(did, plist), greatest_ratio(plist)
    places = math.prod(-(-n // c) for n, c in zip(did.shape, plist.get_chunk(), strict=True))
    if places > MOST_CHUNKS:  # whatever there is, it is in the file
        made = file_size * (ratio or 0)
        largest = size if plist.get_nfilters() else 0
        return ChunkSizes(file_size, made, ratio is not None, largest)
    if nbytes is not None and ratio is not None and size <= SMALL_CHUNK:
        stored = did.get_storage_size()
        if nbytes <= ratio * stored <= SWELLS_FROM and stored <= file_size:
            return ChunkSizes(stored, ratio * stored, is_bound=True, largest=size)
    return _one_by_one(did, plist, file_size, box)


def _one_by_one(did: DatasetID, plist: PropDCID, file_size: int, box: Box | None) -> ChunkSizes:
    size, filtered = chunk_bytes(did, plist), bool(plist.get_nfilters())
    ratios: dict[int, int | None] = {}
    stored = made = largest = 0
    is_bound = True
    for offset, info in chunks_of(did, plist):
        if box is not None and not is_in(offset, plist.get_chunk(), box):
            continue
        if info.byte_offset + info.size > file_size:
            raise _beyond(did, info.byte_offset + info.size, file_size)
        mask = info.filter_mask
        if mask not in ratios:
            ratios[mask] = greatest_ratio(plist, mask) if filtered else 1
        ratio = ratios[mask]
        if ratio is not None and size > ratio * info.size:
            raise UnsafeFileError(
                f"a chunk of {size} bytes, of which the file has {info.size}: its filters can make"
                f" {ratio * info.size} of these at most",
                key=key_of(did),
                hint="the file is damaged, or made to take memory: restore it from a copy",
            )
        stored += info.size
        made += min(size, info.size * (ratio or 0))
        is_bound = is_bound and ratio is not None
        largest = size if filtered else 0
    if stored > file_size:
        raise _beyond(did, stored, file_size)
    return ChunkSizes(stored, made, is_bound, largest)


def chunks_of(did: DatasetID, plist: PropDCID) -> list[tuple[tuple[int, ...], StoreInfo]]:
    """Where each chunk that is stored begins, and what HDF5 tells of it but for that.

    Of an extensible array (the index since 1.10 where one axis is unlimited) HDF5 (2.0 and before)
    tells wrong places when that axis is not the first.
    """
    found: list[StoreInfo] = []
    did.chunk_iter(found.append)
    told = [info.chunk_offset for info in found]
    places = _put_right(did, plist, found, told) if told and may_be_misplaced(did) else told
    return list(zip(places, found, strict=True))


def may_be_misplaced(did: DatasetID) -> bool:
    """Whether HDF5 may tell wrong places of a dataset's chunks."""
    limits = did.get_space().get_simple_extent_dims(True)
    return bool(limits.count(h5s.UNLIMITED) == 1 and limits[0] != h5s.UNLIMITED)


def _put_right(
    did: DatasetID, plist: PropDCID, found: list[StoreInfo], told: list[tuple[int, ...]]
) -> list[tuple[int, ...]]:
    limits, chunk = did.get_space().get_simple_extent_dims(True), plist.get_chunk()
    axis = limits.index(h5s.UNLIMITED)
    counts = [
        -(-n // c) if i != axis else 1 for i, (n, c) in enumerate(zip(limits, chunk, strict=True))
    ]
    places = [_place(offset, chunk, counts, axis) for offset in told]
    if places == told or not all(_is_inside(did, place) for place in places):
        return told
    if not all(_is_inside(did, place) for place in told):
        return places
    # Both may be: what HDF5 reads of one place tells.
    differing = [info for info in found if info.chunk_offset not in set(places)]
    one = min(differing, key=lambda info: info.size, default=None)
    return told if one is None or _is_stored(did, one.chunk_offset) else places


def _place(
    told: tuple[int, ...], chunk: tuple[int, ...], counts: list[int], axis: int
) -> tuple[int, ...]:
    """Where the chunk is whose number in the index HDF5 has told in the order of the axes.

    The index numbers them with the unlimited axis first.
    """
    number = 0
    for at, length, count in zip(told[axis:], chunk[axis:], [1, *counts[axis + 1 :]], strict=True):
        number = number * count + at // length
    place = [0] * len(told)
    for other in reversed(range(len(told))):
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
    """Whether a chunk holds something of a selection."""
    return all(
        first < at + length and at <= last
        for at, length, first, last in zip(offset, chunk, *box, strict=True)
    )


def _beyond(did: DatasetID, end: int, file_size: int) -> CorruptFileError:
    return CorruptFileError(
        f"its chunks are said to take {end} bytes, of a file that has {file_size}",
        key=key_of(did),
        hint="restore it from a copy; verify() says which keys are whole",
    )
