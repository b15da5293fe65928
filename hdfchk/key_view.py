"""`Keys`: the keys of a group as a live view; and the types of `in` for type checkers."""

from __future__ import annotations

from collections.abc import Container, KeysView
from typing import Any, overload

from .typing import Key

__all__ = ["ContainsPaths", "Keys"]

MOST_KEYS = 50
"""The maximum number of keys in its representation."""


class Keys(KeysView[str]):
    """A live view of the keys. It can also be indexed, as the list of the older checkpointer.

    Example:
        >>> from hdfchk import HDF5Checkpointer
        >>> chk = HDF5Checkpointer(None)
        >>> chk.update(a=1, b=2)
        >>> chk.keys(), chk.keys()[0]
        (Keys(['a', 'b']), 'a')
    """

    def __init__(self, group: Any) -> None:
        super().__init__(group)
        self._group = group

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: Any) -> Any:
        """Return the key at a position, or a list for a slice."""
        return list(self)[index]

    def __repr__(self) -> str:
        """Return the first keys and their number."""
        from .display.texts import problem_of

        try:
            with self._group._location.glance():  # noqa: SLF001  a group of ours
                names: list[str] = self._group._names()  # noqa: SLF001
        except Exception as error:  # a debugger also shows locked, damaged and removed files
            return f"Keys({problem_of(error)})"
        if len(names) <= MOST_KEYS:
            return f"Keys({names!r})"
        return f"Keys({', '.join(map(repr, names[:MOST_KEYS]))}, …: {len(names):,} keys)"


class ContainsPaths(Container[Key]):
    """Declares that `in` accepts paths: type checkers accept only a `str` for a mapping of `str`.

    It precedes the mapping among the base classes.
    """

    __slots__ = ()
