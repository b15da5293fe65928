"""Slices of compressed arrays: each chunk is unpacked once, and what is kept of it is never old."""

from __future__ import annotations

import pathlib
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5s

from hdfchk import HDF5Checkpointer
from hdfchk.backends.hdf5.data import chunk_io, limits, streams


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "x.h5")


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often a chunk was unpacked here, and looked at for HDF5, which unpacks it again."""
    found = {"here": 0, "for HDF5": 0}

    def counted(name: str, function: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            found[name] += 1
            return function(*args, **options)

        return call

    monkeypatch.setattr(chunk_io, "inflate", counted("here", chunk_io.inflate))
    monkeypatch.setattr(streams, "_refuse_stream", counted("for HDF5", streams._refuse_stream))
    return found


VALUE = np.arange(60_000.0).reshape(3000, 20)


@pytest.mark.parametrize("how", ["rows", "slices", "pairs"])
@pytest.mark.parametrize("checksum", [True, False], ids=["checksum", "none"])
def test_each_chunk_is_unpacked_once(
    path: str, counts: dict[str, int], how: str, checksum: bool
) -> None:
    """Neighbouring slices, and single rows, cost one unpacking of each chunk."""
    HDF5Checkpointer(path).put("x", VALUE, compression="gzip", chunks=(100, 20), checksum=checksum)
    counts.update({"here": 0, "for HDF5": 0})
    with HDF5Checkpointer(path, mode="r") as chk:
        array = chk.array("x")
        for start in range(0, 3000, 10):
            if how == "rows":
                assert np.array_equal(array[start - 3000], VALUE[start])
            elif how == "slices":
                assert np.array_equal(array[start : start + 10], VALUE[start : start + 10])
            else:
                stop = start + 20
                assert np.array_equal(array[start:stop, :], VALUE[start:stop])
    # A pair of chunks is unpacked for the slice that touches both.
    assert counts == {"here": 30 if how != "pairs" else counts["here"], "for HDF5": 0}
    assert counts["here"] <= 60


@pytest.mark.parametrize("dtype", ["f8", ">i2", "u1", "c16", "S7", "i4,f8"])
@pytest.mark.parametrize("chunks", [(7, 5), (4, 11), (100, 3)])
def test_parts_of_chunks(path: str, dtype: str, chunks: tuple[int, int]) -> None:
    """What is read of chunks of any shape and dtype is what was written, and fill values beside."""
    value = np.random.default_rng(0).integers(0, 100, (50, 11)).astype(dtype)
    with h5py.File(path, "w") as file:
        how = {"compression": "gzip", "shuffle": chunks[0] != 4, "fletcher32": chunks[0] == 7}
        chunks = (min(chunks[0], 50), min(chunks[1], 11))
        file.create_dataset("x", data=value, chunks=chunks, **how)
        holes = file.create_dataset("holes", (50, 11), dtype, chunks=chunks, **how)
        holes[10:20] = value[10:20]
        expected = holes[()]
    with HDF5Checkpointer(path) as chk:
        for key, whole in (("x", value), ("holes", expected)):
            for start in range(0, 50, 3):
                for index in (slice(start, start + 9), start, slice(start, start + 1)):
                    assert np.array_equal(chk.array(key)[index], whole[index])
                assert np.array_equal(chk.array(key)[start, 2:5], whole[start, 2:5])


@pytest.mark.parametrize("journal", [True, False], ids=["log", "no log"])
def test_what_is_written_is_read(path: str, journal: bool) -> None:
    """In a block that writes, and after it, slices are those of now."""
    HDF5Checkpointer(path).put("x", VALUE, compression="gzip", chunks=(100, 20))
    value = VALUE.copy()
    with HDF5Checkpointer(path, journal=journal) as chk:
        array = chk.array("x")
        assert np.array_equal(array[5:7], value[5:7])
        for number in range(3):
            array[5] = value[5] = number
            assert np.array_equal(array[5:7], value[5:7]) and np.array_equal(array[4], value[4])
            array.append(np.full(20, number, float))
            assert array[-1].tolist() == [number] * 20
    with HDF5Checkpointer(path, mode="r") as reader:
        assert np.array_equal(reader.array("x")[5], value[5])
    with h5py.File(path, "r+") as file:
        chk = HDF5Checkpointer(file)
        assert np.array_equal(chk.array("x")[6], value[6])
        file["x"][6] = value[6] = -1
        assert np.array_equal(chk.array("x")[6], value[6])


def test_one_chunk_is_kept(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many arrays are read, the bytes of one chunk are kept; none of a large one."""
    chk = HDF5Checkpointer(path)
    for key in "abc":
        chk.put(key, VALUE, compression="gzip", chunks=(100, 20))
    chk.put("large", np.zeros(2**20), compression="gzip", chunks=(2**20,))
    seen: dict[int, streams.SeenChunks] = {}
    original = limits.Guard.seen_chunks

    def noted(self: limits.Guard, did: Any) -> streams.SeenChunks:
        found = original(self, did)
        seen[id(found)] = found
        return found

    monkeypatch.setattr(limits.Guard, "seen_chunks", noted)
    with HDF5Checkpointer(path, mode="r") as reader:
        for key in "abc":
            reader.array(key)[:3]
        assert len(seen) == 3
        assert sum(found.has({(0, 0)}) for found in seen.values()) == 1
        reader.array("large")[:3]
        assert not any(found.has({(0, 0)}) or found.has({(0,)}) for found in seen.values())


def test_a_regular_selection_is_few_boxes() -> None:
    """HDF5 counts each step of a selection as a block: what is in one piece is one box."""
    space = h5s.create_simple((1000, 1000))
    space.select_hyperslab((3, 0), (1, 1000))
    assert streams.boxes_of(space) == [((3, 0), (3, 999))]
    space.select_hyperslab((0, 5), (1000, 1))
    assert streams.boxes_of(space) == [((0, 5), (999, 5))]
    space.select_hyperslab((0, 4), (3, 2), (10, 2), (1, 2))
    assert streams.boxes_of(space) == [((row, 4), (row, 7)) for row in (0, 10, 20)]
    space.select_hyperslab((0, 0), (500, 500), (2, 2))
    assert streams.boxes_of(space) == [((0, 0), (998, 998))]
    space.select_none()
    assert streams.boxes_of(space) is None


def test_rows_of_many_columns_are_looked_at_once(path: str, counts: dict[str, int]) -> None:
    """Columns, lists of rows and masks look at the chunks that they touch, and at no others."""
    value = np.arange(40_000.0).reshape(200, 200)
    HDF5Checkpointer(path).put("x", value, compression="gzip", chunks=(1, 200))
    with HDF5Checkpointer(path, mode="r") as chk:
        array = chk.array("x")
        for index in (5, (7, slice(0, 200, 3)), [1, 9, 30], (slice(20, 24), 3)):
            assert np.array_equal(array[index], value[index])
        assert counts == {"here": 4, "for HDF5": 5}
        mask = np.zeros((200, 200), bool)
        mask[::2, 0] = True
        assert np.array_equal(array[mask], value[mask])
        assert counts["for HDF5"] <= 108
        assert np.array_equal(array[:, 1], value[:, 1])
        assert counts["for HDF5"] <= 199
