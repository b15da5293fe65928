"""The write-ahead log: what was committed and is not yet in the file.

``FILE-journal`` begins with a header (magic, owner, the state of the file it was begun on) and goes
on with records. A record holds writes, each a place in the file and its bytes; one that ends a
commit holds the length of the file, too. Or it holds a small assignment or rows to append, which
are commits by themselves, until the next commit of writes, which has them done. Each carries a
checksum that goes on from that of the record before, and from the salt: a torn record, or one of an
earlier use of the log, ends it. The idea is that of SQLite's
(https://www.sqlite.org/walformat.html).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import struct
import threading
import zlib
from collections.abc import Iterable, Sequence

import attrs

from ....errors import NotAFileError
from ....runtime.descriptors import Descriptor
from ....runtime.posix import read_all, sync, write_all

__all__ = [
    "NO_BASE",
    "PAGE",
    "Base",
    "Log",
    "Recovered",
    "Sums",
    "Write",
    "is_ours",
    "log_of",
    "owner_of",
    "scan",
]

PAGE = 4096
"""The unit in which what is not in the file yet is laid over it, in bytes."""
_MAGIC = b"hdfchkJ3"
_OLD_MAGICS = {b"hdfchkJ1", b"hdfchkJ2"}
"""These do not say which file they were made for."""
_OLD_HEADER = struct.Struct("<8s8sQ64sI")
_OWNER = struct.Struct("<8sQ64s16sI")
_STATE = struct.Struct("<8sQQQII8II")
HEADER_BYTES = _OWNER.size + _STATE.size
_RECORD = struct.Struct("<4sIQQII")
_HEAD = struct.Struct("<4sIQQI")
_PLACE = struct.Struct("<QQ")
_PAGE_SUMS = struct.Struct("<Q8I")
_SUM = struct.Struct("<I")
KEEP_BYTES = 2**25
"""A longer log is cut when it is emptied."""
MANY = 4096
"""So many bytes of one write stay in the log until they are needed."""
READ_BYTES = 2**20
_PART, _COMMIT, _PUT, _ROWS = b"PART", b"DONE", b"PUTS", b"ROWS"
_UNDER, _CHECKPOINT = b"UNDR", b"CKPT"
_KINDS = {_PART, _COMMIT, _PUT, _ROWS, _UNDER, _CHECKPOINT}

Write = tuple[int, bytes | memoryview]
"""A place in the file, and what is written there."""
Sums = tuple[int, ...]
"""The CRC-32 of each sector of 512 bytes of a page; 0 for one that is not to be looked at."""


@attrs.frozen
class Base:
    """The state of a file on which a log was begun.

    Args:
        size: its length.
        stamp: the random number that the last checkpoint put into it; 0 for none.
        stamp_at: where it is in the file.
        total: a checksum of its bytes, where it has no stamp; 0 for none.
        first: the checksums of its first page.
    """

    size: int = 0
    stamp: int = 0
    stamp_at: int = 0
    total: int = 0
    first: Sums = (0,) * 8


NO_BASE = Base()


@attrs.frozen
class Recovered:
    """What a log says of a file.

    Args:
        writes: where each write goes in the file, its length, and its bytes, or where they begin
            in the log, if they are many; in their order.
        size: the length of the file, or None if nothing was committed.
        end: where the last commit ends in the log.
        checksum: the checksum to go on from.
        records: the small assignments (``PUTS``) and rows (``ROWS``) that were committed behind the
            last writes, in their order.
        commits: how many commits there are.
        base: the state of the file on which it was begun; None for a log of an older version.
        under: what the file held under each page that the log changes.
        checkpoints: what a checkpoint that had begun was writing, page by page.
        cut_to: the least length that such a checkpoint may have given the file; None if there was
            none.
        salt: tells one use of the log from another.
    """

    writes: Sequence[tuple[int, int, bytes | int]] = ()
    size: int | None = None
    end: int = HEADER_BYTES
    checksum: int = 0
    records: Sequence[tuple[bytes, bytes]] = ()
    commits: int = 0
    base: Base | None = None
    under: dict[int, Sums] = attrs.field(factory=dict)
    checkpoints: dict[int, list[Sums]] = attrs.field(factory=dict)
    cut_to: int | None = None
    salt: bytes = b""

    @property
    def has_commits(self) -> bool:
        """Whether it says anything that the file itself does not."""
        return self.size is not None or bool(self.records)


def log_of(path: str) -> str:
    """The name of the log of a file."""
    return f"{path}-journal"


def is_ours(descriptor: int) -> bool:
    """Whether an open file is a log, or the beginning of one, or empty."""
    begin = read_all(descriptor, HEADER_BYTES, 0)
    if any(magic.startswith(begin[:8]) for magic in (_MAGIC, *_OLD_MAGICS)):
        return True
    # Its length has reached the disk, and its beginning has not.
    return not any(begin)


def require_ours(descriptor: int, name: str) -> None:
    """Refuse a neighbour that is somebody else's.

    Raises:
        NotAFileError: it is not a log.
    """
    if not is_ours(descriptor):
        raise NotAFileError(
            "a file that is not a log of hdfchk has the name of one",
            file=name,
            hint="rename it: the store keeps its write-ahead log there",
        )


def owner_of(descriptor: int) -> str:
    """Who holds a log: process and host, as it says itself."""
    header = read_all(descriptor, _OWNER.size, 0)
    if header[:8] in _OLD_MAGICS and len(header) >= _OLD_HEADER.size:
        _, _, pid, host, _ = _OLD_HEADER.unpack(header[: _OLD_HEADER.size])
    elif len(header) == _OWNER.size and zlib.crc32(header[:-4]) == _OWNER.unpack(header)[-1]:
        _, pid, host, _, _ = _OWNER.unpack(header)
    else:
        return "another process"
    if pid == os.getpid() and host.rstrip(bytes(1)) == _host():
        return "another store of this process"
    return f"process {pid} on {host.rstrip(bytes(1)).decode(errors='replace')}"


def note_of(descriptor: int) -> str:
    """The end of the name of the file that an owner was making; empty for none."""
    header = read_all(descriptor, _OWNER.size, 0)
    if len(header) < _OWNER.size or header[:8] != _MAGIC:
        return ""
    *_, note, checksum = _OWNER.unpack(header)
    if zlib.crc32(header[:-4]) != checksum:
        return ""
    return str(note.rstrip(bytes(1)), "ascii", "ignore")


# -- reading -------------------------------------------------------------------------------------


class _Scan:
    """One pass over a log, as far as it is whole."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._whole = os.fstat(descriptor).st_size
        self._writes: list[tuple[int, int, bytes | int]] = []
        self._under: dict[int, Sums] = {}
        self._reach = self._committed = self._commits = 0
        self._records: list[tuple[bytes, bytes]] = []
        self._size: int | None = None
        self._kept_under: dict[int, Sums] = {}
        self._checkpoints: dict[int, list[Sums]] = {}
        self._cut_to: int | None = None

    def run(self) -> Recovered:
        found = self._header()
        if found is None:
            return Recovered()
        base, salt, offset = found
        chain = zlib.crc32(salt)
        end, end_chain = offset, chain
        while True:
            head = read_all(self._descriptor, _RECORD.size, offset)
            if len(head) < _RECORD.size:
                break
            kind, count, length, size, payload_sum, own_sum = _RECORD.unpack(head)
            if kind not in _KINDS or zlib.crc32(head[:-4], chain) != own_sum:
                break
            payload = offset + _RECORD.size
            if length > self._whole - payload or not self._is_whole(payload, length, payload_sum):
                break
            if not self._take(kind, count, payload, length, size):
                break
            offset, chain = payload + length, own_sum
            if kind not in {_PART, _UNDER}:
                end, end_chain = offset, chain
        return Recovered(
            self._writes[: self._committed],
            self._size,
            end,
            end_chain,
            self._records,
            self._commits,
            base,
            self._kept_under,
            self._checkpoints,
            self._cut_to,
            salt,
        )

    def _header(self) -> tuple[Base | None, bytes, int] | None:
        header = read_all(self._descriptor, HEADER_BYTES, 0)
        if header[:8] in _OLD_MAGICS and len(header) >= _OLD_HEADER.size:
            _, salt, _, _, checksum = _OLD_HEADER.unpack(header[: _OLD_HEADER.size])
            if zlib.crc32(header[: _OLD_HEADER.size - 4]) != checksum:
                return None
            return None, salt, _OLD_HEADER.size
        if header[:8] != _MAGIC or len(header) < HEADER_BYTES:
            return None
        state = header[_OWNER.size :]
        salt, size, stamp, stamp_at, _, total, *first, checksum = _STATE.unpack(state)
        if zlib.crc32(state[:-4]) != checksum:
            return None
        return Base(size, stamp, stamp_at, total, tuple(first)), salt, HEADER_BYTES

    def _is_whole(self, start: int, length: int, checksum: int) -> bool:
        found = 0
        for offset in range(start, start + length, READ_BYTES):
            part = read_all(self._descriptor, min(READ_BYTES, start + length - offset), offset)
            found = zlib.crc32(part, found)
        return found == checksum

    def _take(self, kind: bytes, count: int, start: int, length: int, size: int) -> bool:
        """Take one record; False if it cannot be one, although its checksum is right."""
        if kind in {_PUT, _ROWS}:
            self._records.append((kind, read_all(self._descriptor, length, start)))
            self._commits += 1
            return True
        if kind in {_UNDER, _CHECKPOINT}:
            return self._take_sums(kind, count, start, length)
        if not self._take_writes(count, start, length):
            return False
        if kind == _COMMIT:
            if self._reach > size:  # what was behind the end is not to come back
                self._writes, self._reach = _cut(self._writes, size), size
            self._size, self._committed = size, len(self._writes)
            self._commits += 1
            self._records.clear()
            for page, sums in self._under.items():
                self._kept_under.setdefault(page, sums)
            self._under.clear()
        return True

    def _take_sums(self, kind: bytes, count: int, start: int, length: int) -> bool:
        if length != count * _PAGE_SUMS.size:
            return False
        data = read_all(self._descriptor, length, start)
        for page, *sums in _PAGE_SUMS.iter_unpack(data):
            if kind == _UNDER:
                self._under.setdefault(page, tuple(sums))
            else:
                self._checkpoints.setdefault(page, []).append(tuple(sums))
        if kind == _CHECKPOINT and self._size is not None:
            self._cut_to = min(self._size, self._cut_to or self._size)
        return True

    def _take_writes(self, count: int, start: int, length: int) -> bool:
        places = count * _PLACE.size
        if places > length:
            return False
        at = start + places
        found: list[tuple[int, int, bytes | int]] = []
        reach = self._reach
        for place, extent in _PLACE.iter_unpack(read_all(self._descriptor, places, start)):
            if not extent or extent > start + length - at or place + extent > 2**63:
                return False
            few = extent < MANY
            found.append((place, extent, read_all(self._descriptor, extent, at) if few else at))
            reach = max(reach, place + extent)
            at += extent
        if at != start + length:
            return False
        self._writes += found
        self._reach = reach
        return True


