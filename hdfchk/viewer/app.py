"""The application: the page, and the endpoints that serve it from one file.

Every request opens the file for reading, and closes it. Every path begins with a secret token:
without it nothing is accessible, and no cookie is needed.
"""

from __future__ import annotations

import importlib
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from ..errors import CheckpointerKeyError, HdfchkError, MissingExtraError
from ..store import HDF5Checkpointer
from .entities import Dataset, Entity, Folder
from .protocol import attributes_of, elements_in, json_text, metadata_of
from .selection import parse
from .stored import Points, Stored
from .version import state_of

__all__ = ["HEADERS", "make_app", "need_extra"]

HEADERS = {
    # H5Web's arrays make functions of text, and its drawings styles.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every response."""

MOST_PATHS = 10_000
"""The maximum number of paths that can be searched on the page."""

_log = logging.getLogger(__name__)
_STATIC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "static")
_THREADS = 2
"""The maximum number of requests that read at the same time: each may need much memory."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Query = Mapping[str, str]


def need_extra() -> None:
    """Check that the libraries of the extra ``view`` are installed.

    Raises:
        MissingExtraError: a library is missing; the message names the extra.
    """
    for library in ("starlette", "uvicorn"):
        try:
            importlib.import_module(library)
        except ImportError as error:
            raise MissingExtraError.naming(library, "view", "the viewer") from error


class _Guard:
    """Middleware that responds with 404 to every path without the token, and sets `HEADERS`."""

    def __init__(self, app: App, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        from starlette.responses import PlainTextResponse

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower().encode(), text.encode()) for name, text in HEADERS.items()]
                names = {name for name, _ in own}
                kept = [pair for pair in message["headers"] if pair[0].lower() not in names]
                message = {**message, "headers": [*kept, *own]}
            await send(message)

        if scope["type"] != "http":
            return
        first = scope["path"].lstrip("/").partition("/")[0]
        if not secrets.compare_digest(first.encode("utf-8", "replace"), self._token):
            await PlainTextResponse("not found", 404)(scope, receive, sending)
        else:
            await self._app(scope, receive, sending)


class Endpoints:
    """The responses from one file.

    Args:
        path: the file.
        options: of `HDF5Checkpointer`, besides ``mode``.
    """

    def __init__(self, path: str, **options: Any) -> None:
        self._path = os.path.abspath(path)
        self._options = options
        self._version = ""
        self._thinned: dict[str, Points] = {}
        self._opened = ""  # the last version that was opened without an error

    def answer(self, name: str, query: Query) -> tuple[int, bytes, str]:
        """Return status, body and media type of a response.

        Args:
            name: the name of the endpoint: ``info``, ``meta``, ``data``, ``attr`` or ``paths``.
            query: its parameters, as for h5grove.
        """
        try:
            if name == "info":
                return 200, self._info(), "application/json"
            self._forget_if(state_of(self._path).version)
            store = HDF5Checkpointer(self._path, mode="r", **self._options)
            with store:
                body, kind = self._read(store, name, query)
            return 200, body, kind
        except Exception as error:
            return _failed(error)

    def _forget_if(self, version: str) -> None:
        """Drop the thinned curves of another version of the file."""
        if version != self._version:
            self._version, self._thinned = version, {}

    def _read(self, store: HDF5Checkpointer, name: str, query: Query) -> tuple[bytes, str]:
        path = query.get("path", "/")
        if name == "paths":
            return json_text(_paths(store)), "application/json"
        entity = Stored(store, self._thinned).find(path)
        if name == "meta":
            found: Any = metadata_of(path.rstrip("/").rpartition("/")[2], entity)
            return json_text(found), "application/json"
        if name == "attr":
            return json_text(attributes_of(entity)), "application/json"
        return _data(entity, query)

    def _info(self) -> bytes:
        state = state_of(self._path)
        if state.version != self._opened:  # else the page would show a file that cannot be read
            len(HDF5Checkpointer(self._path, mode="r", **self._options))
            self._opened = state.version
        pending = f", {state.journal_bytes:,} bytes in its journal" if state.journal_bytes else ""
        return json_text(
            {
                "file": self._path,
                "name": os.path.basename(self._path),
                "version": state.version,
                "changed": state.changed_text,
                "journal": pending,
            }
        )


def _failed(error: Exception) -> tuple[int, bytes, str]:
    """Return the response to a failed request: the page shows its message."""
    message = str(error)
    if isinstance(error, (CheckpointerKeyError, FileNotFoundError)):
        status = 404
    elif isinstance(error, (HdfchkError, OSError)):
        status = 422
    elif isinstance(error, MemoryError):
        status, message = 422, "there is not enough memory to read this"
    else:  # a bug of the viewer, or of a library whose objects are decoded
        status, message = 500, f"{type(error).__name__}: {error}"
        _log.exception("a request failed")
    return status, json_text({"message": message}), "application/json"


def _data(entity: Entity, query: Query) -> tuple[bytes, str]:
    if isinstance(entity, Folder):
        raise CheckpointerKeyError("a folder has no elements", key=query.get("path"))
    dataset: Dataset = entity
    index = parse(query.get("selection", ""), dataset.shape)
    return elements_in(
        dataset,
        dataset.read(index),
        query.get("format", "json"),
        flatten=query.get("flatten") == "true",
    )


def _paths(store: HDF5Checkpointer) -> list[str]:
    return [f"/{entry.key}" for entry in store.describe(limit=MOST_PATHS)]


def make_app(path: str, token: str, *, hosts: tuple[str, ...] = (), **options: Any) -> App:
    """Return the application for one file.

    Args:
        path: the file. Nothing else is read, and nothing is written.
        token: the first part of every path.
        hosts: accepted host names of this machine, besides those of the loopback interface.
        options: of `HDF5Checkpointer`, besides ``mode``.

    Raises:
        MissingExtraError: the extra ``view`` is not installed.
    """
    need_extra()
    import anyio
    from starlette.applications import Starlette
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    endpoints = Endpoints(path, **options)
    limiter: list[anyio.CapacityLimiter] = []

    async def answer(request: Request) -> Response:
        if not limiter:  # created in the event loop that uses it
            limiter.append(anyio.CapacityLimiter(_THREADS))
        name, query = request.url.path.rpartition("/")[2], request.query_params
        status, body, kind = await anyio.to_thread.run_sync(
            endpoints.answer, name, query, limiter=limiter[0]
        )
        return Response(body, status, media_type=kind)

    names = ("info", "meta", "data", "attr", "paths")
    routes = [Route(f"/{{token}}/api/{name}", answer) for name in names]
    pages = Mount("/{token}", StaticFiles(directory=_STATIC, html=True))
    guarded = _Guard(Starlette(routes=[*routes, pages]), token)
    app: App = TrustedHostMiddleware(guarded, ["127.0.0.1", "localhost", *hosts])
    return app
