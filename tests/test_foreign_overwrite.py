"""An overwrite goes into the dataset that is there whenever that can take the value as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5o, h5p, h5s, h5t

from hdfchk import HDF5Checkpointer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file is made."""
    return tmp_path / "x.h5"


def odd(bits: int, sign: int) -> Any:
    tid = (h5t.STD_I32LE if bits > 16 else h5t.STD_I16LE).copy()
    tid.set_precision(bits)
    tid.set_sign(sign)
    return tid


def enum(base: Any) -> Any:
    tid = h5t.enum_create(base)
    tid.enum_insert(b"RED", 1)
    tid.enum_insert(b"BLUE", 2)
    return tid


TYPES = {
    "u1 big": h5t.STD_U8BE,
    "i1 big": h5t.STD_I8BE,
    "i4 big": h5t.STD_I32BE,
    "f8 big": h5t.IEEE_F64BE,
    "17 bits": odd(17, h5t.SGN_2),
    "9 bits": odd(9, h5t.SGN_NONE),
    "enum": enum(h5t.STD_I8LE),
    "enum big": enum(h5t.STD_I16BE),
    "bool": h5t.py_create(np.dtype(bool), logical=True),
}
LAYOUTS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "chunks": {"chunks": (7,)},
    "gzip": {"chunks": (7,), "gzip": True},
    "nbit": {"chunks": (7,), "nbit": True},
}


def make(file: Any, tid: Any, chunks: Any = None, **filters: Any) -> None:
    plist = h5p.create(h5p.DATASET_CREATE)
    if chunks:
        plist.set_chunk(chunks)
    if filters.get("gzip"):
        plist.set_shuffle()
        plist.set_deflate(3)
    if filters.get("nbit"):
        plist.set_filter(h5py.h5z.FILTER_NBIT, h5py.h5z.FLAG_OPTIONAL)
    space = h5s.create_simple((20,), (h5s.UNLIMITED if chunks else 20,))
    did = h5d.create(file.id, b"x", tid, space, plist)
    data = (np.arange(20) % 2).astype(did.dtype)
    did.write(h5s.ALL, h5s.ALL, data, h5t.py_create(did.dtype))
    file["ref"] = file["x"].ref
    file["x"].attrs["units"] = "m"


def outside(path: Path) -> Any:
    with h5py.File(path) as file:
        did = file["x"].id
        plist = did.get_create_plist()
        filters = [plist.get_filter(i)[:3] for i in range(plist.get_nfilters())]
        assert file[file["ref"][()]] == file["x"]
        assert file["x"].attrs["units"] == "m"
        return h5o.get_info(did).addr, did.get_type().encode(), file["x"].maxshape, filters


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", TYPES)
def test_what_is_read_can_be_written_back(
    path: Path, kind: str, layout: str, journal: bool
) -> None:
    """``c[k] = c[k]``, and other values of the dtype that is read, change no more than the data."""
    with h5py.File(path, "w") as file:
        make(file, TYPES[kind], **LAYOUTS[layout])
    before, chk = outside(path), HDF5Checkpointer(path, journal=journal)
    value = chk["x"]
    assert value.tolist() == [0, 1] * 10
    chk["x"] = value
    assert outside(path) == before and np.array_equal(chk["x"], value)
    other = value[::-1].copy()
    chk["x"] = other
    assert outside(path) == before
    assert chk["x"].dtype == other.dtype and np.array_equal(chk["x"], other)
    with h5py.File(path) as file:
        assert file["x"][()].tolist() == other.tolist()


@pytest.mark.parametrize("kind", ["17 bits", "9 bits"])
def test_numbers_that_have_too_few_bits_there(path: Path, kind: str) -> None:
    """A value that the dataset cannot hold is not cut."""
    with h5py.File(path, "w") as file:
        make(file, TYPES[kind], chunks=(7,))
    chk = HDF5Checkpointer(path)
    value = chk["x"]
    for number in (2**15, 2**16, 2**20) if kind == "17 bits" else (511, 512, 65_535):
        value[3] = number
        chk["x"] = value
        assert chk["x"].dtype == value.dtype and np.array_equal(chk["x"], value)


def test_numbers_over_booleans_stay_numbers(path: Path) -> None:
    """h5py's booleans are an enumeration of int8, and no int8."""
    chk = HDF5Checkpointer(path)
    chk["x"] = np.array([True, False])
    chk["x"] = np.array([1, 0], np.int8)
    assert chk["x"].dtype == np.int8
    chk["x"] = np.array([True, False])
    assert chk["x"].dtype == bool
