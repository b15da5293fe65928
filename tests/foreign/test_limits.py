"""What files of others hold that cannot be read is told clearly; the rest stays as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d, h5s, h5t

from hdfchk import (
    CheckpointerKeyError,
    CorruptFileError,
    HDF5Checkpointer,
    HdfchkError,
    UnsafeFileError,
    UnsupportedStoredError,
    load,
)
from tests.foreign import fingerprint, read_all

ENUM = h5py.enum_dtype({"RED": 0, "GREEN": 1}, basetype="i4")
NESTED = np.dtype([("a", "<i4"), ("in", [("x", "<f8", (2,)), ("s", "S3")])])


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "foreign.h5")


@pytest.fixture(params=[False, True], ids=["by name", "by creation"])
def file(path, request):
    with h5py.File(path, "w", track_order=request.param) as opened:
        yield opened


REFUSED = ["one", "many", "region", "compound", "ragged", "time"]


@pytest.fixture
def refused(path):
    """A file of things that have no value."""
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(5)
        inner = file.create_group("g/h")
        inner.create_dataset("one", data=file["x"].ref, dtype=h5py.ref_dtype)
        inner.create_dataset("many", data=[file["x"].ref], dtype=h5py.ref_dtype)
        inner.create_dataset("region", data=file["x"].regionref[:2], dtype=h5py.regionref_dtype)
        inner.create_dataset("compound", (1,), np.dtype([("r", h5py.ref_dtype), ("n", "i4")]))
        inner.create_dataset("ragged", (1,), h5py.vlen_dtype(h5py.ref_dtype))
        h5d.create(inner.id, b"time", h5t.UNIX_D32LE, h5s.create_simple((2,)))
        inner.attrs["ref"] = file["x"].ref
    return path


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_value_is_refused(refused, name):
    """References and times are refused with file and key path; what is beside them is read."""
    chk = HDF5Checkpointer(refused)
    key = f"g/h/{name}"
    assert key in chk and name in chk["g/h"] and chk["x"].sum() == 10
    for look in (chk.__getitem__, chk.load, chk.load_parameter, chk.get):
        with pytest.raises(UnsupportedStoredError, match="h5py") as caught:
            look(key)
        assert caught.value.key == key and caught.value.file == refused


def test_a_refusal_in_a_whole_file_names_the_key(refused):
    """Loading a whole file that holds such a thing names it; a filter leaves it out."""
    with pytest.raises(UnsupportedStoredError) as caught:
        load(refused)
    assert caught.value.key is not None and caught.value.key.startswith("g/h/")
    rest = load(refused, omitted_keys=[f"g/h/{name}" for name in REFUSED])
    assert rest["x"].sum() == 10 and rest["g"] == {"h": {}}


def test_a_refused_attribute_names_itself(refused):
    """An attribute that is no value is refused with its name and its place; it is listed."""
    attributes = HDF5Checkpointer(refused)["g/h"].attrs
    assert list(attributes) == ["ref"]
    with pytest.raises(UnsupportedStoredError, match="'ref'") as caught:
        attributes["ref"]
    assert caught.value.key == "g/h" and caught.value.file == refused


def test_vast_arrays_are_read_in_parts(path):
    """An array that fits in no memory is refused whole, and read in parts at once."""
    with h5py.File(path, "w") as file:
        file.create_dataset("vast", (2**20, 2**20, 2**10), "f8", chunks=(1, 1024, 1024))
    chk = HDF5Checkpointer(path)
    assert chk.array("vast").shape == (2**20, 2**20, 2**10)
    assert chk.array("vast")[5, 7, :3].tolist() == [0, 0, 0]
    with pytest.raises(UnsafeFileError, match="memory"):
        chk["vast"]


def test_damaged_data_are_told(path):
    """Data that fail their checksum are a `CorruptFileError`; the rest is read."""
    with h5py.File(path, "w") as file:
        file.create_dataset("g/x", data=np.arange(64), chunks=(64,), fletcher32=True)
        file["y"] = 1
        offset = file["g/x"].id.get_chunk_info(0).byte_offset
    with open(path, "r+b") as stream:
        stream.seek(offset)
        stream.write(b"\xff" * 16)
    chk = HDF5Checkpointer(path)
    for look in (lambda: chk["g/x"], chk.load, lambda: chk.array("g/x")[:3]):
        with pytest.raises(CorruptFileError) as caught:
            look()
        assert caught.value.key == "g/x" and caught.value.file == path
    assert chk["y"] == 1


@pytest.mark.parametrize("content", [b"no HDF5 at all", b"\x89HDF\r\n\x1a\n", b"\0" * 4096])
def test_other_files_are_told(path, content):
    """A file that is no HDF5 file, or cut short, is a `CorruptFileError` that names it."""
    with open(path, "wb") as stream:
        stream.write(content)
    for look in (lambda: HDF5Checkpointer(path)["x"], lambda: load(path)):
        with pytest.raises(CorruptFileError, match="HDF5 file") as caught:
            look()
        assert caught.value.file == path
    with pytest.raises(CorruptFileError):
        HDF5Checkpointer(path)["x"] = 1
    with open(path, "rb") as stream:
        assert stream.read() == content


def test_missing_filters_are_told(path):
    """Data of a filter that is not installed are an error that names it."""
    with h5py.File(path, "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((4,))
        plist.set_filter(305, h5py.h5z.FLAG_OPTIONAL)
        did = h5d.create(file.id, b"x", h5t.NATIVE_INT32, h5s.create_simple((4,)), plist)
        # Raw bytes said to have gone through the filter: nobody here can undo it.
        did.write_direct_chunk((0,), np.arange(4, dtype="i4").tobytes(), 0)
    with pytest.raises(UnsupportedStoredError, match="filter 305") as caught:
        HDF5Checkpointer(path)["x"]
    assert caught.value.key == "x"
    assert HDF5Checkpointer(path).array("x").compression == "filter 305"


def many(file):
    """A file of many kinds of objects."""
    data = np.arange(1000.0).reshape(10, 100)
    file.create_dataset("gzip", data=data, compression="gzip", chunks=(5, 50)).attrs["u"] = "m"
    file.create_dataset("g/enum", data=np.array([0, 1], "i4"), dtype=ENUM)
    file.create_dataset("g/ref", data=file["gzip"].ref, dtype=h5py.ref_dtype)
    file.create_dataset("table", data=np.zeros(2, NESTED))
    file["text"], file["empty"], file["type"] = "é", h5py.Empty("f4"), np.dtype("f4")
    file["soft"], file["dangling"] = h5py.SoftLink("/g/enum"), h5py.SoftLink("/nothing")
    file["external"], file["hard"] = h5py.ExternalLink("other.h5", "/x"), file["gzip"]
    file.attrs["title"] = "T"


def test_appending_leaves_the_rest(file, path):
    """Keys are added to a file of others, and all else in it stays as it was."""
    many(file)
    file.close()
    before = fingerprint(path)
    chk = HDF5Checkpointer(path)
    chk["new"] = {"a": np.arange(5), "list": [1, "é", None], "deep": {"t": (1, 2)}}
    chk.update({"n": 3, "s": "text"})
    chk["n"] = 2.5
    del chk["s"]
    after = fingerprint(path, but=("new", "n", "s"))
    after["/"].pop("hdfchk:order", None)  # keeps the place of the key that was replaced
    assert after == before
    assert chk["n"] == 2.5 and chk["new", "deep", "t"] == (1, 2)


def test_everything_is_tried(file, path):
    """Every key of such a file is read, or refused by one of our errors with file and key."""
    many(file)
    file.close()
    values, errors = read_all(HDF5Checkpointer(path))
    assert set(errors) == {"external", "g/ref"}
    assert {key: error.key for key, error in errors.items()} == {key: key for key in errors}
    assert all(isinstance(error, HdfchkError) and error.file == path for error in errors.values())
    assert values["soft"].tolist() == [0, 1] and values["hard"].shape == (10, 100)
    assert values["text"] == "é" and values["empty"] is None and "dangling" not in values


@pytest.mark.slow
def test_read_only_files_and_folders(file, path):
    """A file that cannot be written, in a folder that cannot, is read."""
    many(file)
    file.close()
    os.chmod(path, 0o444)
    folder = os.path.dirname(path)
    os.chmod(folder, 0o555)
    try:
        code = "import hdfchk, sys; print(hdfchk.HDF5Checkpointer(sys.argv[1])['text'])"
        out = subprocess.run(
            [sys.executable, "-c", code, path],
            capture_output=True,
            check=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        assert out.stdout.strip() == "é"
    finally:
        os.chmod(folder, 0o755)


def test_a_path_through_a_value(file, path):
    """A path that goes through an array is no key, and cannot become one."""
    file["x"] = np.arange(3)
    file.close()
    chk = HDF5Checkpointer(path)
    assert "x/y" not in chk
    with pytest.raises(CheckpointerKeyError):
        chk["x/y"]
    with pytest.raises(TypeError):
        chk["x/y"] = 1
    assert chk["x"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["new", "there"])
@pytest.mark.parametrize("key", ["array", "group", ""])
def test_a_large_attribute_in_the_older_format(path, key, name):
    """It is refused with its name and what to do, and nothing is changed."""
    with h5py.File(path, "w", libver="earliest") as made:
        made["array"] = np.arange(5)
        made.create_group("group")["a"] = 1
        for item in (made, made["array"], made["group"]):
            item.attrs["there"] = np.arange(3)
    before = fingerprint(path), Path(path).read_bytes()
    chk = HDF5Checkpointer(path)
    attrs = {"array": chk.array("array"), "group": chk["group"], "": chk}[key].attrs
    large = np.arange(9000.0)
    with pytest.raises(UnsupportedStoredError, match=rf"'{name}'.*72000.*64 KiB") as caught:
        attrs[name] = large
    assert (caught.value.key, caught.value.file) == (key or "/", path)
    assert "a key of its own" in caught.value.hint
    assert (fingerprint(path), Path(path).read_bytes()) == before
    chk.compact()
    if key == "array":
        with pytest.raises(UnsupportedStoredError):
            attrs[name] = large
        chk["beside"] = large
    else:
        attrs[name] = large
        assert np.array_equal(attrs[name], large) and attrs["there"].size >= 3
    assert chk.verify().ok
