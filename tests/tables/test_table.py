"""Tables: what is read of them, and what is not; rows that are appended; other libraries."""

from __future__ import annotations

import io
import sys
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import (
    CheckpointerKeyError,
    HDF5Checkpointer,
    InvalidOptionError,
    MissingExtraError,
    ReadOnlyError,
    UnsupportedStoredError,
    UnsupportedTypeError,
)

COLUMNS = {
    "x": np.arange(20),
    "y": np.arange(20) / 2,
    "v": np.arange(60.0).reshape(20, 3),
    "t": np.arange(20).astype("M8[D]"),
    "s": np.array([f"s{n}" for n in range(20)], np.dtypes.StringDType()),
}


def records() -> np.ndarray:
    """The same as a structured array, but for the texts."""
    made = np.zeros(20, [("x", "i8"), ("y", "f8"), ("v", "f8", 3), ("t", "M8[D]")])
    for name in made.dtype.names:
        made[name] = COLUMNS[name]
    return made


def frame() -> Any:
    pd = pytest.importorskip("pandas")
    flat = {name: values for name, values in COLUMNS.items() if name not in "vs"}
    return pd.DataFrame(
        flat | {"c": pd.Categorical([*"ab"] * 10), "o": [f"s{n}" for n in range(20)]}
    )


@pytest.fixture(params=["path", "file object", "memory", "read-only"])
def tables(request: pytest.FixtureRequest, path: str) -> HDF5Checkpointer:
    """A store of some tables."""
    targets = {"memory": None, "file object": io.BytesIO()}
    chk = HDF5Checkpointer(targets.get(request.param, path))
    chk.update({"group": COLUMNS, "records": records(), "frame": frame()})
    chk.append("grown", frame()[:7])
    chk.append("grown", frame()[7:])
    return HDF5Checkpointer(path, mode="r") if request.param == "read-only" else chk


def agree(found: dict[Any, Any], rows: Any, names: Any) -> None:
    assert list(found) == list(names)
    whole = COLUMNS
    if "c" in names or getattr(found.get("t"), "unit", ""):
        arrays = {name: frame()[name].array for name in frame()}
        names_of_numpy = [name for name in arrays if isinstance(frame()[name].dtype, np.dtype)]
        whole = arrays | {name: arrays[name].to_numpy() for name in names_of_numpy if name != "t"}
    for name in names:
        expected = whole[name][rows]
        assert len(found[name]) == len(expected), name
        assert list(map(str, found[name])) == list(map(str, expected)), name
        assert found[name].dtype == expected.dtype, name


@pytest.mark.parametrize("key", ["group", "records", "frame", "grown"])
def test_reading(tables: HDF5Checkpointer, key: str) -> None:
    """Rows by slices, lists and masks, columns by name, and both."""
    table = tables.table(key)
    names = table.columns
    assert (
        len(table) == 20 and names[:2] == ["x", "y"] and f"20 rows of {len(names)}" in repr(table)
    )
    mask = np.arange(20) % 7 == 3
    for rows in (slice(2, 5), slice(None), slice(15, None, 2), slice(5, 2), slice(-3, None)):
        agree(table[rows], rows, names)
        agree(table.read(["y", "x"], rows), rows, ["y", "x"])
    agree(table[::-4], slice(None, None, -4), names)
    agree(table[[1, 5, 6]], [1, 5, 6], names)
    agree(table.read(rows=[-1]), [-1], names)
    agree(table[mask], mask, names)
    assert table["x"].tolist() == [*range(20)] and list(table[["x"]]) == ["x"]
    assert table[3]["y"] == table[-17]["y"] == 1.5
    with pytest.raises(CheckpointerKeyError, match="no column 'z'"):
        table["z"]
    for wrong in (20, -21, [20], np.ones(3, bool)):
        with pytest.raises(IndexError):
            table[wrong]
    with pytest.raises(TypeError):
        table[[0.5]]


