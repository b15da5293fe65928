"""What HDF5 types specify about elements beyond the NumPy dtype used to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from h5py import h5t

from .ids import DatasetID, TypeID
from .types import numpy_dtype

if TYPE_CHECKING:
    from ....codecs.casting import Form, Text

__all__ = ["axes_of", "form_of_type", "memory_of"]


def form_of_type(tid: TypeID) -> Form | None:
    """Return the form of the elements of an HDF5 type; for an array type, of its base type."""
    from ....codecs.casting import Fields, Items

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
    from ....codecs.casting import Text

    is_ascii = tid.get_cset() == h5t.CSET_ASCII
    if tid.is_variable_str():
        return Text(None, is_ascii)
    pad, size = tid.get_strpad(), tid.get_size()
    if pad == h5t.STR_NULLTERM:
        return Text(size - 1, is_ascii, is_ended=True)
    return Text(size, is_ascii, b" " if pad == h5t.STR_SPACEPAD else b"\0")


def axes_of(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the base dtype of an array type and its axes; ``()`` for other types."""
    axes: tuple[int, ...] = ()
    while dtype.subdtype is not None:
        dtype, inner = dtype.subdtype
        axes += inner
    return dtype, axes


def memory_of(did: DatasetID, data: np.ndarray[Any, Any]) -> TypeID | None:
    """Return the memory type for writing elements of the stored dtype; None for that of `data`.

    A NumPy dtype lacks what HDF5 needs: character sets, whether elements are variable-length, and
    which axes belong to an array type.

    Args:
        did: the dataset.
        data: elements of its dtype; for an array type, with its axes.
    """
    if data.dtype.kind not in "OSV" and did.get_type().get_class() != h5t.ARRAY:
        return None
    dtype = did.dtype
    return h5t.py_create(dtype) if axes_of(dtype)[0] == data.dtype else None
