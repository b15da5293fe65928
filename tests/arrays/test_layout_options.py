"""Compression: what is asked for and where, what is chosen, what others read of it."""

from __future__ import annotations

import builtins
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyfive
import pytest

from hdfchk import HDF5Checkpointer, InvalidKeyError, InvalidOptionError, MissingExtraError
from hdfchk.backends.hdf5.data import chunk_io as chunked
from hdfchk.backends.hdf5.data import filters as pipeline
from hdfchk.backends.hdf5.data.chunk_shapes import CHUNK_BYTES, chunk_shape, log_chunk
from hdfchk.backends.layout import COMPRESSIONS
from hdfchk.errors import CorruptFileError, InvalidKeyTypeError

SMOOTH = np.sin(np.linspace(0, 50, 60_000)).reshape(300, 200)
NOISE = np.random.default_rng(0).random((300, 200))


def compressions(path: str) -> dict[str, str | None]:
    """How the arrays of a file are compressed, as the handles say."""
    chk = HDF5Checkpointer(path)
    return {key: chk.array(key).compression for key in chk}


def test_of_a_store(path: str) -> None:
    """An option of the store holds for all arrays that are not small, in dicts and records, too."""
    chk = HDF5Checkpointer(path, compression="gzip")
    chk["x"] = {"in": SMOOTH, "masked": np.ma.masked_array(SMOOTH, SMOOTH > 0), "n": 1, "s": "text"}
    chk["small"] = np.arange(100)
    chk["strings"] = np.array(["text"] * 9000)
    chk["variable"] = np.array(["text"] * 9000, np.dtypes.StringDType())
    assert np.array_equal(chk["x/in"], SMOOTH) and chk["x/masked"].mask.sum() == (SMOOTH > 0).sum()
    assert chk.array("x/in").compression == chk.array("x/masked/data").compression == "gzip"
    assert chk.array("small").compression is None and chk.array("strings").compression == "gzip"
    assert chk.array("variable").compression is None  # HDF5 keeps such items elsewhere
    assert chk["strings"].tolist() == ["text"] * 9000 and chk["x/n"] == 1
    with h5py.File(path) as file:
        data = file["x/in"]
        assert (data.compression, data.compression_opts, data.shuffle) == ("gzip", 1, True)
        assert np.array_equal(data[()], SMOOTH)
    again = pickle.loads(pickle.dumps(chk))
    again["y"] = SMOOTH
    assert again.array("y").compression == "gzip"


def test_rules(path: str) -> None:
    """A mapping of keys, paths and globs says which arrays are compressed; the first counts."""
    chk = HDF5Checkpointer(
        path, compression={"plain": None, "traj*": ("gzip", 4), "wfn/**": "lzf", "*": "gzip"}
    )
    chk.update({"plain": SMOOTH, "traj_1": SMOOTH, "wfn": {"a": {"b": SMOOTH}}, "other": SMOOTH})
    chk["wfn/c"] = SMOOTH
    chk.append("traj_2", SMOOTH)
    with h5py.File(path) as file:
        assert file["traj_1"].compression_opts == file["traj_2"].compression_opts == 4
    assert chk.array("wfn/a/b").compression == chk.array("wfn/c").compression == "lzf"
    assert chk.array("plain").compression is None and chk.array("other").compression == "gzip"
    assert all(np.array_equal(chk[key], SMOOTH) for key in ("plain", "traj_1", "wfn/a/b", "other"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in COMPRESSIONS if name != "auto"])
def test_put(path: str, name: str) -> None:
    """One assignment with a filter, chunks and a checksum of its own; another process reads it."""
    if name not in {"gzip", "lzf"}:
        pytest.importorskip("hdf5plugin")
    chk = HDF5Checkpointer(path)
    told: list[tuple[int, int]] = []
    chk.put(
        "x",
        SMOOTH,
        compression=name,
        chunks=(7, 200),
        checksum=True,
        progress=lambda done, total: told.append((done, total)),
    )
    array = chk.array("x")
    assert array.compression == name and array.chunks == (7, 200)
    assert np.array_equal(chk["x"], SMOOTH) and np.array_equal(
        array[11:13, ::5], SMOOTH[11:13, ::5]
    )
    assert told[-1] == (SMOOTH.nbytes, SMOOTH.nbytes) and told == sorted(told)
    array[5:30] = NOISE[5:30]
    array.append(NOISE)
    expected = np.concatenate([SMOOTH, NOISE])
    expected[5:30] = NOISE[5:30]
    assert np.array_equal(chk["x"], expected) and chk.verify().ok
    code = "import sys, hdfchk; print(hdfchk.load(sys.argv[1])['x'].sum())"
    said = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    ).stdout  # fmt: skip
    assert float(said) == expected.sum()
    if name == "gzip":
        with h5py.File(path) as file:
            assert np.array_equal(file["x"][()], expected) and file["x"].fletcher32
        with pyfive.File(path) as file:
            assert np.array_equal(file["x"][()], expected) and file["x"].fletcher32


