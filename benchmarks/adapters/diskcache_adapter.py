"""diskcache: values in a table of SQLite, in a folder. Its commits do not wait for the disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Adapter:
    """With its default settings."""

    name = module = "diskcache"

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Assignments to an open cache."""
        from diskcache import Cache

        with Cache(path) as cache:
            yield cache.__setitem__
        shutil.rmtree(path)
