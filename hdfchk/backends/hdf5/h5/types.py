"""HDF5 types and property lists, created once: creating them takes much of the time per object."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import h5py
import numpy as np
from h5py import h5d, h5f, h5p, h5s, h5t

from ....errors import UnsupportedStoredError
from .ids import GroupID, PropDCID, PropFAID, PropFCID, PropGCID, SpaceID, TypeID
from .metadata_cache import steady

__all__ = [
    "BOOL",
    "BYTE",
    "COMPACT_BYTES",
    "COMPACT_CREATION",
    "COMPLEX",
    "FLOAT",
    "GROUP_CREATION",
    "INT",
    "PLACED_CREATION",
    "PYTHON_STRINGS",
    "SCALAR",
    "dataset_creation",
    "dataspace",
    "file_access",
    "file_creation",
    "filled_creation",
    "group_copy_creation",
    "has_variable",
    "keep_attribute_form",
    "new_creation",
    "numpy_dtype",
    "plain_dtype",
    "string_type",
    "type_for",
    "type_to_write",
    "unmarked",
    "unshared",
]

FLOAT = h5t.IEEE_F64LE
INT = h5t.STD_I64LE
BYTE = h5t.STD_U8LE
BOOL = h5t.py_create(np.dtype(np.bool), logical=True)
COMPLEX = h5t.py_create(np.dtype(np.complex128), logical=True)
SCALAR = h5s.create(h5s.SCALAR)

COMPACT_BYTES = 2048
"""Arrays up to this size are stored compact, in the object header: one read less, no padding."""
ALIGN_FROM = 65536
ALIGNMENT = 64
"""Arrays of at least `ALIGN_FROM` bytes start at multiples of `ALIGNMENT`, for SIMD units."""

META_BLOCK = 10240
"""With its own driver HDF5 allocates metadata in blocks of this size, which keeps them apart from
the arrays. h5py's driver for file objects does not support that: through a log each object is
allocated after the last one, and an array after its header.

