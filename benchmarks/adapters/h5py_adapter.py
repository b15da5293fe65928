"""Plain h5py, its high-level API as the documentation shows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py


def _write(group: h5py.Group, tree: dict[str, Any]) -> None:
    for key, value in tree.items():
        if isinstance(value, dict):
            _write(group.create_group(key), value)
        else:
            group[key] = value


def _read(group: h5py.Group) -> dict[str, Any]:
    return {
        key: _read(item) if isinstance(item, h5py.Group) else item[()]
        for key, item in group.items()
    }


class Adapter:
    """The baseline of all ratios."""

    name = module = "h5py"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file."""
        with h5py.File(path, "w") as file:
            _write(file, tree)

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        with h5py.File(path, "r") as file:
            return _read(file)

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the value at one key."""
        with h5py.File(path, "r") as file:
            return file[key][()]

    def update(self, path: str, tree: dict[str, Any]) -> None:
        """Set all keys of a dict in a file that is there."""
        self.overwrite(path, [tree])

    def overwrite(self, path: str, values: list[dict[str, Any]]) -> None:
        """In one open file, set the keys of each dict in turn: delete, and create anew."""
        with self.setter(path) as assign:
            for tree in values:
                for key, value in tree.items():
                    assign(key, value)

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Assignments to an open file."""
        with h5py.File(path, "a") as file:

            def assign(key: str, value: Any) -> None:
                if key in file:
                    del file[key]
                file[key] = value

            yield assign


class Synced(Adapter):
    """Plain h5py whose file is brought to the disk at the end."""

    name = "h5py + fsync"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file, and wait for the disk."""
        super().save(path, tree)
        with open(path, "rb") as file:
            os.fsync(file.fileno())
