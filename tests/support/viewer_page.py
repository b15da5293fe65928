"""The requests of the viewer's page, without a browser."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple
from urllib.parse import urlencode

import numpy as np

from hdfchk.viewer.app import Endpoints

INTEGER, FLOAT, STRING, COMPOUND, ENUM = 0, 1, 3, 6, 8


class Failed(Exception):
    """An error response: status and message."""


class Page:
    """The page of one file, with the requests of H5Web's provider for h5grove."""

    def __init__(self, path: Any, **options: Any) -> None:
        self.endpoints = Endpoints(str(path), **options)

    def ask(self, name: str, **query: str) -> Any:
        """Return the body of a response: JSON, or bytes."""
        status, body, kind = self.endpoints.answer(name, query)
        found = json.loads(body) if kind == "application/json" else body
        if status != 200:
            raise Failed(status, found["message"])
        return found

    def meta(self, path: str) -> Any:
        return self.ask("meta", path=path)

    def attributes(self, path: str) -> Any:
        return self.ask("attr", path=path)

    def names(self, path: str) -> list[str]:
        return [child["name"] for child in self.meta(path)["children"]]

    def value(self, path: str, selection: str | None = None) -> Any:
        """Return the elements of a dataset: numbers as an array, text as lists of rows."""
        meta = self.meta(path)
        query = {"path": path} | ({} if selection is None else {"selection": selection})
        kind, shape = meta["type"], meta["shape"]
        dtype = _dtype(kind)
        if dtype is not None:
            raw = self.ask("data", **query, format="bin", dtype="safe")
            found = np.frombuffer(raw, dtype)
            return found.reshape(shape) if selection is None else found
        found = self.ask("data", **query, flatten="true")
        is_complex = kind["class"] == COMPOUND and [m["name"] for m in kind["members"]] == [
            "r",
            "i",
        ]
        if is_complex:
            pairs = found if shape else [found]
            array = np.array([complex(float(r), float(i)) for r, i in pairs])
            return array.reshape(shape) if selection is None else array
        if kind["class"] == COMPOUND:
            assert all(len(row) == len(kind["members"]) for row in found)
        return found

    def shown(self, path: str) -> Any:
        """Return what is shown for a selected group or dataset: the elements of one dataset."""
        meta = self.meta(path)
        if meta["kind"] == "dataset":
            return self.value(path)
        attributes = self.attributes(path)
        if attributes.get("NX_class") == "NXdata":
            return self.value(f"{path}/{attributes['signal']}")
        return self.shown(f"{path.rstrip('/')}/{attributes['default']}")


def _dtype(kind: Any) -> np.dtype[Any] | None:
    size = kind["size"]
    if kind["class"] == ENUM:
        return np.dtype("i1")
    if kind["class"] == INTEGER:
        return np.dtype(f"<{'i' if kind['sign'] else 'u'}{size}")
    if kind["class"] == FLOAT:
        return np.dtype(f"<f{max(4, size)}")  # JavaScript has no float16 arrays
    return None


class Answer(NamedTuple):
    """A response of an application."""

    status: int
    headers: dict[str, str]
    body: bytes


def request(
    app: Any, place: str, /, *, host: str = "127.0.0.1:8000", method: str = "GET", **query: str
) -> Answer:
    """Send a request to an ASGI application, without a socket."""
    sent: list[dict[str, Any]] = []

    received: list[str] = []

    async def receive() -> dict[str, Any]:
        if received:  # the client stays connected, but sends nothing more
            await asyncio.Event().wait()
        received.append("all")
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": place,
        "raw_path": place.encode(),
        "root_path": "",
        "query_string": urlencode(query).encode(),
        "headers": [(b"host", host.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    asyncio.run(app(scope, receive, send))
    start = next(m for m in sent if m["type"] == "http.response.start")
    body = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    headers = {name.decode().lower(): text.decode() for name, text in start["headers"]}
    return Answer(start["status"], headers, body)
