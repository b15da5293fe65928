"""`Keys`: the keys of a group as a live view; and what type checkers know of `in`."""

from __future__ import annotations

from collections.abc import Container, KeysView
from typing import Any, overload

from ..typing import Key

__all__ = ["ContainsPaths", "Keys"]


class Keys(KeysView[str]):
    """A live view of the keys; as the older checkpointer's list, it can be indexed, too.

    Example:
        >>> Keys({"a": 1, "b": 2})[0]
        'a'
    """

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: Any) -> Any:
        """The key at a position, or a list of those of a slice."""
        return list(self)[index]

    def __repr__(self) -> str:
        """The keys."""
        return f"Keys({list(self)!r})"


class ContainsPaths(Container[Key]):
    """What may be asked whether it has a path: a mapping by `str` alone is asked for a `str`.

    It is for type checkers, and comes before the mapping among the bases.
    """

    __slots__ = ()