@pytest.mark.parametrize("key", ["group", "records", "frame", "grown"])
def test_blocks_and_where(tables: HDF5Checkpointer, key: str, monkeypatch: Any) -> None:
    """Blocks of rows, and the rows that a function wants of each."""
    table = tables.table(key)
    monkeypatch.setattr("hdfchk.tables.table.BLOCK_BYTES", 200)
    blocks = list(table.blocks(8))
    assert [len(block["x"]) for block in blocks] == [8, 8, 4]
    assert np.concatenate([block["x"] for block in table.blocks(columns="x")]).tolist() == [
        *range(20)
    ]
    seen = []

    def where(block: Any) -> Any:
        seen.append(len(block["x"]))
        return block["x"] % 3 == 1

    agree(table.read(where=where), slice(1, None, 3), table.columns)
    assert len(seen) > 1 and sum(seen) == 20
    agree(table.read("y", slice(4, 12), where), [4, 7, 10], ["y"])
    agree(table.read("y", [4, 7, 9], where), [4, 7], ["y"])
    agree(table.read("y", slice(None, None, -1), where), [19, 16, 13, 10, 7, 4, 1], ["y"])
    agree(table.read("x", where=lambda block: block["y"] > 100), slice(0, 0), ["x"])
    for wrong in (lambda block: block["x"], lambda block: True):
        with pytest.raises(InvalidOptionError, match="mask"):
            table.read(where=wrong)
    with pytest.raises(InvalidOptionError):
        next(table.blocks(0))


def test_only_what_is_asked_for_is_read(chk: HDF5Checkpointer, read: list[tuple[str, int]]) -> None:
    """Columns and rows that nobody wants stay in the file."""
    chk["group"], chk["frame"] = COLUMNS, frame()
    read.clear()
    chk.table("group").read(["y"], slice(3, 5))
    assert read == [("y", 2)]
    read.clear()
    chk.table("group").read(["y"], where=lambda block: block["x"] == 3)
    assert read == [("x", 20), ("y", 20)]
    read.clear()
    chk.table("frame").read(["y", "c"], slice(3, 5))
    assert ("column1", 2) in read and ("codes", 2) in read and ("column0", -1) not in read


@pytest.mark.parametrize("inside", [False, True])
def test_append_to_a_group(path: str, inside: bool) -> None:
    """Rows go on all arrays as one commit, cast as `Array.append` casts them."""
    chk = HDF5Checkpointer(path)
    chk["group"] = COLUMNS
    table, rows = chk.table("group"), {name: values[:4] for name, values in COLUMNS.items()}

    def append() -> None:
        for _ in range(3):
            table.append(rows)
        table.append(
            {"x": [1, 2], "y": [3, 4], "v": np.ones((2, 3)), "t": rows["t"][:2], "s": ["a", "b"]}
        )

    if inside:
        with chk:
            append()
            assert len(HDF5Checkpointer(path, mode="r").table("group")) == 34
    else:
        append()
    assert len(table) == 34 and table["s"][-2:].tolist() == ["a", "b"]
    assert chk["group/y"][20:24].tolist() == [0, 0.5, 1, 1.5] and chk["group/y"][-1] == 4
    with chk:
        table.append(rows)
        for wrong, error, text in (
            ({"x": [1]}, InvalidOptionError, "other columns"),
            (rows | {"x": [1]}, InvalidOptionError, "different lengths"),
            (rows | {"x": [0.5] * 4}, UnsupportedTypeError, "float64"),
            (rows | {"v": np.ones((4, 2))}, InvalidOptionError, "shape"),
            ([1, 2], InvalidOptionError, "not list"),
        ):
            with pytest.raises(error, match=text):
                table.append(wrong)
        assert len(table) == 38
        chk["plain"] = {"x": np.arange(2)}
        chk.append("group/x", 1)
        with pytest.raises(UnsupportedStoredError, match="different lengths"):
            table.append(rows)
    with pytest.raises(ReadOnlyError):
        HDF5Checkpointer(path, mode="r").table("plain").append({"x": [1]})


def test_append_to_records_and_frames(path: str) -> None:
    """Rows of a structured array and of a DataFrame, as dicts or as DataFrames."""
    pd = pytest.importorskip("pandas")
    chk = HDF5Checkpointer(path)
    chk["records"], chk["frame"], chk["group"] = records(), frame(), {"x": [1, 2], "y": [0.5, 1.0]}
    table = chk.table("records")
    table.append({"x": [7], "y": [1], "v": np.ones((1, 3)), "t": np.array(["2000-01-01"], "M8[D]")})
    assert chk["records"][-1]["y"] == 1 and len(table) == 21
    for wrong in ({"x": [1]}, {"x": [1, 2], "y": [1], "v": np.ones((1, 3)), "t": COLUMNS["t"][:1]}):
        with pytest.raises(InvalidOptionError):
            table.append(wrong)
    table = chk.table("frame")
    table.append(frame())
    table.append(
        {
            "x": [5],
            "y": [1],
            "t": COLUMNS["t"][:1].astype("M8[s]"),
            "c": pd.Categorical(["b"]),
            "o": ["z"],
        }
    )
    assert (
        len(table) == 41 and chk["frame"]["y"].iloc[-1] == 1 and chk["frame"]["o"].iloc[-1] == "z"
    )
    with pytest.raises(InvalidOptionError):
        table.append({"x": [5]})
    chk.table("group").append(pd.DataFrame({"y": [2.5], "x": [3]}))
    assert chk["group/y"] == [0.5, 1, 2.5]


