"""Keeps a store from being used in the middle of one of its own calls."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import TransactionError

__all__ = ["BusyGuard"]


class BusyGuard:
    """Rejects re-entrant use: from a progress function, a finaliser, a filter of the caller's.

    It is used under the connection's lock, so that whoever finds it busy is its own thread.

    Attributes:
        calls: how many calls are under way, one inside the other.
        puts: likewise, of those that only write into the log: others may come in between.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.puts = 0
        self.is_writing = False
        self._reporting: list[int] = []
        """The threads that are in a progress function: between two steps others use the store."""

    def check(self, file: str, *, writing: bool) -> None:
        """Refuse a call that comes from inside another one.

        Raises:
            TransactionError: it does.
        """
        self.check_report(file)
        if self.is_writing or (writing and self.calls):
            raise TransactionError(
                "the store cannot be used in the middle of one of its own calls (from a finaliser, "
                "a filter, or a signal handler during a long write)",
                file=file,
                hint="use it when the call has returned",
            )

    def check_report(self, file: str) -> None:
        """Refuse a call that comes from a progress function.

        Raises:
            TransactionError: it does.
        """
        if threading.get_ident() in self._reporting:
            raise TransactionError(
                "the store cannot be used from its own progress function: its work is half done",
                file=file,
                hint="use the store when the work is done",
            )

    def report(self, tell: Callable[[int, int], object], done: int, total: int) -> None:
        """Call a progress function, which may not use the store."""
        thread = threading.get_ident()
        self._reporting.append(thread)
        try:
            tell(done, total)
        finally:
            self._reporting.remove(thread)
