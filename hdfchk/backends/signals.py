"""Signals that come while HDF5 works, handed on afterwards.

An exception that a signal raises in the middle of a call of HDF5's is lost, and the write with it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["deferred"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred() -> Iterator[None]:
    """A block during which Python's handlers of signals wait; they are called at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are handled by the main thread alone
        return
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