def test_what_is_no_table(path: str) -> None:
    """Values that are no tables are refused by name; filters hide columns."""
    chk = HDF5Checkpointer(path)
    chk.update(
        {"n": 1, "a": np.arange(3), "g": {"x": np.arange(3), "n": 1}, "h": {"x": [1, 2], "y": [1]}}
    )
    chk["group"] = COLUMNS
    for key, text in (
        ("n", "not a"),
        ("a", "not a table"),
        ("g", "'n' is not an array"),
        ("h", "different lengths"),
    ):
        with pytest.raises(UnsupportedStoredError, match=text):
            chk.table(key)
    with pytest.raises(CheckpointerKeyError):
        chk.table("nothing")
    view = chk.view(omitted_keys=["group/x", "a"])
    assert view.table("group").columns == ["y", "v", "t", "s"]
    chk["copy"] = view.table("group")
    assert (
        list(chk["copy"]) == ["y", "v", "t", "s"]
        and chk["copy/y"].tolist() == COLUMNS["y"].tolist()
    )
    with pytest.raises(CheckpointerKeyError):
        view.table("a")


def test_pandas(path: str) -> None:
    """DataFrames of all kinds of tables; a stored one comes back with its index."""
    pd = pytest.importorskip("pandas")
    chk = HDF5Checkpointer(path)
    stored = frame().set_index(pd.Index(np.arange(20) * 10, name="n"))
    chk["frame"], chk["group"] = stored, COLUMNS
    table = chk.table("frame")
    pd.testing.assert_frame_equal(table.to_pandas(), stored)
    pd.testing.assert_frame_equal(table.to_pandas(["y", "c"], slice(3, 6)), stored[["y", "c"]][3:6])
    pd.testing.assert_frame_equal(
        table.to_pandas("y", where=lambda block: block["x"] > 15), stored[["y"]][stored["x"] > 15]
    )
    found = chk.table("group").to_pandas(rows=slice(2, 4))
    assert found["y"].tolist() == [1.0, 1.5] and found["s"].tolist() == ["s2", "s3"]
    assert found["v"].iloc[0].tolist() == [6, 7, 8]


def test_tables_of_pandas(path: str) -> None:
    """A table of HDFStore has the columns of the frame; nothing is unpickled."""
    pd = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    made = pd.DataFrame(
        {
            "a": np.arange(5.0),
            "k": np.arange(5),
            "b": -np.arange(5.0),
            "t": pd.date_range("2020", periods=5),
            "s": [*"vwx", None, "z"],
        },
        index=pd.Index(np.arange(5) * 2),
    )
    with pd.HDFStore(path) as store:
        store.append("t", made, index=False, data_columns=["k"])
        store.append("indexed", made)
    chk = HDF5Checkpointer(path)
    table = chk.table("t")
    assert sorted(table.columns) == ["a", "b", "index", "k", "s", "t"] and len(table) == 5
    found = table.to_pandas()[list(made)]
    pd.testing.assert_frame_equal(
        found.astype({"s": object}), made.astype({"s": object}), check_index_type=False
    )
    assert table.read("b", where=lambda block: block["k"] > 2)["b"].tolist() == [-3, -4]
    with pytest.raises(UnsupportedStoredError, match="by pandas alone"):
        table.append({"a": [1]})
    with pytest.raises(UnsupportedStoredError, match="an index of this table"):
        chk.table("indexed/table").append({})


