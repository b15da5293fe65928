"""A stand-in for an object with a damaged header, so that HDF5 can unlink it.

HDF5 reads the header of an object to decrement its number of links, and does not unlink an object
whose header cannot be read. A small valid header is written over the damaged one: that of a group
whose list of links is invalid, so that all other links to it still point to something damaged. It
has a very high number of links: HDF5 never frees it while other links exist, nor reuses its
space. `compact` reclaims that space, and that of everything below the object.
"""

from __future__ import annotations

import struct
from typing import Any

__all__ = ["put_stand_in", "stand_in_for"]

STAND_IN_BYTES = 40
"""The length of a stand-in; almost every object header is at least this long."""
HEADER_BYTES = 2**13
"""The number of bytes of a header that are examined."""
_LINKS = 2**30
_CONTINUATION, _SYMBOL_TABLE, _REFERENCE_COUNT = 0x10, 0x11, 0x16
_LAST_MESSAGE = 0x17
_MASK = 0xFFFFFFFF
_ROTATIONS = (4, 6, 8, 16, 19, 4)
_LAST_ROTATIONS = (14, 11, 25, 16, 4, 14, 24)


def put_stand_in(file: Any, base: int, address: int) -> bool:
    """Write a stand-in over a damaged object header.

    Args:
        file: the file object under HDF5; it must be able to roll back writes.
        base: the offset of HDF5's address 0 in the file.
        address: the address of the object.

    Returns:
        Whether the bytes resemble an object header; otherwise nothing was written.
    """
    header = bytearray(HEADER_BYTES)
    file.seek(base + address)
    file.readinto(header)
    found = stand_in_for(bytes(header), address)
    if found is None:
        return False
    file.seek(base + address)
    file.write(found)
    return True


def stand_in_for(header: bytes, address: int) -> bytes | None:
    """Return the bytes to write over a damaged object header; None if it may not be one.

    The link may be damaged instead, and point to something else, so the bytes must resemble a
    header.

    Args:
        header: the bytes at the address.
        address: the address.
    """
    # The addresses of its B-tree and its local heap point into the header itself.
    lists = struct.pack("<QQ", address + 8, address + 8)
    if header.startswith(b"OHDR\2"):
        size = _size_of_new(header)
        is_whole = size <= len(header) and _ends_with_sum(header[:size])
        return None if is_whole or size < STAND_IN_BYTES else _new(lists)
    return _old(lists) if _is_old(header) else None


def _size_of_new(header: bytes) -> int:
    """Return the length of the first part of a version 2 header; 0 if it contradicts itself."""
    flags = header[5]
    at = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    size = int.from_bytes(header[at : at + width], "little")
    return 0 if flags & 0xC0 or size >= 2**32 else at + width + size + 4


def _ends_with_sum(header: bytes) -> bool:
    return lookup3(header[:-4]).to_bytes(4, "little") == header[-4:]


def _is_old(header: bytes) -> bool:
    """Return whether bytes resemble a version 1 header: its messages follow one another to its end.

    Their number, their total length, or the contents of one may be damaged; and the last ones may
    be in another block.
    """
    if len(header) < STAND_IN_BYTES:
        return False
    version, reserved, count, links, size, pad = struct.unpack_from("<BBHIII", header)
    if version != 1 or reserved or pad or not 0 < links < 2**16 or not count:
        return False
    at: int = 16
    found, known, goes_on = 0, False, False
    while at + 8 <= len(header):
        kind, length, flags = struct.unpack_from("<HHB", header, at)
        if kind > _LAST_MESSAGE or length % 8 or flags & 0x80 or any(header[at + 5 : at + 8]):
            return goes_on and at >= STAND_IN_BYTES
        goes_on = goes_on or (kind == _CONTINUATION and length == 16)
        at, found, known = at + 8 + length, found + 1, known or bool(kind and length)
        if known and (at - 16 == size or found == count):
            return at >= STAND_IN_BYTES
    return False


def _old(lists: bytes) -> bytes:
    body = struct.pack("<HHB3x", _SYMBOL_TABLE, len(lists), 0) + lists
    return struct.pack("<BBHIII", 1, 0, 1, _LINKS, len(body), 0) + body


def _new(lists: bytes) -> bytes:
    messages = struct.pack("<BHB", _SYMBOL_TABLE, len(lists), 0) + lists
    messages += struct.pack("<BHB", _REFERENCE_COUNT, 5, 0) + struct.pack("<BI", 0, _LINKS)
    header = b"OHDR" + bytes([2, 0, len(messages)]) + messages
    return header + struct.pack("<I", lookup3(header))


def lookup3(data: bytes) -> int:
    """Return HDF5's checksum of metadata: Bob Jenkins' lookup3, ``hashlittle``."""
    a = (0xDEADBEEF + len(data)) & _MASK
    b = c = a
    while len(data) > 12:
        x, y, z = _words(data)
        a, b, c = _mixed((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)
        data = data[12:]
    if not data:
        return c
    x, y, z = _words(data.ljust(12, b"\0"))
    a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
    for bits in _LAST_ROTATIONS:
        c = ((c ^ b) - _rotated(b, bits)) & _MASK
        a, b, c = b, c, a
    return b


def _words(data: bytes) -> tuple[int, int, int]:
    x, y, z = struct.unpack_from("<III", data)
    return x, y, z


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in _ROTATIONS:
        a = ((a - c) & _MASK) ^ _rotated(c, bits)
        c = (c + b) & _MASK
        a, b, c = b, c, a
    return a, b, c


def _rotated(number: int, bits: int) -> int:
    return (number << bits | number >> (32 - bits)) & _MASK
