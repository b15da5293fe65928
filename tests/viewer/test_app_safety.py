"""Who may ask: the token, the host, the methods, and the paths that are served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hdfchk import HDF5Checkpointer, MissingExtraError
from hdfchk.viewer.app import HEADERS, make_app

from ..support.libraries import hide, library
from ..support.viewer_page import request

library("starlette")
library("uvicorn")

TOKEN = "a-token"


@pytest.fixture
def app(tmp_path: Path) -> Any:
    path = tmp_path / "run.h5"
    HDF5Checkpointer(path)["x"] = 1
    (tmp_path / "secret.txt").write_text("the secret")
    return make_app(str(path), TOKEN)


@pytest.mark.parametrize("path", ["/", "/index.html", "/api/info", "/assets/viewer.js"])
def test_with_the_token(app: Any, path: str) -> None:
    """The page and its endpoints are there below the token, with all headers."""
    found = request(app, f"/{TOKEN}{path}", path="/")
    assert found.status == 200 and found.body
    for name, text in HEADERS.items():
        assert found.headers[name.lower()] == text
    assert "set-cookie" not in found.headers and "access-control-allow-origin" not in found.headers


@pytest.mark.parametrize(
    "path",
    ["/", "", "/wrong/", "/wrong/api/meta", "/a-toke/", "/a-token2/", "/A-TOKEN/", "/api/meta",
     "/assets/viewer.js", "/../a-token/", "//a-token-x/", "/é/"],
)  # fmt: skip
def test_without_the_token(app: Any, path: str) -> None:
    """Everything else is not found, and says nothing."""
    found = request(app, path, path="/")
    assert found.status == 404 and found.body == b"not found"
    assert found.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    ["/../run.h5", "/../secret.txt", "/assets/../../app.py", "/../app.py", "/%2e%2e/app.py",
     "/assets/%2e%2e/%2e%2e/app.py", "//etc/passwd", "/..\\app.py", "/api/nothing", "/api/../../x",
     "/SHA256SUMS", "/page/main.jsx", "/assets/"],
)  # fmt: skip
def test_no_other_file_is_served(app: Any, path: str) -> None:
    """With the token, too, there are the page and the endpoints alone."""
    found = request(app, f"/{TOKEN}{path}")
    assert (
        found.status in {404, 405} and b"secret" not in found.body and b"import" not in found.body
    )


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::2]"]
)
def test_other_hosts(app: Any, host: str) -> None:
    """A page of another name that leads to this machine gets nothing."""
    assert request(app, f"/{TOKEN}/api/meta", host=host, path="/").status == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "localhost", "localhost:8888"])
def test_own_hosts(app: Any, host: str) -> None:
    """Both names of the loopback are known, with any port: it may be one of SSH's."""
    assert request(app, f"/{TOKEN}/api/meta", host=host, path="/").status == 200


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"]
)
def test_methods(app: Any, method: str) -> None:
    """Nothing can be sent."""
    for path in ("/", "/api/meta", "/api/data"):
        assert request(app, f"/{TOKEN}{path}", method=method).status == 405


def test_head(app: Any) -> None:
    """HEAD is answered without a body."""
    found = request(app, f"/{TOKEN}/", method="HEAD")
    assert found.status == 200 and not found.body


def test_a_query_cannot_name_another_file(app: Any, tmp_path: Path) -> None:
    """The file is the one that was named when the viewer was started."""
    HDF5Checkpointer(tmp_path / "other.h5")["y"] = 2
    for file in ("other.h5", str(tmp_path / "other.h5"), "../other.h5"):
        found = request(app, f"/{TOKEN}/api/meta", path="/", file=file)
        assert b'"x"' in found.body and b'"y"' not in found.body


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra."""
    hide(monkeypatch, "starlette")
    with pytest.raises(MissingExtraError, match=r"starlette.*pip install 'hdfchk\[view\]'"):
        make_app(str(tmp_path / "run.h5"), TOKEN)
