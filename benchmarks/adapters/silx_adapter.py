"""silx: nested dicts in HDF5 files with ``silx.io.dictdump``; single datasets by their URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


def _silx(module: str) -> Any:
    """Import a module of silx, as `Any`: only some of its functions have type annotations."""
    return import_module(f"silx.{module}")


class Adapter:
    """As the documentation of ``silx.io`` shows it."""

    name = module = "silx"
    about = '`dicttoh5`, `h5todict`; keys set with `update_mode="modify"`; `silx.io.get_data`'
    compressed_with = "gzip, shuffle"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file."""
        _silx("io.dictdump").dicttoh5(tree, path)

    def save_compressed(self, path: str, tree: dict[str, Any]) -> None:
        """Write a dict of arrays to a new file, compressed."""
        _silx("io.dictdump").dicttoh5(
            tree, path, create_dataset_args={"compression": "gzip", "shuffle": True}
        )

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        loaded: dict[str, Any] = _silx("io.dictdump").h5todict(path)
        return loaded

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the value at one key."""
        return _silx("io").get_data(f"silx:{path}?path=/{key}")

    def rows(self, path: str, key: str, start: int, stop: int) -> Any:
        """Open a file and read some rows of an array."""
        return _silx("io").get_data(f"silx:{path}?path=/{key}&slice={start}:{stop}")

    def update(self, path: str, tree: dict[str, Any]) -> None:
        """Set all keys of a dict in an existing file."""
        _silx("io.dictdump").dicttoh5(tree, path, mode="a", update_mode="modify")

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Context for assignments to an open file."""
        import h5py

        dicttoh5 = _silx("io.dictdump").dicttoh5
        with h5py.File(path, "a") as file:
            yield lambda key, value: dicttoh5({key: value}, file, update_mode="modify")
