"""Chunks to what HDF5's shuffle, deflate and fletcher32 filters make of them, and back.

Pure functions on bytes, which may run in threads while HDF5 is busy elsewhere: the libraries let go
of the interpreter while they work. ``isal`` (Intel's ISA-L, in the extra ``fast``) is used if it is
there: it packs several times as fast as zlib, whose format it writes.

Sources: the filters' forms are those of "HDF5 File Format Specification", IV.A.2.l (the filter
pipeline), and of H5Zshuffle.c, H5Zdeflate.c and H5checksum.c of HDF5; RFC 1950 and 1951.
"""

from __future__ import annotations

import functools
import math
import struct
import zlib
from typing import Any

import attrs
import numpy as np

__all__ = [
    "Pipeline",
    "fletcher32",
    "inflate",
    "pack",
    "rows_of_chunk",
    "shuffled",
    "unpack",
    "unshuffle",
    "zlib_library",
]

_FAST_LEVELS = 3
"""ISA-L has levels up to this one."""
_SUM_BYTES = 4
_WORDS = 2**13
"""So many words of 16 bits are summed up at once: a float holds their weighted sum exactly.

They are few enough that their floats come from memory that the process has, and that OpenBLAS does
not share them out among threads (from 10,000 on): both took many times as long as the sum itself.
"""
_WEIGHTS = np.arange(_WORDS, 0, -1, dtype=np.float64)

_ZLIB_HEADER = b"\x78\x01"
_STORED = 2**16 - 1
"""What a block of a deflate stream can hold that is stored as it is."""
_STORED_HEAD = struct.Struct("<BHH")
_SEGMENT = 2**17
_WORTH_IT = 0.97

Bytes = bytes | bytearray | memoryview
AnyBytes = np.ndarray[Any, np.dtype[np.uint8]]


@attrs.frozen
class Pipeline:
    """The filters of a dataset, where they are such as this module has.

    Args:
        chunk: the shape of a chunk.
        itemsize: of what is shuffled, in bytes; 1 for no shuffling.
        level: of deflate.
        checksum: whether a fletcher32 sum follows the packed bytes.
    """

    chunk: tuple[int, ...]
    itemsize: int
    level: int
    checksum: bool

    @property
    def deflate_bit(self) -> int:
        """The bit of a chunk's mask that says that it is not deflated."""
        return 2 if self.itemsize > 1 else 1


