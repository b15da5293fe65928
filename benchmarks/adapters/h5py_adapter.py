"""Plain h5py: its high-level API as the documentation shows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py

from .trees import set_each


def _write(group: h5py.Group, tree: dict[str, Any]) -> None:
    for key, value in tree.items():
        if isinstance(value, dict):
            _write(group.create_group(key), value)
        else:
            group[key] = value


def _write_compressed(group: h5py.Group, tree: dict[str, Any], level: int) -> None:
    for key, value in tree.items():
        group.create_dataset(
            key, data=value, compression="gzip", compression_opts=level, shuffle=True
        )


def _read(group: h5py.Group) -> dict[str, Any]:
    return {
        key: _read(item) if isinstance(item, h5py.Group) else item[()]
        for key, item in group.items()
    }


def _sync(path: str) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


class Adapter:
    """The baseline of all ratios."""

    name = module = "h5py"
    about = "`group[key] = value`, `dataset[()]`; overwrites by `del` and anew"
    compressed_with = "gzip 4, shuffle"
    level = 4

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file."""
        with h5py.File(path, "w") as file:
            _write(file, tree)

    def save_compressed(self, path: str, tree: dict[str, Any]) -> None:
        """Write a dict of arrays to a new file, compressed."""
        with h5py.File(path, "w") as file:
            _write_compressed(file, tree, self.level)

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        with h5py.File(path, "r") as file:
            return _read(file)

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the value at one key."""
        with h5py.File(path, "r") as file:
            return file[key][()]

    def count(self, path: str) -> int:
        """Open a file and return the number of its keys."""
        with h5py.File(path, "r") as file:
            return len(file)

    def rows(self, path: str, key: str, start: int, stop: int) -> Any:
        """Open a file and read some rows of an array."""
        with h5py.File(path, "r") as file:
            return file[key][start:stop]

    def update(self, path: str, tree: dict[str, Any]) -> None:
        """Set all keys of a dict in an existing file."""
        set_each(self, path, tree)

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Context for assignments to an open file: delete, and create again."""
        with h5py.File(path, "a") as file:

            def assign(key: str, value: Any) -> None:
                if key in file:
                    del file[key]
                file[key] = value

            yield assign

    def append(self, path: str, key: str, count: int) -> None:
        """Append numbers one by one to an array of an open file."""
        with h5py.File(path, "a") as file:
            data = file.create_dataset(key, (0,), "f8", maxshape=(None,), chunks=True)
            for number in range(count):
                data.resize(number + 1, axis=0)
                data[number] = float(number)

    def copy(self, path: str, source: str, target: str) -> None:
        """Copy an array within a file."""
        with h5py.File(path, "a") as file:
            file.copy(source, target)


class Synced:
    """Plain h5py, which syncs the file at the end."""

    name = "h5py + fsync"
    module = "h5py"
    variant = True
    about = "the same, with an `os.fsync` of the file after it is closed"
    compressed_with = Adapter.compressed_with

    def __init__(self) -> None:
        self._plain = Adapter()
        self.load = self._plain.load

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file, and wait for the disk."""
        self._plain.save(path, tree)
        _sync(path)

    def save_compressed(self, path: str, tree: dict[str, Any]) -> None:
        """Write a dict of arrays to a new file, compressed, and wait for the disk."""
        self._plain.save_compressed(path, tree)
        _sync(path)


class Fast:
    """Plain h5py with the gzip level of hdfchk, for a comparison of like with like."""

    name = "h5py, gzip 1"
    module = "h5py"
    variant = True
    about = "the same, compressed at the level that is hdfchk's default"
    compressed_with = "gzip 1, shuffle"

    def __init__(self) -> None:
        plain = Adapter()
        plain.level = 1
        self.save_compressed = plain.save_compressed
        self.load = plain.load
