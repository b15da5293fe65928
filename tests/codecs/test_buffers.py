"""Arrays of the standard library and views of memory: datasets that any tool reads."""

from __future__ import annotations

import array
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import CorruptFileError, HDF5Checkpointer, UnsupportedTypeError


@pytest.fixture
def chk(tmp_path: Path) -> HDF5Checkpointer:
    return HDF5Checkpointer(tmp_path / "x.hdf5")


def test_datasets(chk: HDF5Checkpointer) -> None:
    """h5py reads the items, in the shape of the view; slices are read without the rest."""
    chk["a"] = array.array("d", [1, 2, 3])
    chk["u"] = array.array("u", "é")
    chk["v"] = memoryview(np.arange(6, dtype="h").reshape(2, 3))
    with h5py.File(chk.checkpoint_file) as file:
        assert file["a"][:].tolist() == [1, 2, 3] and file["a"].dtype == "f8"
        assert file["u"][:].tolist() == [0xE9]
        assert file["v"][:].tolist() == [[0, 1, 2], [3, 4, 5]] and file["v"].dtype == "i2"


def test_memory_of_its_own(chk: HDF5Checkpointer) -> None:
    """A view can be written if the one that was stored could, and lies on other memory."""
    memory = bytearray(b"abc")
    chk["v"], chk["r"] = memoryview(memory), memoryview(bytes(memory))
    found = chk["v"]
    found[0] = 120
    assert bytes(found) == b"xbc" and memory == b"abc" and chk["r"].readonly


def released() -> memoryview:
    view = memoryview(b"a")
    view.release()
    return view


REFUSED: dict[str, Any] = {
    "order": lambda: memoryview(np.zeros((2, 3)).T),
    "steps": lambda: memoryview(b"abcd")[::2],
    "bytes in another order": lambda: memoryview(
        np.arange(3, dtype=">i4" if np.little_endian else "<i4")
    ),
    "fields": lambda: memoryview(np.zeros(2, [("a", "i4")])),
    "no items": lambda: memoryview(np.zeros((2, 0))),
    "released": released,
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, chk: HDF5Checkpointer) -> None:
    """A view that Python cannot create again is refused, with what to store."""
    with pytest.raises(UnsupportedTypeError, match="memoryview") as caught:
        chk["v"] = REFUSED[name]()
    assert caught.value.hint.startswith("store ")
    assert not Path(chk.checkpoint_file).exists()


MARKS = (
    'array.array/1 {"typecode":"O"}',
    'array.array/1 {"typecode":"ii"}',
    'array.array/1 {"typecode":"d"}',
    'array.array/1 {"typecode":"b"}',
    "array.array/1",
    'memoryview/1 {"format":"P"}',
    'memoryview/1 {"format":"d"}',
)


@pytest.mark.parametrize("mark", MARKS)
def test_damaged_marks(mark: str, chk: HDF5Checkpointer) -> None:
    """A type code that is none, or not that of the items, is an error; never other items."""
    chk["a"] = np.array([1, 2, 300])
    with h5py.File(chk.checkpoint_file, "r+") as file:
        file["a"].attrs["hdfchk"] = np.bytes_(mark)
    with pytest.raises(CorruptFileError):
        chk["a"]


def test_the_long_of_another_system(chk: HDF5Checkpointer) -> None:
    """C's long has 4 bytes on some systems: items that fit are read."""
    with h5py.File(chk.checkpoint_file, "w") as file:
        file["a"] = np.array([1, -2], np.int32)
        file["a"].attrs["hdfchk"] = np.bytes_('array.array/1 {"typecode":"l"}')
    assert chk["a"] == array.array("l", [1, -2])
