"""Files of instruments, and of programs that control them: big-endian numbers, fixed strings."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5t

from .making import (
    attribute,
    compound,
    creation,
    dataset,
    enum,
    integer,
    objects,
    string,
    text,
    texts,
    undefined_fill,
)
from .registry import foreign


@foreign("idl/save", libver=("earliest", "v108"))
def idl(file: Any) -> None:
    for name, tid in (("long", h5t.STD_I32BE), ("double", h5t.IEEE_F64BE), ("byte", h5t.STD_U8BE)):
        dataset(file, name, tid, (2, 3), bytes(range(6 * tid.get_size())))
        dataset(file, f"{name}_scalar", tid, (), bytes(range(tid.get_size())))
    dataset(file, "string", string(20, "space"), (), b"a title".ljust(20))
    dataset(file, "strings", string(4, "null"), (2,), b"ab\0\0cdef")
    image = dataset(file, "image", h5t.STD_U8BE, (4, 4, 3), bytes(range(48)))
    texts(image, CLASS="IMAGE", IMAGE_VERSION="1.2", IMAGE_SUBCLASS="IMAGE_TRUECOLOR")
    text(image, "INTERLACE_MODE", "INTERLACE_PIXEL", room=1)
    palette = dataset(file, "palette", h5t.STD_U8LE, (256, 3), bytes(768))
    texts(palette, CLASS="PALETTE", PAL_VERSION="1.2")
    image.attrs.create("PALETTE", [palette.ref], dtype=h5py.ref_dtype)
    structure = compound(12, ("A", 0, h5t.STD_I32BE), ("B", 4, string(4, "space")),
                         ("C", 8, h5t.IEEE_F32BE))  # fmt: skip
    dataset(file, "struct", structure, (2,), b"\0\0\0\1ab  \0\0\0\0\0\0\0\2cdef\0\0\0\0")


@foreign("labview/measurement", libver=("earliest", "v108"))
def labview(file: Any) -> None:
    stamp = compound(16, ("cocoa", 0, h5t.STD_I64BE), ("fraction", 8, h5t.STD_U64BE))
    wave = file.create_group("Waveform 1")
    dataset(wave, "t0", stamp, (), bytes(range(16)))
    plist = creation(chunk=((16,),), deflate=6)
    made = dataset(wave, "Y", h5t.IEEE_F64BE, (20,), np.arange(20.0, dtype=">f8").view("V8"),
                   maxshape=(None,), plist=plist)  # fmt: skip
    attribute(made, "dt", h5t.IEEE_F64BE, np.array(0.001, ">f8").view("V8"))
    text(made, "unit", "V", room=1)
    cluster = compound(13, ("ok", 0, enum(h5t.STD_U8BE, {"FALSE": 0, "TRUE": 1})),
                       ("code", 1, h5t.STD_I32BE), ("value", 5, h5t.IEEE_F64BE))  # fmt: skip
    dataset(file, "cluster", cluster, (2,), bytes(13) + b"\1" + bytes(12))
    file.create_dataset("names", data=objects(["ch 1", "ch 2"]), dtype=h5py.string_dtype("ascii"))
    dataset(file, "extended", h5t.IEEE_F32BE, (0,), maxshape=(None,), plist=creation(chunk=((4,),)))


@foreign("igor/experiment", libver=("earliest", "v108"))
def igor(file: Any) -> None:
    waves = file.create_group("Packed Data")
    made = dataset(waves, "wave0", h5t.IEEE_F64LE, (5,), np.arange(5.0).view("V8"))
    attribute(made, "IGORWaveScaling", h5t.IEEE_F64LE, np.arange(4.0).view("V8"), (2, 2))
    attribute(made, "IGORWaveUnits", string(2, "term"), b"V\0s\0", (2,))
    text(made, "IGORWaveNote", "a note\rof Igor")
    waves.create_dataset("text0", data=objects(["a", "bc"]), dtype=h5py.string_dtype("ascii"))
    dataset(waves, "date", h5t.IEEE_F64BE, (2,), np.array([3e9, 3.1e9], ">f8").view("V8"))
    file.create_group("Shared Data").attrs["IGORComplex"] = np.int8(1)
    made = dataset(file["Shared Data"], "complex", h5t.IEEE_F32LE, (3, 2), bytes(24))
    text(made, "IGORWaveType", "4")


@foreign("tektronix/waveform", libver=("earliest", "v108"))
def tektronix(file: Any) -> None:
    """Arrays in chunks whose fill value is said to be undefined."""
    plist = creation(chunk=((8,),), fill_time=h5d.FILL_TIME_IFSET)
    undefined_fill(plist)
    made = dataset(file, "wfm/data", h5t.STD_I16LE, (12,), np.arange(12, dtype="<i2").view("V2"),
                   maxshape=(None,), plist=plist, lcpl=_parents())  # fmt: skip
    text(made, "horizontal", "1e-9", "null")
    dataset(
        file["wfm"],
        "curve",
        h5t.IEEE_F32LE,
        (9,),
        np.arange(9, dtype="<f4").view("V4"),
        plist=plist,
    )


def _parents() -> Any:
    plist = h5p.create(h5p.LINK_CREATE)
    plist.set_create_intermediate_group(True)
    return plist


@foreign("emd/data")
def emd(file: Any) -> None:
    """Electron microscopy: Berkeley's EMD, with vectors of dimensions, and Velox's."""
    file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
    group = file.create_group("data/image")
    group.attrs["emd_group_type"] = 1
    group["data"] = np.ones((3, 4), "f4")
    for axis, size in (("dim1", 3), ("dim2", 4)):
        made = group.create_dataset(axis, data=np.arange(float(size)))
        made.attrs["name"], made.attrs["units"] = "x", "[n_m]"
    velox = file.create_group("Data/Image/0123456789abcdef0123456789abcdef")
    velox.create_dataset(
        "Data", data=np.ones((4, 4, 1), "u2"), chunks=(4, 4, 1), maxshape=(4, 4, None)
    )
    meta = np.frombuffer(b'{"Core": {}}'.ljust(64, b"\0"), "u1").reshape(64, 1)
    velox.create_dataset("Metadata", data=meta, chunks=(64, 1), maxshape=(None, None))
    file["Application/Version"] = np.array(["Velox 1"], h5py.string_dtype("ascii"))


@foreign("dm/frames")
def digital_micrograph(file: Any) -> None:
    """Tags of an image as a deep tree of scalars, as converters of DM3 write it."""
    tags = file.create_group("ImageList/0/ImageTags/Microscope Info")
    tags["Voltage"], tags["Name"], tags["Cs(mm)"] = np.float32(200e3), "Titan é", np.float64(1.2)
    tags["Items"] = np.array([(1, 2.5)], [("a", ">i2"), ("b", ">f8")])
    tags["Is EFTEM"] = np.bool_(True)
    data = file.create_group("ImageList/0/ImageData")
    data["Data"], data["Dimensions"] = (
        np.arange(16, dtype="i2").reshape(4, 4),
        np.array([4, 4], "u4"),
    )
    data["Calibrations/Dimension/0/Units"] = np.array([110, 109], "u2")


@foreign("spm/usid")
def usid(file: Any) -> None:
    """Scanning probes: pycroscopy's USID, which links arrays by references in attributes."""
    channel = file.create_group("Measurement_000/Channel_000")
    main = channel.create_dataset(
        "Raw_Data", data=np.arange(12.0).reshape(4, 3), compression="gzip"
    )
    main.attrs["quantity"], main.attrs["units"] = "Current", "nA"
    for name, shape in (("Position_Indices", (4, 2)), ("Position_Values", (4, 2)),
                        ("Spectroscopic_Indices", (1, 3)), ("Spectroscopic_Values", (1, 3))):  # fmt: skip
        made = channel.create_dataset(name, data=np.ones(shape, "f4" if "Val" in name else "u4"))
        made.attrs["labels"] = np.array([b"X", b"Yy"])
        made.attrs["X"] = made.regionref[:, 0:1]
        main.attrs[name] = made.ref
    result = channel.create_group("Raw_Data-Fit_000")
    result.attrs["source_000"] = main.ref
    rows = np.ones(4, [("Amplitude", "f4"), ("Phase", "f4"), ("R2", "f8")])
    result.create_dataset("Fit", data=rows)["R2"]
    result.attrs["timestamp"] = "2020_01_01"


@foreign("daq/detectors", libver=("earliest", "v110"))
def daq(file: Any) -> None:
    """Digitizers' integers of 12 and 14 bits, packed by N-bit, and scaled by scale-offset."""
    for width in (12, 14):
        tid = integer(h5t.STD_U16LE, width, 0, h5t.SGN_NONE)
        plist = creation(chunk=((10,),))
        plist.set_filter(h5py.h5z.FILTER_NBIT, 0)
        data = (np.arange(25) * 37 % 2**width).astype("<u2").view("V2")
        dataset(file, f"adc {width}", tid, (25,), data, maxshape=(None,), plist=plist)
    file.create_dataset("scaled", data=np.arange(30, dtype="i4"), chunks=(8,), scaleoffset=0)
    file.create_dataset("decimal", data=np.arange(30) / 8, chunks=(8,), scaleoffset=3)
    file.create_dataset("checked", data=np.arange(30), chunks=(8,), fletcher32=True, shuffle=True)
    if h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP):
        file.create_dataset(
            "szip", data=np.arange(64, dtype="i4"), chunks=(32,), compression="szip"
        )
