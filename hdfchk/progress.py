"""Telling how far long work has come: a function of the caller's, or a progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["ProgressOption", "Tell", "is_wanted", "teller"]

Tell = Callable[[int, int], object]
ProgressOption = bool | Tell | None
"""What callers pass: None or False for nothing, True for a progress bar, or
``progress(done, total)``, where a total of 0 means that nobody knows it."""

_SECONDS = 1.0


class Guard(Protocol):
    """Keeps a progress function from the store whose work it is told of."""

    def report(self, tell: Tell, done: int, total: int) -> None:
        """Call a function that may not use the store."""


class _NoGuard:
    def report(self, tell: Tell, done: int, total: int) -> None:
        tell(done, total)


class _StoppedError(BaseException):
    """Carries an error of a progress function past those who would take it for one of HDF5's."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def is_wanted(progress: ProgressOption) -> bool:
    """Whether a caller wants to know; a function may be false as a value.

    Raises:
        TypeError: it is not a function, nor True, False or None.
    """
    if progress is None or isinstance(progress, bool):
        return bool(progress)
    if not callable(progress):
        raise TypeError(f"progress is True, False or a function, not {progress!r}")
    return True


@contextmanager
def teller(
    progress: ProgressOption, what: str, unit: str, guard: Guard | None = None
) -> Iterator[Tell]:
    """A block of long work, and what it tells how far it has come.

    Args:
        progress: what the caller passed. The bar is tqdm's (extra ``progress``) where it is
            installed, else a line of text a second, on standard error.
        what: the work.
        unit: what is counted.
        guard: of the store that does the work, if a function may not use it meanwhile.

    Raises:
        Exception: what a function of the caller's raises, as it is.
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
