"""Weak references without callbacks."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

__all__ = ["WeakValues"]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
PRUNE_FROM = 64


class WeakValues(Generic[K, T]):
    """Objects by key, which are not kept alive.

    When an object ceases to exist, `weakref.WeakValueDictionary` runs Python code. A signal handler
    may run in it, and Python ignores an exception that it raises there. Here nothing runs:
    references to objects that no longer exist are removed later.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant: a handler may run here while it is held
        self._known: dict[K, weakref.ref[T]] = {}
        self._prune_at = PRUNE_FROM

    def __bool__(self) -> bool:
        """Whether there may be any objects."""
        return bool(self._known)

    def count(self) -> int:
        """Return the number of references held, some possibly to objects that no longer exist."""
        return len(self._known)

    def __iter__(self) -> Iterator[T]:
        """Iterate over the objects that exist."""
        is_any_gone = False
        for reference in list(self._known.values()):
            found = reference()
            if found is None:
                is_any_gone = True
            else:
                yield found
        if is_any_gone:
            self._prune()

    def get(self, key: K) -> T | None:
        """Return the object of a key, or None."""
        reference = self._known.get(key)
        return None if reference is None else reference()

    def __setitem__(self, key: K, item: T) -> None:
        """Set the object of a key."""
        with self._lock:
            self._known[key] = weakref.ref(item)
            if len(self._known) > self._prune_at:
                self._prune()

    def remove(self, key: K) -> None:
        """Remove a key, if it is there."""
        with self._lock:
            self._known.pop(key, None)

    def _prune(self) -> None:
        with self._lock:
            known = self._known.items()
            self._known = {key: there for key, there in known if there() is not None}
            self._prune_at = max(PRUNE_FROM, 2 * len(self._known))

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent may hold; called in a child process."""
        self._lock = threading.RLock()
