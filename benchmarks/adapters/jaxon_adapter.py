"""jaxon: pytrees in an HDF5 file. It imports jax, which nothing here needs."""

from __future__ import annotations

from typing import Any


class Adapter:
    """As its README shows it."""

    name = module = "jaxon"
    about = "`jaxon.save(path, tree)`, `jaxon.load(path)`; one key by its `load_filter`"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file."""
        import jaxon

        jaxon.save(path, tree)

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        import jaxon

        loaded: dict[str, Any] = jaxon.load(path)
        return loaded

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the value at one key."""
        import jaxon

        return jaxon.load(path, load_filter=lambda at: not at or at[0] == key)[key]
