"""Golden files that take more than assignments: layouts, attributes, order, names, marks of others.

Each has a function that makes it, and one that tells what a reader finds. Frozen, like the values.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from hdfchk import HDF5Checkpointer

STRINGS = np.dtypes.StringDType


def smooth(count: int) -> np.ndarray:
    """Numbers that pack well."""
    return np.arange(count, dtype="f8") // 8


def mixed(count: int) -> np.ndarray:
    """Numbers whose high bytes pack well, and whose low ones do not."""
    bits = np.arange(1, count + 1, dtype="u8") * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return ((bits >> np.uint64(40)) + np.uint64(2**62)).view("i8")


def make_layouts(path: str) -> None:
    """Each way in which an array may lie in a file."""
    with HDF5Checkpointer(path) as chk:
        chk["compact"] = np.arange(10)
        chk["contiguous"] = smooth(300)
        chk["aligned"] = smooth(8200)
        chk.put("list, grown", [1, 2], chunks=(4,))
        chk.append("list, grown", 3)
        chk.create("frames", (0, 2, 3), "f4", chunks=(2, 2, 3), maxshape=(None, 2, 3))
        chk.create("words", (0,), str, chunks=(4,), maxshape=(None,))
        chk.create("days", (0,), "M8[D]", chunks=(4,), maxshape=(None,))
        for step in range(5):
            chk.append("log", step / 4)
            chk.append("frames", np.full((2, 3), step, "f4"))
            chk.append("words", f"é{step}" * step)
            chk.append("days", np.datetime64("2024-01-01", "D") + step)
        chk.create("fill value", (4, 3), "f4", fill_value=7.5)[1] = 1
        chk.create("unwritten", (500,), "i4")
        chk.create("unwritten chunks", (4, 300), "i4", chunks=(1, 300), fill_value=-1)[2] = 5
        chk.create("no rows", (0, 3), "f8", maxshape=(None, 3))
        chk.create("limits", (2, 3), "u1", maxshape=(4, None), chunks=(1, 8))[...] = 9
        chk.create("texts", (3,), str)[1] = "é"
        chk.put("gzip", smooth(4000), compression="gzip")
        chk.put("gzip 9", smooth(4000).astype(">i2"), compression=("gzip", 9))
        chk.put("gzip in parts", mixed(3000), compression="gzip", checksum=True)
        chk.put(
            "gzip, small chunks", smooth(700).reshape(7, 100), compression="gzip", chunks=(2, 30)
        )
        chk.put("gzip, booleans", smooth(900) % 2 == 0, compression="gzip")
        chk.put("gzip, appended", smooth(500), compression="gzip", chunks=(200,))
        chk.array("gzip, appended").append(smooth(250))
        chk.put("gzip, written", smooth(500), compression="gzip", checksum=True, chunks=(200,))
        chk.array("gzip, written")[150:250] = -1
        chk.put("checksum", smooth(400), checksum=True)
        chk.put("chunks", smooth(400).reshape(20, 20), chunks=(7, 20))
        chk.put("lzf", smooth(3000), compression="lzf")
        chk.put("masked", np.ma.array(smooth(3000), mask=smooth(3000) == 3), compression="gzip")
        chk.put("dict", {"a": smooth(2500), "b": [smooth(2500), None]}, compression="gzip")
        chk.put("fortran", np.asfortranarray(smooth(600).reshape(20, 30)), compression="gzip")
        chk.write_blocks("blocks", (smooth(n) for n in (3, 5)), rows=8)
        chk.write_blocks("blocks, chunks", (smooth(n) for n in (3, 5)), chunks=(4,))
        chk["overwritten in part"] = smooth(30)
        chk.array("overwritten in part")[5:7] = 0
        chk["overwritten"] = smooth(300)
        chk["overwritten"] = smooth(300) + 1


def layouts() -> dict[str, Any]:
    """What `make_layouts` makes."""
    filled = np.full((4, 3), 7.5, "f4")
    filled[1] = 1
    chunks = np.full((4, 300), -1, "i4")
    chunks[2] = 5
    written, part = smooth(500), smooth(30)
    written[150:250], part[5:7] = -1, 0
    steps = range(5)
    return {
        "compact": np.arange(10),
        "contiguous": smooth(300),
        "aligned": smooth(8200),
        "list, grown": [1, 2, 3],
        "frames": np.array([np.full((2, 3), step, "f4") for step in steps]),
        "words": np.array([f"é{step}" * step for step in steps], STRINGS()),
        "days": np.arange("2024-01-01", "2024-01-06", dtype="M8[D]"),
        "log": np.array([step / 4 for step in steps]),
        "fill value": filled,
        "unwritten": np.zeros(500, "i4"),
        "unwritten chunks": chunks,
        "no rows": np.zeros((0, 3)),
        "limits": np.full((2, 3), 9, "u1"),
        "texts": np.array(["", "é", ""], STRINGS()),
        "gzip": smooth(4000),
        "gzip 9": smooth(4000).astype(">i2"),
        "gzip in parts": mixed(3000),
        "gzip, small chunks": smooth(700).reshape(7, 100),
        "gzip, booleans": smooth(900) % 2 == 0,
        "gzip, appended": np.concatenate([smooth(500), smooth(250)]),
        "gzip, written": written,
        "checksum": smooth(400),
        "chunks": smooth(400).reshape(20, 20),
        "lzf": smooth(3000),
        "masked": np.ma.array(smooth(3000), mask=smooth(3000) == 3),
        "dict": {"a": smooth(2500), "b": [smooth(2500), None]},
        "fortran": np.asfortranarray(smooth(600).reshape(20, 30)),
        "blocks": np.concatenate([smooth(3), smooth(5)]),
        "blocks, chunks": np.concatenate([smooth(3), smooth(5)]),
        "overwritten in part": part,
        "overwritten": smooth(300) + 1,
    }


def make_plugins(path: str) -> None:
    """Filters that are no part of HDF5."""
    with HDF5Checkpointer(path) as chk:
        for name in ("zstd", "blosc2", "bitshuffle"):
            chk.put(name, smooth(3000), compression=name)


def plugins() -> dict[str, Any]:
    """What `make_plugins` makes."""
    return dict.fromkeys(("zstd", "blosc2", "bitshuffle"), smooth(3000))


def sums() -> dict[str, Any]:
    """What has checksums in a store that keeps them: each kind of them."""
    return {
        "text": "long é " * 600,
        "short text": "é",
        "words": np.array(["a", "", "é" * 100], STRINGS()),
        "list of words": ["short", "x" * 3000],
        "small": np.arange(3),
        "array": smooth(900),
        "matrix": smooth(900).reshape(30, 30),
        "times": np.array([0, 1], "M8[s]"),
        "packed": [1, None, smooth(300), "é\0"],
        "bytes": b"\0ab\0" * 900,
        "dict": {"a": {"b": smooth(300)}},
        "number": 1.5,
    }


def make_sums(path: str) -> None:
    """A store with checksums."""
    with HDF5Checkpointer(path, checksum=True) as chk:
        chk.update(sums())


def make_attributes(path: str) -> None:
    """Attributes of the root, of a group, of an array; with marks and without."""
    with HDF5Checkpointer(path) as chk:
        chk["x"] = np.arange(3)
        chk["g"] = {"y": np.arange(300.0)}
        for target, values in attributes().items():
            where = {"root": chk.attrs, "group": chk.group("g").attrs}.get(target)
            where = chk.array("x").attrs if where is None else where
            for name, value in values.items():
                where[name] = value
        chk.array("g/y").attrs["kept"] = (1, "é")
        chk["g/y"] = np.arange(3)  # what is replaced keeps its attributes
        chk.array("x").attrs["gone"] = (1, 2)
        del chk.array("x").attrs["gone"]


def attributes() -> dict[str, Any]:
    """The attributes that are set, by what they belong to."""
    return {
        "root": {"title": "é", "version": 3, "none": None, "empty": ""},
        "group": {"flag": True, "scale": 1.5, "phase": 1j, "tags": ["a", "é"]},
        "array": {
            "tags": ("a", "b"),
            "day": np.datetime64("2024-01-01", "D"),
            "single": np.float32(0.1),
            "double": np.float64(0.1),
            "big": 2**70,
            "array": np.arange(6, dtype="i2").reshape(2, 3),
            "days": np.array([1, 2], "M8[D]"),
            "words": np.array(["a", "é"]),
            "bytes": b"a\0",
            "mixed": [1, None, "é"],
            "numbers": [1, 2, 3],
        },
    }


def read_attributes(chk: HDF5Checkpointer) -> dict[str, Any]:
    """All attributes of that store."""
    return {
        "root": dict(sorted(chk.attrs.items())),
        "group": dict(sorted(chk.group("g").attrs.items())),
        "array": dict(sorted(chk.array("x").attrs.items())),
        "replaced": dict(chk.array("g/y").attrs),
        "values": chk.load(),
    }


def attributes_read() -> dict[str, Any]:
    """What `read_attributes` finds."""
    values = {"x": np.arange(3), "g": {"y": np.arange(3)}}
    found = {target: dict(sorted(items.items())) for target, items in attributes().items()}
    return {**found, "replaced": {"kept": (1, "é")}, "values": values}


def make_order(path: str) -> None:
    """Keys that were replaced by objects of other kinds, and keep their places."""
    with HDF5Checkpointer(path) as chk:
        chk.update({"a": 1, "b": 2, "c": 3, "d": 4})
        chk["a"] = np.arange(300)
        chk["c"] = {"z": 1, "y": 2, "x": 3}
        chk["c/z"] = "text"
        chk["c/y"] = [1, None]
        del chk["b"]
        chk["b"] = 5
        chk["d"] = {}
        chk["gone"] = 1
        chk["gone"] = "text"
        del chk["gone"]


def order() -> dict[str, Any]:
    """What `make_order` makes, in this order."""
    inner = {"z": "text", "y": [1, None], "x": 3}
    return {"a": np.arange(300), "c": inner, "d": {}, "b": 5}


def reserved() -> dict[str, Any]:
    """Dicts with names that mean something in files of the older checkpointer."""
    return {
        "_list_numitems": 1,
        "data": {"_data": np.zeros(3)},
        "data and more": {"_data": 1, "b": 2},
        "list": {"_list_numitems": 1, "_list_item_0": 2},
        "object": {"pseudopickle_protocol": 1, "class": 2, "state": 3},
        "deep": {"a": {"_data": {"_data": None}}},
        "in a list": [{"_data": 1}, {"$": 2, "$data": [3]}],
        "items": {"items": "x", "0": 1},
        "marks": {"hdfchk": 1, "hdfchk:order": 2, "hdfchk-crc32": 3},
    }


def make_root(path: str) -> None:
    """A reserved name as the only key of the file."""
    with HDF5Checkpointer(path) as chk:
        chk["_data"] = np.arange(3)


def make_marked(path: str) -> None:
    """Marks that this library does not write into HDF5 files, and reads all the same."""
    marks: dict[str, tuple[str, Any]] = {
        "none": ("None/1", h5py.Empty("i4")),
        "bool": ("bool/1", np.bool(True)),
        "float": ("float/1", np.float64(1.5)),
        "complex": ("complex/1", np.complex128(1 + 2j)),
        "int": ("int/1", np.int64(3)),
        "str": ("str/1", "é"),
        "numpy": ('numpy/1 {"dtype":"<f8"}', np.float64(1.5)),
        "list": ('list/1 {"item":"int","later":[1]}', np.arange(3)),
        "deque": ("packed/1", '{"$":"deque/1 {\\"maxlen\\":2}","items":[1,null]}'),
        "text": (
            "packed/1",
            '[1, -0.0, "\\u00e9", {"a": {"$": "float", "hex": "7ff0000000000000"}}]',
        ),
    }
    with h5py.File(path, "w", track_order=True) as file:
        for index, (key, (mark, data)) in enumerate(marks.items()):
            file.create_dataset(key, data=data)
            file[key].attrs["hdfchk"] = mark if index % 2 else np.bytes_(mark)
        file.create_group("dict", track_order=True).attrs["hdfchk"] = "dict/1"
        file["dict/_data"] = 1
        file["variable"] = "variable é"
        file["older"] = np.bytes_("ascii")
        file["soft"] = h5py.SoftLink("/dict")
        file["nowhere"] = h5py.SoftLink("/nothing")


def marked() -> dict[str, Any]:
    """What `make_marked` makes."""
    from collections import deque

    return {
        "none": None,
        "bool": True,
        "float": 1.5,
        "complex": 1 + 2j,
        "int": 3,
        "str": "é",
        "numpy": np.float64(1.5),
        "list": [0, 1, 2],
        "deque": deque([1, None], 2),
        "text": [1, -0.0, "é", {"a": float("inf")}],
        "dict": {"_data": 1},
        "variable": "variable é",
        "older": "ascii",
        "soft": {"_data": 1},
    }


def plain() -> dict[str, Any]:
    """A store as most are."""
    return {
        "params": {"steps": 500, "method": "euler", "limits": [0.5, 2.5]},
        "wfn": {"energies": [-76.4, -76.2], "matrix": smooth(100).reshape(10, 10)},
        "note": "é",
        "done": True,
        "nothing": None,
    }


def make_unjournaled(path: str) -> None:
    """A file that was written straight, as h5py writes it."""
    with HDF5Checkpointer(path, journal=False) as chk:
        chk.update(plain())
        chk["params/steps"] = 500


def make_compacted(path: str) -> None:
    """A file with space that nothing used, which was given back."""
    with HDF5Checkpointer(path) as chk:
        chk.update(plain())
        chk["gone"] = smooth(900)
        chk["params/limits"] = "text"
        chk["params/limits"] = [0.5, 2.5]
        del chk["gone"]
    chk.compact()
