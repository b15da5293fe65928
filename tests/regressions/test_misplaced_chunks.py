"""Of an extensible array whose unlimited axis is not the first HDF5 tells wrong places of chunks.

Where such a dataset was not written as a whole, what is read chunk by chunk, looked at, or copied
has to come from the places at which the chunks are.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.data.chunk_index import chunks_of

# Shape, chunk, limits, what is written.
PARTS: dict[str, tuple[Any, ...]] = {
    "the last rows": ((300, 600), (20, 100), (300, None), np.s_[150:]),
    "one chunk": ((60, 120), (4, 20), (60, None), np.s_[9:10, 50:52]),
    "the first rows": ((60, 120), (4, 20), (60, None), np.s_[:4]),
    "the first columns": ((60, 120), (4, 20), (60, None), np.s_[:, :20]),
    "a middle axis": ((15, 9, 8), (5, 3, 4), (15, None, 9), np.s_[5:, 3:, :4]),
    "room for more": ((10, 40), (5, 10), (100, None), np.s_[5:]),
    "one row of chunks": ((10, 400), (10, 10), (10, None), np.s_[:, 200:]),
    "the first axis": ((40, 10), (10, 5), (None, 10), np.s_[10:20, 5:]),
    "all": ((30, 60), (4, 7), (30, None), np.s_[:]),
    "nothing": ((30, 60), (4, 7), (30, None), np.s_[:0]),
    "two axes": ((30, 60), (4, 7), (None, None), np.s_[9:, 20]),
}


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("libver", ["earliest", "v110", "latest"])
def test_chunks_are_where_they_are(
    path: str, part: str, compression: str | None, libver: str
) -> None:
    """Values, checks and copies are right, whatever part of the dataset was written."""
    shape, chunk, limits, written = PARTS[part]
    random = np.random.default_rng(5)
    with h5py.File(path, "w", libver=libver) as file:
        options: dict[str, Any] = {"chunks": chunk, "maxshape": limits, "compression": compression}
        for name, dtype in (("x", "<i8"), ("r", h5py.ref_dtype)):
            file.create_dataset(name, shape, dtype, **options)
        data = random.integers(1, 9, shape)
        file["x"][written] = data[written]
        if np.size(data[written]):
            file["r"][written] = file["x"].ref
        wanted = file["x"][()]
        stored = {
            tuple(int(n // c * c) for n, c in zip(place, chunk, strict=True))
            for place in zip(*np.nonzero(wanted), strict=True)
        }
    with h5py.File(path) as file:
        did = file["x"].id
        assert {place for place, _ in chunks_of(did, did.get_create_plist())} == stored
    chk = HDF5Checkpointer(path, omitted_keys="r")
    for libver_of_copy in (None, "earliest", None):
        assert np.array_equal(chk["x"], wanted)
        assert np.array_equal(chk.array("x")[-7:], wanted[-7:])
        assert np.array_equal(chk.array("x")[:, -3:], wanted[:, -3:]) and chk.verify().ok
        HDF5Checkpointer(path).compact(libver=libver_of_copy)  # type: ignore[arg-type]
        with h5py.File(path) as file:
            assert np.array_equal(file["r"][()].astype(bool), wanted.astype(bool))
            first = next(iter(file["r"][()][wanted.astype(bool)].flat), None)
            assert first is None or file[first].name == "/x"
    chk.array("x")[1:3, -2:] = wanted[1:3, -2:] = 7
    assert np.array_equal(chk["x"], wanted)
