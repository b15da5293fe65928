"""An overwrite goes into the dataset that is there whenever that can take the value as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5o, h5p, h5s, h5t

from hdfchk import HDF5Checkpointer, ReferencedError


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
    for number in (2**15, 2**16, 2**20) if kind == "17 bits" else (511, 512, 65_535):
        with h5py.File(path, "w") as file:
            make(file, TYPES[kind], chunks=(7,))
        chk = HDF5Checkpointer(path)
        value = chk["x"]
        value[3] = number
        if number in {2**15, 511}:
            chk["x"] = value
        else:
            with pytest.raises(ReferencedError, match="'ref'"):
                chk["x"] = value
            chk.put("x", value, replace=True)
        assert chk["x"].dtype == value.dtype and np.array_equal(chk["x"], value)


def test_numbers_over_booleans_stay_numbers(path: Path) -> None:
    """h5py's booleans are an enumeration of int8, and no int8."""
    chk = HDF5Checkpointer(path)
    chk["x"] = np.array([True, False])
    chk["x"] = np.array([1, 0], np.int8)
    assert chk["x"].dtype == np.int8
    chk["x"] = np.array([True, False])
    assert chk["x"].dtype == bool


def _string(size: Any, pad: int = h5t.STR_NULLPAD, cset: int = h5t.CSET_UTF8) -> Any:
    tid = h5t.C_S1.copy()
    tid.set_size(size)
    tid.set_strpad(pad)
    tid.set_cset(cset)
    return tid


TEXTS = {
    "variable": (_string(h5t.VARIABLE), ["text", "", "longer than before: ü", "x" * 5000], []),
    "variable ascii": (
        _string(h5t.VARIABLE, cset=h5t.CSET_ASCII),
        ["", "longer than before"],
        ["ü"],
    ),
    "padded": (_string(8), ["a", "", "12345678", "ü234567"], ["123456789"]),
    "ended": (_string(8, h5t.STR_NULLTERM), ["a", "1234567", "12345678"], ["123456789"]),
    "blanks": (_string(8, h5t.STR_SPACEPAD), ["a", "12345678"], ["a ", "123456789"]),
    "ascii": (_string(8, cset=h5t.CSET_ASCII), ["a", "12345678"], ["ü"]),
}


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("kind", TEXTS)
def test_texts_over_strings(path: Path, kind: str, journal: bool) -> None:
    """A text goes into the string that is there, if it comes back as it is."""
    tid, fitting, others = TEXTS[kind]
    with h5py.File(path, "w") as file:
        did = h5d.create(file.id, b"x", tid, h5s.create(h5s.SCALAR))
        if kind.startswith("variable"):
            did.write(
                h5s.ALL, h5s.ALL, np.array("before", object), h5t.py_create(h5py.string_dtype())
            )
        else:
            did.write(h5s.ALL, h5s.ALL, np.array(b"before", "S8"), _string(8, cset=tid.get_cset()))
        file["ref"] = file["x"].ref
        file["x"].attrs["units"] = "m"
    before, chk = outside(path), HDF5Checkpointer(path, journal=journal)
    assert chk["x"] == "before"
    for text in ["before", *fitting]:
        chk["x"] = text
        assert chk["x"] == text and outside(path) == before
    for text in others:
        with pytest.raises(ReferencedError, match="'ref'"):
            chk["x"] = text
        assert outside(path) == before
    for text in others:
        chk.put("x", text, replace=True)
        assert type(chk["x"]) is str and chk["x"] == text


def test_shorter_texts_of_ours(path: Path) -> None:
    """A shorter text is written where the longer one was, and is the same text."""
    chk = HDF5Checkpointer(path)
    for text in ("running", "done", "", "a longer one than before", "grüße", "x"):
        chk["status"] = text
        with HDF5Checkpointer(path) as other:
            other["more"] = text
            assert other["more"] == text
        assert chk.load() == {"status": text, "more": text}
    with h5py.File(path) as file:
        assert file["status"][()] == b"x"


@pytest.mark.parametrize("journal", [True, False])
def test_none_over_what_is_none(path: Path, journal: bool) -> None:
    """A null dataspace, of others or of an earlier version, is None, and stays what it is for None."""
    with h5py.File(path, "w") as file:
        file["f4"], file["i4"] = h5py.Empty("f4"), h5py.Empty("i4")
        file["text"] = h5py.Empty(h5py.string_dtype())
        file["dtype"] = h5py.Empty("i4")
        file["dtype"].attrs["hdfchk"] = 'dtype/1 {"dtype":"<f4"}'
        before = {name: h5o.get_info(file[name].id).addr for name in file}
    chk = HDF5Checkpointer(path, journal=journal)
    for key in chk:
        assert chk[key] is None or chk[key] == np.dtype("f4")
        chk[key] = chk[key]
    with h5py.File(path) as file:
        assert {name: h5o.get_info(file[name].id).addr for name in file} == before
        assert all(isinstance(file[name][()], h5py.Empty) for name in file)
    chk["f4"], chk["i4"], chk["text"] = 1.5, "text", np.arange(3)
    assert chk["f4"] == 1.5 and chk["i4"] == "text" and chk["text"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("journal", [True, False])
def test_none_over_a_number(path: Path, journal: bool) -> None:
    """None goes into a float64 that is there, and a number into None."""
    with h5py.File(path, "w") as file:
        file["x"] = 1.5
        file["x"].attrs["units"] = "m"
        file["ref"] = file["x"].ref
    chk = HDF5Checkpointer(path, journal=journal)
    before = outside(path)
    for value in (None, 2.5, None, None, float("nan")):
        chk["x"] = value
        assert outside(path) == before and str(chk["x"]) == str(value)
