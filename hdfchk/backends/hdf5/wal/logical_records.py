"""Logical records: small assignments and rows to append, as the log stores them.

HDF5 takes ten times as long to commit a number as a single write to the log. So the log stores the
assignment, or the rows, themselves. HDF5 applies them later, many at once, before any operation
that would see the difference.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from ....codecs.packing import mark_from_text, mark_to_text
from ....errors import CorruptFileError
from ....keys import Path, to_bytes, to_text
from ....lengths import MOST_AXES
from ....tree import Leaf
from ...base import SMALL_BYTES

__all__ = [
    "TABLE_BYTES",
    "Pending",
    "pack_put",
    "pack_rows",
    "pack_table",
    "unpack_put",
    "unpack_rows",
]

_KINDS = "biufc"
_HEAD = struct.Struct("<HHHs")
_FLOAT, _INT, _COMPLEX = struct.Struct("<d"), struct.Struct("<q"), struct.Struct("<dd")
_ROWS = struct.Struct("<HIs")
_LENGTH = struct.Struct("<I")
TABLE_BYTES = 2**20
"""The maximum size in bytes of rows of several arrays in one record."""
Rows = bytes | list[str]
"""Rows as bytes of the stored dtype, or as texts."""


@attrs.define(eq=False)
class Pending:
    """The logical records that HDF5 has yet to apply.

    Attributes:
        puts: the last value of each path.
        rows: the rows to append to each array, after all of `puts`: an assignment discards the
            rows that wait for the array it replaces.
    """

    puts: dict[Path, Leaf] = attrs.field(factory=dict)
    rows: dict[Path, list[Rows]] = attrs.field(factory=dict)

    def __bool__(self) -> bool:
        """Whether there are any records."""
        return bool(self.puts) or bool(self.rows)

    @classmethod
    def of(cls, records: Iterable[tuple[bytes, bytes]]) -> Pending:
        """Unpack records of a log.

        Raises:
            CorruptFileError: a record cannot be decoded, although its checksum matches.
        """
        pending = cls()
        for kind, payload in records:
            if kind == b"ROWS":
                for path, rows in unpack_rows(payload):
                    pending.rows.setdefault(path, []).append(rows)
            else:
                pending.put(*unpack_put(payload))
        return pending

    def put(self, path: Path, leaf: Leaf) -> None:
        """Add an assignment, and discard rows that wait for what it replaces."""
        for array in [array for array in self.rows if array[: len(path)] == path]:
            del self.rows[array]
        self.puts[path] = leaf

    def wait(self, rows: Mapping[Path, np.ndarray[Any, Any]]) -> dict[Path, int]:
        """Add rows that are about to be written to the log.

        Returns:
            The number of blocks of rows that each array had before, for `give_up`.
        """
        counts = {}
        for path, block in rows.items():
            blocks = self.rows.setdefault(path, [])
            counts[path] = len(blocks)
            blocks.append(list(block.flat) if block.dtype.hasobject else block.tobytes())
        return counts

    def restore(self, path: Path, leaf: Leaf, before: Leaf | None) -> None:
        """Undo an assignment that is not in the log, unless a signal handler has settled it.

        Args:
            path: the path of the value.
            leaf: the value.
            before: the value that waited before, which is restored.
        """
        if self.puts.get(path) is not leaf:
            return
        if before is None:
            self.puts.pop(path, None)
        else:
            self.puts[path] = before

    def give_up(self, counts: Mapping[Path, int]) -> None:
        """Remove rows that are not in the log."""
        for path, count in counts.items():
            blocks = self.rows.get(path, [])
            del blocks[count : count + 1]
            if not blocks:
                self.rows.pop(path, None)

    def add(self, later: Pending) -> None:
        """Add records that are later than all of these."""
        for path, leaf in later.puts.items():
            self.put(path, leaf)
        for path, blocks in later.rows.items():
            self.rows.setdefault(path, []).extend(blocks)

    def takes_put(self, path: Path) -> bool:
        """Return whether an assignment at `path` affects no array for which rows wait."""
        return not any(array[: len(path)] == path for array in self.rows)

    def takes_rows(self, path: Path) -> bool:
        """Return whether rows for the array at `path` depend on no assignment that waits."""
        puts = self.puts
        return not any(path[:depth] in puts for depth in range(1, len(path) + 1))

    def copy(self) -> Pending:
        """Return a copy, to which a rollback can return."""
        return Pending(dict(self.puts), {path: [*rows] for path, rows in self.rows.items()})

    def clear(self) -> None:
        """Remove all records."""
        self.puts.clear()
        self.rows.clear()


def pack_rows(path: Path, rows: np.ndarray[Any, Any]) -> bytes | None:
    """Return the bytes of rows for an array; None if there are none, or they are too large.

    Layout: the length of the path in bytes, uint16; the number of rows, uint32; the kind of data,
    one byte; then the path, and the data. Data are the bytes of the elements in the stored dtype,
    or, for texts, the length in bytes (uint32) and the UTF-8 bytes of each.
    """
    if rows.nbytes > SMALL_BYTES or not rows.size:
        return None
    parts = _parts(path, rows, 4 * SMALL_BYTES)
    return None if parts is None else b"".join(parts)


def pack_table(path: Path, rows: Mapping[Path, np.ndarray[Any, Any]]) -> bytes | None:
    """Return the bytes of rows for several arrays below a path; None if they are too large.

    Layout: as that of `pack_rows`, with the number of arrays instead of rows, and ``m`` for the
    kind; the data are, for each array, the length, uint32, and the bytes of `pack_rows`.
    """
    if sum(block.nbytes for block in rows.values()) > TABLE_BYTES:
        return None
    where = _packed_path(path)
    if len(where) > SMALL_BYTES:
        return None
    parts, total = [_ROWS.pack(len(where), len(rows), b"m"), where], 0
    for array, block in rows.items():
        found = _parts(array, block, TABLE_BYTES) if block.size else None
        if found is None:
            return None
        length = sum(map(len, found))
        total += length
        parts += (_LENGTH.pack(length), *found)
    return b"".join(parts) if total <= 2 * TABLE_BYTES else None


def _parts(path: Path, rows: np.ndarray[Any, Any], most: int) -> tuple[bytes, ...] | None:
    """Return the bytes of rows for an array, in three parts; None if this is not possible."""
    if rows.dtype.hasobject:
        if rows.dtype.kind != "O" or not all(type(text) is str for text in rows.flat):
            return None
        texts = [text.encode() for text in rows.flat]
        kind, data = b"s", b"".join([struct.pack("<I", len(text)) + text for text in texts])
    else:
        kind, data = b"r", rows.tobytes()
    where = _packed_path(path)
    if len(where) > SMALL_BYTES or len(data) > most:
        return None
    return _ROWS.pack(len(where), len(rows), kind), where, data


@functools.lru_cache(1024)
def _packed_path(path: Path) -> bytes:
    return b"/".join(map(to_bytes, path))


def unpack_rows(raw: bytes) -> list[tuple[Path, Rows]]:
    """Invert `pack_rows` and `pack_table`: return the path and rows of each array.

    Dtype and shape of the rows are those of the array.

    Raises:
        CorruptFileError: the bytes are invalid, although their checksum matches.
    """
    try:
        length, count, kind = _ROWS.unpack_from(raw)
        at = _ROWS.size + length
        path = _unpacked_path(raw[_ROWS.size : at])
        if kind == b"m":
            found = _unpacked_table(raw[at:])
            if len(found) != count or any(below[: len(path)] != path for below, _ in found):
                raise ValueError("rows of other arrays")
            return found
        if kind == b"r":
            return [(path, raw[at:])]
        if kind != b"s":
            raise ValueError(f"unknown kind {kind!r} of rows")
        texts: list[str] = []
        while at < len(raw):
            (size,) = struct.unpack_from("<I", raw, at)
            texts.append(raw[at + 4 : at + 4 + size].decode())
            at += 4 + size
        return [(path, texts)]
    except (struct.error, ValueError, TypeError, IndexError) as error:
        raise CorruptFileError(
            f"the journal has rows that cannot be decoded ({error})",
            hint="another version of hdfchk may have written them: use that version",
        ) from error


def _unpacked_table(raw: bytes) -> list[tuple[Path, Rows]]:
    found: list[tuple[Path, Rows]] = []
    at = 0
    while at < len(raw):
        (size,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        part = raw[at : at + size]
        if len(part) < size or _ROWS.unpack_from(part)[2] == b"m":
            raise ValueError("rows of a table that are cut off")
        found += unpack_rows(part)
        at += size
    return found


def pack_put(path: Path, leaf: Leaf) -> bytes | None:
    """Return the bytes of a small assignment; None if the data are too large or of another type.

    Layout: the lengths of path, mark and data in bytes, uint16 each; the kind of data, one byte;
    then the path with ``/`` between its levels, the mark, and the data.
    """
    found = _packed(leaf.data)
    if found is None:
        return None
    kind, data = found
    where = to_bytes(path[0]) if len(path) == 1 else b"/".join(map(to_bytes, path))
    mark = mark_to_text(leaf.mark).encode() if leaf.mark is not None else b""
    if len(where) > SMALL_BYTES or len(mark) > SMALL_BYTES or len(data) > SMALL_BYTES:
        return None
    return b"".join((_HEAD.pack(len(where), len(mark), len(data), kind), where, mark, data))


def _packed(data: Any) -> tuple[bytes, bytes] | None:
    kind = type(data)
    if kind is float:
        return b"f", _FLOAT.pack(data)
    if kind is int:
        return b"i", _INT.pack(data)
    if kind is str:
        return (b"s", data.encode()) if len(data) <= SMALL_BYTES else None
    if kind is bool:
        return b"b", b"\1" if data else b"\0"
    if data is None:
        return b"n", b""
    if kind is complex:
        return b"c", _COMPLEX.pack(data.real, data.imag)
    if kind is np.ndarray and data.nbytes <= SMALL_BYTES:
        return _packed_array(data)
    return None


def _packed_array(data: np.ndarray[Any, Any]) -> tuple[bytes, bytes] | None:
    dtype = data.dtype
    if (
        data.ndim > MOST_AXES
        or dtype.kind not in _KINDS
        or np.dtype(dtype.str).char != dtype.char
        or dtype.metadata
    ):
        return None
    shape = struct.pack(f"<B{data.ndim}Q", data.ndim, *data.shape)
    text = dtype.str.encode()
    return b"a", b"".join((bytes([len(text)]), text, shape, data.tobytes()))


def unpack_put(raw: bytes) -> tuple[Path, Leaf]:
    """Invert `pack_put`.

    Raises:
        CorruptFileError: the bytes are invalid, although their checksum matches.
    """
    try:
        lengths = _HEAD.unpack_from(raw)
        at, parts = _HEAD.size, []
        for length in lengths[:3]:
            parts.append(raw[at : at + length])
            at += length
        where, mark, data = parts
        return _unpacked_path(where), Leaf(
            _unpacked(lengths[3], data), mark_from_text(mark.decode()) if mark else None
        )
    except (struct.error, ValueError, TypeError, IndexError, KeyError) as error:
        raise CorruptFileError(
            f"the journal has an assignment that cannot be decoded ({error})",
            hint="another version of hdfchk may have written it: use that version",
        ) from error


def _unpacked_path(raw: bytes) -> Path:
    path = tuple(map(to_text, raw.split(b"/")))
    if not all(path):
        raise ValueError("a path with an empty key")
    return path


def _unpacked(kind: bytes, data: bytes) -> Any:
    if kind == b"f":
        return _FLOAT.unpack(data)[0]
    if kind == b"i":
        return _INT.unpack(data)[0]
    if kind == b"s":
        return data.decode()
    if kind == b"b":
        return data == b"\1"
    if kind == b"c":
        return complex(*_COMPLEX.unpack(data))
    if kind == b"a":
        return _unpacked_array(data)
    if kind == b"n":
        return None
    raise ValueError(f"unknown kind {kind!r} of data")


def _unpacked_array(data: bytes) -> np.ndarray[Any, Any]:
    start = 1 + data[0]
    dtype = np.dtype(data[1:start].decode())
    (ndim,) = struct.unpack_from("<B", data, start)
    shape = struct.unpack_from(f"<{ndim}Q", data, start + 1)
    flat = np.frombuffer(bytearray(data[start + 1 + 8 * ndim :]), dtype)
    return flat.reshape(shape)
