"""Attributes of others are copied byte for byte, whatever takes the place of what has them."""

from __future__ import annotations

import contextlib
import ctypes
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5a, h5i, h5r, h5s, h5t

from hdfchk import HDF5Checkpointer, UnsupportedTypeError


def strings() -> Iterator[tuple[str, Any, Any]]:
    """Fixed strings that use all of their bytes: name, type, bytes."""
    for cset in (h5t.CSET_ASCII, h5t.CSET_UTF8):
        for pad in (h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD):
            for size, text in ((5, b"GROUP"), (1, b"K"), (6, b"a  \0\0\0")):
                tid = h5t.C_S1.copy()
                tid.set_size(size)
                tid.set_strpad(pad)
                tid.set_cset(cset)
                yield f"string {cset} {pad} {size}", tid, text


def numbers() -> Iterator[tuple[str, Any, Any]]:
    """Numbers in any order and precision, and what is made of them."""
    for name in ("STD_I8BE", "STD_U16BE", "STD_I64LE", "IEEE_F32BE", "IEEE_F64LE", "STD_B16BE"):
        tid = getattr(h5t, name).copy()
        yield name, tid, bytes(range(1, tid.get_size() + 1))
    odd = h5t.STD_I32LE.copy()
    odd.set_precision(17)
    yield "17 bits", odd, b"\x05\x01\x00\x00"
    half = h5t.IEEE_F32LE.copy()
    half.set_fields(15, 10, 5, 0, 10)
    half.set_precision(16)
    half.set_ebias(15)
    yield "a float of its own", half, b"\x00\x3c\x00\x00"
    enum = h5t.enum_create(h5t.STD_I16BE)
    enum.enum_insert(b"RED", 1)
    enum.enum_insert(b"BLUE", 2)
    yield "enum", enum, b"\x00\x02"
    opaque = h5t.create(h5t.OPAQUE, 7)
    opaque.set_tag(b"of mine")
    yield "opaque", opaque, b"1234567"
    yield "array", h5t.array_create(h5t.STD_I16BE, (2, 3)), bytes(range(12))


def compounds() -> Iterator[tuple[str, Any, Any]]:
    """Compounds with gaps, of the types above, nested."""
    inner_of = [*strings()][:3] + [*numbers()]
    tid, raw = h5t.create(h5t.COMPOUND, 200), bytearray(200)
    at = 3
    for name, inner, data in inner_of:
        tid.insert(name.encode(), at, inner)
        raw[at : at + len(data)] = data
        at += len(data) + 2
    yield "compound", tid, bytes(raw)
    outer = h5t.create(h5t.COMPOUND, 402)
    outer.insert(b"pair", 1, h5t.array_create(tid, (2,)))
    yield "nested", outer, b"\0" + bytes(raw) * 2 + b"\0"


EXACT = {name: (tid, raw) for name, tid, raw in (*strings(), *numbers(), *compounds())}
SHAPES: list[tuple[int, ...] | None] = [(), (1,), (2, 3), (0,), None]
VARIABLE: dict[str, tuple[np.dtype[Any], Any]] = {
    "text": (h5py.string_dtype(), "grüße"),
    "bytes": (h5py.string_dtype("ascii"), b"abc"),
    "numbers": (h5py.vlen_dtype(np.dtype(">i2")), np.arange(3, dtype=">i2")),
}


def space_of(shape: tuple[int, ...] | None) -> Any:
    if shape is None:
        return h5s.create(h5s.NULL)
    return h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)


def give(oid: Any, *, has_reference: bool) -> None:
    """Give an object one attribute of each type and shape."""
    for name, (tid, raw) in EXACT.items():
        for shape in SHAPES:
            aid = h5a.create(oid, f"{name} {shape}".encode(), tid, space_of(shape))
            if shape is not None and 0 not in shape:
                data = np.frombuffer(raw * int(np.prod(shape)), f"V{len(raw)}").reshape(shape)
                aid.write(data, tid)
    attrs = h5py.AttributeManager(h5py.HLObject(oid))
    for name, (dtype, value) in VARIABLE.items():
        single = np.empty((), object)
        single[()] = value
        attrs.create(name, single, dtype=dtype)
        several = np.empty(2, object)
        several[0], several[1] = value, value[:1]
        attrs.create(f"{name}s", several, dtype=dtype)
    if h5i.get_name(oid) == b"/x" and has_reference:
        attrs["object"] = h5r.create(h5i.get_file_id(oid), b"/g", h5r.OBJECT)


