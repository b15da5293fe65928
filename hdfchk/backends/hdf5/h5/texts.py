"""Strings in foreign string types: how a value is stored in one, and whether it is unchanged."""

from __future__ import annotations

from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5t

from ....codecs.packing import KEY, unfold
from ....codecs.scalars import BYTES, STR
from ....errors import UnsupportedTypeError
from ....tree import Leaf, Mark, Sequence, utf8_dtype
from .ids import DatasetID, TypeID
from .links import key_of
from .types import PYTHON_STRINGS, string_type

__all__ = [
    "StoredTexts",
    "are_kept",
    "are_same",
    "filled",
    "in_type_of",
    "stored_texts",
    "type_to_write_texts",
]

_SEQUENCES = frozenset({"list", "tuple", "set", "frozenset", "deque"})
_AS_BYTES = (STR, BYTES)
"""The marks of strings that HDF5 cannot store as strings, and of bytes."""
_SHORT = 1024
"""The packed text of an empty sequence is shorter."""


class StoredTexts(NamedTuple):
    """Strings in the form in which they are read from a string type.

    Attributes:
        array: bytes of the type's width, or `str` objects for a variable-length type.
        tid: the HDF5 memory type for reading such an array.
        mark: the mark with which the strings are read as the original value.
    """

    array: np.ndarray[Any, Any]
    tid: TypeID
    mark: Mark | None


def stored_texts(stored: TypeID, leaf: Leaf) -> StoredTexts | None:
    """Return the strings of a leaf as a given string type stores them.

    Args:
        stored: the type in the file.
        leaf: a string or an array of strings; or bytes that are not UTF-8, which a string type
            returns. A type whose width equals that of an array of bytes stores it unchanged.

    Returns:
        The strings; None if the leaf has none, or they are too long.
    """
    data: Any = leaf.data
    mark = leaf.mark
    variable, width = stored.is_variable_str(), stored.get_size()
    if mark in _AS_BYTES and isinstance(data, np.ndarray):
        data, mark = _read_from_string(data.tobytes(), mark), None
    if isinstance(data, (str, bytes)):
        raw: Any = data if isinstance(data, bytes) else data.encode()
        if variable:
            return _as_stored(np.array(data, object), stored, mark)
        return _as_stored(raw, stored, mark) if len(raw) <= width else None
    if not isinstance(data, np.ndarray):
        return None
    if data.dtype.kind == "O":
        if variable:
            return _as_stored(data, stored, mark)
        raw = _encoded(data)
        return _as_stored(raw, stored, _objects(mark)) if raw.dtype.itemsize <= width else None
    if data.dtype.kind != "S":
        return None
    text = h5py.check_string_dtype(data.dtype)
    if text is None or text.encoding != "utf-8":  # bytes
        exact = not variable and mark is None and data.dtype.itemsize == width
        return _as_stored(data, stored, None) if exact else None
    if variable:
        objects = np.empty(data.size, object)
        objects[:] = [item.decode() for item in data.ravel().tolist()]
        return _as_stored(objects.reshape(data.shape), stored, mark)
    longest = int(np.strings.str_len(data.view(f"S{data.dtype.itemsize}")).max(initial=0))
    return _as_stored(data, stored, mark) if longest <= width else None


def _read_from_string(raw: bytes, mark: Mark | None) -> str | bytes | None:
    """Return a string with NULs, or bytes, as read from a string type without a mark.

    Returns:
        None if a different value would be read: without NULs at its end, or text instead of bytes.
    """
    if raw.endswith(b"\0"):
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return raw if mark == BYTES else None
    return text if mark == STR else None


def type_to_write_texts(stored: TypeID, texts: StoredTexts) -> TypeID:
    """Return the memory type for writing strings into a type so that they are read back unchanged.

    A conversion to a null-terminated type reserves a byte for the NUL. So if the stored type is
    null-terminated, the memory type is, too, and nothing is converted.
    """
    if texts.array.dtype.kind == "O" or stored.get_strpad() != h5t.STR_NULLTERM:
        return texts.tid
    memory = texts.tid.copy()
    memory.set_strpad(h5t.STR_NULLTERM)
    return memory


def _as_stored(texts: Any, stored: TypeID, mark: Mark | None) -> StoredTexts:
    if stored.is_variable_str():
        return StoredTexts(texts, PYTHON_STRINGS, mark)
    width = stored.get_size()
    memory = string_type(width)
    if stored.get_cset() != h5t.CSET_UTF8:
        memory = memory.copy()
        memory.set_cset(stored.get_cset())  # HDF5 does not convert character sets
    return StoredTexts(np.asarray(texts).astype(f"S{width}"), memory, mark)


