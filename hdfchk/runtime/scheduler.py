"""Work that is done some seconds later, in a thread of its own, so that nothing waits for ever."""

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
"""The thread ends when nothing was to be done for so long."""


class Alarm:
    """Calls a function once, some seconds after it was set.

    Args:
        work: called in another thread; False means that it cannot be done now, and is to be
            called again soon. It deals with its own errors.
    """

    def __init__(self, work: Callable[[], bool]) -> None:
        self.work = work
        self.is_set = False

    def set(self, seconds: float, keep: object = None) -> None:
        """Call the function in so many seconds, if that is not to be done already.

        Args:
            seconds: from now on.
            keep: what is to live until then, whoever drops it.
        """
        if not self.is_set and seconds < math.inf:
            _CLOCK.set(self, seconds, keep)

    def cancel(self) -> None:
        """Do not call it; a call that is under way goes on."""
        if self.is_set:
            _CLOCK.cancel(self)


def weakly(method: Callable[[], bool]) -> Callable[[], bool]:
    """A method to be called that does not keep its object alive; without it, nothing is done."""
    # `weakref.WeakMethod` takes four times as long, at each opening.
    assert isinstance(method, MethodType)  # noqa: S101  what has an owner
    owner, function = weakref.ref(method.__self__), method.__func__

    def call() -> bool:
        found = owner()
        return True if found is None else bool(function(found))

    return call


class _Clock:
    """The thread of all alarms; it is there while there are any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[Alarm, tuple[float, object]] = {}
        self._thread: threading.Thread | None = None

    def set(self, alarm: Alarm, seconds: float, keep: object) -> None:
        with self._changed:
            if self._has_thread():
                alarm.is_set = True
                self._due[alarm] = time.monotonic() + seconds, keep
                self._changed.notify()
                return
        alarm.work()  # no thread can be had: it is done now

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
            except (
                Exception
            ):  # the work keeps its own errors; the thread is that of all others, too
                done = True
            if not done:
                alarm.set(RETRY_SECONDS, keep)
            del due, alarm, keep  # it waits for the next without them

    def _next(self) -> tuple[Alarm, object] | None:
        """Wait for the alarm that is due first, and what it keeps; None if none was for long."""
        with self._changed:
            while True:
                if not self._due:
                    if not self._changed.wait(IDLE_SECONDS) and not self._due:
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
                self._changed.wait(min(left, LONGEST_WAIT))

    def after_fork(self) -> None:
        """In a child process, which has no such thread: its work is the parent's."""
        for alarm in self._due:
            alarm.is_set = False
        self.__init__()  # type: ignore[misc]


_CLOCK = _Clock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CLOCK.after_fork)
