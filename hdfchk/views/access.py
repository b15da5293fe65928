"""Filters applied to reads, writes and deletions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..backends.base import Change, Delete, Moved, Put, ReadSession, Seen, Stat, Stored
from ..errors import CheckpointerKeyError, CorruptFileError, InvalidKeyError, NestingError
from ..keys import Path, join, missing
from ..tree import MAX_DEPTH, Branch, Leaf, is_dict
from .key_filter import Filters, Verdict

__all__ = [
    "check_arriving",
    "check_read",
    "check_visible",
    "check_written",
    "copying",
    "emptying",
    "hidden_below",
    "moving",
    "refused",
    "removal",
    "replacement",
    "replacements",
    "require_free",
    "standing",
    "suggesting",
    "visible_names",
]

MAX_LEVELS = 2 * MAX_DEPTH
MAX_VISITS = 1000
"""The maximum number of links to one group below a key to be deleted."""
MOST_NAMES = 200
"""In larger groups no similar key is searched for, so that a missing key is reported quickly."""
MOST_LETTERS = 100
"""The maximum length of names that are compared: the time grows with the square of the length."""
MOST_COMPARED = 5


def refused(path: Path, why: str = "the key filter refuses this key") -> CheckpointerKeyError:
    """Return the error for a key that a filter refuses."""
    return CheckpointerKeyError(
        why, key=join(path), hint="see allowed_keys and omitted_keys of this store or view"
    )


def check_visible(filters: Filters, path: Path) -> Verdict:
    """Return the verdict of the filters on a path.

    Raises:
        CheckpointerKeyError: they refuse it.
    """
    found = filters.verdict(path)
    if found is Verdict.NONE:
        raise refused(path)
    return found


def visible_names(session: ReadSession, filters: Filters, path: Path) -> list[str]:
    """Return the names of the visible children of a group."""
    names = session.names(path)
    if not filters.stack:
        return names
    return [name for name in names if is_visible(session, filters, (*path, name))]


def is_visible(session: ReadSession, filters: Filters, path: Path) -> bool:
    """Whether something visible is stored at `path`."""
    found = filters.verdict(path)
    if found is not Verdict.PART:
        return found is Verdict.FULL
    stat = session.stat(path)
    return stat is not None and stat.is_dict


def check_read(filters: Filters, path: Path, node: Leaf | Branch) -> None:
    """Raise an error for a value (a record, an `OrderedDict`) of which the filters hide a part.

    Dicts inside `node` were read through the filters, and need no check.

    Raises:
        CheckpointerKeyError: a part of a value is hidden.
    """
    if filters.is_whole(path):
        return
    if is_dict(node):
        for name, child in node.children.items():
            check_read(filters, (*path, name), child)  # type: ignore[arg-type]
    elif filters.verdict(path) is not Verdict.FULL or _hides(filters, path, node):
        raise refused(path, "the key filter hides a part of this value, which is not a dict")


def _hides(filters: Filters, path: Path, node: Leaf | Branch) -> bool:
    return any(filters.verdict(inner) is not Verdict.FULL for inner in _parts(path, node))


def _parts(path: Path, node: Leaf | Branch) -> Iterator[Path]:
    if isinstance(node, Branch) and not (node.mark is not None and node.mark.name == "packed"):
        for name, child in node.children.items():
            yield (*path, name)
            yield from _parts((*path, name), child)  # type: ignore[arg-type]


def check_written(filters: Filters, path: Path, node: Leaf | Branch) -> None:
    """Raise an error for a tree of which the filters refuse a part; nothing has been written.

    Raises:
        CheckpointerKeyError: the filters refuse a part; it names the first one.
    """
    if filters.is_whole(path):
        return
    found = check_visible(filters, path)
    if found is Verdict.PART and not is_dict(node):
        raise refused(path, "the key filter lets only a dict stand at this key")
    for inner in _parts(path, node):
        # A dict that is allowed in part must contain only allowed keys.
        if filters.verdict(inner) is Verdict.NONE:
            raise refused(inner)
    if is_dict(node):
        for name, child in node.children.items():
            check_written(filters, (*path, name), child)  # type: ignore[arg-type]


def hidden_below(session: ReadSession, filters: Filters, path: Path) -> bool:
    """Whether a hidden key is stored at or below `path`.

    Raises:
        NestingError: the groups are nested too deeply, or contain themselves.
    """
    visits: dict[Any, int] = {}
    todo = [(session, path, path)]  # a session, the path in it, and the path from the root
    while todo:
        near, inner, here = todo.pop()
        if filters.is_whole(here):
            continue
        stat = near.stat(inner)
        if stat is None:
            continue
        if not _shows(filters, here, stat):
            return True
        if stat.is_group:
            place = near.identity(inner)
            visits[place] = visits.get(place, 0) + 1
            if visits[place] > MAX_VISITS or len(here) - len(path) > MAX_LEVELS:
                raise NestingError(
                    f"groups nested more than {MAX_LEVELS} levels deep, or one of them in itself",
                    key=f"{join(here[:3])}/…",
                    hint="use a store without filters, or delete single keys below it",
                )
            below = near.at(inner) if inner else near
            todo += [(below, (name,), (*here, name)) for name in below.names(())]
    return False


def _shows(filters: Filters, path: Path, stat: Stat) -> bool:
    return filters.wants(path, stat.is_dict)


def replacement(session: ReadSession, filters: Filters, path: Path, node: Stored) -> list[Change]:
    """Return the changes that store `node` at `path` and keep hidden keys.

    Raises:
        CheckpointerKeyError: this would delete a hidden key.
    """
    if not hidden_below(session, filters, path):
        return [Put(path, node)]
    stat = session.stat(path)
    if stat is None or not stat.is_dict or not is_dict(node):
        raise refused(path, "this would delete keys that the filter hides")
    changes: list[Change] = []
    for name in visible_names(session, filters, path):
        if name not in node.children:
            changes += emptying(session, filters, (*path, name))
    for name, child in node.children.items():
        changes += replacement(session, filters, (*path, name), child)  # type: ignore[arg-type]
    return changes


def suggesting(
    error: CheckpointerKeyError, session: ReadSession, filters: Filters, base: Path, path: Path
) -> CheckpointerKeyError:
    """Extend the error for a missing key by a suggestion of the nearest existing key.

    Args:
        error: the error from `hdfchk.keys.missing`.
        session: for listing keys.
        filters: determine which keys are visible.
        base: the group of the key; only keys below it are suggested.
        path: the path of the missing key.
    """
    try:
        near = _nearest(session, filters, base, path)
    except Exception as failed:  # a damaged file, or an error of a user's filter
        error.__cause__ = failed  # the original error is still true
        return error
    if near is not None:
        error.hint = f"did you mean {join(near)!r}? If not, {error.hint}"
    return error


def _nearest(session: ReadSession, filters: Filters, base: Path, path: Path) -> Path | None:
    """Return the visible key that is most similar to the first missing level of `path`."""
    import heapq

    for depth in range(len(base), len(path)):
        parent, wanted = path[:depth], path[depth]
        stat = session.stat(parent)
        if stat is None or not stat.is_dict:
            return None
        if not session.has(parent, wanted):
            break
    else:
        return None  # a dangling link, or hidden
    if session.count(parent) > MOST_NAMES or len(wanted) > MOST_LETTERS:
        return None
    names = [name for name in visible_names(session, filters, parent) if len(name) <= MOST_LETTERS]
    letters, length = set(wanted), len(wanted)
    alike = heapq.nsmallest(
        MOST_COMPARED,
        names,
        lambda name: len(letters.symmetric_difference(name)) + abs(len(name) - length),
    )
    import difflib

    found = difflib.get_close_matches(wanted, alike, 1)
    return (*parent, found[0]) if found else None


def removal(session: ReadSession, filters: Filters, path: Path) -> list[Change]:
    """Return the change that deletes `path`.

    Raises:
        CheckpointerKeyError: there is no such key, or it holds hidden keys.
    """
    check_visible(filters, path)
    try:
        stat = session.stat(path)
    except CorruptFileError:
        if not filters.is_whole(path) or not _is_damaged(session, path):
            raise
        return [Delete(path)]
    if stat is None or not _shows(filters, path, stat):
        raise missing(path)
    if hidden_below(session, filters, path):
        raise refused(path, "this would delete keys that the filter hides")
    return [Delete(path)]


def _is_damaged(session: ReadSession, path: Path) -> bool:
    """Whether there is an object at a path that cannot be opened, even at a second attempt."""
    try:
        session.stat(path)
    except CorruptFileError:
        return session.has(path[:-1], path[-1])
    return False


def moving(
    session: ReadSession, filters: Filters, path: Path, to: Path, *, replace: bool
) -> list[Change]:
    """Return the changes that move `path` to another key.

    Raises:
        CheckpointerKeyError: there is no such key, or the filters hide a part of it, at one of the
            keys.
        InvalidKeyError: the other key exists, and must not be replaced.
    """
    check_visible(filters, path)
    stat = session.stat(path)
    if (stat is None and not session.has(path[:-1], path[-1])) or (
        stat is not None and not _shows(filters, path, stat)
    ):
        raise missing(path)
    if hidden_below(session, filters, path):
        raise refused(path, "this would move keys that the filter hides")
    require_free(session, to, replace=replace)
    if filters.stack:
        _check_arrival(session, filters, path, to)
    return replacement(session, filters, to, Moved(path))


def require_free(session: ReadSession, path: Path, *, replace: bool) -> None:
    """Raise an `InvalidKeyError` if a key exists that must not be replaced."""
    if replace:
        return
    above = session.stat(path[:-1])
    if above is not None and above.is_group and session.has(path[:-1], path[-1]):
        raise InvalidKeyError(
            "something is stored at this key",
            key=join(path),
            hint="pass replace=True to replace it",
        )


def _check_arrival(session: ReadSession, filters: Filters, path: Path, to: Path) -> None:
    """Raise an error if the filters would hide a part of a value at another key."""
    todo: list[Path] = [()]
    while todo:
        below = todo.pop()
        stat = session.stat(path + below)
        if stat is None:
            continue
        check_arriving(filters, to + below, stat.is_dict)
        if stat.is_group:
            todo += [(*below, name) for name in session.names(path + below)]


def check_arriving(filters: Filters, path: Path, is_dict: bool) -> None:
    """Raise an error if the filters do not allow a value at a path.

    Raises:
        CheckpointerKeyError: they do not.
    """
    if check_visible(filters, path) is Verdict.PART and not is_dict:
        raise refused(path, "the key filter lets only a dict stand at this key")


def copying(filters: Filters, path: Path, onto: Filters, to: Path) -> Seen | None:
    """Return what to copy of the object at a path, as visible through its filters; None for all.

    Args:
        filters: the filters of the source.
        path: the path of the source.
        onto: the filters of the target, which may refuse a part.
        to: the path of the copy.
    """
    if filters.is_whole(path) and onto.is_whole(to):
        return None

    def seen(below: Path, is_dict: bool, is_part: bool) -> bool:
        if is_part and filters.verdict(path + below) is not Verdict.FULL:
            raise refused(
                path + below[:-1], "the key filter hides a part of this value, which is not a dict"
            )
        if not filters.wants(path + below, is_dict):
            return False
        check_arriving(onto, to + below, is_dict)
        return True

    return seen


def emptying(session: ReadSession, filters: Filters, path: Path) -> list[Change]:
    """Return the changes that delete everything visible at and below `path`."""
    changes: list[Change] = []
    todo = [path]
    while todo:
        here = todo.pop()
        if not hidden_below(session, filters, here):
            changes.append(Delete(here))
            continue
        stat = session.stat(here)
        if stat is not None and stat.is_dict:
            names = visible_names(session, filters, here)
            todo += [(*here, name) for name in reversed(names)]
    return changes


def standing(session: ReadSession, path: Path, below: Iterable[Path]) -> frozenset[str]:
    """Return those of the given paths below `path` that are stored as keys of nested dicts."""
    return frozenset(
        join(inner)
        for inner in below
        if session.stat(inner) is not None
        and all(
            (there := session.stat(inner[:depth])) is not None and there.is_dict
            for depth in range(len(path), len(inner))
        )
    )


def replacements(
    session: ReadSession, filters: Filters, puts: Iterable[tuple[Path, Stored]]
) -> list[Change]:
    """Return the changes that store trees at paths and keep hidden keys.

    Raises:
        CheckpointerKeyError: this would delete a hidden key.
    """
    if not filters.stack:
        return [Put(path, node) for path, node in puts]
    return [change for path, node in puts for change in replacement(session, filters, path, node)]
