"""What HDF5 refuses to write is told by an error of ours, with file, key and a remedy that works."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5f, h5p, h5s, h5t

from hdfchk import HDF5Checkpointer, HdfchkError, ReferencedError, UnsupportedStoredError, load
from tests.foreign.making import library as beside_h5py

HID = ctypes.c_int64


def hdf5() -> Any:
    """The HDF5 that h5py uses, for what h5py has no name for."""
    library = beside_h5py()
    if library is None:
        pytest.skip("where HDF5 lies is not to be seen")
    for name in ("H5Acreate2", "H5Dcreate2"):
        getattr(library, name).restype = HID
    return library


def new_references(path: Path) -> None:
    """Attributes and a dataset of the references of HDF5 1.12."""
    library = hdf5()
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_libver_bounds(h5f.LIBVER_LATEST, h5f.LIBVER_LATEST)
    fid = h5f.create(str(path).encode(), h5f.ACC_TRUNC, fapl=access)
    try:
        kind = HID(HID.in_dll(library, "H5T_STD_REF_g").value)
    except ValueError:
        pytest.skip("this HDF5 has no such references")
    one, scalar = h5s.create_simple((1,)), h5s.create(h5s.SCALAR)
    with h5py.File(fid) as file:
        file["x"], file["y"] = np.arange(5.0), 1
        file["g/z"] = 2
        reference = (ctypes.c_char * 64)()
        assert library.H5Rcreate_object(HID(file.id.id), b"/y", HID(0), reference) >= 0
        for key in ("x", "g"):
            oid = file[key].id
            aid = library.H5Acreate2(HID(oid.id), b"ref", kind, HID(scalar.id), HID(0), HID(0))
            assert aid >= 0 and library.H5Awrite(HID(aid), kind, reference) >= 0
            library.H5Aclose(HID(aid))
        did = library.H5Dcreate2(
            HID(file.id.id), b"refs", kind, HID(one.id), HID(0), HID(0), HID(0)
        )
        assert did >= 0
        assert library.H5Dwrite(HID(did), kind, HID(0), HID(0), HID(0), reference) >= 0
        library.H5Dclose(HID(did))
        library.H5Rdestroy(reference)


Work = Callable[[HDF5Checkpointer, str], object]
REPLACED: dict[str, tuple[str, Work]] = {
    "assignment": ("x", lambda chk, key: chk.__setitem__(key, "text")),
    "update": ("x", lambda chk, key: chk.update({"new": 1, key: "text", "y": 5})),
    "put": ("x", lambda chk, key: chk.put(key, np.zeros(5), compression="gzip")),
    "append": ("x", lambda chk, key: chk.append(key, 1.0)),
    "dict": ("g", lambda chk, key: chk.__setitem__(key, {"a": 1})),
    "number": ("g", lambda chk, key: chk.__setitem__(key, 5)),
}


@pytest.mark.parametrize("journal", [True, False], ids=["log", "no log"])
@pytest.mark.parametrize("way", REPLACED)
def test_attributes_of_a_newer_hdf5(tmp_path: Path, way: str, journal: bool) -> None:
    """They may lead to what is replaced, and nobody can tell: an error, and no change."""
    path = tmp_path / "x.h5"
    new_references(path)
    key, work = REPLACED[way]
    chk = HDF5Checkpointer(path, journal=journal)
    with pytest.raises(ReferencedError, match="cannot read these references") as caught:
        work(chk, key)
    assert caught.value.key in {key, "g/z"} and caught.value.file == str(path)
    assert caught.value.hint is not None and "replace=True" in caught.value.hint
    assert chk["x"].tolist() == [0, 1, 2, 3, 4] and chk["g/z"] == 2 and chk["y"] == 1
    assert list(chk) == ["g", "refs", "x", "y"]
    chk.array("x")[0] = 9.0  # what is there takes values
    chk["x"] = np.arange(5.0)
    with h5py.File(path, "a") as file:
        del file["refs"], file["g"].attrs["ref"], file["x"].attrs["ref"]
    work(chk, key)


def test_references_of_a_newer_hdf5_are_no_values(tmp_path: Path) -> None:
    """They are unsupported, and not damage."""
    path = tmp_path / "x.h5"
    new_references(path)
    chk = HDF5Checkpointer(path)
    for look in (lambda: chk["refs"], lambda: chk.array("refs")[0], lambda: load(path)):
        with pytest.raises(UnsupportedStoredError) as caught:
            look()
        assert caught.value.key == "refs" and caught.value.file == str(path)
    report = chk.verify()
    assert report.ok and set(report.unread) == {"refs"}


class _LinkClass(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("id", ctypes.c_int),
        ("comment", ctypes.c_char_p),
        *((name, ctypes.c_void_p) for name in ("make", "move", "copy", "follow", "drop", "ask")),
    )


def user_defined_links(path: Path) -> None:
    """Links of a program's own kind, at the root and in a group, and soft links that lead there."""
    library, number = hdf5(), 187
    follows = ctypes.CFUNCTYPE(HID, ctypes.c_char_p, HID, ctypes.c_void_p, ctypes.c_size_t, HID)
    follow = ctypes.cast(follows(lambda *_: -1), ctypes.c_void_p)
    kind = _LinkClass(1, number, b"ours", None, None, None, follow)
    assert library.H5Lregister(ctypes.byref(kind)) >= 0
    try:
        with h5py.File(path, "w") as file:
            file["x"], file["y"], file["g/z"] = np.arange(5.0), 1, 2
            file["soft"], file["g/soft"] = h5py.SoftLink("/own"), h5py.SoftLink("/g/own/deep")
            for key in ("/", "g"):
                gid, size = file[key].id, ctypes.c_size_t(2)
                code = ctypes.c_int(number)
                assert (
                    library.H5Lcreate_ud(HID(gid.id), b"own", code, b"ab", size, HID(0), HID(0))
                    >= 0
                )
    finally:
        library.H5Lunregister(ctypes.c_int(number))


