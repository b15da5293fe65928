"""The pictures of the docs show what the program shows today. Each test names the command that makes them anew."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import ROOT, environment
from tests.support.libraries import library

library("matplotlib")
library("plotext")
library("textual")

from tests.support import cli_pictures  # noqa: E402
from tests.support.picture_words import words_of  # noqa: E402

DOCS = ROOT / "docs"


def texts(picture: str) -> list[str]:
    """The words in an SVG picture. How they are laid out depends on the version of what draws them."""
    pieces = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
    return html.unescape(" ".join(pieces)).split()


def curves(picture: str) -> list[np.ndarray]:
    """The points of the curves in an SVG picture: its paths of more than 20 points."""
    paths = re.findall(r'<path d="(M [^"]*)"', picture)
    points = [np.array(re.findall(r"[ML] (\S+) (\S+)", path), float) for path in paths]
    return [each for each in points if len(each) > 20]


@pytest.mark.slow
def test_pictures_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``python -m tests.support.cli_pictures`` makes them: what ``tree`` and ``browse`` show."""
    monkeypatch.chdir(tmp_path)
    for name, picture in cli_pictures.pictures().items():
        shown = (DOCS / name).read_text(encoding="utf-8")
        assert texts(picture) == texts(shown), f"{name} is outdated"


@pytest.mark.slow
def test_picture_of_the_training(tmp_path: Path) -> None:
    """``python docs/pictures.py`` makes it: the losses of the example, with a kill and without one."""
    subprocess.run(
        [sys.executable, str(DOCS / "pictures.py"), str(tmp_path)],
        env=environment(),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    made = (tmp_path / "training.svg").read_text(encoding="utf-8")
    shown = (DOCS / "training.svg").read_text(encoding="utf-8")
    assert texts(made) == texts(shown), "training.svg is outdated"
    pairs = list(zip(curves(made), curves(shown), strict=True))
    assert len(pairs) == 3
    for one, other in pairs:  # in points; a processor may round otherwise
        assert one.shape == other.shape and np.abs(one - other).max() < 1, (
            "training.svg is outdated"
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, module", [("viewer.png", "tests.support.viewer_picture"), ("notebook.png", "tests.display.notebook")]
)  # fmt: skip
def test_pictures_in_a_browser(name: str, module: str, tmp_path: Path) -> None:
    """``python -m MODULE`` makes them, as `CONTRIBUTING.md` says: the viewer, and a notebook.

    Compared are the words of the page, which the file of the picture has with it.
    """
    for needed in ("playwright", "nbconvert", "nbclient", "ipykernel", "starlette", "uvicorn"):
        library(needed)
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    folders = [str(tmp_path)] if module.startswith("tests.display") else []
    subprocess.run(
        [sys.executable, "-m", module, *folders, str(tmp_path / name)],
        env=environment(),
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    made, shown = words_of(tmp_path / name), words_of(DOCS / name)
    assert made == shown, f"{name} is outdated"
