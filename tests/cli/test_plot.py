"""``plot``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hdfchk import HDF5Checkpointer
from tests.support.command import invoke
from tests.support.libraries import hide, library

library("plotext")
library("matplotlib")


def test_in_the_terminal(demo: Path) -> None:
    """Curves, more than one, over the values of another key."""
    out = invoke("plot", demo, "loss", "--height", 10).out
    assert "loss" in out and "\x1b" not in out and len(out.splitlines()) == 11
    HDF5Checkpointer(demo)["t"] = np.arange(50) * 0.25
    out = invoke("plot", demo, "loss", "t", "-x", "t", "--log").out
    assert "12.25" in out or "12.2" in out
    assert "█" in invoke("plot", demo, "grid").out


def test_to_a_file(demo: Path, tmp_path: Path) -> None:
    """A picture; nothing is replaced without --force."""
    out = tmp_path / "x.png"
    assert invoke("plot", demo, "loss", "-o", out) == (0, "", "")
    assert out.read_bytes().startswith(b"\x89PNG")
    assert invoke("plot", demo, "loss", "-o", out).code == 1
    assert invoke("plot", demo, "loss", "-o", out, "--force").code == 0
    assert invoke("plot", demo, "loss", "-o", tmp_path / "x.what").code == 2


def test_long_curves_over_positions(demo: Path, tmp_path: Path) -> None:
    """A long curve over its positions; positions that are not numbers are left out."""
    t = np.arange(10_000) * 0.25
    t[:100] = np.nan
    HDF5Checkpointer(demo).update({"t": t, "y": np.sin(t / 100), "more": np.arange(10_001)})
    result = invoke("plot", demo, "y", "-x", "t")
    assert result.code == 0 and "2499.8" in result.out
    assert invoke("plot", demo, "y", "-x", "t", "-o", tmp_path / "x.png").code == 0
    result = invoke("plot", demo, "y", "-x", "more")
    assert result.code == 2 and "10,001 and 10,000" in result.err and str(demo) in result.err


def test_nothing_to_plot(demo: Path, tmp_path: Path) -> None:
    """Frames without numbers or rows, and numbers that are too large, are one line."""
    pandas = library("pandas")
    chk = HDF5Checkpointer(demo)
    chk["text"] = pandas.DataFrame({"s": ["a", "b"]})
    chk["short"] = pandas.DataFrame({"a": np.zeros(0)})
    chk["big"] = [10**400, 1]
    for key in ("text", "short", "big"):
        for more in (
            [key],
            [key, "-o", tmp_path / "x.png"],
            [key, "-x", "loss"],
            ["loss", "-x", key],
        ):
            result = invoke("plot", demo, *more)
            assert result.code == 2 and result.err.startswith("hdfchk: nothing to plot"), more
            assert f"key {key!r} in {demo}" in result.err and result.err.count("\n") == 1
    assert not (tmp_path / "x.png").exists()


def test_refused(demo: Path, monkeypatch) -> None:
    """What is no number, positions of another length; a missing library is named."""
    assert invoke("plot", demo, "name").code == 2
    assert invoke("plot", demo, "nope").code == 1
    assert invoke("plot", demo, "loss", "-x", "grid").code == 2
    hide(monkeypatch, "plotext", "matplotlib")
    result = invoke("plot", demo, "loss")
    assert result.code == 2 and "hdfchk[tui]" in result.err
    result = invoke("plot", demo, "loss", "-o", demo.parent / "x.png")
    assert result.code == 2 and "hdfchk[plot]" in result.err
