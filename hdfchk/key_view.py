"""`Keys`: a live view of the keys of a group."""

from __future__ import annotations

from collections.abc import KeysView
from typing import Any

__all__ = ["Keys"]

MOST_KEYS = 50
"""The view shows no more of them."""


class Keys(KeysView[str]):
    """A live view of the keys; as the older checkpointer's list, it can be indexed, too."""

    def __init__(self, group: Any) -> None:
        super().__init__(group)
        self._group = group

    def __getitem__(self, index: Any) -> Any:
        """The key at a position, or a list of those of a slice."""
        return list(self)[index]

    def __repr__(self) -> str:
        """The first keys, and how many there are."""
        from .display.texts import problem_of

        try:
            with self._group._location.glance():  # noqa: SLF001  a group of ours
                names: list[str] = self._group._names()  # noqa: SLF001
        except Exception as error:  # a debugger shows what is locked, damaged or gone
            return f"Keys({problem_of(error)})"
        if len(names) <= MOST_KEYS:
            return f"Keys({names!r})"
        return f"Keys({', '.join(map(repr, names[:MOST_KEYS]))}, …: {len(names):,} keys)"
