"""What a caller has of h5py's is closed with the file, and never becomes an object of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import pytest

from hdfchk import HDF5Checkpointer


def _objects(stream: Any) -> list[Any]:
    return [stream, stream["x"], stream["g"], stream["x"].attrs.get_id("unit"), stream["x"].id]


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("journal", [False, True])
def test_they_stay_closed(tmp_path: Path, writes: bool, journal: bool) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2]
        file["x"].attrs["unit"] = "K"
        file.create_group("g")
    with HDF5Checkpointer(path, journal=journal) as chk:
        if writes:
            chk["y"] = 1
        kept = _objects(chk.stream)
        assert all(kept)
    assert not any(kept)
    # The numbers of HDF5's identifiers are used again.
    others = [h5py.File(tmp_path / f"{number}.h5", "w") for number in range(20)]
    for number, other in enumerate(others):
        other["x"] = number
    found = [_kind(other["x"].id) for other in others]
    assert not any(kept)
    assert found == [h5py.h5i.DATASET] * 20
    for other in others:
        other.close()
    with HDF5Checkpointer(path) as chk:
        assert chk["x"].tolist() == [1, 2]
        assert not any(kept)


def _kind(oid: Any) -> int:
    return int(h5py.h5i.get_type(oid))


@pytest.mark.parametrize("mode", ["r", "a"])
def test_an_identifier_kept_by_the_caller_closes_with_the_file(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.h5"
    HDF5Checkpointer(path)["x"] = 1
    with HDF5Checkpointer(path, mode=mode) as chk:
        assert chk["x"] == 1
        again = h5py.h5i.get_file_id(chk.stream.id)  # the same number, counted twice
    assert not again.valid
    with h5py.File(path, "r+") as file:  # nothing holds it any more
        file["x"][()] = 2
    assert HDF5Checkpointer(path)["x"] == 2
