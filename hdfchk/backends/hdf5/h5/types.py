"""HDF5's types and property lists, made once: making them is a good part of an object's cost."""

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
"""Up to this size an array lies inside its object header: one read less, and no padding."""
ALIGN_FROM = 65536
ALIGNMENT = 64
"""Arrays from `ALIGN_FROM` bytes up start at multiples of `ALIGNMENT`, as vector units like."""

META_BLOCK = 10240
"""Where HDF5 writes a file by its own driver, metadata are allotted in blocks of this size, so that
they do not lie between the arrays. h5py's driver of file objects takes no part in that: through a
log each object is allotted where the last one ends, and an array lies behind its header.

It is no multiple of a page: an array that begins where a page does is read some 10 % slower into
the memory NumPy allocates, which lies 16 bytes behind the beginning of one."""

_T = TypeVar("_T", SpaceID, TypeID)
CREATION_ORDER = h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED


def _group_creation() -> PropGCID:
    plist = h5p.create(h5p.GROUP_CREATE)
    plist.set_obj_track_times(False)  # or the same data would give other bytes each time
    plist.set_link_creation_order(CREATION_ORDER)
    return plist


def group_copy_creation(gid: GroupID) -> PropGCID:
    """The creation properties for the copy of a group.

    Not the group's own: these have the places of its links in its file, and HDF5 would look for
    those of the copy there.
    """
    old, plist = gid.get_create_plist(), h5p.create(h5p.GROUP_CREATE)
    plist.set_link_creation_order(old.get_link_creation_order())
    plist.set_obj_track_times(old.get_obj_track_times())
    keep_attribute_form(old, plist)
    return plist


def keep_attribute_form(old: PropGCID, plist: PropFCID | PropGCID) -> None:
    """Let attributes lie as before: in the object header up to some number, in order if it was."""
    plist.set_attr_creation_order(old.get_attr_creation_order())
    plist.set_attr_phase_change(*old.get_attr_phase_change())


def new_creation(*, compact: bool = False, fill: bool = False) -> PropDCID:
    """The creation properties of a dataset, to be completed: a list of its own.

    Args:
        compact: it lies inside its object header.
        fill: not every element is written at once.
    """
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_obj_track_times(False)
    if not fill:
        plist.set_fill_time(h5d.FILL_TIME_NEVER)  # every element is written at once
    if compact:
        plist.set_layout(h5d.COMPACT)
    return plist


GROUP_CREATION = _group_creation()
COMPACT_CREATION = new_creation(compact=True)
"""Of a dataset that lies inside its object header."""
_CONTIGUOUS = new_creation()
PLACED_CREATION = new_creation()
"""Of a dataset in one piece that has its place from the beginning."""
PLACED_CREATION.set_alloc_time(h5d.ALLOC_TIME_EARLY)
_VARIABLE = new_creation(fill=True)  # HDF5 wants a fill value for variable-length items


def dataset_creation(nbytes: int, *, variable: bool = False) -> PropDCID:
    """The creation properties of a dataset of `nbytes` bytes that does not grow."""
    if variable:
        return _VARIABLE
    return COMPACT_CREATION if 0 < nbytes <= COMPACT_BYTES else _CONTIGUOUS


def filled_creation(*, fill: bool) -> PropDCID:
    """The creation properties of a dataset in one piece, written part by part.

    Args:
        fill: not every element is written, and the others must read as the fill value: HDF5 writes
            it when it takes the space, which may be such as held other data before.
    """
    plist = new_creation()
    if fill:
        plist.set_fill_time(h5d.FILL_TIME_ALLOC)
    return plist


def file_creation(*, keeps_free_space: bool = True) -> PropFCID:
    """The creation properties of a file: free space kept across opens; at the root order, no times.

    Args:
        keeps_free_space: the file has the table of its free space, which HDF5 reads since 1.10: up
            to 1.8 it takes such a file for a damaged one.
    """
    plist = h5p.create(h5p.FILE_CREATE)
    plist.set_obj_track_times(False)
    plist.set_link_creation_order(CREATION_ORDER)
    if keeps_free_space:
        plist.set_file_space_strategy(h5f.FSPACE_STRATEGY_FSM_AGGR, True, 1)
    return plist


