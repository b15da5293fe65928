"""HDF5 types in the form that HDF5 1.8 can read.

A type read from a file keeps the version of its message, as do types derived from it. A newly
created type has the lowest version that can express it.
"""

from __future__ import annotations

from collections.abc import Callable

from h5py import h5t

from ....errors import UnsupportedStoredError
from .ids import TypeID

__all__ = ["portable_type"]


def portable_type(tid: TypeID) -> TypeID:
    """Return a newly created type that is equal to `tid`.

    Raises:
        UnsupportedStoredError: HDF5 1.8 does not have this type.
    """
    make = _MAKERS.get(tid.get_class())
    found = None if make is None else make(tid)
    if found is None or not found.equal(tid):
        raise UnsupportedStoredError("a type that HDF5 1.8 does not have")
    return found


def _integer(tid: TypeID) -> TypeID:
    found = h5t.STD_I8LE.copy()
    found.set_size(tid.get_size())
    found.set_sign(tid.get_sign())
    found.set_order(tid.get_order())
    found.set_precision(tid.get_precision())
    found.set_offset(tid.get_offset())
    found.set_pad(*tid.get_pad())
    return found


def _float(tid: TypeID) -> TypeID:
    found = h5t.IEEE_F64LE.copy()
    size = tid.get_size()
    if size > found.get_size():
        found.set_size(size)
    found.set_order(tid.get_order())
    found.set_precision(8 * found.get_size())
    found.set_fields(*tid.get_fields())
    found.set_offset(0)
    found.set_precision(tid.get_precision())
    found.set_size(size)
    found.set_offset(tid.get_offset())
    found.set_ebias(tid.get_ebias())
    found.set_norm(tid.get_norm())
    found.set_inpad(tid.get_inpad())
    found.set_pad(*tid.get_pad())
    return found


def _string(tid: TypeID) -> TypeID:
    found = h5t.C_S1.copy()
    found.set_size(h5t.VARIABLE if tid.is_variable_str() else tid.get_size())
    found.set_cset(tid.get_cset())
    found.set_strpad(tid.get_strpad())
    return found


def _opaque(tid: TypeID) -> TypeID:
    found = h5t.create(h5t.OPAQUE, tid.get_size())
    found.set_tag(tid.get_tag())
    return found


def _compound(tid: TypeID) -> TypeID:
    found = h5t.create(h5t.COMPOUND, tid.get_size())
    for index in range(tid.get_nmembers()):
        inner = portable_type(tid.get_member_type(index))
        found.insert(tid.get_member_name(index), tid.get_member_offset(index), inner)
    return found


def _enum(tid: TypeID) -> TypeID:
    found = h5t.enum_create(portable_type(tid.get_super()))
    for index in range(tid.get_nmembers()):
        found.enum_insert(tid.get_member_name(index), tid.get_member_value(index))
    return found


_NAMED = [
    getattr(h5t, f"STD_{name}")
    for name in (
        "REF_OBJ",
        "REF_DSETREG",
        "B8LE",
        "B16LE",
        "B32LE",
        "B64LE",
        "B8BE",
        "B16BE",
        "B32BE",
        "B64BE",
    )
]
"""Predefined types, which cannot be created from others."""


def _named(tid: TypeID) -> TypeID | None:
    return next((kind.copy() for kind in _NAMED if kind.equal(tid)), None)


_MAKERS: dict[int, Callable[[TypeID], TypeID | None]] = {
    h5t.INTEGER: _integer,
    h5t.FLOAT: _float,
    h5t.STRING: _string,
    h5t.BITFIELD: _named,
    h5t.OPAQUE: _opaque,
    h5t.COMPOUND: _compound,
    h5t.REFERENCE: _named,
    h5t.ENUM: _enum,
    h5t.VLEN: lambda tid: h5t.vlen_create(portable_type(tid.get_super())),
    h5t.ARRAY: lambda tid: h5t.array_create(portable_type(tid.get_super()), tid.get_array_dims()),
}