def _encoded(objects: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    raw = [item.encode() for item in objects.ravel().tolist()]
    return np.array(raw, f"S{max(1, *map(len, raw), 1)}").reshape(objects.shape)


def _objects(mark: Mark | None) -> Mark:
    """Return the mark of an object array stored as fixed-width strings, unless it has another."""
    if mark is not None and (mark.name != "ndarray" or "dtype" in mark.params):
        return mark
    params = {} if mark is None else mark.params
    return Mark("ndarray", 1, {**params, "dtype": "|O"})


def filled(leaf: Leaf) -> Leaf:
    """Return a sequence or object array without items as an empty array of strings, if possible."""
    data = leaf.data
    if leaf.mark is None or leaf.mark.name != "packed" or not isinstance(data, str):
        return leaf
    node = unfold(leaf) if len(data) < _SHORT else leaf
    if not isinstance(node, Sequence) or node.items:
        return leaf
    key = {KEY: leaf.mark.params[KEY]} if KEY in leaf.mark.params else {}
    mark = node.mark
    if mark.name in _SEQUENCES:
        return Leaf(np.empty(0, object), Mark(mark.name, 1, {"item": "str", **mark.params, **key}))
    if mark.name != "ndarray" or mark.params.get("dtype") != "|O":
        return leaf
    rest = {name: mark.params[name] for name in ("order", "class") if name in mark.params} | key
    array = np.empty(tuple(mark.params["shape"]), object)
    return Leaf(array, Mark("ndarray", 1, rest) if rest else None)


def _fits(stored: TypeID, array: np.ndarray[Any, Any], *, converted: bool) -> bool:
    """Return whether strings of a type's width can be stored with its padding.

    Args:
        stored: the type.
        array: the strings.
        converted: HDF5 converts them, and ends them with a NUL if the type is null-terminated.
    """
    if not array.size:
        return True
    width, pad = stored.get_size(), stored.get_strpad()
    raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(array.size, -1)
    if raw.shape[1] > width and raw[:, width:].any():
        return False
    raw = raw[:, :width]
    if pad == h5t.STR_NULLPAD:
        return True
    if (raw[:, :-1] == 0)[raw[:, 1:] != 0].any():  # the string would end at the first NUL
        return False
    if pad == h5t.STR_NULLTERM:
        return not converted or raw.shape[1] < width or not raw[:, -1].any()
    return not np.strings.endswith(array, b" ").any()


def in_type_of(did: DatasetID, data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return fixed-width strings as h5py writes them into a string dataset; others unchanged.

    Raises:
        UnsupportedTypeError: a string would be truncated, or is not ASCII as the type requires.
    """
    if data.dtype.kind != "S":
        return data
    stored = did.get_type()
    if stored.get_class() != h5t.STRING or stored.is_variable_str():
        return data
    is_ascii = stored.get_cset() == h5t.CSET_ASCII
    text = h5py.check_string_dtype(data.dtype)
    is_bare = text is None or text.encoding == "ascii"
    fits = _fits(stored, data, converted=True)
    if not fits or (is_ascii and not is_bare and not data.tobytes().isascii()):
        raise UnsupportedTypeError(
            f"a string does not fit the stored ones: {stored.get_size()} bytes with their padding"
            + (", in ASCII" if is_ascii else ""),
            key=key_of(did),
            hint="shorten it, or assign the whole array again",
        )
    if is_bare == is_ascii:  # HDF5 does not convert character sets
        return data
    width = data.dtype.itemsize
    return data.view(f"S{width}" if is_ascii else utf8_dtype(width))


def are_kept(stored: TypeID, texts: StoredTexts) -> bool:
    """Return whether strings written with `type_to_write_texts` are read back unchanged."""
    array, is_ascii = texts.array, stored.get_cset() == h5t.CSET_ASCII
    if is_ascii and texts.mark is not None and not array.ndim:
        return False  # it would be read as bytes
    if array.dtype.kind == "O":
        items = array.ravel().tolist()
        if bytes in set(map(type, items)):  # bytes that are not text
            return False
        joined = "".join(items)
        return "\0" not in joined and not (is_ascii and not joined.isascii())
    if not _fits(stored, array, converted=False):
        return False
    joined_raw = b"\n".join(array.ravel().tolist())
    if is_ascii:
        return joined_raw.isascii()
    try:
        joined_raw.decode()
    except UnicodeDecodeError:  # bytes that are not text
        return False
    return True


def are_same(found: Any, texts: StoredTexts) -> bool:
    """Return whether strings that were read are equal to these."""
    array = texts.array
    if np.shape(found) != array.shape:
        return False
    if array.dtype.kind == "O":
        return bool(np.asarray(found, object).tolist() == array.tolist())
    if isinstance(found, str):
        found = found.encode()
    return bool(np.array_equal(np.asarray(found), array))
