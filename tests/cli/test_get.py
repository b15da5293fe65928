"""``get``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hdfchk import HDF5Checkpointer
from tests.support.command import invoke
from tests.support.libraries import library


def test_printed(demo: Path) -> None:
    """Text as it is, all else as JSON."""
    assert invoke("get", demo, "steps").out == "500\n"
    assert invoke("get", demo, "name").out == "water \\x1b[2J scan\n"
    assert invoke("get", demo, "/").json[0]["params"] == {"steps": 500, "deep": {"y": 3}}
    assert invoke("get", demo, "params").json == [{"steps": 500, "deep": {"y": 3}}]
    assert invoke("get", demo, "grid", "-s", ":,1").json == [[1.0, 5.0, 9.0]]
    assert invoke("get", demo, "mixed", "-s", "1").out == "a\n"
    assert invoke("get", demo, "nope").code == 1


def test_written(demo: Path, tmp_path: Path) -> None:
    """To a file, in the form that its extension says; exactly."""
    for name in ("grid.npy", "params.json", "name.txt", "bytes.bin", "grid.csv"):
        assert invoke("get", demo, name.split(".")[0], "-o", tmp_path / name).code == 0
    assert (np.load(tmp_path / "grid.npy") == np.arange(12.0).reshape(3, 4)).all()
    assert json.loads((tmp_path / "params.json").read_text()) == {"steps": 500, "deep": {"y": 3}}
    assert (tmp_path / "name.txt").read_text() == "water \x1b[2J scan"
    assert (tmp_path / "bytes.bin").read_bytes() == b"\x00\xff"
    assert (tmp_path / "grid.csv").read_text().splitlines()[:2] == [
        "c0,c1,c2,c3",
        "0.0,1.0,2.0,3.0",
    ]
    assert not list(tmp_path.glob("*.part"))


def test_refused(demo: Path, tmp_path: Path) -> None:
    """Nothing is replaced without --force; what has no such form is refused, and leaves no file."""
    out = tmp_path / "x.npy"
    out.write_text("mine")
    assert invoke("get", demo, "grid", "-o", out).code == 1 and out.read_text() == "mine"
    assert invoke("get", demo, "grid", "-o", out, "--force").code == 0
    for key, name in (("mixed", "y.npy"), ("grid", "y.bin"), ("grid", "y.what"), ("grid", "y.npz")):
        result = invoke("get", demo, key, "-o", tmp_path / name)
        assert result.code == 2 and result.err.count("\n") == 1
    assert not list(tmp_path.glob("y*"))


def test_round_trip(demo: Path) -> None:
    """What get prints, set takes."""
    chk = HDF5Checkpointer(demo)
    for key in ("steps", "tol", "none", "params", "z"):
        assert invoke("set", demo, f"again/{key}", invoke("get", demo, key).out.strip()).code == 0
    again = chk.load("again")
    assert again["steps"] == 500 and again["tol"] == 1e-8 and again["none"] is None
    assert again["params"] == {"steps": 500, "deep": {"y": 3}}


def test_slices_of_tables(tmp_path: Path) -> None:
    """Rows and columns of pandas go by position, whatever their labels are."""
    pandas = library("pandas")
    file = tmp_path / "x.h5"
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]}, index=["r", "s", "t"])
    series = pandas.Series([5, 6, 7], index=["r", "s", "t"])
    HDF5Checkpointer(file).update({"f": frame, "s": series, "n": series.set_axis([7, 8, 9])})
    for key, index, value in (
        ("f", "0", [1, "x"]), ("f", "-1,0", 3), ("f", "1:,0", [2, 3]), ("f", "...,1", ["x", "y", "z"]),
        ("s", "0", 5), ("s", "1:", [6, 7]), ("n", "2", 7),
    ):  # fmt: skip
        assert invoke("get", file, key, "-s", index).json == [value], (key, index)
        assert invoke("show", file, key, "-s", index).code == 0
        assert invoke("show", file, key, "-s", index, "--json").json[0]["value"] == value
    assert invoke("get", file, "f", "-s", "1:", "-o", tmp_path / "x.csv").code == 0
    assert (tmp_path / "x.csv").read_text() == ",a,b\ns,2,y\nt,3,z\n"
    for key, index in (("f", "3"), ("f", "0,2"), ("f", "0,0,0"), ("s", "3"), ("s", "0,0")):
        for command in ("get", "show"):
            result = invoke(command, file, key, "-s", index)
            assert result.code == 2 and result.err.count("\n") == 1, (key, index, result.err)
            assert repr(key) in result.err and str(file) in result.err and not result.out


def test_slices_that_do_not_fit(demo: Path) -> None:
    """Of dicts, of other values, and of arrays: one line that names the key."""
    HDF5Checkpointer(demo).update({"numbers": {0: "a"}, "set": {1, "a"}, "text": "abc"})
    for key, index in (
        ("params", "0"), ("params", "0,1"), ("/", "0"), ("numbers", "0"), ("set", "0"),
        ("steps", "0"), ("none", "0"), ("text", "9"), ("text", "0,1"), ("mixed", "9"),
        ("mixed", "::0"), ("grid", "::0"), ("grid", "9"), ("grid", "0,0,0"), ("grid", "...,..."),
    ):  # fmt: skip
        for command in ("get", "show"):
            for more in ((), ("--json",) if command == "show" else ()):
                result = invoke(command, demo, key, "-s", index, *more)
                assert result.code == 2 and result.err.count("\n") == 1, (key, index, result)
                assert str(demo) in result.err and repr(key) in result.err
    assert invoke("get", demo, "missing", "-s", "0").code == 1
