"""Files without timestamps: the same data result in the same bytes.

HDF5 omits the timestamps of objects if their creation properties request that. But it always stores
the time at which it created the superblock extension: when it creates a file, and again when it
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
"""The offset of the address of the extension in a superblock of these versions."""
_NOWHERE = 2**64 - 1
_HEAD = b"OHDR\x02"
_HAS_TIMES = 0x20
_TIMES = slice(6, 22)
"""The position of the four timestamps in an object header that has them."""
_LONGEST = 512
"""More than the length of the extension in bytes."""


class Bytes(Protocol):
    """The interface to the bytes of a file, as of a file object under HDF5."""

    def seek(self, offset: int, /) -> int:
        """Set the position."""

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer from the position."""

    def write(self, data: Any, /) -> int:
        """Write at the position."""


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
    """Return the bytes of a new, empty file."""
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
    """Set the timestamps in the superblock extension of a file to zero.

    A file whose superblock or extension hdfchk would not write in this form is unchanged.

    Args:
        file: the bytes of the file. HDF5 must not have it open.
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
    end = _TIMES.stop + 1 + header[_TIMES.stop]  # the length of the messages is stored in one byte
    if header[:6] != _HEAD + bytes([_HAS_TIMES]) or end + 4 > _LONGEST:
        return
    header[_TIMES] = bytes(16)
    header[end : end + 4] = struct.pack("<I", lookup3(bytes(header[:end])))
    file.seek(at)
    file.write(bytes(header[: end + 4]))
