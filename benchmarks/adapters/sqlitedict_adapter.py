"""sqlitedict: pickles in a table of SQLite; each assignment is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Adapter:
    """With ``autocommit``, as its README shows it."""

    name = module = "sqlitedict"

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Assignments to an open database."""
        from sqlitedict import SqliteDict

        with SqliteDict(path, autocommit=True) as table:
            yield table.__setitem__
