"""Descriptions of NumPy dtypes in JSON, and the storage dtype of each.

The storage dtype has the same item size and only kinds that HDF5 supports, so an array can be
viewed with it, without a copy: datetimes as int64, str as UCS-4 code points, and so on.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..errors import CorruptFileError, UnsupportedTypeError
from . import ml_types

__all__ = ["describe", "is_native", "rebuild", "storage"]

AnyDType = np.dtype[Any]

BUILT_IN = tuple(dict.fromkeys(type(np.dtype(char)) for char in np.typecodes["All"]))
"""NumPy's own classes of dtypes, except that of `StringDType`."""


def describe(dtype: AnyDType) -> Any:
    """Return a JSON value from which `rebuild` creates the same dtype.

    Args:
        dtype: any dtype except `StringDType`; structured ones may have offsets, titles, sub-arrays
            and alignment, or lie over a number.

    Raises:
        UnsupportedTypeError: it is of a library whose dtypes cannot be rebuilt.

    Example:
        >>> describe(np.dtype("<M8[ns]")), describe(np.dtype([("x", "<f8"), ("n", "<i4", (2,))]))[
        ...     "names"]
        ('<M8[ns]', ['x', 'n'])
    """
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return {"base": describe(base), "shape": list(shape)}
    if ml_types.is_one(dtype):
        return ml_types.describe(dtype)
    if type(dtype) not in BUILT_IN or dtype.type.__module__ != "numpy":
        raise UnsupportedTypeError(
            f"the dtype {dtype!r} of {dtype.type.__module__}.{dtype.type.__qualname__} cannot be "
            "stored exactly",
            hint="convert the array with .astype() or .view() to a dtype of NumPy",
        )
    if dtype.names is not None:
        return _describe_structured(dtype)
    if dtype.type is np.record:
        return {"record": True, "itemsize": dtype.itemsize}
    text = dtype.str
    # Two C types may have the same size: NumPy distinguishes `long` and `long long` by their char.
    if np.dtype(text).char != dtype.char:
        text = text[0] + dtype.char
    return text


def _describe_structured(dtype: AnyDType) -> dict[str, Any]:
    fields: Any = dtype.fields or {}
    names = list(dtype.names or ())
    spec: dict[str, Any] = {
        "names": names,
        "formats": [describe(fields[name][0]) for name in names],
        "offsets": [fields[name][1] for name in names],
        "itemsize": dtype.itemsize,
    }
    titles = [fields[name][2] if len(fields[name]) > 2 else None for name in names]
    if any(title is not None for title in titles):
        if any(type(title) not in {str, int, type(None)} for title in titles):
            raise UnsupportedTypeError(
                f"the titles {titles} of a dtype cannot be stored exactly", hint="use str titles"
            )
        spec["titles"] = titles
    if dtype.isalignedstruct:
        spec["align"] = True
    if dtype.type is np.record:
        spec["record"] = True
    elif dtype.kind != "V":
        spec["over"] = describe(_under(dtype))
    return spec


def _under(dtype: AnyDType) -> AnyDType:
    """Return the dtype of the items over which the fields of `dtype` lie, as in a union in C."""
    return np.dtype(dtype.str)


def rebuild(spec: Any) -> AnyDType:
    """Return the dtype from the output of `describe`.

    Raises:
        CorruptFileError: `spec` does not describe a dtype.
    """
    try:
        if isinstance(spec, str):
            return np.dtype(spec)
        if "base" in spec:
            return np.dtype((rebuild(spec["base"]), tuple(spec["shape"])))
        if ml_types.LIBRARY in spec:
            return ml_types.rebuild(spec)
        if "names" not in spec:
            return np.dtype((np.record, int(spec["itemsize"])))
        fields = {
            "names": list(spec["names"]),
            "formats": [rebuild(item) for item in spec["formats"]],
            "offsets": list(spec["offsets"]),
            "itemsize": spec["itemsize"],
        }
        if "titles" in spec:
            fields["titles"] = list(spec["titles"])
        # NumPy's stubs require a TypedDict; the constructor accepts any such dict.
        dtype: AnyDType = np.dtype(fields, align=bool(spec.get("align")))  # type: ignore[call-overload]
        if "over" in spec:
            return np.dtype((rebuild(spec["over"]), dtype))
        return np.dtype((np.record, dtype)) if spec.get("record") else dtype
    except (TypeError, ValueError, KeyError) as error:
        raise CorruptFileError(
            f"{spec!r} does not describe a dtype ({error})", hint="restore it from a copy"
        ) from error


