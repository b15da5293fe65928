"""The tools for netCDF: netCDF4, h5netcdf, xarray."""

from __future__ import annotations

from typing import Any

import h5netcdf
import h5py
import netCDF4
import numpy as np
import xarray

from hdfchk import HDF5Checkpointer

from .tool import Changes, Tool

DAYS = "days since 2000-01-01 00:00:00"


def make_netcdf4(path: str) -> None:
    """Dimensions (one unlimited), coordinates, strings, groups, and types of the user."""
    with netCDF4.Dataset(path, "w") as file:
        file.title = "hé"
        file.createDimension("t", None)
        file.createDimension("x", 3)
        time = file.createVariable("t", "f8", ("t",))
        time.units, time.calendar = DAYS, "proleptic_gregorian"
        x = file.createVariable("x", "f8", ("x",))
        x.units, x.tags = "m", ["a", "bé"]
        x[:] = [1, 2, 3]
        depth = file.createVariable("depth", "f8", ("x",))
        depth[:] = [10, 20, 30]
        depth.units = "km"
        temperature = file.createVariable("temp", "f4", ("t", "x"), zlib=True, fill_value=-9)
        temperature[:] = np.arange(6).reshape(2, 3)
        time[:] = [0.5, 1.5]
        name = file.createVariable("name", str, ("x",))
        name[0], name[1], name[2] = "aé", "b", "c"
        file.createVariable("scalar", "i4")[...] = 4
        group = file.createGroup("g")
        group.createDimension("y", 2)
        group.createVariable("q", "u1", ("y", "x"))[:] = [[1, 2, 3], [4, 5, 6]]
        ragged = file.createVariable("ragged", file.createVLType("i4", "list"), ("x",))
        for n in range(3):
            ragged[n] = np.arange(n + 1, dtype="i4")
        enum = file.createEnumType("u1", "colour", {"A": 0, "B": 1})
        file.createVariable("enum", enum, ("x",))[:] = [0, 1, 0]


NETCDF4 = ("t", "x", "depth", "temp", "name", "scalar", "g/q", "ragged", "enum")


def read_netcdf4(path: str, names: tuple[str, ...] = NETCDF4) -> dict[str, Any]:
    """All variables and attributes."""
    found: dict[str, Any] = {}
    with netCDF4.Dataset(path) as file:
        found["title"] = file.title
        found["dims of temp"] = file["temp"].dimensions
        found["unlimited"] = [one.name for one in file.dimensions.values() if one.isunlimited()]
        for name in names:
            variable = file[name]
            found[name] = (
                [item.tolist() for item in variable[:]] if name == "ragged" else variable[...]
            )
            for attribute in ("units", "calendar", "_FillValue", "tags"):
                if attribute in variable.ncattrs():
                    found[f"{name}.{attribute}"] = variable.getncattr(attribute)
        for group in (file, *file.groups.values()):  # what stands beside is listed, too
            for variable in group.variables.values():
                assert variable.ncattrs() is not None
            assert group.ncattrs() is not None
    return found


def make_h5netcdf(path: str) -> None:
    """The same by h5netcdf."""
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"x": 3, "t": None}
        file.attrs["title"] = "hé"
        x = file.create_variable("x", ("x",), float)
        x[:] = [1, 2, 3]
        x.attrs["units"] = "m"
        depth = file.create_variable("depth", ("x",), float)
        depth[:] = [10, 20, 30]
        depth.attrs["units"] = "km"
        file.create_variable("temp", ("t", "x"), "f4", fillvalue=-9)
        file.resize_dimension("t", 2)
        file["temp"][:] = np.arange(6).reshape(2, 3)
        file.create_variable("name", ("x",), h5py.string_dtype())[:] = ["aé", "b", "c"]
        group = file.create_group("g")
        group.dimensions = {"y": 2}
        group.create_variable("q", ("y",), "u1")[:] = [1, 2]


