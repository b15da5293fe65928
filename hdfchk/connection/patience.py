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
    """The seconds for which a call waits: those of the backend, unless the caller has less time."""
    most = _MOST.get()
    return backend.lock_timeout if most is None else min(most, backend.lock_timeout)


@contextmanager
def impatient(seconds: float) -> Iterator[None]:
    """Context whose calls, those of this thread and task, wait no longer than some seconds."""
    token = _MOST.set(seconds)
    try:
        yield
    finally:
        _MOST.reset(token)
