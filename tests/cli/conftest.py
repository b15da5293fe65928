"""Files that commands are tried on."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A file with values of many kinds."""
    path = tmp_path / "demo.h5"
    chk = HDF5Checkpointer(path)
    chk.update(
        {
            "steps": 500,
            "tol": 1e-8,
            "name": "water \x1b[2J scan",
            "none": None,
            "nan": float("nan"),
            "z": 1 + 2j,
            "bytes": b"\x00\xff",
            "when": datetime.datetime(2026, 1, 1, 12),
            "mixed": [1, "a", None],
            "params": {"steps": 500, "deep": {"y": 3}},
            "grid": np.arange(12.0).reshape(3, 4),
            "loss": np.exp(-np.arange(50) / 10),
            "empty": {},
            "evil\x1b]0;x\x07\x9b": 1,
        }
    )
    chk.attrs["note"] = "about\x07"
    chk.array("grid").attrs["units"] = "bohr"
    return path
