"""Files as PyTables and pandas' HDFStore write them."""

from __future__ import annotations

import pickle
from typing import Any

import h5py
import numpy as np
from h5py import h5t

from .making import attribute, bits, compound, creation, dataset, enum, string, text, texts
from .registry import foreign


def node(item: Any, kind: str, version: str = "1.0", title: str = "") -> Any:
    """What PyTables notes of each node."""
    text(item, "CLASS", kind, utf8=False)
    text(item, "VERSION", version)
    if title:
        text(item, "TITLE", title, utf8=True)
    else:
        attribute(item, "TITLE", string(1, "term", utf8=True), b"\0")
    return item


def root(file: Any) -> None:
    """What PyTables notes of the file."""
    node(file, "GROUP")
    text(file, "PYTABLES_FORMAT_VERSION", "2.1")


def pickled(item: Any, name: str, value: Any) -> None:
    """An attribute that is a pickle of protocol 0: text, with all that it has, as a string."""
    text(item, name, pickle.dumps(value, 0))


def table(parent: Any, name: str, tid: Any, rows: int, fields: list[str], **extra: Any) -> Any:
    """A table that can grow, with names and fills of its columns."""
    plist = creation(chunk=((4,),), shuffle=(), deflate=1)
    made = dataset(parent, name, tid, (rows,), bits(tid, rows), maxshape=(None,), plist=plist)
    node(made, "TABLE", "2.7", "a table")
    for number, field in enumerate(fields):
        text(made, f"FIELD_{number}_NAME", field)
        made.attrs[f"FIELD_{number}_FILL"] = np.int32(0)
    made.attrs["NROWS"] = np.int64(rows)
    return made


@foreign("pytables/nodes")
def nodes(file: Any) -> None:
    root(file)
    group = node(file.create_group("group"), "GROUP", title="a gröup")
    array = node(group.create_dataset("array", data=np.arange(6).reshape(2, 3)), "ARRAY", "2.4")
    text(array, "FLAVOR", "numpy")
    scalar = node(group.create_dataset("scalar", data=np.int64(5)), "ARRAY", "2.4")
    text(scalar, "FLAVOR", "python")
    words = dataset(group, "strings", string(3), (2,), b"ab\0cd\0")
    text(node(words, "ARRAY", "2.4"), "FLAVOR", "python")
    node(group.create_dataset("carray", data=np.arange(20.0), chunks=(5,), compression="gzip",
                              shuffle=True), "CARRAY", "1.1")  # fmt: skip
    earray = group.create_dataset("earray", data=np.ones((2, 3)), maxshape=(None, 3), chunks=(2, 3))
    node(earray, "EARRAY", "1.1").attrs["EXTDIM"] = np.int32(0)
    bools = dataset(group, "bools", h5t.STD_B8LE, (3,), b"\1\0\1")
    text(node(bools, "ARRAY", "2.4"), "FLAVOR", "numpy")
    file["alias"], file["soft"] = group["array"], h5py.SoftLink("/group/array")
    file["external"] = h5py.ExternalLink("other.h5", "/x")


@foreign("pytables/ragged")
def ragged(file: Any) -> None:
    root(file)
    for name, base, items in (
        ("ints", "i4", [[1, 2], [3], []]),
        ("objects", "u1", [list(pickle.dumps({"a": 1}))]),
        ("texts", "u1", [list("hé".encode()), [0]]),
    ):
        made = file.create_dataset(name, (len(items),), h5py.vlen_dtype(base), maxshape=(None,))
        for row, item in enumerate(items):
            made[row] = np.array(item, base)
        node(made, "VLARRAY", "1.4")
        if name != "ints":
            text(made, "PSEUDOATOM", "object" if name == "objects" else "vlunicode")
    pairs = h5py.vlen_dtype(np.dtype(("i4", (2,))))
    node(file.create_dataset("pairs", (1,), pairs, maxshape=(None,)), "VLARRAY", "1.4")


@foreign("pytables/table")
def tables(file: Any) -> None:
    root(file)
    letters = enum(h5t.STD_I8LE, {"a": 0, "b": 1})
    inner = compound(9, ("z", 0, h5t.STD_B8LE), ("w", 1, h5t.IEEE_F64LE))
    row = compound(
        59, ("x", 0, h5t.STD_I32LE), ("y", 4, h5t.array_create(h5t.IEEE_F64LE, (2,))),
        ("s", 20, string(5)), ("e", 25, letters), ("inner", 26, inner),
        ("c", 35, compound(16, ("r", 0, h5t.IEEE_F64LE), ("i", 8, h5t.IEEE_F64LE))),
        ("t", 51, h5t.STD_I64LE),
    )  # fmt: skip
    made = table(file, "table", row, 5, ["x", "y", "s", "e", "inner", "c", "t"])
    made.attrs["AUTO_INDEX"] = np.int32(1)
    pickled(made, "note", {"any": ["thing"]})
    raw = pickle.dumps((1, 2), 0)
    text(made, "padded", raw, room=3)
    plain = compound(12, ("n", 0, h5t.STD_I64LE), ("v", 8, h5t.IEEE_F32LE))
    table(file.create_group("g"), "empty", plain, 0, ["n", "v"])
    table(file["g"], "simple", plain, 7, ["n", "v"])


