"""``c[k] = c[k]`` changes nothing, whatever HDF5 type a dataset of others has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5g, h5o, h5p, h5s, h5t

from hdfchk import HDF5Checkpointer
from tests.foreign import fingerprint

BOOL = h5t.py_create(np.dtype(bool), logical=True)
COMPLEX = h5t.py_create(np.dtype("c8"), logical=True)


def _with(tid: Any, **settings: Any) -> Any:
    tid = tid.copy()
    for name, value in settings.items():
        getattr(tid, f"set_{name}")(*(value if isinstance(value, tuple) else (value,)))
    return tid


def _enum(base: Any) -> Any:
    tid = h5t.enum_create(base)
    tid.enum_insert(b"RED", 1)
    tid.enum_insert(b"BLUE", 2)
    return tid


def _text(size: int, pad: int, cset: int = h5t.CSET_ASCII) -> Any:
    return _with(h5t.C_S1, size=size, strpad=pad, cset=cset)


def _compound(*members: Any, room: int = 0) -> Any:
    """Members one after the other, with room behind each."""
    tid = h5t.create(h5t.COMPOUND, sum(member.get_size() + room for member in members))
    offset = 0
    for name, member in zip("abcdefg", members, strict=False):
        tid.insert(name.encode(), offset, member)
        offset += member.get_size() + room
    return tid


NUMBERS = {
    f"{kind}{bits}{order}": getattr(h5t, f"STD_{kind}{bits}{order}")
    for kind in "IUB"
    for bits in (8, 16, 32, 64)
    for order in ("LE", "BE")
    if (kind, bits, order) != ("B", 8, "BE")  # h5py cannot read it
}
FLOATS = {
    f"F{bits}{order}": getattr(h5t, f"IEEE_F{bits}{order}")
    for bits in (16, 32, 64)
    for order in ("LE", "BE")
}
OTHERS = {
    "long double": h5t.py_create(np.dtype("g")),
    "17 bits": _with(h5t.STD_I32LE, precision=17),
    "9 bits further up": _with(h5t.STD_U16BE, precision=9, offset=4),
    "24 bits of a float": _with(h5t.IEEE_F32LE, fields=(23, 15, 8, 0, 15), precision=24),
    "enum": _enum(h5t.STD_I8LE),
    "enum big": _enum(h5t.STD_I16BE),
    "bool": BOOL,
    "opaque": h5t.py_create(np.dtype("V5")),  # h5py cannot read those of other tags
    "complex": COMPLEX,
    "complex big": h5t.py_create(np.dtype(">c16"), logical=True),
    "array": h5t.array_create(h5t.IEEE_F32LE, (2, 2)),
    "array big": h5t.array_create(h5t.STD_I16BE, (3,)),
    "array of one": h5t.array_create(h5t.STD_U8LE, (1,)),
    "array of enums": h5t.array_create(_enum(h5t.STD_I8LE), (2,)),
    "array of texts": h5t.array_create(_text(4, h5t.STR_SPACEPAD), (2,)),
    "compound": _compound(h5t.STD_I32LE, h5t.IEEE_F64LE),
    "compound big": _compound(h5t.STD_I32BE, h5t.STD_U8BE),
    "compound with room": _compound(h5t.STD_I8LE, h5t.IEEE_F32BE, room=3),
    "compound of all": _compound(
        _compound(h5t.IEEE_F32LE, h5t.array_create(h5t.STD_I16LE, (2,))),
        _enum(h5t.STD_I8LE),
        _text(4, h5t.STR_NULLTERM),
        h5t.py_create(np.dtype("V3")),
        _with(h5t.STD_I32LE, precision=17),
        h5t.STD_B16LE,
        BOOL,
    ),
}
TEXTS = {
    f"text {pad} {cset}": _text(6, getattr(h5t, f"STR_{pad}"), getattr(h5t, f"CSET_{cset}"))
    for pad in ("NULLPAD", "NULLTERM", "SPACEPAD")
    for cset in ("ASCII", "UTF8")
}
VARIABLE = {
    "list": h5t.vlen_create(h5t.STD_I32LE),
    "list big": h5t.vlen_create(h5t.IEEE_F64BE),
    "list of bytes": h5t.vlen_create(h5t.STD_U8BE),
    "list of enums": h5t.vlen_create(_enum(h5t.STD_I8LE)),
    "list of compounds": h5t.vlen_create(OTHERS["compound"]),
    "list of lists": h5t.vlen_create(h5t.vlen_create(h5t.STD_I32LE)),
    "compound of lists": _compound(h5t.STD_I32LE, h5t.vlen_create(h5t.STD_I16LE)),
    "compound of strings": _compound(
        h5t.STD_I32LE, h5t.py_create(h5py.string_dtype(), logical=True)
    ),
}
TYPES = {**NUMBERS, **FLOATS, **OTHERS, **TEXTS, **VARIABLE}
SHAPES: dict[str, Any] = {
    "scalar": (),
    "null": None,
    "array": (6,),
    "matrix": (2, 3),
    "empty": (0,),
    "one": (1,),
    "chunks": (6,),
    "gzip": (6,),
}


def _plist(how: str) -> Any:
    plist = h5p.create(h5p.DATASET_CREATE)
    if how in {"chunks", "gzip"}:
        plist.set_chunk((4,))
    if how == "gzip":
        plist.set_shuffle()
        plist.set_deflate(3)
    return plist


def _space(how: str) -> Any:
    shape = SHAPES[how]
    if shape is None:
        return h5s.create(h5s.NULL)
    if shape == ():
        return h5s.create(h5s.SCALAR)
    most = (h5s.UNLIMITED,) if how in {"chunks", "gzip"} else shape
    return h5s.create_simple(shape, most)


def _fill(dtype: np.dtype[Any], tid: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Items of a dtype that HDF5 converts to items of a type."""
    data = np.zeros(shape, dtype)
    if tid.get_class() == h5t.VLEN:
        base = tid.get_super()
        for index, where in enumerate(np.ndindex(shape)):
            data[where] = _fill(base.dtype, base, (index % 3,))
    elif tid.get_class() == h5t.STRING:
        for index, where in enumerate(np.ndindex(shape)):
            data[where] = "ab" * (index % 3)
    elif dtype.names is not None:
        for index, name in enumerate(dtype.names):
            inner = tid.get_member_type(index)
            base = inner.get_super() if inner.get_class() == h5t.ARRAY else inner
            data[name] = _fill(base.dtype, base, data[name].shape)
    elif tid.get_class() == h5t.ENUM:
        data[...] = (np.arange(data.size) % 2 + (dtype.kind != "b")).reshape(shape)
    elif dtype.kind != "V":
        data[...] = (np.arange(data.size) % 7).reshape(shape)
    return data


