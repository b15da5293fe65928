"""Layouts of HDF5 as its own test files have them: storage, filters, fills, indices of chunks."""

from __future__ import annotations

import os
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5s, h5t, h5z

from .making import bits, creation, dataset, integer, undefined_fill
from .registry import foreign, foreign_path

BOUNDS = ("earliest", "v108", "v110", "v112", "v114", "v200", "latest")


def indices(file: Any) -> None:
    """Chunks of each kind of index: which one HDF5 takes depends on shape, limits and version."""
    data = np.arange(60, dtype="i4").reshape(6, 10)
    file.create_dataset("one chunk", data=data, chunks=(6, 10))
    file.create_dataset("fixed", data=data, chunks=(2, 3))
    file.create_dataset("bounded", data=data, chunks=(2, 3), maxshape=(20, 20))
    file.create_dataset("one unlimited", data=data, chunks=(2, 3), maxshape=(None, 10))
    file.create_dataset("two unlimited", data=data, chunks=(2, 3), maxshape=(None, None))
    file.create_dataset("none written", (6, 10), "i4", chunks=(2, 3), maxshape=(None, None))
    early = creation(chunk=((2, 5),), alloc_time=h5d.ALLOC_TIME_EARLY)
    dataset(file, "implicit", h5t.STD_I32LE, (6, 10), data.astype("<i4").view("V4"), plist=early)
    for name, limits in (
        ("packed", (6, 10)),
        ("packed growing", (None, 10)),
        ("packed both", (None, None)),
    ):
        made = file.create_dataset(name, data=data, chunks=(4, 4), maxshape=limits, compression="gzip",
                                   shuffle=True)  # fmt: skip
        if limits[0] is None:
            made.resize((9, 10))
    file.create_dataset("packed one", data=data, chunks=(6, 10), compression="gzip")
    file.create_dataset("many", data=np.arange(500), chunks=(3,), maxshape=(None,))
    sparse = file.create_dataset("sparse", (100, 100), "f4", chunks=(10, 10), maxshape=(None, None))
    sparse[35:45, 55:65] = 1


for _bound in BOUNDS:
    try:
        h5py.File(f"bound-{_bound}", "w", driver="core", backing_store=False, libver=("earliest", _bound)).close()  # fmt: skip
    except (ValueError, OSError):  # this HDF5 does not know it
        continue
    foreign(f"chunks/{_bound}", libver=_bound if _bound in {"earliest", "latest"} else (_bound, _bound))(indices)  # fmt: skip


@foreign("layouts/plain")
def layouts(file: Any) -> None:
    data = np.arange(12, dtype=">i2").view("V2")
    for name, layout in (("compact", h5d.COMPACT), ("contiguous", h5d.CONTIGUOUS)):
        dataset(file, name, h5t.STD_I16BE, (3, 4), data, plist=creation(layout=layout))
        dataset(file, f"{name} scalar", h5t.STD_I16BE, (), data[:1], plist=creation(layout=layout))
    for name, when in (("early", h5d.ALLOC_TIME_EARLY), ("late", h5d.ALLOC_TIME_LATE)):
        plist = creation(layout=h5d.CONTIGUOUS, alloc_time=when)
        dataset(file, f"{name} never written", h5t.STD_I16BE, (3, 4), plist=plist)
        dataset(file, name, h5t.STD_I16BE, (3, 4), data, plist=plist)
    incremental = creation(chunk=((2, 2),), alloc_time=h5d.ALLOC_TIME_INCR)
    dataset(file, "incremental", h5t.STD_I16BE, (3, 4), data, plist=incremental)
    file.create_dataset("large", data=np.arange(40_000.0))


@foreign("layouts/fills")
def fills(file: Any) -> None:
    times = (h5d.FILL_TIME_ALLOC, h5d.FILL_TIME_NEVER, h5d.FILL_TIME_IFSET)
    for when in times:
        for name, chunk in (("pieces", ((4,),)), ("one", None)):
            plist = creation(fill_time=when)
            if chunk:
                plist.set_chunk(*chunk)
            plist.set_fill_value(np.array(7, "i4"))
            made = dataset(file, f"{name} {when} given", h5t.STD_I32LE, (10,), plist=plist)
            if chunk:
                made[5] = 1
            plist = creation(fill_time=when, **({"chunk": chunk} if chunk else {}))
            dataset(file, f"{name} {when} default", h5t.STD_I32BE, (10,), plist=plist)
    undefined = creation(chunk=((4,),))
    undefined_fill(undefined)
    dataset(
        file,
        "undefined",
        h5t.STD_I32LE,
        (10,),
        np.arange(10, dtype="<i4").view("V4"),
        plist=undefined,
    )
    row = np.dtype([("a", "i4"), ("b", "f8")])
    file.create_dataset("rows", (4,), row, chunks=(2,), fillvalue=np.array((1, 2.5), row))
    file.create_dataset("texts", (3,), h5py.string_dtype(), chunks=(2,))
    file.create_dataset("fixed texts", (3,), "S4", fillvalue=b"none")


