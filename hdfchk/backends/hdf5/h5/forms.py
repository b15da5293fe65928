"""What HDF5's types say of elements beyond the dtype of NumPy's by which they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5t

from ....codecs.casting import Fields, Form, Items, Text
from .ids import DatasetID, TypeID
from .types import numpy_dtype

__all__ = ["axes_of", "form_of_type", "memory_of"]


def form_of_type(tid: TypeID) -> Form | None:
    """The form of the elements of an HDF5 type; of an array type, of the elements of that."""
    kind = tid.get_class()
    if kind == h5t.STRING:
        return _text(tid)
    if kind == h5t.VLEN:
        base = tid.get_super()
        return Items(numpy_dtype(base), form_of_type(base))
    if kind == h5t.ARRAY:
        return form_of_type(tid.get_super())
    if kind != h5t.COMPOUND:
        return None
    members = {
        tid.get_member_name(index).decode("utf-8", "surrogateescape"): form_of_type(
            tid.get_member_type(index)
        )
        for index in range(tid.get_nmembers())
    }
    return Fields(members) if any(members.values()) else None


def _text(tid: TypeID) -> Text:
    is_ascii = tid.get_cset() == h5t.CSET_ASCII
    if tid.is_variable_str():
        return Text(None, is_ascii)
    pad, size = tid.get_strpad(), tid.get_size()
    if pad == h5t.STR_NULLTERM:
        return Text(size - 1, is_ascii, is_ended=True)
    return Text(size, is_ascii, b" " if pad == h5t.STR_SPACEPAD else b"\0")


def axes_of(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The dtype of the elements of an array type, and its axes; none for another type."""
    axes: tuple[int, ...] = ()
    while dtype.subdtype is not None:
        dtype, inner = dtype.subdtype
        axes += inner
    return dtype, axes


def memory_of(did: DatasetID, data: np.ndarray[Any, Any]) -> TypeID | None:
    """The memory type by which elements of the stored dtype are written; None: that of `data`.

    NumPy's dtype has lost what HDF5 needs to know: sets of characters, what lengths of their own
    the items have, which axes are those of an array type.

    Args:
        did: the dataset.
        data: elements of its dtype, of an array type with the axes of that.
    """
    if data.dtype.kind not in "OSV" and did.get_type().get_class() != h5t.ARRAY:
        return None
    dtype = did.dtype
    return h5t.py_create(dtype) if axes_of(dtype)[0] == data.dtype else None
