"""What the pages of the docs say that commands do: lines that are data there, and no blocks that run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support.command import ROOT, invoke
from tests.support.libraries import library
from tests.support.pages import blocks_of

library("plotext")
library("textual")

from tests.support.cli_pictures import make  # noqa: E402

DOCS = ROOT / "docs"


def shown(page: str, beginning: str) -> list[str]:
    """The lines of the block of text that begins so."""
    (found,) = (
        block.text
        for block in blocks_of((DOCS / page).read_text(encoding="utf-8"))
        if block.language == "text" and block.text.startswith(beginning)
    )
    return found.splitlines()


def test_first_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands at the top of the page of the command run, one after another, on a file like its picture."""
    monkeypatch.chdir(tmp_path)
    make(Path("run.h5"))
    ended = {"watch": ["--count", "1"], "browse": ["--help"], "view": ["--help"]}
    codes, out = {}, {}
    for line in shown("cli.md", "hdfchk run.h5 "):
        command = re.split(r"  +| \| ", line)[0]
        _, *args = shlex.split(command)
        result = invoke(*args, *ended.get(args[0], []))
        codes[args[0]], out[args[0]] = result.code, result.out
        assert not result.err, command
    assert len(codes) == 11
    assert codes.pop("diff") == 1  # another file
    assert set(codes.values()) == {0}, codes
    assert '"steps": 300' in out["get"]  # then `jq .steps`
    assert "'euler'" in out["run.h5"] and "loss" in out["watch"]
    assert invoke("get", "run.h5", "params/steps").out == "600\n"
    assert invoke("get", "other.h5", "params/steps").out == "600\n"
    assert Path("run.json").exists()


def test_address_of_the_viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The viewer says what its page shows, but for port, secret and host."""
    library("starlette")
    library("uvicorn")
    from hdfchk.viewer.server import Viewer

    monkeypatch.chdir(tmp_path)
    make(Path("run.h5"))
    viewer = Viewer("run.h5")
    said: list[str] = []
    viewer.announce(said.append)
    viewer.close()
    lines = "\n".join(said).splitlines()
    page = shown("viewer.md", "run.h5 is shown at")
    for line, pattern in zip(lines, page, strict=True):
        told = re.escape(pattern).replace("40123", r"\d+").replace("HOST", r"\S+")
        told = re.sub(r"/7mY3…/", r"/[\\w-]+/", told)
        assert re.fullmatch(told, line), (line, pattern)
