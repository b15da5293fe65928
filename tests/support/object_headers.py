"""A parser of the superblock of an HDF5 file and the messages of its object headers.

It follows the specification of the format (version 3.0) and uses no library, to show what an older
version of HDF5 has to read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import h5py
from h5py import h5o

SIGNATURE = b"\x89HDF\r\n\x1a\n"
NOTHING = 2**64 - 1
CONTINUATION = 0x10
SPACE, TYPE, FILL, LAYOUT, FILTERS, ATTRIBUTE = 1, 3, 5, 8, 11, 12
FREE_SPACE = 0x17
"""The file space information message of HDF5 1.10."""

Message = tuple[int, bytes]
"""The type and the bytes of a message."""


class Bytes:
    """The bytes of a file, by address. Its offsets and lengths must have 8 bytes.

    Args:
        path: the path of the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        whole = Path(path).read_bytes()
        start = whole.index(SIGNATURE)
        self._data = whole[start:]
        self.superblock = self._data[8]
        """The version of the superblock."""
        sizes = self._data[13:15] if self.superblock < 2 else self._data[9:11]
        assert sizes == b"\x08\x08"

    def number(self, at: int, size: int = 8) -> int:
        """Return the number at an address."""
        return int.from_bytes(self._data[at : at + size], "little")

    def extension(self) -> list[Message]:
        """Return the messages of the superblock extension."""
        at = NOTHING if self.superblock < 2 else self.number(20)
        return [] if at == NOTHING else list(self.messages(at))

    def messages(self, at: int) -> Iterator[Message]:
        """Iterate over the messages of the object header at an address."""
        if self._data[at : at + 4] == b"OHDR":
            flags = self._data[at + 5]
            begin = at + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            length = self.number(begin, width)
            yield from self._second(begin + width, length, ordered=bool(flags & 4))
        else:
            assert self._data[at] == 1
            yield from self._first(at + 16, self.number(at + 8, 4))

    def _first(self, at: int, length: int) -> Iterator[Message]:
        end = at + length
        while at + 8 <= end:
            kind, size = self.number(at, 2), self.number(at + 2, 2)
            body = self._data[at + 8 : at + 8 + size]
            if kind == CONTINUATION:
                yield from self._first(self.number(at + 8), self.number(at + 16))
            else:
                yield kind, body
            at += 8 + size

    def _second(self, at: int, length: int, *, ordered: bool) -> Iterator[Message]:
        end, before = at + length, 6 if ordered else 4
        while at + before <= end:
            kind, size = self._data[at], self.number(at + 1, 2)
            body = self._data[at + before : at + before + size]
            if kind == CONTINUATION:
                block, length = (self.number(at + before + 8 * i) for i in (0, 1))
                assert self._data[block : block + 4] == b"OCHK"
                yield from self._second(block + 4, length - 8, ordered=ordered)
            else:
                yield kind, body
            at += before + size


NEWEST = {SPACE: 2, FILL: 3, LAYOUT: 3, FILTERS: 2, ATTRIBUTE: 3}
"""The newest message versions that HDF5 1.8 knows; for a datatype, the upper half of a byte."""


def too_new(path: str | os.PathLike[str]) -> list[str]:
    """Return what HDF5 1.8 cannot read in a file, judging by messages and their versions."""
    data = Bytes(path)
    found = [] if data.superblock <= 2 else [f"superblock {data.superblock}"]
    found += [f"extension: message {kind:#x}" for kind, _ in data.extension() if kind >= FREE_SPACE]
    for name, address in _objects(path):
        for kind, body in data.messages(address):
            version = body[0] >> 4 if kind == TYPE else body[0] if kind in NEWEST else 0
            if kind >= FREE_SPACE:
                found.append(f"{name}: message {kind:#x}")
            elif version > NEWEST.get(kind, 3):
                found.append(f"{name}: message {kind:#x} of version {version}")
    return found + _attributes(path)


def _objects(path: str | os.PathLike[str]) -> list[tuple[str, int]]:
    with h5py.File(path) as file:
        found = [("/", h5o.get_info(file["/"].id).addr)]
        file.visititems(lambda name, item: found.append((name, h5o.get_info(item.id).addr)))
        return found


def _attributes(path: str | os.PathLike[str]) -> list[str]:
    """Return attributes with datatypes that are too new, also those outside the object header."""
    found = []

    def look(name: str, item: h5py.HLObject) -> None:
        for key in item.attrs:
            encoded = item.attrs.get_id(key).get_type().encode()
            if encoded[2] >> 4 > 3:
                found.append(f"{name}: the type of the attribute {key!r}")

    with h5py.File(path) as file:
        look("/", file)
        file.visititems(look)
    return found
