"""The command ``hdfchk`` in tests: in this process, in a real one, and in a pseudo-terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.libraries import library

library("click")
library("rich")

from click.testing import CliRunner  # noqa: E402

from hdfchk.cli.program import program  # noqa: E402

ROOT = Path(__file__).parents[2]
SECONDS = 120
"""The timeout: nothing takes this long, even on slow machines."""


class Result(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> list[Any]:
        """The JSON objects that it printed, one per line."""
        return [json.loads(line) for line in self.out.splitlines()]


def invoke(*args: object, input: str | None = None) -> Result:
    """Run a command in this process; exceptions that it does not handle are raised."""
    found = CliRunner().invoke(program, [*map(str, args)], input=input, prog_name="hdfchk")
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return Result(found.exit_code, found.stdout, found.stderr)


_UNSET = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONUNBUFFERED"}


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a child: this source tree, and no variables that affect colours."""
    env = {k: v for k, v in os.environ.items() if k not in _UNSET}
    return env | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "TERM": "xterm-256color"} | more


def run(*args: object, cwd: Path | None = None, input: str | None = None, **env: str) -> Result:
    """Run a command as a separate process."""
    done = subprocess.run(
        [sys.executable, "-m", "hdfchk", *map(str, args)],
        cwd=cwd, input=input, capture_output=True, text=True, timeout=SECONDS, check=False,
        env=environment(**env), encoding="utf-8",
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)


class Processes:
    """Runs commands one after another, each in a fork of a process with all modules."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), encoding="utf-8",
        )  # fmt: skip

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        self._server.communicate()

    def run(self, *args: object, cwd: Path) -> Result:
        """Run a command, like `run`."""
        assert self._server.stdin is not None and self._server.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            print(
                json.dumps([[*map(str, args)], str(cwd), folder]),
                file=self._server.stdin,
                flush=True,
            )
            code = int(self._server.stdout.readline())
            out, err = (Path(folder, name).read_text("utf-8") for name in ("out", "err"))
        return Result(code, out, err)


class Terminal:
    """A command in a pseudo-terminal, by default of 80 columns; the end of the block kills it."""

    def __init__(self, *args: object, rows: int = 24, columns: int = 80, **env: str) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self._main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CONTROLLING, *map(str, args)],
            stdin=side, stdout=side, stderr=side, start_new_session=True, env=environment(**env),
        )  # fmt: skip
        os.close(side)
        os.set_blocking(self._main, False)
        self.seen = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._main)

    def _read(self) -> bool:
        try:
            data = os.read(self._main, 65536)
        except BlockingIOError:
            return True
        except OSError:  # the other side is closed
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def wait_for(self, *texts: str) -> str:
        """Wait until all texts have been printed."""
        end = time.monotonic() + SECONDS
        while not all(text in self.seen for text in texts):
            is_open = self._read()
            assert is_open or all(text in self.seen for text in texts), self.seen[-2000:]
            assert time.monotonic() < end, self.seen[-2000:]
            time.sleep(0.02)
        return self.seen

    def type(self, text: str) -> None:
        """Type a text."""
        os.write(self._main, text.encode())

    def interrupt(self) -> None:
        """Send the signal of Ctrl-C to the process group, as a terminal does."""
        os.killpg(self._process.pid, signal.SIGINT)

    def end(self) -> int:
        """Wait for the end of the command, and return the exit code."""
        limit = time.monotonic() + SECONDS
        while self._process.poll() is None:
            self._read()
            assert time.monotonic() < limit, self.seen[-2000:]
            time.sleep(0.02)
        while self._read() and time.monotonic() < limit:
            before = len(self.seen)
            time.sleep(0.02)
            if len(self.seen) == before:
                break
        return self._process.returncode


_SERVER = """
import json, os, pkgutil, sys
import hdfchk
from hdfchk.cli.entry import main
for module in pkgutil.walk_packages(hdfchk.__path__, "hdfchk."):
    if module.name.split(".")[1] in {"backends", "cli", "codecs", "tables", "verification"}:
        __import__(module.name)
for line in sys.stdin:
    args, cwd, folder = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(cwd)
        for number, name in enumerate((os.devnull, folder + "/out", folder + "/err")):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
        sys.exit(main(args))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
_CONTROLLING = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from hdfchk.cli.entry import main
sys.exit(main(sys.argv[1:]))
"""
