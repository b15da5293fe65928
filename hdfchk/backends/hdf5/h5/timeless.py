"""Files without a time in them: the same data give the same bytes.

HDF5 notes no times of objects where the creation properties say so, but always the time at which it
has made the extension of the superblock, which it does when it makes a file, and again when it
closes one.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Any, Protocol

import h5py
from h5py import h5f

from .stand_in import lookup3
from .types import file_access, file_creation

__all__ = ["blank", "clear_time"]

_SUPERBLOCK = b"\x89HDF\r\n\x1a\n"
_VERSIONS = {2, 3}
_EXTENSION_AT = 20
"""Where a superblock of these versions has the address of its extension."""
_NOWHERE = 2**64 - 1
_HEAD = b"OHDR\x02"
_HAS_TIMES = 0x20
_TIMES = slice(6, 22)
"""Where the four times are in an object header that has them."""
_LONGEST = 512
"""More bytes than the extension has."""


class Bytes(Protocol):
    """What has the bytes of a file, as a file object under HDF5 has."""

    def seek(self, offset: int, /) -> int:
        """Set the position."""

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer from there."""

    def write(self, data: Any, /) -> int:
        """Write there."""


class _Image:
    """The bytes of a file in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self._position = 0

    def seek(self, offset: int) -> int:
        self._position = offset
        return offset

    def readinto(self, buffer: Any) -> int:
        part = self.data[self._position : self._position + len(buffer)]
        buffer[: len(part)] = part
        return len(part)

    def write(self, data: Any) -> int:
        self.data[self._position : self._position + len(data)] = data
        return len(data)


@cache
def blank() -> bytes:
    """Return the bytes of a new file, in which nothing is yet."""
    plist = file_access()
    plist.set_fapl_core(2**16, False)
    plist.set_meta_block_size(0)
    file = h5py.File(h5f.create(b"blank", h5f.ACC_TRUNC, file_creation(), plist))
    try:
        file.flush()
        image = _Image(file.id.get_file_image())
    finally:
        file.close()
    clear_time(image)
    return bytes(image.data)


def clear_time(file: Bytes) -> None:
    """Set the times of the superblock's extension of a file of ours to zero.

    Args:
        file: its bytes. HDF5 does not have it open.
    """
    first = bytearray(48)
    file.seek(0)
    file.readinto(first)
    (at,) = struct.unpack_from("<Q", first, _EXTENSION_AT)
    if first[:8] != _SUPERBLOCK or first[8] not in _VERSIONS or at == _NOWHERE:
        return
    header = bytearray(_LONGEST)
    file.seek(at)
    file.readinto(header)
    end = _TIMES.stop + 1 + header[_TIMES.stop]  # its length is one byte
    if header[:6] != _HEAD + bytes([_HAS_TIMES]) or end + 4 > _LONGEST:
        return
    header[_TIMES] = bytes(16)
    header[end : end + 4] = struct.pack("<I", lookup3(bytes(header[:end])))
    file.seek(at)
    file.write(bytes(header[: end + 4]))
