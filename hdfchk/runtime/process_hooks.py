"""Fork and exit hooks of what holds storage open."""

from __future__ import annotations

import atexit
import contextlib
import os
import weakref
from collections.abc import Callable
from typing import Protocol

__all__ = ["register", "run_first"]


class Hooked(Protocol):
    """What holds storage open."""

    def after_fork(self) -> None:
        """In a child process: leave the storage to the parent."""

    def at_exit(self) -> None:
        """When the process ends: close the storage, whatever keeps it open."""


_HOOKED: weakref.WeakSet[Hooked] = weakref.WeakSet()


def register(hooked: Hooked) -> None:
    """Call it when the process forks, or ends, if it is still there."""
    _HOOKED.add(hooked)


def run_first() -> None:
    """Call the hooks at exit before those that others have registered meanwhile.

    h5py's takes converters away from HDF5, which crashes a thread that is in the middle of a call.
    """
    atexit.unregister(_close_at_exit)
    atexit.register(_close_at_exit)


def _after_fork_in_child() -> None:
    _call_each(lambda hooked: hooked.after_fork())


def _close_at_exit() -> None:
    # HDF5 closes what is open when its library ends; by then there is no Python to write for it.
    _call_each(lambda hooked: hooked.at_exit())


def _call_each(hook: Callable[[Hooked], None]) -> None:
    """Call the hook of each, whatever those of others raise."""
    with contextlib.ExitStack() as stack:
        for hooked in list(_HOOKED):
            stack.callback(hook, hooked)


atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
