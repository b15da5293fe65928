"""``ls`` and ``tree``."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdfchk import HDF5Checkpointer
from tests.support.command import invoke


def test_ls(demo: Path) -> None:
    """Each key has its name, its type as Python knows it, and a small value."""
    lines = invoke("ls", demo).out.splitlines()
    assert lines[0].split() == ["steps", "int", "500"]
    assert lines[2].split(None, 2)[2] == r"'water \x1b[2J scan'"
    rows = {line.split("  ")[0]: " ".join(line.split()) for line in lines}
    assert rows["grid"] == "grid float64 (3, 4)"
    assert rows["params/"] == "params/ dict, 2 keys"
    assert rows["when"] == "when datetime 2026-01-01 12:00:00"
    assert r"evil\x1b]0;x\x07\x9b" in rows and "\x1b" not in invoke("ls", demo).out


def test_ls_of_a_key(demo: Path) -> None:
    """A dict below, with or without a slash before it; the names alone; all levels; a value."""
    assert invoke("ls", demo, "/params/", "-1").out == "steps\ndeep/\n"
    assert invoke("ls", demo, "params", "-r", "-1").out == "steps\ndeep/\ndeep/y\n"
    assert invoke("ls", demo, "steps").out.split() == ["steps", "int", "500"]
    assert invoke("ls", demo, "empty").out == ""
    long = invoke("ls", demo, "-l").out
    assert "96 B" in long and "1 attr" in long and "attrs" not in long and "compact" in long


def test_ls_of_many(tmp_path: Path) -> None:
    """Of more than 1,000 keys, no values are read."""
    HDF5Checkpointer(tmp_path / "x.h5").update({f"k{n}": n for n in range(1001)})
    lines = invoke("ls", tmp_path / "x.h5").out.splitlines()
    assert len(lines) == 1001 and lines[7].split() == ["k7", "int"]


def test_json(demo: Path) -> None:
    """One object a line, the same keys in each, and the value if it is small."""
    for command in (("ls", demo), ("tree", demo), ("ls", "-l", demo)):
        records = {record["key"]: record for record in invoke(*command, "--json").json}
        assert records["steps"]["value"] == 500 and records["nan"]["value"] == "NaN"
        grid = records["grid"]
        assert grid["kind"] == "array" and grid["shape"] == [3, 4] and grid["dtype"] == "float64"
        assert grid["attributes"] == 1 and grid["nbytes"] == 96 and "value" not in grid
    assert invoke("ls", demo, "empty", "--json").out == ""


def test_tree(demo: Path) -> None:
    """All keys, as a tree; a file alone is a tree."""
    result = invoke("tree", demo)
    lines = result.out.splitlines()
    assert lines[0] == str(demo) and lines[1] == "├── steps  int  500"
    assert "│   └── deep  dict, 1 key" in lines and "│       └── y  int  3" in lines
    assert lines[-1].startswith("└── evil")
    assert invoke(demo) == result


def test_tree_of_a_part(demo: Path) -> None:
    """Keys, globs, levels, attributes."""
    assert invoke("tree", demo, "params").out.splitlines()[1:] == [
        "├── steps  int  500",
        "└── deep  dict, 1 key",
        "    └── y  int  3",
    ]
    assert invoke("tree", demo, "**/y").out.splitlines()[1:] == [
        "└── params  dict, 1 key",
        "    └── deep  dict, 1 key",
        "        └── y  int  3",
    ]
    assert "y  int" not in invoke("tree", demo, "--depth", 2).out
    assert "@units = 'bohr'" in invoke("tree", demo, "--attrs").out
    assert invoke("tree", demo, "steps").out.splitlines()[1:] == ["└── steps  int  500"]


def test_long_dicts_are_cut(tmp_path: Path) -> None:
    """Of a dict of many keys the first hundred are shown, or all."""
    HDF5Checkpointer(tmp_path / "x.h5")["d"] = {f"k{n}": n for n in range(150)}
    lines = invoke("tree", tmp_path / "x.h5").out.splitlines()
    assert len(lines) == 103 and lines[-1] == "    └── … 50 more (--all)"
    assert len(invoke("tree", tmp_path / "x.h5", "--all").out.splitlines()) == 152


@pytest.mark.parametrize("command", ["ls", "tree"])
def test_no_such_key(demo: Path, command: str) -> None:
    """A key that is not there is a no."""
    result = invoke(command, demo, "nope")
    assert result.code == 1 and result.out == ""
    assert result.err.startswith("hdfchk: no such key") and result.err.count("\n") == 1


def test_shapes_are_written_in_one_way(demo: Path) -> None:
    """The command and `Group.tree` write type and shape of an array alike."""
    tree = str(HDF5Checkpointer(demo).tree())
    for key in ("grid", "loss"):
        (row,) = [line for line in invoke("tree", demo).out.splitlines() if f" {key} " in line]
        _, told = row.split(f" {key}  ")
        assert f"{key}: {told}, " in tree


def test_no_key_matches(demo: Path) -> None:
    """A glob that no key matches is a no, as a key that is not there."""
    for args in (["nope*"], ["nope*", "--json"]):
        result = invoke("tree", demo, *args)
        assert result.code == 1 and result.out == "" and result.err.count("\n") == 1
        assert "nope*" in result.err and str(demo) in result.err
    assert invoke("tree", demo, "nope*", "steps").code == 0