def test_tables_of_pytables(path: str) -> None:
    """A table of PyTables is extended, and PyTables sees the rows."""
    tables = pytest.importorskip("tables")
    with tables.open_file(path, "w") as file:
        made = file.create_table("/", "t", np.dtype([("x", "i8"), ("name", "S5")]))
        made.append([(1, b"a"), (2, b"b")])
    chk = HDF5Checkpointer(path)
    table = chk.table("t")
    assert table.columns == ["x", "name"] and table[1]["x"] == 2
    table.append({"x": [3, 4], "name": [b"c", b"long"]})
    with pytest.raises(UnsupportedTypeError):
        table.append({"x": [3], "name": [b"too long"]})
    with h5py.File(path) as file:
        assert file["t"].attrs["NROWS"] == 4
    with tables.open_file(path) as file:
        assert file.root.t.nrows == 4 and file.root.t.read_where("x > 3")["name"].tolist() == [
            b"long"
        ]


def test_missing_libraries(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a library is missing, the error names the extra."""
    chk = HDF5Checkpointer(path)
    chk["group"] = {"x": np.arange(3)}
    for name in ("polars", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match="pip install polars"):
        chk.table("group").to_polars()
    with pytest.raises(MissingExtraError, match="pip install pyarrow"):
        chk.table("group").to_arrow()


def test_polars_and_arrow(path: str) -> None:
    """Columns of numbers, dates, texts, vectors and categories."""
    arrow, polars = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    pd = pytest.importorskip("pandas")
    chk = HDF5Checkpointer(path)
    with pd.option_context("mode.string_storage", "python"):
        chk["group"], chk["frame"] = COLUMNS, frame()
        tables = chk.table("group"), chk.table("frame")
        found, of_frame = [table.to_arrow() for table in tables]
        assert isinstance(found, arrow.Table) and found["s"].to_pylist()[3] == "s3"
        assert found["v"].to_pylist()[1] == [3, 4, 5]
        assert str(of_frame["t"][1]) == "1970-01-02 00:00:00" and of_frame["c"].to_pylist()[:2] == [
            "a",
            "b",
        ]
        assert tables[1].to_arrow(["c"], slice(1, 3)).to_pydict() == {"c": ["b", "a"]}
        found, of_frame = [table.to_polars() for table in tables]
        assert isinstance(found, polars.DataFrame) and found["s"][3] == "s3"
        assert found["v"][1].to_list() == [3, 4, 5] and found["t"][1].year == 1970
        assert of_frame["c"].to_list()[:2] == ["a", "b"] and of_frame["o"][3] == "s3"


def test_structured_arrays_of_other_programs(path: str) -> None:
    """Fields of strings of variable length take what `Array.append` takes."""
    dtype = np.dtype([("n", "i4"), ("s", h5py.string_dtype())])
    with h5py.File(path, "w") as file:
        file.create_dataset("t", data=np.array([(1, "a"), (2, "b")], dtype), maxshape=(None,))
    table = HDF5Checkpointer(path).table("t")
    table.append({"n": [3, 4], "s": ["a longer text", ""]})
    assert len(table) == 4 and list(table["s"]) == ["a", "b", "a longer text", ""]
    assert table.read("n", where=lambda block: block["s"] == "a")["n"].tolist() == [1]


def test_names_of_columns_in_frames(path: str) -> None:
    """A frame of some columns has their index: names, levels and dtype, also twice the same name."""
    pd = pytest.importorskip("pandas")
    values = np.arange(12.0).reshape(3, 4)
    for names in (
        pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["k", None]),
        pd.Index(["a", "b", "a", "c"], name="n"),
        pd.date_range("2020", periods=4),
        pd.Index([1, "a", None, ("b", 2)], dtype=object),
        pd.RangeIndex(4),
    ):
        chk = HDF5Checkpointer(path)
        chk["t"] = whole = pd.DataFrame(values, columns=names, index=[5, 6, 7])
        table = chk.table("t")
        pd.testing.assert_frame_equal(table.to_pandas(), whole)
        pd.testing.assert_frame_equal(table.to_pandas(rows=[2, 0, 0]), whole.iloc[[2, 0, 0]])
        found = table.to_pandas(where=lambda block: block[names[1]] > 1)
        pd.testing.assert_frame_equal(found, whole.iloc[1:])
        found = table.to_pandas(columns=[names[3], names[1]], rows=slice(None, None, -1))
        pd.testing.assert_frame_equal(found, whole.iloc[::-1, [3, 1]])
        assert table.to_pandas(columns=[]).shape == (3, 0)


@pytest.mark.parametrize("key", ["group", "records", "frame", "grown"])
def test_where_is_given_a_dict(tables: HDF5Checkpointer, key: str) -> None:
    """It has all columns, as a dict has them, before any of them is read."""
    table = tables.table(key)
    seen: list[Any] = []

    def where(block: dict[Any, Any]) -> Any:
        assert isinstance(block, dict) and list(block) == table.columns == [*block.keys()]
        assert len(block) == len(table.columns) and "x" in block and "no" not in block
        assert block.get("no", 5) == 5 and block.get("x").tolist() == [*range(20)]
        assert [len(values) for values in block.values()] == [20] * len(block)
        assert list(dict(block)) == [name for name, _ in block.items()] == list({**block})
        with pytest.raises(CheckpointerKeyError):
            block["no"]
        seen.append(block)
        return np.zeros(20, np.bool)

    assert table.read("x", where=where)["x"].size == 0 and len(seen) == 1
    with pytest.raises(ZeroDivisionError):
        table.read(where=lambda block: 1 / 0)


@pytest.mark.parametrize("where", ["path", "no journal", "memory", "h5py"])
def test_longer_strings_in_a_dict_of_arrays(where: str, path: str) -> None:
    """A column of strings becomes wider, with all its rows and attributes, in the same commit."""
    target = h5py.File(path, "w") if where == "h5py" else None if where == "memory" else path
    chk = HDF5Checkpointer(target, **({"journal": False} if where == "no journal" else {}))
    chk["t"] = {"x": np.arange(3), "s": np.array(["a", "b", "c"]), "b": np.array([b"1"] * 3)}
    chk.array("t/s").attrs["units"] = "none"
    if where != "memory":
        chk.put("t/s", chk["t/s"], compression="gzip", chunks=(2,))
    table = chk.table("t")
    table.append({"x": [3, 4], "s": ["dddd", "é"], "b": [b"22", b"1"]})
    table.append({"x": [5], "s": ["f"], "b": [b"333"]})
    assert table["s"].tolist() == ["a", "b", "c", "dddd", "é", "f"] == chk["t/s"].tolist()
    assert chk["t/s"].dtype == "U4" and chk["t/b"].tolist() == [b"1"] * 3 + [b"22", b"1", b"333"]
    assert len(table) == 6 and dict(chk.array("t/s").attrs) == {"units": "none"}
    if where != "memory":
        assert chk.array("t/s").compression == "gzip" and chk.array("t/s").chunks == (2,)
    with pytest.raises(UnsupportedTypeError):
        table.append({"x": [0.5], "s": ["longer"], "b": [b"1"]})
    assert len(table) == 6 and chk["t/s"].dtype == "U4"
    if isinstance(target, h5py.File):
        target.close()


@pytest.mark.parametrize("key", ["records", "frame"])
def test_rows_that_do_not_fit_each_other(path: str, key: str) -> None:
    """The error names file and key, and nothing is appended."""
    chk = HDF5Checkpointer(path)
    chk.update({"records": records()[["x", "y"]], "frame": frame()[["x", "y"]]})
    for rows in ({"x": [1, 2], "y": [1.0]}, {"x": 1, "y": 2.0}, {"x": [1]}):
        with pytest.raises(InvalidOptionError) as error:
            chk.table(key).append(rows)
        assert error.value.file == path and error.value.key == key
    assert len(chk.table(key)) == 20
    assert list(chk.table(key).read(columns="x")) == ["x"]
    if key == "frame":
        chk["n"] = frame()[["x", "y"]].set_axis([5, 6], axis=1)
        assert list(chk.table("n").read(columns=6)) == [6]
        assert list(chk.table("n").to_pandas(5).columns) == [5]


@pytest.mark.parametrize("key", ["group", "records", "frame", "grown"])
def test_html(tables: HDF5Checkpointer, key: str) -> None:
    """Notebooks show the number of rows, and the names and dtypes of columns."""
    table = tables.table(key)
    html = table._repr_html_()
    for told in ("20 rows", f"{len(table.columns)} columns", ">x<", ">y<", ">int64<", ">float64<"):
        assert told in html, told
    assert ("(3,)" in html) == ("v" in table.columns)


def test_html_is_bounded_and_raises_nothing(path: str) -> None:
    """Many columns are counted, names are escaped, and what is wrong is shown."""
    chk = HDF5Checkpointer(path)
    chk["t"] = {f"<b>{n}": np.arange(2) for n in range(150)}
    table = chk.table("t")
    html = table._repr_html_()
    assert "&lt;b&gt;99" in html and "<b>9" not in html and "50 more columns" in html
    del chk["t"]
    assert "no such key" in table._repr_html_() and "no such key" in repr(table)
