"""Datasets whose chunks at the edge are not filtered, as HDF5 1.10 and newer make them if asked."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t

from hdfchk import CorruptFileError, HDF5Checkpointer, salvage
from hdfchk.backends.hdf5.data import edges
from tests.foreign.making import library

DONT_FILTER_PARTIAL_CHUNKS = 2
DATA = np.arange(100 * 70.0).reshape(100, 70)
CHUNK = (40, 30)


def _plist(filters: tuple[str, ...]) -> Any:
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_chunk(CHUNK)
    for name in filters:
        {
            "shuffle": plist.set_shuffle,
            "gzip": lambda: plist.set_deflate(4),
            "lzf": lambda: plist.set_filter(32000, 1),
            "fletcher32": plist.set_fletcher32,
        }[name]()
    hdf5 = library()
    if hdf5 is None:
        pytest.skip("HDF5 is not beside h5py, whose calls do not set it")
    call = hdf5.H5Pset_chunk_opts
    call.argtypes, call.restype = [ctypes.c_int64, ctypes.c_uint], ctypes.c_int
    assert call(plist.id, DONT_FILTER_PARTIAL_CHUNKS) == 0
    return plist


FILTERS = {
    "gzip": ("gzip",),
    "all of ours": ("shuffle", "gzip", "fletcher32"),
    "lzf": ("lzf",),
    "sum": ("fletcher32",),
}


@pytest.fixture(params=FILTERS)
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file in which four of nine chunks are filtered."""
    made = tmp_path / "edges.hdf5"
    with h5py.File(made, "w", libver="latest") as file:
        space = h5s.create_simple(DATA.shape, (h5s.UNLIMITED, 70))
        plist = _plist(FILTERS[request.param])
        did = h5d.create(file.id, b"x", h5t.IEEE_F64LE, space, plist)
        did.write(h5s.ALL, h5s.ALL, DATA)
        infos = [did.get_chunk_info(index) for index in range(did.get_num_chunks())]
        edges = [info for info in infos if info.chunk_offset[0] == 80 or info.chunk_offset[1] == 60]
        assert len(edges) == 5 and {info.size for info in edges} == {40 * 30 * 8}
        assert len({info.size for info in infos} | {0}) > 2
    return made


def by_h5py(path: Path) -> Any:
    with h5py.File(path) as file:
        return file["x"][...]


def test_reading(path: Path) -> None:
    """Whole, by slices, block by block, and by verify()."""
    before = path.read_bytes()
    for chk in (HDF5Checkpointer(path), HDF5Checkpointer(path, mode="r")):
        array = chk.array("x")
        assert np.array_equal(chk["x"], DATA) and np.array_equal(array[:], DATA)
        for index in (slice(95, None), slice(3, 5), slice(70, 90), (slice(None), 65), 99, -20):
            assert np.array_equal(array[index], DATA[index])
        assert np.array_equal(np.concatenate([*array.blocks(13)]), DATA)
        assert chk.verify().ok
    assert path.read_bytes() == before


def _put(rows: slice) -> Callable[[Any], None]:
    def put(chk: Any) -> None:
        chk.array("x")[rows] = -DATA[rows]

    return put


def _expected(rows: slice) -> Any:
    data = DATA.copy()
    data[rows] *= -1
    return data


MORE = np.ones((85, 70))
EDITS: dict[str, tuple[Callable[[Any], object], Any]] = {
    "same": (lambda chk: chk.__setitem__("x", DATA), DATA),
    "other": (lambda chk: chk.__setitem__("x", DATA + 1), DATA + 1),
    "longer": (lambda chk: chk.__setitem__("x", np.vstack([DATA, MORE])), np.vstack([DATA, MORE])),
    "cast": (lambda chk: chk.__setitem__("x", DATA.astype("f4")), DATA.astype("f4")),
    "edge": (_put(slice(90, None)), _expected(slice(90, None))),
    "whole chunks": (_put(slice(40, 100)), _expected(slice(40, 100))),
    "everything": (_put(slice(None)), -DATA),
    "few rows": (lambda chk: chk.array("x").append(MORE[:3]), np.vstack([DATA, MORE[:3]])),
    "to the edge": (lambda chk: chk.array("x").append(MORE[:20]), np.vstack([DATA, MORE[:20]])),
    "many rows": (lambda chk: chk.array("x").append(MORE), np.vstack([DATA, MORE])),
    "compact": (lambda chk: chk.compact(), DATA),
}


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("edit", EDITS)
def test_edits(path: Path, edit: str, journal: bool) -> None:
    """What is written is read by HDF5 and by us."""
    do, wanted = EDITS[edit]
    do(HDF5Checkpointer(path, journal=journal))
    assert np.array_equal(by_h5py(path), wanted)
    chk = HDF5Checkpointer(path)
    assert np.array_equal(chk["x"], wanted) and chk.verify().ok
    chk["x"] = -wanted
    assert np.array_equal(by_h5py(path), -wanted)


@pytest.mark.slow
def test_salvage(path: Path) -> None:
    """Nothing of it is lost."""
    made = path.with_name("made.hdf5")
    assert not salvage(path, made).damaged
    assert np.array_equal(by_h5py(made), DATA)


def test_a_damaged_chunk(path: Path) -> None:
    """One that is filtered is no less damaged for that."""
    with h5py.File(path) as file:
        info = file["x"].id.get_chunk_info_by_coord((40, 30))
    raw = bytearray(path.read_bytes())
    raw[info.byte_offset : info.byte_offset + info.size] = bytes([0xF1]) * info.size
    path.write_bytes(raw)
    with pytest.raises(CorruptFileError):
        HDF5Checkpointer(path)["x"]


def test_hdf5_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Appends to a dataset do not pack a chunk each to see what HDF5 does with it."""
    asked: list[int] = []
    see = edges._leaves_edges_in_memory
    monkeypatch.setattr(
        edges, "_leaves_edges_in_memory", lambda *of: asked.append(1) is not None or see(*of)
    )
    with HDF5Checkpointer(tmp_path / "x.h5", durable=False) as chk:
        options = {"maxshape": (None, 70), "chunks": CHUNK, "compression": "gzip"}
        array = chk.create("x", (0, 70), **options)
        for start in range(0, 100, 20):
            array.append(DATA[start : start + 20])
        array[80:] = DATA[80:]
    assert asked == [1]
    assert np.array_equal(by_h5py(tmp_path / "x.h5"), DATA)
