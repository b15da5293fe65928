"""``set``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hdfchk import HDF5Checkpointer
from tests.support.command import invoke


def test_values(tmp_path: Path) -> None:
    """JSON, else text; the file is made."""
    path = tmp_path / "new.h5"
    for key, text, value in [
        ("i", "5", 5),
        ("negative", "-5", -5),
        ("f", "1e-3", 1e-3),
        ("t", "euler", "euler"),
        ("b", "true", True),
        ("n", "null", None),
        ("l", "[1, 2.5]", [1, 2.5]),
        ("d/e", '{"a": 1}', {"a": 1}),
        ("quoted", '"5"', "5"),
    ]:
        assert invoke("set", path, key, text) == (0, "", ""), key
        found = HDF5Checkpointer(path).load(key)
        assert found == value and type(found) is type(value)
    assert invoke("set", path, "s", "5", "--str").code == 0
    assert invoke("set", path, "a", "[1, 2]", "--array").code == 0
    assert invoke("set", path, "in", "-", input='{"x": 1}').code == 0
    chk = HDF5Checkpointer(path)
    assert chk["s"] == "5" and chk["a"].dtype == np.int64 and chk["in"].load() == {"x": 1}


def test_files(tmp_path: Path) -> None:
    """@PATH is what is in a file."""
    np.save(tmp_path / "x.npy", np.arange(3, dtype="i2"))
    (tmp_path / "x.txt").write_text("αβγ\n", encoding="utf-8")
    path = tmp_path / "new.h5"
    assert invoke("set", path, "n", f"@{tmp_path}/x.npy").code == 0
    assert invoke("set", path, "t", f"@{tmp_path}/x.txt").code == 0
    chk = HDF5Checkpointer(path)
    assert chk["n"].dtype == np.int16 and chk["t"] == "αβγ\n"
    assert invoke("set", path, "m", f"@{tmp_path}/missing.npy").code == 3
    assert invoke("set", path, "m", "@home").code == 2
    (tmp_path / "bad.npy").write_bytes(b"no")
    assert invoke("set", path, "m", f"@{tmp_path}/bad.npy").code == 2 and "m" not in chk


def test_replaced_with_force_only(demo: Path) -> None:
    """What is there is kept."""
    result = invoke("set", demo, "steps", "1")
    assert result.code == 1 and "--force" in result.err
    assert HDF5Checkpointer(demo)["steps"] == 500
    assert invoke("set", demo, "steps", "1", "--force").code == 0
    assert HDF5Checkpointer(demo)["steps"] == 1


def test_refused(demo: Path) -> None:
    """Lists that are no arrays, keys that are none."""
    assert invoke("set", demo, "x", '[1, "a", [2]]', "--array").code == 2
    assert invoke("set", demo, "a/../b", "1").code == 2
    assert invoke("set", demo, "steps/x", "1").code == 1


def test_values_that_are_too_deep(tmp_path: Path) -> None:
    """One line, whether they are an argument or on standard input."""
    deep = "[" * 100_000
    for value, more in ((deep, None), ("-", deep)):
        result = invoke("set", tmp_path / "x.h5", "a", value, input=more)
        assert result.code == 2 and result.err.count("\n") == 1 and "deep" in result.err
    assert not (tmp_path / "x.h5").exists()
