"""Plots as text and as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hdfchk.cli.drawing import draw, save_picture, sparkline
from hdfchk.cli.exits import Failure
from hdfchk.cli.series import Curve, Picture
from tests.support.libraries import library

library("plotext")
library("matplotlib")

CURVE = Curve("evil\x1b[2J $x", np.arange(100), np.linspace(-1, 1, 100))


def test_text() -> None:
    """Curves fit their space, with colours or without; names cannot control the terminal."""
    text = draw([CURVE, CURVE], 60, 12, colours=False, title="t\x1b")
    lines = text.splitlines()
    assert "\x1b" not in text and "\\x1b" in text and "⠉" in text or "⣀" in text
    assert max(map(len, lines)) <= 60 and len(lines) <= 13
    assert "\x1b[" in draw([CURVE], 60, 12, colours=True)
    assert "\x1b[2J" not in draw([CURVE, CURVE], 60, 12, colours=True)
    for values in ([np.nan] * 3, [np.inf, 1, 2], [-1, 0, 0], [5, 5, 5]):
        for logarithmic in (False, True):
            curve = Curve("x", np.arange(3), np.array(values, float))
            assert draw([curve], 40, 8, colours=False, logarithmic=logarithmic)


def test_shades() -> None:
    """An array of two axes as shades, within its space."""
    values = np.arange(200.0 * 300).reshape(200, 300)
    values[0, 0] = np.nan
    lines = draw([Picture("p", values)], 40, 10, colours=False).splitlines()
    assert len(lines) <= 10 and max(map(len, lines[:-1])) <= 40 and "█" in lines[-2]
    assert draw([Picture("p", np.full((2, 2), np.nan))], 40, 10, colours=False)


def test_extreme_numbers() -> None:
    """The largest and the smallest numbers are drawn, or refused in one line."""
    for values in ([1e308, -1e308], [5e-324, 1e-320], [1e308] * 3):
        curve = Curve("the/key", np.arange(len(values)), np.array(values))
        for logarithmic in (False, True):
            try:
                assert draw([curve], 40, 8, colours=False, logarithmic=logarithmic)
            except Failure as failure:  # versions of plotext differ
                assert "the values of the/key are too large, or too close" in failure.message
    assert draw([CURVE], 40, 8, colours=False)
    for scale in (1.7e308, 1e-320):
        values = np.eye(4) * scale - np.eye(4)[::-1] * scale
        assert "██" in draw([Picture("p", values)], 40, 10, colours=False)
    assert sparkline([-1.7e308, 0.0, 1.7e308]) == "▁▅█" and sparkline([0, 5e-324]) != ""
    assert len(sparkline(np.full(100, 1.7e308))) in (0, 24)


def test_pictures(tmp_path: Path) -> None:
    """Curves and pictures are written to files; names are no formulas."""
    save_picture([CURVE, CURVE], str(tmp_path / "x.png"), logarithmic=True, title="$\\frac")
    save_picture([Picture("p", np.eye(3))], str(tmp_path / "y.svg"), logarithmic=False, title="p")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "y.svg").read_text()


def test_sparkline() -> None:
    """One line of blocks, whatever the numbers."""
    assert sparkline(np.arange(1000.0))[0] == "▁" and len(sparkline(np.arange(1000.0))) == 24
    assert sparkline([]) == "" and sparkline([np.nan]) == "" and sparkline([3.0]) == "▁"
    assert sparkline([0, np.nan, 1]) == "▁ █"
