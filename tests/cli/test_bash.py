"""Completion in bash, as a person types."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.cli.bash import Line
from tests.support.command import SECONDS, environment

BREAKS = " \t\n\"'><=;|&(:"


@pytest.mark.parametrize(
    ("text", "words", "last", "replaced"),
    [
        ("hdfchk ls ", ["hdfchk", "ls"], "", ""),
        ("hdfchk  ls\ta", ["hdfchk", "ls"], "a", "a"),
        ("hdfchk cp a.h5::b/c", ["hdfchk", "cp"], "a.h5::b/c", "b/c"),
        ("hdfchk cp a.h5::", ["hdfchk", "cp"], "a.h5::", ""),
        ("hdfchk get a\\ b.h5 lr=0.1/x", ["hdfchk", "get", "a b.h5"], "lr=0.1/x", "0.1/x"),
        ("hdfchk get x 'a:b", ["hdfchk", "get", "x"], "a:b", "a:b"),
        ("hdfchk get x 'a b':c", ["hdfchk", "get", "x"], "a b:c", "c"),
        ("hdfchk get x \"it's ", ["hdfchk", "get", "x"], "it's ", "it's "),
        ("hdfchk get '' \\", ["hdfchk", "get", ""], "", ""),
    ],
)
def test_lines(text: str, words: list[str], last: str, replaced: str) -> None:
    """Words, quotes and escapes, and what bash replaces of the last word."""
    line = Line(text, BREAKS)
    assert (line.words, line.last, line.last[line.start :]) == (words, last, replaced)


def test_what_is_inserted() -> None:
    """What bash would not take as it is, is escaped outside quotes."""
    assert Line("hdfchk get x a", BREAKS).completed("a b*$é") == r"a\ b\*\$é"
    assert Line("hdfchk get x 'a", BREAKS).completed("a b*") == "a b*"
    assert Line("hdfchk cp x::a", BREAKS).completed("x::a b") == r"a\ b"


def bash() -> str:
    """The shell; without one of a version that can complete so, the test is skipped."""
    found = shutil.which("bash")
    if found is None:
        pytest.skip("there is no bash")
    told = subprocess.run(
        [found, "-c", "echo ${BASH_VERSINFO[0]} ${BASH_VERSINFO[1]}"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    if tuple(map(int, told.split())) < (4, 4):
        pytest.skip("bash is older than 4.4")
    return found


class Shell:
    """An interactive bash in a pseudo-terminal, with the completion of the command."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._main, side = pty.openpty()
        env = environment(TERM="dumb", INPUTRC=os.devnull, HISTFILE=os.devnull, PS1="")
        env["PATH"] = f"{program.parent}{os.pathsep}{env['PATH']}"
        self._process = subprocess.Popen(
            [bash(), "--norc", "--noprofile", "-i"],
            stdin=side, stdout=side, stderr=subprocess.DEVNULL, cwd=folder, env=env,
            start_new_session=True,
        )  # fmt: skip
        os.close(side)
        self.type(
            'stty -echo; eval "$(_HDFCHK_COMPLETE=bash_source hdfchk)";'
            ' told() { printf "<%s>" "$@"; echo END; }; echo BEG""IN\n'
        )
        self.wait_for("BEGIN")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._main)

    def type(self, text: str) -> None:
        os.write(self._main, text.encode())

    def wait_for(self, text: str) -> str:
        seen, end = "", time.monotonic() + SECONDS
        while text not in seen:
            assert time.monotonic() < end, seen
            if select.select([self._main], [], [], 0.1)[0]:
                seen += os.read(self._main, 65536).decode()
        return seen

    def completed(self, line: str) -> list[str]:
        """The words of a line, after the tabulator: ``told`` is put before it, and prints them.

        Bash reads what is typed after the tabulator when the completion has ended.
        """
        self.type(f"{line}\t\x01told \x05\n")
        found: list[str] = re.findall("<([^>]*)>", self.wait_for("END").split("told ")[-1])
        return found


@pytest.mark.slow
def test_bash(tmp_path: Path) -> None:
    """Commands, files, keys and places, with all that bash takes for the end of a word."""
    chk = HDF5Checkpointer(tmp_path / "run.h5")
    chk.update({"params": {"steps": 1}, "my key": 1, "lr=0.1": {"loss": 1.0}, "a:b": 1, "x*y": 2})
    HDF5Checkpointer(tmp_path / "my file.h5")["alpha"] = 1
    program = tmp_path / "bin" / "hdfchk"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hdfchk "$@"\n')
    program.chmod(0o755)
    shell = Shell(tmp_path, program)
    try:
        for line, last in (
            ("hdfchk ver", "verify"),
            ("hdfchk get run", "run.h5"),
            ("hdfchk get run.h5 params/s", "params/steps"),
            ("hdfchk cp run.h5::params/s", "run.h5::params/steps"),
            ("hdfchk cp run.h5::params ::params/s", "::params/steps"),
            ("hdfchk cp my\\ file.h5::al", "my file.h5::alpha"),
            ("hdfchk cp run.h5::my", "run.h5::my key"),
            ("hdfchk cp 'run.h5::my", "run.h5::my key"),
            ("hdfchk get run.h5 lr=0.1/l", "lr=0.1/loss"),
            ("hdfchk get run.h5 a:", "a:b"),
            ("hdfchk get run.h5 x", "x*y"),
        ):
            assert shell.completed(line)[-1:] == [last], line
    finally:
        shell.close()
