"""Values in files of other formats."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from hdfchk import HDF5Checkpointer
from tests.support.command import invoke
from tests.support.libraries import library


def rows(path: Path) -> list[list[str]]:
    """The rows of a .csv file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def exported(folder: Path, value: object) -> list[list[str]]:
    """The rows of the .csv file that `export` writes of a value."""
    HDF5Checkpointer(folder / "x.h5")["x"] = value
    assert invoke("export", folder / "x.h5", folder / "x.csv", "-k", "x", "--force").code == 0
    return rows(folder / "x.csv")


def test_columns_whose_names_coincide(tmp_path: Path) -> None:
    """Columns go by position: all are written, also to a folder and as JSON."""
    pandas = library("pandas")
    for names in (["a", "a"], [1, "1"]):
        frame = pandas.DataFrame([[1, 2.5], [3, 4.5]], columns=names)
        texts = [str(name) for name in names]
        assert exported(tmp_path, frame) == [texts, ["1", "2.5"], ["3", "4.5"]]
        out = tmp_path / f"out{texts[0]}"
        assert invoke("export", tmp_path / "x.h5", out).code == 0
        assert rows(out / "x.csv") == [texts, ["1", "2.5"], ["3", "4.5"]]
        assert invoke("get", tmp_path / "x.h5", "x").json == [
            [[names[0], [1, 3]], [names[1], [2.5, 4.5]]]
        ]
    assert exported(tmp_path, {1: [1, 2], "1": [3, 4]}) == [["1", "1"], ["1", "3"], ["2", "4"]]


def test_the_index_of_a_frame(tmp_path: Path) -> None:
    """It is the first columns, as pandas writes it; one that only counts is left out."""
    pandas = library("pandas")
    frame = pandas.DataFrame({"a": [1, 2]})
    pairs = pandas.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", None])
    for index in (
        ["r", "s"], [0, 2], [1, 0], pandas.Index([0, 1], name="id"), pairs,
        pandas.RangeIndex(1, 3), pandas.Index([0.5, 1.5]),
    ):  # fmt: skip
        changed = frame.set_axis(index, axis=0)
        changed.to_csv(tmp_path / "pandas.csv")
        assert exported(tmp_path, changed) == rows(tmp_path / "pandas.csv"), index
    for index in (pandas.RangeIndex(2), [0, 1]):
        assert exported(tmp_path, frame.set_axis(index, axis=0)) == [["a"], ["1"], ["2"]]
    series = {"a": pandas.Series([1, 2], index=["r", "s"])}
    HDF5Checkpointer(tmp_path / "x.h5")["x"] = series
    result = invoke("export", tmp_path / "x.h5", tmp_path / "y.csv", "-k", "x")
    assert result.code == 2 and "index" in result.err and not (tmp_path / "y.csv").exists()


def test_arrays_as_tables(tmp_path: Path) -> None:
    """Masked elements are empty cells; there are no rows of an empty array."""
    masked = np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]])
    assert exported(tmp_path, masked) == [["c0", "c1"], ["1", ""], ["3", "4"]]
    assert exported(tmp_path, np.zeros(0)) == [["c0"]]
    HDF5Checkpointer(tmp_path / "x.h5")["x"] = [[1], [2, 3]]
    result = invoke("export", tmp_path / "x.h5", tmp_path / "y.csv", "-k", "x")
    assert result.code == 2 and "not a table" in result.err


def test_columns_without_a_name(tmp_path: Path) -> None:
    """They are called by their number, and none replaces another one."""
    source = tmp_path / "x.csv"
    source.write_text(",,a\n1,2,3\n")
    assert invoke("import", tmp_path / "x.h5", source).code == 0
    assert list(HDF5Checkpointer(tmp_path / "x.h5")) == ["c0", "c1", "a"]
    source.write_text(",c0\n1,2\n")
    result = invoke("import", tmp_path / "y.h5", source)
    assert result.code == 2 and "'c0'" in result.err and str(source) in result.err