def _make(path: Path, tid: Any, how: str) -> None:
    with h5py.File(path, "w") as file:
        did = h5d.create(file.id, b"x", tid, _space(how), _plist(how))
        shape = SHAPES[how]
        if shape is not None and np.prod(shape):
            if tid in VARIABLE.values():
                did.write(h5s.ALL, h5s.ALL, _fill(did.dtype, tid, shape))
            elif tid.get_class() == h5t.ARRAY:
                base, axes = tid.get_super(), tid.get_array_dims()
                data = _fill(base.dtype, base, (*shape, *axes))
                did.write(h5s.ALL, h5s.ALL, data, h5t.array_create(h5t.py_create(data.dtype), axes))
            else:  # the bytes of numbers up to 127, and of texts, are the same in every order
                raw = np.zeros(shape, f"V{tid.get_size()}")
                flat = raw.reshape(-1).view(np.uint8).reshape(-1, tid.get_size())
                last = tid.get_class() == h5t.INTEGER and tid.get_order() == h5t.ORDER_BE
                flat[:, -1 if last else 0] = 1
                did.write(h5s.ALL, h5s.ALL, raw, tid)
        file["to"] = file["x"].ref
        file["x"].attrs["units"] = "m"


@pytest.mark.slow
@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("kind", TYPES)
def test_every_type(tmp_path: Path, kind: str, journal: bool) -> None:
    """Type, layout, attributes, address and data of a dataset are what they were."""
    for how in SHAPES:
        path = tmp_path / f"{how}.h5"
        _make(path, TYPES[kind], how)
        before = fingerprint(str(path))
        chk = HDF5Checkpointer(path, journal=journal)
        if kind in {"compound of strings", "compound of lists"} and how == "scalar":
            continue  # NumPy's scalar of it cannot be stored
        value = chk["x"]
        chk["x"] = value
        assert fingerprint(str(path)) == before, how
        with chk:
            chk.update({"x": value, "new": 1})
            chk["x"] = value
        assert fingerprint(str(path), but=("new",)) == before, how


