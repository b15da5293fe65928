"""The endpoints: formats, errors, the last commit of a writer, and that nothing is written."""

from __future__ import annotations

import io
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.viewer.app import Endpoints

from ..support.viewer_page import Failed, Page


@pytest.fixture
def page(tmp_path: Path) -> Page:
    path = tmp_path / "run.h5"
    HDF5Checkpointer(path).update(
        {"x": np.arange(6.0).reshape(2, 3), "n": np.array([1.0, np.nan]), "s": ["a"],
         "z": np.array([1 + 2j, complex(np.nan, 0)]), "nan first": np.array([complex(np.nan, 0)])}
    )  # fmt: skip
    return Page(path)


def test_formats(page: Page) -> None:
    """JSON nested and flat, bytes in little-endian order, and NumPy's files."""
    assert page.ask("data", path="/x") == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert page.ask("data", path="/x", flatten="true", selection="1,:") == [3.0, 4.0, 5.0]
    raw = page.ask("data", path="/x", format="bin", dtype="safe")
    assert raw == np.arange(6.0).astype("<f8").tobytes()
    saved = np.load(io.BytesIO(page.ask("data", path="/x", format="npy", selection=":,1")))
    assert saved.tolist() == [1.0, 4.0]


def test_what_is_not_finite(page: Page) -> None:
    """NaN is valid JSON, as a text; complex numbers that begin with it are an error."""
    assert page.ask("data", path="/n") == [1.0, "NaN"]
    assert np.isnan(page.value("/n")[1])
    assert page.ask("data", path="/z", flatten="true") == [[1.0, 2.0], ["NaN", 0.0]]
    with pytest.raises(Failed, match="NaN, which the page cannot show"):
        page.value("/nan first")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"path": "/x", "format": "tiff"}, 422),
        ({"path": "/s", "format": "bin"}, 422),
        ({"path": "/x", "selection": "9,:"}, 422),
        ({"path": "/x", "selection": "a"}, 422),
        ({"path": "/"}, 404),
        ({"path": "/nothing"}, 404),
    ],
)
def test_errors(page: Page, query: dict[str, str], status: int) -> None:
    """A wrong request is an error with a message in JSON, as H5Web shows it."""
    with pytest.raises(Failed) as caught:
        page.ask("data", **query)
    assert caught.value.args[0] == status and caught.value.args[1]


def test_a_fault_of_ours_is_an_answer(
    page: Page, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error is shown on the page, and logged with its traceback."""
    from hdfchk.viewer import app

    monkeypatch.setattr(app, "metadata_of", None)
    with pytest.raises(Failed, match="TypeError") as caught:
        page.meta("/x")
    assert caught.value.args[0] == 500 and caplog.records[0].exc_info
    caplog.clear()


def test_paths(tmp_path: Path) -> None:
    """All paths can be searched."""
    path = tmp_path / "run.h5"
    HDF5Checkpointer(path).update({"a": {"b": 1, "c": {"d": 2}}})
    assert Page(path).ask("paths", path="/") == ["/a", "/a/b", "/a/c", "/a/c/d"]


def test_info(page: Page, tmp_path: Path) -> None:
    """The version changes with each commit, and not without."""
    before = page.ask("info")
    page.meta("/")
    assert page.ask("info") == before and before["name"] == "run.h5"
    HDF5Checkpointer(tmp_path / "run.h5")["more"] = 1
    assert page.ask("info")["version"] != before["version"]


def test_info_of_what_cannot_be_read(page: Page, tmp_path: Path) -> None:
    """A file that is replaced by something else is an error until it is readable again."""
    path = tmp_path / "run.h5"
    whole = path.read_bytes()
    path.write_bytes(b"x" * 5000)
    for _ in range(2):
        status, body, _ = page.endpoints.answer("info", {})
        assert status == 422 and b"HDF5" in body
    path.rename(tmp_path / "moved.h5")
    (tmp_path / "run.h5-journal").write_bytes(b"")  # a journal alone is no file
    assert page.endpoints.answer("info", {})[0] == 404
    (tmp_path / "run.h5-journal").unlink()
    path.write_bytes(whole)
    assert page.endpoints.answer("info", {})[0] == 200


def test_the_last_commit_of_a_writer(tmp_path: Path) -> None:
    """What a writer has committed is shown while it runs, out of its journal."""
    path = tmp_path / "run.h5"
    page = Page(path)
    with HDF5Checkpointer(path) as chk:
        for step in range(1, 4):
            chk.append("loss", 1 / step)
            chk["step"] = step
            seen = page.ask("info")["version"]
            assert page.value("/step") == step and len(page.value("/loss")) == step
            assert page.ask("info")["version"] == seen  # reading changes nothing
        assert "bytes in its journal" in page.ask("info")["journal"]
    assert page.ask("info")["version"] != seen


def test_nothing_is_written(page: Page, tmp_path: Path) -> None:
    """The file and its folder are as before, to the byte and the time; no file stays open."""
    path = tmp_path / "run.h5"
    before = (path.read_bytes(), os.stat(path).st_mtime_ns, sorted(os.listdir(tmp_path)))
    for name in ("meta", "data", "attr", "paths", "info"):
        page.endpoints.answer(name, {"path": "/x"})
    os.chmod(path, 0o400)
    assert page.value("/x").shape == (2, 3)
    assert (path.read_bytes(), os.stat(path).st_mtime_ns, sorted(os.listdir(tmp_path))) == before
    HDF5Checkpointer(path.with_name("other.h5"))["a"] = 1


def test_other_files_are_not_read(tmp_path: Path) -> None:
    """External links, external storage and virtual datasets lead to no other file."""
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"the secret text!")
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.full(16, 115, "u1")
    path = tmp_path / "run.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", (16,), "u1", external=[(str(secret), 0, 16)])
        file["link"] = h5py.ExternalLink("other.h5", "x")
        layout = h5py.VirtualLayout((16,), "u1")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (16,))
        file.create_virtual_dataset("virtual", layout)
        file["good"] = 1
    page = Page(path)
    for name in page.names("/"):
        for form in ("json", "bin", "npy"):
            status, body, _ = page.endpoints.answer("data", {"path": f"/{name}", "format": form})
            assert b"the secret" not in body and b"115,115" not in body and b"ssss" not in body
            assert name == "good" or status != 200 or b"read" in body or b"not followed" in body
    assert page.value("/good") == 1


def test_bombs_are_refused(tmp_path: Path) -> None:
    """A small file whose dataset says that it has a terabyte is no reason to allocate it."""
    path = tmp_path / "run.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("huge", (2**37,), "f8", chunks=(2**20,), compression="gzip")
        file.create_dataset("wide", (2**19, 2**19), "f8", chunks=(1024, 1024), compression="gzip")
    page = Page(path)
    assert page.names("/") == ["huge", "wide"]
    status, body, _ = page.endpoints.answer("data", {"path": "/wide/values", "format": "bin"})
    assert status == 422 and b"reads at once" in body or len(body) < 2**26


def test_without_a_file(tmp_path: Path) -> None:
    """A file that is not there yet is an error, and is not made."""
    status, body, _ = Endpoints(str(tmp_path / "run.h5")).answer("meta", {"path": "/"})
    assert status == 404 and b"No such file" in body and not os.listdir(tmp_path)
