"""Codecs of NumPy arrays: every dtype kind, byte order, memory order and shape.

An array that HDF5 describes completely has no mark; nor has an object array of `str`, which is
stored as variable-length strings. All others are viewed, without a copy, as
their storage dtype (`hdfchk.codecs.dtypes`), and the mark records the dtype.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from ..errors import CorruptFileError, UnknownTypeError
from ..tree import Leaf, Mark, Node, Sequence, params_of
from . import dtypes, ml_types, strings
from .codec import Codec, Decoder, Encoder
from .padding import without_padding

__all__ = ["CODECS", "decode_array", "decode_elements", "encode_as", "object_array"]

Array = np.ndarray[Any, Any]

_CLASSES: dict[str, type[Any]] = {"matrix": np.matrix, "recarray": np.recarray}
_ATTRIBUTES = ("_getitem", "_mmap", "filename", "offset", "mode")
"""The attributes that every `numpy.matrix` and `numpy.memmap` has."""
_CHARARRAY = "numpy.chararray"
"""By name: NumPy 2.5 gives a warning on access to the class, and a later version removes it."""


@functools.cache
def _class(name: str) -> type[Any]:
    """Return the subclass of arrays that a mark names.

    Raises:
        UnknownTypeError: this version of NumPy does not have it.
    """
    if name != "chararray":
        return _CLASSES[name]
    try:
        with warnings.catch_warnings():  # the reader of the file cannot avoid it
            warnings.simplefilter("ignore", DeprecationWarning)
            return np.char.chararray
    except AttributeError as error:
        raise UnknownTypeError(
            f"a chararray, which NumPy {np.__version__} does not have",
            hint="read it with NumPy 2.5, and store it as an ordinary array",
        ) from error


def _encode(value: Array, encoder: Encoder) -> Node:
    params: dict[str, Any] = {}
    cls = type(value)
    if cls is not np.ndarray:
        encoder.refuse_attributes(value, _ATTRIBUTES)
        if cls is not np.memmap:  # a memmap is stored as its elements, without its class
            params["class"] = cls.__name__
        value = value.view(np.ndarray)
    if value.ndim > 1 and value.flags.f_contiguous and not value.flags.c_contiguous:
        params["order"] = "F"
    dtype = value.dtype
    if dtype.kind == "T":
        return strings.encode_variable(value, params, encoder)
    if dtype.hasobject:
        return _encode_objects(value, params, encoder)
    if dtype.itemsize == 0:
        params |= {"dtype": dtypes.describe(dtype), "shape": list(value.shape)}
        return Leaf(np.empty(0, np.uint8), Mark("ndarray", 1, params))
    if dtype.kind == "U":
        params["dtype"] = dtypes.describe(dtype)
        return Leaf(strings.to_bytes(value), Mark("ndarray", 1, params))
    value = without_padding(value)
    if not dtypes.is_native(dtype):
        params["dtype"] = dtypes.describe(dtype)
        value = value.view(dtypes.storage(dtype))
    elif value.ndim == 0:
        params["dtype"] = dtypes.describe(dtype)  # otherwise it would be read as a scalar
    return Leaf(value, Mark("ndarray", 1, params) if params else None)


def _encode_objects(value: Array, params: dict[str, Any], encoder: Encoder) -> Node:
    items = value.ravel().tolist() if value.dtype.names is None else []
    if value.dtype == object and strings.are_texts(items):
        if value.ndim == 0:
            params["dtype"] = dtypes.describe(value.dtype)
        return Leaf(value, Mark("ndarray", 1, params) if params else None)
    params |= {"dtype": dtypes.describe(value.dtype), "shape": list(value.shape)}
    mark = Mark("ndarray", 1, params)
    if value.dtype.names is None:
        return encoder.sequence(value, items, mark)
    columns = [np.ascontiguousarray(value[name]) for name in value.dtype.names]
    return encoder.sequence(value, columns, mark)


def encode_as(name: str, array: Array, encoder: Encoder, /, **params: Any) -> Leaf | None:
    """Return an array under the name of another encoding, of those in `tree.ARRAYS`.

    Args:
        name: the name of the encoding.
        array: a plain array.
        encoder: the encoder.
        params: the encoding's own parameters.

    Returns:
        None if the array is not stored as one dataset.
    """
    node = _encode(array, encoder)
    if not isinstance(node, Leaf) or (node.mark is not None and node.mark.name != "ndarray"):
        return None
    return Leaf(node.data, Mark(name, 1, {**params_of(node), **params}))


def decode_array(node: Leaf | Sequence, decoder: Decoder) -> Array:
    """Decode an array of any of these encodings."""
    params = params_of(node)
    if isinstance(node, Sequence):
        value = _decode_sequence(decoder.items(node), params)
    else:
        value = decode_elements(node.data, params)
    if params.get("order") == "F":
        value = np.asfortranarray(value)
    if "class" in params:
        value = value.view(_class(params["class"]))
    return value


def _decode_sequence(items: list[Any], params: Any) -> Array:
    shape = tuple(params["shape"])
    if isinstance(params["dtype"], dict) and "string" in params["dtype"]:
        return strings.from_items(items, params["dtype"]["string"], shape)
    dtype = dtypes.rebuild(params["dtype"])
    if dtype.names is None:
        return object_array(items, shape)
    value = np.empty(shape, dtype)
    for name, column in zip(dtype.names, items, strict=True):
        value[name] = column
    return value


def object_array(items: list[Any], shape: tuple[int, ...]) -> Array:
    """Return an object array of `shape` with the objects in `items`, in C order."""
    flat = np.empty(len(items), object)
    for index, item in enumerate(items):  # flat[:] = items would unpack nested lists
        flat[index] = item
    return flat.reshape(shape)


def decode_elements(data: Any, params: Any) -> Array:
    """Convert stored `data`, an array or a slice of one, by the `params` of its mark.

    Args:
        data: the stored data, or some rows of them.
        params: the parameters of an ``ndarray`` mark.
    """
    spec = params.get("dtype")
    if spec is None:
        return np.asarray(data)
    if isinstance(spec, dict) and "string" in spec:
        return strings.from_objects(strings.as_objects(data), spec["string"])
    dtype = dtypes.rebuild(spec)
    if dtype.itemsize == 0:
        return np.zeros(tuple(params["shape"]), dtype)
    if dtype.kind == "O":
        return strings.as_objects(data)
    if dtype.kind == "U":
        return strings.as_fixed(data, dtype)
    stored = data if isinstance(data, np.ndarray) else np.array(data, dtypes.storage(dtype))
    if stored.dtype.itemsize != dtype.itemsize:
        raise CorruptFileError(
            f"the items have {stored.dtype.itemsize} bytes, but {dtype} has {dtype.itemsize}",
            hint="restore it from a copy",
        )
    return stored.view(dtype)


def _encode_dtype(value: np.dtype[Any], encoder: Encoder) -> Node:
    if value.kind == "T":
        return Leaf(None, Mark("dtype", 1, {"string": strings.describe(value, encoder)}))
    return Leaf(None, Mark("dtype", 1, {"dtype": dtypes.describe(value)}))


def _decode_dtype(node: Leaf, _: Decoder) -> np.dtype[Any]:
    params = params_of(node)
    if "string" in params:
        return strings.rebuild(params["string"])
    return dtypes.rebuild(params["dtype"])


# Each dtype has its own class: np.dtype('f8') is a numpy.dtypes.Float64DType.
_DTYPE_CLASSES: tuple[type | str, ...] = (
    *dtypes.BUILT_IN,
    type(np.dtypes.StringDType()),
    *(f"numpy.dtype[{name}]" for name in ml_types.NAMES),
)

CODECS = (
    Codec(
        "ndarray",
        (np.ndarray, np.memmap, *_CLASSES.values(), _CHARARRAY),
        _encode,
        decode_array,
    ),
    Codec("dtype", _DTYPE_CLASSES, _encode_dtype, _decode_dtype),
)
