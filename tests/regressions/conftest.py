"""Where the stores of these tests are."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a store may be made, in a folder of its own."""
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs" / "x.hdf5"
