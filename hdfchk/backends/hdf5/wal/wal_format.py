"""The redo journal: what was committed and is not yet in the main file.

``FILE-journal`` begins with a header (magic, salt, process) and goes on with records. A record
holds writes, each a place in the file and its bytes; one that ends a commit holds the length of the
file, too. Or it holds a small assignment, which is a commit by itself, until the next commit of
writes, which has it done. Each carries a checksum that goes on from that of the record before, and
from the salt: a torn record, or one of an earlier use of the file, ends the journal. The idea is
that of SQLite's write-ahead log (https://www.sqlite.org/walformat.html).
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import zlib
from collections.abc import Sequence

import attrs

from ....runtime.posix import read_all, sync, write_all

__all__ = ["Journal", "Snapshot", "Write", "holder", "journal_of", "scan"]

_HEADER = struct.Struct("<8s8sQ64sI")
_MAGIC = b"hdfchkJ2"
_MAGICS = {b"hdfchkJ1", _MAGIC}
"""The older one had no small assignments."""
_RECORD = struct.Struct("<4sIQQII")
_HEAD = struct.Struct("<4sIQQI")
_PLACE = struct.Struct("<QQ")
_SUM = struct.Struct("<I")
KEEP_BYTES = 2**25
"""A longer journal is cut when it is emptied."""
MANY = 4096
"""So many bytes of one write stay in the journal until they are needed."""
_PART = b"PART"
_COMMIT = b"DONE"
_PUT = b"PUTS"

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
        puts: the small assignments that were committed behind the last writes.
    """

    writes: Sequence[tuple[int, int, bytes | int]]
    size: int | None
    end: int
    checksum: int
    puts: Sequence[bytes] = ()

    @property
    def has_commits(self) -> bool:
        """Whether it says anything that the file itself does not."""
        return self.size is not None or bool(self.puts)


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
    if magic not in _MAGICS or zlib.crc32(header[:-4]) != checksum:
        return empty
    writes: list[tuple[int, int, bytes | int]] = []
    offset, chain, committed = _HEADER.size, zlib.crc32(salt), 0
    size, end, checksum_there = None, offset, chain
    puts: list[bytes] = []
    reach = 0
    while True:
        head = read_all(descriptor, _RECORD.size, offset)
        if len(head) < _RECORD.size:
            break
        kind, count, length, new_size, payload_sum, own_sum = _RECORD.unpack(head)
        if kind not in {_PART, _COMMIT, _PUT} or zlib.crc32(head[:-4], chain) != own_sum:
            break
        if not count * _PLACE.size <= length <= whole - offset:
            break
        payload = read_all(descriptor, length, offset + _RECORD.size)
        if len(payload) < length or zlib.crc32(payload) != payload_sum:
            break
        if kind == _PUT:
            puts.append(payload)
            offset, chain = offset + _RECORD.size + length, own_sum
            end, checksum_there = offset, chain
            continue
        at = count * _PLACE.size
        for place, extent in _PLACE.iter_unpack(payload[:at]):
            few = extent < MANY
            source = payload[at : at + extent] if few else offset + _RECORD.size + at
            writes.append((place, extent, source))
            reach = max(reach, place + extent)
            at += extent
        offset, chain = offset + _RECORD.size + length, own_sum
        if kind == _COMMIT:
            if reach > new_size:  # what lay behind the end is not to come back
                writes, reach = _cut(writes, new_size), new_size
            size, end, checksum_there, committed = new_size, offset, chain, len(writes)
            puts.clear()
    return Snapshot(writes[:committed], size, end, checksum_there, puts)


def _cut(
    writes: list[tuple[int, int, bytes | int]], size: int
) -> list[tuple[int, int, bytes | int]]:
    """Writes as far as they lie inside a file of a length."""
    kept: list[tuple[int, int, bytes | int]] = []
    for place, extent, source in writes:
        inside = min(extent, size - place)
        if inside > 0:
            kept.append((place, inside, source[:inside] if isinstance(source, bytes) else source))
    return kept


class Journal:
    """The journal of one writer, which holds its lock.

    Args:
        descriptor: the open journal file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # Each a place and the checksum to go on from: they change together, whatever comes between.
        self._tail = self._committed = (_HEADER.size, 0)
        self.puts = 0
        """How many small assignments were committed behind the last writes."""

    @property
    def size(self) -> int:
        """How long the journal is, in bytes."""
        return self._tail[0]

    @property
    def has_commits(self) -> bool:
        """Whether there is anything to bring into the file."""
        return self._committed[0] > _HEADER.size

    @property
    def is_whole(self) -> bool:
        """Whether nothing was appended since the last commit."""
        return self._tail is self._committed

    def begin(self) -> None:
        """Empty the journal: what was in it is in the main file, durably."""
        salt = secrets.token_bytes(8)
        host = socket.gethostname().encode()[:64]
        head = _HEADER.pack(_MAGIC, salt, os.getpid(), host, 0)[:-4]
        if os.fstat(self._descriptor).st_size > KEEP_BYTES:
            os.ftruncate(self._descriptor, 0)  # else it is written over: its blocks are there
        write_all(self._descriptor, head + _SUM.pack(zlib.crc32(head)), 0)
        self._tail = self._committed = (_HEADER.size, zlib.crc32(salt))
        self.puts = 0

    def resume(self, found: Snapshot) -> None:
        """Go on behind the last commit of another writer."""
        self._tail = self._committed = (found.end, found.checksum)
        self.puts = len(found.puts)
        os.ftruncate(self._descriptor, found.end)

    def append(self, writes: Sequence[Write], size: int | None) -> int:
        """Append a record; with a size it ends a commit.

        Returns:
            Where the bytes of the first write begin in the journal.
        """
        places = b"".join([_PLACE.pack(place, len(data)) for place, data in writes])
        payload = b"".join([places, *[data for _, data in writes]])
        kind = _PART if size is None else _COMMIT
        start = self._tail[0] + _RECORD.size + len(places)
        tail = self._write(kind, len(writes), payload, size or 0)
        if size is not None:
            self._committed, self.puts = tail, 0
        self._tail = tail
        return start

    def append_put(self, payload: bytes) -> None:
        """Append a small assignment, which is a commit."""
        tail = self._write(_PUT, 0, payload, 0)
        self._committed = tail
        self._tail = tail
        self.puts += 1

    def _write(self, kind: bytes, count: int, payload: bytes, size: int) -> tuple[int, int]:
        """Write a record behind the last one; where it ends, and the checksum to go on from."""
        end, chain = self._tail
        head = _HEAD.pack(kind, count, len(payload), size, zlib.crc32(payload))
        chain = zlib.crc32(head, chain)
        write_all(self._descriptor, b"".join((head, _SUM.pack(chain), payload)), end)
        return end + _RECORD.size + len(payload), chain

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of a write that was appended."""
        return read_all(self._descriptor, length, offset)

    def forget(self) -> None:
        """Drop what was appended since the last commit."""
        os.ftruncate(self._descriptor, self._committed[0])
        self._tail = self._committed

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
