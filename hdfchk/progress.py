"""Progress of long operations: a callback, or a progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from .typing import ProgressOption, Tell

__all__ = ["ProgressOption", "Tell", "is_wanted", "reporting"]

_SECONDS = 1.0


class Guard(Protocol):
    """Prevents a progress callback from using the store whose work it reports."""

    def report(self, tell: Tell, done: int, total: int) -> None:
        """Call a callback that must not use the store."""


class _NoGuard:
    def report(self, tell: Tell, done: int, total: int) -> None:
        tell(done, total)


class _StoppedError(BaseException):
    """Carries an error of a progress callback through code that handles errors of HDF5."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def is_wanted(progress: ProgressOption) -> bool:
    """Whether progress is to be reported; a callback may be falsy.

    Raises:
        TypeError: the option is not a function, True, False or None.
    """
    if progress is None or isinstance(progress, bool):
        return bool(progress)
    if not callable(progress):
        raise TypeError(f"progress must be True, False or a function, not {progress!r}")
    return True


@contextmanager
def reporting(
    progress: ProgressOption, what: str, unit: str, guard: Guard | None = None
) -> Iterator[Tell]:
    """Context of a long operation; its value is the function to report progress to.

    Args:
        progress: the caller's option. The bar is tqdm's (extra ``progress``) if it is
            installed, otherwise one line of text per second, on standard error.
        what: the name of the operation.
        unit: the unit of the count.
        guard: the store's guard, if a callback must not use the store meanwhile.

    Raises:
        Exception: any error of the callback, unchanged.
    """
    if not is_wanted(progress):
        yield _nothing
        return
    known = guard or _NoGuard()
    try:
        with _shown(progress, what, unit) as shown:

            def tell(done: int, total: int) -> None:
                try:
                    known.report(shown, done, total)
                except Exception as error:
                    raise _StoppedError(error) from error

            yield tell
        return
    except _StoppedError as stopped:
        error = stopped.error
    raise error


@contextmanager
def _shown(progress: ProgressOption, what: str, unit: str) -> Iterator[Tell]:
    if callable(progress):
        yield progress
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        yield _lines(what)
        return
    with tqdm(desc=what, unit=f" {unit}", unit_scale=True) as bar:
        yield lambda done, total: _advance(bar, done, total)


def _nothing(done: int, total: int) -> None:
    return None


def _advance(bar: Any, done: int, total: int) -> None:
    bar.total = total or None
    bar.update(done - bar.n)


def _lines(what: str) -> Tell:
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last >= _SECONDS:
            last = time.monotonic()
            share = f"{100 * done // total} %" if total else str(done)
            sys.stderr.write(f"{what}: {share}\n")

    return tell
