"""shelve, of the standard library: pickles in a dbm file; a dict inside is one value."""

from __future__ import annotations

import shelve
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


def _backend() -> str:
    """Return the dbm module of new files: the first one that this Python has."""
    for name in ("dbm.sqlite3", "dbm.gnu", "dbm.ndbm"):
        try:
            import_module(name)
        except ImportError:
            continue
        return name
    return "dbm.dumb"


class Adapter:
    """As its documentation shows it."""

    name = module = "shelve"
    about = f"`shelve.open(path)`, here on `{_backend()}`; values are pickles"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write the keys of a dict to a new file."""
        self.update(path, tree)

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file."""
        with shelve.open(path, "r") as shelf:
            return dict(shelf)

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the value at one key."""
        with shelve.open(path, "r") as shelf:
            return shelf[key]

    def update(self, path: str, tree: dict[str, Any]) -> None:
        """Set all keys of a dict."""
        with shelve.open(path) as shelf:
            shelf.update(tree)

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Context for assignments to an open file."""
        with shelve.open(path) as shelf:
            yield shelf.__setitem__

    def append(self, path: str, key: str, count: int) -> None:
        """Set numbers one by one, each at a separate key."""
        with self.setter(path) as assign:
            for number in range(count):
                assign(f"{key}{number}", float(number))
