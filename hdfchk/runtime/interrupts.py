"""What waits while HDF5 or the log is at work: handlers of signals, and the garbage collector.

An exception that a handler raises inside one of HDF5's callbacks is lost, and the write with it;
one that it raises between two steps of ours leaves one of them undone. The collector may find
objects of HDF5's and close them in the middle of a call.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from threading import get_ident
from types import FrameType, TracebackType
from typing import Any

from .stack import require_frames

__all__ = ["BLOCK_BYTES", "Interrupted", "check_pending", "defer_interrupts", "run_pending"]

try:  # the functions of C: those of the module make a member of an enum of each answer
    from _signal import getsignal as _getsignal  # type: ignore[import-not-found]
    from _signal import signal as _signal
except ImportError:  # pragma: no cover  another Python
    from signal import getsignal as _getsignal
    from signal import signal as _signal

BLOCK_BYTES = 2**24
"""So much is read or written at once: signals wait for one block at most."""

_SYNCHRONOUS = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGKILL", "SIGSTOP"}
_NUMBERS = sorted(
    int(number)
    for number in signal.valid_signals()
    if getattr(number, "name", "") not in _SYNCHRONOUS
)


class Interrupted(BaseException):
    """Ends a wait, as a signal has arrived: its handler is called, and the wait begins again."""


class _Collector:
    """The garbage collector, switched off as long as any thread needs it to be."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a handler may run, and come here, while it is held
        self._blocks = 0
        self._was_on = False

    def off(self) -> None:
        with self._lock:
            if not self._blocks:
                self._was_on = gc.isenabled()
                gc.disable()
            self._blocks += 1

    def on(self) -> None:
        with self._lock:
            if self._blocks:  # else a child was forked in the block
                self._blocks -= 1
            if not self._blocks and self._was_on:
                gc.enable()

    def after_fork(self) -> None:
        """In a child process: the other threads, and their blocks, are not there."""
        if self._blocks and self._was_on:
            gc.enable()
        self._lock, self._blocks = threading.RLock(), 0


class _Handlers:
    """The handlers of the main thread, which is the only one that runs any."""

    def __init__(self) -> None:
        self.main = threading.main_thread().ident
        """The thread that runs handlers."""
        self.depth = 0
        self._thread = 0
        """The one that defers them."""
        self._replaced: dict[int, Any] = {}
        self._came: list[int] = []
        """Without frames: those that were interrupted have objects of HDF5's, to end with them."""
        self._seen: list[Any] = []
        """The handlers of all signals when it was looked last."""
        self._handled: list[int] = []
        """The signals that had handlers of Python's then."""
        self._keep = self._keep_signal
        """One object for all signals, and not a method that is bound anew for each."""

    def _keep_signal(self, number: int, frame: FrameType | None) -> None:
        self._came.append(number)

    def defer(self) -> None:
        """Keep what arrives from now on."""
        try:
            there = list(map(_getsignal, _NUMBERS))
            if there != self._seen:  # most programs have the same handlers at each call
                pairs = zip(_NUMBERS, there, strict=True)
                self._handled = [number for number, handler in pairs if callable(handler)]
                self._seen = there
            for number in self._handled:
                handler = _getsignal(number)
                if callable(handler) and handler is not self._keep:
                    self._replaced[number] = handler
                    _signal(number, self._keep)
        except BaseException:  # of a handler that was not replaced yet
            self._restore()
            raise
        self._thread = get_ident()
        self.depth = 1

    def resume(self) -> None:
        """Put the handlers back, and call those whose signals arrived."""
        if self.depth > 1:
            self.depth -= 1
            return
        self.depth = 0
        self._restore()

    def _restore(self) -> None:
        error: BaseException | None = None
        # A handler that is back may run at once, and come here: what it replaces is its own.
        replaced, self._replaced = self._replaced, {}
        while replaced:
            try:
                for number in list(replaced):
                    if _getsignal(number) is self._keep:
                        _signal(number, replaced[number])
                    del replaced[number]
            except BaseException as raised:  # by a handler that is back: the others come back, too
                error = error or raised
        while self._came:
            number = self._came.pop(0)
            try:
                handler = _getsignal(number)
                if callable(handler):
                    handler(number, sys._getframe())  # noqa: SLF001  as Python gives one
            except BaseException as raised:
                error = error or raised
        if error is not None:
            raise error

    def after_fork(self) -> None:
        """In a child process that another thread has forked: nobody else puts them back."""
        self.main = threading.main_thread().ident
        if self.depth and self._thread != get_ident():
            self.depth = 0
            self._came.clear()  # they are the parent's
            self._restore()

    @property
    def has_pending(self) -> bool:
        """Whether a signal has arrived."""
        return bool(self._came)

    def run_pending(self) -> None:
        """Call the handlers of the signals that arrived, at a point where that does no harm."""
        if self._came:
            depth, self.depth = self.depth, 0
            self._restore()
            self.defer()
            self.depth = depth


_COLLECTOR = _Collector()
_HANDLERS = _Handlers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_COLLECTOR.after_fork)
    os.register_at_fork(after_in_child=_HANDLERS.after_fork)


class _Deferral:
    __slots__ = ("_is_inner", "_is_main")

    def __enter__(self) -> None:
        handlers = _HANDLERS
        self._is_main = is_main = get_ident() == handlers.main
        self._is_inner = is_inner = is_main and handlers.depth > 0
        if is_inner:
            handlers.depth += 1
            return
        require_frames()
        if is_main:  # it comes first: a handler could leave the collector off for ever
            handlers.defer()
        _COLLECTOR.off()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_inner:
            _COLLECTOR.on()  # it comes first: a handler could leave the collector off for ever
        if self._is_main:
            _HANDLERS.resume()


def defer_interrupts() -> _Deferral:
    """Defer the handlers of signals, and garbage collection, until the block exits.

    Blocks nest. The handlers of signals that arrived are called at the end of the outermost block,
    which raises what they raise.

    Raises:
        RecursionError: at its beginning, if too few frames are left to work in.
    """
    return _Deferral()


def run_pending() -> None:
    """Call deferred handlers now: long work calls it between two blocks of its own.

    Raises:
        BaseException: what a handler raises. The work is to be rolled back then.
    """
    if _HANDLERS.depth and get_ident() == _HANDLERS.main:
        _HANDLERS.run_pending()


def check_pending() -> None:
    """End a wait if a signal has arrived: what is half done must be undone before its handler runs.

    Raises:
        Interrupted: one has.
    """
    if _HANDLERS.has_pending and get_ident() == _HANDLERS.main:
        raise Interrupted
