"""Output on the terminal: colours, lines, and the progress of long work."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import click

__all__ = [
    "Line",
    "Span",
    "can_colour",
    "console",
    "is_terminal",
    "progress",
    "put_lines",
    "put_text",
]

Span = tuple[str, str]
"""A text and the name of its style in rich; empty for no style."""
Line = Sequence[Span]

_BLOCK = 500
_SECONDS = 0.3
"""Work that takes less time shows no progress bar."""


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can move its cursor."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # closed
        return False


def can_colour(stream: TextIO) -> bool:
    """Whether to write colours: only to a terminal, and not if ``NO_COLOR`` is set."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def put_lines(lines: Sequence[Line]) -> None:
    """Print lines; on a terminal with colours, and cropped to its width."""
    if not lines:
        return
    if not is_terminal(sys.stdout):
        put_text(["".join([text for text, _ in line]).rstrip() for line in lines])
        return
    from rich.text import Text

    shown = console()
    for start in range(0, len(lines), _BLOCK):
        parts = [Text.assemble(*line) for line in lines[start : start + _BLOCK]]
        shown.print(Text("\n").join(parts), no_wrap=True, overflow="ellipsis", crop=True)


def put_text(lines: Sequence[str]) -> None:
    """Print lines as they are, in blocks: a closed pipe is noticed between two of them."""
    for start in range(0, len(lines), _BLOCK):
        click.echo("\n".join(lines[start : start + _BLOCK]))


def console() -> Any:
    """Return rich's console on standard output."""
    from rich.console import Console

    return Console(highlight=False, no_color=not can_colour(sys.stdout))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], object] | None]:
    """Context with a progress bar on standard error, if that is a terminal.

    Args:
        what: the name of the work.
    """
    if not is_terminal(sys.stderr):
        yield None
        return
    bar = _Bar(what)
    try:
        yield bar.tell
    finally:
        bar.stop()


class _Bar:
    """A progress bar that appears only when the work has taken a moment."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._start = time.monotonic()
        self._shown: Any = None

    def tell(self, done: int, total: int) -> None:
        """Show how much of the work is done."""
        if self._shown is None:
            if time.monotonic() - self._start < _SECONDS:
                return
            from rich.console import Console
            from rich.progress import Progress

            console = Console(stderr=True, no_color=not can_colour(sys.stderr))
            self._shown = Progress(console=console, transient=True)
            self._shown.add_task(self._what, total=None)
            self._shown.start()
        self._shown.update(self._shown.task_ids[0], completed=done, total=total or None)

    def stop(self) -> None:
        if self._shown is not None:
            self._shown.stop()
