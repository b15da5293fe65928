"""The tools for tables: pandas and PyTables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import tables

from hdfchk import HDF5Checkpointer

from .tool import Changes, Tool, same

FRAME = pd.DataFrame({"n": [1, 2, 3], "v": [0.5, 1.5, 2.5]}, index=[10, 20, 30])


def make_pandas(path: str) -> None:
    """Frames and series in both forms."""
    with pd.HDFStore(path, "w") as store:
        store.put("fixed", FRAME)
        store.put("table", FRAME.assign(s=["a", "bé", "c"]), format="table", data_columns=True)
        store.put("series", FRAME["v"])
        store.put("zipped", FRAME[["v"]], complevel=5)
        dates = pd.Series([1.0, 2.0], pd.date_range("2020-01-01", periods=2))
        store.put("dates", dates)
        store.put(
            "categories", FRAME[["n"]].assign(c=pd.Categorical(["u", "v", "u"])), format="table"
        )


def read_pandas(path: str) -> dict[str, Any]:
    """All of them, by `HDFStore` and `read_hdf`."""
    found: dict[str, Any] = {}
    with pd.HDFStore(path, "r") as store:
        for key in ("fixed", "table", "series", "zipped", "dates", "categories"):
            item = store[key]
            found[f"{key}.index"] = item.index.astype(str).tolist()
            if isinstance(item, pd.Series):
                found[f"{key}"] = item.tolist()
            else:
                found |= {f"{key}.{name}": item[name].tolist() for name in item}
        found["selected"] = store.select("table", "n > 1")["v"].tolist()
        assert set(store.keys()) >= {"/fixed", "/table", "/series"}
    return found


def _append_rows(chk: HDF5Checkpointer) -> Changes:
    """A row more of a table: pandas' own index of it is then short, so it is not selected by."""
    rows = chk["table/table"]
    chk.append("table/table", rows[0])
    old = {"index": ["10", "20", "30", "10"], "n": [1, 2, 3, 1], "v": [0.5, 1.5, 2.5, 0.5]}
    return {f"table.{name}": value for name, value in old.items()} | {
        "table.s": ["a", "bé", "c", "a"],
        "selected": [1.5, 2.5],
    }


def _column(chk: HDF5Checkpointer) -> Changes:
    """The rows of a table with other numbers."""
    rows = chk["table/table"]
    rows["v"] += 1
    chk["table/table"] = rows
    return {"table.v": [1.5, 2.5, 3.5], "selected": [2.5, 3.5]}


class Row(tables.IsDescription):
    x = tables.Int32Col()
    y = tables.Float64Col(shape=(2,))
    s = tables.StringCol(5)
    e = tables.EnumCol(["a", "b"], "a", "int8")


def make_pytables(path: str) -> None:
    """One of each kind of leaf, with attributes that it pickles."""
    with tables.open_file(path, "w", title="hé") as file:
        group = file.create_group("/", "g", "a group")
        file.create_array(group, "array", np.arange(3.0))
        file.create_array(group, "scalar", 5)
        file.create_array(group, "strings", [b"a", b"bc"])
        file.create_array(group, "bools", np.array([True, False]))
        filters = tables.Filters(5, "zlib", fletcher32=True)
        file.create_carray(group, "chunked", obj=np.arange(10.0), filters=filters)
        growing = file.create_earray(group, "growing", tables.Float64Atom(), (0, 3))
        growing.append(np.arange(6.0).reshape(2, 3))
        ragged = file.create_vlarray(group, "ragged", tables.Int32Atom())
        ragged.append([1, 2])
        ragged.append([3])
        file.create_vlarray(group, "objects", tables.ObjectAtom()).append({"a": 1})
        file.create_vlarray(group, "texts", tables.VLUnicodeAtom()).append("hé")
        table = file.create_table(group, "table", Row, "a table")
        for n in range(2):
            table.row["x"], table.row["s"], table.row["y"] = n, b"ab", (1.0, 2.0)
            table.row.append()
        table.flush()
        table.cols.x.create_index()
        group._v_attrs.note = {"pickled": [1, 2]}
        group.array.attrs.units = "m"
        group.array.attrs.tags = ["a", "b"]
        file.create_carray(group, "times", tables.Time64Atom(), (2,))
        file.create_hard_link("/", "hard", "/g/array")
        file.create_soft_link("/", "soft", "/g/array")


LEAVES = ("array", "scalar", "strings", "bools", "chunked", "growing", "ragged", "objects", "texts")


def read_pytables(path: str) -> dict[str, Any]:
    """All leaves and attributes."""
    found: dict[str, Any] = {}
    with tables.open_file(path) as file:
        group = file.root.g
        for name in LEAVES:
            item = group._f_get_child(name).read()
            found[name] = [plain.tolist() for plain in item] if name == "ragged" else item
        rows = group.table.read()
        found |= {f"table.{name}": rows[name] for name in ("x", "y", "s", "e")}
        found["where"] = [row["x"] for row in group.table.where("x == 1")]
        found["titles"] = [file.title, group._v_title, group.table.title]
        found["attributes"] = [group._v_attrs.note, group.array.attrs.units, group.array.attrs.tags]
        links = [node.dtype == group.array.dtype for node in (file.root.hard, file.root.soft())]
        found["links"] = [*links, same(group.array.read(), file.root.hard.read())]
        found["classes"] = [type(group._f_get_child(name)).__name__ for name in LEAVES]
        for node in file.walk_nodes():  # what stands beside is listed, too
            assert node._v_attrs is not None
    return found


TOOLS = [
    Tool(
        "pandas",
        make_pandas,
        read_pandas,
        ("series/values", "series"),
        "fixed",
        None,
        None,
        {"rows appended to a table": _append_rows, "a column of a table": _column},
        senseless=("another length", "another kind of value"),  # index and values belong together
    ),
    Tool(
        "PyTables",
        make_pytables,
        read_pytables,
        ("g/array", "array"),
        "g",
        ("g/growing", "growing"),
        ("g/strings", "strings"),
    ),
]
