"""What the terminal can show."""

from __future__ import annotations

import io

import pytest

from hdfchk.cli import console
from tests.support.libraries import library

library("rich")


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal of 40 columns in place of the outputs: in the test, after pytest has set its own."""
    found = Screen()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", found)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return found


def test_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal shows colours, unless it is dumb or NO_COLOR is set, to anything but nothing."""
    screen = shown(monkeypatch)
    assert console.is_terminal(screen) and console.can_colour(screen)
    monkeypatch.setenv("NO_COLOR", "")
    assert console.can_colour(screen)
    monkeypatch.setenv("NO_COLOR", "0")
    assert console.is_terminal(screen) and not console.can_colour(screen)
    monkeypatch.setenv("TERM", "dumb")
    assert not console.is_terminal(screen)
    assert not console.is_terminal(io.StringIO())
    screen.close()
    assert not console.is_terminal(screen)


def test_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are cut at the edge, in colours; markup of rich is text."""
    screen = shown(monkeypatch)
    console.put_lines([[("[bold]x[/bold]", "red"), (" " + "y" * 60, "")]] * 600)
    lines = screen.getvalue().splitlines()
    assert len(lines) == 600 and "\x1b[31m[bold]x[/bold]" in lines[0] and "…" in lines[0]


def test_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar for what takes long; none for what is done at once, nor without a terminal."""
    screen = shown(monkeypatch)
    with console.progress("short") as tell:
        assert tell is not None
        tell(1, 2)
    assert screen.getvalue() == ""
    monkeypatch.setattr(console, "_SECONDS", 0)
    with console.progress("long") as tell:
        assert tell is not None
        tell(1, 2)
        tell(2, 2)
    assert "long" in screen.getvalue()
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with console.progress("none") as tell:
        assert tell is None
