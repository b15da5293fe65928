"""The tools of laboratories: pynwb, MATLAB's files by hdf5storage and mat73, and pyfive."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import h5py
import hdf5storage
import mat73
import numpy as np
import pyfive
import pynwb
from pynwb.ecephys import ElectricalSeries

from hdfchk import HDF5Checkpointer

from .tool import Changes, Tool


def make_nwb(path: str) -> None:
    """A session with electrodes, series, trials and units."""
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    nwb = pynwb.NWBFile("a session", "id", start)
    device = nwb.create_device("probe")
    group = nwb.create_electrode_group("g", "a group", "CA1", device)
    nwb.add_electrode_column("label", "a label")
    for n in range(3):
        nwb.add_electrode(group=group, location="CA1é", label=f"e{n}")
    region = nwb.create_electrode_table_region([0, 2], "two of them")
    nwb.add_acquisition(
        ElectricalSeries("lfp", np.arange(8.0).reshape(4, 2), region, timestamps=np.arange(4.0))
    )
    nwb.add_acquisition(pynwb.TimeSeries("plain", np.arange(5.0), "V", rate=10.0, description="hé"))
    nwb.add_trial(0.0, 1.0)
    nwb.add_unit(spike_times=[0.5, 1.5])
    nwb.add_unit(spike_times=[2.5])
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(nwb)


def read_nwb(path: str) -> dict[str, Any]:
    """All of it, references resolved."""
    with pynwb.NWBHDF5IO(path, "r") as io:
        nwb = io.read()
        lfp, plain = nwb.acquisition["lfp"], nwb.acquisition["plain"]
        electrodes = nwb.electrodes.to_dataframe()
        return {
            "session": [nwb.session_description, nwb.identifier],
            "lfp": lfp.data[:],
            "timestamps": lfp.timestamps[:],
            "electrodes of lfp": lfp.electrodes["label"].tolist()
            if hasattr(lfp.electrodes["label"], "tolist")
            else list(lfp.electrodes["label"]),
            "plain": plain.data[:],
            "plain.unit": [plain.unit, plain.description, plain.rate],
            "location": electrodes["location"].tolist(),
            "group": [item.name for item in electrodes["group"]],
            "spikes": [list(nwb.units["spike_times"][n]) for n in range(2)],
            "trials": nwb.trials["stop_time"][:],
        }


def _timestamps(chk: HDF5Checkpointer) -> Changes:
    """Numbers that other objects do not point at, overwritten."""
    chk["acquisition/lfp/timestamps"] = np.arange(4.0) + 1
    return {"timestamps": np.arange(4.0) + 1}


def make_matlab(path: str) -> None:
    """Matrices, texts, cells and a struct, in the form of MATLAB 7.3."""
    data = {
        "x": np.array([[1.0, 2.0], [3.0, 4.0]]),
        "ints": np.array([[1, 2, 3]], "i4"),
        "text": "hello",
        "st": {"f": np.array([[5.0]]), "name": "ab"},
        "flag": np.array([[True, False]]),
        "z": np.array([[1 + 2j]]),
    }
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = np.array([[7.0]]), "cell"
    data["cells"] = cells
    hdf5storage.savemat(path, data, format="7.3", oned_as="row", store_python_metadata=False)


NAMES = ("x", "ints", "text", "st", "flag", "z", "cells")


def read_mat73(path: str) -> dict[str, Any]:
    """All variables of ours, and those of others beside."""
    logging.disable(logging.ERROR)  # it says of each key of others that it is not MATLAB's
    try:
        data = mat73.loadmat(path)
    finally:
        logging.disable(logging.NOTSET)
    found = {name: data[name] for name in NAMES if name != "st"}
    found["cells"] = [_flat(item) for item in data["cells"]]
    found["st"] = [_flat(data["st"]["f"]), data["st"]["name"]]
    return found | {"x": found["x"].T}  # as it lies in the file


def read_hdf5storage(path: str) -> dict[str, Any]:
    """All variables of ours."""
    data = hdf5storage.loadmat(path, variable_names=list(NAMES))
    found: dict[str, Any] = {name: data[name] for name in NAMES if name not in ("st", "cells")}
    found["cells"] = [_flat(item) for item in np.ravel(data["cells"])]
    found["st"] = [_flat(data["st"]["f"]), _flat(data["st"]["name"])]
    return found | {"x": found["x"].T}  # as it lies in the file


def _flat(item: Any) -> Any:
    return np.ravel(item).tolist() if isinstance(item, np.ndarray) else item


def make_h5py(path: str) -> None:
    """What h5py's users write, for pyfive, which only reads."""
    with h5py.File(path, "w") as file:
        group = file.create_group("g")
        group["array"] = np.arange(3.0)
        group["array"].attrs["units"] = "m"
        group.create_dataset("grows", data=np.arange(6.0).reshape(2, 3), maxshape=(None, 3))
        text = h5py.string_dtype()
        group.create_dataset("texts", data=np.array(["a", "bé"], object), dtype=text)
        group["scalar"] = 5
        group["fixed"] = np.array([b"a", b"bc"])
        group.create_dataset("packed", data=np.arange(100.0), compression="gzip", shuffle=True)
        group["pairs"] = np.array([(1, 2.5)], "i4,f8")


def read_pyfive(path: str) -> dict[str, Any]:
    """All datasets and attributes."""
    found: dict[str, Any] = {}
    with pyfive.File(path) as file:
        for name in ("array", "grows", "texts", "scalar", "fixed", "packed", "pairs"):
            found[name] = file[f"g/{name}"][()]
        found["units"] = file["g/array"].attrs["units"]
        for group in (file, file["g"]):
            assert list(group) and dict(group.attrs) is not None
    found["pairs"] = found["pairs"].tolist()
    return found


def _cell(chk: HDF5Checkpointer) -> Changes:
    """What a cell refers to, in another dtype."""
    key = next(key for key in chk["#refs#"] if chk[f"#refs#/{key}"].dtype == np.float64)
    chk[f"#refs#/{key}"] = chk[f"#refs#/{key}"].astype("f4")
    return {}


TOOLS = [
    Tool(
        "pynwb",
        make_nwb,
        read_nwb,
        ("acquisition/plain/data", "plain"),
        "acquisition",
        ("acquisition/plain/data", "plain"),
        ("general/extracellular_ephys/electrodes/location", "location"),
        {"the timestamps of a series": _timestamps},
        ".nwb",
        ("another kind of value",),
    ),
    *(
        Tool(
            name,
            make_matlab,
            read,
            ("x", "x"),
            "st" if name == "hdf5storage" else "",  # mat73 takes each field of a struct as MATLAB's
            None,
            None,
            {"what a cell refers to in another dtype": _cell},
            ".mat",
        )
        for name, read in (("mat73", read_mat73), ("hdf5storage", read_hdf5storage))
    ),
    Tool(
        "pyfive",
        make_h5py,
        read_pyfive,
        ("g/array", "array"),
        "g",
        ("g/grows", "grows"),
        ("g/texts", "texts"),
    ),
]