def scan(descriptor: int) -> Recovered:
    """Read a log as far as it is whole."""
    return _Scan(descriptor).run()


def _cut(
    writes: list[tuple[int, int, bytes | int]], size: int
) -> list[tuple[int, int, bytes | int]]:
    """Writes as far as they are inside a file of a length."""
    kept: list[tuple[int, int, bytes | int]] = []
    for place, extent, source in writes:
        inside = min(extent, size - place)
        if inside > 0:
            kept.append((place, inside, source[:inside] if isinstance(source, bytes) else source))
    return kept


# -- writing -------------------------------------------------------------------------------------


class Log:
    """The log of one writer, which holds its lock.

    Args:
        file: the open log.
    """

    def __init__(self, file: Descriptor) -> None:
        self.file = file
        # Each a place and the checksum to go on from: they change together, whatever comes between.
        self._tail = self._committed = (HEADER_BYTES, 0)
        self._synced = 0
        """What is before it is on the disk."""
        self._sync_failed = False
        self._syncing = threading.RLock()
        self.commits = 0
        self.logical_bytes = 0
        """How many bytes of small assignments and rows were committed behind the last writes."""

    @property
    def size(self) -> int:
        """How long the log is, in bytes."""
        return self._tail[0]

    @property
    def is_whole(self) -> bool:
        """Whether nothing was appended since the last commit."""
        return self._tail is self._committed

    @property
    def is_synced(self) -> bool:
        """Whether all commits are on the disk."""
        return self._synced >= self._committed[0] and not self._sync_failed

    def claim(self, note: str = "") -> None:
        """Say who holds the log, and which file beside it is being made.

        Args:
            note: the end of the name of that file, ASCII, 16 characters at most.
        """
        magic = read_all(self.file.fd, 8, 0)
        if magic not in _OLD_MAGICS:  # those have no room for it
            write_all(self.file.fd, _owner(note), 0)

    def begin(self, base: Base, *, durable: bool = False) -> None:
        """Empty the log: what was in it is in the file, durably.

        Args:
            base: the state that the file is in.
            durable: bring the new beginning to the disk before anything is written over what was
                in the log: else, after a loss of power, new records could follow an old beginning.

        Raises:
            OSError: nothing has changed.
        """
        salt = secrets.token_bytes(8)
        state = _STATE.pack(
            salt, base.size, base.stamp, base.stamp_at, 0, base.total, *base.first, 0
        )[:-4]
        header = b"".join((_owner(""), state, _SUM.pack(zlib.crc32(state))))
        with self._syncing:
            before = read_all(self.file.fd, HEADER_BYTES, 0)
            write_all(self.file.fd, header, 0)
            self._synced = 0
            if durable:
                self._sync_beginning(before)
            self._tail = self._committed = (HEADER_BYTES, zlib.crc32(salt))
            self.commits = self.logical_bytes = 0
            with contextlib.suppress(OSError):  # else it is written over: its blocks are there
                if os.fstat(self.file.fd).st_size > KEEP_BYTES:
                    os.ftruncate(self.file.fd, HEADER_BYTES)

    def _sync_beginning(self, before: bytes) -> None:
        try:
            sync(self.file.fd)
        except OSError:
            self._sync_failed = True
            try:
                write_all(self.file.fd, before, 0)
            except OSError:
                return  # it cannot be taken back, and is there for all who read it now
            raise
        self._sync_failed = False
        self._synced = HEADER_BYTES

    def resume(self, found: Recovered) -> None:
        """Go on behind the last commit of another writer."""
        self._tail = self._committed = (found.end, found.checksum)
        self.commits = found.commits
        self.logical_bytes = sum(len(payload) for _, payload in found.records)
        self._synced = 0
        self._sync_failed = True  # perhaps a sync of theirs had: all of it is written anew
        os.ftruncate(self.file.fd, found.end)

    def append(
        self,
        writes: Sequence[Write],
        size: int | None,
        under: Iterable[tuple[int, Sums]] = (),
    ) -> int:
        """Append a record; with a size it ends a commit, which is decided then.

        Args:
            writes: what is written where.
            size: the length of the file after the commit; None if that is still to come.
            under: what the file holds under the pages that were not changed before.

        Returns:
            Where the bytes of the first write begin in the log.

        Raises:
            OSError: it is not in the log.
        """
        sums = _sums(_UNDER, under)
        places = b"".join([_PLACE.pack(place, len(data)) for place, data in writes])
        payload = b"".join([places, *[data for _, data in writes]])
        kind = _PART if size is None else _COMMIT
        start = self._tail[0] + sum(_RECORD.size + len(p) for *_, p in sums) + _RECORD.size
        self._write([*sums, (kind, len(writes), size or 0, payload)], commit=size is not None)
        if size is not None:
            self.commits += 1
            self.logical_bytes = 0
        return start + len(places)

    def append_logical(self, payload: bytes, *, rows: bool = False) -> None:
        """Append a small assignment, or rows, which are a commit by themselves."""
        self._write([(_ROWS if rows else _PUT, 0, 0, payload)], commit=True)
        self.commits += 1
        self.logical_bytes += len(payload)

    def append_checkpoint(self, sums: Iterable[tuple[int, Sums]]) -> None:
        """Say what a checkpoint is about to write, so that it can be told where it was cut."""
        if records := _sums(_CHECKPOINT, sums):
            self._write(records, commit=True)

    def _write(self, records: list[tuple[bytes, int, int, bytes]], *, commit: bool) -> None:
        """Write records behind the last one.

        A handler of a signal may run between any two steps and write records of its own: then these
        are written again, behind them.
        """
        try:
            while True:
                tail = self._tail
                data, after = _joined(records, *tail)
                file = self.file.fd
                # No call between the look and the write, at which a handler could run.
                done = os.pwrite(file, data, tail[0]) if self._tail is tail else 0
                if done < len(data) and self._tail is tail:
                    write_all(file, memoryview(data)[done:], tail[0] + done)
                if self._tail is tail:
                    if commit:
                        self._committed = after
                    self._tail = after
                    return
        except BaseException:
            self._erase()
            raise

    def _erase(self) -> None:
        """Remove what may have been written behind the last record: it must not be found."""
        end = self._tail[0]
        try:
            os.ftruncate(self.file.fd, end)
        except OSError:
            with contextlib.suppress(OSError):
                write_all(self.file.fd, bytes(_RECORD.size), end)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of a write that was appended."""
        return read_all(self.file.fd, length, offset)

    def forget(self) -> None:
        """Drop what was appended since the last commit."""
        if self._tail is not self._committed:
            with self._syncing:
                self._tail = self._committed
                self._erase()

    def sync(self) -> None:
        """Bring the log to the disk.

        After a sync that has failed, the system may take pages for clean that are not on the disk:
        what was not synced before is written anew.

        Raises:
            OSError: it is not known what is on the disk.
        """
        with self._syncing:
            if not self.file.is_open:  # another one has taken its place, and is on the disk
                return
            end = self._tail[0]
            if self._sync_failed:
                for offset in range(self._synced // PAGE * PAGE, end, READ_BYTES):
                    part = self.read(offset, min(READ_BYTES, end - offset))
                    write_all(self.file.fd, part, offset)
            try:
                sync(self.file.fd)
            except OSError:
                self._sync_failed = True
                raise
            self._sync_failed = False
            self._synced = end

    def close(self) -> None:
        """Close the file, unless a thread is bringing it to the disk: then after that."""
        with self._syncing:
            self.file.close()

    def after_fork(self) -> None:
        """In a child process: a thread that is not there may have held the lock."""
        self._syncing = threading.RLock()


def _host() -> bytes:
    return socket.gethostname().encode()[:64]


def _owner(note: str) -> bytes:
    head = _OWNER.pack(_MAGIC, os.getpid(), _host(), note.encode("ascii"), 0)[:-4]
    return head + _SUM.pack(zlib.crc32(head))


def _sums(kind: bytes, sums: Iterable[tuple[int, Sums]]) -> list[tuple[bytes, int, int, bytes]]:
    packed = [_PAGE_SUMS.pack(page, *of_page) for page, of_page in sums]
    return [(kind, len(packed), 0, b"".join(packed))] if packed else []


def _joined(
    records: list[tuple[bytes, int, int, bytes]], end: int, chain: int
) -> tuple[bytes, tuple[int, int]]:
    """The bytes of records, where they end, and the checksum to go on from."""
    parts: list[bytes] = []
    for kind, count, size, payload in records:
        head = _HEAD.pack(kind, count, len(payload), size, zlib.crc32(payload))
        chain = zlib.crc32(head, chain)
        parts += (head, _SUM.pack(chain), payload)
        end += _RECORD.size + len(payload)
    return b"".join(parts), (end, chain)
