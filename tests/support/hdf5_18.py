"""Read files with the library of HDF5 1.8, which MATLAB up to R2021a, IDL and LabVIEW use.

``python -m tests.support.hdf5_18 LIBRARY FILE...`` opens every object and attribute of each file, and reads
all data; its exit code is 1 if any of them cannot be read. LIBRARY is a shared library, such as the
one in the unpacked wheel of h5py 2.7.1 (1.8.18):

    pip download h5py==2.7.1 --no-deps --only-binary=:all: --python-version 3.6 \
        --platform manylinux1_x86_64
    python -m zipfile -e h5py-2.7.1-*.whl unpacked
    python -m tests.support.hdf5_18 unpacked/h5py/.libs/libhdf5-*.so* run.hdf5

No other HDF5 is loaded in the process: this module does not import h5py.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import sys
from ctypes import CFUNCTYPE, c_char_p, c_int, c_longlong, c_size_t, c_void_p
from typing import Any

DATASET = 5


class Unreadable(Exception):
    """A call of the library has failed."""


class Library:
    """HDF5 1.8, whose identifiers are C ints."""

    def __init__(self, path: str) -> None:
        self._dll = ctypes.CDLL(path)
        self.call("H5open")
        numbers = [c_int(), c_int(), c_int()]
        self.call("H5get_libversion", *map(ctypes.byref, numbers))
        self.version = ".".join(str(number.value) for number in numbers)
        self.call("H5Eset_auto2", c_int(0), None, None)

    def call(self, name: str, *args: Any, kind: Any = c_int) -> int:
        """Call a function of the library.

        Raises:
            Unreadable: it has returned a negative number.
        """
        function = getattr(self._dll, name)
        function.restype = kind
        answer: int = function(*args)
        if answer < 0:
            raise Unreadable(f"{name}: {self._why()}")
        return answer

    def _why(self) -> str:
        said: list[str] = []

        class Entry(ctypes.Structure):
            _fields_ = (
                ("cls", c_int),
                ("major", c_int),
                ("minor", c_int),
                ("line", ctypes.c_uint),
                ("function", c_char_p),
                ("file", c_char_p),
                ("text", c_char_p),
            )

        def take(_: int, entry: Any, __: Any) -> int:
            said.append((entry.contents.text or b"").decode("utf-8", "replace"))
            return 0

        kind = CFUNCTYPE(c_int, ctypes.c_uint, ctypes.POINTER(Entry), c_void_p)
        self._dll.H5Ewalk2(c_int(0), c_int(0), kind(take), None)
        return ": ".join(said) or "no reason given"


def read_file(library: Library, path: str) -> dict[str, str]:
    """Read a file, and return the digest of the raw data of each dataset and attribute.

    Data of variable length, whose form in memory differs from the file, are read, but the digest
    is empty.

    Raises:
        Unreadable: the library cannot read a part of the file.
    """
    digests: dict[str, str] = {}
    failed: list[BaseException] = []
    file = library.call("H5Fopen", path.encode(), ctypes.c_uint(0), c_int(0))

    def visit(_: int, name: bytes, __: Any, ___: Any) -> int:
        try:
            _read_object(library, file, name, digests)
        except BaseException as error:  # noqa: BLE001  it is raised after the callback
            failed.append(error)
            return -1
        return 0

    kind = CFUNCTYPE(c_int, c_int, c_char_p, c_void_p, c_void_p)
    try:
        library.call("H5Ovisit", c_int(file), c_int(0), c_int(2), kind(visit), None)
    except Unreadable:
        if not failed:
            raise
    finally:
        library.call("H5Fclose", c_int(file))
    if failed:
        raise failed[0]
    return digests


def _read_object(library: Library, file: int, name: bytes, digests: dict[str, str]) -> None:
    oid = library.call("H5Oopen", c_int(file), name, c_int(0))
    key = name.decode()
    try:
        if library.call("H5Iget_type", c_int(oid)) == DATASET:
            space = library.call("H5Dget_space", c_int(oid))
            tid = library.call("H5Dget_type", c_int(oid))
            data = _room(library, space, tid)
            if data is not None:
                library.call("H5Dread", *map(c_int, (oid, tid, 0, 0, 0)), data)
            _note(library, digests, key, tid, data)
        for index in range(library.call("H5Aget_num_attrs", c_int(oid))):
            _read_attribute(library, oid, index, key, digests)
    except Unreadable as error:
        raise Unreadable(f"{key!r}: {error}") from error
    finally:
        library.call("H5Oclose", c_int(oid))


def _read_attribute(library: Library, oid: int, index: int, key: str, digests: Any) -> None:
    aid = library.call("H5Aopen_idx", c_int(oid), ctypes.c_uint(index))
    name = ctypes.create_string_buffer(4096)
    library.call("H5Aget_name", c_int(aid), c_size_t(4096), name)
    space, tid = (library.call(what, c_int(aid)) for what in ("H5Aget_space", "H5Aget_type"))
    data = _room(library, space, tid)
    if data is not None:
        library.call("H5Aread", c_int(aid), c_int(tid), data)
    _note(library, digests, f"{key}@{name.value.decode()}", tid, data)
    library.call("H5Aclose", c_int(aid))


def _room(library: Library, space: int, tid: int) -> Any:
    """Return a buffer for all elements of a dataspace; None if there are none."""
    count = library.call("H5Sget_simple_extent_npoints", c_int(space), kind=c_longlong)
    size = library.call("H5Tget_size", c_int(tid), kind=c_size_t)
    return ctypes.create_string_buffer(count * size) if count else None


def _note(library: Library, digests: dict[str, str], key: str, tid: int, data: Any) -> None:
    kinds = (library.call("H5Tdetect_class", c_int(tid), c_int(kind)) for kind in (7, 9))
    moves = any(kinds) or _is_text(library, tid)
    digests[key] = "" if data is None or moves else hashlib.sha256(data.raw).hexdigest()


def _is_text(library: Library, tid: int) -> bool:
    """Whether a type is, or contains, a variable-length string."""
    kind = library.call("H5Tget_class", c_int(tid))
    if kind == 3:
        return bool(library.call("H5Tis_variable_str", c_int(tid)))
    if kind == 6:
        count = library.call("H5Tget_nmembers", c_int(tid))
        members = [
            library.call("H5Tget_member_type", c_int(tid), ctypes.c_uint(i)) for i in range(count)
        ]
        return any(_is_text(library, member) for member in members)
    return kind == 10 and _is_text(library, library.call("H5Tget_super", c_int(tid)))


def main(path: str, *files: str) -> int:
    """Read files; print one line of JSON for each: its digests, or why it cannot be read."""
    library, status = Library(path), 0
    for file in files:
        try:
            said: dict[str, Any] = {"file": file, "digests": read_file(library, file)}
        except Unreadable as error:
            said, status = {"file": file, "error": str(error)}, 1
        sys.stdout.write(json.dumps({"hdf5": library.version, **said}) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
