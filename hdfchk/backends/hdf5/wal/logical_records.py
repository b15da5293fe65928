"""Small assignments as they stand in the journal: a path and one small leaf, without HDF5's part.

HDF5 takes ten times as long to make a commit of a number as it takes to write it down. So the
journal holds the assignment itself; HDF5 does it later, with others, before anything that would see
the difference.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from ....codecs.packing import mark_from_text, mark_to_text
from ....errors import CorruptFileError
from ....keys import Path, to_bytes, to_text
from ....tree import Leaf

__all__ = ["MOST_BYTES", "pack_put", "unpack_put"]

MOST_BYTES = 1024
"""More bytes of path, mark or data are no small assignment."""
_KINDS = "biufc"
_MOST_AXES = 32
"""HDF5 has no more."""
_HEAD = struct.Struct("<HHHs")
_FLOAT, _INT, _COMPLEX = struct.Struct("<d"), struct.Struct("<q"), struct.Struct("<dd")


def pack_put(path: Path, leaf: Leaf) -> bytes | None:
    """The bytes of a small assignment; None where it is none.

    Layout: the lengths of path, mark and data, uint16 each, and the kind of the data, one byte;
    then the path, its levels separated by ``/``, the mark, and the data.
    """
    found = _packed(leaf.data)
    if found is None:
        return None
    kind, data = found
    where = to_bytes(path[0]) if len(path) == 1 else b"/".join(map(to_bytes, path))
    mark = mark_to_text(leaf.mark).encode() if leaf.mark is not None else b""
    if len(where) > MOST_BYTES or len(mark) > MOST_BYTES or len(data) > MOST_BYTES:
        return None
    return b"".join((_HEAD.pack(len(where), len(mark), len(data), kind), where, mark, data))


def _packed(data: Any) -> tuple[bytes, bytes] | None:
    kind = type(data)
    if kind is float:
        return b"f", _FLOAT.pack(data)
    if kind is int:
        return b"i", _INT.pack(data)
    if kind is str:
        return (b"s", data.encode()) if len(data) <= MOST_BYTES else None
    if kind is bool:
        return b"b", b"\1" if data else b"\0"
    if data is None:
        return b"n", b""
    if kind is complex:
        return b"c", _COMPLEX.pack(data.real, data.imag)
    if kind is np.ndarray and data.nbytes <= MOST_BYTES:
        return _packed_array(data)
    return None


def _packed_array(data: np.ndarray[Any, Any]) -> tuple[bytes, bytes] | None:
    dtype = data.dtype
    if (
        data.ndim > _MOST_AXES
        or dtype.kind not in _KINDS
        or np.dtype(dtype.str).char != dtype.char
        or dtype.metadata
    ):
        return None
    shape = struct.pack(f"<B{data.ndim}Q", data.ndim, *data.shape)
    text = dtype.str.encode()
    return b"a", b"".join((bytes([len(text)]), text, shape, data.tobytes()))


def unpack_put(raw: bytes) -> tuple[Path, Leaf]:
    """The inverse of `pack_put`.

    Raises:
        CorruptFileError: they are no such bytes, although their checksum is right.
    """
    try:
        lengths = _HEAD.unpack_from(raw)
        at, parts = _HEAD.size, []
        for length in lengths[:3]:
            parts.append(raw[at : at + length])
            at += length
        where, mark, data = parts
        path = tuple(map(to_text, where.split(b"/")))
        return path, Leaf(
            _unpacked(lengths[3], data), mark_from_text(mark.decode()) if mark else None
        )
    except (struct.error, ValueError, TypeError, IndexError, KeyError) as error:
        raise CorruptFileError(
            f"the journal has an assignment that can not be read ({error})",
            hint="it was written by another version of hdfchk: use that one",
        ) from error


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
    raise ValueError(f"a kind {kind!r} of data")


def _unpacked_array(data: bytes) -> np.ndarray[Any, Any]:
    start = 1 + data[0]
    dtype = np.dtype(data[1:start].decode())
    (ndim,) = struct.unpack_from("<B", data, start)
    shape = struct.unpack_from(f"<{ndim}Q", data, start + 1)
    flat = np.frombuffer(bytearray(data[start + 1 + 8 * ndim :]), dtype)
    return flat.reshape(shape)