@foreign("pytables/index")
def index(file: Any) -> None:
    root(file)
    row = compound(8, ("x", 0, h5t.STD_I32LE), ("y", 4, h5t.IEEE_F32LE))
    table(file, "t", row, 4, ["x", "y"])
    inside = node(file.create_group("_i_t"), "TINDEX")
    column = node(inside.create_group("x"), "INDEX", "2.1")
    text(column, "KIND", "medium")
    pickled(column, "FILTERS", ("zlib", 1))
    column.attrs["DIRTY"], column.attrs["optlevel"] = np.int8(0), np.int32(6)
    for name, code in (("sorted", "i4"), ("indices", "u8"), ("ranges", "i4")):
        made = column.create_dataset(name, (0, 1024), code, maxshape=(None, 1024), chunks=(1, 1024))
        node(made, "EARRAY", "1.1").attrs["EXTDIM"] = np.int32(0)
    last = column.create_dataset("sortedLR", data=np.arange(1029, dtype="i4"), chunks=(512,))
    node(last, "LASTROWARRAY", "1.1").attrs["nelements"] = np.int64(4)


def pandas_index(group: Any, name: str, data: Any, kind: str) -> None:
    """An axis of the fixed form."""
    made = node(group.create_dataset(name, data=data), "ARRAY", "2.4")
    text(made, "FLAVOR", "numpy")
    texts(made, kind=kind)
    pickled(made, "name", None)
    made.attrs["transposed"] = np.True_


@foreign("pandas/fixed")
def fixed(file: Any) -> None:
    root(file)
    group = node(file.create_group("df"), "GROUP")
    texts(group, pandas_type="frame", pandas_version="0.15.2", encoding="UTF-8", errors="strict")
    group.attrs["nblocks"], group.attrs["ndim"] = np.int64(2), np.int64(2)
    texts(group, axis0_variety="regular", axis1_variety="regular")
    pandas_index(group, "axis0", np.array([b"a", b"b", b"s"]), "string")
    pandas_index(group, "axis1", np.arange(3), "integer")
    pandas_index(group, "block0_items", np.array([b"a", b"b"]), "string")
    pandas_index(group, "block0_values", np.arange(6.0).reshape(3, 2), "float")
    pandas_index(group, "block1_items", np.array([b"s"]), "string")
    made = group.create_dataset("block1_values", (1,), h5py.vlen_dtype("u1"), maxshape=(None,))
    made[0] = np.frombuffer(pickle.dumps([["x"], ["y"], ["z"]], 4), "u1")
    text(node(made, "VLARRAY", "1.4"), "PSEUDOATOM", "object")
    series = node(file.create_group("series"), "GROUP")
    texts(series, pandas_type="series", pandas_version="0.15.2", index_variety="regular")
    pandas_index(series, "index", np.arange(2) * 10**18, "datetime64")
    pandas_index(series, "values", np.arange(2), "integer")
    empty = node(series.create_dataset("empty", data=np.zeros(1, "i8")), "ARRAY", "2.4")
    texts(empty, value_type="float64")
    empty.attrs["shape"] = np.array([0, 2])


@foreign("pandas/table")
def pandas_table(file: Any) -> None:
    root(file)
    group = node(file.create_group("df"), "GROUP")
    texts(group, pandas_type="frame_table", pandas_version="0.15.2", table_type="appendable_frame")
    for name, value in (("data_columns", ["a"]), ("values_cols", ["values_block_0"]),
                        ("info", {1: {"names": [None]}}), ("non_index_axes", [(1, ["a", "b"])]),
                        ("metadata", []), ("index_cols", [(0, "index")])):  # fmt: skip
        pickled(group, name, value)
    group.attrs["levels"] = np.int64(1)
    texts(group, nan_rep="nan", encoding="UTF-8", errors="strict")
    block = h5t.array_create(h5t.IEEE_F64LE, (2,))
    row = compound(34, ("index", 0, h5t.STD_I64LE), ("values_block_0", 8, block),
                   ("a", 24, h5t.STD_I64LE), ("s", 32, string(2)))  # fmt: skip
    made = table(group, "table", row, 5, ["index", "values_block_0", "a", "s"])
    pickled(made, "values_block_0_kind", ["b", "c"])
    texts(made, values_block_0_dtype="float64", index_kind="integer", a_dtype="int64")
    meta = node(node(group.create_group("meta"), "GROUP").create_group("s"), "GROUP")
    categories = compound(10, ("index", 0, h5t.STD_I64LE), ("values", 8, string(2)))
    table(meta, "table", categories, 2, ["index", "values"])
