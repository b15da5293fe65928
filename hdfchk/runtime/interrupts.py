"""What has to wait while HDF5 works: signals, and the collection of garbage.

An exception that a signal raises in the middle of a call of HDF5's is lost, and the write with it.
The collector may find objects of HDF5's, and close them: in the middle of a call, too.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

__all__ = ["close_undisturbed", "undisturbed"]


class _Closable(Protocol):
    writable: bool
    calls_back: bool

    def close(self) -> None: ...


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Collector:
    """The garbage collector, switched off as long as any thread needs it to be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._was_on = False

    def off(self) -> None:
        with self._lock:
            if self._blocks == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._blocks += 1

    def on(self) -> None:
        with self._lock:
            self._blocks = max(0, self._blocks - 1)
            if self._blocks == 0 and self._was_on:
                gc.enable()

    def after_fork(self) -> None:
        """In a child process: the other threads, and their blocks, are not there."""
        if self._blocks and self._was_on:
            gc.enable()
        self._lock, self._blocks = threading.Lock(), 0


_COLLECTOR = _Collector()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_COLLECTOR.after_fork)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A block at whose end garbage is collected, and the handlers of signals are called, again."""
    _COLLECTOR.off()
    try:
        if threading.current_thread() is threading.main_thread():
            with _signals_wait():
                yield
        else:  # signals are handled by the main thread alone
            yield
    finally:
        _COLLECTOR.on()


def close_undisturbed(session: _Closable) -> None:
    """Close a session; undisturbed, if that may call or write."""
    if session.writable or session.calls_back:
        with undisturbed():
            session.close()
    else:
        session.close()


@contextmanager
def _signals_wait() -> Iterator[None]:
    came: list[tuple[int, FrameType | None]] = []
    handlers: dict[int, Any] = {}
    for number in _SIGNALS:
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
            signal.signal(number, lambda signum, frame: came.append((signum, frame)))
    try:
        yield
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
        for signum, frame in came:
            handlers[signum](signum, frame)
