"""Whether a file has changed."""

from __future__ import annotations

from pathlib import Path

from hdfchk import HDF5Checkpointer
from hdfchk.cli.changes import stamp_of


def test_stamps(tmp_path: Path) -> None:
    """Each commit changes the stamp, also while it is in the journal alone; nothing else does."""
    path = tmp_path / "x.h5"
    stamps = [stamp_of(str(path))]
    with HDF5Checkpointer(path) as chk:
        for number in range(3):
            chk["x"] = number
            chk.load()
            stamps += [stamp_of(str(path))] * 2
    stamps.append(stamp_of(str(path)))
    assert [a == b for a, b in zip(stamps, stamps[1:])] == [False, True] * 3 + [False]
