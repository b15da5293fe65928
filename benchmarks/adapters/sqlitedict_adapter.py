"""sqlitedict: pickles in a table of SQLite; each assignment is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Adapter:
    """As its README shows: single assignments with ``autocommit``, many with one ``commit``."""

    name = module = "sqlitedict"
    about = "`SqliteDict(path)`, `update`, `commit()`; single assignments with `autocommit=True`"

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write the keys of a dict to a new file."""
        self.update(path, tree)

    def load(self, path: str) -> dict[str, Any]:
        """Read a whole file."""
        from sqlitedict import SqliteDict

        with SqliteDict(path, flag="r") as table:
            return dict(table.items())

    def read(self, path: str, key: str) -> Any:
        """Open a file and read the value at one key."""
        from sqlitedict import SqliteDict

        with SqliteDict(path, flag="r") as table:
            return table[key]

    def update(self, path: str, tree: dict[str, Any]) -> None:
        """Set all keys of a dict."""
        from sqlitedict import SqliteDict

        with SqliteDict(path) as table:
            table.update(tree)
            table.commit()

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Context for assignments to an open database."""
        from sqlitedict import SqliteDict

        with SqliteDict(path, autocommit=True) as table:
            yield table.__setitem__

    def append(self, path: str, key: str, count: int) -> None:
        """Set numbers one by one, each at a separate key."""
        with self.setter(path) as assign:
            for number in range(count):
                assign(f"{key}{number}", float(number))
