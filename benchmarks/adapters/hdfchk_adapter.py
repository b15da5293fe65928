"""hdfchk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hdfchk import HDF5Checkpointer


class Adapter:
    """As its README shows it.

    Args:
        name: how the table calls it.
        options: of the store.
    """

    module = "hdfchk"

    def __init__(self, name: str = "hdfchk", **options: Any) -> None:
        self.name = name
        self._options = options

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file."""
        HDF5Checkpointer(path, **self._options).update(tree)

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        loaded: dict[str, Any] = HDF5Checkpointer(path, **self._options).load()
        return loaded

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the value at one key."""
        return HDF5Checkpointer(path, **self._options)[key]

    def update(self, path: str, tree: dict[str, Any]) -> None:
        """Set all keys of a dict in a file that is there."""
        HDF5Checkpointer(path, **self._options).update(tree)

    def overwrite(self, path: str, values: list[dict[str, Any]]) -> None:
        """In one open file, set the keys of each dict in turn."""
        with self.setter(path) as assign:
            for tree in values:
                for key, value in tree.items():
                    assign(key, value)

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Assignments inside a ``with``: each is a commit."""
        with HDF5Checkpointer(path, **self._options) as chk:
            yield chk.__setitem__