def file_access(*, metadata_cache: int | None = None, shared: bool = False) -> PropFAID:
    """The access properties of a file.

    Args:
        metadata_cache: the size of HDF5's cache of metadata in bytes, if it is to stay the same.
        shared: others of this process may have the file open, and close it as they like.
    """
    return _file_access(metadata_cache, shared).copy()


@cache
def _file_access(metadata_cache: int | None, shared: bool) -> PropFAID:
    plist = h5p.create(h5p.FILE_ACCESS)
    if not shared:
        plist.set_fclose_degree(h5f.CLOSE_STRONG)
    # Our own objects are all in the forms of HDF5 1.8. A file of others may have types of today,
    # which a copy of an attribute is made with.
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
"""The type in memory of an object array of `str`."""
_VARIABLE_STRING = h5t.py_create(h5py.string_dtype("utf-8"), logical=True)


def string_type(width: int) -> TypeID:
    """The fixed-width UTF-8 string type of `width` bytes, padded with NULs."""
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
    """The HDF5 type of an array's dtype; of kind O: variable-length UTF-8 strings."""
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
    """The dtype of the most common HDF5 types, or None for all others."""
    order = _PLAIN_TYPES[0]
    for index, (known, dtype) in enumerate(order):
        if tid.equal(known):
            if index:  # most arrays of a file have one dtype: it is the first to be tried then
                _PLAIN_TYPES[0] = (order[index], *order[:index], *order[index + 1 :])
            return dtype
    return None


_SPACES: dict[tuple[int, ...], SpaceID] = {}


def dataspace(shape: tuple[int, ...]) -> SpaceID:
    """The dataspace of an array of `shape`. Not to be changed: it may be shared."""
    if not shape:
        return SCALAR
    found = _SPACES.get(shape)
    if found is None:
        found = h5s.create_simple(shape)
        if len(_SPACES) < _CACHED:
            _SPACES[shape] = found
    return found


def numpy_dtype(tid: TypeID) -> np.dtype[Any]:
    """The dtype by which h5py reads an HDF5 type.

    Raises:
        UnsupportedStoredError: NumPy has nothing like it.
    """
    try:
        dtype: np.dtype[Any] = tid.dtype
    except (TypeError, ValueError, NotImplementedError) as error:
        raise UnsupportedStoredError(
            f"an HDF5 type that NumPy has not ({error})", hint="read it with plain h5py"
        ) from error
    if h5py.check_ref_dtype(dtype) is not None or _has_reference(dtype):
        raise UnsupportedStoredError(
            "HDF5 references, which are not values", hint="read them with plain h5py"
        )
    return dtype


def unmarked(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """A dtype without what h5py notes in it (of an enumeration, say); fields keep theirs."""
    return np.dtype(dtype.str) if dtype.metadata and dtype.names is None else dtype


def unshared(found: _T) -> _T:
    """A type or dataspace by itself, to be used in another file.

    A named type is an object of its file. One of a file with a table of shared messages says where
    in that table it is, which HDF5 (2.0 and before) writes into the other file as it is.
    """
    if isinstance(found, h5s.SpaceID):
        return h5s.decode(found.encode())
    return h5t.decode(found.encode())


def has_variable(tid: TypeID) -> bool:
    """Whether items of a type have parts of variable length, which lie elsewhere in the file."""
    kind = tid.get_class()
    if kind == h5t.STRING:
        return bool(tid.is_variable_str())
    if kind == h5t.COMPOUND:
        return any(has_variable(tid.get_member_type(i)) for i in range(tid.get_nmembers()))
    return bool(kind == h5t.VLEN or (kind == h5t.ARRAY and has_variable(tid.get_super())))


def type_to_write(stored: TypeID, tid: TypeID, array: np.ndarray[Any, Any]) -> TypeID | None:
    """The memory type by which an array is written into a dataset, and comes back as it is.

    Types of others that NumPy has no name for hold the same numbers: an order of bytes in types of
    one byte, integers of fewer bits than they have room for, enumerations.

    Args:
        stored: the dataset's type.
        tid: that of the array.
        array: what is to be written.

    Returns:
        A type; None if the dataset cannot take the array.
    """
    if stored.equal(tid):
        return tid
    if stored.get_class() == h5t.ENUM:  # but that of h5py's booleans
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
