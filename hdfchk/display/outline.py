"""Outlines: trees of what is stored, of bounded size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from .texts import Described

__all__ = ["Item", "Outline", "outline_of"]

PER_GROUP = 100
"""The maximum number of keys shown of one group."""
IN_ALL = 1000
"""The maximum number of keys shown in total."""
MOST_LEVELS = 40
"""The maximum number of levels shown."""


@attrs.define(eq=False)
class Item:
    """A key, and the keys shown below it.

    Args:
        of: its description.
        path: the path of the key, from the root of the outline.
        children: the first keys of a dict.

    Attributes:
        hidden: the number of its other keys.
    """

    of: Described
    path: tuple[str, ...] = ()
    children: list[Item] = attrs.field(factory=list)

    @property
    def hidden(self) -> int:
        """The number of keys that are not shown."""
        return max(0, (self.of.length or 0) - len(self.children)) if self.is_group else 0

    @property
    def is_group(self) -> bool:
        """Whether the key holds a dict."""
        return self.of.kind == "group"


@attrs.frozen(eq=False)
class Outline:
    """An outline.

    Args:
        root: its topmost key, with those below.
        count: the number of keys in it.
    """

    root: Item
    count: int


def outline_of(
    describe: Callable[..., Sequence[Described]],
    path: tuple[str, ...] = (),
    *,
    depth: int | None = None,
    per_group: int | None = PER_GROUP,
    in_all: int | None = IN_ALL,
) -> Outline:
    """Return an outline, collected level by level.

    Args:
        describe: `Group.describe`.
        path: the path of its root; empty for the group itself.
        depth: the number of levels; None for all.
        per_group: the maximum number of keys of one group; None for all.
        in_all: the maximum number of keys; None for all.
    """
    levels = MOST_LEVELS if depth is None else depth
    [top, *_] = describe(path or None, depth=0, values=True)
    root, count = Item(top, path), 0
    groups = deque([(root, 0)]) if root.is_group and levels else deque[Any]()
    while groups:
        item, level = groups.popleft()
        left = None if in_all is None else in_all - count
        limits = [limit for limit in (per_group, left) if limit is not None]
        limit = min(limits) if limits else None
        if limit == 0 or not item.of.length:
            continue
        for found in describe(item.path or None, depth=1, limit=limit, values=True):
            name = found.key.rpartition("/")[2]
            child = Item(found, (*item.path, name))
            item.children.append(child)
            count += 1
            if child.is_group and level + 1 < levels:
                groups.append((child, level + 1))
    return Outline(root, count)
