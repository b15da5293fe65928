"""Copies of large arrays and groups: bounded memory, and no chunk is unpacked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

ROOT = Path(__file__).parents[1]
MOST = 48
"""So many MiB more than before a copy may take."""
PROGRAM = """
import sys
import hdfchk
def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
source, target, key = sys.argv[1:]
chk, other = hdfchk.HDF5Checkpointer(source, mode="r"), hdfchk.HDF5Checkpointer(target)
chk.copy("small", other)
before = peak()
chk.copy(key, other, "copy")
other.move("copy", "moved")
other.copy("moved", "again")
print(peak() - before)
"""


def contiguous(group: h5py.Group, name: str, nbytes: int) -> None:
    """An array in one piece, in a hole of the file."""
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5d.FILL_TIME_NEVER)
    space = h5s.create_simple((nbytes // 8,))
    h5d.create(group.id, name.encode(), h5t.IEEE_F64LE, space, plist)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """A file of 256 MiB in one piece, of 512 MiB in packed chunks, and of a group of both."""
    path = tmp_path / "source.hdf5"
    with h5py.File(path, "w") as file:
        contiguous(file, "plain", 2**28)
        packed = {"chunks": (2**17,), "compression": "gzip", "compression_opts": 1}
        x = file.create_dataset("packed", (2**26,), "f8", **packed)
        x[: 2**17] = np.arange(2.0**17)
        mask, chunk = x.id.read_direct_chunk((0,))
        for number in range(1, 2**9):
            x.id.write_direct_chunk((number * 2**17,), chunk, mask)
        group = file.create_group("group")
        group["packed"] = x
        for number in range(8):
            contiguous(group, f"x{number}", 2**24)
            group[f"in{number}/y"] = np.zeros(2**17)
        file["small"] = np.zeros(2**17)
    yield path
    for file in tmp_path.iterdir():  # they are large
        file.unlink()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it says what the peak was")
@pytest.mark.parametrize("key", ["packed", "plain", "group"])
def test_memory(source: Path, tmp_path: Path, key: str) -> None:
    """A copy to another file, a move and a copy there take a few blocks; chunks are as they were."""
    target = tmp_path / "target.hdf5"
    command = [sys.executable, "-c", PROGRAM, str(source), str(target), key]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < MOST, done.stdout
    inner = {"packed": "", "group": "/packed"}.get(key)
    if inner is not None:
        with h5py.File(source) as one, h5py.File(target) as two:
            for copy in (two[f"moved{inner}"], two[f"again{inner}"]):
                assert copy.chunks == (2**17,) and copy.compression_opts == 1
                for number in range(0, 2**9, 37):
                    place = (number * 2**17,)
                    chunk = one["packed"].id.read_direct_chunk(place)
                    assert copy.id.read_direct_chunk(place) == chunk
