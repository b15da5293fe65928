"""Arrays of strings: ``U`` arrays as fixed-width UTF-8, others as variable-length UTF-8.

Both are read from either form, because strings can be written into existing datasets.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import CorruptFileError, MissingExtraError
from ..tree import Leaf, Mark, Node, utf8_dtype
from .codec import Encoder
from .scalars import are_plain_texts

__all__ = [
    "are_texts",
    "as_fixed",
    "as_objects",
    "describe",
    "encode_variable",
    "from_bytes",
    "from_items",
    "from_objects",
    "rebuild",
    "to_bytes",
]

Array = np.ndarray[Any, Any]


def are_texts(items: list[Any]) -> bool:
    """Whether a list has items, and all are `str` that HDF5 can store as strings."""
    return set(map(type, items)) == {str} and are_plain_texts(items)


def as_objects(data: Any) -> Array:
    """Return stored strings, of fixed or variable length, as an object array of `str`.

    Raises:
        CorruptFileError: they are not strings.
    """
    if isinstance(data, str):  # without axes
        return np.array(data, object)
    array = np.asarray(data)
    if array.dtype.kind == "S":
        objects = np.empty(array.size, object)
        objects[:] = [item.decode() for item in array.ravel().tolist()]
        return objects.reshape(array.shape)
    if array.dtype.kind != "O":
        raise CorruptFileError(
            f"the items are {array.dtype}, not strings", hint="restore it from a copy"
        )
    return array


def as_fixed(data: Any, dtype: np.dtype[Any]) -> Array:
    """Return stored strings as a ``U`` array.

    Args:
        data: strings, or code points.
        dtype: the dtype of the array; widened if another program has written longer strings.
    """
    array = as_objects(data) if isinstance(data, str) else np.asarray(data)
    kind, width = array.dtype.kind, dtype.itemsize // 4
    if kind == "O" or (kind == "S" and array.dtype.itemsize > width):
        array = _checked(array).astype(np.str_) if kind == "O" else _decoded(array)
        width = max(width, int(np.strings.str_len(array).max(initial=0)))
        return array.astype(np.dtype(f"U{width}").newbyteorder(dtype.byteorder))
    return from_bytes(array, dtype)


def _checked(objects: Array) -> Array:
    """Check that all objects are `str`; invalid UTF-8 in a file is read as bytes."""
    if not set(map(type, objects.ravel().tolist())) <= {str}:
        raise CorruptFileError(
            "strings that are not UTF-8", hint="read them with plain h5py, or restore a copy"
        )
    return objects


def _decoded(array: Array) -> Array:
    """Decode UTF-8 strings to a ``U`` array."""
    plain = array.view(np.dtype(f"S{array.dtype.itemsize}"))
    try:
        return plain.astype(np.str_)
    except UnicodeDecodeError:
        return np.asarray(np.strings.decode(plain, "utf-8"))


def to_bytes(value: Array) -> Array:
    """Convert a ``U`` array to fixed-width UTF-8, or to code points if UTF-8 is impossible.

    Returns:
        An ``S`` array of the same shape; or, for lone surrogates, a uint32 array with an additional
        axis, the code points of each item.
    """
    try:
        raw = value.astype("S")  # ASCII only, and by far the fastest
    except UnicodeEncodeError:
        try:
            raw = np.strings.encode(value, "utf-8")
        except UnicodeEncodeError:
            native = value.astype(value.dtype.newbyteorder("<"))
            points = np.ascontiguousarray(native)[..., np.newaxis].view("<u4")
            return points.reshape((*value.shape, -1))
    raw = np.asarray(raw)
    return raw.astype(utf8_dtype(max(raw.dtype.itemsize, 1)))


def from_bytes(stored: Array, dtype: np.dtype[Any]) -> Array:
    """Invert `to_bytes`."""
    if stored.dtype.kind == "u":
        width = dtype.itemsize // 4
        native = dtype.newbyteorder("<")
        points = np.ascontiguousarray(stored, "<u4").reshape((*stored.shape[:-1], width))
        return points.view(native)[..., 0].astype(dtype)
    return _decoded(stored).astype(dtype)


def describe(dtype: Any, encoder: Encoder) -> dict[str, Any]:
    """Return the parameters of a `StringDType` in JSON; `na` represents a missing string."""
    spec: dict[str, Any] = {} if dtype.coerce else {"coerce": False}
    if not hasattr(dtype, "na_object"):
        return spec
    missing = dtype.na_object
    if missing is None:
        return spec | {"na": "None"}
    if type(missing) is float and math.isnan(missing):
        return spec | {"na": "nan"}
    if type(missing).__qualname__ == "NAType" and type(missing).__module__.startswith("pandas."):
        return spec | {"na": "pandas.NA"}
    if type(missing) is str:
        return spec | {"na": "str", "text": missing}
    encoder.refuse(
        dtype, f"whose na_object is {missing!r}", "use None, nan, pandas.NA or a str as na_object"
    )


def rebuild(spec: dict[str, Any]) -> np.dtype[Any]:
    """Return the `StringDType` from the output of `describe`."""
    coerce = spec.get("coerce", True)
    if "na" not in spec:
        return np.dtypes.StringDType(coerce=coerce)
    return np.dtypes.StringDType(coerce=coerce, na_object=_missing(spec))


def _missing(spec: dict[str, Any]) -> Any:
    if spec["na"] == "pandas.NA":
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError.naming("pandas", "pandas", "a string array with NA") from error
        return pd.NA
    return {"None": None, "nan": np.nan, "str": spec.get("text")}[spec["na"]]


def encode_variable(value: Array, params: dict[str, Any], encoder: Encoder) -> Node:
    """Encode a `StringDType` array: variable-length strings, or a list if items may be missing."""
    spec = describe(value.dtype, encoder)
    params["dtype"] = {"string": spec}
    objects = value.astype(object)
    items = objects.ravel().tolist()
    if "na" not in spec and value.ndim > 0 and are_plain_texts(items):
        return Leaf(objects, Mark("ndarray", 1, params))
    params["shape"] = list(value.shape)
    if "na" in spec and spec["na"] != "str":
        items = [item if isinstance(item, str) else None for item in items]
    return encoder.sequence(value, items, Mark("ndarray", 1, params))


def from_objects(objects: Array, spec: dict[str, Any]) -> Array:
    """Convert an object array of `str` to a `StringDType` array."""
    return _checked(objects).astype(rebuild(spec))


def from_items(items: list[Any], spec: dict[str, Any], shape: tuple[int, ...]) -> Array:
    """Convert a list, in which None is a missing string, to a `StringDType` array."""
    dtype = rebuild(spec)
    missing = _missing(spec) if "na" in spec else None
    flat = np.empty(len(items), object)
    flat[:] = [missing if item is None else item for item in items]
    return flat.reshape(shape).astype(dtype)
