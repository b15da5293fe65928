"""hdfchk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hdfchk import HDF5Checkpointer


class Adapter:
    """As its README shows it.

    Args:
        name: its name in the table.
        about: how it is used.
        options: the options of the store.
    """

    module = "hdfchk"
    compressed_with = '`compression="gzip"`: level 1, shuffle'

    def __init__(self, name: str, about: str, **options: Any) -> None:
        self.name = name
        self.about = about
        self._options = options

    def _store(self, path: str, **options: Any) -> Any:
        return HDF5Checkpointer(path, **self._options, **options)

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write a nested dict to a new file."""
        self._store(path).update(tree)

    def save_compressed(self, path: str, tree: dict[str, Any]) -> None:
        """Write a dict of arrays to a new file, compressed."""
        self._store(path, compression="gzip").update(tree)

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file as a nested dict."""
        loaded: dict[str, Any] = self._store(path).load()
        return loaded

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the value at one key."""
        return self._store(path)[key]

    def count(self, path: str) -> int:
        """Open a file and return the number of its keys."""
        return len(self._store(path))

    def rows(self, path: str, key: str, start: int, stop: int) -> Any:
        """Open a file and read some rows of an array."""
        with self._store(path, mode="r") as chk:  # the file is opened once
            return chk.array(key)[start:stop]

    def frame(self, path: str, key: str) -> Any:
        """Open a file and read a DataFrame."""
        return self._store(path)[key]

    def columns(self, path: str, key: str, names: list[str]) -> Any:
        """Open a file and read some columns of a DataFrame."""
        return self._store(path, mode="r").table(key).to_pandas(names)

    def append_frames(self, path: str, key: str, frame: Any, count: int) -> None:
        """Append the rows of a DataFrame repeatedly in one open file."""
        with self._store(path) as chk:
            for _ in range(count):
                chk.append(key, frame)

    def map(self, path: str, key: str) -> Any:
        """Open a file and map an array into memory."""
        return self._store(path).array(key).map()

    def update(self, path: str, tree: dict[str, Any]) -> None:
        """Set all keys of a dict in an existing file."""
        self._store(path).update(tree)

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Context for assignments inside a ``with`` block: each is a commit."""
        with self._store(path) as chk:
            yield chk.__setitem__

    def append(self, path: str, key: str, count: int) -> None:
        """Append numbers one by one to an array of an open file: they are committed in blocks."""
        with self._store(path) as chk:
            for number in range(count):
                chk.append(key, float(number))

    def copy(self, path: str, source: str, target: str) -> None:
        """Copy an array within a file."""
        with self._store(path) as chk:
            chk[target] = chk.array(source)
