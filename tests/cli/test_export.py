"""``export``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hdfchk import HDF5Checkpointer
from hdfchk.cli.export import file_name
from tests.support.command import invoke


def test_forms(demo: Path, tmp_path: Path) -> None:
    """The extension says how."""
    assert invoke("export", demo, tmp_path / "x.json").code == 0
    found = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert found["params"] == {"steps": 500, "deep": {"y": 3}} and found["nan"] == "NaN"
    assert invoke("export", demo, tmp_path / "x.npy", "-k", "grid").code == 0
    assert np.load(tmp_path / "x.npy").shape == (3, 4)
    assert invoke("export", demo, tmp_path / "x.npz", "-k", "params").code == 0
    with np.load(tmp_path / "x.npz") as arrays:
        assert sorted(arrays) == ["deep/y", "steps"]
    assert invoke("export", demo, tmp_path / "x.csv", "-k", "loss").code == 0
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 51


def test_refused(demo: Path, tmp_path: Path) -> None:
    """What a form cannot have is named; nothing is replaced, nothing is left."""
    result = invoke("export", demo, tmp_path / "x.npz")
    assert result.code == 2 and "'none'" in result.err or "'mixed'" in result.err
    for name in ("x.csv", "x.what"):
        assert invoke("export", demo, tmp_path / name).code == 2
    assert not list(tmp_path.glob("x*"))
    (tmp_path / "x.json").write_text("mine")
    assert invoke("export", demo, tmp_path / "x.json").code == 1
    assert (tmp_path / "x.json").read_text() == "mine"
    assert invoke("export", demo, tmp_path).code == 1, "the folder is not empty"


def test_folder(demo: Path, tmp_path: Path) -> None:
    """A file for each value; names lead nowhere else, and hold no control characters."""
    HDF5Checkpointer(demo).update({"x.npy": {"a": 1}, "x": np.zeros(2), " .hidden": 1})
    out = tmp_path / "out"
    assert invoke("export", demo, out).code == 0
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert {"grid.npy", "name.txt", "bytes.bin", "params/deep/y.json", "x.npy"} < set(names)
    assert "x%2Enpy/a.json" in names and (out / "empty").is_dir()
    assert all(name.isprintable() for name in names) and len(names) == 17
    assert invoke("export", demo, tmp_path / "one", "-k", "params/deep/y").code == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["y.json"]


def test_file_names() -> None:
    """No name is a path, nor hidden, nor one that Windows refuses."""
    for name in ("..", ".", "a\\b", "c:", "\x1b", "a.", "b ", "*?", ".x", "%41"):
        found = file_name(name)
        assert found.isprintable() and not set('\\/:*?"<>|') & set(found) and found[0] != "."
        assert found[-1] not in ". "
