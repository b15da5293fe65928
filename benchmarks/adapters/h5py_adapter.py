"""Plain h5py, its high-level API as the documentation shows it."""

from __future__ import annotations

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

    name = "h5py"

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

    def overwrite(self, path: str, values: list[dict[str, Any]]) -> None:
        """In one open file, set the keys of each dict in turn: delete, and create anew."""
        with h5py.File(path, "a") as file:
            for tree in values:
                for key, value in tree.items():
                    if key in file:
                        del file[key]
                    file[key] = value
