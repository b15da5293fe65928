"""Arrays of Arrow in pandas: as plain datasets; damaged, refused, and without pyarrow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from hdfchk import CorruptFileError, HDF5Checkpointer, UnsupportedTypeError
from hdfchk.codecs.registry import default_registry
from tests.support.exact import differs

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")


def array(items: list[Any], kind: Any) -> Any:
    """An array of pandas."""
    return pd.arrays.ArrowExtensionArray(pa.array(items, kind))


def frame() -> pd.DataFrame:
    """A frame with columns of several types."""
    missing = pd.StringDtype("pyarrow", na_value=np.nan)
    return pd.DataFrame(
        {
            "n": array([1, None, 3], pa.int32()),
            "s": array(["a", None, "é"], pa.string()),
            "t": array([0, None, 1], pa.timestamp("s", "UTC")),
            "words": pd.array(["x", None, "é"], dtype=missing),
            "all": pd.array(["x", "y", "z"], dtype=missing),
            "d": array(["u", None, "v"], pa.string()).astype("category"),
        }
    )


def test_plain_h5py(path: str) -> None:
    """Each column is one dataset, and one of what is missing, if anything is."""
    HDF5Checkpointer(path)["f"] = frame()
    with h5py.File(path) as file:
        parts = [file[f"f/column{n}"] for n in range(6)]
        assert parts[0]["data"].dtype == "i4" and parts[0]["data"][:].tolist() == [1, 0, 3]
        assert h5py.check_string_dtype(parts[1]["data"].dtype) == ("utf-8", None)
        assert parts[1]["data"].asstr()[:].tolist() == ["a", "", "é"]
        assert parts[2]["data"][:].tolist() == [0, np.iinfo("i8").min, 1]
        assert h5py.check_string_dtype(parts[3]["texts"].dtype) == ("utf-8", None)
        assert parts[3]["texts"].asstr()[:].tolist() == ["x", "", "é"]
        for part in parts[:4]:
            assert part["missing"].dtype == "bool"
            assert part["missing"][:].tolist() == [False, True, False]
        assert list(parts[4]) == ["texts"]
        assert parts[5]["codes"][:].tolist() == [0, -1, 1]


def test_a_column(path: str) -> None:
    """A column is read without the others."""
    chk = HDF5Checkpointer(path)
    chk["f"] = frame()
    for name in frame():
        assert differs(frame()[name], chk.column("f", name)) is None


def test_large_chunks(path: str) -> None:
    """Chunks whose dictionaries differ are one array with one dictionary of all values."""
    chunks = [pa.array(words).dictionary_encode() for words in (["a", "b"], ["c", "a", None])]
    value = pd.arrays.ArrowExtensionArray(pa.chunked_array(chunks))
    HDF5Checkpointer(path)["x"] = value
    found = HDF5Checkpointer(path).load("x")
    assert list(found.dropna()) == ["a", "b", "c", "a"] and found.dtype == value.dtype
    with h5py.File(path) as file:
        assert file["x/values/data"].asstr()[:].tolist() == ["a", "b", "c"]
        assert file["x/codes/data"][:].tolist() == [0, 1, 2, 0, 0]


def extension() -> Any:
    """An array of an extension type: Arrow's own of UUIDs, or one made here."""

    class Odd(pa.ExtensionType):
        def __init__(self) -> None:
            super().__init__(pa.int64(), "odd")

        def __arrow_ext_serialize__(self) -> bytes:
            return b""

        @classmethod
        def __arrow_ext_deserialize__(cls, storage: Any, data: bytes) -> Any:
            return cls()

    odd = pa.ExtensionArray.from_storage(Odd(), pa.array([1]))
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([odd]))


def not_utf8() -> Any:
    """Text of bytes that are no UTF-8."""
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([bad_text()]))


def bad_text() -> Any:
    """The same as an array of Arrow."""
    offsets = pa.py_buffer(np.array([0, 1], "i4"))
    return pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff")])