@functools.cache
def zlib_library() -> Any:
    """ISA-L, if it is there, or zlib."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib
    return isal_zlib


def pack(block: np.ndarray[Any, Any], pipeline: Pipeline) -> bytes:
    """The bytes of a chunk as they lie in the file.

    Args:
        block: the elements, of the shape of a chunk; contiguous, or it is copied.
        pipeline: the filters.
    """
    raw = np.ascontiguousarray(block).reshape(-1).view(np.uint8)
    plane = raw.size
    if pipeline.itemsize > 1:
        raw, plane = shuffled(raw, pipeline.itemsize), raw.size // pipeline.itemsize
    length = plane if _SEGMENT // 2 <= plane <= _SEGMENT * 2 else _SEGMENT
    packed = _deflated(raw, length, pipeline.level)
    if pipeline.checksum:
        packed += fletcher32(packed).to_bytes(_SUM_BYTES, "little")
    return packed


def _deflated(raw: np.ndarray[Any, Any], length: int, level: int) -> bytes:
    """A zlib stream (RFC 1950) of bytes that are packed segment by segment, or stored as they are.

    The low bytes of measured numbers are noise. Packed, they would take as much space as before,
    and most of the time of unpacking; so each segment that hardly becomes smaller is stored.

    Args:
        raw: the bytes.
        length: of a segment.
        level: of deflate.
    """
    library = zlib_library() if level <= _FAST_LEVELS else zlib
    parts: list[Any] = [_ZLIB_HEADER]
    for start in range(0, raw.size, length):
        segment = raw[start : start + length]
        stream = library.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = stream.compress(segment) + stream.flush(zlib.Z_SYNC_FLUSH)
        if len(packed) < _WORTH_IT * segment.size:
            parts.append(packed)
            continue
        for offset in range(0, segment.size, _STORED):
            part = segment[offset : offset + _STORED]
            parts += [_STORED_HEAD.pack(0, part.size, part.size ^ 0xFFFF), part.data]
    parts += [_STORED_HEAD.pack(1, 0, 0xFFFF), library.adler32(raw).to_bytes(4, "big")]
    return b"".join(parts)


def unpack(mask: int, packed: Bytes, target: np.ndarray[Any, Any], pipeline: Pipeline) -> bool:
    """Fill `target`, a contiguous array of uint8, with the bytes of a chunk.

    Args:
        mask: which filters were left out.
        packed: the chunk as it lies in the file.
        target: as long as a chunk.
        pipeline: the filters.

    Returns:
        Whether it could be done; if not, `target` holds anything, and HDF5 shall say what is wrong.
    """
    raw = inflate(mask, packed, target.size, pipeline)
    if raw is None:
        return False
    if pipeline.itemsize > 1:
        unshuffle(raw, target, pipeline.itemsize)
    else:
        target[:] = raw
    return True


def inflate(mask: int, packed: Bytes, size: int, pipeline: Pipeline) -> AnyBytes | None:
    """The bytes of a chunk, shuffled as they were; None where they are not `size`, or damaged.

    Args:
        mask: which filters were left out.
        packed: the chunk as it lies in the file.
        size: of the chunk.
        pipeline: the filters.
    """
    view = memoryview(packed)
    if pipeline.checksum:
        view, kept = view[:-_SUM_BYTES], int.from_bytes(view[-_SUM_BYTES:], "little")
        if fletcher32(view) != kept:
            return None
    if mask not in {0, pipeline.deflate_bit}:
        return None
    data = view if mask else _inflated(view, size)
    if data is None or len(data) != size:
        return None
    return np.frombuffer(data, np.uint8)


def rows_of_chunk(
    raw: AnyBytes, pipeline: Pipeline, dtype: np.dtype[Any], part: slice
) -> np.ndarray[Any, Any]:
    """Some rows of a chunk; only their bytes are put in order.

    Args:
        raw: what `inflate` gave.
        pipeline: the filters.
        dtype: of the elements.
        part: which rows, by a first and a last one.
    """
    row = math.prod(pipeline.chunk[1:])
    first, last = part.start * row, part.stop * row
    if pipeline.itemsize > 1:
        planes = raw.reshape(dtype.itemsize, -1)[:, first:last]
        raw = np.ascontiguousarray(planes.T).reshape(-1)
    else:
        raw = raw[first * dtype.itemsize : last * dtype.itemsize]
    return raw.view(dtype).reshape(part.stop - part.start, *pipeline.chunk[1:])


def _inflated(view: memoryview, size: int) -> bytes | None:
    library = zlib_library()
    stream = library.decompressobj()
    try:
        data: bytes = stream.decompress(view, size + 1)  # never more than there is room for
    except library.error:
        return None
    return data if stream.eof else None


def shuffled(raw: np.ndarray[Any, Any], itemsize: int) -> np.ndarray[Any, Any]:
    """The first bytes of all items, then the second ones, and so on; what is over stays behind."""
    count = raw.size // itemsize
    out = np.empty(raw.size, np.uint8)
    whole = count * itemsize
    source, planes = raw[:whole].reshape(count, itemsize), out[:whole].reshape(itemsize, count)
    for number in range(itemsize):
        planes[number] = source[:, number]
    out[whole:] = raw[whole:]
    return out


def unshuffle(raw: np.ndarray[Any, Any], target: np.ndarray[Any, Any], itemsize: int) -> None:
    """The inverse of `shuffled`, into `target`."""
    count = raw.size // itemsize
    whole = count * itemsize
    planes, items = raw[:whole].reshape(itemsize, count), target[:whole].reshape(count, itemsize)
    for number in range(itemsize):
        items[:, number] = planes[number]
    target[whole:] = raw[whole:]


def fletcher32(data: Bytes) -> int:
    """HDF5's checksum: sums of big-endian 16-bit words, and of these sums, modulo 65535.

    Words are summed up in the machine's order, and multiplied by 256 at the end: modulo 65535 that
    is what swapping their bytes does. Floats hold the sums exactly, and are added faster.

    Example:
        >>> hex(fletcher32(b"abcde"))
        '0x4ff029c7'
    """
    words = np.frombuffer(data, "<u2", len(data) // 2)
    first = second = 0
    for start in range(0, len(words), _WORDS):
        part = words[start : start + _WORDS].astype(np.float64)
        weights = _WEIGHTS[_WORDS - len(part) :]
        second = _reduced(second + first * len(part) + int(weights @ part))
        first = _reduced(first + int(part.sum()))
    if len(data) % 2:
        first = _reduced(first + data[-1])
        second = _reduced(second + first)
    return _reduced(second << 8) << 16 | _reduced(first << 8)


def _reduced(total: int) -> int:
    """`total` modulo 65535 as folding does it: only nothing gives 0."""
    return total and (total - 1) % 65535 + 1