def taken(oid: Any) -> dict[bytes, Any]:
    """All attributes of an object: type, shape and bytes."""
    found = {}
    names: list[bytes] = []
    h5a.iterate(oid, names.append)
    for name in names:
        if name.startswith(b"hdfchk"):
            continue
        aid = h5a.open(oid, name)
        tid, space = aid.get_type(), aid.get_space()
        shape = None if space.get_simple_extent_type() == h5s.NULL else space.shape
        data: Any = None
        if name.decode() in {*VARIABLE, *(f"{name}s" for name in VARIABLE)}:
            data = repr(h5py.AttributeManager(h5py.HLObject(oid))[name.decode()])
        elif name == b"object":
            assert h5r.get_name(h5py.AttributeManager(h5py.HLObject(oid))["object"], oid) == b"/g"
        elif shape is not None:
            data = np.zeros(shape, f"V{tid.get_size()}")
            if data.size:
                aid.read(data, tid)
            data = data.tobytes()
        found[name] = (tid.encode(), shape, data)
    return found


WAYS: dict[str, Callable[[HDF5Checkpointer], object]] = {
    "same": lambda chk: chk.__setitem__("x", np.arange(5.0) + 1),
    "other dtype": lambda chk: chk.__setitem__("x", np.arange(5, dtype="u1")),
    "other length": lambda chk: chk.__setitem__("x", np.arange(50.0)),
    "number": lambda chk: chk.__setitem__("x", 5),
    "text": lambda chk: chk.__setitem__("x", "text"),
    "update": lambda chk: chk.update({"x": [1, 2], "y": 3}),
    "append": lambda chk: chk.append("x", 1.0),
    "slice": lambda chk: chk.array("x").__setitem__(slice(2), 1.0),
    "put": lambda chk: chk.put("x", np.arange(3), compression="gzip"),
    "compact": lambda chk: chk.compact(),
}


@pytest.mark.parametrize("kind", ["path", "h5py"])
@pytest.mark.parametrize("way", WAYS)
def test_attributes_of_every_type_are_copied(tmp_path: Path, way: str, kind: str) -> None:
    """No byte, type or shape of an attribute is another afterwards."""
    if way == "compact" and kind == "h5py":
        return  # an open file is not compacted
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.arange(5.0), maxshape=(None,), chunks=(5,))
        file.create_group("g")
        for name in ("x", "g", "/"):  # a reference makes compact() refuse the file
            give(file[name].id, has_reference=way != "compact")
        before = [taken(file[name].id) for name in ("x", "g", "/")]
    assert len(before[0]) > 150
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(h5py.File(path, "a")) if kind == "h5py" else None
        chk = HDF5Checkpointer(file or path)
        WAYS[way](chk)
        chk.close()
    with h5py.File(path, "r") as file:
        for name, old in zip(("x", "g", "/"), before, strict=True):
            new = taken(file[name].id)
            assert new.keys() == old.keys()
            for key, (tid, *rest) in old.items():
                assert h5t.decode(tid).equal(h5t.decode(new[key][0])), (name, key)
                assert rest == [*new[key][1:]], (name, key)


def test_a_mixed_type_that_cannot_be_copied_is_refused(tmp_path: Path) -> None:
    """Strings without room for their end, beside ones of variable length: an error, and no loss."""
    path = tmp_path / "x.h5"
    tid = h5t.C_S1.copy()
    tid.set_size(5)
    variable = h5t.C_S1.copy()
    variable.set_size(h5t.VARIABLE)
    both = h5t.create(h5t.COMPOUND, 13)
    both.insert(b"fixed", 0, tid)
    both.insert(b"variable", 5, variable)
    with h5py.File(path, "w") as file:
        file["x"] = 1
        file["y"] = 1
        for key, text in ("x", b"GROUP"), ("y", b"GRP\0\0"):
            copy = ctypes.CDLL(None).strdup
            copy.restype = ctypes.c_void_p
            raw = text + struct.pack("P", copy(b"of any length"))  # h5py frees it
            aid = h5a.create(file[key].id, b"a", both, h5s.create(h5s.SCALAR))
            aid.write(np.frombuffer(raw, "V13").reshape(()), both)
        assert file["x"].attrs["a"]["fixed"] == b"GROUP"
        assert file["x"].attrs["a"]["variable"] == b"of any length"
    chk = HDF5Checkpointer(path)
    with pytest.raises(UnsupportedTypeError, match="'a'") as caught:
        chk["x"] = "text"
    assert caught.value.key == "x" and caught.value.file == str(path)
    chk["y"] = "text"
    with h5py.File(path, "r") as file:
        assert file["x"][()] == 1 and file["x"].attrs["a"]["fixed"] == b"GROUP"
        assert file["y"].attrs["a"]["fixed"] == b"GRP"
        assert file["y"].attrs["a"]["variable"] == b"of any length"
