"""A file with every HDF5 datatype, in every layout, as a dataset and as an attribute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5p, h5s, h5t, h5z

LAYOUTS = (
    "compact",
    "contiguous",
    "chunked",
    "fletcher32",
    "gzip",
    "shuffle",
    "nbit",
    "attribute",
    "null",
    "scalar",
)


def _simple() -> dict[str, Any]:
    enum = h5t.enum_create(h5t.STD_I16BE)
    enum.enum_insert(b"RED", 1)
    odd = h5t.STD_I32LE.copy()
    odd.set_precision(17)
    odd.set_offset(3)
    opaque = h5t.create(h5t.OPAQUE, 4)
    opaque.set_tag(b"tag")
    found = {
        "i1": h5t.STD_I8LE,
        "u8": h5t.STD_U64BE,
        "f2": h5t.IEEE_F16LE,
        "f4": h5t.IEEE_F32BE,
        "long": h5t.NATIVE_LDOUBLE,
        "enum": enum,
        "odd": odd,
        "opaque": opaque,
        "bits": h5t.STD_B16LE,
        "time": h5t.UNIX_D32LE,
        "complex": h5t.py_create(np.dtype("c16"), logical=True),
        "bool": h5t.py_create(np.dtype(bool), logical=True),
        "reference": h5t.STD_REF_OBJ,
        "region": h5t.STD_REF_DSETREG,
    }
    for pad in (h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD):
        for cset in (h5t.CSET_ASCII, h5t.CSET_UTF8):
            for size in (5, h5t.VARIABLE):
                text = h5t.C_S1.copy()
                text.set_size(size)
                text.set_strpad(pad)
                text.set_cset(cset)
                found[f"text {pad} {cset} {size}"] = text
    return found


def types() -> dict[str, Any]:
    """Return each type by itself, in arrays, in variable-length sequences, and in compounds."""
    found = _simple()
    for name, tid in list(found.items()):
        inner = h5t.create(h5t.COMPOUND, tid.get_size() + 8)
        inner.insert(b"a", 0, h5t.STD_I64LE)
        inner.insert(b"b", 8, tid)
        nested = h5t.create(h5t.COMPOUND, inner.get_size() + 4)
        nested.insert(b"n", 0, h5t.STD_I32LE)
        nested.insert(b"c", 4, inner)
        found[f"array of {name}"] = h5t.array_create(tid, (2, 3))
        found[f"items of {name}"] = h5t.vlen_create(tid)
        found[f"compound of {name}"], found[f"nested {name}"] = inner, nested
    return found


def make(path: Path, libver: str) -> None:
    """Create the file."""
    with h5py.File(path, "w", libver=libver) as file:
        file["fine"] = 1
        for name, tid in types().items():
            for layout in LAYOUTS:
                _make(file, f"{name}, {layout}", tid, layout)


def _make(file: Any, name: str, tid: Any, layout: str) -> None:
    space = {"null": h5s.create(h5s.NULL), "scalar": h5s.create(h5s.SCALAR)}.get(layout)
    space = space or h5s.create_simple((6,))
    if layout == "attribute":
        file[name] = 1
        h5a.create(file[name].id, b"a", tid, space)
        return
    plist = h5p.create(h5p.DATASET_CREATE)
    if layout == "compact":
        plist.set_layout(h5d.COMPACT)
    elif layout in {"chunked", "fletcher32", "gzip", "shuffle", "nbit"}:
        plist.set_chunk((4,))
    if layout == "fletcher32":
        plist.set_fletcher32()
    elif layout == "gzip":
        plist.set_deflate(4)
    elif layout == "shuffle":
        plist.set_shuffle()
    elif layout == "nbit":
        plist.set_filter(h5z.FILTER_NBIT, h5z.FLAG_OPTIONAL)
    try:
        did = h5d.create(file.id, name.encode(), tid, space, plist)
    except ValueError:
        return  # HDF5 does not support this filter for this type
    if layout == "null" or "items" in name or "reference" in name or "region" in name:
        return
    if name.split(",", maxsplit=1)[0].endswith(str(h5t.VARIABLE)):
        return
    size, shape = tid.get_size(), did.shape
    data = np.arange(size * (shape[0] if shape else 1)) % 3 + 1
    did.write(h5s.ALL, h5s.ALL, np.frombuffer(data.astype("u1"), f"V{size}").reshape(shape), tid)
