"""``import``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hdfchk import HDF5Checkpointer
from tests.support.command import invoke


def test_round_trips(demo: Path, tmp_path: Path) -> None:
    """What export writes, import takes; arrays and numbers are the same."""
    HDF5Checkpointer(demo)["x.npy"] = {"..a": 1}
    for form in ("out", "x.json"):
        target = tmp_path / f"{form}.h5"
        assert invoke("export", demo, tmp_path / form).code == 0
        assert invoke("import", target, tmp_path / form).code == 0
        chk = HDF5Checkpointer(target)
        assert set(chk) == set(HDF5Checkpointer(demo))
        assert chk.load("params") == {"steps": 500, "deep": {"y": 3}} and chk["x.npy/..a"] == 1
        assert np.array_equal(chk["loss"], HDF5Checkpointer(demo)["loss"])


def test_npz_and_csv(tmp_path: Path) -> None:
    """Paths in an .npz are levels; columns of a .csv are arrays with types."""
    np.savez(tmp_path / "x.npz", **{"a/b": np.arange(3), "n": 5})
    (tmp_path / "x.csv").write_text("i,f,t,e\n1,0.5,x,\n2,,y,\n")
    path = tmp_path / "x.h5"
    assert invoke("import", path, tmp_path / "x.npz").code == 0
    assert invoke("import", path, tmp_path / "x.csv", "-k", "table").code == 0
    chk = HDF5Checkpointer(path)
    assert chk["a/b"].tolist() == [0, 1, 2] and chk["n"] == 5 and type(chk["n"]) is int
    table = chk.load("table")
    assert table["i"].dtype == np.int64 and table["f"].dtype == np.float64
    assert table["t"].tolist() == ["x", "y"] and np.isnan(table["f"][1])
    assert list(chk.table("table").columns) == ["i", "f", "t", "e"]


def test_merged_or_refused(tmp_path: Path) -> None:
    """Dicts are merged; a key that both have is an error, and nothing is changed."""
    path = tmp_path / "x.h5"
    HDF5Checkpointer(path).update({"p": {"x": 1}})
    (tmp_path / "x.json").write_text('{"new": 1, "p": {"y": 2}}')
    assert invoke("import", path, tmp_path / "x.json").code == 0
    assert HDF5Checkpointer(path).load() == {"p": {"x": 1, "y": 2}, "new": 1}
    (tmp_path / "x.json").write_text('{"more": 1, "p": {"y": 3}}')
    result = invoke("import", path, tmp_path / "x.json")
    assert result.code == 1 and "'p/y'" in result.err
    assert "more" not in HDF5Checkpointer(path)
    assert invoke("import", path, tmp_path / "x.json", "--force").code == 0
    assert HDF5Checkpointer(path).load("p") == {"x": 1, "y": 3}


def test_refused(tmp_path: Path) -> None:
    """Missing files, pickles, damaged files, one value without a key."""
    path = tmp_path / "x.h5"
    np.save(tmp_path / "one.npy", np.zeros(3))
    np.save(tmp_path / "pickle.npy", np.array([{}], object))
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "bad.csv").write_text("a,b\n1\n")
    (tmp_path / "x.what").write_text("")
    for name, code in [
        ("missing.npz", 3), ("one.npy", 2), ("bad.json", 2), ("bad.csv", 2), ("x.what", 2),
    ]:  # fmt: skip
        result = invoke("import", path, tmp_path / name)
        assert result.code == code and result.err.count("\n") == 1, name
    assert invoke("import", path, tmp_path / "pickle.npy", "-k", "x").code == 2
    assert not path.exists()
    assert invoke("import", path, tmp_path / "one.npy", "-k", "x").code == 0


def test_names_that_coincide(tmp_path: Path) -> None:
    """Of two values for one key none is dropped: it is an error, as are empty names."""
    source = tmp_path / "x.json"
    for text, part in (
        ('{"a/b": 1, "a": {"b": 2}}', "'a/b'"), ('{"a/b": 2, "a": 1}', "'a/b'"),
        ('{"/a": 5, "a": 6}', "'a'"), ('{"": 5}', "empty"), ('{"/": {"a": 1}}', "empty"),
    ):  # fmt: skip
        source.write_text(text)
        result = invoke("import", tmp_path / "x.h5", source)
        assert result.code == 2 and part in result.err and str(source) in result.err, text
        assert result.err.count("\n") == 1 and not (tmp_path / "x.h5").exists()
    source.write_text('{"a/b": 1, "a/c": {"d": 2}, "ab": 3}')
    assert invoke("import", tmp_path / "x.h5", source).code == 0
    assert HDF5Checkpointer(tmp_path / "x.h5").load() == {"a": {"b": 1, "c": {"d": 2}}, "ab": 3}