It is not a multiple of a page: an array that begins at a page boundary is read some 10 % slower
into memory that NumPy allocates, which begins 16 bytes after one."""

_T = TypeVar("_T", SpaceID, TypeID)
CREATION_ORDER = h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED


def _group_creation() -> PropGCID:
    plist = h5p.create(h5p.GROUP_CREATE)
    plist.set_obj_track_times(False)  # otherwise the same data would result in different bytes
    plist.set_link_creation_order(CREATION_ORDER)
    return plist


def group_copy_creation(gid: GroupID) -> PropGCID:
    """Return the creation properties for the copy of a group.

    The group's own property list contains the locations of its links in its file, where HDF5 would
    look for the links of the copy.
    """
    old, plist = gid.get_create_plist(), h5p.create(h5p.GROUP_CREATE)
    plist.set_link_creation_order(old.get_link_creation_order())
    plist.set_obj_track_times(old.get_obj_track_times())
    keep_attribute_form(old, plist)
    return plist


def keep_attribute_form(old: PropGCID, plist: PropFCID | PropGCID) -> None:
    """Copy the settings for attribute storage: the maximum number in the header, and the order."""
    plist.set_attr_creation_order(old.get_attr_creation_order())
    plist.set_attr_phase_change(*old.get_attr_phase_change())


def new_creation(*, compact: bool = False, fill: bool = False) -> PropDCID:
    """Return new creation properties of a dataset, to be modified by the caller.

    Args:
        compact: the layout is compact.
        fill: some elements are written later or never.
    """
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_obj_track_times(False)
    if not fill:
        plist.set_fill_time(h5d.FILL_TIME_NEVER)  # every element is written immediately
    if compact:
        plist.set_layout(h5d.COMPACT)
    return plist


GROUP_CREATION = _group_creation()
COMPACT_CREATION = new_creation(compact=True)
"""The creation properties of a compact dataset."""
_CONTIGUOUS = new_creation()
PLACED_CREATION = new_creation()
"""The creation properties of a contiguous dataset whose space is allocated at creation."""
PLACED_CREATION.set_alloc_time(h5d.ALLOC_TIME_EARLY)
_VARIABLE = new_creation(fill=True)  # HDF5 needs a fill value for variable-length elements


def dataset_creation(nbytes: int, *, variable: bool = False) -> PropDCID:
    """Return the creation properties of a dataset of `nbytes` bytes that is not resizable."""
    if variable:
        return _VARIABLE
    return COMPACT_CREATION if 0 < nbytes <= COMPACT_BYTES else _CONTIGUOUS


def filled_creation(*, fill: bool) -> PropDCID:
    """Return the creation properties of a contiguous dataset that is written part by part.

    Args:
        fill: some elements may never be written, and must be read as the fill value: HDF5 writes
            that when it allocates the space, which may contain old data.
    """
    plist = new_creation()
    if fill:
        plist.set_fill_time(h5d.FILL_TIME_ALLOC)
    return plist


def file_creation(*, keeps_free_space: bool = True) -> PropFCID:
    """Return the creation properties of a file.

    Free space is persistent. The root group tracks the creation order of its links, and no times.

    Args:
        keeps_free_space: the file stores a free-space table, which HDF5 1.10 and later can read;
            1.8 and before consider such a file damaged.
    """
    plist = h5p.create(h5p.FILE_CREATE)
    plist.set_obj_track_times(False)
    plist.set_link_creation_order(CREATION_ORDER)
    if keeps_free_space:
        plist.set_file_space_strategy(h5f.FSPACE_STRATEGY_FSM_AGGR, True, 1)
    return plist


def file_access(*, metadata_cache: int | None = None, shared: bool = False) -> PropFAID:
    """Return the access properties of a file.

    Args:
        metadata_cache: the fixed size of HDF5's metadata cache in bytes; None for the default.
        shared: other code of this process may have the file open, and close it independently.
    """
    return _file_access(metadata_cache, shared).copy()


@cache
def _file_access(metadata_cache: int | None, shared: bool) -> PropFAID:
    plist = h5p.create(h5p.FILE_ACCESS)
    if not shared:
        plist.set_fclose_degree(h5f.CLOSE_STRONG)
    # hdfchk's own objects are all in the format of HDF5 1.8. Files of other programs may have newer
    # types, with which an attribute is copied.
    plist.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_LATEST)
    plist.set_alignment(ALIGN_FROM, ALIGNMENT)
    plist.set_meta_block_size(META_BLOCK)
    if metadata_cache is not None:
        plist.set_mdc_config(steady(plist.get_mdc_config(), metadata_cache))
    return plist


_STRING_TYPES: dict[int, TypeID] = {}
_TYPES: dict[np.dtype[Any], TypeID] = {}
_CACHED = 512
PYTHON_STRINGS = h5t.py_create(h5py.string_dtype("utf-8"))
"""The memory type of an object array of `str`."""
_VARIABLE_STRING = h5t.py_create(h5py.string_dtype("utf-8"), logical=True)


def string_type(width: int) -> TypeID:
    """Return the fixed-width UTF-8 string type of `width` bytes, padded with NULs."""
    found = _STRING_TYPES.get(width)
    if found is None:
        found = h5t.C_S1.copy()
        found.set_size(width)
        found.set_cset(h5t.CSET_UTF8)
        found.set_strpad(h5t.STR_NULLPAD)
        if len(_STRING_TYPES) < _CACHED:
            _STRING_TYPES[width] = found
    return found


def type_for(dtype: np.dtype[Any]) -> TypeID:
    """Return the HDF5 type of an array's dtype; for kind O, variable-length UTF-8 strings."""
    if dtype.kind == "O":
        return _VARIABLE_STRING
    if dtype.metadata or dtype.names:  # equal dtypes may differ in these
        return h5t.py_create(dtype, logical=True)
    found = _TYPES.get(dtype)
    if found is None:
        found = h5t.py_create(dtype, logical=True)
        if len(_TYPES) < _CACHED:
            _TYPES[dtype] = found
    return found


_PLAIN_TYPES = [
    tuple(
        (h5t.py_create(np.dtype(name)), np.dtype(name))
        for name in ("<f8", "<i8", "<f4", "<i4", "|u1", "<u4", "<u8", "<i2", "<u2", "|i1")
    )
]


