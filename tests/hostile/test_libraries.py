"""Stored values of other libraries, changed at random: a value, or an error of ours; never a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.libraries import library

COUNT = 400 if os.environ.get("HDFCHK_FUZZ") == "full" else 15
LIBRARIES = {
    "ase": "test_ase",
    "astropy": "test_astropy",
    "awkward": "test_awkward",
    "jax": "test_jax",
    "networkx": "test_networkx",
    "pint": "test_pint",
    "polars": "test_polars",
    "pyarrow": "test_pyarrow",
    "torch": "test_tensors_of_torch",
    "unyt": "test_unyt",
}
"""The tests of their codecs, whose `CASES` are the values."""


@pytest.mark.parametrize("name", LIBRARIES)
def test_mutants(name: str) -> None:
    """Whatever is changed in the data or the marks, reading ends in a value or an error of ours."""
    library(name)
    command = [sys.executable, "-m", "tests.hostile.library_mutants", LIBRARIES[name], str(COUNT)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "RUST_BACKTRACE": "0"}
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=1800,
        cwd=Path(__file__).parents[2],
        env=environment,
    )
    last = done.stdout.splitlines()[-1:] or [""]
    assert done.returncode == 0, (done.returncode, last, done.stderr[-3000:])
    assert last[0].startswith("whole: ")
