"""No dtype that NumPy can name is accepted and does not come back: each at every place."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, MissingExtraError, UnknownTypeError, UnsupportedTypeError
from hdfchk.codecs import ml_types
from tests.support.exact import differs

UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "7D", "25s")
OVER = [("a", "<i2"), ("b", "<i2")]


def small() -> dict[str, np.dtype]:
    """The dtypes of ml_dtypes that are installed and in the table of hdfchk."""
    try:
        library = importlib.import_module("ml_dtypes")
    except ImportError:
        return {}
    found = {name: getattr(library, name, None) for name in ml_types.NAMES}
    return {name: np.dtype(cls) for name, cls in found.items() if cls is not None}


SMALL = small()
needs_ml_dtypes = pytest.mark.skipif(not SMALL, reason="ml_dtypes is not installed")


def simple() -> dict[str, np.dtype]:
    """Dtypes without fields, each in both byte orders."""
    named = {char: np.dtype(char) for char in np.typecodes["All"] if char not in "SUVMm"}
    named |= {text: np.dtype(text) for text in ("S0", "S1", "S5", "U0", "U1", "U5", "V0", "V3")}
    named |= {f"{kind}8[{unit}]": np.dtype(f"{kind}8[{unit}]") for kind in "Mm" for unit in UNITS}
    named |= {"M8": np.dtype("M8"), "m8": np.dtype("m8"), "record 8": np.dtype((np.record, 8))}
    named |= {"record": np.dtype(np.record)} | SMALL
    swapped = {f"{name}, swapped": dtype.newbyteorder() for name, dtype in named.items()}
    return named | swapped


def texts() -> dict[str, np.dtype]:
    """Variable-length strings, which cannot be fields."""
    strings = np.dtypes.StringDType
    return {
        "T": strings(),
        "T, strict": strings(coerce=False),
        "T, None": strings(na_object=None),
        "T, nan": strings(na_object=np.nan),
        "T, text": strings(na_object="missing"),
    }


def structured() -> dict[str, np.dtype]:
    """Each simple dtype as a field, as a sub-array, nested; and the layouts that there are."""
    named: dict[str, Any] = {}
    for name, dtype in simple().items():
        inner = np.dtype([("x", dtype), ("n", "i1")], align=True)
        fields = [("first", "i1"), ("one", dtype), ("in", inner, (2,))]
        fields += [("some", dtype, (2,))] if dtype.itemsize else []
        named[f"{name}, in fields"] = np.dtype(fields)
    lay: dict[str, Any] = {"names": ["a", "b"], "formats": ["<i4", ">f8"]}
    named["titles"] = {**lay, "titles": ["title of a", None]}
    named["gaps"] = {**lay, "offsets": [4, 16], "itemsize": 40}
    named["backwards"] = {**lay, "offsets": [16, 0]}
    named["overlap"] = {**lay, "offsets": [0, 2], "itemsize": 12}
    named["odd names"] = {"names": ["é /.", "\ud800", ""], "formats": ["i1", "i2", "O"]}
    named["nothing"] = []
    named["record of fields"] = (np.record, [("a", "i4"), ("b", "<U3")])
    named["aligned record"] = (np.record, np.dtype([("a", "i1"), ("b", "f8")], align=True))
    named["over a number"] = ("<i4", OVER)
    named["over a swapped one"] = (">i4", OVER)
    named["over a moment"] = ("<M8[us]", [("a", "<i4"), ("b", "<i4")])
    named["over text"] = ("S4", [("a", "S2"), ("b", "S2")])
    named["over a number, inside"] = [("k", np.dtype(("<i4", OVER))), ("n", "i4")]
    return {name: np.dtype(spec) for name, spec in named.items()}


KEPT = {"simple": simple(), "texts": texts(), "structured": structured()}
KINDS = ["simple", "texts", pytest.param("structured", marks=pytest.mark.slow)]


def filled(dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """An array whose items differ where the dtype lets them."""
    array = np.zeros(shape, dtype)
    if dtype.names is not None and dtype.kind == "V":
        for name in dtype.names:
            base, inner = dtype[name].subdtype or (dtype[name], ())
            array[name] = filled(base, (*shape, *inner))
    elif dtype.kind not in "V" or dtype in SMALL.values():
        array[...] = np.arange(array.size).reshape(shape).astype(dtype)
    elif dtype.names is None and dtype.itemsize:
        array.view(np.uint8)[...] = np.arange(array.nbytes).reshape(*shape[:-1], -1)
    return array


def places(dtype: np.dtype) -> Iterator[tuple[str, Any]]:
    """Values with this dtype in them."""
    array = filled(dtype, (2, 3))
    boxed = np.empty(2, object)
    boxed[:] = [array, array[0, 1]]
    zero = np.empty((), dtype)
    zero[...] = array[1, 2]
    yield "the dtype", dtype
    yield "an array", array
    yield "Fortran order", np.asfortranarray(array)
    yield "no axes", zero
    yield "no items", array[:0]
    yield "a scalar", array[0, 1]
    yield "in a list", [array[0, 1], array, dtype]
    yield "scalars in a list", [array[0, 1], array[0, 1]]
    yield "in a dict", {"a": array, "s": array[0, 1], "d": dtype, 3: {"deep": (array[1, 1],)}}
    yield "in a tuple", (array[0, 1], {"a": [array]})
    yield "in an object array", boxed
    if dtype.kind in "biufcMmSU" and dtype.itemsize:
        yield "masked", np.ma.array(array, mask=np.ones(array.shape, bool))


@pytest.mark.parametrize("kind", KINDS)
def test_kept(kind: str, tmp_path: Path) -> None:
    """A value of every dtype at every place is read, by another store, as it was."""
    path = tmp_path / "x.hdf5"
    values = {
        (f"{number}", place): value
        for number, dtype in enumerate(KEPT[kind].values())
        for place, value in places(dtype)
    }
    HDF5Checkpointer(path).update(values)
    names = list(KEPT[kind])
    with HDF5Checkpointer(path, mode="r") as chk:
        for (number, place), value in values.items():
            where = f"{names[int(number)]}, {place}"
            assert differs(value, chk.load_parameter((number, place)), where) is None


@pytest.mark.parametrize("kind", KINDS)
def test_attributes(kind: str, tmp_path: Path) -> None:
    """As an attribute it is kept, or refused where it takes more than one HDF5 object."""
    kept = {}
    with HDF5Checkpointer(tmp_path / "x.hdf5") as chk:
        for name, dtype in KEPT[kind].items():
            number = f"x{len(chk)}"
            chk[number] = 1
            for place, value in places(dtype):
                try:
                    chk.array(number).attrs[place] = value
                    kept[name, number, place] = value
                except UnsupportedTypeError as error:
                    assert "needs more than one HDF5 object" in str(error)
    with HDF5Checkpointer(tmp_path / "x.hdf5", mode="r") as chk:
        for (name, number, place), value in kept.items():
            found = chk.array(number).attrs[place]
            assert differs(value, found, f"{name}, {place}") is None
    assert len({name for name, _, place in kept if place == "the dtype"}) == len(KEPT[kind])


class Row(np.void):
    """A class of rows that no file can name."""


def _rational() -> np.dtype:
    return np.dtype(importlib.import_module("numpy._core._rational_tests").rational)


REFUSED = {
    "a dtype of C code": _rational,
    "rows of a class": lambda: np.dtype((Row, [("a", "i4")])),
    "bytes of a class": lambda: np.dtype((Row, 8)),
    "titles of any type": lambda: np.dtype(
        {"names": ["a"], "formats": ["i4"], "titles": [("x", 1)]}
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("inside", [False, True])
def test_refused(name: str, inside: bool, tmp_path: Path) -> None:
    """A dtype that cannot be rebuilt is refused at every place, before there is a file."""
    dtype = REFUSED[name]()
    dtype = np.dtype([("n", "i1"), ("f", dtype), ("s", dtype, (2,))]) if inside else dtype
    array = np.zeros((2, 3), dtype)
    boxed = np.empty(1, object)
    boxed[0] = array
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    values = (dtype, array, array[0, 0], np.zeros((), dtype), [array], {"a": (1, array)}, boxed)
    for value in values:
        with pytest.raises(UnsupportedTypeError) as caught:
            chk["x"] = value
        assert caught.value.hint and caught.value.key.startswith("x")
    with pytest.raises(UnsupportedTypeError):
        chk.create("x", shape=(3,), dtype=dtype)
    assert not (tmp_path / "x.hdf5").exists()


def test_every_scalar_type() -> None:
    """The dtypes above have all scalar types of NumPy, and those of ml_dtypes that are loaded."""

    def below(cls: type) -> Iterator[type]:
        for sub in cls.__subclasses__():
            yield sub
            yield from below(sub)

    abstract = {"number", "integer", "signedinteger", "unsignedinteger", "inexact", "floating"}
    abstract |= {"complexfloating", "flexible", "character"}
    known = {dtype.type for dtypes in KEPT.values() for dtype in dtypes.values()}
    modules = {"numpy", "ml_dtypes"} if SMALL else {"numpy"}
    for cls in below(np.generic):
        if cls.__module__ in modules and cls.__name__ not in abstract:
            assert cls in known or cls.__module__ == "ml_dtypes", cls


@needs_ml_dtypes
def test_small_numbers_for_other_tools(tmp_path: Path) -> None:
    """Other tools see the bits of the numbers of ml_dtypes, as unsigned integers or as pairs."""
    path = tmp_path / "x.hdf5"
    HDF5Checkpointer(path).update({name: np.ones(3, dtype) for name, dtype in SMALL.items()})
    with h5py.File(path) as file:
        for name, dtype in SMALL.items():
            found = file[name]
            assert found.dtype.itemsize == dtype.itemsize
            assert found.dtype.kind == "u" or found.dtype.names == ("r", "i")
            assert found[:].view(dtype).tolist() == np.ones(3, dtype).tolist()
        wide = file["bfloat16"][:].astype("<u4") << 16
        assert wide.view("<f4").tolist() == [1.0, 1.0, 1.0]


@needs_ml_dtypes
def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ml_dtypes its numbers are an error that names it, everything else is read."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    array = np.ones(3, SMALL["bfloat16"])
    fields = np.zeros(2, [("a", array.dtype), ("b", "i4")])
    values = {"a": array, "s": array[0], "l": [1, array[0]], "d": array.dtype, "f": fields}
    chk.update(values)
    chk["plain"] = 1
    chk.array("a").attrs["n"] = array[0]
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    for key in values:
        with pytest.raises(MissingExtraError, match=r"pip install ml_dtypes") as caught:
            chk.load(key)
        assert caught.value.key.startswith(key)
    for read in (lambda: chk.array("a")[0], lambda: chk.array("a").attrs["n"]):
        with pytest.raises(MissingExtraError, match="pip install ml_dtypes"):
            read()
    assert chk["plain"] == 1


@needs_ml_dtypes
def test_another_version_of_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dtype that this version of ml_dtypes, or of hdfchk, lacks is an error; never bytes."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    chk["x"] = np.ones(3, SMALL["int4"])
    library, int4 = importlib.import_module("ml_dtypes"), SMALL["int4"]
    with monkeypatch.context() as patched:
        patched.delattr(library, "int4")
        with pytest.raises(UnknownTypeError, match="does not have int4.*update ml_dtypes"):
            chk["x"]
    monkeypatch.delitem(ml_types._STORAGE, "int4")
    with pytest.raises(UnknownTypeError, match="update hdfchk"):
        chk["x"]
    with pytest.raises(UnsupportedTypeError):
        chk["y"] = np.ones(3, int4)
    assert list(chk) == ["x"]


@needs_ml_dtypes
def test_a_file_names_nothing_else(tmp_path: Path) -> None:
    """What a file may name in the library is in the table alone."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    chk["x"] = np.ones(3, SMALL["int4"])
    with h5py.File(tmp_path / "x.hdf5", "r+") as file:
        text = 'ndarray/1 {"dtype":{"ml_dtypes":"finfo"}}'
        file["x"].attrs["hdfchk"] = np.bytes_(text)
    with pytest.raises(UnknownTypeError, match="finfo"):
        chk["x"]


