"""The server of the viewer: socket, address, start of the browser, shutdown."""

from __future__ import annotations

import contextlib
import html
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
import urllib.parse
import warnings
import webbrowser
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import HdfchkWarning, InvalidOptionError
from ..store import HDF5Checkpointer
from .app import make_app, need_extra
from .stored import Stored
from .version import state_of

__all__ = ["HOST", "Viewer", "view"]

HOST = "127.0.0.1"
INTERRUPTED = 130
"""The exit status after Ctrl-C."""

_REDIRECT = """<!doctype html>
<meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}">
<title>hdfchk view</title><a href="{url}">hdfchk view</a>
"""


class Viewer:
    """A viewer of one file, on the loopback interface of this machine.

    The constructor opens the socket, so that the address is known; `run` serves requests.

    Args:
        path: the file.
        port: the port; 0 for a free one.
        key: the key that is shown first.

    Attributes:
        port: the port.
        url: the address, with its token.
        app: the application.
        socket: the listening socket.

    Raises:
        FileNotFoundError: there is no such file.
        CorruptFileError: it is not an HDF5 file.
        CheckpointerKeyError: there is no such key.
        MissingExtraError: the extra ``view`` is not installed.
        InvalidOptionError: the port is taken, or not allowed (a `ValueError`).
    """

    def __init__(self, path: str, port: int = 0, key: str | None = None) -> None:
        need_extra()
        state_of(path)
        store = HDF5Checkpointer(path, mode="r")
        with store:  # errors are reported here, not only on the page
            len(store)
            Stored(store).find(key or "/")
        token = secrets.token_urlsafe(24)
        self._path = path
        self.app = make_app(path, token)
        self.socket = _listening(port)
        self.port: int = self.socket.getsockname()[1]
        place = f"#/{urllib.parse.quote(key)}" if key else ""
        self.url = f"http://{HOST}:{self.port}/{token}/{place}"

    def announce(self, say: Callable[[str], Any] = print) -> None:
        """Return the address, and how to reach it from another machine."""
        say(f"{self._path} is shown at\n  {self.url}")
        host = socket.gethostname()
        say(
            "Only this machine answers there. From another one, run this first:\n"
            f"  ssh -L {self.port}:{HOST}:{self.port} {host}"
        )
        say("Ctrl-C ends the viewer.")

    def run(self) -> None:
        """Serve requests until the process receives SIGINT or SIGTERM.

        Raises:
            KeyboardInterrupt: the process received SIGINT.
        """
        import uvicorn

        config = uvicorn.Config(
            self.app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        try:
            uvicorn.Server(config).run(sockets=[self.socket])
        finally:
            self.close()

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def _listening(port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise InvalidOptionError(f"port={port}", hint="a port is a number up to 65535")
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen(64)
    except OSError as error:
        made.close()
        raise InvalidOptionError(
            f"port {port} of {HOST} cannot be used: {error.strerror}",
            hint="leave the port out for a free one",
        ) from error
    return made


def _has_browser() -> bool:
    """Whether a browser can open a window on this machine, as opposed to a session over SSH."""
    if sys.platform in {"darwin", "win32"}:
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextlib.contextmanager
def _opened_in_browser(url: str) -> Iterator[None]:
    """Open the browser on a file that redirects to the address.

    All users of a machine can see the arguments of processes, and the address contains the token;
    only its owner can read the file.
    """
    descriptor, name = tempfile.mkstemp(prefix="hdfchk-view-", suffix=".html")  # mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_REDIRECT.format(url=html.escape(url)))
        webbrowser.open(f"file://{name}")
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


@contextlib.contextmanager
def _ending_at_sigterm() -> Iterator[None]:
    """Context in which SIGTERM raises an exception, so that everything is cleaned up."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def view(
    path: str,
    *,
    key: str | None = None,
    port: int = 0,
    browser: bool = True,
    say: Callable[[str], Any] = print,
) -> int:
    """Show a file in the browser until Ctrl-C.

    Nothing is written, and the file is open only during a request, so that others can write it: the
    page shows the last commit of a running writer.

    Args:
        path: the file.
        key: the key that is shown first.
        port: the port on 127.0.0.1; 0 for a free one.
        browser: open a browser, if there is a display.
        say: called with lines of text for the user.

    Returns:
        The exit status: 130 after Ctrl-C.

    Raises:
        FileNotFoundError: there is no such file.
        CorruptFileError: it is not an HDF5 file.
        CheckpointerKeyError: there is no such key.
        MissingExtraError: the extra ``view`` is not installed.
        InvalidOptionError: the port is taken, or not allowed (a `ValueError`).
    """
    viewer = Viewer(path, port, key)
    viewer.announce(say)
    opened = (
        _opened_in_browser(viewer.url) if browser and _has_browser() else contextlib.nullcontext()
    )
    try:
        # Warning filters belong to the process, and cannot be set for a single request.
        with warnings.catch_warnings(), _ending_at_sigterm(), opened:
            warnings.simplefilter("ignore", HdfchkWarning)
            viewer.run()
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
