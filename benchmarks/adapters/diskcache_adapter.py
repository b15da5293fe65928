"""diskcache: values in a table of SQLite, in a folder. Its commits do not wait for the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def _open(path: str) -> Any:
    """Return a cache without eviction: by default, it discards values beyond 1 GiB."""
    from diskcache import Cache

    return Cache(path, eviction_policy="none")


class Adapter:
    """With its default settings, except for the eviction."""

    name = module = "diskcache"
    about = '`Cache(folder, eviction_policy="none")`, `transact()`; appends to its `Deque`'

    def save(self, path: str, tree: dict[str, Any]) -> None:
        """Write the keys of a dict to a new folder."""
        self.update(path, tree)

    def load(self, path: str) -> dict[str, Any]:
        """Read everything."""
        with _open(path) as cache:
            return {key: cache[key] for key in cache}

    def read(self, path: str, key: str) -> Any:
        """Open a cache and read the value at one key."""
        with _open(path) as cache:
            return cache[key]

    def update(self, path: str, tree: dict[str, Any]) -> None:
        """Set all keys of a dict."""
        with _open(path) as cache, cache.transact():
            for key, value in tree.items():
                cache[key] = value

    @contextmanager
    def setter(self, path: str) -> Iterator[Callable[[str, Any], None]]:
        """Context for assignments to an open cache: each is a commit."""
        with _open(path) as cache:
            yield cache.__setitem__

    def append(self, path: str, key: str, count: int) -> None:
        """Append numbers one by one to a deque: each is a commit."""
        from diskcache import Deque

        with _open(path) as cache:
            deque = Deque.fromcache(cache)
            for number in range(count):
                deque.append(float(number))
