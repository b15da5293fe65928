"""Values of every type that can be stored are shown: none is an error, none is shown as another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdfchk import HDF5Checkpointer

from ..support import roundtrip
from ..support.viewer_page import Page

ROWS = [
    pytest.param(
        row,
        id=row.name,
        marks=[] if row.can_be_made() else pytest.mark.skip(f"{row.needs} is not installed"),
    )
    for row in roundtrip.every_row()
]

MOST_VALUES = 12
"""Of the values of a row so many are tried: each takes some requests."""


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS)
def test_every_type_is_shown(tmp_path: Path, row: roundtrip.Row) -> None:
    """Meta, attributes and elements of each value, alone and inside a dict, can be asked for."""
    path = tmp_path / "run.h5"
    chk = HDF5Checkpointer(path)
    with chk:
        values = row.make()
        for number, value in enumerate(values[:: 1 + len(values) // MOST_VALUES]):
            chk[f"v{number}"] = value
        chk["in"] = {"x": values[0]}
    page = Page(path)
    faults = []
    for top in page.names("/"):
        _walk(page, f"/{top}", faults)
    assert not faults, faults


def _walk(page: Page, path: str, faults: list[Any], depth: int = 0) -> None:
    meta = page.meta(path)
    attributes = page.attributes(path)
    try:
        if meta["kind"] == "dataset" or "default" in attributes:
            shown = page.shown(path)
            if isinstance(shown, str) and shown.startswith("cannot be read"):
                faults.append((path, shown))
            if isinstance(shown, np.ndarray) and meta["kind"] == "dataset":
                assert list(shown.shape) == meta["shape"]
    except Exception as error:
        if "NaN, which the page cannot show" not in str(error):
            faults.append((path, repr(error)))
    if depth < 2:
        for child in meta.get("children", ()):
            _walk(page, f"{path}/{child['name']}", faults, depth + 1)
