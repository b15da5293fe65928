"""zarr 3: arrays as folders of compressed chunks. Numbers and strings have no dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .trees import set_each


def _write(group: Any, tree: dict[str, Any]) -> None:
    for key, value in tree.items():
        if isinstance(value, dict):
            _write(group.create_group(key), value)
        else:
            group.create_array(key, data=np.asarray(value))


def _read(group: Any) -> dict[str, Any]:
    import zarr

    return {
        key: _read(item) if isinstance(item, zarr.Group) else item[...]
        for key, item in group.members()
    }


class Adapter:
    """A group in a local folder, with default settings."""

    name = module = "zarr"
    about = (
        "`create_array(key, data=value)`, numbers as arrays of no axes; always zstd, its default"
    )
    compressed_with = "zstd, its default"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new folder."""
        import zarr

        _write(zarr.open_group(path, mode="w"), tree)

    save_compressed = save

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole folder as a nested dict."""
        import zarr

        return _read(zarr.open_group(path, mode="r"))

    def read(self, path: str, key: str) -> Any:
        """Open a folder and read the value at one key."""
        return self.rows(path, key)

    def rows(self, path: str, key: str, *bounds: int) -> Any:
        """Open a folder and read some rows of an array, or all of it."""
        import zarr

        array: Any = zarr.open_group(path, mode="r")[key]
        return array[slice(*bounds) if bounds else ...]

    def update(self, path: str, tree: dict[str, Any]) -> None:
        """Set all keys of a dict in an existing folder."""
        set_each(self, path, tree)

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Context for assignments to an open group."""
        import zarr

        group = zarr.open_group(path, mode="a")

        def assign(key: str, value: Any) -> None:
            group.create_array(key, data=np.asarray(value), overwrite=True)

        yield assign

    def append(self, path: str, key: str, count: int) -> None:
        """Append numbers one by one to an array whose chunks have the size of h5py's."""
        import zarr

        group = zarr.open_group(path, mode="a")
        array = group.create_array(key, shape=(0,), chunks=(1024,), dtype="f8")
        for number in range(count):
            array.append(np.array([float(number)]))

    def copy(self, path: str, source: str, target: str) -> None:
        """Copy an array within a group."""
        import zarr

        array: Any = zarr.open_group(path, mode="a")[source]
        zarr.from_array(path, data=array, name=target)
