"""anndata: its elements, in an HDF5 file that h5py opens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py

from .trees import set_each


class Adapter:
    """``write_elem`` and ``read_elem``, as the documentation of ``anndata.io`` shows them."""

    name = module = "anndata"
    about = "`write_elem`, `read_elem` on an `h5py.File`"
    compressed_with = '`dataset_kwargs={"compression": "gzip"}`'

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file."""
        from anndata.io import write_elem

        with h5py.File(path, "w") as file:
            write_elem(file, "/", tree)

    def save_compressed(self, path: str, tree: dict[str, Any]) -> None:
        """Write a dict of arrays to a new file, compressed."""
        from anndata.io import write_elem

        with h5py.File(path, "w") as file:
            write_elem(file, "/", tree, dataset_kwargs={"compression": "gzip"})

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        loaded: dict[str, Any] = self.read(path, "/")
        return loaded

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the value at one key."""
        from anndata.io import read_elem

        with h5py.File(path, "r") as file:
            return read_elem(file[key])

    def update(self, path: str, tree: dict[str, Any]) -> None:
        """Set all keys of a dict in an existing file."""
        set_each(self, path, tree)

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Context for assignments to an open file."""
        from anndata.io import write_elem

        with h5py.File(path, "a") as file:
            yield lambda key, value: write_elem(file, key, value)
