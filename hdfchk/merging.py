"""Merging a mapping into a stored dict, level by level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import keys
from .assignment import apply, encode
from .backends.base import Change, Put, ReadSession, Session
from .errors import InvalidKeyError
from .keys import Path, join
from .left_out import LeftOut
from .location import Location, Placed
from .tree import MAX_DEPTH, Branch, Leaf, is_dict
from .views import access

__all__ = ["merge"]


def merge(location: Location, base: Path, mapping: Mapping[str, Any]) -> None:
    """Merge a mapping into the dict at `base`, as one commit. See `Group.merge`."""
    file = location.file
    given = dict(_by_value(mapping))
    keys.require_names(given.items(), file, base)
    left = LeftOut(location) if location.leaves_out else None
    node = encode(location, base, given, left)
    if left is not None:
        left.warn()
    if node is None:
        return
    emptied = {path[:depth] for path in left.paths for depth in range(len(path))} if left else ()
    puts = list(_leaves(base, node))
    packed = [path for path, part in puts if not is_dict(part) and _is_dict_at(given, base, path)]

    def changes(session: Session) -> list[Change]:
        if session.stat(base) is None:
            return [Put(base, node)]
        for path in packed:
            stat = session.stat(path)
            if stat is not None and stat.is_dict:
                raise InvalidKeyError(
                    "a dict with keys that are no valid names cannot be merged into this one",
                    key=join(path),
                    file=file,
                    hint="store it under a key of its own, or assign it to replace this dict",
                )
        wanted = [
            (path, part)
            for path, part in puts
            if path not in emptied or not _is_stored_dict(session, path)
        ]
        return access.replacements(session, location.filters, wanted)

    apply(location, changes)


def _by_value(value: Any, depth: int = 0) -> Any:
    """Replace live groups and arrays in a mapping, at any depth, by their values."""
    if isinstance(value, Placed):
        return value._loaded()  # noqa: SLF001  a handle of ours
    if isinstance(value, Mapping) and depth <= MAX_DEPTH:  # deeper values are rejected
        return {
            key: _by_value(item, depth + 1) if _is_level(item) else item
            for key, item in value.items()
        }
    return value


def _is_level(value: Any) -> bool:
    return isinstance(value, Placed) or type(value) is dict


def _is_stored_dict(session: ReadSession, path: Path) -> bool:
    stat = session.stat(path)
    return stat is not None and stat.is_dict


def _leaves(path: Path, node: Leaf | Branch) -> Iterator[tuple[Path, Leaf | Branch]]:
    """Return what a merge stores: all values that are not dicts, and empty dicts."""
    if not is_dict(node) or not node.children:
        yield path, node
        return
    for name, child in node.children.items():
        yield from _leaves((*path, name), child)  # type: ignore[arg-type]


def _is_dict_at(given: Any, base: Path, path: Path) -> bool:
    """Whether a mapping to be merged into the dict at `base` has a dict at `path`."""
    for name in path[len(base) :]:
        given = given[name]
    return type(given) is dict
