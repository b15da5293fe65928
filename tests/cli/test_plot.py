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
