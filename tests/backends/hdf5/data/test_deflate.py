"""Chunks that are packed here are what HDF5's own filters read, and the other way round."""

from __future__ import annotations

import zlib
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdfchk.backends.hdf5.data import deflate
from hdfchk.backends.hdf5.data.deflate import (
    Pipeline,
    fletcher32,
    pack,
    shuffled,
    unpack,
    unshuffle,
)


@pytest.fixture(params=["isal", "zlib"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the fast library, and as if it were not there."""
    if request.param == "zlib":
        monkeypatch.setattr(deflate, "zlib_library", lambda: zlib)
    else:
        pytest.importorskip("isal")
        assert deflate.zlib_library() is not zlib
    return request.param


@given(st.binary(max_size=300), st.integers(1, 17))
def test_shuffle(data: bytes, itemsize: int) -> None:
    """What was shuffled comes back; the bytes that make no whole item stay behind."""
    raw = np.frombuffer(data, np.uint8)
    there = shuffled(raw, itemsize)
    count = len(data) // itemsize
    assert there.tobytes() == b"".join(
        [data[n : count * itemsize : itemsize] for n in range(itemsize)]
        + [data[count * itemsize :]]
    )
    back = np.empty_like(raw)
    unshuffle(there, back, itemsize)
    assert back.tobytes() == data


@pytest.mark.parametrize("length", [0, 1, 2, 7, 1000, 2**14 - 1, 2**14, 2**14 + 1, 600_001])
@pytest.mark.parametrize("kind", ["noise", "zeros", "ones"])
def test_fletcher32(length: int, kind: str, tmp_path: Any) -> None:
    """The sum is that of HDF5, for any length and for the values that make sums wrap."""
    data = {
        "noise": np.random.default_rng(length).integers(0, 256, length, "u1"),
        "zeros": np.zeros(length, "u1"),
        "ones": np.full(length, 255, "u1"),
    }[kind]
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        if length:
            dataset = file.create_dataset("x", data=data, chunks=data.shape, fletcher32=True)
            raw = dataset.id.read_direct_chunk((0,))[1]
            assert raw[:-4] == data.tobytes()
            assert fletcher32(data.data) == int.from_bytes(raw[-4:], "little")
    assert (fletcher32(data.data) == 0) == (not data.any())


@pytest.mark.parametrize("level", [0, 1, 3, 4, 9])
@pytest.mark.parametrize("itemsize", [1, 8])
@pytest.mark.parametrize("checksum", [False, True])
def test_pack(library: str, level: int, itemsize: int, checksum: bool) -> None:
    """A packed chunk is a zlib stream, of noise and of what packs well, and comes back."""
    noise = np.random.default_rng(0).random(70_000)
    for values in (noise, np.arange(70_000.0), np.zeros(3), noise[:5], noise.astype("f4")):
        raw = values.view(np.uint8)
        pipeline = Pipeline(raw.shape, itemsize, level, checksum)
        packed = pack(values, pipeline)
        stream = packed[:-4] if checksum else packed
        plain = raw if itemsize == 1 else shuffled(raw, itemsize)
        assert zlib.decompress(stream) == plain.tobytes()
        assert len(packed) < raw.size * 1.001 + 100
        back = np.empty(raw.size, np.uint8)
        assert unpack(0, packed, back, pipeline) and back.tobytes() == raw.tobytes()


def test_damage_is_seen(library: str) -> None:
    """A chunk that is cut short, longer than it may be, or whose sum differs, is not unpacked."""
    values = np.arange(5000.0)
    pipeline = Pipeline((values.nbytes,), 8, 1, checksum=True)
    packed = pack(values, pipeline)
    out = np.empty(values.nbytes, np.uint8)
    assert unpack(0, packed, out, pipeline)
    for wrong in (packed[:-1], packed[:50], b"", b"abcd" * 9, packed[:20] + b"x" + packed[21:]):
        assert not unpack(0, wrong, out, pipeline)
    bomb = zlib.compress(bytes(2**24))
    plain = Pipeline((values.nbytes,), 8, 1, checksum=False)
    assert not unpack(0, bomb, out, plain)
    assert not unpack(0, zlib.compress(bytes(values.nbytes - 1)), out, plain)
    assert not unpack(4, packed, out, pipeline)  # a filter of somebody else's was left out


SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, max_side=40)
DTYPES = st.sampled_from(["f8", ">f4", "i2", "u1", "?", "c16", "S5", "V3", "f2"])


@pytest.mark.slow
@given(
    st.data(),
    DTYPES,
    SHAPES,
    st.booleans(),
    st.sampled_from([None, 7.0]),
)
def test_as_hdf5_does(data: Any, dtype: str, shape: Any, checksum: bool, fill: Any) -> None:
    """Any dtype, any chunk, edges, missing chunks and fill values: what either writes, both read."""
    import io

    from hdfchk import HDF5Checkpointer

    longer = [3, *[0] * (len(shape) - 1)]  # only the first axis can grow
    chunk = tuple(data.draw(st.integers(1, a + b)) for a, b in zip(shape, longer, strict=True))
    rng = np.random.default_rng(0)
    values = np.frombuffer(rng.bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize), dtype)
    values = values.reshape(shape)
    if np.dtype(dtype).kind == "?" or dtype == "?":
        values = rng.random(shape) > 0.5
    file = io.BytesIO()
    chk = HDF5Checkpointer(file)
    chk.put("ours", values, compression="gzip", chunks=chunk, checksum=checksum)
    with h5py.File(file, "r+") as plain:
        assert plain["ours"].compression == "gzip" and plain["ours"].chunks == chunk
        assert plain["ours"][()].tobytes() == values.tobytes()
        options = {"fillvalue": fill} if fill and values.dtype.kind in "fiu" else {}
        theirs = plain.create_dataset(
            "theirs",
            shape,
            values.dtype,
            chunks=tuple(min(a, b) for a, b in zip(chunk, shape, strict=True)),
            compression="gzip",
            shuffle=True,
            fletcher32=checksum,
            **options,
        )
        rows = data.draw(st.integers(0, shape[0]))
        if rows:
            theirs[:rows] = values[:rows]
        expected = theirs[()]
    for key, wanted in (("ours", values), ("theirs", expected)):
        assert chk[key].tobytes() == wanted.tobytes()
        assert chk.array(key)[...].tobytes() == wanted.tobytes()
        start = data.draw(st.integers(0, shape[0]))
        assert chk.array(key)[start:].tobytes() == wanted[start:].tobytes()
