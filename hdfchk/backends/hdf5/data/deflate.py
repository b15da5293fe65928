"""HDF5's shuffle, deflate and fletcher32 filters: encoding and decoding of chunks.

Pure functions on bytes, which may run in threads while HDF5 is busy elsewhere: the libraries
release the GIL. ``isal`` (Intel's ISA-L, in the extra ``fast``) is used if it is installed: it
compresses several times as fast as zlib, in the same format.

Sources: the filters are specified in the "HDF5 File Format Specification", IV.A.2.l (the filter
pipeline), and in H5Zshuffle.c, H5Zdeflate.c and H5checksum.c of HDF5; RFC 1950 and 1951.
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
"""The maximum level of ISA-L."""
_SUM_BYTES = 4
_WORDS = 2**13
"""The number of 16-bit words summed at once: a float64 represents their weighted sum exactly.

It is small enough that the floats fit in memory that the process already has, and that OpenBLAS
does not use threads (from 10,000 on): either took many times as long as the sum itself.
"""
_WEIGHTS = np.arange(_WORDS, 0, -1, dtype=np.float64)

_ZLIB_HEADER = b"\x78\x01"
_STORED = 2**16 - 1
"""The maximum size in bytes of a stored (uncompressed) block in a deflate stream."""
_STORED_HEAD = struct.Struct("<BHH")
_SEGMENT = 2**17
_WORTH_IT = 0.97

Bytes = bytes | bytearray | memoryview
AnyBytes = np.ndarray[Any, np.dtype[np.uint8]]


@attrs.frozen
class Pipeline:
    """The filters of a dataset, if all are implemented in this module.

    Args:
        chunk: the shape of a chunk.
        itemsize: the element size in bytes for the shuffle filter; 1 without that filter.
        level: the level of deflate.
        checksum: a fletcher32 checksum follows the compressed bytes.
    """

    chunk: tuple[int, ...]
    itemsize: int
    level: int
    checksum: bool

    @property
    def deflate_bit(self) -> int:
        """The bit of a chunk's filter mask that says that deflate was skipped."""
        return 2 if self.itemsize > 1 else 1


@functools.cache
def zlib_library() -> Any:
    """Return ISA-L's module if it is installed, otherwise zlib."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib
    return isal_zlib


def pack(block: np.ndarray[Any, Any], pipeline: Pipeline) -> bytes:
    """Return the encoded bytes of a chunk.

    Args:
        block: the elements, in the shape of a chunk; copied unless contiguous.
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
    """Return a zlib stream (RFC 1950) whose segments are compressed, or stored uncompressed.

    The low bytes of measured numbers are noise. Compressed, they would take as much space as
    before, and most of the time of decompression; so segments that hardly become smaller are stored
    uncompressed.

    Args:
        raw: the bytes.
        length: the length of a segment in bytes.
        level: the level of deflate.
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
    """Fill `target`, a contiguous array of uint8, with the decoded bytes of a chunk.

    Args:
        mask: the filter mask of the chunk: the filters that were skipped.
        packed: the encoded chunk.
        target: an array of the size of a decoded chunk.
        pipeline: the filters.

    Returns:
        Whether it was done; if not, the contents of `target` are undefined, and HDF5 reports why.
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
    """Return the inflated, still shuffled bytes of a chunk; None if damaged or not `size` bytes.

    Args:
        mask: the filter mask of the chunk: the filters that were skipped.
        packed: the encoded chunk.
        size: the size of a decoded chunk in bytes.
        pipeline: the filters.
    """
    view = memoryview(packed)
    if pipeline.checksum:
        view, kept = view[:-_SUM_BYTES], int.from_bytes(view[-_SUM_BYTES:], "little")
        if fletcher32(view) != kept:
            return None
    if mask not in {0, pipeline.deflate_bit}:
        return None
    data = view if mask else _inflate(view, size)
    if data is None or len(data) != size:
        return None
    return np.frombuffer(data, np.uint8)


def rows_of_chunk(
    raw: AnyBytes, pipeline: Pipeline, dtype: np.dtype[Any], part: slice
) -> np.ndarray[Any, Any]:
    """Return some rows of a chunk; only their bytes are unshuffled.

    Args:
        raw: the result of `inflate`.
        pipeline: the filters.
        dtype: the dtype of the elements.
        part: the rows, as a slice with start and stop.
    """
    row = math.prod(pipeline.chunk[1:])
    first, last = part.start * row, part.stop * row
    if pipeline.itemsize > 1:
        planes = raw.reshape(dtype.itemsize, -1)[:, first:last]
        raw = np.ascontiguousarray(planes.T).reshape(-1)
    else:
        raw = raw[first * dtype.itemsize : last * dtype.itemsize]
    return raw.view(dtype).reshape(part.stop - part.start, *pipeline.chunk[1:])


def _inflate(view: memoryview, size: int) -> bytes | None:
    library = zlib_library()
    stream = library.decompressobj()
    try:
        data: bytes = stream.decompress(view, size + 1)  # no more than fits
    except library.error:
        return None
    return data if stream.eof else None


def shuffled(raw: np.ndarray[Any, Any], itemsize: int) -> np.ndarray[Any, Any]:
    """Return the first bytes of all items, then the second ones, and so on; a rest is unchanged."""
    count = raw.size // itemsize
    out = np.empty(raw.size, np.uint8)
    whole = count * itemsize
    source, planes = raw[:whole].reshape(count, itemsize), out[:whole].reshape(itemsize, count)
    for number in range(itemsize):
        planes[number] = source[:, number]
    out[whole:] = raw[whole:]
    return out


def unshuffle(raw: np.ndarray[Any, Any], target: np.ndarray[Any, Any], itemsize: int) -> None:
    """Invert `shuffled`, into `target`."""
    count = raw.size // itemsize
    whole = count * itemsize
    planes, items = raw[:whole].reshape(itemsize, count), target[:whole].reshape(count, itemsize)
    for number in range(itemsize):
        items[:, number] = planes[number]
    target[whole:] = raw[whole:]


def fletcher32(data: Bytes) -> int:
    """Return HDF5's checksum: sums of big-endian 16-bit words, and of these sums, modulo 65535.

    Words are summed in little-endian order, and the sums multiplied by 256: modulo 65535 this
    equals swapping the bytes. float64 represents the sums exactly, and is faster.

    Example:
        >>> hex(fletcher32(b"abcde"))
        '0x4ff029c7'
    """
    words = np.frombuffer(data, "<u2", len(data) // 2)
    first = second = 0
    for start in range(0, len(words), _WORDS):
        part = words[start : start + _WORDS].astype(np.float64)
        weights = _WEIGHTS[_WORDS - len(part) :]
        second = _folded(second + first * len(part) + int(weights @ part))
        first = _folded(first + int(part.sum()))
    if len(data) % 2:
        first = _folded(first + data[-1])
        second = _folded(second + first)
    return _folded(second << 8) << 16 | _folded(first << 8)


def _folded(total: int) -> int:
    """Return `total` modulo 65535, as folding does: 65535 instead of 0, unless it is 0."""
    return total and (total - 1) % 65535 + 1