def test_h5dump_tells_the_filters(path: str, run_tool: Callable[..., str]) -> None:
    """h5dump tells the filters of an array that was put with some."""
    HDF5Checkpointer(path).put("x", SMOOTH, compression="gzip", checksum=True)
    told = run_tool("h5dump", "-p", "-H", path)
    assert "COMPRESSION DEFLATE" in told and "FLETCHER32" in told


def test_put_is_an_assignment(path: str) -> None:
    """It replaces whatever is there, of its own shape, too; small and plain values are as ever."""
    chk = HDF5Checkpointer(path)
    chk["x"] = {"a": 1}
    chk["y"] = 0
    chk.put("x", SMOOTH, compression="gzip")
    chk.put("x", NOISE, compression=None)
    assert chk.array("x").compression is None and np.array_equal(chk["x"], NOISE)
    chk.put("x", NOISE, compression="gzip")
    assert chk.array("x").compression == "gzip" and list(chk) == ["x", "y"]
    chk["x"] = SMOOTH  # in its place, filters and all
    assert chk.array("x").compression == "gzip" and np.array_equal(chk["x"], SMOOTH)
    chk.put("x", np.arange(5), compression="gzip")
    assert chk.array("x").compression == "gzip"  # it was asked for
    chk.put(
        "x", {"n": 1, "s": "text", "z": np.zeros(()), "e": np.zeros((0, 3))}, compression="gzip"
    )
    assert chk.load("x").keys() == {"n", "s", "z", "e"} and chk["x/e"].shape == (0, 3)


def test_auto(path: str) -> None:
    """The choice of `auto` is gzip for what becomes smaller, and nothing for noise."""
    chk = HDF5Checkpointer(path, compression="auto")
    random_bytes = np.frombuffer(np.random.default_rng(0).bytes(2**20), np.uint8)
    chk.update(
        smooth=np.repeat(np.arange(1000.0), 100),
        noise=random_bytes,
        small=np.zeros(1000),
        long_rows=np.zeros((2, 10**6), "i2"),
    )
    assert compressions(path) == {
        "smooth": "gzip",
        "noise": None,
        "small": None,
        "long_rows": "gzip",
    }
    assert chk.array("noise").chunks is None
    made = chk.create("later", (1000, 1000))  # nobody knows what comes
    assert made.compression == "gzip"


def test_refused(path: str) -> None:
    """What is no compression is refused when it is said, and nothing is written."""
    for given, error in (
        ("zip", InvalidOptionError),
        (("gzip", 12), InvalidOptionError),
        (("lzf", 1), InvalidOptionError),
        (("gzip", "4"), InvalidKeyTypeError),
        (4, InvalidKeyTypeError),
        ({"a": "zip"}, InvalidOptionError),
        ({"a//b": "gzip"}, InvalidKeyError),
    ):
        with pytest.raises(error):
            HDF5Checkpointer(path, compression=given)
    chk = HDF5Checkpointer(path)
    for options in (
        {"compression": "zip"},
        {"chunks": (5,)},
        {"chunks": (5, 0)},
        {"chunks": (5, 201)},
    ):
        with pytest.raises(InvalidOptionError):
            chk.put("x", SMOOTH, **options)
    assert not Path(path).exists()


