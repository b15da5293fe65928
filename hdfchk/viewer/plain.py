"""Conversion of elements of any kind to those that the page shows: booleans, numbers, text."""

from __future__ import annotations

from typing import Any

import numpy as np

from .entities import TEXT, AnyArray

__all__ = ["MOST_LETTERS", "UNITS", "plain", "plain_dtype", "text_of", "texts"]

MOST_LETTERS = 10_000
"""The maximum length of a text."""

_MOST_BITS = 10_000
"""Larger integers are shown in hexadecimal, since Python limits the number of decimal digits."""

UNITS = {
    "Y": "years", "M": "months", "W": "weeks", "D": "days", "h": "hours", "m": "minutes",
    "s": "s", "ms": "ms", "us": "us", "ns": "ns", "ps": "ps", "fs": "fs", "as": "as",
}  # fmt: skip
"""The names of the units of `numpy.timedelta64` on an axis."""


def plain_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the dtype of the elements that the page shows for elements of a dtype.

    Args:
        dtype: of NumPy, or of torch.
    """
    if not isinstance(dtype, np.dtype):  # torch has its own dtypes
        return _of_torch(str(dtype).removeprefix("torch."))
    if dtype.kind == "m":
        return np.dtype("f8")
    if dtype.kind == "b":
        return np.dtype("?")
    if dtype.kind in "iu" and type(dtype).__module__.startswith("numpy"):
        return dtype.newbyteorder("=")
    if dtype.kind == "f" and type(dtype).__module__.startswith("numpy"):
        return np.dtype(f"f{min(8, dtype.itemsize)}")
    if dtype.kind == "c":
        return np.dtype(f"c{min(16, dtype.itemsize)}")
    is_number = dtype.type.__module__.startswith("ml_dtypes")
    return np.dtype("f4") if is_number else TEXT


def _of_torch(name: str) -> np.dtype[Any]:
    if name.startswith(("bfloat", "float8")):
        return np.dtype("f4")
    try:
        return np.dtype(name)
    except TypeError:
        return TEXT


def plain(data: Any) -> AnyArray:
    """Convert elements to the dtype that `plain_dtype` returns for theirs.

    Masked elements and missing times become NaN in numbers, and ``--`` in text.
    """
    if hasattr(data, "toarray"):
        data = data.toarray()
    if hasattr(data, "to_numpy"):  # of pandas: without a NumPy dtype, elements are objects
        data = data.to_numpy()
    if isinstance(data, list):
        data = _objects(data)
    if hasattr(data, "detach"):
        data = data.detach()
        data = data.float() if "float8" in str(data.dtype) or "bfloat" in str(data.dtype) else data
    mask = np.ma.getmaskarray(data) if isinstance(data, np.ma.MaskedArray) else None
    array = np.asarray(data.data if mask is not None else data)
    dtype = plain_dtype(array.dtype)
    if array.dtype.kind == "m":
        array = _counts(array)
    if mask is not None and dtype.kind in "iufb":
        return np.where(mask, np.nan, array.astype("f8"))
    found = texts(array) if dtype == TEXT else array.astype(dtype, copy=False)
    if mask is not None and mask.any():
        found = found.copy()
        found[mask] = "--" if dtype == TEXT else np.nan
    return found


def _objects(items: list[Any]) -> AnyArray:
    found = np.empty(len(items), object)
    found[:] = items
    return found


def _counts(array: AnyArray) -> AnyArray:
    """Return durations as numbers in their unit."""
    missing = np.isnat(array)
    counts: AnyArray = array.astype("i8").astype("f8")
    return np.where(missing, np.nan, counts)


def texts(array: AnyArray) -> AnyArray:
    """Return each element as text, in an array of the same shape."""
    if array.dtype.kind == "M":
        has_unit = np.datetime_data(array.dtype)[0] != "generic"
        shown = np.datetime_as_string(array, unit="auto") if has_unit else array.astype("i8")
        listed: Any = shown.tolist()
    else:
        listed = array.tolist() if array.dtype.kind != "O" else None
    found = np.empty(array.shape, object)
    flat = found.reshape(-1)
    items = array.reshape(-1) if listed is None or array.dtype.names else _flat(listed, array.ndim)
    for number, item in enumerate(items):
        flat[number] = text_of(item)
    return found


def _said(value: Any) -> str:
    """Return the `repr` of a value."""
    try:
        return str(value)
    except ValueError:  # it contains integers with too many digits for Python
        return f"a {type(value).__name__} with numbers that are too long to be shown"


def _flat(listed: Any, ndim: int) -> list[Any]:
    if ndim == 0:
        return [listed]
    for _ in range(ndim - 1):
        listed = [item for part in listed for item in part]
    return list(listed)


def text_of(value: Any) -> str:
    """Return a value as one text, as short as its type permits.

    Example:
        >>> text_of(b"ab"), text_of(0.1), text_of([1, None])
        ('2 bytes: 61 62', '0.1', '[1, None]')
    """
    if isinstance(value, str):
        found = str(value)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)
        found = f"{len(raw):,} bytes: {raw[:256].hex(' ')}{' …' if len(raw) > 256 else ''}"
    elif isinstance(value, np.void) and value.dtype.names is None:
        return text_of(value.tobytes())
    elif isinstance(value, np.ndarray):
        found = np.array2string(value, threshold=20, edgeitems=5, separator=", ")
        if value.size > 20 or value.ndim > 1:
            found = f"{value.dtype} {' × '.join(map(str, value.shape))}: {found}"
        found = " ".join(found.split())
    elif isinstance(value, np.void):
        found = f"({', '.join(text_of(value[name]) for name in value.dtype.names or ())})"
    elif isinstance(value, np.datetime64):
        found = str(texts(np.asarray(value))[()])
    elif isinstance(value, (np.str_, np.bytes_)):
        return text_of(value.item())
    elif type(value) is int and value.bit_length() > _MOST_BITS:
        found = f"{value.bit_length():,} bits: {value:#x}"
    else:
        found = _said(value)
    return found if len(found) <= MOST_LETTERS else f"{found[:MOST_LETTERS]} …"
