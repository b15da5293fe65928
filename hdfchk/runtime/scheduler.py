"""Delayed work, in a separate thread, so that nothing waits forever."""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from types import MethodType

__all__ = ["Alarm", "weakly"]

RETRY_SECONDS = 0.05
LONGEST_WAIT = 3600.0
IDLE_SECONDS = 5.0
"""The thread ends after this time without work."""


class Alarm:
    """Calls a function once, some seconds after it was set.

    Args:
        work: the function, called in another thread. It returns False to be called again
            soon, and handles its own errors.
    """

    def __init__(self, work: Callable[[], bool]) -> None:
        self.work = work
        self.is_set = False

    def set(self, seconds: float, keep: object = None) -> None:
        """Schedule the function, unless it is scheduled already.

        Args:
            seconds: the delay.
            keep: an object to keep alive until then.
        """
        if not self.is_set and seconds < math.inf:
            _CLOCK.set(self, seconds, keep)

    def cancel(self) -> None:
        """Cancel the call; a call in progress continues."""
        if self.is_set:
            _CLOCK.cancel(self)


def weakly(method: Callable[[], bool]) -> Callable[[], bool]:
    """Wrap a method without keeping its object alive; once that is gone, calls do nothing."""
    # `weakref.WeakMethod` takes four times as long, at each opening of a file.
    assert isinstance(method, MethodType)  # noqa: S101  it has an owner
    owner, function = weakref.ref(method.__self__), method.__func__

    def call() -> bool:
        found = owner()
        return True if found is None else bool(function(found))

    return call


class _Clock:
    """The thread of all alarms; it exists while there are any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[Alarm, tuple[float, object]] = {}
        self._thread: threading.Thread | None = None
        self._wakes = -math.inf
        """When the thread stops waiting by itself; in the past while it does not wait."""

    def set(self, alarm: Alarm, seconds: float, keep: object) -> None:
        with self._changed:
            if self._has_thread():
                alarm.is_set = True
                due = time.monotonic() + seconds
                self._due[alarm] = due, keep
                if due < self._wakes:  # most alarms are canceled: a switch of threads costs more
                    self._changed.notify()
                return
        alarm.work()  # no thread can be started: do it now

    def _has_thread(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="hdfchk-alarm", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        return True

    def cancel(self, alarm: Alarm) -> None:
        with self._changed:
            alarm.is_set = False
            self._due.pop(alarm, None)

    def _run(self) -> None:
        while True:
            due = self._next()
            if due is None:
                return
            alarm, keep = due
            try:
                done = alarm.work()
            except Exception:  # the work handles its own errors; all alarms share this thread
                done = True
            if not done:
                alarm.set(RETRY_SECONDS, keep)
            del due, alarm, keep  # do not keep them alive while waiting

    def _next(self) -> tuple[Alarm, object] | None:
        """Wait for the next due alarm; return it and its kept object, or None if idle too long."""
        with self._changed:
            while True:
                if not self._due:
                    if not self._wait(IDLE_SECONDS) and not self._due:
                        self._thread = None
                        return None
                    continue
                alarm = min(self._due, key=lambda known: self._due[known][0])
                left = self._due[alarm][0] - time.monotonic()
                if left <= 0:
                    _, keep = self._due.pop(alarm)
                    alarm.is_set = False
                    return alarm, keep
                del alarm
                self._wait(min(left, LONGEST_WAIT))

    def _wait(self, seconds: float) -> bool:
        """Wait for a new alarm; return whether there may be one."""
        self._wakes = time.monotonic() + seconds
        try:
            return self._changed.wait(seconds)
        finally:
            self._wakes = -math.inf

    def after_fork(self) -> None:
        """Leave the work to the parent; called in a child process, which lacks the thread."""
        for alarm in self._due:
            alarm.is_set = False
        self.__init__()  # type: ignore[misc]


_CLOCK = _Clock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CLOCK.after_fork)