@pytest.mark.parametrize("name", ["zstd", "blosc2", "bitshuffle"])
def test_without_the_library(path: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter whose library is not there names the extra, and leaves what is there."""
    chk = HDF5Checkpointer(path)
    chk["x"] = 1
    real = builtins.__import__

    def fake(name: str, *args: Any, **more: Any) -> Any:
        if name == "hdf5plugin":
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.delitem(sys.modules, "hdf5plugin", raising=False)
    monkeypatch.setattr(builtins, "__import__", fake)
    with pytest.raises(MissingExtraError, match=r"hdfchk\[compression\]"):
        chk.put("x", SMOOTH, compression=name)
    assert chk["x"] == 1


def test_a_missing_filter(path: str, tmp_path: Path) -> None:
    """A file of a filter that is not installed says which, also when hdf5plugin may bring it."""
    code = (
        "import sys, builtins; real = builtins.__import__\n"
        "def fake(name, *args, **more):\n"
        "    if name == 'hdf5plugin': raise ImportError(name)\n"
        "    return real(name, *args, **more)\n"
        "builtins.__import__ = fake\n"
        "import hdfchk\n"
        "try: hdfchk.HDF5Checkpointer(sys.argv[1])['x']\n"
        "except hdfchk.UnsupportedStoredError as error: print('zstd' in str(error).lower())\n"
    )
    pytest.importorskip("hdf5plugin")
    HDF5Checkpointer(path).put("x", SMOOTH, compression="zstd")
    clean = {key: value for key, value in os.environ.items() if key != "HDF5_PLUGIN_PATH"}
    said = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2], env=clean,
    ).stdout  # fmt: skip
    assert said.strip() == "True"


def test_damage(path: str) -> None:
    """A damaged chunk is an error that names the key, as HDF5 finds it."""
    chk = HDF5Checkpointer(path)
    chk.put("x", SMOOTH, compression="gzip", checksum=True)
    with h5py.File(path, "r+") as file:
        mask, raw = file["x"].id.read_direct_chunk((0, 0))
        file["x"].id.write_direct_chunk((0, 0), raw[:99] + b"!" + raw[100:], mask)
    for read in (lambda: chk["x"], lambda: chk.array("x")[...]):
        with pytest.raises(CorruptFileError, match="x"):
            read()
    assert list(chk.verify().damaged) == ["x"]


def test_many_threads_or_one(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads, one thread, and no thread to be had give the same file and the same array."""
    data = np.arange(3_000_000).reshape(1000, 3000)
    raws = []
    for number in (4, 1, 0):
        monkeypatch.setattr(chunked, "THREADS", max(1, number) if number else 2)
        if number == 0:

            def submit(*args: Any) -> None:
                raise RuntimeError("can't start new thread")

            monkeypatch.setattr(chunked.ThreadPoolExecutor, "submit", submit)
        chk = HDF5Checkpointer(path)
        chk.put("x", data, compression="gzip")
        assert np.array_equal(chk["x"], data) and np.array_equal(chk.array("x")[3:950], data[3:950])
        with h5py.File(path) as file:
            raws.append(file["x"].id.read_direct_chunk((0, 0))[1])
        del chk["x"]
    assert raws[0] == raws[1] == raws[2]


def test_arrays_that_lie_otherwise(path: str) -> None:
    """Fortran order, strides, other byte orders and structures are packed as they are."""
    chk = HDF5Checkpointer(path, compression="gzip", checksum=True)
    for value in (
        np.asfortranarray(SMOOTH),
        NOISE[::3, ::-2],
        SMOOTH.astype(">f4"),
        np.arange(90000).astype("M8[s]").reshape(300, 300),
        np.zeros(5000, [("a", "i4"), ("b", "f8", (2,))]),
        np.zeros((40, 50, 60), np.bool),
        np.full((30000,), 1 + 2j),
        np.arange(20000, dtype=np.longdouble),
    ):
        chk["x"] = value
        found = chk["x"]
        assert found.dtype == value.dtype and np.array_equal(found, value)
        assert chk.array("x").compression == "gzip"
        assert found.flags.f_contiguous == value.flags.f_contiguous or value.ndim < 2


def test_chunks() -> None:
    """A chunk has whole rows, about 1 MiB; a row is never much less than what is read for it."""
    assert chunk_shape((10**6, 1000), 8) == (131, 1000)
    assert chunk_shape((5, 3), 8) == (5, 3)
    assert chunk_shape((100, 10**7), 8) == (1, 131072)
    for shape in ((1000, 40, 50, 60), (10, 10**5, 9), (3, 10**9)):
        chunk = chunk_shape(shape, 4)
        assert np.prod(chunk) * 4 <= CHUNK_BYTES
        row = np.prod(shape[1:])
        touched = np.prod(chunk) * np.prod([-(-a // b) for a, b in zip(shape[1:], chunk[1:])])
        assert touched * 4 <= row * 4 + 2 * CHUNK_BYTES
    assert log_chunk((0,), 8) == (8192,) and log_chunk((0, 1000, 3), 8) == (16, 1000, 3)
    assert log_chunk((0, 10**6), 8) == (1, 131072) and log_chunk((7, 0), 8) == (8192, 1)


def test_pipelines_of_others(path: str) -> None:
    """Filters in another order, or with other parts, are HDF5's to undo."""
    data = np.arange(200_000.0).reshape(1000, 200)
    with h5py.File(path, "w") as file:
        file.create_dataset("scale", data=data.astype("i4"), scaleoffset=0, compression="gzip")
        file.create_dataset("plain", data=data, compression="gzip")
        file.create_dataset("bytes", data=data.astype("u1"), compression="gzip", shuffle=True)
        file.create_dataset("sum", data=data, fletcher32=True, chunks=(10, 200))
        file.create_dataset("lzf", data=data, compression="lzf", shuffle=True)
        file.create_dataset("native", data=data.astype(">f8"), compression="gzip", shuffle=True)
        expected = {key: file[key][()] for key in file}
        ours = {
            key
            for key in file
            if pipeline.own_pipeline(file[key].id.get_create_plist(), file[key].dtype.itemsize)
        }
    assert ours == {"plain", "native"}
    chk = HDF5Checkpointer(path)
    for key, value in expected.items():
        assert np.array_equal(chk[key], value) and np.array_equal(chk.array(key)[1:], value[1:])
