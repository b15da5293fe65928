"""hickle: nested objects in an HDF5 file, in the manner of pickle."""

from __future__ import annotations

from typing import Any


class Adapter:
    """As its README shows it."""

    name = module = "hickle"
    about = "`hickle.dump(tree, path)`, `hickle.load(path)`"
    compressed_with = '`compression="gzip"`'

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file."""
        import hickle

        hickle.dump(tree, path, mode="w")

    def save_compressed(self, path: str, tree: dict[str, Any]) -> None:
        """Write a dict of arrays to a new file, compressed."""
        import hickle

        hickle.dump(tree, path, mode="w", compression="gzip")

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        import hickle

        loaded: dict[str, Any] = hickle.load(path)
        return loaded
