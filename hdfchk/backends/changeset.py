"""Ordering and merging of the changes of one commit, before storage is touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import NestingError, NotAGroupError
from ..keys import Path, join
from ..tree import MAX_DEPTH, Branch, is_dict
from .base import Change, Put, Stat, Stored

__all__ = ["plan"]


def plan(
    changes: Sequence[Change],
    stat: Callable[[Path], Stat | None],
    file: str,
    *,
    parts: bool = False,
) -> dict[Path, Stored | None]:
    """Return the step at each path: put a tree, or delete (None). The trees do not overlap.

    A later change of a commit sees the earlier ones, as in a dict.

    Args:
        changes: the changes, in order.
        stat: returns the kind of node that is stored at a path.
        file: the name of the storage in messages.
        parts: the paths may be those of parts of values.

    Raises:
        NotAGroupError: a path goes through a value; nothing has been done.
        NestingError: a path has too many levels.
    """
    made = _Plan(stat, file, parts=parts)
    for change in changes:
        if isinstance(change, Put) and len(change.path) > MAX_DEPTH:
            raise NestingError(
                f"the key has {len(change.path)} levels; at most {MAX_DEPTH} are supported",
                file=file,
                key=f"{join(change.path[:3])}/…",
                hint="use keys with fewer levels, so that load() can read them and their values",
            )
        made.add(change.path, change.node if isinstance(change, Put) else None)
    return made.steps()


class _Plan:
    """The steps so far. The cost of adding one does not grow with their number."""

    def __init__(self, stat: Callable[[Path], Stat | None], file: str, *, parts: bool) -> None:
        self._stat = stat
        self._parts = parts
        self._file = file
        self._nodes: dict[Path, Stored | None] = {}
        self._numbers: dict[Path, int] = {}
        """The position of each step."""
        self._below: dict[Path, dict[Path, None]] = {}
        """For each path, those one level deeper at or below which there are steps."""
        self._dicts: set[Path] = set()
        """Paths known to be dicts in the storage."""
        self._own: dict[int, Branch] = {}
        """Copies of branches made here, which can be changed, by `id`."""
        self._count = 0

    def steps(self) -> dict[Path, Stored | None]:
        """Return all steps in order."""
        order = sorted(self._numbers, key=self._numbers.__getitem__)
        return {path: self._nodes[path] for path in order}

    def add(self, path: Path, node: Stored | None) -> None:
        """Add one change: put a tree, or delete."""
        above = self._step_above(path)
        if above is not None:
            self._graft(above, path, node)
            return
        number = self._numbers.get(path)
        if path in self._below:
            # It replaces all earlier steps below it, at the position of the first.
            number = self._remove_below(path)
        if number is None:
            number = self._count
            self._count += 1
            for depth in range(len(path) - 1, -1, -1):
                inner = self._below.setdefault(path[:depth], {})
                is_known = path[: depth + 1] in inner
                inner[path[: depth + 1]] = None
                if is_known:
                    break
        self._numbers[path] = number
        self._nodes[path] = node

    def _step_above(self, path: Path) -> Path | None:
        """Return the step whose tree contains a path, if any. Rejects paths through a value."""
        is_stored = True
        for depth in range(1, len(path)):
            parent = path[:depth]
            if parent in self._nodes:
                found = self._nodes[parent]
                if found is not None and not is_dict(found):
                    _refuse(path, parent, self._file)
                return parent
            if not is_stored or parent in self._dicts:
                continue
            there = self._stat(parent)
            if there is None:
                is_stored = False  # and nothing below it: only steps can contain the path
            elif there.is_dict or (self._parts and there.is_group):
                self._dicts.add(parent)
            else:
                _refuse(path, parent, self._file)
        return None

    def _remove_below(self, path: Path) -> int:
        """Drop all steps below a path; return the position of the first."""
        numbers: list[int] = []
        todo = [path]
        while todo:
            here = todo.pop()
            todo.extend(self._below.pop(here, ()))
            if here in self._numbers:
                numbers.append(self._numbers.pop(here))
                del self._nodes[here]
        return min(numbers)

    def _graft(self, above: Path, path: Path, node: Stored | None) -> None:
        """Insert `node` into the tree that an earlier change of this commit puts at `above`."""
        root: Any = self._nodes[above]
        if root is None and node is None:
            return
        branch = self._nodes[above] = self._owned(root)
        for depth in range(len(above), len(path) - 1):
            name = path[depth]
            child: Any = branch.children.get(name)
            if child is not None and not is_dict(child):
                _refuse(path, path[: depth + 1], self._file)
            if child is None and node is None:
                return
            branch.children[name] = self._owned(child)
            branch = branch.children[name]
        if node is None:
            branch.children.pop(path[-1], None)
        else:
            branch.children[path[-1]] = node

    def _owned(self, branch: Any) -> Any:
        """Return a branch that can be changed, copying it the first time."""
        if branch is not None and id(branch) in self._own:
            return branch
        copy = Branch({}) if branch is None else Branch(dict(branch.children), branch.mark)
        self._own[id(copy)] = copy
        return copy


def _refuse(path: Path, parent: Path, file: str) -> None:
    raise NotAGroupError(
        f"{join(parent)!r} holds a value, not a dict, so it cannot contain keys",
        file=file,
        key=join(path),
        hint=f"delete {join(parent)!r} first, or use another key",
    )
