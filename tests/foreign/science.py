"""Files of simulations and observations: H5MD, GROMACS, openPMD, GADGET, HDF-EOS5, LIGO, FITS."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5t

from .making import (
    attach,
    attribute,
    compound,
    creation,
    dataset,
    enum,
    objects,
    scale,
    string,
    text,
    texts,
    variable,
)
from .registry import foreign


def element(group: Any, name: str, data: Any, unit: str) -> Any:
    """A time-dependent element of H5MD."""
    made = group.create_group(name)
    shape = data.shape
    made.create_dataset("step", data=np.arange(shape[0], dtype="i4"), maxshape=(None,), chunks=(1,))
    made.create_dataset("time", data=np.arange(float(shape[0])), maxshape=(None,), chunks=(1,))
    value = made.create_dataset(
        "value", data=data, maxshape=(None, *shape[1:]), chunks=(1, *shape[1:])
    )
    text(value, "unit", unit, utf8=True)
    return made


@foreign("h5md/trajectory")
def h5md(file: Any) -> None:
    root = file.create_group("h5md")
    root.attrs["version"] = np.array([1, 1], "i4")
    text(root.create_group("author"), "name", "N. N.")
    texts(root.create_group("creator"), name="LAMMPS", version="1")
    particles = file.create_group("particles/all")
    position = element(particles, "position", np.ones((3, 4, 3), "f4"), "nm")
    velocity = element(particles, "velocity", np.ones((3, 4, 3)), "nm ps-1")
    del velocity["step"], velocity["time"]
    velocity["step"], velocity["time"] = position["step"], position["time"]
    box = particles.create_group("box")
    box.attrs["dimension"] = np.int32(3)
    box.attrs.create("boundary", np.array([b"periodic", b"periodic", b"none"]))
    box["edges"] = np.ones(3)
    species = h5py.enum_dtype({"H": 0, "O": 1}, "i4")
    particles.create_dataset("species", data=np.array([1, 0, 0, 1], "i4"), dtype=species)
    file["observables/energy/value"] = np.arange(3.0)
    file["parameters/note"] = np.bytes_(b"a note")


@foreign("gromacs/h5md", libver="latest")
def gromacs(file: Any) -> None:
    """Lossy chunks by scale-offset, connections as pairs, words of fixed length."""
    made = file.create_dataset("particles/system/position/value", shape=(4, 5, 3), dtype="f4",
                               chunks=(2, 5, 3), maxshape=(None, 5, 3), scaleoffset=3)  # fmt: skip
    made[...] = np.arange(60).reshape(4, 5, 3) / 8
    variable(made, "unit", "nm")
    file["connectivity/bonds"] = np.array([[0, 1], [1, 2]], "i8")
    dataset(file, "atomname", string(17, "term", utf8=True), (2,), b"CA".ljust(17, b"\0") * 2)
    modules = file.create_group("h5md/modules/gromacs")
    modules.attrs["version"] = np.array([1, 0], "i4")
    file["gromacs_topology"] = np.int64(1)
    file.create_dataset(
        "log", data=objects(["a"]), dtype=h5py.string_dtype(), maxshape=(None,), chunks=(1,)
    )


@foreign("openpmd/iterations")
def openpmd(file: Any) -> None:
    texts(
        file,
        openPMD="1.1.0",
        basePath="/data/%T/",
        meshesPath="fields/",
        iterationEncoding="groupBased",
    )
    attribute(file, "openPMDextension", h5t.STD_U32LE, b"\1\0\0\0")
    for step in (0, 100):
        group = file.create_group(f"data/{step}")
        group.attrs["dt"], group.attrs["timeUnitSI"] = np.float32(0.5), 1e-15
        rho = group.create_dataset("fields/rho", data=np.ones((3, 4), "f4"))
        texts(rho, geometry="cartesian", dataOrder="C")
        attribute(rho, "axisLabels", string(2, "term"), b"x\0y\0", (2,))
        rho.attrs["unitDimension"] = np.array([-3.0, 0, 1, 1, 0, 0, 0])
        yes = enum(h5t.STD_I8LE, {"TRUE": 1, "FALSE": 0})
        attribute(rho, "closed", yes, b"\1")
        electrons = group.create_group("particles/e")
        electrons["id"] = np.arange(4, dtype="u8")
        charge = electrons.create_group("charge")
        charge.attrs["value"], charge.attrs["shape"] = -1.6e-19, np.array([4], "u8")
        long = np.array([0.1], np.longdouble)
        charge.attrs["weightingPower"] = long


@foreign("gadget/snapshot", libver=("earliest", "v108"))
def gadget(file: Any) -> None:
    header = file.create_group("Header")
    header.attrs["NumPart_ThisFile"] = np.array([4, 0, 0, 0, 3, 0], "i4")
    header.attrs["MassTable"], header.attrs["Redshift"] = np.zeros(6), 0.5
    header.attrs["Flag_Sfr"], header.attrs["Git_commit"] = np.int32(1), np.bytes_(b"abc123")
    for number, count in ((0, 4), (4, 3)):
        part = file.create_group(f"PartType{number}")
        part["Coordinates"] = np.ones((count, 3))
        part["ParticleIDs"] = np.arange(count, dtype="u8")
        made = part.create_dataset("Velocities", data=np.ones((count, 3), "f4"), chunks=(2, 3),
                                   compression="gzip", shuffle=True, fletcher32=True)  # fmt: skip
        texts(made, VarDescription="peculiar velocities")
        made.attrs["CGSConversionFactor"] = 1e5
    file["Parameters"] = file.create_group("Config")


@foreign("illustris/tree")
def illustris(file: Any) -> None:
    for name, code in (("SubhaloID", "i8"), ("Mass", "f4"), ("Descendant", "i4")):
        file.create_dataset(f"Tree0/{name}", data=np.arange(7).astype(code))
    file["Links/Halo"] = h5py.SoftLink("/Tree0")
    file["Header"] = h5py.ExternalLink("other.hdf5", "/Header")
    file["Offsets/File"] = np.zeros((2, 6), "i8")
    rows = np.ones(3, np.dtype([("pos", "f4", (3,)), ("id", "u8"), ("flag", "?")], align=True))
    file["Rows"] = rows


@foreign("eos/he5 swath", libver=("earliest", "v108"))
def swath(file: Any) -> None:
    """HDF-EOS5: the structure as one text of 32,000 bytes, dimensions in it alone."""
    information = file.create_group("HDFEOS INFORMATION")
    structure = b"GROUP=SwathStructure\n\tGROUP=SWATH_1\n\tEND_GROUP=SWATH_1\nEND\n"
    dataset(
        information, "StructMetadata.0", string(32000, "term"), (), structure.ljust(32000, b"\0")
    )
    text(information, "HDFEOSVersion", "HDFEOS_5.1.11", room=19)
    base = file.create_group("HDFEOS/SWATHS/O3")
    attribute(
        file.create_group("HDFEOS/ADDITIONAL/FILE_ATTRIBUTES"),
        "OrbitNumber",
        h5t.STD_I32LE,
        bytes(4),
        (1,),
    )
    for name, tid, shape in (("Latitude", h5t.IEEE_F32LE, (5,)), ("Time", h5t.IEEE_F64BE, (5,))):
        made = dataset(base, f"Geolocation Fields/{name}", tid, shape, bytes(5 * tid.get_size()),
                       lcpl=_parents())  # fmt: skip
        attribute(made, "_FillValue", tid, bytes(tid.get_size()), (1,))
        text(made, "Units", "NoUnits", room=1)
    plist = creation(chunk=((5, 2),), shuffle=(), deflate=4)
    plist.set_fill_value(np.array(-999.0, "f4"))
    dataset(base, "Data Fields/O3", h5t.IEEE_F32LE, (5, 4), np.ones(20, "f4").view("V4"), plist=plist,
            lcpl=_parents())  # fmt: skip


def _parents() -> Any:
    plist = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    plist.set_create_intermediate_group(True)
    return plist


@foreign("eos/netcdf of nasa")
def nasa(file: Any) -> None:
    """Level-2 products: scales within groups, and references from one to another."""
    group = file.create_group("PRODUCT")
    line = group.create_dataset("scanline", data=np.arange(4, dtype="i4"))
    pixel = group.create_dataset("ground_pixel", data=np.arange(3, dtype="i4"))
    scale(line, "scanline")
    scale(pixel, "ground_pixel")
    for name in ("latitude", "longitude", "qa_value"):
        made = group.create_dataset(name, data=np.ones((4, 3), "f4"), chunks=(2, 3), compression="gzip",
                                    fillvalue=np.float32(9.96921e36))  # fmt: skip
        attach(made, line, pixel)
        texts(made, units="degrees_north", standard_name=name)
        attribute(made, "flag_values", h5t.STD_U8LE, b"\0\1", (2,))
    wide = file.create_group("METADATA/QA_STATISTICS")
    text(wide, "Date", "2020-01-01", utf8=True)


@foreign("ligo/strain")
def ligo(file: Any) -> None:
    strain = file.create_dataset("strain/Strain", data=np.arange(64.0) * 1e-21, compression="gzip",
                                 chunks=(32,), shuffle=True)  # fmt: skip
    strain.attrs["Xspacing"], strain.attrs["Xunits"] = 0.000244140625, "second"
    strain.attrs["Npoints"] = np.int64(64)
    for name, value in (("Detector", "H1"), ("UTCstart", "2015-09-14T09:16:37")):
        file.create_dataset(f"meta/{name}", data=value, dtype=h5py.string_dtype())
    mask = file.create_dataset("quality/simple/DQmask", data=np.full(4, 127, "u4"))
    mask.attrs["Description"] = "bit mask"
    names = objects(["DATA", "CBC_CAT1"])
    file.create_dataset("quality/simple/DQShortnames", data=names, dtype=h5py.string_dtype("ascii"))
    trigger = np.dtype([("event_id", "<i8"), ("snr", "<f4"), ("ifo", "S2"), ("comment", "S40")])
    events = file.create_dataset(
        "triggers", data=np.ones(5, trigger), chunks=(2,), maxshape=(None,)
    )
    events.attrs.create("columns", np.array(["a", "b"], object), dtype=h5py.string_dtype())
    file["posterior"] = np.ones(3, [("mass_1", "f8"), ("log_likelihood", "f8")])


@foreign("fits/tables")
def fits(file: Any) -> None:
    """Astropy's tables and headers of FITS as attributes; all big-endian."""
    table = np.array([(1, 2.5, b"star", [1, 2, 3]), (2, 3.5, b"galaxy", [4, 5, 6])],
                     [("id", ">i8"), ("mag", ">f4"), ("kind", "S6"), ("v", ">i2", (3,))])  # fmt: skip
    made = file.create_dataset("table", data=table)
    made.attrs["FIELD_0_UNIT"], made.attrs["BITPIX"] = np.bytes_(b"mag"), np.int32(-64)
    yaml = np.array([b"datatype:", b"- {name: id, datatype: int64}", b"meta: {}"])
    file.create_dataset("table.__table_column_meta__", data=yaml)
    image = file.create_dataset("primary", data=np.arange(12, dtype=">i2").reshape(3, 4))
    for number in range(20):
        text(image, f"CARD{number:02}", f"KEY{number:05}= 'value' / comment".ljust(80), "space")
    image.attrs["BLANK"], image.attrs["BSCALE"] = np.int16(-1), np.float64(1)
    file.create_dataset("bits", data=np.array([True, False]))
    file.create_dataset("unsigned", data=np.array([1, 2], ">u4"))
    row = compound(6, ("x", 0, h5t.STD_I16BE), ("y", 2, h5t.IEEE_F32BE))
    dataset(file, "packed", row, (3,), bytes(18), maxshape=(None,), plist=creation(chunk=((2,),)))


@foreign("geo/sorted climate", libver=("v108", "v108"), track_order=True)
def climate(file: Any) -> None:
    """Many attributes, dense and in order, on a few variables."""
    made = file.create_dataset("x", data=np.arange(5.0), track_order=True)
    for number in range(40):
        made.attrs[f"history {40 - number}"] = f"step {number}"
    for number in range(12):
        file.attrs[f"n{number}"] = number
    big = file.create_dataset("big attribute", data=1)
    big.attrs["array"] = np.arange(7000.0)
