"""Putting the changes of one commit in order, before storage is touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import NestingError, NotAGroupError
from ..keys import Path, join
from ..tree import MAX_DEPTH, Branch, is_dict
from .base import Change, Put, Stat, Stored

__all__ = ["plan"]


def plan(
    changes: Sequence[Change], stat: Callable[[Path], Stat | None], file: str
) -> dict[Path, Stored | None]:
    """What to do at each path: put a tree, or delete (None); no path lies inside another's tree.

    A later change of one commit sees the earlier ones, as it would in a dict.

    Raises:
        NotAGroupError: a path goes through a value; nothing has been done.
        NestingError: a path has more levels than are written.
    """
    steps: dict[Path, Stored | None] = {}
    checked: set[Path] = set()
    parents: set[Path] = set()
    for change in changes:
        path = change.path
        if isinstance(change, Put) and len(path) > MAX_DEPTH:
            raise NestingError(
                f"a key of {len(path)} levels, where {MAX_DEPTH} are the most",
                file=file,
                key=f"{join(path[:3])}/…",
                hint="use keys of fewer levels: with what they hold, all must be read by load()",
            )
        _check_parents(path, steps, checked, stat, file)
        above = _enclosing(path, steps)
        node = change.node if isinstance(change, Put) else None
        if (
            path in parents
        ):  # it replaces what earlier changes put below it, in the first one's place
            steps = _replaced(steps, path, node)
        parents.update(path[:depth] for depth in range(1, len(path)))
        if above is None:
            steps[path] = node
        else:
            _graft(steps, above, path, node)
    return steps


def _replaced(
    steps: dict[Path, Stored | None], path: Path, node: Stored | None
) -> dict[Path, Stored | None]:
    """The steps with one at `path` instead of all those that lie below it."""
    made: dict[Path, Stored | None] = {}
    for known, there in steps.items():
        if known[: len(path)] == path:
            made[path] = node
        else:
            made[known] = there
    return made


def _check_parents(
    path: Path,
    steps: dict[Path, Stored | None],
    checked: set[Path],
    stat: Callable[[Path], Stat | None],
    file: str,
) -> None:
    for depth in range(1, len(path)):
        parent = path[:depth]
        if parent in steps:
            found = steps[parent]
            if found is None or is_dict(found):
                return  # what lies deeper is checked while grafting
            _refuse(path, parent, file)
        if parent in checked:
            continue
        there = stat(parent)
        if there is None:
            return
        if not there.is_dict:
            _refuse(path, parent, file)
        checked.add(parent)


def _refuse(path: Path, parent: Path, file: str) -> None:
    raise NotAGroupError(
        f"{join(parent)!r} holds a value, not a dict, so nothing can stand below it",
        file=file,
        key=join(path),
        hint=f"delete {join(parent)!r} first, or use another key",
    )


def _enclosing(path: Path, steps: dict[Path, Stored | None]) -> Path | None:
    for depth in range(1, len(path)):
        if path[:depth] in steps:
            return path[:depth]
    return None


def _graft(steps: dict[Path, Stored | None], above: Path, path: Path, node: Stored | None) -> None:
    """Put `node` into the tree that an earlier change of this commit puts at `above`."""
    root = steps[above]
    copy = Branch(dict(root.children), root.mark) if isinstance(root, Branch) else Branch({})
    steps[above] = copy
    for name in path[len(above) : -1]:
        child = copy.children.get(name)
        if child is not None and not is_dict(child):
            _refuse(path, path[:-1], "this commit")
        inner = (
            Branch(dict(child.children), child.mark) if isinstance(child, Branch) else Branch({})
        )
        copy.children[name] = inner
        copy = inner
    if node is None:
        copy.children.pop(path[-1], None)
    else:
        copy.children[path[-1]] = node  # type: ignore[assignment]
    if root is None and node is None:
        steps[above] = None
