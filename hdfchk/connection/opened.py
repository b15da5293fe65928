"""Stores that were opened without a ``with``: they give the file back while they are idle."""

from __future__ import annotations

import functools
import os
import threading
import time
import weakref
from typing import Protocol

from ..backends.base import Storage

__all__ = ["IDLE_SECONDS", "LOOK_SECONDS", "Opened", "at_work", "guard_forks"]

IDLE_SECONDS = 1.0
"""Storage is given back after this time without a write; a snapshot, at this age."""
LOOK_SECONDS = 0.05
"""The interval at which a writer checks whether another one waits."""
FORK_SECONDS = 5.0
"""How long a fork waits for storage that is being given back in another thread."""


class Opener(Protocol):
    """The handle of a store that was opened."""

    @property
    def is_idle(self) -> bool:
        """Whether no block or call of the store needs the storage to stay open."""


class Opened:
    """The stores that hold a connection because they were opened, and when they last used it.

    Nothing is done when a store that was opened is garbage-collected: a finalizer could not wait
    for its turn. `prune` notices it later.
    """

    def __init__(self) -> None:
        self._openers: list[tuple[weakref.ref[Opener], int]] = []
        self._seen: tuple[object, object] | None = None
        self._since = 0.0

    def __bool__(self) -> bool:
        """Whether there are any such stores."""
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
        """Whether all stores that hold the connection do so only because they were opened."""
        openers = [known[0]() for known in self._openers]
        return len(openers) >= holders and all(one is None or one.is_idle for one in openers)

    def is_due(self, storage: Storage, writes: int, holders: int) -> bool:
        """Whether the storage should be given back now.

        Args:
            storage: the open storage.
            writes: the number of writing calls on it.
            holders: the number of stores that hold it.
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


at_work = threading.RLock()
"""Held by the alarm thread while it gives storage back."""


@functools.cache
def guard_forks() -> None:
    """From now on, keep the process from forking while another thread gives storage back.

    The child would have half-closed storage, and could not close it. h5py must be imported before
    this call: its hook takes the lock that giving back needs, and hooks that are added later run
    earlier. No hook is a Python function: a signal handler could run in it, and Python ignores
    exceptions raised in hooks.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=functools.partial(at_work.acquire, timeout=FORK_SECONDS),
            after_in_parent=at_work.release,
            after_in_child=at_work._at_fork_reinit,  # type: ignore[attr-defined]  # noqa: SLF001
        )
