"""Chunks that unpack to less than they should have: HDF5 would go beyond the end of its memory."""

from __future__ import annotations

import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t, h5z

from hdfchk import CorruptFileError, HDF5Checkpointer, UnsafeFileError

from ..regressions.children import in_child

KINDS: dict[str, dict[str, Any]] = {"gzip": {}, "shuffled": {"shuffle": True}}
Work = Callable[[HDF5Checkpointer], object]


def _none_of_it(chk: HDF5Checkpointer) -> None:
    chk["x"] = np.zeros(chk.array("x").shape, np.uint8)
    assert not chk["x"].any()
    raise CorruptFileError("it was replaced: all is well", key="x")


def _verify(chk: HDF5Checkpointer) -> None:
    raise {**chk.verify().unread, **chk.verify().damaged}["x"]


def _assign(chk: HDF5Checkpointer, index: Any, value: Any = 1) -> None:
    chk.array("x")[index] = value


WAYS: dict[str, Work] = {
    "read": lambda chk: chk["x"],
    "read a part": lambda chk: chk.array("x")[SIZE // 2 : SIZE // 2 + 9],
    "read a list": lambda chk: chk.array("x")[[5, SIZE - 7]],
    "append": lambda chk: chk.append("x", np.uint8(1)),
    "slice": lambda chk: _assign(chk, slice(SIZE // 2, SIZE // 2 + 7), np.ones(7, np.uint8)),
    "one number for a slice": lambda chk: _assign(chk, slice(SIZE // 2, SIZE // 2 + 7)),
    "strided": lambda chk: _assign(chk, slice(None, None, 1000)),
    "list": lambda chk: _assign(chk, [5, SIZE - 7]),
    "replace": _none_of_it,
    "verify": _verify,
}
SIZE = 4_000_000


def short(
    path: Path, *, grows: bool, stored: int = SIZE // 8, size: int = SIZE, **kind: Any
) -> None:
    """A file with chunks that unpack to less than they should have; the last one sticks out."""
    with h5py.File(path, "w") as file:
        file["fine"] = 1
        limits: dict[str, Any] = {"maxshape": (None,)} if grows else {}
        array = file.create_dataset(
            "x", (size + size // 2,), "u1", chunks=(size,), compression="gzip", **limits, **kind
        )
        for start in (0, size):
            array.id.write_direct_chunk((start,), zlib.compress(bytes(stored), 0))


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("grows", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
@in_child
def test_a_chunk_of_too_few_bytes(
    tmp_path: Path, way: str, kind: str, grows: bool, journal: bool
) -> None:
    """It is refused by all that would have HDF5 unpack it, and the rest of the file goes on."""
    path = tmp_path / "x.hdf5"
    short(path, grows=grows, **KINDS[kind])
    chk = HDF5Checkpointer(path, journal=journal)
    with pytest.raises((CorruptFileError, UnsafeFileError)) as caught:
        WAYS[way](chk)
    assert caught.value.key == "x"
    chk["fine"] = 2
    assert chk["fine"] == 2
    del chk["x"]
    assert list(chk) == ["fine"]


@pytest.mark.parametrize("grows", [True, False])
@pytest.mark.parametrize("way", ["append", "slice", "list"])
@in_child
def test_a_vast_chunk_is_not_made(tmp_path: Path, way: str, grows: bool) -> None:
    """A chunk of 2 GiB of which the file has nothing takes no memory when rows are written."""
    path = tmp_path / "x.hdf5"
    with h5py.File(path, "w") as file:
        limits: dict[str, Any] = {"maxshape": (None,)} if grows else {}
        array = file.create_dataset(
            "x", (2**31 + 5,), "u1", chunks=(2**31,), compression="gzip", **limits
        )
        array.id.write_direct_chunk((0,), zlib.compress(bytes(10**6)))
    with pytest.raises(UnsafeFileError):
        WAYS[way](HDF5Checkpointer(path))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2**20  # in KiB


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"fletcher32": True}])
@pytest.mark.parametrize("compression", ["gzip", "lzf", None])
def test_what_is_whole_is_written(tmp_path: Path, compression: Any, options: Any) -> None:
    """Sound chunks of any of these filters are read, and written in parts, as ever."""
    path, expected = tmp_path / "x.hdf5", np.arange(100_000.0).reshape(1000, 100)
    texts = np.array([f"text {n}" for n in range(5000)], object)
    with h5py.File(path, "w") as file:
        args = {"compression": compression, **options}
        file.create_dataset("x", data=expected, chunks=(300, 30), **args)
        file.create_dataset("grows", data=expected, chunks=(300, 30), maxshape=(None, 100), **args)
        file.create_dataset("empty", (1000, 100), "f8", chunks=(300, 30), **args)
        args.pop("fletcher32", None)  # which HDF5 has not for strings
        file.create_dataset(
            "texts", data=texts, chunks=(700,), dtype=h5py.string_dtype(), maxshape=(None,), **args
        )
    rows = [expected.copy() for _ in range(2)]
    with HDF5Checkpointer(path) as chk:
        for key, wanted in zip(("x", "grows"), rows, strict=True):
            for index in (5, slice(7, 900, 13), [3, 500, 999], (slice(3, 800), slice(20, 70))):
                chk.array(key)[index] = -1.0
                wanted[index] = -1.0
            assert np.array_equal(chk[key], wanted)
            chk.append(key, wanted[0])
            chk.array(key).append(wanted[1:3])
            assert np.array_equal(chk[key], np.concatenate([wanted, wanted[:3]]))
        chk.array("empty")[350:360, 7] = 1
        assert chk["empty"].sum() == 10
        chk.array("texts")[70:80] = "short"
        chk.append("texts", "last")
        assert list(chk["texts"][[0, 75, 5000]]) == ["text 0", "short", "last"]
        chk["x"] = np.ones((1003, 100))
        assert chk["x"].sum() == 100_300
    assert HDF5Checkpointer(path).verify().ok


DECLARING: dict[str, dict[str, Any]] = {
    "lzf": {"compression": "lzf"},
    "szip": {"compression": "szip"},
    "scaleoffset": {"scaleoffset": 10},
    "nbit": {},
    "shuffled lzf with checksums": {"compression": "lzf", "shuffle": True, "fletcher32": True},
}


def declaring(path: Path, kind: str) -> tuple[Any, bytes]:
    """A file with an array whose filter has its length from the file: its values, and its bytes."""
    dtype: Any = np.dtype("i4")
    if kind == "nbit":
        dtype = h5t.NATIVE_INT32.copy()
        dtype.set_precision(16)
    data = np.repeat(np.arange(20_000, dtype="i4") % 999, 50)
    with h5py.File(path, "w") as file:
        file["fine"] = 1
        if kind == "nbit":
            plist = h5p.create(h5p.DATASET_CREATE)
            plist.set_chunk(data.shape)
            plist.set_filter(h5z.FILTER_NBIT, h5z.FLAG_OPTIONAL)
            made = h5d.create(file.id, b"x", dtype, h5s.create_simple(data.shape), plist)
            made.write(h5s.ALL, h5s.ALL, data)
        else:
            file.create_dataset("x", data=data, chunks=data.shape, **DECLARING[kind])
    with h5py.File(path) as file:
        assert np.array_equal(file["x"][()], data)
        plist = file["x"].id.get_create_plist()
        code, _, values, _ = next(
            used
            for used in map(plist.get_filter, range(plist.get_nfilters()))
            if used[0] not in {h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
        )
        if code == h5z.FILTER_SZIP:
            return data, file["x"].id.read_direct_chunk((0,))[1][:40]
    return data, struct.pack("<3I", *values[:3])


@pytest.mark.parametrize("kind", DECLARING)
def test_filters_that_have_lengths_from_the_file(tmp_path: Path, kind: str) -> None:
    """Sound files of theirs are read; one whose filter says too small a length is refused."""
    path = tmp_path / "x.hdf5"
    data, saying = declaring(path, kind)
    chk = HDF5Checkpointer(path)
    assert np.array_equal(chk["x"], data) and chk.verify().ok
    assert np.array_equal(chk.array("x")[7:99], data[7:99])
    whole = path.read_bytes()
    assert whole.count(saying) == 1
    size = int.from_bytes(saying[:4], "little") if kind == "szip" else data.size
    place = 0 if kind == "szip" else 8
    less = saying[:place] + struct.pack("<I", size // 8) + saying[place + 4 :]
    path.write_bytes(whole.replace(saying, less))
    for look in (lambda: chk["x"], lambda: chk.array("x")[7:99], lambda: _verify(chk)):
        with pytest.raises(CorruptFileError) as caught:
            look()
        assert caught.value.key == "x"
    assert chk["fine"] == 1


def test_strings_that_lzf_unpacks_to_less(tmp_path: Path) -> None:
    """The file does not say how long chunks of strings are, so that their streams are looked at."""
    path = tmp_path / "x.hdf5"
    texts = np.array([f"text {n}" for n in range(5000)], object)
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "x", data=texts, chunks=(5000,), dtype=h5py.string_dtype(), compression="lzf"
        )
    chk = HDF5Checkpointer(path)
    assert list(chk["x"]) == list(texts)
    with h5py.File(path, "a") as file:
        _, raw = file["x"].id.read_direct_chunk((0,))
        file["x"].id.write_direct_chunk((0,), raw[: len(raw) // 2])
    with pytest.raises(CorruptFileError, match="decode"):
        chk["x"]
    with h5py.File(path, "a") as file:
        file["x"].id.write_direct_chunk((0,), b"\x1f" + bytes(32))
    with pytest.raises((CorruptFileError, UnsafeFileError)):
        chk["x"]


def _types() -> dict[str, Any]:
    enum = h5t.enum_create(h5t.STD_I16BE)
    enum.enum_insert(b"RED", 1)
    odd = h5t.STD_I32LE.copy()
    odd.set_precision(17)
    text = h5t.C_S1.copy()
    text.set_size(5)
    mixed = h5t.create(h5t.COMPOUND, 16)
    for name, at, tid in ((b"a", 0, odd), (b"b", 4, text), (b"c", 12, h5t.IEEE_F32LE)):
        mixed.insert(name, at, tid)
    return {
        "numbers": h5t.STD_I32LE,
        "17 bits": odd,
        "big-endian": h5t.IEEE_F64BE,
        "enum": enum,
        "bool": h5t.py_create(np.dtype(bool), logical=True),
        "text": text,
        "compound": mixed,
        "array": h5t.array_create(odd, (3,)),
        "array of texts": h5t.array_create(text, (3,)),
        "complex": h5t.py_create(np.dtype("c16"), logical=True),
    }


@pytest.mark.parametrize("filters", ["nbit", "lzf", "szip", "scaleoffset", "lzf, shuffled"])
@pytest.mark.parametrize("kind", _types())
def test_sound_chunks_of_any_type_are_read(tmp_path: Path, kind: str, filters: str) -> None:
    """What such a filter says of itself depends on the type: no sound chunk is refused."""
    path, tid = tmp_path / "x.hdf5", _types()[kind]
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_chunk((70,))
    if filters == "nbit":
        plist.set_filter(h5z.FILTER_NBIT, h5z.FLAG_OPTIONAL)
    elif filters == "szip":
        plist.set_szip(h5z.SZIP_NN_OPTION_MASK, 8)
    elif filters == "scaleoffset":
        plist.set_scaleoffset(h5z.SO_INT, 0)
    else:
        if "shuffled" in filters:
            plist.set_shuffle()
        plist.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL)
    with h5py.File(path, "w") as file:
        try:
            made = h5d.create(file.id, b"x", tid, h5s.create_simple((200,)), plist)
        except ValueError:
            return  # HDF5 has not this filter for this type
        raw = np.frombuffer(
            (np.arange(200 * tid.get_size()) % 3).astype("u1"), f"V{tid.get_size()}"
        )
        made.write(h5s.ALL, h5s.ALL, raw, tid)
    with h5py.File(path) as file:
        wanted = file["x"][()].tolist()
    chk = HDF5Checkpointer(path)
    assert chk["x"].tolist() == wanted and chk.verify().ok
    assert chk.array("x")[90:110].tolist() == wanted[90:110]
