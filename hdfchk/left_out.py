"""Values that cannot be stored, and are left out by a store with ``on_unsupported="warn"``."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .errors import LeftOutWarning, NestingError, UnsupportedTypeError
from .keys import Path, join, problem_of_name
from .views import access

if TYPE_CHECKING:
    from .location import Location
    from .tree import Node

__all__ = ["LeftOut", "caller_level", "leaving_out", "warn_of"]

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_NOTHING: Any = object()


class LeftOut:
    """The values that one call leaves out: single values of nested dicts, or a whole value.

    Only plain dicts that are stored as groups can be stored in part. Anything else (a list, a
    record, an `OrderedDict`) would become a different value, and is left out as a whole.

    Args:
        location: the location of the group whose keys are set.
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self._reasons: dict[str, str] = {}
        self._open: set[int] = set()
        self.paths: list[Path] = []

    def encode(self, value: Any, path: Path) -> Node | None:
        """Encode a value without what cannot be stored; None if nothing remains."""
        kept = self._prune(value, path)
        if kept is _NOTHING:
            return None
        try:
            node: Node = self._location.encode(kept, path)
        except UnsupportedTypeError as error:  # for example, too many levels
            self._add(path, error)
            return None
        return node

    def _prune(self, value: Any, path: Path) -> Any:
        try:
            self._location.encode(value, path)
        except UnsupportedTypeError as error:
            if not _is_group(value) or id(value) in self._open or isinstance(error, NestingError):
                self._add(path, error)
                return _NOTHING
        else:
            return value
        self._open.add(id(value))
        found = {name: self._prune(item, (*path, name)) for name, item in value.items()}
        self._open.discard(id(value))
        return {name: item for name, item in found.items() if item is not _NOTHING}

    def _add(self, path: Path, error: UnsupportedTypeError) -> None:
        # A key that a filter refuses is an error even if its value would be left out.
        access.check_visible(self._location.filters, path)
        self.paths.append(path)
        self._reasons[join(path)] = _reason(path, error)

    def warn(self) -> None:
        """Warn about the values left out since the last warning."""
        if self._reasons:
            reasons, self._reasons = self._reasons, {}
            _warn(LeftOutWarning(self._location.file, reasons))


@contextmanager
def leaving_out(location: Location, what: str) -> Iterator[None]:
    """Context that stores one value as a whole; if that is impossible, the store may only warn.

    Args:
        location: decides whether it does.
        what: the key, or the purpose of the value.
    """
    try:
        yield
    except UnsupportedTypeError as error:
        if not location.leaves_out:
            raise
        _warn(LeftOutWarning(location.file, {what: error.problem}))


def warn_of(location: Location, path: Path, error: UnsupportedTypeError) -> None:
    """Warn about one value that is left out because HDF5 rejected it."""
    _warn(LeftOutWarning(location.file, {join(path): _reason(path, error)}))


def _reason(path: Path, error: UnsupportedTypeError) -> str:
    inner = f" (at {error.key!r})" if error.key not in {None, join(path)} else ""
    return f"{error.problem}{inner}"


def _is_group(value: object) -> bool:
    return type(value) is dict and all(
        type(name) is str and problem_of_name(name) is None for name in value
    )


def _warn(warning: LeftOutWarning) -> None:
    """Warn at the line that called the library."""
    warnings.warn(warning, LeftOutWarning, stacklevel=caller_level())


def caller_level() -> int:
    """Return the `stacklevel` of a warning at the line that called the library.

    It is for a warning that the calling function gives.
    """
    level, frame = 1, sys._getframe(1)  # noqa: SLF001  public but for its name
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_PACKAGE, _CONTEXTS)):
        frame, level = frame.f_back, level + 1
    return level


_CONTEXTS = contextmanager.__code__.co_filename
