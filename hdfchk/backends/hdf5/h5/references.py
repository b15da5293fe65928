"""HDF5 references: finding them in elements, and replacing them.

An object reference is the address of the object in the file. A region reference is the location of
a heap object that contains the address of the object and the selection. Elements of fixed size are
handled as bytes. Variable-length elements must be read by h5py, which creates a Python object for
each reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from h5py import h5d, h5f, h5p, h5r, h5s, h5t

from ....errors import UnsupportedStoredError
from .ids import Reference, RegionReference, TypeID
from .types import has_variable

__all__ = [
    "Addresses",
    "ReferenceSwap",
    "Region",
    "cells",
    "check_references",
    "has_references",
    "references_in",
]

Addresses = np.ndarray[Any, np.dtype[np.uint64]]
Region = RegionReference | None
OfObjects = Callable[[Addresses], Addresses]
OfRegions = Callable[[list[Region]], list[Region]]

_ADDRESS = np.dtype("<u8")
_REGION = np.dtype("V12")
_AT_ONCE = 2**16
"""The number of references that one call converts."""


def has_references(tid: TypeID) -> bool:
    """Return whether elements of a type contain references, at any depth."""
    return bool(tid.detect_class(h5t.REFERENCE))


def check_references(tid: TypeID) -> None:
    """Reject a type whose references cannot be read.

    Raises:
        UnsupportedStoredError: they are of the kind introduced in HDF5 1.12 (`H5T_STD_REF`); or
            sequences of region references, for which h5py (3.16 and before) crashes; or
            NumPy has no equivalent of the variable-length elements that contain them.
    """
    for inner, is_in_list in _references(tid):
        if inner.equal(h5t.STD_REF_DSETREG):
            if is_in_list:
                raise UnsupportedStoredError(
                    "region references in variable-length elements, which h5py cannot read"
                )
        elif not inner.equal(h5t.STD_REF_OBJ):
            raise UnsupportedStoredError("references of the newer kind, which h5py cannot read")
    if has_variable(tid):
        try:
            _ = tid.dtype
        except (TypeError, ValueError, NotImplementedError) as error:
            raise UnsupportedStoredError(
                f"references in a type that h5py cannot read ({error})"
            ) from error


def references_in(data: np.ndarray[Any, Any]) -> Iterator[Reference]:
    """Yield the references in elements as h5py reads them."""
    return (array[place] for array, place in cells(data, data.dtype))


def _references(tid: TypeID, *, is_in_list: bool = False) -> Iterator[tuple[TypeID, bool]]:
    """Yield each reference type in a type, and whether it is in a variable-length element."""
    kind = tid.get_class()
    if kind == h5t.REFERENCE:
        yield tid, is_in_list
    elif kind == h5t.COMPOUND:
        for index in range(tid.get_nmembers()):
            yield from _references(tid.get_member_type(index), is_in_list=is_in_list)
    elif kind in {h5t.ARRAY, h5t.VLEN}:
        yield from _references(tid.get_super(), is_in_list=is_in_list or kind == h5t.VLEN)


def _reference_dtype(tid: TypeID) -> Any:
    """Return the dtype that covers only the references in elements of fixed size."""
    kind = tid.get_class()
    if kind == h5t.ARRAY:
        return (_reference_dtype(tid.get_super()), tid.get_array_dims())
    if kind != h5t.COMPOUND:
        return _ADDRESS if tid.equal(h5t.STD_REF_OBJ) else _REGION
    members = [
        (tid.get_member_type(i), tid.get_member_offset(i)) for i in range(tid.get_nmembers())
    ]
    kept = [(inner, offset) for inner, offset in members if has_references(inner)]
    return np.dtype(
        {
            "names": [f"f{index}" for index in range(len(kept))],
            "formats": [_reference_dtype(inner) for inner, _ in kept],
            "offsets": [offset for _, offset in kept],
            "itemsize": tid.get_size(),
        }
    )


class ReferenceSwap:
    """Context that replaces the references in elements by others.

    It uses a file in memory, in which HDF5 converts h5py's objects to addresses and back.
    """

    def __init__(self) -> None:
        plist = h5p.create(h5p.FILE_ACCESS)
        plist.set_fapl_core(2**16, False)
        self._file = h5py.File(h5f.create(b"hdfchk-references", fapl=plist))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def exchange(
        self,
        data: np.ndarray[Any, Any],
        tid: TypeID,
        objects: OfObjects,
        regions: OfRegions,
    ) -> None:
        """Replace the references in elements, in place.

        Args:
            data: the elements: as bytes if of fixed size, otherwise as h5py reads them.
            tid: their type.
            objects: is called with the addresses of the referenced objects, and returns the new
                ones; 0 is a null reference.
            regions: does the same for region references, as h5py's objects; None is a null one.
        """
        if has_variable(tid):
            self._in_objects(data, objects, regions)
        else:
            whole = np.dtype(
                {"names": ["all"], "formats": [_reference_dtype(tid)], "itemsize": tid.get_size()}
            )
            self._in_bytes(data.view(whole), objects, regions)

    def _in_bytes(
        self, places: np.ndarray[Any, Any], objects: OfObjects, regions: OfRegions
    ) -> None:
        if places.dtype.names is not None:
            for name in places.dtype.names:
                self._in_bytes(places[name], objects, regions)
        elif places.size and places.dtype == _ADDRESS:
            places[...] = objects(places.reshape(-1)).reshape(places.shape)
        elif places.size:
            found = self._regions(places.reshape(-1))
            places[...] = self._bytes(regions(found)).reshape(places.shape)

    def _in_objects(
        self, data: np.ndarray[Any, Any], objects: OfObjects, regions: OfRegions
    ) -> None:
        every = list(cells(data, data.dtype))
        at = [cell for cell in every if not isinstance(cell[0][cell[1]], h5r.RegionReference)]
        if at:
            found = objects(self.addresses([array[place] for array, place in at]))
            for (array, place), reference in zip(at, self.references(found), strict=True):
                array[place] = reference
        at = [cell for cell in every if isinstance(cell[0][cell[1]], h5r.RegionReference)]
        if at:
            put = regions([array[place] for array, place in at])
            for (array, place), region in zip(at, put, strict=True):
                array[place] = h5r.RegionReference() if region is None else region

    # -- h5py's objects and the bytes in a file ------------------------------------------------

    def references(self, addresses: Addresses) -> list[Reference]:
        """Return references to the objects at these addresses, valid in the file of the objects."""
        kind = h5t.STD_REF_OBJ
        return list(self._convert(kind, addresses, kind, np.zeros(len(addresses), h5py.ref_dtype)))

    def addresses(self, references: list[Reference]) -> Addresses:
        """Return the addresses of the referenced objects; 0 for a null reference."""
        data = _objects(references, h5py.ref_dtype)
        return self._convert(h5t.STD_REF_OBJ, data, None, np.zeros(len(data), _ADDRESS))

    def _regions(self, places: np.ndarray[Any, Any]) -> list[Region]:
        kind, into = h5t.STD_REF_DSETREG, np.zeros(len(places), h5py.regionref_dtype)
        return list(self._convert(kind, np.ascontiguousarray(places), kind, into))

    def _bytes(self, regions: list[Region]) -> np.ndarray[Any, Any]:
        empty = h5r.RegionReference()
        data = _objects(
            [empty if region is None else region for region in regions], h5py.regionref_dtype
        )
        return self._convert(h5t.STD_REF_DSETREG, data, None, np.zeros(len(data), _REGION))

    def _convert(
        self, kind: TypeID, data: Any, memory: TypeID | None, into: np.ndarray[Any, Any]
    ) -> np.ndarray[Any, Any]:
        """Convert elements from the type `memory`, or, if it is None, to the type `kind`."""
        back = None if memory is not None else kind
        for start in range(0, len(data), _AT_ONCE):
            piece = np.ascontiguousarray(data[start : start + _AT_ONCE])
            did = h5d.create(self._file.id, None, kind, h5s.create_simple(piece.shape))
            did.write(h5s.ALL, h5s.ALL, piece, memory)
            did.read(h5s.ALL, h5s.ALL, into[start : start + _AT_ONCE], back)
        return into


def _objects(items: Sequence[Reference], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    data = np.zeros(len(items), dtype)
    data[:] = items
    return data


def cells(data: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield an array and an index in it for each reference in elements as h5py reads them."""
    if dtype.subdtype is not None:
        dtype = dtype.subdtype[0]
    if dtype.names is not None:
        for name in dtype.names:
            yield from cells(data[name], dtype[name])
    elif h5py.check_ref_dtype(dtype) is not None:
        yield from ((data, place) for place in np.ndindex(data.shape))
    else:
        base = h5py.check_vlen_dtype(dtype)
        if isinstance(base, np.dtype) and base.hasobject:
            for item in data.reshape(-1).tolist() if data.ndim else [data[()]]:
                if isinstance(item, np.ndarray):
                    yield from cells(item, base)
