"""A reader of the journal, written from docs/format.md alone, without code of hdfchk."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import attrs
import numpy as np

KINDS = (b"PART", b"DONE", b"PUTS", b"ROWS", b"UNDR", b"CKPT")


@attrs.frozen
class Record:
    """A record: its kind, the number of its entries, the length of the file, the payload."""

    kind: bytes
    count: int
    length: int
    payload: bytes

    def entries(self) -> list[tuple[int, ...]]:
        """Return the number and eight checksums of each page of an `UNDR` or a `CKPT`."""
        return [struct.unpack_from("<Q8I", self.payload, 40 * at) for at in range(self.count)]

    def writes(self) -> list[tuple[int, bytes]]:
        """Return the offset and bytes of each write of a `PART` or a `DONE`."""
        found, at = [], 16 * self.count
        for number in range(self.count):
            offset, length = struct.unpack_from("<QQ", self.payload, 16 * number)
            found.append((offset, self.payload[at : at + length]))
            at += length
        return found


@attrs.frozen
class Header:
    """The second part of the header."""

    salt: bytes
    length: int
    stamp: int
    at: int
    zero: int
    total: int
    sums: tuple[int, ...]


def parse(log: bytes) -> tuple[Header, list[Record]]:
    """Return the header and the valid records of a journal of version 3."""
    assert log[:8] == b"hdfchkJ3"
    assert struct.unpack_from("<I", log, 96)[0] == zlib.crc32(log[:96])
    assert struct.unpack_from("<I", log, 172)[0] == zlib.crc32(log[100:172])
    header = Header(*struct.unpack_from("<8sQQQII", log, 100), struct.unpack_from("<8I", log, 140))
    records: list[Record] = []
    at, before = 176, zlib.crc32(header.salt)
    while at + 32 <= len(log):
        kind, count, size, length, crc, chain = struct.unpack_from("<4sIQQII", log, at)
        payload = log[at + 32 : at + 32 + size]
        if kind not in KINDS or chain != zlib.crc32(log[at : at + 28], before):
            break
        if len(payload) < size or crc != zlib.crc32(payload):
            break
        records.append(Record(kind, count, length, payload))
        at, before = at + 32 + size, chain
    while records and records[-1].kind in {b"PART", b"UNDR"}:
        records.pop()
    return header, records if any(r.kind in {b"DONE", b"PUTS", b"ROWS"} for r in records) else []


def matches(header: Header, records: list[Record], file: bytes) -> bool:
    """Whether a log was written for this file: rules 1 to 4."""
    ends = [header.length]
    done = 0
    for record in records:
        if record.kind == b"DONE":
            done = record.length
        elif record.kind == b"CKPT" and done:
            ends.append(done)
    is_cut = any(record.kind == b"CKPT" for record in records)
    if len(file) < min(ends):
        return False
    if not is_cut:
        if header.stamp and file[header.at : header.at + 8] != struct.pack("<Q", header.stamp):
            return False
        if header.total and not header.stamp and header.total != total(file[: header.length]):
            return False
    old, new = {0: header.sums}, {}
    for record in records:
        if record.kind in {b"UNDR", b"CKPT"}:
            for page, *sums in record.entries():
                if record.kind == b"UNDR":
                    old.setdefault(page, tuple(sums))
                else:
                    new.setdefault(page, []).append(sums)
    for page, sums in old.items():
        for number, expected in enumerate(sums):
            start = 4096 * page + 512 * number
            if not expected or (is_cut and start + 512 > min(ends)):
                continue
            allowed = {expected, *(each[number] for each in new.get(page, []))}
            if zlib.crc32(file[start : start + 512]) not in allowed:
                return False
    return not (is_cut and header.stamp) or header.at // 4096 in old


def total(file: bytes) -> int:
    """Return the total checksum of a file."""
    crc = zlib.crc32(struct.pack("<Q", len(file)))
    if len(file) <= 32 * 2**20:
        return zlib.crc32(file, crc) or 1
    for start in range(0, len(file) - 65536, len(file) // 256):
        crc = zlib.crc32(file[start : start + 65536], crc)
    return crc or 1


def overlay(records: list[Record], file: bytes) -> tuple[bytes, list[Record]]:
    """Return the file with the writes of all commits, and the records that remain to be applied."""
    length = max([len(file), *(at + len(data) for r in _pages(records) for at, data in r.writes())])
    log, is_there = np.zeros(length, np.uint8), np.zeros(length, bool)
    size, rest = len(file), []
    for record in records:
        if record.kind in {b"PUTS", b"ROWS"}:
            rest.append(record)
        elif record.kind in {b"PART", b"DONE"}:
            for at, data in record.writes():
                log[at : at + len(data)] = np.frombuffer(data, np.uint8)
                is_there[at : at + len(data)] = True
            if record.kind == b"DONE":
                size, rest = record.length, []
                is_there[size:] = False
    whole = np.zeros(max(length, size), np.uint8)
    whole[: len(file)] = np.frombuffer(file, np.uint8)
    whole[:length][is_there] = log[is_there]
    return whole[:size].tobytes(), rest


def _pages(records: list[Record]) -> list[Record]:
    return [record for record in records if record.kind in {b"PART", b"DONE"}]


def put(record: Record) -> tuple[str, str, Any]:
    """Return the path, mark and value of a small assignment."""
    of_path, of_mark, of_data = struct.unpack_from("<HHH", record.payload)
    kind, rest = record.payload[6:7], record.payload[7:]
    assert len(rest) == of_path + of_mark + of_data
    path, mark, data = rest[:of_path], rest[of_path:][:of_mark], rest[of_path + of_mark :]
    return path.decode(), mark.decode(), _value(kind, data)


def _value(kind: bytes, data: bytes) -> Any:
    match kind:
        case b"f" | b"i":
            return struct.unpack("<d" if kind == b"f" else "<q", data)[0]
        case b"c":
            return complex(*struct.unpack("<dd", data))
        case b"b":
            return bool(data[0])
        case b"s":
            return data.decode()
        case b"n":
            return None
    assert kind == b"a"
    dtype, axes = np.dtype(data[1 : 1 + data[0]].decode()), data[1 + data[0]]
    at = 2 + data[0]
    shape = struct.unpack_from(f"<{axes}Q", data, at)
    return np.frombuffer(data[at + 8 * axes :], dtype).reshape(shape)


def rows(payload: bytes, above: str = "") -> list[tuple[str, int, bytes | list[str]]]:
    """Return the path, number and bytes or strings of the rows appended to each array."""
    of_path, number, kind = struct.unpack_from("<HIc", payload)
    path, data, at = payload[7 : 7 + of_path].decode(), payload[7 + of_path :], 0
    if kind == b"r":
        return [(path, number, data)]
    parts: list[bytes] = []
    for _ in range(number):
        size = struct.unpack_from("<I", data, at)[0]
        parts.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    assert at == len(data)
    if kind == b"s":
        return [(path, number, [part.decode() for part in parts])]
    return [each for part in parts for each in rows(part)]
