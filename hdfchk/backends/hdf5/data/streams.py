"""The packed chunks of a dataset, unpacked here before HDF5 does, which looks at no lengths.

HDF5 takes what its filters make of a chunk for the whole chunk: of one that unpacks to less it
reads, and writes, memory that is not its own, and one that unpacks to more takes what it likes.
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
"""So many places of chunks are looked up one by one; for more all that are there are listed."""
MOST_PLACES = 2**16
"""For more places all chunks around them are looked at."""
_SAME_LENGTH = frozenset({h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32})
"""Filters that make no chunk shorter, but for a checksum at its end."""
_DECLARING = frozenset({h5z.FILTER_LZF, h5z.FILTER_SZIP, h5z.FILTER_NBIT, h5z.FILTER_SCALEOFFSET})
"""Filters that take as much memory for a chunk as the file says that it has."""
_CHECKED = _SAME_LENGTH | _DECLARING | {h5z.FILTER_DEFLATE}
MOST_BOXES = 4096
KEPT_BYTES = 2**22
"""Larger chunks are not kept in memory."""


@attrs.define(eq=False)
class SeenChunks:
    """The chunks of a dataset that were looked at, and the bytes of the last one.

    Args:
        is_kept: whether bytes are kept: nobody writes the file.

    Attributes:
        offsets: of the chunks that were looked at, or were not there: what was looked at once is
            no stranger's, whoever has written it meanwhile.
    """

    is_kept: bool
    offsets: set[Offsets] = attrs.field(init=False, factory=set)
    _last: tuple[Offsets, Any] | None = attrs.field(init=False, default=None)

    def keep(self, offsets: Offsets, raw: Any) -> None:
        """Keep the bytes of a chunk, in place of those of the one before."""
        self._last = (offsets, raw) if self.is_kept and raw.nbytes <= KEPT_BYTES else None

    def drop(self) -> None:
        """Keep no bytes."""
        self._last = None

    def last(self, offsets: Offsets) -> Any:
        """The bytes of a chunk, if they are at hand."""
        return None if self._last is None or self._last[0] != offsets else self._last[1]

    def has(self, places: set[Offsets]) -> bool:
        """Whether the bytes of one chunk are wanted, and at hand."""
        return self._last is not None and places == {self._last[0]}


def boxes_of(space: SpaceID) -> list[Box] | None:
    """The boxes of which a selection is made, or one around it; None for no elements."""
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
    """The boxes of a selection that goes on in equal steps; HDF5 counts each step as one."""
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
    """Refuse chunks of other lengths than they should have, as far as their filters are known here.

    Args:
        did: the dataset.
        plist: its creation properties.
        known: the chunks that were looked at before, or were not there; others enter it.
        boxes: only chunks that hold something of these.

    Raises:
        UnsafeFileError: a chunk unpacks to more.
        CorruptFileError: to less.
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
    """The bytes of an unpacked chunk in the file; None where they are not simply to be told."""
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
    """Place, mask and bytes of the chunks that hold something of the boxes, and are not known."""
    chunk = plist.get_chunk()
    places = None if boxes is None else places_of(chunk, boxes, MOST_PLACES)
    wanted = None if places is None else places - known
    if wanted is not None and len(wanted) <= FEW and not may_be_misplaced(did):
        for offset in wanted:
            info = did.get_chunk_info_by_coord(offset)
            if info.size:
                yield offset, info.filter_mask, info.size
            else:
                known.add(offset)  # whoever writes it from now on is no stranger
        return
    around = None if boxes is None else around_of(boxes)
    for offset, info in chunks_of(did, plist):
        if wanted is not None:
            if offset in wanted:
                yield offset, info.filter_mask, info.size
        elif offset not in known and (around is None or is_in(offset, chunk, around)):
            yield offset, info.filter_mask, info.size


def around_of(boxes: list[Box]) -> Box:
    """The box around some."""
    firsts, lasts = zip(*boxes, strict=True)
    return (
        tuple(map(min, zip(*firsts, strict=True))),
        tuple(map(max, zip(*lasts, strict=True))),
    )


def places_of(chunk: Offsets, boxes: list[Box], most: int = FEW) -> set[Offsets] | None:
    """Where the chunks begin that hold something of some boxes; None if they are many.

    Args:
        chunk: the shape of a chunk.
        boxes: where.
        most: how many are not many, boxes that share one counted each.
    """
    if sum(_places(chunk, box) for box in boxes) > most:
        return None
    return {place for box in boxes for place in _grid(chunk, box)}


def _places(chunk: Offsets, box: Box) -> int:
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
    """Refuse a chunk of another length.

    Args:
        did: the dataset.
        offset: where the chunk is.
        stored: its bytes in the file.
        left: the filters that were used for it: code, flags and values.
        size: the bytes of the unpacked chunk.
        exact: they are to be as many, and not only no more.
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
            return  # HDF5 stops there, too
        ended = stream.eof
    elif exact:
        made = min(size, _declared(did, offset, stored - tail, left[-1], size))  # more does no harm
    else:
        return
    if made > size:
        raise UnsafeFileError(
            f"a chunk of {size} bytes unpacks to more than these",
            key=key_of(did),
            hint="the file is damaged, or made to take memory: restore it from a copy",
        )
    if exact and ended and made < size:
        raise CorruptFileError(
            f"the data cannot be read (a chunk does not unpack to {size} bytes)",
            key=key_of(did),
            hint="restore it from a copy; verify() says which keys are whole",
        )


def _declared(did: DatasetID, offset: Offsets, stored: int, used: Any, size: int) -> int:
    """How many bytes a filter takes for what it unpacks: as its source in HDF5, or h5py, has it."""
    code, _, values = used
    if code == h5z.FILTER_SZIP:
        _, raw = did.read_direct_chunk(offset)
        return int.from_bytes(raw[:4], "little")
    if code == h5z.FILTER_LZF:
        if len(values) > 2 and values[2]:
            return int(values[2])
        _, raw = did.read_direct_chunk(offset)  # of strings and the like nothing is said
        return _bytes_of_lzf(raw[:stored], size)
    if code == h5z.FILTER_NBIT and len(values) > 1 and values[1]:  # the chunk is as it was
        return stored
    return int(values[2]) * int(values[4]) if len(values) > 4 else 0


def _bytes_of_lzf(raw: bytes, size: int) -> int:
    """To how many bytes, of `size` that are of interest, a stream of LibLZF unpacks."""
    at = made = 0
    while at < len(raw) and made < size:
        control = raw[at]
        if control < 32:  # so many bytes, and one more, as they are
            made += control + 1
            at += control + 2
        else:  # so many bytes, and two more, of those before
            length = control >> 5
            if length == 7 and at + 1 < len(raw):
                at += 1
                length += raw[at]
            made += length + 2
            at += 2
    return made