PARTS = {
    "bfloat16": ([1.5, 2, np.inf], [1j, "a", None, 1e300]),
    "float8_e5m2": ([1.5, 300, np.nan], [1e6, 1j]),
    "float4_e2m1fn": ([1.5, 6, True], [1000, np.nan, np.inf]),
    "int4": ([1, -8, True, np.int8(7)], [8, 1.5, np.nan, 2.0]),
    "uint4": ([1, 15], [16, -1]),
    "complex32": ([1.5, 2j, np.nan], [1e6, "a"]),
}


@needs_ml_dtypes
@pytest.mark.parametrize("name", [name for name in PARTS if not SMALL or name in SMALL])
def test_parts(name: str, tmp_path: Path) -> None:
    """Slices, rows and single elements are read, written and refused as those of other dtypes."""
    chk = HDF5Checkpointer(tmp_path / "x.hdf5")
    dtype = SMALL[name]
    chk["x"] = np.zeros((4, 2), dtype)
    array = chk.array("x")
    assert array.dtype == dtype and differs(np.zeros((2, 2), dtype), array[1:3]) is None
    fit, unfit = PARTS[name]
    for value in fit:
        array[1] = value
        expected = np.asarray(value).astype(dtype)
        assert array[1].tobytes() == np.array([expected, expected], dtype).tobytes()
    before = array[...].tobytes()
    for value in unfit:
        with pytest.raises(UnsupportedTypeError, match="do not fit"):
            array[1] = value
    assert array[...].tobytes() == before
    array.append(np.ones((2, 2), dtype))
    assert array[-1].tolist() == [1, 1] and array.shape == (6, 2)
    chk["fields"] = np.zeros(3, [("a", dtype), ("b", "f4")])
    chk.array("fields")[1] = (1, 2.5)
    assert chk["fields"].tolist() == [(0, 0), (1, 2.5), (0, 0)]
