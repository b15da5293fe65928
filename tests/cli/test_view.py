"""``view``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.support.command import environment, invoke
from tests.support.libraries import hide, library

library("starlette")
library("uvicorn")


def test_a_file_in_the_browser(demo: Path) -> None:
    """It prints its address, with the key to begin with, answers there, and ends quietly."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hdfchk", "view", str(demo), "loss", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(PYTHONUNBUFFERED="1"),
    )
    try:
        said = [process.stdout.readline() for _ in range(5)]
        url = said[1].strip()
        assert url.endswith("/#/loss") and "ssh -L" in said[3] and "Ctrl-C" in said[4]
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert b"hdfchk view" in answer.read()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130 and not err
    finally:
        process.kill()
        process.communicate()


def test_errors(demo: Path, tmp_path: Path, monkeypatch) -> None:
    """No file, a port that cannot be, and a missing extra are one line each."""
    result = invoke("view", tmp_path / "none.h5")
    assert (
        result.code == 3
        and "no such file" in result.err
        and not os.path.exists(tmp_path / "none.h5")
    )
    assert invoke("view", demo, "--port", 70_000).code == 2
    result = invoke("view", demo, "absent")
    assert result.code == 1 and "no such key (key 'absent' in" in result.err
    assert "hdfchk ls" in result.err  # what one asks in a shell
    hide(monkeypatch, "uvicorn")
    result = invoke("view", demo)
    assert result.code == 2 and "hdfchk[view]" in result.err and len(result.err.splitlines()) == 1
