"""Files as NeXus, silx, and synchrotrons' detectors write them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5t

from .making import compound, creation, dataset, string, text, texts, variable
from .registry import foreign, foreign_path


def nx(parent: Any, name: str, kind: str, **attributes: Any) -> Any:
    """A group of a class."""
    group = parent.create_group(name)
    text(group, "NX_class", kind)
    for key, value in attributes.items():
        group.attrs[key] = value
    return group


@foreign("nexus/napi", track_order=False)
def napi(file: Any) -> None:
    """The C library's: hard links with a target, fixed strings, user fields."""
    texts(file, NeXus_version="4.3.0", file_name="x.nxs", HDF5_Version="1.8.5")
    text(file, "file_time", "2010-01-01T00:00:00+00:00")
    entry = nx(file, "entry", "NXentry")
    dataset(entry, "title", string(12), (1,), b"a title, 11c")
    counts = nx(entry, "instrument", "NXinstrument").create_dataset(
        "counts", data=np.arange(12, dtype="i4").reshape(3, 4), chunks=(1, 4), maxshape=(None, 4)
    )
    texts(counts, units="counts", target="/entry/instrument/counts")
    counts.attrs["signal"] = np.int32(1)
    data = nx(entry, "data", "NXdata")
    data["counts"] = counts
    angle = entry["instrument"].create_dataset("angle", data=np.arange(3, dtype="f4"))
    texts(angle, units="degrees", target="/entry/instrument/angle")
    angle.attrs["axis"] = np.int32(1)
    data["two_theta"] = angle
    entry["sample"] = data


@foreign("nexus/h5py", track_order=True)
def by_h5py(file: Any) -> None:
    file.attrs["default"] = "entry"
    entry = file.create_group("entry")
    entry.attrs["NX_class"], entry.attrs["default"] = "NXentry", "data"
    data = entry.create_group("data")
    data.attrs["NX_class"], data.attrs["signal"] = "NXdata", "y"
    variable(data, "axes", ["x", "."])
    data.create_dataset("y", data=np.arange(6.0).reshape(3, 2)).attrs["units"] = "µm"
    data["x"] = np.arange(3)
    data["x"].attrs["long_name"] = b"bytes \xff"
    detector = entry.create_group("instrument/detector")
    detector["data"] = h5py.SoftLink("/entry/data/y")
    detector["mask"] = h5py.SoftLink("nowhere")
    detector["up"] = h5py.SoftLink("../../data/x")
    detector["loop"] = h5py.SoftLink("/entry/instrument/detector/loop")
    entry["title"] = "a tïtle"
    entry["flags"] = np.array([True, False])
    entry["self"] = entry


@foreign_path("nexus/eiger master")
def eiger(path: str) -> None:
    """A master file, of which the images are in others."""
    import os

    folder = os.path.dirname(path)
    with h5py.File(os.path.join(folder, "data_000001.h5"), "w") as other:
        other["entry/data"] = np.arange(24, dtype="u2").reshape(2, 3, 4)
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        entry = nx(file, "entry", "NXentry")
        data = nx(entry, "data", "NXdata")
        data["data_000001"] = h5py.ExternalLink("data_000001.h5", "/entry/data")
        data["data_000002"] = h5py.ExternalLink("not there.h5", "/entry/data")
        layout = h5py.VirtualLayout((4, 3, 4), "u2", maxshape=(None, 3, 4))
        layout[0:2] = h5py.VirtualSource("data_000001.h5", "/entry/data", (2, 3, 4))
        data.create_virtual_dataset("all", layout, fillvalue=7)
        detector = nx(nx(entry, "instrument", "NXinstrument"), "detector", "NXdetector")
        detector["bit_depth_image"] = np.uint16(16)
        dataset(detector, "description", string(16), (), b"a detector\0\0\0\0\0\0")
        detector.create_dataset("flatfield", data=np.ones((3, 4), "f4"), chunks=(3, 4),
                                compression="gzip")  # fmt: skip
        detector["pixel_mask"] = np.zeros((3, 4), "u4")


@foreign("nexus/events", track_order=False)
def events(file: Any) -> None:
    """What event detectors write: many growing arrays, of chunks that are hardly filled."""
    entry = nx(file, "entry", "NXentry")
    for number in range(4):
        bank = nx(entry, f"bank{number}_events", "NXevent_data")
        for name, code in (("event_id", "u4"), ("event_time_offset", "f4"), ("event_index", "u8")):
            made = bank.create_dataset(name, data=np.arange(number * 5).astype(code),
                                       maxshape=(None,), chunks=(1024,), compression="gzip")  # fmt: skip
            text(made, "units", "us")
        bank.create_dataset("event_time_zero", (0,), "f8", maxshape=(None,), chunks=(64,))
        text(bank["event_time_zero"], "offset", "2020-01-01T00:00:00.123456789-04:00")
    logs = nx(entry, "DASlogs", "NXcollection")
    for number in range(30):
        log = nx(logs, f"log:{number}", "NXlog")
        log["time"], log["value"] = np.arange(3.0), np.arange(3) * number
    tid = compound(20, ("name", 0, string(8)), ("n", 8, h5t.STD_I64BE), ("x", 16, h5t.IEEE_F32BE))
    plist = creation(chunk=((2,),), shuffle=(), deflate=2)
    dataset(entry, "table", tid, (3,), bytes(60), maxshape=(None,), plist=plist)


@foreign("tango/bliss", track_order=True)
def bliss(file: Any) -> None:
    """Scans of a beamline: groups by number, texts as JSON, images in chunks of one."""
    for number in (1, 2):
        scan = nx(file, f"{number}.1", "NXentry", creator="bliss")
        scan["title"] = "ascan x 0 1 3 0.1"
        scan["end_reason"] = h5py.Empty("S1")
        made = scan.create_dataset("measurement/det", data=np.ones((4, 2, 2), "u2"),
                                   chunks=(1, 2, 2), maxshape=(None, 2, 2))  # fmt: skip
        scan["instrument/det/image"] = made
        scan["scan_meta"] = '{"a": 1}'
        scan["positioners/x"] = h5py.SoftLink(f"/{number}.1/instrument/x")
        scan["sample/name"] = np.array("naïve", h5py.string_dtype())
