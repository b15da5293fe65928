"""Files as MATLAB 7.3 and Octave write them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5p, h5t

from .making import attribute, compound, creation, dataset, string, text
from .registry import foreign, foreign_path

HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024 HDF5 schema 1.00 ."


def finish(path: str) -> None:
    """Write MATLAB's header into the user block."""
    with open(path, "r+b") as stream:
        stream.write(HEADER.ljust(116) + bytes(8) + b"\0\2IM")


def put(parent: Any, name: str, data: Any, kind: str, **options: Any) -> Any:
    """A variable with its class, as a text without room for a NUL."""
    item = parent.create_dataset(name, data=data, **options)
    text(item, "MATLAB_class", kind)
    return item


def chars(parent: Any, name: str, value: str) -> Any:
    """A row of characters."""
    item = put(parent, name, np.array([[ord(one)] for one in value], "u2"), "char")
    item.attrs["MATLAB_int_decode"] = np.int32(2)
    return item


def fields(group: Any, *names: str) -> None:
    """The names of a struct's fields: lists of single characters."""
    text(group, "MATLAB_class", "struct")
    data = np.empty(len(names), object)
    data[:] = [np.array(list(name), "S1") for name in names]
    group.attrs.create("MATLAB_fields", data, dtype=h5py.vlen_dtype(np.dtype("S1")))


def empty(parent: Any, name: str, kind: str, shape: tuple[int, ...] = (0, 0)) -> Any:
    """An empty array: its shape is what is stored."""
    item = put(parent, name, np.array(shape, "u8"), kind)
    item.attrs["MATLAB_empty"] = np.uint8(1)
    return item


@foreign_path("matlab/numbers")
def numbers(path: str) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        put(file, "x", np.arange(6.0).reshape(3, 2), "double")
        for kind, code in (("single", "f4"), ("int8", "i1"), ("uint64", "u8"), ("int16", "i2")):
            put(file, kind, np.ones((2, 2), code), kind)
        put(file, "big", np.arange(5000.0).reshape(50, 100), "double", chunks=(10, 100),
            compression="gzip", compression_opts=3)  # fmt: skip
        flags = put(file, "flags", np.array([[1, 0, 1]], "u1"), "logical")
        flags.attrs["MATLAB_int_decode"] = np.int32(1)
        chars(file, "name", "hé\u4e2d")
        empty(file, "none", "double")
        empty(file, "nothing", "char", (0, 3))
        tid = compound(16, ("real", 0, h5t.IEEE_F64LE), ("imag", 8, h5t.IEEE_F64LE))
        text(dataset(file, "cx", tid, (2, 2), np.arange(8.0).view("V16")), "MATLAB_class", "double")
        sparse = file.create_group("sparse")
        text(sparse, "MATLAB_class", "double")
        sparse.attrs["MATLAB_sparse"] = np.uint64(3)
        sparse["data"], sparse["ir"] = np.array([1.0, 2.0]), np.array([0, 2], "u8")
        sparse["jc"] = np.array([0, 1, 1, 2], "u8")
    finish(path)


@foreign_path("matlab/cells and structs")
def cells(path: str) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        refs = file.create_group("#refs#")
        first, word = put(refs, "a", np.array([[7.0]]), "double"), chars(refs, "b", "word")
        nothing = empty(refs, "c", "double")
        nested = put(refs, "d", [[first.ref]], "cell", dtype=h5py.ref_dtype)
        put(file, "cell", [[first.ref], [word.ref], [nothing.ref], [nested.ref]], "cell",
            dtype=h5py.ref_dtype)  # fmt: skip
        struct = file.create_group("st")
        fields(struct, "f", "long_name", "cell")
        put(struct, "f", np.array([[5.0]]), "double")
        chars(struct, "long_name", "text")
        put(struct, "cell", [[word.ref]], "cell", dtype=h5py.ref_dtype)
        many = file.create_group("array_of_structs")
        fields(many, "x")
        many.create_dataset("x", data=[[first.ref], [word.ref]], dtype=h5py.ref_dtype)
        text(refs.create_dataset("canonical empty", data=np.zeros(2, "u8")), "MATLAB_class",
             "canonical empty")  # fmt: skip
        empty(file, "no_cells", "cell")
    finish(path)