def storage(dtype: AnyDType) -> AnyDType:
    """Return the dtype, of the same item size, with which HDF5 stores items of `dtype`.

    Example:
        >>> storage(np.dtype("<M8[us]")), storage(np.dtype("<U3"))
        (dtype('int64'), dtype(('<u4', (3,))))
    """
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((storage(base), shape))
    if dtype.itemsize == 0:
        return np.dtype("V0")
    if dtype.names is not None:
        return _storage_structured(dtype) if dtype.kind == "V" else storage(_under(dtype))
    if ml_types.is_one(dtype):
        return ml_types.storage(dtype)
    if dtype.kind in "mM":
        return np.dtype(np.int64).newbyteorder(dtype.byteorder)
    if _is_swapped_clongdouble(dtype):
        part = np.dtype(np.longdouble).newbyteorder(dtype.byteorder)
        return np.dtype([("re", part), ("im", part)])
    if dtype.kind == "U":
        code = np.dtype(np.uint32).newbyteorder(dtype.byteorder)
        return np.dtype((code, (dtype.itemsize // 4,)))
    return dtype


def _storage_structured(dtype: AnyDType) -> AnyDType:
    fields: Any = dtype.fields or {}
    names = list(dtype.names or ())
    spans = sorted((fields[name][1], fields[name][1] + fields[name][0].itemsize) for name in names)
    overlap = any(end > start for (_, end), (start, _) in itertools.pairwise(spans))
    empty = any(fields[name][0].itemsize == 0 for name in names)
    if overlap or empty or not names or any(not _is_member_name(name) for name in names):
        return np.dtype(f"V{dtype.itemsize}")  # not possible in a compound type: store the bytes
    spec = {
        "names": names,
        "formats": [storage(fields[name][0]) for name in names],
        "offsets": [fields[name][1] for name in names],
        "itemsize": dtype.itemsize,
    }
    return np.dtype(spec)  # type: ignore[call-overload,no-any-return]


def _is_swapped_clongdouble(dtype: AnyDType) -> bool:
    """Whether it is complex long double in non-native byte order.

    h5py writes these in that order, but reports the native order when reading.
    """
    return dtype.char == "G" and not dtype.isnative


def _is_member_name(name: str) -> bool:
    """Whether a member of an HDF5 compound can have this name."""
    try:
        return bool(name.encode()) and "\0" not in name
    except UnicodeEncodeError:
        return False


def is_native(dtype: AnyDType) -> bool:
    """Whether an HDF5 dataset alone determines every detail of `dtype`."""
    if dtype.kind in "biufcSV" and dtype.names is None and dtype.subdtype is None:
        if dtype.itemsize == 0 or dtype.type.__module__ != "numpy" or dtype.type is np.record:
            return False
        return not _is_swapped_clongdouble(dtype) and np.dtype(dtype.str).char == dtype.char
    if dtype.names is None or dtype.type is not np.void or dtype.isalignedstruct:
        return False
    if any(len(field) > 2 for field in (dtype.fields or {}).values()):
        return False
    # A field that is not native makes the whole dtype not native.
    return storage(dtype) == dtype and all(
        is_native((field[0].subdtype or (field[0],))[0]) for field in (dtype.fields or {}).values()
    )
