"""The same data give the same bytes: in other processes, at other times, with other hash seeds."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer, load, save
from hdfchk.backends.hdf5.h5 import timeless
from hdfchk.backends.hdf5.h5.stand_in import lookup3
from hdfchk.backends.hdf5.wal import first_commit
from tests.support.exact import differs

SAVE = """
import io, sys
import numpy as np
from hdfchk import save
from tests.support import roundtrip

tree = {"top": {}, "nested": {}, "listed": {}}
for key, value in roundtrip.cases():
    tree["top"][key] = value
    tree["nested"][key] = {"in": {"value": value}}
    tree["listed"][key] = [0, value]
large = {"big": np.arange(2.0**20), "after": {"x": np.arange(10), "more": np.ones(300_000)}}
folder = sys.argv[1]
save(folder + "/small.h5", tree)
save(folder + "/large.h5", {"top": tree["top"], **large})
save(folder + "/packed.h5", {**tree, **large}, compression="gzip", checksum=True)
with io.BytesIO() as stream:
    save(stream, {"top": tree["top"], **large})
    open(folder + "/stream.h5", "wb").write(stream.getvalue())
"""
FILES = ("small.h5", "large.h5", "packed.h5", "stream.h5")


@pytest.mark.slow
def test_values_of_every_kind(tmp_path: Path) -> None:
    """What two processes save with two hash seeds, a second apart, is the same file."""
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        done = subprocess.run(
            [sys.executable, "-c", SAVE, str(tmp_path / seed)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        time.sleep(1.1)
    for name in FILES:
        one, other = ((tmp_path / seed / name).read_bytes() for seed in ("1", "2"))
        assert len(one) == len(other)
        assert one == other, [n for n, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]


def _tree(last: float = 0.0, count: int = 300) -> dict[str, Any]:
    big = np.arange(float(count))
    big[count // 2] = last
    return {"g": {"h": {"x": big}, "s": {"a", "b", 1, None}}, "n": 1}


@pytest.mark.parametrize("where", ["file", "stream"])
@pytest.mark.parametrize("count", [300, 2**20], ids=["in memory", "in the file"])
def test_at_another_time(tmp_path: Path, where: str, count: int) -> None:
    """Nothing in a file tells when it was made; what differs in one number is another file."""
    found = []
    for last in (0.0, 0.0, 1.0):
        target: Any = io.BytesIO() if where == "stream" else tmp_path / "x.h5"
        save(target, _tree(last, count))
        found.append(target.getvalue() if where == "stream" else target.read_bytes())
        assert differs(load(target), _tree(last, count)) is None
        time.sleep(1.1)
    assert found[0] == found[1] != found[2]
    stamps = []
    for data in found if where == "file" else ():
        with h5py.File(io.BytesIO(data)) as file:
            stamps.append(int(file.attrs["hdfchk:stamp"]))
    if stamps:
        assert stamps[0] == stamps[1] != stamps[2] and min(stamps) > first_commit.NO_STAMP


def test_each_later_commit_is_another_state(path: str) -> None:
    """Only the first commit has a stamp of its contents."""
    seen = set()
    for _ in range(2):
        HDF5Checkpointer(path, mode="w")["a"] = 1
        HDF5Checkpointer(path)["b"] = 2
        with h5py.File(path) as file:
            seen.add(int(file.attrs["hdfchk:stamp"]))
    assert len(seen) == 2


def test_no_object_has_a_time(path: str) -> None:
    """Neither groups nor datasets, and not the superblock's extension, however it was closed."""
    with HDF5Checkpointer(path) as chk:
        chk["first"] = {"g": {"x": np.arange(5)}}
        chk["big"] = np.arange(2.0**20)
        chk["later"] = {"h": {}}
    with h5py.File(path) as file:
        kept = [file["/"].id.get_create_plist().get_obj_track_times()]
        file.visititems(
            lambda _, item: kept.append(item.id.get_create_plist().get_obj_track_times())
        )
    assert len(kept) == 7 and not any(kept)


def test_times_of_the_extension() -> None:
    """A file of HDF5's own keeps all but the times; one of another kind is left alone."""
    image = timeless.blank()
    with h5py.File(io.BytesIO(image)) as file:
        assert list(file) == [] and file.id.get_create_plist().get_file_space_strategy()[1]
    at = int.from_bytes(image[20:28], "little")
    assert image[at : at + 6] == b"OHDR\x02\x20" and image[at + 6 : at + 22] == bytes(16)
    end = at + 23 + image[at + 22]
    assert image[end : end + 4] == lookup3(image[at:end]).to_bytes(4, "little")
    for other in (b"", b"no file", bytes(100)):
        stream = io.BytesIO(other)
        timeless.clear_time(stream)
        assert stream.getvalue() == other
