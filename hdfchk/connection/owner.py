"""The owner of a transaction: a thread and, if any, an asyncio task."""

from __future__ import annotations

import sys
import threading
from typing import Any

import attrs

__all__ = ["Owner"]


@attrs.frozen(repr=False)
class Owner:
    """A thread, and the task that it runs.

    Args:
        thread: the identifier of the thread.
        task: the current asyncio task, or None.
    """

    thread: int
    task: Any

    @classmethod
    def now(cls) -> Owner:
        """Return the thread and task of the caller."""
        return cls(threading.get_ident(), _task())

    def is_other_task(self) -> bool:
        """Whether the caller is another task of the same thread."""
        return self.thread == threading.get_ident() and self.task is not _task()


def _task() -> Any:
    asyncio = sys.modules.get("asyncio")  # without it there are no tasks
    if asyncio is None or asyncio._get_running_loop() is None:  # noqa: SLF001  twice as fast
        return None
    return asyncio.current_task()
