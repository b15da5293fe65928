"""How a value is written into the existing dataset, if it is read back unchanged."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from h5py import h5d, h5s, h5t

from ....tree import Leaf, Mark
from ..data.limits import Guard
from ..h5.errors import unless_damaged
from ..h5.ids import DatasetID, TypeID
from ..h5.marks import read_mark
from ..h5.object_info import Target
from ..h5.texts import (
    StoredTexts,
    are_kept,
    are_same,
    filled,
    stored_texts,
    type_to_write_texts,
)
from ..h5.types import has_variable, type_to_write
from ..h5.values import plain_array, prepare
from .alike import alike

__all__ = ["Fit", "can_have", "fit_of"]


class Fit(NamedTuple):
    """A value to write into an existing dataset.

    Attributes:
        target: the properties of the dataset.
        array: the elements; their shape may differ from that of a resizable dataset.
        tid: the HDF5 memory type of the array.
        mark: the mark of the dataset.
        new_mark: the mark that it must have.
        is_there: the dataset already contains the value.
        is_raw: the elements of the array are raw bytes in the stored type.
    """

    target: Target
    array: np.ndarray[Any, Any]
    tid: TypeID
    mark: Mark | None
    new_mark: Mark | None
    is_there: bool = False
    is_raw: bool = False

    @property
    def keeps_form(self) -> bool:
        """Whether nothing of the dataset changes except its elements."""
        return bool(self.mark == self.new_mark and self.target.shape == self.array.shape)


def fit_of(did: DatasetID, target: Target, leaf: Leaf, guard: Guard) -> Fit | None:
    """Return how `leaf` can be written into a dataset and read back unchanged, or None.

    Args:
        did: the dataset.
        target: its properties.
        leaf: the value to write.
        guard: the limits for reading the file.
    """
    mark = read_mark(did) if target.info.num_attrs else None
    stored, shape = did.get_type(), target.shape
    if stored.get_class() != h5t.STRING and has_variable(stored):
        return _like_fit(did, target, stored, mark, leaf)
    tid, _, array = prepare(leaf.data)
    if shape is None:  # a null dataspace
        is_none = leaf.data is None and mark == leaf.mark
        return Fit(target, array, stored, mark, mark, is_there=True) if is_none else None
    is_text = stored.get_class() == h5t.STRING
    if is_text and (array.dtype.kind == "O" or not stored.equal(tid) or mark != leaf.mark):
        return _text_fit(did, target, stored, mark, leaf, guard)
    is_other = not isinstance(leaf.data, np.ndarray) and not stored.equal(tid)  # a NumPy scalar
    if mark != leaf.mark or bool(shape) != bool(array.shape) or is_other:
        return _like_fit(did, target, stored, mark, leaf)
    if shape != array.shape:
        if is_text:
            return _text_fit(did, target, stored, mark, leaf, guard)
        return _like_fit(did, target, stored, mark, leaf)
    memory = type_to_write(stored, tid, array)
    if memory is None:
        return _like_fit(did, target, stored, mark, leaf)
    return Fit(target, array, memory, mark, mark)


def _like_fit(
    did: DatasetID, target: Target, stored: TypeID, mark: Mark | None, leaf: Leaf
) -> Fit | None:
    """Return how to write into a dataset of another type that is read as the value's."""
    found = alike(did, stored, leaf)
    if found is None:
        return None
    is_raw = found[0].dtype.kind == "V" and found[0].dtype.names is None
    return Fit(target, *found, mark, mark, is_raw=is_raw)


def _text_fit(
    did: DatasetID, target: Target, stored: TypeID, mark: Mark | None, leaf: Leaf, guard: Guard
) -> Fit | None:
    """Return how to write strings into a string dataset."""
    leaf = filled(leaf)
    if type(leaf.data) is str and leaf.mark is not None and leaf.mark != mark:
        return None  # a value of another type, which is stored as text
    texts = stored_texts(stored, leaf)
    if texts is None:
        return None
    if texts.mark == mark:
        are_there = unless_damaged(lambda: _are_there(did, texts, guard))
        if are_there is None:
            return None  # a dataset that cannot be read is replaced
        if are_there:
            return Fit(target, texts.array, texts.tid, mark, mark, is_there=True)
    if not are_kept(stored, texts) or not can_have(did, texts.array.shape):
        return None
    return Fit(target, texts.array, type_to_write_texts(stored, texts), mark, texts.mark)


def can_have(did: DatasetID, shape: tuple[int, ...]) -> bool:
    """Return whether a dataset has a shape, or can be resized to it."""
    old = did.shape
    if old == shape:
        return True
    if not old or len(old) != len(shape):
        return False
    if did.get_create_plist().get_layout() != h5d.CHUNKED:
        return False
    limits = did.get_space().get_simple_extent_dims(True)
    return all(
        limit == h5s.UNLIMITED or length <= limit
        for length, limit in zip(shape, limits, strict=True)
    )


def _are_there(did: DatasetID, texts: StoredTexts, guard: Guard) -> bool:
    """Return whether a dataset contains exactly these strings.

    Raises:
        HdfchkError: it cannot be read.
    """
    array = texts.array
    if did.shape != array.shape:
        return False
    if not array.size:
        return True
    guard.begin()
    dtype = did.dtype if array.dtype.kind == "O" else array.dtype
    if array.ndim:  # different arrays mostly differ in the first or last element
        for index in ((0,) * array.ndim, tuple(length - 1 for length in array.shape)):
            item = np.zeros((1,) * array.ndim, dtype)
            space = did.get_space()
            space.select_hyperslab(index, item.shape)
            with guard.decoding(did, [(index, index)]):
                did.read(h5s.create_simple(item.shape), space, item, _memory(texts))
            part = array[tuple(slice(of, of + 1) for of in index)]
            if not are_same(plain_array(item), texts._replace(array=part)):
                return False
    found = np.zeros(array.shape, dtype)
    if array.dtype.kind == "O":
        guard.variable(did, found)
    else:
        with guard.decoding(did):
            did.read(h5s.ALL, h5s.ALL, found, texts.tid)
    return are_same(plain_array(found), texts)


def _memory(texts: StoredTexts) -> TypeID | None:
    return None if texts.array.dtype.kind == "O" else texts.tid
