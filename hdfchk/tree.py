"""The neutral stored form: what codecs make of values, and what backends keep.

A tree knows neither Python's classes nor HDF5's objects. It is made of

* `Leaf`: one array or scalar (a dataset in HDF5),
* `Branch`: named children (a group in HDF5),
* `Sequence`: unnamed children in order; it exists only between the codecs, which fold it into
  leaves and branches before a backend sees it (`hdfchk.codecs.packing`).

Each may carry a `Mark`: the name and version of its encoding, where the stored form alone does
not tell the type. Arrays are held by reference and never copied.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from math import isnan
from typing import Any, TypeGuard

import attrs
import numpy as np

__all__ = [
    "MAX_DEPTH",
    "NONE_BITS",
    "RESERVED_CHILDREN",
    "Branch",
    "Leaf",
    "Mark",
    "Node",
    "Scalar",
    "Sequence",
    "is_dict",
    "is_none_number",
    "nbytes_of",
    "params_of",
    "utf8_dtype",
]

Scalar = bool | int | float | complex | str | None
"""The Python scalars that a backend keeps without a mark. Of `int`, those of 64 bits; of `str`,
those without NUL and lone surrogates."""

MAX_DEPTH = 150
"""How deeply values may nest: three Python frames a level stay far below the recursion limit."""

RESERVED_CHILDREN = frozenset({"_data", "_list_numitems", "pseudopickle_protocol"})
"""Names by which the older checkpointer tells a list or an object from a dict. An unmarked group
that has one of them is read by its rules; a dict of ours that has one is marked."""


NONE_BITS = 0x7FF8_4E6F_0000_07A2
"""The bits of the float64 that is None in a file: a NaN, which every tool reads, and takes for a
missing number. Its lower half is that of R's NA. It needs no mark, which would take as long to
write and to read as the dataset itself."""
_NONE_BYTES = struct.pack("<Q", NONE_BITS)


def is_none_number(value: float) -> bool:
    """Whether a float has the very bits that are None in a file."""
    return isnan(value) and struct.pack("<d", value) == _NONE_BYTES


def utf8_dtype(width: int) -> np.dtype[np.bytes_]:
    """The dtype of fixed-width strings of `width` bytes that are UTF-8 (and not just bytes).

    The metadata are those by which h5py's `string_dtype` says so.
    """
    return np.dtype(f"S{width}", metadata={"h5py_encoding": "utf-8"})


_NO_PARAMS: Mapping[str, Any] = {}


@attrs.frozen
class Mark:
    """Name, version and parameters of an encoding.

    Args:
        name: the encoding's name; no white space and no ``"/"``.
        version: the encoding's version, from 1.
        params: what the decoder needs beyond the data; JSON values only.
    """

    name: str
    version: int = 1
    params: Mapping[str, Any] = _NO_PARAMS


@attrs.define(eq=False)
class Leaf:
    """One array or scalar.

    Args:
        data: a Python scalar, or an array of a dtype that HDF5 has (kinds b i u f c S V and
            structured ones of these; kind O only with `str` items: variable-length strings).
        mark: the encoding, unless the data alone tell it.
        inline: the data are one small thing of the value's (a scalar, a few bytes) and may be
            written inside a text when the value stands in a list.
    """

    data: Scalar | np.ndarray[Any, Any]
    mark: Mark | None = None
    inline: bool = False


@attrs.define(eq=False)
class Branch:
    """Named children, in order; `mark` is None for a dict."""

    children: dict[str, Node]
    mark: Mark | None = None


@attrs.define(eq=False)
class Sequence:
    """Unnamed children, in order."""

    items: list[Node]
    mark: Mark


Node = Leaf | Branch | Sequence


def params_of(node: Node) -> Mapping[str, Any]:
    """The parameters of a node's mark; none if it has no mark."""
    return _NO_PARAMS if node.mark is None else node.mark.params


def nbytes_of(node: object) -> int:
    """The bytes of all arrays and strings of a tree."""
    if isinstance(node, Branch):
        return sum(map(nbytes_of, node.children.values()))
    data = node.data if isinstance(node, Leaf) else None
    if isinstance(data, str):
        return len(data.encode())
    return data.nbytes if isinstance(data, np.ndarray) else 0


def is_dict(node: object) -> TypeGuard[Branch]:
    """Whether a node stands for a dict, and not for another value that is kept as a branch."""
    return isinstance(node, Branch) and (node.mark is None or node.mark.name == "dict")
