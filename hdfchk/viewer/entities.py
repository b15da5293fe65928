"""The entities of the viewer's page: folders, and datasets that are read when they are shown.

They differ from the HDF5 objects: a list of dates is one dataset of texts, a DataFrame is a folder
of its columns with a table, a curve of a million points is a folder with a thinned curve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

__all__ = ["CONTENTS", "TEXT", "Dataset", "Entity", "Folder", "in_memory"]

CONTENTS = "."
"""The name of the dataset that a folder itself shows: it is not a valid key."""

TEXT = np.dtype(object)
"""The dtype of datasets of text."""

AnyArray = np.ndarray[Any, Any]


@attrs.frozen(eq=False)
class Dataset:
    """An array, or a scalar, of numbers or text.

    Args:
        shape: the lengths of the axes; empty for a scalar.
        dtype: booleans, integers, floats, complex numbers, or `TEXT`.
        read: returns the elements at an index (a tuple of integers and slices).
        attributes: values for `values.entity_of`, by name.
        fields: the names of the columns of a table; its elements have one more axis, the last.
        chunks: the shape of a chunk in the file, if it has chunks.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[tuple[Any, ...]], AnyArray]
    attributes: Mapping[str, Any] = attrs.field(factory=dict)
    fields: tuple[str, ...] = ()
    chunks: tuple[int, ...] | None = None


@attrs.frozen(eq=False)
class Folder:
    """Named children.

    Args:
        children: returns the children that are listed, in order.
        child: returns a child by its name, listed or not; raises `CheckpointerKeyError`.
        attributes: as for `Dataset`.
    """

    children: Callable[[], Mapping[str, Entity]]
    child: Callable[[str], Entity]
    attributes: Mapping[str, Any] = attrs.field(factory=dict)


Entity = Dataset | Folder


def in_memory(
    data: AnyArray, attributes: Mapping[str, Any] | None = None, fields: tuple[str, ...] = ()
) -> Dataset:
    """A dataset of an array in memory, whose dtype is one of those of `Dataset`."""
    shape = data.shape[:-1] if fields else data.shape

    def read(index: tuple[Any, ...]) -> AnyArray:
        return np.asarray(data[index], data.dtype)  # also for a single text, which has no dtype

    return Dataset(shape, data.dtype, read, attributes or {}, fields)
