"""Whether a log matches the file beside it: it is applied only to the state it was begun for."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping

from ....runtime.posix import read_all, read_each
from .log import PAGE, Base, Recovered, Sums

__all__ = ["STAMP", "base_of", "problem_of", "samples", "stamp_of", "sums_at", "sums_of", "thinned"]

STAMP = b"hdfchk:stamp"
"""The attribute of the root group with the stamp, an int64, which each checkpoint renews."""
SECTOR = 512
SUPERBLOCK_BYTES = 96
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_WHOLE_UP_TO = 2**25
_PARTS, _PART_BYTES = 256, 2**16
"""The number and size in bytes of the parts in the checksum of a longer file without a stamp."""
READ_PAGES = 256
"""The number of pages read at once."""
SAMPLE_PAGES = 64
"""Of a long run of pages, one in this many gets checksums."""


def sums_of(page: bytes | bytearray | memoryview, end: int = PAGE) -> Sums:
    """Return the checksum of each sector of a page.

    Args:
        page: the bytes of the page.
        end: the number of bytes that count; an incomplete sector gets no checksum.
    """
    view = memoryview(page)
    crc = zlib.crc32
    return tuple(
        [
            crc(view[at : at + SECTOR]) if at + SECTOR <= min(end, len(view)) else 0
            for at in range(0, PAGE, SECTOR)
        ]
    )


def sums_at(descriptor: int, ends: Mapping[int, int]) -> list[tuple[int, Sums]]:
    """Return the checksums of pages of a file.

    Args:
        descriptor: the descriptor of the file.
        ends: for each page number, the number of bytes of the page that count.
    """
    numbers, found = list(ends), []
    for first in range(0, len(numbers), READ_PAGES):
        part = numbers[first : first + READ_PAGES]
        pages = read_each(descriptor, PAGE, [number * PAGE for number in part])
        found += [(n, sums_of(page, ends[n])) for n, page in zip(part, pages, strict=True)]
    return found


def samples(start: int, end: int) -> list[int]:
    """Return page numbers that represent a range of bytes: the first, the last, some between."""
    first, last = -(-start // PAGE), end // PAGE
    found = list(range(first, last, SAMPLE_PAGES))
    if last - 1 > first and (last - 1 - first) % SAMPLE_PAGES:
        found.append(last - 1)
    return found


def thinned(numbers: list[int]) -> Iterator[int]:
    """Yield, of sorted page numbers, all in short runs, and some that represent each long run."""
    start = 0
    for index in range(1, len(numbers) + 1):
        if index < len(numbers) and numbers[index] == numbers[index - 1] + 1:
            continue
        run = numbers[start:index]
        if len(run) <= SAMPLE_PAGES:
            yield from run
        else:
            yield from run[::SAMPLE_PAGES]
            yield run[-1]
        start = index


def stamp_of(descriptor: int) -> int:
    """Return the stamp of a file; 0 if it has none, or not where it is searched for."""
    root = _root_place(read_all(descriptor, SUPERBLOCK_BYTES, 0))
    header = read_all(descriptor, PAGE, root) if root else b""
    inside = _stamp_inside(header)
    return int.from_bytes(header[inside : inside + 8], "little") if inside else 0


def base_of(descriptor: int, size: int) -> Base:
    """Return the state of a file, by which its log recognizes it.

    Args:
        descriptor: the descriptor of the file.
        size: the length of that state in bytes.
    """
    first = read_all(descriptor, PAGE, 0)
    stamp_at = _stamp_place(descriptor, first)
    stamp = 0
    if stamp_at:
        stamp = int.from_bytes(_bytes_of(descriptor, first, stamp_at, 8), "little")
    total = 0 if stamp else _total(descriptor, size)
    return Base(size, stamp, stamp_at, total, sums_of(first))


def _total(descriptor: int, size: int) -> int:
    total = zlib.crc32(size.to_bytes(8, "little"))
    if size <= _WHOLE_UP_TO:
        places: Iterable[int] = range(0, size, _PART_BYTES)
    else:
        places = range(0, size - _PART_BYTES, size // _PARTS)
    for place in places:
        total = zlib.crc32(read_all(descriptor, min(_PART_BYTES, size - place), place), total)
    return total or 1


def _stamp_place(descriptor: int, first: bytes) -> int:
    """Return the offset of the stamp in the object header of the root group of a file, or 0."""
    root = _root_place(first)
    if not root:
        return 0
    inside = _stamp_inside(first[root:]) or _stamp_inside(read_all(descriptor, PAGE, root))
    return root + inside if inside else 0


def _bytes_of(descriptor: int, first: bytes, start: int, length: int) -> bytes:
    """Return bytes of a file whose first page is known."""
    if start + length <= len(first):
        return first[start : start + length]
    return read_all(descriptor, length, start)


def _root_place(first: bytes) -> int:
    """Return the address of the root group according to a superblock, or 0."""
    if first[:8] != _SIGNATURE or len(first) < SUPERBLOCK_BYTES:
        return 0
    version = first[8]
    if version in {2, 3} and first[9] == 8:
        (root,) = struct.unpack_from("<Q", first, 36)
    elif version in {0, 1} and first[13] == 8:
        (root,) = struct.unpack_from("<Q", first, 64 if version == 0 else 68)
    else:
        return 0
    return int(root) if root < 2**63 else 0


def _stamp_inside(header: bytes) -> int:
    """Return the position of the stamp in the object header of the root group, or 0."""
    at = header.find(STAMP + b"\0")
    if at < 9 or header[at - 9] != 3:  # the version of the message
        return 0
    sizes = struct.unpack_from("<3H", header, at - 7)
    inside = at + sum(sizes)
    return inside if sizes[0] == len(STAMP) + 1 and inside + 8 <= len(header) else 0


def problem_of(descriptor: int, found: Recovered, *, thorough: bool = True) -> str | None:
    """Return why a log does not match a file; None if no difference is found.

    Args:
        descriptor: the descriptor of the file.
        found: the contents of the log.
        thorough: check all pages that the log changes, not only the length, the stamp and the
            first page.
    """
    if found.base is None:
        return _problem_of_old(descriptor, found)
    base, size = found.base, os.fstat(descriptor).st_size
    least = base.size if found.cut_to is None else min(base.size, found.cut_to)
    if size < least:
        return f"the file has {size} bytes, and had {base.size} when the log was begun"
    # Only a checkpoint truncates data that were written directly to the file.
    reach = max((page + 1 for page, sums in found.under.items() if all(sums)), default=0)
    if size < reach * PAGE and size < (found.size or 0) and not found.checkpoints:
        return "the file was cut short after the log was begun"
    looked_at = {0: base.first}
    if base.stamp:
        here = int.from_bytes(read_all(descriptor, 8, base.stamp_at), "little")
        if here != base.stamp and not found.checkpoints:
            return "the file was brought to another state after the log was begun"
    elif (
        thorough
        and base.total
        and not found.checkpoints
        and _total(descriptor, base.size) != base.total
    ):
        return "the file was changed after the log was begun"
    if thorough:
        looked_at = {**found.under, **looked_at}
        if base.stamp_at and base.stamp_at // PAGE not in looked_at and found.checkpoints:
            return "the file was brought to another state after the log was begun"
    # A checkpoint may have truncated the file, and a later one may have extended it again.
    end = base.size + 2**62 if found.cut_to is None else found.cut_to
    for page, sums in looked_at.items():
        data = read_all(descriptor, PAGE, page * PAGE)
        before = _inside(sums, end - page * PAGE)
        if not _fits(data, before, found.checkpoints.get(page, ())):
            return "the file was changed after the log was begun"
    return None


def _inside(sums: Sums, end: int) -> Sums:
    """Return checksums with those of sectors beyond an offset in the page set to 0."""
    return tuple([old if (n + 1) * SECTOR <= end else 0 for n, old in enumerate(sums)])


def _fits(page: bytes, before: Sums, after: Iterable[Sums]) -> bool:
    """Whether each sector of a page is unchanged, or was written by an unfinished checkpoint."""
    here = sums_of(page)
    for number, old in enumerate(before):
        if not old or here[number] == old:
            continue
        if not any(here[number] == new[number] for new in after):
            return False
    return True


def _problem_of_old(descriptor: int, found: Recovered) -> str | None:
    """Return why a log of an older version does not match; None if that cannot be determined."""
    first = read_all(descriptor, PAGE, 0)
    if _SIGNATURE not in first and os.fstat(descriptor).st_size:
        return "the file is not an HDF5 file"
    if _stamp_place(descriptor, first):
        return "the file was written by a newer version of hdfchk since the log was begun"
    if found.size is not None:
        end = _end_of(first)
        written = max((place + extent for place, extent, _ in found.writes), default=0)
        size = os.fstat(descriptor).st_size
        if end and size < end and size < found.size and size < written:
            return "the file was cut short after the log was begun"
    return None


def _end_of(first: bytes) -> int:
    """Return the end of the file according to its superblock, or 0."""
    if first[:8] != _SIGNATURE or len(first) < 48:
        return 0
    if first[8] in {2, 3} and first[9] == 8:
        return int(struct.unpack_from("<Q", first, 28)[0])
    return 0