@foreign_path("matlab/objects")
def objects(path: str) -> None:
    """Function handles, strings and tables, of which MATLAB keeps the parts in a subsystem."""
    with h5py.File(path, "w", userblock_size=512) as file:
        handle = file.create_group("handle")
        text(handle, "MATLAB_class", "function_handle")
        handle.attrs["MATLAB_object_decode"] = np.int32(1)
        chars(handle, "function_handle", "@(x)x+1")
        text(handle.create_group("workspace"), "MATLAB_class", "struct")
        item = put(file, "str", np.array([[0xDD000000, 2, 1, 1, 1, 1]], "u4"), "string")
        item.attrs["MATLAB_object_decode"] = np.int32(3)
        system = file.create_group("#subsystem#")
        refs = file.create_group("#refs#")
        raw = put(refs, "x", np.arange(40, dtype="u1").reshape(1, 40), "uint8")
        mcos = put(system, "MCOS", [[raw.ref]], "FileWrapper__", dtype=h5py.ref_dtype)
        mcos.attrs["MATLAB_object_decode"] = np.int32(3)
        item.attrs["H5PATH"] = np.bytes_("/str")
    finish(path)


@foreign_path("matlab/low level of mex")
def low_level(path: str) -> None:
    """What h5create and h5write of MATLAB make: no user block, fixed strings, big fills."""
    with h5py.File(path, "w", libver=("earliest", "v108")) as file:
        plist = creation(chunk=((4, 2),), deflate=9, fletcher32=())
        plist.set_fill_value(np.array(-1.0))
        dataset(file, "d", h5t.IEEE_F64LE, (3, 2), np.arange(6.0).view("V8"),
                maxshape=(None, 2), plist=plist)  # fmt: skip
        dataset(file, "text", string(5, "null"), (2,), b"abcdexy\0\0\0")
        attribute(file["d"], "range", h5t.IEEE_F64LE, np.array([0.0, 1.0]).view("V8"), (2,))
        text(file["d"], "units", "m/s", "null")


@foreign("octave/values")
def octave(file: Any) -> None:
    """What ``save -hdf5`` writes: a group for each variable, with its type."""
    for name, kind, data in (
        ("x", "scalar", np.float64(2.5)),
        ("m", "matrix", np.arange(6.0).reshape(3, 2)),
        ("b", "bool", np.uint8(1)),
        ("i", "int32 matrix", np.arange(4, dtype="i4").reshape(2, 2)),
        ("r", "range", np.array([0.0, 1, 10])),
    ):
        group = file.create_group(name)
        group.attrs["OCTAVE_NEW_FORMAT"] = np.uint8(1)
        dataset(group, "type", string(len(kind) + 1, "term"), (), kind.encode() + b"\0")
        group["value"] = data
    words = file.create_group("s")
    words.attrs["OCTAVE_NEW_FORMAT"] = np.uint8(1)
    dataset(words, "type", string(7), (), b"string\0")
    dataset(words, "value", string(1, "null"), (2, 4), b"wordtwo ")
    tid = compound(16, ("real", 0, h5t.IEEE_F64LE), ("imag", 8, h5t.IEEE_F64LE))
    dataset(file.create_group("c"), "value", tid, (), np.arange(2.0).view("V16"))
    cell = file.create_group("cell/value")
    cell["dims"] = np.array([1, 2], "i4")
    cell.create_group("_0")["value"] = np.zeros((0, 0))
    cell["_0"].attrs["OCTAVE_EMPTY_MATRIX"] = np.uint8(1)


@foreign_path("hdf5/user block of 1024")
def large_block(path: str) -> None:
    plist = h5p.create(h5p.FILE_CREATE)
    plist.set_userblock(1024)
    with h5py.File(h5py.h5f.create(path.encode(), h5py.h5f.ACC_TRUNC, plist)) as file:
        file["x"] = np.arange(300)
        file.create_dataset("chunks", data=np.arange(40), chunks=(7,), maxshape=(None,))
        file["g/text"] = "behind the block"
        file["to"] = file["x"].ref
    with open(path, "r+b") as stream:
        stream.write(bytes(range(256)) * 4)