def read_h5netcdf(path: str) -> dict[str, Any]:
    """All variables and attributes."""
    found: dict[str, Any] = {}
    with h5netcdf.File(path, "r", phony_dims="sort") as file:
        found["title"] = file.attrs["title"]
        found["dims of temp"] = file["temp"].dimensions
        for name in ("x", "depth", "temp", "name", "g/q"):
            found[name] = file[name][...]
            if "units" in file[name].attrs:
                found[f"{name}.units"] = file[name].attrs["units"]
        for name in file.variables:
            assert file[name].dimensions is not None
    return found


def make_xarray(path: str) -> None:
    """Data with coordinates, times and strings."""
    data = xarray.Dataset(
        {
            "temp": (("time", "x"), np.arange(6.0).reshape(2, 3), {"units": "K"}),
            "depth": ("x", np.array([10.0, 20, 30])),
            "name": ("x", np.array(["aé", "b", "c"], object)),
        },
        {
            "time": np.array(["2020-01-01", "2020-01-02"], "M8[ns]"),
            "x": ("x", np.array([1.0, 2, 3]), {"units": "m"}),
        },
        {"title": "hé"},
    )
    data.to_netcdf(path, unlimited_dims=["time"], encoding={"temp": {"zlib": True}})


def read_xarray(path: str) -> dict[str, Any]:
    """All of it, by netCDF4; the times as seconds."""
    with xarray.open_dataset(path, engine="netcdf4") as data:
        found: dict[str, Any] = {"title": data.attrs["title"], "dims of temp": data["temp"].dims}
        for name in ("temp", "depth", "name", "time", "x"):
            values = data[name].values
            found[name] = values.astype("M8[s]").astype(int) if name == "time" else values
            found[f"{name}.units"] = data[name].attrs.get("units")
        found["selected"] = data["temp"].sel(x=data["x"].values[1]).dims  # by the coordinate
    return found


def _coordinate(chk: HDF5Checkpointer) -> Changes:
    """The numbers of a coordinate, which other variables refer to, in another dtype."""
    chk["x"] = chk["x"].astype("f4")
    return {}


def _append(chk: HDF5Checkpointer) -> Changes:
    """A row along the unlimited dimension, with its coordinate."""
    chk.append("temp", np.array([7, 8, 9], "f4"))
    changes: Changes = {"temp": [[0, 1, 2], [3, 4, 5], [7, 8, 9]]}
    if "units" in chk.array("t").attrs:  # else a dimension without a variable
        chk.append("t", 2.5)
        changes["t"] = [0.5, 1.5, 2.5]
    return changes


def _longer_coordinate(chk: HDF5Checkpointer) -> Changes:
    """A coordinate that becomes longer than its dimension."""
    chk["x"] = np.arange(1.0, 5.0)
    return {"x": [1.0, 2, 3, 4]}


def _deleted_coordinate(chk: HDF5Checkpointer) -> Changes:
    """A coordinate, which other variables refer to, is deleted."""
    del chk["x"]
    return {}


def _replaced_by(value: Any) -> Any:
    def run(chk: HDF5Checkpointer) -> Changes:
        chk["depth"] = value
        return {"depth": value}

    return run


COORDINATE = {
    "a coordinate in another dtype": _coordinate,
    "a coordinate of another length": _longer_coordinate,
    "a coordinate deleted": _deleted_coordinate,
    "a list in the place of an array": _replaced_by([7.0, 8.0, 9.0]),
}

UNLIMITED = {"append along the unlimited dimension": _append}

TOOLS = [
    Tool(
        "netCDF4",
        make_netcdf4,
        read_netcdf4,
        ("depth", "depth"),
        "g",
        None,
        ("name", "name"),
        COORDINATE | UNLIMITED,
        ".nc",
    ),
    Tool(
        "h5netcdf",
        make_h5netcdf,
        read_h5netcdf,
        ("depth", "depth"),
        "g",
        None,
        ("name", "name"),
        COORDINATE | UNLIMITED,
        ".nc",
    ),
    Tool(
        "xarray",
        make_xarray,
        read_xarray,
        ("depth", "depth"),
        "",
        None,
        ("name", "name"),
        COORDINATE,
        ".nc",
    ),
]
