"""Fork and exit hooks of objects that hold storage open."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable
from typing import Protocol

from .weak_values import WeakValues

__all__ = ["register", "run_first"]


class Hooked(Protocol):
    """An object that holds storage open."""

    def after_fork(self) -> None:
        """Leave the storage to the parent; called in a child process."""

    def at_exit(self) -> None:
        """Close the storage, even if it is in use; called when the process exits."""


_HOOKED: WeakValues[int, Hooked] = WeakValues()


def register(hooked: Hooked) -> None:
    """Register the hooks of an object, while it exists, for fork and exit."""
    _HOOKED[id(hooked)] = hooked


def run_first() -> None:
    """Call our exit hooks before those registered meanwhile.

    The exit hook of h5py unregisters type converters, which crashes a thread during an HDF5 call.
    """
    atexit.unregister(_close_at_exit)
    atexit.register(_close_at_exit)


def _after_fork_in_child() -> None:
    _HOOKED.after_fork()
    _call_each(lambda hooked: hooked.after_fork())


def _close_at_exit() -> None:
    # HDF5 closes open files when the library exits; by then Python can no longer write for it.
    _call_each(lambda hooked: hooked.at_exit())


def _call_each(hook: Callable[[Hooked], None]) -> None:
    """Call the hook of each object, even if others raise errors."""
    with contextlib.ExitStack() as stack:
        for hooked in list(_HOOKED):
            stack.callback(hook, hooked)


atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
