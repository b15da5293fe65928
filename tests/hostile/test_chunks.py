"""Chunks that claim what the file does not hold, or unpack to what no memory holds."""

from __future__ import annotations

import resource
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t, h5z

from hdfchk import CorruptFileError, HDF5Checkpointer, UnsafeFileError
from hdfchk.backends.hdf5.data import chunk_index, limits

from ..crash.images import in_child

MEMORY = 2**30
"""Bytes that a child may take above what the interpreter has."""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a hostile file is made."""
    return str(tmp_path / "hostile.h5")


def in_memory(look: Callable[[], object]) -> None:
    """Do it in a child process that has little memory."""

    def limited() -> bool:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        look()
        return True

    assert in_child(limited)


def packed(
    path: str, shape: int, chunk: int, raw: bytes, filters: Callable[[Any], None], mask: int = 0
) -> None:
    """A file with one chunk of other bytes than HDF5 would have put there."""
    with h5py.File(path, "w", libver="v110") as file:
        file["fine"] = 1
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_chunk((chunk,))
        filters(plist)
        space = h5s.create_simple((shape,), (h5s.UNLIMITED,))
        did = h5d.create(file.id, b"bomb", h5t.STD_U8LE, space, plist)
        did.write_direct_chunk((0,), raw, mask)


def zeros(count: int) -> bytes:
    """What zlib makes of so many MiB of zeros, without its going through them all."""
    stream = zlib.compressobj(9)
    first, later = (
        stream.compress(bytes(2**20)) + stream.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
    )
    # Nothing refers to what was before a full flush: each later MiB is like the second.
    end = zlib.compressobj(9, wbits=-15).flush()
    adler = (count * 2**20 % 65521) << 16 | 1
    return first + later * (count - 1) + end + adler.to_bytes(4, "big")


def gzip(plist: Any) -> None:
    plist.set_deflate(9)


def lzf(plist: Any) -> None:
    plist.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL)


def checked(plist: Any) -> None:
    plist.set_fletcher32()


def every_way(path: str) -> list[Callable[[], object]]:
    """All ways to read the dataset, each of which ends in an error."""
    chk = HDF5Checkpointer(path)

    def verify() -> None:
        raise {**chk.verify().unread, **chk.verify().damaged}["bomb"]

    return [
        lambda: chk["bomb"],
        chk.load,
        lambda: chk.array("bomb")[:3],
        lambda: chk.array("bomb")[1],
        lambda: chk.array("bomb")[[0, 2]],
        lambda: list(chk.array("bomb").blocks()),
        verify,
        chk.compact,
    ]


@pytest.mark.parametrize("filters", [gzip, lzf, checked])
@pytest.mark.parametrize("size", [2**31, 2**32 - 1])
def test_a_chunk_that_no_filter_can_have_made(
    path: str, size: int, filters: Callable[[Any], None]
) -> None:
    """A vast chunk of few bytes is refused by every way to read it, before memory is taken for it."""
    packed(path, 10, size, zlib.compress(bytes(2**21), 9), filters)

    def look() -> None:
        for way in every_way(path):
            with pytest.raises(UnsafeFileError, match=rf"{size} bytes.*at most") as caught:
                way()
            assert caught.value.key == "bomb" and caught.value.hint
        chk = HDF5Checkpointer(path)
        assert list(chk) == ["bomb", "fine"] and chk["fine"] == 1

    in_memory(look)


def test_a_chunk_beyond_the_end(path: str) -> None:
    """A chunk that is said to take more than the file has is refused before memory is taken for it."""
    with h5py.File(path, "w") as file:  # the oldest form, whose index has no checksums
        file.create_dataset("bomb", (1000,), "u1", chunks=(1000,), compression="gzip")[...] = 7
        info = file["bomb"].id.get_chunk_info(0)
    raw = Path(path).read_bytes()
    entry = (
        info.size.to_bytes(4, "little") + bytes(4 + 8 + 8) + info.byte_offset.to_bytes(8, "little")
    )
    assert raw.count(entry) == 1
    Path(path).write_bytes(raw.replace(entry, (2**32 - 16).to_bytes(4, "little") + entry[4:]))

    def look() -> None:
        for way in every_way(path):
            with pytest.raises((CorruptFileError, UnsafeFileError)) as caught:
                way()
            assert caught.value.key == "bomb"

    in_memory(look)


def test_a_stream_that_goes_on(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deflate stream that goes on beyond its chunk is not unpacked to its end."""
    monkeypatch.setattr(chunk_index, "SWELLS_FROM", 2**25)
    assert zlib.decompress(zeros(3)) == bytes(3 * 2**20)
    packed(path, 2**22, 2**22, zeros(2**12), gzip)

    def look() -> None:
        for way in every_way(path)[:-1]:
            with pytest.raises((CorruptFileError, UnsafeFileError), match="decode"):
                way()

    in_memory(look)


