"""Completion of commands and keys in shells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.cli.completion import completions
from tests.support.command import environment


def words(file: Path, incomplete: str) -> list[str]:
    return [item.value for item in completions(str(file), incomplete)]


def test_keys(demo: Path) -> None:
    """Whole keys that begin so; nothing that could control the terminal; no error ever."""
    assert words(demo, "par") == ["params", "params/steps", "params/deep", "params/deep/y"]
    assert words(demo, "/params/d") == ["params/deep", "params/deep/y"]
    assert words(demo, "nope") == [] and words(demo, "nope/x") == [] and words(demo, "tol/x") == []
    assert not [word for word in words(demo, "") if not word.isprintable()]
    assert words(demo.parent / "missing.h5", "") == [] and words(demo.parent, "") == []
    (demo.parent / "x.h5").write_text("no")
    assert words(demo.parent / "x.h5", "") == []


def test_many_keys(tmp_path: Path) -> None:
    """Where there are too many keys, those of the next level, at most 200."""
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    chk["a"] = {f"k{n}": n for n in range(300)}
    chk["b"] = 1
    assert words(tmp_path / "x.h5", "") == ["a", "b"]
    assert len(words(tmp_path / "x.h5", "a/k")) == 200
    assert words(tmp_path / "x.h5", "a/k29") == ["a/k29", *(f"a/k29{n}" for n in range(10))]


@pytest.mark.slow
def test_shells(demo: Path) -> None:
    """The scripts for the shells are there, and what they ask for is answered."""

    def ask(shell: str, **more: str) -> str:
        code = "import sys; from hdfchk.cli.entry import main; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False,
            env=environment(_HDFCHK_COMPLETE=shell, **more),
        )  # fmt: skip
        assert done.returncode == 0, done
        return done.stdout

    for shell in ("zsh", "fish"):
        assert "_HDFCHK_COMPLETE" in ask(f"{shell}_source")
    assert ask("zsh_complete", COMP_WORDS="hdfchk ver", COMP_CWORD="1").startswith(
        "plain\nverify\n"
    )
    line = f"hdfchk get {demo} params/s"
    assert "params/steps" in ask("zsh_complete", COMP_WORDS=line, COMP_CWORD="3")
    assert ask("bash_complete", COMP_LINE="hdfchk ver") == "plain,verify\n"
    assert ask("bash_complete", COMP_LINE=line) == "plain,params/steps\n"
    assert ask("bash_complete", COMP_LINE=f"hdfchk {demo.parent}/d").startswith("file,")
    line = f"hdfchk cp {demo}::params/s"
    assert ask("bash_complete", COMP_LINE=line) == f"plain,{demo}::params/steps\n"
