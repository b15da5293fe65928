"""What golden files from set 3 on hold: strings as they lie now, and None as a number. Frozen."""

from __future__ import annotations

from collections import deque
from typing import Any

import h5py
import numpy as np

from hdfchk import HDF5Checkpointer

from .pandas_3 import as_pandas_3
from .values import numbered

STRINGS = np.dtypes.StringDType
NONE_NUMBER = np.array(0x7FF84E6F000007A2, "u8").view("f8")
TEXTS = ["a", "", "é", "b c"]


def objects_of(texts: Any) -> np.ndarray:
    """An object array of texts."""
    array = np.empty(np.shape(texts), object)
    array[...] = texts
    return array


def _arrays() -> list[Any]:
    table = objects_of([["a", "é"], ["", "x y "], ["漢", "😀"]])
    return [
        *(objects_of(TEXTS), objects_of([""]), table, np.asfortranarray(table), table.T),
        *(table.reshape(3, 1, 2, 1), objects_of("é"), objects_of(""), objects_of(["x" * 9000])),
        *(objects_of(["trailing  ", "\n"]), objects_of(["a\0b"]), objects_of(["a", "\ud800"])),
        *(np.empty(0, object), objects_of(["a", None]), objects_of(["a", np.str_("b")])),
        np.array([("a", 1, ["x"]), ("b", 2, [])], [("s", "O"), ("n", "i4"), ("o", "O")]),
        np.ma.array(objects_of(["a", "b"]), mask=[0, 1]),
    ]


def strings() -> dict[str, Any]:
    """Object arrays of `str`, and such as are not quite."""
    return numbered(text=_arrays())


def numbers() -> dict[str, Any]:
    """None, and numbers with its bits."""
    return {
        "none": None,
        "nones": {"a": None, "b": {"c": None}},
        "in a list": [None, np.zeros(2), {"a": None}],
        "float": NONE_NUMBER.item(),
        "in a list, too": [NONE_NUMBER.item(), None],
        "numpy": NONE_NUMBER[()],
        "0-d": NONE_NUMBER.copy(),
        "array": NONE_NUMBER.reshape(1).repeat(3),
        "nan": float("nan"),
        "dtype": np.dtype("f4"),
        "nothing": np.void(b""),
    }


@as_pandas_3
def text_frames() -> dict[str, Any]:
    """pandas objects with strings as objects."""
    import pandas as pd

    columns = {"a": ["x", "é"], "b": ["", "y\0"], "c": ["z", None]}
    return {
        "frame": pd.DataFrame(columns, dtype=object),
        "series": pd.Series(["a", "é", ""], dtype=object, name="texts"),
        "index": pd.Series([1, 2], index=pd.Index(["x", "y"], dtype=object)),
        "stamp": pd.Timestamp("2024-02-29").as_unit("us"),
    }


def written_over() -> dict[str, Any]:
    """Values that were written into string datasets of another program."""
    given = {
        "objects": objects_of(TEXTS),
        "list": list(TEXTS),
        "tuple": tuple(TEXTS),
        "deque": deque(TEXTS, 5),
        "fixed": np.array(TEXTS, "U7"),
        "string dtype": np.array(TEXTS, STRINGS()),
        "table": np.asfortranarray(objects_of([TEXTS, TEXTS])),
        "nested": [TEXTS, TEXTS],
        "text": "é",
        "none": objects_of([]),
        "no list": [],
        "more": objects_of(TEXTS * 3),
    }
    return {f"{kind}:{key}": value for kind in ("v", "f") for key, value in given.items()}


def make_written_over(path: str) -> None:
    """Write these values into the datasets."""
    growing = {"none", "no list", "more"}
    with h5py.File(path, "w", track_order=True) as file:
        for key, value in written_over().items():
            kind, _, name = key.partition(":")
            shape = (4,) if name in growing else np.shape(value)
            options = {"chunks": (3,), "maxshape": (None,)} if name in growing else {}
            dtype = h5py.string_dtype(length=None if kind == "v" else 8)
            file.create_dataset(key, shape, dtype, **options)
    chk = HDF5Checkpointer(path)
    for key, value in written_over().items():
        chk[key,] = value
    with h5py.File(path) as file:
        for key in written_over():
            width = h5py.check_string_dtype(file[key].dtype).length
            assert width == (None if key.startswith("v") else 8), key


def attributes_read() -> dict[str, Any]:
    """What `read_attributes` finds."""
    return {"none": None, "number": NONE_NUMBER.item(), "texts": objects_of(TEXTS)}


def make_attributes(path: str) -> None:
    """Attributes in the new forms."""
    with HDF5Checkpointer(path) as chk:
        chk["x"] = np.arange(3)
        for name, value in attributes_read().items():
            chk.array("x").attrs[name] = value


def read_attributes(chk: HDF5Checkpointer) -> dict[str, Any]:
    """All attributes of that store."""
    return dict(sorted(chk.array("x").attrs.items()))