def test_filters_one_after_another(path: str) -> None:
    """Two filters are not trusted to have made a million bytes of one."""

    def twice(plist: Any) -> None:
        gzip(plist)
        plist.set_filter(h5z.FILTER_DEFLATE, h5z.FLAG_OPTIONAL, (9,))

    packed(path, 2**31 - 2**20, 2**31 - 2**20, zlib.compress(zeros(2**11 - 1), 9), twice)
    with pytest.raises(UnsafeFileError, match="expand_limit"):
        HDF5Checkpointer(path)["bomb"]


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_what_was_stored_is_read(
    path: str, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zeros that were stored by our own filters are read, however small they have become."""
    monkeypatch.setattr(limits, "DEFAULT_LIMIT", 2**20)
    monkeypatch.setattr(chunk_index, "SWELLS_FROM", 2**20)
    chk = HDF5Checkpointer(path)
    chk.put("zeros", np.zeros(2**23), compression=compression)
    assert chk.array("zeros").compression == compression
    assert not chk["zeros"].any() and not chk.load()["zeros"].any() and chk.verify().ok
    assert not chk.array("zeros")[5 : 2**20].any() and chk.array("zeros")[[1, 2**22]].sum() == 0
    assert all(not block.any() for block in chk.array("zeros").blocks())
    chk.compact()
    assert not chk["zeros"].any()
    if compression == "gzip":  # a limit that is set holds for all that is beyond 100 times
        with pytest.raises(UnsafeFileError, match="expand_limit"):
            HDF5Checkpointer(path, expand_limit=2**20)["zeros"]


@pytest.mark.exhaustive
def test_1_3_gb_of_zeros(path: str) -> None:
    """1.3 GB of zeros that were put with gzip are read."""
    chk = HDF5Checkpointer(path)
    chk.put("zeros", np.zeros(1_300_000_000, "u1"), compression="gzip")
    assert not chk["zeros"].any()


def test_what_nobody_has_written(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that were never written are fill values, for which the limit holds."""
    with h5py.File(path, "w") as file:
        file["fine"] = 1
        array = file.create_dataset("sparse", (2**40,), "f8", chunks=(2**16,), compression="gzip")
        array[5] = 1
    chk = HDF5Checkpointer(path)
    with pytest.raises(UnsafeFileError, match="expand_limit"):
        chk["sparse"]
    with pytest.raises(UnsafeFileError, match="expand_limit"):
        chk.array("sparse")[: 2**30]
    assert chk.array("sparse")[4:7].tolist() == [0, 1, 0]
    assert chk.array("sparse")[2**39 : 2**39 + 2**20].sum() == 0
    monkeypatch.setattr(limits, "DEFAULT_LIMIT", 2**20)
    with HDF5Checkpointer(path, mode="r") as many:  # each read has the limit for itself
        for start in range(20):
            assert many.array("sparse")[start * 2**17 : (start + 1) * 2**17].size == 2**17


def test_chunks_that_share_their_bytes(path: str) -> None:
    """Chunks that together claim more bytes than the file has are refused."""
    with h5py.File(path, "w") as file:
        array = file.create_dataset("x", (64,), "u1", chunks=(1,), compression="gzip")
        array[...] = 7
    with h5py.File(path) as file:
        did = file["x"].id
        found: list[Any] = []
        did.chunk_iter(found.append)
        with pytest.raises(CorruptFileError, match="occupy"):
            chunk_index.look_at(did, did.get_create_plist(), sum(i.size for i in found) - 1)
