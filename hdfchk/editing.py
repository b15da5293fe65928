"""Editing of stored values: read, changed by the caller, and written back as one commit."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np

from .assignment import Assignment, apply
from .errors import InvalidOptionError, UnsupportedTypeError
from .keys import Path, join
from .location import Location
from .tree import Branch, Leaf, is_dict
from .views import access

__all__ = ["editing"]

_UNCHANGING = (int, float, complex, str, bytes, frozenset, type(None), np.generic)


@contextmanager
def editing(location: Location, path: Path) -> Iterator[Any]:
    """Context that changes the value at a path; it is one transaction.

    Args:
        location: the location of the group.
        path: from the root of the store.
    """
    thawed = attrs.evolve(location, frozen=False)
    with location.handle.transaction():
        value = _read(thawed, path)
        if isinstance(value, _UNCHANGING):
            raise InvalidOptionError(
                f"a value of type {type(value).__name__} cannot be changed in place",
                file=location.file,
                key=join(path),
                hint="assign another one: with chk.transaction(): chk[key] += 1",
            )
        before = copy.deepcopy(thawed.encode(value, path))
        yield value
        _write(thawed, path, before, value)


def _read(location: Location, path: Path) -> Any:
    with location.handle.reading() as session:
        location.at(path).check_visible()
        select = None if location.filters.is_whole(path) else location.filters.wants
        node = session.read(path, select)
        access.check_read(location.filters, path, node)
    return location.decode(node, path)


def _write(location: Location, path: Path, before: Any, value: Any) -> None:
    """Write the changes; of a dict only the changed keys, so that all others stay unchanged."""
    try:
        after = location.encode(value, path)
    except UnsupportedTypeError:  # or a live group, which can be assigned
        Assignment(location, [(path, value)]).commit()
        return
    gone: list[Path] = []
    puts: list[tuple[Path, Any]] = []
    _compare(path, before, after, value, gone, puts)
    for there in gone:
        apply(
            location,
            lambda session, there=there: access.removal(session, location.filters, there),  # type: ignore[misc]
        )
    if puts:
        Assignment(location, puts).commit()


def _compare(
    path: Path,
    before: Any,
    after: Any,
    value: Any,
    gone: list[Path],
    puts: list[tuple[Path, Any]],
) -> None:
    """Return the deleted keys, and those with a different value."""
    if not (is_dict(before) and is_dict(after) and isinstance(value, dict)):
        if not _is_same(before, after):
            puts.append((path, value))
        return
    old, new = before.children, after.children
    gone += [(*path, name) for name in old if name not in new]
    for name, child in new.items():
        if name in old:
            _compare((*path, name), old[name], child, value[name], gone, puts)
        else:
            puts.append(((*path, name), value[name]))


def _is_same(first: Any, second: Any) -> bool:
    """Whether two trees are identical, bit for bit."""
    if type(first) is not type(second) or first.mark != second.mark:
        return False
    if isinstance(first, Leaf):
        return _is_same_data(first.data, second.data)
    if isinstance(first, Branch) and isinstance(second, Branch):
        return list(first.children) == list(second.children) and all(
            _is_same(child, second.children[name]) for name, child in first.children.items()
        )
    return len(first.items) == len(second.items) and all(map(_is_same, first.items, second.items))


def _is_same_data(first: Any, second: Any) -> bool:
    if type(first) is not type(second):
        return False
    if not isinstance(first, np.ndarray):
        return repr(first) == repr(second)  # -0.0 is not 0.0, and NaN is NaN
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    if first.dtype.hasobject:
        is_equal: bool = first.tolist() == second.tolist()
        return is_equal
    raw: bytes = first.tobytes()
    return bool(raw == second.tobytes())
