"""The server: a real one on the loopback interface, its address, its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hdfchk import (
    CheckpointerKeyError,
    CorruptFileError,
    HDF5Checkpointer,
    InvalidOptionError,
)
from hdfchk.viewer import server

from ..support.libraries import library

library("starlette")
library("uvicorn")

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/([\w-]{20,})/\S*")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "run.h5"
    HDF5Checkpointer(path)["a"] = {"b": 1}
    return str(path)


@pytest.fixture
def start() -> Iterator[Any]:
    """Starts viewers as processes of their own, and ends them."""
    running = []

    def starting(*arguments: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "hdfchk.viewer", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
            | environment,
        )
        running.append(process)
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        return process, said

    yield starting
    for process in running:
        process.kill()
        process.communicate()


def get(url: str) -> tuple[int, bytes]:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError(f"no answer from {url}")


def test_a_real_server(file: str, start: Any) -> None:
    """It says its address and how to reach it over SSH, answers there, and Ctrl-C ends it quietly."""
    process, said = start(file, "a", "--no-browser")
    found = ADDRESS.search(said)
    assert found and found[0].endswith("/#/a")
    assert f"ssh -L {found[1]}:127.0.0.1:{found[1]} " in said
    url = found[0].partition("#")[0]
    assert get(url)[0] == 200 and b'"b"' in get(f"{url}api/meta?path=/a")[1]
    assert get(f"http://127.0.0.1:{found[1]}/")[0] == 404
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and not err, err


def test_only_the_loopback(file: str) -> None:
    """Nothing listens on other addresses of the machine."""
    viewer = server.Viewer(file)
    try:
        assert ADDRESS.fullmatch(viewer.url)[1] == str(viewer.port)
        for name in ("127.0.0.2", "127.1.2.3"):
            with pytest.raises(OSError):
                socket.create_connection((name, viewer.port), timeout=5).close()
    finally:
        viewer.close()


def test_tokens_differ(file: str) -> None:
    """Each viewer has a token of its own."""
    viewers = [server.Viewer(file) for _ in range(3)]
    try:
        assert len({ADDRESS.fullmatch(viewer.url)[2] for viewer in viewers}) == 3
    finally:
        for viewer in viewers:
            viewer.close()


def test_a_key_to_begin_with(file: str) -> None:
    """The key is behind the #, which browsers send to nobody."""
    HDF5Checkpointer(file)["a b"] = {"ü#": 1}
    viewer = server.Viewer(file, key="a b/ü#")
    viewer.close()
    assert viewer.url.endswith("/#/a%20b/%C3%BC%23")


def test_what_cannot_be_shown(file: str, tmp_path: Path) -> None:
    """A key that is not there, and a file that is none of HDF5, are errors before a page is served."""
    with pytest.raises(CheckpointerKeyError, match="no such key.*'b' in .*run.h5"):
        server.Viewer(file, key="b")
    (tmp_path / "text").write_text("x" * 5000)
    with pytest.raises(CorruptFileError):
        server.Viewer(str(tmp_path / "text"))


def test_the_port_is_taken(file: str) -> None:
    """A port that is taken, or none, is an error that says so."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        with pytest.raises(InvalidOptionError, match="cannot be used.*leave the port out"):
            server.Viewer(file, other.getsockname()[1])
    for port in (-1, 65536):
        with pytest.raises(InvalidOptionError, match="a number up to 65535"):
            server.Viewer(file, port)


def test_errors_are_one_line(tmp_path: Path) -> None:
    """A file that is not there is one line, without a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "hdfchk.viewer", str(tmp_path / "none.h5")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "No such file" in done.stderr and "none.h5" in done.stderr and not os.listdir(tmp_path)


BROWSER = """#!{python}
import os, sys
path = sys.argv[1].removeprefix("file://")
with open({out!r} + ".part", "w") as out:
    out.write(" ".join(sys.argv[1:]) + "\\n" + oct(os.stat(path).st_mode) + "\\n" + open(path).read())
os.rename({out!r} + ".part", {out!r})
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_browser(file: str, start: Any, tmp_path: Path, number: int) -> None:
    """The browser gets a file that others cannot read, never the address; nothing is left."""
    opened, folder = tmp_path / "opened", tmp_path / "temporary"
    folder.mkdir()
    program = tmp_path / "browser"
    program.write_text(BROWSER.format(python=sys.executable, out=str(opened)))
    program.chmod(0o700)
    process, said = start(file, BROWSER=str(program), DISPLAY=":77", TMPDIR=str(folder))
    url = ADDRESS.search(said)[0]
    for _ in range(400):
        if opened.exists():
            break
        time.sleep(0.05)
    arguments, mode, *content = opened.read_text().splitlines()
    token = ADDRESS.fullmatch(url)[2]
    assert token not in arguments and url in "\n".join(content)
    assert stat.S_IMODE(int(mode, 8)) == 0o600
    assert get(url)[0] == 200
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else 143) and not err, err
    assert not os.listdir(folder)


def test_no_browser_without_a_display(file: str, start: Any, tmp_path: Path) -> None:
    """Without a display, as over SSH, no browser is started."""
    opened = tmp_path / "opened"
    program = tmp_path / "browser"
    program.write_text(BROWSER.format(python=sys.executable, out=str(opened)))
    program.chmod(0o700)
    _, said = start(file, BROWSER=str(program))
    assert get(ADDRESS.search(said)[0])[0] == 200 and not opened.exists()
