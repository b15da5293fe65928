"""`Shown`: representations of groups and stores in Python, IPython and notebooks."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from .keys import Key, Path, join, parse_for_read
from .location import Placed

if TYPE_CHECKING:
    from .description import Description
    from .display.tree_view import Tree

__all__ = ["Shown"]

_ELSEWHERE = {
    "create_dataset": "chk[key] = value, or create(key, shape, dtype)",
    "create_group": "group(key, create=True)",
    "flush": "commit()",
    "remove": "del chk[key]",
    "rename": "move(key, to)",
    "require_group": "group(key, create=True)",
    "to_dict": "load()",
    "visit": "describe()",
    "visititems": "describe()",
}
"""Methods of other libraries, by name, and what to use instead."""
NAMES = 12
"""The maximum number of names read for a short text."""


class Shown(Placed):
    """The representations of a `Group`. They are bounded, and read no array."""

    if not TYPE_CHECKING:  # type checkers know what is there, and say what is not

        def __getattr__(self, name: str) -> Any:
            """Raise an error; for methods of other libraries it names the replacement."""
            error = AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )
            if name in _ELSEWHERE:
                error = AttributeError(f"{error}; use {_ELSEWHERE[name]}")
            raise error

    def __repr__(self) -> str:
        """Return the location, the number of keys and the first of them, or what is wrong."""
        from .display.texts import keys_of, problem_of

        try:
            with self._location.glance():
                names = [found.key for found in self._described(depth=1, limit=NAMES)]
                [top] = self._described(depth=0)
            count = keys_of(top.length or 0, names)
            if count == "0 keys" and not self._location.handle.backend.exists():
                count = "no such file yet"
        except Exception as error:  # a debugger also shows locked, damaged and closed stores
            count = problem_of(error)
        return f"<{type(self).__name__} {self._place()}: {count}>"

    def _described(
        self,
        path: Path | None = None,
        *,
        depth: int | None = None,
        limit: int | None = None,
        values: bool = False,
    ) -> list[Description]:
        """Describe what is stored at a path below this group."""
        from .description import describe

        whole = self._location.path + (path or ())
        return describe(self._location, whole, depth=depth, limit=limit, values=values)

    def _place(self, file: str | None = None) -> str:
        """Return the location, and whether a filter applies."""
        location = self._location
        file = location.file if file is None else file
        seen = ", filtered" if location.filters.stack else ""
        if not location.path:
            return f"{file}{seen}"
        return f"{join(location.path)!r} in {file}{seen}"

    def _repr_html_(self) -> str:
        """Return the keys, line by line; groups can be folded."""
        from .display import html
        from .display.outline import outline_of
        from .display.texts import count_of, near, problem_of

        kind, place = type(self).__name__, self._place(near(self._location.file))
        try:
            with self._location.glance():
                found = outline_of(self._described)
            attributes = found.root.of.attributes
            notes = count_of(found.root.of.length or 0)
            if attributes:
                notes += f", {count_of(attributes, 'attribute')}"
            if not found.root.of.length and not self._location.handle.backend.exists():
                notes = "no such file yet"
            return html.box(kind, place, notes, html.outline(found.root, found.count))
        except Exception as error:  # show the error instead of an empty cell
            return html.box(kind, place, "", html.problem(problem_of(error)))

    def tree(
        self, key: Key | None = None, *, depth: int | None = None, limit: int | None = 1000
    ) -> Tree:
        """Return the contents as a tree: types, shapes, sizes, small values. No array is read.

        Args:
            key: a key below this group; None for this group.
            depth: the number of levels; None for all.
            limit: the maximum number of keys, of which a single group shows at most a tenth; None
                for all keys.

        Returns:
            An object that prints as text, can be folded in a notebook, and is a tree for rich.

        Raises:
            CheckpointerKeyError: there is no such key, or a filter refuses it.

        Example:
            >>> import numpy as np
            >>> from hdfchk import HDF5Checkpointer
            >>> chk = HDF5Checkpointer(None)
            >>> chk.update({"params": {"steps": 500, "method": "euler"}, "x": np.zeros((100, 3))})
            >>> chk.tree()
            memory: 2 keys
            ├── params: 2 keys
            │   ├── steps: int 500
            │   └── method: str 'euler'
            └── x: float64 (100, 3), 2.4 kB
        """
        from .display.outline import outline_of
        from .display.texts import near
        from .display.tree_view import Tree

        path = () if key is None else parse_for_read(key)
        handle = self._location.handle
        begins = handle.mode in {"w", "x"}  # a look does not
        with nullcontext() if begins else handle.held():
            found = outline_of(
                self._described,
                path,
                depth=depth,
                per_group=None if limit is None else max(1, limit // 10),
                in_all=limit,
            )
        file = near(self._location.file)
        place = self._place(file)
        if path:
            place = f"{join(self._location.path + path)!r} in {file}"
        return Tree(type(self).__name__, place, found)

    def _ipython_key_completions_(self) -> list[Any]:
        from .display.completion import keys_to_complete

        try:
            with self._location.glance():
                return keys_to_complete(self._described)
        except Exception:
            return []  # no completions; the call that uses the key reports the error
