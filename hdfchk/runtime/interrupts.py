"""Deferral of signal handlers and garbage collection while HDF5 or the log is at work.

An exception that a handler raises inside an HDF5 callback is lost, together with the write; one
raised between two steps of hdfchk leaves the second undone. The garbage collector may find
HDF5 objects and close them in the middle of a call.
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

__all__ = [
    "BLOCK_BYTES",
    "Interrupted",
    "check_pending",
    "defer_interrupts",
    "is_deferring",
    "run_pending",
]

try:  # the C functions: those of the module convert each result to an enum member
    from _signal import getsignal as _getsignal  # type: ignore[import-not-found]
    from _signal import signal as _signal
except ImportError:  # pragma: no cover  another Python
    from signal import getsignal as _getsignal
    from signal import signal as _signal

BLOCK_BYTES = 2**24
"""The size of one read or write: signals are deferred for one block at most."""

_SYNCHRONOUS = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGKILL", "SIGSTOP"}
_NUMBERS = sorted(
    int(number)
    for number in signal.valid_signals()
    if getattr(number, "name", "") not in _SYNCHRONOUS
)


class Interrupted(BaseException):
    """Ends a wait because a signal has arrived: its handler runs, then the wait starts again."""


class _Collector:
    """The garbage collector, disabled while any thread requires it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant: a handler may run here while it is held
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
            if self._blocks:  # 0 in a child forked in the block
                self._blocks -= 1
            if not self._blocks and self._was_on:
                gc.enable()

    def after_fork(self) -> None:
        """Forget the blocks of other threads; called in a child process."""
        if self._blocks and self._was_on:
            gc.enable()
        self._lock, self._blocks = threading.RLock(), 0


class _Handlers:
    """The signal handlers, which only the main thread runs."""

    def __init__(self) -> None:
        self.main = threading.main_thread().ident
        """The thread that runs handlers."""
        self.depth = 0
        self.is_complete = False
        """Whether all handlers are replaced: between two steps of `defer` they are not."""
        self._thread = 0
        """The thread that defers them."""
        self._replaced: dict[int, Any] = {}
        self._arrived: list[int] = []
        """Signals that arrived, without their frames, which would keep HDF5 objects alive."""
        self._seen: list[Any] = []
        """The handlers of all signals at the last check."""
        self._handled: list[int] = []
        """The signals that had Python handlers at the last check."""
        self._keep = self._keep_signal
        """One object, so that it can be compared; a bound method would be new each time."""

    def _keep_signal(self, number: int, frame: FrameType | None) -> None:
        self._arrived.append(number)

    def defer(self) -> None:
        """Record signals from now on.

        Between two steps, a handler that is not yet replaced may run, and defer, too: it completes
        the replacement, which lasts until the outermost `resume`.
        """
        self._thread = get_ident()
        self.depth += 1
        try:
            self._replace()
        except BaseException:  # from a handler not replaced yet
            self.resume()
            raise

    def _replace(self) -> None:
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
        self.is_complete = True

    def resume(self) -> None:
        """Restore the handlers, and call those whose signals arrived."""
        if self.depth > 1:
            self.depth -= 1
            return
        self.is_complete = False
        self.depth = 0
        self._restore()

    def _restore(self) -> None:
        error: BaseException | None = None
        # A restored handler may run at once and defer again: it must not share this dict.
        replaced, self._replaced = self._replaced, {}
        while replaced:
            try:
                for number in list(replaced):
                    if _getsignal(number) is self._keep:
                        _signal(number, replaced[number])
                    del replaced[number]
            except BaseException as raised:  # from a restored handler: restore the others too
                error = error or raised
        later: list[int] = []
        while self._arrived:
            number = self._arrived.pop(0)
            try:
                handler = _getsignal(number)
                if handler is self._keep:  # an outer call is about to restore it, and then calls it
                    later.append(number)
                elif callable(handler):
                    handler(number, sys._getframe())  # noqa: SLF001  as Python passes one
            except BaseException as raised:
                error = error or raised
        self._arrived += later
        if error is not None:
            raise error

    def after_fork(self) -> None:
        """Restore the handlers, if another thread deferred them; called in a child process."""
        self.main = threading.main_thread().ident
        if self.depth and self._thread != get_ident():
            self.is_complete = False
            self.depth = 0
            self._arrived.clear()  # they belong to the parent
            self._restore()

    @property
    def has_pending(self) -> bool:
        """Whether a signal has arrived."""
        return bool(self._arrived)

    def run_pending(self) -> None:
        """Call the handlers of signals that arrived, at a safe point."""
        if self._arrived:
            depth, self.depth = self.depth, 0
            self.is_complete = False
            try:
                self._restore()
            finally:  # a rollback after a handler's exception must not be interrupted either
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
        self._is_inner = is_inner = is_main and handlers.is_complete
        if is_inner:
            handlers.depth += 1
            return
        require_frames()
        if is_main:  # first: a handler could leave the collector off permanently
            handlers.defer()
        _COLLECTOR.off()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_inner:
            _COLLECTOR.on()  # first: a handler could leave the collector off permanently
        if self._is_main:
            _HANDLERS.resume()


def defer_interrupts() -> _Deferral:
    """Defer signal handlers and garbage collection until the block exits.

    Blocks nest. Handlers of signals that arrived are called at the end of the outermost block,
    which propagates their exceptions.

    Raises:
        RecursionError: on entry, if too few stack frames are left.
    """
    return _Deferral()


def run_pending() -> None:
    """Call deferred handlers now; long operations call this between two blocks.

    Raises:
        BaseException: the exception of a handler. The operation must then be rolled back.
    """
    if _HANDLERS.depth and get_ident() == _HANDLERS.main:
        _HANDLERS.run_pending()


def is_deferring() -> bool:
    """Whether signal handlers are deferred now."""
    return _HANDLERS.depth > 0


def check_pending() -> None:
    """End a wait if a signal has arrived; partial work must be undone before its handler runs.

    Raises:
        Interrupted: a signal has arrived.
    """
    if _HANDLERS.has_pending and get_ident() == _HANDLERS.main:
        raise Interrupted
