"""One adapter a library: how its users save and load a nested dict."""

from __future__ import annotations

from typing import Any, Protocol

from . import h5py_adapter, hdfchk_adapter

__all__ = ["ADAPTERS", "BASELINE", "Adapter"]


class Adapter(Protocol):
    """What a library must do to take part: ten lines."""

    name: str

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file."""

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the value at one key."""

    def overwrite(self, path: str, values: list[dict[str, Any]]) -> None:
        """In one open file, set the keys of each dict in turn."""


BASELINE: Adapter = h5py_adapter.Adapter()
ADAPTERS: list[Adapter] = [BASELINE, hdfchk_adapter.Adapter()]
