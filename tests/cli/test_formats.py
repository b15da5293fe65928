"""Values in files of other formats."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np
import pytest

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


def test_missing_cells(tmp_path: Path) -> None:
    """They are empty, and numbers beside them stay numbers; text that looks so stays."""
    pandas = library("pandas")
    frame = pandas.DataFrame(
        {
            "n": pandas.array([1, None], dtype="Int64"),
            "t": pandas.to_datetime(["2026-01-01", None]),
            "x": ["NaT", "<NA>"],
        }
    )
    assert exported(tmp_path, frame) == [
        ["n", "t", "x"],
        ["1", "2026-01-01 00:00:00", "NaT"],
        ["", "", "<NA>"],
    ]
    times = np.array(["2026-01-01", "NaT"], "M8[D]")
    assert exported(tmp_path, times) == [["c0"], ["2026-01-01"], [""]]


def test_columns_without_a_name(tmp_path: Path) -> None:
    """They are called by their number, and none replaces another one."""
    source = tmp_path / "x.csv"
    source.write_text(",,a\n1,2,3\n")
    assert invoke("import", tmp_path / "x.h5", source).code == 0
    assert list(HDF5Checkpointer(tmp_path / "x.h5")) == ["c0", "c1", "a"]
    source.write_text(",c0\n1,2\n")
    result = invoke("import", tmp_path / "y.h5", source)
    assert result.code == 2 and "'c0'" in result.err and str(source) in result.err


def test_files_beside_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary file has a name that no other has, the mode of a new one, and is removed."""
    file, out = tmp_path / "x.h5", tmp_path / "x.json"
    HDF5Checkpointer(file).update({"a": 1, "b": object})
    mine = tmp_path / "x.json.part"
    mine.write_text("mine")
    assert invoke("get", file, "a", "-o", out).code == 0
    assert invoke("export", file, tmp_path / "x.npy", "-k", "a").code == 0
    assert invoke("export", file, tmp_path / "y.npz", "-k", "a").code == 2
    (tmp_path / "folder.csv").mkdir()
    result = invoke("get", file, "a", "-o", tmp_path / "folder.csv", "--force")
    assert result.code in {2, 3} and "hdfchk-" not in result.err
    new = tmp_path / "new"
    new.touch()
    assert out.stat().st_mode == new.stat().st_mode
    monkeypatch.chdir(tmp_path)
    assert invoke("get", file, "a", "-o", "z.json").code == 0
    result = invoke("get", file, "a", "-o", "missing/z.json")
    assert result.code == 3 and "no such folder: missing" in result.err
    assert "hdfchk-" not in result.err
    assert mine.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "folder.csv", "new", "x.h5", "x.json", "x.json.part", "x.npy", "z.json",
    ]  # fmt: skip


def test_names_in_an_archive(tmp_path: Path) -> None:
    """Names that NumPy has parameters of are names as others."""
    names = {"file": 1, "allow_pickle": 2, "args": 3, "self": 4}
    HDF5Checkpointer(tmp_path / "x.h5").update(names)
    assert invoke("export", tmp_path / "x.h5", tmp_path / "x.npz").code == 0
    with np.load(tmp_path / "x.npz") as found:
        assert {name: int(found[name]) for name in found} == names


def damaged(folder: Path) -> dict[str, bytes]:
    """The content of files that cannot be read, by name."""
    np.savez(folder / "whole.npz", a=np.arange(1000.0))
    whole = (folder / "whole.npz").read_bytes()
    np.savez(folder / "below.npz", **{"a": 1, "a/b": 2})
    np.savez(folder / "above.npz", **{"a/b": 1, "a": 2})
    np.save(folder / "whole.npy", np.arange(1000.0))
    array = (folder / "whole.npy").read_bytes()
    return {
        "empty.npz": b"",
        "short.npz": whole[:500],
        "bits.npz": whole[:200] + b"\xff" * 50 + whole[250:],
        "array.npz": array,
        "below.npz": (folder / "below.npz").read_bytes(),
        "above.npz": (folder / "above.npz").read_bytes(),
        "empty.npy": b"",
        "short.npy": array[:500],
        "head.npy": array[:20],
        "empty.json": b"",
        "deep.json": b"[" * 100_000 + b"]" * 100_000,
        "latin.json": b'"\xe9"',
        "empty.csv": b"",
        "latin.txt": b"\xe9",
    }  # fmt: skip


def test_damaged_files(tmp_path: Path) -> None:
    """Each is one line that names the file, and nothing is stored."""
    file = tmp_path / "x.h5"
    for name, content in damaged(tmp_path).items():
        source = tmp_path / name
        source.write_bytes(content)
        for args in (("import", file, source, "-k", "x"), ("set", file, "x", f"@{source}")):
            result = invoke(*args)
            assert result.code == 2 and result.err.count("\n") == 1, (name, result.err)
            assert str(source) in result.err and len(result.err) < 500, (name, result.err)
            assert "'a" in result.err or name not in {"below.npz", "above.npz"}
            assert not file.exists()


def test_an_array_that_memory_cannot_hold(tmp_path: Path) -> None:
    """A damaged length in a file is one line, too."""
    with (tmp_path / "x.npy").open("wb") as stream:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**15,)}
        np.lib.format.write_array_header_1_0(stream, header)
    result = invoke("import", tmp_path / "x.h5", tmp_path / "x.npy", "-k", "x")
    assert result.code == 3 and "memory" in result.err and str(tmp_path / "x.npy") in result.err


def test_other_files_in_an_archive(tmp_path: Path) -> None:
    """What is no array in an .npz is bytes."""
    np.savez(tmp_path / "x.npz", a=1)
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("note.txt", "hello")
    assert invoke("import", tmp_path / "x.h5", tmp_path / "x.npz").code == 0
    assert HDF5Checkpointer(tmp_path / "x.h5").load() == {"a": 1, "note.txt": b"hello"}
