"""The redo journal: what was committed and is not yet in the main file.

``FILE-journal`` begins with a header (magic, salt, process) and goes on with records. A record
holds pages of the file, and one that ends a commit holds the length of the file, too. Each carries
a checksum that goes on from that of the record before, and from the salt: a torn record, or one of
an earlier use of the file, ends the journal. The idea is that of SQLite's write-ahead log
(https://www.sqlite.org/walformat.html).
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import zlib
from collections.abc import Iterable, Mapping

import attrs

from .disk import read_all, sync, write_all

__all__ = ["PAGE", "Journal", "Snapshot", "holder", "journal_of", "scan"]

PAGE = 4096
"""The unit of what is kept, in bytes."""

_HEADER = struct.Struct("<8s8sQ64sI")
_MAGIC = b"hdfchkJ1"
_RECORD = struct.Struct("<4sIQII")
_PAGES = b"PAGE"
_COMMIT = b"DONE"


@attrs.frozen
class Snapshot:
    """What a journal says of a file.

    Args:
        pages: number of a page -> where its bytes begin in the journal.
        size: the length of the file, or None if nothing was committed.
        end: where the last commit ends in the journal.
        checksum: the checksum to go on from.
    """

    pages: Mapping[int, int]
    size: int | None
    end: int
    checksum: int


def journal_of(path: str) -> str:
    """The name of the journal of a file."""
    return f"{path}-journal"


def scan(descriptor: int) -> Snapshot:
    """Read a journal as far as it is whole."""
    header = read_all(descriptor, _HEADER.size, 0)
    empty = Snapshot({}, None, _HEADER.size, 0)
    if len(header) < _HEADER.size:
        return empty
    magic, salt, _, _, checksum = _HEADER.unpack(header)
    if magic != _MAGIC or zlib.crc32(header[:-4]) != checksum:
        return empty
    found = attrs.evolve(empty, checksum=zlib.crc32(salt))
    pages: dict[int, int] = {}
    offset, chain = _HEADER.size, found.checksum
    while True:
        head = read_all(descriptor, _RECORD.size, offset)
        if len(head) < _RECORD.size:
            return found
        kind, count, size, payload_sum, own_sum = _RECORD.unpack(head)
        length = count * (8 + PAGE)
        if kind not in {_PAGES, _COMMIT} or zlib.crc32(head[:-4], chain) != own_sum:
            return found
        payload = read_all(descriptor, length, offset + _RECORD.size)
        if len(payload) < length or zlib.crc32(payload) != payload_sum:
            return found
        start = offset + _RECORD.size + 8 * count
        for index, page in enumerate(struct.unpack_from(f"<{count}Q", payload)):
            pages[page] = start + index * PAGE
        offset, chain = offset + _RECORD.size + length, own_sum
        if kind == _COMMIT:
            found = Snapshot(dict(pages), size, offset, chain)


class Journal:
    """The journal of one writer, which holds its lock.

    Args:
        descriptor: the open journal file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._committed = _HEADER.size
        self._end = _HEADER.size
        self._chain = self._committed_chain = 0

    @property
    def size(self) -> int:
        """How long the journal is, in bytes."""
        return self._end

    def begin(self) -> None:
        """Empty the journal: what was in it is in the main file, durably."""
        salt = secrets.token_bytes(8)
        host = socket.gethostname().encode()[:64]
        head = _HEADER.pack(_MAGIC, salt, os.getpid(), host, 0)[:-4]
        os.ftruncate(self._descriptor, 0)
        write_all(self._descriptor, head + struct.pack("<I", zlib.crc32(head)), 0)
        self._end = self._committed = _HEADER.size
        self._chain = self._committed_chain = zlib.crc32(salt)

    def resume(self, found: Snapshot) -> None:
        """Go on behind the last commit of another writer."""
        self._end = self._committed = found.end
        self._chain = self._committed_chain = found.checksum
        os.ftruncate(self._descriptor, found.end)

    def append(self, pages: Iterable[tuple[int, bytes]], size: int | None) -> dict[int, int]:
        """Append a record; with a size it ends a commit.

        Returns:
            Number of each page -> where its bytes begin in the journal.
        """
        items = list(pages)
        numbers = struct.pack(f"<{len(items)}Q", *(number for number, _ in items))
        payload = b"".join([numbers, *(data for _, data in items)])
        kind = _PAGES if size is None else _COMMIT
        head = _RECORD.pack(kind, len(items), size or 0, zlib.crc32(payload), 0)[:-4]
        chain = zlib.crc32(head, self._chain)
        write_all(self._descriptor, b"".join([head, struct.pack("<I", chain), payload]), self._end)
        start = self._end + _RECORD.size + len(numbers)
        self._end += _RECORD.size + len(payload)
        self._chain = chain
        if size is not None:
            self._committed, self._committed_chain = self._end, chain
        return {number: start + index * PAGE for index, (number, _) in enumerate(items)}

    def read(self, offset: int) -> bytes:
        """The page whose bytes begin at `offset`."""
        return read_all(self._descriptor, PAGE, offset)

    def forget(self) -> None:
        """Drop what was appended since the last commit."""
        os.ftruncate(self._descriptor, self._committed)
        self._end, self._chain = self._committed, self._committed_chain

    def sync(self) -> None:
        """Bring the journal to the disk."""
        sync(self._descriptor)


def holder(descriptor: int) -> str:
    """Who writes a journal: process and host, as it says itself."""
    header = read_all(descriptor, _HEADER.size, 0)
    if len(header) < _HEADER.size:
        return "a process that has just begun"
    _, _, pid, host, _ = _HEADER.unpack(header)
    return f"process {pid} on {host.rstrip(bytes(1)).decode(errors='replace')}"
