"""Checks of encoded chunks, before HDF5 decodes them: HDF5 does not check their lengths.

HDF5 takes the output of the filters for a whole chunk: if that is too short, it reads and writes
memory beyond it; if it is too long, HDF5 may exhaust memory.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator
from typing import Any

import attrs
from h5py import h5d, h5i, h5s, h5t, h5z

from ....errors import CorruptFileError, HdfchkError, UnsafeFileError
from ..h5.ids import DatasetID, PropDCID, SpaceID
from ..h5.links import key_of
from ..h5.types import has_variable
from .chunk_index import SWELLS_FROM, Box, chunk_bytes, chunks_of, is_in, may_be_misplaced
from .edges import is_left
from .filters import RATIOS

__all__ = ["SeenChunks", "around_of", "boxes_of", "places_of", "refuse_streams"]

Offsets = tuple[int, ...]
_SUM_BYTES = 4
FEW = 64
"""At most this many chunks are looked up one by one; for more, all stored chunks are listed."""
MOST_PLACES = 2**16
"""For more chunks, all in the box around the selection are checked."""
_SAME_LENGTH = frozenset({h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32})
"""Filters that keep the length of a chunk, except for a checksum at its end."""
_DECLARING = frozenset({h5z.FILTER_LZF, h5z.FILTER_SZIP, h5z.FILTER_NBIT, h5z.FILTER_SCALEOFFSET})
"""Filters that allocate the size that the file declares for a chunk."""
_CHECKED = _SAME_LENGTH | _DECLARING | {h5z.FILTER_DEFLATE}
MOST_BOXES = 4096
KEPT_BYTES = 2**22
"""Larger chunks are not cached."""


@attrs.define(eq=False)
class SeenChunks:
    """The checked chunks of a dataset, and the inflated bytes of the last one.

    Args:
        is_kept: the bytes can be cached, since nobody writes the file.

    Attributes:
        offsets: the chunks that were checked, or did not exist: chunks that are written later are
            written by this process, and valid.
    """

    is_kept: bool
    offsets: set[Offsets] = attrs.field(init=False, factory=set)
    _last: tuple[Offsets, Any] | None = attrs.field(init=False, default=None)

    def keep(self, offsets: Offsets, raw: Any) -> None:
        """Cache the bytes of a chunk, instead of those of the chunk before."""
        self._last = (offsets, raw) if self.is_kept and raw.nbytes <= KEPT_BYTES else None

    def drop(self) -> None:
        """Drop the cached bytes."""
        self._last = None

    def last(self, offsets: Offsets) -> Any:
        """Return the bytes of a chunk, if they are cached."""
        return None if self._last is None or self._last[0] != offsets else self._last[1]

    def has(self, places: set[Offsets]) -> bool:
        """Return whether only one chunk is requested, and its bytes are cached."""
        return self._last is not None and places == {self._last[0]}


def boxes_of(space: SpaceID) -> list[Box] | None:
    """Return the boxes of a selection, or one around it; None if it is empty, or has no axes."""
    if not space.get_select_npoints() or not space.shape:
        return None
    kind = space.get_select_type()
    if kind == h5s.SEL_HYPERSLABS:
        if space.is_regular_hyperslab():
            return _regular_boxes(space)
        if space.get_select_hyper_nblocks() <= MOST_BOXES:
            blocks = space.get_select_hyper_blocklist()
            return [(tuple(map(int, first)), tuple(map(int, last))) for first, last in blocks]
    if kind == h5s.SEL_POINTS and space.get_select_npoints() <= MOST_BOXES:
        points = [tuple(map(int, point)) for point in space.get_select_elem_pointlist()]
        return [(point, point) for point in points]
    return [space.get_select_bounds()]


def _regular_boxes(space: SpaceID) -> list[Box]:
    """Return the boxes of a regular hyperslab; HDF5 itself counts each block separately."""
    axes: list[list[tuple[int, int]]] = []
    for start, stride, count, block in zip(*space.get_regular_hyperslab(), strict=True):
        if stride == block:
            axes.append([(start, start + count * block - 1)])
        else:
            firsts = range(start, start + count * stride, stride)
            axes.append([(first, first + block - 1) for first in firsts[: MOST_BOXES + 1]])
    if math.prod(map(len, axes)) > MOST_BOXES:
        return [space.get_select_bounds()]
    return [
        (tuple(first for first, _ in part), tuple(last for _, last in part))
        for part in itertools.product(*axes)
    ]


def refuse_streams(
    did: DatasetID,
    plist: PropDCID,
    known: set[Offsets],
    boxes: list[Box] | None = None,
) -> None:
    """Reject chunks that decode to a wrong length, if their filters are known here.

    Args:
        did: the dataset.
        plist: its creation properties.
        known: the chunks that were checked before, or did not exist; those checked are added.
        boxes: only chunks that intersect these.

    Raises:
        UnsafeFileError: a chunk decodes to more.
        CorruptFileError: a chunk decodes to less.
    """
    if plist.get_layout() != h5d.CHUNKED or not plist.get_nfilters():
        return
    filters = [plist.get_filter(index)[:3] for index in range(plist.get_nfilters())]
    codes = [code for code, _, _ in filters]
    size = _stored_bytes(did, plist)
    exact = size is not None and _CHECKED.issuperset(codes)
    swells = h5z.FILTER_DEFLATE in codes and (
        did.get_storage_size() * RATIOS[h5z.FILTER_DEFLATE] > SWELLS_FROM
    )
    if not (exact or swells):
        return
    most = chunk_bytes(did, plist) if size is None else size
    for offset, mask, stored in _chunks(did, plist, known, boxes):
        if exact or stored * RATIOS[h5z.FILTER_DEFLATE] > SWELLS_FROM:
            left = [used for index, used in enumerate(filters) if not mask >> index & 1]
            try:
                _refuse_stream(did, offset, stored, left, most, exact=exact)
            except HdfchkError:
                if not is_left(did, plist, offset, stored):
                    raise
        known.add(offset)


def _stored_bytes(did: DatasetID, plist: PropDCID) -> int | None:
    """Return the size of a decoded chunk in the file, in bytes; None if that is unknown."""
    tid = did.get_type()
    if tid.detect_class(h5t.REFERENCE):
        return None
    if not has_variable(tid):
        return chunk_bytes(did, plist)
    if tid.get_class() == h5t.VLEN or (tid.get_class() == h5t.STRING and tid.is_variable_str()):
        address = h5i.get_file_id(did).get_create_plist().get_sizes()[0]
        return math.prod(map(int, plist.get_chunk())) * (
            4 + int(address) + 4
        )  # length, heap, index
    return None


def _chunks(
    did: DatasetID, plist: PropDCID, known: set[Offsets], boxes: list[Box] | None
) -> Iterator[tuple[Offsets, int, int]]:
    """Yield offset, filter mask and size of unknown chunks that intersect the boxes."""
    chunk = plist.get_chunk()
    places = None if boxes is None else places_of(chunk, boxes, MOST_PLACES)
    wanted = None if places is None else places - known
    if wanted is not None and len(wanted) <= FEW and not may_be_misplaced(did):
        for offset in wanted:
            info = did.get_chunk_info_by_coord(offset)
            if info.size:
                yield offset, info.filter_mask, info.size
            else:
                known.add(offset)  # only this process can write it from now on
        return
    around = None if boxes is None else around_of(boxes)
    for offset, info in chunks_of(did, plist):
        if wanted is not None:
            if offset in wanted:
                yield offset, info.filter_mask, info.size
        elif offset not in known and (around is None or is_in(offset, chunk, around)):
            yield offset, info.filter_mask, info.size


def around_of(boxes: list[Box]) -> Box:
    """Return the box around some boxes."""
    firsts, lasts = zip(*boxes, strict=True)
    return (
        tuple(map(min, zip(*firsts, strict=True))),
        tuple(map(max, zip(*lasts, strict=True))),
    )


def places_of(chunk: Offsets, boxes: list[Box], most: int = FEW) -> set[Offsets] | None:
    """Return the offsets of the chunks that intersect some boxes; None if more than `most`.

    Args:
        chunk: the shape of a chunk.
        boxes: the boxes.
        most: the maximum number; chunks shared by boxes count for each.
    """
    if sum(_count_chunks(chunk, box) for box in boxes) > most:
        return None
    return {place for box in boxes for place in _grid(chunk, box)}


def _count_chunks(chunk: Offsets, box: Box) -> int:
    return math.prod(
        last // step - first // step + 1 for first, last, step in zip(*box, chunk, strict=True)
    )


def _grid(chunk: Offsets, box: Box) -> Iterator[Offsets]:
    return itertools.product(
        *(
            range(first // step * step, last + 1, step)
            for first, last, step in zip(*box, chunk, strict=True)
        )
    )


def _refuse_stream(
    did: DatasetID, offset: Offsets, stored: int, left: list[Any], size: int, *, exact: bool
) -> None:
    """Reject a chunk that decodes to another length.

    Args:
        did: the dataset.
        offset: the offset of the chunk.
        stored: its size in the file in bytes.
        left: the filters that were applied to it: code, flags and values.
        size: the size of a decoded chunk in bytes.
        exact: the chunk must decode to exactly that size, not only to no more.
    """
    tail = 0
    while left and left[-1][0] in _SAME_LENGTH:
        tail += _SUM_BYTES if left.pop()[0] == h5z.FILTER_FLETCHER32 else 0
    codes = [code for code, _, _ in left]
    if codes:
        size += _SUM_BYTES * codes.count(h5z.FILTER_FLETCHER32)
        exact = exact and _SAME_LENGTH.issuperset(codes[:-1])
    ended = True
    if not codes:
        made = stored - tail
    elif codes[-1] == h5z.FILTER_DEFLATE:
        _, raw = did.read_direct_chunk(offset)
        stream = zlib.decompressobj()
        try:
            made = len(stream.decompress(memoryview(raw)[: len(raw) - tail], size + 1))
        except zlib.error:
            return  # HDF5 raises an error, too
        ended = stream.eof
    elif exact:
        made = min(
            size, _declared_bytes(did, offset, stored - tail, left[-1], size)
        )  # more does no harm
    else:
        return
    if made > size:
        raise UnsafeFileError(
            f"a chunk of {size} bytes decodes to more than that",
            key=key_of(did),
            hint="the file is damaged, or designed to exhaust memory: restore it from a copy",
        )
    if exact and ended and made < size:
        raise CorruptFileError(
            f"the data cannot be read (a chunk does not decode to {size} bytes)",
            key=key_of(did),
            hint="restore it from a copy; verify() lists the intact keys",
        )


def _declared_bytes(did: DatasetID, offset: Offsets, stored: int, used: Any, size: int) -> int:
    """Return the number of bytes that a filter will output, according to its source code."""
    code, _, values = used
    if code == h5z.FILTER_SZIP:
        _, raw = did.read_direct_chunk(offset)
        return int.from_bytes(raw[:4], "little")
    if code == h5z.FILTER_LZF:
        if len(values) > 2 and values[2]:
            return int(values[2])
        _, raw = did.read_direct_chunk(offset)  # for strings and similar types, no size is declared
        return _bytes_of_lzf(raw[:stored], size)
    if code == h5z.FILTER_NBIT and len(values) > 1 and values[1]:  # the filter is not applied
        return stored
    return int(values[2]) * int(values[4]) if len(values) > 4 else 0


def _bytes_of_lzf(raw: bytes, size: int) -> int:
    """Return the size of a decoded LibLZF stream, counted up to `size` bytes."""
    at = made = 0
    while at < len(raw) and made < size:
        control = raw[at]
        if control < 32:  # control + 1 literal bytes
            made += control + 1
            at += control + 2
        else:  # a back reference, of length + 2 bytes
            length = control >> 5
            if length == 7 and at + 1 < len(raw):
                at += 1
                length += raw[at]
            made += length + 2
            at += 2
    return made
