"""Classes and functions as values: those of a table, and registered ones; a file imports nothing."""

from __future__ import annotations

import dataclasses
import enum
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CodecRegistry, HDF5Checkpointer, UnknownTypeError, UnsupportedTypeError
from hdfchk.codecs import classes


@dataclasses.dataclass
class Settings:
    dtype: type
    kind: Any = None


class Kind(enum.Enum):
    A = 1


class Strange(type):
    """Its classes have no hash, and are equal to all."""

    def __eq__(cls, other: object) -> bool:
        return True

    __hash__ = None


class Odd(metaclass=Strange):
    pass


@pytest.fixture
def chk(tmp_path: Path) -> HDF5Checkpointer:
    registry = CodecRegistry()
    registry.register(Settings, name="tests.Settings of classes")
    registry.register(Kind, name="tests.Kind")
    return HDF5Checkpointer(tmp_path / "x.hdf5", serializer=registry)


def test_every_name(chk: HDF5Checkpointer) -> None:
    """Each class and function of the table comes back as itself, and is text for other tools."""
    chk["x"] = {f"{n}": item for n, item in enumerate(classes._BY_NAME.values())}
    found = chk.load("x")
    assert all(a is b for a, b in zip(found.values(), classes._BY_NAME.values(), strict=True))
    with h5py.File(chk.checkpoint_file) as file:
        assert file["x/0"].asstr()[()] == "builtins.bool"


def test_all_of_numpy() -> None:
    """Every scalar type, dtype class and ufunc of NumPy's main namespace is in the table."""
    known = set(map(id, classes._BY_NAME.values()))
    ufuncs = [getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), np.ufunc)]
    kinds = {np.dtype(char).type for char in np.typecodes["All"]}
    public = [getattr(np.dtypes, name) for name in np.dtypes.__all__]
    dtypes = [item for item in public if isinstance(item, type)]  # some are functions
    missing = [item for item in [*ufuncs, *kinds, *dtypes] if id(item) not in known]
    assert missing == []


def test_inside_a_state(chk: HDF5Checkpointer) -> None:
    """Registered classes, of any metaclass, are kept by their registered names."""
    value = Settings(np.float32, {"classes": [Settings, Kind, int], "ufunc": np.hypot})
    chk["x"] = value
    assert chk["x"] == value and chk["x"].kind["classes"][1] is Kind
    other = HDF5Checkpointer(chk.checkpoint_file, serializer=CodecRegistry())
    with pytest.raises(UnknownTypeError, match="not registered"):
        other.load("x/kind")


@pytest.mark.parametrize(
    "value",
    [
        Path,
        os.stat_result,
        Odd,
        type("X", (), {}),
        enum.EnumMeta,
        len,
        np.frompyfunc(len, 1, 1),
        np.mean,
    ],
)
def test_refused(value: Any, chk: HDF5Checkpointer) -> None:
    """Other classes and functions are refused, with what to do."""
    with pytest.raises(UnsupportedTypeError) as caught:
        chk["x"] = {"deep": [value]}
    assert caught.value.hint and caught.value.key == "x/deep/[0]"
    assert not Path(chk.checkpoint_file).exists()


@pytest.mark.parametrize(
    "name",
    ["os.system", "numpy.load", "builtins.eval", "numpy.ufunc.load", "ml_dtypes.finfo", "", "int"],
)
def test_a_file_names_nothing_else(name: str, chk: HDF5Checkpointer) -> None:
    """A name that is in no table is an error."""
    chk["x"] = "text"
    with h5py.File(chk.checkpoint_file, "r+") as file:
        del file["x"]
        file["x"] = name
        file["x"].attrs["hdfchk"] = np.bytes_("class/1")
    with pytest.raises(UnknownTypeError, match="in no table"):
        chk["x"]


def test_small_numbers(chk: HDF5Checkpointer) -> None:
    """The scalar types of ml_dtypes are kept, too."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    chk["x"] = [ml_dtypes.bfloat16, ml_dtypes.int4]
    assert chk["x"] == [ml_dtypes.bfloat16, ml_dtypes.int4]
