"""``browse`` in a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Terminal, invoke
from tests.support.libraries import hide, library

library("textual")


@pytest.mark.slow
def test_in_a_terminal(demo: Path) -> None:
    """It opens, shows the keys and what is at one, and ends with q."""
    with Terminal("browse", demo, "loss", columns=120, rows=40) as terminal:
        terminal.wait_for("steps", "500", "float64 (50,)", "Quit", "layout")
        terminal.type("q")
        assert terminal.end() == 0
    assert "Traceback" not in terminal.seen and "\x1b]0;x" not in terminal.seen
    assert "\x1b[?1049l" in terminal.seen, "the screen is as before"


@pytest.mark.slow
def test_interrupted(demo: Path) -> None:
    """Ctrl-C ends it as other commands; the screen is as before."""
    with Terminal("browse", demo, columns=40, rows=10) as terminal:
        terminal.wait_for("steps", "Quit")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "Traceback" not in terminal.seen and "\x1b[?1049l" in terminal.seen


@pytest.mark.slow
def test_a_signal(demo: Path) -> None:
    """SIGINT from another process does the same as Ctrl-C."""
    with Terminal("browse", demo, columns=80, rows=10) as terminal:
        terminal.wait_for("steps", "Quit")
        terminal.interrupt()
        assert terminal.end() == 130
    assert "Traceback" not in terminal.seen and "\x1b[?1049l" in terminal.seen


@pytest.mark.slow
def test_nothing_to_browse(demo: Path) -> None:
    """What cannot be shown is one line, and no screen."""
    (demo.parent / "text.h5").write_text("no")
    for args, code, told in (
        ([demo, "stpes"], 1, "did you mean 'steps'"),
        ([demo.parent / "text.h5"], 3, "not an HDF5 file"),
    ):
        with Terminal("browse", *args) as terminal:
            terminal.wait_for(told)
            assert terminal.end() == code
        assert "\x1b[?1049h" not in terminal.seen


def test_refused(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal, a file, or its library."""
    assert invoke("browse", demo).code == 2
    assert invoke("browse", demo.parent / "missing.h5").code == 3
    hide(monkeypatch, "textual")
    monkeypatch.delitem(__import__("sys").modules, "hdfchk.cli.browser", raising=False)
    result = invoke("browse", demo)
    assert result.code == 2 and "hdfchk[tui]" in result.err
