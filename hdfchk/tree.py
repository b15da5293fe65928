"""The neutral stored form: codecs convert values to trees, and backends store trees.

A tree depends neither on Python classes nor on HDF5 objects. It consists of

* `Leaf`: one array or scalar (a dataset in HDF5),
* `Branch`: named children (a group in HDF5),
* `Sequence`: unnamed children in order; only codecs use it, and convert it to
  leaves and branches before a backend receives it (`hdfchk.codecs.packing`).

Each may have a `Mark`: the name and version of its encoding, if the stored form alone does
not determine the type. Arrays are held by reference and never copied.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from math import isnan
from typing import Any, TypeGuard

import attrs
import numpy as np

__all__ = [
    "ARRAYS",
    "MAX_DEPTH",
    "NONE_BITS",
    "RESERVED_CHILDREN",
    "UNITS",
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
    "units_of",
    "utf8_dtype",
]

Scalar = bool | int | float | complex | str | None
"""The Python scalars that a backend stores without a mark. An `int` must fit 64 bits; a `str` must
not contain a NUL or a lone surrogate."""

MAX_DEPTH = 150
"""Maximum nesting of values: three Python frames per level stay far below the recursion limit."""

RESERVED_CHILDREN = frozenset({"_data", "_list_numitems", "pseudopickle_protocol"})
"""Names by which the McUtils checkpointer marks a list or an object. An unmarked group with one of
them is read by its rules; hdfchk marks a dict that has one."""


NONE_BITS = 0x7FF8_4E6F_0000_07A2
"""The bits of the float64 that represents None in a file: a NaN, which every tool can read and
treats as a missing number. Its lower half is that of R's NA. It needs no mark, which would take as
long to write and to read as the dataset itself."""
_NONE_BYTES = struct.pack("<Q", NONE_BITS)


def is_none_number(value: float) -> bool:
    """Whether a float has exactly the bits that represent None in a file."""
    return isnan(value) and struct.pack("<d", value) == _NONE_BYTES


def utf8_dtype(width: int) -> np.dtype[np.bytes_]:
    """Return the dtype of fixed-width UTF-8 strings of `width` bytes (as opposed to raw bytes).

    The metadata are the same as those of h5py's `string_dtype`.
    """
    return np.dtype(f"S{width}", metadata={"h5py_encoding": "utf-8"})


ARRAYS = frozenset(
    {
        "ndarray",
        "astropy.Column",
        "astropy.Quantity",
        "jax.Array",
        "pint.Quantity",
        "polars.Series",
        "unyt.array",
    }
)
"""The encodings of arrays, with the form and the parameters of ``ndarray``, and others besides."""

UNITS = "units"
"""The parameter of marks whose text is also an attribute of the dataset, for other tools."""

_NO_PARAMS: Mapping[str, Any] = {}


@attrs.frozen
class Mark:
    """Name, version and parameters of an encoding.

    Args:
        name: the name of the encoding, without white space or ``"/"``.
        version: the version of the encoding, from 1.
        params: additional input of the decoder; JSON values only.
    """

    name: str
    version: int = 1
    params: Mapping[str, Any] = _NO_PARAMS


@attrs.define(eq=False)
class Leaf:
    """One array or scalar.

    Args:
        data: a Python scalar, or an array of a dtype that HDF5 supports (kinds b i u f c S V and
            structured dtypes of these; kind O only with `str` items: variable-length strings).
        mark: the encoding, unless the data alone determine it.
        inline: the data are small (a scalar, a few bytes) and may be
            written inside the packed text if the value is in a list.
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
    """Return the parameters of a node's mark; empty if it has no mark."""
    return _NO_PARAMS if node.mark is None else node.mark.params


def units_of(mark: Mark | None) -> str | None:
    """Return the units that a mark gives its dataset, or None."""
    units = None if mark is None else mark.params.get(UNITS)
    return units if isinstance(units, str) else None


def nbytes_of(node: object) -> int:
    """Return the number of bytes in all arrays and strings of a tree."""
    if isinstance(node, Branch):
        return sum(map(nbytes_of, node.children.values()))
    data = node.data if isinstance(node, Leaf) else None
    if isinstance(data, str):
        return len(data.encode())
    return data.nbytes if isinstance(data, np.ndarray) else 0


def is_dict(node: object) -> TypeGuard[Branch]:
    """Whether a node represents a dict, as opposed to another value stored as a branch."""
    return isinstance(node, Branch) and (node.mark is None or node.mark.name == "dict")
