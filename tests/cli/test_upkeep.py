"""``verify``, ``compact`` and ``recover``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from hdfchk import HDF5Checkpointer
from tests.support.command import environment, invoke


def test_verify(demo: Path) -> None:
    """All values are counted."""
    assert invoke("verify", demo) == (0, "14 values: 14 whole, 0 damaged, 0 not read\n", "")
    record = invoke("verify", demo, "--json").json[-1]
    assert record["ok"] and record["whole"] == 14 and record["damaged"] == 0


def test_damage(tmp_path: Path) -> None:
    """A damaged value is named, the exit code is 1, and the remedy is told."""
    path = tmp_path / "x.h5"
    value = np.arange(10_000.0)
    HDF5Checkpointer(path, checksum=True).update({"good": 1, "bad": value})
    data = bytearray(path.read_bytes())
    place = data.index(value[5000:5004].tobytes())
    data[place] ^= 1
    path.write_bytes(data)
    result = invoke("verify", path)
    assert result.code == 1 and "damaged:\n  bad: " in result.out and "salvage" in result.out
    record = invoke("verify", path, "--json").json
    assert record[0]["key"] == "bad" and record[0]["state"] == "damaged" and not record[-1]["ok"]
    assert invoke("get", path, "bad").code == 3


def test_compact(demo: Path) -> None:
    """Space is given back."""
    chk = HDF5Checkpointer(demo)
    chk["large"] = np.random.default_rng(0).random(100_000)
    chk["behind"] = np.zeros(1000)
    del chk["large"]
    before = demo.stat().st_size
    result = invoke("compact", demo)
    assert result.code == 0 and result.out.endswith(" given back\n")
    assert demo.stat().st_size < before - 700_000
    assert invoke("compact", demo, "--libver", "earliest").code == 0


def test_recover(demo: Path, tmp_path: Path) -> None:
    """What a killed writer left is brought in, or set aside, or written to a new file."""
    assert invoke("recover", demo).out == "there is nothing to recover\n"
    code = (
        "import os, sys; from hdfchk import HDF5Checkpointer\n"
        "chk = HDF5Checkpointer(sys.argv[1]); chk.__enter__(); chk['late'] = 1; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, demo], check=True, env=environment())
    assert Path(f"{demo}-journal").exists()
    result = invoke("recover", demo, "--into", tmp_path / "new.h5")
    assert result.code == 0 and HDF5Checkpointer(tmp_path / "new.h5")["late"] == 1
    assert invoke("recover", demo, "--into", tmp_path / "new.h5").code == 1
    assert "written into" in invoke("recover", demo).out
    assert not Path(f"{demo}-journal").exists() and HDF5Checkpointer(demo)["late"] == 1
