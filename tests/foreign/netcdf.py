"""Files as netCDF-C, xarray and h5netcdf write them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5t

from .making import (
    attach,
    attribute,
    compound,
    creation,
    dataset,
    enum,
    objects,
    opaque,
    scale,
    string,
    text,
    texts,
    variable,
)
from .registry import foreign

PROPERTIES = "version=2,netcdf=4.9.2,hdf5=1.14.0"
NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable.%10d"


def begin(file: Any) -> None:
    """What netCDF-C notes of itself."""
    text(file, "_NCProperties", PROPERTIES, "null")


def dimension(
    file: Any, name: str, size: int, number: int, dtype: Any = None, *, unlimited: bool = False
) -> Any:
    """A dimension, with a coordinate variable if a dtype is given."""
    limit = (None if unlimited else size,)
    chunks = (max(1, size),) if unlimited else None
    if dtype is None:
        made = file.create_dataset(name, (size,), ">f4", maxshape=limit, chunks=chunks)
        scale(made, NO_VARIABLE % size)
    else:
        made = file.create_dataset(
            name, data=np.arange(size).astype(dtype), maxshape=limit, chunks=chunks
        )
        scale(made, name)
    made.attrs["_Netcdf4Dimid"] = np.int32(number)
    return made


def variable_of(file: Any, name: str, data: Any, *scales: Any, **options: Any) -> Any:
    """A variable along dimensions."""
    made = file.create_dataset(name, data=data, **options)
    attach(made, *scales)
    numbers = [one.attrs["_Netcdf4Dimid"] for one in scales]
    made.attrs.create("_Netcdf4Coordinates", np.array(numbers, "i4"))
    return made


@foreign("netcdf/plain", track_order=True)
def plain(file: Any) -> None:
    begin(file)
    text(file, "Conventions", "CF-1.8")
    time = dimension(file, "time", 4, 0, "f8", unlimited=True)
    texts(time, units="days since 2000-01-01 00:00:00", calendar="proleptic_gregorian")
    lat, lon = dimension(file, "lat", 3, 1, "f4"), dimension(file, "lon", 5, 2)
    data = np.arange(60, dtype="f4").reshape(4, 3, 5)
    made = variable_of(file, "t2m", data, time, lat, lon, chunks=(1, 3, 5), maxshape=(None, 3, 5),
                       shuffle=True, compression="gzip", fillvalue=np.float32(-9e33))  # fmt: skip
    made.attrs.create("_FillValue", np.array([-9e33], "f4"))
    texts(made, units="K", long_name="2 metre temperature")
    made.attrs.create("scale_factor", np.array([0.01]))
    packed = variable_of(file, "packed", np.arange(15, dtype=">i2").reshape(3, 5), lat, lon)
    packed.attrs.create("valid_range", np.array([0, 100], ">i2"))
    texts(file.create_dataset("crs", (), "i4"), grid_mapping_name="latitude_longitude")


@foreign("netcdf/classic model", track_order=True)
def classic(file: Any) -> None:
    begin(file)
    file.attrs["_nc3_strict"] = np.int32(1)
    x, n = dimension(file, "x", 3, 0), dimension(file, "name_strlen", 8, 1)
    for number, code in enumerate((">i1", ">i2", ">i4", ">f4", ">f8")):
        variable_of(file, f"v{number}", np.arange(3).astype(code), x)
    chars = dataset(file, "name", string(1), (3, 8), b"alpha\0\0\0beta\0\0\0\0gamma\0\0\0")
    attach(chars, x, n)
    text(chars, "units", "1")


@foreign("netcdf/groups", track_order=True)
def groups(file: Any) -> None:
    begin(file)
    x = dimension(file, "x", 3, 0, "f8")
    inner = file.create_group("forecast", track_order=True)
    y = dimension(inner, "y", 2, 1, unlimited=True)
    variable_of(inner, "wind", np.arange(6.0).reshape(2, 3), y, x, maxshape=(None, 3))
    deep = inner.create_group("model", track_order=True).create_group("run 1", track_order=True)
    variable_of(deep, "wind", np.arange(3.0), x)
    texts(deep, source="a model", history="made")
    # A variable of a dimension's name that has other dimensions has a name of its own.
    hidden = variable_of(inner, "_nc4_non_coord_y", np.arange(3.0), x)
    texts(hidden, long_name="not y")


@foreign("netcdf/strings", track_order=True)
def netcdf_strings(file: Any) -> None:
    begin(file)
    x = dimension(file, "station", 3, 0)
    words = np.array(["Zürich", "", "Bern"], object)
    names = variable_of(file, "name", words, x, dtype=h5py.string_dtype())
    variable(names, "flags", ["a", "bc"])
    variable(names, "one", ["only"])
    variable(file, "title", "héllo")
    variable_of(
        file, "ascii", np.array(["a", "b", "c"], object), x, dtype=h5py.string_dtype("ascii")
    )
    time = dimension(file, "t", 2, 1, unlimited=True)
    variable_of(file, "log", np.array(["begun", "done"], object), time,
                dtype=h5py.string_dtype(), maxshape=(None,), chunks=(1,))  # fmt: skip


@foreign("netcdf/user types", track_order=True)
def user_types(file: Any) -> None:
    begin(file)
    x = dimension(file, "x", 3, 0)
    record = compound(16, ("a", 0, h5t.STD_I32LE), ("b", 8, h5t.IEEE_F64LE))
    colour = enum(h5t.STD_U8LE, {"red": 0, "green": 1, "missing": 255})
    blob = opaque(11, "raw")
    numbers = h5t.vlen_create(h5t.STD_I32LE)
    for tid, name in ((record, b"record"), (colour, b"colour"), (blob, b"blob"), (numbers, b"row")):
        tid.commit(file.id, name)
    attach(dataset(file, "records", record, (3,), bytes(48)), x)
    attach(dataset(file, "colours", colour, (3,), b"\0\1\xff"), x)
    attach(dataset(file, "blobs", blob, (3,), bytes(range(33))), x)
    rows = dataset(file, "rows", numbers, (3,))
    for row in range(3):
        rows[row] = np.arange(row, dtype="i4")
    attach(rows, x)
    attribute(file, "_colour", colour, b"\1", (1,))
    nested = compound(32, ("in", 0, record), ("many", 16, h5t.array_create(h5t.STD_I32LE, (4,))))
    nested.commit(file.id, b"nested")
    attach(dataset(file, "nests", nested, (3,), bytes(96)), x)


@foreign("netcdf/never filled", track_order=True)
def never_filled(file: Any) -> None:
    begin(file)
    x, t = dimension(file, "x", 4, 0), dimension(file, "t", 6, 1, unlimited=True)
    plist = creation(fill_time=h5d.FILL_TIME_NEVER)
    attach(dataset(file, "nofill", h5t.IEEE_F64LE, (4,), plist=plist), x)
    plist = creation(chunk=((2,),), fill_time=h5d.FILL_TIME_NEVER)
    made = dataset(file, "parts", h5t.STD_I32LE, (6,), maxshape=(None,), plist=plist)
    made[2:4] = [1, 2]
    attach(made, t)


@foreign("netcdf/many variables", track_order=True)
def many(file: Any) -> None:
    begin(file)
    x = dimension(file, "x", 2, 0)
    for number in range(120):
        made = file.create_dataset(f"v{number:03}", data=np.full(2, number, "i2"))
        attach(made, x)
        text(made, "units", "1")


@foreign("netcdf/early library", track_order=False)
def early(file: Any) -> None:
    """Written by netCDF 4.0: without properties, ids of dimensions, or order of creation."""
    x = file.create_dataset("x", data=np.arange(3, dtype=">i4"))
    scale(x, "x")
    made = file.create_dataset("v", data=np.arange(3, dtype=">f8"), fletcher32=True)
    attach(made, x)
    dimension(file, "phony_dim_0", 0, 0, unlimited=True)


@foreign("xarray/dataset", track_order=True)
def xarray_dataset(file: Any) -> None:
    text(file, "_NCProperties", "version=2,h5netcdf=1.3.0,hdf5=1.14.2,h5py=3.10.0", "null")
    t = dimension(file, "time", 3, 0, "i8", unlimited=True)
    variable(t, "units", "hours since 1970-01-01")
    variable(t, "calendar", "proleptic_gregorian")
    x = file.create_dataset("x", data=np.array(["a", "b"], object), dtype=h5py.string_dtype())
    scale(x, "x")
    x.attrs["_Netcdf4Dimid"] = np.int32(1)
    made = variable_of(file, "data", np.arange(6.0).reshape(3, 2), t, x, fillvalue=np.nan,
                       maxshape=(None, 2), chunks=(3, 2))  # fmt: skip
    made.attrs.create("_FillValue", np.array([np.nan]))
    variable(made, "coordinates", "label height")
    flag = variable_of(file, "flag", np.array([0, 1], "i1"), x)
    variable(flag, "dtype", "bool")
    attach(file.create_dataset("label", data=objects(["é", "z"]), dtype=h5py.string_dtype()), x)
    file.create_dataset("height", data=2.5)
    file["height"].attrs["empty"] = h5py.Empty("S1")


@foreign("xarray/h5netcdf features", libver="latest", track_order=True)
def h5netcdf_features(file: Any) -> None:
    """What h5netcdf writes with ``invalid_netcdf=True``."""
    x = dimension(file, "x", 4, 0)
    variable_of(file, "bool", np.array([True, False, True, True]), x)
    variable_of(file, "complex", np.arange(4) * (1 + 1j), x)
    variable_of(file, "half", np.arange(4, dtype="f2"), x)
    variable_of(file, "lzf", np.arange(4.0), x, chunks=(2,), compression="lzf")
    variable_of(file, "exact", np.arange(4), x, chunks=(2,), scaleoffset=0)