REFUSED = {
    "extension": (extension, "cast it"),
    "view": (lambda: pd.arrays.ArrowExtensionArray(pa.array(["a"], pa.string_view())), "cast it"),
    "encoded": (
        lambda: pd.arrays.ArrowExtensionArray(pa.RunEndEncodedArray.from_arrays([2], [1])),
        "cast it",
    ),
    "in a list": (lambda: array([["a"]], pa.list_(pa.string_view())), "cast it"),
    "text": (not_utf8, "bytes"),
    "text of pandas": (lambda: pd.arrays.ArrowStringArray(pa.chunked_array([bad_text()])), "bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, path: str) -> None:
    """A type without a plain form is refused with a hint, before there is a file."""
    make, hint = REFUSED[name]
    with pytest.raises(UnsupportedTypeError, match=hint) as caught:
        HDF5Checkpointer(path)["f"] = {"part": make()}
    assert isinstance(caught.value, TypeError) and caught.value.key == "f/part"
    assert not Path(path).exists()


def change(key: str, data: Any) -> tuple[str, Any]:
    """What is to be in a dataset of the value."""
    return key, data


DAMAGES = {
    "short mask": ([1, None], pa.int8(), change("missing", np.array([True]))),
    "long mask": ([1, None], pa.int8(), change("missing", np.zeros(100, bool))),
    "other numbers": ([1, 2], pa.int8(), change("data", np.array([1, 2], "i2"))),
    "other unit": ([1, 2], pa.timestamp("s"), change("data", np.array([1, 2], "M8[ms]"))),
    "two axes": ([1, 2], pa.int8(), change("data", np.zeros((2, 2), "i1"))),
    "no date": ([1], pa.date32(), change("data", np.array([2**40]).view("M8[D]"))),
    "no milliseconds of a day": ([0], pa.date64(), change("data", np.array([1]).view("M8[ms]"))),
    "time beyond the day": ([1], pa.time32("s"), change("data", np.array([10**6], "m8[s]"))),
    "ends beyond the bytes": ([b"ab"], pa.binary(), change("offsets", np.array([0, 900]))),
    "ends backwards": ([b"ab", b"c"], pa.binary(), change("offsets", np.array([0, 2, 1]))),
    "starts before": ([b"ab"], pa.large_binary(), change("offsets", np.array([-9, 2]))),
    "ends beyond the items": ([[1]], pa.list_(pa.int8()), change("offsets", np.array([0, 99]))),
    "no ends": ([[1]], pa.list_(pa.int8()), change("offsets", np.zeros(0, "i8"))),
    "far beyond": ([[1]], pa.list_(pa.int8()), change("offsets", np.array([0, 2**40]))),
    "code": (["a"], pa.dictionary(pa.int8(), pa.string()), change("codes/data", np.int8([7]))),
    "fields": ([{"a": 1, "b": 2}], "struct", change("field1/data", np.zeros(5, "i8"))),
    "keys": ([[("a", 1)]], pa.map_(pa.string(), pa.int8()), change("items/data", np.int8([1, 2]))),
    "no number": ([1], pa.decimal128(5, 2), change("data", np.array(["1.234"], object))),
    "bytes as text": (["a"], pa.string(), change("data", np.array([1]))),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged(name: str) -> None:
    """Parts that do not fit each other are an error, before Arrow looks at them."""
    items, kind, (key, data) = DAMAGES[name]
    if kind == "struct":
        kind = pa.struct([("a", pa.int64()), ("b", pa.int64())])
    if pa.types.is_decimal(kind):
        value = pd.array(["1.23"], dtype=pd.ArrowDtype(pa.string())).astype(pd.ArrowDtype(kind))
    elif pa.types.is_temporal(kind):
        width = np.dtype(f"i{kind.bit_width // 8}")
        value = pd.arrays.ArrowExtensionArray(pa.array(np.array(items, width)).view(kind))
    else:
        value = array(items, kind)
    node = default_registry.encode(value)
    assert differs(value, default_registry.decode(node)) is None
    *above, last = key.split("/")
    part = node
    for level in above:
        part = part.children[level]
    part.children[last] = default_registry.encode(data)
    with pytest.raises(CorruptFileError):
        default_registry.decode(node)


def test_other_types_of_a_file(path: str) -> None:
    """A file cannot name any function of pyarrow."""
    HDF5Checkpointer(path)["x"] = array([1], pa.int8())
    for spec in ('"allocate_buffer"', '["memory_map",1]', '"nothing"', "[]"):
        with h5py.File(path, "r+") as file:
            file["x"].attrs["hdfchk"] = f'pandas.array/2 {{"kind":"arrow","type":{spec}}}'
        with pytest.raises(CorruptFileError):
            HDF5Checkpointer(path)["x"]


READ = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
sys.meta_path.insert(0, Without())
from hdfchk import HDF5Checkpointer, MissingExtraError
chk = HDF5Checkpointer(sys.argv[1], mode="r")
for key in ("arrow", "texts", "default", "frame"):
    try:
        chk[key]
    except MissingExtraError as error:
        assert "pyarrow" in str(error) and "pip install pyarrow" in str(error), error
    else:
        sys.exit(f"{key} was read")
assert chk.group("texts")["texts"].tolist() == ["a", ""]
assert chk.group("arrow")["data"].tolist() == [1, 0]
assert chk.column("frame", 1).tolist() == [1, 2]
assert chk.column("frame", 2).tolist() == ["a", "b"]
"""


def test_without_pyarrow(path: str) -> None:
    """Where pyarrow is missing the error names it: pandas calls text in another storage unequal."""
    other = [
        pd.Series(["a"], dtype=pd.StringDtype(s, na_value=np.nan)) for s in ("python", "pyarrow")
    ]
    assert other[0].dtype != other[1].dtype and not other[0].equals(other[1])
    chk = HDF5Checkpointer(path)
    chk["arrow"] = array([1, None], pa.int8())
    chk["texts"] = pd.array(["a", None], dtype="string[pyarrow]")
    chk["default"] = other[1]
    words = pd.array(["a", "b"], dtype=pd.StringDtype("python", na_value=np.nan))
    chk["frame"] = pd.DataFrame({0: array([1, None], pa.int8()), 1: [1, 2], 2: words})
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, cwd=root, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
