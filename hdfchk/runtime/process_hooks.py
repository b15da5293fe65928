"""What becomes of open storage when its process forks, or ends."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Protocol

__all__ = ["watch"]


class Ending(Protocol):
    """What holds storage open."""

    def after_fork(self) -> None:
        """In a child process: leave the storage to the parent."""

    def at_exit(self) -> None:
        """When the process ends: close the storage, whatever keeps it open."""


_WATCHED: weakref.WeakSet[Ending] = weakref.WeakSet()


def watch(ending: Ending) -> None:
    """Call it when the process forks, or ends, if it is still there."""
    _WATCHED.add(ending)


def _after_fork_in_child() -> None:
    for ending in list(_WATCHED):
        ending.after_fork()


def _close_at_exit() -> None:
    # HDF5 closes what is open when its library ends; by then there is no Python to write for it.
    for ending in list(_WATCHED):
        ending.at_exit()


atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