@pytest.mark.parametrize("journal", [True, False], ids=["log", "no log"])
def test_user_defined_links(tmp_path: Path, journal: bool) -> None:
    """They are keys that cannot be read, replaced or deleted, and hinder nothing else."""
    path = tmp_path / "x.h5"
    user_defined_links(path)
    chk = HDF5Checkpointer(path, journal=journal)
    assert list(chk) == ["g", "own", "soft", "x", "y"] and len(chk) == 5 and "own" in chk
    chk.append("x", 5.0)
    chk.put("y", np.arange(3), compression="gzip")
    chk["x"] = "text"
    chk["g"].update({"z": 3, "new": 4})
    refused: dict[str, Work] = {
        "own": lambda chk, key: chk.__setitem__(key, 1),
        "own ": lambda chk, key: chk.__setitem__(key.strip(), {"a": 1}),
        "own  ": lambda chk, key: chk.put(key.strip(), np.zeros(3)),
        "own   ": lambda chk, key: chk.update({"x": 1, key.strip(): 2}),
        "own    ": lambda chk, key: chk.__delitem__(key.strip()),
        "own     ": lambda chk, key: chk[key.strip()],
        "own      ": lambda chk, key: chk.append(key.strip(), 1),
        "g": lambda chk, key: chk.__delitem__(key),
        "g ": lambda chk, key: chk.__setitem__(key.strip(), 1),
        "soft": lambda chk, key: chk[key],
    }
    for key, work in refused.items():
        with pytest.raises(UnsupportedStoredError, match="user-defined link") as caught:
            work(chk, key)
        assert caught.value.key == key.strip() and caught.value.file == str(path)
        assert caught.value.hint, key
    with pytest.raises(UnsupportedStoredError, match="user-defined link"):
        chk.load()
    with pytest.raises(UnsupportedStoredError, match="user-defined link"):
        chk.compact()
    chk["soft"] = 8
    del chk["g/soft"]
    assert list(chk) == ["g", "own", "soft", "x", "y"]
    assert chk["x"] == "text" and chk["y"].tolist() == [0, 1, 2] and chk["g/new"] == 4
    rest = HDF5Checkpointer(path, omitted_keys=["own", "g/own"]).load()
    assert rest["soft"] == 8 and rest["g"] == {"z": 3, "new": 4}


def opaque(tag: bytes) -> Any:
    tid = h5t.create(h5t.OPAQUE, 4)
    tid.set_tag(tag)
    return tid


TYPES: dict[str, tuple[Any, Any]] = {
    "opaque": (opaque(b"a tag"), b"abcd"),
    "opaque items": (h5t.vlen_create(opaque(b"a tag")), [b"abcd"]),
    "items with axes": (h5t.vlen_create(h5t.array_create(h5t.STD_I32LE, (2,))), [[1, 2]]),
}


@pytest.mark.parametrize("journal", [True, False], ids=["log", "no log"])
@pytest.mark.parametrize("name", TYPES)
def test_types_without_a_conversion(tmp_path: Path, name: str, journal: bool) -> None:
    """What h5py does not convert is refused, by slices and rows; a whole value takes its place."""
    path, (tid, value) = tmp_path / "x.h5", TYPES[name]
    with h5py.File(path, "w") as file:
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_chunk((2,))
        h5d.create(file.id, b"x", tid, h5s.create_simple((4,), (h5s.UNLIMITED,)), plist)
    chk = HDF5Checkpointer(path, journal=journal)
    for work in (lambda: chk.array("x").__setitem__(0, value), lambda: chk.append("x", value)):
        with pytest.raises(UnsupportedStoredError, match="no conversion") as caught:
            work()
        assert caught.value.key == "x" and caught.value.file == str(path) and caught.value.hint
    with h5py.File(path) as file:
        assert file["x"].shape == (4,)
    chk["x"] = 5
    assert chk["x"] == 5


def test_references_are_no_elements(tmp_path: Path) -> None:
    """No index hands out HDF5's references."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("refs", (3,), h5py.ref_dtype)
    array = HDF5Checkpointer(path).array("refs")
    for work in (
        lambda: array[0],
        lambda: array[:2],
        lambda: array[[0, 1]],
        lambda: array.__setitem__(0, 1),
        lambda: array.append(1),
        lambda: array.shape,
    ):
        with pytest.raises(UnsupportedStoredError) as caught:
            work()
        assert caught.value.key == "refs" and caught.value.file == str(path)


def test_errors_of_a_caller_stay_what_they_are(tmp_path: Path) -> None:
    """An error of a caller's own function, or of an index, is not taken for one of HDF5's."""
    chk = HDF5Checkpointer(tmp_path / "x.h5")
    chk["x"] = np.arange(6.0)

    def fail(done: int, total: int) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine") as caught:
        chk.put("y", np.zeros(10), progress=fail)
    assert not isinstance(caught.value, HdfchkError)
    for index in (slice(5, 2, 0), [99], 99, (0, 0), "none"):
        with pytest.raises((IndexError, ValueError, TypeError)) as raised:
            chk.array("x")[index] = 1.0
        assert index == "none" or not isinstance(raised.value, HdfchkError)
