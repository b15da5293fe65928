"""Telling how far long work has come: a function of the caller's, or a progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["ProgressOption", "Tell", "is_wanted", "teller"]

Tell = Callable[[int, int], object]
ProgressOption = bool | Tell | None
"""What callers pass: None or False for nothing, True for a progress bar, or
``progress(done, total)``, where a total of 0 means that nobody knows it."""

_SECONDS = 1.0


def is_wanted(progress: ProgressOption) -> bool:
    """Whether a caller wants to know; what he passes may be a function that is false as a value."""
    return progress is not None and progress is not False


@contextmanager
def teller(progress: ProgressOption, what: str, unit: str) -> Iterator[Tell]:
    """A block of long work, and what it tells how far it has come.

    Args:
        progress: what the caller passed. The bar is tqdm's (extra ``progress``) where it is
            installed, else a line of text a second, on standard error.
        what: the work.
        unit: what is counted.
    """
    if progress is None or progress is False:
        yield _nothing
    elif progress is not True:
        yield progress
    else:
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