@pytest.mark.parametrize("kind", {**OTHERS, **TEXTS})
def test_other_values(tmp_path: Path, kind: str) -> None:
    """Another value of the kind that is read goes into the dataset, and comes back."""
    for how in ("scalar", "array", "gzip"):
        path = tmp_path / f"{how}.h5"
        _make(path, TYPES[kind], how)
        before = fingerprint(str(path))["/x"]
        chk = HDF5Checkpointer(path)
        value = chk["x"]
        if isinstance(value, np.ndarray) and value.shape:
            value = np.roll(value, 1, axis=0)
        elif isinstance(value, str):
            value = value + "a"
        chk["x"] = value
        after = fingerprint(str(path))["/x"]
        assert [*after[:7], after[8]] == [*before[:7], before[8]], how
        again = chk["x"]
        assert type(again) is type(value) and np.array_equal(again, value), how
        if isinstance(value, np.ndarray):
            assert again.dtype == value.dtype


def test_values_that_would_not_come_back(tmp_path: Path) -> None:
    """What the type cannot hold takes its place, and is not cut."""
    cases: list[tuple[str, Callable[[Any], Any]]] = [
        ("24 bits of a float", lambda value: value + np.float32(1 / 3)),
        ("17 bits", lambda value: value + np.int32(2**20)),
        ("array of texts", lambda value: np.full_like(value, b"a ")),
        ("text NULLTERM ASCII", lambda value: np.full_like(value, b"sixsix")),
    ]
    for kind, other in cases:
        path = tmp_path / "x.h5"
        _make(path, TYPES[kind], "array")
        with h5py.File(path, "r+") as file:
            del file["to"]
        chk = HDF5Checkpointer(path)
        value = other(chk["x"])
        chk["x"] = value
        assert chk["x"].dtype == value.dtype and np.array_equal(chk["x"], value), kind


def test_damaged_order_of_bytes(tmp_path: Path) -> None:
    """Arrays of another order of bytes are other values: only scalars have none."""
    path = tmp_path / "x.h5"
    _make(path, TYPES["I32BE"], "array")
    with h5py.File(path, "r+") as file:
        del file["to"]
    chk = HDF5Checkpointer(path)
    chk["x"] = chk["x"].astype("<i4")
    assert chk["x"].dtype.str == "<i4"
    _make(path, TYPES["I64BE"], "scalar")
    assert type(chk["x"]) is np.int64
    chk["x"] = np.int64(5)
    assert type(chk["x"]) is np.int64 and h5_type(path).equal(h5t.STD_I64BE)


def h5_type(path: Path) -> Any:
    with h5py.File(path) as file:
        return file["x"].id.get_type().copy()


def test_named_types(tmp_path: Path) -> None:
    """A named datatype, and what has it, stay as they are."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["kind"] = np.dtype([("a", "i4"), ("b", "f8")])
        file.create_dataset("x", (3,), file["kind"])
        file["x"].attrs.create("y", np.zeros(2), dtype=np.dtype("f8"))
    before, chk = fingerprint(str(path)), HDF5Checkpointer(path)
    for key in ("kind", "x"):
        chk[key] = chk[key]
        assert fingerprint(str(path)) == before
    chk["kind"] = "text"
    assert chk["kind"] == "text" and chk["x"].dtype.names == ("a", "b")


def test_groups_of_groups(tmp_path: Path) -> None:
    """All keys of a file, one after the other, and as one commit."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        for index, (kind, tid) in enumerate({**NUMBERS, **OTHERS, **TEXTS}.items()):
            gid = h5g.create(file.id, kind.encode())
            for how in ("array", "gzip"):
                h5d.create(gid, how.encode(), tid, _space(how), _plist(how))
            file[kind].attrs["index"] = index
    before, chk = fingerprint(str(path)), HDF5Checkpointer(path)
    values = {f"{kind}/{how}": item for kind, of in chk.load().items() for how, item in of.items()}
    chk.update(values)
    assert fingerprint(str(path)) == before
    with h5py.File(path) as file:
        assert h5o.get_info(file["I8LE/array"].id).rc == 1
