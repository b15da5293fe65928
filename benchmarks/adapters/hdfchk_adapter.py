"""hdfchk."""

from __future__ import annotations

from typing import Any

from hdfchk import HDF5Checkpointer


class Adapter:
    """As its README shows it."""

    name = "hdfchk"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file."""
        HDF5Checkpointer(path).update(tree)

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        loaded: dict[str, Any] = HDF5Checkpointer(path).load()
        return loaded

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the value at one key."""
        return HDF5Checkpointer(path)[key]

    def overwrite(self, path: str, values: list[dict[str, Any]]) -> None:
        """In one open file, set the keys of each dict in turn."""
        with HDF5Checkpointer(path) as chk:
            for tree in values:
                for key, value in tree.items():
                    chk[key] = value
