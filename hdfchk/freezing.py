"""Read-only arrays: the results of a store with ``frozen=True``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .tree import Branch, Leaf, Node

__all__ = ["freeze", "freeze_leaves"]


def freeze_leaves(node: Node) -> None:
    """Make the arrays of a tree read-only, and thereby all views of them."""
    if isinstance(node, Leaf):
        if isinstance(node.data, np.ndarray):
            node.data.setflags(write=False)
        return
    for child in node.children.values() if isinstance(node, Branch) else node.items:
        freeze_leaves(child)


def freeze(value: Any) -> None:
    """Make arrays read-only, also those in dicts, lists, tuples and arrays of objects.

    Example:
        >>> found = {"x": [np.zeros(3)]}
        >>> freeze(found)
        >>> found["x"][0].flags.writeable
        False
    """
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
        if isinstance(value, np.ma.MaskedArray):
            mask = np.ma.getmask(value)
            if isinstance(mask, np.ndarray):
                mask.setflags(write=False)
        if value.dtype.kind == "O":
            for item in value.ravel().tolist():
                freeze(item)
    elif isinstance(value, dict):
        for item in value.values():
            freeze(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            freeze(item)
