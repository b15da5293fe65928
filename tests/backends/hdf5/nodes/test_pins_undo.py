"""An error at any call of HDF5's leaves what points at objects as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from tests.backends.hdf5.nodes.test_apply_undo import FailAt
from tests.foreign import fingerprint


def make(path: Path) -> None:
    with h5py.File(path, "w", libver=("v108", "v110"), track_order=True) as file:
        for name, length in (("time", 3), ("place", 2)):
            file[name] = np.arange(float(length))
            file[name].make_scale(name)
        file["heat"] = np.zeros((3, 2))
        file["cold"] = np.zeros(3)
        for key, scales in (("heat", ("time", "place")), ("cold", ("time",))):
            for axis, name in enumerate(scales):
                file[key].dims[axis].attach_scale(file[name])
        file.create_dataset("grows", data=np.arange(4), maxshape=(None,), chunks=(3,))
        file["to"] = file["grows"].ref
        file["list"] = np.arange(4)
        file["alias"] = file["list"]


def pointers(path: Path) -> Any:
    """Everything but addresses, and what references lead to."""
    seen: dict[str, Any] = {}
    for key, entry in fingerprint(str(path)).items():
        if key != "/":  # the root has a note of the order of its keys
            seen[key] = entry[1:]
    with h5py.File(path) as file:
        for key, item in file.items():
            for name in ("DIMENSION_LIST", "REFERENCE_LIST"):
                for part in item.attrs.get(name, ()):
                    references = part if name == "DIMENSION_LIST" else [part[0]]
                    led = [file[reference].name for reference in references]
                    seen.setdefault(f"{key} {name}", []).append(led)
        seen["to"] = file[file["to"][()]].name
        seen["alias"] = file["alias"] == file["list"]
    return seen


def move(chk: Any) -> None:
    chk.update({"heat": np.ones((5, 2), "f4"), "time": np.arange(5), "cold": np.ones(5)})


def move_scale(chk: Any) -> None:
    chk["time"] = np.arange(3)


def detach(chk: Any) -> None:
    del chk["heat"]


def replace(chk: Any) -> None:
    chk.put("time", "text", replace=True)


def resize(chk: Any) -> None:
    chk["grows"] = np.arange(9)


def remark(chk: Any) -> None:
    chk["list"] = [5, 6, 7, 8]


WORK = (move, move_scale, detach, replace, resize, remark)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["journal", "direct", "h5py"])
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_an_error_at_any_call(tmp_path: Path, kind: str, work: Callable[[Any], None]) -> None:
    """What was led elsewhere is led back, and what was detached is attached."""
    path = tmp_path / "x.h5"
    make(path)
    before, tried, step = pointers(path), 0, 7 if work is move else 3
    for number in range(0, 10_000, step):
        fail = FailAt(number)
        file = h5py.File(path, "r+") if kind == "h5py" else None
        chk = HDF5Checkpointer(file or path, journal=kind != "direct", durable=False)
        try:
            with chk, fail:
                work(chk)
        except Exception as error:
            assert fail.at, error
            assert not getattr(error, "__notes__", []), fail.at
        if file is not None:
            file.close()
        if not fail.at:
            break
        tried += 1
        assert pointers(path) == before, fail.at
    assert tried > 3
    assert fingerprint(str(path))  # which reads all of it
