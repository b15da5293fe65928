"""``rm``, ``mv`` and ``cp``."""

from __future__ import annotations

from pathlib import Path

import h5py

from hdfchk import HDF5Checkpointer
from tests.support.command import invoke, run


def test_rm(demo: Path) -> None:
    """Keys are deleted, all or none; a dict only with -r."""
    chk = HDF5Checkpointer(demo)
    before = list(chk)
    assert invoke("rm", demo, "tol", "nope").code == 1 and list(chk) == before
    assert invoke("rm", demo, "-r", "tol", "nope").code == 1 and list(chk) == before
    result = invoke("rm", demo, "tol", "params")
    assert result.code == 1 and "-r" in result.err and list(chk) == before
    assert invoke("rm", demo, "tol", "empty", "z").code == 0
    assert invoke("rm", demo, "-r", "params").code == 0
    assert [key for key in before if key not in chk] == ["tol", "z", "params", "empty"]
    assert invoke("rm", demo, "-f", "tol", "nan").code == 0 and "nan" not in chk
    assert invoke("rm", demo, "-f", "tol").code == 0


def test_mv(demo: Path) -> None:
    """To another key, into a dict; what is there is kept without --force."""
    chk = HDF5Checkpointer(demo)
    assert invoke("mv", demo, "tol", "t/o/l").code == 0 and chk["t/o/l"] == 1e-8
    assert invoke("mv", demo, "steps", "params/").code == 1
    assert invoke("mv", demo, "steps", "params/", "--force").code == 0 and "steps" not in chk
    assert invoke("mv", demo, "nope", "x").code == 1
    assert invoke("mv", demo, "params", "params/in").code == 2
    assert invoke("mv", demo, "grid", "/moved").code == 0
    assert chk.array("moved").attrs["units"] == "bohr"


def test_cp_within(demo: Path) -> None:
    """In one file, by ::KEY or with its name."""
    chk = HDF5Checkpointer(demo)
    assert invoke("cp", f"{demo}::params", "::backup").code == 0
    assert invoke("cp", f"{demo}::grid", f"{demo}::backup/grid").code == 0
    assert (
        chk.load("backup")["deep"] == {"y": 3} and chk.array("backup/grid").attrs["units"] == "bohr"
    )
    assert invoke("cp", f"{demo}::tol", "::backup").code == 1
    assert invoke("cp", f"{demo}::tol", "::backup", "--force").code == 0 and chk["backup"] == 1e-8
    assert invoke("cp", demo, demo).code == 2
    assert invoke("cp", f"{demo}::nope", "::x").code == 1


def test_cp_between(demo: Path, tmp_path: Path) -> None:
    """To another file: a key, under the same or another key, or all of them, as one commit."""
    other = tmp_path / "other.h5"
    assert invoke("cp", f"{demo}::params", other).code == 0
    assert invoke("cp", f"{demo}::params/deep", f"{other}::d").code == 0
    assert HDF5Checkpointer(other).load() == {
        "params": {"steps": 500, "deep": {"y": 3}},
        "d": {"y": 3},
    }
    assert invoke("cp", demo, f"{other}::all").code == 0
    assert list(HDF5Checkpointer(other)["all"]) == list(HDF5Checkpointer(demo))
    result = invoke("cp", demo, other)
    assert result.code == 1 and list(HDF5Checkpointer(other)) == ["params", "d", "all"]
    assert invoke("cp", demo, other, "--force").code == 0
    assert invoke("cp", tmp_path / "missing.h5", other).code == 3


def test_cp_links_out(tmp_path: Path) -> None:
    """Links to other files are copied as links; it is told where they may lead to nothing."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["out"] = 1, h5py.ExternalLink("data.h5", "/x")
        file["g/out"] = h5py.ExternalLink("data.h5", "/y")
    (tmp_path / "sub").mkdir()
    for name, told in (("b.h5", []), ("sub/b.h5", ["'out'", "'g/out'"])):
        result = run("cp", tmp_path / "a.h5", tmp_path / name)
        lines = sorted(result.err.splitlines(), reverse=True)
        assert result.code == 0 and len(lines) == len(told)
        for line, key in zip(lines, told, strict=True):
            assert line.startswith("hdfchk: warning: links to other files") and key in line
        with h5py.File(tmp_path / name) as file:
            assert sorted(file) == ["g", "out", "x"]
            assert file.get("out", getlink=True).path == "/x"
            assert file.get("g/out", getlink=True).filename == "data.h5"
