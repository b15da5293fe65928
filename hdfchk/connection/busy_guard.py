"""Rejects the use of a store during one of its own calls."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import TransactionError

__all__ = ["BusyGuard"]


class BusyGuard:
    """Rejects re-entrant use: from a progress callback, a finalizer, or a caller's filter.

    It is used under the connection's lock, so only the same thread can find it busy.

    Attributes:
        calls: the number of nested calls in progress.
        puts: likewise, the number of calls that only write to the log; they permit other calls.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.puts = 0
        self.is_writing = False
        self._reporting: list[int] = []
        """The threads in a progress callback; other threads may use the store between two steps."""

    def check(self, file: str, *, writing: bool) -> None:
        """Reject a call from inside another one.

        Raises:
            TransactionError: the call is re-entrant.
        """
        self.check_report(file)
        if self.is_writing or (writing and self.calls):
            raise TransactionError(
                "the store cannot be used during one of its own calls (from a finalizer, "
                "a filter, or a signal handler during a long write)",
                file=file,
                hint="use it after the call has returned",
            )

    def check_report(self, file: str) -> None:
        """Reject a call from a progress callback.

        Raises:
            TransactionError: the call comes from a callback.
        """
        if threading.get_ident() in self._reporting:
            raise TransactionError(
                "the store cannot be used from its own progress function",
                file=file,
                hint="use the store after the operation has finished",
            )

    def report(self, tell: Callable[[int, int], object], done: int, total: int) -> None:
        """Call a progress callback, which must not use the store."""
        thread = threading.get_ident()
        self._reporting.append(thread)
        try:
            tell(done, total)
        finally:
            self._reporting.remove(thread)
