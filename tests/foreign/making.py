"""What the builders of the corpus share: attributes, datasets and types by HDF5's own interface."""

from __future__ import annotations

import ctypes
import glob
import os
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5ds, h5p, h5s, h5t

PADS = {"null": h5t.STR_NULLPAD, "term": h5t.STR_NULLTERM, "space": h5t.STR_SPACEPAD}


def raw(text: str | bytes) -> bytes:
    """A name or a text as the bytes that HDF5 gets."""
    return text if isinstance(text, bytes) else text.encode()


def string(size: int | None = None, pad: str = "term", *, utf8: bool = False) -> Any:
    """A string type: of `size` bytes, or of variable length (None)."""
    tid = h5t.C_S1.copy()
    tid.set_size(h5t.VARIABLE if size is None else size)
    tid.set_strpad(PADS[pad])
    if utf8:
        tid.set_cset(h5t.CSET_UTF8)
    return tid


def integer(base: Any, bits: int, offset: int = 0, sign: int = h5t.SGN_2) -> Any:
    """An integer type of odd precision."""
    tid = base.copy()
    tid.set_precision(bits)
    tid.set_offset(offset)
    tid.set_sign(sign)
    return tid


def enum(base: Any, values: dict[str, int]) -> Any:
    """An enumeration over an integer type."""
    tid = h5t.enum_create(base)
    for name, value in values.items():
        tid.enum_insert(raw(name), value)
    return tid


def compound(size: int, *members: tuple[str, int, Any]) -> Any:
    """A compound type: names, offsets and types."""
    tid = h5t.create(h5t.COMPOUND, size)
    for name, offset, member in members:
        tid.insert(raw(name), offset, member)
    return tid


def opaque(size: int, tag: str) -> Any:
    """An opaque type with a tag."""
    tid = h5t.create(h5t.OPAQUE, size)
    tid.set_tag(raw(tag))
    return tid


def space_of(shape: tuple[int, ...] | None, maxshape: tuple[int | None, ...] | None = None) -> Any:
    """A dataspace; None for the null one."""
    if shape is None:
        return h5s.create(h5s.NULL)
    if not shape:
        return h5s.create(h5s.SCALAR)
    limits = None
    if maxshape is not None:
        limits = tuple(h5s.UNLIMITED if limit is None else limit for limit in maxshape)
    return h5s.create_simple(shape, limits)


def bits(tid: Any, count: int, seed: int = 1) -> np.ndarray[Any, Any]:
    """Elements of any type of fixed size: bytes that differ from each other."""
    size = tid.get_size()
    data = np.random.default_rng(seed).integers(1, 100, count * size, np.uint8)
    return np.frombuffer(data.tobytes(), f"V{size}")


def dataset(
    parent: Any,
    name: str | bytes,
    tid: Any,
    shape: tuple[int, ...] | None = (),
    data: Any = None,
    *,
    maxshape: tuple[int | None, ...] | None = None,
    plist: Any = None,
    lcpl: Any = None,
) -> Any:
    """A dataset of any HDF5 type; `data` are an array in memory of that very type, or bytes."""
    did = h5d.create(parent.id, raw(name), tid, space_of(shape, maxshape), plist, lcpl)
    if data is not None:
        if isinstance(data, bytes):
            data = np.frombuffer(data, f"V{tid.get_size()}")
        data = np.ascontiguousarray(data)
        did.write(h5s.ALL, h5s.ALL, data.reshape(shape), tid)
    return h5py.Dataset(did)


def attribute(
    item: Any, name: str | bytes, tid: Any, data: Any, shape: tuple[int, ...] | None = ()
) -> None:
    """An attribute of any HDF5 type; `data` as for `dataset`."""
    aid = h5a.create(item.id, raw(name), tid, space_of(shape))
    if data is not None and shape is not None:
        if isinstance(data, bytes):
            data = np.frombuffer(data, f"V{tid.get_size()}")
        aid.write(np.ascontiguousarray(data).reshape(shape), tid)


def text(
    item: Any,
    name: str | bytes,
    value: str | bytes,
    pad: str = "term",
    *,
    utf8: bool = False,
    room: int = 0,
    shape: tuple[int, ...] = (),
) -> None:
    """An attribute of one text, in as many bytes as it has and `room` more."""
    data = raw(value)
    tid = string(max(1, len(data) + room), pad, utf8=utf8)
    attribute(item, name, tid, data.ljust(tid.get_size(), b" " if pad == "space" else b"\0"), shape)


def texts(item: Any, **values: str) -> None:
    """Attributes of one text each, as C writes them without room for a NUL."""
    for name, value in values.items():
        text(item, name, value)


def variable(item: Any, name: str, value: str | list[str], *, utf8: bool = True) -> None:
    """An attribute of variable-length texts."""
    dtype = h5py.string_dtype("utf-8" if utf8 else "ascii")
    data = value if isinstance(value, str) else np.array(value, object)
    item.attrs.create(name, data, dtype=dtype)


def creation(**options: Any) -> Any:
    """Creation properties of a dataset: `name=args` calls ``set_name(*args)``, in their order."""
    plist = h5p.create(h5p.DATASET_CREATE)
    for name, args in options.items():
        getattr(plist, f"set_{name}")(*(args if isinstance(args, tuple) else (args,)))
    return plist


def scale(item: Any, name: str | None = None) -> None:
    """Make a dataset a dimension scale, as H5DS does."""
    h5ds.set_scale(item.id, b"" if name is None else raw(name))


def attach(item: Any, *scales: Any) -> None:
    """Attach a scale to each axis."""
    for axis, one in enumerate(scales):
        h5ds.attach_scale(item.id, one.id, axis)


def objects(values: list[Any]) -> np.ndarray[Any, Any]:
    """An object array of one axis, whatever its items are."""
    found = np.empty(len(values), object)
    found[:] = values
    return found


def library() -> Any:
    """HDF5 itself, for what h5py has no call for; None where it is not beside h5py."""
    folder = os.path.join(os.path.dirname(h5py.__file__), "..", "h5py.libs")
    found = sorted(glob.glob(os.path.join(folder, "libhdf5-*.so*")))
    return ctypes.CDLL(found[0]) if found else None


def undefined_fill(plist: Any) -> None:
    """Say that there is no fill value, if the library can be called."""
    hdf5 = library()
    if hdf5 is not None:
        none = ctypes.c_int64(-1), ctypes.c_void_p(None)
        assert hdf5.H5Pset_fill_value(ctypes.c_int64(plist.id), *none) >= 0
