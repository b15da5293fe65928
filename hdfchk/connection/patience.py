"""How long a call waits for others that use the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

__all__ = ["impatient", "patience"]

_MOST: ContextVar[float | None] = ContextVar("hdfchk_patience", default=None)


class _Waits(Protocol):
    @property
    def lock_timeout(self) -> float: ...


def patience(backend: _Waits) -> float:
    """Return how many seconds a call waits: as the backend says, unless the caller allows less."""
    most = _MOST.get()
    return backend.lock_timeout if most is None else min(most, backend.lock_timeout)


@contextmanager
def impatient(seconds: float) -> Iterator[None]:
    """Context in which calls of this thread and task wait no longer than `seconds`."""
    token = _MOST.set(seconds)
    try:
        yield
    finally:
        _MOST.reset(token)