@foreign("layouts/filters")
def filters(file: Any) -> None:
    data = (np.arange(100) ** 2 % 97).astype("i4")
    for name, options in (
        ("gzip 0", {"compression": "gzip", "compression_opts": 0}),
        ("gzip 9", {"compression": "gzip", "compression_opts": 9}),
        ("shuffle", {"shuffle": True}),
        ("both", {"shuffle": True, "compression": "gzip"}),
        ("checked", {"fletcher32": True}),
        ("all", {"shuffle": True, "compression": "gzip", "fletcher32": True}),
        ("lzf", {"compression": "lzf"}),
        ("exact", {"scaleoffset": 0}),
    ):
        file.create_dataset(name, data=data, chunks=(30,), maxshape=(None,), **options)
    for name, order in (
        ("gzip first", (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE)),
        ("checked first", (h5z.FILTER_FLETCHER32, h5z.FILTER_DEFLATE)),
        ("gzip twice", (h5z.FILTER_DEFLATE, h5z.FILTER_DEFLATE)),
    ):
        plist = creation(chunk=((30,),))
        for code in order:
            plist.set_filter(code, h5z.FLAG_OPTIONAL, (4,) if code == h5z.FILTER_DEFLATE else ())
        dataset(file, name, h5t.STD_I32LE, (100,), data.astype("<i4").view("V4"), plist=plist)
    plist = creation(chunk=((30,),))
    plist.set_filter(h5z.FILTER_NBIT, h5z.FLAG_OPTIONAL)
    for name, tid in (
        ("nbit", integer(h5t.STD_I32LE, 20)),
        ("nbit big", integer(h5t.STD_I16BE, 11)),
    ):
        code = ("<" if name == "nbit" else ">") + f"i{tid.get_size()}"
        small = np.arange(100).astype(code).view(f"V{tid.get_size()}")
        dataset(file, name, tid, (100,), small, plist=plist)
    if h5z.filter_avail(h5z.FILTER_SZIP):
        for name in ("nn", "ec"):
            file.create_dataset(f"szip {name}", data=data, chunks=(32,), compression="szip",
                                compression_opts=(name, 8))  # fmt: skip


@foreign("layouts/odd chunks")
def odd_chunks(file: Any) -> None:
    """Chunks that a filter has left as they are, and one that nobody can unpack."""
    random = np.random.default_rng(1).integers(0, 256, 90, "u1")
    plist = creation(chunk=((30,),))
    plist.set_filter(h5z.FILTER_DEFLATE, h5z.FLAG_OPTIONAL, (6,))
    made = dataset(file, "left", h5t.STD_U8LE, (90,), random.view("V1"), plist=plist)
    made.id.write_direct_chunk((30,), random[:30].tobytes(), 1)
    plist = creation(chunk=((4,),))
    plist.set_filter(305, h5z.FLAG_OPTIONAL, (1, 2, 3))
    made = dataset(file, "of a filter that nobody has", h5t.STD_I32LE, (6,), plist=plist)
    made.id.write_direct_chunk((0,), bytes(range(9)), 0)
    made.id.write_direct_chunk((4,), bytes(16), 1)
    file.create_dataset("beyond", data=np.arange(10), chunks=(4,), maxshape=(None,)).resize((5,))
    file.create_dataset("whole", data=np.arange(4))


@foreign_path("layouts/external")
def external(path: str) -> None:
    folder = os.path.dirname(path)
    for name, count in (("a.raw", 6), ("b.raw", 6)):
        with open(os.path.join(folder, name), "wb") as stream:
            stream.write(np.arange(count, dtype="<i4").tobytes())
    with h5py.File(path, "w") as file:
        places = [("a.raw", 0, 24), ("b.raw", 4, 20)]
        file.create_dataset("two files", (11,), "<i4", external=places)
        file.create_dataset(
            "not there", (3,), "<i4", external=[("none.raw", 0, h5py.h5f.UNLIMITED)]
        )
        file["inside"] = np.arange(4)


@foreign("layouts/virtual", libver=("v110", "v110"))
def virtual(file: Any) -> None:
    for number in range(3):
        file[f"part {number}"] = np.arange(4) + 10 * number
    layout = h5py.VirtualLayout((3, 4), "i8")
    for number in range(3):
        layout[number] = h5py.VirtualSource(file[f"part {number}"])
    file.create_virtual_dataset("stack", layout, fillvalue=-1)
    layout = h5py.VirtualLayout((4, 4), "i4", maxshape=(None, 4))
    layout[1:3] = h5py.VirtualSource("not there.h5", "x", (2, 4))
    file.create_virtual_dataset("lost", layout, fillvalue=5)
    empty = h5d.create(file.id, b"no parts", h5t.STD_I32LE, h5s.create_simple((3,)),
                       creation(layout=h5d.VIRTUAL))  # fmt: skip
    del empty


@foreign("layouts/large elements")
def large_elements(file: Any) -> None:
    """Elements larger than what is stored in one piece elsewhere, and fewer than none."""
    array = h5t.array_create(h5t.STD_I16LE, (1000,))
    dataset(file, "arrays", array, (3,), bits(array, 3), plist=creation(chunk=((2,),), deflate=1))
    row = np.dtype([(f"field {i}", "f8") for i in range(120)])
    file["wide"] = np.ones(5, row)
    file.create_dataset(
        "wide chunks", data=np.ones(5, row), chunks=(2,), maxshape=(None,), compression="gzip"
    )
    file["long text"] = np.bytes_(b"x" * 5000)
    file.create_dataset("long texts", data=["y" * 5000, "é" * 3000], dtype=h5py.string_dtype())
    file.create_dataset("zero chunks", (0, 5), "i4", chunks=(1, 5), maxshape=(None, 5))