def plain_dtype(tid: TypeID) -> np.dtype[Any] | None:
    """Return the dtype of the most common HDF5 types, or None for others."""
    order = _PLAIN_TYPES[0]
    for index, (known, dtype) in enumerate(order):
        if tid.equal(known):
            if index:  # most arrays of a file have one dtype: try it first next time
                _PLAIN_TYPES[0] = (order[index], *order[:index], *order[index + 1 :])
            return dtype
    return None


_SPACES: dict[tuple[int, ...], SpaceID] = {}


def dataspace(shape: tuple[int, ...]) -> SpaceID:
    """Return the dataspace of an array of `shape`; it is shared, and must not be changed."""
    if not shape:
        return SCALAR
    found = _SPACES.get(shape)
    if found is None:
        found = h5s.create_simple(shape)
        if len(_SPACES) < _CACHED:
            _SPACES[shape] = found
    return found


def numpy_dtype(tid: TypeID) -> np.dtype[Any]:
    """Return the dtype with which h5py reads an HDF5 type.

    Raises:
        UnsupportedStoredError: NumPy has no equivalent.
    """
    try:
        dtype: np.dtype[Any] = tid.dtype
    except (TypeError, ValueError, NotImplementedError) as error:
        raise UnsupportedStoredError(
            f"NumPy has no equivalent of the HDF5 type ({error})", hint="read it with plain h5py"
        ) from error
    if h5py.check_ref_dtype(dtype) is not None or _has_reference(dtype):
        raise UnsupportedStoredError(
            "HDF5 references are not values", hint="read them with plain h5py"
        )
    return dtype


def unmarked(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a dtype without h5py's metadata (such as an enumeration's); fields keep theirs."""
    return np.dtype(dtype.str) if dtype.metadata and dtype.names is None else dtype


def unshared(found: _T) -> _T:
    """Return a copy of a type or dataspace, for use in another file.

    A named type is an object of its file. In a file with shared messages, a type refers to the
    table of these, and HDF5 (2.0 and before) would write that reference into the other file.
    """
    if isinstance(found, h5s.SpaceID):
        return h5s.decode(found.encode())
    return h5t.decode(found.encode())


def has_variable(tid: TypeID) -> bool:
    """Return whether elements of a type have variable-length parts, which are stored elsewhere."""
    kind = tid.get_class()
    if kind == h5t.STRING:
        return bool(tid.is_variable_str())
    if kind == h5t.COMPOUND:
        return any(has_variable(tid.get_member_type(i)) for i in range(tid.get_nmembers()))
    return bool(kind == h5t.VLEN or (kind == h5t.ARRAY and has_variable(tid.get_super())))


def type_to_write(stored: TypeID, tid: TypeID, array: np.ndarray[Any, Any]) -> TypeID | None:
    """Return the memory type for writing an array into a dataset so that it is read back unchanged.

    Foreign types that NumPy does not have can store the same numbers: one-byte types with a byte
    order, integers with fewer significant bits, enumerations.

    Args:
        stored: the type of the dataset.
        tid: the type of the array.
        array: the elements to write.

    Returns:
        A type; None if the dataset cannot store the array.
    """
    if stored.equal(tid):
        return tid
    if stored.get_class() == h5t.ENUM:  # except h5py's booleans
        is_kept = stored.get_super().equal(tid) and stored.dtype.kind != "b"
        return stored if is_kept else None
    if stored.get_class() != h5t.INTEGER or tid.get_class() != h5t.INTEGER:
        return None
    size, sign = stored.get_size(), stored.get_sign()
    if (size, sign) != (tid.get_size(), tid.get_sign()):
        return None
    if size > 1 and stored.get_order() != tid.get_order():
        return None
    bits = stored.get_precision()
    if bits < 8 * size and array.size:
        least = 0 if sign == h5t.SGN_NONE else -(2 ** (bits - 1))
        if int(array.min()) < least or int(array.max()) >= least + 2**bits:
            return None
    return tid


def _has_reference(dtype: np.dtype[Any]) -> bool:
    if dtype.subdtype is not None:
        return _has_reference(dtype.subdtype[0])
    if dtype.fields is not None:
        return any(_has_reference(field[0]) for field in dtype.fields.values())
    if dtype.kind != "O":
        return False
    inner = h5py.check_vlen_dtype(dtype)
    if isinstance(inner, np.dtype):
        return _has_reference(inner)
    return h5py.check_ref_dtype(dtype) is not None
