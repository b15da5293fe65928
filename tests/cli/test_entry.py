"""The command as a real process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.cli.program import COMMANDS
from tests.support.command import SECONDS, Processes, Terminal, environment, run

STORY = [
    (["set", "a.h5", "params/steps", "500"], 0, ""),
    (["set", "a.h5", "x", "[1.0, 2.0]", "--array"], 0, ""),
    (["get", "a.h5", "params/steps"], 0, "500\n"),
    (["ls", "a.h5"], 0, "params/  dict, 1 key\nx        float64 (2,)\n"),
    (["a.h5"], 0, "a.h5\n├── params  dict, 1 key\n│   └── steps  int  500\n└── x  float64 (2,)\n"),
    (["show", "a.h5", "x"], 0, "[1. 2.]\n"),
    (["cp", "a.h5::x", "::y"], 0, ""),
    (["mv", "a.h5", "y", "z"], 0, ""),
    (["diff", "a.h5::x", "a.h5::z"], 0, ""),
    (["cp", "a.h5", "b.h5"], 0, ""),
    (["rm", "b.h5", "z"], 0, ""),
    (["diff", "a.h5", "b.h5"], 1, "- z  ndarray\n"),
    (["merge", "b.h5", "a.h5"], 1, ""),
    (["merge", "b.h5", "a.h5", "--force"], 0, ""),
    (["diff", "a.h5", "b.h5", "--json"], 0, ""),
    (["export", "a.h5", "a.npz"], 0, ""),
    (["import", "c.h5", "a.npz"], 0, ""),
    (["info", "c.h5"], 0, "superblock"),
    (["verify", "c.h5"], 0, "3 values: 3 whole, 0 damaged, 0 not read\n"),
    (["compact", "c.h5"], 0, "\n"),
    (["recover", "c.h5"], 0, "there is nothing to recover\n"),
    (["watch", "c.h5", "params", "--count", "1"], 0, "  =  params/steps  int  500\n"),
    (["plot", "c.h5", "nope"], 1, ""),
    (["browse", "c.h5"], 2, ""),
    (["view", "nope.h5"], 3, ""),
]


@pytest.mark.slow
def test_every_command(tmp_path: Path) -> None:
    """Each command does its work as a process of its own: code, output, nothing else."""
    with Processes() as processes:
        for args, code, out in STORY:
            result = processes.run(*args, cwd=tmp_path)
            assert result.code == code, (args, result)
            assert result.out.endswith(out) or out in result.out, (args, result)
            assert "Traceback" not in result.err, (args, result)
            assert (code == 0) <= (result.err == ""), (args, result)
    assert run("get", "a.h5", "params/steps", cwd=tmp_path) == (0, "500\n", "")
    assert {args[0] for args, _, _ in STORY} - {"a.h5"} | {"tree"} == set(COMMANDS)
    assert HDF5Checkpointer(tmp_path / "c.h5")["params/steps"] == 500


def test_without_click(demo: Path) -> None:
    """Without the extra, one line names it, and the code is 2."""
    code = (
        "import sys; sys.modules['click'] = None\n"
        "from hdfchk.cli.entry import main; sys.exit(main(['ls', 'x.h5']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment()
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "pip install 'hdfchk[cli]'" in done.stderr


def test_closed_pipes(tmp_path: Path) -> None:
    """A reader that goes away ends the command quietly, with the code of SIGPIPE."""
    HDF5Checkpointer(tmp_path / "x.h5").update({f"key {n}": np.zeros(n) for n in range(5000)})
    writer = subprocess.Popen(
        [sys.executable, "-m", "hdfchk", "ls", tmp_path / "x.h5", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert writer.stdout is not None and writer.stderr is not None
    with writer:
        assert json.loads(writer.stdout.readline())["key"] == "key 0"
        writer.stdout.close()
        assert writer.stderr.read() == b""
        assert writer.wait(SECONDS) == 141


@pytest.mark.slow
def test_colours(demo: Path) -> None:
    """Colours in a terminal alone, and not with NO_COLOR or TERM=dumb; lines fit the terminal."""
    HDF5Checkpointer(demo)["k" * 100] = 1
    for more, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        with Terminal("tree", demo, **more) as terminal:
            assert terminal.end() == 0
        seen = terminal.seen
        assert ("\x1b[1;34mparams" in seen) == is_coloured, seen
        assert "\x1b[2J" not in seen and "\x1b]0" not in seen and "\x9b" not in seen
        plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen).splitlines()
        assert (max(map(len, plain)) <= 80) == ("TERM" not in more)
        assert r"\x1b[2J" in seen and ("\x1b[3" in seen) == is_coloured


@pytest.mark.slow
def test_progress_in_a_terminal(tmp_path: Path) -> None:
    """Long work shows a bar on a terminal, and nothing of it stays."""
    HDF5Checkpointer(tmp_path / "x.h5").update({f"k{n}": list(range(n % 7)) for n in range(4000)})
    with Terminal("verify", tmp_path / "x.h5") as terminal:
        assert terminal.end() == 0
    assert "4000 whole" in terminal.seen
    assert "%" in terminal.seen and "verify" in terminal.seen
