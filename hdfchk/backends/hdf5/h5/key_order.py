"""Insertion order of keys that were replaced.

A dict keeps the place of a key whose value is replaced; HDF5 numbers links as they are made, so
that a new object under an old name comes last. Where that happens, the group's attribute
``hdfchk:order`` lists pairs: the number that the link has, and the number whose place it takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5a, h5s

from .types import INT

__all__ = ["ORDER", "read_order", "write_order"]

ORDER = b"hdfchk:order"


def read_order(gid: Any) -> dict[int, int]:
    """The places of moved links: number of the link -> number whose place it takes."""
    if h5a.get_num_attrs(gid) == 0 or not h5a.exists(gid, ORDER):
        return {}
    aid = h5a.open(gid, ORDER)
    pairs = np.empty(aid.shape, np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not pairs.size:
        return {}
    aid.read(pairs)
    return dict(pairs.tolist())


def write_order(gid: Any, moved: dict[int, int]) -> None:
    """Store the places of moved links; with none, the attribute goes."""
    if h5a.exists(gid, ORDER):
        h5a.delete(gid, ORDER)
    if moved:
        pairs = np.array(list(moved.items()), np.int64)
        aid = h5a.create(gid, ORDER, INT, h5s.create_simple(pairs.shape))
        aid.write(pairs)
