"""The redo journal: what was committed and is not yet in the main file.

``FILE-journal`` begins with a header (magic, salt, process) and goes on with records. A record
holds writes, each a place in the file and its bytes; one that ends a commit holds the length of the
file, too. Each carries a checksum that goes on from that of the record before, and from the salt: a
torn record, or one of an earlier use of the file, ends the journal. The idea is that of SQLite's
write-ahead log (https://www.sqlite.org/walformat.html).
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import zlib
from collections.abc import Sequence

import attrs

from .disk import read_all, sync, write_all

__all__ = ["Journal", "Snapshot", "Write", "holder", "journal_of", "scan"]

_HEADER = struct.Struct("<8s8sQ64sI")
_MAGIC = b"hdfchkJ1"
_RECORD = struct.Struct("<4sIQQII")
_PLACE = struct.Struct("<QQ")
_SUM = struct.Struct("<I")
KEEP_BYTES = 2**25
"""A longer journal is cut when it is emptied."""
MANY = 4096
"""So many bytes of one write stay in the journal until they are needed."""
_PART = b"PART"
_COMMIT = b"DONE"

Write = tuple[int, bytes | memoryview]
"""A place in the file, and what is written there."""


@attrs.frozen
class Snapshot:
    """What a journal says of a file.

    Args:
        writes: where each write goes in the file, its length, and its bytes, or where they begin
            in the journal, if they are many; in their order.
        size: the length of the file, or None if nothing was committed.
        end: where the last commit ends in the journal.
        checksum: the checksum to go on from.
    """

    writes: Sequence[tuple[int, int, bytes | int]]
    size: int | None
    end: int
    checksum: int


def journal_of(path: str) -> str:
    """The name of the journal of a file."""
    return f"{path}-journal"


def scan(descriptor: int) -> Snapshot:
    """Read a journal as far as it is whole."""
    header = read_all(descriptor, _HEADER.size, 0)
    whole = os.fstat(descriptor).st_size
    empty = Snapshot((), None, _HEADER.size, 0)
    if len(header) < _HEADER.size:
        return empty
    magic, salt, _, _, checksum = _HEADER.unpack(header)
    if magic != _MAGIC or zlib.crc32(header[:-4]) != checksum:
        return empty
    writes: list[tuple[int, int, bytes | int]] = []
    offset, chain, committed = _HEADER.size, zlib.crc32(salt), 0
    size, end, checksum_there = None, offset, chain
    while True:
        head = read_all(descriptor, _RECORD.size, offset)
        if len(head) < _RECORD.size:
            break
        kind, count, length, new_size, payload_sum, own_sum = _RECORD.unpack(head)
        if kind not in {_PART, _COMMIT} or zlib.crc32(head[:-4], chain) != own_sum:
            break
        if not count * _PLACE.size <= length <= whole - offset:
            break
        payload = read_all(descriptor, length, offset + _RECORD.size)
        if len(payload) < length or zlib.crc32(payload) != payload_sum:
            break
        at = count * _PLACE.size
        for place, extent in _PLACE.iter_unpack(payload[:at]):
            few = extent < MANY
            source = payload[at : at + extent] if few else offset + _RECORD.size + at
            writes.append((place, extent, source))
            at += extent
        offset, chain = offset + _RECORD.size + length, own_sum
        if kind == _COMMIT:
            size, end, checksum_there, committed = new_size, offset, chain, len(writes)
    return Snapshot(writes[:committed], size, end, checksum_there)


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

    @property
    def has_commits(self) -> bool:
        """Whether there is anything to bring into the file."""
        return self._committed > _HEADER.size

    def begin(self) -> None:
        """Empty the journal: what was in it is in the main file, durably."""
        salt = secrets.token_bytes(8)
        host = socket.gethostname().encode()[:64]
        head = _HEADER.pack(_MAGIC, salt, os.getpid(), host, 0)[:-4]
        if os.fstat(self._descriptor).st_size > KEEP_BYTES:
            os.ftruncate(self._descriptor, 0)  # else it is written over: its blocks are there
        write_all(self._descriptor, head + _SUM.pack(zlib.crc32(head)), 0)
        self._end = self._committed = _HEADER.size
        self._chain = self._committed_chain = zlib.crc32(salt)

    def resume(self, found: Snapshot) -> None:
        """Go on behind the last commit of another writer."""
        self._end = self._committed = found.end
        self._chain = self._committed_chain = found.checksum
        os.ftruncate(self._descriptor, found.end)

    def append(self, writes: Sequence[Write], size: int | None) -> int:
        """Append a record; with a size it ends a commit.

        Returns:
            Where the bytes of the first write begin in the journal.
        """
        places = b"".join([_PLACE.pack(place, len(data)) for place, data in writes])
        payload = b"".join([places, *[data for _, data in writes]])
        kind = _PART if size is None else _COMMIT
        head = _RECORD.pack(kind, len(writes), len(payload), size or 0, zlib.crc32(payload), 0)[:-4]
        chain = zlib.crc32(head, self._chain)
        write_all(self._descriptor, b"".join([head, _SUM.pack(chain), payload]), self._end)
        start = self._end + _RECORD.size + len(places)
        self._end += _RECORD.size + len(payload)
        self._chain = chain
        if size is not None:
            self._committed, self._committed_chain = self._end, chain
        return start

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of a write that was appended."""
        return read_all(self._descriptor, length, offset)

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
