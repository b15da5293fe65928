"""h5io: nested objects in an HDF5 file. Its compression is for some types, not for arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .trees import set_each


class Adapter:
    """With its default settings. A key that is set separately has its own title."""

    name = module = "h5io"
    about = "`write_hdf5(path, tree)`, `read_hdf5(path)`; a key set alone is a `title`"
    compressed_with = "`compression=4`, its default"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file."""
        from h5io import write_hdf5

        write_hdf5(path, tree, overwrite=True)

    save_compressed = save

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        from h5io import read_hdf5

        loaded: dict[str, Any] = read_hdf5(path)
        return loaded

    def update(self, path: str, tree: dict[str, Any]) -> None:
        """Set all keys of a dict in an existing file."""
        set_each(self, path, tree)

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Context for assignments to an open file."""
        import h5py
        from h5io import write_hdf5

        with h5py.File(path, "a") as file:
            yield lambda key, value: write_hdf5(file, value, title=key)
