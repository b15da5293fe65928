"""The write-ahead log: the commits that are not yet in the file.

``FILE-journal`` consists of a header (magic, owner, the state of the file for which the log was
begun) followed by records. A record contains writes, each an offset in the file and its bytes. A
record that ends a commit also contains the length of the file. Other records contain a small
assignment or rows to append. These are commits by themselves; the next commit of writes includes
their effect. The checksum of each record continues that of the record before it, starting from the
salt, so a torn record, or a record of an earlier use of the log, ends the log. SQLite's log works
in the same way (https://www.sqlite.org/walformat.html).
"""

from __future__ import annotations

import contextlib
import os
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
    "owner_in",
    "owner_of",
    "scan",
]

PAGE = 4096
"""The unit, in bytes, in which the log is applied on top of the file."""
_MAGIC = b"hdfchkJ3"
_OLD_MAGICS = {b"hdfchkJ1", b"hdfchkJ2"}
"""Headers of older versions, which do not record the file that they belong to."""
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
"""A longer log is truncated when it is emptied."""
MANY = 4096
"""The data of a write of at least this many bytes stay in the log until they are needed."""
READ_BYTES = 2**20
_PART, _COMMIT, _PUT, _ROWS = b"PART", b"DONE", b"PUTS", b"ROWS"
_UNDER, _CHECKPOINT = b"UNDR", b"CKPT"
_KINDS = {_PART, _COMMIT, _PUT, _ROWS, _UNDER, _CHECKPOINT}

Write = tuple[int, bytes | memoryview]
"""An offset in the file, and the bytes written there."""
Sums = tuple[int, ...]
"""The CRC-32 of each of the 8 sectors (512 bytes) of a page; 0 for a sector to ignore."""


@attrs.frozen(repr=False)
class Base:
    """The state of the file for which a log was begun.

    Args:
        size: the length of the file in bytes.
        stamp: the random number that the last checkpoint stored in it; 0 for none.
        stamp_at: the offset of the stamp in the file.
        total: a checksum of all bytes of a file without a stamp; otherwise 0.
        first: the checksums of the first page.
    """

    size: int = 0
    stamp: int = 0
    stamp_at: int = 0
    total: int = 0
    first: Sums = (0,) * 8


NO_BASE = Base()


@attrs.frozen(repr=False)
class Recovered:
    """The contents of a log.

    Args:
        writes: offset in the file, length, and data of each write, in order. The data are bytes,
            or, if there are many, their offset in the log.
        size: the length of the file after the last commit of writes; None without such a commit.
        end: the offset in the log of the end of the last commit.
        checksum: the checksum that the next record continues.
        records: the logical records (``PUTS`` and ``ROWS``) committed after the last writes, in
            order.
        commits: the number of commits.
        base: the state of the file for which the log was begun; None for a log of an older version.
        under: the checksums of the pages of the file before the log changed them.
        checkpoints: the checksums of the pages that an unfinished checkpoint was writing.
        cut_to: the least length to which such a checkpoint may have truncated the file; None
            without such a checkpoint.
        salt: distinguishes this use of the log from others.
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
        """Whether it contains anything that is not in the file."""
        return self.size is not None or bool(self.records)


def log_of(path: str) -> str:
    """Return the name of the log of a file."""
    return f"{path}-journal"


def is_ours(descriptor: int) -> bool:
    """Return whether an open file is a log, the beginning of one, or empty."""
    begin = read_all(descriptor, HEADER_BYTES, 0)
    if any(magic.startswith(begin[:8]) for magic in (_MAGIC, *_OLD_MAGICS)):
        return True
    # After a loss of power the length may be on disk, and the first bytes not.
    return not any(begin)


def require_ours(descriptor: int, name: str) -> None:
    """Reject a file that has the name of a log, but is something else.

    Raises:
        NotAFileError: it is not a log.
    """
    if not is_ours(descriptor):
        raise NotAFileError(
            "this file has the name of a journal, but hdfchk did not write it",
            file=name,
            hint="rename it: the store keeps its write-ahead log there",
        )


def owner_in(descriptor: int) -> tuple[int, str] | None:
    """Return the process and the host that a log names as its owner, or None."""
    header = read_all(descriptor, _OWNER.size, 0)
    if header[:8] in _OLD_MAGICS and len(header) >= _OLD_HEADER.size:
        _, _, pid, host, _ = _OLD_HEADER.unpack(header[: _OLD_HEADER.size])
    elif len(header) == _OWNER.size and zlib.crc32(header[:-4]) == _OWNER.unpack(header)[-1]:
        _, pid, host, _, _ = _OWNER.unpack(header)
    else:
        return None
    return pid, host.rstrip(bytes(1)).decode(errors="replace")


def owner_of(descriptor: int) -> str:
    """Return the owner of a log, as recorded in it: process and host."""
    owner = owner_in(descriptor)
    if owner is None:
        return "another process"
    pid, host = owner
    if pid == os.getpid() and host == _host().decode(errors="replace"):
        return "another store of this process"
    return f"process {pid} on {host}"


def note_of(descriptor: int) -> str:
    """Return the end of the name of the file that the owner was creating; empty for none."""
    header = read_all(descriptor, _OWNER.size, 0)
    if len(header) < _OWNER.size or header[:8] != _MAGIC:
        return ""
    *_, note, checksum = _OWNER.unpack(header)
    if zlib.crc32(header[:-4]) != checksum:
        return ""
    return str(note.rstrip(bytes(1)), "ascii", "ignore")


# -- reading -------------------------------------------------------------------------------------


class _Scan:
    """One pass over a log, up to the first invalid record."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._log_size = os.fstat(descriptor).st_size
        self._writes: list[tuple[int, int, bytes | int]] = []
        self._under: dict[int, Sums] = {}
        self._data_end = self._committed = self._commits = 0
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
            if length > self._log_size - payload or not self._is_whole(
                payload, length, payload_sum
            ):
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
        """Add one record; return False if it is invalid although its checksum matches."""
        if kind in {_PUT, _ROWS}:
            self._records.append((kind, read_all(self._descriptor, length, start)))
            self._commits += 1
            return True
        if kind in {_UNDER, _CHECKPOINT}:
            return self._take_sums(kind, count, start, length)
        if not self._take_writes(count, start, length):
            return False
        if kind == _COMMIT:
            if self._data_end > size:  # data beyond the end of the file must not reappear
                self._writes, self._data_end = _clipped(self._writes, size), size
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
        reach = self._data_end
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
        self._data_end = reach
        return True


