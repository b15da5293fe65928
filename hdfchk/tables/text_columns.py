"""Columns of strings, possibly with missing ones, in a form to which rows can be appended.

Stored as a list they are one text, which has no rows. Their other form, `texts`, has two arrays:
the strings, and a mask of the missing ones.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from ..location import Location
from ..tree import Branch, Leaf, Mark, Node

__all__ = ["has_texts", "with_texts"]

_KIND = "pandas.array"


def has_texts(mark: Mark | None) -> bool:
    """Whether a mark is that of Python strings in the form with rows."""
    if mark is None or mark.name != _KIND:
        return False
    return mark.params.get("kind") == "texts" and mark.params.get("storage") == "python"


def with_texts(location: Location, node: Branch, wanted: Container[str] = ()) -> Branch:
    """Convert the columns of strings in the tree of a frame to the form with rows.

    Args:
        location: of the frame.
        node: its tree.
        wanted: the names of the columns, in the tree, that must have this form; of all others it is
            those that are one text.
    """
    children = {
        name: _texts(location, child, is_wanted=name in wanted)
        for name, child in node.children.items()
    }
    return Branch(children, node.mark)


def _texts(location: Location, node: Node, *, is_wanted: bool) -> Node:
    if not isinstance(node, Branch) or node.mark is None or node.mark.name != _KIND:
        return node
    items: Any = node.children.get("items")
    if node.mark.params.get("kind") != "string" or not isinstance(items, Leaf):
        return node
    if isinstance(items.data, np.ndarray) and not is_wanted:
        return node
    found = np.empty(len(values := location.decode(items, location.path)), object)
    found[:] = values
    missing = np.array([item is None for item in values], np.bool)
    found[missing] = ""
    texts = location.encode(found, location.path)
    if not isinstance(texts, Leaf) or not isinstance(texts.data, np.ndarray):
        return node  # there are no strings, or some that only a list can hold
    parts: dict[str, Node] = {"texts": texts}
    if missing.any():
        parts["missing"] = Leaf(missing)
    params = {"kind": "texts", "storage": "python", "na": node.mark.params["na"]}
    return Branch(parts, Mark(_KIND, 2, params))
