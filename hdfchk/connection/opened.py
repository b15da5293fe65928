"""Stores that were opened without a ``with``: they give a file back when they do not use it."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Protocol

from ..backends.base import Storage

__all__ = ["IDLE_SECONDS", "LOOK_SECONDS", "Opened", "at_work"]

IDLE_SECONDS = 1.0
"""Storage is given back when nothing was written for so long; a snapshot, when it is so old."""
LOOK_SECONDS = 0.05
"""How often a writer looks whether another one waits."""
FORK_SECONDS = 5.0
"""How long a fork waits for storage that is being given back in another thread."""


class Opener(Protocol):
    """The handle of a store that was opened."""

    @property
    def is_idle(self) -> bool:
        """Whether no block or call of the store needs the storage to stay open."""


class Opened:
    """The stores that hold a connection because they were opened, and when they last used it.

    Nothing is done when a store that was opened ceases to exist: a finalizer could not wait for
    its turn. It is noticed later, by `prune`.
    """

    def __init__(self) -> None:
        self._openers: list[tuple[weakref.ref[Opener], int]] = []
        self._seen: tuple[object, object] | None = None
        self._since = 0.0

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._openers)

    def add(self, opener: Opener) -> None:
        """Add a store, which holds the connection in this thread."""
        self._openers.append((weakref.ref(opener), threading.get_ident()))

    def remove(self, opener: Opener) -> None:
        """Remove a store."""
        self._openers = [known for known in self._openers if known[0]() is not opener]

    def prune(self, threads: list[int]) -> None:
        """Remove the stores that no longer exist.

        Args:
            threads: the threads in which stores hold the connection; theirs are removed.
        """
        for known in list(self._openers):
            if known[0]() is None:
                self._openers.remove(known)
                if known[1] in threads:
                    threads.remove(known[1])

    def begin(self) -> None:
        """Note that storage was opened."""
        self._seen, self._since = None, time.monotonic()

    def are_idle(self, holders: int) -> bool:
        """Whether all stores that hold the connection were opened, and no block of theirs does."""
        openers = [known[0]() for known in self._openers]
        return len(openers) >= holders and all(one is None or one.is_idle for one in openers)

    def is_due(self, storage: Storage, writes: int, holders: int) -> bool:
        """Whether storage is to be given back now.

        Args:
            storage: the open storage.
            writes: counts the writing calls on it.
            holders: how many stores hold it.
        """
        if not self.are_idle(holders):
            return False
        if not holders:
            return True
        now = time.monotonic()
        if storage.writable:
            seen = writes, storage.progress
            if seen != self._seen:
                self._seen, self._since = seen, now
            if storage.is_awaited:
                return True
        return now - self._since >= IDLE_SECONDS


class _Fork:
    """Keeps the process from forking while storage is given back in another thread.

    The child would have half of it, and could not close it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._taken = False

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *raised: object) -> None:
        self._lock.release()

    def before(self) -> None:
        # With a limit: this thread may have what the other one waits for.
        self._taken = self._lock.acquire(timeout=FORK_SECONDS)

    def after_in_parent(self) -> None:
        if self._taken:
            self._taken = False
            self._lock.release()

    def after_in_child(self) -> None:
        self.__init__()  # type: ignore[misc]


at_work = _Fork()
"""A block in which another thread than that of a caller gives storage back."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=at_work.before,
        after_in_parent=at_work.after_in_parent,
        after_in_child=at_work.after_in_child,
    )
