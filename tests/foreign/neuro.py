"""Files as NWB, MNE and h5io write them: object and region references, specifications."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from .making import objects, variable
from .registry import foreign

TEXT = h5py.string_dtype()


def typed(item: Any, name: str, namespace: str = "core") -> Any:
    """What HDMF notes of each object."""
    variable(item, "neurodata_type", name)
    variable(item, "namespace", namespace)
    variable(item, "object_id", "c2a9a0f3-0d7c-4d3b-8f6a-0123456789ab")
    return item


def series(parent: Any, name: str, data: Any, unit: str, **options: Any) -> Any:
    """A time series."""
    group = typed(parent.create_group(name), "TimeSeries")
    variable(group, "description", "a sëries")
    made = group.create_dataset("data", data=data, **options)
    made.attrs["conversion"], made.attrs["resolution"] = 1.0, -1.0
    variable(made, "unit", unit)
    group.create_dataset("starting_time", data=0.0).attrs["rate"] = 30.0
    return group


def column(table: Any, name: str, data: Any, kind: str = "VectorData", **options: Any) -> Any:
    """A column of a dynamic table."""
    made = typed(table.create_dataset(name, data=data, **options), kind, "hdmf-common")
    variable(made, "description", f"the {name}")
    return made


@foreign("nwb/session")
def session(file: Any) -> None:
    typed(file, "NWBFile")
    variable(file, "nwb_version", "2.6.0")
    file.attrs[".specloc"] = file.create_group("specifications").ref
    specs = file["specifications"].create_group("core/2.6.0")
    specs.create_dataset("namespace", data='{"namespaces":[]}', dtype=TEXT)
    specs.create_dataset("nwb.base", data='{"datasets":[]}', dtype=TEXT)
    for name, value in (("identifier", "id"), ("session_description", "a dây"),
                        ("session_start_time", "2020-01-01T00:00:00+00:00")):  # fmt: skip
        file.create_dataset(name, data=value, dtype=TEXT)
    dates = objects(["2020-01-01T00:00:00+00:00"])
    file.create_dataset("file_create_date", data=dates, dtype=TEXT, maxshape=(None,), chunks=(1,))
    for name in ("acquisition", "analysis", "processing", "general", "intervals", "stimulus"):
        file.create_group(name)
    raw = series(file["acquisition"], "raw", np.arange(40, dtype="i2").reshape(20, 2), "V",
                 maxshape=(None, 2), chunks=(8, 2), compression="gzip")  # fmt: skip
    linked = series(file["processing"].create_group("ecephys"), "lfp", np.arange(5.0), "V")
    linked["raw"] = h5py.SoftLink("/acquisition/raw")
    raw["timestamps"] = np.arange(20.0)
    raw["timestamps"].attrs["interval"] = np.int32(1)
    linked["timestamps"] = raw["timestamps"]


@foreign("nwb/tables")
def tables(file: Any) -> None:
    typed(file, "NWBFile")
    probe = typed(file.create_group("general/devices/probe"), "Device")
    group = typed(file.create_group("general/shank"), "ElectrodeGroup")
    group["device"] = h5py.SoftLink("/general/devices/probe")
    table = typed(file.create_group("general/electrodes"), "DynamicTable", "hdmf-common")
    variable(table, "colnames", ["location", "x", "group"])
    column(table, "location", objects(["CA1", "CA3", "é"]), dtype=TEXT, maxshape=(None,))
    column(table, "x", np.arange(3.0), maxshape=(None,), chunks=(3,))
    column(table, "group", [group.ref] * 3, dtype=h5py.ref_dtype)
    typed(table.create_dataset("id", data=np.arange(3)), "ElementIdentifiers", "hdmf-common")
    region = typed(file.create_dataset("acquisition/electrodes", data=[0, 2]), "DynamicTableRegion")
    region.attrs["table"] = table.ref
    units = typed(file.create_group("units"), "Units")
    times = column(units, "spike_times", np.arange(6.0) / 7)
    ends = column(units, "spike_times_index", np.array([2, 6], "u1"), "VectorIndex")
    ends.attrs["target"] = times.ref
    column(units, "device", [probe.ref, probe.ref], dtype=h5py.ref_dtype)


@foreign("nwb/references in compounds")
def compounds(file: Any) -> None:
    data = series(file, "movie", np.arange(12.0), "n.a.")
    dtype = np.dtype([("idx_start", "i4"), ("count", "i4"), ("timeseries", h5py.ref_dtype)])
    rows = np.zeros(3, dtype)
    rows["idx_start"], rows["count"], rows["timeseries"] = [0, 4, 8], 4, data.ref
    made = column(typed(file.create_group("intervals"), "TimeIntervals"), "timeseries", rows)
    made.attrs["target"] = data.ref
    mask = np.dtype([("x", "u4"), ("y", "u4"), ("weight", "f4")])
    pixels = file.create_dataset("pixel_mask", data=np.ones(5, mask), maxshape=(None,), chunks=(2,))
    regions = file.create_dataset("regions", (2,), h5py.regionref_dtype)
    regions[0], regions[1] = pixels.regionref[0:2], pixels.regionref[2:5]
    pair = np.dtype([("region", h5py.regionref_dtype), ("n", "i8")])
    both = file.create_dataset("both", (1,), pair)
    item = np.zeros(1, pair)
    item["region"], item["n"] = pixels.regionref[1:3], 2
    both[...] = item


@foreign("mne/h5io")
def h5io(file: Any) -> None:
    group = file.create_group("h5io")
    variable(group, "TITLE", "dict")
    for name, kind, value in (
        ("key_a", "int", 5),
        ("key_b", "float", 2.5),
        ("key_n", "None", None),
    ):
        data = np.array([0 if value is None else value])
        variable(group.create_dataset(name, data=data), "TITLE", kind)
    text = group.create_dataset("key_s", data=np.frombuffer("héllo".encode("utf-8"), "u1"))
    variable(text, "TITLE", "str")
    inner = group.create_group("key_list")
    variable(inner, "TITLE", "list")
    for number in range(3):
        made = inner.create_dataset(f"idx_{number}", data=np.arange(number), compression=None)
        variable(made, "TITLE", "ndarray")
    many = group.create_dataset("key_data", data=np.arange(12.0).reshape(3, 4), compression="gzip")
    variable(many, "TITLE", "ndarray")
    sparse = group.create_group("key_csr{{FWDSLASH}}x")
    variable(sparse, "TITLE", "csr_matrix")
    for name, data in (("data", [1.0, 2.0]), ("indices", [0, 1]), ("indptr", [0, 1, 2])):
        sparse.create_dataset(f"key_{name}", data=np.array(data))


@foreign("neo/old nwb")
def old(file: Any) -> None:
    """NWB 1 as Matlab and h5py of then made it: fixed strings, soft links, empty shapes."""
    file["nwb_version"] = np.bytes_("NWB-1.0.6")
    file["identifier"] = np.bytes_("x" * 30)
    epoch = file.create_group("epochs/epoch_1")
    epoch.attrs["links"] = np.array([b"'a' is '/b'"])
    epoch["tags"] = np.array([b"one", b"three"])
    epoch["start_time"] = np.float64(0.5)
    stamps = file.create_dataset("acquisition/timeseries/t/data", data=np.arange(7, dtype="<f4"))
    epoch["t/timeseries"] = h5py.SoftLink("/acquisition/timeseries/t")
    stamps.attrs["ancestry"] = np.array([b"TimeSeries"])
    file["general/empty"] = np.empty((0,), "S1")
