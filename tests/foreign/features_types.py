"""Types of HDF5 as its own test files have them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5t

from .making import bits, compound, creation, dataset, enum, integer, opaque, string
from .registry import foreign

INTEGERS = [f"STD_{sign}{size}{order}" for sign in "IU" for size in (8, 16, 32, 64) for order in ("LE", "BE")]  # fmt: skip
BITFIELDS = [f"STD_B{size}{order}" for size in (8, 16, 32, 64) for order in ("LE", "BE")]


def every(file: Any, name: str, tid: Any) -> None:
    """A scalar, an array and a chunked array of a type, and attributes of it."""
    dataset(file, f"{name} scalar", tid, (), bits(tid, 1))
    array = dataset(file, f"{name} array", tid, (3, 2), bits(tid, 6))
    plist = creation(chunk=((2, 2),), deflate=4)
    dataset(file, f"{name} chunks", tid, (3, 2), bits(tid, 6), maxshape=(None, 2), plist=plist)
    from .making import attribute

    attribute(array, "of the type", tid, bits(tid, 2), (2,))


@foreign("types/integers")
def integers(file: Any) -> None:
    for name in INTEGERS:
        every(file, name, getattr(h5t, name))


@foreign("types/bitfields")
def bitfields(file: Any) -> None:
    for name in BITFIELDS:
        every(file, name, getattr(h5t, name))


@foreign("types/floats")
def floats(file: Any) -> None:
    for name in (
        "IEEE_F16LE",
        "IEEE_F16BE",
        "IEEE_F32LE",
        "IEEE_F32BE",
        "IEEE_F64LE",
        "IEEE_F64BE",
    ):
        every(file, name, getattr(h5t, name))
    file["long"] = np.array([1, 2, 3], np.longdouble) / 3
    file["complex"] = np.array([1 + 2j, 3], "c8")
    file["complex big"] = np.array([1 + 2j, 3], ">c16")
    file["nan"] = np.array([0x7FF8DEADBEEF0001, 0xFFF0000000000001], "u8").view("f8")


@foreign("types/odd floats")
def odd_floats(file: Any) -> None:
    for name, fields, size, bias in (
        ("bfloat16", (15, 7, 8, 0, 7), 2, 127),
        ("f24", (23, 15, 8, 0, 15), 3, 127),
        ("f8e4m3", (7, 3, 4, 0, 3), 1, 7),
    ):
        tid = h5t.IEEE_F64LE.copy()
        tid.set_fields(*fields)
        tid.set_size(size)
        tid.set_ebias(bias)
        dataset(file, name, tid, (4,), bits(tid, 4))


@foreign("types/odd integers")
def odd_integers(file: Any) -> None:
    for width in (1, 7, 9, 12, 17, 24, 31):
        # HDF5 refuses types of which less than half is used.
        base = h5t.STD_I8LE if width <= 8 else h5t.STD_I16LE if width <= 16 else h5t.STD_I32LE
        for sign in (h5t.SGN_NONE, h5t.SGN_2):
            tid = integer(base, width, 0, sign)
            values = np.arange(6, dtype=f"<i{base.get_size()}") % 2 ** max(1, width - 1)
            dataset(file, f"{width} bits {sign}", tid, (6,), values.view(f"V{base.get_size()}"))
    tid = integer(h5t.STD_I32BE, 17, 3)
    values = np.array([1, 2, 3], ">i4") << 3
    dataset(file, "shifted big", tid, (3,), values.astype(">i4").view("V4"))
    tid = h5t.STD_I32LE.copy()
    tid.set_size(3)
    dataset(file, "three bytes", tid, (4,), bits(tid, 4))


@foreign("types/nbit")
def nbit(file: Any) -> None:
    for name, tid in (
        ("17", integer(h5t.STD_I32LE, 17)),
        ("17 big", integer(h5t.STD_I32BE, 17)),
        ("9 unsigned", integer(h5t.STD_U16LE, 9, 0, h5t.SGN_NONE)),
    ):
        plist = creation(chunk=((4,),))
        plist.set_filter(5, 0)
        order = ">" if name.endswith("big") else "<"
        values = np.arange(10).astype(f"{order}u{tid.get_size()}").view(f"V{tid.get_size()}")
        dataset(file, name, tid, (10,), values, maxshape=(None,), plist=plist)


@foreign("types/strings")
def strings(file: Any) -> None:
    for pad in ("null", "term", "space"):
        for utf8 in (False, True):
            tid = string(6, pad, utf8=utf8)
            fill = b" " if pad == "space" else b"\0"
            whole = "é34".encode().ljust(6, fill) if utf8 else b"123456"
            data = b"".join(text.ljust(6, fill) for text in (b"ab", b"", b"12345")) + whole
            name = f"{pad} {'utf8' if utf8 else 'ascii'}"
            dataset(file, name, tid, (4,), data)
            dataset(file, f"{name} scalar", tid, (), b"abc".ljust(6, fill))
            plist = creation(chunk=((2,),), shuffle=(), deflate=1)
            dataset(file, f"{name} chunks", tid, (4,), data, maxshape=(None,), plist=plist)
    file.create_dataset("variable", data=["aé", "", "xyz"], dtype=h5py.string_dtype())
    file.create_dataset("variable ascii", data=["a", "b"], dtype=h5py.string_dtype("ascii"))
    file.create_dataset("variable scalar", data="some é", dtype=h5py.string_dtype())
    file.create_dataset(
        "variable chunks", data=["a", "bc", "def"], dtype=h5py.string_dtype(), maxshape=(None,),
        chunks=(2,), compression="gzip",
    )  # fmt: skip
    file.create_dataset("never written", (3,), h5py.string_dtype())
    dataset(file, "latin", string(4, "null"), (), b"\xe9t\xe9\0")
    dataset(file, "latin array", string(4, "null"), (2,), b"\xe9t\xe9\0abcd")
    file.create_dataset("empty", (0,), h5py.string_dtype(), maxshape=(None,))


@foreign("types/enumerations")
def enumerations(file: Any) -> None:
    for name in INTEGERS:
        tid = enum(getattr(h5t, name), {"RED": 0, "GREEN": 1, "BLUE": 5})
        order = ">" if name.endswith("BE") else "<"
        values = np.array([0, 1, 5, 1]).astype(f"{order}i{tid.get_size()}")
        dataset(file, name, tid, (4,), values.view(f"V{tid.get_size()}"))
        dataset(file, f"{name} scalar", tid, (), values[2:3].view(f"V{tid.get_size()}"))
    tid = enum(h5t.STD_I8LE, {"FALSE": 0, "TRUE": 1})
    dataset(file, "bool", tid, (3,), b"\0\1\1")
    dataset(file, "bool chunks", tid, (4,), b"\0\1\1\0", plist=creation(chunk=((2,),), deflate=1))
    dataset(file, "bool scalar", tid, (), b"\1")
    tid = enum(h5t.STD_U8LE, {"no": 0, "yes": 1})
    dataset(file, "yes", tid, (3,), b"\0\1\1")


@foreign("types/opaque")
def opaques(file: Any) -> None:
    for name, tag in (("tagged", "an image"), ("plain", ""), ("numpy", "NUMPY:M8[us]")):
        every(file, name, opaque(8, tag))
    every(file, "odd", opaque(5, "five"))


@foreign("types/times")
def times(file: Any) -> None:
    for name in ("UNIX_D32LE", "UNIX_D32BE", "UNIX_D64LE", "UNIX_D64BE"):
        tid = getattr(h5t, name)
        dataset(file, name, tid, (2,), bits(tid, 2))


@foreign("types/compounds")
def compounds(file: Any) -> None:
    inner = compound(12, ("x", 0, h5t.IEEE_F64BE), ("n", 8, h5t.STD_I32LE))
    vector = h5t.array_create(inner, (2, 3))
    colour = enum(h5t.STD_U8LE, {"A": 0, "B": 1, "C": 99})
    outer = compound(
        200,
        ("inner", 0, inner),
        ("many", 16, vector),
        ("text", 96, string(5, "term")),
        ("space", 104, string(5, "space")),
        ("colour", 112, colour),
        ("bits", 113, h5t.STD_B8LE),
        ("blob", 114, h5t.array_create(h5t.STD_B8LE, (3,))),
        ("odd", 120, h5t.STD_U16BE),
    )
    data = np.zeros(3, "V200")
    raw = data.view("u1").reshape(3, 200)
    raw[:, :96] = np.random.default_rng(3).integers(0, 99, (3, 96))
    raw[:, 12:16] = 0
    raw[:, 88:96] = 0
    raw[:, 96:100], raw[:, 104:109] = list(b"abcd"), list(b"xy   ")
    raw[:, 112], raw[:, 113], raw[:, 114:117], raw[:, 120:122] = 1, 5, 7, 9
    dataset(file, "padded", outer, (3,), data)
    dataset(file, "scalar", outer, (), data[:1])
    plist = creation(chunk=((2,),), deflate=1)
    dataset(file, "chunks", outer, (3,), data, maxshape=(None,), plist=plist)
    packed = outer.copy()
    packed.pack()
    data = bytearray(2 * packed.get_size())
    at, size = packed.get_member_offset(packed.get_member_index(b"space")), packed.get_size()
    data[at : at + 5] = data[at + size : at + size + 5] = b"ab   "
    dataset(file, "packed", packed, (2,), bytes(data))
    # h5py cannot read a tagged opaque that stands in a compound.
    tagged = compound(7, ("n", 0, h5t.STD_I32LE), ("blob", 4, opaque(3, "tag")))
    dataset(file, "tagged", tagged, (2,), bytes(range(14)))
    one = compound(8, ("é ", 0, h5t.IEEE_F64LE))
    dataset(file, "one field", one, (2,), np.arange(2.0).view("V8"))


@foreign("types/compounds of variable items")
def variable_compounds(file: Any) -> None:
    text = h5py.string_dtype()
    dtype = np.dtype([("name", text), ("n", "i4"), ("list", h5py.vlen_dtype("f4"))])
    items = np.empty(3, dtype)
    for row, (name, count) in enumerate((("a", 1), ("bé", 2), ("", 0))):
        items[row] = (name, count, np.arange(count, dtype="f4"))
    file.create_dataset("rows", data=items, dtype=dtype)
    file.create_dataset("growing", data=items, dtype=dtype, maxshape=(None,), chunks=(2,))
    nested = np.dtype([("in", [("s", text), ("x", "f8")]), ("k", "i2")])
    rows = np.empty(2, nested)
    rows[0], rows[1] = (("one", 1.0), 1), (("two", 2.0), 2)
    file.create_dataset("nested", data=rows, dtype=nested)
    file.create_dataset("scalar", data=rows[0], dtype=nested)


@foreign("types/arrays")
def arrays(file: Any) -> None:
    flat = h5t.array_create(h5t.STD_I32BE, (3,))
    every(file, "flat", flat)
    every(file, "square", h5t.array_create(h5t.IEEE_F32LE, (2, 2)))
    every(file, "nested", h5t.array_create(h5t.array_create(h5t.STD_U8LE, (2,)), (3,)))
    text = h5t.array_create(string(4, "term"), (2,))
    dataset(file, "texts", text, (2,), b"abc\0de\0\0f\0\0\0\0\0\0\0")
    pair = h5t.array_create(compound(8, ("a", 0, h5t.STD_I32LE), ("b", 4, h5t.STD_I32BE)), (2,))
    dataset(file, "pairs", pair, (3,), bits(pair, 3))


@foreign("types/lists")
def lists(file: Any) -> None:
    for name, base in (("i2", "<i2"), ("f8", "<f8"), ("u1", "u1"), ("big", ">i4")):
        items = np.empty(3, object)
        items[:] = [np.arange(n, dtype=base.replace(">", "<")) for n in (3, 0, 1)]
        dtype = h5py.vlen_dtype(np.dtype(base))
        if name != "big":
            file.create_dataset(name, data=items, dtype=dtype)
            file.create_dataset(f"{name} chunks", data=items, dtype=dtype, maxshape=(None,))
        else:
            made = file.create_dataset(name, (3,), dtype)
            for row, item in enumerate(items):
                made[row] = item.byteswap().view(">i4")
    file.create_dataset("none", (2,), h5py.vlen_dtype("f4"))
    scalar = file.create_dataset("scalar", (), h5py.vlen_dtype("i4"))
    scalar[()] = np.arange(4, dtype="i4")
    file.create_dataset("texts", (2,), h5py.vlen_dtype(np.dtype("S3")))


@foreign("types/references")
def references(file: Any) -> None:
    target, group = (
        file.create_dataset("x", data=np.arange(12.0).reshape(3, 4)),
        file.create_group("g"),
    )
    group["y"] = np.arange(3)
    file.create_dataset(
        "objects", data=[target.ref, group.ref, group["y"].ref], dtype=h5py.ref_dtype
    )
    file.create_dataset("one", data=target.ref, dtype=h5py.ref_dtype)
    file.create_dataset("null", (2,), h5py.ref_dtype)
    regions = file.create_dataset("regions", (3,), h5py.regionref_dtype)
    regions[0], regions[1] = target.regionref[0:2, 1:3], target.regionref[:]
    dtype = np.dtype([("to", h5py.ref_dtype), ("n", "i4")])
    rows = np.zeros(2, dtype)
    rows["to"], rows["n"] = [target.ref, group.ref], [1, 2]
    file.create_dataset("rows", data=rows, dtype=dtype)
    many = file.create_dataset("many", (2,), h5py.vlen_dtype(h5py.ref_dtype))
    many[0] = np.array([target.ref, group["y"].ref], h5py.ref_dtype)
    group["y"].attrs["to"] = target.ref
    target.attrs["region"] = target.regionref[1]
    file.create_dataset("chunks", data=[target.ref] * 3, dtype=h5py.ref_dtype, chunks=(2,), maxshape=(None,))  # fmt: skip


@foreign("types/spaces")
def spaces(file: Any) -> None:
    file["null"] = h5py.Empty("f8")
    file["null text"] = h5py.Empty(h5py.string_dtype())
    file["null bytes"] = h5py.Empty("S4")
    file["empty"] = np.empty((0, 3))
    file["empty middle"] = np.empty((2, 0, 3), "i2")
    file["one"] = np.ones((1,))
    file["axes"] = np.arange(2**8, dtype="u1").reshape((2,) * 8)
    file.create_dataset("grows", (2, 3), "f4", maxshape=(None, None), chunks=(2, 2))
    file.create_dataset("grows from nothing", (0, 2), "f4", maxshape=(None, 2))
    file.create_dataset("bounded", (2,), "i8", maxshape=(4,), chunks=(2,))
    file["x"], file["n"], file["b"] = 1.5, 3, True
    file["null"].attrs["null"] = h5py.Empty("i4")
    file["x"].attrs["empty"] = np.empty((0,))


@foreign("types/committed")
def committed(file: Any) -> None:
    file["number"] = np.dtype(">i4")
    file["record"] = np.dtype([("a", "i4"), ("s", "S3")])
    file["record"].attrs["note"] = "a type with an attribute"
    tid = enum(h5t.STD_I16LE, {"A": 0, "B": 1})
    tid.commit(file.create_group("g").id, b"colour")
    text = string(None, "term", utf8=True)
    text.commit(file.id, b"text")
    dataset(file, "coloured", tid, (3,), np.array([0, 1, 1], "<i2").view("V2"))
    file.create_dataset("numbers", (3,), file["number"], data=[1, 2, 3])
    file.create_dataset("records", data=np.zeros(2, file["record"].dtype), dtype=file["record"])
    file["numbers"].attrs.create("of it", 5, dtype=file["number"])
    file["alias"] = file["record"]


@foreign("types/native complex")
def native_complex(file: Any) -> None:
    """HDF5 2's own complex numbers where h5py has them, else pairs of other names."""
    names = [name for name in ("COMPLEX_IEEE_F32LE", "COMPLEX_IEEE_F64BE") if hasattr(h5t, name)]
    for name in names:
        every(file, name, getattr(h5t, name))
    for first, second in (("real", "imag"), ("re", "im"), ("r", "i")):
        tid = compound(16, (first, 0, h5t.IEEE_F64LE), (second, 8, h5t.IEEE_F64LE))
        dataset(file, first, tid, (2,), np.arange(4.0).view("V16"))