def scan(descriptor: int) -> Recovered:
    """Read a log up to the first invalid record."""
    return _Scan(descriptor).run()


def _clipped(
    writes: list[tuple[int, int, bytes | int]], size: int
) -> list[tuple[int, int, bytes | int]]:
    """Return the parts of `writes` that are within a file of `size` bytes."""
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
        # Pairs of offset and checksum to continue: replaced as a whole, for signal handlers.
        self._tail = self._committed = (HEADER_BYTES, 0)
        self._synced = 0
        """Everything before this offset is on disk."""
        self._sync_failed = False
        self._syncing = threading.RLock()
        self.commits: int = 0
        self.logical_bytes: int = 0
        """The size of the logical records committed since the last writes, in bytes."""

    @property
    def size(self) -> int:
        """The length of the log in bytes."""
        return self._tail[0]

    @property
    def is_whole(self) -> bool:
        """Whether nothing was appended since the last commit."""
        return self._tail is self._committed

    @property
    def is_synced(self) -> bool:
        """Whether all commits are on disk."""
        return self._synced >= self._committed[0] and not self._sync_failed

    def claim(self, note: str = "") -> None:
        """Record the owner of the log, and the file beside it that is being created.

        Args:
            note: the end of the name of that file: ASCII, at most 16 characters.
        """
        magic = read_all(self.file.fd, 8, 0)
        if magic not in _OLD_MAGICS:  # their headers have no space for it
            write_all(self.file.fd, _owner(note), 0)

    def begin(self, base: Base, *, durable: bool = False) -> None:
        """Empty the log, whose commits must all be in the file (and synced, if `durable`).

        Args:
            base: the present state of the file.
            durable: sync the new header before later records overwrite the old ones. Otherwise,
                after a loss of power, new records could follow an old header.

        Raises:
            OSError: nothing has changed.
        """
        import secrets

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
            with contextlib.suppress(OSError):  # a long log is overwritten instead
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
                return  # the new header cannot be undone: it is what readers see now
            raise
        self._sync_failed = False
        self._synced = HEADER_BYTES

    def resume(self, found: Recovered) -> None:
        """Continue after the last commit of another writer."""
        self._tail = self._committed = (found.end, found.checksum)
        self.commits = found.commits
        self.logical_bytes = sum(len(payload) for _, payload in found.records)
        self._synced = 0
        self._sync_failed = True  # a sync of that writer may have failed: write everything again
        os.ftruncate(self.file.fd, found.end)

    def append(
        self,
        writes: Sequence[Write],
        size: int | None,
        under: Iterable[tuple[int, Sums]] = (),
    ) -> int:
        """Append a record; with a `size` it ends a commit, which is thereby decided.

        Args:
            writes: offsets and data.
            size: the length of the file after the commit; None before the last record of a commit.
            under: the checksums of pages of the file that no earlier commit of the log changed.

        Returns:
            The offset in the log of the data of the first write.

        Raises:
            OSError: the record was not appended.
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

    @property
    def tail(self) -> tuple[int, int]:
        """The offset and checksum that the next record continues: a new tuple after each record."""
        return self._tail

    def append_logical(
        self, payload: bytes, *, rows: bool = False, tail: tuple[int, int] | None = None
    ) -> bool:
        """Append a small assignment, or rows; each is a commit by itself.

        Args:
            payload: the payload of the record.
            rows: it contains rows.
            tail: append nothing if records have been written since `tail` had this value.

        Returns:
            Whether it was appended.
        """
        if not self._write([(_ROWS if rows else _PUT, 0, 0, payload)], commit=True, only_at=tail):
            return False
        self.commits += 1
        self.logical_bytes += len(payload)
        return True

    def append_checkpoint(self, sums: Iterable[tuple[int, Sums]]) -> None:
        """Record what a checkpoint is about to write, so that a partial one is recognized."""
        if records := _sums(_CHECKPOINT, sums):
            self._write(records, commit=True)

    def _write(
        self,
        records: list[tuple[bytes, int, int, bytes]],
        *,
        commit: bool,
        only_at: tuple[int, int] | None = None,
    ) -> bool:
        """Write records after the last one.

        A signal handler may run between any two steps and write records of its own. Then these
        records are written again, after the handler's; or not at all, if the tail is no longer
        `only_at`.

        Returns:
            Whether they were written.
        """
        try:
            while True:
                tail = self._tail
                if only_at is not None and tail is not only_at:
                    return False
                data, after = _packed_records(records, *tail)
                file = self.file.fd
                # No call between the check and the write: a handler could run at it.
                done = os.pwrite(file, data, tail[0]) if self._tail is tail else 0
                if done < len(data) and self._tail is tail:
                    write_all(file, memoryview(data)[done:], tail[0] + done)
                if self._tail is tail:
                    if commit:
                        self._committed = after
                    self._tail = after
                    return True
        except BaseException:
            self._erase()
            raise

    def _erase(self) -> None:
        """Remove what may have been written after the last record, so that no scan finds it."""
        end = self._tail[0]
        try:
            os.ftruncate(self.file.fd, end)
        except OSError:
            with contextlib.suppress(OSError):
                write_all(self.file.fd, bytes(_RECORD.size), end)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of a write in the log."""
        return read_all(self.file.fd, length, offset)

    def forget(self) -> None:
        """Discard the records that were appended since the last commit."""
        if self._tail is not self._committed:
            with self._syncing:
                self._tail = self._committed
                self._erase()

    def sync(self) -> None:
        """Sync the log.

        After a failed sync the system may consider pages clean that are not on disk. Therefore
        everything that was not synced before is written again.

        Raises:
            OSError: it is unknown which part is on disk.
        """
        with self._syncing:
            if not self.file.is_open:  # another log has replaced it, and was synced
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
        """Close the file, after any sync in another thread."""
        with self._syncing:
            self.file.close()

    def after_fork(self) -> None:
        """Replace the lock in a child of `fork`: a thread of the parent may hold it."""
        self._syncing = threading.RLock()


def _host() -> bytes:
    import socket

    return socket.gethostname().encode()[:64]


def _owner(note: str) -> bytes:
    head = _OWNER.pack(_MAGIC, os.getpid(), _host(), note.encode("ascii"), 0)[:-4]
    return head + _SUM.pack(zlib.crc32(head))


def _sums(kind: bytes, sums: Iterable[tuple[int, Sums]]) -> list[tuple[bytes, int, int, bytes]]:
    packed = [_PAGE_SUMS.pack(page, *of_page) for page, of_page in sums]
    return [(kind, len(packed), 0, b"".join(packed))] if packed else []


def _packed_records(
    records: list[tuple[bytes, int, int, bytes]], end: int, chain: int
) -> tuple[bytes, tuple[int, int]]:
    """Return the bytes of records, and the offset and checksum after them."""
    parts: list[bytes] = []
    for kind, count, size, payload in records:
        head = _HEAD.pack(kind, count, len(payload), size, zlib.crc32(payload))
        chain = zlib.crc32(head, chain)
        parts += (head, _SUM.pack(chain), payload)
        end += _RECORD.size + len(payload)
    return b"".join(parts), (end, chain)
